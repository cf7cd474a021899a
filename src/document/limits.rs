//! How much of a file is read before it is refused.
//!
//! The numbers are far above what a person writes and far below what would hurt: a controller reads
//! whatever is pushed to its repository.

/// The bounds of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Lists and maps inside each other.
    pub depth: usize,
    /// Keys, values, lists and maps in the file.
    pub values: usize,
    /// Documents in the file.
    pub documents: usize,
    /// Bytes of one text.
    pub text: usize,
}

impl Limits {
    /// For files that people write. A policy with everything in it has about 100 values and is 8 deep.
    pub const fn policies() -> Self {
        Self { bytes: 1 << 20, depth: 32, values: 50_000, documents: 500, text: 64 << 10 }
    }

    /// For recorded fleets: about a hundred thousand executions with their things.
    pub const fn fleet() -> Self {
        Self { bytes: 128 << 20, depth: 32, values: 8_000_000, documents: 500, text: 64 << 10 }
    }
}

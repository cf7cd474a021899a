//! Diagnostics.

/// A stable code of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A duration that cannot be read.
    MeaningDuration,
    /// A time that cannot be read.
    MeaningTime,
    /// A name that AWS or rescind does not accept.
    MeaningName,
    /// The same name twice.
    MeaningDuplicate,
    /// A reference to something that is not there.
    MeaningReference,
}

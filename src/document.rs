//! Text becomes checked documents.

pub mod diagnostic;
pub mod finding;

//! Diagnostics: what is wrong with a file, where, and what to do.
//!
//! A diagnostic carries the line that it is about, so that it can be shown without the file. All its
//! texts are safe for a terminal from here on.

use std::ops::Range;
use std::sync::Arc;

pub use super::code::{Class, Code, Severity};
use super::words::visible;

/// A range of characters in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, relative to the policy root.
    pub path: Arc<str>,
    /// Its first line, from 1.
    pub line: usize,
    /// Its first character, from 1.
    pub column: usize,
    /// Its last line.
    pub end_line: usize,
    /// The character behind it.
    pub end_column: usize,
    /// The first line, cut when it is long; safe to show.
    pub(super) excerpt: String,
    /// The bytes of the excerpt that are meant.
    pub(super) mark: Range<usize>,
}

impl Place {
    fn key(&self) -> (&str, usize, usize) {
        (&self.path, self.line, self.column)
    }
}

/// Another place that a diagnostic speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What is there.
    pub message: String,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code; says severity and class.
    pub code: Code,
    /// Where.
    pub place: Place,
    /// What is wrong, in the user's words.
    pub message: String,
    /// Other places that belong to it.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without other places.
    pub(super) fn new(code: Code, place: Place, message: &str, help: Option<&str>) -> Self {
        let labels = Vec::new();
        Self { code, place, message: visible(message), labels, help: help.map(visible) }
    }

    /// Adds another place.
    pub(super) fn label(mut self, place: Place, message: &str) -> Self {
        self.labels.push(Label { place, message: visible(message) });
        self
    }

    /// Whether nothing of the file is used.
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}

/// Puts diagnostics in the order in which they are shown: by file, line and column.
pub(super) fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        (a.place.key(), a.code, &a.message).cmp(&(b.place.key(), b.code, &b.message))
    });
    diagnostics.dedup();
}

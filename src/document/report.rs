//! Diagnostics as JSON for programs, as a part of the forms that `cli` versions. Additive: what is here
//! keeps its name and meaning.

use serde::Serialize;

use super::code::{Class, Code, Severity};
use super::diagnostic::{Diagnostic, Place};

/// All diagnostics of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many are errors.
    pub errors: usize,
    /// How many are warnings.
    pub warnings: usize,
    /// The diagnostics, by file, line and column.
    pub diagnostics: Vec<Entry>,
}

/// One diagnostic.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its stable code.
    pub code: Code,
    /// Whether the file is used.
    pub severity: Severity,
    /// Which check found it.
    pub class: Class,
    /// Where.
    #[serde(flatten)]
    pub range: Range,
    /// What is wrong.
    pub message: String,
    /// Other places that belong to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What the code means, in one sentence.
    pub explanation: &'static str,
}

/// A range of characters. Lines and columns count from 1; the end is behind the last character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Range {
    /// The file, relative to the policy root.
    pub path: String,
    /// The first line.
    pub line: usize,
    /// The first character.
    pub column: usize,
    /// The last line.
    pub end_line: usize,
    /// The character behind the last one.
    pub end_column: usize,
}

/// Another place.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Related {
    /// Where.
    #[serde(flatten)]
    pub range: Range,
    /// What is there.
    pub message: String,
}

impl From<&Place> for Range {
    fn from(place: &Place) -> Self {
        Self {
            path: place.path.to_string(),
            line: place.line,
            column: place.column,
            end_line: place.end_line,
            end_column: place.end_column,
        }
    }
}

impl Report {
    /// The report on diagnostics.
    pub fn new(diagnostics: &[Diagnostic]) -> Self {
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        Self {
            errors,
            warnings: diagnostics.len() - errors,
            diagnostics: diagnostics.iter().map(Entry::from).collect(),
        }
    }
}

impl From<&Diagnostic> for Entry {
    fn from(diagnostic: &Diagnostic) -> Self {
        let related = |label: &super::Label| Related {
            range: (&label.place).into(),
            message: label.message.clone(),
        };
        Self {
            code: diagnostic.code,
            severity: diagnostic.code.severity(),
            class: diagnostic.code.class(),
            range: (&diagnostic.place).into(),
            message: diagnostic.message.clone(),
            related: diagnostic.labels.iter().map(related).collect(),
            help: diagnostic.help.clone(),
            explanation: diagnostic.code.explain(),
        }
    }
}

//! Diagnostics as JSON for programs, as a part of the forms that `cli` versions. Additive: what is here
//! keeps its name and meaning.

use serde::Serialize;

use super::code::{Class, Code, Severity};
use super::diagnostic::{Diagnostic, Place};

/// One diagnostic.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Diagnostic")]
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
    /// Other places that belong to it. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// What to do. Absent if that goes without saying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What the code means, in one sentence.
    pub explanation: &'static str,
}

/// A range of characters. Lines and columns count from 1; the end is behind the last character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Range {
    /// The file.
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
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
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

//! What the checks say about a document before its positions are looked up.
//!
//! `policy::compile` and `fleet` know JSON pointers, not files: they push [`Finding`]s, and `document`
//! turns each into a diagnostic with file, line and column.

use std::fmt::Write as _;
use std::ops::Range;

use super::code::{Code, Severity};

/// Which part of a pointer's place is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// Where: a JSON pointer into the document.
    pub pointer: String,
    /// Which part of that place.
    pub part: Part,
    /// Which bytes of a text value are meant, if not all of it.
    pub within: Option<Range<usize>>,
    /// Which entry of a list is meant, by its text: sets forget where their entries were written.
    pub item: Option<String>,
    /// What is wrong, in the user's words.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Finding {
    /// The value at a pointer, for asking where it stands.
    pub(super) fn at(pointer: &str) -> Self {
        Self {
            code: Code::MeaningReference,
            pointer: pointer.to_owned(),
            part: Part::Value,
            within: None,
            item: None,
            message: String::new(),
            help: None,
        }
    }
}

/// All that is wrong with a document, in the order in which it was found.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds something that is wrong with the value at `pointer`.
    pub fn value(
        &mut self,
        code: Code,
        pointer: impl Into<String>,
        message: impl Into<String>,
        help: Option<&str>,
    ) {
        self.0.push(Finding {
            code,
            pointer: pointer.into(),
            part: Part::Value,
            within: None,
            item: None,
            message: message.into(),
            help: help.map(str::to_owned),
        });
    }

    /// Adds something that is wrong with the key at `pointer`.
    pub fn key(
        &mut self,
        code: Code,
        pointer: impl Into<String>,
        message: impl Into<String>,
        help: Option<&str>,
    ) {
        self.value(code, pointer, message, help);
        if let Some(last) = self.0.last_mut() {
            last.part = Part::Key;
        }
    }

    /// Adds something that is wrong with some bytes of the text at `pointer`.
    pub fn inside(
        &mut self,
        code: Code,
        pointer: impl Into<String>,
        within: Range<usize>,
        message: impl Into<String>,
        help: Option<&str>,
    ) {
        self.value(code, pointer, message, help);
        if let Some(last) = self.0.last_mut() {
            last.within = Some(within);
        }
    }

    /// Adds something that is wrong with the entry `item` of the list of texts at `pointer`.
    pub fn item(
        &mut self,
        code: Code,
        pointer: impl Into<String>,
        item: &str,
        message: impl Into<String>,
        help: Option<&str>,
    ) {
        self.value(code, pointer, message, help);
        if let Some(last) = self.0.last_mut() {
            last.item = Some(item.to_owned());
        }
    }

    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Whether anything after the first `count` keeps the document from being used.
    pub fn has_errors_since(&self, count: usize) -> bool {
        let severity = |finding: &Finding| finding.code.severity();
        self.0.iter().skip(count).any(|finding| severity(finding) == Severity::Error)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, to look at.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}

/// Adds one step to a JSON pointer, escaped as RFC 6901 says.
pub fn join(pointer: &str, step: impl std::fmt::Display) -> String {
    let mut joined = String::from(pointer);
    joined.push('/');
    let mut text = String::new();
    write!(text, "{step}").expect("writing to a String does not fail");
    joined.push_str(&text.replace('~', "~0").replace('/', "~1"));
    joined
}

//! Templates of statusDetails values: text with `${name}` over a fixed list of names, and the map that
//! a cancel sends.
//!
//! Each name is a CEL expression that gives a string, so that what is written today means the same
//! once templates take any CEL. A value that came from a device or a thing is never looked at again:
//! what is filled in is data, whatever it looks like.

use std::ops::Range;

use crate::document::words::{nearest, quoted};
use crate::execution::StatusDetails;
use crate::fact::Fact;
use crate::plan::Details;
use crate::policy::OnExisting;

/// One template, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// A name to fill in.
    Name(Name),
}

/// What can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // `as_str` gives each its meaning
pub enum Name {
    PolicyName,
    SourcePath,
    JobId,
    ThingName,
    ExecutionStatus,
    ExecutionNumber,
    ExecutionVersion,
    ExecutionRetryAttempt,
    QueuedAt,
    StartedAt,
    LastUpdatedAt,
    SinceQueuedAt,
    SinceStartedAt,
    SinceLastUpdatedAt,
}

impl Name {
    /// Every variant.
    pub const ALL: [Self; 14] = [
        Self::PolicyName,
        Self::SourcePath,
        Self::JobId,
        Self::ThingName,
        Self::ExecutionStatus,
        Self::ExecutionNumber,
        Self::ExecutionVersion,
        Self::ExecutionRetryAttempt,
        Self::QueuedAt,
        Self::StartedAt,
        Self::LastUpdatedAt,
        Self::SinceQueuedAt,
        Self::SinceStartedAt,
        Self::SinceLastUpdatedAt,
    ];

    /// As it is written between `${` and `}`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PolicyName => "policy.name",
            Self::SourcePath => "source.path",
            Self::JobId => "job.id",
            Self::ThingName => "thing.name",
            Self::ExecutionStatus => "execution.status",
            Self::ExecutionNumber => "string(execution.number)",
            Self::ExecutionVersion => "string(execution.version)",
            Self::ExecutionRetryAttempt => "string(execution.retryAttempt)",
            Self::QueuedAt => "string(execution.queuedAt)",
            Self::StartedAt => "string(execution.startedAt)",
            Self::LastUpdatedAt => "string(execution.lastUpdatedAt)",
            Self::SinceQueuedAt => "humanize(now - execution.queuedAt)",
            Self::SinceStartedAt => "humanize(now - execution.startedAt)",
            Self::SinceLastUpdatedAt => "humanize(now - execution.lastUpdatedAt)",
        }
    }
}

/// The key of the pair that says who canceled.
pub const MARKER: &str = "rescind";
/// AWS's limit: pairs in statusDetails.
pub const MAX_PAIRS: usize = 10;
/// AWS's limit: characters of a value.
pub const MAX_VALUE: usize = 1024;
/// AWS's limit: characters of a key.
pub const MAX_KEY: usize = 128;

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// The first byte of what is wrong.
    pub offset: usize,
    /// How many bytes are wrong.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl TemplateError {
    fn new(at: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        let (message, help) = (message.into(), help.into());
        Self { offset: at.start, length: at.len(), message, help }
    }
}

/// The words and signs of an expression; white space between them does not matter.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

impl Template {
    /// Reads a template. `$${` stands for `${` as text.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::new(
                0..0,
                "the value is empty",
                "AWS takes values of 1 to 1024 characters: write one, or remove the key",
            ));
        }
        if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
            let message =
                format!("AWS does not accept the character U+{:04X} in a value", u32::from(c));
            return Err(TemplateError::new(
                at..at + c.len_utf8(),
                message,
                "write it on one line, without it",
            ));
        }
        let mut template = Self { parts: Vec::new() };
        let mut at = 0;
        while let Some(found) = text[at..].find("${") {
            let open = at + found;
            // Only the dollar right before it escapes: `$$${` is a dollar and an escaped `${`.
            if text[at..open].ends_with('$') {
                template.text(&text[at..open - 1]);
                template.text("${");
                at = open + 2;
                continue;
            }
            template.text(&text[at..open]);
            let Some(close) = text[open..].find('}').map(|length| open + length) else {
                return Err(TemplateError::new(
                    open..text.len(),
                    "`${` without its `}`",
                    "close it with `}`, or write `$${` for the text `${`",
                ));
            };
            template.parts.push(Part::Name(name(text, open + 2..close)?));
            at = close + 1;
        }
        template.text(&text[at..]);
        Ok(template)
    }

    fn text(&mut self, text: &str) {
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(before)) => before.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// The names in it, in order.
    pub fn names(&self) -> impl Iterator<Item = Name> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Name(name) => Some(*name),
        })
    }

    /// Fills the names in. The first one that is not known makes the whole text so.
    pub fn fill(&self, lookup: impl Fn(Name) -> Fact<String>) -> Fact<String> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => match lookup(*name) {
                    Fact::Known(value) => filled.push_str(&value),
                    unknown => return unknown,
                },
            }
        }
        Fact::Known(filled)
    }
}

/// The name between `${` and `}`.
fn name(text: &str, inside: Range<usize>) -> Result<Name, TemplateError> {
    let written = &text[inside.clone()];
    let found = tokens(written);
    if let Some(name) = Name::ALL.into_iter().find(|name| tokens(name.as_str()) == found) {
        return Ok(name);
    }
    let names = Name::ALL.map(Name::as_str);
    let all = format!("What can be filled in: {}", names.join(", "));
    if found.is_empty() {
        return Err(TemplateError::new(
            inside.start - 2..inside.end + 1,
            "`${}` names nothing",
            all,
        ));
    }
    let bare = |name: &str| format!("string({name})");
    let written = written.trim();
    // A number or a time has to be made text first; that is easily forgotten.
    let near =
        names.into_iter().find(|name| *name == bare(written)).or_else(|| nearest(written, names));
    let help =
        near.map_or_else(|| all.clone(), |near| format!("did you mean `${{{near}}}`? {all}"));
    let start = inside.start + text[inside.clone()].find(written).unwrap_or_default();
    let message = format!("{} cannot be filled in", quoted(written));
    Err(TemplateError::new(start..start + written.len(), message, help))
}

/// Whether AWS accepts a character in a value: it refuses what Unicode has under "other": control and
/// format characters, private and unassigned ones.
pub fn is_allowed(c: char) -> bool {
    // The standard library knows what is printable, but tells it only by escaping the rest. The letter
    // before it keeps combining marks, which are printable, from being escaped as well.
    let shown: String = ['a', c].iter().collect();
    !c.is_control() && !shown.escape_debug().to_string().contains("\\u{")
}

/// A value as AWS accepts it: at most [`MAX_VALUE`] characters, of which the last is `…` where it was
/// cut, and a space for each character that AWS refuses. Empty if there is nothing to say.
pub fn clean(value: &str) -> String {
    let keep = |c: char| if is_allowed(c) { c } else { ' ' };
    if value.chars().count() <= MAX_VALUE {
        return value.chars().map(keep).collect();
    }
    value.chars().take(MAX_VALUE - 1).map(keep).chain(['…']).collect()
}

/// The whole map that a cancel sends. With Merge the device's pairs stay, then comes the marker, then
/// the policy's in their order while there is room among [`MAX_PAIRS`]; with Replace the device's go.
/// A key that is there already takes no room; the policy's value replaces the device's. A device's own
/// `rescind` is replaced by ours. A value without a character cannot be sent and counts as dropped.
pub fn details(
    existing: &StatusDetails,
    on_existing: OnExisting,
    marker: &str,
    set: &[(String, String)],
) -> Details {
    let mut details = Details { send: StatusDetails::new(), dropped: Vec::new() };
    let mut add = |key: &str, value: &str| {
        let value = clean(value);
        let room = details.send.len() < MAX_PAIRS || details.send.contains_key(key);
        if room && !value.is_empty() {
            details.send.insert(key.to_owned(), value);
        } else {
            details.dropped.push(key.to_owned());
        }
    };
    if on_existing == OnExisting::Merge {
        for (key, value) in existing.iter().filter(|(key, _)| *key != MARKER) {
            add(key, value);
        }
    }
    add(MARKER, marker);
    for (key, value) in set.iter().filter(|(key, _)| key != MARKER) {
        add(key, value);
    }
    details
}

#[cfg(test)]
mod tests;

//! What the model constrains: texts, numbers, lists and maps, and AWS's words for what is violated.
//!
//! The kinds of constraint, apart from `model`, which says which member has which, and from `validate`,
//! which applies them. Patterns are shown as the model has them and checked by hand-written tests of
//! characters. Where they name a POSIX class (`\p{Upper}`, `\p{Graph}`) that is ASCII's, as in Java.

/// What a text may be.
pub struct Text {
    min: usize,
    max: usize,
    pattern: Option<Pattern>,
}

/// A pattern as the model shows it, and its test.
type Pattern = (&'static str, fn(&str) -> bool);

const UNBOUNDED: usize = usize::MAX;

const fn text(min: usize, max: usize) -> Text {
    Text { min, max, pattern: None }
}

impl Text {
    const fn of(mut self, pattern: &'static str, holds: fn(&str) -> bool) -> Self {
        self.pattern = Some((pattern, holds));
        self
    }
}

/// A thing's, thing type's, thing group's or index's name.
pub const NAME: Text = text(1, 128).of("[a-zA-Z0-9:_-]+", |it| some(it, |c| is_id(c) || c == ':'));
/// A job's id.
pub const JOB_ID: Text = text(1, 64).of("[a-zA-Z0-9_-]+", |it| some(it, is_id));
/// A job's id where `$next` is one too; the model gives it no length.
pub const JOB_ID_OR_NEXT: Text =
    text(0, UNBOUNDED).of("[a-zA-Z0-9_-]+|^\\$next", |it| it == "$next" || some(it, is_id));
/// A namespace; the model gives no length.
pub const NAMESPACE: Text = text(0, UNBOUNDED).of("[a-zA-Z0-9_-]+", |it| some(it, is_id));
/// A comment or the description of a job.
pub const PROSE: Text = text(0, 2028).of("[^\\p{C}]+", |it| some(it, is_printable));
/// A value of statusDetails; its greatest length is in the model's words, not among its constraints.
pub const DETAIL: Text = text(1, 1024).of("[^\\p{C}]+", |it| some(it, is_printable));
/// A job document.
pub const DOCUMENT: Text = text(0, 32_768);
/// Where a job document lies.
pub const SOURCE: Text = text(1, 1350);
/// The role that signs URLs.
pub const ROLE: Text = text(20, 2048);
/// The ARN of a target.
pub const TARGET: Text = text(0, 2048);
/// The ARN of a job template or of a package version.
pub const LONG_ARN: Text = text(1, 1600).of("^arn:[!-~]+$", |it| {
    it.strip_prefix("arn:").is_some_and(|rest| some(rest, |c| c.is_ascii_graphic()))
});
/// The name of an attribute.
pub const ATTRIBUTE: Text = text(0, 128).of("[a-zA-Z0-9_.,@/:#-]+", |it| {
    some(it, |c| c.is_ascii_alphanumeric() || "_.,@/:#-".contains(c))
});
/// The value of an attribute.
pub const ATTRIBUTE_VALUE: Text = text(0, 800).of("[a-zA-Z0-9_.,@/:#=\\[\\]-]*", |it| {
    it.chars().all(|c| c.is_ascii_alphanumeric() || "_.,@/:#=[]-".contains(c))
});
/// The key of a tag.
pub const TAG_KEY: Text =
    text(1, 128).of("^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$", |it| it.chars().all(is_tag));
/// The value of a tag.
pub const TAG_VALUE: Text = text(0, 256);
/// The description of a type or a group.
pub const DESCRIPTION: Text = text(0, 2028)
    .of("[\\p{Graph}\\x20]*", |it| it.chars().all(|c| c == ' ' || c.is_ascii_graphic()));
/// A reason code.
pub const REASON: Text = text(0, 128).of("[\\p{Upper}\\p{Digit}_]+", |it| {
    some(it, |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
});
/// A time in a schedule.
pub const TIME: Text = text(1, 64);
/// When a maintenance window begins.
pub const CRON: Text = text(1, 256);
/// A thing group's id.
pub const GROUP_ID: Text =
    text(1, 128).of("[a-zA-Z0-9\\-]+", |it| some(it, |c| c.is_ascii_alphanumeric() || c == '-'));
/// The name of a parameter of a job document.
pub const PARAMETER: Text = text(1, 128).of("[a-zA-Z0-9_-]+", |it| some(it, is_id));
/// The value of a parameter of a job document.
pub const PARAMETER_VALUE: Text = text(1, 30_720).of("[^\\p{C}]+", |it| some(it, is_printable));
/// The key of an MQTT 5 property.
pub const USER_PROPERTY: Text = text(0, 128)
    .of("[a-zA-Z0-9:$.]+", |it| some(it, |c| c.is_ascii_alphanumeric() || ":$.".contains(c)));
/// An attribute of a connection.
pub const CONNECTION_ATTRIBUTE: Text = text(0, 128)
    .of("[a-zA-Z0-9:.]+", |it| some(it, |c| c.is_ascii_alphanumeric() || c == ':' || c == '.'));
/// Which endpoint.
pub const ENDPOINT_TYPE: Text = text(0, 128);
/// A service of Service Quotas.
pub const SERVICE_CODE: Text = text(1, 63).of("[a-zA-Z][a-zA-Z0-9-]{1,63}", |it| is_code(it, 64));
/// A quota of Service Quotas.
pub const QUOTA_CODE: Text = text(1, 128).of("[a-zA-Z][a-zA-Z0-9-]{1,128}", |it| is_code(it, 129));
/// A text of which the model says only that it is not empty.
pub const SOME: Text = text(1, UNBOUNDED);
/// A text of which the model says nothing.
pub const ANY: Text = text(0, UNBOUNDED);

fn some(text: &str, allowed: fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

fn is_code(text: &str, longest: usize) -> bool {
    (2..=longest).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn is_tag(c: char) -> bool {
    c.is_alphanumeric()
        || c == ' '
        || "_.:/=+-@".contains(c)
        || (c.is_whitespace() && !c.is_control())
}

fn is_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Not of Unicode's category C. Unassigned characters are let through, which no client is expected
/// to send.
fn is_printable(c: char) -> bool {
    !(c.is_control()
        || matches!(u32::from(c),
            0xAD | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x180E | 0x200B..=0x200F
            | 0x202A..=0x202E | 0x2060..=0x206F | 0xE000..=0xF8FF | 0xFEFF | 0xFFF9..=0xFFFB
            | 0xE_0000..=0xE_007F | 0xF_0000..=0x10_FFFF))
}

impl Text {
    /// The constraints that a text violates.
    pub fn violations(&self, text: &str) -> Vec<String> {
        let mut found = lengths(text.chars().count(), self.min, self.max);
        found.extend(self.pattern.filter(|(_, holds)| !holds(text)).map(pattern));
        found
    }

    /// All constraints, as AWS lists them when an element of a list or a map violates one.
    pub fn constraints(&self) -> String {
        let mut all = Vec::new();
        if self.max < UNBOUNDED {
            all.push(at_most("length", &self.max));
        }
        all.push(at_least("length", &self.min));
        all.extend(self.pattern.map(pattern));
        format!("[{}]", all.join(", "))
    }
}

fn pattern((pattern, _): Pattern) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

/// A bound from above on a `value` or a `length`.
pub fn at_most(what: &str, max: &impl ToString) -> String {
    format!("Member must have {what} less than or equal to {}", max.to_string())
}

/// A bound from below on a `value` or a `length`.
pub fn at_least(what: &str, min: &impl ToString) -> String {
    format!("Member must have {what} greater than or equal to {}", min.to_string())
}

/// What a length violates.
pub fn lengths(length: usize, min: usize, max: usize) -> Vec<String> {
    let mut found = Vec::new();
    if length > max {
        found.push(at_most("length", &max));
    }
    if length < min {
        found.push(at_least("length", &min));
    }
    found
}

/// A number of choices that a text is one of.
pub fn one_of(choices: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", choices.join(", "))
}

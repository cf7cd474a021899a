//! The model's constraints on texts: lengths and patterns.
//!
//! A table apart from the code that applies it, so that it can be held against AWS's model line by
//! line. Patterns are shown as the model has them and checked by hand-written tests of characters.

/// What a text may be.
pub struct Text {
    min: usize,
    max: usize,
    allowed: fn(char) -> bool,
    pattern: &'static str,
}

/// A thing's, thing type's or thing group's name.
pub const NAME: Text = Text {
    min: 1,
    max: 128,
    allowed: |c| c.is_ascii_alphanumeric() || ":_-".contains(c),
    pattern: "[a-zA-Z0-9:_-]+",
};
/// A job's id.
pub const JOB_ID: Text = Text { min: 1, max: 64, allowed: is_id, pattern: "[a-zA-Z0-9_-]+" };
/// A job's id where `$next` is one too; that is let through before this is asked.
pub const JOB_ID_OR_NEXT: Text =
    Text { min: 1, max: 64, allowed: is_id, pattern: "[a-zA-Z0-9_-]+|^\\$next" };
/// A namespace; the model gives no length.
pub const NAMESPACE: Text =
    Text { min: 1, max: usize::MAX, allowed: is_id, pattern: "[a-zA-Z0-9_-]+" };
/// A comment or a description.
pub const PROSE: Text = Text { min: 1, max: 2028, allowed: is_printable, pattern: "[^\\p{C}]+" };
/// A value of statusDetails; the length is in the model's words, not in its pattern.
pub const DETAIL: Text = Text { min: 1, max: 1024, allowed: is_printable, pattern: "[^\\p{C}]+" };
/// A job document.
pub const DOCUMENT: Text = Text { min: 0, max: 32_768, allowed: |_| true, pattern: "" };
/// An ARN of a target.
pub const ARN: Text = Text { min: 0, max: 2048, allowed: |_| true, pattern: "" };
/// The name of an attribute.
pub const ATTRIBUTE: Text = Text {
    min: 1,
    max: 128,
    allowed: |c| c.is_ascii_alphanumeric() || "_.,@/:#-".contains(c),
    pattern: "[a-zA-Z0-9_.,@/:#-]+",
};
/// The value of an attribute.
pub const ATTRIBUTE_VALUE: Text = Text {
    min: 0,
    max: 800,
    allowed: |c| c.is_ascii_alphanumeric() || "_.,@/:#=[]-".contains(c),
    pattern: "[a-zA-Z0-9_.,@/:#=\\[\\]-]*",
};

/// The key of a tag.
pub const TAG_KEY: Text =
    Text { min: 1, max: 128, allowed: is_tag, pattern: "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$" };
/// The value of a tag.
pub const TAG_VALUE: Text =
    Text { min: 0, max: 256, allowed: is_tag, pattern: "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$" };
/// The description of a type or a group.
pub const DESCRIPTION: Text = Text {
    min: 0,
    max: 2028,
    allowed: |c| c == ' ' || (!c.is_whitespace() && is_printable(c)),
    pattern: "[\\p{Graph}\\x20]*",
};
/// A reason code.
pub const REASON: Text = Text {
    min: 1,
    max: 128,
    allowed: |c| c.is_uppercase() || c.is_ascii_digit() || c == '_',
    pattern: "[\\p{Upper}\\p{Digit}_]+",
};
/// Where a job document lies.
pub const SOURCE: Text = Text { min: 1, max: 1350, allowed: |c| c != '\n', pattern: "[^\\n]+" };
/// A time in a schedule.
pub const TIME: Text = Text { min: 1, max: 64, allowed: |c| c != '\n', pattern: ".+" };
/// A thing group's id.
pub const GROUP_ID: Text = Text {
    min: 1,
    max: 128,
    allowed: |c| c.is_ascii_alphanumeric() || c == '-',
    pattern: "[a-zA-Z0-9\\-]+",
};
/// A text of which the model says only that it is not empty.
pub const SOME: Text = Text { min: 1, max: usize::MAX, allowed: |_| true, pattern: ".+" };
/// A text of which the model says nothing.
pub const ANY: Text = Text { min: 0, max: usize::MAX, allowed: |_| true, pattern: "" };

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
    /// The constraints that a text violates, in AWS's words for them.
    pub fn violations(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let length = text.chars().count();
        if length > self.max {
            found.push(format!("Member must have length less than or equal to {}", self.max));
        }
        if length < self.min {
            found.push(format!("Member must have length greater than or equal to {}", self.min));
        }
        if !text.chars().all(self.allowed) {
            found.push(format!("Member must satisfy regular expression pattern: {}", self.pattern));
        }
        found
    }
}

//! The model's constraints on texts: lengths and patterns.
//!
//! A table apart from the code that applies it, so that it can be held against AWS's model line by
//! line. Patterns are shown as the model has them and checked by hand-written tests of characters.

/// What a text may be.
pub struct Text {
    max: usize,
    allowed: fn(char) -> bool,
    pattern: &'static str,
}

/// A thing's, thing type's or thing group's name.
pub const NAME: Text = Text {
    max: 128,
    allowed: |c| c.is_ascii_alphanumeric() || ":_-".contains(c),
    pattern: "[a-zA-Z0-9:_-]+",
};
/// A job's id.
pub const JOB_ID: Text = Text { max: 64, allowed: is_id, pattern: "[a-zA-Z0-9_-]+" };
/// A job's id where `$next` is one too; that is let through before this is asked.
pub const JOB_ID_OR_NEXT: Text =
    Text { max: 64, allowed: is_id, pattern: "[a-zA-Z0-9_-]+|^\\$next" };
/// A namespace; the model gives no length.
pub const NAMESPACE: Text = Text { max: usize::MAX, allowed: is_id, pattern: "[a-zA-Z0-9_-]+" };
/// A comment or a description.
pub const PROSE: Text = Text { max: 2028, allowed: is_printable, pattern: "[^\\p{C}]+" };
/// A value of statusDetails; the length is in the model's words, not in its pattern.
pub const DETAIL: Text = Text { max: 1024, allowed: is_printable, pattern: "[^\\p{C}]+" };
/// A job document.
pub const DOCUMENT: Text = Text { max: 32_768, allowed: |_| true, pattern: "" };
/// An ARN of a target.
pub const ARN: Text = Text { max: 2048, allowed: |_| true, pattern: "" };
/// The name of an attribute.
pub const ATTRIBUTE: Text = Text {
    max: 128,
    allowed: |c| c.is_ascii_alphanumeric() || "_.,@/:#-".contains(c),
    pattern: "[a-zA-Z0-9_.,@/:#-]+",
};
/// The value of an attribute.
pub const ATTRIBUTE_VALUE: Text = Text {
    max: 800,
    allowed: |c| c.is_ascii_alphanumeric() || "_.,@/:#=[]-".contains(c),
    pattern: "[a-zA-Z0-9_.,@/:#=\\[\\]-]*",
};

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
        let may_be_empty = self.pattern.is_empty() || self.pattern.ends_with('*');
        if length == 0 && !may_be_empty {
            found.push("Member must have length greater than or equal to 1".to_owned());
        }
        if !text.chars().all(self.allowed) {
            found.push(format!("Member must satisfy regular expression pattern: {}", self.pattern));
        }
        found
    }
}

//! What is known about a thing in the world, and what follows from it.
//!
//! These two types carry the safety of the product: a [`Fact`] says whether a value was read, and a
//! [`Truth`] keeps "not known" apart from "no" all the way to a decision. Nothing here converts
//! "not known" into either answer; that is done once, in `plan`, and always in favour of keeping.

use std::ops::{BitAnd, BitOr, Not};

/// A value of the outside world, in one of four states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact<T> {
    /// Nobody has asked yet; `plan::needs` may name it as worth reading.
    #[default]
    NotRead,
    /// It was read, and this is its value.
    Known(T),
    /// It was read, and it is not there.
    Absent,
    /// It was asked for and cannot be had.
    Unreadable(Unreadable),
}

/// Why a fact that was asked for cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreadable {
    /// AWS refused the read (403).
    Denied,
    /// What holds the fact is gone, or was replaced while it was read.
    Gone,
    /// The read failed otherwise, retries included.
    Failed,
    /// The answer made no sense: a missing number, a version below 1.
    Invalid,
}

impl Unreadable {
    /// Every variant.
    pub const ALL: [Self; 4] = [Self::Denied, Self::Gone, Self::Failed, Self::Invalid];

    /// A few words for people: "access denied".
    pub fn words(self) -> &'static str {
        match self {
            Self::Denied => "access denied",
            Self::Gone => "gone while it was read",
            Self::Failed => "the read failed",
            Self::Invalid => "AWS's answer made no sense",
        }
    }
}

impl<T> Fact<T> {
    /// `Known` for a value, `Absent` for none. For values that were read.
    pub fn read(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Known)
    }

    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether nobody has asked for it yet.
    pub fn is_not_read(&self) -> bool {
        matches!(self, Self::NotRead)
    }

    /// The same state over a reference.
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::NotRead => Fact::NotRead,
            Self::Known(value) => Fact::Known(value),
            Self::Absent => Fact::Absent,
            Self::Unreadable(why) => Fact::Unreadable(*why),
        }
    }

    /// Applies `f` to a known value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::NotRead => Fact::NotRead,
            Self::Known(value) => Fact::Known(f(value)),
            Self::Absent => Fact::Absent,
            Self::Unreadable(why) => Fact::Unreadable(why),
        }
    }

    /// Looks for a part of a known value; the other states stay as they are.
    pub fn and_then<U>(self, f: impl FnOnce(T) -> Fact<U>) -> Fact<U> {
        match self {
            Self::NotRead => Fact::NotRead,
            Self::Known(value) => f(value),
            Self::Absent => Fact::Absent,
            Self::Unreadable(why) => Fact::Unreadable(why),
        }
    }
}

/// Yes, no, or not known. Combined as Kleene's strong logic does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// It cannot be said.
    Unknown,
}

impl Truth {
    /// Every variant.
    pub const ALL: [Self; 3] = [Self::Yes, Self::No, Self::Unknown];
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

impl BitAnd for Truth {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unknown,
        }
    }
}

impl BitOr for Truth {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Unknown,
        }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth;

    #[test]
    fn and_or_and_not_follow_kleene() {
        use Truth::{No, Unknown, Yes};
        let and = [
            (Yes, Yes, Yes),
            (Yes, No, No),
            (Yes, Unknown, Unknown),
            (No, No, No),
            (No, Unknown, No),
            (Unknown, Unknown, Unknown),
        ];
        for (a, b, expected) in and {
            assert_eq!(a & b, expected, "{a:?} and {b:?}");
            assert_eq!(b & a, expected, "{b:?} and {a:?}");
            // De Morgan ties `or` and `not` to the same table.
            assert_eq!(!(!a | !b), expected, "not (not {a:?} or not {b:?})");
        }
    }
}

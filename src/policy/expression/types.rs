//! Types and values of expressions.
//!
//! There is no type for "anything": every part of an expression has one of these before it is ever
//! run. Lists hold values of one kind, maps hold text under text.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

/// The type of a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// CEL's bool.
    Bool,
    /// CEL's int: 64 bits, signed.
    Int,
    /// CEL's double; never NaN or infinite here.
    Double,
    /// CEL's string.
    Text,
    /// CEL's duration.
    Duration,
    /// CEL's timestamp.
    Time,
}

impl Scalar {
    fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::Duration => "duration",
            Self::Time => "timestamp",
        }
    }
}

/// The type of a part of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// One value.
    One(Scalar),
    /// A list.
    List(Scalar),
    /// A map from text to text.
    Pairs,
    /// A value that may be missing: `map[?'key']`.
    Optional(Scalar),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(scalar) => f.write_str(scalar.name()),
            Self::List(scalar) => write!(f, "list of {}", scalar.name()),
            Self::Pairs => f.write_str("map of string to string"),
            Self::Optional(scalar) => write!(f, "optional {}", scalar.name()),
        }
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each is the value of the type of its name
pub enum Value<'a> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Duration(SignedDuration),
    Time(Timestamp),
    List(Arc<[Value<'a>]>),
    Names(&'a BTreeSet<String>),
    Pairs(&'a BTreeMap<String, String>),
    Optional(Option<Box<Value<'a>>>),
}

impl<'a> Value<'a> {
    /// A text that lives as long as the facts.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A text that was made.
    pub fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

//! What a checked expression is run as: a tree in which every name is resolved and every part has a
//! type.
//!
//! It is apart from the parser's tree, which has names for functions that do not exist here; what is
//! not in this enum cannot be run.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::field::Field;

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Arc<str>),
    Duration(SignedDuration),
    Time(Timestamp),
    /// `policy.labels`.
    Labels(Arc<BTreeMap<String, String>>),
    Now,
    /// `source.revision` where it is not known; fails.
    NoRevision,
    /// `source.?revision`.
    MaybeRevision(Option<Arc<str>>),
    /// A fact; fails where it is absent.
    Field(Field),
    /// `thing.?type`.
    MaybeField(Field),
    /// `has(thing.type)`.
    HasField(Field),
    /// The variable of this index.
    Variable(usize),
    /// The element that a loop is at.
    Element,
    /// `map[key]`; fails where there is no such key.
    Key(Box<Node>, Box<Node>),
    /// `map[?key]`.
    MaybeKey(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    /// Condition, then, else.
    Choice(Box<[Node; 3]>),
    Compare(Comparison, Box<Node>, Box<Node>),
    Calculate(Operation, Box<Node>, Box<Node>),
    /// `'key' in map`, `'text' in list`.
    In(Box<Node>, Box<Node>),
    Call(Function, Box<Node>),
    /// `startsWith` and the like.
    Search(Search, Box<Node>, Box<Node>),
    Matches(Box<Node>, Regex),
    /// `optional.orValue(otherwise)`.
    OrValue(Box<Node>, Box<Node>),
    Loop(Box<Loop>),
}

/// A comparison of two values of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A calculation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A search in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    Contains,
    StartsWith,
    EndsWith,
}

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// Characters of a text, entries of a list or map.
    Size,
    String,
    Int,
    Double,
    Duration,
    Time,
    Days,
    Humanize,
    /// Whether an optional has a value.
    HasValue,
    /// Part of a time in UTC, or a whole duration in a unit.
    Get(Part),
}

/// A part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    /// From 0.
    Month,
    /// From 1.
    Date,
    /// From 0.
    DayOfMonth,
    /// From 0, Sunday.
    DayOfWeek,
    /// From 0.
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// A macro that goes through a list, or through the keys of a map.
#[derive(Clone, Debug)]
pub(super) struct Loop {
    pub(super) kind: LoopKind,
    /// What it goes through.
    pub(super) over: Node,
    /// What is asked of each element; for a map of three arguments the filter.
    pub(super) test: Option<Node>,
    /// What `map` makes of each element.
    pub(super) make: Option<Node>,
}

/// Which macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

//! Expressions: conditions, exclude rules and the `${…}` of templates, in CEL. The only home of the
//! `cel` crate.
//!
//! The crate parses; everything after that is ours, since this decides what is canceled. `scan` and
//! `parse` hold the bounds, `check` gives every part a type, finds the facts that it touches and makes
//! a tree that holds nothing else, and `run` runs that tree. `second` lets the crate's own interpreter
//! run the same text, for `plan::check`.
//!
//! Invariants: an expression is run only when every fact that it touches was read; what fails while it
//! runs makes the whole of it not known. An operand that fails is not absorbed by its neighbour, as CEL
//! would have it: `1 / 0 == 1 || true` is not known. What is not reached does not fail:
//! `'hold' in execution.statusDetails && execution.statusDetails['hold'] == 'yes'` is false where there
//! is no such key. The same text over the same facts gives the same answer, in steps bounded by its
//! length and the length of the lists that it goes through.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use crate::fact::{Fact, Unreadable};

mod check;
mod field;
pub mod functions;
mod node;
mod parse;
mod run;
mod scan;
mod second;
mod types;
mod values;

pub use field::Field;
pub use scan::end_in_template;
pub use types::{Scalar, Type, Value};

use node::Node;

/// The most bytes of an expression.
pub const MAX_BYTES: usize = 1024;
/// The most brackets inside each other.
pub const MAX_BRACKETS: usize = 16;
/// The most operations inside each other.
pub const MAX_DEPTH: usize = 32;
/// The longest text that an expression may put together, in bytes: 16 of AWS's longest values.
pub const MAX_TEXT: usize = 64 * 1024;

/// Something in an expression: an error, or a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which bytes of the text are meant.
    pub at: Range<usize>,
    /// What is wrong, in the user's words.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Problem {
    /// A problem.
    pub fn new(at: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: help.into() }
    }
}

/// The facts of one execution, as an expression asks for them.
pub trait Facts {
    /// One fact.
    fn fact(&self, field: Field) -> Fact<Value<'_>>;
    /// The time for which it is asked.
    fn now(&self) -> Timestamp;
}

/// What is known of `source.revision`.
#[derive(Clone, Debug, Default)]
pub enum Revision {
    /// It cannot be named. A guard outlives its file, and what its file was of.
    #[default]
    NotNamed,
    /// No git repository tells it.
    Unknown,
    /// `COMMIT`, or `COMMIT-dirty`.
    Is(Arc<str>),
}

impl Revision {
    fn text(self) -> Option<Arc<str>> {
        match self {
            Self::Is(text) => Some(text),
            Self::NotNamed | Self::Unknown => None,
        }
    }
}

/// What an expression may name beside the facts of the world.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// `policy.name` and `source.path`, where there are such.
    pub texts: BTreeMap<&'static str, String>,
    /// `source.revision`, where it can be named.
    pub revision: Revision,
    /// `policy.labels`, where there are such.
    pub labels: Option<Arc<BTreeMap<String, String>>>,
    /// The variables before this expression, in their order.
    pub variables: Vec<Variable>,
}

/// A name for an expression.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name; none for a variable whose expression is wrong, so that this is told once.
    pub name: String,
    /// What it stands for; none if that is wrong.
    pub expression: Option<Arc<Expression>>,
}

/// What an expression has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A bool.
    Condition,
    /// A string.
    Text,
    /// Any type.
    Anything,
}

/// A checked expression.
#[derive(Clone)]
pub struct Expression {
    text: String,
    node: Node,
    ty: Type,
    /// The most bytes of a text that it gives.
    longest: usize,
    /// What it touches, its variables included, in order.
    fields: Vec<Field>,
    /// What it could name; the variables that it does name are in `used`.
    scope: Scope,
    /// The variables that it uses, those of its variables included, in the order in which they can be
    /// run.
    used: BTreeSet<usize>,
    uses_now: bool,
    uses_revision: bool,
    second: Option<Arc<second::Second>>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

/// What an expression gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// A value.
    Is(Value<'a>),
    /// A fact that it touches was not read yet.
    NotRead(Field),
    /// A fact that it touches cannot be read.
    Unreadable(Field, Unreadable),
    /// All facts were read, and it has no value over them.
    Failed(Failure),
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A fact is not there.
    Absent(Field),
    /// A map has no such key. The field is none for a map of the policy itself.
    NoKey(Option<Field>, String),
    /// Something else, in words: "it divides by zero".
    Other(&'static str),
}

/// What a check finds.
#[derive(Debug, Default)]
pub struct Findings {
    /// What keeps the expression from being used.
    pub errors: Vec<Problem>,
    /// What is allowed, and most likely not what was meant.
    pub warnings: Vec<Problem>,
}

impl Expression {
    /// Reads and checks an expression. None if anything is an error.
    pub fn compile(
        text: &str,
        wanted: Wanted,
        scope: &Scope,
        findings: &mut Findings,
    ) -> Option<Self> {
        check::compile(text, wanted, scope, findings)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is run, variables and all: equal texts of this are one question, however they are named.
    pub(super) fn meaning(&self) -> String {
        let variables = self.used.iter().filter_map(|index| {
            let made = self.scope.variables.get(*index)?.expression.as_ref()?;
            Some(format!("{index}: {:?}; ", made.node))
        });
        variables.chain([format!("{:?}", self.node)]).collect()
    }

    /// The type of what it gives.
    pub fn ty(&self) -> Type {
        self.ty
    }

    /// The facts that it touches, its variables included, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether what it gives may change with time alone, its variables included.
    pub fn uses_now(&self) -> bool {
        self.uses_now
    }

    /// Whether what it gives may differ between git revisions, its variables included.
    pub fn uses_revision(&self) -> bool {
        self.uses_revision
    }

    /// Whether a condition is true, where that hangs on nothing: no fact, no time, no revision.
    pub fn always(&self) -> Option<bool> {
        struct Nothing;
        impl Facts for Nothing {
            fn fact(&self, _: Field) -> Fact<Value<'_>> {
                Fact::Absent
            }
            fn now(&self) -> Timestamp {
                Timestamp::UNIX_EPOCH
            }
        }
        if !self.fields.is_empty() || self.uses_now || self.uses_revision {
            return None;
        }
        match self.run(&Nothing) {
            Outcome::Is(Value::Bool(value)) => Some(value),
            _ => None,
        }
    }

    /// Runs it.
    pub fn run<'a>(&'a self, facts: &'a dyn Facts) -> Outcome<'a> {
        run::run(self, facts)
    }

    /// What the `cel` crate's interpreter makes of a condition over the same facts; none if it fails
    /// there, if a fact that it touches was not read, or if it uses something that the crate has
    /// otherwise.
    pub fn second_opinion(&self, facts: &dyn Facts) -> Option<bool> {
        self.second.as_ref()?.run(self, facts)
    }

    /// Whether [`Self::second_opinion`] can say anything at all.
    pub fn has_second_opinion(&self) -> bool {
        self.second.is_some()
    }
}

#[cfg(test)]
mod tests;

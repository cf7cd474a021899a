//! The same text, run by the `cel` crate's own interpreter.
//!
//! `plan::check` states the safety rules a second time, and this is its second statement of what an
//! expression says: parsed with the crate's macros, run over facts that the check reads by itself. It
//! shares the text, the list of touched facts and `humanize` with `run`, and nothing else. It absorbs
//! failures as CEL does (`1 / 0 == 1 || true` is true for it), so it can say what it says only of an
//! expression that has a value; it is never asked alone.
//!
//! What it cannot say: anything about an expression that makes text of a time, which the crate writes
//! with its fractions; that takes the hours of a time which a text may give with another zone than UTC;
//! or that has a duration of which the crate makes another one. It also gives nothing where the crate
//! works out what is not reached with us, and fails: `orValue` takes its argument there in any case.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Program, Value as Cel};
use jiff::SignedDuration;

use super::{Expression, Facts, Revision, Value, parse, values};
use crate::fact::Fact;
use crate::span::humanize;

/// A text as the crate runs it.
pub(super) struct Second(Program);

impl fmt::Debug for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Second")
    }
}

impl Second {
    /// None if the crate does not read it.
    pub(super) fn new(text: &str) -> Option<Self> {
        parse::runnable(text).map(Self)
    }

    /// What a condition gives; none if it gives none.
    pub(super) fn run(&self, expression: &Expression, facts: &dyn Facts) -> Option<bool> {
        let mut context = context()?;
        let mut roots: HashMap<&str, HashMap<String, Cel>> = HashMap::new();
        for root in ["execution", "job", "thing", "policy", "source"] {
            roots.insert(root, HashMap::new());
        }
        for (path, text) in &expression.scope.texts {
            let (root, name) = path.split_once('.')?;
            roots.get_mut(root)?.insert(name.to_owned(), text.as_str().into());
        }
        if let Revision::Is(revision) = &expression.scope.revision {
            roots.get_mut("source")?.insert("revision".to_owned(), (&**revision).into());
        }
        if let Some(labels) = &expression.scope.labels {
            roots.get_mut("policy")?.insert("labels".to_owned(), made(&Value::Pairs(labels))?);
        }
        // The one part of a part.
        let mut connectivity: HashMap<String, Cel> = HashMap::new();
        for field in &expression.fields {
            let value = match facts.fact(*field) {
                Fact::Known(value) => made(&value)?,
                Fact::Absent => continue,
                Fact::NotRead | Fact::Unreadable(_) => return None,
            };
            let (root, name) = field.path().split_once('.')?;
            match name.strip_prefix("connectivity.") {
                Some(name) => connectivity.insert(name.to_owned(), value),
                None => roots.get_mut(root)?.insert(name.to_owned(), value),
            };
        }
        roots.get_mut("thing")?.insert("connectivity".to_owned(), Cel::from(connectivity));
        for (root, fields) in roots {
            context.add_variable_from_value(root, fields);
        }
        context.add_variable_from_value("now", made(&Value::Time(facts.now()))?);
        let mut variables: HashMap<String, Cel> = HashMap::new();
        for index in &expression.used {
            let variable = expression.scope.variables.get(*index)?;
            let program = &variable.expression.as_ref()?.second.as_ref()?.0;
            context.add_variable_from_value("variables", variables.clone());
            // Where it fails it is left out, and what asks for it fails.
            if let Ok(value) = program.execute(&context) {
                variables.insert(variable.name.clone(), value);
            }
        }
        context.add_variable_from_value("variables", variables);
        match self.0.execute(&context) {
            Ok(Cel::Bool(value)) => Some(value),
            _ => None,
        }
    }
}

/// The crate's functions and ours.
fn context() -> Option<Context<'static, 'static>> {
    let mut context = Context::with_env(Arc::clone(&STANDARD));
    let days = |count: i64| {
        let duration =
            count.checked_mul(24).and_then(|hours| read("duration(it)", &format!("{hours}h")));
        duration.ok_or_else(|| ExecutionError::function_error("days", "out of range"))
    };
    let humanized = |duration: Cel| match duration {
        Cel::Duration(it) => Ok(Cel::from(humanize(SignedDuration::from_secs(it.num_seconds())))),
        _ => Err(ExecutionError::function_error("humanize", "not a duration")),
    };
    context.add_function("days", days).ok()?;
    context.add_function("humanize", humanized).ok()?;
    Some(context)
}

static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What the crate reads from a text: its times and durations are of another crate than ours.
fn read(with: &str, text: &str) -> Option<Cel> {
    let mut context = Context::with_env(Arc::clone(&STANDARD));
    context.add_variable_from_value("it", text);
    STANDARD.compile(with).ok()?.execute(&context).ok()
}

/// Whether the crate reads a duration or a time that is written out as we do, if we read it: it counts
/// durations as doubles, so that some fractions end a nanosecond earlier.
pub(super) fn reads_alike(function: &str, text: &str) -> bool {
    let (value, with) = match function {
        "duration" => (values::duration(text).map(Value::Duration), "duration(it)"),
        "timestamp" => (values::time(text).map(Value::Time), "timestamp(it)"),
        _ => return true,
    };
    value.is_none_or(|value| made(&value).is_some_and(|made| Some(made) == read(with, text)))
}

/// A value as the crate has it.
fn made(value: &Value<'_>) -> Option<Cel> {
    Some(match value {
        Value::Bool(value) => Cel::Bool(*value),
        Value::Int(value) => Cel::Int(*value),
        Value::Double(value) => Cel::Float(*value),
        Value::Text(text) => Cel::from(&**text),
        // In two parts: the crate counts each as a double, which has no room for all in one.
        Value::Duration(it) => {
            let sign = if it.is_negative() { "-" } else { "" };
            let it = it.unsigned_abs();
            let text = format!("{sign}{}s{}ns", it.as_secs(), it.subsec_nanos());
            read("duration(it)", &text)?
        }
        Value::Time(time) => read("timestamp(it)", &time.to_string())?,
        Value::List(items) => Cel::from(items.iter().map(made).collect::<Option<Vec<_>>>()?),
        Value::Names(names) => Cel::from(names.iter().map(String::as_str).collect::<Vec<_>>()),
        Value::Pairs(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| (key.clone(), Cel::from(value.as_str())));
            Cel::from(pairs.collect::<HashMap<_, _>>())
        }
        Value::Optional(_) => return None,
    })
}

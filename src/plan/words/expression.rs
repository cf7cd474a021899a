//! Expressions in words: what they saw, and why they are not known.

use jiff::{SignedDuration, Timestamp};

use crate::fact::Fact;
use crate::plan::FactName;
use crate::plan::asked::Asked;
use crate::plan::clause::Facts;
use crate::policy::Condition;
use crate::policy::expression::{self, Expression, Failure, Field, Outcome, Value};
use crate::span::humanize;

/// How much of a text is told.
const LONGEST: usize = 60;

/// Why an expression is not known: the fact, and what is the matter with it.
pub(super) fn cause(
    expression: &Expression,
    facts: &Facts<'_>,
    now: Timestamp,
) -> (FactName, String) {
    match expression.run(&Asked { facts: *facts, now }) {
        Outcome::Is(_) => (FactName::Expression, "known".to_owned()),
        Outcome::NotRead(field) => (FactName::of(field), "not read".to_owned()),
        Outcome::Unreadable(field, why) => {
            (FactName::of(field), format!("not known: {}", why.words()))
        }
        Outcome::Failed(Failure::Absent(field)) => (FactName::of(field), "absent".to_owned()),
        Outcome::Failed(Failure::NoKey(Some(Field::StatusDetails), key)) => {
            (FactName::StatusDetail(key), "absent".to_owned())
        }
        Outcome::Failed(Failure::NoKey(Some(Field::ThingAttributes), key)) => {
            (FactName::ThingAttribute(key), "absent".to_owned())
        }
        Outcome::Failed(Failure::NoKey(Some(Field::JobTags), key)) => {
            (FactName::JobTag(key), "absent".to_owned())
        }
        Outcome::Failed(Failure::NoKey(_, key)) => {
            (FactName::Expression, format!("not known: there is no key {key:?}"))
        }
        Outcome::Failed(Failure::Other(why)) => (FactName::Expression, format!("not known: {why}")),
    }
}

/// What a condition saw: `silent: execution.lastUpdatedAt is 12m ago`.
pub(super) fn saw(condition: &Condition, facts: &Facts<'_>, now: Timestamp) -> String {
    let asked = Asked { facts: *facts, now };
    let fields = condition.expression.fields().iter();
    let told = fields.map(|field| {
        let fact = expression::Facts::fact(&asked, *field);
        format!("{} is {}", field.path(), state(fact, now))
    });
    let told: Vec<_> = told.collect();
    let told = if told.is_empty() { "it asks for no fact".to_owned() } else { told.join(", ") };
    match &condition.name {
        Some(name) => format!("{name}: {told}"),
        None => told,
    }
}

fn state(fact: Fact<Value<'_>>, now: Timestamp) -> String {
    match fact {
        Fact::NotRead => "not read".to_owned(),
        Fact::Absent => "absent".to_owned(),
        Fact::Unreadable(why) => format!("not known: {}", why.words()),
        Fact::Known(value) => told(&value, now),
    }
}

fn told(value: &Value<'_>, now: Timestamp) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Text(text) => match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{:?}…", &text[..end]),
            None => format!("{text:?}"),
        },
        Value::Duration(duration) => humanize(*duration),
        Value::Time(time) => {
            let age = now.duration_since(*time);
            if age < SignedDuration::ZERO {
                format!("{} ahead of now", humanize(-age))
            } else {
                format!("{} ago", humanize(age))
            }
        }
        Value::Names(names) if names.is_empty() => "none".to_owned(),
        Value::Names(names) => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        Value::Pairs(pairs) => match pairs.len() {
            1 => "1 pair".to_owned(),
            n => format!("{n} pairs"),
        },
        Value::List(items) => format!("{} values", items.len()),
        Value::Optional(value) => value.as_ref().map_or("absent".to_owned(), |it| told(it, now)),
    }
}

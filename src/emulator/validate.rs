//! A call's members, held against the table of `model`.
//!
//! All that is violated is answered at once, in AWS's style. What cannot be read at all (a number that
//! is none, say) goes before and is a SerializationException; a member that the emulator knows and does
//! not emulate is refused last. Whoever reads the members after this can rely on the table.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::constraint::{Text, at_least, at_most, lengths, one_of};
use super::model::{Member, Place, Shape, members};
use super::operation::{Plane, Route};
use super::refusal::Refusal;

/// A member as it was given.
#[derive(Clone, Copy)]
pub enum Given<'a> {
    /// In the path or the query.
    Text(&'a str),
    /// In the body.
    Json(&'a Value),
}

/// What was given for a member of the input. Null is the same as nothing.
pub fn given<'a>(
    member: &Member,
    route: &'a Route,
    query: &'a BTreeMap<String, String>,
    body: &'a Map<String, Value>,
) -> Option<Given<'a>> {
    match member.place {
        Place::Label => route.label(member.name).map(|text| Given::Text(text)),
        Place::Query => query.get(member.name).map(|text| Given::Text(text)),
        Place::Body => inner(member, body),
    }
}

fn inner<'a>(member: &Member, of: &'a Map<String, Value>) -> Option<Given<'a>> {
    of.get(member.name).filter(|value| !value.is_null()).map(Given::Json)
}

/// Refuses a call that does not fit the table.
pub fn validate(
    route: &Route,
    query: &BTreeMap<String, String>,
    body: &Map<String, Value>,
) -> Result<(), Refusal> {
    let operation = route.operation;
    if !operation.is_emulated() {
        return Err(Refusal::InvalidRequest(format!("{operation} is not emulated.")));
    }
    let mut check = Check::default();
    for member in members(operation) {
        check.member(member, member.name, given(member, route, query, body));
    }
    check.result().map_err(|refusal| match refusal {
        // Service Quotas has another name for it.
        Refusal::InvalidRequest(text) if operation.plane() == Plane::Quotas => {
            Refusal::IllegalArgument(text)
        }
        other => other,
    })
}

#[derive(Default)]
struct Check {
    violations: Vec<String>,
    unreadable: Option<Refusal>,
    not_emulated: Option<Refusal>,
}

impl Check {
    fn result(self) -> Result<(), Refusal> {
        if let Some(refusal) = self.unreadable {
            return Err(refusal);
        }
        match self.violations.len() {
            0 => self.not_emulated.map_or(Ok(()), Err),
            count => {
                let noun = if count == 1 { "error" } else { "errors" };
                let all = self.violations.join("; ");
                let text = format!("{count} validation {noun} detected: {all}");
                Err(Refusal::InvalidRequest(text))
            }
        }
    }

    fn violate(&mut self, value: &str, at: &str, constraint: &str) {
        self.violations
            .push(format!("Value {value} at '{at}' failed to satisfy constraint: {constraint}"));
    }

    fn all(&mut self, value: &str, at: &str, constraints: Vec<String>) {
        for constraint in constraints {
            self.violate(&format!("'{value}'"), at, &constraint);
        }
    }

    fn unreadable(&mut self, at: &str, expected: &str) {
        let refusal = Refusal::Serialization(format!("'{at}' is not {expected}"));
        self.unreadable.get_or_insert(refusal);
    }

    fn member(&mut self, member: &Member, at: &str, given: Option<Given<'_>>) {
        // The answer begins each name with a small letter, as AWS's do (observed).
        let (first, rest) = at.split_at(at.len() - member.name.len());
        let at = &format!("{first}{}", small(rest));
        let Some(given) = given else {
            if member.required {
                self.violate("null", at, "Member must not be null");
            }
            return;
        };
        if !member.emulated {
            let text = format!("{at} is not emulated.");
            self.not_emulated.get_or_insert(Refusal::InvalidRequest(text));
        }
        match given {
            Given::Text(text) => self.text(member.shape, at, text),
            Given::Json(value) => self.json(member.shape, at, value),
        }
    }

    /// A text of the path or the query, which may mean a number or a boolean.
    fn text(&mut self, shape: Shape, at: &str, text: &str) {
        let value = match shape {
            Shape::Integer(..) | Shape::Long(..) | Shape::LongOrOff(..) => {
                text.parse::<i64>().map_or(Value::Null, Value::from)
            }
            Shape::Flag => text.parse::<bool>().map_or(Value::Null, Value::from),
            _ => text.into(),
        };
        self.json(shape, at, &value);
    }

    fn json(&mut self, shape: Shape, at: &str, value: &Value) {
        match shape {
            Shape::Text(rule) => match value.as_str() {
                Some(text) => self.all(text, at, rule.violations(text)),
                None => self.unreadable(at, "a string"),
            },
            Shape::OneOf(choices) => match value.as_str() {
                Some(text) if choices.contains(&text) => {}
                Some(text) => self.all(text, at, vec![one_of(choices)]),
                None => self.unreadable(at, "a string"),
            },
            Shape::Integer(min, max) => {
                let small = value.as_i64().filter(|number| i32::try_from(*number).is_ok());
                self.range(at, small, min, max);
            }
            Shape::LongOrOff(..) if value.as_i64() == Some(-1) => {}
            Shape::Long(min, max) | Shape::LongOrOff(min, max) => {
                self.range(at, value.as_i64(), min, max);
            }
            Shape::Double(min, max) => match value.as_f64() {
                Some(number) if number > max => {
                    self.all(&number.to_string(), at, vec![at_most("value", &max)]);
                }
                Some(number) if number < min => {
                    self.all(&number.to_string(), at, vec![at_least("value", &min)]);
                }
                Some(_) => {}
                None => self.unreadable(at, "a number"),
            },
            Shape::Flag => {
                if !value.is_boolean() {
                    self.unreadable(at, "true or false");
                }
            }
            Shape::Structure(members) => match value.as_object() {
                Some(of) => self.structure(members, at, of),
                None => self.unreadable(at, "a structure"),
            },
            Shape::Texts(min, max, rule) => self.texts(at, value, (min, max), rule),
            Shape::Structures(min, max, members) => match value.as_array() {
                Some(list) => {
                    self.all(&shown(value), at, lengths(list.len(), min, max));
                    for (index, value) in list.iter().enumerate() {
                        let at = format!("{at}.{}.member", index + 1);
                        self.json(Shape::Structure(members), &at, value);
                    }
                }
                None => self.unreadable(at, "a list"),
            },
            Shape::Map(max, keys, values) => self.map(at, value, max, keys, values),
        }
    }

    fn range(&mut self, at: &str, number: Option<i64>, min: i64, max: i64) {
        match number {
            Some(number) if number > max => {
                self.all(&number.to_string(), at, vec![at_most("value", &max)]);
            }
            Some(number) if number < min => {
                self.all(&number.to_string(), at, vec![at_least("value", &min)]);
            }
            Some(_) => {}
            None => self.unreadable(at, "a whole number"),
        }
    }

    fn structure(&mut self, members: &[Member], at: &str, of: &Map<String, Value>) {
        for member in members {
            self.member(member, &format!("{at}.{}", member.name), inner(member, of));
        }
    }

    fn texts(&mut self, at: &str, value: &Value, (min, max): (usize, usize), rule: &Text) {
        let Some(list) = value.as_array() else { return self.unreadable(at, "a list") };
        self.all(&shown(value), at, lengths(list.len(), min, max));
        let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
        let Some(texts) = texts else { return self.unreadable(at, "a list of strings") };
        self.elements("Member", at, value, &texts, rule);
    }

    fn map(&mut self, at: &str, value: &Value, max: usize, keys: &Text, values: &Text) {
        let Some(map) = value.as_object() else { return self.unreadable(at, "a map") };
        self.all(&shown(value), at, lengths(map.len(), 0, max));
        let texts: Option<Vec<&str>> = map.values().map(Value::as_str).collect();
        let Some(texts) = texts else { return self.unreadable(at, "a map of strings") };
        let names: Vec<&str> = map.keys().map(String::as_str).collect();
        self.elements("Map keys", at, value, &names, keys);
        self.elements("Map value", at, value, &texts, values);
    }

    /// AWS names all constraints of an element once any of them is violated.
    fn elements(&mut self, what: &str, at: &str, value: &Value, texts: &[&str], rule: &Text) {
        if texts.iter().any(|text| !rule.violations(text).is_empty()) {
            let text = format!("{what} must satisfy constraint: {}", rule.constraints());
            self.violate(&format!("'{}'", shown(value)), at, &text);
        }
    }
}

fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A value as AWS writes it into its answers: `[a, b]`, `{a=b, c=d}`.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}={}", shown(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

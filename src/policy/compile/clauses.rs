//! The conditions of `match` and `exclude` become clauses, each with the path under which people find
//! it.
//!
//! Values that AWS could never have are refused: a `NotIn` or an exclude over a misspelt value would
//! protect nothing, in silence.

use std::collections::{BTreeMap, BTreeSet};

use super::Compiler;
use super::patterns::Named;
use crate::document::diagnostic::Code;
use crate::document::finding::join;
use crate::document::words::quoted;
use crate::policy::shapes::{
    AgeShape, AttributesShape, ExcludeShape, MatchShape, OperatorShape, RequirementShape,
    RetryShape, StatusDetailsShape, ThingShape,
};
use crate::policy::template::{MAX_KEY, MAX_VALUE, is_allowed};
use crate::policy::{AgeBound, AgeClock, Clause, Globs, Operator, Requirement, Rule, Test};
use crate::span::Period;

/// What keys and values of a map in AWS look like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Map {
    Attributes,
    StatusDetails,
}

/// Whether AWS accepts a key of statusDetails.
pub(super) fn is_status_key(key: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b":_-".contains(&b);
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(inner)
}

/// The characters that AWS accepts in names of attributes (AttributeName in the API reference).
fn is_attribute_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.,@/:#-".contains(&b))
}

/// Those that it accepts in their values (AttributeValue).
fn is_attribute_text(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.,@/:#=[]-".contains(&b))
}

impl Map {
    fn key_problem(self, key: &str) -> Option<(&'static str, &'static str)> {
        let good = match self {
            Self::Attributes => (1..=MAX_KEY).contains(&key.len()) && is_attribute_name(key),
            Self::StatusDetails => is_status_key(key),
        };
        let words = match self {
            Self::Attributes => {
                ("a thing attribute's name", "1 to 128 letters, digits and `_.,@/:#-`")
            }
            Self::StatusDetails => {
                ("a key of statusDetails", "1 to 128 letters, digits, ':', '_' and '-'")
            }
        };
        (!good).then_some(words)
    }

    fn value_problem(self, value: &str) -> Option<(&'static str, &'static str)> {
        let length = value.chars().count();
        let good = match self {
            // The length that AWS documents for an attribute's value.
            Self::Attributes => length <= 800 && is_attribute_text(value),
            Self::StatusDetails => {
                (1..=MAX_VALUE).contains(&length) && value.chars().all(is_allowed)
            }
        };
        let words = match self {
            Self::Attributes => {
                ("a thing attribute's value", "at most 800 letters, digits and `_.,@/:#=[]-`")
            }
            Self::StatusDetails => (
                "a value of statusDetails",
                "1 to 1024 characters, none of them a control character",
            ),
        };
        (!good).then_some(words)
    }
}

/// What `match` and the rules of `exclude` have in common.
struct Conditions<'a> {
    /// The JSON pointer of the map.
    pointer: &'a str,
    /// The path of the map, for people.
    path: &'a str,
    age: &'a [AgeShape],
    thing: Option<&'a ThingShape>,
    status_details: Option<&'a StatusDetailsShape>,
    retry_attempt: Option<&'a RetryShape>,
}

impl ExcludeShape {
    /// Whether the rule has any condition.
    pub(super) fn asks(&self) -> bool {
        self.jobs.is_some()
            || self.things.is_some()
            || !self.age.is_empty()
            || self.thing.is_some()
            || self.status_details.is_some()
            || self.retry_attempt.is_some()
            || self.expression.is_some()
    }
}

impl Compiler<'_> {
    /// The clauses of `match`.
    pub(super) fn matching(&mut self, shape: &MatchShape) -> Vec<Clause> {
        let mut clauses = Vec::new();
        let conditions = Conditions {
            pointer: "/spec/match",
            path: "match",
            age: &shape.age,
            thing: shape.thing.as_ref(),
            status_details: shape.status_details.as_ref(),
            retry_attempt: shape.retry_attempt.as_ref(),
        };
        self.conditions(&conditions, &mut clauses);
        clauses
    }

    /// A rule of the list at `path`.
    pub(super) fn rule(&mut self, pointer: &str, path: &str, shape: &ExcludeShape) -> Rule {
        let path = format!("{path}[{}]", shape.name);
        let mut clauses = Vec::new();
        for (names, key) in [(&shape.jobs, "jobs"), (&shape.things, "things")] {
            let Some(names) = names else { continue };
            let at = join(&join(pointer, key), "names");
            let (make, named): (fn(Globs) -> Test, _) = match key {
                "jobs" => (Test::JobNames, Named::Job),
                _ => (Test::ThingNames, Named::Thing),
            };
            let globs = self.globs(&at, &names.names, named);
            let path = format!("{path}.{key}.names");
            clauses.extend(globs.map(|globs| Clause { path, test: make(globs) }));
        }
        let conditions = Conditions {
            pointer,
            path: &path,
            age: &shape.age,
            thing: shape.thing.as_ref(),
            status_details: shape.status_details.as_ref(),
            retry_attempt: shape.retry_attempt.as_ref(),
        };
        self.conditions(&conditions, &mut clauses);
        if let Some(text) = &shape.expression {
            let at = join(pointer, "expression");
            let test = self.condition(&at, None, text);
            clauses.extend(test.map(|test| Clause { path: format!("{path}.expression"), test }));
        }
        Rule { name: shape.name.clone(), reason: shape.reason.clone(), clauses }
    }

    fn conditions(&mut self, conditions: &Conditions<'_>, clauses: &mut Vec<Clause>) {
        let Conditions { pointer, path, .. } = conditions;
        self.ages(conditions, clauses);
        if let Some(thing) = conditions.thing {
            self.thing(&join(pointer, "thing"), &format!("{path}.thing"), thing, clauses);
        }
        if let Some(details) = conditions.status_details {
            let at = join(&join(pointer, "statusDetails"), "matchExpressions");
            let path = format!("{path}.statusDetails.matchExpressions");
            self.expressions(&at, &path, Map::StatusDetails, &details.match_expressions, clauses);
        }
        if let Some(retry) = conditions.retry_attempt {
            let path = format!("{path}.retryAttempt.atLeast");
            clauses.push(Clause { path, test: Test::RetryAttemptAtLeast(retry.at_least) });
        }
    }

    fn ages(&mut self, conditions: &Conditions<'_>, clauses: &mut Vec<Clause>) {
        let at = join(conditions.pointer, "age");
        // For each clock, the latest that it may begin and the earliest that it must end.
        let mut older: BTreeMap<AgeClock, Period> = BTreeMap::new();
        let mut younger: BTreeMap<AgeClock, (Period, String)> = BTreeMap::new();
        for (index, shape) in conditions.age.iter().enumerate() {
            let at = join(&at, index);
            let (key, text) = match (&shape.older_than, &shape.younger_than) {
                (Some(text), None) => ("olderThan", text),
                (None, Some(text)) => ("youngerThan", text),
                (Some(_), Some(_)) => {
                    let message = "an age with both `olderThan` and `youngerThan`";
                    let help = "write two entries: all of them must hold";
                    self.findings.value(Code::MeaningAge, &at, message, Some(help));
                    continue;
                }
                (None, None) => {
                    let message = "an age with neither `olderThan` nor `youngerThan`";
                    let help = "add one of them, like `olderThan: 6h`";
                    self.findings.value(Code::MeaningAge, &at, message, Some(help));
                    continue;
                }
            };
            let at = join(&at, key);
            let Some(period) = self.period(&at, text) else { continue };
            let bound = if key == "olderThan" {
                let most = older.entry(shape.since).or_insert(period);
                *most = period.max(*most);
                AgeBound::OlderThan(period)
            } else {
                let least = younger.entry(shape.since).or_insert_with(|| (period, at.clone()));
                if period < least.0 {
                    *least = (period, at);
                }
                AgeBound::YoungerThan(period)
            };
            let path = format!("{}.age[{index}]", conditions.path);
            clauses.push(Clause { path, test: Test::Age { since: shape.since, bound } });
        }
        for (clock, (end, at)) in younger {
            if let Some(begin) = older.get(&clock).filter(|begin| **begin >= end) {
                self.findings.value(
                    Code::MeaningNeverMatches,
                    at,
                    format!("nothing is at least {begin} and less than {end} old"),
                    Some("`olderThan` must be less than `youngerThan` of the same clock"),
                );
            }
        }
    }

    fn thing(&mut self, at: &str, path: &str, shape: &ThingShape, clauses: &mut Vec<Clause>) {
        if let Some(types) = &shape.types {
            self.names(&join(at, "types"), types, "a thing type");
            let test = Test::ThingTypes(types.clone());
            clauses.push(Clause { path: format!("{path}.types"), test });
        }
        if let Some(groups) = &shape.groups {
            self.names(&join(at, "groups"), groups, "a thing group");
            let test = Test::ThingGroups(groups.clone());
            clauses.push(Clause { path: format!("{path}.groups"), test });
        }
        if let Some(AttributesShape { match_labels, match_expressions }) = &shape.attributes {
            let at = join(at, "attributes");
            let path = format!("{path}.attributes");
            for (key, value) in match_labels.iter().flatten() {
                let at = join(&join(&at, "matchLabels"), key);
                if let Some((what, rule)) = Map::Attributes.key_problem(key) {
                    let message = format!("{} is not {what}", quoted(key));
                    self.findings.key(Code::MeaningName, &at, message, Some(&write(rule)));
                }
                if let Some((what, rule)) = Map::Attributes.value_problem(value) {
                    let message = format!("{} is not {what}", quoted(value));
                    self.findings.value(Code::MeaningName, &at, message, Some(&write(rule)));
                }
                let operator = Operator::In([value.clone()].into());
                let test = Test::ThingAttribute(Requirement { key: key.clone(), operator });
                clauses.push(Clause { path: format!("{path}.matchLabels.{key}"), test });
            }
            let at = join(&at, "matchExpressions");
            let path = format!("{path}.matchExpressions");
            self.expressions(&at, &path, Map::Attributes, match_expressions, clauses);
        }
    }

    /// Names of thing types or groups.
    fn names(&mut self, at: &str, names: &BTreeSet<String>, what: &str) {
        for name in names {
            if !is_status_key(name) {
                let message = format!("{} is not {what}", quoted(name));
                let help =
                    "write 1 to 128 letters, digits, ':', '_' and '-'; patterns are not read here";
                self.findings.item(Code::MeaningName, at, name, message, Some(help));
            }
        }
    }

    fn expressions(
        &mut self,
        at: &str,
        path: &str,
        map: Map,
        shapes: &[RequirementShape],
        clauses: &mut Vec<Clause>,
    ) {
        for (index, shape) in shapes.iter().enumerate() {
            let at = join(at, index);
            if let Some((what, rule)) = map.key_problem(&shape.key) {
                let message = format!("{} is not {what}", quoted(&shape.key));
                let code = Code::MeaningName;
                self.findings.value(code, join(&at, "key"), message, Some(&write(rule)));
            }
            for value in &shape.values {
                if let Some((what, rule)) = map.value_problem(value) {
                    let message = format!("{} is not {what}", quoted(value));
                    let at = join(&at, "values");
                    self.findings.item(Code::MeaningName, &at, value, message, Some(&write(rule)));
                }
            }
            let values = shape.values.clone();
            let operator = match shape.operator {
                OperatorShape::In => Operator::In(values),
                OperatorShape::NotIn => Operator::NotIn(values),
                OperatorShape::Exists => Operator::Exists,
                OperatorShape::DoesNotExist => Operator::DoesNotExist,
            };
            let takes_values = matches!(operator, Operator::In(_) | Operator::NotIn(_));
            if takes_values == shape.values.is_empty() {
                let (message, help) = if takes_values {
                    (
                        "`In` and `NotIn` need values",
                        "add `values: [...]`, or ask Exists or DoesNotExist",
                    )
                } else {
                    (
                        "`Exists` and `DoesNotExist` take no values",
                        "remove `values`, or ask In or NotIn",
                    )
                };
                let at = join(&at, "operator");
                self.findings.value(Code::MeaningOperator, at, message, Some(help));
            }
            let requirement = Requirement { key: shape.key.clone(), operator };
            let test = match map {
                Map::Attributes => Test::ThingAttribute(requirement),
                Map::StatusDetails => Test::StatusDetail(requirement),
            };
            clauses.push(Clause { path: format!("{path}[{index}]"), test });
        }
    }
}

fn write(rule: &str) -> String {
    format!("write {rule}")
}

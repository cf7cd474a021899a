//! Runs a checked expression over the facts of one execution.
//!
//! Left to right, and what fails ends it. Types were checked: what does not fit all the same is a
//! failure like any other, never an answer.

use super::node::{Loop, LoopKind, Node, Search};
use super::values::{MISFIT, OUT_OF_RANGE, calculate, call, compare, is_in};
use super::{Expression, Facts, Failure, Field, Outcome, Value};
use crate::fact::Fact;

const NO_REVISION: Failure = Failure::Other("no git repository tells `source.revision`");

/// Runs an expression, if every fact that it touches was read.
pub(super) fn run<'a>(expression: &'a Expression, facts: &'a dyn Facts) -> Outcome<'a> {
    let mut not_read = None;
    for field in &expression.fields {
        match facts.fact(*field) {
            // No later read could settle it, so that none is worth a call.
            Fact::Unreadable(why) => return Outcome::Unreadable(*field, why),
            Fact::NotRead => not_read = not_read.or(Some(*field)),
            Fact::Known(_) | Fact::Absent => {}
        }
    }
    if let Some(field) = not_read {
        return Outcome::NotRead(field);
    }
    let mut runner = Runner { facts, variables: Vec::new(), element: None };
    // In order, so that the depth of the stack is that of one expression and each is run once.
    if let Some(last) = expression.used.last() {
        runner.variables.resize(last + 1, None);
    }
    for index in &expression.used {
        let made =
            match expression.scope.variables.get(*index).and_then(|it| it.expression.as_ref()) {
                Some(made) => runner.run(&made.node),
                None => Err(MISFIT),
            };
        runner.variables[*index] = Some(made);
    }
    match runner.run(&expression.node) {
        Ok(value) => Outcome::Is(value),
        Err(failure) => Outcome::Failed(failure),
    }
}

struct Runner<'a> {
    facts: &'a dyn Facts,
    variables: Vec<Option<Result<Value<'a>, Failure>>>,
    element: Option<Value<'a>>,
}

type Ran<'a> = Result<Value<'a>, Failure>;

impl<'a> Runner<'a> {
    fn run(&mut self, node: &'a Node) -> Ran<'a> {
        Ok(match node {
            Node::Bool(value) => Value::Bool(*value),
            Node::Int(value) => Value::Int(*value),
            Node::Double(value) => Value::Double(*value),
            Node::Text(text) => Value::text(text),
            Node::Duration(value) => Value::Duration(*value),
            Node::Time(value) => Value::Time(*value),
            Node::Labels(labels) => Value::Pairs(labels),
            Node::Now => Value::Time(self.facts.now()),
            Node::NoRevision => return Err(NO_REVISION),
            Node::MaybeRevision(revision) => {
                let text = revision.as_deref().map(Value::text);
                Value::Optional(text.map(Box::new))
            }
            Node::Field(field) => self.field(*field)?.ok_or(Failure::Absent(*field))?,
            Node::MaybeField(field) => Value::Optional(self.field(*field)?.map(Box::new)),
            Node::HasField(field) => Value::Bool(self.field(*field)?.is_some()),
            Node::Variable(index) => {
                self.variables.get(*index).cloned().flatten().ok_or(MISFIT)??
            }
            Node::Element => self.element.clone().ok_or(MISFIT)?,
            Node::Key(map, key) => {
                let field = match **map {
                    Node::Field(field) => Some(field),
                    _ => None,
                };
                let (found, key) = self.key(map, key)?;
                found.ok_or(Failure::NoKey(field, key))?
            }
            Node::MaybeKey(map, key) => Value::Optional(self.key(map, key)?.0.map(Box::new)),
            Node::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.run(item)).collect();
                Value::List(items?.into())
            }
            Node::Not(of) => Value::Bool(!self.truth(of)?),
            Node::Negate(of) => match self.run(of)? {
                Value::Int(value) => Value::Int(value.checked_neg().ok_or(OUT_OF_RANGE)?),
                Value::Double(value) => Value::Double(-value),
                _ => return Err(MISFIT),
            },
            Node::And(a, b) => Value::Bool(self.truth(a)? && self.truth(b)?),
            Node::Or(a, b) => Value::Bool(self.truth(a)? || self.truth(b)?),
            Node::Choice(parts) => {
                let [test, then, otherwise] = &**parts;
                let chosen = if self.truth(test)? { then } else { otherwise };
                self.run(chosen)?
            }
            Node::Compare(how, a, b) => {
                let (a, b) = (self.run(a)?, self.run(b)?);
                Value::Bool(compare(*how, &a, &b)?)
            }
            Node::Calculate(how, a, b) => {
                let (a, b) = (self.run(a)?, self.run(b)?);
                calculate(*how, a, b)?
            }
            Node::In(what, within) => {
                let (what, within) = (self.run(what)?, self.run(within)?);
                Value::Bool(is_in(&what, &within)?)
            }
            Node::Call(function, of) => {
                let of = self.run(of)?;
                call(*function, of)?
            }
            Node::Search(how, within, what) => match (self.run(within)?, self.run(what)?) {
                (Value::Text(within), Value::Text(what)) => Value::Bool(match how {
                    Search::Contains => within.contains(&*what),
                    Search::StartsWith => within.starts_with(&*what),
                    Search::EndsWith => within.ends_with(&*what),
                }),
                _ => return Err(MISFIT),
            },
            Node::Matches(text, pattern) => match self.run(text)? {
                Value::Text(text) => Value::Bool(pattern.is_match(&text)),
                _ => return Err(MISFIT),
            },
            Node::OrValue(of, otherwise) => match self.run(of)? {
                Value::Optional(Some(value)) => *value,
                Value::Optional(None) => self.run(otherwise)?,
                _ => return Err(MISFIT),
            },
            Node::Loop(loops) => self.go_through(loops)?,
        })
    }

    /// A fact's value, none where it is absent.
    fn field(&self, field: Field) -> Result<Option<Value<'a>>, Failure> {
        match self.facts.fact(field) {
            Fact::Known(value) => Ok(Some(value)),
            Fact::Absent => Ok(None),
            // Asked before; nothing but a fact that changes while it is looked at comes here.
            Fact::NotRead | Fact::Unreadable(_) => Err(MISFIT),
        }
    }

    fn truth(&mut self, node: &'a Node) -> Result<bool, Failure> {
        match self.run(node)? {
            Value::Bool(value) => Ok(value),
            _ => Err(MISFIT),
        }
    }

    fn key(
        &mut self,
        map: &'a Node,
        key: &'a Node,
    ) -> Result<(Option<Value<'a>>, String), Failure> {
        match (self.run(map)?, self.run(key)?) {
            (Value::Pairs(pairs), Value::Text(key)) => match pairs.get(&*key) {
                Some(value) => Ok((Some(Value::text(value)), String::new())),
                None => Ok((None, key.into_owned())),
            },
            _ => Err(MISFIT),
        }
    }

    fn go_through(&mut self, loops: &'a Loop) -> Ran<'a> {
        let elements: Vec<Value<'a>> = match self.run(&loops.over)? {
            Value::List(items) => items.to_vec(),
            Value::Names(names) => names.iter().map(|name| Value::text(name)).collect(),
            Value::Pairs(pairs) => pairs.keys().map(|key| Value::text(key)).collect(),
            _ => return Err(MISFIT),
        };
        let mut kept = Vec::new();
        let mut found = 0_usize;
        for element in elements {
            self.element = Some(element.clone());
            let holds = match &loops.test {
                Some(test) => self.truth(test)?,
                None => true,
            };
            match loops.kind {
                LoopKind::All if !holds => return Ok(Value::Bool(false)),
                LoopKind::Exists if holds => return Ok(Value::Bool(true)),
                LoopKind::ExistsOne if holds => found += 1,
                LoopKind::Filter if holds => kept.push(element),
                LoopKind::Map if holds => {
                    kept.push(self.run(loops.make.as_ref().ok_or(MISFIT)?)?);
                }
                _ => {}
            }
        }
        self.element = None;
        Ok(match loops.kind {
            LoopKind::All => Value::Bool(true),
            LoopKind::Exists => Value::Bool(false),
            LoopKind::ExistsOne => Value::Bool(found == 1),
            LoopKind::Filter | LoopKind::Map => Value::List(kept.into()),
        })
    }
}

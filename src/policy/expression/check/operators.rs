//! The types of operators.
//!
//! Both sides of a comparison have one type. Text has no order here: `'9'` is more than `'10'`, and
//! what a device writes as a number would be compared so.

use std::sync::Arc;

use cel::common::ast::{IdedExpr, operators as sign};

use super::super::field::Field;
use super::super::node::{Comparison, Node, Operation};
use super::super::types::{Scalar, Type};
use super::{BOOL, Checker, DOUBLE, DURATION, INT, TEXT, TIME, Told, Typed};
use crate::span::Period;

/// The sign of an operator as it is written.
fn written(operator: &str) -> &str {
    match operator {
        sign::IN => "in",
        other => other.trim_matches('_'),
    }
}

impl Checker<'_> {
    /// An operator; none if the name is none of theirs.
    pub(super) fn operator(
        &mut self,
        part: &IdedExpr,
        name: &str,
        args: &[IdedExpr],
    ) -> Option<Result<Typed, Told>> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        use Operation::{Add, Divide, Multiply, Remainder, Subtract};
        let typed = match (name, args) {
            (sign::LOGICAL_AND, [a, b]) => self.logic(a, b, true),
            (sign::LOGICAL_OR, [a, b]) => self.logic(a, b, false),
            (sign::LOGICAL_NOT, [of]) => {
                let typed = self.truth(of);
                typed.map(|it| Typed::new(Node::Not(Box::new(it.node)), BOOL))
            }
            (sign::NEGATE, [of]) => self.negate(part, of),
            (sign::CONDITIONAL, [test, then, otherwise]) => {
                self.choice(part, test, then, otherwise)
            }
            (sign::EQUALS, [a, b]) => self.comparison(part, Equal, a, b),
            (sign::NOT_EQUALS, [a, b]) => self.comparison(part, NotEqual, a, b),
            (sign::LESS, [a, b]) => self.comparison(part, Less, a, b),
            (sign::LESS_EQUALS, [a, b]) => self.comparison(part, LessOrEqual, a, b),
            (sign::GREATER, [a, b]) => self.comparison(part, Greater, a, b),
            (sign::GREATER_EQUALS, [a, b]) => self.comparison(part, GreaterOrEqual, a, b),
            (sign::ADD, [a, b]) => self.calculation(part, Add, name, a, b),
            (sign::SUBSTRACT, [a, b]) => self.calculation(part, Subtract, name, a, b),
            (sign::MULTIPLY, [a, b]) => self.calculation(part, Multiply, name, a, b),
            (sign::DIVIDE, [a, b]) => self.calculation(part, Divide, name, a, b),
            (sign::MODULO, [a, b]) => self.calculation(part, Remainder, name, a, b),
            (sign::IN, [what, within]) => self.within(part, what, within),
            (sign::INDEX, [map, key]) => self.index(part, map, key),
            (sign::OPT_INDEX, [map, key]) => self.maybe_index(map, key),
            (sign::OPT_SELECT, [of, field]) => self.maybe_select(part, of, field),
            _ => return None,
        };
        Some(typed.ok_or(Told))
    }

    /// A part that has to be a bool.
    pub(super) fn truth(&mut self, part: &IdedExpr) -> Option<Typed> {
        let typed = self.check(part)?;
        if typed.ty != BOOL {
            let help = "compare it with something: `==`, `!=`, `<`, `in`, …";
            self.wrong(part, format!("bool is needed here; this is {}", typed.ty), help);
            return None;
        }
        Some(typed)
    }

    fn logic(&mut self, a: &IdedExpr, b: &IdedExpr, both: bool) -> Option<Typed> {
        let first = self.truth(a);
        let before = self.present.len();
        if let Some(first) = &first {
            present(&first.node, both, &mut self.present);
        }
        let second = self.truth(b);
        self.present.truncate(before);
        let (a, b) = (Box::new(first?.node), Box::new(second?.node));
        Some(Typed::new(if both { Node::And(a, b) } else { Node::Or(a, b) }, BOOL))
    }

    fn negate(&mut self, part: &IdedExpr, of: &IdedExpr) -> Option<Typed> {
        let typed = self.check(of)?;
        if typed.ty != INT && typed.ty != DOUBLE {
            self.wrong(part, format!("`-` before {}", typed.ty), "it takes int or double");
            return None;
        }
        Some(Typed::new(Node::Negate(Box::new(typed.node)), typed.ty))
    }

    fn choice(
        &mut self,
        part: &IdedExpr,
        test: &IdedExpr,
        then: &IdedExpr,
        otherwise: &IdedExpr,
    ) -> Option<Typed> {
        let test = self.truth(test);
        let before = self.present.len();
        if let Some(test) = &test {
            present(&test.node, true, &mut self.present);
        }
        let then = self.check(then);
        self.present.truncate(before);
        if let Some(test) = &test {
            present(&test.node, false, &mut self.present);
        }
        let otherwise = self.check(otherwise);
        self.present.truncate(before);
        let (test, then, otherwise) = (test?, then?, otherwise?);
        if then.ty != otherwise.ty {
            let message = format!("{} before the `:` and {} behind it", then.ty, otherwise.ty);
            self.wrong(part, message, "both have to have one type");
            return None;
        }
        let longest = then.longest.max(otherwise.longest);
        let ty = then.ty;
        let node = Node::Choice(Box::new([test.node, then.node, otherwise.node]));
        Some(Typed::new(node, ty).longest(longest))
    }

    /// One side of a comparison or subtraction: the only places for `now`.
    fn side(&mut self, part: &IdedExpr) -> Option<Typed> {
        match &part.expr {
            cel::common::ast::Expr::Ident(name) if name == "now" => {
                self.uses_now = true;
                Some(Typed::new(Node::Now, TIME))
            }
            _ => self.check(part),
        }
    }

    fn comparison(
        &mut self,
        part: &IdedExpr,
        how: Comparison,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Option<Typed> {
        let (a, b) = (self.side(left), self.side(right));
        let (a, b) = (a?, b?);
        if a.ty != b.ty {
            let message = format!("{} is compared with {}", a.ty, b.ty);
            self.wrong(part, message, to_one_type(a.ty, b.ty));
            return None;
        }
        let equality = matches!(how, Comparison::Equal | Comparison::NotEqual);
        let help = match a.ty {
            Type::List(_) | Type::Pairs => "ask with `in`, or with `exists` and `all`",
            Type::Optional(_) => "add what stands for a missing value: `.orValue('')`",
            Type::One(Scalar::Text) if !equality => {
                "'9' is more than '10'; write `int(…)`, `double(…)` or `timestamp(…)` around both"
            }
            Type::One(Scalar::Bool) if !equality => "write `==` or `!=`",
            Type::One(_) => "",
        };
        if !help.is_empty() {
            let what = if equality { "compared" } else { "put in order" };
            self.wrong(part, format!("{} cannot be {what}", a.ty), help);
            return None;
        }
        if let Some(values) = a.values {
            self.is_possible(values, &b.node, right);
        }
        if let Some(values) = b.values {
            self.is_possible(values, &a.node, left);
        }
        Some(Typed::new(Node::Compare(how, Box::new(a.node), Box::new(b.node)), BOOL))
    }

    fn calculation(
        &mut self,
        part: &IdedExpr,
        how: Operation,
        name: &str,
        a: &IdedExpr,
        b: &IdedExpr,
    ) -> Option<Typed> {
        use Operation::{Add, Remainder, Subtract};
        let (a, b) = if how == Subtract {
            (self.side(a), self.side(b))
        } else {
            (self.check(a), self.check(b))
        };
        let (a, b) = (a?, b?);
        let ty = match (how, a.ty, b.ty) {
            (_, INT, INT) => INT,
            (how, DOUBLE, DOUBLE) if how != Remainder => DOUBLE,
            (Add, TEXT, TEXT) => TEXT,
            (Add | Subtract, DURATION, DURATION) | (Subtract, TIME, TIME) => DURATION,
            (Add | Subtract, TIME, DURATION) | (Add, DURATION, TIME) => TIME,
            (_, first, second) => {
                let message = format!("`{}` between {first} and {second}", written(name));
                let span = as_span(&a).or_else(|| as_span(&b));
                match span.filter(|_| first == TIME || second == TIME) {
                    Some(span) => self.wrong(part, message, format!("write `{span}`")),
                    None => self.wrong(part, message, to_one_type(first, second)),
                }
                return None;
            }
        };
        let longest = a.longest + b.longest;
        let node = Node::Calculate(how, Box::new(a.node), Box::new(b.node));
        if ty == TEXT { self.joined(part, node, longest) } else { Some(Typed::new(node, ty)) }
    }

    fn within(&mut self, part: &IdedExpr, what: &IdedExpr, within: &IdedExpr) -> Option<Typed> {
        let (a, b) = (self.check(what), self.check(within));
        let (a, b) = (a?, b?);
        let fits = match b.ty {
            Type::Pairs => a.ty == TEXT,
            Type::List(scalar) => a.ty == Type::One(scalar),
            Type::One(_) | Type::Optional(_) => {
                let help = "write a list, `['a', 'b']`, or name a list or a map";
                let message = format!("`in` needs a list or a map; this is {}", b.ty);
                self.wrong(within, message, help);
                return None;
            }
        };
        if !fits {
            self.wrong(
                part,
                format!("{} is never in {}", a.ty, b.ty),
                "both have to have one type",
            );
            return None;
        }
        if let (Some(values), Node::List(items)) = (a.values, &b.node) {
            for item in items {
                self.is_possible(values, item, within);
            }
        }
        Some(Typed::new(Node::In(Box::new(a.node), Box::new(b.node)), BOOL))
    }

    /// The map and the key of `map[key]`.
    fn map_and_key(&mut self, map: &IdedExpr, key: &IdedExpr) -> Option<(Typed, Typed)> {
        let (of, with) = (self.check(map), self.check(key));
        let (of, with) = (of?, with?);
        if of.ty != Type::Pairs {
            let help = "maps have keys; ask a list with `in`, `exists` or `all`";
            self.wrong(map, format!("{} has no keys", of.ty), help);
            return None;
        }
        if with.ty != TEXT {
            let message = format!("the keys are string; this is {}", with.ty);
            self.wrong(key, message, "write the key in quotes");
            return None;
        }
        Some((of, with))
    }

    fn index(&mut self, part: &IdedExpr, map: &IdedExpr, key: &IdedExpr) -> Option<Typed> {
        let (map, key) = self.map_and_key(map, key)?;
        Some(self.key_of(part, map, key.node))
    }

    fn maybe_index(&mut self, map: &IdedExpr, key: &IdedExpr) -> Option<Typed> {
        let (map, key) = self.map_and_key(map, key)?;
        let longest = map.longest;
        let node = Node::MaybeKey(Box::new(map.node), Box::new(key.node));
        Some(Typed::new(node, Type::Optional(Scalar::Text)).longest(longest))
    }
}

/// The keys that are surely there where `node` is `holds`.
fn present(node: &Node, holds: bool, keys: &mut Vec<(Field, Arc<str>)>) {
    match (node, holds) {
        (Node::And(a, b), true) | (Node::Or(a, b), false) => {
            present(a, holds, keys);
            present(b, holds, keys);
        }
        (Node::Not(of), _) => present(of, !holds, keys),
        (Node::In(key, map), true) => {
            if let (Node::Text(key), Node::Field(field)) = (&**key, &**map) {
                keys.push((*field, Arc::clone(key)));
            }
        }
        _ => {}
    }
}

/// The duration that a text was meant to be, as it is written here.
fn as_span(typed: &Typed) -> Option<String> {
    let Node::Text(text) = &typed.node else { return None };
    let seconds = text.parse::<Period>().ok()?.get().as_secs();
    Some(match seconds {
        _ if seconds % 86_400 == 0 => format!("days({})", seconds / 86_400),
        _ if seconds % 3_600 == 0 => format!("duration('{}h')", seconds / 3_600),
        _ if seconds % 60 == 0 => format!("duration('{}m')", seconds / 60),
        _ => format!("duration('{seconds}s')"),
    })
}

/// How two types become one.
fn to_one_type(a: Type, b: Type) -> &'static str {
    let has = |ty| a == ty || b == ty;
    if matches!(a, Type::Optional(_)) || matches!(b, Type::Optional(_)) {
        "add what stands for a missing value: `.orValue('')`"
    } else if has(DURATION) && has(TEXT) {
        "write `duration('6h')` or `days(2)` for a duration"
    } else if has(TIME) && has(TEXT) {
        "write `timestamp('2027-01-01T00:00:00Z')` for a time"
    } else if has(TIME) && has(DURATION) {
        "an age is `now - execution.startedAt`"
    } else if has(DURATION) && has(INT) {
        "write `duration('6h')` or `days(2)` for a duration"
    } else if has(INT) && has(TEXT) {
        "put the number in quotes, or write `int(…)` around the text"
    } else if has(DOUBLE) && has(TEXT) {
        "put the number in quotes, or write `double(…)` around the text"
    } else if has(INT) && has(DOUBLE) {
        "write `double(…)` around the int, or the number with a point, like `1.0`"
    } else {
        "both have to have one type"
    }
}

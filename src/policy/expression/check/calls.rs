//! The types of functions and macros.
//!
//! These are all that there are; whatever else CEL has is refused by name. An argument that is written
//! out and can never be read, `duration('2d')`, is refused here and not where it is run.

use cel::common::ast::{CallExpr, IdedExpr};
use regex::RegexBuilder;

use super::super::node::{Function, Node, Part, Search};
use super::super::second;
use super::super::types::{Scalar, Type};
use super::super::values;
use super::loops::loop_of;
use super::{BOOL, Checker, DOUBLE, DURATION, INT, TEXT, TIME, Told, Typed};
use crate::document::words::{all_of, nearest, quoted};

/// Functions that are called as `name(…)`.
pub(in super::super) const GLOBAL: [&str; 9] =
    ["days", "double", "duration", "has", "humanize", "int", "size", "string", "timestamp"];

/// Functions that are called as `value.name(…)`.
pub(in super::super) const MEMBER: [&str; 22] = [
    "all",
    "contains",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "map",
    "matches",
    "orValue",
    "size",
    "startsWith",
];

/// The largest automaton of a pattern, in bytes: more than any pattern needs that a person can read.
const MAX_PATTERN: usize = 1024 * 1024;

fn part_of(name: &str) -> Option<Part> {
    Some(match name {
        "getDate" => Part::Date,
        "getDayOfMonth" => Part::DayOfMonth,
        "getDayOfWeek" => Part::DayOfWeek,
        "getDayOfYear" => Part::DayOfYear,
        "getFullYear" => Part::FullYear,
        "getHours" => Part::Hours,
        "getMilliseconds" => Part::Milliseconds,
        "getMinutes" => Part::Minutes,
        "getMonth" => Part::Month,
        "getSeconds" => Part::Seconds,
        _ => return None,
    })
}

impl Checker<'_> {
    pub(super) fn call(&mut self, part: &IdedExpr, call: &CallExpr) -> Option<Typed> {
        let name = call.func_name.as_str();
        match &call.target {
            None => match self.operator(part, name, &call.args) {
                Some(typed) => typed.ok(),
                None if name == "has" => self.has(part, &call.args),
                None if name == "size" => {
                    let [of] = self.arguments::<1>(part, name, &call.args)?;
                    self.size(part, of)
                }
                None if GLOBAL.contains(&name) => self.function(part, name, &call.args),
                None => self.unknown(part, name, false),
            },
            Some(_) if !MEMBER.contains(&name) => self.unknown(part, name, true),
            Some(target) => match loop_of(name) {
                Some(kind) => self.go_through(part, kind, target, &call.args),
                None => self.method(part, name, target, &call.args),
            },
        }
    }

    fn unknown(&mut self, part: &IdedExpr, name: &str, member: bool) -> Option<Typed> {
        let at = self.name_of_call(part, name);
        let (own, other) =
            if member { (&MEMBER[..], &GLOBAL[..]) } else { (&GLOBAL[..], &MEMBER[..]) };
        let all = || own.iter().chain(other).copied();
        // Also its beginning: `starts` for `startsWith`.
        let begins = |it: &&str| name.len() > 2 && it.starts_with(name);
        let help = if other.contains(&name) {
            if member {
                format!("write `{name}(…)`")
            } else {
                format!("write `value.{name}(…)`")
            }
        } else if let Some(near) = nearest(name, all()).or_else(|| all().find(begins)) {
            format!("did you mean `{near}`?")
        } else {
            format!("there are {}", all_of(own))
        };
        self.error(at, format!("there is no function {} here", quoted(name)), help);
        None
    }

    /// The arguments, if there are as many as wanted.
    pub(super) fn arguments<'e, const N: usize>(
        &mut self,
        part: &IdedExpr,
        name: &str,
        args: &'e [IdedExpr],
    ) -> Option<&'e [IdedExpr; N]> {
        let found = args.try_into().ok();
        if found.is_none() {
            let many = if N == 1 { "argument" } else { "arguments" };
            let message = format!("{} takes {N} {many}; there are {}", quoted(name), args.len());
            let help = match name {
                _ if part_of(name).is_some() => "a time is taken in UTC",
                _ => "write as many as it takes",
            };
            self.wrong(part, message, help);
        }
        found
    }

    fn size(&mut self, part: &IdedExpr, of: &IdedExpr) -> Option<Typed> {
        let typed = self.check(of)?;
        if !matches!(typed.ty, TEXT | Type::List(_) | Type::Pairs) {
            let help = "text, lists and maps have one";
            self.wrong(part, format!("{} has no size", typed.ty), help);
            return None;
        }
        Some(Typed::new(Node::Call(Function::Size, Box::new(typed.node)), INT))
    }

    fn function(&mut self, part: &IdedExpr, name: &str, args: &[IdedExpr]) -> Option<Typed> {
        let [arg] = self.arguments::<1>(part, name, args)?;
        let of = self.check(arg)?;
        let (function, ty) = match (name, of.ty) {
            ("string", TEXT | INT | BOOL | TIME) => (Function::String, TEXT),
            ("int", INT | TEXT) => (Function::Int, INT),
            ("double", DOUBLE | INT | TEXT) => (Function::Double, DOUBLE),
            ("duration", DURATION | TEXT) => (Function::Duration, DURATION),
            ("timestamp", TIME | TEXT) => (Function::Time, TIME),
            ("days", INT) => (Function::Days, DURATION),
            ("humanize", DURATION) => (Function::Humanize, TEXT),
            (name, ty) => {
                let help = match (name, ty) {
                    ("string", DURATION) => "write `humanize(…)`",
                    ("string", _) => "it takes int, bool, timestamp or string",
                    ("int", _) => "it takes string or int",
                    ("double", _) => "it takes string, int or double",
                    ("days", TEXT) => "write the number without quotes: `days(2)`",
                    ("days", _) => "it takes int: `days(2)`",
                    ("humanize", _) => "it takes a duration, like `now - execution.queuedAt`",
                    ("duration", INT) => "write `duration('6h')` or `days(2)`",
                    _ => "it takes string",
                };
                self.wrong(part, format!("{} does not take {ty}", quoted(name)), help);
                return None;
            }
        };
        self.differs |= function == Function::String && of.ty == TIME
            || matches!(&of.node, Node::Text(text) if !second::reads_alike(name, text));
        if let Some(constant) = self.constant(arg, function, &of.node) {
            return Some(Typed::new(constant.ok()?, ty));
        }
        let longest = if function == Function::String { of.longest } else { 64 };
        let node = Node::Call(function, Box::new(of.node));
        Some(Typed::new(node, ty).longest(longest))
    }

    /// The value of a function over something that is written out.
    fn constant(
        &mut self,
        arg: &IdedExpr,
        function: Function,
        of: &Node,
    ) -> Option<Result<Node, Told>> {
        let (made, what, help) = match (function, of) {
            (Function::Duration, Node::Text(text)) => (
                values::duration(text).map(Node::Duration),
                "a duration",
                "its units are h, m, s, ms, us and ns; for days, write `days(2)`",
            ),
            (Function::Time, Node::Text(text)) => (
                values::time(text).map(Node::Time),
                "a time",
                "write it with seconds and its zone, like '2027-01-01T00:00:00Z'",
            ),
            (Function::Days, Node::Int(count)) => {
                (values::days(*count).map(Node::Duration), "a number of days", "write fewer")
            }
            (Function::Int, Node::Text(text)) => {
                (text.parse().ok().map(Node::Int), "a whole number", "write the number itself")
            }
            (Function::Double, Node::Text(text)) => {
                let value = text.parse().ok().filter(|value: &f64| value.is_finite());
                (value.map(Node::Double), "a number", "write the number itself")
            }
            _ => return None,
        };
        if made.is_none() {
            let at = self.span(arg);
            let written = quoted(&self.source[at.clone()]);
            self.error(at, format!("{written} is not {what}"), help);
        }
        Some(made.ok_or(Told))
    }

    fn method(
        &mut self,
        part: &IdedExpr,
        name: &str,
        target: &IdedExpr,
        args: &[IdedExpr],
    ) -> Option<Typed> {
        match name {
            "size" => {
                self.arguments::<0>(part, name, args)?;
                self.size(part, target)
            }
            "contains" => self.search(part, name, Search::Contains, target, args),
            "startsWith" => self.search(part, name, Search::StartsWith, target, args),
            "endsWith" => self.search(part, name, Search::EndsWith, target, args),
            "matches" => self.matches(part, target, args),
            "hasValue" => {
                self.arguments::<0>(part, name, args)?;
                let (of, _) = self.optional(part, name, target)?;
                Some(Typed::new(Node::Call(Function::HasValue, Box::new(of.node)), BOOL))
            }
            "orValue" => {
                let [arg] = self.arguments::<1>(part, name, args)?;
                let (of, otherwise) = (self.optional(part, name, target), self.check(arg));
                let ((of, scalar), otherwise) = (of?, otherwise?);
                if otherwise.ty != Type::One(scalar) {
                    let message = format!("{} instead of {}", otherwise.ty, Type::One(scalar));
                    self.wrong(arg, message, "what stands for a value has its type");
                    return None;
                }
                let longest = of.longest.max(otherwise.longest);
                let node = Node::OrValue(Box::new(of.node), Box::new(otherwise.node));
                Some(Typed::new(node, Type::One(scalar)).longest(longest))
            }
            _ => {
                let get = part_of(name)?;
                self.arguments::<0>(part, name, args)?;
                let of = self.check(target)?;
                let whole = matches!(get, Part::Hours | Part::Minutes | Part::Seconds);
                if of.ty != TIME && !(of.ty == DURATION && whole) {
                    let help = "times have all parts; durations have hours, minutes and seconds";
                    self.wrong(part, format!("{} of {}", quoted(name), of.ty), help);
                    return None;
                }
                // The crate takes the parts of a time in the zone in which it was written.
                self.differs |= of.ty == TIME && !matches!(of.node, Node::Field(_) | Node::Now);
                Some(Typed::new(Node::Call(Function::Get(get), Box::new(of.node)), INT))
            }
        }
    }

    fn optional(
        &mut self,
        part: &IdedExpr,
        name: &str,
        target: &IdedExpr,
    ) -> Option<(Typed, Scalar)> {
        let of = self.check(target)?;
        let Type::Optional(scalar) = of.ty else {
            let help = "it follows `map[?'key']`, `map.?key` or `thing.?type`";
            self.wrong(part, format!("{} of {}", quoted(name), of.ty), help);
            return None;
        };
        Some((of, scalar))
    }

    /// The text and the argument of a function over text.
    fn of_text(
        &mut self,
        part: &IdedExpr,
        name: &str,
        target: &IdedExpr,
        args: &[IdedExpr],
    ) -> Option<(Typed, Typed)> {
        let [arg] = self.arguments::<1>(part, name, args)?;
        let (of, what) = (self.check(target), self.check(arg));
        let (of, what) = (of?, what?);
        for (typed, part) in [(&of, target), (&what, arg)] {
            if typed.ty != TEXT {
                let help = match typed.ty {
                    Type::List(_) => "ask a list with `in`, or with `exists`",
                    _ => "it is for text",
                };
                self.wrong(part, format!("{} with {}", quoted(name), typed.ty), help);
                return None;
            }
        }
        Some((of, what))
    }

    fn search(
        &mut self,
        part: &IdedExpr,
        name: &str,
        how: Search,
        target: &IdedExpr,
        args: &[IdedExpr],
    ) -> Option<Typed> {
        let (of, what) = self.of_text(part, name, target, args)?;
        Some(Typed::new(Node::Search(how, Box::new(of.node), Box::new(what.node)), BOOL))
    }

    fn matches(&mut self, part: &IdedExpr, target: &IdedExpr, args: &[IdedExpr]) -> Option<Typed> {
        let (of, what) = self.of_text(part, "matches", target, args)?;
        let [arg] = self.arguments::<1>(part, "matches", args)?;
        let Node::Text(pattern) = &what.node else {
            self.wrong(arg, "a pattern that is not written out", "write it in quotes: '^a.*z$'");
            return None;
        };
        match RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build() {
            Ok(pattern) => Some(Typed::new(Node::Matches(Box::new(of.node), pattern), BOOL)),
            Err(error) => {
                let help = match error {
                    regex::Error::CompiledTooBig(_) => "it is too large: write a smaller one",
                    _ => {
                        "it is RE2's syntax: `^` and `$` for the ends, `\\\\d` for a digit, no look-around"
                    }
                };
                self.wrong(arg, format!("{} is not a pattern", quoted(pattern)), help);
                None
            }
        }
    }
}

//! The macros that go through a list or the keys of a map.

use cel::common::ast::{Expr, IdedExpr};

use super::super::node::{Loop, LoopKind, Node};
use super::super::types::{Scalar, Type};
use super::{BOOL, Checker, ROOTS, Typed};
use crate::document::words::quoted;

pub(super) fn loop_of(name: &str) -> Option<LoopKind> {
    Some(match name {
        "all" => LoopKind::All,
        "exists" => LoopKind::Exists,
        "exists_one" => LoopKind::ExistsOne,
        "filter" => LoopKind::Filter,
        "map" => LoopKind::Map,
        _ => return None,
    })
}

impl Checker<'_> {
    pub(super) fn go_through(
        &mut self,
        part: &IdedExpr,
        kind: LoopKind,
        target: &IdedExpr,
        args: &[IdedExpr],
    ) -> Option<Typed> {
        let Expr::Call(call) = &part.expr else { return None };
        let name = call.func_name.as_str();
        if self.element.is_some() {
            let help = "put the inner one into `variables`, or ask with `in`";
            self.wrong(part, format!("{} inside another", quoted(name)), help);
            return None;
        }
        let (element, test, make) = match (kind, args) {
            (LoopKind::Map, [element, make]) => (element, None, Some(make)),
            (LoopKind::Map, [element, test, make]) => (element, Some(test), Some(make)),
            (_, [element, test]) => (element, Some(test), None),
            _ => {
                let help = format!("write `list.{name}(item, item == 'a')`");
                self.wrong(part, format!("{} takes a name and what is asked", quoted(name)), help);
                return None;
            }
        };
        let Expr::Ident(given) = &element.expr else {
            self.wrong(element, "this has to be a name", "write one that is not used yet: `item`");
            return None;
        };
        if ROOTS.contains(&given.as_str()) || given == "now" || given.starts_with('.') {
            let help = "write one that is not used yet: `item`";
            self.wrong(element, format!("{} is taken", quoted(given)), help);
            return None;
        }
        let over = self.check(target)?;
        let scalar = match over.ty {
            Type::List(scalar) => scalar,
            Type::Pairs => Scalar::Text,
            ty => {
                let help = "a list has elements, and a map keys";
                self.wrong(target, format!("{ty} has no elements"), help);
                return None;
            }
        };
        if matches!(over.node, Node::Loop(_)) {
            let help = "put both into one: `list.exists(item, item != 'a' && item != 'b')`";
            self.wrong(part, format!("{} behind another", quoted(name)), help);
            return None;
        }
        self.element = Some((given.clone(), Type::One(scalar), over.longest));
        let test = test.map(|test| self.truth(test));
        let make = make.map(|make| (make, self.check(make)));
        self.element = None;
        let test = match test {
            Some(test) => Some(test?.node),
            None => None,
        };
        let (ty, longest, make) = match make {
            Some((at, made)) => {
                let made = made?;
                let Type::One(scalar) = made.ty else {
                    self.wrong(at, format!("{} in a list", made.ty), "lists hold single values");
                    return None;
                };
                (Type::List(scalar), made.longest, Some(made.node))
            }
            None if kind == LoopKind::Filter => (Type::List(scalar), over.longest, None),
            None => (BOOL, 64, None),
        };
        let node = Node::Loop(Box::new(Loop { kind, over: over.node, test, make }));
        Some(Typed::new(node, ty).longest(longest))
    }
}

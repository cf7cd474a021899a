//! Gives every part of an expression a type, or says what is wrong with it and where.
//!
//! It walks the parser's tree and makes the one that is run. The crate itself would take
//! `"a" != 1` for true and `duration('1h') == '1h'` for false without a word; here both are errors. All
//! that is wrong is told at once; a part that is wrong has no type, and what stands around it is not
//! blamed for that.
//!
//! `names` knows what names stand for, `calls` functions, `loops` macros, `operators` operators, `spans`
//! where things are written.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SourceInfo};

use super::field::Field;
use super::node::Node;
use super::scan::Scan;
use super::types::{Scalar, Type};
use super::{Expression, Findings, MAX_TEXT, Problem, Scope, Wanted, parse, second};
use crate::document::words::{any_of, nearest, quoted};

pub(super) mod calls;
mod loops;
mod names;
mod operators;
mod spans;

const TEXT: Type = Type::One(Scalar::Text);
const BOOL: Type = Type::One(Scalar::Bool);
const INT: Type = Type::One(Scalar::Int);
const DOUBLE: Type = Type::One(Scalar::Double);
const DURATION: Type = Type::One(Scalar::Duration);
const TIME: Type = Type::One(Scalar::Time);

/// The names that have fields.
const ROOTS: [&str; 6] = ["execution", "job", "thing", "policy", "source", "variables"];

/// A part of an expression that is in order.
struct Typed {
    node: Node,
    ty: Type,
    /// The most bytes of a text in it.
    longest: usize,
    /// All values that it can have, if AWS has a closed list of them.
    values: Option<&'static [&'static str]>,
}

impl Typed {
    fn new(node: Node, ty: Type) -> Self {
        Self { node, ty, longest: 64, values: None }
    }

    fn longest(mut self, longest: usize) -> Self {
        self.longest = longest;
        self
    }
}

/// It is wrong, and that was told.
struct Told;

struct Checker<'a> {
    source: &'a str,
    info: &'a SourceInfo,
    scan: &'a Scan,
    scope: &'a Scope,
    findings: &'a mut Findings,
    fields: BTreeSet<Field>,
    used: BTreeSet<usize>,
    uses_now: bool,
    uses_revision: bool,
    /// Whether the crate has something otherwise, so that its answer says nothing.
    differs: bool,
    /// The element of the loop around: its name, type and length.
    element: Option<(String, Type, usize)>,
    /// Keys that were asked for on the way here: a map's fact, and a key that it surely has.
    present: Vec<(Field, Arc<str>)>,
}

/// Reads and checks an expression.
pub(super) fn compile(
    text: &str,
    wanted: Wanted,
    scope: &Scope,
    findings: &mut Findings,
) -> Option<Expression> {
    let parsed = match parse::parse(text) {
        Ok(parsed) => parsed,
        Err(problem) => {
            findings.errors.push(problem);
            return None;
        }
    };
    let before = findings.errors.len();
    let mut checker = Checker {
        source: text,
        info: parsed.program.source_info(),
        scan: &parsed.scan,
        scope,
        findings,
        fields: BTreeSet::new(),
        used: BTreeSet::new(),
        uses_now: false,
        uses_revision: false,
        differs: false,
        element: None,
        present: Vec::new(),
    };
    let root = parsed.program.expression();
    let typed = checker.check(root)?;
    checker.is_wanted(&typed, wanted, root);
    let Checker { mut fields, mut used, mut uses_now, mut uses_revision, mut differs, .. } =
        checker;
    if findings.errors.len() > before {
        return None;
    }
    for index in used.clone() {
        let expression = scope.variables.get(index).and_then(|it| it.expression.as_ref())?;
        fields.extend(&expression.fields);
        used.extend(&expression.used);
        uses_now |= expression.uses_now;
        uses_revision |= expression.uses_revision;
        differs |= expression.second.is_none();
    }
    let second = if differs { None } else { second::Second::new(text).map(Arc::new) };
    Some(Expression {
        text: text.to_owned(),
        node: typed.node,
        ty: typed.ty,
        longest: typed.longest,
        fields: fields.into_iter().collect(),
        scope: scope.clone(),
        used,
        uses_now,
        uses_revision,
        second,
    })
}

impl Checker<'_> {
    fn error(&mut self, at: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.findings.errors.push(Problem::new(at, message, help));
    }

    /// Something wrong with a part as a whole.
    fn wrong(&mut self, part: &IdedExpr, message: impl Into<String>, help: impl Into<String>) {
        let at = self.span(part);
        self.error(at, message, help);
    }

    fn is_wanted(&mut self, typed: &Typed, wanted: Wanted, root: &IdedExpr) {
        let (ty, help) = match wanted {
            Wanted::Anything if matches!(typed.ty, Type::Optional(_)) => {
                (TEXT, "add what stands for a missing value: `.orValue('')`")
            }
            Wanted::Condition if typed.ty != BOOL => {
                (BOOL, "compare it with something: `==`, `!=`, `<`, `in`, …")
            }
            Wanted::Text if typed.ty != TEXT => (TEXT, self.as_text(typed.ty)),
            _ => return,
        };
        let message = match wanted {
            Wanted::Condition => format!("a condition must be {ty}; this is {}", typed.ty),
            Wanted::Text => format!("what is filled in must be {ty}; this is {}", typed.ty),
            Wanted::Anything => format!("a variable cannot be {}", typed.ty),
        };
        self.wrong(root, message, help);
    }

    #[expect(clippy::unused_self, reason = "reads as the other questions do")]
    fn as_text(&self, ty: Type) -> &'static str {
        match ty {
            DURATION => "write `humanize(…)` around it",
            Type::One(_) => "write `string(…)` around it",
            Type::Optional(_) => "add what stands for a missing value: `.orValue('')`",
            Type::List(_) | Type::Pairs => "name one value of it",
        }
    }

    fn check(&mut self, part: &IdedExpr) -> Option<Typed> {
        match &part.expr {
            Expr::Literal(literal) => self.literal(part, literal),
            Expr::Ident(name) => self.name(part, name),
            Expr::Select(select) => self.select(part, select),
            Expr::Call(call) => self.call(part, call),
            Expr::List(list) => self.list(part, &list.elements, &list.optional_indices),
            Expr::Map(_) => {
                let help = "write out what it is for, with `==` and `||`";
                self.wrong(part, "maps cannot be written in an expression", help);
                None
            }
            Expr::Struct(_) => {
                let help = "name facts, like `execution.status`";
                self.wrong(part, "messages cannot be made in an expression", help);
                None
            }
            Expr::Comprehension(_) | Expr::Unspecified => {
                self.wrong(part, "this cannot be read", "write it more plainly");
                None
            }
        }
    }

    fn literal(&mut self, part: &IdedExpr, literal: &LiteralValue) -> Option<Typed> {
        let refused = match literal {
            LiteralValue::Boolean(value) => {
                return Some(Typed::new(Node::Bool(*value.inner()), BOOL));
            }
            LiteralValue::Int(value) => return Some(Typed::new(Node::Int(*value.inner()), INT)),
            // One that is too large for a double is nothing that the parser understands.
            LiteralValue::Double(value) => {
                return Some(Typed::new(Node::Double(*value.inner()), DOUBLE));
            }
            LiteralValue::String(text) => {
                let text = text.inner();
                return Some(Typed::new(Node::Text(text.into()), TEXT).longest(text.len()));
            }
            LiteralValue::Null => ("nothing here is ever null", "ask `has(…)`, or `'key' in map`"),
            LiteralValue::UInt(_) => ("unsigned numbers are not used", "leave out the `u`"),
            LiteralValue::Bytes(_) => ("bytes are not used", "leave out the `b`: write text"),
        };
        self.wrong(part, refused.0, refused.1);
        None
    }

    /// A name that stands by itself.
    fn name(&mut self, part: &IdedExpr, name: &str) -> Option<Typed> {
        if let Some((_, ty, longest)) =
            self.element.as_ref().filter(|(element, ..)| element == name)
        {
            return Some(Typed::new(Node::Element, *ty).longest(*longest));
        }
        if name == "now" {
            let help =
                "write `now - execution.queuedAt > duration('6h')`, or compare it with a time";
            self.wrong(part, "`now` can only be compared, or be subtracted from and by", help);
        } else if ROOTS.contains(&name) {
            let fields = self.fields_of(name);
            let help = if !self.has_root(name) {
                format!("leave it out: a guard has no {}", quoted(name))
            } else if fields.is_empty() {
                "it has no fields here".to_owned()
            } else {
                format!("name a field of it: {}", fields.join(", "))
            };
            self.wrong(part, format!("{} is not a value", quoted(name)), help);
        } else {
            let roots = ROOTS.into_iter().filter(|root| self.has_root(root));
            let names = roots.chain(["now"]).collect::<Vec<_>>();
            let near = nearest(name, names.iter().copied()).map(str::to_owned);
            let help = if let Some(near) = near.or_else(|| self.called(name)) {
                format!("did you mean `{near}`?")
            } else {
                format!(
                    "there are {}; text stands in quotes",
                    crate::document::words::all_of(&names)
                )
            };
            self.wrong(part, format!("there is no {}", quoted(name)), help);
        }
        None
    }

    fn list(&mut self, part: &IdedExpr, items: &[IdedExpr], optional: &[usize]) -> Option<Typed> {
        if !optional.is_empty() {
            self.wrong(part, "optional elements are not used", "leave out the `?`");
            return None;
        }
        if items.is_empty() {
            self.wrong(part, "an empty list", "write what is in it: nothing ever is in this one");
            return None;
        }
        let items: Vec<_> = items.iter().map(|item| (item, self.check(item))).collect();
        let mut nodes = Vec::new();
        let mut of = None;
        let mut longest = 0;
        for (item, typed) in items {
            let typed = typed?;
            let Type::One(scalar) = typed.ty else {
                self.wrong(item, format!("{} in a list", typed.ty), "lists hold single values");
                return None;
            };
            if *of.get_or_insert(scalar) != scalar {
                let first = Type::One(of.unwrap_or(scalar));
                let message = format!("{} in a list of {first}", typed.ty);
                self.wrong(item, message, "all of a list have one type");
                return None;
            }
            longest = longest.max(typed.longest);
            nodes.push(typed.node);
        }
        Some(Typed::new(Node::List(nodes), Type::List(of?)).longest(longest))
    }

    /// A text put together, if it cannot become too long.
    fn joined(&mut self, part: &IdedExpr, node: Node, longest: usize) -> Option<Typed> {
        if longest > MAX_TEXT {
            let message = format!("a text of up to {longest} bytes; at most {MAX_TEXT}");
            self.wrong(part, message, "put fewer texts together");
            return None;
        }
        Some(Typed::new(node, TEXT).longest(longest))
    }

    /// Refuses a text that AWS never has there: it would exclude nothing, in silence.
    fn is_possible(&mut self, values: &[&str], node: &Node, part: &IdedExpr) {
        let Node::Text(text) = node else { return };
        if values.contains(&&**text) {
            return;
        }
        let help = match nearest(text, values.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("it can be {}", any_of(values)),
        };
        self.wrong(part, format!("it is never {}", quoted(text)), help);
    }
}

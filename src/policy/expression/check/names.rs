//! What dotted names stand for: facts, what is known of the document, variables; and the keys of maps.
//! Each in its three forms, `thing.type`, `has(thing.type)` and `thing.?type`.

use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SelectExpr};

use super::super::field::Field;
use super::super::node::Node;
use super::super::types::{Scalar, Type};
use super::super::{Problem, Revision};
use super::{BOOL, Checker, ROOTS, TEXT, Told, Typed};
use crate::document::words::{nearest, quoted};

/// What git tells of the file, if it does.
const REVISION: &str = "source.revision";

impl Checker<'_> {
    /// What a last name most likely stands for: `execution.status` for `status`, or for `staus`.
    pub(super) fn called(&self, name: &str) -> Option<String> {
        let all = self.all_fields();
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let lasts: Vec<_> = all.iter().map(|path| last(path)).collect();
        let same = lasts.iter().find(|it| *it == name).map(String::as_str);
        let meant = same.or_else(|| nearest(name, lasts.iter().map(String::as_str)))?;
        let at = lasts.iter().position(|it| it == meant)?;
        all.into_iter().nth(at)
    }

    /// Whether there is such a root at all: a guard has no policy, and no variables.
    pub(super) fn has_root(&self, root: &str) -> bool {
        let is_of_policy = self.scope.texts.contains_key("policy.name");
        is_of_policy || !["policy", "variables"].contains(&root)
    }

    /// All that begins with a name, as it is written.
    pub(super) fn fields_of(&self, root: &str) -> Vec<String> {
        let prefix = format!("{root}.");
        self.all_fields().into_iter().filter(|name| name.starts_with(&prefix)).collect()
    }

    fn all_fields(&self) -> Vec<String> {
        let fields = Field::ALL.iter().map(|field| field.path().to_owned());
        let texts = self.scope.texts.keys().map(|&name| name.to_owned());
        let labels = self.scope.labels.iter().map(|_| "policy.labels".to_owned());
        let variables = self.scope.variables.iter().map(|it| format!("variables.{}", it.name));
        let is_named = !matches!(self.scope.revision, Revision::NotNamed);
        let revision = is_named.then(|| REVISION.to_owned());
        fields.chain(texts).chain(revision).chain(labels).chain(variables).collect()
    }

    /// The dotted name that a part is: `execution.status`.
    pub(super) fn path(part: &IdedExpr) -> Option<String> {
        match &part.expr {
            // The name of an element is none of them: these are taken.
            Expr::Ident(name) => ROOTS.contains(&name.as_str()).then(|| name.clone()),
            Expr::Select(select) => {
                Self::path(&select.operand).map(|path| format!("{path}.{}", select.field))
            }
            _ => None,
        }
    }

    /// What is known of the revision, if a dotted name is that and can be.
    fn revision(&mut self, path: &str) -> Option<Revision> {
        let is_named = !matches!(self.scope.revision, Revision::NotNamed);
        (path == REVISION && is_named).then(|| {
            self.uses_revision = true;
            self.scope.revision.clone()
        })
    }

    /// What a dotted name stands for; none if it stands for nothing.
    pub(super) fn resolve(&mut self, path: &str) -> Option<Result<Typed, Told>> {
        if let Some(field) = Field::named(path) {
            return Some(Ok(self.fact(field)));
        }
        if let Some(revision) = self.revision(path) {
            let text = revision.text();
            let longest = text.as_ref().map_or(0, |text| text.len());
            let node = text.map_or(Node::NoRevision, Node::Text);
            return Some(Ok(Typed::new(node, TEXT).longest(longest)));
        }
        if let Some(text) = self.scope.texts.get(path) {
            let node = Node::Text(text.as_str().into());
            return Some(Ok(Typed::new(node, TEXT).longest(text.len())));
        }
        if let (Some(labels), "policy.labels") = (&self.scope.labels, path) {
            let longest = labels.values().map(String::len).max().unwrap_or_default();
            let node = Node::Labels(Arc::clone(labels));
            return Some(Ok(Typed::new(node, Type::Pairs).longest(longest)));
        }
        let name = path.strip_prefix("variables.")?;
        let index = self.scope.variables.iter().position(|it| it.name == name)?;
        // A variable that is wrong was told where it stands.
        let Some(expression) = &self.scope.variables[index].expression else {
            return Some(Err(Told));
        };
        self.used.insert(index);
        let typed = Typed::new(Node::Variable(index), expression.ty);
        Some(Ok(typed.longest(expression.longest)))
    }

    pub(super) fn fact(&mut self, field: Field) -> Typed {
        self.fields.insert(field);
        let mut typed = Typed::new(Node::Field(field), field.ty()).longest(field.longest());
        typed.values = field.values();
        typed
    }

    pub(super) fn select(&mut self, part: &IdedExpr, select: &SelectExpr) -> Option<Typed> {
        if let Some(path) = Self::path(part) {
            if let Some(found) = self.resolve(&path) {
                return found.ok();
            }
            let of = Self::path(&select.operand).unwrap_or_default();
            if !self.fields_of(&path).is_empty() {
                let help = format!("name a field of it: {}", self.fields_of(&path).join(", "));
                self.wrong(part, format!("{} is not a value", quoted(&path)), help);
                return None;
            }
            let is_root = ROOTS.contains(&of.as_str());
            if is_root || !self.fields_of(&of).is_empty() {
                self.no_field(part, &of, &path);
                return None;
            }
        }
        let map = self.check(&select.operand)?;
        if map.ty != Type::Pairs {
            let message = format!("{} has no fields, and so no {}", map.ty, quoted(&select.field));
            self.wrong(part, message, "a map has, and `execution`, `job`, `thing`");
            return None;
        }
        let key = Node::Text(select.field.as_str().into());
        Some(self.key_of(part, map, key))
    }

    /// `has(thing.type)`, `has(execution.statusDetails.phase)`.
    pub(super) fn has(&mut self, part: &IdedExpr, args: &[IdedExpr]) -> Option<Typed> {
        let [of] = self.arguments::<1>(part, "has", args)?;
        let Expr::Select(select) = &of.expr else {
            let help = "write `has(thing.type)`; for a key in quotes, `'key' in map`";
            self.wrong(of, "`has` needs a field", help);
            return None;
        };
        if let Some(field) = Self::path(of).as_deref().and_then(Field::named) {
            self.fact(field);
            return Some(Typed::new(Node::HasField(field), BOOL));
        }
        let path = Self::path(of);
        if let Some(revision) = path.as_deref().and_then(|path| self.revision(path)) {
            return Some(Typed::new(Node::Bool(revision.text().is_some()), BOOL));
        }
        if let Some(path) = Self::path(of)
            && Self::path(&select.operand).is_some_and(|root| ROOTS.contains(&root.as_str()))
        {
            if self.resolve(&path).is_some() {
                let help = "leave it out: this is always there";
                self.wrong(of, format!("`has` of {}", quoted(&path)), help);
                return None;
            }
            // Says that there is no such field.
            return self.check(of);
        }
        let map = self.check(&select.operand)?;
        if map.ty != Type::Pairs {
            self.wrong(of, format!("{} has no fields", map.ty), "maps have");
            return None;
        }
        let key = Node::Text(select.field.as_str().into());
        Some(Typed::new(Node::In(Box::new(key), Box::new(map.node)), BOOL))
    }

    /// `thing.?type`, `execution.statusDetails.?phase`.
    pub(super) fn maybe_select(
        &mut self,
        part: &IdedExpr,
        of: &IdedExpr,
        field: &IdedExpr,
    ) -> Option<Typed> {
        let Expr::Literal(LiteralValue::String(name)) = &field.expr else {
            return None;
        };
        let name = name.inner();
        if let Some(path) = Self::path(of) {
            let whole = format!("{path}.{name}");
            if let Some(field) = Field::named(&whole) {
                let Type::One(scalar) = field.ty() else {
                    let help = "a map or a list that was read is there, possibly empty: write `.`";
                    self.wrong(part, format!("`.?` before {}", field.ty()), help);
                    return None;
                };
                let typed = self.fact(field);
                let node = Node::MaybeField(field);
                return Some(Typed { node, ty: Type::Optional(scalar), ..typed });
            }
            if let Some(revision) = self.revision(&whole) {
                let text = revision.text();
                let longest = text.as_ref().map_or(0, |text| text.len());
                let node = Node::MaybeRevision(text);
                return Some(Typed::new(node, Type::Optional(Scalar::Text)).longest(longest));
            }
            if !self.fields_of(&path).is_empty() {
                self.no_field(part, &path, &whole);
                return None;
            }
        }
        let map = self.check(of)?;
        if map.ty != Type::Pairs {
            self.wrong(part, format!("{} has no fields", map.ty), "maps have");
            return None;
        }
        let longest = map.longest;
        let node = Node::MaybeKey(Box::new(map.node), Box::new(Node::Text(name.into())));
        Some(Typed::new(node, Type::Optional(Scalar::Text)).longest(longest))
    }

    fn no_field(&mut self, part: &IdedExpr, of: &str, path: &str) {
        let names = self.fields_of(of);
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let wanted = last(path);
        let lasts: Vec<String> = names.iter().map(|name| last(name)).collect();
        let help = match nearest(&wanted, lasts.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{of}.{near}`?"),
            None if !self.has_root(of) => format!("leave it out: a guard has no {}", quoted(of)),
            None => match self.called(&wanted) {
                Some(elsewhere) => format!("did you mean `{elsewhere}`?"),
                None if of == "variables" => {
                    "write it into `variables`, before it is used".to_owned()
                }
                None if names.is_empty() => "leave it out: it has no fields here".to_owned(),
                None => format!("there are {}", names.join(", ")),
            },
        };
        self.wrong(part, format!("there is no {}", quoted(path)), help);
    }

    /// `map[key]`, with a warning where nothing says that the key is there.
    pub(super) fn key_of(&mut self, part: &IdedExpr, map: Typed, key: Node) -> Typed {
        if let (Node::Field(field), Node::Text(name)) = (&map.node, &key) {
            let asked = self.present.iter().any(|(of, key)| of == field && key == name);
            if !asked {
                let path = field.path();
                let at = self.span(part);
                let message =
                    format!("where {path} has no key {}, this is not known", quoted(name));
                let help = format!(
                    "ask first, `'{name}' in {path} && …`, or say what stands for it, \
                     `{path}[?'{name}'].orValue('')`"
                );
                self.findings.warnings.push(Problem::new(at, message, help));
            }
        }
        let longest = map.longest;
        Typed::new(Node::Key(Box::new(map.node), Box::new(key)), TEXT).longest(longest)
    }
}

//! The query language of fleet indexing, as far as it is emulated: `field:value`, `*` and `?` in values,
//! quoted values, `<` `<=` `>` `>=`, `[a TO b]` and `{a TO b}`, `(a OR b)` after a field, AND, OR, NOT and
//! parentheses; two terms side by side are an AND (developer guide, "Query syntax").
//!
//! What is not indexed matches nothing: `NOT` of it matches.

use super::refusal::Refusal;
use super::registry::{Registry, Thing, stable_id};

/// What fleet indexing indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Indexing {
    /// Nothing: there is no index.
    Off,
    /// The registry.
    Registry,
    /// The registry and connectivity.
    #[default]
    Connectivity,
}

/// How deep a query may be nested: far beyond what AWS takes, and safe for the stack.
const DEPTH: usize = 64;

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Each thing.
    All,
    /// A field has a value.
    Term(String, Test),
    /// Not.
    Not(Box<Query>),
    /// All of them.
    And(Vec<Query>),
    /// One of them.
    Or(Vec<Query>),
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `*` stands for any text, `?` for one character.
    Like(String),
    /// This very text.
    Is(String),
    /// Between two bounds; whether each belongs to it.
    Range(Option<(String, bool)>, Option<(String, bool)>),
}

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut parser = Parser { rest: text };
        let query = parser.or(0)?;
        parser.skip();
        if parser.rest.is_empty() { Ok(query) } else { Err(parser.error()) }
    }

    /// Whether it has a term on connectivity.
    pub fn asks_for_connectivity(&self) -> bool {
        match self {
            Self::All => false,
            Self::Term(field, _) => field.starts_with("connectivity."),
            Self::Not(query) => query.asks_for_connectivity(),
            Self::And(all) | Self::Or(all) => all.iter().any(Self::asks_for_connectivity),
        }
    }

    /// Whether a thing is found.
    pub fn matches(&self, registry: &Registry, name: &str, thing: &Thing) -> bool {
        match self {
            Self::All => true,
            Self::Not(query) => !query.matches(registry, name, thing),
            Self::And(all) => all.iter().all(|query| query.matches(registry, name, thing)),
            Self::Or(all) => all.iter().any(|query| query.matches(registry, name, thing)),
            Self::Term(field, test) => {
                let is = |text: &str| test.holds(text);
                match field.as_str() {
                    "thingName" => is(name),
                    "thingId" => is(&stable_id(&format!("thing/{name}"))),
                    "thingTypeName" => thing.thing_type.as_deref().is_some_and(is),
                    "thingGroupNames" => {
                        registry.groups_of(name).into_iter().flatten().any(|group| is(group))
                    }
                    "connectivity.connected" => thing
                        .connectivity
                        .is_some_and(|it| is(if it.connected { "true" } else { "false" })),
                    "connectivity.timestamp" => thing
                        .connectivity
                        .and_then(|it| it.since)
                        .is_some_and(|since| is(&since.saturating_mul(1000).to_string())),
                    field => field
                        .strip_prefix("attributes.")
                        .and_then(|key| thing.attributes.get(key))
                        .is_some_and(|value| is(value)),
                }
            }
        }
    }
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Is(value) => value == text,
            Self::Like(pattern) => super::faults::matches(pattern, text),
            Self::Range(from, to) => {
                let above = from.as_ref().is_none_or(|(bound, closed)| {
                    let order = compare(text, bound);
                    order.is_gt() || (*closed && order.is_eq())
                });
                let below = to.as_ref().is_none_or(|(bound, closed)| {
                    let order = compare(text, bound);
                    order.is_lt() || (*closed && order.is_eq())
                });
                above && below
            }
        }
    }
}

/// As numbers if both are some, else as texts.
fn compare(a: &str, b: &str) -> std::cmp::Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn error(&self) -> Refusal {
        let near: String = self.rest.chars().take(20).collect();
        Refusal::InvalidQuery(format!("The query cannot be read at '{near}'."))
    }

    /// Takes a word in capitals that stands alone.
    fn word(&mut self, word: &str) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        let alone = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '(');
        if alone {
            self.rest = rest;
        }
        alone
    }

    fn sign(&mut self, sign: &str) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(sign) else { return false };
        self.rest = rest;
        true
    }

    fn or(&mut self, depth: usize) -> Result<Query, Refusal> {
        let mut all = vec![self.and(depth)?];
        while self.word("OR") {
            all.push(self.and(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Query::Or(all) })
    }

    fn and(&mut self, depth: usize) -> Result<Query, Refusal> {
        let mut all = vec![self.not(depth)?];
        loop {
            let joined = self.word("AND");
            self.skip();
            let ends = self.rest.is_empty() || self.rest.starts_with(')');
            let other = self.rest.starts_with("OR ") || self.rest.starts_with("OR(");
            if !joined && (ends || other) {
                break;
            }
            all.push(self.not(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Query::And(all) })
    }

    fn not(&mut self, depth: usize) -> Result<Query, Refusal> {
        if depth > DEPTH {
            return Err(self.error());
        }
        if self.word("NOT") || self.sign("-") {
            return Ok(Query::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.sign("(") {
            let inner = self.or(depth + 1)?;
            return if self.sign(")") { Ok(inner) } else { Err(self.error()) };
        }
        self.term()
    }

    fn term(&mut self) -> Result<Query, Refusal> {
        self.skip();
        let end = self.rest.find(|c: char| ":<>=()\"".contains(c) || c.is_whitespace());
        let (field, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if field == "*" {
            self.rest = rest;
            return Ok(Query::All);
        }
        let known = [
            "thingName",
            "thingId",
            "thingTypeName",
            "thingGroupNames",
            "connectivity.connected",
            "connectivity.timestamp",
            "connectivity.disconnectReason",
        ];
        let nested = ["attributes.", "shadow.", "deviceDefender."];
        if !known.contains(&field) && !nested.iter().any(|start| field.starts_with(start)) {
            return Err(self.error());
        }
        self.rest = rest;
        let field = field.to_owned();
        let colon = self.sign(":");
        for (sign, above, closed) in
            [(">=", true, true), ("<=", false, true), (">", true, false), ("<", false, false)]
        {
            if self.sign(sign) {
                let bound = Some((self.text()?, closed));
                let (from, to) = if above { (bound, None) } else { (None, bound) };
                return Ok(Query::Term(field, Test::Range(from, to)));
            }
        }
        if !colon {
            return Err(self.error());
        }
        if self.sign("(") {
            let mut all = vec![Query::Term(field.clone(), self.value()?)];
            while self.word("OR") {
                all.push(Query::Term(field.clone(), self.value()?));
            }
            return if self.sign(")") { Ok(Query::Or(all)) } else { Err(self.error()) };
        }
        Ok(Query::Term(field, self.value()?))
    }

    fn value(&mut self) -> Result<Test, Refusal> {
        for (begin, end, closed) in [("[", "]", true), ("{", "}", false)] {
            if self.sign(begin) {
                let from = self.text()?;
                if !self.word("TO") {
                    return Err(self.error());
                }
                let to = self.text()?;
                if !self.sign(end) {
                    return Err(self.error());
                }
                let bound = |text: String| (text != "*").then_some((text, closed));
                return Ok(Test::Range(bound(from), bound(to)));
            }
        }
        self.skip();
        let quoted = self.rest.starts_with('"');
        let text = self.text()?;
        let wild = !quoted && text.contains(['*', '?']);
        Ok(if wild { Test::Like(text) } else { Test::Is(text) })
    }

    /// A quoted text, or one without spaces and brackets.
    fn text(&mut self) -> Result<String, Refusal> {
        self.skip();
        if let Some(inner) = self.rest.strip_prefix('"') {
            let Some((text, rest)) = inner.split_once('"') else { return Err(self.error()) };
            self.rest = rest;
            return Ok(text.to_owned());
        }
        let end = self.rest.find(|c: char| c.is_whitespace() || "()[]{}\"".contains(c));
        let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if text.is_empty() {
            return Err(self.error());
        }
        self.rest = rest;
        Ok(text.to_owned())
    }
}

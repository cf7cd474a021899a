//! What must hold of any bytes. A fuzzer calls these, and so do the tests of rescind, over the seeds.
//!
//! Only what the crate shows to everybody is used, so that an oracle is no copy of what it judges.

mod http;
mod journal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rescind::document::{Documents, Limits, SourceFile, read, render};
use rescind::fact::{Fact, Unreadable};
use rescind::policy::expression::{
    Expression, Facts, Field, Findings, Outcome, Problem, Scalar, Scope, Type, Value, Wanted,
};
use rescind::policy::template::{Template, TemplateFindings};

pub use http::http;
pub use journal::journal;

fn documents(bytes: &[u8]) -> Documents {
    let file = SourceFile { path: "a.yaml".to_owned(), text: bytes.to_vec() };
    read(&[file], &Limits::policies())
}

fn digests(documents: &Documents) -> Vec<String> {
    documents.policies.iter().map(|policy| policy.digest.to_string()).collect()
}

/// A policy file: it is read or refused. Each problem has a place in it and reaches no terminal raw. A
/// policy that is read means the same to a second reader of YAML: written anew by that one, as JSON, it
/// has the same digest.
pub fn policy(bytes: &[u8]) {
    let found = documents(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').count();
    for diagnostic in &found.diagnostics {
        let place = &diagnostic.place;
        assert!((1..=lines).contains(&place.line), "{diagnostic:?}");
        assert!(place.column >= 1 && place.end_line >= place.line, "{diagnostic:?}");
    }
    let text = render::text(&found.diagnostics, false);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    let is_broken = found.diagnostics.iter().any(rescind::document::Diagnostic::is_error);
    assert_eq!(is_broken, !found.broken.is_empty());
    assert!(!is_broken || found.policies.is_empty());
    assert_eq!(digests(&found), digests(&documents(bytes)), "twice the same");
    let Ok(value) = serde_yaml::from_slice::<serde_json::Value>(bytes) else { return };
    if found.policies.len() == 1 {
        let json = serde_json::to_vec_pretty(&value).expect("a value is JSON");
        let again = documents(&json);
        let said = render::text(&again.diagnostics, false);
        assert_eq!(digests(&found), digests(&again), "{said}");
    }
}

static PAIRS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    [("phase", "boot"), ("step", "3"), ("hold", "")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
});
static NAMES: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| ["berlin", "lab"].map(str::to_owned).into());

/// A world in which every fact is there, or none, or none was read, or none can be read.
#[derive(Clone, Copy)]
enum World {
    Known,
    Absent,
    NotRead,
    Unreadable,
}

impl Facts for World {
    fn fact(&self, field: Field) -> Fact<Value<'_>> {
        let value = match field.ty() {
            Type::One(Scalar::Int) => Value::Int(3),
            Type::One(Scalar::Bool) => Value::Bool(true),
            Type::One(Scalar::Time) => Value::Time(jiff::Timestamp::UNIX_EPOCH),
            Type::List(_) => Value::Names(&NAMES),
            Type::Pairs => Value::Pairs(&PAIRS),
            _ => Value::text("QUEUED"),
        };
        match self {
            Self::Known => Fact::Known(value),
            Self::Absent => Fact::Absent,
            Self::NotRead => Fact::NotRead,
            Self::Unreadable => Fact::Unreadable(Unreadable::Denied),
        }
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_800_000_000).expect("a time")
    }
}

fn placed(text: &str, problems: &[Problem]) {
    for problem in problems {
        assert!(text.get(problem.at.clone()).is_some(), "{text:?}: {problem:?}");
        assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{problem:?}");
    }
}

fn compiled(text: &str, wanted: Wanted) -> Option<Expression> {
    let mut findings = Findings::default();
    let expression = Expression::compile(text, wanted, &Scope::default(), &mut findings);
    placed(text, &findings.errors);
    placed(text, &findings.warnings);
    assert_eq!(expression.is_none(), !findings.errors.is_empty(), "{text:?}: {findings:?}");
    expression
}

/// An expression: it is read or refused, with a place. It gives the same twice. Where a fact that it
/// touches was not read or cannot be read it gives nothing; where it gives a truth value, CEL's own
/// interpreter gives no other one.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for wanted in [Wanted::Condition, Wanted::Text, Wanted::Anything] {
        let Some(expression) = compiled(text, wanted) else { continue };
        for world in [World::Known, World::Absent, World::NotRead, World::Unreadable] {
            let outcome = expression.run(&world);
            assert_eq!(outcome, expression.run(&world), "{text:?}");
            if !expression.fields().is_empty() {
                match world {
                    World::NotRead => assert!(matches!(outcome, Outcome::NotRead(_)), "{text:?}"),
                    World::Unreadable => {
                        assert!(matches!(outcome, Outcome::Unreadable(..)), "{text:?}");
                    }
                    World::Known | World::Absent => {}
                }
            }
            if let (Outcome::Is(Value::Bool(ours)), Some(theirs)) =
                (&outcome, expression.second_opinion(&world))
            {
                assert_eq!(*ours, theirs, "{text:?}");
            }
        }
    }
    let mut findings = TemplateFindings::default();
    let template = Template::parse(text, &Scope::default(), &mut findings);
    placed(text, &findings.text);
    placed(text, &findings.expressions.errors);
    placed(text, &findings.expressions.warnings);
    let wrong = !findings.text.is_empty() || !findings.expressions.errors.is_empty();
    assert_eq!(template.is_none(), wrong, "{text:?}");
}

//! A small world for expressions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use crate::fact::Fact;
use crate::policy::expression::{
    Expression, Facts, Field, Findings, Outcome, Problem, Revision, Scope, Value, Variable, Wanted,
};

pub fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a time")
}

fn ago(hours: i64) -> Value<'static> {
    let time = now().checked_sub(jiff::SignedDuration::from_hours(hours)).expect("in range");
    Value::Time(time)
}

static PAIRS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let pairs = [("phase", "boot"), ("percent", "97"), ("share", "0.5"), ("nan", "NaN")];
    let more = [("at", "2026-11-23T10:00:00Z"), ("for", "90m"), ("a-b", "dash"), ("wild", "${x}")];
    pairs.into_iter().chain(more).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
});

static GROUPS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| ["berlin", "lab", "robots"].map(str::to_owned).into());

/// Facts that are all known, but for those that a test sets.
#[derive(Clone, Debug, Default)]
pub struct World(pub BTreeMap<Field, Fact<Value<'static>>>);

impl World {
    pub fn with(field: Field, fact: Fact<Value<'static>>) -> Self {
        Self([(field, fact)].into())
    }
}

impl Facts for World {
    fn fact(&self, field: Field) -> Fact<Value<'_>> {
        if let Some(fact) = self.0.get(&field) {
            return fact.clone();
        }
        Fact::Known(match field {
            Field::ExecutionStatus | Field::JobStatus => Value::text("IN_PROGRESS"),
            Field::ExecutionNumber => Value::Int(1),
            Field::RetryAttempt => Value::Int(2),
            Field::QueuedAt => ago(30),
            Field::StartedAt => ago(9),
            Field::LastUpdatedAt => ago(2),
            Field::Version => Value::Int(4),
            Field::StatusDetails | Field::ThingAttributes | Field::JobTags => Value::Pairs(&PAIRS),
            Field::SecondsBeforeTimedOut => Value::Int(600),
            Field::QueuedBehind => Value::Int(3),
            Field::JobTimeoutMinutes => Value::Int(60),
            Field::Connected => Value::Bool(false),
            Field::ConnectivityTimestamp => ago(5),
            Field::JobId => Value::text("fw-4-2-0"),
            Field::TargetSelection => Value::text("SNAPSHOT"),
            Field::JobCreatedAt => ago(48),
            Field::JobDescription => Value::text("Größere Firmware"),
            Field::JobNamespaceId => Value::text("greengrass"),
            Field::ThingName => Value::text("robot-001"),
            Field::ThingType => Value::text("robot"),
            Field::ThingGroups => Value::Names(&GROUPS),
        })
    }

    fn now(&self) -> Timestamp {
        now()
    }
}

pub fn scope() -> Scope {
    let mut scope = Scope {
        texts: [("policy.name", "quiet".to_owned()), ("source.path", "a.yaml".to_owned())].into(),
        revision: Revision::Is("5edd6cb-dirty".into()),
        labels: Some(Arc::new([("team".to_owned(), "ops".to_owned())].into())),
        variables: Vec::new(),
    };
    let variables = [
        ("silent", "now - execution.lastUpdatedAt"),
        ("limit", "duration('1h')"),
        ("twice", "variables.limit + variables.limit"),
        ("tries", "execution.retryAttempt + 1"),
        ("phase", "execution.statusDetails['phase']"),
        ("missing", "execution.statusDetails['missing']"),
        ("near", "thing.groups.filter(g, g.startsWith('b'))"),
        ("lab", "'lab' in thing.groups"),
    ];
    for (name, text) in variables {
        let expression =
            Expression::compile(text, Wanted::Anything, &scope, &mut Findings::default());
        let expression = Some(Arc::new(expression.expect(text)));
        scope.variables.push(Variable { name: name.to_owned(), expression });
    }
    scope
}

static SCOPE: LazyLock<Scope> = LazyLock::new(scope);

/// A checked expression of any type.
pub fn compile(text: &str, wanted: Wanted) -> Result<Expression, Vec<Problem>> {
    let mut findings = Findings::default();
    Expression::compile(text, wanted, &SCOPE, &mut findings).ok_or(findings.errors)
}

pub fn condition(text: &str) -> Expression {
    compile(text, Wanted::Condition).unwrap_or_else(|errors| panic!("{text}: {errors:#?}"))
}

/// What a condition says where all is known but for what a test set; none if that is not known.
pub fn says(text: &str, world: &World) -> Option<bool> {
    match condition(text).run(world) {
        Outcome::Is(Value::Bool(value)) => Some(value),
        Outcome::Is(other) => panic!("{text}: {other:?}"),
        _ => None,
    }
}

pub fn warnings(text: &str) -> Vec<Problem> {
    let mut findings = Findings::default();
    let expression = Expression::compile(text, Wanted::Anything, &SCOPE, &mut findings);
    assert!(expression.is_some(), "{text}: {:#?}", findings.errors);
    findings.warnings
}

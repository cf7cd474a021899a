//! CEL's own conformance cases, asked of our evaluator.
//!
//! `tests/conformance` has the cases and says where they are from. Our language is a part of CEL: what is
//! not in it must be refused by the checker, before anything is decided. What must never be is another
//! value than CEL's, or a value where CEL has an error; what deviates in the safe direction (not known,
//! where CEL has a value) is named here with its reason, and nothing else may.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use rescind::fact::Fact;
use rescind::policy::expression::{
    Expression, Facts, Field, Findings, Outcome, Scope, Value, Wanted,
};
use serde::Deserialize;

/// A case: an expression, and one of `value`, `int`, `double` and `error`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// `suite/section/name`.
    #[serde(rename = "case")]
    name: String,
    expr: String,
    /// A truth value or a text.
    value: Option<serde_json::Value>,
    /// A whole number, as text since JSON's numbers do not hold all of them.
    int: Option<String>,
    /// A number, as text for the same reason.
    double: Option<String>,
    /// CEL gives this error.
    error: Option<String>,
}

/// Where our evaluator says "not known" and CEL gives a value. The beginning of a case's name, and why.
const NOT_KNOWN: &[(&str, &str)] = &[
    ("comparisons/eq_literal/not_eq_double_nan", NOT_FINITE),
    ("comparisons/ne_literal/ne_double_nan", NOT_FINITE),
    ("comparisons/ne_literal/not_ne_double_nan", NOT_FINITE),
    ("fp_math/fp_math/divide_zero", NOT_FINITE),
    ("fp_math/fp_math/fp_overflow", NOT_FINITE),
    ("logic/AND/short_circuit_error_right", ABSORBED),
    ("logic/OR/short_circuit_error_right", ABSORBED),
    ("macros/all/list_elem_error_shortcircuit", ABSORBED),
    ("timestamps/timestamp_conversions/toString_timestamp_nanos", TOO_LATE),
];

const NOT_FINITE: &str = "a number that is not finite is an error: it would compare in odd ways";
const ABSORBED: &str =
    "an error is not absorbed by what comes behind it: what is not known never cancels";
const TOO_LATE: &str =
    "of a time in the last hours of the calendar it is only known that it is late";

/// Where our evaluator gives another value than CEL. The beginning of a case's name, and why.
const OTHERWISE: &[(&str, &str)] = &[];

/// A world without facts: the cases are about literals.
struct Nothing;

impl Facts for Nothing {
    fn fact(&self, _: Field) -> Fact<Value<'_>> {
        Fact::Absent
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// What came of a case.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    /// The same as CEL.
    Agrees,
    /// The checker refuses it.
    Refused,
    /// Not known, where CEL has a value.
    NotKnown(String),
    /// Another value than CEL, or one where CEL has an error.
    Otherwise(String),
}

#[expect(clippy::float_cmp, reason = "the case gives the very value")]
fn is(case: &Case, value: &Value<'_>) -> bool {
    match value {
        Value::Bool(value) => case.value.as_ref().is_some_and(|it| *it == *value),
        Value::Text(text) => case.value.as_ref().is_some_and(|it| it.as_str() == Some(&**text)),
        Value::Int(value) => case.int.as_ref().is_some_and(|it| *it == value.to_string()),
        Value::Double(value) => case.double.as_ref().is_some_and(|it| {
            let wanted: f64 = it.parse().unwrap();
            wanted.to_bits() == value.to_bits() || wanted == *value
        }),
        _ => false,
    }
}

fn came(case: &Case) -> Came {
    let mut findings = Findings::default();
    let compiled =
        Expression::compile(&case.expr, Wanted::Anything, &Scope::default(), &mut findings);
    let Some(expression) = compiled else { return Came::Refused };
    match expression.run(&Nothing) {
        Outcome::Is(value) if is(case, &value) => Came::Agrees,
        Outcome::Is(value) => Came::Otherwise(format!("{value:?}")),
        _ if case.error.is_some() => Came::Agrees,
        other => Came::NotKnown(format!("{other:?}")),
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../conformance/cel-spec.json")).unwrap()
}

#[test]
fn what_deviates_from_cel_is_named_with_its_reason() {
    let mut used = BTreeSet::new();
    let mut wrong = String::new();
    for case in cases() {
        let (named, what) = match came(&case) {
            Came::Agrees | Came::Refused => continue,
            Came::NotKnown(what) => (NOT_KNOWN, what),
            Came::Otherwise(what) => (OTHERWISE, what),
        };
        match named.iter().find(|(name, _)| case.name.starts_with(name)) {
            Some((name, _)) => drop(used.insert(*name)),
            None => writeln!(wrong, "{case:?}: {what}").unwrap(),
        }
    }
    assert!(wrong.is_empty(), "these deviate and are not named:\n{wrong}");
    let stale = NOT_KNOWN.iter().chain(OTHERWISE).filter(|(name, _)| !used.contains(name));
    let stale: Vec<_> = stale.collect();
    assert!(stale.is_empty(), "these do not deviate any more: {stale:?}");
}

#[test]
fn how_much_of_cel_is_in_the_language() {
    let mut sums = BTreeMap::<String, [usize; 4]>::new();
    for case in cases() {
        let suite = case.name.split('/').next().unwrap().to_owned();
        let sum = sums.entry(suite).or_default();
        sum[match came(&case) {
            Came::Agrees => 0,
            Came::Refused => 1,
            Came::NotKnown(_) => 2,
            Came::Otherwise(_) => 3,
        }] += 1;
    }
    let mut text = String::from("suite         agrees  refused  not known  otherwise\n");
    for (suite, [agrees, refused, unknown, otherwise]) in sums {
        writeln!(text, "{suite:14}{agrees:6}{refused:9}{unknown:11}{otherwise:11}").unwrap();
    }
    insta::assert_snapshot!(text);
}

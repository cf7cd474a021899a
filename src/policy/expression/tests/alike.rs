//! The two interpreters beside each other, over what both count with: times, durations, and what
//! stands for a value that is not there.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::super::values;
use super::support::{self, World, compile, says};
use crate::fact::Fact;
use crate::policy::expression::{Expression, Field, Findings, Outcome, Value, Variable, Wanted};

/// What RFC 3339 has, and what other readers of times take beside it.
fn written_time() -> impl Strategy<Value = String> {
    let date = select(vec![
        "2026-11-23",
        "2026-01-31",
        "2024-02-29",
        "2026-02-29",
        "0000-06-01",
        "0001-01-01",
        "1677-09-21",
        "2262-04-11",
        "9999-12-30",
        "9999-12-31",
        "20260131",
        "+002026-01-31",
    ]);
    let mark = select(vec!["T", "T", "T", "T", "T", "t", " "]);
    let time = select(vec![
        "12:00:00", "23:59:59", "00:00:00", "12:00:00", "23:59", "23", "235959", "23:59:60",
        "24:00:00",
    ]);
    let part = select(vec!["", "", "", ".5", ".123456789", ".1234567890", ",5", "."]);
    let zone = select(vec![
        "Z",
        "Z",
        "Z",
        "+00:30",
        "-11:00",
        "+23:59",
        "+24:00",
        "+25:59",
        "+01",
        "+0100",
        "+01:00:00",
        "-00:00",
        "+01:60",
        "z",
        "",
        "Z[UTC]",
    ]);
    (date, mark, time, part, zone).prop_map(|(date, mark, time, part, zone)| {
        format!("timestamp('{date}{mark}{time}{part}{zone}')")
    })
}

fn written_duration() -> impl Strategy<Value = String> {
    let days = select(vec![0_i64, 1, 30, 50_000, 106_751, 106_752, -106_751, 4_000_000]);
    prop_oneof![
        days.prop_map(|count| format!("days({count})")),
        (0_u32..200, 0_u32..1000, select(vec!["h", "m", "s", "ms"]))
            .prop_map(|(whole, part, unit)| format!("duration('{whole}.{part:03}{unit}')")),
        (0_u32..10_000_000, select(vec!["h", "m", "s"]))
            .prop_map(|(count, unit)| format!("duration('-{count}{unit}')")),
        Just("duration('9223372036s854775807ns')".to_owned()),
    ]
}

fn time() -> impl Strategy<Value = String> {
    let facts = select(vec!["now", "execution.queuedAt", "execution.startedAt"]);
    let leaf = prop_oneof![2 => written_time(), 1 => facts.prop_map(str::to_owned)];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), written_duration(), select(vec!["+", "-"]))
                .prop_map(|(time, by, sign)| format!("({time} {sign} {by})")),
            inner.prop_map(|other| format!("execution.?startedAt.orValue({other})")),
        ]
    })
}

fn duration() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        written_duration(),
        (time(), time()).prop_map(|(a, b)| format!("({a} - {b})")),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), inner, select(vec!["+", "-"]))
            .prop_map(|(a, b, sign)| format!("({a} {sign} {b})"))
    })
}

fn condition() -> impl Strategy<Value = String> {
    let compare = || select(vec!["==", "!=", "<", "<=", ">", ">="]);
    prop_oneof![
        (time(), time(), compare()).prop_map(|(a, b, how)| format!("{a} {how} {b}")),
        (duration(), duration(), compare()).prop_map(|(a, b, how)| format!("{a} {how} {b}")),
        (time(), select(vec!["getFullYear", "getDate", "getHours", "getSeconds"]))
            .prop_map(|(time, part)| format!("{time}.{part}() == 23")),
    ]
}

/// What the crate takes for a reason to fail and we do not: it works out in any case what stands for a
/// value that is there.
fn is_eager(text: &str) -> bool {
    text.contains("orValue(")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn times_and_durations_are_the_same_for_both_interpreters(
        text in condition(), started in any::<bool>(),
    ) {
        let Ok(expression) = compile(&text, Wanted::Condition) else { return Ok(()) };
        let world =
            if started { World::default() } else { World::with(Field::StartedAt, Fact::Absent) };
        let Outcome::Is(Value::Bool(ours)) = expression.run(&world) else { return Ok(()) };
        if !expression.has_second_opinion() {
            return Ok(());
        }
        match expression.second_opinion(&world) {
            Some(theirs) => prop_assert_eq!(theirs, ours, "{}", text),
            None => prop_assert!(is_eager(&text), "{text}: the crate has no answer"),
        }
    }
}

#[test]
fn a_time_has_the_form_of_rfc_3339() {
    for text in [
        "2026-01-31T23:59Z",
        "2026-01-31T23Z",
        "2026-01-31T235959Z",
        "2026-01-31T23:59:59,5Z",
        "2026-01-31T23:59:60Z",
        "2026-01-31T23:59:59+01",
        "2026-01-31T23:59:59+0100",
        "2026-01-31T23:59:59+01:00:00",
        "2026-01-31T23:59:59+25:59",
        "2026-01-31T23:59:59+24:00",
        "2026-01-31T23:59:59",
        "2026-02-29T23:59:59Z",
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
    ] {
        assert_eq!(values::time(text), None, "{text}");
    }
    for (text, utc) in [
        ("2026-01-31T23:59:59Z", "2026-01-31T23:59:59Z"),
        ("2026-01-31T23:59:59.25+23:59", "2026-01-31T00:00:59.25Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ] {
        assert_eq!(values::time(text).map(|it| it.to_string()).as_deref(), Some(utc), "{text}");
    }
}

#[test]
fn what_uses_a_variable_that_only_one_of_them_works_out_has_no_second_opinion() {
    let text = "string(execution.startedAt + duration('1h'))";
    assert!(!compile(text, Wanted::Text).expect(text).has_second_opinion());
    let mut scope = support::scope();
    let expression = Expression::compile(text, Wanted::Text, &scope, &mut Findings::default());
    let expression = expression.map(Arc::new);
    scope.variables.push(Variable { name: "later".to_owned(), expression });
    let with = |text: &str| {
        let mut findings = Findings::default();
        Expression::compile(text, Wanted::Condition, &scope, &mut findings).expect(text)
    };
    assert!(!with("variables.later == ''").has_second_opinion());
    assert!(!with("variables.lab && variables.later == ''").has_second_opinion());
    assert!(with("variables.lab").has_second_opinion());
}

#[test]
fn what_is_beyond_292_years_is_out_of_range() {
    let world = World::default();
    for (text, expected) in [
        ("now - timestamp('0001-01-01T00:00:00Z') > days(30)", None),
        ("days(106751) + days(106751) > days(30)", None),
        ("days(-106751) - days(106751) < days(30)", None),
        ("now - days(106751) - days(106751) > now", Some(false)),
        (
            "now - days(106751) - days(106751) - days(106751) - days(106751) - days(106751) \
          - days(106751) - days(106751) > now",
            None,
        ),
        ("timestamp('0001-01-01T00:00:00Z') < now", Some(true)),
        ("timestamp('0001-01-01T00:00:00Z') - duration('1ns') < now", None),
    ] {
        assert_eq!(says(text, &world), expected, "{text}");
    }
}

#[test]
fn a_time_too_late_to_count_with_is_after_all_others_and_nothing_else_of_it_is_known() {
    let never = "timestamp('9999-12-31T23:59:59Z')";
    for (text, expected) in [
        (format!("now < {never}"), Some(true)),
        (format!("{never} <= execution.queuedAt"), Some(false)),
        (format!("{never} != now"), Some(true)),
        (format!("{never} == timestamp('9999-12-31T00:00:00Z')"), None),
        (format!("{never} in [execution.queuedAt, timestamp('9999-12-31T00:00:00Z')]"), None),
        (format!("{never} - duration('1h') > now"), None),
        (format!("{never} - timestamp('9999-12-01T00:00:00Z') > days(1)"), None),
        (format!("{never}.getDate() == 31"), None),
        (format!("string({never}) == ''"), None),
    ] {
        assert_eq!(says(&text, &World::default()), expected, "{text}");
    }
}

#[test]
fn what_is_written_out_and_read_otherwise_by_the_crate_has_no_second_opinion() {
    for (text, has) in [
        // The crate counts it as a double, and ends a nanosecond earlier.
        ("duration('0.009h') < now - execution.queuedAt", false),
        ("duration('0.01h') < now - execution.queuedAt", true),
        ("timestamp('9999-12-31T23:59:59Z') > now", false),
        ("timestamp('9999-12-30T21:59:59Z') > now", true),
        ("job.id.matches('0.009h')", true),
        // It takes the parts of a time in the zone in which it was written.
        ("timestamp('2026-01-31T23:59:59+05:00').getHours() == 18", false),
        ("execution.queuedAt.getHours() == 18", true),
    ] {
        let expression = compile(text, Wanted::Condition).expect(text);
        assert_eq!(expression.has_second_opinion(), has, "{text}");
    }
}

//! What is not known stays not known.

use super::support::{World, condition, says};
use crate::fact::{Fact, Unreadable};
use crate::policy::expression::{Failure, Field, Outcome};

/// What fails is not absorbed by what stands beside it; what is not reached does not fail.
#[test]
fn the_table_of_failures() {
    let table = [
        ("1 / (execution.number - 1) == 1", None),
        ("1 / (execution.number - 1) == 1 || true", None),
        ("1 / (execution.number - 1) == 1 && false", None),
        ("true || 1 / (execution.number - 1) == 1", Some(true)),
        ("false && 1 / (execution.number - 1) == 1", Some(false)),
        ("true && 1 / (execution.number - 1) == 1", None),
        ("false || 1 / (execution.number - 1) == 1", None),
        ("!(1 / (execution.number - 1) == 1)", None),
        ("1 / (execution.number - 1) == 1 ? true : true", None),
        ("true ? true : 1 / (execution.number - 1) == 1", Some(true)),
        ("1 % (execution.number - 1) == 1", None),
        ("execution.number + 9223372036854775807 > 0", None),
        ("execution.number * 9223372036854775807 * 2 > 0", None),
        ("-9223372036854775807 - execution.number - 1 < 0", None),
        ("1.0 / (double(execution.number) - 1.0) > 0.0", None),
        ("double(execution.statusDetails['nan']) != 1.0", None),
        ("int(execution.statusDetails['phase']) != 1", None),
        ("int(execution.statusDetails['share']) != 1", None),
        ("duration(execution.statusDetails['phase']) != duration('1h')", None),
        ("timestamp(execution.statusDetails['phase']) != now", None),
        ("days(execution.number * 9223372036854775807) > duration('1h')", None),
        ("execution.queuedAt + days(100000) > now", Some(true)),
        ("execution.statusDetails['hold'] == 'yes'", None),
        ("execution.statusDetails['hold'] != 'yes'", None),
        ("execution.statusDetails['hold'] != 'yes' || true", None),
        (
            "'hold' in execution.statusDetails && execution.statusDetails['hold'] == 'yes'",
            Some(false),
        ),
        ("thing.groups.all(g, execution.statusDetails[g] == 'x')", None),
        ("thing.groups.exists(g, g == 'berlin' || execution.statusDetails[g] == 'x')", Some(true)),
        ("thing.groups.exists(g, execution.statusDetails[g] == 'x' || g == 'berlin')", None),
        ("variables.missing == 'x' || true", None),
        ("variables.missing != 'x'", None),
    ];
    for (text, expected) in table {
        assert_eq!(says(text, &World::default()), expected, "{text}");
    }
}

#[test]
fn a_fact_that_is_not_there_makes_it_not_known_unless_that_is_asked() {
    for (field, text, asked) in [
        (Field::StartedAt, "execution.startedAt < now", "has(execution.startedAt)"),
        (Field::ThingType, "thing.type != 'robot'", "has(thing.type)"),
        (Field::JobNamespaceId, "job.namespaceId != 'x'", "has(job.namespaceId)"),
        (
            Field::ConnectivityTimestamp,
            "thing.connectivity.timestamp < now",
            "has(thing.connectivity.timestamp)",
        ),
        (Field::Connected, "!thing.connectivity.connected", "has(thing.connectivity.connected)"),
        (Field::JobTimeoutMinutes, "job.timeoutMinutes > 1", "has(job.timeoutMinutes)"),
        (Field::JobDescription, "job.description != 'x'", "job.?description.hasValue()"),
    ] {
        let absent = World::with(field, Fact::Absent);
        assert_eq!(condition(text).run(&absent), Outcome::Failed(Failure::Absent(field)), "{text}");
        assert_eq!(says(asked, &absent), Some(false), "{asked}");
        assert_eq!(says(&format!("!{asked} || {text}"), &absent), Some(true), "{text}");
        assert_eq!(condition(text).second_opinion(&absent), None, "{text}");
    }
}

/// For each field: however an expression is written, a fact that cannot be read makes it not known.
#[test]
fn a_touched_fact_that_cannot_be_read_is_never_a_yes_or_no() {
    for &field in Field::ALL {
        let path = field.path();
        let touching = match field {
            Field::ThingGroups | Field::StatusDetails | Field::ThingAttributes | Field::JobTags => {
                format!("'x' in {path}")
            }
            _ => format!("{path} == {path}"),
        };
        for text in [
            touching.clone(),
            format!("!({touching})"),
            format!("true || {touching}"),
            format!("{touching} || true"),
            format!("false && {touching}"),
            format!("true ? true : {touching}"),
            format!("!has({path})"),
            format!("[true, {touching}].exists(it, it)"),
        ] {
            let expression = condition(&text);
            assert_eq!(expression.fields(), [field], "{text}");
            for why in Unreadable::ALL {
                let world = World::with(field, Fact::Unreadable(why));
                assert_eq!(expression.run(&world), Outcome::Unreadable(field, why), "{text}");
                assert_eq!(expression.second_opinion(&world), None, "{text}");
            }
            let world = World::with(field, Fact::NotRead);
            assert_eq!(expression.run(&world), Outcome::NotRead(field), "{text}");
            assert_eq!(expression.second_opinion(&world), None, "{text}");
        }
    }
}

#[test]
fn a_variable_touches_what_its_expression_touches() {
    let expression = condition("variables.silent > variables.twice || variables.lab");
    assert_eq!(expression.fields(), [Field::LastUpdatedAt, Field::ThingGroups]);
    let world = World::with(Field::LastUpdatedAt, Fact::Unreadable(Unreadable::Denied));
    assert_eq!(
        expression.run(&world),
        Outcome::Unreadable(Field::LastUpdatedAt, Unreadable::Denied)
    );
}

#[test]
fn what_cannot_be_read_comes_before_what_was_not_read() {
    let expression = condition("execution.retryAttempt > 1 && 'x' in thing.groups");
    let mut world = World::with(Field::RetryAttempt, Fact::NotRead);
    world.0.insert(Field::ThingGroups, Fact::Unreadable(Unreadable::Failed));
    let expected = Outcome::Unreadable(Field::ThingGroups, Unreadable::Failed);
    assert_eq!(expression.run(&world), expected);
}

#[test]
fn what_fails_says_how_it_failed() {
    let zero = Failure::Other("it divides by zero");
    let range = Failure::Other("a number, time or duration is out of range");
    let no_key = Failure::NoKey(Some(Field::StatusDetails), "hold".to_owned());
    for (text, failure) in [
        ("1 / (execution.number - 1) == 1", &zero),
        ("1 % (execution.number - 1) == 1", &zero),
        ("execution.number + 9223372036854775807 > 0", &range),
        ("execution.statusDetails['hold'] == 'yes'", &no_key),
    ] {
        let expected = Outcome::Failed(failure.clone());
        assert_eq!(condition(text).run(&World::default()), expected, "{text}");
    }
}

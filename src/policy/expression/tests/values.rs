//! What expressions give over facts that are all known.

use super::support::{World, compile, condition, says, warnings};
use crate::policy::expression::{Outcome, Value, Wanted};

/// At least one for each operator, function and field.
const TRUE: &[&str] = &[
    // literals and logic
    "true",
    "!false",
    "!!true",
    "true && true",
    "false || true",
    "true ? true : false",
    "(((((true)))))",
    "execution.retryAttempt == 2 // a remark",
    "execution.retryAttempt == 2 // it's a remark",
    "r'\\' + 'd' == '\\\\d'",
    // fields
    "execution.status == 'IN_PROGRESS'",
    "execution.number == 1",
    "execution.retryAttempt >= 2",
    "execution.version != 3",
    "execution.queuedAt < execution.startedAt",
    "execution.startedAt <= execution.lastUpdatedAt",
    "execution.lastUpdatedAt > execution.queuedAt",
    "execution.statusDetails['phase'] == 'boot'",
    "execution.statusDetails.phase == 'boot'",
    "job.id == 'fw-4-2-0'",
    "job.status != 'CANCELED'",
    "job.targetSelection in ['SNAPSHOT', 'CONTINUOUS']",
    "now - job.createdAt == days(2)",
    "job.description.contains('ö')",
    "job.namespaceId == 'greengrass'",
    "thing.name == 'robot-001'",
    "thing.type == 'robot'",
    "'lab' in thing.groups",
    "thing.attributes['a-b'] == 'dash'",
    "execution.secondsBeforeTimedOut < 900",
    "execution.queuedBehind > 0 || variables.silent > duration('24h')",
    "job.timeoutMinutes == 60",
    "'phase' in job.tags && job.tags['phase'] == 'boot'",
    "job.tags[?'hold'].orValue('') != 'true'",
    "!thing.connectivity.connected",
    "now - thing.connectivity.timestamp > duration('4h')",
    "has(thing.connectivity.timestamp)",
    "thing.connectivity.?connected.orValue(true) == false",
    "policy.name == 'quiet'",
    "policy.labels['team'] == 'ops'",
    "policy.labels.team == 'ops'",
    "source.path == 'a.yaml'",
    "source.revision == '5edd6cb-dirty'",
    "has(source.revision) && source.revision.endsWith('-dirty')",
    "source.?revision.orValue('none') == '5edd6cb-dirty'",
    "source.?revision.hasValue()",
    // time
    "now > execution.queuedAt",
    "execution.queuedAt < now",
    "now == now",
    "now - execution.startedAt >= duration('9h')",
    "now - execution.startedAt < duration('9h1ns')",
    "execution.startedAt - execution.queuedAt == duration('21h')",
    "now - duration('9h') == execution.startedAt",
    "execution.startedAt + duration('1h') < now",
    "duration('1h') + execution.startedAt < now",
    "now >= timestamp('2026-11-23T12:00:00Z')",
    "now < timestamp('2026-11-23T13:00:00.5+00:30')",
    "timestamp(execution.statusDetails['at']) < now",
    "duration(execution.statusDetails['for']) == duration('1h30m')",
    "duration('1.5h') == duration('90m')",
    "duration('-90s') < duration('0s')",
    "duration('1h') - duration('30m') == duration('1800s')",
    "duration('100ms') == duration('100000us')",
    "days(2) == duration('48h')",
    "days(execution.retryAttempt) == duration('48h')",
    "execution.queuedAt.getFullYear() == 2026",
    "execution.queuedAt.getMonth() == 10",
    "execution.queuedAt.getDate() == 22",
    "execution.queuedAt.getDayOfMonth() == 21",
    "execution.queuedAt.getDayOfWeek() == 0",
    "execution.queuedAt.getDayOfYear() == 325",
    "execution.queuedAt.getHours() == 6",
    "execution.queuedAt.getMinutes() == 0",
    "execution.queuedAt.getSeconds() == 0",
    "execution.queuedAt.getMilliseconds() == 0",
    "(now - execution.startedAt).getHours() == 9",
    "duration('90s').getMinutes() == 1",
    "duration('90s').getSeconds() == 90",
    // numbers
    "1 + 2 * 3 == 7",
    "-execution.retryAttempt == -2",
    "7 / 2 == 3 && 7 % 4 == 3 && 7 - 8 == -1",
    "-7 / 2 == -3 && -7 % 4 == -3",
    "1.5 + 1.5 == 3.0 && 1.0 / 4.0 < 0.5 && 2.0 * 2.0 >= 4.0 && 1.0 - 2.0 <= -1.0",
    "int(execution.statusDetails['percent']) > 90",
    "int(3) == 3",
    "double(execution.statusDetails['share']) == 0.5",
    "double(execution.retryAttempt) > 1.5",
    "double(1.5) == 1.5",
    "int('-12') == -12",
    // text
    "'a' + 'b' == 'ab'",
    "'fw-' + string(4) == 'fw-4'",
    "string(true) == 'true' && string('x') == 'x'",
    "size('größe') == 5",
    "'größe'.size() == 5",
    "job.id.startsWith('fw-')",
    "job.id.endsWith('-0')",
    "job.id.contains('4-2')",
    "job.id.matches('^fw-[0-9-]+$')",
    // A pattern of a size that people write.
    "!thing.name.matches('^(alpha|bravo|charlie|delta)-[a-z]{1,40}-[0-9]{1,40}-(echo|foxtrot|golf)$')",
    "'''a\nb''' != thing.name",
    "job.id.matches('4')",
    "\"it's\" == 'it\\'s'",
    "r'\\d' == '\\\\d'",
    "humanize(variables.silent) == '2h'",
    "humanize(duration('90061s')) == '1d 1h'",
    // lists and maps
    "size(thing.groups) == 3",
    "thing.groups.size() == 3",
    "size(execution.statusDetails) == 8",
    "execution.status in ['QUEUED', 'IN_PROGRESS']",
    "2 in [1, 2, 3]",
    "'phase' in execution.statusDetails",
    "!('hold' in execution.statusDetails)",
    "thing.groups.all(g, g.size() > 2)",
    "thing.groups.exists(g, g == 'berlin')",
    "thing.groups.exists_one(g, g.startsWith('l'))",
    "thing.groups.filter(g, g != 'lab').size() == 2",
    "'lab!' in thing.groups.map(g, g + '!')",
    "'lab!' in thing.groups.map(g, g != 'berlin', g + '!')",
    "!('berlin!' in thing.groups.map(g, g != 'berlin', g + '!'))",
    "execution.statusDetails.exists(key, key == 'phase')",
    "['a', 'b'].all(x, x in ['a', 'b', 'c'])",
    "thing.groups.exists(g, g == thing.attributes[?'site'].orValue('berlin'))",
    // what may be missing
    "execution.statusDetails[?'hold'].orValue('no') == 'no'",
    "execution.statusDetails[?'phase'].orValue('no') == 'boot'",
    "execution.statusDetails.?phase.orValue('') == 'boot'",
    "!execution.statusDetails.?hold.hasValue()",
    "thing.?type.orValue('') == 'robot'",
    "execution.?startedAt.orValue(execution.queuedAt) > execution.queuedAt",
    "has(thing.type)",
    "has(execution.startedAt)",
    "has(execution.statusDetails.phase) && !has(execution.statusDetails.hold)",
    // variables
    "variables.silent > duration('1h')",
    "variables.twice == variables.silent",
    "variables.tries == 3",
    "variables.phase == 'boot'",
    "variables.near.size() == 1",
    "variables.lab",
    "true || variables.missing == 'x'",
];

#[test]
fn what_holds_holds_for_both_interpreters() {
    for text in TRUE {
        assert_eq!(says(text, &World::default()), Some(true), "{text}");
        let expression = condition(text);
        assert!(expression.has_second_opinion(), "{text}");
        assert_eq!(expression.second_opinion(&World::default()), Some(true), "{text}: the crate");
        let negated = format!("!({text}\n)");
        assert_eq!(says(&negated, &World::default()), Some(false), "{negated}");
    }
}

#[test]
fn text_is_made_of_what_is_known() {
    for (text, expected) in [
        ("policy.name", "quiet"),
        ("job.id + ' on ' + thing.name", "fw-4-2-0 on robot-001"),
        ("string(execution.startedAt)", "2026-11-23T03:00:00Z"),
        ("string(execution.number)", "1"),
        ("humanize(now - execution.lastUpdatedAt)", "2h"),
        ("execution.statusDetails['phase']", "boot"),
        // What a device wrote is data, whatever it looks like.
        ("execution.statusDetails['wild']", "${x}"),
        ("execution.retryAttempt > 1 ? 'again' : 'first'", "again"),
        ("variables.near.size() > 0 ? thing.name : ''", "robot-001"),
    ] {
        let expression = compile(text, Wanted::Text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(expression.run(&World::default()), Outcome::Is(Value::text(expected)), "{text}");
    }
}

#[test]
fn an_index_that_may_miss_its_key_is_warned_of_unless_it_was_asked_for() {
    let warned = [
        "execution.statusDetails['hold'] == 'yes'",
        "execution.statusDetails.hold == 'yes'",
        "execution.statusDetails['hold'] == 'yes' && 'hold' in execution.statusDetails",
        "'hold' in thing.attributes && execution.statusDetails['hold'] == 'yes'",
        "'hold' in execution.statusDetails || execution.statusDetails['hold'] == 'yes'",
        "'hold' in execution.statusDetails ? false : execution.statusDetails['hold'] == 'yes'",
    ];
    for text in warned {
        assert_eq!(warnings(text).len(), 1, "{text}");
    }
    let quiet = [
        "'hold' in execution.statusDetails && execution.statusDetails['hold'] == 'yes'",
        "has(execution.statusDetails.hold) && execution.statusDetails.hold == 'yes'",
        "thing.type == 'x' && 'a' in thing.attributes && true && thing.attributes['a'] == 'b'",
        "!('hold' in execution.statusDetails) || execution.statusDetails['hold'] == 'yes'",
        "'hold' in execution.statusDetails ? execution.statusDetails['hold'] == 'yes' : false",
        "execution.statusDetails[?'hold'].orValue('') == 'yes'",
        "policy.labels['team'] == 'ops'",
    ];
    for text in quiet {
        assert_eq!(warnings(text), [], "{text}");
    }
    let [warning] = &warnings("true && thing.attributes['site'] == 'b'")[..] else {
        panic!("one warning")
    };
    assert_eq!(warning.at, 8..32);
    assert!(warning.help.contains("'site' in thing.attributes && …"), "{}", warning.help);
    assert!(warning.help.contains("thing.attributes[?'site'].orValue('')"), "{}", warning.help);
}

#[test]
fn only_what_hangs_on_nothing_is_always_so() {
    for (text, expected) in [
        ("1 < 2", Some(true)),
        ("'a' == 'b'", Some(false)),
        ("1 / 0 == 1", None),
        // With nothing known each of these would have a value.
        ("has(thing.type)", None),
        ("execution.statusDetails[?'hold'].orValue('no') == 'no'", None),
        ("now > timestamp('1969-01-01T00:00:00Z')", None),
        ("has(source.revision)", None),
    ] {
        assert_eq!(condition(text).always(), expected, "{text}");
    }
}

#[test]
fn what_a_variable_uses_the_expression_uses() {
    assert!(condition("variables.silent > duration('1h')").uses_now());
    assert!(!condition("variables.twice > duration('1h')").uses_now());
}

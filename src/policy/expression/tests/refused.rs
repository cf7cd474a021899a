//! What is refused, with the place and the words.

use super::support::compile;
use crate::policy::expression::{Expression, Findings, MAX_BYTES, Scope, Wanted};

/// Expression, what is marked, what the message says, what the help says.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    // names
    ("undeclared || true", "undeclared", "there is no `undeclared`", "there are"),
    ("status == 'QUEUED'", "status", "there is no `status`", "`execution.status`"),
    ("exection.status == 'QUEUED'", "exection", "there is no `exection`", "`execution`"),
    ("execution . statu == 'QUEUED'", "execution . statu", "there is no", "`execution.status`"),
    ("execution.statu == 'QUEUED'", "execution.statu", "there is no", "`execution.status`"),
    ("thing.queuedAt < now", "thing.queuedAt", "there is no", "`execution.queuedAt`"),
    ("thing == 'a'", "thing", "is not a value", "thing.name"),
    ("variables.sillent > days(1)", "variables.sillent", "there is no", "`variables.silent`"),
    ("silent > days(1)", "silent", "there is no `silent`", "did you mean `variables.silent`?"),
    ("sillent > days(1)", "sillent", "there is no", "did you mean `variables.silent`?"),
    ("statsDetails['a'] == 'b'", "statsDetails", "there is no", "`execution.statusDetails`?"),
    ("job.queuedAtt < now", "job.queuedAtt", "there is no", "did you mean `execution.queuedAt`?"),
    ("variables.later", "variables.later", "there is no", "before it is used"),
    ("source.revison == 'a'", "source.revison", "there is no", "`source.revision`"),
    ("source.branch == 'a'", "source.branch", "there is no", "source.path, source.revision"),
    ("source.revision == 1", "source.revision == 1", "string is compared with int", ""),
    ("job.tag['hold'] == 'true'", "job.tag", "there is no `job.tag`", "`job.tags`"),
    (
        "thing.connectivity == true",
        "thing.connectivity",
        "is not a value",
        "thing.connectivity.connected",
    ),
    (
        "thing.connectivity.conected",
        "thing.connectivity.conected",
        "there is no",
        "`thing.connectivity.connected`",
    ),
    // functions
    ("siez('a') == 1", "siez", "no function `siez`", "`size`"),
    ("'a'.startWith('b')", "startWith", "no function", "`startsWith`"),
    ("thing.name.starts('a')", "starts", "no function", "did you mean `startsWith`?"),
    ("type(1) == int", "type", "no function `type`", "there are"),
    ("dyn(1) == 1", "dyn", "no function `dyn`", "there are"),
    ("2.days() == days(2)", "days", "no function", "write `days(…)`"),
    ("startsWith('a', 'b')", "startsWith", "no function", "value.startsWith"),
    ("optional.of('a').hasValue()", "of", "no function `of`", ""),
    ("size('a', 'b') == 1", "size('a', 'b')", "takes 1 argument; there are 2", "as many as"),
    ("job.id.co('a')", "co", "no function `co`", "there are `all`"),
    ("days() == days(1)", "days()", "takes 1 argument; there are 0", ""),
    ("now.getHours() == 3", "now", "`now` can only be compared", "now - "),
    ("now + days(1) > execution.queuedAt", "now", "`now` can only be compared", ""),
    ("string(now) == 'a'", "now", "`now` can only be compared", ""),
    (
        "execution.queuedAt.getHours('UTC') == 1",
        "execution.queuedAt.getHours('UTC')",
        "takes 0",
        "UTC",
    ),
    ("now.getMonth('UTC') == 1", "now.getMonth('UTC')", "takes 0", "UTC"),
    ("'a'.getHours() == 1", "'a'.getHours()", "of string", ""),
    ("days(1).getMonth() == 1", "days(1).getMonth()", "of duration", ""),
    // types
    ("\"a\" != 1", "\"a\" != 1", "string is compared with int", "quotes"),
    (
        "duration('1h') == '1h'",
        "duration('1h') == '1h'",
        "duration is compared with string",
        "duration('6h')",
    ),
    (
        "execution.queuedAt > '2026-01-01'",
        "execution.queuedAt > '2026-01-01'",
        "timestamp is compared with string",
        "timestamp(",
    ),
    (
        "now > duration('1h')",
        "now > duration('1h')",
        "timestamp is compared with duration",
        "an age is",
    ),
    (
        "now - execution.queuedAt > 6",
        "now - execution.queuedAt > 6",
        "duration is compared with int",
        "days(2)",
    ),
    (
        "execution.queuedAt < now - '14d'",
        "now - '14d'",
        "`-` between timestamp and string",
        "write `days(14)`",
    ),
    (
        "execution.queuedAt < now - '6h'",
        "now - '6h'",
        "`-` between timestamp and string",
        "write `duration('6h')`",
    ),
    (
        "execution.queuedAt < now - '90s'",
        "now - '90s'",
        "`-` between timestamp and string",
        "write `duration('90s')`",
    ),
    (
        "'PT90M' + execution.queuedAt < now",
        "'PT90M' + execution.queuedAt",
        "`+` between string and timestamp",
        "write `duration('90m')`",
    ),
    (
        "now - '2026-01-01' > days(1)",
        "now - '2026-01-01'",
        "`-` between timestamp and string",
        "timestamp(",
    ),
    ("(1 + 2) == 'a'", "(1 + 2) == 'a'", "int is compared with string", ""),
    ("((1 + (2 * 3)) == 'a') || true", "(1 + (2 * 3)) == 'a'", "int is compared with string", ""),
    (
        "true || (('a' + ('b')) == (1 + (2)))",
        "('a' + ('b')) == (1 + (2))",
        "string is compared with int",
        "",
    ),
    ("'a' == thing.?   type", "'a' == thing.?   type", "string is compared with optional", ""),
    ("1 == 1.0", "1 == 1.0", "int is compared with double", "double("),
    ("1 < 1.5", "1 < 1.5", "int is compared with double", "double("),
    ("true == 'true'", "true == 'true'", "bool is compared with string", "one type"),
    ("1 == true", "1 == true", "int is compared with bool", "one type"),
    ("1.5 == true", "1.5 == true", "double is compared with bool", "one type"),
    ("1.5 == 'a'", "1.5 == 'a'", "double is compared with string", "`double(…)`"),
    ("true < false", "true < false", "bool cannot be put in order", "=="),
    ("'9' < '10'", "'9' < '10'", "string cannot be put in order", "int("),
    ("thing.groups == ['a']", "thing.groups == ['a']", "list of string cannot be compared", "`in`"),
    (
        "thing.attributes == thing.attributes",
        "thing.attributes == thing.attributes",
        "cannot be compared",
        "`in`",
    ),
    (
        "thing.attributes[?'a'] == 'b'",
        "thing.attributes[?'a'] == 'b'",
        "optional string is compared",
        "orValue",
    ),
    ("1 && true", "1", "bool is needed here; this is int", "compare"),
    ("!'a'", "'a'", "bool is needed here", ""),
    ("-'a' == 'b'", "-'a'", "`-` before string", ""),
    ("true ? 1 : 'a'", "true ? 1 : 'a'", "int before the `:` and string behind", ""),
    ("1 + 'a' == 'b'", "1 + 'a'", "`+` between int and string", ""),
    ("(['a']) == 1 || true", "(['a']) == 1", "list of string is compared with int", ""),
    (
        "thing.groups + ['a'] == 1",
        "thing.groups + ['a']",
        "`+` between list of string and list",
        "",
    ),
    ("days(1) * 2 > days(1)", "days(1) * 2", "`*` between duration and int", ""),
    ("1.5 % 2.0 == 0.0", "1.5 % 2.0", "`%` between double and double", ""),
    ("'a' in 'abc'", "'abc'", "`in` needs a list or a map", ""),
    ("1 in ['a']", "1 in ['a']", "int is never in list of string", ""),
    ("1 in thing.attributes", "1 in thing.attributes", "int is never in map", ""),
    ("thing.groups[0] == 'a'", "thing.groups", "list of string has no keys", "exists"),
    ("thing.attributes[1] == 'a'", "1", "the keys are string", "quotes"),
    ("'a'.b == 'c'", "'a'.b", "string has no fields", ""),
    ("['a', 1].size() == 2", "1", "int in a list of string", ""),
    ("[['a']].size() == 1", "['a']", "list of string in a list", ""),
    ("size(1) == 1", "size(1)", "int has no size", ""),
    ("'a'.orValue('b') == 'c'", "'a'.orValue('b')", "`orValue` of string", "map[?'key']"),
    ("thing.?type.orValue(1) == 1", "1", "int instead of string", ""),
    ("thing.groups.startsWith('a')", "thing.groups", "with list of string", "`in`"),
    ("'a'.contains(1)", "1", "`contains` with int", ""),
    ("has(policy.name)", "policy.name", "`has` of `policy.name`", "always there"),
    ("has(thing.typ)", "thing.typ", "there is no", "thing.type"),
    ("has(true)", "true", "needs a field", "in map"),
    (
        "string(duration('1h')) == 'a'",
        "string(duration('1h'))",
        "does not take duration",
        "humanize",
    ),
    ("string(1.5) == 'a'", "string(1.5)", "does not take double", "int, bool, timestamp or string"),
    ("int(1.5) == 1", "int(1.5)", "does not take double", "string or int"),
    ("double(true) == 1.0", "double(true)", "does not take bool", "string, int or double"),
    ("humanize(1) == 'a'", "humanize(1)", "does not take int", "a duration, like"),
    ("timestamp(1) == now", "timestamp(1)", "does not take int", "it takes string"),
    ("days(1.5) == days(1)", "days(1.5)", "does not take double", "it takes int"),
    ("duration(1) == days(1)", "duration(1)", "does not take int", "days(2)"),
    ("days('2') == days(1)", "days('2')", "does not take string", "without quotes"),
    // constants
    ("duration('2d') < days(1)", "'2d'", "is not a duration", "days(2)"),
    ("duration('1') < days(1)", "'1'", "is not a duration", ""),
    ("duration('') < days(1)", "''", "is not a duration", ""),
    ("now > timestamp('2026-01-01')", "'2026-01-01'", "is not a time", "zone"),
    ("now > timestamp('2026-13-01T00:00:00Z')", "'2026-13-01T00:00:00Z'", "is not a time", ""),
    ("int('x') == 1", "'x'", "is not a whole number", ""),
    ("double('x') == 1.0", "'x'", "is not a number", ""),
    ("days(99999999999) > days(1)", "99999999999", "is not a number of days", ""),
    ("job.id.matches('[')", "'['", "is not a pattern", "RE2"),
    ("job.id.matches('(?=a)')", "'(?=a)'", "is not a pattern", "look-around"),
    (
        "job.id.matches('(\\\\w{1000}){1000}')",
        "'(\\\\w{1000}){1000}'",
        "is not a pattern",
        "too large",
    ),
    ("job.id.matches(thing.name)", "thing.name", "not written out", ""),
    ("execution.status == 'QUEUD'", "'QUEUD'", "it is never `QUEUD`", "'QUEUED'"),
    ("'RUNNING' != job.status", "'RUNNING'", "it is never", "`IN_PROGRESS`"),
    (
        "execution.status in ['QUEUED', 'STARTED']",
        "['QUEUED', 'STARTED']",
        "it is never `STARTED`",
        "",
    ),
    // what CEL has and this has not
    ("null == null", "null", "nothing here is ever null", "has("),
    ("1u == 1u", "1u", "unsigned", "leave out"),
    ("1e999 > 1.0", "1e999", "not understood", ""),
    ("b'a' == b'a'", "b'a'", "bytes", ""),
    ("{'a': 'b'}['a'] == 'b'", "{'a': 'b'}", "maps cannot be written", ""),
    ("Thing{name: 'a'} == 1", "", "messages cannot be made", ""),
    ("[] == []", "[]", "an empty list", ""),
    ("[?thing.?type].size() == 1", "[?thing.?type]", "optional elements", ""),
    // macros
    (
        "thing.groups.exists(a, thing.groups.exists(b, a == b))",
        "thing.groups.exists(b, a == b)",
        "inside another",
        "variables",
    ),
    (
        "thing.groups.filter(a, a != 'b').all(a, a == 'c')",
        "thing.groups.filter(a, a != 'b').all(a, a == 'c')",
        "behind another",
        "",
    ),
    ("thing.groups.exists(now, now == 'a')", "now", "is taken", ""),
    ("thing.groups.exists(job, job == 'a')", "job", "is taken", ""),
    ("thing.groups.exists('a', true)", "'a'", "has to be a name", ""),
    ("thing.groups.exists(a)", "thing.groups.exists(a)", "takes a name and what is asked", ""),
    ("'abc'.exists(a, true)", "'abc'", "string has no elements", ""),
    ("thing.groups.exists(a, a)", "a", "bool is needed", ""),
    ("thing.groups.map(a, [a]).size() == 1", "[a]", "list of string in a list", ""),
    // syntax
    ("", "", "the expression is empty", ""),
    ("  ", "  ", "the expression is empty", ""),
    ("a = 1", "=", "`=` is no operator", "`==`"),
    ("true & false", "&", "`&` is no operator", "`&&`"),
    ("true | false", "|", "`|` is no operator", "`||`"),
    ("true and false", "and", "`and` is no operator", "`&&`"),
    ("true or false", "or", "`or` is no operator", "`||`"),
    ("not true", "not", "`not` is no operator", "`!`"),
    ("'abc", "'abc", "not closed", "quote"),
    ("'abc\n' == job.id", "'abc", "not closed", "quote"),
    ("(true", "(", "`(` is not closed", "`)`"),
    ("true)", ")", "`)` closes nothing", ""),
    ("(true]", "]", "`]` closes nothing", ""),
    ("true &&", "&", "ends too early", ""),
    ("true true", "true", "not understood", ""),
    ("if == 1", "if", "not understood", ""),
    ("99999999999999999999 == 1", "99999999999999999999", "not understood", ""),
    ("#", "#", "not understood", ""),
    ("1 ++ 2 == 3", "+", "not understood", ""),
];

#[test]
fn what_is_refused_says_where_and_why_and_what_to_do() {
    let mut wrong = Vec::new();
    for (text, marked, message, help) in REFUSED {
        match compile(text, Wanted::Condition) {
            Ok(_) => wrong.push(format!("{text}: accepted")),
            Err(errors) => {
                let first = &errors[0];
                let found = text.get(first.at.clone());
                let fits = (found == Some(marked) || marked.is_empty())
                    && first.message.contains(message)
                    && first.help.contains(help);
                if !fits {
                    wrong.push(format!("{text}: {found:?} {first:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let errors = compile("thing.nam == 'a' && execution.status == 'X' || 1", Wanted::Condition);
    assert_eq!(errors.expect_err("three mistakes").len(), 3);
}

#[test]
fn what_is_wanted_is_asked_for() {
    for (text, wanted, message) in [
        ("1 + 1", Wanted::Condition, "a condition must be bool; this is int"),
        ("job.id", Wanted::Condition, "a condition must be bool; this is string"),
        ("thing.groups", Wanted::Condition, "a condition must be bool; this is list of string"),
        ("execution.number", Wanted::Text, "what is filled in must be string; this is int"),
        ("days(1)", Wanted::Text, "what is filled in must be string; this is duration"),
        ("thing.?type", Wanted::Text, "what is filled in must be string; this is optional string"),
        ("thing.?type", Wanted::Anything, "a variable cannot be optional string"),
    ] {
        let errors = compile(text, wanted).expect_err(text);
        assert_eq!(errors.len(), 1, "{text}");
        assert_eq!(errors[0].message, message);
        assert_eq!(&text[errors[0].at.clone()], text);
    }
}

#[test]
fn what_has_no_fields_in_a_scope_is_to_be_left_out() {
    let mut findings = Findings::default();
    let text = "source.branch == 'main'";
    assert!(
        Expression::compile(text, Wanted::Condition, &Scope::default(), &mut findings).is_none()
    );
    let [error] = &findings.errors[..] else { panic!("{findings:?}") };
    assert_eq!(error.help, "leave it out: it has no fields here");
}

#[test]
fn places_are_bytes_of_the_text_whatever_letters_it_has() {
    let text = "'größe' == job.id && thing.nmae == 'ä'";
    let errors = compile(text, Wanted::Condition).expect_err("a mistake");
    assert_eq!(&text[errors[0].at.clone()], "thing.nmae");
    let text = "job.id == 'ä'\n  && thing.nmae == 'ä'";
    let errors = compile(text, Wanted::Condition).expect_err("a mistake");
    assert_eq!(&text[errors[0].at.clone()], "thing.nmae");
    assert!(text.len() < MAX_BYTES);
}

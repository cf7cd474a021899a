//! The functions of an expression, as people look them up.
//!
//! Apart from `check`, which gives them types: this is for the reference. A test holds the two
//! together, and compiles each example.

/// A function.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// It in use.
    pub example: &'static str,
    /// What it gives.
    pub says: &'static str,
}

const fn function(name: &'static str, example: &'static str, says: &'static str) -> Function {
    Function { name, example, says }
}

/// Every function: those that are called as `name(…)`, then those that are called as `value.name(…)`.
pub const FUNCTIONS: &[Function] = &[
    function("days", "days(2)", "a duration of so many times 24 hours"),
    function(
        "duration",
        "duration('6h')",
        "a duration of hours, minutes, seconds: `90s`, `1h30m`; days are `days(2)`",
    ),
    function("timestamp", "timestamp('2027-01-01T00:00:00Z')", "a time, with seconds and its zone"),
    function(
        "humanize",
        "humanize(now - execution.queuedAt)",
        "a duration in words, for templates: `9h 12m`",
    ),
    function(
        "string",
        "string(execution.version)",
        "a whole number, a truth value or a time as text",
    ),
    function(
        "int",
        "int(execution.statusDetails[?'step'].orValue('0'))",
        "a whole number from text",
    ),
    function(
        "double",
        "double(job.tags[?'weight'].orValue('0.5'))",
        "a number from text or a whole number",
    ),
    function(
        "size",
        "size(thing.groups)",
        "how many characters, entries or keys there are; also `thing.groups.size()`",
    ),
    function("has", "has(thing.type)", "whether a fact or a key is there"),
    function("contains", "job.id.contains('canary')", "whether a text is in another"),
    function("startsWith", "thing.name.startsWith('lab-')", "whether a text begins with another"),
    function("endsWith", "thing.name.endsWith('-spare')", "whether a text ends with another"),
    function(
        "matches",
        "job.id.matches('^fw-[0-9]+')",
        "whether a pattern (RE2) is found in a text",
    ),
    function(
        "orValue",
        "execution.statusDetails[?'hold'].orValue('no')",
        "what is there, or else this",
    ),
    function("hasValue", "thing.?type.hasValue()", "whether an optional value is there"),
    function("getFullYear", "execution.queuedAt.getFullYear()", "the year of a time, in UTC"),
    function("getMonth", "execution.queuedAt.getMonth()", "the month of a time, in UTC, from 0"),
    function(
        "getDate",
        "execution.queuedAt.getDate()",
        "the day of the month of a time, in UTC, from 1",
    ),
    function(
        "getDayOfMonth",
        "execution.queuedAt.getDayOfMonth()",
        "the day of the month of a time, in UTC, from 0",
    ),
    function(
        "getDayOfWeek",
        "execution.queuedAt.getDayOfWeek()",
        "the day of the week of a time, in UTC, from 0 for Sunday",
    ),
    function(
        "getDayOfYear",
        "execution.queuedAt.getDayOfYear()",
        "the day of the year of a time, in UTC, from 0",
    ),
    function(
        "getHours",
        "execution.queuedAt.getHours()",
        "the hour of a time, in UTC; of a duration all its hours",
    ),
    function(
        "getMinutes",
        "execution.queuedAt.getMinutes()",
        "the minute of a time; of a duration all its minutes",
    ),
    function(
        "getSeconds",
        "execution.queuedAt.getSeconds()",
        "the second of a time; of a duration all its seconds",
    ),
    function(
        "getMilliseconds",
        "execution.queuedAt.getMilliseconds()",
        "the milliseconds behind the second",
    ),
    function(
        "all",
        "thing.groups.all(it, it != 'lab')",
        "whether a condition holds for each entry or key",
    ),
    function(
        "exists",
        "thing.groups.exists(it, it.startsWith('lab-'))",
        "whether it holds for at least one",
    ),
    function(
        "exists_one",
        "thing.groups.exists_one(it, it.startsWith('site-'))",
        "whether it holds for exactly one",
    ),
    function(
        "filter",
        "thing.groups.filter(it, it.startsWith('site-'))",
        "those for which it holds",
    ),
    function("map", "thing.groups.map(it, size(it))", "what an expression gives for each"),
];

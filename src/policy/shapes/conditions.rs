//! The conditions of `match` and `exclude` as people write them.
//!
//! They stand apart since both have them, and since they are what grows. The rules of the module above
//! hold here too.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::AgeClock;

/// Names, by patterns, as a condition.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludeNamesShape {
    /// Patterns, of which one must match the whole name: `*` stands for any characters, `?` for one,
    /// `[a-z]` for one of a range, `{a,b}` for either.
    #[schemars(length(min = 1), example = &["lab-*"])]
    pub names: BTreeSet<String>,
}

/// Conditions, of which all must hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct MatchShape {
    /// How long ago things happened to the execution. All must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub age: Vec<AgeShape>,
    /// About the thing, as the registry knows it.
    #[serde(default)]
    pub thing: Option<ThingShape>,
    /// About what the device reported in the execution's statusDetails.
    #[serde(default)]
    pub status_details: Option<StatusDetailsShape>,
    /// About the retries of the execution.
    #[serde(default)]
    pub retry_attempt: Option<RetryShape>,
}

/// A name for an expression.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VariableShape {
    /// The name, unique in the policy: 1 to 63 letters, digits and '_', not beginning with a digit.
    #[schemars(length(min = 1), example = &"silent")]
    pub name: String,
    /// What it stands for, in CEL as in `conditions`, of any type. It may use variables before it.
    #[schemars(length(min = 1), example = &"now - execution.lastUpdatedAt")]
    pub expression: String,
}

/// A condition in CEL.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConditionShape {
    /// What the condition is called, unique among the conditions: as a policy's name.
    #[schemars(length(min = 1), example = &"silent-for-a-day")]
    pub name: String,
    /// An expression in CEL that gives a bool. At most 1024 bytes, 16 brackets and 32 operations inside
    /// each other.
    ///
    /// It can name `execution.status`, `.number`, `.retryAttempt`, `.queuedAt`, `.startedAt`,
    /// `.lastUpdatedAt`, `.version`, `.statusDetails`, `.secondsBeforeTimedOut`, `.queuedBehind`;
    /// `job.id`, `.status`, `.targetSelection`, `.createdAt`, `.description`, `.namespaceId`, `.tags`,
    /// `.timeoutMinutes`; `thing.name`, `.type`, `.groups`, `.attributes`,
    /// `thing.connectivity.connected`, `thing.connectivity.timestamp`; `policy.name`, `policy.labels`; `source.path`, `source.revision`, which is the git commit of the
    /// file with `-dirty` behind it where files differ from it; `variables.NAME`; and `now`, which can be
    /// compared, subtracted and subtracted from.
    ///
    /// Operators: `&&`, `||`, `!`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `+`, `-`, `*`, `/`, `%`,
    /// `? :`, `map['key']`, `map.key`, `map[?'key']`, `map.?key`. Both sides have one type, and text has
    /// no order. Functions: `days(2)`, `duration('6h')`, `timestamp('2027-01-01T00:00:00Z')`,
    /// `humanize(duration)`, `string(…)`, `int(…)`, `double(…)`, `size(…)`, `has(thing.type)`; of text
    /// `contains`, `startsWith`, `endsWith`, `matches`; of optional values `orValue`, `hasValue`; of times
    /// in UTC and durations `getHours` and its kin; of lists and the keys of maps `all`, `exists`,
    /// `exists_one`, `filter`, `map`, not inside each other. There is nothing else.
    ///
    /// It is run only when every fact that it touches was read. A key or a fact that is not there, a
    /// division by zero, a text that is no number make it not known, whatever stands beside them: an
    /// operand that fails is not covered by another one. What is not reached does not fail:
    /// `'hold' in execution.statusDetails && execution.statusDetails['hold'] == 'yes'`.
    #[schemars(length(min = 1), example = &"now - execution.lastUpdatedAt > days(1)")]
    pub expression: String,
}

/// A named rule; it holds when all its conditions do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludeShape {
    /// What the rule is called, unique in its list: as a policy's name.
    #[schemars(length(min = 1), example = &"owner-asked-to-keep")]
    pub name: String,
    /// Why there is this rule, for people: it is told with each execution that the rule keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = &"change board")]
    pub reason: Option<String>,
    /// Which jobs.
    #[serde(default)]
    pub jobs: Option<ExcludeNamesShape>,
    /// Which things.
    #[serde(default)]
    pub things: Option<ExcludeNamesShape>,
    /// How long ago things happened to the execution. All must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub age: Vec<AgeShape>,
    /// About the thing, as the registry knows it.
    #[serde(default)]
    pub thing: Option<ThingShape>,
    /// About what the device reported in the execution's statusDetails.
    #[serde(default)]
    pub status_details: Option<StatusDetailsShape>,
    /// About the retries of the execution.
    #[serde(default)]
    pub retry_attempt: Option<RetryShape>,
    /// A condition in CEL, as in `conditions`. One that is not known keeps the execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = &"execution.statusDetails[?'hold'].orValue('') == 'yes'")]
    pub expression: Option<String>,
}

/// How long ago something happened. Exactly one of `olderThan` and `youngerThan`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgeShape {
    /// Since when, for the current execution number. `startedAt` is not there until a device starts
    /// the execution; then no age of it holds.
    pub since: AgeClock,
    /// At least this long ago: a duration like `90s`, `15m`, `6h`, `1h 30m`, `3d`, `3 days`, `2w` or `PT6H`.
    /// A day has 24 hours.
    #[serde(default)]
    #[schemars(example = &"6h")]
    pub older_than: Option<String>,
    /// Less than this long ago: a duration as for `olderThan`.
    #[serde(default)]
    #[schemars(example = &"30d")]
    pub younger_than: Option<String>,
}

/// About the thing. All must hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct ThingShape {
    /// Its thing type is one of these.
    #[serde(default)]
    #[schemars(length(min = 1), example = &["robot"])]
    pub types: Option<BTreeSet<String>>,
    /// It is directly in one of these thing groups: a thing of a group below one of them is not meant,
    /// unless that group is named too.
    #[serde(default)]
    #[schemars(length(min = 1), example = &["berlin"])]
    pub groups: Option<BTreeSet<String>>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: Option<AttributesShape>,
}

/// About the thing's attributes. All must hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct AttributesShape {
    /// Attributes and the values that they must have.
    #[serde(default)]
    #[schemars(extend("minProperties" = 1))]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Conditions on attributes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub match_expressions: Vec<RequirementShape>,
}

/// About what the device reported. All must hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusDetailsShape {
    /// Conditions on the pairs of the execution's statusDetails.
    #[schemars(length(min = 1))]
    pub match_expressions: Vec<RequirementShape>,
}

/// A condition on one key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequirementShape {
    /// The key.
    #[schemars(length(min = 1), example = &"lifecycle")]
    pub key: String,
    /// In: the value is one of `values`. NotIn: the key is there, and its value is none of `values`;
    /// a key that is not there is not known to differ, and keeps the execution. Exists: the key is
    /// there. DoesNotExist: it is not.
    pub operator: OperatorShape,
    /// The values, for In and NotIn; none for Exists and DoesNotExist.
    #[serde(default)]
    #[schemars(example = &["lab", "canary"])]
    pub values: BTreeSet<String>,
}

/// What is asked of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum OperatorShape {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// About the retries of the execution.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryShape {
    /// At least this many retries were made: 1 to 10, the most that AWS makes.
    #[schemars(range(min = 1, max = 10))]
    pub at_least: i64,
}

//! `kind: CancelPolicy` as people write it. Each field's doc comment is its description in the schema
//! and its entry in the reference.
//!
//! These types stand apart from [`super::Policy`] because they hold only form: text where the meaning
//! is a duration, a time or a pattern. Unknown keys are refused. Enum variants have no doc comments:
//! they would turn the schema's `enum` into a `oneOf`. They are also written back, with all defaults
//! filled in, for the digest.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Mode, OnExceed, OnExisting};
use crate::execution::OpenStatus;

mod conditions;
pub mod guard;
mod pairs;
mod test_case;
mod windows;

pub use conditions::{
    AgeShape, AttributesShape, ConditionShape, ExcludeNamesShape, ExcludeShape, MatchShape,
    OperatorShape, RequirementShape, RetryShape, StatusDetailsShape, ThingShape, VariableShape,
};
pub use pairs::Pairs;
pub use test_case::{
    DecisionShape, ExpectShape, ReasonShape, TestDocument, TestSpec, UnlistedShape,
};
pub use windows::WindowShape;

/// The lowest and the highest priority.
pub const PRIORITIES: std::ops::RangeInclusive<i32> = -1_000_000..=1_000_000;

/// Cancels job executions: which ones, why, how, and how many.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "CancelPolicy")]
pub struct PolicyDocument {
    /// The version of the policy language.
    pub api_version: PolicyApiVersion,
    /// What the document is.
    pub kind: PolicyKind,
    /// What the policy is called.
    pub metadata: PolicyMetadata,
    /// What the policy does.
    pub spec: PolicySpec,
}

/// The version of the policy language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum PolicyApiVersion {
    #[serde(rename = "rescind/v1alpha1")]
    V1Alpha1,
}

/// What the document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum PolicyKind {
    CancelPolicy,
}

/// What the policy is called.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyMetadata {
    /// The policy's name, unique in the policy root: 1 to 63 lower-case letters, digits and hyphens,
    /// neither first nor last a hyphen. It is written to each execution that the policy cancels.
    #[schemars(length(min = 1), example = &"stuck-in-progress")]
    pub name: String,
    /// Free labels. Keys: 1 to 63 letters, digits, '.', '_', '/' and '-'.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Free annotations: a ticket, an owner. Keys as for labels.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What the policy does.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// Why there is this policy, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// Observe only says what it would cancel. Enforce cancels, and must be written.
    #[serde(default)]
    pub mode: Mode,
    /// Which policy is the cause when several may act: the highest, then the first by name. From
    /// -1000000 to 1000000; 0 unless written.
    #[serde(default)]
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub priority: i32,
    /// What is listed: which executions the policy looks at, and what it costs in API calls.
    pub target: TargetShape,
    /// Which of them are canceled: all that is written here must hold. What is not known does not. A
    /// policy needs `match` or `conditions`; with both, both must hold.
    #[serde(rename = "match", default)]
    pub matching: Option<MatchShape>,
    /// Which of them stay nevertheless: any rule that holds, or that is not known to hold or not,
    /// keeps the execution. A rule holds when all that is written in it does: for either of two things,
    /// write two rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub exclude: Vec<ExcludeShape>,
    /// Names for expressions, used as `variables.NAME` in those behind them, in `conditions`, `exclude`
    /// and `cancel.statusDetails.set`. At most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32))]
    pub variables: Vec<VariableShape>,
    /// Conditions in CEL, for what `match` cannot say: all must be true. One that touches a fact that
    /// is not known, or that fails, keeps the execution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub conditions: Vec<ConditionShape>,
    /// For how long an execution must have matched, in every look and without moving, before it is
    /// canceled: a duration like `10m`, `30d` at most. A look in which it does not match or is not known
    /// to, one that is missing for three intervals, and a change of the policy begin anew. The looks are
    /// counted in the state of `run` and `apply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"10m")]
    pub stable_for: Option<String>,
    /// What is sent.
    #[serde(default)]
    pub cancel: CancelShape,
    /// How many executions may be canceled. Without it: 50 per 1h, and 10 % per 24h. If it is written,
    /// only the limits in it hold. What was spent is counted by the policy's name: renamed, a policy begins
    /// with nothing spent. A guard's budget holds over all names.
    #[serde(default)]
    pub budget: BudgetShape,
    /// When the policy may act: while some Allow window is open, if any is written, and no Deny window
    /// is. It is asked again in the moment of each cancel. At most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32))]
    pub windows: Vec<WindowShape>,
    /// Whether the policy waits. Nothing is canceled by a suspended policy.
    #[serde(default)]
    pub suspend: bool,
    /// Why it waits, for people.
    #[serde(default)]
    pub suspend_reason: Option<String>,
    /// Until when it waits: a time like `2027-01-01T00:00:00Z`. Unless written: until `suspend` is
    /// false again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"2027-01-01T00:00:00Z")]
    pub suspend_until: Option<String>,
    /// From when on the policy acts no more: a time like `2027-01-01T00:00:00Z`.
    #[serde(default)]
    #[schemars(example = &"2027-01-01T00:00:00Z")]
    pub expires_at: Option<String>,
}

/// What is listed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetShape {
    /// The statuses of executions. Canceling what is IN_PROGRESS needs `cancel.force`.
    #[schemars(length(min = 1))]
    pub statuses: BTreeSet<OpenStatus>,
    /// Which jobs. Unless written: any that is IN_PROGRESS, SCHEDULED or CANCELED and has no
    /// namespaceId.
    #[serde(default)]
    pub jobs: TargetJobsShape,
    /// Which things. Unless written: any.
    #[serde(default)]
    pub things: NamesShape,
}

/// Which jobs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetJobsShape {
    /// Patterns of job ids, of which one must match the whole id: `*` stands for any characters, `?`
    /// for one, `[a-z]` for one of a range, `{a,b}` for either. Unless written: any job.
    #[schemars(length(min = 1), example = &["fw-*", "cfg-*"])]
    pub names: BTreeSet<String>,
    /// The statuses of jobs. Unless written: IN_PROGRESS, SCHEDULED and CANCELED, since open
    /// executions also hang under canceled jobs.
    #[schemars(length(min = 1))]
    pub statuses: BTreeSet<JobStatusShape>,
    /// SNAPSHOT jobs end with their present targets, CONTINUOUS jobs follow their groups. Unless
    /// written: both.
    #[schemars(length(min = 1))]
    pub target_selection: BTreeSet<TargetSelectionShape>,
    /// Namespaces to look at as well: unlike the keys beside it, this one widens. A job with a
    /// namespaceId (Greengrass, say) is out of scope unless it is named here; jobs without one are always
    /// in scope.
    #[schemars(example = &["greengrass"])]
    pub namespaces: BTreeSet<String>,
}

impl Default for TargetJobsShape {
    fn default() -> Self {
        use JobStatusShape::{Canceled, InProgress, Scheduled};
        Self {
            names: any(),
            statuses: [InProgress, Scheduled, Canceled].into(),
            target_selection: [TargetSelectionShape::Snapshot, TargetSelectionShape::Continuous]
                .into(),
            namespaces: BTreeSet::new(),
        }
    }
}

fn any() -> BTreeSet<String> {
    BTreeSet::from(["*".to_owned()])
}

/// A job's status.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum JobStatusShape {
    InProgress,
    Scheduled,
    Canceled,
    Completed,
    DeletionInProgress,
}

/// Whether a job follows its groups.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum TargetSelectionShape {
    Snapshot,
    Continuous,
}

/// Names, by patterns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamesShape {
    /// Patterns, of which one must match the whole name: `*` stands for any characters, `?` for one,
    /// `[a-z]` for one of a range, `{a,b}` for either.
    #[schemars(length(min = 1), example = &["robot-*"])]
    pub names: BTreeSet<String>,
}

impl Default for NamesShape {
    fn default() -> Self {
        Self { names: any() }
    }
}

/// What is sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelShape {
    /// AWS's flag. Canceling what is IN_PROGRESS needs it; it is sent for nothing else. The device is
    /// not told, and may still be working.
    pub force: bool,
    /// What becomes of the execution's statusDetails.
    pub status_details: CancelDetailsShape,
    /// Whether executions may be canceled although AWS could then abort their whole job: it counts what
    /// is canceled as executed, so that a cancel can be the one with which the job's abortConfig is
    /// looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_job_abort: bool,
}

/// What becomes of the execution's statusDetails. One pair is always set: `rescind`, with the policy's
/// name and what it was when it canceled.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelDetailsShape {
    /// Merge keeps what the device wrote, but for keys that `set` names: their values replace the
    /// device's. Replace drops all that the device wrote.
    pub on_existing: OnExisting,
    /// Pairs to set, at most 9. Keys: 1 to 128 letters, digits, ':', '_' and '-', not beginning with
    /// `rescind`. Values: text on one line in which CEL is filled in, like `${job.id}`; `$${` stands
    /// for `${`. A value of more than 1024 characters is cut. AWS takes 10 pairs: with Merge, the
    /// device's come first, and what has no room is left out.
    ///
    /// What is filled in is an expression as in `conditions`, and gives a string: `string(…)` makes one
    /// of a number or a time, `humanize(…)` of a duration. An execution for which it is not known is
    /// kept.
    #[schemars(
        with = "BTreeMap<String, String>",
        extend("maxProperties" = 9),
        extend("examples" = [{"reason": "no report for ${humanize(now - execution.lastUpdatedAt)}"}])
    )]
    pub set: Pairs,
}

/// How many executions may be canceled. All limits hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct BudgetShape {
    /// Limits by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub max: Vec<CountShape>,
    /// A limit by share.
    #[serde(default)]
    pub max_percent: Option<PercentShape>,
    /// What happens when more is due than a limit allows. Throttle: the oldest go first, the rest
    /// later. Halt: none is canceled until less is due, or until somebody raises the limit.
    #[serde(default)]
    pub on_exceed: OnExceed,
}

impl Default for BudgetShape {
    fn default() -> Self {
        Self {
            max: vec![CountShape { count: 50, per: "1h".to_owned() }],
            max_percent: Some(PercentShape {
                value: 10,
                per: "24h".to_owned(),
                min_population: min_population(),
            }),
            on_exceed: OnExceed::Throttle,
        }
    }
}

/// At most this many in any window of this length.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CountShape {
    /// How many: 0 to 1000000. 0 means none.
    #[schemars(range(min = 0, max = 1_000_000), example = 50)]
    pub count: u64,
    /// The length of the window, which slides: a duration of whole seconds like `1h`, `24h` or `7d`;
    /// `30d` at most.
    #[schemars(example = &"1h")]
    pub per: String,
}

/// At most this share in any window of this length.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PercentShape {
    /// Percent, 0 to 100, of the open executions that the policy's `target` lists, together with those
    /// that the policy canceled in the window; rounded down. 0 means none.
    #[schemars(range(min = 0, max = 100), example = 10)]
    pub value: u8,
    /// The length of the window, which slides: a duration of whole seconds like `1h`, `24h` or `7d`;
    /// `30d` at most.
    #[schemars(example = &"24h")]
    pub per: String,
    /// The limit does not apply to fewer executions than this.
    #[serde(default = "min_population")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub min_population: u64,
}

fn min_population() -> u64 {
    20
}

//! `kind: CancelGuard` as people write it. The rules of the module above hold here too.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CountShape, ExcludeShape, PolicyApiVersion};
use crate::policy::OnExceed;
use crate::policy::guard::Builtin;

/// Keeps job executions from being canceled, whatever the policies say: what, when, and where.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "CancelGuard")]
pub struct GuardDocument {
    /// The version of the policy language.
    pub api_version: PolicyApiVersion,
    /// What the document is.
    pub kind: GuardKind,
    /// What the guard is called.
    pub metadata: GuardMetadata,
    /// What the guard forbids.
    pub spec: GuardSpec,
}

/// What the document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum GuardKind {
    CancelGuard,
}

/// What the guard is called.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardMetadata {
    /// The guard's name, unique among the guards of the policy root: 1 to 63 lower-case letters, digits
    /// and hyphens, neither first nor last a hyphen. Once the guard was adopted, it stays in force under
    /// this name until it is retired.
    #[schemars(length(min = 1), example = &"fleet-guard")]
    pub name: String,
    /// Free labels. Keys: 1 to 63 letters, digits, '.', '_', '/' and '-'.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Free annotations: a ticket, an owner. Keys as for labels.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What the guard forbids. It holds for each policy, when it is decided and again in the moment of the
/// cancel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardSpec {
    /// Why there is this guard, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// Where cancels may be sent. Anywhere else nothing is sent, and the exit code is 4. With several
    /// guards, all their scopes must have the place.
    #[serde(default)]
    pub scope: Option<ScopeShape>,
    /// Which executions stay: any rule that holds, or that is not known to hold or not, keeps the
    /// execution, whatever a policy says. A rule holds when all that is written in it does: for either of
    /// two things, write two rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub protect: Vec<ExcludeShape>,
    /// Times in which nothing is canceled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub freezes: Vec<FreezeShape>,
    /// How many executions all policies together may cancel, whatever they are called. It counts beside
    /// the budget of each policy, and beside those of other guards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<GuardBudgetShape>,
    /// How much may go wrong before nothing is canceled any more. What no guard writes has its default,
    /// without any guard too; of what several write, the strictest counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakers: Option<BreakersShape>,
    /// Built-in rules to switch off. `freertos-self-test` is on without being written: an execution
    /// whose statusDetails have `self_test: ready` or `self_test: active` is never canceled.
    #[serde(default)]
    pub disable_builtin: BTreeSet<Builtin>,
    /// Ends the guard. To remove a guard's document is not enough: it would stay in force. Write this,
    /// let it be adopted, then remove the document.
    #[serde(default)]
    pub retired: Option<RetiredShape>,
}

/// Where cancels may be sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopeShape {
    /// The AWS accounts: twelve digits each, in quotes.
    #[schemars(length(min = 1), example = &["123456789012"])]
    pub accounts: BTreeSet<String>,
    /// The AWS regions.
    #[schemars(length(min = 1), example = &["eu-central-1"])]
    pub regions: BTreeSet<String>,
}

/// A time in which nothing is canceled.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FreezeShape {
    /// What the freeze is called, unique in the guard: as a guard's name.
    #[schemars(length(min = 1), example = &"year-end")]
    pub name: String,
    /// When it begins: a time like `2026-12-20T00:00:00Z`.
    #[schemars(example = &"2026-12-20T00:00:00Z")]
    pub from: String,
    /// When it is over: at this very time it no longer holds.
    #[schemars(example = &"2027-01-03T00:00:00Z")]
    pub until: String,
    /// Policies that act all the same, by name.
    #[serde(default)]
    #[schemars(example = &["emergency-stop"])]
    pub except_policies: BTreeSet<String>,
}

/// How many executions all policies together may cancel. All limits hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct GuardBudgetShape {
    /// Limits by number, whatever is canceled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub max: Vec<CountShape>,
    /// Limits by number for what is canceled with force: what is IN_PROGRESS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub max_forced: Vec<CountShape>,
    /// What happens when more is due than a limit allows. Throttle: by priority, the oldest first, the
    /// rest later. Halt: no policy cancels anything until less is due, or until somebody raises the limit.
    #[serde(default)]
    pub on_exceed: OnExceed,
}

/// How much may go wrong before nothing is canceled any more. A breaker opens above its limit, over at least
/// 20 cases of the last hour; it closes by `rescind resume --breaker NAME`, or once its share has been under
/// half of the limit for an hour of observation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct BreakersShape {
    /// Percent of the decisions that needed a read for which a fact could not be read; 20 unless written.
    /// 100 never opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100), example = 20)]
    pub unknown_percent: Option<u8>,
    /// Percent of the cancels that AWS refused since the execution had moved meanwhile; 30 unless written.
    /// 100 never opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100), example = 30)]
    pub version_conflict_percent: Option<u8>,
    /// Percent of the cancels that failed, or whose answer was lost; 20 unless written. 100 never opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100), example = 20)]
    pub error_percent: Option<u8>,
    /// Seconds by which the machine's clock and AWS's may differ; 60 unless written. It has no share: one
    /// answer opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 31_536_000), example = 60)]
    pub clock_skew_seconds: Option<u32>,
}

/// Why a guard is in force no more.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetiredShape {
    /// Why, for people.
    #[schemars(length(min = 1))]
    pub reason: String,
}

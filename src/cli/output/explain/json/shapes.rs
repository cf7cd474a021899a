//! The shapes of an explanation as JSON; their comments are the reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::output::plan::json::JsonBudget;
use crate::execution::{ExecutionNumber, ExecutionVersion};
use crate::plan::{Decision, Reason};
use crate::policy::{Mode, PolicyName, Standing};
use crate::state::journal::Entry;
use crate::status::Window;

/// The answers to whether something holds.
const TRUTHS: [&str; 3] = ["yes", "no", "unknown"];

/// What the document is, and its version.
pub const FORMAT: &str = "rescind/explain/v1";

/// One execution, and all that bears on it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Explanation")]
pub struct Json<'a> {
    /// What the document is, and its version.
    pub(super) format: &'static str,
    /// The job's id.
    pub(super) job: &'a str,
    /// The thing's name.
    pub(super) thing: &'a str,
    /// The time that it is for.
    #[schemars(extend("format" = "date-time"))]
    pub(super) now: String,
    /// AWS's status of it.
    pub(super) status: String,
    /// Which execution of this job on this thing; null if AWS did not say.
    pub(super) execution_number: Option<ExecutionNumber>,
    /// Its version; null if it was not described.
    pub(super) version_number: Option<ExecutionVersion>,
    /// Its `queuedAt`, `startedAt` and `lastUpdatedAt`, as AWS gives them; null for one that has not come. What
    /// is not known is absent.
    #[schemars(with = "BTreeMap<String, Option<String>>")]
    pub(super) facts: serde_json::Map<String, serde_json::Value>,
    /// Those of them that are not known, with why. Absent if all are.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) facts_not_known: serde_json::Map<String, serde_json::Value>,
    /// What its statusDetails say, as far as they were read.
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) status_details: serde_json::Map<String, serde_json::Value>,
    /// Who canceled it; null if it is not canceled.
    pub(super) canceled_by: Option<JsonAuthor<'a>>,
    /// What the journal has of this execution, oldest first; each as in `audit -o json`.
    pub(super) journal: &'a [Entry],
    /// The one decision; null if no policy has it in scope, or if it has ended.
    pub(super) decision: Option<JsonDecision<'a>>,
    /// What each policy says of it: those that have it in scope first, then by name. Empty once it has ended.
    pub(super) policies: Vec<JsonPolicy<'a>>,
    /// What each guard says of it: those that somebody wrote, by name, then the built-in rules. Empty once it
    /// has ended, or if it is of a job that no policy has listed.
    pub(super) guards: Vec<JsonGuard<'a>>,
    /// Where the limits stand of the policy that decides, and those of guards.
    pub(super) budgets: Vec<JsonBudget>,
    /// Whether all executions were looked at: budgets are whole only then.
    pub(super) whole_fleet: bool,
    /// The files of the root with an error: nothing of them is in it. Absent if there is none.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) broken: &'a [String],
}

/// Who canceled an execution.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JsonAuthor<'a> {
    /// `unclear`: its `rescind` pair was not written so by rescind.
    #[schemars(extend("enum" = ["rescind", "unclear", "notRescind", "notKnown"]))]
    pub(super) by: &'static str,
    /// The policy. Absent unless it was rescind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policy: Option<&'a str>,
    /// The first 8 digits of the `digest` of what the policy meant. Absent likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) short_digest: Option<&'a str>,
    /// The attempt's id: the intent's id with more behind it. Absent unless the `rescind` pair says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<&'a str>,
    /// The intent's id. Absent unless the journal says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) intent: Option<&'a str>,
    /// How that policy stands in the root now. Absent unless it was rescind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["unchanged", "changed", "missing"]))]
    pub(super) policy_in_root: Option<&'static str>,
    /// What says so. Absent likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["statusDetails", "journal"]))]
    pub(super) told_by: Option<&'static str>,
    /// The `rescind` pair. Absent unless it is unclear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pair: Option<&'a str>,
}

/// The one decision about an execution.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Decided")]
pub(super) struct JsonDecision<'a> {
    /// What becomes of it.
    pub(super) decision: Decision,
    /// Why.
    pub(super) reason: Reason,
    /// Why, for people.
    pub(super) explanation: &'a str,
    /// The policy whose decision it is.
    pub(super) policy: &'a PolicyName,
    /// Whether force is sent.
    pub(super) force: bool,
    /// The first of `allToChange`; null if there is none.
    pub(super) to_change: Option<&'a str>,
    /// All that would have to change for it to be canceled, for people; empty if it is, or if nothing could.
    pub(super) all_to_change: &'a [String],
}

/// What a policy says of an execution.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PolicyView")]
pub(super) struct JsonPolicy<'a> {
    /// Its name.
    pub(super) name: &'a PolicyName,
    /// The file, relative to the root.
    pub(super) path: &'a str,
    /// The line on which it begins, from 1.
    pub(super) line: usize,
    /// Whether it acts.
    pub(super) mode: Mode,
    /// Whether it has the execution in scope.
    pub(super) in_scope: bool,
    /// Why it has not, for people; null if it has. Out of scope all that follows is empty or null.
    pub(super) out_of_scope: Option<&'a str>,
    /// Its own verdict, before what other policies and budgets say.
    pub(super) reason: Option<Reason>,
    /// The verdict, for people.
    pub(super) explanation: &'a str,
    /// The first of `allToChange`; null if there is none.
    pub(super) to_change: Option<&'a str>,
    /// All that would have to change for it to cancel this, for people.
    pub(super) all_to_change: &'a [String],
    /// For how long it asks that this has matched. Absent if one look is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stable_for: Option<JsonStable>,
    /// Its conditions: all must hold.
    pub(super) clauses: Vec<JsonClause<'a>>,
    /// Its exclude rules: none may hold.
    pub(super) rules: Vec<JsonRule<'a>>,
    /// Why and until when it is suspended; null if it is not.
    pub(super) suspended: Option<JsonSuspended<'a>>,
    /// From when on it acts no more; null for never.
    #[schemars(extend("format" = "date-time"))]
    pub(super) expires_at: Option<String>,
    /// Where its windows stand; null if it has none.
    pub(super) window: Option<Window>,
    /// Where its limits stand, if it may act.
    pub(super) budgets: Vec<JsonBudget>,
    /// The limits of which nothing is known, as written, since other executions were not looked at.
    pub(super) budgets_not_counted: &'a [String],
}

/// For how long an execution must have matched.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JsonStable {
    /// For how long, in seconds.
    pub(super) seconds: i64,
    /// Since when it has; null if it does not match now.
    #[schemars(extend("format" = "date-time"))]
    pub(super) matched_since: Option<String>,
    /// From when on that is long enough; null likewise.
    #[schemars(extend("format" = "date-time"))]
    pub(super) stable_at: Option<String>,
}

/// Why and until when a policy is suspended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JsonSuspended<'a> {
    /// Why; empty if nobody wrote that.
    pub(super) reason: &'a str,
    /// Until when; null for until somebody changes it.
    #[schemars(extend("format" = "date-time"))]
    pub(super) until: Option<String>,
}

/// What a guard says of an execution.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "GuardView")]
pub(super) struct JsonGuard<'a> {
    /// Its name.
    pub(super) name: &'a PolicyName,
    /// The file, relative to the root; `built-in` of the built-in rules.
    pub(super) path: &'a str,
    /// The line on which it begins, from 1; 0 of the built-in rules.
    pub(super) line: usize,
    /// Whether its document is there.
    pub(super) standing: Standing,
    /// Whether one of its rules protects this.
    #[schemars(extend("enum" = TRUTHS))]
    pub(super) protects: &'static str,
    /// Its rules.
    pub(super) rules: Vec<JsonRule<'a>>,
    /// Its freezes.
    pub(super) freezes: Vec<JsonFreeze<'a>>,
    /// Where cancels may be sent; null for anywhere.
    pub(super) scope: Option<JsonScope<'a>>,
    /// Where its limits stand, over all policies.
    pub(super) budgets: Vec<JsonBudget>,
    /// The limits of which nothing is known, as written, since other executions were not looked at.
    pub(super) budgets_not_counted: &'a [String],
}

/// A time in which nothing is canceled.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JsonFreeze<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// From when on.
    #[schemars(extend("format" = "date-time"))]
    pub(super) from: String,
    /// Until when.
    #[schemars(extend("format" = "date-time"))]
    pub(super) until: String,
    /// Whether it lasts now.
    pub(super) lasts: bool,
    /// The policies that it does not stop.
    pub(super) except_policies: Vec<&'a PolicyName>,
}

/// Where cancels may be sent.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JsonScope<'a> {
    /// The accounts; empty for any.
    pub(super) accounts: Vec<&'a str>,
    /// The regions; empty for any.
    pub(super) regions: Vec<&'a str>,
    /// Whether the account and region that answered are among them.
    pub(super) has: bool,
}

/// A named rule and its conditions.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JsonRule<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Why there is this rule; null if nobody wrote that.
    pub(super) reason: Option<&'a str>,
    /// Whether it holds.
    #[schemars(extend("enum" = TRUTHS))]
    pub(super) holds: &'static str,
    /// Its conditions.
    pub(super) clauses: Vec<JsonClause<'a>>,
}

/// A condition and what it saw.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JsonClause<'a> {
    /// Where it stands under `spec`: `match.age[0]`.
    pub(super) path: &'a str,
    /// What it asks, for people.
    pub(super) asks: &'a str,
    /// What it saw, for people.
    pub(super) saw: &'a str,
    /// Whether it holds; `notRead`: nothing hung on it any more.
    #[schemars(extend("enum" = ["yes", "no", "notRead", "unknown"]))]
    pub(super) answer: &'static str,
}

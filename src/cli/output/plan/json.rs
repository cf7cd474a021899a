//! A plan as JSON: `rescind/plan/v1`. Keys are added, and none is taken away.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Shown, Summary, calls_by_name, explanation, finish, guards};
use crate::execution::{Account, ExecutionNumber, ExecutionStatus, ExecutionVersion};
use crate::inventory::Problem;
use crate::plan::blind::undecided;
use crate::plan::finish::{Finish, WholeJob, whole_jobs};
use crate::plan::follows::{Follows, follows};
use crate::plan::words::evidence;
use crate::plan::{BudgetState, Decision, Depth, Details, Evidence, Line, Owner, Reason};
use crate::policy::{Mode, PolicyName};
use crate::status::{Breaker, Budget};

/// What the document is, and its version.
pub const FORMAT: &str = "rescind/plan/v1";

/// A plan.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Plan")]
pub struct Json<'a> {
    /// What the document is, and its version.
    format: &'static str,
    /// The time for which was decided.
    #[schemars(extend("format" = "date-time"))]
    now: String,
    /// Who answered; null if no job was seen, of which it could be learnt.
    account: Option<&'a Account>,
    /// `exact`: what is due was described, and is canceled. `listed`: what is due is described only in the
    /// moment of acting, and has the decision `examine` until then, as in `apply --yes`.
    #[schemars(extend("enum" = ["listed", "exact"]))]
    depth: &'static str,
    /// The policies, by name.
    policies: Vec<JsonPolicy<'a>>,
    /// The guards in force, the built-in rules among them.
    guards: Vec<guards::JsonGuard<'a>>,
    /// What all of them mean together, 64 hex digits.
    policies_digest: &'a str,
    /// How many executions have each decision.
    summary: Summary,
    /// How many executions have each reason.
    reasons: BTreeMap<&'static str, usize>,
    /// Each execution in scope of some policy, by job and thing.
    lines: Vec<JsonLine<'a>>,
    /// What policies in Observe would cancel as well.
    observed: Vec<JsonObserved<'a>>,
    /// What the cancels bring about beside themselves.
    follows: Follows,
    /// Where the limits of policies and guards stand.
    budgets: Vec<JsonBudget>,
    /// Where the breakers stand.
    breakers: Vec<Breaker>,
    /// How long the cancels take. Absent if there are none, or if nothing limits how fast they go.
    #[serde(skip_serializing_if = "Option::is_none")]
    finish: Option<Finish>,
    /// The jobs of which everything that is open would be canceled.
    whole_jobs: Vec<WholeJob>,
    /// What could not be read.
    problems: Vec<&'a Problem>,
    /// What of acting policies is not decided, since something could not be read, in words; null if all is.
    /// With `--detailed-exitcode` and nothing to cancel the exit code is 1 then.
    undecided: Option<String>,
    /// Calls that were made for it, by operation of AWS.
    calls: BTreeMap<&'static str, u64>,
}

/// A policy.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PlannedPolicy")]
struct JsonPolicy<'a> {
    /// Its name.
    name: &'a PolicyName,
    /// Whether it acts.
    mode: Mode,
    /// The file, relative to the root.
    path: &'a str,
    /// The line on which the policy begins, from 1.
    line: usize,
    /// What it means, 64 hex digits: neither comments nor layout change it.
    digest: &'a str,
    /// The git revision of its file: `COMMIT`, or `COMMIT-dirty`. Absent if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
}

/// One execution.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonLine<'a> {
    /// The job's id.
    job: &'a str,
    /// The thing's name.
    thing: &'a str,
    /// Which execution of this job on this thing; null if AWS did not say.
    execution_number: Option<ExecutionNumber>,
    /// AWS's status of it: `QUEUED`, `IN_PROGRESS`.
    #[schemars(with = "Option<String>")]
    status: Option<&'a ExecutionStatus>,
    /// What becomes of it.
    decision: Decision,
    /// Why.
    reason: Reason,
    /// Why, for people.
    explanation: String,
    /// The policy whose decision it is.
    policy: &'a PolicyName,
    /// What of a guard keeps it. Absent unless a guard does.
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<guards::JsonVeto>,
    /// What is sent. Absent unless the decision is `cancel` or `examine`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel: Option<JsonCancel<'a>>,
}

/// What is sent to cancel an execution.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonCancel<'a> {
    /// Whether force is sent.
    force: bool,
    /// The `versionNumber` that was judged, and at which alone AWS cancels it; null if it is described later.
    expected_version: Option<ExecutionVersion>,
    /// The statusDetails; null if it is described later.
    status_details: Option<&'a Details>,
    /// What agreed.
    evidence: Vec<Evidence>,
}

/// What a policy in Observe would cancel.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonObserved<'a> {
    /// The job's id.
    job: &'a str,
    /// The thing's name.
    thing: &'a str,
    /// The policy.
    policy: &'a PolicyName,
    /// Whether it would send force.
    force: bool,
}

/// Where one limit stands, and whose it is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OwnedBudget")]
pub struct JsonBudget {
    /// The policy whose limit it is. Absent if it is a guard's.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyName>,
    /// The guard whose limit it is, over all policies. Absent if it is a policy's.
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<PolicyName>,
    #[serde(flatten)]
    stands: Budget,
}

impl From<&BudgetState> for JsonBudget {
    fn from(state: &BudgetState) -> Self {
        let (policy, guard) = match &state.owner {
            Owner::Policy(name) => (Some(name.clone()), None),
            Owner::Guard(name) => (None, Some(name.clone())),
        };
        Self { policy, guard, stands: state.into() }
    }
}

/// Where limits stand, as JSON has it.
pub fn budgets(states: &[BudgetState]) -> Vec<JsonBudget> {
    states.iter().map(JsonBudget::from).collect()
}

/// The plan as JSON.
pub fn json(shown: Shown<'_>) -> Json<'_> {
    let Shown { plan, inventory, calls, .. } = shown;
    Json {
        format: FORMAT,
        now: plan.now.to_string(),
        account: plan.account.as_ref(),
        depth: match plan.depth {
            Depth::Listed => "listed",
            Depth::Exact => "exact",
        },
        policies: plan
            .policies
            .iter()
            .map(|policy| JsonPolicy {
                name: &policy.name,
                mode: policy.mode,
                path: &policy.origin.path,
                line: policy.origin.line,
                digest: policy.digest.as_str(),
                revision: policy.revision.as_deref(),
            })
            .collect(),
        guards: guards::json(plan),
        policies_digest: plan.policies.digest().as_str(),
        summary: Summary::of(plan),
        reasons: plan.counts().into_iter().map(|(why, count)| (why.label(), count)).collect(),
        lines: plan.lines.iter().map(|line| json_line(line, shown)).collect(),
        observed: plan
            .observed
            .iter()
            .map(|observed| JsonObserved {
                job: observed.key.job.as_str(),
                thing: observed.key.thing.as_str(),
                policy: &observed.policy,
                force: observed.force,
            })
            .collect(),
        follows: follows(plan, inventory),
        budgets: budgets(&plan.budgets),
        breakers: plan.breakers.iter().map(Breaker::from).collect(),
        finish: finish::finish(shown),
        whole_jobs: whole_jobs(plan, inventory),
        problems: inventory.problems.iter().collect(),
        undecided: undecided(plan, inventory),
        calls: calls_by_name(calls),
    }
}

fn json_line<'a>(line: &'a Line, shown: Shown<'a>) -> JsonLine<'a> {
    let row = shown.inventory.executions.get(&line.key);
    JsonLine {
        job: line.key.job.as_str(),
        thing: line.key.thing.as_str(),
        execution_number: row.and_then(|row| row.number.known().copied()),
        status: row.map(|row| &row.status),
        decision: line.decision(),
        reason: line.verdict.reason,
        explanation: explanation(line, shown),
        policy: &line.policy.name,
        guard: guards::veto(line, shown),
        cancel: line.act.as_ref().map(|act| JsonCancel {
            force: act.force,
            expected_version: act.pins.as_ref().map(|pins| pins.version),
            status_details: act.pins.as_ref().map(|pins| &pins.details),
            evidence: evidence(line, shown.inventory, shown.plan.now),
        }),
    }
}

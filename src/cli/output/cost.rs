//! What policies and guards cost: the calls that their facts need, the IAM actions, and when a policy is
//! looked at.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;

use crate::backend::Operation;
use crate::observe::cost::{Per, calls, calls_of_guard};
use crate::plan::budget;
use crate::plan::cadence::Cadence;
use crate::plan::clause::Tier;
use crate::plan::evaluate::tiers;
use crate::plan::veto::tiers_of_guard;
use crate::policy::{Guard, Mode, Policy, PolicyName};
use crate::span::in_full;

/// What a policy costs, as JSON has it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Its name.
    policy: PolicyName,
    /// The file.
    path: String,
    /// The line on which the policy begins, from 1.
    line: usize,
    /// Whether it acts.
    mode: Mode,
    /// Where its facts come from, the cheapest first.
    tiers: Vec<Tier>,
    /// What is called for it at the most, in one pass.
    calls: Vec<Call>,
    /// The least that an IAM policy must allow for it.
    actions: Vec<String>,
    /// Whether it is looked at when an age says so alone, or at each interval as well.
    class: Class,
    /// For how long the list of a status may wait, in seconds, by status.
    least_age_seconds: BTreeMap<&'static str, i64>,
    /// What may change at any time.
    moving: Vec<String>,
    /// For how long an execution must have matched, in seconds. Absent if one look is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    stable_for_seconds: Option<i64>,
    /// The limits, if they are those that hold for a policy without a `budget`. Absent if not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    default_budget: Vec<String>,
    #[serde(skip)]
    least_age: BTreeMap<&'static str, SignedDuration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CostClass")]
enum Class {
    ByAge,
    EachInterval,
}

/// An operation that is called.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Call {
    /// AWS's name of it.
    operation: &'static str,
    /// What it is called once for.
    per: Per,
}

impl Cost {
    /// That of a policy whose file is below `folder`.
    pub fn of(policy: &Policy, folder: &Path) -> Self {
        let cadence = Cadence::of(policy);
        let class = if cadence.is_by_age_alone() { Class::ByAge } else { Class::EachInterval };
        let calls = calls(policy);
        let file = folder.join(&*policy.origin.path);
        let ages = || cadence.least_age.iter().map(|(status, age)| (status.as_str(), *age));
        Self {
            policy: policy.name.clone(),
            path: file.to_string_lossy().into_owned(),
            line: policy.origin.line,
            mode: policy.mode,
            tiers: tiers(policy).into_iter().collect(),
            actions: calls.keys().map(|operation| operation.action()).collect(),
            calls: told(calls),
            class,
            least_age_seconds: ages().map(|(status, age)| (status, age.as_secs())).collect(),
            least_age: ages().collect(),
            stable_for_seconds: policy.stable_for.map(|period| period.get().as_secs()),
            default_budget: if policy.has_default_budget() {
                policy.budget.iter().map(budget::describe).collect()
            } else {
                Vec::new()
            },
            moving: cadence.moving.iter().map(ToString::to_string).collect(),
        }
    }

    fn depends(&self) -> String {
        let earliest = |(status, age): (&&str, &SignedDuration)| match *age {
            SignedDuration::ZERO => format!("what is {status} may match at once"),
            age => format!("what is {status} matches after {} at the earliest", in_full(age)),
        };
        let earliest = self.least_age.iter().map(earliest).collect::<Vec<_>>().join(", ");
        match self.class {
            Class::ByAge => format!("depends on age alone; {earliest}"),
            Class::EachInterval if self.moving.is_empty() => earliest,
            Class::EachInterval => {
                let moving = self.moving.join(", ");
                format!("depends on {moving}, which may change at any time; {earliest}")
            }
        }
    }
}

/// What a missing permission does not stop.
const PACE: &str = "Optional: servicequotas:GetServiceQuota, for a pace of 80 % of the account's quotas \
                    instead of the defaults.\n\n";

/// What a guard costs beside the policies, as JSON has it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardCost {
    /// Its name.
    guard: PolicyName,
    /// The file.
    path: String,
    /// The line on which the guard begins, from 1.
    line: usize,
    /// Where the facts of its `protect` come from, the cheapest first.
    tiers: Vec<Tier>,
    /// What is called for it, of what a policy would cancel.
    calls: Vec<Call>,
    /// The least that an IAM policy must allow for it.
    actions: Vec<String>,
}

impl GuardCost {
    /// That of a guard whose file is below `folder`.
    pub fn of(guard: &Guard, folder: &Path) -> Self {
        let calls = calls_of_guard(guard);
        let file = folder.join(&*guard.origin.path);
        Self {
            guard: guard.name.clone(),
            path: file.to_string_lossy().into_owned(),
            line: guard.origin.line,
            tiers: tiers_of_guard(guard).into_iter().collect(),
            actions: calls.keys().map(|operation| operation.action()).collect(),
            calls: told(calls),
        }
    }
}

fn told(calls: BTreeMap<Operation, Per>) -> Vec<Call> {
    let told = |(operation, per): (Operation, Per)| Call { operation: operation.as_str(), per };
    calls.into_iter().map(told).collect()
}

fn words(calls: &[Call]) -> String {
    let words = calls.iter().map(|call| format!("{} {}", call.operation, call.per.words()));
    words.collect::<Vec<_>>().join(", ")
}

/// For people: a paragraph for each guard.
pub fn guards(costs: &[GuardCost]) -> String {
    let mut text = String::new();
    for cost in costs {
        text.push_str(&format!("guard {} ({}:{})\n", cost.guard, cost.path, cost.line));
        if cost.calls.is_empty() {
            text.push_str("  calls nothing\n\n");
            continue;
        }
        text.push_str(&format!(
            "  calls, of what a policy would cancel, {}\n  needs {}\n\n",
            words(&cost.calls),
            cost.actions.join(", ")
        ));
    }
    text
}

/// For people: a paragraph for each policy.
pub fn text(costs: &[Cost]) -> String {
    let mut text = String::new();
    for cost in costs {
        let mode = match cost.mode {
            Mode::Observe => "Observe",
            Mode::Enforce => "Enforce",
        };
        let stable = cost.stable_for_seconds.map_or_else(String::new, |seconds| {
            let period = in_full(SignedDuration::from_secs(seconds));
            format!(
                "\n  acts on what has matched for {period}, in every look of `run`, or of an `apply` \
                 that is run every few minutes; both count the looks in their state"
            )
        });
        let budget = match &cost.default_budget[..] {
            [] => String::new(),
            limits => format!(
                "\n  budget {}: what holds where none is written, whatever the priority",
                limits.join(" and ")
            ),
        };
        text.push_str(&format!(
            "{} ({mode}, {}:{})\n  {}{stable}{budget}\n  calls {}\n  needs {}\n\n",
            cost.policy,
            cost.path,
            cost.line,
            cost.depends(),
            words(&cost.calls),
            cost.actions.join(", "),
        ));
    }
    if !costs.is_empty() {
        text.push_str(PACE);
    }
    text
}

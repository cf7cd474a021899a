//! What a policy costs: the calls that its facts need, the IAM actions, and when it is looked at.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::SignedDuration;
use serde::Serialize;

use crate::observe::cost::{Per, calls};
use crate::plan::cadence::Cadence;
use crate::plan::clause::Tier;
use crate::plan::evaluate::tiers;
use crate::policy::{Mode, Policy, PolicyName};
use crate::span::humanize;

/// What a policy costs, as JSON has it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    policy: PolicyName,
    /// The file, and the line on which the policy begins.
    at: String,
    mode: Mode,
    /// Where its facts come from, the cheapest first.
    tiers: Vec<Tier>,
    calls: Vec<Call>,
    /// The least that an IAM policy must allow for it.
    actions: Vec<String>,
    /// Whether it is looked at when an age says so alone, or at each interval as well.
    class: Class,
    /// For how long the list of a status may wait, in seconds.
    least_age_seconds: BTreeMap<&'static str, i64>,
    /// What may change at any time.
    moving: Vec<String>,
    /// For how long an execution must have matched, in seconds; none if one look is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    stable_for_seconds: Option<i64>,
    #[serde(skip)]
    least_age: BTreeMap<&'static str, SignedDuration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Class {
    ByAge,
    EachInterval,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    operation: &'static str,
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
            at: format!("{}:{}", file.display(), policy.origin.line),
            mode: policy.mode,
            tiers: tiers(policy).into_iter().collect(),
            actions: calls.keys().map(|operation| operation.action()).collect(),
            calls: calls
                .into_iter()
                .map(|(operation, per)| Call { operation: operation.as_str(), per })
                .collect(),
            class,
            least_age_seconds: ages().map(|(status, age)| (status, age.as_secs())).collect(),
            least_age: ages().collect(),
            stable_for_seconds: policy.stable_for.map(|period| period.get().as_secs()),
            moving: cadence.moving.iter().map(ToString::to_string).collect(),
        }
    }

    fn depends(&self) -> String {
        let earliest = |(status, age): (&&str, &SignedDuration)| match *age {
            SignedDuration::ZERO => format!("what is {status} may match at once"),
            age => format!("what is {status} matches after {} at the earliest", humanize(age)),
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

/// For people: a paragraph for each policy.
pub fn text(costs: &[Cost]) -> String {
    let mut text = String::new();
    for cost in costs {
        let mode = match cost.mode {
            Mode::Observe => "Observe",
            Mode::Enforce => "Enforce",
        };
        let calls =
            cost.calls.iter().map(|call| format!("{} {}", call.operation, call.per.words()));
        let calls: Vec<_> = calls.collect();
        let stable = cost.stable_for_seconds.map_or_else(String::new, |seconds| {
            let period = humanize(SignedDuration::from_secs(seconds));
            format!(
                "\n  acts on what has matched for {period}, in every look of `run`, or of an `apply` \
                 that is run every few minutes; both count the looks in their state"
            )
        });
        text.push_str(&format!(
            "{} ({mode}, {})\n  {}{stable}\n  calls {}\n  needs {}\n\n",
            cost.policy,
            cost.at,
            cost.depends(),
            calls.join(", "),
            cost.actions.join(", "),
        ));
    }
    if !costs.is_empty() {
        text.push_str(PACE);
    }
    text
}

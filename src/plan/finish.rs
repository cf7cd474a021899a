//! How long a plan's cancels take, and which whole jobs they are: for people, nothing is decided by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::execution::{JobId, JobStatus};
use crate::fact::Fact;
use crate::inventory::Inventory;
use crate::plan::evaluate::{reads_described, walk};
use crate::plan::in_force::settle;
use crate::plan::words::facts_of;
use crate::plan::{Depth, Line, Plan, Reason, veto};
use crate::span::humanize;

/// How long cancels take at a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Finish {
    /// How many.
    pub cancels: u64,
    /// How many of them a second: the lower rate of describes and cancels, which overlap.
    pub per_second: f64,
    /// How long that takes, in seconds.
    pub seconds: f64,
}

impl Finish {
    /// For so many cancels at a rate; none if there is nothing to cancel, or no limit.
    pub fn of(cancels: u64, per_second: Option<f64>) -> Option<Self> {
        let per_second = per_second.filter(|rate| cancels > 0 && *rate > 0.0)?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = cancels as f64 / per_second;
        Some(Self { cancels, per_second, seconds })
    }

    /// `1000 cancels at 8/s: about 2m 5s`.
    pub fn in_words(self) -> String {
        let Self { cancels, per_second, seconds } = self;
        let seconds = jiff::SignedDuration::try_from_secs_f64(seconds.ceil());
        let time = seconds.map_or_else(|_| "for ever".to_owned(), humanize);
        let noun = if cancels == 1 { "cancel" } else { "cancels" };
        let rate = (per_second * 10.0).round() / 10.0;
        format!("{cancels} {noun} at {rate}/s: about {time}")
    }
}

/// A job of which everything that is open would be canceled, sooner or later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WholeJob {
    /// The job.
    pub job: JobId,
    /// Its open executions, by AWS's count.
    pub executions: u64,
    /// Whether some of them are IN_PROGRESS, so that CancelJob would need force.
    pub force: bool,
}

/// The jobs of which everything that is open would be canceled one by one: more than one execution, as
/// many as AWS counts, of a job that can still be canceled itself. CancelJob does it in one call; that is
/// for people to decide, since it also ends the job. It asks no guard: a job with anything of which a
/// describe may show that it is to be kept is none of them.
pub fn whole_jobs(plan: &Plan, inventory: &Inventory) -> Vec<WholeJob> {
    let mut lines = BTreeMap::<&JobId, u64>::new();
    for line in &plan.lines {
        *lines.entry(&line.key.job).or_default() += u64::from(surely_goes(line, plan, inventory));
    }
    let whole = lines.into_iter().filter_map(|(job, goes)| {
        let Fact::Known(described) = &inventory.jobs.get(job)?.description else { return None };
        let lives = described.status.known()?;
        if !matches!(lives, JobStatus::InProgress | JobStatus::Scheduled) {
            return None;
        }
        let process = described.process.known()?;
        let open = u64::try_from(process.queued.checked_add(process.in_progress)?).ok()?;
        let force = process.in_progress > 0;
        (goes > 1 && goes == open).then(|| WholeJob { job: job.clone(), executions: open, force })
    });
    whole.collect()
}

/// Whether a line is canceled, now or once a budget allows it, whatever a describe shows: it was shown, or
/// neither the policy nor a guard asks for it.
fn surely_goes(line: &Line, plan: &Plan, inventory: &Inventory) -> bool {
    let reason = line.verdict.reason;
    if reason == Reason::Matched {
        return true;
    }
    if reason != Reason::Due && !reason.waits_for_budget() {
        return false;
    }
    let (policies, policy) = (&plan.policies, &line.policy);
    facts_of(&line.key, inventory).is_some_and(|facts| {
        if facts.described().is_not_read() {
            return !reads_described(policy) && !veto::may_rule_out(policies, &facts, plan.now);
        }
        walk(policy, &facts, plan.now, Depth::Exact).is_none()
            && matches!(settle(policies, policy, &facts, plan.now), Ok(Some(_)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_the_number_by_the_rate() {
        let words = |cancels, rate| Finish::of(cancels, Some(rate)).map(Finish::in_words);
        assert_eq!(words(1000, 8.0).unwrap(), "1000 cancels at 8/s: about 2m 5s");
        assert_eq!(words(1, 80.0).unwrap(), "1 cancel at 80/s: about 1s");
        assert_eq!(words(3, 0.55).unwrap(), "3 cancels at 0.6/s: about 6s");
        assert_eq!(words(0, 8.0), None);
        assert_eq!(Finish::of(1000, None), None);
        assert_eq!(words(1000, 0.0), None, "a rate of nothing is no limit");
    }
}

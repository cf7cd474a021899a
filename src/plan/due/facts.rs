//! What of a kept inventory is not good any more: facts that move by themselves, jobs that are gone, what
//! was read by a clock that was ahead, and what is too old to send anything by it.
//!
//! Apart from the schedule, which says when: here nothing is remembered.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::execution::{JobId, OpenStatus};
use crate::fact::Fact;
use crate::inventory::{Inventory, Job, Listing};
use crate::plan::{Owner, Plan, Reason, abort, budget, planner};
use crate::policy::{Mode, Policy};

/// How old what decides about many executions at once may be when something is sent by it, unless it was
/// read in the same look.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// Takes out the facts that move by themselves, and those that could not be had; what `DescribeJob` says of
/// the jobs of which it decides something.
pub(super) fn forget_moving(inventory: &mut Inventory, decides: impl Fn(&JobId) -> bool) {
    inventory.things.clear();
    for row in inventory.executions.values_mut() {
        row.described = Fact::NotRead;
    }
    for (id, job) in &mut inventory.jobs {
        if decides(id) || job.description.known().is_none() {
            forget_description(job);
        }
    }
}

/// The jobs of which a plan keeps something since AWS could abort them.
pub(super) fn spared(plan: &Plan) -> impl Iterator<Item = &JobId> {
    let lines = plan.lines.iter().filter(|line| line.verdict.reason == Reason::JobAbortRisk);
    lines.map(|line| &line.key.job)
}

/// Takes out the jobs that no list of jobs has any more.
pub(super) fn forget_jobs(inventory: &mut Inventory) {
    let times = inventory.job_lists.values().map(|listing| match listing {
        Listing::Complete(at) => Some(*at),
        Listing::Failed(_) => None,
    });
    let Some(times) = times.collect::<Option<Vec<_>>>() else { return };
    let Some(since) = times.into_iter().min() else { return };
    let listed: BTreeSet<_> = inventory.job_lists.keys().cloned().collect();
    inventory.forget_jobs(|_, job| job.status_at < since && !listed.contains(&job.status));
}

/// Takes out what was read of jobs later than `now`.
pub(super) fn forget_later(inventory: &mut Inventory, now: Timestamp) {
    for job in inventory.jobs.values_mut() {
        if job.described_at.is_some_and(|at| at > now) {
            forget_description(job);
        }
        if job.tags_at.is_some_and(|at| at > now) {
            job.tags = Fact::NotRead;
            job.tags_at = None;
        }
        // A job that no list has from now on shall be gone.
        job.status_at = job.status_at.min(now);
    }
}

/// Takes out the numbers of jobs that AWS may abort, where a plan acts by them and they are too old at
/// `now`. Says whether there were any.
pub(super) fn forget_numbers(inventory: &mut Inventory, plan: &Plan, now: Timestamp) -> bool {
    let jobs = plan.acts().filter(|line| !line.policy.cancel.allow_job_abort);
    let jobs: BTreeSet<_> = jobs.map(|line| &line.key.job).collect();
    let mut any = false;
    for id in jobs {
        let Some(job) = inventory.jobs.get_mut(id) else { continue };
        let aborts = abort::has_criteria(job);
        if aborts && job.described_at.is_some_and(|at| now.duration_since(at) > FRESH) {
            forget_description(job);
            any = true;
        }
    }
    any
}

/// The lists by which a plan counts, and that are too old at `now`: those of which a percentage is taken
/// that it acts by, and those in which more is due than a budget allows that halts, since of what was due
/// by them much may have moved.
pub(super) fn old_counts(
    inventory: &Inventory,
    plan: &Plan,
    now: Timestamp,
    interval: SignedDuration,
) -> Vec<(JobId, OpenStatus)> {
    let shares: BTreeSet<_> = plan
        .acts()
        .filter(|line| budget::has_percent(&line.policy))
        .map(|line| &line.policy.name)
        .collect();
    // Where nothing is left it halts whatever the lists say.
    let halted = || plan.budgets.iter().filter(|it| it.halted.is_some() && it.left() > 0);
    let halts = |policy: &Policy| {
        policy.mode == Mode::Enforce
            && halted().any(|limit| match &limit.owner {
                Owner::Policy(name) => *name == policy.name,
                Owner::Guard(_) => true,
            })
    };
    let mut old = Vec::new();
    for policy in plan.policies.iter().filter(|it| shares.contains(&it.name) || halts(it)) {
        for ((id, status), listing) in &inventory.lists {
            let of = |job| planner::lists(policy, id, job, *status);
            let Listing::Complete(at) = *listing else { continue };
            let is_old = now.duration_since(at) > interval.max(FRESH);
            if is_old && inventory.jobs.get(id).is_some_and(of) {
                old.push((id.clone(), *status));
            }
        }
    }
    old
}

fn forget_description(job: &mut Job) {
    job.description = Fact::NotRead;
    job.described_at = None;
}

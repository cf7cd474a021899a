//! The budgets, counted a second time.
//!
//! As plain as the module above: it counts the population and the ledger anew, for each policy that
//! acts, and wants each limit among the charges of each line. A line whose charges lack a limit would
//! pass the ledger as well.

use jiff::Timestamp;

use super::{job_in_target, waiting};
use crate::execution::{ExecutionStatus, OpenStatus};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{Inventory, Listing, ObservedExecution};
use crate::plan::{Act, Counted, Line, Memory, Plan};
use crate::policy::{LimitSize, OnExceed, Policy};

/// One limit of a policy as it stands now.
pub(super) struct Allowed {
    size: u64,
    spent: u64,
    seconds: i64,
}

/// The limits of a policy that apply; an error is what a percentage lacks.
pub(super) fn allowed(
    policy: &Policy,
    inventory: &Inventory,
    memory: &Memory,
    now: Timestamp,
) -> Result<Vec<Allowed>, String> {
    let mut all = Vec::new();
    for limit in &policy.budget {
        let (mut open, mut settled) = (0, 0);
        for unit in memory.spent.iter().filter(|unit| unit.policy == policy.name) {
            match unit.settled {
                None => open += 1,
                Some(at) => {
                    let age = now.as_nanosecond() - at.as_nanosecond();
                    settled += u64::from(age < limit.per.get().as_nanos());
                }
            }
        }
        let size = match limit.size {
            LimitSize::Count(count) => count,
            LimitSize::Percent { value, min_population } => {
                let population = listed(policy, inventory, memory)? + settled;
                if value != 0 && population < min_population {
                    continue;
                }
                population * u64::from(value) / 100
            }
        };
        let seconds = limit.per.get().as_secs();
        let spent = open + settled + unknown(size, limit.per.get().as_nanos(), memory, now);
        all.push(Allowed { size, spent, seconds });
    }
    Ok(all)
}

/// How many of `size` units per `per` nanoseconds count because the ledger began less than that ago: in
/// that time they would have come free one after the other.
pub(super) fn unknown(size: u64, per: i128, memory: &Memory, now: Timestamp) -> u64 {
    let Some(began) = memory.ledger_began else { return 0 };
    let known = (now.as_nanosecond() - began.as_nanosecond()).clamp(0, per);
    let used = i128::from(size) * (per - known);
    u64::try_from((used + per - 1) / per).unwrap_or(u64::MAX)
}

/// How many open executions the policy's target lists; an error names a list that is not complete.
fn listed(policy: &Policy, inventory: &Inventory, memory: &Memory) -> Result<u64, String> {
    for status in &policy.target.jobs.statuses {
        if !matches!(inventory.job_lists.get(status), Some(Listing::Complete(_))) {
            return Err(format!("the jobs in status {status}"));
        }
    }
    let mut population = 0;
    for (id, job) in &inventory.jobs {
        if job.description.is_not_read() && policy.target.jobs.names.is_match(id.as_str()) {
            // Whether its executions count is not known, unless its status says that they do not.
            if policy.target.jobs.statuses.contains(&job.status)
                && policy.target.jobs.target_selection.contains(&job.target_selection)
            {
                return Err(format!("job {id}"));
            }
        }
        if !job_in_target(policy, id, job) {
            continue;
        }
        for status in &policy.target.statuses {
            match inventory.lists.get(&(id.clone(), *status)) {
                Some(Listing::Complete(_) | Listing::Failed(Unreadable::Gone)) => {}
                _ => return Err(format!("the {status} executions of job {id}")),
            }
        }
    }
    for (key, row) in &inventory.executions {
        let canceled = memory
            .canceled
            .get(key)
            .is_some_and(|numbers| numbers.keys().any(|number| row.number == Fact::Known(*number)));
        let of_policy = inventory.jobs.get(&key.job).is_some_and(|job| {
            job_in_target(policy, &key.job, job)
                && policy.target.things.is_match(key.thing.as_str())
                && in_statuses(policy, row)
        });
        population += u64::from(of_policy && !canceled);
    }
    Ok(population)
}

fn in_statuses(policy: &Policy, row: &ObservedExecution) -> bool {
    let now = match row.status {
        ExecutionStatus::Queued => OpenStatus::Queued,
        ExecutionStatus::InProgress => OpenStatus::InProgress,
        _ => return false,
    };
    policy.target.statuses.contains(&now) || policy.target.statuses.contains(&row.listed)
}

/// Holds the `planned`-th line of a policy against its limits.
pub(super) fn check(
    line: &Line,
    act: &Act,
    planned: u64,
    limits: &Result<Vec<Allowed>, String>,
    broken: &mut impl FnMut(String),
) {
    let policy = &line.policy.name;
    let limits = match limits {
        Ok(limits) => limits,
        Err(missing) => {
            broken(format!("policy {policy} has a percentage, and {missing} could not be listed"));
            return;
        }
    };
    for limit in limits {
        if limit.spent + planned > limit.size {
            broken(format!("policy {policy} has no unit left for it"));
        }
        let charged = act.charges.iter().any(|charge| {
            charge.counts == Counted::Policy(policy.clone())
                && charge.per_seconds == limit.seconds
                && charge.size <= limit.size
        });
        if !charged {
            broken(format!("a limit of policy {policy} is not charged"));
        }
    }
}

/// How many executions a policy has due now.
pub(super) fn due(plan: &Plan, policy: &Policy) -> u64 {
    waiting(plan).filter(|line| line.policy.name == policy.name).count() as u64
}

/// Holds a line against a budget that says Halt: all that is due must fit.
pub(super) fn check_halt(
    line: &Line,
    due: u64,
    limits: &Result<Vec<Allowed>, String>,
    broken: &mut impl FnMut(String),
) {
    let (Ok(limits), OnExceed::Halt) = (limits, line.policy.on_exceed) else { return };
    if limits.iter().any(|limit| limit.spent + due > limit.size) {
        broken(format!("more is due than policy {} allows, and it halts", line.policy.name));
    }
}

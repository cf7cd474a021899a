//! What our cancels may do to whole jobs, stated a second time: by going through the counts one by one.

use crate::execution::JobStatus;
use crate::inventory::{FailureType, Inventory};
use crate::plan::{Line, Memory};

/// Holds the `planned`-th line of a job against the job's abortConfig.
pub(super) fn check(
    line: &Line,
    planned: i64,
    inventory: &Inventory,
    memory: &Memory,
    broken: &mut impl FnMut(String),
) {
    let job = inventory.jobs.get(&line.key.job);
    let Some(job) = job.filter(|_| !line.policy.cancel.allow_job_abort) else { return };
    if !matches!(job.status, JobStatus::InProgress | JobStatus::Scheduled | JobStatus::Unknown(_)) {
        return;
    }
    let Some(described) = job.description.known() else { return };
    if described.abort.is_empty() {
        return;
    }
    let Some(counts) = described.process.known() else {
        broken("AWS may abort its job, and it is not known how many have ended".to_owned());
        return;
    };
    let ours = memory.canceled.keys().filter(|key| key.job == line.key.job).count()
        + memory.open.iter().filter(|key| key.job == line.key.job).count();
    let ended =
        counts.succeeded + counts.failed + counts.timed_out + counts.rejected + counts.canceled;
    let least = ended + planned;
    let most = least + counts.removed + i64::try_from(ours).unwrap_or(i64::MAX);
    for criterion in &described.abort {
        let failed = match criterion.failure_type {
            FailureType::Failed => counts.failed,
            FailureType::Rejected => counts.rejected,
            FailureType::TimedOut => counts.timed_out,
            FailureType::All => counts.failed + counts.rejected + counts.timed_out,
        };
        // More executed make the share smaller, so that the first number that is enough decides.
        let first = (least..=most).find(|count| *count >= criterion.min_number_of_executed_things);
        let Some(first) = first.and_then(|count| i32::try_from(count).ok()) else { continue };
        let failed = f64::from(i32::try_from(failed).unwrap_or(i32::MAX));
        if failed * 100.0 >= criterion.threshold_percentage * f64::from(first) {
            broken("AWS could abort its whole job".to_owned());
        }
    }
}

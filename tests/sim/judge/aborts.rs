//! Whether a cancel could make AWS abort its whole job, as the judge knows it: canceled counts as executed.
//!
//! It counts the store's executions for itself. What happened within the last minute nobody has to know.

use jiff::{SignedDuration, Timestamp};
use rescind::emulator::{Execution, Job};
use rescind::execution::{ExecutionStatus, JobStatus};

use crate::rules::TOLERANCE;
use crate::truth::FACTS_FOR;

/// Executions of a job that have ended.
#[derive(Default)]
struct Ended {
    /// All, but for those that left their group.
    least: u64,
    /// All.
    most: u64,
    failed: u64,
}

impl Ended {
    fn of<'a>(executions: impl Iterator<Item = &'a Execution>) -> Self {
        let mut ended = Self::default();
        for execution in executions.filter(|it| it.status.open().is_none()) {
            ended.most += 1;
            ended.least += u64::from(execution.status != ExecutionStatus::Removed);
            ended.failed += u64::from(execution.status == ExecutionStatus::Failed);
        }
        ended
    }
}

/// Whether a criterion of a job that is not at its end yet is met by so many failures, when at most so
/// many have ended, or of so many at least.
fn is_met(job: &Job, failed: u64, least: u64, most: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a job has few executions here")]
    let share = |of: usize| failed as f64 * 100.0 / of.max(1) as f64;
    let count = |number| usize::try_from(number).expect("few");
    job.status == JobStatus::InProgress
        && job.config.abort.iter().flatten().any(|criterion| {
            count(most) >= criterion.min_executed
                && share(count(least).max(criterion.min_executed)) >= criterion.threshold
        })
}

/// Whether one cancel more can make AWS abort a job, by all that is known of it.
pub fn may_follow(job: &Job) -> bool {
    let ended = Ended::of(job.executions().map(|(_, execution)| execution));
    is_met(job, ended.failed, ended.least + 1, ended.most + 1)
}

/// Whether whoever sent a cancel at a time had to know that: by the failures that were a minute old then,
/// with what had ended by then and what we have canceled since, and however many have ended since or been
/// deleted.
pub fn was_known(
    job: &Job,
    sent_at: Timestamp,
    deleted: u64,
    by_us: impl Fn(&str, &Execution) -> bool,
) -> bool {
    let facts = SignedDuration::try_from(FACTS_FOR).expect("a minute") + TOLERANCE;
    let old = |execution: &Execution| execution.last_updated_at < (sent_at - facts).as_second();
    let all = || job.executions().map(|(_, execution)| execution);
    let known = job
        .executions()
        .filter(|(thing, execution)| old(execution) || by_us(thing, execution))
        .map(|(_, execution)| execution);
    let failed = Ended::of(all().filter(|execution| old(execution))).failed;
    is_met(job, failed, Ended::of(all()).most + deleted + 1, Ended::of(known).most + 1)
}

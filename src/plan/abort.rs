//! Whether our cancels could make AWS abort a whole job.
//!
//! AWS counts canceled executions as executed. A cancel can so be the one with which enough have been
//! executed for the job's abortConfig to be looked at; if enough of them failed, AWS then cancels the
//! job, and all that is still queued with it. It stands apart from `evaluate` because several lines of
//! one job add up, in the order of acting: those before the edge may go. What is not canceled in the end
//! does not count: it would keep its place before the edge for ever, and the others behind it.
//!
//! How many have been executed is known as a range. AWS does not say whether it counts those that were
//! removed, and its numbers may or may not have the cancels of the last minutes. What could abort
//! somewhere in the range counts as aborting.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::execution::{JobId, JobStatus};
use crate::inventory::{AbortCriterion, FailureType, Inventory, Job, ProcessDetails};
use crate::mutant::{self, Mutant};
use crate::plan::{At, Because, Line, Memory, Reason, Verdict, words};

/// How many executions have ended, as AWS may count them once our cancels took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Executed {
    /// At least so many.
    least: i64,
    /// At most so many.
    most: i64,
}

impl Executed {
    /// What `counts` say, with `planned` cancels more, and `lately` that they may not have yet.
    fn of(counts: &ProcessDetails, lately: u64, planned: u64) -> Self {
        let ProcessDetails { succeeded, failed, timed_out, rejected, removed, canceled, .. } =
            *counts;
        let many = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let ended = [succeeded, failed, timed_out, rejected, canceled, many(planned)];
        let least = ended.into_iter().fold(0, i64::saturating_add);
        Self { least, most: least.saturating_add(removed).saturating_add(many(lately)) }
    }
}

/// How many executions failed in the way that a criterion counts.
fn failures(criterion: &AbortCriterion, counts: &ProcessDetails) -> i64 {
    match criterion.failure_type {
        FailureType::Failed => counts.failed,
        FailureType::Rejected => counts.rejected,
        FailureType::TimedOut => counts.timed_out,
        FailureType::All => {
            counts.failed.saturating_add(counts.rejected).saturating_add(counts.timed_out)
        }
    }
}

/// Whether a job can still be aborted.
fn can_be_aborted(status: &JobStatus) -> bool {
    !matches!(status, JobStatus::Canceled | JobStatus::Completed | JobStatus::DeletionInProgress)
}

/// The first criterion by which AWS could abort `job` once `planned` more of its executions are
/// canceled; `lately` of those that we canceled may not be in its numbers yet. An error if its numbers
/// are not known.
fn abort_by(job: &Job, lately: u64, planned: u64) -> Result<Option<&AbortCriterion>, ()> {
    if !can_be_aborted(&job.status) || mutant::is(Mutant::NoAbortRisk) {
        return Ok(None);
    }
    let description = job.description.known().ok_or(())?;
    if description.abort.is_empty() {
        return Ok(None);
    }
    let counts = description.process.known().ok_or(())?;
    let executed = Executed::of(counts, lately, planned);
    let aborts = |criterion: &&AbortCriterion| {
        let needed = criterion.min_number_of_executed_things;
        // Of all numbers that are possible, the least one has the largest share of failures.
        let share = share(failures(criterion, counts), executed.least.max(needed));
        executed.most >= needed && share >= criterion.threshold_percentage - ROUNDING
    };
    Ok(description.abort.iter().find(aborts))
}

/// How far below a threshold a share still counts as reaching it: AWS does not say how it rounds.
const ROUNDING: f64 = 1e-6;

/// A share in percent.
fn share(part: i64, of: i64) -> f64 {
    let number = |count: i64| f64::from(u32::try_from(count.max(0)).unwrap_or(u32::MAX));
    if of <= 0 { 0.0 } else { number(part) * 100.0 / number(of) }
}

/// Our cancels of each job that its numbers may not have yet, those on their way among them.
pub fn lately(memory: &Memory) -> BTreeMap<JobId, u64> {
    let mut lately = BTreeMap::new();
    for key in memory.canceled.keys().chain(&memory.open) {
        *lately.entry(key.job.clone()).or_default() += 1;
    }
    lately
}

/// Whether AWS may abort a job at all, as far as its description tells.
pub fn has_criteria(job: &Job) -> bool {
    job.description.known().is_some_and(|description| !description.abort.is_empty())
}

/// Why one more execution of `job` is not canceled, if AWS could then abort the job, or if that is not
/// known, in the words of a plan; `lately` of those that we canceled may not be in its numbers yet.
pub fn risk(job: &Job, lately: u64, now: Timestamp) -> Option<(Reason, String)> {
    match abort_by(job, lately, 1) {
        Ok(None) => None,
        Ok(Some(by)) => {
            let by = by_words(by, job, lately, 1).map_or(Because::Itself, Because::Abort);
            Some((Reason::JobAbortRisk, words::in_words(Reason::JobAbortRisk, &by, now)))
        }
        Err(()) => Some((
            Reason::FactUnknown,
            "whether AWS could then abort the whole job is not known".to_owned(),
        )),
    }
}

/// How many executions of each job a plan cancels so far.
pub(super) struct Jobs<'a> {
    inventory: &'a Inventory,
    lately: BTreeMap<JobId, u64>,
    planned: BTreeMap<JobId, u64>,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(inventory: &'a Inventory, memory: &Memory) -> Self {
        Self { inventory, lately: lately(memory), planned: BTreeMap::new() }
    }

    /// The verdict on a line that could make AWS abort its job, after those that were counted, or of which
    /// that is not known.
    pub(super) fn keep(&self, line: &Line) -> Option<Verdict> {
        let id = &line.key.job;
        let job = self.inventory.jobs.get(id).filter(|_| !line.policy.cancel.allow_job_abort)?;
        let of = |counts: &BTreeMap<JobId, u64>| counts.get(id).copied().unwrap_or_default();
        let so_far = of(&self.planned);
        match abort_by(job, of(&self.lately), so_far + 1) {
            Ok(None) => None,
            Ok(Some(_)) => Some(Verdict { reason: Reason::JobAbortRisk, at: At::Planned(so_far) }),
            Err(()) => Some(Verdict { reason: Reason::FactUnknown, at: At::ProcessDetails }),
        }
    }

    /// Counts a line that is to be canceled.
    pub(super) fn count(&mut self, line: &Line) {
        *self.planned.entry(line.key.job.clone()).or_default() += 1;
    }
}

/// By what AWS could abort the job of a line that is kept because of it, and how to cancel it all the
/// same.
pub(super) fn told(line: &Line, inventory: &Inventory, memory: &Memory) -> Option<String> {
    let At::Planned(planned) = line.verdict.at else { return None };
    let job = inventory.jobs.get(&line.key.job)?;
    let lately = lately(memory).get(&line.key.job).copied().unwrap_or_default();
    let by = abort_by(job, lately, planned + 1).ok().flatten()?;
    by_words(by, job, lately, planned + 1)
}

/// How a criterion comes to apply, and how to cancel all the same.
fn by_words(by: &AbortCriterion, job: &Job, lately: u64, planned: u64) -> Option<String> {
    let counts = job.description.known()?.process.known()?;
    let failed = match by.failure_type {
        FailureType::Failed => "FAILED",
        FailureType::Rejected => "REJECTED",
        FailureType::TimedOut => "TIMED_OUT",
        FailureType::All => "FAILED, REJECTED or TIMED_OUT",
    };
    Some(format!(
        "canceled counts as executed, and with {} executed and {} {failed} its abortConfig applies ({} % \
         of at least {}); cancel.allowJobAbort: true takes the risk",
        Executed::of(counts, lately, planned).most,
        failures(by, counts),
        by.threshold_percentage,
        by.min_number_of_executed_things,
    ))
}

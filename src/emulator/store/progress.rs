//! What devices do to executions: start the next one, report progress, ask what is pending.
//!
//! Apart from the cancel, because the data plane has other checks in another order and other codes
//! for the same faults.

use jiff::Timestamp;

use super::{Execution, Job, Store, mismatch};
use crate::emulator::refusal::Refusal;
use crate::execution::{ExecutionStatus, JobStatus, StatusDetails};

/// How many pending executions of a thing AWS shows.
const PENDING_SHOWN: usize = 10;

/// What a device reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The new status, possibly the old one.
    pub status: ExecutionStatus,
    /// Replaces the details.
    pub status_details: Option<StatusDetails>,
    /// Refuse unless the execution has this version.
    pub expected_version: Option<i64>,
    /// Which execution; the latest if none.
    pub number: Option<i64>,
    /// Starts the step timer anew; -1 stops it.
    pub step_timeout_minutes: Option<i64>,
}

impl Update {
    /// A report of a status and nothing else.
    pub fn to(status: ExecutionStatus) -> Self {
        Self {
            status,
            status_details: None,
            expected_version: None,
            number: None,
            step_timeout_minutes: None,
        }
    }
}

impl Store {
    /// `StartNextPendingJobExecution`. What is already in progress is given as it is, unchanged
    /// (observed); it blocks all behind it. None when nothing is pending.
    pub fn start_next(
        &mut self,
        thing: &str,
        details: Option<StatusDetails>,
        step_timeout_minutes: Option<i64>,
        now: Timestamp,
    ) -> Option<(String, Execution)> {
        let (id, execution) = self.next(thing)?;
        let (id, execution) = (id.to_owned(), execution.clone());
        if execution.status == ExecutionStatus::InProgress {
            return Some((id, execution));
        }
        let timeout = self.jobs.get(id.as_str()).and_then(|job| job.timeout_minutes);
        let started = self.change(thing, &id, execution.number, now, |execution, now, options| {
            start(execution, timeout, now);
            execution.set_details(details, options);
            set_step_timer(execution, step_timeout_minutes, now);
            execution.touch(now);
        });
        Some((id, started))
    }

    /// `UpdateJobExecution`. Checks in the order observed: forbidden status, existence, version,
    /// terminal. A wrong version is an InvalidRequestException here: the data plane models no other.
    pub fn update(
        &mut self,
        thing: &str,
        job: &str,
        update: Update,
        now: Timestamp,
    ) -> Result<Execution, Refusal> {
        let status = update.status;
        let reportable = matches!(
            status,
            ExecutionStatus::InProgress
                | ExecutionStatus::Succeeded
                | ExecutionStatus::Failed
                | ExecutionStatus::Rejected
        );
        if !reportable {
            return Err(Refusal::InvalidStateTransition(format!(
                "The status of job execution cannot be changed to be {status}"
            )));
        }
        let before = self.execution(thing, job, update.number)?;
        if let Some(expected) = update.expected_version
            && expected != before.version
        {
            return Err(Refusal::InvalidRequest(mismatch(expected, before.version)));
        }
        if before.status.is_terminal() {
            return Err(Refusal::InvalidStateTransition(format!(
                "Job {job} for {thing} has already finished with status {}",
                before.status
            )));
        }
        let rejects = status == ExecutionStatus::Rejected;
        let in_progress = before.status == ExecutionStatus::InProgress;
        if rejects && in_progress && self.options.reject_only_queued {
            return Err(Refusal::InvalidStateTransition(format!(
                "The status of job execution cannot be changed to be {status}"
            )));
        }
        let number = before.number;
        let timeout = self.jobs.get(job).and_then(|job| job.timeout_minutes);
        Ok(self.change(thing, job, number, now, |execution, now, options| {
            if status.is_terminal() {
                execution.end(status);
            } else if execution.status != status {
                start(execution, timeout, now);
            }
            execution.set_details(update.status_details, options);
            set_step_timer(execution, update.step_timeout_minutes, now);
            execution.touch(now);
        }))
    }

    /// The data plane's `$next`: the first of [`Store::pending`].
    pub fn next(&self, thing: &str) -> Option<(&str, &Execution)> {
        self.pending(thing).into_iter().next()
    }

    /// `GetPendingJobExecutions`: what is in progress, then what is queued, each oldest first, at most
    /// ten together. A queued execution counts only while its job is IN_PROGRESS (assumed).
    pub fn pending(&self, thing: &str) -> Vec<(&str, &Execution)> {
        let open = |job: &Job, execution: &Execution| match execution.status {
            ExecutionStatus::InProgress => true,
            ExecutionStatus::Queued => job.status == JobStatus::InProgress,
            _ => false,
        };
        let mut pending: Vec<(&str, &Execution)> = Vec::new();
        for id in self.jobs_of(thing) {
            let Some(job) = self.jobs.get(id) else { continue };
            pending.extend(job.executions.on(thing).filter(|e| open(job, e)).map(|e| (&**id, e)));
        }
        pending.sort_by_key(|(id, e)| {
            let waits = e.status == ExecutionStatus::Queued;
            (waits, e.started_at, e.queued_at, *id, e.number)
        });
        pending.truncate(PENDING_SHOWN);
        pending
    }
}

/// IN_PROGRESS: the job's timer runs from here and is never extended (developer guide, "Jobs timeout
/// configuration").
fn start(execution: &mut Execution, timeout_minutes: Option<i64>, now: i64) {
    execution.status = ExecutionStatus::InProgress;
    execution.started_at = Some(now);
    let deadline = timeout_minutes.map(|minutes| now.saturating_add(minutes * 60));
    execution.set_timers(deadline, execution.step_deadline());
}

fn set_step_timer(execution: &mut Execution, minutes: Option<i64>, now: i64) {
    if execution.status != ExecutionStatus::InProgress {
        execution.set_timers(execution.deadline(), None);
    } else if let Some(minutes) = minutes {
        let step = (minutes > 0).then(|| now.saturating_add(minutes * 60));
        execution.set_timers(execution.deadline(), step);
    }
}

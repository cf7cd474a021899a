//! How executions and jobs end by themselves or by an operator: timers, retries, aborts, schedules and
//! the cancel of a whole job.

use std::ops::Bound;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Due, Execution, Job, Store};
use crate::emulator::refusal::Refusal;
use crate::execution::{ExecutionStatus, JobStatus};

/// A canceled job's executions end in steps: so many each [`STEP_SECONDS`], which is AWS's 1000 a minute.
const STEP: usize = 50;
const STEP_SECONDS: i64 = 3;

/// What `CancelJob` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelJob {
    /// Cancel what is in progress as well.
    pub force: bool,
    /// Why, as a code.
    pub reason_code: Option<String>,
    /// Why, in words.
    pub comment: Option<String>,
}

impl Store {
    /// `CancelJob`: the job is CANCELED at once, its QUEUED executions, with force also those in
    /// progress, one after the other. A job that is over is refused with 400 (observed; the model has
    /// no 409).
    pub fn cancel_job(
        &mut self,
        id: &str,
        cancel: CancelJob,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let job = self.job(id)?;
        if !matches!(job.status, JobStatus::InProgress | JobStatus::Scheduled) {
            let text = format!("Job {id} in status {} cannot be canceled.", job.status);
            return Err(Refusal::InvalidRequest(text));
        }
        self.end_by_cancel(id, cancel, now);
        Ok(())
    }

    fn end_by_cancel(&mut self, id: &str, cancel: CancelJob, now: Timestamp) {
        let Some((id, _)) = self.jobs.get_key_value(id) else { return };
        let id = id.clone();
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.status = JobStatus::Canceled;
        job.force_canceled = Some(cancel.force);
        job.reason_code = cancel.reason_code;
        job.comment = cancel.comment;
        job.last_updated_at = now.as_second();
        job.sweeping = Some(cancel.force);
        if self.options.at_once {
            self.sweep(&id, now);
        } else {
            self.agenda.insert((now.as_second().saturating_add(1), Due::Sweep(id)));
        }
    }

    /// Cancels the next executions of a canceled job.
    pub(super) fn sweep(&mut self, id: &Arc<str>, now: Timestamp) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(force) = job.sweeping else { return };
        let most = if self.options.at_once { usize::MAX } else { STEP };
        let in_progress = force.then_some(ExecutionStatus::InProgress);
        let statuses = [Some(ExecutionStatus::Queued), in_progress];
        let open: Vec<(Arc<str>, i64)> = statuses
            .iter()
            .flatten()
            .filter_map(|status| job.executions.places(status, Bound::Unbounded))
            .flatten()
            .map(|(_, thing, number)| (thing.clone(), number.0))
            .take(most)
            .collect();
        let more = open.len() == most;
        for (thing, number) in open {
            self.change(&thing, id, number, now, |execution, now, _| {
                execution.end(ExecutionStatus::Canceled);
                execution.force_canceled = Some(force);
                execution.touch(now);
            });
        }
        if more {
            let at = now.as_second().saturating_add(STEP_SECONDS);
            self.agenda.insert((at, Due::Sweep(id.clone())));
        } else if let Some(job) = self.jobs.get_mut(id) {
            job.sweeping = None;
        }
    }

    /// What the end of an execution entails: a retry, or the abort of its job.
    pub(super) fn after_end(
        &mut self,
        thing: &Arc<str>,
        id: &Arc<str>,
        ended: &Execution,
        now: Timestamp,
    ) {
        let Some(job) = self.jobs.get(id).filter(|job| job.status == JobStatus::InProgress) else {
            return;
        };
        if self.is_to_abort(job) {
            let reason_code = Some("ABORT_CANCEL".to_owned());
            let cancel = CancelJob { force: false, reason_code, comment: None };
            self.end_by_cancel(id, cancel, now);
        } else if retries_left(job, thing, ended) && self.is_target(thing, id) {
            // A retry is a new execution (observed; AWS's pages do not say).
            let mut next = Execution::queued(ended.number + 1, now.as_second());
            next.retry_attempt = ended.retry_attempt + 1;
            self.insert(thing, id, next, now);
        }
    }

    /// Whether a criterion of its abortConfig is met. CANCELED and REMOVED count as executed (observed),
    /// so that canceling many executions can abort their job.
    fn is_to_abort(&self, job: &Job) -> bool {
        use ExecutionStatus as S;
        let Some(criteria) = &job.config.abort else { return false };
        let count = |statuses: &[S]| statuses.iter().map(|status| job.count(status)).sum::<usize>();
        let mut executed = count(&[S::Succeeded, S::Failed, S::Rejected, S::TimedOut]);
        if !self.options.abort_ignores_canceled {
            executed += count(&[S::Canceled, S::Removed]);
        }
        criteria.iter().any(|criterion| {
            let failed = count(criterion.failure.statuses());
            #[expect(clippy::cast_precision_loss, reason = "no job has 2^52 executions")]
            let percent = failed as f64 * 100.0 / executed.max(1) as f64;
            executed >= criterion.min_executed && percent >= criterion.threshold
        })
    }

    /// A timer has run out.
    pub(super) fn time_out(&mut self, id: &str, thing: &str, number: i64, now: Timestamp) {
        let execution = self.jobs.get(id).and_then(|job| job.execution(thing, Some(number)));
        let runs = execution.is_some_and(|execution| {
            execution.status == ExecutionStatus::InProgress
                && execution.times_out_at().is_some_and(|at| at <= now.as_second())
        });
        if runs {
            self.change(thing, id, number, now, |execution, now, _| {
                execution.end(ExecutionStatus::TimedOut);
                execution.touch(now);
            });
        }
    }

    /// A scheduled job's startTime has come: its targets are looked at now.
    pub(super) fn start_job(&mut self, id: &Arc<str>, now: Timestamp) {
        let Some(job) = self.jobs.get_mut(id).filter(|job| job.status == JobStatus::Scheduled)
        else {
            return;
        };
        job.status = JobStatus::InProgress;
        job.last_updated_at = now.as_second();
        self.roll_out(id, now);
    }

    /// A job's endTime has come.
    pub(super) fn end_job(&mut self, id: &Arc<str>, now: Timestamp) {
        use super::EndBehavior;
        let Some(job) = self.jobs.get_mut(id) else { return };
        if !matches!(job.status, JobStatus::InProgress | JobStatus::Scheduled) {
            return;
        }
        let behavior = job.config.scheduling.end.as_ref().map(|(_, _, behavior)| *behavior);
        match behavior {
            None => {}
            Some(EndBehavior::StopRollout) => {
                job.rollout_ended = true;
                job.last_updated_at = now.as_second();
                job.complete_if_done(now.as_second());
            }
            Some(behavior) => {
                let force = behavior == EndBehavior::ForceCancel;
                self.end_by_cancel(id, CancelJob { force, ..CancelJob::default() }, now);
            }
        }
    }
}

/// Whether its job's jobExecutionsRetryConfig lets an execution that ended be tried again.
fn retries_left(job: &Job, thing: &str, ended: &Execution) -> bool {
    let Some(criteria) = &job.config.retry else { return false };
    let list: Vec<&Execution> = job.executions.on(thing).collect();
    if list.last().is_none_or(|latest| latest.number != ended.number) {
        return false;
    }
    // The attempts of this series; one after a rejoined group begins anew.
    let attempts = usize::try_from(ended.retry_attempt).unwrap_or(usize::MAX);
    let series = &list[list.len().saturating_sub(attempts.saturating_add(1))..];
    // Attempts that were deleted count all the same.
    let allowed = criteria.iter().map(|criterion| criterion.retries).sum::<usize>().min(10);
    criteria.iter().any(|criterion| {
        let counted = |execution: &&Execution| {
            criterion.failure.statuses().contains(&execution.status)
                && execution.status != ExecutionStatus::Rejected
        };
        let tried = series.iter().copied().filter(counted).count();
        counted(&ended) && tried <= criterion.retries && attempts < allowed
    })
}

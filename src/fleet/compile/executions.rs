//! The executions of a fleet: their times, versions and details, and the many that one entry stands for.

use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::SignedDuration;

use super::{Compiler, printable, spelled};
use crate::document::diagnostic::Code;
use crate::document::finding::join;
use crate::execution::{ExecutionNumber, ExecutionStatus, ExecutionVersion, StatusDetails};
use crate::fleet::numbered::MOST_EXECUTIONS;
use crate::fleet::shapes::FleetExecution;
use crate::fleet::{Execution, Fleet};
use crate::span::Moment;

impl Compiler<'_> {
    pub(super) fn execution(&mut self, at: &str, execution: &FleetExecution, fleet: &mut Fleet) {
        let jobs = self.numbered((at, "job"), &execution.job, (execution.job_count, None));
        let numbers = (execution.count, execution.first);
        let things = self.numbered((at, "thing"), &execution.thing, numbers);
        let (Some(jobs), Some(things)) = (jobs, things) else { return };
        let more = jobs.count().saturating_mul(things.count());
        if !self.fits(at, "executions", (fleet.executions.len(), more, MOST_EXECUTIONS)) {
            return;
        }
        for id in jobs.names() {
            let job = self.known_job(&join(at, "job"), &id, fleet);
            let created_at = job.as_ref().and_then(|id| fleet.jobs.get(id)?.created_at);
            let fact = Arc::new(self.execution_fact(at, execution, created_at));
            for name in things.names() {
                let thing = self.known_thing(&join(at, "thing"), &name, fleet);
                let (Some(job), Some(thing)) = (&job, thing) else { return };
                let number = execution.execution_number.map_or(1, NonZeroU32::get);
                let number = ExecutionNumber(number.into());
                let key = (job.clone(), thing, number);
                if fleet.executions.insert(key, fact.clone()).is_some() {
                    let message =
                        format!("execution {number} of this job on this thing is listed already");
                    self.refuse(Code::MeaningDuplicate, at, message);
                    return;
                }
            }
            // What is wrong with one is wrong with all that follow: it is told once.
            if self.failed {
                return;
            }
        }
    }

    fn execution_fact(
        &mut self,
        at: &str,
        execution: &FleetExecution,
        created_at: Option<Moment>,
    ) -> Execution {
        let status = ExecutionStatus::from(execution.status);
        let (queued_at, started_at, last_updated_at) =
            self.times(at, execution, &status, created_at);
        self.status_details(&join(at, "statusDetails"), &execution.status_details);
        if execution.force_canceled && status != ExecutionStatus::Canceled {
            let at = join(at, "forceCanceled");
            self.refuse(Code::MeaningReference, &at, "only a CANCELED execution was canceled");
        }
        let version = execution
            .version_number
            .map_or_else(|| implied_version(&status, started_at.is_some()), |n| n.get().into());
        Execution {
            status,
            version: ExecutionVersion::new(version).expect("a NonZeroU32 and a default are >= 1"),
            queued_at,
            started_at,
            last_updated_at,
            retry_attempt: execution.retry_attempt,
            status_details: execution.status_details.clone(),
            force_canceled: execution.force_canceled,
            times_out_at: self.moment(at, "timesOutAt", execution.times_out_at.as_deref()),
            step_times_out_at: self.moment(
                at,
                "stepTimesOutAt",
                execution.step_times_out_at.as_deref(),
            ),
        }
    }

    fn times(
        &mut self,
        at: &str,
        execution: &FleetExecution,
        status: &ExecutionStatus,
        job_created_at: Option<Moment>,
    ) -> (Moment, Option<Moment>, Moment) {
        let queued = self.moment(at, "queuedAt", execution.queued_at.as_deref());
        let written = execution.started_at.as_deref();
        let never = written == Some("never");
        let started = self.moment(at, "startedAt", written.filter(|_| !never));
        let updated = self.moment(at, "lastUpdatedAt", execution.last_updated_at.as_deref());
        let now = Moment::Ago(SignedDuration::ZERO);
        let queued_at = queued.or(job_created_at).or(started).or(updated).unwrap_or(now);
        let started_at = match status {
            ExecutionStatus::Queued => {
                if started.is_some() {
                    let at = join(at, "startedAt");
                    self.refuse(Code::MeaningTime, &at, "a QUEUED execution has not started");
                }
                None
            }
            ExecutionStatus::InProgress
            | ExecutionStatus::Succeeded
            | ExecutionStatus::Failed
            | ExecutionStatus::TimedOut
                if !never =>
            {
                Some(started.or(updated).unwrap_or(queued_at))
            }
            _ => started,
        };
        let last_updated_at = updated.or(started_at).unwrap_or(queued_at);
        if started_at.is_some_and(|started| is_before(started, queued_at)) {
            self.refuse(Code::MeaningTime, &join(at, "startedAt"), "this is before it was queued");
        }
        if is_before(last_updated_at, started_at.unwrap_or(queued_at)) {
            let at = join(at, "lastUpdatedAt");
            self.refuse(Code::MeaningTime, &at, "this is before it was queued or started");
        }
        (queued_at, started_at, last_updated_at)
    }

    fn status_details(&mut self, at: &str, details: &StatusDetails) {
        self.require(details.len() <= 10, at, "statusDetails have at most 10 pairs");
        for (key, value) in details {
            let at = join(at, key);
            self.require(
                spelled(key, 128, b":_-"),
                &at,
                "a key of statusDetails has 1 to 128 letters, digits, ':', '_' and '-'",
            );
            self.require(
                printable(value, 1024),
                &at,
                "a value of statusDetails has 1 to 1024 characters, none of them a control character",
            );
        }
    }
}

/// Whether `a` is surely before `b`; an age and a time cannot be compared without a `now`.
fn is_before(a: Moment, b: Moment) -> bool {
    match (a, b) {
        (Moment::At(a), Moment::At(b)) => a < b,
        (Moment::Ago(a), Moment::Ago(b)) => a > b,
        _ => false,
    }
}

/// The version that an execution has if nothing more happened to it than its status says.
fn implied_version(status: &ExecutionStatus, started: bool) -> i64 {
    match status {
        // AWS does not count the step to REMOVED.
        ExecutionStatus::Queued | ExecutionStatus::Removed => 1,
        ExecutionStatus::InProgress => 2,
        _ if started => 3,
        _ => 2,
    }
}

//! What is deleted: jobs and single executions.
//!
//! Apart from the state machine, since a deletion is no transition: what is deleted is not found any
//! more. The operations of AWS check and wait; under them lie two that do it at once, which tests and
//! hooks use to let something vanish under a client.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::{Due, Store};
use crate::emulator::refusal::Refusal;
use crate::execution::{ExecutionStatus, JobStatus};

/// How many jobs may be in DELETION_IN_PROGRESS (developer guide, "Delete jobs").
const DELETIONS: usize = 10;

impl Store {
    /// Deletes a job with all its executions and tags. Whether there was one.
    pub fn delete_job(&mut self, id: &str) -> bool {
        let Some((id, job)) = self.jobs.remove_entry(id) else { return false };
        self.job_order.remove(&(Reverse(job.created_at), id.clone()));
        for (thing, execution) in job.executions() {
            if let Some(at) = execution.times_out_at() {
                self.agenda.remove(&(at, Due::Timer(id.clone(), thing.clone(), execution.number)));
            }
        }
        for thing in job.executions.things() {
            self.by_thing.remove(&(thing.clone(), id.clone()));
        }
        self.agenda.retain(|(_, due)| match due {
            Due::Start(job) | Due::Sweep(job) | Due::End(job) | Due::Delete(job) => *job != id,
            Due::Timer(..) | Due::Device(_) => true,
        });
        self.tags.forget(&format!("job/{id}"));
        true
    }

    /// Deletes a job whose deletion was asked for; its devices are free for others.
    pub(super) fn end_deletion(&mut self, id: &str, now: Timestamp) {
        let things: Vec<_> = match self.jobs.get(id) {
            Some(job) if self.devices.are_there() => job.executions.things().cloned().collect(),
            _ => Vec::new(),
        };
        self.delete_job(id);
        for thing in things {
            self.free(&thing, now.as_second());
        }
    }

    /// Deletes the latest execution of a job on a thing. Whether there was one.
    pub fn delete_execution(&mut self, thing: &str, id: &str) -> bool {
        let latest = self.jobs.get(id).and_then(|job| job.execution(thing, None));
        let Some(number) = latest.map(|execution| execution.number) else { return false };
        self.take_out(thing, id, number)
    }

    fn take_out(&mut self, thing: &str, id: &str, number: i64) -> bool {
        let Some((id, _)) = self.jobs.get_key_value(id) else { return false };
        let id = id.clone();
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        let Some((thing, execution)) = job.executions.take(thing, number) else { return false };
        if !job.executions.are_on(&thing) {
            self.by_thing.remove(&(thing.clone(), id.clone()));
        }
        if let Some(at) = execution.times_out_at() {
            self.agenda.remove(&(at, Due::Timer(id, thing, number)));
        }
        true
    }

    /// `DeleteJobExecution`. QUEUED needs no force (observed; the API reference lists terminal statuses
    /// only). It may complete the job (observed).
    pub fn request_execution_deletion(
        &mut self,
        thing: &str,
        id: &str,
        number: i64,
        force: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if number < 1 {
            return Err(Refusal::InvalidRequest("Execution number is invalid.".to_owned()));
        }
        let execution = self.execution(thing, id, Some(number))?;
        if execution.status == ExecutionStatus::InProgress && !force {
            return Err(Refusal::InvalidStateTransition(format!(
                "Job execution for thing {thing} within job {id} in status IN_PROGRESS cannot be \
                 deleted without force flag."
            )));
        }
        self.take_out(thing, id, number);
        self.free(thing, now.as_second());
        if let Some(job) = self.jobs.get_mut(id) {
            job.complete_if_done(now.as_second());
        }
        Ok(())
    }

    /// `DeleteJob`: what is not over needs force. It is DELETION_IN_PROGRESS until its executions are
    /// gone.
    pub fn request_job_deletion(
        &mut self,
        id: &str,
        force: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let job = self.job(id)?;
        let over = matches!(job.status, JobStatus::Canceled | JobStatus::Completed);
        if job.status == JobStatus::DeletionInProgress {
            let text = format!("Job {id} is being deleted already.");
            return Err(Refusal::InvalidStateTransition(text));
        }
        if !over && !force {
            return Err(Refusal::InvalidStateTransition(format!(
                "Job {id} in status {} cannot be deleted without force flag.",
                job.status
            )));
        }
        let deleting = |status: &JobStatus| *status == JobStatus::DeletionInProgress;
        if self.jobs.values().filter(|job| deleting(&job.status)).count() >= DELETIONS {
            return Err(Refusal::LimitExceeded(
                "Exceeded the quota for the number of jobs with status DELETION_IN_PROGRESS."
                    .to_owned(),
            ));
        }
        let (id, _) = self.jobs.get_key_value(id).expect("it was just found");
        let id = id.clone();
        if self.options.at_once {
            self.end_deletion(&id, now);
            return Ok(());
        }
        let job = self.jobs.get_mut(&id).expect("it was just found");
        job.status = JobStatus::DeletionInProgress;
        job.sweeping = None;
        job.last_updated_at = now.as_second();
        // As fast as executions are canceled: the guide gives one rate for both.
        let seconds = i64::try_from(job.executions.things_count() * 60 / 1000).unwrap_or(i64::MAX);
        let at = now.as_second().saturating_add(seconds.max(1));
        self.agenda.insert((at, Due::Delete(id)));
        Ok(())
    }
}

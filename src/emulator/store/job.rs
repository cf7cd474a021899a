//! A job.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Execution;
use super::config::JobConfig;
use super::executions::Executions;
use crate::execution::{ExecutionStatus, JobStatus, TargetSelection};

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its status.
    pub status: JobStatus,
    /// Whether it follows its groups.
    pub selection: TargetSelection,
    /// Its description.
    pub description: Option<String>,
    /// The namespace of a job that another service manages.
    pub namespace_id: Option<String>,
    /// Epoch seconds.
    pub created_at: i64,
    /// Epoch seconds.
    pub last_updated_at: i64,
    /// Epoch seconds.
    pub completed_at: Option<i64>,
    /// Minutes in progress after which an execution times out.
    pub timeout_minutes: Option<i64>,
    /// The things that it was sent to by name.
    pub target_things: BTreeSet<Arc<str>>,
    /// The groups that it was sent to.
    pub target_groups: BTreeSet<Arc<str>>,
    /// The job document.
    pub document: Arc<str>,
    /// Aborts, retries, schedule and the like. Boxed, since most jobs have none of it.
    pub config: Box<JobConfig>,
    /// The `force` flag of the call that canceled it.
    pub force_canceled: Option<bool>,
    /// Why it was canceled, as a code.
    pub reason_code: Option<String>,
    /// The comment of the last call that changed it.
    pub comment: Option<String>,
    /// Whether its endTime came with STOP_ROLLOUT.
    pub(in crate::emulator) rollout_ended: bool,
    /// While its executions are being canceled: whether those in progress as well.
    pub(in crate::emulator) sweeping: Option<bool>,
    pub(in crate::emulator) executions: Executions,
}

/// What `UpdateJob` asks for; what is none stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobUpdate {
    /// Its new description.
    pub description: Option<String>,
    /// Its new in-progress timer, for executions that start from now on.
    pub timeout_minutes: Option<i64>,
    /// Its new configuration, member by member.
    pub config: JobConfig,
}

impl Job {
    /// A job without targets, executions and document.
    pub(in crate::emulator) fn new(
        status: JobStatus,
        selection: TargetSelection,
        created_at: i64,
    ) -> Self {
        Self {
            status,
            selection,
            description: None,
            namespace_id: None,
            created_at,
            last_updated_at: created_at,
            completed_at: None,
            timeout_minutes: None,
            target_things: BTreeSet::new(),
            target_groups: BTreeSet::new(),
            document: "{}".into(),
            config: Box::default(),
            force_canceled: None,
            reason_code: None,
            comment: None,
            rollout_ended: false,
            sweeping: None,
            executions: Executions::default(),
        }
    }

    /// Its latest execution on a thing, or that with a number.
    pub fn execution(&self, thing: &str, number: Option<i64>) -> Option<&Execution> {
        self.executions.get(thing, number)
    }

    /// All its executions, by thing and number.
    pub fn executions(&self) -> impl Iterator<Item = (&Arc<str>, &Execution)> {
        self.executions.all()
    }

    /// How many of its executions have a status, older execution numbers included (observed).
    pub fn count(&self, status: &ExecutionStatus) -> usize {
        self.executions.count(status)
    }

    /// Whether AWS counts it to the concurrent jobs: it rolls out or cancels at this moment.
    pub fn is_concurrent(&self) -> bool {
        self.sweeping.is_some()
    }

    pub(super) fn is_open(&self) -> bool {
        self.count(&ExecutionStatus::Queued) + self.count(&ExecutionStatus::InProgress) > 0
    }

    /// A SNAPSHOT job is COMPLETED when all its executions are terminal; CANCELED and REMOVED count.
    /// So is a CONTINUOUS one after its endTime stopped the rollout (assumed).
    pub(super) fn complete_if_done(&mut self, now: i64) {
        let ends = self.selection == TargetSelection::Snapshot || self.rollout_ended;
        if ends && self.status == JobStatus::InProgress && !self.is_open() {
            self.status = JobStatus::Completed;
            self.completed_at = Some(now);
            self.last_updated_at = now;
        }
    }

    /// Gives a seeded job that is over the time of its last execution's last change as its own.
    pub(in crate::emulator) fn settle(&mut self) {
        if matches!(self.status, JobStatus::InProgress | JobStatus::Scheduled) {
            return;
        }
        self.last_updated_at =
            self.executions.last_updated_at().unwrap_or(self.created_at).max(self.created_at);
        if self.status == JobStatus::Completed {
            self.completed_at = Some(self.last_updated_at);
        }
    }
}

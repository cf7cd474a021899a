//! The state machine of jobs and executions, as AWS documents it and, where AWS is silent, as it was
//! observed.
//!
//! Synchronous and without HTTP, so that tests and hooks can move executions directly: `now` is an
//! argument. Times are whole epoch seconds, which is what both planes put on the wire.
//!
//! Invariants: each execution is in exactly one of its job's status indexes, at the place that its
//! time and thing give (all changes go through [`Job::change`]); the executions of a job on a thing
//! are sorted by number; `jobs_of` names each job that has an execution on a thing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::refusal::Refusal;
use super::registry::Registry;
use crate::execution::{ExecutionStatus, JobStatus, StatusDetails, TargetSelection};

mod lists;
mod progress;
mod remove;
mod targets;

pub use lists::{ExecutionFilter, ForThing, JobFilter, Page, Row};
pub use progress::Update;
pub use targets::{NewJob, Target};

/// In which order a cancel is checked once the execution was found. AWS does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckOrder {
    /// `expectedVersion`, then the status (observed).
    #[default]
    VersionFirst,
    /// The status, then `expectedVersion`.
    StatusFirst,
}

/// Jobs, their executions, and the registry.
#[derive(Debug, Default)]
pub struct Store {
    /// Things and groups. Membership changes go through the store, since CONTINUOUS jobs follow them.
    pub registry: Registry,
    pub(super) jobs: BTreeMap<Arc<str>, Job>,
    pub(super) jobs_of: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    pub(super) job_order: BTreeSet<(Reverse<i64>, Arc<str>)>,
    pub(super) check_order: CheckOrder,
}

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
    pub(super) executions: BTreeMap<Arc<str>, Vec<Execution>>,
    pub(super) by_status: BTreeMap<ExecutionStatus, BTreeSet<Position>>,
}

/// Where an execution stands in a list: most recently updated first, then by thing, then the newest
/// number first.
pub(super) type Position = (Reverse<i64>, Arc<str>, Reverse<i64>);

/// One execution of a job on a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Its number, 1 or more.
    pub number: i64,
    /// Its version, 1 or more.
    pub version: i64,
    /// Its status.
    pub status: ExecutionStatus,
    /// Epoch seconds.
    pub queued_at: i64,
    /// Epoch seconds.
    pub started_at: Option<i64>,
    /// Epoch seconds.
    pub last_updated_at: i64,
    /// Retries before it.
    pub retry_attempt: u32,
    /// None until first set: the data plane tells that from an empty map.
    pub status_details: Option<Box<StatusDetails>>,
    /// The `force` flag of the cancel that ended it; none while it is not CANCELED.
    pub force_canceled: Option<bool>,
    /// When the step timer runs out, in epoch seconds.
    pub step_deadline: Option<i64>,
}

impl Execution {
    fn queued(number: i64, now: i64) -> Self {
        Self {
            number,
            version: 1,
            status: ExecutionStatus::Queued,
            queued_at: now,
            started_at: None,
            last_updated_at: now,
            retry_attempt: 0,
            status_details: None,
            force_canceled: None,
            step_deadline: None,
        }
    }

    /// Counts a change: one version more, updated now.
    fn touch(&mut self, now: i64) {
        self.version = self.version.saturating_add(1);
        self.last_updated_at = now;
    }

    fn set_details(&mut self, details: Option<StatusDetails>) {
        // A given map replaces the old one whole, the empty map included (observed).
        if let Some(details) = details {
            self.status_details = Some(Box::new(details));
        }
    }

    /// The details, empty if never set.
    pub fn details(&self) -> StatusDetails {
        self.status_details.as_deref().cloned().unwrap_or_default()
    }
}

/// What a cancel asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancel {
    /// Cancel it even if it is in progress.
    pub force: bool,
    /// Refuse unless the execution has this version.
    pub expected_version: Option<i64>,
    /// Replaces the execution's details.
    pub status_details: Option<StatusDetails>,
}

/// The executions before and after a cancel that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canceled {
    /// As it was.
    pub before: Execution,
    /// As it is.
    pub after: Execution,
}

impl Store {
    /// An empty store.
    pub fn new(check_order: CheckOrder) -> Self {
        Self { check_order, ..Self::default() }
    }

    /// A job, or AWS's 404.
    pub fn job(&self, id: &str) -> Result<&Job, Refusal> {
        self.jobs.get(id).ok_or_else(|| Refusal::NotFound(format!("Job {id} cannot be found.")))
    }

    /// An execution, or AWS's 404. Without a number the latest is meant.
    pub fn execution(
        &self,
        thing: &str,
        job: &str,
        number: Option<i64>,
    ) -> Result<&Execution, Refusal> {
        let found = self.jobs.get(job).ok_or_else(|| {
            Refusal::NotFound(format!(
                "Job execution cannot be found as the Job {job} does not exist."
            ))
        })?;
        found.execution(thing, number).ok_or_else(|| {
            Refusal::NotFound(format!(
                "Job execution for thing {thing} cannot be found within job {job}."
            ))
        })
    }

    /// `CancelJobExecution`: always the latest execution. Checks in AWS's order as observed: existence,
    /// version, terminal, force.
    pub fn cancel(
        &mut self,
        thing: &str,
        job: &str,
        cancel: Cancel,
        now: Timestamp,
    ) -> Result<Canceled, Refusal> {
        let before = self.execution(thing, job, None)?.clone();
        let version = match cancel.expected_version {
            Some(expected) if expected != before.version => {
                Err(Refusal::VersionConflict(mismatch(expected, before.version)))
            }
            _ => Ok(()),
        };
        let status = match before.status {
            ExecutionStatus::Queued => Ok(()),
            ExecutionStatus::InProgress if cancel.force => Ok(()),
            ExecutionStatus::InProgress => Err(Refusal::InvalidStateTransition(format!(
                "Job execution for thing {thing} within job {job} is IN_PROGRESS and cannot be \
                 canceled without force flag."
            ))),
            _ => Err(Refusal::InvalidStateTransition(format!(
                "Job execution for thing {thing} within job {job} cannot be canceled."
            ))),
        };
        match self.check_order {
            CheckOrder::VersionFirst => version.and(status)?,
            CheckOrder::StatusFirst => status.and(version)?,
        }
        let after = self.change(thing, job, before.number, now, |execution, now| {
            execution.status = ExecutionStatus::Canceled;
            execution.force_canceled = Some(cancel.force);
            execution.step_deadline = None;
            execution.set_details(cancel.status_details);
            execution.touch(now);
        });
        Ok(Canceled { before, after })
    }

    /// Changes an execution that is there, and completes its job if that was its last open one.
    fn change(
        &mut self,
        thing: &str,
        job: &str,
        number: i64,
        now: Timestamp,
        change: impl FnOnce(&mut Execution, i64),
    ) -> Execution {
        let now = now.as_second();
        let job = self.jobs.get_mut(job).expect("the execution was found in this job");
        let after = job.change(thing, number, |execution| change(execution, now));
        job.complete_if_done(now);
        after
    }

    /// Adds an execution; a number that is taken is replaced.
    pub(super) fn insert(&mut self, thing: &Arc<str>, id: &Arc<str>, execution: Execution) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.insert(thing, execution);
            self.jobs_of.entry(thing.clone()).or_default().insert(id.clone());
        }
    }

    pub(super) fn insert_job(&mut self, id: Arc<str>, job: Job) {
        self.job_order.insert((Reverse(job.created_at), id.clone()));
        self.jobs.insert(id, job);
    }
}

impl Job {
    /// A job without targets, executions and document.
    pub(super) fn new(status: JobStatus, selection: TargetSelection, created_at: i64) -> Self {
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
            executions: BTreeMap::new(),
            by_status: BTreeMap::new(),
        }
    }

    /// Its latest execution on a thing, or that with a number.
    pub fn execution(&self, thing: &str, number: Option<i64>) -> Option<&Execution> {
        let executions = self.executions.get(thing)?;
        match number {
            None => executions.last(),
            Some(number) => executions.iter().find(|execution| execution.number == number),
        }
    }

    /// How many of its executions have a status, older execution numbers included (observed).
    pub fn count(&self, status: &ExecutionStatus) -> usize {
        self.by_status.get(status).map_or(0, BTreeSet::len)
    }

    fn insert(&mut self, thing: &Arc<str>, execution: Execution) {
        let place = self.by_status.entry(execution.status.clone()).or_default();
        place.insert(position(thing, &execution));
        match self.executions.get_mut(thing) {
            None => {
                // `vec!` gives room for exactly one, which is all that most have.
                self.executions.insert(thing.clone(), vec![execution]);
            }
            Some(list) => match list.binary_search_by_key(&execution.number, |e| e.number) {
                Ok(at) => {
                    let old = std::mem::replace(&mut list[at], execution);
                    let new = &list[at];
                    if (&old.status, old.last_updated_at) != (&new.status, new.last_updated_at)
                        && let Some(set) = self.by_status.get_mut(&old.status)
                    {
                        set.remove(&position(thing, &old));
                    }
                }
                Err(at) => list.insert(at, execution),
            },
        }
    }

    /// The only way to change an execution: keeps its place in the lists right.
    fn change(
        &mut self,
        thing: &str,
        number: i64,
        change: impl FnOnce(&mut Execution),
    ) -> Execution {
        let (thing, _) = self.executions.get_key_value(thing).expect("the thing has executions");
        let thing = thing.clone();
        let list = self.executions.get_mut(&thing).expect("its key was just found");
        let at = list
            .binary_search_by_key(&number, |execution| execution.number)
            .expect("the execution was found before it is changed");
        let execution = &mut list[at];
        if let Some(set) = self.by_status.get_mut(&execution.status) {
            set.remove(&position(&thing, execution));
        }
        change(execution);
        let set = self.by_status.entry(execution.status.clone()).or_default();
        set.insert(position(&thing, execution));
        execution.clone()
    }

    /// A SNAPSHOT job is COMPLETED when all its executions are terminal; CANCELED and REMOVED count.
    fn complete_if_done(&mut self, now: i64) {
        let open =
            self.count(&ExecutionStatus::Queued) + self.count(&ExecutionStatus::InProgress) > 0;
        let ends = self.selection == TargetSelection::Snapshot;
        if ends && !open && self.status == JobStatus::InProgress {
            self.status = JobStatus::Completed;
            self.completed_at = Some(now);
            self.last_updated_at = now;
        }
    }

    /// Gives a seeded job that is over the time of its last execution's last change as its own.
    pub(super) fn settle(&mut self) {
        if matches!(self.status, JobStatus::InProgress | JobStatus::Scheduled) {
            return;
        }
        let firsts = self.by_status.values().filter_map(BTreeSet::first);
        let latest = firsts.map(|(Reverse(at), ..)| *at).max();
        self.last_updated_at = latest.unwrap_or(self.created_at).max(self.created_at);
        if self.status == JobStatus::Completed {
            self.completed_at = Some(self.last_updated_at);
        }
    }

    /// Seconds until a timer ends an execution that is in progress; the earlier timer counts.
    pub fn seconds_left(&self, execution: &Execution, now: i64) -> Option<i64> {
        if execution.status != ExecutionStatus::InProgress {
            return None;
        }
        let whole = self.timeout_minutes.zip(execution.started_at);
        let whole = whole.map(|(minutes, start)| start.saturating_add(minutes * 60));
        let deadline = [whole, execution.step_deadline].into_iter().flatten().min()?;
        Some(deadline.saturating_sub(now).max(0))
    }
}

fn position(thing: &Arc<str>, execution: &Execution) -> Position {
    (Reverse(execution.last_updated_at), thing.clone(), Reverse(execution.number))
}

fn mismatch(expected: i64, found: i64) -> String {
    format!("Expected version {expected} but found version {found}")
}

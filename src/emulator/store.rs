//! The state machine of jobs and executions, as AWS documents it and, where AWS is silent, as it was
//! observed.
//!
//! Synchronous and without HTTP, so that tests and hooks can move executions directly: `now` is an
//! argument. Times are whole epoch seconds, which is what both planes put on the wire.
//!
//! Invariants: all changes of executions go through `Executions::change`; `by_thing` names each thing
//! with each job that has an execution on it; the agenda has an entry for each timer that runs. What is due is done before each call, at the time at which it was
//! due: nothing depends on when somebody looks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::devices::Devices;
use super::options::{CheckOrder, Options};
use super::refusal::Refusal;
use super::registry::Registry;
use super::search::Indexing;
use super::tags::Tags;
use crate::execution::{ExecutionStatus, StatusDetails};

mod agenda;
mod config;
mod devices;
mod ends;
mod executions;
mod job;
mod lists;
mod past;
mod progress;
mod remove;
mod targets;

pub use config::{AbortCriterion, EndBehavior, FailureKind, JobConfig, RetryCriterion, Scheduling};
pub use ends::CancelJob;
pub use job::{Job, JobUpdate};
pub use lists::{ExecutionFilter, ForThing, JobFilter, Row};
pub use past::Lag;
pub use progress::Update;
pub use targets::{NewJob, Target};

pub(super) use agenda::{Agenda, Due};
pub(super) use devices::{Doing, State};
pub(super) use executions::Executions;
pub(super) use past::Past;

/// Jobs, their executions, and the registry.
#[derive(Debug, Default)]
pub struct Store {
    /// Things, types and groups. Membership changes go through the store, since CONTINUOUS jobs follow
    /// them.
    pub registry: Registry,
    /// The tags of jobs, types and groups.
    pub tags: Tags,
    pub(super) jobs: BTreeMap<Arc<str>, Job>,
    pub(super) by_thing: BTreeSet<(Arc<str>, Arc<str>)>,
    pub(super) job_order: BTreeSet<(Reverse<i64>, Arc<str>)>,
    /// What fleet indexing indexes.
    pub indexing: Indexing,
    pub(super) agenda: Agenda,
    pub(super) devices: Devices,
    pub(super) past: Past,
    pub(super) options: Options,
}

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
    pub status_details: Option<Arc<StatusDetails>>,
    /// The `force` flag of the cancel that ended it; none while it is not CANCELED.
    pub force_canceled: Option<bool>,
    /// The timers that run. Apart, since few have any.
    pub(super) timers: Option<Box<Timers>>,
}

/// When an execution's timers run out, in epoch seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Timers {
    job: Option<i64>,
    step: Option<i64>,
}

impl Execution {
    pub(super) fn queued(number: i64, now: i64) -> Self {
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
            timers: None,
        }
    }

    /// When the job's in-progress timer runs out, in epoch seconds.
    pub fn deadline(&self) -> Option<i64> {
        self.timers.as_ref()?.job
    }

    /// When the step timer runs out, in epoch seconds.
    pub fn step_deadline(&self) -> Option<i64> {
        self.timers.as_ref()?.step
    }

    /// Sets the job's timer and the step timer.
    pub(super) fn set_timers(&mut self, job: Option<i64>, step: Option<i64>) {
        let some = job.is_some() || step.is_some();
        self.timers = some.then(|| Box::new(Timers { job, step }));
    }

    /// When a timer ends it; the earlier of the two counts.
    pub fn times_out_at(&self) -> Option<i64> {
        [self.deadline(), self.step_deadline()].into_iter().flatten().min()
    }

    /// Seconds until a timer ends it.
    pub fn seconds_left(&self, now: i64) -> Option<i64> {
        self.times_out_at().map(|at| at.saturating_sub(now).max(0))
    }

    /// Enters a terminal status.
    fn end(&mut self, status: ExecutionStatus) {
        self.status = status;
        self.timers = None;
    }

    /// Counts a change: one version more, updated now.
    fn touch(&mut self, now: i64) {
        self.version = self.version.saturating_add(1);
        self.last_updated_at = now;
    }

    fn set_details(&mut self, details: Option<StatusDetails>, options: &Options) {
        // A given map replaces the old one whole, the empty map included (observed).
        let Some(details) = details else { return };
        match self.status_details.as_mut().filter(|_| options.merge_details) {
            Some(kept) => Arc::make_mut(kept).extend(details),
            None => self.status_details = Some(Arc::new(details)),
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
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
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
        match self.options.check_order {
            CheckOrder::VersionFirst => version.and(status)?,
            CheckOrder::StatusFirst => status.and(version)?,
        }
        self.past.note_cancel();
        let after = self.change(thing, job, before.number, now, |execution, now, options| {
            execution.end(ExecutionStatus::Canceled);
            execution.force_canceled = Some(cancel.force);
            execution.set_details(cancel.status_details, options);
            execution.touch(now);
        });
        Ok(Canceled { before, after })
    }

    /// Changes an execution that is there, with all that follows from it: timers, a retry, the abort
    /// of its job, the completion of its job.
    fn change(
        &mut self,
        thing: &str,
        id: &str,
        number: i64,
        now: Timestamp,
        change: impl FnOnce(&mut Execution, i64, &Options),
    ) -> Execution {
        let second = now.as_second();
        let options = &self.options;
        let job = self.jobs.get_mut(id).expect("the execution was found in this job");
        let (thing, before, after) =
            job.executions.change(thing, number, |execution| change(execution, second, options));
        let (id, _) = self.jobs.get_key_value(id).expect("it was just there");
        let id = id.clone();
        self.past.record(now, &id, &thing, Some(&before), number);
        let timer = |at| (at, Due::Timer(id.clone(), thing.clone(), number));
        if let Some(at) = before.times_out_at() {
            self.agenda.remove(&timer(at));
        }
        if let Some(at) = after.times_out_at() {
            self.agenda.insert(timer(at));
        }
        if after.status.is_terminal() && !before.status.is_terminal() {
            self.free(&thing, second);
            self.after_end(&thing, &id, &after, now);
        }
        if let Some(job) = self.jobs.get_mut(&id) {
            job.complete_if_done(second);
        }
        after
    }

    /// Adds an execution; a number that is taken is replaced.
    pub(super) fn insert(
        &mut self,
        thing: &Arc<str>,
        id: &Arc<str>,
        execution: Execution,
        now: Timestamp,
    ) {
        if let Some(job) = self.jobs.get_mut(id) {
            let number = execution.number;
            if let Some(at) = execution.times_out_at() {
                self.agenda.insert((at, Due::Timer(id.clone(), thing.clone(), number)));
            }
            job.executions.insert(thing, execution);
            self.past.record(now, id, thing, None, number);
            self.by_thing.insert((thing.clone(), id.clone()));
            self.wake(thing, now.as_second());
        }
    }

    /// Gives a job without executions all that it has, in any order, at once.
    pub(super) fn fill(&mut self, id: &Arc<str>, all: Vec<(Arc<str>, Execution)>, now: Timestamp) {
        for (thing, execution) in &all {
            if let Some(at) = execution.times_out_at() {
                let due = Due::Timer(id.clone(), thing.clone(), execution.number);
                self.agenda.insert((at, due));
            }
            self.past.record(now, id, thing, None, execution.number);
            self.wake(thing, now.as_second());
        }
        let mut pairs: BTreeSet<_> =
            all.iter().map(|(thing, _)| (thing.clone(), id.clone())).collect();
        // Laying all down anew is worth it only if much is new.
        if pairs.len() >= self.by_thing.len() / 8 {
            self.by_thing.append(&mut pairs);
        } else {
            self.by_thing.extend(pairs);
        }
        if let Some(job) = self.jobs.get_mut(id) {
            job.executions = Executions::of(all);
        }
    }

    /// The jobs that have an execution on a thing, by id.
    pub(super) fn jobs_of<'a>(
        &'a self,
        thing: &str,
    ) -> impl Iterator<Item = &'a Arc<str>> + use<'a> {
        let thing: Arc<str> = thing.into();
        let from: (Arc<str>, Arc<str>) = (thing.clone(), Arc::default());
        self.by_thing.range(from..).take_while(move |(it, _)| *it == thing).map(|(_, id)| id)
    }

    pub(super) fn insert_job(&mut self, id: Arc<str>, job: Job) {
        self.job_order.insert((Reverse(job.created_at), id.clone()));
        self.jobs.insert(id, job);
    }
}

fn mismatch(expected: i64, found: i64) -> String {
    format!("Expected version {expected} but found version {found}")
}

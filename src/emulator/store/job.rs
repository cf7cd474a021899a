//! A job, with its executions and the lists of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::config::JobConfig;
use super::{Execution, position};
use crate::emulator::paging::Position;
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
    pub(in crate::emulator) executions: BTreeMap<Arc<str>, Vec<Execution>>,
    pub(in crate::emulator) by_status: BTreeMap<ExecutionStatus, BTreeSet<Position>>,
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

    /// All its executions, by thing and number.
    pub fn executions(&self) -> impl Iterator<Item = (&Arc<str>, &Execution)> {
        self.executions.iter().flat_map(|(thing, list)| list.iter().map(move |it| (thing, it)))
    }

    /// How many of its executions have a status, older execution numbers included (observed).
    pub fn count(&self, status: &ExecutionStatus) -> usize {
        self.by_status.get(status).map_or(0, BTreeSet::len)
    }

    /// Whether AWS counts it to the concurrent jobs: it rolls out or cancels at this moment.
    pub fn is_concurrent(&self) -> bool {
        self.sweeping.is_some()
    }

    pub(super) fn is_open(&self) -> bool {
        self.count(&ExecutionStatus::Queued) + self.count(&ExecutionStatus::InProgress) > 0
    }

    pub(super) fn insert(&mut self, thing: &Arc<str>, execution: Execution) {
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

    /// The only way to change an execution: keeps its place in the lists right. Gives the thing's
    /// shared name and the execution before and after.
    pub(super) fn change(
        &mut self,
        thing: &str,
        number: i64,
        change: impl FnOnce(&mut Execution),
    ) -> (Arc<str>, Execution, Execution) {
        let (thing, _) = self.executions.get_key_value(thing).expect("the thing has executions");
        let thing = thing.clone();
        let list = self.executions.get_mut(&thing).expect("its key was just found");
        let at = list
            .binary_search_by_key(&number, |execution| execution.number)
            .expect("the execution was found before it is changed");
        let execution = &mut list[at];
        let before = execution.clone();
        if let Some(set) = self.by_status.get_mut(&execution.status) {
            set.remove(&position(&thing, execution));
        }
        change(execution);
        let set = self.by_status.entry(execution.status.clone()).or_default();
        set.insert(position(&thing, execution));
        let after = execution.clone();
        (thing, before, after)
    }

    /// Takes an execution out.
    pub(super) fn take(&mut self, thing: &str, number: i64) -> Option<(Arc<str>, Execution)> {
        let (thing, _) = self.executions.get_key_value(thing)?;
        let thing = thing.clone();
        let list = self.executions.get_mut(&thing)?;
        let at = list.binary_search_by_key(&number, |execution| execution.number).ok()?;
        let execution = list.remove(at);
        if list.is_empty() {
            self.executions.remove(&thing);
        }
        if let Some(set) = self.by_status.get_mut(&execution.status) {
            set.remove(&position(&thing, &execution));
        }
        Some((thing, execution))
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
        let firsts = self.by_status.values().filter_map(BTreeSet::first);
        let latest = firsts.map(|(Reverse(at), ..)| *at).max();
        self.last_updated_at = latest.unwrap_or(self.created_at).max(self.created_at);
        if self.status == JobStatus::Completed {
            self.completed_at = Some(self.last_updated_at);
        }
    }
}

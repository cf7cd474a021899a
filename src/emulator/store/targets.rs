//! Which things a job is for: the creation of jobs, and CONTINUOUS jobs that follow their groups.
//!
//! Rollout is immediate: executions exist when the call that causes them returns.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Execution, Job, Store};
use crate::emulator::refusal::Refusal;
use crate::execution::{ExecutionStatus, JobStatus, TargetSelection};

/// A target of a job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A thing, by name.
    Thing(String),
    /// A thing group, by name.
    Group(String),
}

/// What `CreateJob` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// What it is sent to.
    pub targets: Vec<Target>,
    /// Whether it follows its groups.
    pub selection: TargetSelection,
    /// The job document.
    pub document: String,
    /// Its description.
    pub description: Option<String>,
    /// The namespace of a job that another service manages.
    pub namespace_id: Option<String>,
    /// Minutes in progress after which an execution times out.
    pub timeout_minutes: Option<i64>,
}

impl Store {
    /// `CreateJob`: one QUEUED execution for each thing that a target names or has as a member. A
    /// SNAPSHOT job without any is COMPLETED at once (assumed).
    pub fn create_job(&mut self, id: &str, new: NewJob, now: Timestamp) -> Result<(), Refusal> {
        if self.jobs.contains_key(id) {
            return Err(Refusal::AlreadyExists {
                message: format!("Job {id} already exists."),
                id: id.to_owned(),
                resource: format!("job/{id}"),
            });
        }
        let (mut target_things, mut target_groups) = (BTreeSet::new(), BTreeSet::new());
        for target in new.targets {
            match target {
                Target::Thing(name) => target_things.insert(self.registry.thing_name(&name)?),
                Target::Group(name) => target_groups.insert(self.registry.group_name(&name)?),
            };
        }
        let mut things = target_things.clone();
        for group in &target_groups {
            things.extend(self.registry.members(group));
        }
        let seconds = now.as_second();
        let mut job = Job {
            description: new.description,
            namespace_id: new.namespace_id,
            timeout_minutes: new.timeout_minutes,
            target_things,
            target_groups,
            document: new.document.into(),
            ..Job::new(JobStatus::InProgress, new.selection, seconds)
        };
        for thing in &things {
            job.insert(thing, Execution::queued(1, seconds));
        }
        job.complete_if_done(seconds);
        let id: Arc<str> = id.into();
        for thing in things {
            self.jobs_of.entry(thing).or_default().insert(id.clone());
        }
        self.insert_job(id, job);
        Ok(())
    }

    /// `AddThingToThingGroup`. Each CONTINUOUS job in progress for which the thing was no target and
    /// now is gets an execution, unless one is still open; after a terminal one it has the next number.
    pub fn add_to_group(
        &mut self,
        thing: &str,
        group: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (thing, group) = (self.registry.thing_name(thing)?, self.registry.group_name(group)?);
        let following = self.following(&group);
        let new: Vec<_> = following.into_iter().filter(|id| !self.is_target(&thing, id)).collect();
        self.registry.join(&thing, &group);
        for id in new {
            let latest = self.jobs.get(&id).and_then(|job| job.execution(&thing, None));
            let number = match latest {
                None => 1,
                Some(execution) if execution.status.is_terminal() => execution.number + 1,
                Some(_) => continue,
            };
            self.insert(&thing, &id, Execution::queued(number, now.as_second()));
        }
        Ok(())
    }

    /// `RemoveThingFromThingGroup`. Where a CONTINUOUS job has the thing as a target no more, a QUEUED
    /// execution becomes REMOVED without a new version; others stay as they are (both observed live).
    pub fn remove_from_group(
        &mut self,
        thing: &str,
        group: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (thing, group) = (self.registry.thing_name(thing)?, self.registry.group_name(group)?);
        if !self.registry.leave(&thing, &group) {
            return Ok(());
        }
        for id in self.following(&group) {
            let queued = self.jobs.get(&id).and_then(|job| job.execution(&thing, None));
            let queued = queued.filter(|e| e.status == ExecutionStatus::Queued).map(|e| e.number);
            if let Some(number) = queued.filter(|_| !self.is_target(&thing, &id)) {
                self.change(&thing, &id, number, now, |execution, now| {
                    execution.status = ExecutionStatus::Removed;
                    execution.last_updated_at = now;
                });
            }
        }
        Ok(())
    }

    /// The CONTINUOUS jobs in progress that follow a group.
    fn following(&self, group: &Arc<str>) -> Vec<Arc<str>> {
        let follows = |job: &Job| {
            job.selection == TargetSelection::Continuous
                && job.status == JobStatus::InProgress
                && job.target_groups.contains(group)
        };
        self.jobs.iter().filter(|(_, job)| follows(job)).map(|(id, _)| id.clone()).collect()
    }

    fn is_target(&self, thing: &str, id: &str) -> bool {
        self.jobs.get(id).is_some_and(|job| {
            job.target_things.contains(thing)
                || self
                    .registry
                    .groups_of(thing)
                    .is_some_and(|groups| groups.iter().any(|g| job.target_groups.contains(g)))
        })
    }
}

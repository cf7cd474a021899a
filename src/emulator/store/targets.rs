//! Which things a job is for: the creation of jobs, and CONTINUOUS jobs that follow their groups.
//!
//! Rollout is immediate: executions exist when the call that causes them returns.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Due, Execution, Job, JobConfig, JobUpdate, Store};
use crate::emulator::refusal::Refusal;
use crate::emulator::tags::TagMap;
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
#[derive(Clone, Debug, PartialEq)]
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
    /// Aborts, retries, schedule and the like.
    pub config: JobConfig,
    /// Its tags.
    pub tags: TagMap,
}

impl Default for NewJob {
    /// A SNAPSHOT job for nothing.
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            selection: TargetSelection::Snapshot,
            document: "{}".to_owned(),
            description: None,
            namespace_id: None,
            timeout_minutes: None,
            config: JobConfig::default(),
            tags: TagMap::new(),
        }
    }
}

/// How many targets a job may have (Service Quotas).
const TARGETS: usize = 100;

impl Store {
    /// `CreateJob`: one QUEUED execution for each thing that a target names or has as a member, now or
    /// at its startTime. A SNAPSHOT job without any is COMPLETED at once (assumed).
    pub fn create_job(&mut self, id: &str, new: NewJob, now: Timestamp) -> Result<(), Refusal> {
        if self.jobs.contains_key(id) {
            return Err(Refusal::AlreadyExists {
                message: format!("Job {id} already exists."),
                id: id.to_owned(),
                resource: format!("job/{id}"),
            });
        }
        let (target_things, target_groups) = self.known_targets(new.targets)?;
        limit_targets(target_things.len() + target_groups.len())?;
        self.tags.add(&format!("job/{id}"), new.tags)?;
        let seconds = now.as_second();
        let scheduling = &new.config.scheduling;
        let start = scheduling.start.as_ref().map(|(_, at)| *at).filter(|at| *at > seconds);
        let end = scheduling.end.as_ref().map(|(_, at, _)| *at);
        let status = if start.is_some() { JobStatus::Scheduled } else { JobStatus::InProgress };
        let job = Job {
            description: new.description,
            namespace_id: new.namespace_id,
            timeout_minutes: new.timeout_minutes,
            target_things,
            target_groups,
            document: new.document.into(),
            config: Box::new(new.config),
            ..Job::new(status, new.selection, seconds)
        };
        let id: Arc<str> = id.into();
        self.insert_job(id.clone(), job);
        match start {
            Some(at) => drop(self.agenda.insert((at, Due::Start(id.clone())))),
            None => self.roll_out(&id, now),
        }
        if let Some(at) = end {
            self.agenda.insert((at, Due::End(id)));
        }
        Ok(())
    }

    /// Queues an execution on each thing of a job's targets that has none. Rollout is immediate, whatever
    /// jobExecutionsRolloutConfig says.
    pub(super) fn roll_out(&mut self, id: &Arc<str>, now: Timestamp) {
        let Some(job) = self.jobs.get(id) else { return };
        let mut things = job.target_things.clone();
        for group in &job.target_groups {
            things.extend(self.registry.all_members(group));
        }
        let queued = || Execution::queued(1, now.as_second());
        if job.executions.is_empty() {
            self.fill(id, things.into_iter().map(|thing| (thing, queued())).collect(), now);
        } else {
            things.retain(|thing| !job.executions.are_on(thing));
            for thing in things {
                self.insert(&thing, id, queued(), now);
            }
        }
        if let Some(job) = self.jobs.get_mut(id) {
            job.complete_if_done(now.as_second());
        }
    }

    fn known_targets(&self, targets: Vec<Target>) -> Result<Targets, Refusal> {
        let (mut things, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for target in targets {
            match target {
                Target::Thing(name) => things.insert(self.registry.thing_name(&name)?),
                Target::Group(name) => groups.insert(self.registry.group_name(&name)?),
            };
        }
        Ok((things, groups))
    }

    /// `AssociateTargetsWithJob`: more targets for a CONTINUOUS job in progress.
    pub fn associate_targets(
        &mut self,
        id: &str,
        targets: Vec<Target>,
        comment: Option<String>,
        now: Timestamp,
    ) -> Result<&Job, Refusal> {
        let job = self.job(id)?;
        let refuse = |why: &str| Err(Refusal::InvalidRequest(format!("Job {id} {why}")));
        if job.selection != TargetSelection::Continuous {
            return refuse("is not CONTINUOUS: targets cannot be associated with it.");
        }
        if job.status != JobStatus::InProgress {
            return refuse("is not IN_PROGRESS: targets cannot be associated with it.");
        }
        let (things, groups) = self.known_targets(targets)?;
        let (all_things, all_groups) = (&job.target_things | &things, &job.target_groups | &groups);
        limit_targets(all_things.len() + all_groups.len())?;
        let (shared, _) = self.jobs.get_key_value(id).expect("it was just found");
        let shared = shared.clone();
        if let Some(job) = self.jobs.get_mut(&shared) {
            (job.target_things, job.target_groups) = (all_things, all_groups);
            job.last_updated_at = now.as_second();
            job.comment = comment.or(job.comment.take());
        }
        self.roll_out(&shared, now);
        self.job(id)
    }

    /// `UpdateJob`: only while it is IN_PROGRESS (observed).
    pub fn update_job(
        &mut self,
        id: &str,
        update: JobUpdate,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let job = self.job(id)?;
        if job.status != JobStatus::InProgress {
            let text = format!("Job {id} in status {} cannot be updated.", job.status);
            return Err(Refusal::InvalidRequest(text));
        }
        let job = self.jobs.get_mut(id).expect("it was just found");
        let (old, new) = (&mut job.config, update.config);
        old.abort = new.abort.or(old.abort.take());
        old.retry = new.retry.or(old.retry.take());
        old.presigned_url = new.presigned_url.or(old.presigned_url.take());
        old.rollout = new.rollout.or(old.rollout.take());
        job.description = update.description.or(job.description.take());
        job.timeout_minutes = update.timeout_minutes.or(job.timeout_minutes);
        job.last_updated_at = now.as_second();
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
            self.insert(&thing, &id, Execution::queued(number, now.as_second()), now);
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
        let following = self.following(&group);
        if self.registry.leave(&thing, &group) {
            for id in following {
                if !self.is_target(&thing, &id) {
                    self.remove_queued(&thing, &id, now);
                }
            }
        }
        Ok(())
    }

    fn remove_queued(&mut self, thing: &Arc<str>, id: &Arc<str>, now: Timestamp) {
        let latest = self.jobs.get(id).and_then(|job| job.execution(thing, None));
        let queued = latest.filter(|e| e.status == ExecutionStatus::Queued).map(|e| e.number);
        if let Some(number) = queued {
            self.change(thing, id, number, now, |execution, now, _| {
                execution.end(ExecutionStatus::Removed);
                execution.last_updated_at = now;
            });
        }
    }

    /// `DeleteThing`. A thing that is not there is deleted already. Its executions stay (observed of another emulator; AWS's pages disagree), or become
    /// REMOVED where that is asked for.
    pub fn delete_thing(
        &mut self,
        name: &str,
        expected_version: Option<i64>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Ok(thing) = self.registry.thing_name(name) else { return Ok(()) };
        self.registry.delete_thing(name, expected_version)?;
        if self.options.deleted_things_are_removed {
            let jobs: Vec<Arc<str>> = self.jobs_of(&thing).cloned().collect();
            for id in jobs {
                self.remove_queued(&thing, &id, now);
            }
        }
        Ok(())
    }

    /// `DeleteThingGroup`: its members leave it first.
    pub fn delete_group(
        &mut self,
        name: &str,
        expected_version: Option<i64>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let members: Vec<Arc<str>> = self.registry.members(name).cloned().collect();
        let group = self.registry.group_name(name).ok();
        let following = group.map(|group| self.following(&group)).unwrap_or_default();
        self.registry.delete_group(name, expected_version)?;
        for id in following {
            for thing in &members {
                if !self.is_target(thing, &id) {
                    self.remove_queued(thing, &id, now);
                }
            }
        }
        self.tags.forget(&format!("thinggroup/{name}"));
        Ok(())
    }

    /// `DeleteThingType`.
    pub fn delete_type(&mut self, name: &str, now: Timestamp) -> Result<(), Refusal> {
        self.registry.delete_type(name, now.as_second())?;
        self.tags.forget(&format!("thingtype/{name}"));
        Ok(())
    }

    /// The CONTINUOUS jobs in progress that follow a group, or one above it.
    fn following(&self, group: &Arc<str>) -> Vec<Arc<str>> {
        let path = self.registry.path(group);
        let follows = |job: &Job| {
            job.selection == TargetSelection::Continuous
                && job.status == JobStatus::InProgress
                && !job.rollout_ended
                && path.iter().any(|group| job.target_groups.contains(group))
        };
        self.jobs.iter().filter(|(_, job)| follows(job)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether a job is for a thing. One of a SNAPSHOT job stays so, whatever groups it leaves.
    pub(super) fn is_target(&self, thing: &str, id: &str) -> bool {
        self.jobs.get(id).is_some_and(|job| {
            job.selection == TargetSelection::Snapshot
                || job.target_things.contains(thing)
                || !self.registry.all_groups_of(thing).is_disjoint(&job.target_groups)
        })
    }
}

type Targets = (BTreeSet<Arc<str>>, BTreeSet<Arc<str>>);

fn limit_targets(count: usize) -> Result<(), Refusal> {
    if count > TARGETS {
        let text = format!("A job has at most {TARGETS} targets.");
        return Err(Refusal::LimitExceeded(text));
    }
    Ok(())
}

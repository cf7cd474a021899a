//! A [`Fleet`] becomes a [`Store`].
//!
//! Only this file knows both. A fleet is taken as it is: targets create no executions, and a job is
//! not completed because its executions are done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::store::{CheckOrder, Execution, Job, Store};
use crate::execution::{ExecutionStatus, JobId};
use crate::fleet::{self, Fleet};

/// Ages in the fleet are counted back from `now`.
pub fn store(fleet: &Fleet, check_order: CheckOrder, now: Timestamp) -> Store {
    let mut store = Store::new(check_order);
    for group in &fleet.groups {
        store.registry.create_group(group);
    }
    let mut names: BTreeMap<&str, Arc<str>> = BTreeMap::new();
    for (name, thing) in &fleet.things {
        let (kind, attributes) = (thing.thing_type.clone(), thing.attributes.clone());
        let created = store.registry.create_thing(name.as_str(), kind, attributes);
        created.expect("a fleet has each thing once");
        let name = name.as_str();
        let shared = store.registry.thing_name(name).expect("it was just created");
        for group in &thing.groups {
            let group = store.registry.group_name(group).expect("a fleet lists all its groups");
            store.registry.join(&shared, &group);
        }
        names.insert(name, shared);
    }
    let first_queued = first_queued(fleet, now);
    for (id, job) in &fleet.jobs {
        let first = first_queued.get(id).copied();
        let shared: Arc<str> = id.as_str().into();
        let created_at = job.created_at.map(|at| at.resolve(now).as_second());
        let created_at = created_at.or(first).unwrap_or_else(|| now.as_second());
        store.insert_job(shared, seeded_job(job, &names, created_at));
    }
    for ((id, thing, number), execution) in &fleet.executions {
        let id: Arc<str> = store
            .jobs
            .get_key_value(id.as_str())
            .map(|(id, _)| id.clone())
            .expect("a fleet's executions are of its jobs");
        let thing = names.get(thing.as_str()).expect("a fleet's executions are on its things");
        store.insert(thing, &id, seeded_execution(number.0, execution, now));
    }
    for job in store.jobs.values_mut() {
        job.settle();
    }
    store
}

fn first_queued(fleet: &Fleet, now: Timestamp) -> BTreeMap<JobId, i64> {
    let mut first = BTreeMap::new();
    for ((id, _, _), execution) in &fleet.executions {
        let at = execution.queued_at.resolve(now).as_second();
        let earliest = first.entry(id.clone()).or_insert(at);
        *earliest = at.min(*earliest);
    }
    first
}

fn seeded_job(job: &fleet::Job, names: &BTreeMap<&str, Arc<str>>, created_at: i64) -> Job {
    let target_things: BTreeSet<Arc<str>> =
        job.target_things.iter().filter_map(|name| names.get(name.as_str()).cloned()).collect();
    Job {
        description: job.description.clone(),
        namespace_id: job.namespace_id.clone(),
        timeout_minutes: job.timeout_minutes.map(i64::from),
        target_things,
        target_groups: job.target_groups.iter().map(|group| group.as_str().into()).collect(),
        ..Job::new(job.status.clone(), job.target_selection.clone(), created_at)
    }
}

fn seeded_execution(number: i64, execution: &fleet::Execution, now: Timestamp) -> Execution {
    let canceled = execution.status == ExecutionStatus::Canceled;
    let details = &execution.status_details;
    Execution {
        number,
        version: execution.version.get(),
        status: execution.status.clone(),
        queued_at: execution.queued_at.resolve(now).as_second(),
        started_at: execution.started_at.map(|at| at.resolve(now).as_second()),
        last_updated_at: execution.last_updated_at.resolve(now).as_second(),
        retry_attempt: execution.retry_attempt,
        status_details: (!details.is_empty()).then(|| Box::new(details.clone())),
        force_canceled: canceled.then_some(execution.force_canceled),
        step_deadline: None,
    }
}

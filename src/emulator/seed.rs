//! A [`Fleet`] becomes a [`Store`].
//!
//! Only this file and `snapshot`, its opposite, know both. A fleet is taken as it is: targets create no
//! executions, and a job is not completed because its executions are done.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::options::Options;
use super::registry::{Connectivity, ThingType};
use super::search::Indexing;
use super::store::{
    AbortCriterion, Due, EndBehavior, Execution, FailureKind, Job, JobConfig, RetryCriterion,
    Scheduling, Store,
};
use crate::execution::{ExecutionStatus, JobId, JobStatus, StatusDetails};
use crate::fleet::shapes::{FleetEndBehavior, FleetFailureType, FleetIndexing};
use crate::fleet::{self, Fleet};
use crate::span::Moment;

/// Ages in the fleet are counted back from `now`.
pub fn store(fleet: &Fleet, options: Options, now: Timestamp) -> Store {
    let mut store = Store::new(options);
    store.indexing = match fleet.indexing {
        FleetIndexing::Off => Indexing::Off,
        FleetIndexing::Registry => Indexing::Registry,
        FleetIndexing::Connectivity => Indexing::Connectivity,
    };
    types_and_groups(fleet, &mut store, now);
    let names = things(fleet, &mut store, now);
    let first_queued = first_queued(fleet, now);
    for (id, job) in &fleet.jobs {
        let first = first_queued.get(id).copied();
        let shared: Arc<str> = id.as_str().into();
        let created_at = job.created_at.map(|at| at.resolve(now).as_second());
        let created_at = created_at.or(first).unwrap_or_else(|| now.as_second());
        let seeded = seeded_job(job, &names, created_at);
        due(&mut store, &shared, &seeded, now);
        store.tags.seed(&format!("job/{id}"), &job.tags);
        store.insert_job(shared, seeded);
    }
    executions(fleet, &mut store, &names, now);
    for job in store.jobs.values_mut() {
        job.settle();
    }
    store.devices.seed = fleet.seed;
    for (name, thing) in &fleet.things {
        if let Some(behavior) = &thing.behavior {
            store.enliven(&names[name.as_str()], behavior, now);
        }
    }
    store
}

fn executions(fleet: &Fleet, store: &mut Store, names: &BTreeMap<&str, Arc<str>>, now: Timestamp) {
    // Those that share what is said of them share the text of it as well.
    let mut details: HashMap<*const fleet::Execution, Option<Arc<StatusDetails>>> = HashMap::new();
    let mut rest = fleet.executions.iter().peekable();
    while let Some(((id, ..), _)) = rest.peek() {
        let (shared, job) =
            store.jobs.get_key_value(id.as_str()).expect("a fleet's executions are of its jobs");
        let (shared, timeout) = (shared.clone(), job.timeout_minutes);
        let mut all = Vec::new();
        while let Some(((_, thing, number), execution)) = rest.next_if(|((job, ..), _)| job == id) {
            let thing = names.get(thing.as_str()).expect("a fleet's executions are on its things");
            let details = details.entry(Arc::as_ptr(execution)).or_insert_with(|| {
                let details = &execution.status_details;
                (!details.is_empty()).then(|| Arc::new(details.clone()))
            });
            let mut seeded = seeded_execution(number.0, execution, timeout, now);
            seeded.status_details.clone_from(details);
            all.push((thing.clone(), seeded));
        }
        store.fill(&shared, all, now);
    }
}

fn types_and_groups(fleet: &Fleet, store: &mut Store, now: Timestamp) {
    let second = |at: Moment| at.resolve(now).as_second();
    for (name, kind) in &fleet.thing_types {
        let new = ThingType {
            description: kind.description.clone(),
            searchable_attributes: kind.searchable_attributes.clone(),
            created_at: kind.created_at.map_or(now.as_second(), second),
            deprecated_at: kind.deprecated_at.map(second),
        };
        store.registry.create_type(name, new).expect("a fleet has each type once");
        store.tags.seed(&format!("thingtype/{name}"), &kind.tags);
    }
    for group in &fleet.groups {
        store.registry.seed_group(group, |it| it.created_at = now.as_second());
    }
    for (name, group) in &fleet.thing_groups {
        store.registry.seed_group(name, |it| {
            it.description.clone_from(&group.description);
            it.attributes.clone_from(&group.attributes);
            it.version = group.version.unwrap_or(1).into();
            it.created_at = group.created_at.map_or(now.as_second(), second);
        });
        store.tags.seed(&format!("thinggroup/{name}"), &group.tags);
    }
    for (name, group) in &fleet.thing_groups {
        if let Some(parent) = &group.parent {
            store.registry.seed_parent(name, parent);
        }
    }
}

type Attributes = Arc<BTreeMap<String, String>>;

fn things<'a>(fleet: &'a Fleet, store: &mut Store, now: Timestamp) -> BTreeMap<&'a str, Arc<str>> {
    let mut names: BTreeMap<&str, Arc<str>> = BTreeMap::new();
    // The attributes of things that one entry stands for are kept once.
    let mut last: Option<(Arc<fleet::Thing>, Attributes)> = None;
    for (name, thing) in &fleet.things {
        let name = name.as_str();
        let shared: Arc<str> = name.into();
        let same = last.as_ref().filter(|(fact, _)| Arc::ptr_eq(fact, thing));
        let attributes = match same {
            Some((_, attributes)) => Arc::clone(attributes),
            None => Arc::new(thing.attributes.clone()),
        };
        store.registry.seed_thing(&shared, attributes.clone());
        last = Some((thing.clone(), attributes));
        if let Some(kind) = &thing.thing_type {
            store.registry.seed_type(name, kind);
        }
        store.registry.set_version(name, thing.version.unwrap_or(1).into());
        let lives = thing.behavior.as_ref().map(|_| fleet::Connectivity {
            connected: true,
            since: Some(Moment::Ago(jiff::SignedDuration::ZERO)),
        });
        let connectivity = thing.connectivity.or(lives).map(|it| Connectivity {
            connected: it.connected,
            since: it.since.map(|at| at.resolve(now).as_second()),
        });
        store.registry.set_connectivity(name, connectivity).expect("it was just created");
        for group in &thing.groups {
            let group = store.registry.group_name(group).expect("a fleet lists all its groups");
            store.registry.join(&shared, &group);
        }
        names.insert(name, shared);
    }
    names
}

fn first_queued(fleet: &Fleet, now: Timestamp) -> BTreeMap<JobId, i64> {
    let mut first = BTreeMap::new();
    for ((id, _, _), execution) in &fleet.executions {
        let at = execution.queued_at.resolve(now).as_second();
        match first.get_mut(id) {
            Some(earliest) => *earliest = at.min(*earliest),
            None => drop(first.insert(id.clone(), at)),
        }
    }
    first
}

/// What will happen to a job by itself.
fn due(store: &mut Store, id: &Arc<str>, job: &Job, now: Timestamp) {
    if job.status == JobStatus::Scheduled
        && let Some((_, at)) = job.config.scheduling.start
    {
        store.agenda.insert((at, Due::Start(id.clone())));
    }
    if matches!(job.status, JobStatus::Scheduled | JobStatus::InProgress)
        && let Some((_, at, _)) = job.config.scheduling.end
    {
        store.agenda.insert((at, Due::End(id.clone())));
    }
    if job.sweeping.is_some() {
        store.agenda.insert((now.as_second(), Due::Sweep(id.clone())));
    }
    if job.status == JobStatus::DeletionInProgress {
        store.agenda.insert((now.as_second().saturating_add(60), Due::Delete(id.clone())));
    }
}

fn failure(kind: FleetFailureType) -> FailureKind {
    match kind {
        FleetFailureType::Failed => FailureKind::Failed,
        FleetFailureType::Rejected => FailureKind::Rejected,
        FleetFailureType::TimedOut => FailureKind::TimedOut,
        FleetFailureType::All => FailureKind::All,
    }
}

fn seeded_config(job: &fleet::Job) -> JobConfig {
    let abort = job.abort.iter().map(|it| AbortCriterion {
        failure: failure(it.failure_type),
        threshold: it.threshold_percentage,
        min_executed: it.min_number_of_executed_things.get() as usize,
    });
    let retry = job.retry.iter().map(|it| RetryCriterion {
        failure: failure(it.failure_type),
        retries: it.number_of_retries as usize,
    });
    let behavior = |it| match it {
        FleetEndBehavior::StopRollout => EndBehavior::StopRollout,
        FleetEndBehavior::Cancel => EndBehavior::Cancel,
        FleetEndBehavior::ForceCancel => EndBehavior::ForceCancel,
    };
    let end = job.ends_at.map(|(at, it)| (at.to_string(), at.as_second(), behavior(it)));
    JobConfig {
        abort: (!job.abort.is_empty()).then(|| abort.collect()),
        retry: (!job.retry.is_empty()).then(|| retry.collect()),
        scheduling: Scheduling {
            start: job.starts_at.map(|at| (at.to_string(), at.as_second())),
            end,
        },
        ..JobConfig::default()
    }
}

fn seeded_job(job: &fleet::Job, names: &BTreeMap<&str, Arc<str>>, created_at: i64) -> Job {
    let target_things: BTreeSet<Arc<str>> =
        job.target_things.iter().filter_map(|name| names.get(name.as_str()).cloned()).collect();
    let canceled = job.status == JobStatus::Canceled;
    let seeded = Job::new(job.status.clone(), job.target_selection.clone(), created_at);
    Job {
        description: job.description.clone(),
        namespace_id: job.namespace_id.clone(),
        timeout_minutes: job.timeout_minutes.map(i64::from),
        target_things,
        target_groups: job.target_groups.iter().map(|group| group.as_str().into()).collect(),
        document: job.document.as_deref().map_or(seeded.document.clone(), Arc::from),
        config: Box::new(seeded_config(job)),
        force_canceled: job.force_canceled.filter(|_| canceled),
        reason_code: job.reason_code.clone(),
        comment: job.comment.clone(),
        sweeping: (canceled && job.canceling).then(|| job.force_canceled.unwrap_or(false)),
        ..seeded
    }
}

fn seeded_execution(
    number: i64,
    execution: &fleet::Execution,
    timeout_minutes: Option<i64>,
    now: Timestamp,
) -> Execution {
    let canceled = execution.status == ExecutionStatus::Canceled;
    let in_progress = execution.status == ExecutionStatus::InProgress;
    let started_at = execution.started_at.map(|at| at.resolve(now).as_second());
    let second = |at: Moment| at.resolve(now).as_second();
    let implied =
        timeout_minutes.zip(started_at).map(|(minutes, start)| start.saturating_add(minutes * 60));
    let deadline = execution.times_out_at.map(second).or(implied).filter(|_| in_progress);
    let step = execution.step_times_out_at.map(second).filter(|_| in_progress);
    let mut seeded = Execution {
        version: execution.version.get(),
        status: execution.status.clone(),
        started_at,
        last_updated_at: execution.last_updated_at.resolve(now).as_second(),
        retry_attempt: execution.retry_attempt,
        force_canceled: canceled.then_some(execution.force_canceled),
        ..Execution::queued(number, execution.queued_at.resolve(now).as_second())
    };
    seeded.set_timers(deadline, step);
    seeded
}

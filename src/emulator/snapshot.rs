//! A [`Store`] becomes a `kind: Fleet` document: the opposite of `seed`.
//!
//! Times are absolute. What a fleet cannot say is not in it: faults, hooks, counts, and the parts of a
//! job's configuration that the emulator only shows (rollout rate, presigned URLs, document source).

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::quotas::Applied;
use super::search::Indexing;
use super::store::{Execution, Job, Store};
use super::tags::TagMap;
use crate::execution::{Account, ExecutionStatus};
use crate::fleet::Behavior;

/// The document of the present state.
pub fn document(store: &Store, account: &Account, quotas: &Applied) -> Value {
    let registry = &store.registry;
    let indexing = match store.indexing {
        Indexing::Off => "OFF",
        Indexing::Registry => "REGISTRY",
        Indexing::Connectivity => "CONNECTIVITY",
    };
    let groups = registry.groups().iter().map(|(name, group)| {
        object([
            ("name", Some(json!(&**name))),
            ("parent", group.parent.as_deref().map(Value::from)),
            ("description", group.description.as_deref().map(Value::from)),
            ("attributes", filled(&group.attributes)),
            ("tags", tags(store, &format!("thinggroup/{name}"))),
            ("version", Some(group.version.into())),
            ("createdAt", time(Some(group.created_at))),
        ])
    });
    let types = registry.types().iter().map(|(name, kind)| {
        object([
            ("name", Some(json!(&**name))),
            ("description", kind.description.as_deref().map(Value::from)),
            ("searchableAttributes", Some(json!(kind.searchable_attributes))),
            ("tags", tags(store, &format!("thingtype/{name}"))),
            ("createdAt", time(Some(kind.created_at))),
            ("deprecatedAt", time(kind.deprecated_at)),
        ])
    });
    let things = registry.things().iter().map(|(name, thing)| {
        let groups: Vec<&str> =
            registry.groups_of(name).into_iter().flatten().map(|group| &**group).collect();
        let connectivity = thing.connectivity.map(|it| {
            object([("connected", Some(it.connected.into())), ("since", time(it.since))])
        });
        object([
            ("name", Some(json!(&**name))),
            ("type", thing.thing_type.as_deref().map(Value::from)),
            ("groups", (!groups.is_empty()).then(|| json!(groups))),
            ("attributes", filled(&thing.attributes)),
            ("version", Some(thing.version.into())),
            ("connectivity", connectivity),
            ("behavior", store.devices.all.get(name).map(|device| behavior(&device.behavior))),
        ])
    });
    let jobs = store.jobs.iter().map(|(id, job)| job_of(store, id, job));
    let executions = store.jobs.iter().flat_map(|(id, job)| {
        job.executions().map(move |(thing, execution)| execution_of(id, thing, execution))
    });
    // A thing that was deleted may have executions still, and a fleet's executions are on its things.
    let targets = store.jobs.values().flat_map(|job| &job.target_things);
    let gone: BTreeSet<&Arc<str>> = store
        .by_thing
        .iter()
        .map(|(thing, _)| thing)
        .chain(targets)
        .filter(|thing| !registry.things().contains_key(*thing))
        .collect();
    let gone = gone.iter().map(|name| json!({ "name": &***name }));
    json!({
        "apiVersion": "rescind/v1alpha1",
        "kind": "Fleet",
        "metadata": {"name": "snapshot"},
        "spec": {
            "account": account.account,
            "region": account.region,
            "indexing": indexing,
            "quotas": quotas,
            "seed": store.devices.seed,
            "thingGroups": groups.collect::<Vec<_>>(),
            "thingTypes": types.collect::<Vec<_>>(),
            "things": things.chain(gone).collect::<Vec<_>>(),
            "jobs": jobs.collect::<Vec<_>>(),
            "executions": executions.collect::<Vec<_>>(),
        },
    })
}

fn job_of(store: &Store, id: &str, job: &Job) -> Value {
    let config = &job.config;
    let abort = config.abort.as_ref().map(|criteria| {
        let of = criteria.iter().map(|it| {
            json!({
                "failureType": it.failure.as_str(),
                "thresholdPercentage": it.threshold,
                "minNumberOfExecutedThings": it.min_executed,
            })
        });
        of.collect::<Value>()
    });
    let retry = config.retry.as_ref().map(|criteria| {
        let of = criteria
            .iter()
            .map(|it| json!({"failureType": it.failure.as_str(), "numberOfRetries": it.retries}));
        of.collect::<Value>()
    });
    let end = config.scheduling.end.as_ref();
    let schedule = object([
        ("startTime", config.scheduling.start.as_ref().and_then(|(_, at)| time(Some(*at)))),
        ("endTime", end.and_then(|(_, at, _)| time(Some(*at)))),
        ("endBehavior", end.map(|(_, _, behavior)| behavior.as_str().into())),
    ]);
    let things: Vec<&str> = job.target_things.iter().map(|name| &**name).collect();
    let groups: Vec<&str> = job.target_groups.iter().map(|name| &**name).collect();
    object([
        ("id", Some(id.into())),
        ("status", Some(job.status.as_str().into())),
        ("targetSelection", Some(job.selection.as_str().into())),
        ("description", job.description.as_deref().map(Value::from)),
        ("namespaceId", job.namespace_id.as_deref().map(Value::from)),
        ("createdAt", time(Some(job.created_at))),
        ("timeoutMinutes", job.timeout_minutes.map(Value::from)),
        ("targets", Some(json!({"things": things, "groups": groups}))),
        ("tags", tags(store, &format!("job/{id}"))),
        ("document", (&*job.document != "{}").then(|| json!(&*job.document))),
        ("abort", abort),
        ("retry", retry),
        ("schedule", schedule.as_object().is_some_and(|it| !it.is_empty()).then_some(schedule)),
        ("reasonCode", job.reason_code.as_deref().map(Value::from)),
        ("comment", job.comment.as_deref().map(Value::from)),
        ("forceCanceled", job.force_canceled.map(Value::from)),
        ("canceling", job.sweeping.map(|_| true.into())),
    ])
}

fn behavior(behavior: &Behavior) -> Value {
    let seconds = |duration: SignedDuration| Some(json!(format!("{}s", duration.as_secs())));
    let ends = behavior.ends;
    let hangs_in = behavior.hangs_in.and_then(|at| behavior.phases.get(at));
    object([
        ("picksUpAfter", seconds(behavior.picks_up_after)),
        ("takes", seconds(behavior.takes)),
        ("reportsEvery", seconds(behavior.reports_every)),
        ("phases", Some(json!(behavior.phases))),
        (
            "ends",
            Some(json!({
                "succeeds": ends.succeeds,
                "fails": ends.fails,
                "rejects": ends.rejects,
                "hangs": ends.hangs,
            })),
        ),
        ("hangsIn", hangs_in.map(|phase| json!(phase))),
        ("varyPercent", Some(behavior.vary_percent.into())),
        ("onlineFor", behavior.online_for.and_then(seconds)),
        ("offlineFor", behavior.offline_for.and_then(seconds)),
    ])
}

fn execution_of(id: &str, thing: &str, execution: &Execution) -> Value {
    // A device may finish what it never started, and a fleet says so in words.
    let started = match (&execution.status, execution.started_at) {
        (ExecutionStatus::Queued, _) => None,
        (_, None) => Some("never".into()),
        (_, at) => time(at),
    };
    object([
        ("job", Some(id.into())),
        ("thing", Some(thing.into())),
        ("status", Some(execution.status.as_str().into())),
        ("executionNumber", Some(execution.number.into())),
        ("versionNumber", Some(execution.version.into())),
        ("queuedAt", time(Some(execution.queued_at))),
        ("startedAt", started),
        ("lastUpdatedAt", time(Some(execution.last_updated_at))),
        ("timesOutAt", time(execution.deadline())),
        ("stepTimesOutAt", time(execution.step_deadline())),
        ("retryAttempt", Some(execution.retry_attempt.into())),
        ("statusDetails", execution.status_details.as_deref().and_then(filled)),
        ("forceCanceled", execution.force_canceled.map(Value::from)),
    ])
}

/// An object of the members that are there.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let there = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

fn filled(map: &TagMap) -> Option<Value> {
    (!map.is_empty()).then(|| json!(map))
}

fn tags(store: &Store, resource: &str) -> Option<Value> {
    let tags: TagMap = store.tags.of(resource).map(|(k, v)| (k.clone(), v.clone())).collect();
    filled(&tags)
}

fn time(second: Option<i64>) -> Option<Value> {
    Some(Timestamp::from_second(second?).ok()?.to_string().into())
}

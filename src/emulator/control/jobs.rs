//! Jobs.

use serde_json::{Map, Value, json};

use super::{paged, rows};
use crate::emulator::call::Call;
use crate::emulator::input::Input;
use crate::emulator::refusal::Refusal;
use crate::emulator::registry::stable_id;
use crate::emulator::store::{
    CancelJob, Job, JobConfig, JobFilter, JobUpdate, NewJob, Store, Target,
};
use crate::execution::{ExecutionStatus, TargetSelection};

pub fn list(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let group_id = input.text("thingGroupId");
    let mut filter = JobFilter {
        status: input.one_of("status"),
        selection: input.one_of("targetSelection"),
        namespace_id: input.owned("namespaceId"),
        group: input.owned("thingGroupName"),
    };
    let (max, token) = (input.max_results(), input.next_token());
    if let Some(id) = group_id {
        let of_group = |name: &str| stable_id(&format!("thinggroup/{name}"));
        let named = store.registry.groups().keys().find(|name| of_group(name) == id);
        // No job is for a group that is not there; no group has an empty name.
        let named = named.map_or("", |name| name);
        let both = filter.group.as_deref().is_none_or(|group| group == named);
        filter.group = Some(if both { named.to_owned() } else { String::new() });
    }
    let page = rows(store.list_jobs(&filter, max, token)?, |(id, job)| {
        let mut row = job_head(call, id, job);
        row.insert("isConcurrent".to_owned(), job.is_concurrent().into());
        let alone = job.target_groups.len() == 1 && job.target_things.is_empty();
        if let Some(group) = job.target_groups.first().filter(|_| alone) {
            let id = stable_id(&format!("thinggroup/{group}"));
            row.insert("thingGroupId".to_owned(), id.into());
        }
        Value::Object(row)
    });
    Ok(paged("jobs", page))
}

/// What a job's row and its description have in common.
fn job_head(call: &Call, id: &str, job: &Job) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("jobArn".to_owned(), call.arns.job(id).into());
    head.insert("jobId".to_owned(), id.into());
    head.insert("targetSelection".to_owned(), job.selection.as_str().into());
    head.insert("status".to_owned(), job.status.as_str().into());
    head.insert("createdAt".to_owned(), job.created_at.into());
    head.insert("lastUpdatedAt".to_owned(), job.last_updated_at.into());
    if let Some(at) = job.completed_at {
        head.insert("completedAt".to_owned(), at.into());
    }
    head
}

pub fn describe(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let id = input.job();
    let job = store.job(id)?;
    let mut described = job_head(call, id, job);
    let things = job.target_things.iter().map(|name| call.arns.thing(name));
    let groups = job.target_groups.iter().map(|name| call.arns.group(name));
    described.insert("targets".to_owned(), things.chain(groups).collect());
    for (name, text) in [
        ("description", &job.description),
        ("namespaceId", &job.namespace_id),
        ("reasonCode", &job.reason_code),
        ("comment", &job.comment),
    ] {
        if let Some(text) = text {
            described.insert(name.to_owned(), text.as_str().into());
        }
    }
    if let Some(forced) = job.force_canceled {
        described.insert("forceCanceled".to_owned(), forced.into());
    }
    let count = |status| job.count(&status);
    let details = json!({
        "processingTargets": null,
        "numberOfCanceledThings": count(ExecutionStatus::Canceled),
        "numberOfSucceededThings": count(ExecutionStatus::Succeeded),
        "numberOfFailedThings": count(ExecutionStatus::Failed),
        "numberOfRejectedThings": count(ExecutionStatus::Rejected),
        "numberOfQueuedThings": count(ExecutionStatus::Queued),
        "numberOfInProgressThings": count(ExecutionStatus::InProgress),
        "numberOfRemovedThings": count(ExecutionStatus::Removed),
        "numberOfTimedOutThings": count(ExecutionStatus::TimedOut),
    });
    let timeout = job.timeout_minutes;
    let timeout = timeout.map_or(json!({}), |m| json!({"inProgressTimeoutInMinutes": m}));
    described.insert("jobProcessDetails".to_owned(), details);
    described.insert("timeoutConfig".to_owned(), timeout);
    described.insert("isConcurrent".to_owned(), job.is_concurrent().into());
    described.extend(configuration(&job.config));
    let mut body = json!({ "job": described });
    if let Some(source) = &job.config.document_source {
        body["documentSource"] = source.as_str().into();
    }
    Ok(body)
}

/// What was configured, in AWS's form. Some members are there, and empty, when nothing was (observed).
fn configuration(config: &JobConfig) -> Map<String, Value> {
    let mut shown = Map::new();
    let or_empty = |value: &Option<Value>| value.clone().unwrap_or_else(|| json!({}));
    shown.insert("presignedUrlConfig".to_owned(), or_empty(&config.presigned_url));
    shown.insert("jobExecutionsRolloutConfig".to_owned(), or_empty(&config.rollout));
    if let Some(criteria) = &config.abort {
        let list: Vec<Value> = criteria
            .iter()
            .map(|it| {
                json!({
                    "failureType": it.failure.as_str(),
                    "action": "CANCEL",
                    "thresholdPercentage": it.threshold,
                    "minNumberOfExecutedThings": it.min_executed,
                })
            })
            .collect();
        shown.insert("abortConfig".to_owned(), json!({ "criteriaList": list }));
    }
    if let Some(criteria) = &config.retry {
        let list: Vec<Value> = criteria
            .iter()
            .map(|it| json!({"failureType": it.failure.as_str(), "numberOfRetries": it.retries}))
            .collect();
        shown.insert("jobExecutionsRetryConfig".to_owned(), json!({ "criteriaList": list }));
    }
    let mut schedule = Map::new();
    if let Some((text, _)) = &config.scheduling.start {
        schedule.insert("startTime".to_owned(), text.as_str().into());
    }
    if let Some((text, _, behavior)) = &config.scheduling.end {
        schedule.insert("endTime".to_owned(), text.as_str().into());
        schedule.insert("endBehavior".to_owned(), behavior.as_str().into());
    }
    shown.insert("schedulingConfig".to_owned(), schedule.into());
    shown
}

fn named(call: &Call, id: &str, description: Option<&str>) -> Value {
    let mut body = json!({"jobArn": call.arns.job(id), "jobId": id});
    if let Some(text) = description {
        body["description"] = text.into();
    }
    body
}

pub fn create(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let id = input.job();
    let arns = input.texts("targets").unwrap_or_default();
    let document = input.text("document");
    let description = input.owned("description");
    let namespace_id = input.owned("namespaceId");
    let selection: Option<TargetSelection> = input.one_of("targetSelection");
    let timeout_minutes = input.timeout_minutes();
    let config = input.job_config(call.at)?;
    let tags = input.tags()?;
    let refuse = |text: &str| Err(Refusal::InvalidRequest(text.to_owned()));
    let document = match (document, &config.document_source) {
        (Some(_), Some(_)) => return refuse("Only one of document and documentSource is allowed."),
        (Some(document), None) => document,
        // What lies at the source is never fetched.
        (None, Some(_)) => "{}",
        (None, None) => return refuse("A job document must be given."),
    };
    if serde_json::from_str::<serde::de::IgnoredAny>(document).is_err() {
        return refuse("The job document is not valid JSON.");
    }
    let new = NewJob {
        targets: targets(call, &arns)?,
        selection: selection.unwrap_or(TargetSelection::Snapshot),
        document: document.to_owned(),
        description: description.clone(),
        namespace_id,
        timeout_minutes,
        config,
        tags,
    };
    store.create_job(id, new, call.at)?;
    Ok(named(call, id, description.as_deref()))
}

fn targets(call: &Call, arns: &[&str]) -> Result<Vec<Target>, Refusal> {
    arns.iter().map(|arn| call.arns.target(arn)).collect()
}

pub fn update(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let id = input.job();
    let update = JobUpdate {
        description: input.owned("description"),
        timeout_minutes: input.timeout_minutes(),
        config: input.job_config(call.at)?,
    };
    store.update_job(id, update, call.at)?;
    Ok(super::nothing())
}

pub fn cancel(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let id = input.job();
    let cancel = CancelJob {
        force: input.flag("force"),
        reason_code: input.owned("reasonCode"),
        comment: input.owned("comment"),
    };
    store.cancel_job(id, cancel, call.at)?;
    Ok(named(call, id, store.job(id)?.description.as_deref()))
}

pub fn delete(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let id = input.job();
    let force = input.flag("force");
    store.request_job_deletion(id, force, call.at)?;
    Ok(super::nothing())
}

pub fn document(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let id = input.job();
    Ok(json!({"document": &*store.job(id)?.document}))
}

pub fn associate(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (id, arns) = (input.job(), input.texts("targets").unwrap_or_default());
    let comment = input.owned("comment");
    let job = store.associate_targets(id, targets(call, &arns)?, comment, call.at)?;
    Ok(named(call, id, job.description.as_deref()))
}

//! The control plane (`iot`): from a call to the JSON of its answer.
//!
//! Times are numbers of whole epoch seconds. Which members are there when they are not set follows
//! `DescribeJob` as observed.

use serde_json::{Map, Value, json};

use super::call::{Call, Input};
use super::constraint::{ARN, DOCUMENT, JOB_ID, NAME, NAMESPACE, PROSE};
use super::introspection::Effect;
use super::operation::Operation;
use super::refusal::Refusal;
use super::registry::stable_id;
use super::store::{
    Cancel, Execution, ExecutionFilter, ForThing, Job, JobFilter, NewJob, Page, Store, Target,
};
use crate::execution::{ExecutionStatus, JobStatus, TargetSelection};

/// What a call answers, and the cancel that it was.
pub type Answer = Result<(Value, Option<Effect>), Refusal>;

/// Does what a call of the control plane asks.
pub fn answer(call: &Call, store: &mut Store) -> Answer {
    let body = match call.operation() {
        Operation::CancelJobExecution => return cancel(call, store),
        Operation::ListJobs => list_jobs(call, store),
        Operation::DescribeJob => describe_job(call, store),
        Operation::CreateJob => create_job(call, store),
        Operation::ListJobExecutionsForJob => list_for_job(call, store),
        Operation::ListJobExecutionsForThing => list_for_thing(call, store),
        Operation::DescribeJobExecution => describe_execution(call, store),
        Operation::DescribeThing => describe_thing(call, store),
        Operation::CreateThing => create_thing(call, store),
        Operation::ListThingGroupsForThing => list_groups(call, store),
        Operation::CreateThingGroup => create_group(call, store),
        Operation::AddThingToThingGroup => change_membership(call, store, true),
        Operation::RemoveThingFromThingGroup => change_membership(call, store, false),
        Operation::GetPendingJobExecutions
        | Operation::StartNextPendingJobExecution
        | Operation::DataDescribeJobExecution
        | Operation::UpdateJobExecution => Err(Refusal::InternalFailure),
    };
    body.map(|body| (body, None))
}

fn cancel(call: &Call, store: &mut Store) -> Answer {
    let mut input = Input::new(call);
    let (thing, job) = (input.thing(), input.job());
    let cancel = Cancel {
        force: input.query_flag("force").unwrap_or(false),
        expected_version: input.body_number("expectedVersion"),
        status_details: input.status_details(),
    };
    input.check()?;
    let (force, expected_version) = (cancel.force, cancel.expected_version);
    let canceled = store.cancel(thing, job, cancel, call.at)?;
    let effect = Effect {
        sequence: 0,
        at: call.at,
        job_id: job.to_owned(),
        thing_name: thing.to_owned(),
        execution_number: canceled.before.number,
        status_before: canceled.before.status.clone(),
        version_before: canceled.before.version,
        expected_version,
        force,
        status_details_before: canceled.before.details(),
        status_details_after: canceled.after.details(),
        request_id: call.request_id.clone(),
    };
    Ok((json!({}), Some(effect)))
}

fn paged(name: &str, page: Page<Value>) -> Value {
    let mut body = Map::new();
    body.insert(name.to_owned(), Value::Array(page.rows));
    if let Some(token) = page.next {
        body.insert("nextToken".to_owned(), token.into());
    }
    Value::Object(body)
}

fn rows<T>(page: Page<T>, row: impl FnMut(T) -> Value) -> Page<Value> {
    Page { rows: page.rows.into_iter().map(row).collect(), next: page.next }
}

fn list_jobs(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    input.refuse_unimplemented(&["thingGroupId"]);
    let filter = JobFilter {
        status: input.query_enum("status", JobStatus::KNOWN),
        selection: input.query_enum("targetSelection", TargetSelection::KNOWN),
        namespace_id: input.query("namespaceId", &NAMESPACE).map(str::to_owned),
        group: input.query("thingGroupName", &NAME).map(str::to_owned),
    };
    let (max, token) = (input.max_results(), input.next_token());
    input.check()?;
    let page = rows(store.list_jobs(&filter, max, token)?, |(id, job)| {
        let mut row = job_head(call, id, job);
        row.insert("isConcurrent".to_owned(), false.into());
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

fn describe_job(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let id = input.job();
    input.query_flag("beforeSubstitution");
    input.check()?;
    let job = store.job(id)?;
    let mut described = job_head(call, id, job);
    let things = job.target_things.iter().map(|name| call.arns.thing(name));
    let groups = job.target_groups.iter().map(|name| call.arns.group(name));
    described.insert("targets".to_owned(), things.chain(groups).collect());
    for (name, text) in [("description", &job.description), ("namespaceId", &job.namespace_id)] {
        if let Some(text) = text {
            described.insert(name.to_owned(), text.as_str().into());
        }
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
    described.insert("presignedUrlConfig".to_owned(), json!({}));
    described.insert("jobExecutionsRolloutConfig".to_owned(), json!({}));
    described.insert("jobProcessDetails".to_owned(), details);
    described.insert("timeoutConfig".to_owned(), timeout);
    described.insert("schedulingConfig".to_owned(), json!({}));
    described.insert("isConcurrent".to_owned(), false.into());
    Ok(json!({ "job": described }))
}

fn create_job(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    input.refuse_unimplemented(&[
        "documentSource",
        "presignedUrlConfig",
        "jobExecutionsRolloutConfig",
        "abortConfig",
        "tags",
        "jobTemplateArn",
        "jobExecutionsRetryConfig",
        "documentParameters",
        "schedulingConfig",
        "destinationPackageVersions",
    ]);
    let id = input.job();
    let arns = input.targets();
    let document = input.body("document", &DOCUMENT);
    let description = input.body("description", &PROSE).map(str::to_owned);
    let namespace_id = input.body("namespaceId", &NAMESPACE).map(str::to_owned);
    let selection = input.body_enum("targetSelection", TargetSelection::KNOWN);
    let timeout_minutes = input.timeout_minutes();
    input.check()?;
    let Some(document) = document else {
        return Err(Refusal::InvalidRequest("A job document must be given.".to_owned()));
    };
    if serde_json::from_str::<serde::de::IgnoredAny>(document).is_err() {
        return Err(Refusal::InvalidRequest("The job document is not valid JSON.".to_owned()));
    }
    let targets: Result<Vec<Target>, Refusal> =
        arns.iter().map(|arn| call.arns.target(arn)).collect();
    let new = NewJob {
        targets: targets?,
        selection: selection.unwrap_or(TargetSelection::Snapshot),
        document: document.to_owned(),
        description: description.clone(),
        namespace_id,
        timeout_minutes,
    };
    store.create_job(id, new, call.at)?;
    let mut body = json!({"jobArn": call.arns.job(id), "jobId": id});
    if let Some(text) = description {
        body["description"] = text.into();
    }
    Ok(body)
}

/// A list's view of an execution: neither version nor details.
fn summary(execution: &Execution) -> Value {
    let mut summary = json!({
        "status": execution.status.as_str(),
        "queuedAt": execution.queued_at,
        "lastUpdatedAt": execution.last_updated_at,
        "executionNumber": execution.number,
        "retryAttempt": execution.retry_attempt,
    });
    if let Some(at) = execution.started_at {
        summary["startedAt"] = at.into();
    }
    summary
}

fn list_for_job(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let id = input.job();
    let filter = ExecutionFilter { status: input.query_enum("status", ExecutionStatus::KNOWN) };
    let (max, token) = (input.max_results(), input.next_token());
    input.check()?;
    let page = rows(store.list_executions_of_job(id, &filter, max, token)?, |row| {
        json!({
            "thingArn": call.arns.thing(row.thing),
            "jobExecutionSummary": summary(row.execution),
        })
    });
    Ok(paged("executionSummaries", page))
}

fn list_for_thing(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let thing = input.thing();
    let filter = ForThing {
        status: input.query_enum("status", ExecutionStatus::KNOWN),
        namespace_id: input.query("namespaceId", &NAMESPACE).map(str::to_owned),
        job: input.query("jobId", &JOB_ID).map(str::to_owned),
    };
    let (max, token) = (input.max_results(), input.next_token());
    input.check()?;
    let page = rows(
        store.list_executions_of_thing(thing, &filter, max, token)?,
        |row| json!({"jobId": row.job, "jobExecutionSummary": summary(row.execution)}),
    );
    Ok(paged("executionSummaries", page))
}

fn describe_execution(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let (thing, id) = (input.thing(), input.job());
    let number = input.query_number("executionNumber");
    input.check()?;
    let execution = store.execution(thing, id, number)?;
    let mut described = json!({
        "jobId": id,
        "status": execution.status.as_str(),
        "statusDetails": {},
        "thingArn": call.arns.thing(thing),
        "queuedAt": execution.queued_at,
        "lastUpdatedAt": execution.last_updated_at,
        "executionNumber": execution.number,
        "versionNumber": execution.version,
    });
    if let Some(details) = execution.status_details.as_deref() {
        described["statusDetails"] = json!({ "detailsMap": details });
    }
    if let Some(forced) = execution.force_canceled {
        described["forceCanceled"] = forced.into();
    }
    if let Some(at) = execution.started_at {
        described["startedAt"] = at.into();
    }
    let job = store.job(id)?;
    if let Some(left) = job.seconds_left(execution, call.at.as_second()) {
        described["approximateSecondsBeforeTimedOut"] = left.into();
    }
    Ok(json!({ "execution": described }))
}

fn describe_thing(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.thing();
    input.check()?;
    let thing = store.registry.thing(name)?;
    let mut described = json!({
        "defaultClientId": name,
        "thingName": name,
        "thingId": stable_id(&format!("thing/{name}")),
        "thingArn": call.arns.thing(name),
        "attributes": thing.attributes,
        "version": 1,
    });
    if let Some(kind) = &thing.thing_type {
        described["thingTypeName"] = kind.as_str().into();
    }
    Ok(described)
}

fn create_thing(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    input.refuse_unimplemented(&["billingGroupName"]);
    let name = input.thing();
    let kind = input.body("thingTypeName", &NAME).map(str::to_owned);
    let attributes = input.attributes();
    input.check()?;
    store.registry.create_thing(name, kind, attributes)?;
    Ok(json!({
        "thingName": name,
        "thingArn": call.arns.thing(name),
        "thingId": stable_id(&format!("thing/{name}")),
    }))
}

fn list_groups(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.thing();
    let (max, token) = (input.max_results(), input.next_token());
    input.check()?;
    store.registry.thing(name)?;
    let page = rows(
        store.list_groups_of_thing(name, max, token)?,
        |group| json!({"groupName": &**group, "groupArn": call.arns.group(group)}),
    );
    Ok(paged("thingGroups", page))
}

fn create_group(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    input.refuse_unimplemented(&["parentGroupName", "tags"]);
    let name = input.group();
    input.check()?;
    store.registry.create_group(name);
    Ok(json!({
        "thingGroupName": name,
        "thingGroupArn": call.arns.group(name),
        "thingGroupId": stable_id(&format!("thinggroup/{name}")),
    }))
}

fn change_membership(call: &Call, store: &mut Store, joins: bool) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let (thing, group) = (input.body("thingName", &NAME), input.body("thingGroupName", &NAME));
    let (thing_arn, group_arn) = (input.body("thingArn", &ARN), input.body("thingGroupArn", &ARN));
    input.check()?;
    let target = |arn: Option<&str>| arn.map(|arn| call.arns.target(arn)).transpose();
    let thing = match (thing, target(thing_arn)?) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(Target::Thing(name))) => Some(name),
        _ => None,
    };
    let group = match (group, target(group_arn)?) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(Target::Group(name))) => Some(name),
        _ => None,
    };
    let (Some(thing), Some(group)) = (thing, group) else {
        let text = "Both a thing and a thing group must be given.";
        return Err(Refusal::InvalidRequest(text.to_owned()));
    };
    if joins {
        store.add_to_group(&thing, &group, call.at)?;
    } else {
        store.remove_from_group(&thing, &group, call.at)?;
    }
    Ok(json!({}))
}

//! The data plane (`iot-jobs-data`): what devices call over HTTP.
//!
//! Apart from `control` because the same words look otherwise here: statusDetails are flat and left
//! out until first set, and times must be integers.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::input::Input;
use super::operation::Operation;
use super::refusal::Refusal;
use super::store::{Execution, Store, Update};
use crate::execution::ExecutionStatus;

/// Does what a call of the data plane asks.
pub fn answer(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    match call.operation() {
        Operation::GetPendingJobExecutions => Ok(pending(call, store)),
        Operation::StartNextPendingJobExecution => start_next(call, store),
        Operation::DataDescribeJobExecution => describe(call, store),
        Operation::UpdateJobExecution => update(call, store),
        _ => Err(Refusal::InternalFailure),
    }
}

fn pending(call: &Call, store: &Store) -> Value {
    let input = Input::new(call);
    let thing = input.thing();
    let (mut in_progress, mut queued) = (Vec::new(), Vec::new());
    for (job, execution) in store.pending(thing) {
        let mut row = json!({
            "jobId": job,
            "queuedAt": execution.queued_at,
            "lastUpdatedAt": execution.last_updated_at,
            "executionNumber": execution.number,
            "versionNumber": execution.version,
        });
        if let Some(at) = execution.started_at {
            row["startedAt"] = at.into();
        }
        let list = if execution.status == ExecutionStatus::InProgress {
            &mut in_progress
        } else {
            &mut queued
        };
        list.push(row);
    }
    json!({"inProgressJobs": in_progress, "queuedJobs": queued})
}

fn execution_body(
    call: &Call,
    store: &Store,
    thing: &str,
    id: &str,
    execution: &Execution,
    with_document: bool,
) -> Result<Value, Refusal> {
    let job = store.job(id)?;
    let mut body = json!({
        "jobId": id,
        "thingName": thing,
        "status": execution.status.as_str(),
        "queuedAt": execution.queued_at,
        "lastUpdatedAt": execution.last_updated_at,
        "versionNumber": execution.version,
        "executionNumber": execution.number,
    });
    if let Some(details) = execution.status_details.as_deref() {
        body["statusDetails"] = json!(details);
    }
    if let Some(at) = execution.started_at {
        body["startedAt"] = at.into();
    }
    if let Some(left) = execution.seconds_left(call.at.as_second()) {
        body["approximateSecondsBeforeTimedOut"] = left.into();
    }
    if with_document {
        body["jobDocument"] = (*job.document).into();
    }
    Ok(json!({ "execution": body }))
}

fn start_next(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let thing = input.thing();
    let details = input.status_details();
    let step = input.number("stepTimeoutInMinutes");
    match store.start_next(thing, details, step, call.at) {
        None => Ok(json!({})),
        Some((id, execution)) => execution_body(call, store, thing, &id, &execution, true),
    }
}

fn describe(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (thing, id) = (input.thing(), input.job());
    let with_document = input.flag_or("includeJobDocument", true);
    let number = input.number("executionNumber");
    if id == "$next" {
        return match store.next(thing) {
            None => Ok(json!({})),
            Some((id, execution)) => {
                execution_body(call, store, thing, id, execution, with_document)
            }
        };
    }
    let execution = store.execution(thing, id, number)?;
    if execution.status.is_terminal() {
        return Err(Refusal::TerminalState(format!(
            "Job {id} for {thing} has already finished with status {}",
            execution.status
        )));
    }
    execution_body(call, store, thing, id, execution, with_document)
}

fn update(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (thing, id) = (input.thing(), input.job());
    let status = ExecutionStatus::from(input.required("status"));
    let status_details = input.status_details();
    let expected_version = input.number("expectedVersion");
    let number = input.number("executionNumber");
    let step_timeout_minutes = input.number("stepTimeoutInMinutes");
    let with_state = input.flag("includeJobExecutionState");
    let with_document = input.flag("includeJobDocument");
    let update = Update { status, status_details, expected_version, number, step_timeout_minutes };
    let execution = store.update(thing, id, update, call.at)?;
    let mut body = Map::new();
    if with_state {
        let mut state = json!({
            "status": execution.status.as_str(),
            "versionNumber": execution.version,
        });
        if let Some(details) = execution.status_details.as_deref() {
            state["statusDetails"] = json!(details);
        }
        body.insert("executionState".to_owned(), state);
    }
    if with_document {
        let document: &str = &store.job(id)?.document;
        body.insert("jobDocument".to_owned(), document.into());
    }
    Ok(Value::Object(body))
}

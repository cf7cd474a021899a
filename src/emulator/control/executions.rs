//! Job executions, as operators see them.

use serde_json::{Value, json};

use super::{Answer, paged, rows};
use crate::emulator::call::Call;
use crate::emulator::input::Input;
use crate::emulator::introspection::Effect;
use crate::emulator::refusal::Refusal;
use crate::emulator::store::{Cancel, Execution, ExecutionFilter, ForThing, Store};

pub fn cancel(call: &Call, store: &mut Store) -> Answer {
    let input = Input::new(call);
    let (thing, job) = (input.thing(), input.job());
    let cancel = Cancel {
        force: input.flag("force"),
        expected_version: input.number("expectedVersion"),
        status_details: input.status_details(),
    };
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

pub fn list_for_job(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let id = input.job();
    let filter = ExecutionFilter { status: input.one_of("status") };
    let (max, token) = (input.max_results(), input.next_token());
    let page = rows(store.list_executions_of_job(id, &filter, max, token)?, |row| {
        json!({
            "thingArn": call.arns.thing(row.thing),
            "jobExecutionSummary": summary(row.execution),
        })
    });
    Ok(paged("executionSummaries", page))
}

pub fn list_for_thing(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let thing = input.thing();
    let filter = ForThing {
        status: input.one_of("status"),
        namespace_id: input.owned("namespaceId"),
        job: input.owned("jobId"),
    };
    let (max, token) = (input.max_results(), input.next_token());
    let page = rows(
        store.list_executions_of_thing(thing, &filter, max, token)?,
        |row| json!({"jobId": row.job, "jobExecutionSummary": summary(row.execution)}),
    );
    Ok(paged("executionSummaries", page))
}

pub fn describe(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (thing, id) = (input.thing(), input.job());
    let number = input.number("executionNumber");
    let execution = store.execution(thing, id, number)?;
    let execution = store.past.seen(id, thing, execution).unwrap_or(execution);
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
    if let Some(left) = execution.seconds_left(call.at.as_second()) {
        described["approximateSecondsBeforeTimedOut"] = left.into();
    }
    Ok(json!({ "execution": described }))
}

pub fn delete(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (thing, job, number) =
        (input.thing(), input.job(), input.number("executionNumber").unwrap_or_default());
    let force = input.flag("force");
    store.request_execution_deletion(thing, job, number, force, call.at)?;
    Ok(super::nothing())
}

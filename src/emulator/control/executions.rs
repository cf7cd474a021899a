//! Job executions, as operators see them.

use serde::Serialize;
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
        queued_at: canceled.before.queued_at,
        status_before: canceled.before.status.clone(),
        version_before: canceled.before.version,
        expected_version,
        force,
        status_details_before: canceled.before.status_details.unwrap_or_default(),
        status_details_after: canceled.after.status_details.unwrap_or_default(),
        request_id: call.request_id.clone(),
    };
    Ok((super::nothing().to_string(), Some(effect)))
}

/// A list's view of an execution: neither version nor details.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    status: &'a str,
    queued_at: i64,
    last_updated_at: i64,
    execution_number: i64,
    retry_attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
}

impl<'a> From<&'a Execution> for Summary<'a> {
    fn from(execution: &'a Execution) -> Self {
        Self {
            status: execution.status.as_str(),
            queued_at: execution.queued_at,
            last_updated_at: execution.last_updated_at,
            execution_number: execution.number,
            retry_attempt: execution.retry_attempt,
            started_at: execution.started_at,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfJob<'a> {
    thing_arn: String,
    job_execution_summary: Summary<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListOfJob<'a> {
    execution_summaries: Vec<OfJob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub fn list_for_job(call: &Call, store: &Store) -> Result<String, Refusal> {
    let input = Input::new(call);
    let id = input.job();
    let filter = ExecutionFilter { status: input.one_of("status") };
    let (max, token) = (input.max_results(), input.next_token());
    let page = store.list_executions_of_job(id, &filter, max, token)?;
    let rows = page.rows.iter().map(|row| OfJob {
        thing_arn: call.arns.thing(row.thing),
        job_execution_summary: row.execution.into(),
    });
    let list = ListOfJob { execution_summaries: rows.collect(), next_token: page.next };
    serde_json::to_string(&list).map_err(|_| Refusal::InternalFailure)
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
        |row| json!({"jobId": row.job, "jobExecutionSummary": Summary::from(row.execution)}),
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

//! What the emulator's store answers to the calls of the ports, without HTTP.
//!
//! The rules are the store's: this file only translates. Shared by the tests of the executor and by the
//! simulator.

use jiff::Timestamp;
use rescind::backend::{CancelRequest, Error, ErrorKind, JobSummary, Operation, Page, PageToken};
use rescind::emulator::{
    self, Cancel, Canceled, ExecutionFilter, ForThing, JobFilter, Refusal, Store,
};
use rescind::execution::{
    Account, ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionStatus,
    ExecutionSummary, ExecutionVersion, JobId, JobStatus, OpenStatus, ThingName, Times,
};
use rescind::fact::Fact;
use rescind::inventory::{
    AbortCriterion, Connectivity, FailureType, JobDescription, ProcessDetails, QueuedExecution,
    ThingDescription,
};

type Answer<T> = Result<T, Refusal>;

/// What AWS gives on a page.
pub const PAGE: usize = 250;

pub fn failed(operation: Operation, kind: ErrorKind, message: &str) -> Error {
    Error {
        operation,
        resource: "it".to_owned(),
        kind,
        message: message.to_owned(),
        request_id: None,
        account: None,
        source: None,
    }
}

/// What a refusal is to whoever asked; `account` is who answers, if that is known.
pub fn error(operation: Operation, refusal: &Refusal, account: Option<&Account>) -> Error {
    let kind = match refusal {
        Refusal::NotFound(_) => ErrorKind::NotFound,
        Refusal::VersionConflict(_) => ErrorKind::VersionConflict,
        Refusal::InvalidStateTransition(_) => ErrorKind::InvalidStateTransition,
        Refusal::Throttled => ErrorKind::Throttled,
        _ => ErrorKind::InvalidRequest,
    };
    let account = account.cloned().map(Box::new);
    Error { account, ..failed(operation, kind, &refusal.to_string()) }
}

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn times(execution: &emulator::Execution) -> Times {
    Times {
        queued_at: Fact::Known(second(execution.queued_at)),
        started_at: execution.started_at.map_or(Fact::Absent, |at| Fact::Known(second(at))),
        last_updated_at: Fact::Known(second(execution.last_updated_at)),
    }
}

fn criterion(criterion: &emulator::AbortCriterion) -> AbortCriterion {
    AbortCriterion {
        failure_type: match criterion.failure.as_str() {
            "FAILED" => FailureType::Failed,
            "REJECTED" => FailureType::Rejected,
            "TIMED_OUT" => FailureType::TimedOut,
            _ => FailureType::All,
        },
        threshold_percentage: criterion.threshold,
        min_number_of_executed_things: i64::try_from(criterion.min_executed).unwrap(),
    }
}

fn token(page: Option<&PageToken>) -> Option<&str> {
    page.map(|token| token.0.as_str())
}

pub fn list_jobs(
    store: &Store,
    account: Option<&Account>,
    status: &JobStatus,
    page: Option<&PageToken>,
) -> Answer<Page<JobSummary>> {
    let filter = JobFilter { status: Some(status.clone()), ..JobFilter::default() };
    let page = store.list_jobs(&filter, PAGE, token(page))?;
    let row = |(id, job): &(&str, &emulator::Job)| JobSummary {
        id: id.parse().unwrap(),
        account: account.cloned(),
        status: job.status.clone(),
        target_selection: job.selection.clone(),
        created_at: Fact::Known(second(job.created_at)),
    };
    let items = page.rows.iter().map(row).collect();
    Ok(Page { items, next: page.next.map(PageToken) })
}

pub fn describe_job(store: &Store, job: &JobId) -> Answer<JobDescription> {
    let job = store.job(job.as_str())?;
    let count = |status| i64::try_from(job.count(&status)).unwrap();
    Ok(JobDescription {
        status: Fact::Known(job.status.clone()),
        namespace_id: job.namespace_id.clone(),
        description: job.description.clone(),
        timeout_minutes: job.timeout_minutes,
        abort: job.config.abort.iter().flatten().map(criterion).collect(),
        process: Fact::Known(ProcessDetails {
            queued: count(ExecutionStatus::Queued),
            in_progress: count(ExecutionStatus::InProgress),
            succeeded: count(ExecutionStatus::Succeeded),
            failed: count(ExecutionStatus::Failed),
            timed_out: count(ExecutionStatus::TimedOut),
            rejected: count(ExecutionStatus::Rejected),
            removed: count(ExecutionStatus::Removed),
            canceled: count(ExecutionStatus::Canceled),
        }),
    })
}

/// A page of at most `size` executions.
pub fn list_executions(
    store: &Store,
    job: &JobId,
    status: OpenStatus,
    size: usize,
    page: Option<&PageToken>,
) -> Answer<Page<ExecutionSummary>> {
    let filter = ExecutionFilter { status: Some(status.into()) };
    let page = store.list_executions_of_job(job.as_str(), &filter, size, token(page))?;
    let row = |row: &emulator::Row<'_>| ExecutionSummary {
        thing: row.thing.parse().unwrap(),
        number: Fact::Known(ExecutionNumber(row.execution.number)),
        status: row.execution.status.clone(),
        times: times(row.execution),
        retry_attempt: Fact::Known(i32::try_from(row.execution.retry_attempt).unwrap()),
    };
    let items = page.rows.iter().map(row).collect();
    Ok(Page { items, next: page.next.map(PageToken) })
}

pub fn list_job_tags(store: &Store, job: &JobId) -> Answer<Page<(String, String)>> {
    store.job(job.as_str())?;
    let resource = format!("job/{job}");
    let tags = store.tags.of(&resource);
    let items = tags.map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok(Page { items, next: None })
}

pub fn describe_thing(store: &Store, thing: &ThingName) -> Answer<ThingDescription> {
    let found = store.registry.thing(thing.as_str())?;
    let thing_type = found.thing_type.as_ref().map(ToString::to_string);
    Ok(ThingDescription { thing_type, attributes: found.attributes.as_ref().clone() })
}

pub fn list_thing_groups(
    store: &Store,
    thing: &ThingName,
    page: Option<&PageToken>,
) -> Answer<Page<String>> {
    let groups = store.registry.groups_of(thing.as_str()).into_iter().flatten();
    let rows = groups.map(|name| (name, name.to_string()));
    let page = store.list_names("groups", PAGE, token(page), rows)?;
    Ok(Page { items: page.rows, next: page.next.map(PageToken) })
}

pub fn thing_connectivity(store: &Store, thing: &ThingName) -> Answer<Connectivity> {
    if store.indexing != emulator::Indexing::Connectivity {
        return Err(Refusal::IndexNotReady("no index".to_owned()));
    }
    let found = store.registry.thing(thing.as_str())?.connectivity;
    Ok(Connectivity {
        connected: Fact::read(found.map(|it| it.connected)),
        timestamp: Fact::read(found.and_then(|it| it.since).map(second)),
    })
}

pub fn list_on_thing(
    store: &Store,
    thing: &ThingName,
    status: OpenStatus,
    page: Option<&PageToken>,
) -> Answer<Page<QueuedExecution>> {
    let status = Some(status.into());
    let filter = ForThing { status, ..ForThing::default() };
    let page = store.list_executions_of_thing(thing.as_str(), &filter, PAGE, token(page))?;
    let row = |row: &emulator::Row<'_>| QueuedExecution {
        job: row.job.parse().unwrap(),
        number: Fact::Known(ExecutionNumber(row.execution.number)),
        queued_at: Fact::Known(second(row.execution.queued_at)),
    };
    let items = page.rows.iter().map(row).collect();
    Ok(Page { items, next: page.next.map(PageToken) })
}

pub fn describe_execution(
    store: &Store,
    account: Option<&Account>,
    key: &ExecutionKey,
    number: Option<ExecutionNumber>,
    now: Timestamp,
) -> Answer<ExecutionDescription> {
    let number = number.map(|number| number.0);
    let found = store.execution(key.thing.as_str(), key.job.as_str(), number)?;
    Ok(ExecutionDescription {
        account: account.cloned(),
        number: Fact::Known(ExecutionNumber(found.number)),
        status: found.status.clone(),
        times: times(found),
        version: Fact::Known(ExecutionVersion::new(found.version).unwrap()),
        status_details: Fact::Known(found.details()),
        force_canceled: found.force_canceled.unwrap_or_default(),
        seconds_before_timed_out: Fact::read(found.seconds_left(now.as_second())),
    })
}

/// Not `versioned`: as if the request named no version.
pub fn cancel(
    store: &mut Store,
    request: &CancelRequest,
    versioned: bool,
    now: Timestamp,
) -> Answer<Canceled> {
    let cancel = Cancel {
        force: request.force,
        expected_version: versioned.then(|| request.expected_version.get()),
        status_details: request.status_details.clone(),
    };
    store.cancel(request.key.thing.as_str(), request.key.job.as_str(), cancel, now)
}

//! The ports over the emulator's store, without HTTP: for tests on paused time.
//!
//! The rules are the store's; this file only asks it, counts, keeps the effects, lets time pass and
//! tells the clock. Hooks run in the moment in which a call is applied.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rescind::backend::{
    CancelAnswer, CancelRequest, Error, ErrorKind, Gate, JobSummary, JobsReader, JobsWriter,
    Operation, Page, PageToken, Result,
};
use rescind::clock::Clock;
use rescind::emulator::{
    self, Cancel, Effect, Emulator, ExecutionFilter, ForThing, JobFilter, Refusal, Store,
};
use rescind::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionStatus, ExecutionSummary,
    ExecutionVersion, JobId, JobStatus, OpenStatus, ThingName, Times,
};
use rescind::fact::Fact;
use rescind::inventory::{
    AbortCriterion, Connectivity, FailureType, JobDescription, ProcessDetails, QueuedExecution,
    ThingDescription,
};
use tokio::time::{Instant, sleep};

/// A call as it is applied.
pub struct Moment<'a> {
    /// Which call of its operation, from 1.
    pub nth: u64,
    /// What it is about, if that is an execution.
    pub key: Option<&'a ExecutionKey>,
    pub store: &'a mut Store,
    pub now: Timestamp,
}

type Hook = Box<dyn FnMut(Moment<'_>) + Send>;

/// An AWS in memory. Clones are the same.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    emulator: Emulator,
    clock: Clock,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    calls: BTreeMap<Operation, u64>,
    effects: Vec<Effect>,
    hooks: Vec<(Operation, Hook)>,
    latency: BTreeMap<Operation, Duration>,
    /// Tells no time: answers have no `Date`.
    dateless: bool,
    /// The next cancels take effect only so long after they were sent; their client times out.
    late: Vec<Duration>,
    flying: Vec<(Instant, CancelRequest)>,
    sent: Vec<Instant>,
}

impl World {
    pub fn new(emulator: Emulator, clock: Clock) -> Self {
        Self(Arc::new(Inner { emulator, clock, log: Mutex::default() }))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap()
    }

    pub fn calls(&self, operation: Operation) -> u64 {
        self.log().calls.get(&operation).copied().unwrap_or_default()
    }

    pub fn effects(&self) -> Vec<Effect> {
        self.log().effects.clone()
    }

    /// When each cancel arrived.
    pub fn sent(&self) -> Vec<Instant> {
        self.log().sent.clone()
    }

    pub fn on(&self, operation: Operation, hook: impl FnMut(Moment<'_>) + Send + 'static) {
        self.log().hooks.push((operation, Box::new(hook)));
    }

    pub fn takes(&self, operation: Operation, latency: Duration) {
        self.log().latency.insert(operation, latency);
    }

    pub fn tells_no_time(&self) {
        self.log().dateless = true;
    }

    /// Lets the next cancel take effect only after a while, long after its client gave up.
    pub fn delays_a_cancel(&self, by: Duration) {
        self.log().late.push(by);
    }

    async fn call<R>(
        &self,
        operation: Operation,
        key: Option<&ExecutionKey>,
        work: impl FnOnce(&mut Log, &mut Store, Timestamp) -> Result<R, Refusal>,
    ) -> Result<R> {
        let sent = Instant::now();
        let half = self.log().latency.get(&operation).copied().unwrap_or_default() / 2;
        sleep(half).await;
        let answer = {
            let log = &mut *self.log();
            let now = self.0.emulator.now();
            let nth = log.calls.entry(operation).or_default();
            *nth += 1;
            let nth = *nth;
            self.0.emulator.store(|store| {
                log.land(store, now);
                for (of, hook) in &mut log.hooks {
                    if *of == operation {
                        hook(Moment { nth, key, store, now });
                    }
                }
                work(log, store, now)
            })
        };
        if !self.log().dateless {
            let second = Timestamp::from_second(self.0.emulator.now().as_second()).unwrap();
            self.0.clock.confirm(second, sent);
        }
        sleep(half).await;
        answer.map_err(|refusal| error(operation, &refusal))
    }
}

impl Log {
    /// Applies the delayed cancels whose time has come.
    fn land(&mut self, store: &mut Store, now: Timestamp) {
        let due = |at: &Instant| *at <= Instant::now();
        let (landing, flying) =
            std::mem::take(&mut self.flying).into_iter().partition(|(at, _)| due(at));
        self.flying = flying;
        let landing: Vec<(Instant, CancelRequest)> = landing;
        for (_, request) in landing {
            let _ = self.cancel(&request, store, now);
        }
    }

    fn cancel(
        &mut self,
        request: &CancelRequest,
        store: &mut Store,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let cancel = Cancel {
            force: request.force,
            expected_version: Some(request.expected_version.get()),
            status_details: request.status_details.clone(),
        };
        let (thing, job) = (request.key.thing.as_str(), request.key.job.as_str());
        let canceled = store.cancel(thing, job, cancel, now)?;
        let request_id = format!("request-{}", self.effects.len() + 1);
        self.effects.push(Effect {
            sequence: self.effects.len() as u64 + 1,
            at: now,
            job_id: job.to_owned(),
            thing_name: thing.to_owned(),
            execution_number: canceled.before.number,
            queued_at: canceled.before.queued_at,
            status_before: canceled.before.status.clone(),
            version_before: canceled.before.version,
            expected_version: Some(request.expected_version.get()),
            force: request.force,
            status_details_before: canceled.before.status_details.clone().unwrap_or_default(),
            status_details_after: canceled.after.status_details.clone().unwrap_or_default(),
            request_id: request_id.clone(),
        });
        Ok(request_id)
    }
}

pub fn failed(operation: Operation, kind: ErrorKind, message: &str) -> Error {
    Error {
        operation,
        resource: "it".to_owned(),
        kind,
        message: message.to_owned(),
        request_id: None,
        source: None,
    }
}

fn error(operation: Operation, refusal: &Refusal) -> Error {
    let kind = match refusal {
        Refusal::NotFound(_) => ErrorKind::NotFound,
        Refusal::VersionConflict(_) => ErrorKind::VersionConflict,
        Refusal::InvalidStateTransition(_) => ErrorKind::InvalidStateTransition,
        Refusal::Throttled => ErrorKind::Throttled,
        _ => ErrorKind::InvalidRequest,
    };
    failed(operation, kind, &refusal.to_string())
}

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn times(execution: &rescind::emulator::Execution) -> Times {
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

#[async_trait]
impl JobsReader for World {
    async fn list_jobs(
        &self,
        status: &JobStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<JobSummary>> {
        let filter = JobFilter { status: Some(status.clone()), ..JobFilter::default() };
        let token = page.map(|token| token.0.as_str());
        self.call(Operation::ListJobs, None, |_, store, _| {
            let page = store.list_jobs(&filter, 250, token)?;
            let row = |(id, job): &(&str, &rescind::emulator::Job)| JobSummary {
                id: id.parse().unwrap(),
                account: None,
                status: job.status.clone(),
                target_selection: job.selection.clone(),
                created_at: Fact::Known(second(job.created_at)),
            };
            let items = page.rows.iter().map(row).collect();
            Ok(Page { items, next: page.next.map(PageToken) })
        })
        .await
    }

    async fn describe_job(&self, job: &JobId) -> Result<JobDescription> {
        self.call(Operation::DescribeJob, None, |_, store, _| {
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
        })
        .await
    }

    async fn list_executions(
        &self,
        job: &JobId,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<ExecutionSummary>> {
        let filter = ExecutionFilter { status: Some(status.into()) };
        let token = page.map(|token| token.0.as_str());
        self.call(Operation::ListJobExecutionsForJob, None, |_, store, _| {
            let page = store.list_executions_of_job(job.as_str(), &filter, 250, token)?;
            let row = |row: &rescind::emulator::Row<'_>| ExecutionSummary {
                thing: row.thing.parse().unwrap(),
                number: Fact::Known(ExecutionNumber(row.execution.number)),
                status: row.execution.status.clone(),
                times: times(row.execution),
                retry_attempt: Fact::Known(i64::from(row.execution.retry_attempt)),
            };
            let items = page.rows.iter().map(row).collect();
            Ok(Page { items, next: page.next.map(PageToken) })
        })
        .await
    }

    async fn list_job_tags(
        &self,
        job: &JobId,
        _: Option<&PageToken>,
    ) -> Result<Page<(String, String)>> {
        self.call(Operation::ListTagsForResource, None, |_, store, _| {
            store.job(job.as_str())?;
            let resource = format!("job/{job}");
            let tags = store.tags.of(&resource);
            let items = tags.map(|(key, value)| (key.clone(), value.clone())).collect();
            Ok(Page { items, next: None })
        })
        .await
    }

    async fn describe_thing(&self, thing: &ThingName) -> Result<ThingDescription> {
        self.call(Operation::DescribeThing, None, |_, store, _| {
            let found = store.registry.thing(thing.as_str())?;
            let thing_type = found.thing_type.as_ref().map(ToString::to_string);
            let attributes = found.attributes.clone();
            Ok(ThingDescription { thing_type, attributes: attributes.as_ref().clone() })
        })
        .await
    }

    async fn list_thing_groups(
        &self,
        thing: &ThingName,
        page: Option<&PageToken>,
    ) -> Result<Page<String>> {
        let token = page.map(|token| token.0.as_str());
        self.call(Operation::ListThingGroupsForThing, None, |_, store, _| {
            let groups = store.registry.groups_of(thing.as_str()).into_iter().flatten();
            let rows = groups.map(|name| (name, name.to_string()));
            let page = store.list_names("groups", 250, token, rows)?;
            let items = page.rows;
            Ok(Page { items, next: page.next.map(PageToken) })
        })
        .await
    }

    async fn thing_connectivity(&self, thing: &ThingName) -> Result<Connectivity> {
        self.call(Operation::GetThingConnectivityData, None, |_, store, _| {
            if store.indexing != emulator::Indexing::Connectivity {
                return Err(Refusal::IndexNotReady("no index".to_owned()));
            }
            let found = store.registry.thing(thing.as_str())?.connectivity;
            Ok(Connectivity {
                connected: Fact::read(found.map(|it| it.connected)),
                timestamp: Fact::read(found.and_then(|it| it.since).map(second)),
            })
        })
        .await
    }

    async fn list_queued(
        &self,
        thing: &ThingName,
        page: Option<&PageToken>,
    ) -> Result<Page<QueuedExecution>> {
        let status = Some(ExecutionStatus::Queued);
        let filter = ForThing { status, ..ForThing::default() };
        let token = page.map(|token| token.0.as_str());
        self.call(Operation::ListJobExecutionsForThing, None, |_, store, _| {
            let page = store.list_executions_of_thing(thing.as_str(), &filter, 250, token)?;
            let row = |row: &rescind::emulator::Row<'_>| QueuedExecution {
                job: row.job.parse().unwrap(),
                number: Fact::Known(ExecutionNumber(row.execution.number)),
                queued_at: Fact::Known(second(row.execution.queued_at)),
            };
            let items = page.rows.iter().map(row).collect();
            Ok(Page { items, next: page.next.map(PageToken) })
        })
        .await
    }

    async fn describe_execution(
        &self,
        key: &ExecutionKey,
        number: Option<ExecutionNumber>,
    ) -> Result<ExecutionDescription> {
        self.call(Operation::DescribeJobExecution, Some(key), |_, store, now| {
            let number = number.map(|number| number.0);
            let found = store.execution(key.thing.as_str(), key.job.as_str(), number)?;
            Ok(ExecutionDescription {
                number: Fact::Known(ExecutionNumber(found.number)),
                status: found.status.clone(),
                times: times(found),
                version: Fact::Known(ExecutionVersion::new(found.version).unwrap()),
                status_details: Fact::Known(found.details()),
                force_canceled: found.force_canceled.unwrap_or_default(),
                seconds_before_timed_out: Fact::read(found.seconds_left(now.as_second())),
            })
        })
        .await
    }
}

#[async_trait]
impl JobsWriter for World {
    async fn cancel(&self, request: &CancelRequest, gate: Arc<dyn Gate>) -> Result<CancelAnswer> {
        let operation = Operation::CancelJobExecution;
        if !gate.may_send() {
            return Err(failed(operation, ErrorKind::Withdrawn, "withdrawn"));
        }
        let late = {
            let mut log = self.log();
            log.sent.push(Instant::now());
            if log.late.is_empty() { None } else { Some(log.late.remove(0)) }
        };
        if let Some(by) = late {
            self.log().flying.push((Instant::now() + by, request.clone()));
            sleep(rescind::backend::aws::CLIENT_TIMEOUT).await;
            return Err(failed(operation, ErrorKind::TimedOut, "no answer"));
        }
        let canceled = self
            .call(operation, Some(&request.key), |log, store, now| log.cancel(request, store, now));
        Ok(CancelAnswer { request_id: Some(canceled.await?) })
    }
}

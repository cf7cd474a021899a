//! The ports over the emulator's store, without HTTP: for tests on paused time.
//!
//! The rules are the store's; this file only asks it, counts, keeps the effects, lets time pass and
//! tells the clock. Hooks run in the moment in which a call is applied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rescind::backend::aws::CLIENT_TIMEOUT;
use rescind::backend::{
    CancelAnswer, CancelRequest, ErrorKind, Gate, JobSummary, JobsReader, JobsWriter, Operation,
    Page, PageToken, Result,
};
use rescind::clock::Clock;
use rescind::emulator::{Effect, Emulator, Refusal, Store};
use rescind::execution::{
    Account, ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionSummary, JobId,
    JobStatus, OpenStatus, ThingName,
};
use rescind::inventory::{Connectivity, JobDescription, QueuedExecution, ThingDescription};
use tokio::time::{Instant, sleep};

use super::answers::{self, error};

pub use super::answers::failed;

/// Whose account the world is.
pub fn account(number: &str) -> Account {
    Account {
        partition: "aws".to_owned(),
        account: number.to_owned(),
        region: "eu-central-1".to_owned(),
    }
}

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
    signer: Mutex<Signer>,
    log: Mutex<Log>,
}

/// The credentials that requests are signed by.
#[derive(Clone)]
struct Signer {
    account: Account,
    /// Whether an answer has told whose they are.
    told: bool,
    /// Whether it has none of the executions.
    empty: bool,
}

impl Signer {
    fn of(number: &str) -> Self {
        Self { account: account(number), told: false, empty: false }
    }

    /// Whose the credentials are, if an answer has told.
    fn known(&self) -> Option<&Account> {
        Some(&self.account).filter(|_| self.told)
    }
}

#[derive(Default)]
struct Log {
    calls: BTreeMap<Operation, u64>,
    effects: Vec<Effect>,
    hooks: Vec<(Operation, Hook)>,
    latency: BTreeMap<Operation, Duration>,
    /// How many calls of an operation are never answered.
    hanging: BTreeMap<Operation, u64>,
    /// Tells no time: answers have no `Date`.
    dateless: bool,
    /// The next cancels take effect only so long after they were sent; their client times out.
    late: Vec<Duration>,
    flying: Vec<(Instant, CancelRequest)>,
    sent: Vec<Instant>,
    /// The accounts to which they went.
    sent_to: BTreeSet<String>,
}

impl World {
    pub fn new(emulator: Emulator, clock: Clock) -> Self {
        let signer = Mutex::new(Signer::of("123456789012"));
        Self(Arc::new(Inner { emulator, clock, signer, log: Mutex::default() }))
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

    /// The effects since they were last taken; they are not kept any longer.
    pub fn take_effects(&self) -> Vec<Effect> {
        let mut log = self.log();
        log.sent.clear();
        std::mem::take(&mut log.effects)
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

    /// Lets the next calls of an operation time out: nobody answers.
    pub fn hangs(&self, operation: Operation, calls: u64) {
        self.log().hanging.insert(operation, calls);
    }

    /// The accounts to which cancels went.
    pub fn sent_to(&self) -> BTreeSet<String> {
        self.log().sent_to.clone()
    }

    /// From now on requests are signed by credentials of another account, which has the same jobs. Also from
    /// within a hook.
    pub fn answers_for(&self, number: &str) {
        *self.signer() = Signer::of(number);
    }

    /// The same of another account that has the same jobs, and none of their executions.
    pub fn answers_for_empty(&self, number: &str) {
        *self.signer() = Signer { empty: true, ..Signer::of(number) };
    }

    /// From now on requests are signed by other credentials of the same account.
    pub fn rotates(&self) {
        self.signer().told = false;
    }

    fn signer(&self) -> MutexGuard<'_, Signer> {
        self.0.signer.lock().unwrap()
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
        let hangs = {
            let mut log = self.log();
            let left = log.hanging.entry(operation).or_default();
            let hangs = *left > 0;
            *left = left.saturating_sub(1);
            hangs
        };
        if hangs {
            sleep(CLIENT_TIMEOUT).await;
            return Err(failed(operation, ErrorKind::TimedOut, "no answer"));
        }
        let half = self.log().latency.get(&operation).copied().unwrap_or_default() / 2;
        sleep(half).await;
        let (answer, signer) = {
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
                (work(log, store, now), self.signer().clone())
            })
        };
        if !self.log().dateless {
            let second = Timestamp::from_second(self.0.emulator.now().as_second()).unwrap();
            self.0.clock.confirm(second, sent);
        }
        sleep(half).await;
        answer.map_err(|refusal| error(operation, &refusal, signer.known()))
    }
}

impl World {
    async fn ask<R>(
        &self,
        operation: Operation,
        key: Option<&ExecutionKey>,
        answer: impl FnOnce(&mut Store, Timestamp) -> Result<R, Refusal>,
    ) -> Result<R> {
        self.call(operation, key, |_, store, now| answer(store, now)).await
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
        let canceled = answers::cancel(store, request, true, now)?;
        let (thing, job) = (request.key.thing.as_str(), request.key.job.as_str());
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

#[async_trait]
impl JobsReader for World {
    async fn list_jobs(
        &self,
        status: &JobStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<JobSummary>> {
        let answer = |store: &mut Store, _| {
            let mut signer = self.signer();
            let page = answers::list_jobs(store, Some(&signer.account), status, page)?;
            signer.told |= !page.items.is_empty();
            Ok(page)
        };
        self.ask(Operation::ListJobs, None, answer).await
    }

    async fn describe_job(&self, job: &JobId) -> Result<JobDescription> {
        let answer = |store: &mut Store, _| answers::describe_job(store, job);
        self.ask(Operation::DescribeJob, None, answer).await
    }

    async fn list_executions(
        &self,
        job: &JobId,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<ExecutionSummary>> {
        let answer = |store: &mut Store, _| {
            answers::list_executions(store, job, status, answers::PAGE, page)
        };
        self.ask(Operation::ListJobExecutionsForJob, None, answer).await
    }

    async fn list_job_tags(
        &self,
        job: &JobId,
        _: Option<&PageToken>,
    ) -> Result<Page<(String, String)>> {
        let answer = |store: &mut Store, _| answers::list_job_tags(store, job);
        self.ask(Operation::ListTagsForResource, None, answer).await
    }

    async fn describe_thing(&self, thing: &ThingName) -> Result<ThingDescription> {
        let answer = |store: &mut Store, _| answers::describe_thing(store, thing);
        self.ask(Operation::DescribeThing, None, answer).await
    }

    async fn list_thing_groups(
        &self,
        thing: &ThingName,
        page: Option<&PageToken>,
    ) -> Result<Page<String>> {
        let answer = |store: &mut Store, _| answers::list_thing_groups(store, thing, page);
        self.ask(Operation::ListThingGroupsForThing, None, answer).await
    }

    async fn thing_connectivity(&self, thing: &ThingName) -> Result<Connectivity> {
        let answer = |store: &mut Store, _| answers::thing_connectivity(store, thing);
        self.ask(Operation::GetThingConnectivityData, None, answer).await
    }

    async fn list_on_thing(
        &self,
        thing: &ThingName,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<QueuedExecution>> {
        let answer = |store: &mut Store, _| answers::list_on_thing(store, thing, status, page);
        self.ask(Operation::ListJobExecutionsForThing, None, answer).await
    }

    async fn describe_execution(
        &self,
        key: &ExecutionKey,
        number: Option<ExecutionNumber>,
    ) -> Result<ExecutionDescription> {
        let answer = |store: &mut Store, now| {
            let mut signer = self.signer();
            if signer.empty {
                return Err(Refusal::NotFound("it is in another account".to_owned()));
            }
            let account = Some(&signer.account);
            let found = answers::describe_execution(store, account, key, number, now)?;
            signer.told = true;
            Ok(found)
        };
        self.ask(Operation::DescribeJobExecution, Some(key), answer).await
    }
}

#[async_trait]
impl JobsWriter for World {
    async fn cancel(&self, request: &CancelRequest, gate: Arc<dyn Gate>) -> Result<CancelAnswer> {
        let operation = Operation::CancelJobExecution;
        let signer = self.signer().clone();
        if !gate.may_send(signer.known()) {
            return Err(failed(operation, ErrorKind::Withdrawn, "withdrawn"));
        }
        let late = {
            let mut log = self.log();
            log.sent_to.insert(signer.account.account);
            log.sent.push(Instant::now());
            if log.late.is_empty() { None } else { Some(log.late.remove(0)) }
        };
        if let Some(by) = late {
            self.log().flying.push((Instant::now() + by, request.clone()));
            sleep(CLIENT_TIMEOUT).await;
            return Err(failed(operation, ErrorKind::TimedOut, "no answer"));
        }
        let canceled = self
            .call(operation, Some(&request.key), |log, store, now| log.cancel(request, store, now));
        Ok(CancelAnswer { request_id: Some(canceled.await?) })
    }
}

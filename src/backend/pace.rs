//! The rate at which AWS is called: one token bucket per operation, and the repetition of reads.
//!
//! AWS allows ten calls a second of most operations to an account and region, and shares them among
//! people, pipelines and us. A [`Pacer`] is that allowance: its clones share the buckets. [`Paced`]
//! wraps an adapter; it stands apart from the adapters so that each of them, and each test, can be
//! paced or not.
//!
//! Invariants: permits of one operation are given in the order in which they were asked for, and in
//! no second more than 9/8 of the rate and one. A read is repeated only after an error that may pass,
//! at most [`ATTEMPTS`] times, each with its own permit. A write is never repeated.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Sub;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::backend::{
    CancelAnswer, CancelRequest, Error, ErrorKind, Gate, JobSummary, JobsReader, JobsWriter,
    Operation, Page, PageToken, Result,
};
use crate::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionSummary, JobId, JobStatus,
    OpenStatus, ThingName,
};
use crate::inventory::{Connectivity, JobDescription, QueuedExecution, ThingDescription};

/// How much of what AWS grants to an account is ours: people and pipelines call as well.
pub const SHARE: f64 = 0.8;

/// Calls a second of an operation for which nothing else is said: 80 % of the ten that AWS allows by
/// default (Service Quotas, L-5D01DB62 and its neighbours), since we are not alone.
pub const DEFAULT_RATE: f64 = 8.0;

/// Calls a second of `DescribeThing`: 80 % of AWS's 350 (Service Quotas, L-0EF0F5EE).
pub const DESCRIBE_THING_RATE: f64 = 280.0;

/// The least to which throttling lowers a rate, in calls a second: slow, but never a standstill.
pub const FLOOR: f64 = 0.5;

/// How often a read is sent at most.
pub const ATTEMPTS: u32 = 5;

/// The wait before a read is repeated for the first time; it doubles each time, so that the last of
/// [`ATTEMPTS`] follows 7.5 s after the first. No jitter: the buckets already keep callers apart.
const FIRST_DELAY: Duration = Duration::from_millis(500);

/// How much earlier than its even place a permit may be taken: 1/8 s, a burst of two at the default
/// rate, which stays within AWS's ten in any second. It also makes up for timers that fire late.
const EARLY: Duration = Duration::from_millis(125);

/// A rate is halved at most once in this time, since calls that were on their way together are
/// throttled together.
const HALVED_ONCE_IN: Duration = Duration::from_secs(1);

/// How long a rate takes to rise by its whole set value: from the half to the full rate in a minute.
/// Faster, and the search for the limit would itself be most of the throttled answers.
const RECOVERY: Duration = Duration::from_secs(120);

/// The allowance of one account and region. Clones share it.
#[derive(Clone, Debug)]
pub struct Pacer(Arc<BTreeMap<Operation, Lane>>);

#[derive(Debug)]
struct Lane {
    /// Held by the one caller that is next; tokio's mutex serves callers in order.
    turn: tokio::sync::Mutex<()>,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// What it was set to; none for no limit.
    set: Option<f64>,
    /// What it is at present.
    rate: Option<f64>,
    /// When the rate was last brought up to date.
    updated: Instant,
    /// The even place of the next permit.
    next: Instant,
    halved: Option<Instant>,
    calls: u64,
    throttled: u64,
}

/// How often each operation was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were sent, repetitions included. Operations that were not called are missing.
    pub calls: BTreeMap<Operation, u64>,
    /// Those of them that AWS throttled.
    pub throttled: BTreeMap<Operation, u64>,
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new(|operation| {
            Some(match operation {
                Operation::DescribeThing => DESCRIBE_THING_RATE,
                _ => DEFAULT_RATE,
            })
        })
    }
}

impl Pacer {
    /// A pacer with these rates, in calls a second and not below [`FLOOR`]; none for no limit.
    pub fn new(rate: impl Fn(Operation) -> Option<f64>) -> Self {
        let lane = |operation| (operation, Lane::new(rate(operation).map(|it| it.max(FLOOR))));
        Self(Arc::new(Operation::ALL.into_iter().map(lane).collect()))
    }

    /// No limit until AWS throttles: for the emulator inside this process.
    pub fn unlimited() -> Self {
        Self::new(|_| None)
    }

    /// Waits until the operation may be called once. Dropping the future gives the turn back.
    pub async fn permit(&self, operation: Operation) {
        let lane = self.lane(operation);
        let _turn = lane.turn.lock().await;
        loop {
            let taken = lane.bucket().take(Instant::now());
            match taken {
                Ok(()) => return,
                // Asked again afterwards: the rate may have been lowered in the meantime.
                Err(earliest) => tokio::time::sleep_until(earliest).await,
            }
        }
    }

    /// Counts a call by its answer, and slows down when it was throttled.
    pub fn record<T>(&self, operation: Operation, answer: &Result<T>) {
        let kind = answer.as_ref().err().map(|error| error.kind);
        if kind == Some(ErrorKind::Withdrawn) {
            return; // never sent
        }
        let mut bucket = self.lane(operation).bucket();
        bucket.calls += 1;
        if kind == Some(ErrorKind::Throttled) {
            bucket.throttled += 1;
            bucket.slow_down(Instant::now());
        }
    }

    /// The present rate of an operation in calls a second; none for no limit.
    pub fn rate(&self, operation: Operation) -> Option<f64> {
        let mut bucket = self.lane(operation).bucket();
        bucket.recover(Instant::now());
        bucket.rate
    }

    /// Takes in how many calls a second AWS grants of an operation: [`SHARE`] of them are ours. A rate that
    /// throttling has lowered rises as it would anyway.
    pub fn granted(&self, operation: Operation, per_second: f64) {
        let mut bucket = self.lane(operation).bucket();
        bucket.recover(Instant::now());
        let set = (per_second * SHARE).max(FLOOR);
        bucket.set = Some(set);
        bucket.rate = Some(match bucket.rate {
            Some(rate) if bucket.halved.is_some() => rate.min(set),
            _ => set,
        });
    }

    /// How many executions can be canceled a second at present: each takes a describe and a cancel, which
    /// overlap. None for no limit.
    pub fn cancels_per_second(&self) -> Option<f64> {
        let rates = [Operation::DescribeJobExecution, Operation::CancelJobExecution];
        rates.into_iter().filter_map(|operation| self.rate(operation)).min_by(f64::total_cmp)
    }

    /// How often each operation was called since the pacer was made. Subtract an earlier count to
    /// have that of a pass.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (operation, lane) in self.0.iter() {
            let bucket = lane.bucket();
            for (map, count) in
                [(&mut counts.calls, bucket.calls), (&mut counts.throttled, bucket.throttled)]
            {
                if count > 0 {
                    map.insert(*operation, count);
                }
            }
        }
        counts
    }

    fn lane(&self, operation: Operation) -> &Lane {
        self.0.get(&operation).expect("`new` makes a lane for each operation")
    }

    /// Calls with a permit, and again after errors that may pass.
    async fn read<T, F>(&self, operation: Operation, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let (mut attempt, mut delay) = (1, FIRST_DELAY);
        loop {
            self.permit(operation).await;
            let answer = call().await;
            self.record(operation, &answer);
            match answer {
                Err(error) if error.kind.is_transient() && attempt < ATTEMPTS => {
                    log_repetition(&error, attempt, delay);
                }
                answer => return answer,
            }
            tokio::time::sleep(delay).await;
            attempt += 1;
            delay *= 2;
        }
    }
}

fn log_repetition(error: &Error, attempt: u32, delay: Duration) {
    tracing::debug!(
        operation = %error.operation,
        kind = error.kind.label(),
        attempt,
        delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        "a read failed and is repeated"
    );
}

impl Lane {
    fn new(rate: Option<f64>) -> Self {
        let now = Instant::now();
        let bucket = Bucket {
            set: rate,
            rate,
            updated: now,
            next: now,
            halved: None,
            calls: 0,
            throttled: 0,
        };
        Self { turn: tokio::sync::Mutex::new(()), bucket: Mutex::new(bucket) }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    /// Takes a permit, or says when there may be one.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.recover(now);
        let Some(rate) = self.rate else { return Ok(()) };
        let earliest = self.next.checked_sub(EARLY).unwrap_or(self.next);
        if now < earliest {
            return Err(earliest);
        }
        self.next = self.next.max(now) + interval(rate);
        Ok(())
    }

    fn slow_down(&mut self, now: Instant) {
        if self.halved.is_some_and(|at| now - at < HALVED_ONCE_IN) {
            return;
        }
        self.recover(now);
        // Without a limit of ours, the first throttled answer tells that there is one of AWS's.
        let rate = self.rate.map_or(DEFAULT_RATE, |rate| rate / 2.0).max(FLOOR);
        self.rate = Some(rate);
        self.halved = Some(now);
        self.next = self.next.max(now + interval(rate));
    }

    fn recover(&mut self, now: Instant) {
        if let Some(rate) = self.rate {
            let full = self.set.unwrap_or(DEFAULT_RATE * 2.0);
            let risen = full * (now - self.updated).div_duration_f64(RECOVERY);
            self.rate = if rate + risen < full { Some(rate + risen) } else { self.set };
        }
        self.updated = now;
    }
}

fn interval(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}

impl Sub<&Self> for Counts {
    type Output = Self;

    fn sub(mut self, earlier: &Self) -> Self {
        for (later, earlier) in
            [(&mut self.calls, &earlier.calls), (&mut self.throttled, &earlier.throttled)]
        {
            for (operation, count) in earlier {
                if let Some(later) = later.get_mut(operation) {
                    *later = later.saturating_sub(*count);
                }
            }
            later.retain(|_, count| *count > 0);
        }
        self
    }
}

/// An adapter that is called at the pacer's rate.
///
/// As a reader it takes a permit for each request. As a writer it takes **none**: the executor takes
/// the cancel's permit with [`Pacer::permit`] before it makes its intent durable, and after that
/// nothing may wait. It only counts the call and slows the bucket down when AWS throttled it.
#[derive(Clone, Debug)]
pub struct Paced<T> {
    inner: T,
    pacer: Pacer,
}

impl<T> Paced<T> {
    /// Puts a pacer before an adapter.
    pub fn new(inner: T, pacer: Pacer) -> Self {
        Self { inner, pacer }
    }

    /// The pacer.
    pub fn pacer(&self) -> &Pacer {
        &self.pacer
    }
}

#[async_trait]
impl<T: JobsReader> JobsReader for Paced<T> {
    async fn list_jobs(
        &self,
        status: &JobStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<JobSummary>> {
        self.pacer.read(Operation::ListJobs, || self.inner.list_jobs(status, page)).await
    }

    async fn describe_job(&self, job: &JobId) -> Result<JobDescription> {
        self.pacer.read(Operation::DescribeJob, || self.inner.describe_job(job)).await
    }

    async fn list_executions(
        &self,
        job: &JobId,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<ExecutionSummary>> {
        let operation = Operation::ListJobExecutionsForJob;
        self.pacer.read(operation, || self.inner.list_executions(job, status, page)).await
    }

    async fn list_job_tags(
        &self,
        job: &JobId,
        page: Option<&PageToken>,
    ) -> Result<Page<(String, String)>> {
        let operation = Operation::ListTagsForResource;
        self.pacer.read(operation, || self.inner.list_job_tags(job, page)).await
    }

    async fn describe_thing(&self, thing: &ThingName) -> Result<ThingDescription> {
        self.pacer.read(Operation::DescribeThing, || self.inner.describe_thing(thing)).await
    }

    async fn list_thing_groups(
        &self,
        thing: &ThingName,
        page: Option<&PageToken>,
    ) -> Result<Page<String>> {
        let operation = Operation::ListThingGroupsForThing;
        self.pacer.read(operation, || self.inner.list_thing_groups(thing, page)).await
    }

    async fn thing_connectivity(&self, thing: &ThingName) -> Result<Connectivity> {
        let operation = Operation::GetThingConnectivityData;
        self.pacer.read(operation, || self.inner.thing_connectivity(thing)).await
    }

    async fn list_on_thing(
        &self,
        thing: &ThingName,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<QueuedExecution>> {
        let operation = Operation::ListJobExecutionsForThing;
        self.pacer.read(operation, || self.inner.list_on_thing(thing, status, page)).await
    }

    async fn describe_execution(
        &self,
        key: &ExecutionKey,
        number: Option<ExecutionNumber>,
    ) -> Result<ExecutionDescription> {
        let operation = Operation::DescribeJobExecution;
        self.pacer.read(operation, || self.inner.describe_execution(key, number)).await
    }
}

#[async_trait]
impl<T: JobsWriter> JobsWriter for Paced<T> {
    async fn cancel(&self, request: &CancelRequest, gate: Arc<dyn Gate>) -> Result<CancelAnswer> {
        let answer = self.inner.cancel(request, gate).await;
        self.pacer.record(Operation::CancelJobExecution, &answer);
        answer
    }
}

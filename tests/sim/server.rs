//! AWS as one process reaches it: the ports over the emulator's store, slow and unreliable, with the
//! judge at the door.
//!
//! A request that is on its way lands whether or not anybody still waits for its answer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rescind::apply::FLIGHT_TIME;
use rescind::backend::aws::CLIENT_TIMEOUT;
use rescind::backend::{
    CancelAnswer, CancelRequest, ErrorKind, Gate, JobSummary, JobsReader, JobsWriter, Operation,
    Page, PageToken, Result,
};
use rescind::clock::Clock;
use rescind::emulator::{Refusal, Store};
use rescind::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionSummary, JobId, JobStatus,
    OpenStatus, ThingName,
};
use rescind::inventory::{Connectivity, JobDescription, QueuedExecution, ThingDescription};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::answers::{self, error, failed};
use crate::judge::Flight;
use crate::mutants::{self, Mutant};
use crate::nature;
use crate::world::{Inner, World};

/// The two ports of one process.
#[derive(Clone)]
pub struct Server {
    pub world: Arc<World>,
    pub clock: Clock,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    Throttled,
    /// A 5xx before anything was done.
    Unavailable,
    /// IAM has no such permission, for the moment.
    Denied,
    /// It is done, and the connection breaks.
    Lost,
    /// It is done, and answered with a 5xx.
    Misreported,
    /// It is done only after its client has given up.
    Late,
}

impl Server {
    fn fate(inner: &mut Inner, world: &World, writes: bool) -> Fate {
        let scenario = &world.scenario;
        if inner.strikes("throttle", scenario.throttle) {
            Fate::Throttled
        } else if inner.strikes("unavailable", scenario.unavailable) {
            Fate::Unavailable
        } else if writes && inner.strikes("denied", scenario.denied) {
            Fate::Denied
        } else if inner.strikes("lost reply", scenario.lost_reply) {
            if writes && inner.strikes("5xx after its effect", 30) {
                Fate::Misreported
            } else {
                Fate::Lost
            }
        } else if writes && inner.strikes("late effect", scenario.late) {
            Fate::Late
        } else {
            Fate::Answered
        }
    }

    /// How long each way takes: two seconds at most, since a `Date` header is as old as its answer.
    fn way(inner: &mut Inner, world: &World) -> Duration {
        if inner.strikes("slow", world.scenario.slow) {
            inner.random.millis(300, 2_000)
        } else {
            inner.random.millis(5, 80)
        }
    }

    fn tell_time(&self, sent: Instant) {
        let second = Timestamp::from_second(self.world.emulator.now().as_second());
        self.clock.confirm(second.expect("a time of the emulator"), sent);
    }

    async fn read<R>(
        &self,
        operation: Operation,
        of: &str,
        answer: impl FnOnce(&mut Inner, &mut Store, Timestamp) -> Result<R, Refusal>,
    ) -> Result<R> {
        let (sent, world) = (Instant::now(), &*self.world);
        let (fate, there, back) = {
            let inner = &mut *world.inner();
            inner.count(format!("call {operation}"));
            let fate = Self::fate(inner, world, false);
            (fate, Self::way(inner, world), Self::way(inner, world))
        };
        sleep(there).await;
        let answer = match fate {
            Fate::Throttled => Err(failed(operation, ErrorKind::Throttled, "too many")),
            Fate::Unavailable => Err(failed(operation, ErrorKind::Unavailable, "not now")),
            _ => {
                let (inner, now) = (&mut *world.inner(), world.emulator.now());
                let answer = world.emulator.store(|store| answer(inner, store, now));
                let told = if answer.is_ok() { "ok" } else { "refused" };
                inner.note(&format!("{operation} {of}: {told}"));
                answer.map_err(|refusal| error(operation, &refusal, Some(&world.account)))
            }
        };
        sleep(back).await;
        if fate == Fate::Lost {
            return Err(failed(operation, ErrorKind::ConnectionLost, "lost"));
        }
        self.tell_time(sent);
        answer
    }

    /// The request is at the server.
    fn land(&self, request: &CancelRequest, flight: Option<&Flight>) -> Result<String, Refusal> {
        let (world, inner) = (&*self.world, &mut *self.world.inner());
        let now = world.emulator.now();
        let (job, thing) = (request.key.job.as_str(), request.key.thing.as_str());
        world.emulator.store(|store| {
            if inner.faulty && inner.random.chance(world.scenario.races) {
                // Where so much moves, let it be what the version is for.
                if world.scenario.is_crowded() {
                    nature::report(inner, store, job, thing, now);
                } else {
                    nature::stir(inner, store, job, thing, now);
                }
            }
            let before = store.job(job).ok().cloned();
            let versioned = !mutants::is(Mutant::NoExpectedVersion);
            let canceled = answers::cancel(store, request, versioned, now);
            inner.judge.flying -= 1;
            inner.judge.answers.add(canceled.is_err());
            match canceled {
                Ok(canceled) => {
                    inner.note(&format!(
                        "EFFECT {job} on {thing}: {}",
                        nature::shown(&canceled.before)
                    ));
                    inner.count("effects");
                    if let (Some(flight), Some(job)) = (flight, &before) {
                        inner.judge.takes_effect(flight, job);
                    }
                    let aborted = store.job(job).is_ok_and(|job| job.status == JobStatus::Canceled);
                    if aborted && before.is_some_and(|job| job.status == JobStatus::InProgress) {
                        inner.count("aborted with a cancel");
                    }
                    inner.judge.took_effect(flight, &canceled, now);
                    Ok(format!("request-{}", inner.trace.length))
                }
                Err(refusal) => {
                    inner.note(&format!("cancel {job} on {thing}: {refusal}"));
                    Err(refusal)
                }
            }
        })
    }

    /// The bytes go out.
    fn send(&self, request: &CancelRequest) -> (Fate, Option<Flight>, Duration, Duration) {
        let (world, inner) = (&*self.world, &mut *self.world.inner());
        let key = &request.key;
        inner.count("call CancelJobExecution");
        inner.note(&format!(
            "send cancel of {} on {} at v{}{}",
            key.job,
            key.thing,
            request.expected_version,
            if request.force { " with force" } else { "" }
        ));
        if inner.paused {
            inner.judge.violate("S5", &format!("a cancel of {key} while the stop switch is on"));
        }
        let now = world.emulator.now();
        if world.scenario.is_undisturbed() {
            world
                .emulator
                .store(|store| inner.judge.is_held_back(request, &inner.files, store, now));
        }
        let flight = inner.judge.sent(request, now);
        let fate = Self::fate(inner, world, true);
        let there = match fate {
            Fate::Late => {
                let latest = FLIGHT_TIME.as_secs() - 2;
                let seconds = inner.random.between(CLIENT_TIMEOUT.as_secs() + 1, latest);
                Duration::from_secs(seconds)
            }
            _ => Self::way(inner, world),
        };
        (fate, flight, there, Self::way(inner, world))
    }

    async fn cancel_once(&self, request: &CancelRequest) -> Result<CancelAnswer> {
        let operation = Operation::CancelJobExecution;
        let sent = Instant::now();
        let (fate, flight, there, back) = self.send(request);
        if let Fate::Throttled | Fate::Unavailable | Fate::Denied = fate {
            sleep(there + back).await;
            self.tell_time(sent);
            let kind = match fate {
                Fate::Throttled => ErrorKind::Throttled,
                Fate::Denied => ErrorKind::Denied,
                _ => ErrorKind::Unavailable,
            };
            return Err(failed(operation, kind, "injected"));
        }
        let (landed, answer) = oneshot::channel();
        let (server, on_its_way) = (self.clone(), request.clone());
        self.world.inner().judge.flying += 1;
        tokio::spawn(async move {
            sleep(there).await;
            // Nobody listens if the process is gone, or has given up.
            let _ = landed.send(server.land(&on_its_way, flight.as_ref()));
        });
        if fate == Fate::Late {
            sleep(CLIENT_TIMEOUT).await;
            return Err(failed(operation, ErrorKind::TimedOut, "no answer"));
        }
        let answer = answer.await.expect("a request lands");
        sleep(back).await;
        if fate == Fate::Lost {
            return Err(failed(operation, ErrorKind::ConnectionLost, "lost"));
        }
        self.tell_time(sent);
        if fate == Fate::Misreported {
            return Err(failed(operation, ErrorKind::Unavailable, "done, and told otherwise"));
        }
        match answer {
            Ok(request_id) => Ok(CancelAnswer { request_id: Some(request_id) }),
            Err(refusal) => Err(error(operation, &refusal, Some(&self.world.account))),
        }
    }
}

#[async_trait]
impl JobsReader for Server {
    async fn list_jobs(
        &self,
        status: &JobStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<JobSummary>> {
        let account = Some(&self.world.account);
        self.read(Operation::ListJobs, status.as_str(), |_, store, _| {
            answers::list_jobs(store, account, status, page)
        })
        .await
    }

    async fn describe_job(&self, job: &JobId) -> Result<JobDescription> {
        let answer = |_: &mut Inner, store: &mut Store, _| answers::describe_job(store, job);
        self.read(Operation::DescribeJob, job.as_str(), answer).await
    }

    async fn list_executions(
        &self,
        job: &JobId,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<ExecutionSummary>> {
        let (operation, size) = (Operation::ListJobExecutionsForJob, self.world.scenario.page);
        let listed = self.read(operation, job.as_str(), |inner, store, _| {
            // AWS's reads lag behind its writes: the list as it was a while ago, in one piece.
            if page.is_none()
                && inner.strikes("stale list", self.world.scenario.stale)
                && let Some(rows) = inner.stale.get(job, status)
            {
                return Ok(Page { items: rows, next: None });
            }
            let listed = answers::list_executions(store, job, status, size, page);
            if page.is_none() {
                let all = answers::list_executions(store, job, status, answers::PAGE, None);
                inner.stale.put(job, status, all.map(|page| page.items).unwrap_or_default());
            }
            listed
        });
        let listed = listed.await;
        let more = listed.as_ref().is_ok_and(|page| page.next.is_some());
        self.world.inner().judge.paged(job, status, more);
        listed
    }

    async fn list_job_tags(
        &self,
        job: &JobId,
        _: Option<&PageToken>,
    ) -> Result<Page<(String, String)>> {
        let answer = |_: &mut Inner, store: &mut Store, _| answers::list_job_tags(store, job);
        self.read(Operation::ListTagsForResource, job.as_str(), answer).await
    }

    async fn describe_thing(&self, thing: &ThingName) -> Result<ThingDescription> {
        let answer = |_: &mut Inner, store: &mut Store, _| answers::describe_thing(store, thing);
        self.read(Operation::DescribeThing, thing.as_str(), answer).await
    }

    async fn list_thing_groups(
        &self,
        thing: &ThingName,
        page: Option<&PageToken>,
    ) -> Result<Page<String>> {
        self.read(Operation::ListThingGroupsForThing, thing.as_str(), |_, store, _| {
            answers::list_thing_groups(store, thing, page)
        })
        .await
    }

    async fn thing_connectivity(&self, thing: &ThingName) -> Result<Connectivity> {
        self.read(Operation::GetThingConnectivityData, thing.as_str(), |_, store, _| {
            answers::thing_connectivity(store, thing)
        })
        .await
    }

    async fn list_on_thing(
        &self,
        thing: &ThingName,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<QueuedExecution>> {
        self.read(Operation::ListJobExecutionsForThing, thing.as_str(), |_, store, _| {
            answers::list_on_thing(store, thing, status, page)
        })
        .await
    }

    async fn describe_execution(
        &self,
        key: &ExecutionKey,
        number: Option<ExecutionNumber>,
    ) -> Result<ExecutionDescription> {
        let sent = Instant::now();
        let mut seen = None;
        let of = format!("{} on {}", key.job, key.thing);
        let account = Some(&self.world.account);
        let answer = self
            .read(Operation::DescribeJobExecution, &of, |_, store, now| {
                if number.is_none() {
                    let found = store.execution(key.thing.as_str(), key.job.as_str(), None);
                    seen = found.ok().cloned();
                }
                answers::describe_execution(store, account, key, number, now)
            })
            .await;
        if answer.as_ref().is_err_and(|error| error.kind.is_transient()) {
            self.world.inner().judge.troubled.insert(key.clone());
        }
        let answer = answer?;
        if let Some(execution) = seen {
            self.world.inner().judge.described(key, sent, execution);
        }
        Ok(answer)
    }
}

#[async_trait]
impl JobsWriter for Server {
    async fn cancel(&self, request: &CancelRequest, gate: Arc<dyn Gate>) -> Result<CancelAnswer> {
        // A connection is made, and the request signed.
        let connects = {
            let inner = &mut *self.world.inner();
            if inner.strikes("slow connect", self.world.scenario.slow) {
                inner.random.millis(500, 8_000)
            } else {
                inner.random.millis(0, 20)
            }
        };
        sleep(connects).await;
        if !gate.may_send(Some(&self.world.account)) {
            self.world.inner().note("withdrawn");
            return Err(failed(Operation::CancelJobExecution, ErrorKind::Withdrawn, "withdrawn"));
        }
        let answer = self.cancel_once(request).await;
        if answer.is_err() {
            self.world.inner().judge.troubled.insert(request.key.clone());
        }
        if mutants::is(Mutant::RetryingClient)
            && answer.as_ref().is_err_and(|error| error.kind.effect_unknown())
        {
            return self.cancel_once(request).await;
        }
        answer
    }
}

//! One line, walked through the protocol: describe, judge, pace, intent, gate, cancel.
//!
//! Invariants: no cancel without a describe of the same execution within the last five seconds, nor
//! without an intent that has taken its units; `force` only for what was judged IN_PROGRESS; a new
//! attempt has a new id, and begins with the describe.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::{Refusal, SendGate};
use super::work::{Doubt, Step, Work, wait};
use super::{Ending, NOT_TRIED, Run, lock};
use crate::backend::{
    CancelAnswer, CancelRequest, Error, ErrorKind, Operation, Result as BackendResult,
};
use crate::clock::Moment;
use crate::execution::{ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionVersion};
use crate::fact::Fact;
use crate::inventory::ObservedExecution;
use crate::mutant::{self, Mutant};
use crate::plan::in_force::{Ruling, details};
use crate::plan::{Intent, Outcome, Reason};
use crate::state::Begun;

/// How old a describe may be when the intent is begun: what is left of [`super::DESCRIBE_FRESH`] is for
/// making it durable, since an intent that comes too late has spent its unit for nothing.
const BEGIN_WITHIN: Duration = Duration::from_secs(3);

/// A read that failed in passing is tried again after a second, then twice as long each time.
const READ_TRIES: u32 = 4;

/// How often in a row a cancel may be signed by credentials of which nothing is known. They are known from the
/// next describe on, so that one is enough for a renewal.
const SIGNER_TRIES: u32 = 4;

/// For how long a line steps back that would wait for others to read its job.
const JOB_WAIT: Duration = Duration::from_secs(5);

/// A cancel that was throttled is tried again after a second, then twice as long each time, up to a
/// minute. Ten in a row take eight minutes: throttling that lasts longer is somebody else's load. Whoever
/// goes on with other passes waits for no longer than [`super::PATIENCE`]. Either way it has failed then
/// without effect, and is not left alone for it: the pace of all calls is what gives way.
const THROTTLE_TRIES: u32 = 10;

/// How many attempts may get lost. Each costs the flight time, so that three take a quarter of an
/// hour: an outage that lasts longer is a matter for a later pass.
const LOST_TRIES: u32 = 3;

/// The end of a walk, or a line about whose last attempt something has to be found out.
type Next = ControlFlow<Step, Box<Work>>;

impl Run<'_> {
    /// Describes once; the times are those of the send. The permit is the caller's business.
    pub(super) async fn describe(
        &self,
        key: &ExecutionKey,
        number: Option<ExecutionNumber>,
    ) -> (Moment, jiff::Timestamp, BackendResult<ExecutionDescription>) {
        let (sent, at) = (self.with.clock.moment(), self.with.clock.now());
        let number = number.filter(|_| !mutant::is(Mutant::NoExecutionNumber));
        let answer = self.with.reader.describe_execution(key, number).await;
        self.with.pacer.record(Operation::DescribeJobExecution, &answer);
        (sent, at, answer)
    }

    /// Waits for a permit; false if the stop came first.
    pub(super) async fn permit(&self, operation: Operation) -> bool {
        tokio::select! {
            biased;
            () = self.stop.on() => false,
            () = self.with.pacer.permit(operation) => true,
        }
    }

    pub(super) async fn stop_here(&self, mut work: Box<Work>) -> Next {
        let record = self.stopped(&mut work).await;
        ControlFlow::Break(Step::Ended(work, record))
    }

    pub(super) async fn walk(&self, mut work: Box<Work>) -> Step {
        loop {
            if work.doubt.is_some() {
                match self.find_out(work).await {
                    ControlFlow::Continue(unmoved) => work = unmoved,
                    ControlFlow::Break(step) => return step,
                }
            }
            if self.settles_only.load(Ordering::Relaxed) {
                let why = if work.throttled { "AWS throttles: " } else { "" };
                let note = format!("{why}it is judged anew in the next pass");
                return self.end(work, Outcome::Failed, note).await;
            }
            match self.attempt(work).await {
                ControlFlow::Continue(doubtful) => work = doubtful,
                ControlFlow::Break(step) => return step,
            }
        }
    }

    /// From the describe to the answer.
    async fn attempt(&self, mut work: Box<Work>) -> Next {
        let mut has_permit = false;
        loop {
            if !self.permit(Operation::DescribeJobExecution).await {
                return self.stop_here(work).await;
            }
            let (sent, at, mut answer) = self.describe(work.key(), None).await;
            if mutant::is(Mutant::NoDescribe) {
                answer = Ok(as_listed(&work.row));
            }
            work.throttled &= answer.is_err();
            if let Some(why) = work.elsewhere(&answer) {
                return ControlFlow::Break(self.elsewhere(work, why).await);
            }
            match answer {
                Ok(found) if work.is_as_planned(&found) => work.row.take_in(found, at),
                Ok(found) => return ControlFlow::Break(self.moved(work, &found).await),
                Err(error) => return ControlFlow::Break(self.cannot_describe(work, error).await),
            }
            let refreshed = tokio::select! {
                biased;
                () = self.stop.on() => None,
                refreshed = self.refresh(&mut work) => Some(refreshed),
            };
            match refreshed {
                None => return self.stop_here(work).await,
                Some(true) => {}
                // Others have the place until the job is read.
                Some(false) => {
                    return ControlFlow::Break(Step::Parked(work, Instant::now() + JOB_WAIT));
                }
            }
            let ruling = match self.judge(work).await {
                Ok((judged, ruling)) => {
                    work = judged;
                    ruling
                }
                Err(step) => return ControlFlow::Break(step),
            };
            let waits = !has_permit;
            has_permit = has_permit || self.permit(Operation::CancelJobExecution).await;
            if !has_permit {
                return self.stop_here(work).await;
            }
            if self.with.clock.since(sent) <= BEGIN_WITHIN {
                work.read_failures = 0;
                return self.send(work, ruling, sent).await;
            }
            // What got old while it waited is described again; the permit is kept. What was old when
            // it came would be so again.
            if !waits {
                let note = "AWS takes too long to describe it".to_owned();
                return ControlFlow::Break(self.later(work, note).await);
            }
        }
    }

    async fn send(&self, mut work: Box<Work>, ruling: Ruling, described: Moment) -> Next {
        if self.stop.is_on() {
            return self.stop_here(work).await;
        }
        // What others met since the line began counts for it too.
        let refusal = lock(&self.met).refuses(&work);
        if let Some((ending, why)) = refusal {
            return ControlFlow::Break(work.ended(ending, why));
        }
        work = match self.may_begin(work).await {
            Ok(work) => work,
            Err(step) => return ControlFlow::Break(step),
        };
        let attempt = format!("{}.{}", work.id, work.attempts + 1);
        let now = self.with.clock.now();
        let Some(details) = details(&ruling.policy, &work.facts(), &attempt, now) else {
            let note = "what its statusDetails need is not known".to_owned();
            return ControlFlow::Break(self.kept(work, Reason::FactUnknown, note).await);
        };
        let intent = Intent {
            id: work.id.clone(),
            key: work.key().clone(),
            number: ruling.number,
            queued_at: work.row.times.queued_at().known().copied(),
            version: ruling.version,
            status: ruling.status,
            force: ruling.force,
            details,
            policy: ruling.policy.name.clone(),
            digest: ruling.policy.digest.clone(),
            origin: ruling.policy.origin.clone(),
            revision: ruling.policy.revision.clone(),
        };
        let first = !mutant::is(Mutant::IntentLast);
        if first {
            work = match self.begin(work, &intent, now).await {
                ControlFlow::Continue(work) => work,
                ControlFlow::Break(step) => return ControlFlow::Break(step),
            };
        }
        if mutant::is(Mutant::OutcomeFirst) {
            work.intent = Some(intent.clone());
            self.settle(&mut work, Outcome::Canceled, String::new()).await;
        }
        let request = CancelRequest {
            key: work.key().clone(),
            force: ruling.force || mutant::is(Mutant::ForceForQueued),
            expected_version: ruling.version,
            status_details: Some(intent.details.send.clone()),
        };
        work.intent = Some(intent);
        work.spent = true;
        work.attempts += 1;
        let gate = Arc::new(SendGate {
            in_force: Arc::clone(&self.with.in_force),
            state: Arc::clone(&self.with.state),
            clock: self.with.clock.clone(),
            stop: self.stop.clone(),
            described,
            key: work.key().clone(),
            job: work.job.clone(),
            row: work.row.clone(),
            thing: work.thing.clone(),
            account: work.account.clone(),
            planned: Arc::clone(&work.line.policy),
            guards: Arc::clone(&work.act.guards),
            sightings: Arc::clone(&self.sightings),
            ruling,
            refusal: Mutex::default(),
        });
        work.sent = Some(Instant::now());
        let answer = self.with.writer.cancel(&request, gate.clone()).await;
        self.with.pacer.record(Operation::CancelJobExecution, &answer);
        self.count(&answer);
        if !first && let Some(intent) = work.intent.take() {
            work = match self.begin(work, &intent, now).await {
                ControlFlow::Continue(work) => work,
                ControlFlow::Break(step) => return ControlFlow::Break(step),
            };
            work.intent = Some(intent);
        }
        let refusal = lock(&gate.refusal).take();
        self.answered(work, &request, answer, refusal).await
    }

    /// Makes an intent, or its next attempt, durable.
    async fn begin(&self, mut work: Box<Work>, intent: &Intent, now: jiff::Timestamp) -> Next {
        let begun = if work.is_begun() {
            self.with.state.attempt(intent, now).await.map(|()| Begun::Yes)
        } else {
            self.with.state.begin(intent, &work.act.charges, now).await
        };
        ControlFlow::Break(match begun {
            Ok(Begun::Yes) => return ControlFlow::Continue(work),
            Ok(Begun::OverBudget(charge)) => {
                work.refused = Some(charge);
                work.ended(Ending::BudgetExhausted, "its turn comes when the budget refills")
            }
            Ok(Begun::AlreadyOpen) => {
                work.ended(Ending::NotTried, "an earlier cancel of it is not settled")
            }
            Err(error) => {
                let why = format!("the intent could not be written: {error}");
                let not_tried = format!("{NOT_TRIED}{why}");
                lock(&self.met).dead = Some(not_tried.clone());
                if work.is_begun() {
                    self.end(work, Outcome::Withdrawn, why).await
                } else {
                    work.ended(Ending::NotTried, not_tried)
                }
            }
        })
    }

    async fn answered(
        &self,
        mut work: Box<Work>,
        request: &CancelRequest,
        answer: BackendResult<CancelAnswer>,
        refusal: Option<Refusal>,
    ) -> Next {
        let error = match answer {
            Ok(CancelAnswer { request_id }) => {
                work.request_id = request_id;
                let note = format!("canceled at version {}", request.expected_version);
                return ControlFlow::Break(self.end(work, Outcome::Canceled, note).await);
            }
            Err(error) => error,
        };
        work.request_id.clone_from(&error.request_id);
        work.throttled = error.kind == ErrorKind::Throttled && !mutant::is(Mutant::ThrottleFails);
        work.error = Some((error.operation, error.kind));
        ControlFlow::Break(match error.kind {
            // Nothing was sent, and the describe that it begins again with tells who answers now.
            ErrorKind::Withdrawn if matches!(refusal, Some(Refusal::Signer)) => {
                work.unknown_signers += 1;
                if work.unknown_signers <= SIGNER_TRIES {
                    return ControlFlow::Continue(work);
                }
                let note = "the AWS credentials changed between describe and cancel each time";
                self.end(work, Outcome::Failed, note.to_owned()).await
            }
            ErrorKind::Withdrawn => {
                let note = match refusal {
                    Some(Refusal::Withdrawn(why)) => why,
                    _ => "what is in force forbade it".to_owned(),
                };
                self.end(work, Outcome::Withdrawn, note).await
            }
            ErrorKind::VersionConflict | ErrorKind::InvalidStateTransition => {
                work.doubt = Some(Doubt::Conflict);
                return ControlFlow::Continue(work);
            }
            ErrorKind::NotFound => self.vanished(work).await,
            ErrorKind::Throttled if work.throttles < THROTTLE_TRIES && work.throttled => {
                work.throttles += 1;
                let until = Instant::now() + wait(work.throttles);
                Step::Parked(work, until)
            }
            // Nothing was sent: it may go on from the describe, once there is a connection again.
            ErrorKind::NotConnected if work.unconnected < READ_TRIES => {
                work.unconnected += 1;
                let until = Instant::now() + wait(work.unconnected);
                Step::Parked(work, until)
            }
            ErrorKind::Unavailable if mutant::is(Mutant::UnavailableIsNoEffect) => {
                self.end(work, Outcome::Failed, error.to_string()).await
            }
            kind if kind.effect_unknown() => {
                work.lost += 1;
                work.doubt = Some(Doubt::Effect);
                return ControlFlow::Continue(work);
            }
            _ => {
                self.heed(&work, &error).await;
                self.end(work, Outcome::Failed, error.to_string()).await
            }
        })
    }

    /// Whether a line may have another attempt, once it is proved that the last had no effect.
    pub(super) fn has_attempts_left(work: &Work) -> bool {
        work.lost < LOST_TRIES
    }

    async fn cannot_describe(&self, mut work: Box<Work>, error: Error) -> Step {
        work.throttled = error.kind == ErrorKind::Throttled;
        work.error = Some((error.operation, error.kind));
        match error.kind {
            _ if error.is_not_found_somewhere() => {
                self.ask_who_answers().await;
                self.later(work, error.to_string()).await
            }
            ErrorKind::NotFound => {
                self.end(work, Outcome::Gone, "it is no longer there".to_owned()).await
            }
            kind if kind.is_transient() => self.later(work, error.to_string()).await,
            _ => {
                self.heed(&work, &error).await;
                self.end(work, Outcome::Failed, error.to_string()).await
            }
        }
    }

    /// Tries a line again in a while, unless that was in vain too often.
    async fn later(&self, mut work: Box<Work>, note: String) -> Step {
        if work.read_failures < READ_TRIES {
            work.read_failures += 1;
            let until = Instant::now() + wait(work.read_failures);
            return Step::Parked(work, until);
        }
        self.end(work, Outcome::Failed, note).await
    }

    /// Remembers what a refusal says about the lines that come after it.
    async fn heed(&self, work: &Work, error: &Error) {
        if error.kind == ErrorKind::Denied {
            let (policy, job) = (work.policy_name(), &work.key().job);
            if let Err(error) = self.with.state.deny(policy, job, self.with.clock.now()).await {
                tracing::error!(%error, %policy, %job, "a denial was not written");
            }
        }
        let mut met = lock(&self.met);
        match error.kind {
            ErrorKind::Denied => {
                let jobs = met.denied.entry(work.policy_name().clone()).or_default();
                jobs.insert(work.key().job.clone());
            }
            ErrorKind::Credentials => met.dead = Some(format!("{NOT_TRIED}{error}")),
            ErrorKind::Throttled | ErrorKind::NotConnected => {}
            _ => tracing::error!(%error, execution = %work.key(), "AWS refused the request itself"),
        }
    }
}

/// What a list says, with a guess at what it does not.
fn as_listed(row: &ObservedExecution) -> ExecutionDescription {
    ExecutionDescription {
        account: None,
        number: row.number,
        status: row.status.clone(),
        times: row.times.get(),
        version: Fact::read(ExecutionVersion::new(1)),
        status_details: Fact::Known(BTreeMap::default()),
        force_canceled: false,
        seconds_before_timed_out: Fact::Absent,
    }
}

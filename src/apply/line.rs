//! One line, walked through the protocol: describe, judge, pace, intent, gate, cancel.
//!
//! Invariants: no cancel without a describe of the same execution within the last five seconds, nor
//! without an intent that has taken its units; `force` only for what was judged IN_PROGRESS; a new
//! attempt has a new id, and begins with the describe.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::SendGate;
use super::{DESCRIBE_FRESH, Ending, Executor, Record, Shared, lock};
use crate::backend::{
    CancelAnswer, CancelRequest, Error, ErrorKind, Operation, Result as BackendResult,
};
use crate::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionVersion, OpenStatus,
};
use crate::fact::Fact;
use crate::inventory::{Inventory, Job, ObservedExecution, Thing};
use crate::observe::{ThingFacts, read_thing};
use crate::plan::clause::Facts;
use crate::plan::evaluate::reads_thing;
use crate::plan::in_force::{Judgement, Ruling, details, judge};
use crate::plan::words::{because_of, in_words};
use crate::plan::{Act, Intent, IntentId, Line, Outcome, Reason, Verdict};
use crate::policy::{Policy, PolicyName};
use crate::state::Begun;

/// For how long what the registry says of a thing may be old when it is judged: five seconds less than
/// the minute that is promised for the moment of the send.
const THING_FRESH: jiff::SignedDuration = jiff::SignedDuration::from_secs(55);

/// A read that failed in passing is tried again after a second, then twice as long each time.
const READ_TRIES: u32 = 4;

/// A cancel that was throttled is tried again after a second, then twice as long each time, up to a
/// minute. Ten in a row take eight minutes: throttling that lasts longer is somebody else's load.
const THROTTLE_TRIES: u32 = 10;

/// A line on its way.
pub(super) struct Work {
    line: Line,
    act: Act,
    job: Job,
    row: ObservedExecution,
    thing: Option<Thing>,
    id: IntentId,
    /// The intent, once begun, with when its last request went out.
    pub(super) intent: Option<Intent>,
    pub(super) sent: Option<Instant>,
    /// Whether an attempt may have had an effect.
    pub(super) maybe_sent: bool,
    /// Whether the effect of the last attempt has to be found out before anything else.
    pub(super) settling: bool,
    spent: bool,
    pub(super) attempts: u32,
    throttles: u32,
    read_failures: u32,
    pub(super) request_id: Option<String>,
}

/// Where a walk got to.
pub(super) enum Step {
    /// It is over.
    Ended(Box<Work>, Record),
    /// It goes on at a time.
    Parked(Box<Work>, Instant),
}

impl Work {
    pub(super) fn new(line: Line, inventory: &Inventory, id: IntentId) -> Result<Self, Record> {
        let job = inventory.jobs.get(&line.key.job).cloned();
        let row = inventory.executions.get(&line.key).cloned();
        let thing = inventory.things.get(&line.key.thing).cloned();
        match (line.act.clone(), job, row) {
            (Some(act), Some(job), Some(row)) => Ok(Self {
                line,
                act: *act,
                job,
                row,
                thing,
                id,
                intent: None,
                sent: None,
                maybe_sent: false,
                settling: false,
                spent: false,
                attempts: 0,
                throttles: 0,
                read_failures: 0,
                request_id: None,
            }),
            _ => Err(Record {
                key: line.key,
                number: ExecutionNumber(0),
                policy: line.policy.name.clone(),
                ending: Ending::NotTried,
                force: false,
                attempts: 0,
                request_id: None,
                note: "it was not observed".to_owned(),
            }),
        }
    }

    pub(super) fn key(&self) -> &ExecutionKey {
        &self.line.key
    }

    pub(super) fn number(&self) -> ExecutionNumber {
        self.act.number
    }

    pub(super) fn status(&self) -> OpenStatus {
        self.act.status
    }

    pub(super) fn policy_name(&self) -> &PolicyName {
        &self.line.policy.name
    }

    pub(super) fn is_begun(&self) -> bool {
        self.intent.is_some()
    }

    pub(super) fn spent_a_unit(&self) -> bool {
        self.spent
    }

    pub(super) fn set_spent(&mut self, spent: bool) {
        self.spent = spent;
    }

    pub(super) fn record(&self, ending: Ending, note: impl Into<String>) -> Record {
        Record {
            key: self.line.key.clone(),
            number: self.act.number,
            policy: self.line.policy.name.clone(),
            ending,
            force: self.intent.as_ref().is_some_and(|intent| intent.force),
            attempts: self.attempts,
            request_id: self.request_id.clone(),
            note: note.into(),
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts { key: &self.line.key, job: &self.job, row: &self.row, thing: self.thing.as_ref() }
    }

    /// Whether a description is of what the line was planned for.
    fn is_as_planned(&self, description: &ExecutionDescription) -> bool {
        let pinned = self.act.pins.as_ref().map(|pins| pins.version);
        // A second attempt was judged at a version of its own; the pin has done its work.
        let version_fits = self.is_begun()
            || pinned.is_none_or(|version| description.version == Fact::Known(version));
        description.number == Fact::Known(self.act.number)
            && description.status.open() == Some(self.act.status)
            && version_fits
    }
}

/// How long to wait before the n-th repetition, from 1: a second, then twice as long, up to a minute.
pub(super) fn wait(repetition: u32) -> Duration {
    Duration::from_secs((1 << repetition.saturating_sub(1).min(6)).min(60))
}

impl Executor {
    /// Describes, with the permit taken here: the time is that of the send.
    pub(super) async fn describe(
        &self,
        key: &ExecutionKey,
        number: Option<ExecutionNumber>,
    ) -> (Instant, jiff::Timestamp, BackendResult<ExecutionDescription>) {
        self.pacer.permit(Operation::DescribeJobExecution).await;
        let (sent, at) = (Instant::now(), self.clock.now());
        let answer = self.reader.describe_execution(key, number).await;
        self.pacer.record(Operation::DescribeJobExecution, &answer);
        (sent, at, answer)
    }

    pub(super) async fn walk(&self, mut work: Work, shared: &Mutex<Shared>) -> Step {
        if work.settling {
            match self.find_out(work).await {
                Ok(unmoved) => work = *unmoved,
                Err(step) => return step,
            }
        }
        let mut has_permit = false;
        loop {
            let (sent, at, answer) = self.describe(work.key(), None).await;
            match answer {
                Ok(description) if work.is_as_planned(&description) => {
                    work.read_failures = 0;
                    work.row.take_in(description, at);
                }
                Ok(description) => {
                    let note = moved(&work, &description);
                    return self.end(work, Outcome::Superseded, note).await;
                }
                Err(error) => return self.cannot_describe(work, error, shared).await,
            }
            self.refresh_thing(&mut work).await;
            let policies = self.in_force.current();
            let ruling = match judge(&policies, &work.facts(), self.clock.now()) {
                Judgement::Cancel(ruling) => ruling,
                Judgement::Keep { policy, verdict } => {
                    let now = self.clock.now();
                    let note = match policy {
                        Some(policy) => why(verdict, &policy, &work.facts(), now),
                        None => "no policy has it in scope any more".to_owned(),
                    };
                    return self.kept(work, verdict.reason, note).await;
                }
            };
            if ruling.policy.name != *work.policy_name() || ruling.force != work.act.force {
                let note = format!("policy {} is its cause now", ruling.policy.name);
                return self.end(work, Outcome::Superseded, note).await;
            }
            if !has_permit {
                self.pacer.permit(Operation::CancelJobExecution).await;
                has_permit = true;
            }
            // Room for the write of the intent: what is about to be too old is described again.
            if sent.elapsed() > DESCRIBE_FRESH / 2 {
                continue;
            }
            return self.send(work, ruling, sent, shared).await;
        }
    }

    /// Reads again what the registry says of the thing, if a policy in force asks for it and it is
    /// too old. What cannot be read again is not known any more, and so keeps the execution.
    async fn refresh_thing(&self, work: &mut Work) {
        let policies = self.in_force.current();
        let asked = policies.iter().map(|policy| reads_thing(policy));
        let (description, groups) = asked.fold((false, false), |(a, b), (c, d)| (a | c, b | d));
        let Some(thing) = &work.thing else { return };
        let now = self.clock.now();
        if thing.read_at.is_none_or(|at| now.duration_since(at) <= THING_FRESH) {
            return;
        }
        let facts = ThingFacts {
            description: description && !thing.description.is_not_read(),
            groups: groups && !thing.groups.is_not_read(),
        };
        let name = work.line.key.thing.clone();
        let (thing, errors) = read_thing(&*self.paced, &self.clock, &name, facts).await;
        for error in errors {
            tracing::warn!(%error, thing = %name, "a thing could not be read again");
        }
        work.thing = Some(thing);
    }

    async fn send(
        &self,
        mut work: Work,
        ruling: Ruling,
        described: Instant,
        shared: &Mutex<Shared>,
    ) -> Step {
        let attempt = format!("{}.{}", work.id, work.attempts + 1);
        let now = self.clock.now();
        let Some(details) = details(&ruling.policy, &work.facts(), &attempt, now) else {
            let note = "what its statusDetails need is not known".to_owned();
            return self.kept(work, Reason::FactUnknown, note).await;
        };
        let intent = Intent {
            id: work.id.clone(),
            key: work.key().clone(),
            number: ruling.number,
            version: ruling.version,
            force: ruling.force,
            details,
            policy: ruling.policy.name.clone(),
            digest: ruling.policy.digest.clone(),
        };
        let begun = if work.is_begun() {
            self.state.attempt(&intent).await.map(|()| Begun::Yes)
        } else {
            self.state.begin(&intent, &work.act.charges, now).await
        };
        match begun {
            Ok(Begun::Yes) => {}
            Ok(Begun::OverBudget(_)) => {
                let record =
                    work.record(Ending::BudgetExhausted, "its turn comes when the budget refills");
                return Step::Ended(Box::new(work), record);
            }
            Ok(Begun::AlreadyOpen) => {
                let record =
                    work.record(Ending::NotTried, "an earlier cancel of it is not settled");
                return Step::Ended(Box::new(work), record);
            }
            Err(error) => {
                let note = format!("the intent could not be written: {error}");
                lock(shared).dead = Some(note.clone());
                let record = work.record(Ending::NotTried, note);
                return Step::Ended(Box::new(work), record);
            }
        }
        let request = CancelRequest {
            key: work.key().clone(),
            force: ruling.force,
            expected_version: ruling.version,
            status_details: Some(intent.details.send.clone()),
        };
        work.intent = Some(intent);
        work.spent = true;
        work.attempts += 1;
        let gate = Arc::new(SendGate {
            in_force: Arc::clone(&self.in_force),
            state: Arc::clone(&self.state),
            clock: self.clock.clone(),
            described,
            key: work.key().clone(),
            job: work.job.clone(),
            row: work.row.clone(),
            thing: work.thing.clone(),
            ruling,
            refusal: Mutex::default(),
        });
        work.sent = Some(Instant::now());
        let answer = self.writer.cancel(&request, gate.clone()).await;
        self.pacer.record(Operation::CancelJobExecution, &answer);
        let refusal = lock(&gate.refusal).take();
        self.answered(work, request.expected_version, answer, refusal, shared).await
    }

    async fn answered(
        &self,
        mut work: Work,
        version: ExecutionVersion,
        answer: BackendResult<CancelAnswer>,
        refusal: Option<String>,
        shared: &Mutex<Shared>,
    ) -> Step {
        let error = match answer {
            Ok(CancelAnswer { request_id }) => {
                work.request_id = request_id;
                let note = format!("canceled at version {version}");
                return self.end(work, Outcome::Canceled, note).await;
            }
            Err(error) => error,
        };
        work.request_id.clone_from(&error.request_id);
        match error.kind {
            ErrorKind::Withdrawn => {
                let note = refusal.unwrap_or_else(|| "what is in force forbade it".to_owned());
                self.end(work, Outcome::Withdrawn, note).await
            }
            ErrorKind::VersionConflict | ErrorKind::InvalidStateTransition => {
                self.conflicted(work, &error).await
            }
            ErrorKind::NotFound => self.vanished(work).await,
            ErrorKind::Throttled if work.throttles < THROTTLE_TRIES => {
                work.throttles += 1;
                let until = Instant::now() + wait(work.throttles);
                Step::Parked(Box::new(work), until)
            }
            kind if kind.effect_unknown() => {
                work.maybe_sent = true;
                work.settling = true;
                match self.find_out(work).await {
                    // Proved later than the flight time: the next attempt begins at the describe.
                    Ok(unmoved) => {
                        let now = Instant::now();
                        Step::Parked(unmoved, now)
                    }
                    Err(step) => step,
                }
            }
            kind => {
                refused(&work, kind, &error, shared);
                self.end(work, Outcome::Failed, error.to_string()).await
            }
        }
    }

    async fn kept(&self, work: Work, reason: Reason, note: String) -> Step {
        if work.is_begun() {
            return self.end(work, Outcome::Withdrawn, note).await;
        }
        let record = work.record(Ending::Kept(reason), note);
        Step::Ended(Box::new(work), record)
    }

    async fn cannot_describe(&self, mut work: Work, error: Error, shared: &Mutex<Shared>) -> Step {
        if error.kind == ErrorKind::NotFound {
            return self.end(work, Outcome::Gone, "it is no longer there".to_owned()).await;
        }
        if error.kind == ErrorKind::Credentials {
            lock(shared).dead = Some(format!("not tried: {error}"));
        }
        if error.kind.is_transient() && work.read_failures < READ_TRIES {
            work.read_failures += 1;
            let until = Instant::now() + wait(work.read_failures);
            return Step::Parked(Box::new(work), until);
        }
        self.end(work, Outcome::Failed, error.to_string()).await
    }
}

/// Remembers what a refusal says about the lines that come after it.
fn refused(work: &Work, kind: ErrorKind, error: &Error, shared: &Mutex<Shared>) {
    let mut shared = lock(shared);
    match kind {
        ErrorKind::Denied => {
            let jobs = shared.denied.entry(work.policy_name().clone()).or_default();
            jobs.insert(work.key().job.clone());
        }
        ErrorKind::Credentials => shared.dead = Some(format!("not tried: {error}")),
        ErrorKind::Throttled => {}
        _ => tracing::error!(%error, execution = %work.key(), "AWS refused the request itself"),
    }
}

fn why(verdict: Verdict, policy: &Policy, facts: &Facts<'_>, now: jiff::Timestamp) -> String {
    in_words(verdict.reason, &because_of(policy, verdict, facts, now), now)
}

fn moved(work: &Work, now: &ExecutionDescription) -> String {
    if now.number == Fact::Known(work.number()) {
        match (now.status.open() == Some(work.status()), now.version) {
            (true, Fact::Known(version)) => format!("it moved on to version {version}"),
            (true, _) => "its version cannot be read".to_owned(),
            (false, _) => format!("it was {} and is {} now", work.status(), now.status),
        }
    } else {
        "it is another execution of the same job now".to_owned()
    }
}

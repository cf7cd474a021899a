//! A state that lasts as long as the process, and the rules that every state keeps.
//!
//! [`MemoryState`] keeps the port's promises but for durability: budgets count from the start of the
//! process, and what was open when it ended is forgotten. The rules are in `Inner`, which is told a
//! change only once that is durable: the state on disk has one of them too, so that both refuse, charge
//! and forget alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::execution::{ExecutionKey, JobId};
use crate::mutant::{self, Mutant};
use crate::plan::breaker::{self, Breaker, Cases, Change, Health};
use crate::plan::budget::left_of;
use crate::plan::{CANCELED_MEMORY, Charge, Intent, IntentId, Look, Memory, Sightings, Spent};
use crate::policy::{PolicyName, Thresholds};
use crate::state::{
    AdoptedGuard, Begun, DENIED_FOR, Error, FAILURE_COUNTS, Open, Settlement, State, back_off,
};

mod doubt;

pub(super) use doubt::{NOT_YET, waits};

/// How long a settled unit is kept: longer than the longest `per` of a limit, which is 30 days.
pub(super) const UNITS_KEPT: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The state in memory.
#[derive(Debug, Default)]
pub struct MemoryState(Mutex<Inner>);

/// What is remembered, and what follows from it.
#[derive(Debug, Default)]
pub(super) struct Inner {
    /// The clock whose times it is told, where there is one to ask for the machine's.
    pub clock: Option<Clock>,
    /// The time of the latest change.
    pub latest: Option<Timestamp>,
    /// What has no outcome; its units are in `memory` as well.
    pub open: BTreeMap<IntentId, Open>,
    /// How often in a row each execution has failed.
    pub failures: BTreeMap<ExecutionKey, u32>,
    /// The guards that were adopted.
    pub guards: BTreeMap<PolicyName, AdoptedGuard>,
    /// What the planner has to know, as of the latest change. A ledger that has not begun yet begins at
    /// the end of time.
    pub memory: Memory,
}

impl MemoryState {
    /// A state that knows nothing of what was before a time.
    pub fn without_past(began: Timestamp) -> Self {
        let memory = Memory { ledger_began: Some(began), ..Memory::default() };
        Self(Mutex::new(Inner { memory, ..Inner::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The time of a change: it never goes back.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        self.latest.map_or(now, |latest| latest.max(now))
    }

    /// Takes the time of a change for the latest, and forgets what is over by then, also if that time
    /// may be wrong: a clock that was put back lets things stay for longer. Reading is no
    /// change: before AWS has answered, `now` is by a clock that nobody has confirmed.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        let latest = self.time(now);
        self.latest = Some(latest);
        let earliest = self.earliest(now);
        forget(&mut self.memory, earliest);
        let waits = &self.memory.backing_off;
        self.failures.retain(|key, _| waits.contains_key(key));
        latest
    }

    /// What the planner has to know.
    pub fn memory(&self, now: Timestamp) -> Memory {
        let latest = self.time(now);
        let mut memory = self.memory.clone();
        forget(&mut memory, self.earliest(now));
        memory.ledger_began = memory.ledger_began.map(|began| began.min(latest));
        memory
    }

    /// Why an intent may not be begun.
    pub fn refusal(&self, intent: &Intent, charges: &[Charge], now: Timestamp) -> Option<Begun> {
        if self.memory.open.contains(&intent.key) {
            return Some(Begun::AlreadyOpen);
        }
        let now = self.earliest(now);
        let full = charges.iter().find(|charge| left_of(charge, &self.memory, now) == 0)?;
        Some(Begun::OverBudget(full.clone()))
    }

    /// Begins an intent that is not refused.
    pub fn begin(&mut self, intent: &Intent, now: Timestamp) {
        let sent_at = self.advance(now);
        self.reopen(Open { intent: intent.clone(), sent_at });
    }

    /// Takes in an intent that has no outcome.
    pub fn reopen(&mut self, open: Open) {
        if !mutant::is(Mutant::BudgetOnReply) {
            self.memory.spent.push(Spent::of(&open.intent));
        }
        self.memory.open.insert(open.intent.key.clone());
        self.open.insert(open.intent.id.clone(), open);
    }

    /// The open intent of a name.
    pub fn open(&self, id: &IntentId) -> Result<&Open, Error> {
        self.open.get(id).ok_or_else(|| Error::NotOpen(id.clone()))
    }

    /// Replaces an open intent by that of its next attempt.
    pub fn attempt(&mut self, intent: &Intent, now: Timestamp) {
        let sent_at = self.advance(now);
        self.open.insert(intent.id.clone(), Open { intent: intent.clone(), sent_at });
    }

    /// Ends an open intent.
    pub fn settle(&mut self, id: &IntentId, settlement: &Settlement, now: Timestamp) {
        let now = self.advance(now);
        let Some(Open { intent, .. }) = self.open.remove(id) else { return };
        self.memory.open.remove(&intent.key);
        // Open units of the same policy and force are alike: any of them may be the intent's.
        let unit = Spent::of(&intent);
        if let Some(place) = self.memory.spent.iter().rposition(|spent| *spent == unit) {
            self.memory.spent.swap_remove(place);
        }
        if !settlement.no_effect {
            self.memory.spent.push(Spent { settled: Some(now), ..unit });
        }
        if settlement.outcome.is_cancel() {
            let of_key = self.memory.canceled.entry(intent.key.clone()).or_default();
            of_key.insert(intent.number, now);
        }
        if settlement.backs_off {
            self.fail(&intent.key, now);
        } else if settlement.ends_failures() {
            self.failures.remove(&intent.key);
            self.memory.backing_off.remove(&intent.key);
        }
    }

    /// How often an execution has failed in a row with one failure more, and until when it is left
    /// alone then. Where its job is left alone, that is counted from the end of that, so that the others
    /// of the job have their turn before it.
    pub fn failed(&self, key: &ExecutionKey, now: Timestamp) -> (u32, Timestamp) {
        let now = self.time(now);
        let counts = self.memory.backing_off.get(key).is_some_and(|until| counts_on(*until, now));
        let before = self.failures.get(key).copied().filter(|_| counts).unwrap_or_default();
        let failures = before.saturating_add(1);
        let of_job = self.memory.denied.iter().filter(|((_, job), _)| *job == key.job);
        let from = of_job.map(|(_, until)| *until).fold(now, Timestamp::max);
        (failures, from.checked_add(back_off(failures)).unwrap_or(Timestamp::MAX))
    }

    /// Leaves an execution alone for a while.
    pub fn fail(&mut self, key: &ExecutionKey, now: Timestamp) {
        let now = self.advance(now);
        let (failures, until) = self.failed(key, now);
        self.failures.insert(key.clone(), failures);
        self.memory.backing_off.insert(key.clone(), until);
    }

    /// Until when a policy leaves a job alone whose calls are denied now.
    pub fn denied_until(&self, now: Timestamp) -> Timestamp {
        self.time(now).checked_add(DENIED_FOR).unwrap_or(Timestamp::MAX)
    }

    /// Leaves a job alone for a while.
    pub fn deny(&mut self, policy: &PolicyName, job: &JobId, now: Timestamp) {
        let now = self.advance(now);
        self.memory.denied.insert((policy.clone(), job.clone()), self.denied_until(now));
    }

    /// What is seen to have matched after one more look.
    pub fn sighted(&self, look: &Look, lasts: SignedDuration, now: Timestamp) -> Sightings {
        let mut sightings = Sightings::clone(&self.memory.sightings);
        look.take_in(&mut sightings, lasts, self.time(now));
        sightings
    }

    /// Takes for seen what is after a look.
    pub fn sight(&mut self, sightings: Sightings, now: Timestamp) {
        self.advance(now);
        self.memory.sightings = sightings.into();
    }

    /// Keeps guards, and forgets those that are retired.
    pub fn adopt(&mut self, guards: &[AdoptedGuard], retired: &BTreeSet<PolicyName>) {
        self.guards.retain(|name, _| !retired.contains(name));
        self.guards.extend(guards.iter().map(|guard| (guard.name.clone(), guard.clone())));
    }
}

/// Forgets what is over.
fn forget(memory: &mut Memory, now: Timestamp) {
    memory.spent.retain(|unit| unit.is_within(UNITS_KEPT, now));
    for of_key in memory.canceled.values_mut() {
        of_key.retain(|_, at| hides(*at, now));
    }
    memory.canceled.retain(|_, of_key| !of_key.is_empty());
    memory.denied.retain(|_, until| now < *until);
    memory.backing_off.retain(|_, until| counts_on(*until, now));
}

/// Whether a cancel still hides what a list shows.
pub(super) fn hides(canceled_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(canceled_at) < CANCELED_MEMORY
}

/// Whether a failure whose back-off ends at a time still counts as in a row.
fn counts_on(until: Timestamp, now: Timestamp) -> bool {
    now.duration_since(until) < FAILURE_COUNTS
}

#[async_trait]
impl State for MemoryState {
    async fn memory(&self, now: Timestamp) -> Result<Memory, Error> {
        Ok(self.lock().memory(now))
    }

    async fn begin(
        &self,
        intent: &Intent,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Begun, Error> {
        let mut inner = self.lock();
        if let Some(refusal) = inner.refusal(intent, charges, now) {
            return Ok(refusal);
        }
        inner.begin(intent, now);
        Ok(Begun::Yes)
    }

    async fn attempt(&self, intent: &Intent, now: Timestamp) -> Result<(), Error> {
        let mut inner = self.lock();
        inner.open(&intent.id)?;
        inner.attempt(intent, now);
        Ok(())
    }

    async fn settle(
        &self,
        id: &IntentId,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut inner = self.lock();
        inner.open(id)?;
        inner.settle(id, settlement, now);
        Ok(())
    }

    async fn back_off(&self, key: &ExecutionKey, now: Timestamp) -> Result<(), Error> {
        self.lock().fail(key, now);
        Ok(())
    }

    async fn deny(&self, policy: &PolicyName, job: &JobId, now: Timestamp) -> Result<(), Error> {
        self.lock().deny(policy, job, now);
        Ok(())
    }

    async fn sight(&self, look: &Look, lasts: SignedDuration, now: Timestamp) -> Result<(), Error> {
        if look.is_empty() {
            return Ok(());
        }
        let mut inner = self.lock();
        let sightings = inner.sighted(look, lasts, now);
        inner.sight(sightings, now);
        Ok(())
    }

    async fn open(&self) -> Result<Vec<Open>, Error> {
        Ok(self.lock().open.values().cloned().collect())
    }

    async fn adopt(
        &self,
        guards: &[AdoptedGuard],
        retired: &BTreeSet<PolicyName>,
        _now: Timestamp,
    ) -> Result<(), Error> {
        self.lock().adopt(guards, retired);
        Ok(())
    }

    async fn adopted(&self) -> Result<Vec<AdoptedGuard>, Error> {
        Ok(self.lock().guards.values().cloned().collect())
    }

    fn count(&self, breaker: Breaker, cases: Cases, now: Timestamp) {
        self.lock().memory.breakers.count(breaker, cases, now);
    }

    fn breakers(&self) -> breaker::Record {
        self.lock().memory.breakers.clone()
    }

    async fn weigh(
        &self,
        health: &Health,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Result<Vec<Change>, Error> {
        Ok(self.lock().memory.breakers.weigh(health, thresholds, now))
    }

    fn is_held(&self) -> bool {
        true
    }
}

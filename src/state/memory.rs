//! A state that lasts as long as the process.
//!
//! It keeps the port's promises but for durability: budgets count from the start of the process, and
//! what was open when it ended is forgotten.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::execution::{ExecutionKey, ExecutionNumber, JobId};
use crate::plan::budget::left_of;
use crate::plan::{CANCELED_MEMORY, Charge, Intent, IntentId, Memory, Outcome, Spent};
use crate::policy::PolicyName;
use crate::state::{Begun, DENIED_FOR, Error, Settlement, State, back_off};

/// How long a settled unit is kept: longer than the longest `per` of a limit, which is 30 days.
const UNITS_KEPT: SignedDuration = SignedDuration::from_hours(31 * 24);

/// The state in memory.
#[derive(Debug, Default)]
pub struct MemoryState(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    latest: Option<Timestamp>,
    open: BTreeMap<IntentId, Intent>,
    units: Vec<Unit>,
    canceled: BTreeMap<ExecutionKey, BTreeMap<ExecutionNumber, Timestamp>>,
    failures: BTreeMap<ExecutionKey, (u32, Timestamp)>,
    denied: BTreeMap<(PolicyName, JobId), Timestamp>,
}

#[derive(Debug)]
struct Unit {
    intent: IntentId,
    spent: Spent,
}

impl MemoryState {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The time to use for `now`: it never goes back.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        let latest = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(latest);
        self.units.retain(|unit| {
            unit.spent.settled.is_none_or(|at| latest.duration_since(at) < UNITS_KEPT)
        });
        for of_key in self.canceled.values_mut() {
            of_key.retain(|_, at| latest.duration_since(*at) < CANCELED_MEMORY);
        }
        self.canceled.retain(|_, of_key| !of_key.is_empty());
        self.denied.retain(|_, until| latest < *until);
        // A failure is forgotten a while after its back-off ended: it no longer counts as in a row.
        let forgotten = back_off(u32::MAX);
        self.failures.retain(|_, (_, until)| latest.duration_since(*until) < forgotten);
        latest
    }

    fn spent(&self) -> Vec<Spent> {
        self.units.iter().map(|unit| unit.spent.clone()).collect()
    }

    fn fail(&mut self, key: &ExecutionKey, now: Timestamp) {
        let failures =
            self.failures.get(key).map_or(0, |(failures, _)| *failures).saturating_add(1);
        let until = now.checked_add(back_off(failures)).unwrap_or(Timestamp::MAX);
        self.failures.insert(key.clone(), (failures, until));
    }
}

#[async_trait]
impl State for MemoryState {
    async fn memory(&self, now: Timestamp) -> Result<Memory, Error> {
        let mut inner = self.lock();
        inner.advance(now);
        Ok(Memory {
            spent: inner.spent(),
            // What was before this process is not known either; `plan` and `apply` say so.
            ledger_began: None,
            canceled: inner.canceled.clone(),
            backing_off: inner.failures.iter().map(|(k, (_, until))| (k.clone(), *until)).collect(),
            denied: inner.denied.clone(),
            open: inner.open.values().map(|intent| intent.key.clone()).collect(),
        })
    }

    async fn begin(
        &self,
        intent: &Intent,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Begun, Error> {
        let mut inner = self.lock();
        let now = inner.advance(now);
        if inner.open.values().any(|open| open.key == intent.key) {
            return Ok(Begun::AlreadyOpen);
        }
        let memory = Memory { spent: inner.spent(), ..Memory::default() };
        if let Some(charge) = charges.iter().find(|charge| left_of(charge, &memory, now) == 0) {
            return Ok(Begun::OverBudget(charge.clone()));
        }
        inner.units.push(Unit { intent: intent.id.clone(), spent: Spent::of(intent) });
        inner.open.insert(intent.id.clone(), intent.clone());
        Ok(Begun::Yes)
    }

    async fn attempt(&self, intent: &Intent) -> Result<(), Error> {
        match self.lock().open.get_mut(&intent.id) {
            Some(open) => {
                *open = intent.clone();
                Ok(())
            }
            None => Err(Error::NotOpen(intent.id.clone())),
        }
    }

    async fn settle(
        &self,
        id: &IntentId,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut inner = self.lock();
        let now = inner.advance(now);
        let intent = inner.open.remove(id).ok_or_else(|| Error::NotOpen(id.clone()))?;
        if settlement.no_effect {
            inner.units.retain(|unit| unit.intent != *id);
        } else if let Some(unit) = inner.units.iter_mut().find(|unit| unit.intent == *id) {
            unit.spent.settled = Some(now);
        }
        if matches!(settlement.outcome, Outcome::Canceled | Outcome::CanceledUnattributed) {
            inner.canceled.entry(intent.key.clone()).or_default().insert(intent.number, now);
        }
        if settlement.backs_off {
            inner.fail(&intent.key, now);
        } else {
            inner.failures.remove(&intent.key);
        }
        Ok(())
    }

    async fn back_off(&self, key: &ExecutionKey, now: Timestamp) -> Result<(), Error> {
        let mut inner = self.lock();
        let now = inner.advance(now);
        inner.fail(key, now);
        Ok(())
    }

    async fn deny(&self, policy: &PolicyName, job: &JobId, now: Timestamp) -> Result<(), Error> {
        let mut inner = self.lock();
        let until = inner.advance(now).checked_add(DENIED_FOR).unwrap_or(Timestamp::MAX);
        inner.denied.insert((policy.clone(), job.clone()), until);
        Ok(())
    }

    fn is_held(&self) -> bool {
        true
    }
}

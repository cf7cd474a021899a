//! What a state keeps of the breakers, where the gate can ask for it without waiting for a disk.
//!
//! Apart from `memory`'s rules, since an answer of AWS is counted at once and becomes durable with the
//! next change: a burst of failures must stop the next cancel, not the next pass. What a crash loses of it
//! is a few cases, which open a breaker a moment later.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::plan::breaker::{Breaker, Cases, Change, Health, Record};
use crate::policy::Thresholds;

/// The breakers of a state, and what of them is not durable yet.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    record: Record,
    unwritten: Unwritten,
}

/// What is not durable yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unwritten {
    /// Minutes whose cases have changed.
    pub minutes: BTreeSet<(Breaker, i64)>,
    /// What opened and closed, in that order.
    pub changes: Vec<(Change, Timestamp)>,
    /// Whether somebody looked at what is open.
    pub looked: bool,
}

impl Unwritten {
    /// Whether everything is durable.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Breakers {
    pub(super) fn new(record: Record) -> Self {
        Self(Mutex::new(Kept { record, unwritten: Unwritten::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept.
    pub(super) fn record(&self) -> Record {
        self.lock().record.clone()
    }

    /// Counts cases.
    pub(super) fn count(&self, breaker: Breaker, cases: Cases, now: Timestamp) {
        let mut kept = self.lock();
        kept.record.count(breaker, cases, now);
        kept.unwritten.minutes.insert((breaker, crate::plan::breaker::minute(now)));
    }

    /// Takes in a look.
    pub(super) fn weigh(
        &self,
        health: &Health,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut kept = self.lock();
        let Kept { record, unwritten } = &mut *kept;
        let changes = record.weigh(health, thresholds, now);
        if health.unknown.all > 0 {
            unwritten.minutes.insert((Breaker::Unknown, crate::plan::breaker::minute(now)));
        }
        unwritten.changes.extend(changes.iter().map(|change| (change.clone(), now)));
        unwritten.looked |= !record.open.is_empty();
        changes
    }

    /// Closes a breaker. Whether it was open.
    pub(super) fn resume(&self, breaker: Breaker) -> bool {
        self.lock().record.resume(breaker)
    }

    /// Whether anything is not durable yet.
    pub(super) fn is_unwritten(&self) -> bool {
        !self.lock().unwritten.is_empty()
    }

    /// What is to be made durable now, with the record that it is part of.
    pub(super) fn take_unwritten(&self) -> (Record, Unwritten) {
        let mut kept = self.lock();
        let unwritten = std::mem::take(&mut kept.unwritten);
        if unwritten.is_empty() {
            return (Record::default(), unwritten);
        }
        (kept.record.clone(), unwritten)
    }

    /// Gives back what could not be made durable.
    pub(super) fn put_back(&self, unwritten: Unwritten) {
        let mut kept = self.lock();
        let later = std::mem::replace(&mut kept.unwritten, unwritten);
        kept.unwritten.minutes.extend(later.minutes);
        kept.unwritten.changes.extend(later.changes);
        kept.unwritten.looked |= later.looked;
    }
}

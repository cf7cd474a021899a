//! Which time a ledger trusts: AWS's, as long as the machine's clock does not contradict it.
//!
//! A `Date` that is wrong must not free what was spent, and must not stay in the ledger for long. One
//! clock cannot tell that it is wrong; two can. Where AWS's differs from the machine's by more than
//! [`CONTRADICTS`], nobody knows which is right. Until they do not, things are written down at the later of
//! AWS's time and the latest that was written, and let go of at the earliest that may be true. Once they
//! agree to [`AGREE`], and what is written is later than that by more, it was written by a clock that
//! was wrong: it is put back to now, since it was before now, and so its units count for their whole
//! window from now on. What was seen to match begins anew.
//!
//! Invariants: one clock alone, put forward or back, drops no unit that counts; where the two differ by
//! less than what contradicts, the breaker keeps everything unless a guard says that so much is right. A
//! unit is put back only by two clocks that agree, and never to a time before the present.
//!
//! That a `Date` is asked for twice before it is believed would not help: whoever gives a wrong one gives
//! it again.

use jiff::{SignedDuration, Timestamp};

use super::Inner;
use crate::clock::Clock;
use crate::plan::Sightings;
use crate::state::{DENIED_FOR, back_off};

/// Two clocks that differ by more contradict each other. A day: units are kept for so much longer than any
/// of them counts, so that none is dropped by a clock that is wrong by less.
const CONTRADICTS: SignedDuration = SignedDuration::from_hours(24);

/// Two clocks that differ by no more agree: far more than the breaker allows that keeps everything
/// meanwhile, and less than matters to a ledger.
const AGREE: SignedDuration = SignedDuration::from_hours(1);

/// When a ledger began that waits for AWS's first answer.
pub(in crate::state) const NOT_YET: Timestamp = Timestamp::MAX;

impl Inner {
    /// The machine's time, where it contradicts `now`.
    fn contradicted(&self, now: Timestamp) -> Option<Timestamp> {
        self.machine().filter(|machine| machine.duration_since(now).abs() > CONTRADICTS)
    }

    fn machine(&self) -> Option<Timestamp> {
        self.clock.as_ref().and_then(Clock::machine)
    }

    /// The earliest that `now` may be in truth: by it things are let go of.
    pub fn earliest(&self, now: Timestamp) -> Timestamp {
        self.contradicted(now).map_or(now, |machine| machine.min(now))
    }

    /// The latest that `now` may be in truth: a ledger begins by it.
    pub fn latest_of(&self, now: Timestamp) -> Timestamp {
        self.machine().map_or(now, |machine| machine.max(now))
    }

    /// Whether something was written by a clock that was ahead. Only two clocks that agree can tell.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        let confirmed = self.clock.as_ref().is_some_and(Clock::is_confirmed);
        let agree = |machine: Timestamp| machine.duration_since(now).abs() <= AGREE;
        let began = self.memory.ledger_began.filter(|began| *began != NOT_YET);
        confirmed
            && self.machine().is_some_and(agree)
            && self.latest.max(began).is_some_and(|latest| latest.duration_since(now) > AGREE)
    }

    /// Puts what is later than now back to now. Backing off ends after the longest time that it takes.
    pub fn put_back(&mut self, now: Timestamp) {
        let memory = &mut self.memory;
        let written = (memory.spent.iter_mut().filter_map(|unit| unit.settled.as_mut()))
            .chain(memory.canceled.values_mut().flat_map(|of_key| of_key.values_mut()))
            .chain(memory.ledger_began.as_mut().filter(|began| **began != NOT_YET))
            .chain(self.open.values_mut().map(|open| &mut open.sent_at))
            .chain(&mut self.latest);
        for at in written {
            *at = now.min(*at);
        }
        let (backed_off, denied) = waits(now);
        for until in memory.backing_off.values_mut() {
            *until = backed_off.min(*until);
        }
        for until in memory.denied.values_mut() {
            *until = denied.min(*until);
        }
        memory.sightings = Sightings::default().into();
    }
}

/// Until when an execution is left alone at the longest, and a job that was denied.
pub(in crate::state) fn waits(now: Timestamp) -> (Timestamp, Timestamp) {
    let after = |wait| now.checked_add(wait).unwrap_or(Timestamp::MAX);
    (after(DENIED_FOR + back_off(u32::MAX)), after(DENIED_FOR))
}

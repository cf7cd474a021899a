//! The emulator's own time: a clock's, moved on or stopped.
//!
//! It never goes back: what has happened has happened.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::clock::Clock;

/// Time cannot be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the emulator's time does not go back, nor beyond the year 9999: reset it to begin anew")]
pub struct BackInTime;

/// What `/_emulator/clock` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClockState {
    /// The emulator's time.
    pub now: Timestamp,
    /// Whether it stands still.
    pub stopped: bool,
    /// What follows for who works against it, where it is far from the machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

/// From how far on a client may take it for a clock that is wrong: rescind by itself does after a minute.
const FAR: SignedDuration = SignedDuration::from_secs(60);

/// What is said of a clock that is that far.
const NOTE: &str = "Clients see a clock that differs from the machine's. `rescind apply` and `run` stop by it \
                    (breaker clock), unless each CancelGuard with breakers allows it: breakers: \
                    {clockSkewSeconds: 31536000}";

/// A clock and how far the emulator is ahead of it.
pub struct Time {
    clock: Clock,
    shift: Mutex<Shift>,
}

#[derive(Clone, Copy, Default)]
struct Shift {
    ahead: SignedDuration,
    stopped_at: Option<Timestamp>,
}

impl Time {
    pub fn new(clock: Clock) -> Self {
        Self { clock, shift: Mutex::default() }
    }

    pub fn now(&self) -> Timestamp {
        let shift = *self.shift();
        shift.stopped_at.unwrap_or_else(|| self.running(shift))
    }

    pub fn state(&self) -> ClockState {
        let now = self.now();
        let is_far = now.duration_since(self.clock.now()).abs() > FAR;
        ClockState { now, stopped: self.shift().stopped_at.is_some(), note: is_far.then_some(NOTE) }
    }

    pub fn advance(&self, duration: SignedDuration) -> Result<(), BackInTime> {
        let now = self.now();
        let later = now.checked_add(duration).map_err(|_| BackInTime)?;
        if later < now {
            return Err(BackInTime);
        }
        let mut shift = self.shift();
        shift.ahead = shift.ahead.saturating_add(duration);
        shift.stopped_at = shift.stopped_at.map(|_| later);
        Ok(())
    }

    pub fn set(&self, now: Timestamp) -> Result<(), BackInTime> {
        if now < self.now() {
            return Err(BackInTime);
        }
        let mut shift = self.shift();
        shift.ahead = now.duration_since(self.clock.now());
        shift.stopped_at = shift.stopped_at.map(|_| now);
        Ok(())
    }

    pub fn stop(&self, stopped: bool) {
        let now = self.now();
        let mut shift = self.shift();
        if stopped {
            shift.stopped_at = Some(now);
        } else if let Some(at) = shift.stopped_at.take() {
            shift.ahead = at.duration_since(self.clock.now());
        }
    }

    pub fn reset(&self) {
        *self.shift() = Shift::default();
    }

    fn running(&self, shift: Shift) -> Timestamp {
        self.clock.now().checked_add(shift.ahead).unwrap_or(Timestamp::MAX)
    }

    fn shift(&self) -> MutexGuard<'_, Shift> {
        self.shift.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The only `now()`: our monotonic clock, corrected by AWS's `Date` header.
//!
//! Ages, expiries and the ledger are judged by AWS's time, because AWS wrote the times that they are
//! compared with. The correction follows the header only when our estimate does not fit it, since the
//! header has whole seconds; the clock never goes back by less than that is worth.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// How long an answer of AWS vouches for its clock.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(60);

/// A clock that can be shared; clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    started: Instant,
    wall_at_start: Timestamp,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    offset: SignedDuration,
    confirmed: Option<Instant>,
}

impl Clock {
    /// The machine's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    pub fn system() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// A clock that begins at a given time and runs with tokio's, which tests can pause.
    pub fn starting_at(time: Timestamp) -> Self {
        Self(Arc::new(Inner {
            started: Instant::now(),
            wall_at_start: time,
            state: Mutex::default(),
        }))
    }

    /// AWS's time as far as it is known, else ours.
    pub fn now(&self) -> Timestamp {
        self.uncorrected().saturating_add(self.offset()).expect("a SignedDuration always saturates")
    }

    /// Takes in a `Date` header of an answer to a request that was sent at `sent`.
    pub fn confirm(&self, date: Timestamp, sent: Instant) {
        let received = Instant::now();
        // The header was written between `sent` and `received`, and names the second that had begun.
        let earliest = date;
        let flight = SignedDuration::try_from(received - sent).unwrap_or(SignedDuration::MAX);
        let latest = date
            .saturating_add(SignedDuration::from_secs(1))
            .and_then(|time| time.saturating_add(flight))
            .unwrap_or(Timestamp::MAX);
        let estimate = self.now();
        let uncorrected = self.uncorrected();
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if estimate < earliest || estimate >= latest {
            let middle = date.saturating_add(SignedDuration::from_millis(500)).unwrap_or(date);
            state.offset = middle.duration_since(uncorrected);
        }
        state.confirmed = Some(received);
    }

    /// Whether AWS's clock was seen within [`CONFIRMED_FOR`].
    pub fn is_confirmed(&self) -> bool {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.confirmed.is_some_and(|at| at.elapsed() <= CONFIRMED_FOR)
    }

    /// How far AWS's clock is ahead of ours.
    pub fn offset(&self) -> SignedDuration {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).offset
    }

    fn uncorrected(&self) -> Timestamp {
        let elapsed =
            SignedDuration::try_from(self.0.started.elapsed()).unwrap_or(SignedDuration::MAX);
        self.0.wall_at_start.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).field("offset", &self.offset()).finish()
    }
}

//! The only `now()`: our monotonic clock, corrected by AWS's `Date` header.
//!
//! Ages, expiries and the ledger are judged by AWS's time, because AWS wrote the times that they are
//! compared with. It stands apart so that nothing else reads a clock.
//!
//! Invariants: between two corrections time runs as the monotonic clock does, whatever happens to the
//! machine's wall clock. A correction is the smallest that makes the estimate fit the header, which
//! has whole seconds: the estimate never moves away from AWS's time, so it neither jumps to and fro
//! nor goes further back than the header proves. A header that contradicts what AWS said a moment
//! ago is set aside.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::mutant::{self, Mutant};

/// How long an answer of AWS vouches for its clock.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(60);

/// By how much a header may differ from a clock that AWS confirmed within [`CONFIRMED_FOR`]. Neither
/// clock drifts by a tenth of a second in that time; AWS's hosts may differ by a few.
const SURPRISE: SignedDuration = SignedDuration::from_secs(10);

/// A clock that can be shared; clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    started: Instant,
    time_at_start: Timestamp,
    /// The machine's wall clock; none for a clock that has only a beginning.
    wall: Option<fn() -> Timestamp>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is added to the monotonic clock.
    correction: SignedDuration,
    /// When AWS's clock was last seen.
    confirmed: Option<Moment>,
}

/// A moment by the monotonic clock and by the machine's wall clock: the former stands still while the machine is
/// suspended, the latter can be set.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    at: Instant,
    wall: Timestamp,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that reads the wall clock"
        )]
        let wall = || Timestamp::now();
        Self::new(wall(), Some(wall))
    }

    /// A clock that begins at a given time and runs with tokio's, which tests can pause.
    pub fn starting_at(time: Timestamp) -> Self {
        Self::new(time, None)
    }

    /// The same, beside a wall clock that tests can set.
    #[doc(hidden)]
    pub fn beside(wall: fn() -> Timestamp) -> Self {
        Self::new(wall(), Some(wall))
    }

    fn new(time_at_start: Timestamp, wall: Option<fn() -> Timestamp>) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Inner { started: Instant::now(), time_at_start, wall, state }))
    }

    /// AWS's time as far as it is known, else ours.
    pub fn now(&self) -> Timestamp {
        let correction = if mutant::is(Mutant::LocalClock) {
            SignedDuration::ZERO
        } else {
            self.state().correction
        };
        self.estimate(Instant::now(), correction)
    }

    /// Takes in a `Date` header of an answer of AWS to a request that was sent at `sent`.
    pub fn confirm(&self, date: Timestamp, sent: Instant) {
        let received = Instant::now();
        let wall = self.wall();
        let mut state = self.state();
        let estimate = self.estimate(received, state.correction);
        // The header was written between `sent` and `received`, and names the second that had begun.
        let flight = SignedDuration::try_from(received - sent).unwrap_or(SignedDuration::MAX);
        let latest = add(date, flight.saturating_add(SignedDuration::from_secs(1)));
        let step = estimate.clamp(date, latest).duration_since(estimate);
        // Two answers that contradict each other come from two clocks, of which one is wrong. A clock
        // that has really moved is believed as soon as the earlier confirmation has run out.
        let contradicted =
            step.abs() > SURPRISE && state.confirmed.is_some_and(|it| it.holds(received, wall));
        if !contradicted {
            state.correction = state.correction.saturating_add(step);
            state.confirmed = Some(Moment { at: received, wall });
        }
    }

    /// This moment.
    pub fn moment(&self) -> Moment {
        Moment { at: Instant::now(), wall: self.wall() }
    }

    /// How long ago a moment was, by the clock by which that is longer.
    pub fn since(&self, moment: Moment) -> Duration {
        moment.age(Instant::now(), self.wall())
    }

    /// Whether AWS's clock was seen within [`CONFIRMED_FOR`], by either clock.
    pub fn is_confirmed(&self) -> bool {
        let wall = self.wall();
        self.state().confirmed.is_some_and(|it| it.holds(Instant::now(), wall))
    }

    /// How far AWS's clock is ahead of the machine's.
    pub fn offset(&self) -> SignedDuration {
        self.now().duration_since(self.wall())
    }

    /// The same, where it tells something of the machine: AWS's clock was seen a moment ago, and there is a
    /// wall clock to hold against it.
    pub fn skew(&self) -> Option<SignedDuration> {
        (self.0.wall.is_some() && self.is_confirmed()).then(|| self.offset())
    }

    /// The machine's time, without any word of AWS; none for a clock that has only a beginning.
    pub fn machine(&self) -> Option<Timestamp> {
        self.0.wall.map(|wall| wall())
    }

    /// The same, or what stands for it.
    fn wall(&self) -> Timestamp {
        self.machine().unwrap_or_else(|| self.estimate(Instant::now(), SignedDuration::ZERO))
    }

    fn estimate(&self, at: Instant, correction: SignedDuration) -> Timestamp {
        let elapsed = SignedDuration::try_from(at - self.0.started).unwrap_or(SignedDuration::MAX);
        add(self.0.time_at_start, elapsed.saturating_add(correction))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moment {
    /// By the monotonic clock.
    pub fn instant(self) -> Instant {
        self.at
    }

    fn age(&self, now: Instant, wall: Timestamp) -> Duration {
        (now - self.at).max(wall.duration_since(self.wall).unsigned_abs())
    }

    fn holds(&self, now: Instant, wall: Timestamp) -> bool {
        self.age(now, wall) <= CONFIRMED_FOR
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).field("offset", &self.offset()).finish()
    }
}

fn add(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).expect("a SignedDuration has no calendar units to refuse")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const START: &str = "2026-03-01T12:00:00Z";

    fn clock() -> Clock {
        Clock::starting_at(START.parse().unwrap())
    }

    /// What AWS would write into the header at this time.
    fn header(time: Timestamp) -> Timestamp {
        Timestamp::from_second(time.as_second()).unwrap()
    }

    async fn pass(millis: u64) {
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn runs_with_the_monotonic_clock() {
        let clock = clock();
        pass(1_500).await;
        assert_eq!(clock.now().to_string(), "2026-03-01T12:00:01.5Z");
        assert_eq!(clock.offset(), SignedDuration::ZERO);
        assert!(!clock.is_confirmed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_before_the_machine_was_suspended_is_as_long_ago_as_the_wall_clock_says() {
        thread_local!(static SUSPENDED: Cell<i64> = const { Cell::new(0) });
        fn wall() -> Timestamp {
            add(START.parse().unwrap(), SignedDuration::from_secs(SUSPENDED.get()))
        }
        let clock = Clock::beside(wall);
        clock.confirm(header(wall()), Instant::now());
        let before = clock.moment();
        pass(2_000).await;
        assert_eq!(clock.since(before), Duration::from_secs(2), "the monotonic clock runs");
        assert!(clock.is_confirmed());
        for suspended in [600, -600] {
            SUSPENDED.set(suspended);
            assert_eq!(clock.since(before), Duration::from_secs(600));
            assert!(!clock.is_confirmed());
            // That AWS is heard again makes nothing younger.
            clock.confirm(header(wall()), Instant::now());
            assert!(clock.is_confirmed());
            assert_eq!(clock.since(before), Duration::from_secs(600));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn learns_the_offset_from_a_header() {
        for hours in [-2, 3] {
            let clock = clock();
            let aws = add(START.parse().unwrap(), SignedDuration::from_hours(hours));
            let sent = Instant::now();
            pass(200).await;
            clock.confirm(aws, sent);
            let error = clock.offset() - SignedDuration::from_hours(hours);
            assert!(error.abs() <= SignedDuration::from_millis(1_200), "{hours} h: {error}");
            assert!(clock.is_confirmed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whole_seconds_neither_make_it_jump_nor_let_it_stray() {
        for ahead in [0, 300, 700, 999] {
            let clock = clock();
            let ahead = SignedDuration::from_millis(ahead);
            let (mut before, mut worst) = (clock.now(), SignedDuration::from_secs(1));
            for millis in [950, 100, 850, 120, 3_333, 970, 50, 10, 60, 1_001, 999, 998, 40_000, 1] {
                pass(millis).await;
                let aws = add(clock.wall(), ahead);
                clock.confirm(header(aws), Instant::now());
                let error = aws.duration_since(clock.now()).abs();
                assert!(error <= worst, "{error} after {worst}");
                assert!(clock.now() >= before, "a slow clock has no reason to go back");
                (before, worst) = (clock.now(), error);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_fits_any_moment_of_a_slow_answer() {
        let clock = clock();
        let sent = Instant::now();
        pass(8_000).await;
        // Written as soon as the request was there, and eight seconds on the way back.
        clock.confirm(START.parse().unwrap(), sent);
        assert_eq!(clock.offset(), SignedDuration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_confirmation_lasts_a_minute() {
        let clock = clock();
        clock.confirm(START.parse().unwrap(), Instant::now());
        pass(60_000).await;
        assert!(clock.is_confirmed());
        pass(1).await;
        assert!(!clock.is_confirmed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_contradicts_a_fresh_one_is_set_aside() {
        let clock = clock();
        clock.confirm(START.parse().unwrap(), Instant::now());
        pass(30_000).await;
        clock.confirm("1970-01-01T00:00:00Z".parse().unwrap(), Instant::now());
        assert_eq!(clock.offset(), SignedDuration::ZERO);
        pass(31_000).await;
        assert!(!clock.is_confirmed(), "what was set aside confirms nothing");
        clock.confirm("2026-03-01T14:00:00Z".parse().unwrap(), Instant::now());
        assert_eq!(clock.now().to_string(), "2026-03-01T14:00:00Z");
    }

    #[tokio::test(start_paused = true)]
    async fn headers_at_the_ends_of_time_do_not_panic() {
        for date in [Timestamp::MIN, Timestamp::MAX] {
            let clock = clock();
            clock.confirm(date, Instant::now());
            pass(1_000).await;
            let _ = (clock.now(), clock.offset());
        }
    }
}

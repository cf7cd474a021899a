//! Breakers: when so much goes wrong that nothing is canceled any more, and when it goes on.
//!
//! Pure counting, apart from everything that counts (`blind`, the executor) and from what keeps it (the
//! state). Three breakers are shares of the cases of the last hour; `clock` is the difference between the
//! machine's clock and AWS's, which has no cases.
//!
//! Invariants: a breaker that is open stays so until somebody closes it, or until its share has been
//! under half of its limit for an hour of observation. Time in which nobody looks is no observation.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::mutant::{self, Mutant};
use crate::policy::Thresholds;
use crate::span::humanize;

/// How far back cases count, in minutes: an hour, to the minute.
const WINDOW: i64 = 60;

/// Of how few cases a share says nothing.
pub const LEAST_CASES: u64 = 20;

/// How long a share must have been under half of its limit.
pub const CALM: SignedDuration = SignedDuration::from_hours(1);

/// For how much of the time before it a look vouches at most: three passes at the default interval. One
/// look after a night's standstill is not a quiet night.
const LOOK_COVERS: SignedDuration = SignedDuration::from_mins(15);

/// What can go wrong so often that nothing is canceled any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Breaker {
    /// Facts that decisions hang on could not be read. A case is a decision that needed a read.
    Unknown,
    /// Executions had moved between the describe and the cancel. A case is a cancel that was sent.
    VersionConflict,
    /// Cancels failed, or their answers were lost. A case is a cancel that was sent.
    Error,
    /// The machine's clock and AWS's differ.
    Clock,
}

impl Breaker {
    /// Every variant.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::VersionConflict, Self::Error, Self::Clock];

    /// Its name, as people write and read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::VersionConflict => "versionConflict",
            Self::Error => "error",
            Self::Clock => "clock",
        }
    }

    /// The breaker of a name.
    pub fn labeled(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|breaker| breaker.label() == label)
    }

    /// What a bad case is, after a number and before "of": `decisions lacked a fact …`.
    fn bad(self) -> &'static str {
        match self {
            Self::Unknown => "decisions of the last hour lacked a fact that could not be read",
            Self::VersionConflict => "cancels of the last hour were refused since it had moved",
            Self::Error | Self::Clock => "cancels of the last hour failed or got lost",
        }
    }

    /// Percent above which it opens; none for the clock.
    fn percent(self, thresholds: &Thresholds) -> Option<u8> {
        match self {
            Self::Unknown => Some(thresholds.unknown_percent),
            Self::VersionConflict => Some(thresholds.version_conflict_percent),
            Self::Error => Some(thresholds.error_percent),
            Self::Clock => None,
        }
    }
}

impl fmt::Display for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// Cases, and how many of them were bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cases {
    /// All of them.
    pub all: u64,
    /// The bad ones.
    pub bad: u64,
}

impl Cases {
    /// One case.
    pub fn one(bad: bool) -> Self {
        Self { all: 1, bad: u64::from(bad) }
    }

    fn add(&mut self, other: Self) {
        self.all = self.all.saturating_add(other.all);
        self.bad = self.bad.saturating_add(other.bad);
    }

    /// Whether the share is above a limit in percent. Too few cases have no share.
    fn exceed(self, percent: u8) -> bool {
        self.all >= LEAST_CASES
            && !mutant::is(Mutant::BreakersStayShut)
            && u128::from(self.bad) * 100 > u128::from(percent) * u128::from(self.all)
    }

    /// Whether the share is under half of a limit. Where nothing went wrong it is, even of none.
    fn are_calm(self, percent: u8) -> bool {
        self.bad == 0 || u128::from(self.bad) * 200 < u128::from(percent) * u128::from(self.all)
    }
}

/// What one look saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Decisions that needed a read, and those of them that lacked it.
    pub unknown: Cases,
    /// How far AWS's clock is ahead of the machine's; none if that is not known.
    pub skew: Option<SignedDuration>,
}

/// A breaker that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Since when.
    pub since: Timestamp,
    /// Why it opened, for people.
    pub why: String,
    /// For how long its share has been under half of its limit, while somebody looked.
    pub calm: SignedDuration,
    /// When somebody last looked.
    pub looked: Timestamp,
}

/// What is kept of all breakers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Cases by breaker and minute since 1970.
    pub cases: BTreeMap<(Breaker, i64), Cases>,
    /// Those that are open.
    pub open: BTreeMap<Breaker, Open>,
}

/// Where one breaker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Which.
    pub breaker: Breaker,
    /// The cases of the last hour; none of the clock.
    pub cases: Cases,
    /// Above this it opens: percent, or seconds of the clock.
    pub limit: i64,
    /// How far AWS's clock is ahead of the machine's, in seconds; only of the clock, where it is known.
    pub skew_seconds: Option<i64>,
    /// Since when it is open; none if it is not.
    pub open_since: Option<Timestamp>,
    /// Why it is open.
    pub why: Option<String>,
}

/// What a look changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub breaker: Breaker,
    /// Whether it is open now.
    pub opened: bool,
    /// Why.
    pub why: String,
}

/// The minute in which cases of a time are counted.
pub fn minute(time: Timestamp) -> i64 {
    time.as_second().div_euclid(60)
}

/// The earliest minute whose cases still count.
pub fn first_minute(now: Timestamp) -> i64 {
    minute(now) - WINDOW + 1
}

impl Record {
    /// Counts cases.
    pub fn count(&mut self, breaker: Breaker, cases: Cases, now: Timestamp) {
        if cases.all > 0 {
            self.cases.entry((breaker, minute(now))).or_default().add(cases);
        }
    }

    /// Forgets cases that no longer count.
    pub fn forget(&mut self, now: Timestamp) {
        self.cases.retain(|(_, minute), _| counts(*minute, now));
    }

    /// The cases of the last hour.
    fn cases(&self, breaker: Breaker, now: Timestamp) -> Cases {
        let mut sum = Cases::default();
        let of_breaker = self.cases.range((breaker, i64::MIN)..=(breaker, i64::MAX));
        for (_, cases) in of_breaker.filter(|((_, minute), _)| counts(*minute, now)) {
            sum.add(*cases);
        }
        sum
    }

    /// What is wrong with a breaker that is not open and should be.
    fn excess(
        &self,
        breaker: Breaker,
        skew: Option<SignedDuration>,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Option<String> {
        let Some(percent) = breaker.percent(thresholds) else {
            let limit = thresholds.clock_skew;
            return skew.filter(|skew| skew.abs() > limit).map(|skew| {
                let way = if skew.is_negative() { "behind" } else { "ahead of" };
                let (by, limit) = (humanize(skew.abs()), humanize(limit));
                format!("AWS's clock is {by} {way} this machine's, and {limit} are allowed")
            });
        };
        let Cases { all, bad } = self.cases(breaker, now);
        Cases { all, bad }
            .exceed(percent)
            .then(|| format!("{bad} of {all} {}, and {percent} % are allowed", breaker.bad()))
    }

    /// The first breaker that is open, or should be at `now`, with the reason.
    pub fn first_open(
        &self,
        skew: Option<SignedDuration>,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Option<(Breaker, String)> {
        Breaker::ALL.into_iter().find_map(|breaker| {
            let latched = self.open.get(&breaker).map(|open| open.why.clone());
            let why = latched.or_else(|| self.excess(breaker, skew, thresholds, now))?;
            Some((breaker, why))
        })
    }

    /// Takes in what a look saw: opens what it has to, and closes what was calm for long enough.
    pub fn weigh(
        &mut self,
        health: &Health,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Vec<Change> {
        self.count(Breaker::Unknown, health.unknown, now);
        self.forget(now);
        let mut changes = Vec::new();
        for breaker in Breaker::ALL {
            let excess = self.excess(breaker, health.skew, thresholds, now);
            let calm = match breaker.percent(thresholds) {
                Some(percent) => Some(self.cases(breaker, now).are_calm(percent)),
                None => health.skew.map(|skew| skew.abs() <= thresholds.clock_skew / 2),
            };
            match (self.open.get_mut(&breaker), excess) {
                (None, None) => {}
                (None, Some(why)) => {
                    let open = Open { since: now, why, calm: SignedDuration::ZERO, looked: now };
                    changes.push(Change { breaker, opened: true, why: open.why.clone() });
                    self.open.insert(breaker, open);
                }
                (Some(open), _) => {
                    let passed = now.duration_since(open.looked);
                    let vouched = passed.clamp(SignedDuration::ZERO, LOOK_COVERS);
                    // A look by a clock that was far ahead is none to wait for.
                    let ahead = passed < -CALM;
                    open.looked = if ahead { now } else { open.looked.max(now) };
                    open.calm = match calm {
                        Some(true) => open.calm.saturating_add(vouched),
                        Some(false) => SignedDuration::ZERO,
                        None => open.calm,
                    };
                    if open.calm >= CALM {
                        self.open.remove(&breaker);
                        let why = "under half of its limit for an hour of observation".to_owned();
                        changes.push(Change { breaker, opened: false, why });
                    }
                }
            }
        }
        changes
    }

    /// Closes a breaker; its cases are forgotten, or it would open again at once. Whether it was open.
    pub fn resume(&mut self, breaker: Breaker) -> bool {
        self.cases.retain(|(of, _), _| *of != breaker);
        self.open.remove(&breaker).is_some()
    }

    /// Where all of them stand once `health` is taken in.
    pub fn states(&self, health: &Health, thresholds: &Thresholds, now: Timestamp) -> Vec<State> {
        let mut seen = self.clone();
        seen.count(Breaker::Unknown, health.unknown, now);
        let state = |breaker: Breaker| {
            let (since, why) = match seen.open.get(&breaker) {
                Some(open) => (Some(open.since), Some(open.why.clone())),
                None => match seen.excess(breaker, health.skew, thresholds, now) {
                    Some(why) => (Some(now), Some(why)),
                    None => (None, None),
                },
            };
            let percent = breaker.percent(thresholds);
            State {
                breaker,
                cases: seen.cases(breaker, now),
                limit: percent.map_or(thresholds.clock_skew.as_secs(), i64::from),
                skew_seconds: health.skew.filter(|_| percent.is_none()).map(|it| it.as_secs()),
                open_since: since,
                why,
            }
        };
        Breaker::ALL.map(state).into()
    }
}

/// Whether cases of a minute still count. Those of a minute to come do: time was put back.
fn counts(of: i64, now: Timestamp) -> bool {
    of >= first_minute(now)
}

#[cfg(test)]
mod tests;

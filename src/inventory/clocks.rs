//! The times of an execution as the inventory keeps them: a third of the size of [`Times`], since it keeps
//! a million of them.
//!
//! Nothing is lost but times more than 292 years from 1970, which are not known then.

use std::fmt;

use jiff::Timestamp;

use crate::execution::Times;
use crate::fact::{Fact, Unreadable};

/// When the clocks of an execution began to run.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the names are AWS's")]
pub struct Clocks {
    queued_at: Packed,
    started_at: Packed,
    last_updated_at: Packed,
}

/// Nanoseconds since 1970, or one of the six states without a value.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed(i64);

/// What stands for a fact without a value: the least numbers, so that no time is taken for one.
const NOT_READ: i64 = i64::MIN;
const ABSENT: i64 = i64::MIN + 1;
const UNREADABLE: i64 = i64::MIN + 2;
const FIRST_TIME: i64 = i64::MIN + 16;
/// Nanoseconds.
const SECOND: i64 = 1_000_000_000;

impl From<Fact<Timestamp>> for Packed {
    fn from(fact: Fact<Timestamp>) -> Self {
        let unreadable = |why: Unreadable| {
            let which = Unreadable::ALL.iter().position(|it| *it == why);
            UNREADABLE + which.and_then(|it| i64::try_from(it).ok()).unwrap_or_default()
        };
        Self(match fact {
            Fact::NotRead => NOT_READ,
            Fact::Absent => ABSENT,
            Fact::Unreadable(why) => unreadable(why),
            Fact::Known(time) => i64::try_from(time.as_nanosecond())
                .ok()
                .filter(|nanoseconds| *nanoseconds >= FIRST_TIME)
                .unwrap_or_else(|| unreadable(Unreadable::Invalid)),
        })
    }
}

impl Packed {
    fn get(self) -> Fact<Timestamp> {
        match self.0 {
            NOT_READ => Fact::NotRead,
            ABSENT => Fact::Absent,
            which if which < FIRST_TIME => {
                let which = usize::try_from(which - UNREADABLE).ok();
                let why = which.and_then(|it| Unreadable::ALL.get(it).copied());
                Fact::Unreadable(why.unwrap_or(Unreadable::Invalid))
            }
            nanoseconds => {
                let second = nanoseconds.div_euclid(SECOND);
                let rest = i32::try_from(nanoseconds.rem_euclid(SECOND)).unwrap_or_default();
                let time = Timestamp::new(second, rest);
                time.map_or(Fact::Unreadable(Unreadable::Invalid), Fact::Known)
            }
        }
    }

    fn nanoseconds(self) -> Option<i64> {
        (self.0 >= FIRST_TIME).then_some(self.0)
    }
}

impl Clocks {
    /// When it was queued.
    pub fn queued_at(self) -> Fact<Timestamp> {
        self.queued_at.get()
    }

    /// When a device started it; absent until then.
    pub fn started_at(self) -> Fact<Timestamp> {
        self.started_at.get()
    }

    /// When it last changed.
    pub fn last_updated_at(self) -> Fact<Timestamp> {
        self.last_updated_at.get()
    }

    /// When each of them began to run, in nanoseconds since 1970, where that is known: queuedAt,
    /// startedAt, lastUpdatedAt. For whoever asks a million of them.
    pub fn nanoseconds(self) -> [Option<i64>; 3] {
        [self.queued_at, self.started_at, self.last_updated_at].map(Packed::nanoseconds)
    }

    /// Changes some of them.
    pub fn change(&mut self, change: impl FnOnce(&mut Times)) {
        let mut times = self.get();
        change(&mut times);
        *self = times.into();
    }

    /// All three.
    pub fn get(self) -> Times {
        Times {
            queued_at: self.queued_at(),
            started_at: self.started_at(),
            last_updated_at: self.last_updated_at(),
        }
    }
}

impl From<Times> for Clocks {
    fn from(times: Times) -> Self {
        Self {
            queued_at: times.queued_at.into(),
            started_at: times.started_at.into(),
            last_updated_at: times.last_updated_at.into(),
        }
    }
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_fact_comes_back() {
        let time = |text: &str| Fact::Known(text.parse::<Timestamp>().expect("a time"));
        let mut facts = vec![
            Fact::NotRead,
            Fact::Absent,
            time("1970-01-01T00:00:00Z"),
            time("2026-11-23T12:00:00.123456789Z"),
            time("1700-01-01T00:00:00Z"),
            time("2200-01-01T00:00:00Z"),
        ];
        facts.extend(Unreadable::ALL.map(Fact::Unreadable));
        for fact in facts {
            assert_eq!(Packed::from(fact).get(), fact);
        }
        let beyond = Fact::Unreadable(Unreadable::Invalid);
        for time in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(Packed::from(Fact::Known(time)).get(), beyond);
        }
    }
}

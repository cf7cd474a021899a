//! Which executions come due until the next look at everything, soonest first.
//!
//! Bounded: a fleet in which more comes due at once is looked at as a whole at that time.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::execution::ExecutionKey;

/// How many are kept: a second's worth at the default pace for each second of a long interval.
const MOST: usize = 10_000;

/// Executions by the time at which they come due.
#[derive(Debug, Default)]
pub(super) struct Foreseen {
    at: BTreeSet<(Timestamp, ExecutionKey)>,
    /// From then on more come due than are kept here.
    rest: Option<Timestamp>,
}

impl Foreseen {
    pub(super) fn add(&mut self, at: Timestamp, key: &ExecutionKey) {
        if self.rest.is_some_and(|rest| at >= rest) {
            return;
        }
        self.at.insert((at, key.clone()));
        if self.at.len() > MOST
            && let Some((at, _)) = self.at.pop_last()
        {
            self.rest = Some(at);
        }
    }

    /// Takes out those that have come due by `now`.
    pub(super) fn take(&mut self, now: Timestamp) -> BTreeSet<ExecutionKey> {
        let mut due = BTreeSet::new();
        while let Some((at, _)) = self.at.first()
            && *at <= now
        {
            due.extend(self.at.pop_first().map(|(_, key)| key));
        }
        due
    }

    /// When the first comes due.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.at.first().map(|(at, _)| *at).or(self.rest)
    }

    /// When the first comes due that is not kept here.
    pub(super) fn rest(&self) -> Option<Timestamp> {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_to_keep_is_known_by_its_first_time() {
        let key = |n: usize| ExecutionKey {
            job: "j".parse().expect("a job id"),
            thing: format!("t-{n}").parse().expect("a name"),
        };
        let at = |n: usize| Timestamp::from_second(n.try_into().expect("small")).expect("a time");
        let mut foreseen = Foreseen::default();
        for n in (0..MOST + 100).rev() {
            foreseen.add(at(n), &key(n));
        }
        assert_eq!((foreseen.first(), foreseen.rest()), (Some(at(0)), Some(at(MOST))));
        assert_eq!(foreseen.take(at(MOST)).len(), MOST);
        assert_eq!(foreseen.first(), Some(at(MOST)));
    }
}

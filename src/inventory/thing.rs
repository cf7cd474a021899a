//! A thing as observed: the registry, fleet indexing's view of its connection, and what waits on it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::execution::{ExecutionKey, ExecutionNumber, ExecutionStatus, JobId, Times};
use crate::fact::{Fact, Unreadable};

/// What AWS says about a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thing {
    /// From `DescribeThing`; absent when there is no such thing.
    pub description: Fact<ThingDescription>,
    /// The groups that it is directly in, from `ListThingGroupsForThing`.
    pub groups: Fact<BTreeSet<String>>,
    /// Its connection, from `GetThingConnectivityData`. Unreadable without an index of connectivity,
    /// and for what the index does not know: "not indexed" must never read as "not connected".
    pub connectivity: Fact<Connectivity>,
    /// Its QUEUED executions, from `ListJobExecutionsForThing`.
    pub queue: Fact<Queue>,
    /// When the oldest of them was asked for; none if none was.
    pub read_at: Option<Timestamp>,
}

/// The answer to `DescribeThing`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingDescription {
    /// Its thing type; absent when it has none.
    pub thing_type: Option<String>,
    /// Its attributes, possibly none.
    pub attributes: BTreeMap<String, String>,
}

/// The answer to `GetThingConnectivityData`: what the index of connectivity holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connectivity {
    /// Whether it is connected; absent when AWS has never seen a connection of it.
    pub connected: Fact<bool>,
    /// Since when. AWS forgets that about an hour after a connection was lost, so that an absent time
    /// does not mean "never".
    pub timestamp: Fact<Timestamp>,
}

/// A row of `ListJobExecutionsForThing`, most often with status QUEUED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedExecution {
    /// Its job.
    pub job: JobId,
    /// Which execution of that job.
    pub number: Fact<ExecutionNumber>,
    /// When it was queued.
    pub queued_at: Fact<Timestamp>,
}

/// All QUEUED executions of one thing, of whatever job and namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue(pub Vec<QueuedExecution>);

impl Queue {
    /// `queuedBehind`: how many of the thing's QUEUED executions wait behind this one, so that a cancel
    /// of it brings them forward.
    ///
    /// AWS offers a device what is IN_PROGRESS first, then what is QUEUED, the earliest `queuedAt`
    /// first. So behind an execution that is IN_PROGRESS are all that are QUEUED; behind a QUEUED one
    /// those that were not queued before it. Two that were queued in the same second count as behind
    /// each other, since AWS does not say which goes first. Another execution number of the same job
    /// counts like any other execution; jobs in namespaces, which other services manage, do too, for
    /// they wait in the same list. Terminal executions have nothing behind them.
    ///
    /// Not known if AWS gave no `queuedAt` that is needed to tell.
    pub fn behind(
        &self,
        key: &ExecutionKey,
        number: Fact<ExecutionNumber>,
        status: &ExecutionStatus,
        times: &Times,
    ) -> Fact<u64> {
        let itself = |row: &QueuedExecution| {
            let known = row.number.known().zip(number.known());
            row.job == key.job && known.is_none_or(|(row, this)| row == this)
        };
        let others = self.0.iter().filter(|row| !itself(row));
        let waits = match status {
            ExecutionStatus::InProgress => return Fact::Known(others.count() as u64),
            ExecutionStatus::Queued => others,
            status if status.is_terminal() => return Fact::Known(0),
            _ => return Fact::Unreadable(Unreadable::Invalid),
        };
        let mut behind = 0;
        for row in waits {
            match (row.queued_at, times.queued_at) {
                (Fact::Known(other), Fact::Known(own)) => behind += u64::from(other >= own),
                _ => return Fact::Unreadable(Unreadable::Invalid),
            }
        }
        Fact::Known(behind)
    }
}

impl Thing {
    /// The facts as they stand after a later read, which may have asked for some of them only.
    pub fn take_in(&mut self, later: Self) {
        let mut kept = false;
        let mut read = false;
        replace(&mut self.description, later.description, &mut kept, &mut read);
        replace(&mut self.groups, later.groups, &mut kept, &mut read);
        replace(&mut self.connectivity, later.connectivity, &mut kept, &mut read);
        replace(&mut self.queue, later.queue, &mut kept, &mut read);
        let older = self.read_at.filter(|_| kept);
        self.read_at = [older, later.read_at.filter(|_| read)].into_iter().flatten().min();
    }
}

/// Puts a later fact in the place of an earlier one, if it was read; notes which of the two stands.
fn replace<T>(fact: &mut Fact<T>, later: Fact<T>, kept: &mut bool, read: &mut bool) {
    if later.is_not_read() {
        *kept |= !fact.is_not_read();
    } else {
        *fact = later;
        *read = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Fact<Timestamp> {
        Fact::Known(Timestamp::from_second(second).expect("a time"))
    }

    fn queued(job: &str, number: i64, second: i64) -> QueuedExecution {
        let number = Fact::Known(ExecutionNumber(number));
        QueuedExecution { job: job.parse().expect("a job id"), number, queued_at: at(second) }
    }

    fn behind(queue: &Queue, job: &str, status: &ExecutionStatus, second: i64) -> Fact<u64> {
        let key = ExecutionKey {
            job: job.parse().expect("a job id"),
            thing: "t".parse().expect("a name"),
        };
        let times = Times { queued_at: at(second), ..Times::default() };
        queue.behind(&key, Fact::Known(ExecutionNumber(1)), status, &times)
    }

    #[test]
    fn behind_what_is_queued_is_what_was_not_queued_before_it() {
        use ExecutionStatus::{Canceled, InProgress, Queued};
        let queue = Queue(vec![
            queued("a", 1, 10),
            queued("b", 1, 20),
            queued("c", 1, 20),
            queued("d", 1, 30),
        ]);
        for (job, status, second, expected) in [
            ("a", Queued, 10, 3),
            ("b", Queued, 20, 2),
            ("c", Queued, 20, 2),
            ("d", Queued, 30, 0),
            ("x", InProgress, 40, 4),
            ("x", Canceled, 5, 0),
        ] {
            assert_eq!(behind(&queue, job, &status, second), Fact::Known(expected), "{job}");
        }
    }

    #[test]
    fn another_number_of_the_same_job_waits_like_any_other() {
        let queue = Queue(vec![queued("a", 1, 10), queued("a", 2, 20)]);
        assert_eq!(behind(&queue, "a", &ExecutionStatus::Queued, 10), Fact::Known(1));
        let again = Queue(vec![queued("a", 2, 20)]);
        assert_eq!(behind(&again, "a", &ExecutionStatus::InProgress, 10), Fact::Known(1));
    }

    #[test]
    fn a_place_in_the_queue_that_cannot_be_told_is_not_known() {
        let mut queue = Queue(vec![queued("a", 1, 10), queued("b", 1, 20)]);
        queue.0[1].queued_at = Fact::Absent;
        let unknown = Fact::Unreadable(Unreadable::Invalid);
        assert_eq!(behind(&queue, "a", &ExecutionStatus::Queued, 10), unknown);
        assert_eq!(behind(&queue, "b", &ExecutionStatus::Queued, 20), Fact::Known(0));
        assert_eq!(behind(&queue, "x", &ExecutionStatus::InProgress, 5), Fact::Known(2));
        assert_eq!(behind(&queue, "x", &ExecutionStatus::from("NEW"), 5), unknown);
    }

    #[test]
    fn facts_are_as_old_as_the_oldest_that_stands() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let mut thing = Thing {
            description: Fact::Known(ThingDescription::default()),
            read_at: Some(at(10)),
            ..Thing::default()
        };
        let groups = |second| Thing {
            groups: Fact::Known(BTreeSet::new()),
            read_at: Some(at(second)),
            ..Thing::default()
        };
        thing.take_in(groups(20));
        assert_eq!(thing.read_at, Some(at(10)));
        let description = Thing { description: Fact::Absent, ..groups(30) };
        thing.take_in(description);
        assert_eq!(thing.read_at, Some(at(30)));
    }
}

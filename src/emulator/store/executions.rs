//! The executions of a job, and the lists of them.
//!
//! They are what there are millions of, so they are kept small: the latest of each thing in one map, the
//! few before it in another, and what is listed as nothing but places. What is there from the
//! beginning is laid down in one go, which leaves no gaps in the trees.
//!
//! Invariants: each execution is in exactly one status's list, at the place that its time and thing give;
//! an older one has a smaller number than the latest of its thing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::Execution;
use crate::emulator::paging::Position;
use crate::execution::ExecutionStatus;

/// All executions of one job.
#[derive(Clone, Debug, Default)]
pub(in crate::emulator) struct Executions {
    latest: BTreeMap<Arc<str>, Execution>,
    older: BTreeMap<(Arc<str>, i64), Execution>,
    by_status: BTreeMap<ExecutionStatus, BTreeSet<Position>>,
}

impl Executions {
    /// Executions in any order. Of two with the same number the last one stays.
    pub fn of(all: Vec<(Arc<str>, Execution)>) -> Self {
        let mut places: BTreeMap<ExecutionStatus, Vec<Position>> = BTreeMap::new();
        let mut by_key = all;
        by_key.sort_by(|a, b| (&a.0, a.1.number).cmp(&(&b.0, b.1.number)));
        by_key.reverse();
        by_key.dedup_by(|a, b| (&a.0, a.1.number) == (&b.0, b.1.number));
        by_key.reverse();
        for (thing, execution) in &by_key {
            let list = places.entry(execution.status.clone()).or_default();
            list.push(position(thing, execution));
        }
        let by_status =
            places.into_iter().map(|(status, list)| (status, list.into_iter().collect()));
        let by_status = by_status.collect();
        let mut latest: Vec<(Arc<str>, Execution)> = Vec::with_capacity(by_key.len());
        let mut older = BTreeMap::new();
        for (thing, execution) in by_key {
            match latest.last_mut().filter(|(before, _)| *before == thing) {
                None => latest.push((thing, execution)),
                Some((_, before)) => {
                    let before = std::mem::replace(before, execution);
                    older.insert((thing, before.number), before);
                }
            }
        }
        Self { latest: latest.into_iter().collect(), older, by_status }
    }

    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }

    /// How many things have one.
    pub fn things_count(&self) -> usize {
        self.latest.len()
    }

    /// The things that have one, sorted.
    pub fn things(&self) -> impl Iterator<Item = &Arc<str>> {
        self.latest.keys()
    }

    /// Whether a thing has one.
    pub fn are_on(&self, thing: &str) -> bool {
        self.latest.contains_key(thing)
    }

    /// The latest on a thing, or that with a number.
    pub fn get(&self, thing: &str, number: Option<i64>) -> Option<&Execution> {
        self.find(thing, number).map(|(_, execution)| execution)
    }

    /// The same with the shared name of its thing.
    pub fn find(&self, thing: &str, number: Option<i64>) -> Option<(&Arc<str>, &Execution)> {
        let (thing, latest) = self.latest.get_key_value(thing)?;
        match number {
            Some(number) if number != latest.number => {
                let found = self.older.get(&(thing.clone(), number))?;
                Some((thing, found))
            }
            _ => Some((thing, latest)),
        }
    }

    /// Those on a thing, by number.
    pub fn on<'a>(
        &'a self,
        thing: &str,
    ) -> impl DoubleEndedIterator<Item = &'a Execution> + use<'a> {
        let found = self.latest.get_key_value(thing);
        found.into_iter().flat_map(|(thing, latest)| self.before(thing, latest).chain([latest]))
    }

    /// All, by thing and number.
    pub fn all(&self) -> impl Iterator<Item = (&Arc<str>, &Execution)> {
        self.latest.iter().flat_map(|(thing, latest)| {
            self.before(thing, latest).chain([latest]).map(move |execution| (thing, execution))
        })
    }

    fn before<'a>(
        &'a self,
        thing: &Arc<str>,
        latest: &Execution,
    ) -> impl DoubleEndedIterator<Item = &'a Execution> + use<'a> {
        // Most have none; then nothing is looked for.
        let some = (!self.older.is_empty())
            .then(|| self.older.range((thing.clone(), i64::MIN)..(thing.clone(), latest.number)));
        some.into_iter().flatten().map(|(_, execution)| execution)
    }

    pub fn count(&self, status: &ExecutionStatus) -> usize {
        self.by_status.get(status).map_or(0, BTreeSet::len)
    }

    /// The list of those with a status, from a place on.
    pub fn places(
        &self,
        status: &ExecutionStatus,
        from: Bound<Position>,
    ) -> Option<impl Iterator<Item = &Position> + use<'_>> {
        Some(self.by_status.get(status)?.range((from, Bound::Unbounded)))
    }

    /// When the last of them changed.
    pub fn last_updated_at(&self) -> Option<i64> {
        let firsts = self.by_status.values().filter_map(BTreeSet::first);
        firsts.map(|(Reverse(at), ..)| *at).max()
    }

    /// Adds one; a number that is taken is replaced.
    pub fn insert(&mut self, thing: &Arc<str>, execution: Execution) {
        self.take(thing, execution.number);
        let list = self.by_status.entry(execution.status.clone()).or_default();
        list.insert(position(thing, &execution));
        match self.latest.get_mut(thing) {
            None => drop(self.latest.insert(thing.clone(), execution)),
            Some(latest) if latest.number < execution.number => {
                let before = std::mem::replace(latest, execution);
                self.older.insert((thing.clone(), before.number), before);
            }
            Some(_) => {
                self.older.insert((thing.clone(), execution.number), execution);
            }
        }
    }

    /// The only way to change one: keeps its place in the lists right. Gives the thing's shared name and
    /// the execution before and after.
    pub fn change(
        &mut self,
        thing: &str,
        number: i64,
        change: impl FnOnce(&mut Execution),
    ) -> (Arc<str>, Execution, Execution) {
        let (thing, _) = self.latest.get_key_value(thing).expect("the thing has executions");
        let thing = thing.clone();
        let latest = self.latest.get_mut(&thing).expect("its key was just found");
        let execution = if latest.number == number {
            latest
        } else {
            let older = self.older.get_mut(&(thing.clone(), number));
            older.expect("the execution was found before it is changed")
        };
        let before = execution.clone();
        if let Some(list) = self.by_status.get_mut(&execution.status) {
            list.remove(&position(&thing, execution));
        }
        change(execution);
        let list = self.by_status.entry(execution.status.clone()).or_default();
        list.insert(position(&thing, execution));
        let after = execution.clone();
        (thing, before, after)
    }

    /// Takes one out.
    pub fn take(&mut self, thing: &str, number: i64) -> Option<(Arc<str>, Execution)> {
        let (thing, latest) = self.latest.get_key_value(thing)?;
        let thing = thing.clone();
        let taken = if latest.number == number {
            let before = self.before(&thing, latest).next_back().map(|before| before.number);
            let before = before.and_then(|number| self.older.remove(&(thing.clone(), number)));
            match before {
                Some(before) => self.latest.insert(thing.clone(), before),
                None => self.latest.remove(&thing),
            }
        } else {
            self.older.remove(&(thing.clone(), number))
        }?;
        if let Some(list) = self.by_status.get_mut(&taken.status) {
            list.remove(&position(&thing, &taken));
        }
        Some((thing, taken))
    }
}

/// Where an execution stands in a list.
pub(super) fn position(thing: &Arc<str>, execution: &Execution) -> Position {
    (Reverse(execution.last_updated_at), thing.clone(), Reverse(execution.number))
}

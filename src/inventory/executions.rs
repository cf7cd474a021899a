//! The executions found, in the order of job and thing: a sorted list for each job.
//!
//! Apart from the inventory because its form is for size: a controller keeps a million of them. A list of
//! a job replaces the one before at once; single changes cost a search and a move within the job.

use std::collections::{BTreeMap, btree_map};
use std::iter::{Flatten, Map};
use std::ops::Index;

use super::{ObservedExecution, Row};
use crate::execution::{ExecutionKey, JobId, OpenStatus, ThingName};

type Entries<'a> = Flatten<btree_map::Values<'a, JobId, Vec<Row>>>;

/// Executions by job and thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Executions {
    /// Never an empty list.
    by_job: BTreeMap<JobId, Vec<Row>>,
}

/// The executions in order.
pub type Iter<'a> = Map<Entries<'a>, fn(&'a Row) -> (&'a ExecutionKey, &'a ObservedExecution)>;

/// Where an execution is in the list of its job, or would be.
fn place(rows: &[Row], key: &ExecutionKey) -> Result<usize, usize> {
    rows.binary_search_by(|(other, _)| other.thing.cmp(&key.thing))
}

impl Executions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_job.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_job.is_empty()
    }

    /// One of them.
    pub fn get(&self, key: &ExecutionKey) -> Option<&ObservedExecution> {
        let rows = self.by_job.get(&key.job)?;
        place(rows, key).ok().map(|at| &rows[at].1)
    }

    /// The name of the thing of one of them.
    pub fn name(&self, key: &ExecutionKey) -> Option<&ThingName> {
        let rows = self.by_job.get(&key.job)?;
        place(rows, key).ok().map(|at| &rows[at].0.thing)
    }

    /// One of them, to be changed.
    pub fn get_mut(&mut self, key: &ExecutionKey) -> Option<&mut ObservedExecution> {
        let rows = self.by_job.get_mut(&key.job)?;
        place(rows, key).ok().map(|at| &mut rows[at].1)
    }

    /// Whether it is among them.
    pub fn contains_key(&self, key: &ExecutionKey) -> bool {
        self.get(key).is_some()
    }

    /// Puts one in, in the place of what was there.
    pub fn insert(&mut self, key: ExecutionKey, row: ObservedExecution) {
        let rows = self.by_job.entry(key.job.clone()).or_default();
        // Most come in order.
        if rows.last().is_none_or(|(last, _)| last.thing < key.thing) {
            return rows.push((key, row));
        }
        match place(rows, &key) {
            Ok(at) => rows[at].1 = row,
            Err(at) => rows.insert(at, (key, row)),
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, key: &ExecutionKey) -> Option<ObservedExecution> {
        let rows = self.by_job.get_mut(&key.job)?;
        let (_, row) = rows.remove(place(rows, key).ok()?);
        if rows.is_empty() {
            self.by_job.remove(&key.job);
        }
        Some(row)
    }

    /// Keeps those of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&ExecutionKey, &ObservedExecution) -> bool) {
        for rows in self.by_job.values_mut() {
            rows.retain(|(key, row)| keep(key, row));
        }
        self.by_job.retain(|_, rows| !rows.is_empty());
    }

    /// Takes out those of a job.
    pub fn remove_job(&mut self, job: &JobId) {
        self.by_job.remove(job);
    }

    /// Takes out those of a job that come from the list of a status.
    pub fn remove_list(&mut self, job: &JobId, listed: OpenStatus) {
        if let Some(rows) = self.by_job.get_mut(job) {
            rows.retain(|(_, row)| row.listed != listed);
            if rows.is_empty() {
                self.by_job.remove(job);
            }
        }
    }

    /// Puts in the rows of the list of a job's executions in a status, in the place of those of the
    /// list before. Of two rows for one thing the one stays of which `stays` says so, asked with the
    /// earlier one first.
    pub fn replace_list(
        &mut self,
        job: &JobId,
        listed: OpenStatus,
        rows: Vec<Row>,
        stays: impl Fn(&ObservedExecution, &ObservedExecution) -> bool,
    ) {
        let mut all = self.by_job.remove(job).unwrap_or_default();
        all.retain(|(_, row)| row.listed != listed);
        // Of a million rows there is no room for a third list.
        if all.is_empty() {
            all = rows;
        } else {
            all.reserve_exact(rows.len());
            all.extend(rows);
        }
        // Stable, so that the later one comes last; in place where they come in order.
        if !all.is_sorted_by(|(one, _), (other, _)| one.thing < other.thing) {
            all.sort_by(|(one, _), (other, _)| one.thing.cmp(&other.thing));
            all.dedup_by(|later, earlier| {
                let same = later.0.thing == earlier.0.thing;
                if same && !stays(&earlier.1, &later.1) {
                    std::mem::swap(later, earlier);
                }
                same
            });
        }
        all.shrink_to_fit();
        if !all.is_empty() {
            self.by_job.insert(job.clone(), all);
        }
    }

    /// Those of a job, by thing.
    pub fn of_job(&self, job: &JobId) -> &[(ExecutionKey, ObservedExecution)] {
        self.by_job.get(job).map_or(&[], Vec::as_slice)
    }

    /// All of them.
    pub fn iter(&self) -> Iter<'_> {
        self.by_job.values().flatten().map(|(key, row)| (key, row))
    }

    /// Which they are.
    pub fn keys(&self) -> impl Iterator<Item = &ExecutionKey> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// How they were observed.
    pub fn values(&self) -> impl Iterator<Item = &ObservedExecution> {
        self.iter().map(|(_, row)| row)
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut ObservedExecution> {
        self.by_job.values_mut().flatten().map(|(_, row)| row)
    }
}

impl<'a> IntoIterator for &'a Executions {
    type Item = (&'a ExecutionKey, &'a ObservedExecution);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<Row> for Executions {
    fn from_iter<I: IntoIterator<Item = Row>>(entries: I) -> Self {
        let mut executions = Self::default();
        for (key, row) in entries {
            executions.insert(key, row);
        }
        executions
    }
}

impl Index<&ExecutionKey> for Executions {
    type Output = ObservedExecution;

    fn index(&self, key: &ExecutionKey) -> &ObservedExecution {
        self.get(key).expect("it was observed")
    }
}

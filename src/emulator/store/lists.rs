//! The lists of jobs and executions.
//!
//! Executions are listed most recently updated first, then by thing or job name, then the newest
//! number first (observed for the time, assumed for the rest). Jobs: newest first, then by id (assumed).

use std::cmp::Reverse;
use std::iter::Peekable;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::ops::RangeBounds as _;
use std::sync::Arc;

use super::executions::position;
use super::{Execution, Job, Store};
use crate::emulator::paging::{self, Page, Position};
use crate::emulator::refusal::Refusal;
use crate::execution::{ExecutionStatus, JobStatus, TargetSelection};

/// An execution in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its thing.
    pub thing: &'a str,
    /// Its job.
    pub job: &'a str,
    /// The execution.
    pub execution: &'a Execution,
}

/// Which jobs are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Those with this status.
    pub status: Option<JobStatus>,
    /// Those with this selection.
    pub selection: Option<TargetSelection>,
    /// Those of this namespace.
    pub namespace_id: Option<String>,
    /// Those with this group as a target.
    pub group: Option<String>,
}

/// Which executions of a job are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Those with this status.
    pub status: Option<ExecutionStatus>,
}

/// Which executions of a thing are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForThing {
    /// Those with this status.
    pub status: Option<ExecutionStatus>,
    /// Those of jobs of this namespace.
    pub namespace_id: Option<String>,
    /// Those of this job.
    pub job: Option<String>,
}

impl Store {
    /// `ListJobs`.
    pub fn list_jobs(
        &self,
        filter: &JobFilter,
        max: usize,
        token: Option<&str>,
    ) -> Result<Page<(&str, &Job)>, Refusal> {
        let list = format!("jobs|{filter:?}");
        let listed = |job: &Job| {
            filter.status.as_ref().is_none_or(|status| *status == job.status)
                && filter.selection.as_ref().is_none_or(|selection| *selection == job.selection)
                && filter.namespace_id.as_ref().is_none_or(|n| Some(n) == job.namespace_id.as_ref())
                && filter.group.as_deref().is_none_or(|group| job.target_groups.contains(group))
        };
        paging::page(self.options.page_tokens, &list, token, max, |from| {
            let key = |(time, id, _): Position| (time, id);
            let from = match from {
                Unbounded => Unbounded,
                Included(place) => Included(key(place)),
                Excluded(place) => Excluded(key(place)),
            };
            self.job_order
                .range((from, Unbounded))
                .filter_map(|(time, id)| self.jobs.get(id).map(|job| (*time, id, job)))
                .filter(|(_, _, job)| listed(job))
                .map(|(time, id, job)| ((time, id.clone(), Reverse(0)), (&**id, job)))
        })
    }

    /// `ListJobExecutionsForJob`.
    pub fn list_executions_of_job<'a>(
        &'a self,
        id: &'a str,
        filter: &ExecutionFilter,
        max: usize,
        token: Option<&str>,
    ) -> Result<Page<Row<'a>>, Refusal> {
        let job = self.job(id)?;
        let list = format!("job|{id}|{filter:?}");
        let statuses = match &filter.status {
            Some(status) => std::slice::from_ref(status),
            None => ExecutionStatus::KNOWN,
        };
        let matches = |execution: &Execution| statuses.contains(&execution.status);
        paging::page(self.options.page_tokens, &list, token, max, |from| {
            let lists =
                statuses.iter().filter_map(|status| job.executions.places(status, from.clone()));
            let ranges = lists.map(Iterator::peekable).collect();
            let rows = Merged(ranges).filter_map(|place| {
                let (_, thing, Reverse(number)) = place;
                let (thing, execution) = job.executions.find(thing, Some(*number))?;
                Some((place.clone(), Row { thing, job: id, execution }))
            });
            let rows: Box<dyn Iterator<Item = (Position, Row<'a>)> + '_> = if self.past.is_present()
            {
                Box::new(rows)
            } else {
                let mut rows: Vec<_> = rows
                    .filter(|(_, row)| !self.past.hides(id, row.thing, row.execution.number))
                    .collect();
                rows.extend(self.past.hidden().filter_map(|(job, thing, _, seen)| {
                    let execution = seen.filter(|seen| **job == *id && matches(seen))?;
                    let place = position(thing, execution);
                    let row = Row { thing, job: id, execution };
                    (from.clone(), Unbounded).contains(&place).then_some((place, row))
                }));
                rows.sort_by(|a, b| a.0.cmp(&b.0));
                Box::new(rows.into_iter())
            };
            rows
        })
    }

    /// `ListJobExecutionsForThing`. An unknown thing has none (observed; the model would allow a 404,
    /// which is an option).
    pub fn list_executions_of_thing<'a>(
        &'a self,
        thing: &'a str,
        filter: &ForThing,
        max: usize,
        token: Option<&str>,
    ) -> Result<Page<Row<'a>>, Refusal> {
        if self.options.unknown_things_have_no_list && self.jobs_of(thing).next().is_none() {
            self.registry.thing(thing)?;
        }
        let list = format!("thing|{thing}|{filter:?}");
        let mut rows = Vec::new();
        for id in self.jobs_of(thing) {
            let Some(job) = self.jobs.get(id) else { continue };
            let named = filter.job.as_deref().is_none_or(|job| job == &**id);
            let namespace = filter.namespace_id.as_ref();
            if !named || namespace.is_some_and(|n| Some(n) != job.namespace_id.as_ref()) {
                continue;
            }
            for execution in job.executions.on(thing) {
                let Some(execution) = self.past.seen(id, thing, execution) else { continue };
                if filter.status.as_ref().is_none_or(|status| *status == execution.status) {
                    let time = Reverse(execution.last_updated_at);
                    let place: Position = (time, id.clone(), Reverse(execution.number));
                    rows.push((place, Row { thing, job: id, execution }));
                }
            }
        }
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        paging::page(self.options.page_tokens, &list, token, max, |from| {
            rows.into_iter().filter(move |(place, _)| (from.clone(), Unbounded).contains(place))
        })
    }

    /// A page of things that are listed by name, in order.
    pub fn list_names<'a, T>(
        &self,
        list: &str,
        max: usize,
        token: Option<&str>,
        rows: impl Iterator<Item = (&'a Arc<str>, T)>,
    ) -> Result<Page<T>, Refusal> {
        paging::page(self.options.page_tokens, list, token, max, |from: Bound<Position>| {
            let rows = rows.map(|(name, row)| (paging::by_name(name), row));
            rows.filter(move |(place, _)| (from.clone(), Unbounded).contains(place))
        })
    }
}

/// Sorted lists as one sorted list. There are as many as statuses, so the least is looked for.
struct Merged<'a, I: Iterator<Item = &'a Position>>(Vec<Peekable<I>>);

impl<'a, I: Iterator<Item = &'a Position>> Iterator for Merged<'a, I> {
    type Item = &'a Position;

    fn next(&mut self) -> Option<&'a Position> {
        let firsts = self.0.iter_mut().enumerate();
        let firsts = firsts.filter_map(|(at, list)| list.peek().map(|first| (*first, at)));
        let (_, at) = firsts.min()?;
        self.0.get_mut(at)?.next()
    }
}

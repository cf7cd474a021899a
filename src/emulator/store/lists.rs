//! Lists and their pages.
//!
//! Pages are keyset pages: a token holds the place of the last row given, not a row or an offset, so
//! it stays valid when that row leaves the filter. A token belongs to one list with one filter; with
//! any other it is invalid, as one that was made up is.
//!
//! Executions are listed most recently updated first, then by thing or job name, then the newest
//! number first (observed for the time, assumed for the rest). Jobs: newest first, then by id (assumed).

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use super::{Execution, Job, Position, Store};
use crate::emulator::refusal::Refusal;
use crate::execution::{ExecutionStatus, JobStatus, TargetSelection};

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where to go on; none on the last page.
    pub next: Option<String>,
}

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
        let after = match token {
            None => Unbounded,
            Some(token) => {
                let (created, id, _) = open_token(&list, token)?;
                Excluded((Reverse(created), Arc::from(id)))
            }
        };
        let listed = |job: &Job| {
            filter.status.as_ref().is_none_or(|status| *status == job.status)
                && filter.selection.as_ref().is_none_or(|selection| *selection == job.selection)
                && filter.namespace_id.as_ref().is_none_or(|n| Some(n) == job.namespace_id.as_ref())
                && filter.group.as_deref().is_none_or(|group| job.target_groups.contains(group))
        };
        let rows = self
            .job_order
            .range((after, Unbounded))
            .filter_map(|(_, id)| self.jobs.get(id).map(|job| (&**id, job)))
            .filter(|(_, job)| listed(job))
            .take(max + 1)
            .collect();
        Ok(page(rows, max, |(id, job)| token_for(&list, job.created_at, id, 0)))
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
        let after: std::ops::Bound<Position> = match token {
            None => Unbounded,
            Some(token) => {
                let (time, thing, number) = open_token(&list, token)?;
                Excluded((Reverse(time), Arc::from(thing), Reverse(number)))
            }
        };
        let statuses = match &filter.status {
            Some(status) => std::slice::from_ref(status),
            None => ExecutionStatus::KNOWN,
        };
        let mut places: Vec<&Position> = Vec::new();
        for status in statuses {
            let index = job.by_status.get(status).into_iter();
            places
                .extend(index.flat_map(|set| set.range((after.clone(), Unbounded)).take(max + 1)));
        }
        if statuses.len() > 1 {
            places.sort_unstable();
            places.truncate(max + 1);
        }
        let rows = places.into_iter().filter_map(|(_, thing, Reverse(number))| {
            let execution = job.execution(thing, Some(*number))?;
            Some(Row { thing, job: id, execution })
        });
        Ok(page(rows.collect(), max, |row| {
            token_for(&list, row.execution.last_updated_at, row.thing, row.execution.number)
        }))
    }

    /// `ListJobExecutionsForThing`. Of an unknown thing the list is empty (observed; the model would
    /// allow a 404).
    pub fn list_executions_of_thing<'a>(
        &'a self,
        thing: &'a str,
        filter: &ForThing,
        max: usize,
        token: Option<&str>,
    ) -> Result<Page<Row<'a>>, Refusal> {
        let list = format!("thing|{thing}|{filter:?}");
        let after = token.map(|token| open_token(&list, token)).transpose()?;
        let mut rows: Vec<Row<'_>> = Vec::new();
        for id in self.jobs_of.get(thing).into_iter().flatten() {
            let Some(job) = self.jobs.get(id) else { continue };
            let named = filter.job.as_deref().is_none_or(|job| job == &**id);
            let namespace = filter.namespace_id.as_ref();
            if !named || namespace.is_some_and(|n| Some(n) != job.namespace_id.as_ref()) {
                continue;
            }
            let executions = job.executions.get(thing).into_iter().flatten();
            let executions =
                executions.filter(|e| filter.status.as_ref().is_none_or(|s| *s == e.status));
            rows.extend(executions.map(|execution| Row { thing, job: id, execution }));
        }
        let place = |row: &Row<'a>| {
            (Reverse(row.execution.last_updated_at), row.job, Reverse(row.execution.number))
        };
        rows.sort_unstable_by_key(place);
        if let Some((time, job, number)) = &after {
            rows.retain(|row| place(row) > (Reverse(*time), job.as_str(), Reverse(*number)));
        }
        rows.truncate(max + 1);
        Ok(page(rows, max, |row| {
            token_for(&list, row.execution.last_updated_at, row.job, row.execution.number)
        }))
    }

    /// `ListThingGroupsForThing`: the groups that a thing is directly in, by name.
    pub fn list_groups_of_thing(
        &self,
        thing: &str,
        max: usize,
        token: Option<&str>,
    ) -> Result<Page<&Arc<str>>, Refusal> {
        let list = format!("groups|{thing}");
        let after = token.map(|token| open_token(&list, token)).transpose()?;
        let after = after.as_ref().map(|(_, name, _)| name.as_str());
        let groups = self.registry.groups_of(thing).into_iter().flatten();
        let rows = groups.filter(|group| after.is_none_or(|after| &***group > after));
        Ok(page(rows.take(max + 1).collect(), max, |group| token_for(&list, 0, group, 0)))
    }
}

/// Cuts one row more than fits off, which tells that there is a next page.
fn page<T>(mut rows: Vec<T>, max: usize, token: impl FnOnce(&T) -> String) -> Page<T> {
    let more = rows.len() > max;
    rows.truncate(max);
    let next = if more { rows.last().map(token) } else { None };
    Page { rows, next }
}

/// The token for what follows a place. Opaque to clients: hexadecimal.
fn token_for(list: &str, time: i64, name: &str, number: i64) -> String {
    let text = format!("{list}\n{time}\n{name}\n{number}");
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String does not fail");
        hex
    })
}

/// The place that a token of this list holds.
fn open_token(list: &str, token: &str) -> Result<(i64, String, i64), Refusal> {
    let read = || {
        let digits: Option<Vec<u32>> = token.chars().map(|c| c.to_digit(16)).collect();
        let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
        let bytes: Option<Vec<u8>> =
            digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect();
        let text = String::from_utf8(bytes?).ok()?;
        let mut parts = text.strip_prefix(list)?.strip_prefix('\n')?.split('\n');
        let place = (parts.next()?.parse().ok()?, parts.next()?.to_owned(), parts.next()?);
        parts.next().is_none().then_some((place.0, place.1, place.2.parse().ok()?))
    };
    read().ok_or_else(|| Refusal::InvalidRequest("Next token is invalid.".to_owned()))
}

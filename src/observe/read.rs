//! The reads of a pass: each need becomes one answer, and no read fails as a whole.
//!
//! It stands apart from the loop so that the executor can read a thing's facts again by the same
//! code. Times are taken before the request, so that a fact is never older than it says.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::backend::{self, Error, ErrorKind, JobSummary, JobsReader, Page, PageToken, Result};
use crate::clock::Clock;
use crate::execution::{
    ExecutionDescription, ExecutionKey, ExecutionSummary, JobId, JobStatus, OpenStatus, ThingName,
};
use crate::fact::Fact;
use crate::inventory::{JobDescription, Thing};

/// Which facts of a thing are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThingFacts {
    /// `DescribeThing`.
    pub description: bool,
    /// `ListThingGroupsForThing`, to its last page.
    pub groups: bool,
}

/// Reads facts of a thing; those that are not asked for are `NotRead`. A thing that is not there has
/// absent facts. The errors of other failed reads come with it.
pub async fn read_thing(
    reader: &dyn JobsReader,
    clock: &Clock,
    name: &ThingName,
    facts: ThingFacts,
) -> (Thing, Vec<Error>) {
    let at = clock.now();
    let description =
        async { if facts.description { Some(reader.describe_thing(name).await) } else { None } };
    let groups =
        async { if facts.groups { Some(backend::thing_groups(reader, name).await) } else { None } };
    let (description, groups) = futures_util::future::join(description, groups).await;
    let mut errors = Vec::new();
    let description = fact(description, &mut errors);
    let groups = fact(groups, &mut errors);
    let read_at = (facts.description || facts.groups).then_some(at);
    (Thing { description, groups, read_at }, errors)
}

fn fact<T>(answer: Option<Result<T>>, errors: &mut Vec<Error>) -> Fact<T> {
    match answer {
        None => Fact::NotRead,
        Some(Ok(value)) => Fact::Known(value),
        Some(Err(error)) if error.kind == ErrorKind::NotFound => Fact::Absent,
        Some(Err(error)) => {
            let fact = Fact::Unreadable(error.kind.unreadable());
            errors.push(error);
            fact
        }
    }
}

/// What one need came to.
pub(super) enum Answer {
    Jobs { status: JobStatus, at: Timestamp, rows: Result<Vec<JobSummary>> },
    Job { id: JobId, description: Result<JobDescription> },
    Executions { job: JobId, lists: Vec<(OpenStatus, Timestamp, Result<Vec<ExecutionSummary>>)> },
    Thing { name: ThingName, read: Thing, errors: Vec<Error> },
    Execution { key: ExecutionKey, at: Timestamp, description: Result<ExecutionDescription> },
}

impl Answer {
    /// What is counted, by [`Answer::kind`].
    pub(super) const KINDS: [&'static str; 5] =
        ["lists of jobs", "jobs", "jobs' executions", "things", "executions"];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Jobs { .. } => 0,
            Self::Job { .. } => 1,
            Self::Executions { .. } => 2,
            Self::Thing { .. } => 3,
            Self::Execution { .. } => 4,
        }
    }
}

/// Where the reads go.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) reader: &'a dyn JobsReader,
    pub(super) clock: &'a Clock,
}

impl Reading<'_> {
    pub(super) async fn jobs(self, status: JobStatus) -> Answer {
        let at = self.clock.now();
        let rows = pages(|page| {
            let status = &status;
            Box::pin(async move { self.reader.list_jobs(status, page.as_ref()).await })
        });
        let rows = rows.await;
        Answer::Jobs { status, at, rows }
    }

    pub(super) async fn job(self, id: JobId) -> Answer {
        let description = self.reader.describe_job(&id).await;
        Answer::Job { id, description }
    }

    /// One after the other, in the order of [`OpenStatus`]: the other way round, executions that
    /// start in between would be missed.
    pub(super) async fn executions(self, job: JobId, statuses: BTreeSet<OpenStatus>) -> Answer {
        let mut lists = Vec::with_capacity(statuses.len());
        for status in statuses {
            let at = self.clock.now();
            let job = &job;
            let rows = pages(|page| {
                Box::pin(
                    async move { self.reader.list_executions(job, status, page.as_ref()).await },
                )
            });
            lists.push((status, at, rows.await));
        }
        Answer::Executions { job, lists }
    }

    pub(super) async fn thing(self, name: ThingName, facts: ThingFacts) -> Answer {
        let (read, errors) = read_thing(self.reader, self.clock, &name, facts).await;
        Answer::Thing { name, read, errors }
    }

    pub(super) async fn execution(self, key: ExecutionKey) -> Answer {
        let at = self.clock.now();
        let description = self.reader.describe_execution(&key, None).await;
        Answer::Execution { key, at, description }
    }
}

/// All rows of a list, or the error of the page at which it broke off.
async fn pages<'a, T>(
    read: impl Fn(Option<PageToken>) -> BoxFuture<'a, Result<Page<T>>>,
) -> Result<Vec<T>> {
    let mut rows = Vec::new();
    let mut token = None;
    loop {
        let page = read(token).await?;
        rows.extend(page.items);
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(rows),
        }
    }
}

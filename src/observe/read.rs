//! The reads of a pass: each need becomes one answer, and no read fails as a whole.
//!
//! It stands apart from the loop so that the executor can read the facts of a thing or a job again by the same
//! code. Times are taken before the request, so that a fact is never older than it says; that a read has
//! failed is known from its end on, which may come minutes later.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::backend::{
    self, Error, ErrorKind, JobSummary, JobsReader, List, Operation, Page, PageToken, Result,
};
use crate::clock::Clock;
use crate::execution::{
    ExecutionDescription, ExecutionKey, JobId, JobStatus, OpenStatus, ThingName,
};
use crate::fact::Fact;
use crate::inventory::{Job, JobDescription, Problem, Row, Thing, observed};
use crate::mutant::{self, Mutant};

/// Which facts of a thing are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThingFacts {
    /// `DescribeThing`.
    pub description: bool,
    /// `GetThingConnectivityData`.
    pub connectivity: bool,
    /// `ListThingGroupsForThing`, to its last page.
    pub groups: bool,
    /// `ListJobExecutionsForThing` with status QUEUED, to its last page.
    pub queue: bool,
}

/// Which facts of a job are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobFacts {
    /// `DescribeJob`.
    pub description: bool,
    /// `ListTagsForResource`, to its last page.
    pub tags: bool,
}

/// Reads facts of a thing; those that are not asked for are `NotRead`. A thing that is not in the
/// registry has absent facts there. The errors of other failed reads come with it.
pub async fn read_thing(
    reader: &dyn JobsReader,
    clock: &Clock,
    name: &ThingName,
    facts: ThingFacts,
) -> (Thing, Vec<Error>) {
    let at = clock.now();
    let (description, connectivity, groups, queue) = futures_util::future::join4(
        asked(facts.description, || reader.describe_thing(name)),
        asked(facts.connectivity, || reader.thing_connectivity(name)),
        asked(facts.groups, || backend::thing_groups(reader, name)),
        asked(facts.queue, || backend::thing_queue(reader, name)),
    )
    .await;
    let mut errors = Vec::new();
    let thing = Thing {
        description: fact(or_absent(description), &mut errors),
        connectivity: fact(connectivity.map(|it| it.map(Some)), &mut errors),
        groups: fact(or_absent(groups), &mut errors),
        queue: fact(queue.map(|it| it.map(Some)), &mut errors),
        read_at: (facts != ThingFacts::default()).then_some(at),
    };
    (thing, errors)
}

/// Reads facts of a job into what is known of it. The errors of failed reads come back.
pub async fn read_job(
    reader: &dyn JobsReader,
    clock: &Clock,
    id: &JobId,
    facts: JobFacts,
    job: &mut Job,
) -> Vec<Error> {
    let at = clock.now();
    let (description, tags) = futures_util::future::join(
        asked(facts.description, || reader.describe_job(id)),
        asked(facts.tags, || backend::job_tags(reader, id)),
    )
    .await;
    let mut errors = Vec::new();
    if let Some(answer) = description {
        let at = known_at(&answer, at, clock);
        job.take_in(fact(Some(answer.map(Some)), &mut errors), at);
    }
    if let Some(answer) = tags {
        job.tags_at = Some(known_at(&answer, at, clock));
        job.tags = fact(Some(answer.map(Some)), &mut errors);
    }
    errors
}

/// Since when what came of a read is known that was asked for at `asked` and has just ended.
fn known_at<T>(answer: &Result<T>, asked: Timestamp, clock: &Clock) -> Timestamp {
    if answer.is_ok() { asked } else { clock.now() }
}

async fn asked<T, F>(asked: bool, read: impl FnOnce() -> F) -> Option<Result<T>>
where
    F: Future<Output = Result<T>>,
{
    if asked { Some(read().await) } else { None }
}

/// The registry's "not found" says that a thing is not there. From the index or a list of executions
/// it would not say which of the two lacks it.
fn or_absent<T>(answer: Option<Result<T>>) -> Option<Result<Option<T>>> {
    answer.map(|answer| match answer {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        answer => answer.map(Some),
    })
}

fn fact<T>(answer: Option<Result<Option<T>>>, errors: &mut Vec<Error>) -> Fact<T> {
    match answer {
        None => Fact::NotRead,
        Some(Ok(value)) => Fact::read(value),
        Some(Err(_)) if mutant::is(Mutant::UnreadableIsAbsent) => Fact::Absent,
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
    Job { id: JobId, at: Timestamp, description: Result<JobDescription> },
    Tags { id: JobId, at: Timestamp, tags: Result<BTreeMap<String, String>> },
    Executions { job: JobId, lists: Vec<(OpenStatus, Timestamp, Result<Vec<Row>>)> },
    Thing { name: ThingName, read: Thing, errors: Vec<Error> },
    Execution { key: ExecutionKey, at: Timestamp, description: Result<ExecutionDescription> },
}

impl Answer {
    /// What is counted, by [`Answer::kind`].
    pub(super) const KINDS: [&'static str; 6] =
        ["lists of jobs", "jobs", "jobs' tags", "jobs' executions", "things", "executions"];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Jobs { .. } => 0,
            Self::Job { .. } => 1,
            Self::Tags { .. } => 2,
            Self::Executions { .. } => 3,
            Self::Thing { .. } => 4,
            Self::Execution { .. } => 5,
        }
    }
}

/// Where the reads go.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) reader: &'a dyn JobsReader,
    pub(super) clock: &'a Clock,
    /// How many executions of a job are kept.
    pub(super) known: &'a (dyn Fn(&JobId) -> usize + Sync),
    /// The name of the thing of an execution that is kept.
    pub(super) name: &'a (dyn Fn(&ExecutionKey) -> Option<ThingName> + Sync),
}

impl Reading<'_> {
    pub(super) async fn jobs(self, status: JobStatus) -> Answer {
        let at = self.clock.now();
        let list =
            List { operation: Operation::ListJobs, of: Problem::jobs_in(&status), expected: 0 };
        let rows = backend::pages(list, |page| {
            let status = &status;
            Box::pin(async move { self.reader.list_jobs(status, page.as_ref()).await })
        });
        let rows = rows.await;
        Answer::Jobs { status, at, rows }
    }

    pub(super) async fn job(self, id: JobId) -> Answer {
        let asked = self.clock.now();
        let description = self.reader.describe_job(&id).await;
        let at = known_at(&description, asked, self.clock);
        Answer::Job { id, at, description }
    }

    pub(super) async fn tags(self, id: JobId) -> Answer {
        let asked = self.clock.now();
        let tags = backend::job_tags(self.reader, &id).await;
        let at = known_at(&tags, asked, self.clock);
        Answer::Tags { id, at, tags }
    }

    /// One after the other, in the order of [`OpenStatus`]: the other way round, executions that
    /// start in between would be missed.
    pub(super) async fn executions(self, job: JobId, statuses: BTreeSet<OpenStatus>) -> Answer {
        let mut lists = Vec::with_capacity(statuses.len());
        for status in statuses {
            let at = self.clock.now();
            let job = &job;
            let rows = if mutant::is(Mutant::CancelWhilePaging) {
                self.page(job, status, None).await.map(|page| page.items)
            } else {
                let (operation, expected) = (Operation::ListJobExecutionsForJob, (self.known)(job));
                let list = List { operation, of: format!("job {job}"), expected };
                backend::pages(list, |page| Box::pin(self.page(job, status, page))).await
            };
            lists.push((status, at, rows));
        }
        Answer::Executions { job, lists }
    }

    /// One page, as it is kept: a million rows are never there as AWS gives them, nor the names of a
    /// million things twice.
    async fn page(
        self,
        job: &JobId,
        status: OpenStatus,
        page: Option<PageToken>,
    ) -> Result<Page<Row>> {
        let Page { items, next } = self.reader.list_executions(job, status, page.as_ref()).await?;
        let items = items.into_iter().map(|row| {
            let (mut key, row) = observed(job, status, row);
            if let Some(name) = (self.name)(&key) {
                key.thing = name;
            }
            (key, row)
        });
        Ok(Page { items: items.collect(), next })
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

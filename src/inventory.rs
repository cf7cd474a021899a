//! What was observed in one pass, and what could not be.
//!
//! An [`Inventory`] is data: the collector (`observe`) fills it, `plan` reads it. It never guesses:
//! what was not read is `NotRead`, what could not be read is named in `problems` as well.
//!
//! Invariants: executions are keyed by (job, thing) and hold the latest execution number seen, since
//! `CancelJobExecution` can mean no other; rows come from lists that were read to their last page, of
//! which one may be older than the last try.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::execution::{
    Account, ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionStatus,
    ExecutionSummary, ExecutionVersion, JobId, JobStatus, OpenStatus, StatusDetails, ThingName,
};
use crate::fact::{Fact, Unreadable};

mod clocks;
mod executions;
mod job;
mod thing;

pub use clocks::Clocks;
pub use executions::Executions;
pub use job::{AbortCriterion, FailureType, Job, JobDescription, ProcessDetails};
pub use thing::{Connectivity, Queue, QueuedExecution, Thing, ThingDescription};

/// How far a list got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Read to its last page; the time is that of the first page's request.
    Complete(Timestamp),
    /// Not read to its last page; its rows are not kept, but those of an earlier list may be.
    Failed(Unreadable),
}

/// The latest execution of a job on a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedExecution {
    /// The list that it was found in. Decides which policies have it in scope.
    pub listed: OpenStatus,
    /// Which execution.
    pub number: Fact<ExecutionNumber>,
    /// Its status: the listed one, or the described one once described.
    pub status: ExecutionStatus,
    /// Its times, from the latest observation.
    pub times: Clocks,
    /// Retries completed.
    pub retry_attempt: Fact<i32>,
    /// What only a describe says.
    pub described: Fact<Box<Described>>,
}

/// What only `DescribeJobExecution` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The version.
    pub version: Fact<ExecutionVersion>,
    /// The statusDetails.
    pub status_details: Fact<StatusDetails>,
    /// Seconds until a timer ends it, at the time of the describe; absent without a timer.
    pub seconds_before_timed_out: Fact<i64>,
    /// When the describe was sent.
    pub at: Timestamp,
}

/// Something that could not be observed, for people.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What: "QUEUED executions of job fw-4-2-0".
    pub what: String,
    /// Why, in AWS's or our words, with what to do.
    pub why: String,
}

impl Problem {
    /// What the list of the jobs of a status is called.
    pub fn jobs_in(status: &JobStatus) -> String {
        format!("jobs in status {status}")
    }

    /// What a list of executions is called.
    pub fn executions_of(job: &JobId, status: OpenStatus) -> String {
        format!("{status} executions of job {job}")
    }

    /// What a job is called.
    pub fn job(job: &JobId) -> String {
        format!("job {job}")
    }
}

/// What was observed in one pass.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Who answered; none until an ARN was seen.
    pub account: Option<Account>,
    /// The lists of jobs, by status.
    pub job_lists: BTreeMap<JobStatus, Listing>,
    /// The jobs found.
    pub jobs: BTreeMap<JobId, Job>,
    /// The lists of executions.
    pub lists: BTreeMap<(JobId, OpenStatus), Listing>,
    /// The executions found.
    pub executions: Executions,
    /// The things read.
    pub things: BTreeMap<ThingName, Thing>,
    /// The time for which nothing more was worth reading; none if that was not asked.
    pub as_of: Option<Timestamp>,
    /// How far AWS's clock is ahead of the machine's; none if that is not known, or means nothing.
    pub skew: Option<SignedDuration>,
    /// What could not be observed.
    pub problems: BTreeSet<Problem>,
}

impl Inventory {
    /// Takes in a row of the list of `job`'s executions with status `listed`. Of two rows for one
    /// key the higher execution number stays, and of equal or unknown numbers the later observation.
    pub fn insert_row(&mut self, job: &JobId, listed: OpenStatus, row: ExecutionSummary) {
        let (key, row) = observed(job, listed, row);
        if !self.executions.get(&key).is_some_and(|kept| stays(kept, &row)) {
            self.executions.insert(key, row);
        }
    }

    /// Takes in the list of `job`'s executions with status `listed`, in the place of the one before.
    pub fn replace_rows(&mut self, job: &JobId, listed: OpenStatus, rows: Vec<Row>) {
        self.executions.replace_list(job, listed, rows, stays);
    }

    /// Takes out the rows that came from the list of `job`'s executions with status `listed`.
    pub fn remove_rows(&mut self, job: &JobId, listed: OpenStatus) {
        self.executions.remove_list(job, listed);
    }

    /// Whether the list of `job`'s executions with status `listed` has no row.
    pub fn is_empty(&self, job: &JobId, listed: OpenStatus) -> bool {
        self.executions.of_job(job).iter().all(|(_, row)| row.listed != listed)
    }

    /// The same with no other executions than `keys`, and of the jobs and things those that they need.
    /// It says all that is known of them, and less than is known of what counts all executions.
    #[must_use]
    pub fn part<'a>(&self, keys: impl IntoIterator<Item = &'a ExecutionKey>) -> Self {
        let mut part = Self {
            account: self.account.clone(),
            job_lists: self.job_lists.clone(),
            as_of: self.as_of,
            ..Self::default()
        };
        for key in keys {
            let (Some(row), Some(job)) = (self.executions.get(key), self.jobs.get(&key.job)) else {
                continue;
            };
            if !part.jobs.contains_key(&key.job) {
                part.jobs.insert(key.job.clone(), job.clone());
                for list in OpenStatus::ALL.map(|status| (key.job.clone(), status)) {
                    if let Some(listing) = self.lists.get(&list) {
                        part.lists.insert(list, *listing);
                    }
                }
            }
            if let Some(thing) = self.things.get(&key.thing) {
                part.things.insert(key.thing.clone(), thing.clone());
            }
            part.executions.insert(key.clone(), row.clone());
        }
        part
    }

    /// Takes out jobs, with their lists and executions.
    pub fn forget_jobs(&mut self, is_gone: impl Fn(&JobId, &Job) -> bool) {
        let gone = self.jobs.iter().filter(|(id, job)| is_gone(id, job)).map(|(id, _)| id.clone());
        let gone: BTreeSet<_> = gone.collect();
        if !gone.is_empty() {
            self.jobs.retain(|id, _| !gone.contains(id));
            self.lists.retain(|(id, _), _| !gone.contains(id));
            for id in &gone {
                self.executions.remove_job(id);
            }
        }
    }

    /// Takes in a describe of the latest execution of `key`, sent at `at`.
    pub fn insert_description(
        &mut self,
        key: &ExecutionKey,
        description: ExecutionDescription,
        at: Timestamp,
    ) {
        if let Some(row) = self.executions.get_mut(key) {
            row.take_in(description, at);
        }
    }
}

/// An execution as it is kept.
pub type Row = (ExecutionKey, ObservedExecution);

/// A row of the list of `job`'s executions with status `listed`, as it is kept: half as large as it comes.
pub fn observed(job: &JobId, listed: OpenStatus, row: ExecutionSummary) -> Row {
    let observed = ObservedExecution {
        listed,
        number: row.number,
        status: row.status,
        times: row.times.into(),
        retry_attempt: row.retry_attempt,
        described: Fact::NotRead,
    };
    (ExecutionKey { job: job.clone(), thing: row.thing }, observed)
}

/// Whether an earlier row stays although there is a later one: it is of a higher execution number.
fn stays(earlier: &ObservedExecution, later: &ObservedExecution) -> bool {
    later.number.known().is_some() && earlier.number.known() > later.number.known()
}

impl ObservedExecution {
    /// The row as it stands after a describe: the later observation counts. A describe has no
    /// `retryAttempt`, so that of another execution number is not known any more.
    pub fn take_in(&mut self, description: ExecutionDescription, at: Timestamp) {
        if description.number != self.number {
            self.retry_attempt = Fact::Unreadable(Unreadable::Gone);
        }
        self.number = description.number;
        self.status = description.status;
        self.times = description.times.into();
        self.described = Fact::Known(Box::new(Described {
            version: description.version,
            status_details: description.status_details,
            seconds_before_timed_out: description.seconds_before_timed_out,
            at,
        }));
    }
}

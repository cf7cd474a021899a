//! A job as observed: its row in the list, what `DescribeJob` adds, its tags.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::execution::{JobStatus, TargetSelection};
use crate::fact::Fact;

/// A job as listed, and as described when that was worth a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its status, from the later of the list and the describe.
    pub status: JobStatus,
    /// Whether it follows its groups.
    pub target_selection: TargetSelection,
    /// When it was created.
    pub created_at: Fact<Timestamp>,
    /// When its status was asked for.
    pub status_at: Timestamp,
    /// What `DescribeJob` adds.
    pub description: Fact<JobDescription>,
    /// When that was asked for; none if it was not.
    pub described_at: Option<Timestamp>,
    /// Its tags, possibly none, from `ListTagsForResource`.
    pub tags: Fact<BTreeMap<String, String>>,
    /// When they were asked for; none if they were not.
    pub tags_at: Option<Timestamp>,
}

/// What `DescribeJob` adds to a job's row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobDescription {
    /// Its status, later than the list's.
    pub status: Fact<JobStatus>,
    /// The namespace of a job that another service manages (Greengrass, say).
    pub namespace_id: Option<String>,
    /// The job's description.
    pub description: Option<String>,
    /// Minutes in progress after which an execution times out, from timeoutConfig: 1 to 10080.
    pub timeout_minutes: Option<i64>,
    /// When AWS cancels the whole job, from abortConfig. Empty if it never does.
    pub abort: Vec<AbortCriterion>,
    /// How many of its executions are in each status, from jobProcessDetails.
    pub process: Fact<ProcessDetails>,
}

/// AWS cancels a job when, of enough executions that ended, too many failed in one way.
///
/// Canceled executions count as executed, so that our cancels can bring a job there.
#[derive(Clone, Debug, PartialEq)]
pub struct AbortCriterion {
    /// What counts as a failure.
    pub failure_type: FailureType,
    /// The share of failures among the executed, in percent: above 0, at most 100.
    pub threshold_percentage: f64,
    /// How many executions must have ended before the share is looked at: 1 or more.
    pub min_number_of_executed_things: i64,
}

/// What kind of failure a criterion counts (`JobExecutionFailureType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureType {
    /// FAILED.
    Failed,
    /// REJECTED.
    Rejected,
    /// TIMED_OUT.
    TimedOut,
    /// All three, and whatever a later AWS may call a failure.
    All,
}

/// How many of a job's executions are in each status (`jobProcessDetails`). A number that AWS did not
/// give is 0, as its documents have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are AWS's, less `numberOf…Things`
pub struct ProcessDetails {
    pub queued: i64,
    pub in_progress: i64,
    pub succeeded: i64,
    pub failed: i64,
    pub timed_out: i64,
    pub rejected: i64,
    pub removed: i64,
    pub canceled: i64,
}

impl Job {
    /// Takes in what `DescribeJob` said, or why it said nothing, asked at `at`.
    pub fn take_in(&mut self, description: Fact<JobDescription>, at: Timestamp) {
        if let Fact::Known(JobDescription { status: Fact::Known(status), .. }) = &description {
            self.status = status.clone();
            self.status_at = at;
        }
        self.description = description;
        self.described_at = Some(at);
    }
}

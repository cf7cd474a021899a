//! What a fleet says of its jobs: how they begin, retry, are aborted and end.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::execution::{JobStatus, TargetSelection};

/// A job is canceled when, of enough executions that ended, too many failed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetAbort {
    /// What counts as a failure.
    pub failure_type: FleetFailureType,
    /// The share of failures in percent.
    #[schemars(range(max = 100))]
    pub threshold_percentage: f64,
    /// How many executions must have ended before it is looked at.
    pub min_number_of_executed_things: NonZeroU32,
}

/// An execution that ends so is tried again.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetRetry {
    /// What is tried again: FAILED, TIMED_OUT or ALL.
    pub failure_type: FleetFailureType,
    /// How often on one thing.
    #[schemars(range(max = 10))]
    pub number_of_retries: u32,
}

/// What kind of failure is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum FleetFailureType {
    Failed,
    Rejected,
    TimedOut,
    All,
}

/// When a job begins and ends.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetSchedule {
    /// When a SCHEDULED job starts: an RFC 3339 time.
    #[serde(default)]
    pub start_time: Option<String>,
    /// When it ends: an RFC 3339 time.
    #[serde(default)]
    pub end_time: Option<String>,
    /// What becomes of its executions then. Default: STOP_ROLLOUT.
    #[serde(default)]
    pub end_behavior: FleetEndBehavior,
}

/// What becomes of a job's executions at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum FleetEndBehavior {
    #[default]
    StopRollout,
    Cancel,
    ForceCancel,
}

/// A job, or with `count` many that differ in their ids.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetJob {
    /// Its id: 1 to 64 letters, digits, '_' and '-'. With `count` it holds the number's place: `fw-{n}`.
    pub id: String,
    /// How many there are, numbered from `first` on. The whole fleet has at most 100000 jobs.
    #[serde(default)]
    pub count: Option<NonZeroU32>,
    /// The first number. Default: 1.
    #[serde(default)]
    pub first: Option<u32>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The job document, JSON. Default: {}.
    #[serde(default)]
    pub document: Option<String>,
    /// When failures cancel it (abortConfig). Default: never.
    #[serde(default)]
    pub abort: Vec<FleetAbort>,
    /// When an execution is tried again (jobExecutionsRetryConfig). Default: never.
    #[serde(default)]
    pub retry: Vec<FleetRetry>,
    /// When it begins and ends.
    #[serde(default)]
    pub schedule: Option<FleetSchedule>,
    /// The code of the reason for which it was canceled.
    #[serde(default)]
    pub reason_code: Option<String>,
    /// The comment of the last call that changed it.
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether it was canceled with force; only for CANCELED.
    #[serde(default)]
    pub force_canceled: Option<bool>,
    /// Whether its executions are still being canceled; only for CANCELED. Default: false.
    #[serde(default)]
    pub canceling: bool,
    /// Its status. Default: IN_PROGRESS.
    #[serde(default)]
    pub status: FleetJobStatus,
    /// Whether it ends with its present targets (SNAPSHOT) or follows its groups (CONTINUOUS).
    /// Default: SNAPSHOT.
    #[serde(default)]
    pub target_selection: FleetTargetSelection,
    /// Its description, at most 2028 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// The namespace of a job that another AWS service manages, Greengrass say.
    #[serde(default)]
    pub namespace_id: Option<String>,
    /// When it was created: an RFC 3339 time, or an age such as `9h ago`. Default: when its first
    /// execution was queued.
    #[serde(default)]
    pub created_at: Option<String>,
    /// After how many minutes in progress an execution times out, 1 to 10080. Default: never.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_080))]
    pub timeout_minutes: Option<u32>,
    /// What the job is sent to. Default: the things of its executions.
    #[serde(default)]
    pub targets: Option<FleetTargets>,
}

/// What a job is sent to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetTargets {
    /// Things, by name.
    #[serde(default)]
    pub things: Vec<String>,
    /// Thing groups, by name.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A job's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum FleetJobStatus {
    #[default]
    InProgress,
    Canceled,
    Completed,
    DeletionInProgress,
    Scheduled,
}

/// Whether a job follows its groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum FleetTargetSelection {
    Continuous,
    #[default]
    Snapshot,
}

impl From<FleetJobStatus> for JobStatus {
    fn from(status: FleetJobStatus) -> Self {
        match status {
            FleetJobStatus::InProgress => Self::InProgress,
            FleetJobStatus::Canceled => Self::Canceled,
            FleetJobStatus::Completed => Self::Completed,
            FleetJobStatus::DeletionInProgress => Self::DeletionInProgress,
            FleetJobStatus::Scheduled => Self::Scheduled,
        }
    }
}

impl From<FleetTargetSelection> for TargetSelection {
    fn from(selection: FleetTargetSelection) -> Self {
        match selection {
            FleetTargetSelection::Continuous => Self::Continuous,
            FleetTargetSelection::Snapshot => Self::Snapshot,
        }
    }
}

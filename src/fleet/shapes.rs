//! `kind: Fleet` as people write it. Each field's doc comment is its description in the schema and
//! its entry in the reference.
//!
//! These types stand apart from [`super::Fleet`] because they hold only form: text where the meaning
//! is a time or a name, options where a default depends on other fields. Unknown keys are refused.
//! Enum variants have no doc comments: they would turn the schema's `enum` into a `oneOf`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::execution::{ExecutionStatus, JobStatus, TargetSelection};

mod behavior;

pub use behavior::{FleetBehavior, FleetEndings};

/// Facts about things, jobs and job executions: what the emulator starts from, and what a snapshot
/// holds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetDocument {
    /// The version of this document's form.
    pub api_version: FleetApiVersion,
    /// What the document is.
    pub kind: FleetKind,
    /// What the document is called.
    pub metadata: FleetMetadata,
    /// The facts.
    pub spec: FleetSpec,
}

/// The versions of this document's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum FleetApiVersion {
    #[serde(rename = "rescind/v1alpha1")]
    V1Alpha1,
}

/// The kind of this document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum FleetKind {
    Fleet,
}

/// What the document is called.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetMetadata {
    /// The fleet's name, for people.
    pub name: String,
    /// Free labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Free annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// The facts of a fleet.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetSpec {
    /// The AWS account, twelve digits. Default: 123456789012.
    #[serde(default)]
    pub account: Option<String>,
    /// The AWS region. Default: eu-central-1.
    #[serde(default)]
    pub region: Option<String>,
    /// Thing groups. A group that a thing or a target names need not be listed here.
    #[serde(default)]
    pub groups: Vec<String>,
    /// What is to be said of thing groups beyond their names. They need not be listed in `groups`.
    #[serde(default)]
    pub thing_groups: Vec<FleetThingGroup>,
    /// What is to be said of thing types beyond their names. A type that a thing names need not be
    /// listed here.
    #[serde(default)]
    pub thing_types: Vec<FleetThingType>,
    /// What fleet indexing indexes: nothing (OFF), the registry (REGISTRY), or connectivity as well
    /// (CONNECTIVITY). Default: CONNECTIVITY.
    #[serde(default)]
    pub indexing: FleetIndexing,
    /// Service quotas that differ from AWS's defaults, by code: `L-5D01DB62: 50`.
    #[serde(default)]
    pub quotas: BTreeMap<String, f64>,
    /// From what living devices draw: the same fleet with the same seed lives the same life. Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// The things of the registry.
    #[serde(default)]
    pub things: Vec<FleetThing>,
    /// The jobs.
    #[serde(default)]
    pub jobs: Vec<FleetJob>,
    /// The job executions. Exactly these exist: a job's targets create none.
    #[serde(default)]
    pub executions: Vec<FleetExecution>,
}

/// A thing group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetThingGroup {
    /// Its name.
    pub name: String,
    /// The group that it is in.
    #[serde(default)]
    pub parent: Option<String>,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// How often it was updated, plus one. Default: 1.
    #[serde(default)]
    pub version: Option<NonZeroU32>,
    /// When it was created. Default: now.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// A thing type.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetThingType {
    /// Its name.
    pub name: String,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// The attributes that are searched by it, at most 3.
    #[serde(default)]
    pub searchable_attributes: Vec<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When it was created. Default: now.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it was deprecated. Default: it is not.
    #[serde(default)]
    pub deprecated_at: Option<String>,
}

/// What fleet indexing says about a thing's connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetConnectivity {
    /// Whether it is connected.
    pub connected: bool,
    /// Since when. Default: not said, as AWS does about an hour after a connection was lost.
    #[serde(default)]
    pub since: Option<String>,
}

/// What fleet indexing indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum FleetIndexing {
    Off,
    Registry,
    #[default]
    Connectivity,
}

/// A thing of the registry, or with `count` many that differ in their names.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetThing {
    /// Its name: 1 to 128 letters, digits, ':', '_' and '-'. With `count` it holds the number's place:
    /// `robot-{n}`, or `robot-{n:06}` for six digits.
    pub name: String,
    /// How many there are, numbered from `first` on. The whole fleet has at most 1000000 things.
    #[serde(default)]
    pub count: Option<NonZeroU32>,
    /// The first number. Default: 1.
    #[serde(default)]
    pub first: Option<u32>,
    /// What fleet indexing knows of its connection. Default: nothing.
    #[serde(default)]
    pub connectivity: Option<FleetConnectivity>,
    /// How often it was updated, plus one. Default: 1.
    #[serde(default)]
    pub version: Option<NonZeroU32>,
    /// Its thing type.
    #[serde(default, rename = "type")]
    pub thing_type: Option<String>,
    /// The thing groups that it is directly in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Its attributes, at most 50.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// How it behaves by itself under the emulator. Default: it does nothing.
    #[serde(default)]
    pub behavior: Option<FleetBehavior>,
}

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

/// One execution of a job on a thing, or with `count` one on each of many things.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetExecution {
    /// The job's id, one of `jobs`. With `jobCount` it holds the number's place: `fw-{n}`.
    pub job: String,
    /// The thing's name, one of `things`. With `count` it holds the number's place: `robot-{n:06}`.
    pub thing: String,
    /// On how many things, numbered from `first` on. The whole fleet has at most 2000000 executions.
    #[serde(default)]
    pub count: Option<NonZeroU32>,
    /// The first thing's number. Default: 1.
    #[serde(default)]
    pub first: Option<u32>,
    /// Of how many jobs, numbered from 1 on.
    #[serde(default)]
    pub job_count: Option<NonZeroU32>,
    /// Its status. Default: QUEUED.
    #[serde(default)]
    pub status: FleetExecutionStatus,
    /// Which execution of the job on this thing. Default: 1.
    #[serde(default)]
    pub execution_number: Option<NonZeroU32>,
    /// How often it changed, plus one. Default: what its status implies (QUEUED 1, IN_PROGRESS 2,
    /// finished 3, ended before it started 2).
    #[serde(default)]
    pub version_number: Option<NonZeroU32>,
    /// When it was queued: an RFC 3339 time, or an age such as `9h ago`. Default: when the job was
    /// created if that is written, else its earliest other time, else now.
    #[serde(default)]
    pub queued_at: Option<String>,
    /// When a device started it, or `never`. Default: never for what is QUEUED, CANCELED, REJECTED or REMOVED;
    /// for the rest `lastUpdatedAt`, else `queuedAt`.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it last changed. Default: `startedAt`, else `queuedAt`.
    #[serde(default)]
    pub last_updated_at: Option<String>,
    /// When its job's timer ends it. Default: `timeoutMinutes` after it started, if its job has that.
    #[serde(default)]
    pub times_out_at: Option<String>,
    /// When its step timer ends it. Default: it has none.
    #[serde(default)]
    pub step_times_out_at: Option<String>,
    /// Retries before this execution. Default: 0.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub retry_attempt: u32,
    /// What the device last reported: at most 10 pairs, keys of 1 to 128 letters, digits, ':', '_'
    /// and '-', values of 1 to 1024 characters.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 10))]
    pub status_details: BTreeMap<String, String>,
    /// Whether it was canceled with force; only for CANCELED. Default: false.
    #[serde(default)]
    pub force_canceled: bool,
}

/// A job execution's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum FleetExecutionStatus {
    #[default]
    Queued,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
    Rejected,
    Removed,
    Canceled,
}

impl From<FleetExecutionStatus> for ExecutionStatus {
    fn from(status: FleetExecutionStatus) -> Self {
        match status {
            FleetExecutionStatus::Queued => Self::Queued,
            FleetExecutionStatus::InProgress => Self::InProgress,
            FleetExecutionStatus::Succeeded => Self::Succeeded,
            FleetExecutionStatus::Failed => Self::Failed,
            FleetExecutionStatus::TimedOut => Self::TimedOut,
            FleetExecutionStatus::Rejected => Self::Rejected,
            FleetExecutionStatus::Removed => Self::Removed,
            FleetExecutionStatus::Canceled => Self::Canceled,
        }
    }
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

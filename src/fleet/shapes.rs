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

/// A thing of the registry.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetThing {
    /// Its name: 1 to 128 letters, digits, ':', '_' and '-'.
    pub name: String,
    /// Its thing type.
    #[serde(default, rename = "type")]
    pub thing_type: Option<String>,
    /// The thing groups that it is directly in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Its attributes, at most 50.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// A job.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetJob {
    /// Its id: 1 to 64 letters, digits, '_' and '-'.
    pub id: String,
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

/// One execution of a job on a thing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetExecution {
    /// The job's id, one of `jobs`.
    pub job: String,
    /// The thing's name, one of `things`.
    pub thing: String,
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
    /// When a device started it. Default: never for what is QUEUED, CANCELED, REJECTED or REMOVED;
    /// for the rest `lastUpdatedAt`, else `queuedAt`.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it last changed. Default: `startedAt`, else `queuedAt`.
    #[serde(default)]
    pub last_updated_at: Option<String>,
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

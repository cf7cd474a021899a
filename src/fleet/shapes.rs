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

use crate::execution::ExecutionStatus;

mod behavior;
mod job;
mod thing;

pub use behavior::{FleetBehavior, FleetEndings};
pub use job::{
    FleetAbort, FleetEndBehavior, FleetFailureType, FleetJob, FleetJobStatus, FleetRetry,
    FleetSchedule, FleetTargetSelection, FleetTargets,
};
pub use thing::{FleetConnectivity, FleetIndexing, FleetThing, FleetThingGroup, FleetThingType};

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

//! `kind: Fleet`: facts about things, jobs and executions. The emulator's seed and the form of a
//! snapshot.
//!
//! [`compile()`] turns what people write ([`shapes`]) into a [`Fleet`] and names all that is wrong at
//! once. A Fleet is valid by construction: names have AWS's form, executions refer to things and jobs
//! that are there, and each (job, thing, number) occurs once. It holds facts only; what the emulator
//! or a policy makes of them is not decided here.
//!
//! One entry may stand for many things, jobs or executions that differ in a number; a Fleet holds them
//! all. Ages (`9h ago`) stay ages: they are resolved by whoever knows `now`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::execution::{
    Account, ExecutionNumber, ExecutionStatus, ExecutionVersion, JobId, JobStatus, StatusDetails,
    TargetSelection, ThingName,
};
use crate::span::Moment;

mod behavior;
mod compile;
mod numbered;
mod observed;
mod recorded;
pub mod shapes;

pub use behavior::Behavior;
pub use compile::compile;
pub use observed::inventory;
pub use recorded::record;

use shapes::{FleetAbort, FleetDocument, FleetEndBehavior, FleetIndexing, FleetRetry};

/// The annotation by which a fleet says when it was recorded.
const OBSERVED_AT: &str = "observedAt";

/// The account of a fleet that names none.
pub const DEFAULT_ACCOUNT: &str = "123456789012";
/// The region of a fleet that names none.
pub const DEFAULT_REGION: &str = "eu-central-1";

/// A checked fleet.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// As it was written, where a million executions are ten lines.
    pub document: Arc<FleetDocument>,
    /// Its name, for people.
    pub name: String,
    /// Where it lives.
    pub account: Account,
    /// All thing groups, those that only a thing or a target names included.
    pub groups: BTreeSet<String>,
    /// What is said of groups beyond their names.
    pub thing_groups: BTreeMap<String, ThingGroup>,
    /// What is said of types beyond their names.
    pub thing_types: BTreeMap<String, ThingType>,
    /// What fleet indexing indexes.
    pub indexing: FleetIndexing,
    /// Service quotas that differ from AWS's defaults, by code.
    pub quotas: BTreeMap<String, f64>,
    /// From what living devices draw.
    pub seed: u64,
    /// The things. Those that one entry stands for share what is said of them.
    pub things: BTreeMap<ThingName, Arc<Thing>>,
    /// The jobs.
    pub jobs: BTreeMap<JobId, Job>,
    /// The executions. Those that one entry stands for share what is said of them.
    pub executions: BTreeMap<(JobId, ThingName, ExecutionNumber), Arc<Execution>>,
}

impl Fleet {
    /// When it was recorded, if `rescind snapshot` did.
    pub fn observed_at(&self) -> Option<Timestamp> {
        self.document.metadata.annotations.get(OBSERVED_AT)?.parse().ok()
    }
}

/// A thing of the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thing {
    /// Its thing type.
    pub thing_type: Option<String>,
    /// The groups that it is directly in.
    pub groups: BTreeSet<String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its version; none means 1.
    pub version: Option<u32>,
    /// What fleet indexing knows of its connection.
    pub connectivity: Option<Connectivity>,
    /// How it behaves by itself, shared by all that one entry stands for.
    pub behavior: Option<Arc<Behavior>>,
}

/// What fleet indexing says about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connectivity {
    /// Whether the thing is connected.
    pub connected: bool,
    /// Since when, if that is said.
    pub since: Option<Moment>,
}

/// A thing group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingGroup {
    /// The group that it is in.
    pub parent: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its version; none means 1.
    pub version: Option<u32>,
    /// When it was created; none means now.
    pub created_at: Option<Moment>,
}

/// A thing type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingType {
    /// Its description.
    pub description: Option<String>,
    /// The attributes that are searched by it.
    pub searchable_attributes: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created; none means now.
    pub created_at: Option<Moment>,
    /// When it was deprecated; none means that it is not.
    pub deprecated_at: Option<Moment>,
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its status.
    pub status: JobStatus,
    /// Whether it follows its groups.
    pub target_selection: TargetSelection,
    /// Its description.
    pub description: Option<String>,
    /// The namespace of a job that another service manages.
    pub namespace_id: Option<String>,
    /// When it was created; none means when its first execution was queued.
    pub created_at: Option<Moment>,
    /// Minutes in progress after which an execution times out.
    pub timeout_minutes: Option<u32>,
    /// The things that it is sent to. When the document has no targets: those of its executions.
    pub target_things: BTreeSet<ThingName>,
    /// The groups that it is sent to.
    pub target_groups: BTreeSet<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The job document; none means `{}`.
    pub document: Option<String>,
    /// When failures cancel it.
    pub abort: Vec<FleetAbort>,
    /// When an execution is tried again.
    pub retry: Vec<FleetRetry>,
    /// When it starts.
    pub starts_at: Option<Timestamp>,
    /// When it ends, and what happens then.
    pub ends_at: Option<(Timestamp, FleetEndBehavior)>,
    /// Why it was canceled, as a code.
    pub reason_code: Option<String>,
    /// The comment of the last call that changed it.
    pub comment: Option<String>,
    /// Whether it was canceled with force; none if it was not canceled.
    pub force_canceled: Option<bool>,
    /// Whether its executions are still being canceled.
    pub canceling: bool,
}

/// An execution. Its job, thing and number are its key in [`Fleet::executions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Its status.
    pub status: ExecutionStatus,
    /// Its version.
    pub version: ExecutionVersion,
    /// When it was queued.
    pub queued_at: Moment,
    /// When a device started it.
    pub started_at: Option<Moment>,
    /// When it last changed.
    pub last_updated_at: Moment,
    /// Retries before it.
    pub retry_attempt: u32,
    /// What the device reported.
    pub status_details: StatusDetails,
    /// Whether it was canceled with force.
    pub force_canceled: bool,
    /// When its job's timer ends it; none means what its job's timer makes of it.
    pub times_out_at: Option<Moment>,
    /// When its step timer ends it.
    pub step_times_out_at: Option<Moment>,
}

#[cfg(test)]
mod tests;

//! What is known of one execution, fact by fact: one accessor each, and where each comes from.
//!
//! Apart from `clause`, which says what a fact means to an operator. Typed clauses, expressions and
//! templates take their values from here and from nowhere else, so that a fact that was not read or
//! cannot be had looks the same to all of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::execution::{
    ExecutionNumber, ExecutionStatus, ExecutionVersion, JobId, JobStatus, TargetSelection,
    ThingName,
};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{Connectivity, Described, JobDescription, ThingDescription};
use crate::plan::FactName;
use crate::plan::clause::{Facts, Tier};
use crate::policy::AgeClock;

impl FactName {
    /// What it costs to read.
    pub fn tier(&self) -> Tier {
        match self {
            Self::ExecutionNumber
            | Self::QueuedAt
            | Self::StartedAt
            | Self::LastUpdatedAt
            | Self::RetryAttempt
            | Self::JobStatus
            | Self::JobTargetSelection
            | Self::JobCreatedAt
            | Self::JobDescription
            | Self::JobNamespaceId
            | Self::JobTimeoutMinutes
            | Self::Now
            | Self::Expression => Tier::Listed,
            Self::JobTags | Self::JobTag(_) => Tier::Tags,
            Self::ThingType | Self::ThingAttribute(_) | Self::ThingAttributes => Tier::Thing,
            Self::ThingConnected | Self::ThingConnectivityTimestamp => Tier::Connectivity,
            Self::ThingGroups => Tier::Groups,
            Self::QueuedBehind => Tier::Queue,
            Self::StatusDetail(_)
            | Self::StatusDetails
            | Self::SecondsBeforeTimedOut
            | Self::Version => Tier::Described,
        }
    }
}

impl<'a> Facts<'a> {
    /// The job's id.
    pub fn job_id(&self) -> &'a JobId {
        &self.key.job
    }

    /// The thing's name.
    pub fn thing_name(&self) -> &'a ThingName {
        &self.key.thing
    }

    /// The execution's status, from the latest observation.
    pub fn status(&self) -> &'a ExecutionStatus {
        &self.row.status
    }

    /// The execution's number.
    pub fn number(&self) -> Fact<ExecutionNumber> {
        self.row.number
    }

    /// Retries completed.
    pub fn retry_attempt(&self) -> Fact<i64> {
        self.row.retry_attempt.map(i64::from)
    }

    /// When a clock of the execution began to run.
    pub fn clock(&self, since: AgeClock) -> Fact<Timestamp> {
        match since {
            AgeClock::QueuedAt => self.row.times.queued_at(),
            AgeClock::StartedAt => self.row.times.started_at(),
            AgeClock::LastUpdatedAt => self.row.times.last_updated_at(),
        }
    }

    /// The job's status.
    pub fn job_status(&self) -> &'a JobStatus {
        &self.job.status
    }

    /// Whether the job follows its groups.
    pub fn job_target_selection(&self) -> &'a TargetSelection {
        &self.job.target_selection
    }

    /// When the job was created.
    pub fn job_created_at(&self) -> Fact<Timestamp> {
        self.job.created_at
    }

    /// The job's description; absent when it has none.
    pub fn job_description(&self) -> Fact<&'a String> {
        self.described_job().and_then(|job| Fact::read(job.description.as_ref()))
    }

    /// The job's namespace; absent when it is in none.
    pub fn job_namespace_id(&self) -> Fact<&'a String> {
        self.described_job().and_then(|job| Fact::read(job.namespace_id.as_ref()))
    }

    /// Minutes in progress after which an execution of the job times out; absent when it never does.
    pub fn job_timeout_minutes(&self) -> Fact<i64> {
        self.described_job().and_then(|job| Fact::read(job.timeout_minutes))
    }

    fn described_job(&self) -> Fact<&'a JobDescription> {
        self.job.description.as_ref()
    }

    /// The job's tags, possibly none.
    pub fn job_tags(&self) -> Fact<&'a BTreeMap<String, String>> {
        self.job.tags.as_ref()
    }

    fn thing_description(&self) -> Fact<&'a ThingDescription> {
        self.thing.map_or(Fact::NotRead, |thing| thing.description.as_ref())
    }

    /// The thing's type; absent when it has none, or is not in the registry.
    pub fn thing_type(&self) -> Fact<&'a String> {
        self.thing_description().and_then(|thing| Fact::read(thing.thing_type.as_ref()))
    }

    /// The thing's attributes, possibly none; absent when it is not in the registry.
    pub fn attributes(&self) -> Fact<&'a BTreeMap<String, String>> {
        self.thing_description().map(|thing| &thing.attributes)
    }

    /// The groups that the thing is directly in; absent when it is not in the registry.
    pub fn groups(&self) -> Fact<&'a BTreeSet<String>> {
        self.thing.map_or(Fact::NotRead, |thing| thing.groups.as_ref())
    }

    fn connectivity(&self) -> Fact<Connectivity> {
        self.thing.map_or(Fact::NotRead, |thing| thing.connectivity)
    }

    /// Whether the thing is connected; absent when AWS has never seen a connection of it, unreadable
    /// when connectivity is not indexed.
    pub fn connected(&self) -> Fact<bool> {
        self.connectivity().and_then(|it| it.connected)
    }

    /// Since when it is so; absent when AWS does not say, as about an hour after a connection was lost.
    pub fn connectivity_timestamp(&self) -> Fact<Timestamp> {
        self.connectivity().and_then(|it| it.timestamp)
    }

    /// How many QUEUED executions wait behind this one on the thing: see
    /// [`Queue::behind`](crate::inventory::Queue::behind).
    pub fn queued_behind(&self) -> Fact<u64> {
        let queue = self.thing.map_or(Fact::NotRead, |thing| thing.queue.as_ref());
        let (number, status, times) = (self.row.number, &self.row.status, self.row.times.get());
        queue.and_then(|queue| queue.behind(self.key, number, status, &times))
    }

    /// What a describe said. Each execution can be described, so that one without a describe is one of
    /// which nothing is known: not that it has no statusDetails either.
    pub fn described(&self) -> Fact<&'a Described> {
        match &self.row.described {
            Fact::Absent => Fact::Unreadable(Unreadable::Invalid),
            described => described.as_ref().map(|described| &**described),
        }
    }

    /// The execution's version.
    pub fn version(&self) -> Fact<ExecutionVersion> {
        self.described().and_then(|described| described.version)
    }

    /// The execution's statusDetails, possibly none.
    pub fn status_details(&self) -> Fact<&'a BTreeMap<String, String>> {
        self.described().and_then(|described| described.status_details.as_ref())
    }

    /// Seconds until a timer ends the execution, at the time of the describe; absent without a timer.
    pub fn seconds_before_timed_out(&self) -> Fact<i64> {
        self.described().and_then(|described| described.seconds_before_timed_out)
    }

    /// How a fact stands, without its value.
    pub fn standing(&self, fact: &FactName) -> Fact<()> {
        fn of<T>(fact: Fact<T>) -> Fact<()> {
            fact.map(|_| ())
        }
        let key_of = |map: Fact<&'a BTreeMap<String, String>>, key: &str| {
            of(map.and_then(|pairs| Fact::read(pairs.get(key))))
        };
        match fact {
            FactName::ExecutionNumber => of(self.number()),
            FactName::QueuedAt => of(self.clock(AgeClock::QueuedAt)),
            FactName::StartedAt => of(self.clock(AgeClock::StartedAt)),
            FactName::LastUpdatedAt => of(self.clock(AgeClock::LastUpdatedAt)),
            FactName::RetryAttempt => of(self.retry_attempt()),
            FactName::JobStatus
            | FactName::JobTargetSelection
            | FactName::Now
            | FactName::Expression => Fact::Known(()),
            FactName::JobCreatedAt => of(self.job_created_at()),
            FactName::JobDescription => of(self.job_description()),
            FactName::JobNamespaceId => of(self.job_namespace_id()),
            FactName::JobTimeoutMinutes => of(self.job_timeout_minutes()),
            FactName::JobTags => of(self.job_tags()),
            FactName::JobTag(key) => key_of(self.job_tags(), key),
            FactName::ThingType => of(self.thing_type()),
            FactName::ThingAttributes => of(self.attributes()),
            FactName::ThingAttribute(key) => key_of(self.attributes(), key),
            FactName::ThingConnected => of(self.connected()),
            FactName::ThingConnectivityTimestamp => of(self.connectivity_timestamp()),
            FactName::ThingGroups => of(self.groups()),
            FactName::QueuedBehind => of(self.queued_behind()),
            FactName::StatusDetails => of(self.status_details()),
            FactName::StatusDetail(key) => key_of(self.status_details(), key),
            FactName::SecondsBeforeTimedOut => of(self.seconds_before_timed_out()),
            FactName::Version => of(self.version()),
        }
    }
}

//! What an expression can ask about: the one table of names, types and values that AWS can have.
//!
//! A fact that nothing reads is not here, so that no expression with it compiles. The words `now`,
//! `variables`, `policy` and `source` are not facts of the world and stand in the scope instead.

use super::types::{Scalar, Type};

/// Statuses of an execution, as AWS spells them.
const EXECUTION_STATUSES: &[&str] = &[
    "QUEUED",
    "IN_PROGRESS",
    "SUCCEEDED",
    "FAILED",
    "TIMED_OUT",
    "REJECTED",
    "REMOVED",
    "CANCELED",
];

/// Statuses of a job, as AWS spells them.
const JOB_STATUSES: &[&str] =
    &["IN_PROGRESS", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS", "SCHEDULED"];

/// How a job follows its groups, as AWS spells it.
const SELECTIONS: &[&str] = &["CONTINUOUS", "SNAPSHOT"];

/// AWS's limit for one value of statusDetails, an attribute or a tag is 1024 characters of at most 4
/// bytes; ids and names are shorter.
const LONGEST_TEXT: usize = 4096;

macro_rules! fields {
    ($($variant:ident $path:literal $ty:expr, $values:expr;)+) => {
        /// A fact of the world that an expression can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)] // `path` gives each its name
        pub enum Field {
            $($variant,)+
        }

        impl Field {
            /// Every variant.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it is written: `execution.startedAt`.
            pub fn path(self) -> &'static str {
                match self { $(Self::$variant => $path,)+ }
            }

            /// What it gives.
            pub fn ty(self) -> Type {
                match self { $(Self::$variant => $ty,)+ }
            }

            /// All values that it can have, where AWS has a closed list of them.
            pub(super) fn values(self) -> Option<&'static [&'static str]> {
                match self { $(Self::$variant => $values,)+ }
            }
        }
    };
}

const TEXT: Type = Type::One(Scalar::Text);
const INT: Type = Type::One(Scalar::Int);
const TIME: Type = Type::One(Scalar::Time);
const TEXTS: Type = Type::List(Scalar::Text);

fields! {
    ExecutionStatus "execution.status" TEXT, Some(EXECUTION_STATUSES);
    ExecutionNumber "execution.number" INT, None;
    RetryAttempt "execution.retryAttempt" INT, None;
    QueuedAt "execution.queuedAt" TIME, None;
    StartedAt "execution.startedAt" TIME, None;
    LastUpdatedAt "execution.lastUpdatedAt" TIME, None;
    Version "execution.version" INT, None;
    StatusDetails "execution.statusDetails" Type::Pairs, None;
    SecondsBeforeTimedOut "execution.secondsBeforeTimedOut" INT, None;
    QueuedBehind "execution.queuedBehind" INT, None;
    JobId "job.id" TEXT, None;
    JobStatus "job.status" TEXT, Some(JOB_STATUSES);
    TargetSelection "job.targetSelection" TEXT, Some(SELECTIONS);
    JobCreatedAt "job.createdAt" TIME, None;
    JobDescription "job.description" TEXT, None;
    JobNamespaceId "job.namespaceId" TEXT, None;
    JobTags "job.tags" Type::Pairs, None;
    JobTimeoutMinutes "job.timeoutMinutes" INT, None;
    ThingName "thing.name" TEXT, None;
    ThingType "thing.type" TEXT, None;
    ThingGroups "thing.groups" TEXTS, None;
    ThingAttributes "thing.attributes" Type::Pairs, None;
    Connected "thing.connectivity.connected" Type::One(Scalar::Bool), None;
    ConnectivityTimestamp "thing.connectivity.timestamp" TIME, None;
}

impl Field {
    /// The field of this name.
    pub(super) fn named(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.path() == path)
    }

    /// The operation that is called once for each thing or execution to read it; none for what the
    /// lists bring, and a call or two a job.
    pub fn called_for_each(self) -> Option<&'static str> {
        match self {
            Self::ThingType | Self::ThingAttributes => Some("DescribeThing"),
            Self::Connected | Self::ConnectivityTimestamp => Some("GetThingConnectivityData"),
            Self::ThingGroups => Some("ListThingGroupsForThing"),
            Self::QueuedBehind => Some("ListJobExecutionsForThing"),
            Self::StatusDetails | Self::SecondsBeforeTimedOut | Self::Version => {
                Some("DescribeJobExecution")
            }
            Self::ExecutionStatus
            | Self::ExecutionNumber
            | Self::RetryAttempt
            | Self::QueuedAt
            | Self::StartedAt
            | Self::LastUpdatedAt
            | Self::JobId
            | Self::JobStatus
            | Self::TargetSelection
            | Self::JobCreatedAt
            | Self::JobDescription
            | Self::JobNamespaceId
            | Self::JobTags
            | Self::JobTimeoutMinutes
            | Self::ThingName => None,
        }
    }

    /// The longest text that it can give, in bytes.
    pub(super) fn longest(self) -> usize {
        match self.values() {
            Some(values) => values.iter().map(|value| value.len()).max().unwrap_or_default(),
            None => LONGEST_TEXT,
        }
    }
}

//! AWS's words: thing, job, job execution, status, version, number.
//!
//! These types hold what AWS calls by these names and check what AWS documents of their form. They
//! know no policy and no transport.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fact::Fact;

/// A name that AWS would not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {what}: {rule}")]
pub struct InvalidName {
    what: &'static str,
    rule: &'static str,
    value: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $extra:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as AWS writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether such names may have a character.
            pub fn may_have(c: char) -> bool {
                c.is_ascii_alphanumeric() || $extra.iter().any(|extra| char::from(*extra) == c)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let fits = (1..=$max).contains(&text.len())
                    && text.bytes().all(|b| Self::may_have(char::from(b)));
                if fits {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { what: $what, rule: $rule, value: text.to_owned() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// A thing's name: 1–128 of `[a-zA-Z0-9:_-]`.
    ThingName, "thing name", 128, b":_-",
    "1 to 128 letters, digits, ':', '_' and '-'"
);
name!(
    /// A job's id: 1–64 of `[a-zA-Z0-9_-]`.
    JobId, "job id", 64, b"_-",
    "1 to 64 letters, digits, '_' and '-'"
);

/// The account and region that answered, learnt from an ARN in an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// `eu-central-1`.
    pub region: String,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {} in {}", self.account, self.region)
    }
}

/// What `CancelJobExecution` addresses: a thing and a job. It always means their latest execution,
/// since the operation has no execution number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionKey {
    /// The job.
    pub job: JobId,
    /// The thing.
    pub thing: ThingName,
}

impl fmt::Display for ExecutionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.job, self.thing)
    }
}

/// Tells the executions of one job on one thing apart: 1, then one more for each that a retry or a
/// rejoined group creates. May be reused after a deletion.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct ExecutionNumber(pub i64);

impl fmt::Display for ExecutionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An execution's `versionNumber`: at least 1, one more for each change. Starts at 1 again with each
/// new execution number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct ExecutionVersion(i64);

impl ExecutionVersion {
    /// None below 1: the SDK gives 0 for "not there".
    pub fn new(version: i64) -> Option<Self> {
        (version >= 1).then_some(Self(version))
    }

    /// The number, 1 or more.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for ExecutionVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom("a versionNumber is 1 or more"))
    }
}

impl fmt::Display for ExecutionVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $wire:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A value that this version does not know, kept as AWS sent it.
            Unknown(Arc<Box<str>>),
        }

        impl $name {
            /// Every value that AWS documents.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),+];

            /// AWS's spelling.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)+
                    Self::Unknown(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($wire => Self::$variant,)+
                    other => Self::Unknown(Arc::new(other.into())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(String::deserialize(deserializer)?.as_str().into())
            }
        }
    };
}

wire_enum!(
    /// A job execution's status (`JobExecutionStatus`).
    ExecutionStatus {
        /// Not started.
        Queued = "QUEUED",
        /// A device works on it.
        InProgress = "IN_PROGRESS",
        /// The device reported success.
        Succeeded = "SUCCEEDED",
        /// The device reported failure.
        Failed = "FAILED",
        /// A timer ran out while it was in progress.
        TimedOut = "TIMED_OUT",
        /// The device refused it.
        Rejected = "REJECTED",
        /// The thing left the job's target.
        Removed = "REMOVED",
        /// It was canceled.
        Canceled = "CANCELED",
    }
);

impl ExecutionStatus {
    /// The two statuses that can be canceled; none for a terminal or unknown one.
    pub fn open(&self) -> Option<OpenStatus> {
        match self {
            Self::Queued => Some(OpenStatus::Queued),
            Self::InProgress => Some(OpenStatus::InProgress),
            _ => None,
        }
    }

    /// Whether nothing leaves this status any more. An unknown status is not called terminal.
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Self::Queued | Self::InProgress | Self::Unknown(_))
    }
}

wire_enum!(
    /// A job's status (`JobStatus`).
    JobStatus {
        /// Rolling out, or waiting for devices.
        InProgress = "IN_PROGRESS",
        /// Canceled; executions may still be open below it.
        Canceled = "CANCELED",
        /// All executions of a SNAPSHOT job are terminal.
        Completed = "COMPLETED",
        /// Being deleted.
        DeletionInProgress = "DELETION_IN_PROGRESS",
        /// Starts later, or waits for a maintenance window.
        Scheduled = "SCHEDULED",
    }
);

wire_enum!(
    /// Whether a job ends with its present targets or follows its groups (`TargetSelection`).
    TargetSelection {
        /// Follows its target groups until it is canceled.
        Continuous = "CONTINUOUS",
        /// Completes when its present targets are done.
        Snapshot = "SNAPSHOT",
    }
);

/// A status in which an execution can be canceled.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OpenStatus {
    #[allow(missing_docs)] // doc comments on single variants turn the schema's enum into a oneOf
    Queued,
    #[allow(missing_docs)]
    InProgress,
}

impl OpenStatus {
    /// Both, in the order in which they are listed: the other way round, executions that start
    /// between the two lists would be missed.
    pub const ALL: [Self; 2] = [Self::Queued, Self::InProgress];

    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::InProgress => "IN_PROGRESS",
        }
    }
}

impl fmt::Display for OpenStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<OpenStatus> for ExecutionStatus {
    fn from(status: OpenStatus) -> Self {
        match status {
            OpenStatus::Queued => Self::Queued,
            OpenStatus::InProgress => Self::InProgress,
        }
    }
}

/// An execution's statusDetails: at most 10 pairs, keys of 1–128 `[a-zA-Z0-9:_-]`, values of 1–1024
/// characters that are not control characters.
pub type StatusDetails = BTreeMap<String, String>;

/// What a list or a describe says about the times of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// When it was queued.
    pub queued_at: Fact<Timestamp>,
    /// When a device started it; absent until then.
    pub started_at: Fact<Timestamp>,
    /// When it last changed.
    pub last_updated_at: Fact<Timestamp>,
}

/// One row of `ListJobExecutionsForJob`. It has neither version nor statusDetails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionSummary {
    /// The thing, taken from `thingArn`.
    pub thing: ThingName,
    /// Which execution of the job on this thing.
    pub number: Fact<ExecutionNumber>,
    /// Its status.
    pub status: ExecutionStatus,
    /// Its times.
    pub times: Times,
    /// Retries completed; 0 for the first attempt.
    pub retry_attempt: Fact<i32>,
}

/// The answer to `DescribeJobExecution`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionDescription {
    /// Who answered, from `thingArn`.
    pub account: Option<Account>,
    /// Which execution of the job on this thing.
    pub number: Fact<ExecutionNumber>,
    /// Its status.
    pub status: ExecutionStatus,
    /// Its times.
    pub times: Times,
    /// Its version; unreadable when AWS gave none or one below 1.
    pub version: Fact<ExecutionVersion>,
    /// Its statusDetails; known and empty if never set.
    pub status_details: Fact<StatusDetails>,
    /// Whether it was canceled with force.
    pub force_canceled: bool,
    /// Seconds until a timer ends it, as AWS estimates; absent without a timer.
    pub seconds_before_timed_out: Fact<i64>,
}

//! How a job is configured, as far as the state machine follows it.

use serde_json::Value;

use crate::execution::ExecutionStatus;

/// What kind of failure a criterion counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // AWS's names
pub enum FailureKind {
    Failed,
    Rejected,
    TimedOut,
    All,
}

impl FailureKind {
    /// Every kind, in the model's order.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Rejected, Self::TimedOut, Self::All];

    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
            Self::TimedOut => "TIMED_OUT",
            Self::All => "ALL",
        }
    }

    /// The kind of that spelling.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The statuses that it counts.
    pub fn statuses(self) -> &'static [ExecutionStatus] {
        use ExecutionStatus::{Failed, Rejected, TimedOut};
        match self {
            Self::Failed => &[Failed],
            Self::Rejected => &[Rejected],
            Self::TimedOut => &[TimedOut],
            Self::All => &[Failed, Rejected, TimedOut],
        }
    }
}

/// A job is canceled when, of at least `min_executed` executions, this share failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AbortCriterion {
    /// What counts as a failure.
    pub failure: FailureKind,
    /// Percent.
    pub threshold: f64,
    /// Executions that must have ended before it is looked at.
    pub min_executed: usize,
}

/// An execution that ends so is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryCriterion {
    /// What counts: FAILED, TIMED_OUT or both.
    pub failure: FailureKind,
    /// How often on one thing, 0 to 10.
    pub retries: usize,
}

/// What becomes of a job's executions at its endTime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // AWS's names
pub enum EndBehavior {
    StopRollout,
    Cancel,
    ForceCancel,
}

impl EndBehavior {
    /// Every behaviour, in the model's order.
    pub const ALL: [Self; 3] = [Self::StopRollout, Self::Cancel, Self::ForceCancel];

    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StopRollout => "STOP_ROLLOUT",
            Self::Cancel => "CANCEL",
            Self::ForceCancel => "FORCE_CANCEL",
        }
    }

    /// The behaviour of that spelling.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// When a job begins and ends: the text as it was given, and the epoch second that it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// `startTime`.
    pub start: Option<(String, i64)>,
    /// `endTime` and what happens then.
    pub end: Option<(String, i64, EndBehavior)>,
}

/// The configuration of a job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobConfig {
    /// `abortConfig.criteriaList`; none if it was not given.
    pub abort: Option<Vec<AbortCriterion>>,
    /// `jobExecutionsRetryConfig.criteriaList`; none if it was not given.
    pub retry: Option<Vec<RetryCriterion>>,
    /// `schedulingConfig`.
    pub scheduling: Scheduling,
    /// `presignedUrlConfig`, shown as given: nothing is signed here.
    pub presigned_url: Option<Value>,
    /// `jobExecutionsRolloutConfig`, shown as given: rollout is immediate here.
    pub rollout: Option<Value>,
    /// `documentSource`, shown as given: the emulator fetches nothing.
    pub document_source: Option<String>,
}

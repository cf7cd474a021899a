//! Templates of statusDetails values: text with `${name}` over a fixed list of names.
//!
//! Each name is a CEL expression that gives a string, so that what is written today means the same
//! once templates take any CEL. A value that came from a device or a thing is never looked at again.

use crate::execution::StatusDetails;

/// One template, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// A name to fill in.
    Name(Name),
}

/// What can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // `as_str` gives each its meaning
pub enum Name {
    PolicyName,
    SourcePath,
    JobId,
    ThingName,
    ExecutionStatus,
    ExecutionNumber,
    ExecutionVersion,
    ExecutionRetryAttempt,
    QueuedAt,
    StartedAt,
    LastUpdatedAt,
    SinceQueuedAt,
    SinceStartedAt,
    SinceLastUpdatedAt,
}

impl Name {
    /// Every variant.
    pub const ALL: [Self; 14] = [
        Self::PolicyName,
        Self::SourcePath,
        Self::JobId,
        Self::ThingName,
        Self::ExecutionStatus,
        Self::ExecutionNumber,
        Self::ExecutionVersion,
        Self::ExecutionRetryAttempt,
        Self::QueuedAt,
        Self::StartedAt,
        Self::LastUpdatedAt,
        Self::SinceQueuedAt,
        Self::SinceStartedAt,
        Self::SinceLastUpdatedAt,
    ];

    /// As it is written between `${` and `}`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PolicyName => "policy.name",
            Self::SourcePath => "source.path",
            Self::JobId => "job.id",
            Self::ThingName => "thing.name",
            Self::ExecutionStatus => "execution.status",
            Self::ExecutionNumber => "string(execution.number)",
            Self::ExecutionVersion => "string(execution.version)",
            Self::ExecutionRetryAttempt => "string(execution.retryAttempt)",
            Self::QueuedAt => "string(execution.queuedAt)",
            Self::StartedAt => "string(execution.startedAt)",
            Self::LastUpdatedAt => "string(execution.lastUpdatedAt)",
            Self::SinceQueuedAt => "humanize(now - execution.queuedAt)",
            Self::SinceStartedAt => "humanize(now - execution.startedAt)",
            Self::SinceLastUpdatedAt => "humanize(now - execution.lastUpdatedAt)",
        }
    }
}

/// The key of the pair that says who canceled.
pub const MARKER: &str = "rescind";
/// AWS's limit: pairs in statusDetails.
pub const MAX_PAIRS: usize = 10;
/// AWS's limit: characters of a value.
pub const MAX_VALUE: usize = 1024;
/// AWS's limit: characters of a key.
pub const MAX_KEY: usize = 128;

/// Keeps the imports honest until the functions below use them.
pub type Existing = StatusDetails;

impl Template {
    /// Stub.
    pub fn fill(
        &self,
        lookup: impl Fn(Name) -> crate::fact::Fact<String>,
    ) -> crate::fact::Fact<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(t) => text.push_str(t),
                Part::Name(name) => match lookup(*name) {
                    crate::fact::Fact::Known(v) => text.push_str(&v),
                    other => return other,
                },
            }
        }
        crate::fact::Fact::Known(text)
    }
}
/// Stub.
pub fn details(
    existing: &StatusDetails,
    on: crate::policy::OnExisting,
    marker: &str,
    set: &[(String, String)],
) -> crate::plan::Details {
    let _ = on;
    let mut send = existing.clone();
    send.insert(MARKER.into(), marker.into());
    send.extend(set.iter().cloned());
    crate::plan::Details { send, dropped: vec![] }
}

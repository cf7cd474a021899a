//! The ports to AWS: one trait that reads, one that writes, one closed set of errors.
//!
//! They stand apart so that what only observes cannot write: `plan` and Observe build no
//! [`JobsWriter`]. The adapters are in `backend/`; wrappers (pace, faults) implement the same traits.
//! Paging stays visible here, since a page token is a place where a read can fail.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::execution::{
    Account, ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionSummary,
    ExecutionVersion, JobId, JobStatus, OpenStatus, StatusDetails, TargetSelection, ThingName,
};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{Connectivity, JobDescription, QueuedExecution, ThingDescription};

pub mod aws;
pub mod fault;
mod lists;
pub mod pace;

pub use lists::{List, account, job_tags, on_thing, pages, thing_groups, thing_queue};

/// The operations of AWS IoT that rescind uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names are AWS's
pub enum Operation {
    ListJobs,
    DescribeJob,
    ListJobExecutionsForJob,
    ListTagsForResource,
    DescribeThing,
    GetThingConnectivityData,
    ListThingGroupsForThing,
    ListJobExecutionsForThing,
    DescribeJobExecution,
    CancelJobExecution,
}

impl Operation {
    /// Every variant, in the order in which a pass uses them.
    pub const ALL: [Self; 10] = [
        Self::ListJobs,
        Self::DescribeJob,
        Self::ListJobExecutionsForJob,
        Self::ListTagsForResource,
        Self::DescribeThing,
        Self::GetThingConnectivityData,
        Self::ListThingGroupsForThing,
        Self::ListJobExecutionsForThing,
        Self::DescribeJobExecution,
        Self::CancelJobExecution,
    ];

    /// AWS's name: `CancelJobExecution`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListJobs => "ListJobs",
            Self::DescribeJob => "DescribeJob",
            Self::ListJobExecutionsForJob => "ListJobExecutionsForJob",
            Self::ListTagsForResource => "ListTagsForResource",
            Self::DescribeThing => "DescribeThing",
            Self::GetThingConnectivityData => "GetThingConnectivityData",
            Self::ListThingGroupsForThing => "ListThingGroupsForThing",
            Self::ListJobExecutionsForThing => "ListJobExecutionsForThing",
            Self::DescribeJobExecution => "DescribeJobExecution",
            Self::CancelJobExecution => "CancelJobExecution",
        }
    }

    /// The IAM action: `iot:CancelJobExecution`.
    pub fn action(self) -> String {
        format!("iot:{self}")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What went wrong with a call, closed; decides log level, retry, outcome and metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// 400 InvalidRequestException: our bug, or a limit that AWS does not document.
    InvalidRequest,
    /// 409 InvalidStateTransitionException: terminal, or IN_PROGRESS without force.
    InvalidStateTransition,
    /// 409 VersionConflictException: it moved since it was described.
    VersionConflict,
    /// 404 ResourceNotFoundException.
    NotFound,
    /// 400 ThrottlingException (429 on other planes). Nothing was done.
    Throttled,
    /// 503 ServiceUnavailableException, or any other 5xx. Whether something was done is not known.
    Unavailable,
    /// 403 AccessDeniedException: an IAM permission is missing.
    Denied,
    /// 403 or 400 for the signature or the token, or no credentials at all: nothing can be called.
    Credentials,
    /// Another 4xx.
    OtherClient,
    /// No answer in time.
    TimedOut,
    /// There was no connection to send it over: it was refused, or the name is not known. Nothing was sent.
    NotConnected,
    /// The connection was lost, or it is not known whether there was one.
    ConnectionLost,
    /// An answer that could not be read.
    Malformed,
    /// The gate said no: the request was never sent.
    Withdrawn,
}

impl ErrorKind {
    /// Every variant.
    pub const ALL: [Self; 14] = [
        Self::InvalidRequest,
        Self::InvalidStateTransition,
        Self::VersionConflict,
        Self::NotFound,
        Self::Throttled,
        Self::Unavailable,
        Self::Denied,
        Self::Credentials,
        Self::OtherClient,
        Self::TimedOut,
        Self::NotConnected,
        Self::ConnectionLost,
        Self::Malformed,
        Self::Withdrawn,
    ];

    /// Whether a write that ended so may have had its effect all the same.
    pub fn effect_unknown(self) -> bool {
        matches!(self, Self::Unavailable | Self::TimedOut | Self::ConnectionLost | Self::Malformed)
    }

    /// Whether the same read may succeed when asked again a little later.
    pub fn is_transient(self) -> bool {
        self.effect_unknown() || matches!(self, Self::Throttled | Self::NotConnected)
    }

    /// What a read that ended so says of its fact.
    pub fn unreadable(self) -> Unreadable {
        match self {
            Self::Denied | Self::Credentials => Unreadable::Denied,
            Self::NotFound => Unreadable::Gone,
            Self::Malformed => Unreadable::Invalid,
            _ => Unreadable::Failed,
        }
    }

    /// The label in logs and JSON: `versionConflict`.
    pub fn label(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalidRequest",
            Self::InvalidStateTransition => "invalidStateTransition",
            Self::VersionConflict => "versionConflict",
            Self::NotFound => "notFound",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::Credentials => "credentials",
            Self::OtherClient => "otherClient",
            Self::TimedOut => "timedOut",
            Self::NotConnected => "notConnected",
            Self::ConnectionLost => "connectionLost",
            Self::Malformed => "malformed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} for {resource}: {message}")]
pub struct Error {
    /// Which operation.
    pub operation: Operation,
    /// For what: `job fw-4-2-0`, `job fw-4-2-0 on robot-001`, `jobs in status IN_PROGRESS`.
    pub resource: String,
    /// What went wrong.
    pub kind: ErrorKind,
    /// AWS's words, or ours, with what to do. For people only: nothing branches on it.
    pub message: String,
    /// AWS's request id, if there was an answer.
    pub request_id: Option<String>,
    /// Who answered, as far as an earlier answer to the same credentials has told: this one names nothing.
    pub account: Option<Box<Account>>,
    /// The cause, if there is more to say.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Whether something is not there, and it is not known in whose account.
    pub fn is_not_found_somewhere(&self) -> bool {
        self.kind == ErrorKind::NotFound && self.account.is_none()
    }
}

/// What a port's method gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where the next page begins. Opaque, and not to be kept across a cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(pub String);

/// One page of a list. A page may be short or empty and still have a successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The next page, if there is one.
    pub next: Option<PageToken>,
}

/// One row of `ListJobs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSummary {
    /// The job's id.
    pub id: JobId,
    /// Account and region from the job's ARN.
    pub account: Option<Account>,
    /// Its status.
    pub status: JobStatus,
    /// Its target selection.
    pub target_selection: TargetSelection,
    /// When it was created.
    pub created_at: Fact<Timestamp>,
}

/// Reads AWS IoT Jobs and the registry. Every list asks for the largest page (250).
#[async_trait]
pub trait JobsReader: Send + Sync {
    /// `ListJobs` with a status filter.
    async fn list_jobs(
        &self,
        status: &JobStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<JobSummary>>;

    /// `DescribeJob`.
    async fn describe_job(&self, job: &JobId) -> Result<JobDescription>;

    /// `ListJobExecutionsForJob` with a status filter.
    async fn list_executions(
        &self,
        job: &JobId,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<ExecutionSummary>>;

    /// `ListTagsForResource` of a job: keys and values.
    async fn list_job_tags(
        &self,
        job: &JobId,
        page: Option<&PageToken>,
    ) -> Result<Page<(String, String)>>;

    /// `DescribeThing`. [`ErrorKind::NotFound`] when there is no such thing.
    async fn describe_thing(&self, thing: &ThingName) -> Result<ThingDescription>;

    /// `ListThingGroupsForThing`: the groups that the thing is directly in.
    async fn list_thing_groups(
        &self,
        thing: &ThingName,
        page: Option<&PageToken>,
    ) -> Result<Page<String>>;

    /// `GetThingConnectivityData`: one call a thing, answered from the live state. `SearchIndex` would
    /// take a dozen things in one call, but its index lags by an unknown time, it does not tell a thing
    /// whose connectivity is not indexed from one that never connected, and it finds what a query
    /// happens to match: no ground to cancel on.
    async fn thing_connectivity(&self, thing: &ThingName) -> Result<Connectivity>;

    /// `ListJobExecutionsForThing` with a status filter, over all namespaces.
    async fn list_on_thing(
        &self,
        thing: &ThingName,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<QueuedExecution>>;

    /// `DescribeJobExecution`: the latest execution, or that of a number.
    async fn describe_execution(
        &self,
        key: &ExecutionKey,
        number: Option<ExecutionNumber>,
    ) -> Result<ExecutionDescription>;
}

/// One `CancelJobExecution`. There is none without a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    /// Job and thing.
    pub key: ExecutionKey,
    /// Only ever true for what was judged IN_PROGRESS.
    pub force: bool,
    /// The version that was judged.
    pub expected_version: ExecutionVersion,
    /// The whole map that shall stand afterwards. None leaves it as it is.
    pub status_details: Option<StatusDetails>,
}

/// AWS's answer to a cancel that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelAnswer {
    /// AWS's request id.
    pub request_id: Option<String>,
}

/// Asked after the request was signed and before its bytes go out. Synchronous, so that nothing can
/// come between the answer and the send.
pub trait Gate: Send + Sync + fmt::Debug {
    /// Whether the request may still be sent. It is signed by credentials of `account`, as far as an earlier
    /// answer to the same credentials has told.
    fn may_send(&self, account: Option<&Account>) -> bool;
}

/// Writes to AWS IoT Jobs: cancels one execution. The only way that rescind changes anything.
#[async_trait]
pub trait JobsWriter: Send + Sync {
    /// `CancelJobExecution`, sent once: an implementation never repeats a request by itself. When
    /// the gate says no, nothing is sent and the error is [`ErrorKind::Withdrawn`].
    async fn cancel(&self, request: &CancelRequest, gate: Arc<dyn Gate>) -> Result<CancelAnswer>;
}

//! What was done: intents and outcomes, as others read them.
//!
//! The journal is the state's own record; this is its form for `audit`, `explain` and the like, which
//! read beside the writer and change nothing.

use jiff::Timestamp;
use serde::Serialize;

use crate::execution::{
    ExecutionKey, ExecutionNumber, ExecutionVersion, JobId, OpenStatus, StatusDetails, ThingName,
};
use crate::plan::{Charge, Outcome};
use crate::policy::{Digest, Origin, PolicyName};

/// One intent, with its outcome once it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Intent")]
pub struct Entry {
    /// Tells intents apart, across processes. The `rescind` pair of a cancel begins its last word with
    /// this.
    pub id: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The job.
    pub job: JobId,
    /// The thing.
    pub thing: ThingName,
    /// Which execution was judged.
    pub execution_number: ExecutionNumber,
    /// When that one was queued: its number may be used again once it was deleted. Absent if AWS did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub queued_at: Option<Timestamp>,
    /// At which version.
    pub version_number: ExecutionVersion,
    /// In which status.
    pub status: OpenStatus,
    /// Whether force was sent.
    pub force: bool,
    /// The statusDetails that were sent by the last attempt.
    pub status_details: StatusDetails,
    /// The cause.
    pub policy: PolicyName,
    /// What the cause meant, 64 hex digits.
    pub digest: Digest,
    /// Where the cause was written.
    pub origin: Origin,
    /// The git revision of that file: `COMMIT`, or `COMMIT-dirty`; absent if it was not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The limits that it was charged to. Absent if that was not written down then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charges: Option<Vec<Charge>>,
    /// Who ran rescind.
    pub who: String,
    /// When the intent was made durable, by AWS's clock.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub begun_at: Timestamp,
    /// How often a cancel was sent, or would have been but for the last question.
    pub attempts: u32,
    /// When the last attempt was made durable.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub sent_at: Timestamp,
    /// How it ended; null while it is open.
    pub outcome: Option<Outcome>,
    /// Whether it is proved that nothing took effect; null while it is open.
    pub no_effect: Option<bool>,
    /// When the outcome was made durable; null while it is open.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub settled_at: Option<Timestamp>,
    /// AWS's request id of the last answer; null if there was none.
    pub request_id: Option<String>,
    /// What happened, for people; null while it is open.
    pub note: Option<String>,
}

impl Entry {
    /// Which execution.
    pub fn key(&self) -> ExecutionKey {
        ExecutionKey { job: self.job.clone(), thing: self.thing.clone() }
    }

    /// Whether an execution of its number that was queued then can be the one that was judged. Where it is
    /// not written down when that one was queued, it was before the send.
    pub fn is_of(&self, queued_at: Timestamp) -> bool {
        match self.queued_at {
            Some(own) => own.as_second() == queued_at.as_second(),
            None => queued_at <= self.sent_at,
        }
    }
}

/// Something else that changed what is sent: a breaker that opened or closed, a guard that was taken out of
/// force, the stop switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When, by AWS's clock; `paused` and `resumed` by that of the machine.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// What happened.
    #[schemars(extend("enum" = ["breakerOpened", "breakerClosed", "guardEnded", "paused", "resumed"]))]
    pub what: String,
    /// Which breaker or guard; `sending` of the last two, which hold for all states of the directory.
    pub name: String,
    /// Why, and by whom if it was somebody.
    pub why: String,
}

/// Which entries are wanted; an empty one wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Begun at this time or later.
    pub since: Option<Timestamp>,
    /// Begun before this time.
    pub until: Option<Timestamp>,
    /// Of this policy.
    pub policy: Option<PolicyName>,
    /// Of this thing.
    pub thing: Option<ThingName>,
    /// Of this job.
    pub job: Option<JobId>,
    /// Ended in one of these ways; [`None`] among them stands for "open". No ways at all: any.
    pub outcomes: Vec<Option<Outcome>>,
}

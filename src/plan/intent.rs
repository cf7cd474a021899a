//! What a plan leaves behind: intents, outcomes, and the memory of both.
//!
//! `state` keeps these; `plan` only says what they are, so that the decision needs no state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::execution::{
    ExecutionKey, ExecutionNumber, ExecutionVersion, JobId, OpenStatus, StatusDetails,
};
use crate::plan::breaker;
use crate::plan::stable::Sightings;
use crate::policy::{Digest, Origin, PolicyName};

/// How long a cancel of ours hides an execution that a list still shows: AWS's reads lag behind its
/// writes, by how much AWS does not say. Fifteen minutes is far beyond what was ever seen.
pub const CANCELED_MEMORY: SignedDuration = SignedDuration::from_mins(15);

/// Which units of the ledger a limit counts.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Counted {
    /// Those of one policy.
    Policy(PolicyName),
    /// All, whatever their policy: a guard's `max`.
    All,
    /// Those with force, whatever their policy: a guard's `maxForced`.
    Forced,
}

/// A limit that a cancel draws on.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    /// Which units count.
    pub counts: Counted,
    /// At most this many in the window.
    pub size: u64,
    /// The window's length in seconds.
    pub per_seconds: i64,
}

/// The statusDetails that a cancel sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The whole map.
    pub send: StatusDetails,
    /// Keys for which there was no room among ten; `rescind` may be one of them.
    pub dropped: Vec<String>,
}

/// A cancel that is about to be sent, as it is made durable first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Tells intents apart; the prefix of its attempts' ids.
    pub id: IntentId,
    /// Which execution.
    pub key: ExecutionKey,
    /// Its number, compared by us since the API cannot.
    pub number: ExecutionNumber,
    /// When it was queued, if that was said: its number may be used again once it was deleted.
    pub queued_at: Option<Timestamp>,
    /// The version that was judged.
    pub version: ExecutionVersion,
    /// The status in which it was judged.
    pub status: OpenStatus,
    /// Whether force is sent.
    pub force: bool,
    /// What is sent, the `rescind` pair included where there was room.
    pub details: Details,
    /// The cause.
    pub policy: PolicyName,
    /// What the cause meant.
    pub digest: Digest,
    /// Where the cause was written.
    pub origin: Origin,
    /// The git revision of that file, if it is known.
    pub revision: Option<Arc<str>>,
}

/// Tells intents apart, across processes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub Arc<str>);

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How an intent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It is canceled, by us.
    Canceled,
    /// It is canceled at the judged version + 1 after a lost reply, but our marker had no room.
    CanceledUnattributed,
    /// It had ended otherwise.
    AlreadyTerminal,
    /// It moved; it is judged anew in the next pass.
    Superseded,
    /// It is no longer there.
    Gone,
    /// What was in force at the last moment did not allow it; nothing was sent.
    Withdrawn,
    /// AWS refused it.
    Failed,
    /// Whether it took effect cannot be found out.
    Unresolved,
}

impl Outcome {
    /// Every variant.
    pub const ALL: [Self; 8] = [
        Self::Canceled,
        Self::CanceledUnattributed,
        Self::AlreadyTerminal,
        Self::Superseded,
        Self::Gone,
        Self::Withdrawn,
        Self::Failed,
        Self::Unresolved,
    ];

    /// The label in JSON, in logs and on disk.
    pub fn label(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::CanceledUnattributed => "canceledUnattributed",
            Self::AlreadyTerminal => "alreadyTerminal",
            Self::Superseded => "superseded",
            Self::Gone => "gone",
            Self::Withdrawn => "withdrawn",
            Self::Failed => "failed",
            Self::Unresolved => "unresolved",
        }
    }

    /// The outcome with a label.
    pub fn labeled(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.label() == label)
    }

    /// Whether it says that the execution was canceled by us.
    pub fn is_cancel(self) -> bool {
        matches!(self, Self::Canceled | Self::CanceledUnattributed)
    }
}

/// One unit of the ledger: an intent, as budgets see it. It is taken when the intent is begun.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spent {
    /// The cause.
    pub policy: PolicyName,
    /// Whether force is sent.
    pub forced: bool,
    /// When the intent got its outcome: the unit counts until a window's length after it. None while
    /// it has none: then it counts in every window.
    pub settled: Option<Timestamp>,
}

impl Spent {
    /// The unit that an intent takes.
    pub fn of(intent: &Intent) -> Self {
        Self { policy: intent.policy.clone(), forced: intent.force, settled: None }
    }
}

/// What earlier passes left behind, as the planner sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The units spent, in any order.
    pub spent: Vec<Spent>,
    /// When the ledger began, if there may have been cancels before that it does not know; none if
    /// the whole past is known. What is not known counts as spent (`budget::unknown_past`).
    pub ledger_began: Option<Timestamp>,
    /// What we canceled in the last [`CANCELED_MEMORY`].
    pub canceled: BTreeMap<ExecutionKey, BTreeMap<ExecutionNumber, Timestamp>>,
    /// What is not tried again before a time, since it failed. It stays for a while after that time, and
    /// goes behind what has not failed.
    pub backing_off: BTreeMap<ExecutionKey, Timestamp>,
    /// Where AWS denied a policy's calls, until when that is not tried again.
    pub denied: BTreeMap<(PolicyName, JobId), Timestamp>,
    /// What has an intent without an outcome.
    pub open: BTreeSet<ExecutionKey>,
    /// Why nothing may be sent, if somebody has switched it off.
    pub paused: Option<Arc<str>>,
    /// What the breakers have counted, and which of them are open.
    pub breakers: breaker::Record,
    /// What policies with `stableFor` have seen to match. Shared, since it may be large.
    pub sightings: Arc<Sightings>,
}

impl Memory {
    /// Until when a policy leaves a job alone at `now`, since AWS denied its calls there.
    pub fn denied_until(
        &self,
        policy: &PolicyName,
        job: &JobId,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if self.denied.is_empty() {
            return None;
        }
        let until = self.denied.get(&(policy.clone(), job.clone()))?;
        (now < *until).then_some(*until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_ends_at_its_time_and_is_of_one_policy_and_one_job() {
        let policy = |name| PolicyName::new(name).expect("a name");
        let job = |id: &str| id.parse::<JobId>().expect("an id");
        let (before, end) = (Timestamp::UNIX_EPOCH, Timestamp::from_nanosecond(1).expect("a time"));
        let denied = BTreeMap::from([((policy("p"), job("fw")), end)]);
        let memory = Memory { denied, ..Memory::default() };
        assert_eq!(memory.denied_until(&policy("p"), &job("fw"), before), Some(end));
        assert_eq!(memory.denied_until(&policy("p"), &job("fw"), end), None);
        assert_eq!(memory.denied_until(&policy("q"), &job("fw"), before), None);
        assert_eq!(memory.denied_until(&policy("p"), &job("other"), before), None);
    }
}

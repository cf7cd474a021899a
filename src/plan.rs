//! The decision: policies, inventory, memory and a time go in; a [`Plan`] comes out.
//!
//! Everything below this module is pure and synchronous: no I/O, no clock, no error. The same input
//! gives the same bytes. `needs` says which facts are still worth reading, `evaluate` judges one policy
//! on one execution, `planner` puts the verdicts together, `budget` says how many may go, `in_force`
//! asks the same questions once more at the moment of the cancel, and `check` states the safety rules
//! a second time in other code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::execution::{
    ExecutionKey, ExecutionNumber, ExecutionStatus, ExecutionVersion, OpenStatus, StatusDetails,
    Times,
};
use crate::fact::Fact;
use crate::inventory::{Account, Problem};
use crate::policy::{Digest, Policy, PolicyName};

pub mod budget;
pub mod check;
pub mod evaluate;
pub mod in_force;
pub mod needs;
pub mod planner;

pub use in_force::InForce;
pub use needs::{Needs, needs};
pub use planner::plan;

/// How long a cancel of ours hides an execution that a list still shows: AWS's reads lag behind its
/// writes, by how much AWS does not say. Fifteen minutes is far beyond what was ever seen.
pub const CANCELED_MEMORY: SignedDuration = SignedDuration::from_mins(15);

/// How exact a plan has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Stops before the describes: what agrees so far is [`Decision::Examine`].
    Listed,
    /// All facts are read first; what agrees is [`Decision::Cancel`], with its pins.
    Exact,
}

/// What becomes of an execution.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// It stays, and nothing is going to change that by itself.
    Keep,
    /// It would be canceled, but not now.
    Defer,
    /// Everything that is listed agrees; it is described and judged in the moment of acting.
    Examine,
    /// It is canceled.
    Cancel,
}

/// Why. Ordered: with several policies, the execution's reason is the one furthest down.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// AWS gave a status that this version does not know.
    StatusUnknown,
    /// It has ended; there is nothing to cancel.
    Terminal,
    /// A clause of `match` or `target` said no.
    NoMatch,
    /// A fact that `match` or a template needs is not known.
    FactUnknown,
    /// An exclude rule holds, or is not known.
    Excluded,
    /// It is IN_PROGRESS and the policy has no `force`.
    ForceRequired,
    /// The policy's mode is Observe.
    ObserveOnly,
    /// The policy is suspended.
    Suspended,
    /// The policy's `expiresAt` has passed.
    Expired,
    /// We canceled it a moment ago; AWS's lists lag.
    AlreadyCanceledByUs,
    /// The policy's file has an error; its policies wait.
    SourceBroken,
    /// An earlier cancel of it failed or is not settled yet.
    BackingOff,
    /// A percentage needs a list that failed.
    InventoryIncomplete,
    /// The cause's budget has nothing left now.
    BudgetExhausted,
    /// Due; judged in the moment of acting.
    Due,
    /// Everything agrees.
    Matched,
}

impl Reason {
    /// Every variant, in order.
    pub const ALL: [Self; 16] = [
        Self::StatusUnknown,
        Self::Terminal,
        Self::NoMatch,
        Self::FactUnknown,
        Self::Excluded,
        Self::ForceRequired,
        Self::ObserveOnly,
        Self::Suspended,
        Self::Expired,
        Self::AlreadyCanceledByUs,
        Self::SourceBroken,
        Self::BackingOff,
        Self::InventoryIncomplete,
        Self::BudgetExhausted,
        Self::Due,
        Self::Matched,
    ];

    /// The decision that goes with it.
    pub fn decision(self) -> Decision {
        match self {
            Self::StatusUnknown
            | Self::Terminal
            | Self::NoMatch
            | Self::FactUnknown
            | Self::Excluded
            | Self::ForceRequired
            | Self::ObserveOnly
            | Self::Suspended
            | Self::Expired
            | Self::AlreadyCanceledByUs => Decision::Keep,
            Self::SourceBroken
            | Self::BackingOff
            | Self::InventoryIncomplete
            | Self::BudgetExhausted => Decision::Defer,
            Self::Due => Decision::Examine,
            Self::Matched => Decision::Cancel,
        }
    }
}

/// A fact that a decision can rest on.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // each is what its name says; `Display` gives the form that people see
pub enum FactName {
    ExecutionNumber,
    QueuedAt,
    StartedAt,
    LastUpdatedAt,
    RetryAttempt,
    ThingType,
    ThingAttribute(String),
    ThingGroups,
    StatusDetail(String),
    Version,
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExecutionNumber => f.write_str("execution.number"),
            Self::QueuedAt => f.write_str("execution.queuedAt"),
            Self::StartedAt => f.write_str("execution.startedAt"),
            Self::LastUpdatedAt => f.write_str("execution.lastUpdatedAt"),
            Self::RetryAttempt => f.write_str("execution.retryAttempt"),
            Self::ThingType => f.write_str("thing.type"),
            Self::ThingAttribute(key) => write!(f, "thing.attributes.{key}"),
            Self::ThingGroups => f.write_str("thing.groups"),
            Self::StatusDetail(key) => write!(f, "execution.statusDetails.{key}"),
            Self::Version => f.write_str("execution.version"),
        }
    }
}

/// What a reason refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// The reason says it all.
    Itself,
    /// A status that is not known to this version, or that is terminal.
    Status(ExecutionStatus),
    /// The clause that said no, with what it saw.
    Clause {
        /// Where the clause stands in the policy: `match.age[0]`.
        path: String,
        /// The fact, for people: `lastUpdatedAt is 12m ago`.
        saw: String,
    },
    /// A fact that is not known, with the clause that asked for it.
    Unknown {
        /// The fact.
        fact: FactName,
        /// Where it was asked for.
        path: String,
        /// Why it is not known, for people: `access denied`.
        why: String,
    },
    /// The exclude rule that holds.
    Rule(String),
    /// The exclude rule that cannot be said to hold or not.
    RuleUnknown {
        /// The rule's name.
        rule: String,
        /// The fact that is not known.
        fact: FactName,
        /// Why it is not known.
        why: String,
    },
    /// The reason that was written down; possibly empty.
    Note(String),
    /// From when on, or until when.
    Time(Timestamp),
    /// The limit that has nothing left.
    Budget(BudgetState),
    /// What a list lacks.
    Missing(String),
}

/// Where one limit of one policy stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetState {
    /// The policy.
    pub policy: PolicyName,
    /// The limit, as written: `50 per 1h`, `10 % per 1d`.
    pub limit: String,
    /// How many that allows at present.
    pub size: u64,
    /// How many are taken in the window that ends now.
    pub spent: u64,
    /// When the oldest of those leaves the window; none if nothing is spent or it is not settled yet.
    pub refills_at: Option<Timestamp>,
}

impl BudgetState {
    /// How many may still go.
    pub fn left(&self) -> u64 {
        self.size.saturating_sub(self.spent)
    }
}

/// A limit that a cancel draws on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    /// Whose ledger entries count.
    pub policy: PolicyName,
    /// At most this many in the window.
    pub size: u64,
    /// The window's length in seconds.
    pub per_seconds: i64,
}

/// What was looked at for a line, for people and for the saved plan.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Where the clause stands: `match.age[0]`.
    pub clause: String,
    /// What it saw: `startedAt is 9h ago`.
    pub saw: String,
}

/// What an exact plan pins beside the listed facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// The version that was described.
    pub version: ExecutionVersion,
    /// What would be sent but for the `rescind` pair, whose attempt id is not known yet.
    pub details: Details,
    /// When it was described.
    pub described_at: Timestamp,
}

/// The statusDetails that a cancel sends.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The whole map.
    pub send: StatusDetails,
    /// Keys for which there was no room among ten; `rescind` may be one of them.
    pub dropped: Vec<String>,
}

/// What is to be done for a line that is Examine or Cancel.
#[derive(Clone, Debug)]
pub struct Act {
    /// The cause.
    pub policy: Arc<Policy>,
    /// The execution that was judged.
    pub number: ExecutionNumber,
    /// The status in which it was judged.
    pub status: OpenStatus,
    /// Whether force is sent: the policy says so and it was judged IN_PROGRESS.
    pub force: bool,
    /// The limits that it draws on.
    pub charges: Vec<Charge>,
    /// Only in an exact plan.
    pub pins: Option<Pins>,
    /// What agreed, clause by clause.
    pub evidence: Vec<Evidence>,
}

/// The one decision for an execution in scope.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which execution.
    pub key: ExecutionKey,
    /// Its number.
    pub number: Fact<ExecutionNumber>,
    /// Its status, as last observed.
    pub status: ExecutionStatus,
    /// Its times.
    pub times: Times,
    /// Why.
    pub reason: Reason,
    /// What the reason refers to.
    pub because: Because,
    /// Whose reason it is: the cause, or the policy that got furthest.
    pub policy: PolicyName,
    /// Present exactly for Examine and Cancel.
    pub act: Option<Act>,
}

impl Line {
    /// The decision.
    pub fn decision(&self) -> Decision {
        self.reason.decision()
    }
}

/// What a policy in Observe would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Which execution.
    pub key: ExecutionKey,
    /// The policy.
    pub policy: PolicyName,
}

/// What is to be done about each execution in scope, and why.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The time that it is for.
    pub now: Timestamp,
    /// How exact it is.
    pub depth: Depth,
    /// The policies' meaning.
    pub digest: Digest,
    /// Who answered; none if nothing with an ARN was seen.
    pub account: Option<Account>,
    /// One for each execution in scope, by job and thing.
    pub lines: Vec<Line>,
    /// The lines to act on, in the order of acting: indexes into `lines`.
    pub order: Vec<usize>,
    /// What policies in Observe would have done, by job, thing and policy.
    pub observed: Vec<Observed>,
    /// Where the limits of the policies that may act stand, before this plan.
    pub budgets: Vec<BudgetState>,
    /// What could not be observed.
    pub problems: BTreeSet<Problem>,
}

impl Plan {
    /// The lines to act on, in order.
    pub fn acts(&self) -> impl Iterator<Item = &Line> {
        self.order.iter().map(|&index| &self.lines[index])
    }

    /// How many lines have each reason.
    pub fn counts(&self) -> BTreeMap<Reason, usize> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            *counts.entry(line.reason).or_default() += 1;
        }
        counts
    }
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
    /// The version that was judged.
    pub version: ExecutionVersion,
    /// Whether force is sent.
    pub force: bool,
    /// What is sent, the `rescind` pair included where there was room.
    pub details: Details,
    /// The cause.
    pub policy: PolicyName,
    /// What the cause meant.
    pub digest: Digest,
}

/// Tells intents apart, across processes.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct IntentId(pub Arc<str>);

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How an intent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
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
}

/// One unit of a policy's budget, taken at an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// The intent has no outcome yet: it counts in every window.
    Open,
    /// It counts until a window's length after this time.
    Settled(Timestamp),
}

/// What earlier passes left behind, as the planner sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The units spent, by policy.
    pub spent: BTreeMap<PolicyName, Vec<Spent>>,
    /// What we canceled in the last [`CANCELED_MEMORY`].
    pub canceled: BTreeMap<ExecutionKey, BTreeMap<ExecutionNumber, Timestamp>>,
    /// What is not tried again before a time, since it failed.
    pub backing_off: BTreeMap<ExecutionKey, Timestamp>,
    /// What has an intent without an outcome.
    pub open: BTreeSet<ExecutionKey>,
}

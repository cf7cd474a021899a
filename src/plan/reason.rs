//! Decisions and reasons: a closed set, and what each refers to.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::execution::ExecutionStatus;
use crate::plan::BudgetState;
use crate::plan::breaker::Breaker;
use crate::policy::PolicyName;

/// What becomes of an execution.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// It stays, since something says no. Time alone may change that: an age, or the end of a suspension;
    /// `explain` says when.
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
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
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
    /// A guard's rule holds, or is not known.
    Protected,
    /// It is IN_PROGRESS and the policy has no `force`.
    ForceRequired,
    /// The policy's mode is Observe.
    ObserveOnly,
    /// The policy is suspended.
    Suspended,
    /// The policy's `expiresAt` has passed.
    Expired,
    /// The cancel could make AWS abort the whole job.
    JobAbortRisk,
    /// We canceled it a moment ago; AWS's lists lag.
    AlreadyCanceledByUs,
    /// The policy's file has an error; its policies wait.
    SourceBroken,
    /// A guard's freeze lasts.
    Frozen,
    /// None of the policy's Allow windows is open, or a Deny window is.
    WindowClosed,
    /// The account or region is not in the scope of a guard.
    OutOfScope,
    /// So much went wrong that a breaker is open.
    BreakerOpen,
    /// Somebody has switched sending off.
    Paused,
    /// It matches, and has not matched for as long as the policy's `stableFor` asks.
    NotStableYet,
    /// An earlier cancel of it failed or is not settled yet.
    BackingOff,
    /// A percentage needs a list that failed.
    InventoryIncomplete,
    /// The budget of the cause, or of a guard, has nothing left now.
    BudgetExhausted,
    /// More is due than the budget of the cause, or of a guard, allows, and it says Halt: none is
    /// canceled.
    BudgetHalted,
    /// Due; judged in the moment of acting.
    Due,
    /// Everything agrees.
    Matched,
}

impl Reason {
    /// Every variant, in order.
    pub const ALL: [Self; 25] = [
        Self::StatusUnknown,
        Self::Terminal,
        Self::NoMatch,
        Self::FactUnknown,
        Self::Excluded,
        Self::Protected,
        Self::ForceRequired,
        Self::ObserveOnly,
        Self::Suspended,
        Self::Expired,
        Self::JobAbortRisk,
        Self::AlreadyCanceledByUs,
        Self::SourceBroken,
        Self::Frozen,
        Self::WindowClosed,
        Self::OutOfScope,
        Self::BreakerOpen,
        Self::Paused,
        Self::NotStableYet,
        Self::BackingOff,
        Self::InventoryIncomplete,
        Self::BudgetExhausted,
        Self::BudgetHalted,
        Self::Due,
        Self::Matched,
    ];

    /// The label in JSON, in metrics and in logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::StatusUnknown => "statusUnknown",
            Self::Terminal => "terminal",
            Self::NoMatch => "noMatch",
            Self::FactUnknown => "factUnknown",
            Self::Excluded => "excluded",
            Self::Protected => "protected",
            Self::ForceRequired => "forceRequired",
            Self::ObserveOnly => "observeOnly",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::JobAbortRisk => "jobAbortRisk",
            Self::AlreadyCanceledByUs => "alreadyCanceledByUs",
            Self::SourceBroken => "sourceBroken",
            Self::Frozen => "frozen",
            Self::WindowClosed => "windowClosed",
            Self::OutOfScope => "outOfScope",
            Self::BreakerOpen => "breakerOpen",
            Self::Paused => "paused",
            Self::NotStableYet => "notStableYet",
            Self::BackingOff => "backingOff",
            Self::InventoryIncomplete => "inventoryIncomplete",
            Self::BudgetExhausted => "budgetExhausted",
            Self::BudgetHalted => "budgetHalted",
            Self::Due => "due",
            Self::Matched => "matched",
        }
    }

    /// Whether it is a guard that says so.
    pub fn is_of_guard(self) -> bool {
        matches!(self, Self::Protected | Self::Frozen | Self::OutOfScope)
    }

    /// Whether it is due, and a budget has nothing left for it.
    pub fn waits_for_budget(self) -> bool {
        matches!(self, Self::BudgetExhausted | Self::BudgetHalted)
    }

    /// The decision that goes with it.
    pub fn decision(self) -> Decision {
        match self {
            Self::StatusUnknown
            | Self::Terminal
            | Self::NoMatch
            | Self::FactUnknown
            | Self::Excluded
            | Self::Protected
            | Self::ForceRequired
            | Self::ObserveOnly
            | Self::Suspended
            | Self::Expired
            | Self::JobAbortRisk
            | Self::AlreadyCanceledByUs => Decision::Keep,
            Self::SourceBroken
            | Self::Frozen
            | Self::WindowClosed
            | Self::OutOfScope
            | Self::BreakerOpen
            | Self::Paused
            | Self::NotStableYet
            | Self::BackingOff
            | Self::InventoryIncomplete
            | Self::BudgetExhausted
            | Self::BudgetHalted => Decision::Defer,
            Self::Due => Decision::Examine,
            Self::Matched => Decision::Cancel,
        }
    }
}

/// A fact that a decision can rest on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // each is what its name says; `Display` gives the form that people see
pub enum FactName {
    ExecutionNumber,
    QueuedAt,
    StartedAt,
    LastUpdatedAt,
    RetryAttempt,
    JobStatus,
    JobTargetSelection,
    JobCreatedAt,
    JobDescription,
    JobNamespaceId,
    JobTimeoutMinutes,
    JobTag(String),
    JobTags,
    ThingType,
    ThingAttribute(String),
    ThingAttributes,
    ThingConnected,
    ThingConnectivityTimestamp,
    ThingGroups,
    QueuedBehind,
    StatusDetail(String),
    StatusDetails,
    SecondsBeforeTimedOut,
    Version,
    /// The time for which a plan is made, in an expression.
    Now,
    /// What an expression gives over facts that were all read.
    Expression,
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExecutionNumber => f.write_str("execution.number"),
            Self::QueuedAt => f.write_str("execution.queuedAt"),
            Self::StartedAt => f.write_str("execution.startedAt"),
            Self::LastUpdatedAt => f.write_str("execution.lastUpdatedAt"),
            Self::RetryAttempt => f.write_str("execution.retryAttempt"),
            Self::JobStatus => f.write_str("job.status"),
            Self::JobTargetSelection => f.write_str("job.targetSelection"),
            Self::JobCreatedAt => f.write_str("job.createdAt"),
            Self::JobDescription => f.write_str("job.description"),
            Self::JobNamespaceId => f.write_str("job.namespaceId"),
            Self::JobTimeoutMinutes => f.write_str("job.timeoutMinutes"),
            Self::JobTag(key) => write!(f, "job.tags.{key}"),
            Self::JobTags => f.write_str("job.tags"),
            Self::ThingType => f.write_str("thing.type"),
            Self::ThingAttribute(key) => write!(f, "thing.attributes.{key}"),
            Self::ThingAttributes => f.write_str("thing.attributes"),
            Self::ThingConnected => f.write_str("thing.connectivity.connected"),
            Self::ThingConnectivityTimestamp => f.write_str("thing.connectivity.timestamp"),
            Self::ThingGroups => f.write_str("thing.groups"),
            Self::QueuedBehind => f.write_str("execution.queuedBehind"),
            Self::StatusDetail(key) => write!(f, "execution.statusDetails.{key}"),
            Self::StatusDetails => f.write_str("execution.statusDetails"),
            Self::SecondsBeforeTimedOut => f.write_str("execution.secondsBeforeTimedOut"),
            Self::Version => f.write_str("execution.version"),
            Self::Now => f.write_str("the time"),
            Self::Expression => f.write_str("the expression"),
        }
    }
}

/// What a verdict refers to, as small as a plan of a million lines needs it. `words` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// The reason says it all, or refers to the policy as a whole.
    Policy,
    /// `target.statuses`.
    TargetStatuses,
    /// One of the policy's clauses.
    Clause(usize),
    /// One of its exclude rules.
    Rule(usize),
    /// A clause of an exclude rule.
    RuleClause(usize, usize),
    /// A template of `cancel.statusDetails.set`, and the part of it.
    Template(usize, usize),
    /// The execution's number.
    Number,
    /// The execution's version.
    Version,
    /// The statusDetails that a cancel is to keep.
    StatusDetails,
    /// One of the guards, and its `protect` rule.
    Protect(usize, usize),
    /// One of the guards, and its freeze.
    Freeze(usize, usize),
    /// One of the guards, by its scope.
    Scope(usize),
    /// A guard in a file with an error, which nobody could read yet.
    GuardUnread,
    /// There is no guard, and there must be one.
    NoGuard,
    /// No guard has a scope, and one must have.
    NoScope,
    /// One of the plan's limits: a guard's.
    Limit(usize),
    /// A breaker that is open.
    Breaker(Breaker),
    /// So many cancels of the same job come before it.
    Planned(u64),
    /// How many executions of the job ended.
    ProcessDetails,
    /// Since when it has matched in every look.
    MatchedSince(Timestamp),
}

/// What one policy says about one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why.
    pub reason: Reason,
    /// What that refers to.
    pub at: At,
}

/// What of a guard keeps an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardBecause {
    /// The guard.
    pub guard: PolicyName,
    /// What it is doing: one of its rules, a freeze, its scope.
    pub by: GuardRule,
}

/// The part of a guard that keeps an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardRule {
    /// A rule of `protect` that holds, or that is not known to.
    Protect {
        /// The rule's name.
        rule: String,
        /// Why there is the rule.
        reason: Option<String>,
        /// The fact that is not known, and why it is not.
        unknown: Option<(FactName, String)>,
    },
    /// A freeze that lasts.
    Freeze {
        /// Its name.
        freeze: String,
        /// When it is over.
        until: Timestamp,
    },
    /// Its scope.
    Scope {
        /// What is not in it: `account 210987654321 in eu-west-1`.
        place: String,
    },
}

/// What a verdict refers to, in full.
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
    Rule {
        /// The rule's name.
        rule: String,
        /// Why there is that rule, if that is written.
        reason: Option<String>,
    },
    /// The exclude rule that cannot be said to hold or not.
    RuleUnknown {
        /// The rule's name.
        rule: String,
        /// Why there is that rule, if that is written.
        reason: Option<String>,
        /// The fact that is not known.
        fact: FactName,
        /// Why it is not known.
        why: String,
    },
    /// A file with an error has a guard that nobody could read yet.
    GuardUnread,
    /// A guard, with what of it keeps the execution.
    Guard(GuardBecause),
    /// A breaker, and why it is open.
    Breaker {
        /// Which.
        breaker: Breaker,
        /// Since when.
        since: Timestamp,
        /// Why.
        why: String,
    },
    /// The reason that was written down; possibly empty.
    Note(String),
    /// The same, and until when.
    NoteUntil(String, Timestamp),
    /// From when on, or until when.
    Time(Timestamp),
    /// Since when it has matched, and from when on that is long enough.
    Matched {
        /// The first look in which it did.
        since: Timestamp,
        /// When it has matched for as long as the policy asks.
        until: Timestamp,
    },
    /// When a window opens; none if that is not within a year.
    Opens(Option<Timestamp>),
    /// The limit that has nothing left, or that halts.
    Budget(BudgetState),
    /// By which criterion AWS could abort the job: `2 of 3 FAILED, …`.
    Abort(String),
    /// What a list lacks.
    Missing(String),
}

//! The decision: policies, inventory, memory and a time go in; a [`Plan`] comes out.
//!
//! Everything below this module is pure and synchronous: no I/O, no clock, no error. The same input
//! gives the same bytes. `needs` says which facts are still worth reading, `evaluate` judges one policy
//! on one execution, `veto` what the guards say of it, `breaker` when so much goes wrong that nothing
//! goes, `planner` puts the verdicts together, `budget` says how many may go, `stable` for how long
//! something has matched, `in_force` asks the same questions once more at the moment of the cancel, `due`
//! says when to look again, `follows` what comes of a plan beside its cancels, and `check` states the
//! safety rules a second time in other code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::execution::{Account, ExecutionKey, ExecutionNumber, ExecutionVersion, OpenStatus};
use crate::inventory::Problem;
use crate::policy::{Policy, PolicyName, PolicySet, guard};

pub mod abort;
pub mod asked;
pub mod blind;
pub mod breaker;
pub mod budget;
pub mod cadence;
pub mod check;
pub mod clause;
pub mod difference;
pub mod due;
pub mod evaluate;
pub mod explain;
pub mod facts;
pub mod finish;
pub mod follows;
pub mod idle;
pub mod in_force;
pub mod intent;
pub mod needs;
pub mod planner;
mod purses;
pub mod reason;
pub mod saved;
pub mod stable;
pub mod tested;
pub mod veto;
pub mod words;

pub use in_force::InForce;
pub use intent::{
    CANCELED_MEMORY, Charge, Counted, Details, Intent, IntentId, Memory, Outcome, Spent,
};
pub use needs::{Needs, needs};
pub use planner::plan;
pub use reason::{At, Because, Decision, FactName, GuardBecause, GuardRule, Reason, Verdict};
pub use stable::{Look, Sighting, Sightings};

/// How exact a plan has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Stops before the describes: what agrees so far is [`Decision::Examine`].
    Listed,
    /// All facts are read first; what agrees is [`Decision::Cancel`], with its pins.
    Exact,
}

/// Whose a limit is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A policy's, for its own cancels.
    Policy(PolicyName),
    /// A guard's, for those of all policies.
    Guard(PolicyName),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(name) => write!(f, "{name}"),
            Self::Guard(name) => write!(f, "guard {name}"),
        }
    }
}

/// Where one limit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetState {
    /// Whose it is.
    pub owner: Owner,
    /// The limit, as written: `50 per 1h`, `10 % per 1d`.
    pub limit: String,
    /// How many that allows at present.
    pub size: u64,
    /// How many are taken in the window that ends now.
    pub spent: u64,
    /// How many of those count only because nothing is known of the time before the ledger began.
    pub unknown_past: u64,
    /// When the next of those leaves the window; none if nothing is spent or it is not settled yet.
    pub refills_at: Option<Timestamp>,
    /// How many are due, if that is more than it allows and it says Halt: none is canceled then.
    pub halted: Option<u64>,
}

impl BudgetState {
    /// How many may still go.
    pub fn left(&self) -> u64 {
        self.size.saturating_sub(self.spent)
    }

    /// Whether nothing is left since nobody knows what was canceled before the ledger began.
    pub fn waits_for_unknown_past(&self) -> bool {
        self.left() == 0 && self.unknown_past > 0
    }
}

/// What was looked at for a line, for people and for the saved plan.
#[derive(
    Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
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

/// What is to be done for a line that is Examine or Cancel.
#[derive(Clone, Debug)]
pub struct Act {
    /// The execution that was judged.
    pub number: ExecutionNumber,
    /// The status in which it was judged.
    pub status: OpenStatus,
    /// Whether force is sent: the policy says so and it was judged IN_PROGRESS.
    pub force: bool,
    /// The limits that it draws on.
    pub charges: Vec<Charge>,
    /// The budgets of the guards that it was planned under.
    pub guards: Arc<[guard::Budget]>,
    /// Only in an exact plan.
    pub pins: Option<Pins>,
}

/// The one decision for an execution in scope. What it rests on is in the inventory; `words` puts the
/// two together.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which execution.
    pub key: ExecutionKey,
    /// Why, and what that refers to.
    pub verdict: Verdict,
    /// Whose verdict it is: that of the cause, or of the policy that got furthest.
    pub policy: Arc<Policy>,
    /// Present exactly for Examine and Cancel.
    pub act: Option<Box<Act>>,
}

impl Line {
    /// The decision.
    pub fn decision(&self) -> Decision {
        self.verdict.reason.decision()
    }
}

/// What a policy in Observe would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Which execution.
    pub key: ExecutionKey,
    /// The policy.
    pub policy: PolicyName,
    /// Whether it would send force.
    pub force: bool,
}

/// What is to be done about each execution in scope, and why.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The time that it is for.
    pub now: Timestamp,
    /// How exact it is.
    pub depth: Depth,
    /// The policies that decided.
    pub policies: Arc<PolicySet>,
    /// Who answered; none if nothing with an ARN was seen.
    pub account: Option<Account>,
    /// One for each execution in scope, by job and thing.
    pub lines: Vec<Line>,
    /// What is due as well and not to be acted on: what a saved plan does not name, or what only policies
    /// want that were not asked for. It counts for budgets that halt, and for nothing else.
    pub beside: Vec<Line>,
    /// The lines to act on, in the order of acting: indexes into `lines`.
    pub order: Vec<usize>,
    /// What policies in Observe would have done, by job, thing and policy.
    pub observed: Vec<Observed>,
    /// Where the limits of the policies that may act stand, before this plan, and then those of guards.
    pub budgets: Vec<BudgetState>,
    /// When the windows of policies that wait for them open; none for those that do not within a year.
    pub opens: BTreeMap<PolicyName, Option<Timestamp>>,
    /// Where the breakers stand, what this plan's own look saw taken in.
    pub breakers: Vec<breaker::State>,
    /// What it adds to what the breakers count: all decisions of a root, also where only some of its
    /// policies were asked for.
    pub health: breaker::Health,
    /// How many of its own decisions lacked a fact that could not be read.
    pub undecided: u64,
    /// What could not be observed.
    pub problems: BTreeSet<Problem>,
    /// What matched, for the state to keep until the next plan.
    pub look: Look,
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
            *counts.entry(line.verdict.reason).or_default() += 1;
        }
        counts
    }
}

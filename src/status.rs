//! What a running controller says of itself: the one value that metrics, health and status are made of.
//!
//! The controller replaces parts of a [`Snapshot`] as things happen; whoever serves it takes a clone,
//! which costs a few reference counts, and never holds the loop up. The documents below are what
//! `/api/v1/status` answers and `rescind status` reads: version 1, additive only, so that an older
//! reader understands a newer controller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::inventory::Problem;
use crate::plan::finish::Finish;

mod breaker;
mod budget;
mod failure;
pub mod report;
mod standing;
mod unready;

pub use breaker::Breaker;
pub use budget::Budget;
pub use failure::Failure;
pub use unready::Unready;

/// For how long nothing may move before the loop counts as stuck: far longer than the slowest answer
/// that is waited for, short enough that a restart is still of use.
pub const STUCK_AFTER: Duration = Duration::from_secs(300);

/// The upper bounds of the histogram of pass durations, in seconds: from an emulated fleet to half an
/// hour of paced reading.
pub const PASS_BUCKETS: [f64; 10] =
    [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, f64::INFINITY];

/// What to do where a ledger that has just begun keeps everything back.
pub const NEW_LEDGER: &str = "the ledger in --state-dir has just begun, and what was canceled before it \
                              counts as spent, since nobody knows it. If that was nothing: --fresh-ledger.";

/// How many of the latest errors are kept.
pub const ERRORS_KEPT: usize = 10;

/// What is known at a moment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When the process began.
    pub started_at: Timestamp,
    /// When the loop was last seen to move.
    pub beat: Instant,
    /// What was read from the policy root.
    pub root: Arc<Root>,
    /// The policies in force, as the latest pass found them.
    pub policies: Arc<Vec<Policy>>,
    /// The guards in force that somebody wrote, likewise.
    pub guards: Arc<Vec<Guard>>,
    /// Where the breakers stand, as of the latest pass.
    pub breakers: Arc<Vec<Breaker>>,
    /// The latest pass that came to its end.
    pub pass: Option<Arc<Pass>>,
    /// The time of the next look, unless something changes before.
    pub next_look: Option<Timestamp>,
    /// Whether a pass is under way.
    pub active: bool,
    /// What was counted since the start.
    pub tally: Tally,
    /// The latest errors, oldest first.
    pub errors: Arc<Vec<Failure>>,
    /// Whether the state is held by this process.
    pub state_held: bool,
    /// Why the state could not be written at the last try.
    pub state_unwritten: Option<Arc<str>>,
    /// Why nothing is sent, if somebody has switched it off.
    pub paused: Option<Arc<str>>,
    /// Who answers; none until the first answer.
    pub account: Option<Arc<Account>>,
}

/// Counts since the start of the process.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Passes that observed something.
    pub passes: u64,
    /// Passes that could observe nothing, or were given up.
    pub failed: u64,
    /// How many passes took at most as long as each of [`PASS_BUCKETS`], not cumulative.
    pub buckets: [u64; PASS_BUCKETS.len()],
    /// How long all passes took together, in seconds.
    pub seconds: f64,
    /// How lines ended, by label.
    pub endings: BTreeMap<String, u64>,
    /// The same, since the latest look at everything.
    pub since: BTreeMap<String, u64>,
    /// Cancels that took effect and were forced.
    pub forced: u64,
}

/// What was read from the policy root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Root {
    /// The directory.
    pub path: String,
    /// Whether it was read and adopted at the last look.
    pub loaded: bool,
    /// Why it could not be read then: all of its policies wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// What all policies in force mean together, 64 hex digits.
    pub digest: String,
    /// The git revision of the files: `COMMIT`, or `COMMIT-dirty`. Absent if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Files with an error, whose policies wait.
    pub broken: Vec<String>,
    /// Whether all policies wait, since a file with an error has, or may have, a guard that was never read.
    /// Absent if they do not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all_wait: bool,
}

/// The account and region that answered, learnt from an ARN in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Account {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// `eu-central-1`.
    pub region: String,
}

/// One policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Whether it acts.
    #[schemars(extend("enum" = ["Observe", "Enforce"]))]
    pub mode: String,
    /// Whether it is in force as written; `held`: its file has an error.
    #[schemars(extend("enum" = ["active", "held", "suspended", "expired"]))]
    pub state: String,
    /// The file.
    pub path: String,
    /// What it means, 64 hex digits.
    pub digest: String,
    /// Executions for which it had the word in the latest pass, by reason.
    pub executions: BTreeMap<String, u64>,
    /// Executions that it would have canceled, were it not in Observe.
    pub observed: u64,
    /// Where its limits stand: while a pass acts, as of up to ten seconds ago.
    pub budgets: Vec<Budget>,
    /// Where its windows stand. Absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// Where the windows of a policy stand, all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Window {
    /// Whether they let it act.
    pub open: bool,
    /// When that changes next. Absent if it does not within a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub changes_at: Option<Timestamp>,
}

/// One guard in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Guard {
    /// Its name.
    pub name: String,
    /// Whether its document is there; `broken`: its file has an error. It is in force all the same.
    #[schemars(extend("enum" = ["written", "broken", "missing"]))]
    pub standing: String,
    /// The file.
    pub path: String,
    /// Where its limits stand, over all policies.
    pub budgets: Vec<Budget>,
}

/// One pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Pass {
    /// When it began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether anything could be observed.
    pub observed: bool,
    /// Executions in scope of some policy.
    pub executions: u64,
    /// How many have each reason.
    pub reasons: BTreeMap<String, u64>,
    /// How many were kept for want of each fact: `thing.attributes`.
    pub unknown: BTreeMap<String, u64>,
    /// How many of them AWS created anew after a cancel of ours in the last 15 minutes: the same job and
    /// thing, another number.
    pub recreated: u64,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// One operation of AWS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Calls {
    /// Requests sent since the start.
    pub sent: u64,
    /// Those of them that were throttled.
    pub throttled: u64,
    /// The present rate, in calls a second. Absent for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

/// The form of a status that this version writes.
pub const FORMAT: &str = "rescind/status/v1";

/// The whole status: the answer of `/api/v1/status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// What the document is, and its version.
    pub format: String,
    /// The program's version.
    pub rescind: String,
    /// When the process began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// AWS's time, as far as it is known.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub now: Timestamp,
    /// How far AWS's clock is ahead of the machine's, in seconds.
    pub clock_offset_seconds: f64,
    /// Why it is not ready; empty when it is, and `rescind status` ends with 0 then, else with 1.
    pub unready: Vec<Unready>,
    /// Why the state could not be written at the last try. Absent if it could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_unwritten: Option<String>,
    /// Why nothing is sent. Absent unless somebody has switched it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// Who answers. Absent until the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// The policy root.
    pub root: Root,
    /// The policies in force.
    pub policies: Vec<Policy>,
    /// The guards in force that somebody wrote.
    pub guards: Vec<Guard>,
    /// Where the breakers stand; none before the first pass.
    pub breakers: Vec<Breaker>,
    /// The latest pass that looked at everything. Absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<Pass>,
    /// How long what was due in it takes, at the present rate. Absent if nothing was, or without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
    /// Whether a pass is under way.
    pub active: bool,
    /// When the next look is due, unless something changes before. Absent while that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub next_look: Option<Timestamp>,
    /// Passes since the start that observed something.
    pub passes: u64,
    /// Passes since the start that could observe nothing, or were given up.
    pub failed_passes: u64,
    /// How lines ended since the start, by label.
    pub endings: BTreeMap<String, u64>,
    /// How lines ended since everything was looked at for the last time, by label: what `pass` and
    /// `policies` count is as it was then.
    pub endings_since_look: BTreeMap<String, u64>,
    /// Calls since the start, by operation.
    pub calls: BTreeMap<String, Calls>,
    /// The latest errors, oldest first.
    pub errors: Vec<Failure>,
}

impl Snapshot {
    /// What there is to say before anything has happened.
    pub fn new(now: Timestamp, root: String) -> Self {
        Self {
            started_at: now,
            beat: Instant::now(),
            root: Arc::new(Root { path: root, ..Root::default() }),
            policies: Arc::default(),
            guards: Arc::default(),
            breakers: Arc::default(),
            pass: None,
            next_look: None,
            active: false,
            tally: Tally::default(),
            errors: Arc::default(),
            state_held: true,
            state_unwritten: None,
            paused: None,
            account: None,
        }
    }

    /// Whether the loop moves.
    pub fn is_alive(&self) -> bool {
        self.beat.elapsed() < STUCK_AFTER
    }

    /// Why it is not ready; empty when it is.
    pub fn unready(&self) -> Vec<Unready> {
        let failed = self.pass.as_ref().is_some_and(|pass| !pass.observed);
        let mut unready = Vec::new();
        let mut add = |holds: bool, reason| {
            if holds {
                unready.push(reason);
            }
        };
        add(!self.root.loaded, Unready::RootNotLoaded);
        add(self.pass.is_none(), Unready::NotObserved);
        add(failed, Unready::ObservationFailed);
        add(!self.state_held, Unready::StateNotHeld);
        add(self.state_unwritten.is_some(), Unready::StateNotWritten);
        unready
    }

    /// The document that says it all.
    pub fn status(
        &self,
        now: Timestamp,
        clock_offset_seconds: f64,
        calls: BTreeMap<String, Calls>,
        cancels_per_second: Option<f64>,
    ) -> Status {
        let due = self.pass.as_ref().and_then(|pass| pass.reasons.get("due")).copied();
        Status {
            format: FORMAT.to_owned(),
            rescind: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            now,
            clock_offset_seconds,
            unready: self.unready(),
            state_unwritten: self.state_unwritten.as_deref().map(str::to_owned),
            paused: self.paused.as_deref().map(str::to_owned),
            account: self.account.as_deref().cloned(),
            root: Root::clone(&self.root),
            policies: Vec::clone(&self.policies),
            guards: Vec::clone(&self.guards),
            breakers: Vec::clone(&self.breakers),
            pass: self.pass.as_deref().cloned(),
            finish: Finish::of(due.unwrap_or_default(), cancels_per_second),
            active: self.active,
            next_look: self.next_look,
            passes: self.tally.passes,
            failed_passes: self.tally.failed,
            endings: self.tally.endings.clone(),
            endings_since_look: self.tally.since.clone(),
            calls,
            errors: Vec::clone(&self.errors),
        }
    }
}

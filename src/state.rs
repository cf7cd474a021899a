//! The port to what must outlive a pass: intents, outcomes, the ledger. One call is one transaction.
//!
//! The adapters are in `state/`: `sqlite` keeps it on disk, one file an account and region, `memory` as
//! long as the process lives. `directory` is where the files are, with the lock and the stop switch;
//! `journal` is how others read what was done, `pauses` who used the stop switch, `verify` whether that is
//! true, `request` how they ask the writer for something.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::execution::{ExecutionKey, JobId};
use crate::plan::breaker::{self, Breaker, Cases, Change, Health};
use crate::plan::{Charge, Intent, IntentId, Look, Memory, Outcome};
use crate::policy::{Digest, Origin, PolicyName, Thresholds};

mod breakers;
pub mod directory;
pub mod journal;
pub mod memory;
pub mod pauses;
pub mod request;
pub mod sqlite;
pub mod verify;
mod whole;

/// A state that cannot be read or written. Nothing is sent then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An intent that was never begun, or is settled already, was to be changed.
    #[error("intent {0} is not open")]
    NotOpen(IntentId),
    /// The disk has no room.
    #[error("{0} cannot grow: the disk is full, or a quota or limit is reached; make room there")]
    Full(String),
    /// The disk takes no changes.
    #[error("{0} cannot be written: the disk or the file is read-only")]
    ReadOnly(String),
    /// Something else failed.
    #[error("{path} cannot be {what}: {why}")]
    Failed {
        /// The file.
        path: String,
        /// `read` or `written`.
        what: &'static str,
        /// What the database says.
        why: String,
    },
}

/// An intent without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// As of its last attempt.
    pub intent: Intent,
    /// When that was made durable: it was sent after this, if it was.
    pub sent_at: Timestamp,
}

/// A guard as it is kept once it was adopted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptedGuard {
    /// Its name.
    pub name: PolicyName,
    /// Where it was written.
    pub origin: Origin,
    /// What it means.
    pub digest: Digest,
    /// The document as JSON, which `policy::compile::restore_guard` reads.
    pub document: Arc<str>,
}

/// Whether an intent was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is durable, and its units are taken.
    Yes,
    /// A limit has nothing left; nothing was written.
    OverBudget(Charge),
    /// The same execution has an open intent; nothing was written.
    AlreadyOpen,
}

/// How an intent ends, with what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it is proved that nothing took effect: its units are given back.
    pub no_effect: bool,
    /// AWS's request id of the last answer.
    pub request_id: Option<String>,
    /// What happened, for people.
    pub note: String,
    /// Whether the execution is left alone for a while: [`back_off`].
    pub backs_off: bool,
}

impl Settlement {
    /// Whether what failed before is over. A call that failed and is no failure of the execution, as one that
    /// AWS throttled, says nothing of it.
    pub fn ends_failures(&self) -> bool {
        !self.backs_off && !matches!(self.outcome, Outcome::Failed | Outcome::Unresolved)
    }
}

/// Intents, outcomes and the ledger. `now` never goes back within an implementation: an earlier one
/// counts as the latest that it has seen.
#[async_trait]
pub trait State: Send + Sync {
    /// What the planner has to know.
    async fn memory(&self, now: Timestamp) -> Result<Memory, Error>;

    /// Takes the intent's unit ([`crate::plan::Spent::of`]) if each charge has room for it, and makes the
    /// intent durable, or does neither.
    async fn begin(
        &self,
        intent: &Intent,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Begun, Error>;

    /// Replaces the statusDetails and version of an open intent by those of its next attempt.
    async fn attempt(&self, intent: &Intent, now: Timestamp) -> Result<(), Error>;

    /// Ends an open intent.
    async fn settle(
        &self,
        id: &IntentId,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error>;

    /// Leaves an execution alone for a while although no intent was begun: it could not be described.
    async fn back_off(&self, key: &ExecutionKey, now: Timestamp) -> Result<(), Error>;

    /// Leaves a job alone for a while for a policy whose calls AWS denied there: [`DENIED_FOR`].
    async fn deny(&self, policy: &PolicyName, job: &JobId, now: Timestamp) -> Result<(), Error>;

    /// Keeps what a plan saw to match: [`Look::take_in`]. It counts for as long as `lasts`.
    async fn sight(&self, look: &Look, lasts: SignedDuration, now: Timestamp) -> Result<(), Error>;

    /// The intents without an outcome. Before anything is sent, they are those that an earlier process
    /// has left.
    async fn open(&self) -> Result<Vec<Open>, Error>;

    /// Tells that AWS has answered, so that `now` is by its clock. What is not known of the past is not
    /// known up to the first such time.
    async fn confirmed(&self, _now: Timestamp) -> Result<(), Error> {
        Ok(())
    }

    /// Keeps guards, each in place of the one of its name, and forgets those that are retired. What is
    /// kept already is not written again.
    async fn adopt(
        &self,
        guards: &[AdoptedGuard],
        retired: &BTreeSet<PolicyName>,
        now: Timestamp,
    ) -> Result<(), Error>;

    /// The guards that were adopted and not retired, by name.
    async fn adopted(&self) -> Result<Vec<AdoptedGuard>, Error>;

    /// Forgets the guards that somebody asked to be forgotten; gives their names.
    async fn forget_asked(&self, _now: Timestamp) -> Result<BTreeSet<PolicyName>, Error> {
        Ok(BTreeSet::new())
    }

    /// Counts cases of a breaker. Does not wait: they become durable with the next change.
    fn count(&self, breaker: Breaker, cases: Cases, now: Timestamp);

    /// What the breakers have counted, and which of them are open. Asked by the gate; does not wait.
    fn breakers(&self) -> breaker::Record;

    /// Takes in what a look saw, and says what opened or closed by it.
    async fn weigh(
        &self,
        health: &Health,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Result<Vec<Change>, Error>;

    /// Closes the breakers that somebody asked to be closed; gives them, each with who asked.
    async fn resume_asked(&self, _now: Timestamp) -> Result<Vec<(Breaker, String)>, Error> {
        Ok(Vec::new())
    }

    /// Whether this process may still write: its lock is held. Asked by the gate; hardly waits.
    fn is_held(&self) -> bool;

    /// Why the latest change could not be made durable; none once one is again. Does not wait.
    fn unwritten(&self) -> Option<String> {
        None
    }

    /// Why nothing may be sent, if somebody has switched it off. Asked by the gate; hardly waits.
    fn paused(&self) -> Option<String> {
        None
    }
}

/// How long a policy leaves a job alone after AWS denied a call there: longer than the default interval,
/// so that a denied job does not take the places of others in the next pass too; short enough that a
/// permission that was granted is soon used.
pub const DENIED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// How long after its back-off a failure still counts: as one in a row, and to go behind what has not
/// failed. Each look at a denied job finds one denied execution or two, a quarter of an hour apart: in a
/// day a hundred of them make way for the others.
pub const FAILURE_COUNTS: SignedDuration = SignedDuration::from_hours(24);

/// How long an execution is left alone after its n-th failure in a row, from 1: a minute, then twice as
/// long each time, an hour at most. Long enough that one that always fails costs a call an hour, short
/// enough that a passing fault is over soon. In a job that is left alone ([`DENIED_FOR`]) it begins when
/// that ends.
pub fn back_off(failures: u32) -> SignedDuration {
    let minutes = 1_i64 << failures.saturating_sub(1).min(6);
    SignedDuration::from_mins(minutes.min(60))
}

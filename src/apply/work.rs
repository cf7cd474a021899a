//! A line on its way: what it was planned for, and what it has met so far.
//!
//! Apart from `line`, which walks it, since everything else in `apply` only carries it about.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::{Ending, Record};
use crate::backend::{ErrorKind, Operation, Result};
use crate::execution::{Account, ExecutionDescription, ExecutionKey, ExecutionNumber, OpenStatus};
use crate::fact::Fact;
use crate::inventory::{Inventory, Job, ObservedExecution, Thing};
use crate::plan::clause::Facts;
use crate::plan::{Act, Charge, Intent, IntentId, Line};
use crate::policy::PolicyName;

/// What has to be found out before a line goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Whether the last attempt took effect.
    Effect,
    /// What the execution has become, since AWS refused the last attempt because it had moved.
    Conflict,
}

/// A line on its way.
pub(super) struct Work {
    pub(super) line: Line,
    pub(super) act: Act,
    pub(super) job: Job,
    pub(super) row: ObservedExecution,
    pub(super) thing: Option<Thing>,
    pub(super) account: Option<Account>,
    pub(super) id: IntentId,
    /// The intent, once begun, as of its last attempt.
    pub(super) intent: Option<Intent>,
    /// When the last attempt went out.
    pub(super) sent: Option<Instant>,
    pub(super) doubt: Option<Doubt>,
    /// How many attempts may have had an effect when they ended.
    pub(super) lost: u32,
    /// Whether it has taken its place among those that the budget has room for.
    pub(super) has_place: bool,
    /// Whether the ledger keeps a unit for it.
    pub(super) spent: bool,
    /// The limit that had no unit for it.
    pub(super) refused: Option<Charge>,
    pub(super) attempts: u32,
    pub(super) throttles: u32,
    pub(super) unconnected: u32,
    /// How often it was signed by credentials of which nothing was known.
    pub(super) unknown_signers: u32,
    pub(super) read_failures: u32,
    pub(super) look_failures: u32,
    pub(super) request_id: Option<String>,
    /// Whether it was seen in another status than planned, or another execution in its place.
    pub(super) moved: bool,
    /// Whether AWS's latest word was that it is called too often, which is nobody's fault but that of all
    /// who call.
    pub(super) throttled: bool,
    /// The last call that AWS refused or did not answer, and how.
    pub(super) error: Option<(Operation, ErrorKind)>,
}

/// Where a walk got to.
pub(super) enum Step {
    /// It is over.
    Ended(Box<Work>, Record),
    /// It goes on at a time.
    Parked(Box<Work>, Instant),
}

impl Work {
    pub(super) fn new(
        line: Line,
        inventory: &Inventory,
        id: IntentId,
    ) -> Result<Box<Self>, Box<Record>> {
        let job = inventory.jobs.get(&line.key.job).cloned();
        let row = inventory.executions.get(&line.key).cloned();
        let thing = inventory.things.get(&line.key.thing).cloned();
        let (Some(act), Some(job), Some(row)) = (line.act.clone(), job, row) else {
            let (number, policy) = (ExecutionNumber(0), line.policy.name.clone());
            let record =
                Record::new(line.key, number, policy, Ending::NotTried, "it was not observed");
            return Err(Box::new(Record { moved: true, ..record }));
        };
        Ok(Box::new(Self {
            line,
            act: *act,
            job,
            row,
            thing,
            account: inventory.account.clone(),
            id,
            intent: None,
            sent: None,
            doubt: None,
            lost: 0,
            has_place: false,
            spent: false,
            refused: None,
            attempts: 0,
            throttles: 0,
            unconnected: 0,
            unknown_signers: 0,
            read_failures: 0,
            look_failures: 0,
            request_id: None,
            moved: false,
            throttled: false,
            error: None,
        }))
    }

    pub(super) fn key(&self) -> &ExecutionKey {
        &self.line.key
    }

    pub(super) fn number(&self) -> ExecutionNumber {
        self.act.number
    }

    pub(super) fn status(&self) -> OpenStatus {
        self.act.status
    }

    pub(super) fn policy_name(&self) -> &PolicyName {
        &self.line.policy.name
    }

    pub(super) fn is_begun(&self) -> bool {
        self.intent.is_some()
    }

    pub(super) fn record(&self, ending: Ending, note: impl Into<String>) -> Record {
        let policy = self.line.policy.name.clone();
        Record {
            force: self.intent.as_ref().is_some_and(|intent| intent.force),
            attempts: self.attempts,
            request_id: self.request_id.clone(),
            moved: self.moved,
            again: self.throttled,
            refused: self.error,
            times: self.row.described.known().map(|_| self.row.times),
            ..Record::new(self.line.key.clone(), self.act.number, policy, ending, note)
        }
    }

    /// Counts it among those that found no connection in a row, or begins that row anew; `failed` says whether
    /// its last step came to nothing.
    pub(super) fn note_connection(&self, failed: bool, row: &mut BTreeSet<ExecutionKey>) {
        if failed && self.error.is_some_and(|(_, kind)| kind == ErrorKind::NotConnected) {
            row.insert(self.key().clone());
        } else {
            row.clear();
        }
    }

    /// Ends it without an outcome: nothing was begun.
    pub(super) fn ended(self: Box<Self>, ending: Ending, note: impl Into<String>) -> Step {
        let record = self.record(ending, note);
        Step::Ended(self, record)
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            key: &self.line.key,
            job: &self.job,
            row: &self.row,
            thing: self.thing.as_ref(),
            account: self.account.as_ref(),
        }
    }

    /// Why an answer says nothing of what the line was planned for, if another account gave it.
    pub(super) fn elsewhere(&self, answer: &Result<ExecutionDescription>) -> Option<String> {
        let answered = match answer {
            Ok(found) => found.account.as_ref()?,
            Err(error) => error.account.as_deref()?,
        };
        let observed = self.account.as_ref()?;
        (answered != observed).then(|| format!("{answered} answered, and {observed} was observed"))
    }

    /// Notes whether a description shows that what was listed is not there any more.
    pub(super) fn note_move(&mut self, found: &ExecutionDescription) {
        self.moved = !self.is_of(found) || found.status.open() != Some(self.act.status);
    }

    /// Whether a description is of the execution that the line was planned for, whatever has become of
    /// it.
    pub(super) fn is_of(&self, description: &ExecutionDescription) -> bool {
        let queued_at = self.row.times.queued_at().known().copied();
        description.number == Fact::Known(self.act.number)
            && !was_queued_anew(queued_at, description)
    }

    /// Whether a description is of what the line was planned for.
    pub(super) fn is_as_planned(&self, description: &ExecutionDescription) -> bool {
        let pinned = self.act.pins.as_ref().map(|pins| pins.version);
        self.is_of(description)
            && description.status.open() == Some(self.act.status)
            && pinned.is_none_or(|version| description.version == Fact::Known(version))
    }
}

/// Whether a description is of another execution than one that was queued at a time: a number is used
/// again once the execution that had it was deleted. By whole seconds, since not every answer has more.
pub(super) fn was_queued_anew(
    queued_at: Option<jiff::Timestamp>,
    found: &ExecutionDescription,
) -> bool {
    match (queued_at, found.times.queued_at) {
        (Some(before), Fact::Known(found)) => before.as_second() != found.as_second(),
        _ => false,
    }
}

/// How long to wait before the n-th repetition, from 1: a second, then twice as long, up to a minute.
pub(super) fn wait(repetition: u32) -> Duration {
    Duration::from_secs((1 << repetition.saturating_sub(1).min(6)).min(60))
}

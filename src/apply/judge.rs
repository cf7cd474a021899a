//! What is said of a line in the moment of acting: by the policies in force, and by what has become of its
//! execution.
//!
//! Apart from `line`, which walks it: nothing is sent here. What is no longer as it was planned is kept, or
//! judged anew in the next pass.

use super::gate::cut_off;
use super::work::{Step, Work};
use super::{Ending, NOT_TRIED, Run, lock};
use crate::execution::ExecutionDescription;
use crate::fact::Fact;
use crate::plan::clause::Facts;
use crate::plan::in_force::{Judgement, Ruling, judge};
use crate::plan::words::{because_of, in_words};
use crate::plan::{Outcome, Reason, Verdict, budget};
use crate::policy::{Policy, PolicySet};

/// Why what no policy is for is kept.
pub(super) const NO_SCOPE: &str = "no policy has it in scope any more";

impl Run<'_> {
    /// What the policies in force say, if they still say that this is canceled in this way.
    pub(super) async fn judge(&self, work: Box<Work>) -> Result<(Box<Work>, Ruling), Step> {
        let now = self.with.clock.now();
        let policies = self.with.in_force.current();
        let ruling = match judge(&policies, &work.facts(), &self.sightings, now) {
            Judgement::Cancel(ruling) => ruling,
            Judgement::Keep { policy, verdict } => {
                let (reason, note) = match (policy, &work.job.description) {
                    (Some(policy), _) => {
                        let note = why(verdict, &policies, &policy, &work.facts(), now);
                        (verdict.reason, note)
                    }
                    (None, Fact::Unreadable(why)) => {
                        let note = format!("its job could not be read again: {}", why.words());
                        (Reason::FactUnknown, note)
                    }
                    (None, _) => (verdict.reason, NO_SCOPE.to_owned()),
                };
                return Err(self.kept(work, reason, note).await);
            }
        };
        let note = if ruling.policy.name != *work.policy_name() || ruling.force != work.act.force {
            format!("policy {} would cancel it otherwise now", ruling.policy.name)
        } else if !budget::is_within(&work.line.policy, &ruling.policy) {
            // The charges of the plan are those of the old budget.
            format!("the budget of policy {} is less now", ruling.policy.name)
        } else if !budget::is_within_guards(&work.act.guards, &policies, ruling.force) {
            "the guards allow less now".to_owned()
        } else if let Some((reason, why)) = self.risks_job(&work, &ruling) {
            return Err(self.kept(work, reason, why).await);
        } else {
            return Ok((work, ruling));
        };
        Err(self.end(work, Outcome::Superseded, note).await)
    }

    /// What holds for all lines and lasts. It is asked before the intent, which would take a unit for nothing;
    /// the gate asks again.
    pub(super) async fn may_begin(&self, work: Box<Work>) -> Result<Box<Work>, Step> {
        if let Some(why) = self.open_breaker().await {
            lock(&self.met).dead = Some(format!("{NOT_TRIED}{why}"));
            return Err(self.kept(work, Reason::BreakerOpen, why).await);
        }
        if let Some(why) = self.with.state.paused() {
            let why = format!("paused: {why}");
            lock(&self.met).dead = Some(format!("{NOT_TRIED}{why}"));
            return Err(self.kept(work, Reason::Paused, why).await);
        }
        let Some(why) = cut_off(&self.with.clock, &*self.with.state) else { return Ok(work) };
        let not_tried = format!("{NOT_TRIED}{why}");
        lock(&self.met).dead = Some(not_tried.clone());
        Err(if work.is_begun() {
            self.end(work, Outcome::Withdrawn, why.to_owned()).await
        } else {
            work.ended(Ending::NotTried, not_tried)
        })
    }

    pub(super) async fn kept(&self, work: Box<Work>, reason: Reason, note: String) -> Step {
        if work.is_begun() {
            return self.end(work, Outcome::Withdrawn, note).await;
        }
        work.ended(Ending::Kept(reason), note)
    }

    /// The describe shows something else than what was planned for.
    pub(super) async fn moved(&self, mut work: Box<Work>, found: &ExecutionDescription) -> Step {
        work.note_move(found);
        if work.is_begun() {
            let (outcome, note) =
                super::settle::fate(work.intent.as_ref(), work.lost, work.number(), found);
            return self.end(work, outcome, note).await;
        }
        let note = if work.is_of(found) {
            match (found.status.open() == Some(work.status()), found.version) {
                (true, Fact::Known(version)) => format!("it moved on to version {version}"),
                (true, _) => "its version cannot be read".to_owned(),
                (false, _) => format!("it was {} and is {} now", work.status(), found.status),
            }
        } else {
            "it is another execution of the same job now".to_owned()
        };
        self.end(work, Outcome::Superseded, note).await
    }
}

/// A verdict that keeps it, in words.
pub(super) fn why(
    verdict: Verdict,
    set: &PolicySet,
    policy: &Policy,
    facts: &Facts<'_>,
    now: jiff::Timestamp,
) -> String {
    in_words(verdict.reason, &because_of(set, policy, verdict, facts, now), now)
}

//! What an answer means, and how a line ends: the protocol's table.
//!
//! Apart from `line`, which sends. Here nothing is sent but describes of the execution's own number,
//! and each intent gets exactly one outcome. A unit of a budget is given back only on proof that there
//! was no effect: never once any attempt's effect was unknown. Nor is a request that may be on its way
//! settled before it can no longer arrive, unless it is known to have had its effect: it could hit what is
//! created in the place of what was judged, and a budget counts it from its outcome on.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::Instant;

use super::work::{Doubt, Step, Work, wait, was_queued_anew};
use super::{Ending, NOT_TRIED, Record, Run, lock};
use crate::backend::{Error, ErrorKind, Operation, account};
use crate::clock::Clock;
use crate::execution::{ExecutionDescription, ExecutionNumber, ExecutionStatus, ExecutionVersion};
use crate::fact::Fact;
use crate::mutant::{self, Mutant};
use crate::plan::{Intent, Outcome};
use crate::policy::template::MARKER;
use crate::state::Settlement;

/// How often in a row a look at an execution may fail: 31 s of trying, far less than the flight time.
const LOOKS: u32 = 5;

/// Whether an execution was canceled by one of an intent's attempts.
fn is_ours(intent: &Intent, found: &ExecutionDescription) -> bool {
    let marker = found.status_details.known().and_then(|pairs| pairs.get(MARKER));
    let attempt = marker.and_then(|marker| marker.split_whitespace().next_back());
    let id = attempt.and_then(|attempt| attempt.rsplit_once('.'));
    found.status == ExecutionStatus::Canceled
        && found.number == Fact::Known(intent.number)
        && id.is_some_and(|(id, _)| id == &*intent.id.0)
}

/// Whether it was canceled just as an attempt without room for the marker would have left it. It may
/// still have been somebody else, who left its pairs as they were.
fn is_like_ours(intent: &Intent, found: &ExecutionDescription) -> bool {
    let next = ExecutionVersion::new(intent.version.get() + 1);
    found.status == ExecutionStatus::Canceled
        && found.number == Fact::Known(intent.number)
        && found.version.known().copied() == next
        && found.status_details.known() == Some(&intent.details.send)
        && intent.details.dropped.iter().any(|key| key == MARKER)
}

/// Whether another execution has the number of the one that an intent is for, which is gone then.
pub(super) fn is_another(intent: &Intent, found: &ExecutionDescription) -> bool {
    !mutant::is(Mutant::NoExecutionNumber) && was_queued_anew(intent.queued_at, found)
}

/// How long is waited before an unmoved execution proves something: what was signed by a clock that is
/// ahead of AWS's is good for so much longer.
pub(super) fn flight_time(flight_time: Duration, clock: &Clock) -> Duration {
    if mutant::is(Mutant::NoFlightTime) {
        return Duration::ZERO;
    }
    let behind = clock.skew().filter(jiff::SignedDuration::is_negative);
    flight_time + behind.map_or(Duration::ZERO, jiff::SignedDuration::unsigned_abs)
}

/// Whether an execution is still as an intent's last attempt found it.
pub(super) fn is_unmoved(intent: &Intent, found: &ExecutionDescription) -> bool {
    found.version == Fact::Known(intent.version) && found.status.open() == Some(intent.status)
}

/// What became of an execution that is not as the last attempt of a line expected it.
pub(super) fn fate(
    intent: Option<&Intent>,
    lost: u32,
    number: ExecutionNumber,
    found: &ExecutionDescription,
) -> (Outcome, String) {
    match intent {
        Some(intent) if is_ours(intent, found) => {
            (Outcome::Canceled, "the reply was lost, the cancel was not".to_owned())
        }
        Some(intent) if lost > 0 && is_like_ours(intent, found) => (
            Outcome::CanceledUnattributed,
            "the reply was lost; there was no room for the rescind pair".to_owned(),
        ),
        Some(intent) if is_another(intent, found) && lost > 0 => (
            Outcome::Unresolved,
            "the reply was lost, and another execution has the number of this one now".to_owned(),
        ),
        Some(intent) if is_another(intent, found) => {
            (Outcome::Superseded, "it is another execution of the same job now".to_owned())
        }
        _ if found.number != Fact::Known(number) => {
            (Outcome::Superseded, "it is another execution of the same job now".to_owned())
        }
        _ if found.status.is_terminal() => {
            (Outcome::AlreadyTerminal, format!("it is {}, not by us", found.status))
        }
        _ => {
            let note = match found.version {
                Fact::Known(version) => format!("it is {} at version {version} now", found.status),
                _ => format!("it is {} now", found.status),
            };
            (Outcome::Superseded, note)
        }
    }
}

/// The note of an outcome, which says what of its statusDetails a cancel could not leave behind.
pub(super) fn noted(intent: &Intent, outcome: Outcome, note: String) -> String {
    let dropped = &intent.details.dropped;
    if outcome != Outcome::Canceled || dropped.is_empty() {
        return note;
    }
    format!("{note}; its statusDetails had no room for {}", dropped.join(", "))
}

impl Run<'_> {
    /// Looks at the execution after an attempt that is in doubt: the work again once it is proved
    /// that the attempt had no effect and nothing else has happened, else how it ends or goes on.
    pub(super) async fn find_out(&self, mut work: Box<Work>) -> ControlFlow<Step, Box<Work>> {
        let (Some(doubt), Some(intent), Some(sent)) = (work.doubt, &work.intent, work.sent) else {
            return ControlFlow::Continue(work);
        };
        let intent = intent.clone();
        if !self.permit(Operation::DescribeJobExecution).await {
            return self.stop_here(work).await;
        }
        let (looked, _, answer) = self.describe(work.key(), Some(work.number())).await;
        let looked = looked.instant();
        let landed = sent + flight_time(self.with.flight_time, &self.with.clock);
        if let Some(why) = work.elsewhere(&answer) {
            return ControlFlow::Break(self.elsewhere(work, why).await);
        }
        let found = match answer {
            Ok(found) => found,
            Err(error) => {
                return ControlFlow::Break(self.cannot_look(work, doubt, error, landed).await);
            }
        };
        work.look_failures = 0;
        let moved = !is_unmoved(&intent, &found) || is_another(&intent, &found);
        if doubt == Doubt::Conflict || moved {
            work.note_move(&found);
            let (outcome, note) = fate(Some(&intent), work.lost, work.number(), &found);
            if doubt == Doubt::Effect && looked < landed && !outcome.is_cancel() {
                // It may still hit what is created in its place, and its unit is spent until then.
                return ControlFlow::Break(Step::Parked(work, landed));
            }
            return ControlFlow::Break(self.end(work, outcome, note).await);
        }
        if looked < landed {
            // The request may still be on its way: only time proves that it is not.
            return ControlFlow::Break(Step::Parked(work, landed));
        }
        work.doubt = None;
        if Self::has_attempts_left(&work) {
            ControlFlow::Continue(work)
        } else {
            let note = "AWS did not take it, nor say that it did not".to_owned();
            ControlFlow::Break(self.end(work, Outcome::Failed, note).await)
        }
    }

    async fn cannot_look(
        &self,
        mut work: Box<Work>,
        doubt: Doubt,
        error: Error,
        landed: Instant,
    ) -> Step {
        let somewhere = error.is_not_found_somewhere();
        if somewhere {
            self.ask_who_answers().await;
        }
        let gone = error.kind == ErrorKind::NotFound && !somewhere;
        if (error.kind.is_transient() || somewhere) && work.look_failures < LOOKS {
            work.look_failures += 1;
            let until = Instant::now() + wait(work.look_failures);
            return Step::Parked(work, until);
        }
        let (outcome, note) = match doubt {
            Doubt::Effect if Instant::now() < landed => {
                work.look_failures = 0;
                return Step::Parked(work, landed);
            }
            Doubt::Effect if gone => (
                Outcome::Unresolved,
                "the reply was lost, and the execution is no longer there".to_owned(),
            ),
            Doubt::Conflict if gone => (Outcome::Gone, "it is no longer there".to_owned()),
            Doubt::Conflict if work.lost == 0 => {
                (Outcome::Superseded, format!("it moved; and it could not be described: {error}"))
            }
            Doubt::Effect | Doubt::Conflict => (Outcome::Unresolved, error.to_string()),
        };
        self.end(work, outcome, note).await
    }

    /// Lets AWS say whose the credentials are that are in use now. What is not there says nothing as long as it
    /// is not known where, and an answer that names nothing does not tell.
    pub(super) async fn ask_who_answers(&self) {
        tokio::select! {
            biased;
            () = self.stop.on() => {}
            // The next answer to the same credentials has it.
            _ = account(&*self.with.paced) => {}
        }
    }

    /// 404: gone, unless a describe says otherwise.
    pub(super) async fn vanished(&self, work: Box<Work>) -> Step {
        if !self.permit(Operation::DescribeJobExecution).await {
            let note = "AWS found nothing to cancel; stopped before a second look".to_owned();
            return self.end(work, Outcome::Gone, note).await;
        }
        let answer = self.describe(work.key(), None).await.2;
        if let Some(why) = work.elsewhere(&answer) {
            return self.elsewhere(work, why).await;
        }
        let (outcome, note) = match answer {
            Ok(found) => fate(work.intent.as_ref(), work.lost, work.number(), &found),
            Err(error) if error.kind == ErrorKind::NotFound => {
                (Outcome::Gone, "it is no longer there".to_owned())
            }
            Err(error) => (
                Outcome::Gone,
                format!("AWS found nothing to cancel; a second look failed: {error}"),
            ),
        };
        self.end(work, outcome, note).await
    }

    /// Ends a line, and its intent if it has one.
    pub(super) async fn end(&self, mut work: Box<Work>, outcome: Outcome, note: String) -> Step {
        let record = self.settle(&mut work, outcome, note).await;
        Step::Ended(work, record)
    }

    pub(super) async fn settle(&self, work: &mut Work, outcome: Outcome, note: String) -> Record {
        let note = match &work.intent {
            Some(intent) => noted(intent, outcome, note),
            None => note,
        };
        let note = match outcome {
            Outcome::Withdrawn if work.lost > 0 => {
                format!("{note}; what was sent before had no effect")
            }
            _ => note,
        };
        let no_effect = matches!(
            outcome,
            Outcome::AlreadyTerminal | Outcome::Superseded | Outcome::Gone | Outcome::Failed
        ) && work.lost == 0;
        let backs_off = matches!(outcome, Outcome::Failed | Outcome::Unresolved) && !work.throttled;
        let now = self.with.clock.now();
        let state = &self.with.state;
        let written = match &work.intent {
            Some(intent) => {
                let settlement = Settlement {
                    outcome,
                    no_effect,
                    request_id: work.request_id.clone(),
                    note: note.clone(),
                    backs_off,
                };
                state.settle(&intent.id, &settlement, now).await
            }
            None if backs_off => state.back_off(work.key(), now).await,
            None => Ok(()),
        };
        let mut record = work.record(Ending::Outcome(outcome), note);
        match written {
            Ok(()) if no_effect => work.spent = false,
            Ok(()) => {}
            // The intent stays open and keeps its unit. A state that takes no outcomes shall get no
            // more intents either.
            Err(error) => {
                tracing::error!(%error, execution = %work.key(), ?outcome, "an outcome was not written");
                record.note = format!("{}; and this could not be written: {error}", record.note);
                lock(&self.met).dead =
                    Some(format!("{NOT_TRIED}an outcome could not be written: {error}"));
            }
        }
        record
    }

    /// Ends a line that the stop keeps from being walked on.
    pub(super) async fn stopped(&self, work: &mut Work) -> Record {
        if !work.is_begun() {
            return work.record(Ending::NotTried, "stopped before its turn");
        }
        self.breaks_off(work, "stopped").await
    }

    /// Ends a line of whose execution another account answered, and lets no other be begun: what that says
    /// is of none of them.
    pub(super) async fn elsewhere(&self, mut work: Box<Work>, why: String) -> Step {
        let not_tried = format!("{NOT_TRIED}{why}");
        lock(&self.met).dead = Some(not_tried.clone());
        let record = if work.is_begun() {
            self.breaks_off(&mut work, &format!("stopped, since {why},")).await
        } else {
            work.record(Ending::Elsewhere, not_tried)
        };
        Step::Ended(work, Record { elsewhere: true, ..record })
    }

    /// Ends a line with an intent that cannot be walked on.
    async fn breaks_off(&self, work: &mut Work, why: &str) -> Record {
        let (outcome, note) = match work.doubt {
            // It may have been the lost attempt by which it moved.
            Some(_) if work.lost > 0 => {
                let note = format!(
                    "{why} before the lost call could be settled: its intent stays open until it is \
                     looked at again"
                );
                let record = work.record(Ending::Outcome(Outcome::Unresolved), note);
                return Record { left_open: true, ..record };
            }
            Some(_) => (Outcome::Superseded, format!("it moved; {why} before a look at it")),
            None => (Outcome::Withdrawn, format!("{why} before it could be tried again")),
        };
        self.settle(work, outcome, note).await
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[tokio::test]
    async fn a_signature_by_a_clock_that_is_ahead_is_good_for_so_much_longer() {
        let base = Duration::from_secs(340);
        for (aws_is_ahead_by, least, most) in [(-50, 389, 391), (50, 340, 340)] {
            let clock = Clock::system();
            assert_eq!(flight_time(base, &clock), base, "nothing is known");
            let date = clock.now() + SignedDuration::from_secs(aws_is_ahead_by);
            clock.confirm(date, Instant::now());
            let range = Duration::from_secs(least)..=Duration::from_secs(most);
            assert!(range.contains(&flight_time(base, &clock)), "{aws_is_ahead_by}");
        }
    }
}

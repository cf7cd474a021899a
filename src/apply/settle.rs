//! What an answer means, and how a line ends: the protocol's table.
//!
//! Apart from `line`, which sends. Here nothing is sent but describes of the execution's own number,
//! and each intent gets exactly one outcome. A unit of a budget is given back only on proof that there
//! was no effect: never once any attempt's effect was unknown.

use tokio::time::Instant;

use super::line::{Step, Work, wait};
use super::{Ending, Executor, Record};
use crate::backend::{Error, ErrorKind};
use crate::execution::{ExecutionDescription, ExecutionStatus, ExecutionVersion};
use crate::fact::Fact;
use crate::plan::{Intent, Outcome};
use crate::policy::template::MARKER;
use crate::state::Settlement;

/// How often an execution whose cancel got lost is looked at, when looking fails too.
const LOOKS: u32 = 5;

/// Whether an execution was canceled by one of an intent's attempts.
fn is_ours(intent: &Intent, found: &ExecutionDescription) -> bool {
    let marker = found.status_details.known().and_then(|pairs| pairs.get(MARKER));
    let attempt = marker.and_then(|marker| marker.split_whitespace().next_back());
    let id = attempt.and_then(|attempt| attempt.rsplit_once('.'));
    found.status == ExecutionStatus::Canceled && id.is_some_and(|(id, _)| id == &*intent.id.0)
}

/// Whether it was canceled just as an attempt without room for the marker would have left it.
fn is_like_ours(intent: &Intent, found: &ExecutionDescription) -> bool {
    let next = ExecutionVersion::new(intent.version.get() + 1);
    found.status == ExecutionStatus::Canceled
        && found.version.known().copied() == next
        && intent.details.dropped.iter().any(|key| key == MARKER)
}

impl Executor {
    /// Describes the execution that the line is about, a few times if that fails in passing.
    async fn look(&self, work: &Work) -> Result<ExecutionDescription, Error> {
        let mut failures = 0;
        loop {
            match self.describe(work.key(), Some(work.number())).await.2 {
                Err(error) if error.kind.is_transient() && failures < LOOKS => {
                    failures += 1;
                    tokio::time::sleep(wait(failures)).await;
                }
                answer => return answer,
            }
        }
    }

    /// 409: it changed under us.
    pub(super) async fn conflicted(&self, work: Work, error: &Error) -> Step {
        let Some(intent) = work.intent.clone() else {
            return self.end(work, Outcome::Superseded, error.to_string()).await;
        };
        let (outcome, note) = match self.look(&work).await {
            Ok(found) if is_ours(&intent, &found) => {
                (Outcome::Canceled, "an earlier attempt of ours had canceled it".to_owned())
            }
            Ok(found) if work.maybe_sent && is_like_ours(&intent, &found) => (
                Outcome::CanceledUnattributed,
                "canceled as an earlier attempt would have left it".to_owned(),
            ),
            Ok(found) if found.status.is_terminal() => {
                (Outcome::AlreadyTerminal, format!("it was {} already", found.status))
            }
            Ok(found) => (Outcome::Superseded, now_is(&found)),
            Err(error) if error.kind == ErrorKind::NotFound => {
                (Outcome::Gone, "it is no longer there".to_owned())
            }
            Err(error) if work.maybe_sent => (Outcome::Unresolved, error.to_string()),
            Err(error) => {
                (Outcome::Superseded, format!("it moved; and it could not be described: {error}"))
            }
        };
        self.end(work, outcome, note).await
    }

    /// 404: gone, unless a describe says otherwise.
    pub(super) async fn vanished(&self, work: Work) -> Step {
        let (outcome, note) = match self.describe(work.key(), None).await.2 {
            Ok(found) => (Outcome::Superseded, now_is(&found)),
            Err(_) => (Outcome::Gone, "it is no longer there".to_owned()),
        };
        self.end(work, outcome, note).await
    }

    /// After a cancel whose effect is unknown: the work again once it is proved that there was none,
    /// else how it goes on.
    pub(super) async fn find_out(&self, mut work: Work) -> Result<Box<Work>, Step> {
        let (Some(intent), Some(sent)) = (work.intent.clone(), work.sent) else {
            return Ok(Box::new(work));
        };
        let landed = sent + self.flight_time;
        let (outcome, note) = match self.look(&work).await {
            Ok(found) if is_ours(&intent, &found) => {
                (Outcome::Canceled, "the reply was lost, the cancel was not".to_owned())
            }
            Ok(found) if is_like_ours(&intent, &found) => (
                Outcome::CanceledUnattributed,
                "the reply was lost; there was no room for the rescind pair".to_owned(),
            ),
            Ok(found)
                if found.version == Fact::Known(intent.version)
                    && found.status.open() == Some(work.status()) =>
            {
                if Instant::now() >= landed {
                    work.settling = false;
                    return Ok(Box::new(work));
                }
                // The request may still be on its way: only time proves that it is not.
                return Err(Step::Parked(Box::new(work), landed));
            }
            Ok(found) if found.status.is_terminal() => {
                (Outcome::AlreadyTerminal, format!("it is {}, not by us", found.status))
            }
            Ok(found) => (Outcome::Superseded, now_is(&found)),
            Err(error) if error.kind == ErrorKind::NotFound => (
                Outcome::Unresolved,
                "the reply was lost, and the execution is no longer there".to_owned(),
            ),
            Err(_) if Instant::now() < landed => {
                return Err(Step::Parked(Box::new(work), landed));
            }
            Err(error) => (Outcome::Unresolved, error.to_string()),
        };
        Err(self.end(work, outcome, note).await)
    }

    /// Ends a line, and its intent if it has one.
    pub(super) async fn end(&self, mut work: Work, outcome: Outcome, note: String) -> Step {
        let no_effect = matches!(
            outcome,
            Outcome::AlreadyTerminal | Outcome::Superseded | Outcome::Gone | Outcome::Failed
        ) && !work.maybe_sent;
        let backs_off = matches!(outcome, Outcome::Failed | Outcome::Unresolved);
        let now = self.clock.now();
        let written = match &work.intent {
            Some(intent) => {
                let settlement = Settlement {
                    outcome,
                    no_effect,
                    request_id: work.request_id.clone(),
                    note: note.clone(),
                    backs_off,
                };
                self.state.settle(&intent.id, &settlement, now).await
            }
            None if backs_off => self.state.back_off(work.key(), now).await,
            None => Ok(()),
        };
        if let Err(error) = written {
            tracing::error!(%error, execution = %work.key(), ?outcome, "an outcome was not written");
        }
        if no_effect {
            work.set_spent(false);
        }
        let record = work.record(Ending::Outcome(outcome), note);
        Step::Ended(Box::new(work), record)
    }

    /// Ends a line that was begun and cannot be brought to its end now: it is not known how it ends.
    pub(super) async fn abandon(&self, work: Work) -> Record {
        let (outcome, note) = if work.maybe_sent {
            (Outcome::Unresolved, "stopped before the lost call could be settled")
        } else {
            (Outcome::Withdrawn, "stopped before it could be tried again")
        };
        match self.end(work, outcome, note.to_owned()).await {
            Step::Ended(_, record) => record,
            Step::Parked(work, _) => work.record(Ending::Outcome(outcome), note),
        }
    }
}

fn now_is(found: &ExecutionDescription) -> String {
    match found.version {
        Fact::Known(version) => format!("it is {} at version {version} now", found.status),
        _ => format!("it is {} now", found.status),
    }
}

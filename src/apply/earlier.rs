//! What was left open: intents without an outcome, settled by looking. An earlier process left them, or this one
//! as another account answered.
//!
//! Apart from `settle`, which settles the attempts of this process and may go on to another one. Nothing
//! is sent from here, and nothing that could is needed: what did not take effect is planned anew.
//!
//! Invariants: an intent stays open, with its unit, until its execution was described by its own number, and by
//! the account in which it is: another one may have a twin of it, or nothing;
//! and unless it is seen to have taken effect, until the last attempt can no longer do so: it could hit what
//! was created in the place of what was judged. How long it has been on
//! its way is told by AWS's clock, and where the machine's differs by more than the guards allow, by the
//! one that says less: a `Date` that is wrong ends no flight. What this process has waited for itself counts
//! in any case.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until};

use super::settle::{fate, flight_time, is_another, is_unmoved, noted};
use super::work::wait;
use super::{DESCRIBE_FRESH, Ending, Record, Stop};
use crate::backend::pace::Pacer;
use crate::backend::{self, Error, ErrorKind, JobsReader, Operation};
use crate::clock::Clock;
use crate::execution::Account;
use crate::mutant::{self, Mutant};
use crate::plan::Outcome;
use crate::state::{Open, Settlement, State};

/// What settles. It can only read.
#[derive(Clone)]
pub struct Settler {
    /// Reads at once.
    pub reader: Arc<dyn JobsReader>,
    /// The allowance.
    pub pacer: Pacer,
    /// Where the intents are.
    pub state: Arc<dyn State>,
    /// AWS's time.
    pub clock: Clock,
    /// [`super::FLIGHT_TIME`], but for tests over real time.
    pub flight_time: Duration,
}

/// What a look says.
enum Look {
    Ended(Outcome, String),
    /// The last attempt may still take effect until then.
    Wait(Instant),
    Failed(String),
}

impl fmt::Debug for Settler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settler").field("flight_time", &self.flight_time).finish_non_exhaustive()
    }
}

impl Settler {
    /// Who answers, as the first execution tells that is still there: where no job is left to tell it, the
    /// cancel of its last execution may be what ended the job.
    pub async fn answered(&self, open: &[Open], stop: &Stop) -> Option<Account> {
        for open in open {
            let key = &open.intent.key;
            let answer = async {
                self.pacer.permit(Operation::DescribeJobExecution).await;
                self.reader.describe_execution(key, Some(open.intent.number)).await
            };
            let answer = tokio::select! {
                biased;
                () = stop.on() => return None,
                answer = answer => answer,
            };
            self.pacer.record(Operation::DescribeJobExecution, &answer);
            let account = answer.ok().and_then(|found| found.account);
            if account.is_some() {
                return account;
            }
        }
        None
    }

    /// Settles intents that were left open in `account`, and tells of each. With `waits`, looks
    /// again until all are settled or `stop` is switched; else once at each. AWS's clock is believed as far
    /// as it differs from the machine's by no more than `skew`. Gives how many stay open.
    pub async fn settle(
        &self,
        open: Vec<Open>,
        account: &Account,
        skew: SignedDuration,
        waits: bool,
        stop: &Stop,
        told: impl Fn(&Record),
    ) -> usize {
        let begun = Instant::now();
        let mut queue: Vec<_> = open.into_iter().map(|open| (begun, 0, open)).collect();
        let mut left = 0;
        while let Some(next) = (0..queue.len()).min_by_key(|&index| queue[index].0) {
            let (at, failures, open) = queue.swap_remove(next);
            let due = async {
                sleep_until(at).await;
                self.pacer.permit(Operation::DescribeJobExecution).await;
            };
            tokio::select! {
                biased;
                () = stop.on() => return left + queue.len() + 1,
                () = due => {}
            }
            match self.look(&open, account, skew, begun).await {
                Look::Ended(outcome, note) => match self.write(&open, outcome, &note).await {
                    Ok(()) => told(&record(&open, outcome, note)),
                    Err(error) => {
                        left += 1;
                        let execution = &open.intent.key;
                        tracing::error!(%error, %execution, ?outcome, "an outcome was not written");
                    }
                },
                Look::Wait(until) if waits => queue.push((until, 0, open)),
                Look::Failed(why) if waits => {
                    let execution = &open.intent.key;
                    tracing::warn!(why, %execution, "an earlier cancel could not be looked at");
                    queue.push((Instant::now() + wait(failures + 1), failures + 1, open));
                }
                Look::Wait(_) | Look::Failed(_) => left += 1,
            }
        }
        left
    }

    /// For how long at the least the last attempt has been on its way, in a process that knows of it since
    /// `begun`.
    fn on_its_way(&self, open: &Open, skew: SignedDuration, begun: Instant) -> Duration {
        let aws = self.clock.now();
        let contradicts = |machine: &Timestamp| machine.duration_since(aws).abs() > skew;
        let now = self.clock.machine().filter(contradicts).map_or(aws, |machine| machine.min(aws));
        let since = now.duration_since(open.sent_at).max(SignedDuration::ZERO).unsigned_abs();
        since.max(begun.elapsed())
    }

    async fn look(
        &self,
        open: &Open,
        account: &Account,
        skew: SignedDuration,
        begun: Instant,
    ) -> Look {
        let intent = &open.intent;
        let since = self.on_its_way(open, skew, begun);
        let looked = Instant::now();
        let number = Some(intent.number).filter(|_| !mutant::is(Mutant::NoExecutionNumber));
        let answer = self.reader.describe_execution(&intent.key, number).await;
        self.pacer.record(Operation::DescribeJobExecution, &answer);
        // The bytes went out at most so long after the intent was durable.
        let flight = flight_time(self.flight_time + DESCRIBE_FRESH, &self.clock);
        let remaining = flight.saturating_sub(since);
        let answered = match &answer {
            Ok(found) => found.account.as_ref(),
            Err(error) => error.account.as_deref(),
        };
        match answered {
            Some(answered) if answered != account => {
                return Look::Failed(format!("{answered} answered, and it is in {account}"));
            }
            None if answer.is_ok() => {
                return Look::Failed("the answer does not say in which account it is".to_owned());
            }
            _ => {}
        }
        if answer.as_ref().is_err_and(Error::is_not_found_somewhere) {
            // The next look knows whose the credentials are.
            self.pacer.permit(Operation::ListJobs).await;
            let _ = backend::account(&*self.reader).await;
        }
        let (outcome, note) = match answer {
            Ok(found) if is_unmoved(intent, &found) && !is_another(intent, &found) => (
                Outcome::Failed,
                "its answer did not come, and it had no effect; it is judged anew".to_owned(),
            ),
            Ok(found) => {
                // Whether the last attempt was lost is not known, and so it counts as lost.
                let (outcome, note) = fate(Some(intent), 1, intent.number, &found);
                let note = noted(intent, outcome, format!("settled later: {note}"));
                (outcome, note)
            }
            Err(error) if error.kind == ErrorKind::NotFound && error.account.is_some() => (
                Outcome::Unresolved,
                "its answer did not come, and the execution is no longer there".to_owned(),
            ),
            Err(error) => return Look::Failed(error.to_string()),
        };
        if outcome.is_cancel() || remaining.is_zero() {
            Look::Ended(outcome, note)
        } else {
            Look::Wait(looked + remaining)
        }
    }

    async fn write(
        &self,
        open: &Open,
        outcome: Outcome,
        note: &str,
    ) -> Result<(), crate::state::Error> {
        let settlement = Settlement {
            outcome,
            // An attempt whose answer nobody saw proves nothing.
            no_effect: false,
            request_id: None,
            note: note.to_owned(),
            backs_off: matches!(outcome, Outcome::Failed | Outcome::Unresolved),
        };
        self.state.settle(&open.intent.id, &settlement, self.clock.now()).await
    }
}

fn record(open: &Open, outcome: Outcome, note: String) -> Record {
    let of = &open.intent;
    let (key, policy, ending) = (of.key.clone(), of.policy.clone(), Ending::Outcome(outcome));
    Record { force: of.force, ..Record::new(key, of.number, policy, ending, note) }
}

//! The loop: policies are followed, and each pass compares them with what is.
//!
//! Two tasks. One follows the files and puts the set in force; the other makes passes, on each change
//! and on a timer. They meet in one place, a `watch` channel, which the executor's gate reads too: a
//! policy that is taken back takes effect in the middle of a pass.
//!
//! Invariants: a trigger carries no data; a pass starts from what it observes; nothing is sent once
//! `stop` is switched, and what is in flight then is finished and recorded.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::apply::earlier::Settler;
use crate::apply::{Executor, Stop};
use crate::clock::Clock;
use crate::execution::Account;
use crate::observe::Collector;
use crate::plan::InForce;
use crate::policy::PolicySet;
use crate::source::Source;
use crate::state::{self, State};
use crate::status::report::Reporter;

pub mod follow;
pub mod guards;

mod acting;
mod breakers;
mod earlier;
mod log;
mod pass;
mod turn;

use acting::Applying;
use pass::{Course, With};

/// The set in force, as the follower last put it.
#[derive(Clone, Debug)]
pub struct Loaded(pub watch::Receiver<Arc<PolicySet>>);

impl InForce for Loaded {
    fn current(&self) -> Arc<PolicySet> {
        Arc::clone(&self.0.borrow())
    }
}

/// Why the loop ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another account or region answered than was asked for.
    #[error("{answered} answered, and {wanted} was asked for: nothing was sent")]
    Elsewhere {
        /// Who answered.
        answered: Account,
        /// Who should have.
        wanted: String,
    },
    /// The account or region that answered is not in the scope of a guard.
    #[error("{answered} answered, which is not in the scope of guard {guard}: nothing was sent")]
    OutOfScope {
        /// Who answered.
        answered: Account,
        /// The guard.
        guard: String,
    },
    /// The state cannot be read.
    #[error("the state cannot be read")]
    State(#[from] state::Error),
    /// The follower ended.
    #[error("the policy root is no longer followed")]
    NotFollowed,
}

/// Makes what can write, for the policies in force.
pub type MakeExecutor = Box<dyn Fn(Arc<dyn InForce>) -> Executor + Send + Sync>;

/// Says what was asked for, if an account or region is something else.
pub type Elsewhere = Box<dyn Fn(&Account) -> Option<String> + Send + Sync>;

/// What the loop works with.
pub struct Controller {
    /// The longest time between two passes.
    pub interval: Duration,
    /// Observes.
    pub collector: Collector,
    /// Makes what can write; only called once something is to be canceled.
    pub executor: MakeExecutor,
    /// Settles what an earlier process has left.
    pub settler: Settler,
    /// Intents, outcomes, the ledger.
    pub state: Arc<dyn State>,
    /// AWS's time.
    pub clock: Clock,
    /// Says no to an account or region.
    pub elsewhere: Elsewhere,
    /// Where what happens is reported.
    pub reporter: Reporter,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller").field("interval", &self.interval).finish_non_exhaustive()
    }
}

/// How often a loop that waits says that it lives.
const BEAT: Duration = Duration::from_secs(10);

/// The least time between two passes, whatever comes due or changes: what comes in a burst is one pass.
const BREATH: Duration = Duration::from_secs(1);

impl Controller {
    /// Reconciles until `stop` is switched. `first` is the set to begin with, which came from `source`.
    pub async fn run(
        self,
        source: Box<dyn Source>,
        first: follow::Adopted,
        stop: Stop,
    ) -> Result<(), Error> {
        let (sender, mut loaded) = watch::channel(Arc::clone(&first.set));
        // Ends with this future, also when that is dropped.
        let mut follower = JoinSet::new();
        follower.spawn(follow::follow(
            source,
            first,
            sender,
            Arc::clone(&self.state),
            self.clock.clone(),
            self.reporter.clone(),
            stop.clone(),
        ));
        let in_force: Arc<dyn InForce> = Arc::new(Loaded(loaded.clone()));
        let mut course = Course::new(self.interval);
        // Applies that only wait for lost calls: later passes go on beside them.
        let mut settling: FuturesUnordered<Applying> = FuturesUnordered::new();
        let (hand_over, mut handed_over) = mpsc::unbounded_channel();
        self.report_state();
        self.report_standing(&loaded).await;
        let ended = 'passes: loop {
            let started = Instant::now();
            loaded.mark_unchanged();
            self.report_state();
            let mut running = self.reporter.begins(self.clock.now());
            let mut settled = Vec::new();
            let passed = {
                let with = With {
                    loaded: &loaded,
                    in_force: &in_force,
                    stop: &stop,
                    hand_over: &hand_over,
                };
                let pass = self.pass(&with, &mut course, &mut running);
                tokio::pin!(pass);
                let mut answered = self.settler.pacer.counts();
                loop {
                    tokio::select! {
                        biased;
                        passed = &mut pass => break passed,
                        Some(applying) = handed_over.recv() => settling.push(applying),
                        Some(records) = settling.next(), if !settling.is_empty() => {
                            settled.extend(records);
                        }
                        () = tokio::time::sleep(BEAT) => {
                            self.report_state();
                            self.report_standing(&loaded).await;
                            // It moves as long as calls are answered: one list may take many minutes.
                            let calls = self.settler.pacer.counts();
                            if calls != answered {
                                self.reporter.beat();
                                answered = calls;
                            }
                        }
                    }
                }
            };
            course.take_in(&settled);
            while let Ok(applying) = handed_over.try_recv() {
                settling.push(applying);
            }
            let observed = match passed {
                Ok(observed) => observed,
                Err(error) => break Err(error),
            };
            let due = course.schedule.next();
            let breath = started + BREATH;
            let mut next = self.instant(due).max(breath);
            self.report_standing(&loaded).await;
            self.reporter.ends(running, observed, Some(due));
            let mut changed = self.is_resumed(&mut course);
            loop {
                let at = if changed { breath } else { next };
                tokio::select! {
                    biased;
                    () = stop.on() => break,
                    () = tokio::time::sleep(BEAT) => changed |= self.is_resumed(&mut course),
                    more = loaded.changed(), if !changed => {
                        if more.is_err() && !stop.is_on() {
                            break 'passes Err(Error::NotFollowed);
                        }
                        // Also where the policies are the same: somebody has closed a breaker.
                        course.schedule.look_at_all();
                        changed = true;
                    }
                    Some(records) = settling.next(), if !settling.is_empty() => {
                        course.take_in(&records);
                        // What was left, or who answers now, may have to be looked at sooner.
                        next = next.min(self.instant(course.schedule.next())).max(breath);
                    }
                    () = tokio::time::sleep_until(at) => break,
                }
            }
            if stop.is_on() {
                break Ok(());
            }
        };
        if ended.is_ok() {
            while settling.next().await.is_some() {}
        } else if !settling.is_empty() {
            tracing::warn!(applies = settling.len(), "lost calls are left unsettled");
        }
        drop(follower);
        tracing::info!("stopped");
        ended
    }

    /// When a time will have come; a clock that is put back makes no wait longer than the interval.
    fn instant(&self, time: Timestamp) -> Instant {
        let wait = time.duration_since(self.clock.now()).max(SignedDuration::ZERO);
        Instant::now() + wait.unsigned_abs().min(self.interval)
    }

    /// Reports whether the state can be written, and whether somebody has paused. Says whether that is
    /// over: what waited for it is looked at then.
    fn is_resumed(&self, course: &mut Course) -> bool {
        self.reporter.beat();
        let was_paused = std::mem::replace(&mut course.paused, self.report_state());
        let resumed = was_paused && !course.paused;
        if resumed {
            course.schedule.look_at_all();
        }
        resumed
    }

    /// Reports whether the state is held and written, and whether somebody has paused; says the last.
    fn report_state(&self) -> bool {
        let paused = self.state.paused();
        let is_paused = paused.is_some();
        self.reporter.state(self.state.is_held(), self.state.unwritten(), paused);
        is_paused
    }

    /// Reports what a pass leaves: also one that looked at a few executions, or at none.
    async fn report_standing(&self, loaded: &watch::Receiver<Arc<PolicySet>>) {
        let (set, now) = (Arc::clone(&loaded.borrow()), self.clock.now());
        match self.state.memory(now).await {
            Ok(memory) => self.reporter.stands(&set, &memory, now),
            Err(error) => tracing::warn!(%error, "where the budgets stand is not known"),
        }
    }

    fn failed(&self, what: &str) {
        self.reporter.failed(self.clock.now(), what);
    }
}

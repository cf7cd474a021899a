//! The loop: policies are followed, and each pass compares them with what is.
//!
//! Two tasks. One follows the files and puts the set in force; the other makes passes, on each change
//! and on a timer. They meet in one place, a `watch` channel, which the executor's gate reads too: a
//! policy that is taken back takes effect in the middle of a pass.
//!
//! Invariants: a trigger carries no data; a pass starts from what it observes; nothing is sent once
//! `stop` is switched, and what is in flight then is finished and recorded.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::apply::earlier::Settler;
use crate::apply::{Ending, Executor, Record, Stop};
use crate::clock::Clock;
use crate::inventory::{Account, Inventory, Listing};
use crate::observe::Collector;
use crate::plan::check::check;
use crate::plan::veto;
use crate::plan::{Depth, InForce, Line, Memory, plan};
use crate::policy::PolicySet;
use crate::source::Source;
use crate::state::{self, State};
use crate::status::report::{Reporter, Running};

pub mod follow;
pub mod guards;

mod earlier;
mod log;

use log::{Log, unobserved};

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

/// How many lines are applied before it is asked whether other policies came: a quarter of a minute at
/// the default pace. An emergency does not wait for thousands of routine cancels.
const BATCH: usize = 128;

/// How often a loop that waits says that it lives.
const BEAT: Duration = Duration::from_secs(10);

/// The least time between two passes, however short the interval.
const BREATH: Duration = Duration::from_secs(1);

/// What a pass leaves to the next one.
#[derive(Default)]
struct Course {
    executor: Option<Executor>,
    /// Whether what an earlier process left is being settled: begun once the account is certain.
    settles_earlier: bool,
}

type Applying = Pin<Box<dyn Future<Output = Vec<Record>> + Send>>;

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
        let mut course = Course::default();
        // Applies that only wait for lost calls: later passes go on beside them.
        let mut settling: FuturesUnordered<Applying> = FuturesUnordered::new();
        let (hand_over, mut handed_over) = mpsc::unbounded_channel();
        let ended = 'passes: loop {
            let started = Instant::now();
            loaded.mark_unchanged();
            let mut running = self.reporter.begins(self.clock.now());
            let passed = {
                let pass =
                    self.pass(&loaded, &in_force, &mut course, &stop, &hand_over, &mut running);
                tokio::pin!(pass);
                loop {
                    tokio::select! {
                        biased;
                        passed = &mut pass => break passed,
                        Some(applying) = handed_over.recv() => settling.push(applying),
                        Some(_) = settling.next(), if !settling.is_empty() => {}
                    }
                }
            };
            while let Ok(applying) = handed_over.try_recv() {
                settling.push(applying);
            }
            let observed = match passed {
                Ok(observed) => observed,
                Err(error) => break Err(error),
            };
            // From start to start, so that the length of a pass does not add to it.
            let next = (started + self.interval).max(Instant::now() + BREATH);
            let wait = next.saturating_duration_since(Instant::now());
            let next_look = self.clock.now().checked_add(wait).ok();
            self.reporter.state(self.state.is_held());
            self.reporter.ends(running, observed, next_look);
            loop {
                tokio::select! {
                    biased;
                    () = stop.on() => break,
                    () = tokio::time::sleep(BEAT) => self.reporter.beat(),
                    changed = loaded.changed() => {
                        if changed.is_err() && !stop.is_on() {
                            break 'passes Err(Error::NotFollowed);
                        }
                        break;
                    }
                    Some(_) = settling.next(), if !settling.is_empty() => {}
                    () = tokio::time::sleep_until(next) => break,
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

    /// One pass; says whether anything was observed. Hands over applies that only wait for lost calls.
    async fn pass(
        &self,
        loaded: &watch::Receiver<Arc<PolicySet>>,
        in_force: &Arc<dyn InForce>,
        course: &mut Course,
        stop: &Stop,
        hand_over: &mpsc::UnboundedSender<Applying>,
        running: &mut Running,
    ) -> Result<bool, Error> {
        let policies = in_force.current();
        if policies.is_empty() {
            tracing::info!("no policies are in force: nothing is observed");
            return Ok(true);
        }
        let memory = self.state.memory(self.clock.now()).await?;
        let observing = self.collector.observe(
            Inventory::default(),
            &policies,
            &memory,
            Depth::Listed,
            &self.reporter,
        );
        let inventory = tokio::select! {
            biased;
            () = stop.on() => return Ok(false),
            observed = observing => match observed {
                Ok(inventory) => inventory,
                Err(error) => {
                    self.failed(&unobserved(&error));
                    return Ok(false);
                }
            },
        };
        if let Some(answered) = &inventory.account
            && let Some(wanted) = (self.elsewhere)(answered)
        {
            return Err(Error::Elsewhere { answered: answered.clone(), wanted });
        }
        if let Some(answered) = &inventory.account {
            if let Some(guard) = veto::out_of_scope(&policies, answered) {
                let (answered, guard) = (answered.clone(), guard.name.to_string());
                return Err(Error::OutOfScope { answered, guard });
            }
            let now = self.clock.now();
            self.state.confirmed(now).await?;
            // Here, where it is certain whose guards they are, and before anything is sent under them.
            if let Err(error) = guards::keep(&*self.state, &policies, now).await {
                tracing::error!(%error, "the guards in force cannot be kept: nothing is sent");
                self.failed(&format!("the guards in force cannot be kept: {error}"));
                return Ok(false);
            }
            if !course.settles_earlier {
                course.settles_earlier = true;
                self.settle_earlier(stop, hand_over).await?;
            }
        }
        for problem in &inventory.problems {
            tracing::warn!(what = problem.what, "not observed: {}", problem.why);
        }
        let lists = &inventory.job_lists;
        if !lists.is_empty() && lists.values().all(|it| matches!(it, Listing::Failed(_))) {
            // Nothing seen must not look like a pass with nothing to do.
            tracing::error!("nothing could be observed: looking again at the next interval");
            self.failed("nothing could be observed");
            return Ok(false);
        }
        let plan = plan(&policies, &inventory, &memory, self.clock.now(), Depth::Listed);
        if let Some(violation) = check(&plan, &policies, &inventory, &memory).into_iter().next() {
            // A bug of ours must cost a pass, not the controller.
            tracing::error!(%violation, "the plan breaks a safety rule: nothing of it is sent");
            self.failed(&format!("the plan breaks a safety rule: {violation}"));
            return Ok(true);
        }
        for limit in plan.budgets.iter().filter(|limit| limit.halted.is_some()) {
            let (owner, due) = (&limit.owner, limit.halted);
            tracing::warn!(%owner, limit = limit.limit, due, "more is due than it allows: it halts");
        }
        self.reporter.planned(running, &plan, &inventory, &memory);
        let lines: Vec<Line> = plan.acts().cloned().collect();
        tracing::info!(
            executions = plan.lines.len(),
            due = lines.len(),
            observed_only = plan.observed.len(),
            policies = policies.len(),
            digest = policies.digest().short(),
            "pass"
        );
        if lines.is_empty() || stop.is_on() {
            return Ok(true);
        }
        if inventory.account.is_none() {
            tracing::error!("AWS did not say which account answered: nothing is sent");
            self.failed("AWS did not say which account answered: nothing is sent");
            return Ok(true);
        }
        let executor = course.executor.get_or_insert_with(|| (self.executor)(Arc::clone(in_force)));
        let inventory = Arc::new(inventory);
        let mut counts = BTreeMap::<String, usize>::new();
        let mut lost = 0;
        let mut lines = lines.into_iter();
        loop {
            let now = self.clock.now();
            let memory = self.state.memory(now).await?;
            // What AWS denied in an earlier batch is not asked for again.
            let denied =
                |line: &Line| memory.denied_until(&line.policy.name, &line.key.job, now).is_some();
            let batch: Vec<Line> =
                lines.by_ref().filter(|line| !denied(line)).take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let applied =
                self.apply(executor.clone(), batch, Arc::clone(&inventory), memory, stop).await;
            let records = match applied {
                Applied::Done(records) => records,
                Applied::Waits(applying) => {
                    lost += 1;
                    // Nobody listens only once the loop has ended.
                    let _ = hand_over.send(applying);
                    Vec::new()
                }
            };
            for record in &records {
                *counts.entry(record.ending.label()).or_default() += 1;
            }
            // What stopped this batch would stop the next one, and policies that came in the
            // meantime may have something more urgent.
            let not_tried = records.iter().any(|record| record.ending == Ending::NotTried);
            if not_tried || loaded.has_changed().unwrap_or(true) || stop.is_on() {
                break;
            }
        }
        let outcomes: Vec<_> = counts.iter().map(|(label, n)| format!("{label} {n}")).collect();
        tracing::info!(outcomes = outcomes.join(", "), left = lines.len(), lost, "applied");
        Ok(true)
    }

    fn failed(&self, what: &str) {
        self.reporter.failed(self.clock.now(), what);
    }

    async fn apply(
        &self,
        executor: Executor,
        lines: Vec<Line>,
        inventory: Arc<Inventory>,
        memory: Memory,
        stop: &Stop,
    ) -> Applied {
        let log = Arc::new(Log::new(self.reporter.clone()));
        let (watch, stop) = (Arc::clone(&log), stop.clone());
        let mut applying: Applying = Box::pin(async move {
            executor.apply(lines, &inventory, &memory, None, &stop, &*watch).await
        });
        tokio::select! {
            biased;
            records = &mut applying => Applied::Done(records),
            () = log.only_waits() => Applied::Waits(applying),
        }
    }
}

/// How far an apply came.
enum Applied {
    /// To its end.
    Done(Vec<Record>),
    /// To where it only waits for lost calls.
    Waits(Applying),
}

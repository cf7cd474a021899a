//! One pass: what is kept is completed, judged, and acted on.
//!
//! Apart from the loop, which says when. What was observed is kept from pass to pass; `plan::due` says
//! what of it is still good and whether everything is looked at or what comes due by itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};

use super::acting::{Acted, Applying};
use super::log::unobserved;
use super::{Controller, Error};
use crate::apply::{Ending, Executor, Record, Stop};
use crate::execution::ExecutionKey;
use crate::inventory::{Inventory, Listing};
use crate::plan::check::check;
use crate::plan::due::{Extent, Schedule, Seen};
use crate::plan::{BudgetState, Depth, InForce, Line, Memory, Outcome, Plan, Reason, plan, stable};
use crate::policy::PolicySet;
use crate::status::NEW_LEDGER;
use crate::status::report::Running;

/// What a pass leaves to the next one.
pub(super) struct Course {
    executor: Option<Executor>,
    /// Whether what an earlier process left is being settled: begun once the account is certain.
    pub(super) settles_earlier: bool,
    /// Executions whose intents this process has left open.
    pub(super) left_open: BTreeSet<ExecutionKey>,
    /// What was observed so far.
    inventory: Inventory,
    /// What of it is still good, and when it is looked at again.
    pub(super) schedule: Schedule,
    /// Whether the latest plan may have been made while somebody had paused.
    pub(super) paused: bool,
    passes: u64,
    /// Whether it was said that a new ledger keeps everything back.
    told_new_ledger: bool,
}

impl Course {
    pub(super) fn new(interval: Duration) -> Self {
        let interval = SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX);
        Self {
            executor: None,
            settles_earlier: false,
            left_open: BTreeSet::new(),
            inventory: Inventory::default(),
            schedule: Schedule::new(interval),
            paused: false,
            passes: 0,
            told_new_ledger: false,
        }
    }

    /// Takes in what became of lines.
    pub(super) fn take_in(&mut self, records: &[Record]) {
        for record in records {
            if let Some(seen) = seen(record) {
                let (key, number) = (&record.key, record.number);
                self.schedule.acted(&mut self.inventory, key, number, seen);
            }
            if record.ending == Ending::BudgetExhausted {
                self.schedule.waits(&record.policy);
            }
            if record.again {
                self.schedule.leaves();
            }
            if record.left_open {
                self.left_open.insert(record.key.clone());
            }
            if record.ending == Ending::Elsewhere || record.left_open {
                self.schedule.look_anew();
            }
        }
    }

    /// A number by chance, another one in each pass and each process.
    fn chance(&mut self, now: jiff::Timestamp) -> u8 {
        self.passes += 1;
        // The two begin at times that differ by more than nanoseconds, unless it is a simulation, which
        // shall be the same each time.
        let text = format!("{now} {}", self.passes);
        text.bytes().fold(0, |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(byte))
    }
}

/// What a record says of the execution as it was listed; none if nothing.
fn seen(record: &Record) -> Option<Seen> {
    if record.moved {
        return Some(Seen::Gone);
    }
    match record.ending {
        Ending::Outcome(
            Outcome::Canceled
            | Outcome::CanceledUnattributed
            | Outcome::AlreadyTerminal
            | Outcome::Gone,
        ) => Some(Seen::Gone),
        Ending::Kept(_) | Ending::Outcome(Outcome::Superseded | Outcome::Withdrawn) => {
            Some(Seen::Kept(record.times))
        }
        Ending::Outcome(Outcome::Failed | Outcome::Unresolved)
        | Ending::BudgetExhausted
        | Ending::BeyondMax
        | Ending::JobDenied
        | Ending::NotTried
        | Ending::Elsewhere => None,
    }
}

/// What came of a look at an inventory.
struct Looked {
    /// Whether anything was observed.
    observed: bool,
    plan: Option<Plan>,
    acted: Acted,
}

impl Looked {
    fn at(observed: bool) -> Self {
        Self { observed, plan: None, acted: Acted::default() }
    }
}

/// What a pass works with besides the controller.
pub(super) struct With<'a> {
    pub(super) loaded: &'a watch::Receiver<Arc<PolicySet>>,
    pub(super) in_force: &'a Arc<dyn InForce>,
    pub(super) stop: &'a Stop,
    /// Where applies go that only wait for lost calls.
    pub(super) hand_over: &'a mpsc::UnboundedSender<Applying>,
}

impl Controller {
    /// One pass; says whether anything was observed. Hands over applies that only wait for lost calls.
    pub(super) async fn pass(
        &self,
        with: &With<'_>,
        course: &mut Course,
        running: &mut Running,
    ) -> Result<bool, Error> {
        let policies = with.in_force.current();
        let now = self.clock.now();
        let chance = course.chance(now);
        let kept = &mut course.inventory;
        let (whole, keys) = match course.schedule.begin(kept, &policies, now, chance) {
            Extent::Whole => (true, BTreeSet::new()),
            Extent::Part(keys) => (false, keys),
        };
        let inventory = if whole { std::mem::take(kept) } else { kept.part(&keys) };
        if policies.is_empty() {
            tracing::info!("no policies are in force: nothing is observed");
            return self.without_policies(with, course, &policies).await;
        }
        if !whole {
            running.is_part();
            if inventory.executions.is_empty() {
                return Ok(true);
            }
        }
        let memory = self.state.memory(now).await?;
        course.paused |= memory.paused.is_some();
        let observing =
            self.collector.observe(inventory, &policies, &memory, Depth::Listed, &self.reporter);
        let mut inventory = tokio::select! {
            biased;
            () = with.stop.on() => return Ok(false),
            observed = observing => match observed {
                Ok(inventory) => inventory,
                Err(it) => {
                    self.failed(&unobserved(&it.error));
                    if whole {
                        course.inventory = it.inventory;
                    }
                    return Ok(false);
                }
            },
        };
        if whole {
            course.schedule.observed(&mut inventory);
        }
        let looked =
            self.look(with, course, running, &policies, &mut inventory, memory, whole).await;
        if whole {
            course.inventory = inventory;
        } else {
            // What was read of jobs is newer than what is kept.
            course.inventory.jobs.extend(inventory.jobs);
        }
        let looked = looked?;
        let Acted { records, leaves, waits } = &looked.acted;
        course.take_in(records);
        for policy in waits {
            course.schedule.waits(policy);
        }
        let paused = |record: &Record| record.ending == Ending::Kept(Reason::Paused);
        course.paused |= records.iter().any(paused);
        let memory = self.state.memory(self.clock.now()).await?;
        let plan = looked.plan.as_ref();
        if whole {
            course.schedule.looked(&policies, &course.inventory, &memory, plan);
        } else {
            let part = course.inventory.part(&keys);
            course.schedule.looked_at_part(&policies, &part, &memory, plan);
        }
        if *leaves {
            course.schedule.leaves();
        }
        Ok(looked.observed)
    }

    /// Judges what was observed, and acts.
    #[expect(clippy::too_many_arguments, reason = "they are the parts of one pass")]
    async fn look(
        &self,
        with: &With<'_>,
        course: &mut Course,
        running: &mut Running,
        policies: &Arc<PolicySet>,
        inventory: &mut Inventory,
        mut memory: Memory,
        whole: bool,
    ) -> Result<Looked, Error> {
        if inventory.account.is_none() {
            let open = self.waits_to_be_settled(course).await?;
            inventory.account = self.settler.answered(&open, with.stop).await;
        }
        if let Some(answered) = &inventory.account
            && !self.answers(with, course, policies, answered).await?
        {
            return Ok(Looked::at(false));
        }
        if whole {
            for problem in &inventory.problems {
                tracing::warn!(what = problem.what, "not observed: {}", problem.why);
            }
        }
        let lists = &inventory.job_lists;
        if !lists.is_empty() && lists.values().all(|it| matches!(it, Listing::Failed(_))) {
            // Nothing seen must not look like a pass with nothing to do.
            tracing::error!("nothing could be observed: looking again at the next interval");
            let first = inventory.problems.first();
            let why = first.map_or(String::new(), |it| format!(": {}: {}", it.what, it.why));
            self.failed(&format!("nothing could be observed{why}"));
            return Ok(Looked::at(false));
        }
        course.schedule.remember(&mut memory);
        // As of when it was asked what else had to be read: what came due since is for the next look.
        let plan = |inventory: &Inventory, memory: &Memory| {
            let now = inventory.as_of.unwrap_or_else(|| self.clock.now());
            plan(policies, inventory, memory, now, Depth::Listed)
        };
        let mut planned = plan(inventory, &memory);
        if course.schedule.refresh(inventory, &planned) {
            let stale = std::mem::take(inventory);
            let observing =
                self.collector.observe(stale, policies, &memory, Depth::Listed, &self.reporter);
            *inventory = tokio::select! {
                biased;
                () = with.stop.on() => return Ok(Looked::at(false)),
                observed = observing => match observed {
                    Ok(inventory) => inventory,
                    Err(it) => {
                        self.failed(&unobserved(&it.error));
                        *inventory = it.inventory;
                        return Ok(Looked::at(false));
                    }
                },
            };
            if whole {
                course.schedule.observed(inventory);
            }
            planned = plan(inventory, &memory);
        }
        if let Some(violation) = check(&planned, policies, inventory, &memory).into_iter().next() {
            // A bug of ours must cost a pass, not the controller.
            tracing::error!(%violation, "the plan breaks a safety rule: nothing of it is sent");
            self.failed(&format!("the plan breaks a safety rule: {violation}"));
            return Ok(Looked::at(true));
        }
        if inventory.account.is_some() {
            let lasts = stable::lasts(self.interval);
            if let Err(error) = self.state.sight(&planned.look, lasts, planned.now).await {
                tracing::error!(%error, "what matched is not kept: stableFor begins anew");
                self.failed(&format!("what matched is not kept: {error}"));
            }
        }
        for limit in planned.budgets.iter().filter(|limit| limit.halted.is_some()) {
            let (owner, due) = (&limit.owner, limit.halted);
            tracing::warn!(%owner, limit = limit.limit, due, "more is due than it allows: it halts");
        }
        let new_ledger = planned.budgets.iter().any(BudgetState::waits_for_unknown_past);
        if new_ledger && !std::mem::replace(&mut course.told_new_ledger, true) {
            tracing::warn!("nothing is left of a budget yet: {NEW_LEDGER}");
        }
        if whole {
            let recreated = self.reporter.planned(running, &planned, inventory, &memory);
            if recreated > 0 {
                tracing::warn!(
                    recreated,
                    "AWS created executions anew that were canceled a moment ago"
                );
            }
        }
        self.weigh(&planned).await;
        let lines: Vec<Line> = planned.acts().cloned().collect();
        tracing::info!(
            executions = planned.lines.len(),
            due = lines.len(),
            observed_only = planned.observed.len(),
            policies = policies.len(),
            digest = policies.digest().short(),
            "pass"
        );
        let mut looked = Looked { plan: Some(planned), ..Looked::at(true) };
        if lines.is_empty() || with.stop.is_on() {
            return Ok(looked);
        }
        if inventory.account.is_none() {
            tracing::error!("AWS did not say which account answered: nothing is sent");
            self.failed("AWS did not say which account answered: nothing is sent");
            return Ok(looked);
        }
        let executor =
            course.executor.get_or_insert_with(|| (self.executor)(Arc::clone(with.in_force)));
        let executor = executor.clone();
        if whole && lines.len() > self.batch(&executor) {
            // What comes due while it acts has to be known then.
            course.schedule.looked(policies, inventory, &memory, looked.plan.as_ref());
        }
        looked.acted = self.act(with, &course.schedule, executor, lines, inventory).await?;
        Ok(looked)
    }
}

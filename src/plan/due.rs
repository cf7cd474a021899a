//! When to look again, and at what: the kept inventory between two looks.
//!
//! It stands apart from `planner`, which says what is to be done now, because it says what may wait: which
//! lists and facts of an inventory are still good, which executions come due, and when. It forgets what
//! has to be read anew; `needs` then asks for what is missing, and for nothing else.
//!
//! The rule of lists: what enters a status after the first page of its list was asked for at t0 cannot
//! match a policy before t0 and the policy's least age in that status ([`Cadence`](super::cadence::Cadence)). So the list is read
//! again then, but not twice in an interval, and after six hours in any case. Facts that move by themselves are read
//! again at each interval. What was listed already comes due without a list: it is described in the
//! moment of acting, so that what has moved since is seen there.
//!
//! Invariants: what is kept can make a look miss something for as long as said here, and never makes it
//! cancel what it would not cancel with everything read anew: what decides about many executions at once
//! (a job's numbers, the population of a percentage) is read again before anything is sent, and what is due
//! before a budget halts. What was read
//! later than now was read by a clock that was wrong: nobody knows its age, and it is read again.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::execution::{ExecutionKey, ExecutionNumber, JobId};
use crate::fact::Fact;
use crate::inventory::{Clocks, Inventory, Listing, Problem};
use crate::plan::{Line, Memory, Plan, budget, planner, stable};
use crate::policy::{Digest, OnExceed, Policy, PolicyName, PolicySet};

mod facts;
mod foreseen;
mod lists;
mod terms;

use foreseen::Foreseen;
use lists::Lists;
use terms::Terms;

/// For how long due times are gathered after a look, so that a fleet in which something comes due every
/// second is not looked at every second. A sixth of the lateness that is promised.
pub const GATHER: SignedDuration = SignedDuration::from_secs(10);

/// How much is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All that is known, once what is missing was read.
    Whole,
    /// Executions that come due, by themselves: everything else waits.
    Part(BTreeSet<ExecutionKey>),
}

/// What became of an execution that was acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is not in the list any more in which it was found, or another execution is in its place.
    Gone,
    /// It is still there, and was kept: with these times, if it was described.
    Kept(Option<Clocks>),
}

/// When to look again. Times are those that [`Schedule::begin`] is told.
#[derive(Debug)]
pub struct Schedule {
    interval: SignedDuration,
    digest: Option<Digest>,
    terms: Terms,
    lists: Lists,
    /// The beginning of the latest look.
    began: Timestamp,
    /// When everything is looked at that may change by itself.
    tick: Option<Timestamp>,
    /// When everything that is known is looked at: at the tick, or before.
    whole: Timestamp,
    foreseen: Foreseen,
    /// Whether what comes due may be looked at by itself: nothing else competes with it.
    parts: bool,
    /// What was described and kept in this interval.
    kept: BTreeSet<ExecutionKey>,
    /// The policies for which something waits for a budget that a plan did not know of: what a describe may
    /// rule out takes no unit there.
    waiting: BTreeSet<PolicyName>,
    /// The jobs of which something was kept since AWS could abort them: their numbers decide that.
    spared: BTreeSet<JobId>,
    /// Whether acting has left something that is due.
    left: bool,
}

impl Schedule {
    /// For looks at most `interval` apart; more than nothing.
    pub fn new(interval: SignedDuration) -> Self {
        Self {
            interval,
            digest: None,
            terms: Terms::default(),
            lists: Lists::new(least(interval)),
            began: Timestamp::MIN,
            tick: None,
            whole: Timestamp::MIN,
            foreseen: Foreseen::default(),
            parts: false,
            kept: BTreeSet::new(),
            waiting: BTreeSet::new(),
            spared: BTreeSet::new(),
            left: false,
        }
    }

    /// Begins a look at `now`: takes out of `inventory` what has to be read anew. `chance`, out of 256,
    /// says how much of the last tenth of the interval passes before the look after this one.
    pub fn begin(
        &mut self,
        inventory: &mut Inventory,
        policies: &PolicySet,
        now: Timestamp,
        chance: u8,
    ) -> Extent {
        let changed = self.digest.as_ref() != Some(policies.digest());
        // A clock that was put back makes no wait longer than the interval.
        let waits = |tick: Timestamp| now < tick && tick.duration_since(now) <= self.interval;
        let tick = !self.tick.is_some_and(waits);
        let due = self.foreseen.take(now);
        // It was kept as it stood before.
        self.kept.retain(|key| !due.contains(key));
        self.began = now;
        if !changed && !tick && now < self.whole && self.parts && !self.left {
            return Extent::Part(due);
        }
        if changed {
            self.digest = Some(policies.digest().clone());
            self.terms = Terms::of(policies);
            self.kept.clear();
        }
        self.lists.forget(inventory, policies, &self.terms, now, changed);
        facts::forget_later(inventory, now);
        if tick || changed {
            // Who answers is learnt anew with the jobs.
            inventory.job_lists.clear();
            inventory.account = None;
            inventory.problems.clear();
        }
        if tick {
            let spared = std::mem::take(&mut self.spared);
            facts::forget_moving(inventory, |id| self.terms.move_jobs() || spared.contains(id));
            // What acting has not come to has its turn before what was kept: else the oldest that are kept,
            // if there are many, would be all that is ever described.
            if !self.left {
                self.kept.clear();
            }
            let rest = (self.interval - least(self.interval)) / 256 * i32::from(chance);
            self.tick = now.checked_add(least(self.interval) + rest).ok();
        }
        self.whole = self.tick.unwrap_or(Timestamp::MAX);
        self.foreseen = Foreseen::default();
        self.parts = false;
        self.waiting.clear();
        self.left = false;
        Extent::Whole
    }

    /// Takes note of what was read for a look at everything: how each list went, which jobs are no more.
    pub fn observed(&mut self, inventory: &mut Inventory) {
        self.lists.observed(inventory, self.began);
        for ((job, status), listing) in &inventory.lists {
            if let Listing::Failed(why) = listing {
                let what = Problem::executions_of(job, *status);
                let named = |problem: &Problem| problem.what == what;
                if !inventory.problems.iter().any(named) {
                    inventory.problems.insert(Problem { what, why: why.words().to_owned() });
                }
            }
        }
        facts::forget_jobs(inventory);
    }

    /// What earlier looks of this interval have found keeps its executions from being described again.
    pub fn remember(&self, memory: &mut Memory) {
        let until = self.tick.unwrap_or(Timestamp::MAX);
        for key in &self.kept {
            let entry = memory.backing_off.entry(key.clone()).or_insert(until);
            *entry = until.max(*entry);
        }
    }

    /// Takes out what decides about many executions at once and is too old to send anything by it: the
    /// numbers of a job that AWS may abort, the lists by which it counts. Says whether there
    /// was any, so that they are read and the plan is made again.
    pub fn refresh(&mut self, inventory: &mut Inventory, plan: &Plan) -> bool {
        let mut any = facts::forget_numbers(inventory, plan, self.began);
        for list in facts::old_counts(inventory, plan, self.began, self.interval) {
            any |= self.lists.read_again(inventory, &list);
        }
        any
    }

    /// Takes in what became of an execution in the moment of acting. That may be minutes ago, and says
    /// nothing of another execution that was listed since.
    pub fn acted(
        &mut self,
        inventory: &mut Inventory,
        key: &ExecutionKey,
        number: ExecutionNumber,
        seen: Seen,
    ) {
        let Some(row) = inventory.executions.get_mut(key) else { return };
        if row.number != Fact::Known(number) {
            return;
        }
        match seen {
            Seen::Gone => drop(inventory.executions.remove(key)),
            Seen::Kept(times) => {
                // It may have reported since it was listed, and comes due that much later.
                row.times = times.unwrap_or(row.times);
                self.kept.insert(key.clone());
            }
        }
    }

    /// Something waits for a budget that counts for a policy, as it turned out in the moment of acting.
    pub fn waits(&mut self, policy: &PolicyName) {
        self.waiting.insert(policy.clone());
        self.competes();
    }

    /// From now on what comes due is looked at together with everything else.
    fn competes(&mut self) {
        self.parts = false;
        self.whole = self.whole.min(self.foreseen.first().unwrap_or(Timestamp::MAX));
    }

    /// Ends a look at everything: foresees when it has to be looked at again. `memory` is that of the
    /// state after acting. Before that, where acting takes long, it is foreseen when it has to end.
    pub fn looked(
        &mut self,
        policies: &PolicySet,
        inventory: &Inventory,
        memory: &Memory,
        plan: Option<&Plan>,
    ) {
        let now = self.began;
        let tick = self.tick.unwrap_or(Timestamp::MAX);
        let by_job = planner::policies_by_job(policies, inventory);
        self.foreseen = Foreseen::default();
        self.terms.foresee(&mut self.foreseen, &by_job, inventory, memory, now, tick);
        self.foresee_stable(policies, memory, now, tick);
        let lists = self.lists.next(inventory, &by_job, &self.terms);
        self.spared.extend(plan.into_iter().flat_map(facts::spared).cloned());
        let waiting = self.waiting(plan);
        let edges = self.terms.edges(policies, memory, &waiting, now);
        let times = lists.into_iter().chain(edges).chain(self.foreseen.rest());
        self.whole = times.fold(tick, Timestamp::min);
        self.parts = true;
        let counts_all = |policy: &Arc<Policy>| {
            budget::has_percent(policy) || policy.on_exceed == OnExceed::Halt
        };
        let counts = budget::guards_halt(policies) || policies.iter().any(counts_all);
        if counts || !waiting.is_empty() {
            self.competes();
        }
    }

    /// The policies for which something waits for a budget.
    fn waiting(&self, plan: Option<&Plan>) -> BTreeSet<PolicyName> {
        let waits = |line: &&Line| line.verdict.reason.waits_for_budget();
        let planned = plan.into_iter().flat_map(|plan| &plan.lines).filter(waits);
        let planned = planned.map(|line| line.policy.name.clone());
        planned.chain(self.waiting.iter().cloned()).collect()
    }

    /// What has matched for long enough at some time up to `until` comes due then.
    fn foresee_stable(
        &mut self,
        policies: &PolicySet,
        memory: &Memory,
        now: Timestamp,
        until: Timestamp,
    ) {
        for (at, key) in stable::ends(policies, &memory.sightings, now).filter(|it| it.0 <= until) {
            self.foreseen.add(at, key);
        }
    }

    /// Ends a look at what came due, `part` of the inventory as it is after acting.
    pub fn looked_at_part(
        &mut self,
        policies: &PolicySet,
        part: &Inventory,
        memory: &Memory,
        plan: Option<&Plan>,
    ) {
        let (now, tick) = (self.began, self.tick.unwrap_or(Timestamp::MAX));
        let by_job = planner::policies_by_job(policies, part);
        self.terms.foresee(&mut self.foreseen, &by_job, part, memory, now, tick);
        self.foresee_stable(policies, memory, now, tick);
        self.spared.extend(plan.into_iter().flat_map(facts::spared).cloned());
        let waiting = self.waiting(plan);
        let edges = self.terms.edges(policies, memory, &waiting, now);
        self.whole = edges.into_iter().fold(self.whole, Timestamp::min);
        if !waiting.is_empty() {
            self.competes();
        }
    }

    /// Whether it is time to look again: what acting has left by then may be less urgent.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next() <= now
    }

    /// Acting has left something, which is due at once: everything that is known is looked at next.
    pub fn leaves(&mut self) {
        self.left = true;
    }

    /// What kept things back from outside may be gone: everything that is known is looked at next, also
    /// what was kept in the moment of acting.
    pub fn look_at_all(&mut self) {
        self.kept.clear();
        self.whole = Timestamp::MIN;
    }

    /// Another account answers than was observed: who it is is learnt anew, and so is everything else that
    /// may change by itself.
    pub fn look_anew(&mut self) {
        self.tick = None;
    }

    /// When to look again.
    pub fn next(&self) -> Timestamp {
        let due = self.foreseen.first().map_or(self.whole, |first| first.min(self.whole));
        let due = if self.left { Timestamp::MIN } else { due };
        let gathered = self.began.checked_add(GATHER).unwrap_or(Timestamp::MAX);
        self.tick.unwrap_or(gathered).min(due.max(gathered))
    }
}

/// The shortest time between two looks at what may change by itself, `interval` apart: the rest of that is
/// there for chance, so that controllers that were started together do not call together.
fn least(interval: SignedDuration) -> SignedDuration {
    interval / 10 * 9
}

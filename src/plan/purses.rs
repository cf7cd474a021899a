//! Who gets the units: lines, in the order of acting, draw on the budget of their cause and on those of
//! all guards.
//!
//! Apart from `planner`, which says who would act, and from `budget`, which says where a limit stands.
//! What a guard does not allow takes no unit of the cause's budget, so that it does not keep the place of
//! one that may go.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::execution::OpenStatus;
use crate::inventory::Inventory;
use crate::mutant::{self, Mutant};
use crate::plan::abort::Jobs;
use crate::plan::budget::{self, Budget, Common, budget};
use crate::plan::clause::Facts;
use crate::plan::evaluate::reads_described;
use crate::plan::in_force::settle;
use crate::plan::planner::incomplete;
use crate::plan::words::facts_of;
use crate::plan::{
    Act, At, BudgetState, Charge, Counted, Depth, Line, Memory, Pins, Reason, Verdict, veto,
};
use crate::policy::{Mode, Policy, PolicyName, PolicySet, guard};

/// A policy's budget while a plan spends it.
struct Purse {
    left: u64,
    /// Whether all that a percentage counts was listed.
    complete: bool,
    budget: Budget,
}

impl Purse {
    fn is_halted(&self) -> bool {
        self.budget.limits.iter().any(|limit| limit.halted.is_some())
    }
}

/// All budgets while a plan spends them.
pub(super) struct Purses<'a> {
    of_policies: BTreeMap<PolicyName, Purse>,
    /// The limits of the guards, with what is left of each.
    of_guards: Vec<(Common, u64)>,
    /// What a line is charged to, for the moment of acting.
    guards: Arc<[guard::Budget]>,
    /// Whether a guard's budget halts.
    guards_halt: bool,
    /// How much of each job goes.
    jobs: Jobs<'a>,
}

impl<'a> Purses<'a> {
    pub(super) fn new(
        policies: &PolicySet,
        inventory: &'a Inventory,
        memory: &Memory,
        populations: &BTreeMap<&PolicyName, u64>,
        now: Timestamp,
    ) -> Self {
        let purse = |policy: &Arc<Policy>| {
            let population = populations.get(&policy.name).copied().unwrap_or_default();
            let complete = !budget::has_percent(policy) || incomplete(policy, inventory).is_none();
            let budget = budget(policy, memory, population, now);
            (policy.name.clone(), Purse { left: budget.left(), complete, budget })
        };
        let enforcing = policies.iter().filter(|policy| policy.mode == Mode::Enforce);
        let common = budget::of_guards(policies, memory, now);
        Self {
            of_policies: enforcing.map(purse).collect(),
            of_guards: common
                .into_iter()
                .map(|common| {
                    let left = common.state.left();
                    (common, left)
                })
                .collect(),
            guards: budget::of_set(policies),
            guards_halt: budget::guards_halt(policies),
            jobs: Jobs::new(inventory, memory),
        }
    }

    /// Halts the budgets that say so where more is due than one of their limits allows.
    pub(super) fn halt(&mut self, lines: &[Line], beside: &[Line], inventory: &Inventory) {
        let all = || lines.iter().chain(beside);
        let halted = |limit: &mut BudgetState, due: u64| {
            let halts = limit.spent + due > limit.size && !mutant::is(Mutant::HaltGoesOn);
            limit.halted = halts.then_some(due);
        };
        let of_policies = self.of_policies.iter_mut();
        for (name, purse) in of_policies.filter(|(_, purse)| purse.budget.halts) {
            let due = demand(all(), |line| line.policy.name == *name);
            purse.budget.limits.iter_mut().for_each(|limit| halted(limit, due));
        }
        for (common, _) in self.of_guards.iter_mut().filter(|(common, _)| common.halts) {
            let counts = &common.charge.counts;
            let due =
                demand(all(), |line| *counts != Counted::Forced || is_forced(line, inventory));
            halted(&mut common.state, due);
        }
    }

    /// Lets through what the budgets allow, in the order of acting; the rest becomes Defer, or Keep where
    /// AWS could then abort the job. In an exact plan what is let through is pinned, and what cannot be
    /// pinned takes no unit and no room before an abort. Gives back where the limits stand: those of
    /// policies first, then those of guards.
    pub(super) fn spend(
        mut self,
        policies: &PolicySet,
        inventory: &Inventory,
        depth: Depth,
        now: Timestamp,
        lines: &mut [Line],
        order: &mut Vec<usize>,
    ) -> Vec<BudgetState> {
        order.retain(|&index| {
            let line = &mut lines[index];
            let forced = is_forced(line, inventory);
            let Some(refusal) = self.refusal(&line.policy.name, forced) else { return false };
            if let Err(refused) = refusal {
                line.verdict = refused;
                return false;
            }
            // Before anything that only a describe says: what is kept here needs none.
            if let Some(kept) = self.jobs.keep(line) {
                line.verdict = kept;
                return false;
            }
            let Some(facts) = facts_of(&line.key, inventory) else { return false };
            let pins = match depth {
                Depth::Listed => None,
                Depth::Exact => match settle(policies, &line.policy, &facts, now) {
                    Ok(pins) => pins,
                    Err(kept) => {
                        line.verdict = kept;
                        return false;
                    }
                },
            };
            if pins.is_some() {
                line.verdict.reason = Reason::Matched;
            }
            let Some(purse) = self.of_policies.get_mut(&line.policy.name) else { return false };
            // An execution that a describe may still rule out takes no unit here: it would keep its
            // place at the front of the queue for ever, and starve the ones behind it.
            let halts = purse.budget.halts || self.guards_halt;
            // Of what a budget that halts counts, the describe was asked already.
            let may_be_ruled_out = depth == Depth::Listed
                && !halts
                && (reads_described(&line.policy) || veto::may_rule_out(policies, &facts, now));
            if !may_be_ruled_out {
                purse.left -= 1;
                for (common, left) in &mut self.of_guards {
                    *left -= u64::from(common.counts(forced));
                }
            }
            let charges = charges(&purse.budget, &self.of_guards, forced);
            line.act = act(&line.policy, &facts, charges, &self.guards, pins);
            if line.act.is_some() && !may_be_ruled_out {
                self.jobs.count(line);
            }
            line.act.is_some()
        });
        let of_policies = self.of_policies.into_values().flat_map(|purse| purse.budget.limits);
        of_policies.chain(self.of_guards.into_iter().map(|(common, _)| common.state)).collect()
    }

    /// What does not let a line of a policy go now. None if the policy may not act at all.
    fn refusal(&self, policy: &PolicyName, forced: bool) -> Option<Result<(), Verdict>> {
        let purse = self.of_policies.get(policy)?;
        // Among the plan's limits, those of the guards come last.
        let first: usize = self.of_policies.values().map(|it| it.budget.limits.len()).sum();
        let of_guard = |stops: &dyn Fn(&Common, u64) -> bool| {
            let index = self.of_guards.iter().position(|(common, left)| stops(common, *left));
            index.map(|index| At::Limit(first + index))
        };
        let refused = |reason, at| Some(Err(Verdict { reason, at }));
        if !purse.complete {
            return refused(Reason::InventoryIncomplete, At::Policy);
        }
        if purse.is_halted() {
            return refused(Reason::BudgetHalted, At::Policy);
        }
        if let Some(at) = of_guard(&|common, _| common.state.halted.is_some()) {
            return refused(Reason::BudgetHalted, at);
        }
        // Of several that had nothing left, the one is told that is empty for longest; what this plan itself takes
        // says nothing of when that comes back.
        let empty_until = |state: &BudgetState| match state.left() {
            0 => state.refills_at.unwrap_or(Timestamp::MAX),
            _ => Timestamp::MIN,
        };
        let of_guards = self.of_guards.iter().enumerate();
        let guard = of_guards
            .filter(|(_, (common, left))| common.counts(forced) && *left == 0)
            .map(|(index, (common, _))| (empty_until(&common.state), At::Limit(first + index)))
            .max_by_key(|(until, _)| *until);
        if purse.left == 0 {
            let own = purse.budget.limits.iter().map(empty_until).max();
            let at = guard.filter(|(until, _)| own.is_none_or(|own| own < *until));
            return refused(Reason::BudgetExhausted, at.map_or(At::Policy, |(_, at)| at));
        }
        match guard {
            Some((_, at)) => refused(Reason::BudgetExhausted, at),
            None => Some(Ok(())),
        }
    }
}

/// How many executions would be canceled now but for a budget, or for what they have to wait.
fn demand<'a>(lines: impl Iterator<Item = &'a Line>, of: impl Fn(&Line) -> bool) -> u64 {
    let due = |line: &&Line| line.verdict.reason == Reason::Due && of(line);
    lines.filter(due).count() as u64
}

/// Whether force would be sent.
fn is_forced(line: &Line, inventory: &Inventory) -> bool {
    let status = inventory.executions.get(&line.key).and_then(|row| row.status.open());
    line.policy.cancel.force && status == Some(OpenStatus::InProgress)
}

fn charges(budget: &Budget, of_guards: &[(Common, u64)], forced: bool) -> Vec<Charge> {
    let mut charges = budget.charges.clone();
    for (common, _) in of_guards.iter().filter(|(common, _)| common.counts(forced)) {
        // Two guards with the same limit draw on the same units.
        if !charges.contains(&common.charge) {
            charges.push(common.charge.clone());
        }
    }
    charges
}

fn act(
    policy: &Policy,
    facts: &Facts<'_>,
    charges: Vec<Charge>,
    guards: &Arc<[guard::Budget]>,
    pins: Option<Pins>,
) -> Option<Box<Act>> {
    let status = facts.row.status.open()?;
    Some(Box::new(Act {
        number: *facts.row.number.known()?,
        status,
        force: policy.cancel.force && status == OpenStatus::InProgress,
        charges,
        guards: Arc::clone(guards),
        pins,
    }))
}

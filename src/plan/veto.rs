//! What the guards say: the only place that says what protects, freezes and scopes an execution.
//!
//! It stands apart from `evaluate` because a guard is asked whatever a policy says, and only ever says
//! no. A policy's verdict is asked for first, so that facts which only a guard needs are read of what is
//! left. As there, the walk goes through the tiers of facts: the first rule that holds ends it, and then
//! the first that is not known. What only a describe says is asked once an execution is described, in
//! the moment of acting, or for what fits into the budgets of an exact plan.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::execution::{Account, ExecutionStatus};
use crate::fact::Truth;
use crate::plan::clause::{Answer, Facts, Tier};
use crate::plan::evaluate::{rule_tier, rule_truth};
use crate::plan::{At, Depth, Reason, Verdict};
use crate::policy::guard::{Freeze, Scope};
use crate::policy::{Guard, Policy, PolicySet, Rule};

/// The rules of all guards, with their places.
fn rules(set: &PolicySet) -> impl Iterator<Item = (At, &Guard, &Rule)> {
    set.vetoes().iter().enumerate().flat_map(|(g, guard)| {
        let of_guard = guard.protects.iter().enumerate();
        of_guard.map(move |(r, rule)| (At::Protect(g, r), &**guard, rule))
    })
}

fn protected_in(
    set: &PolicySet,
    facts: &Facts<'_>,
    now: Timestamp,
    tiers: &[Tier],
) -> Option<Verdict> {
    for &tier in tiers {
        let mut unknown = None;
        for (at, _, rule) in rules(set).filter(|(_, _, rule)| rule_tier(rule) == tier) {
            match rule_truth(rule, facts, now) {
                Truth::Yes => return Some(Verdict { reason: Reason::Protected, at }),
                Truth::No => {}
                Truth::Unknown => unknown = unknown.or(Some(at)),
            }
        }
        if let Some(at) = unknown {
            return Some(Verdict { reason: Reason::Protected, at });
        }
    }
    None
}

/// The verdict on an execution that a guard protects, as far as that can be said before it is
/// described.
pub(super) fn protected(set: &PolicySet, facts: &Facts<'_>, now: Timestamp) -> Option<Verdict> {
    protected_in(set, facts, now, Tier::within(Depth::Listed))
}

/// The verdict on an execution that a guard protects by what a describe says.
pub(super) fn protected_as_described(
    set: &PolicySet,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Option<Verdict> {
    protected_in(set, facts, now, &[Tier::Described])
}

/// The verdict by each rule that protects an execution, or that is not known not to.
pub(super) fn protections(
    set: &PolicySet,
    facts: &Facts<'_>,
    now: Timestamp,
) -> impl Iterator<Item = Verdict> {
    let may_hold = move |rule: &Rule| rule_truth(rule, facts, now) != Truth::No;
    let verdict = |at| Verdict { reason: Reason::Protected, at };
    rules(set).filter(move |(_, _, rule)| may_hold(rule)).map(move |(at, _, _)| verdict(at))
}

/// The verdict on what a policy would cancel, but for a freeze.
pub(super) fn frozen(set: &PolicySet, policy: &Policy, now: Timestamp) -> Option<Verdict> {
    if set.is_blind() {
        return Some(Verdict { reason: Reason::SourceBroken, at: At::GuardUnread });
    }
    for (g, guard) in set.vetoes().iter().enumerate() {
        let holds = |freeze: &Freeze| freeze.lasts(now) && !freeze.except.contains(&policy.name);
        if let Some(f) = guard.freezes.iter().position(holds) {
            return Some(Verdict { reason: Reason::Frozen, at: At::Freeze(g, f) });
        }
    }
    None
}

/// The verdict on what a policy would cancel, but not here.
pub(super) fn elsewhere(set: &PolicySet, place: Option<&Account>) -> Option<Verdict> {
    let verdict = |reason, at| Some(Verdict { reason, at });
    if let Some(g) = outside(set, place) {
        return verdict(Reason::OutOfScope, At::Scope(g));
    }
    let demands = set.demands();
    if demands.guard && set.guards().next().is_none() {
        return verdict(Reason::OutOfScope, At::NoGuard);
    }
    if demands.scope && set.guards().all(|guard| guard.scope.is_none()) {
        return verdict(Reason::OutOfScope, At::NoScope);
    }
    None
}

/// Whether a place is in a scope.
pub fn is_in(scope: &Scope, place: &Account) -> bool {
    scope.accounts.contains(&place.account) && scope.regions.contains(&place.region)
}

/// The first guard whose scope has not the place, or does not surely have it.
fn outside(set: &PolicySet, place: Option<&Account>) -> Option<usize> {
    let without = |scope: &Scope| !place.is_some_and(|place| is_in(scope, place));
    set.vetoes().iter().position(|guard| guard.scope.as_ref().is_some_and(without))
}

/// The guard whose scope has not the account and region that answered.
pub fn out_of_scope<'a>(set: &'a PolicySet, answered: &Account) -> Option<&'a Guard> {
    outside(set, Some(answered)).map(|g| &*set.vetoes()[g])
}

/// The cheapest tier with a fact that was not read and that could still change what the guards say of
/// an execution which a policy would cancel; none once nothing but a describe could.
pub(super) fn missing(set: &PolicySet, facts: &Facts<'_>, now: Timestamp) -> Option<Tier> {
    for &tier in Tier::within(Depth::Listed) {
        let mut unknown = false;
        let mut wanted = None;
        for (_, _, rule) in rules(set).filter(|(_, _, rule)| rule_tier(rule) == tier) {
            match rule_truth(rule, facts, now) {
                // As in `evaluate`: what is asked before it is read first.
                Truth::Yes => return wanted,
                Truth::No => {}
                Truth::Unknown => {
                    let cheapest = cheapest(rule, facts, now);
                    unknown |= cheapest.is_none();
                    wanted = [wanted, cheapest].into_iter().flatten().min();
                }
            }
        }
        if wanted.is_some() || unknown {
            return wanted;
        }
    }
    // What the rules that wait for a describe ask beside it is read now: a describe is all that the
    // moment of acting adds.
    rules(set)
        .filter(|(_, _, rule)| rule_tier(rule) == Tier::Described)
        .filter(|(_, _, rule)| rule_truth(rule, facts, now) == Truth::Unknown)
        .filter_map(|(_, _, rule)| cheapest(rule, facts, now))
        .filter(|tier| *tier < Tier::Described)
        .min()
}

/// The cheapest tier of a clause whose fact was not read.
fn cheapest(rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> Option<Tier> {
    rule.clauses.iter().filter_map(|clause| clause.test.unread(facts, now)).min()
}

/// Whether a describe is needed to say that no guard protects an execution.
pub(super) fn asks_described(set: &PolicySet, facts: &Facts<'_>, now: Timestamp) -> bool {
    rules(set).any(|(_, _, rule)| waits_for_describe(rule, facts, now))
}

/// Whether a describe may well show that a guard protects an execution. What is QUEUED was not begun by
/// its device, so that the built-in rules do not hold for it but by an accident.
pub(super) fn may_rule_out(set: &PolicySet, facts: &Facts<'_>, now: Timestamp) -> bool {
    let queued = facts.row.status == ExecutionStatus::Queued;
    rules(set)
        .filter(|(_, guard, _)| !(queued && guard.is_built_in()))
        .any(|(_, _, rule)| waits_for_describe(rule, facts, now))
}

/// Whether a rule is settled by a describe, whether or not that was read.
fn waits_for_describe(rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> bool {
    let cheaper = rule.clauses.iter().filter(|clause| clause.test.tier() < Tier::Described);
    rule_tier(rule) == Tier::Described
        && cheaper.into_iter().all(|clause| clause.test.ask(facts, now) != Answer::No)
}

/// The tiers of the facts that one guard asks for.
pub fn tiers_of_guard(guard: &Guard) -> BTreeSet<Tier> {
    let clauses = guard.protects.iter().flat_map(|rule| &rule.clauses);
    clauses.flat_map(|clause| clause.test.tiers()).collect()
}

/// The tiers of the facts that the guards ask for.
pub fn tiers(set: &PolicySet) -> BTreeSet<Tier> {
    set.vetoes().iter().flat_map(|guard| tiers_of_guard(guard)).collect()
}

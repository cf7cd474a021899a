//! Where the policies and guards in force stand: what a plan says of them, and what the ledger and the
//! clock say in between.
//!
//! Apart from `report`, which says when. Most passes look at a few executions that came due and not at
//! all of them: what a plan counts stays as the latest look at everything said it, and what moves by
//! itself (budgets, windows, suspensions) is told anew in each pass.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Budget, Guard, Policy, Window};
use crate::plan::{BudgetState, Memory, Owner, Plan, Reason, budget};
use crate::policy::{self, Mode, PolicyName, PolicySet, window};

/// The policies as a plan found them. `before` is what was said last.
pub(super) fn planned_policies(plan: &Plan, before: &[Policy]) -> Vec<Policy> {
    let base = |policy: &policy::Policy| about(policy, before, plan.now);
    let mut policies: BTreeMap<PolicyName, Policy> =
        plan.policies.iter().map(|policy| (policy.name.clone(), base(policy))).collect();
    let mut counts = BTreeMap::<(&PolicyName, Reason), u64>::new();
    for line in &plan.lines {
        *counts.entry((&line.policy.name, line.verdict.reason)).or_default() += 1;
    }
    for ((name, reason), count) in counts {
        if let Some(policy) = policies.get_mut(name) {
            policy.executions.insert(reason.label().to_owned(), count);
        }
    }
    for observed in &plan.observed {
        if let Some(policy) = policies.get_mut(&observed.policy) {
            policy.observed += 1;
        }
    }
    for state in &plan.budgets {
        if let Owner::Policy(name) = &state.owner
            && let Some(policy) = policies.get_mut(name)
        {
            policy.budgets.push(state.into());
        }
    }
    policies.into_values().collect()
}

/// The guards as a plan found them.
pub(super) fn planned_guards(plan: &Plan) -> Vec<Guard> {
    plan.policies.guards().map(|guard| about_guard(guard, &plan.budgets)).collect()
}

/// The policies in force as they stand at `now`. `before` is what was said last.
pub(super) fn policies(
    set: &PolicySet,
    before: &[Policy],
    memory: &Memory,
    now: Timestamp,
) -> Vec<Policy> {
    let stands = |policy: &policy::Policy| {
        let last = last(policy, before);
        let budgets = last.map(|it| &it.budgets[..]).unwrap_or_default();
        let limits = policy.budget.iter().filter(|_| policy.mode == Mode::Enforce);
        let limits = limits.filter_map(|limit| {
            let text = budget::describe(limit);
            let last = budgets.iter().find(|it| it.limit == text);
            let state = budget::now(policy, limit, last.map(|it| it.size), memory, now)?;
            Some(halted_as(Budget::from(&state), last))
        });
        Policy {
            budgets: limits.collect(),
            executions: last.map(|it| it.executions.clone()).unwrap_or_default(),
            observed: last.map_or(0, |it| it.observed),
            ..about(policy, before, now)
        }
    };
    set.iter().map(|policy| stands(policy)).collect()
}

/// The guards in force as they stand at `now`. `before` is what was said last.
pub(super) fn guards(
    set: &PolicySet,
    before: &[Guard],
    memory: &Memory,
    now: Timestamp,
) -> Vec<Guard> {
    let states: Vec<_> =
        budget::of_guards(set, memory, now).into_iter().map(|common| common.state).collect();
    let stands = |guard: &policy::Guard| {
        let about = about_guard(guard, &states);
        let last = before.iter().find(|it| it.name == about.name);
        let budgets = about.budgets.into_iter().map(|budget| {
            let last = last.and_then(|it| it.budgets.iter().find(|it| it.limit == budget.limit));
            halted_as(budget, last)
        });
        Guard { budgets: budgets.collect(), ..about }
    };
    set.guards().map(|guard| stands(guard)).collect()
}

/// How many are due is known by a look at everything alone.
fn halted_as(budget: Budget, last: Option<&Budget>) -> Budget {
    Budget { halted: last.and_then(|it| it.halted), ..budget }
}

/// What was said last of the same policy, if it still means the same.
fn last<'a>(policy: &policy::Policy, before: &'a [Policy]) -> Option<&'a Policy> {
    let same =
        |it: &&Policy| it.name == policy.name.as_str() && it.digest == policy.digest.as_str();
    before.iter().find(same)
}

fn about(policy: &policy::Policy, before: &[Policy], now: Timestamp) -> Policy {
    let expired = policy.expires_at.is_some_and(|at| now >= at);
    let state = match (policy.held, expired, policy.is_suspended(now)) {
        (true, ..) => "held",
        (_, true, _) => "expired",
        (.., true) => "suspended",
        _ => "active",
    };
    let mode = match policy.mode {
        Mode::Observe => "Observe",
        Mode::Enforce => "Enforce",
    };
    // To look for the next change costs more than all the rest.
    let known = last(policy, before).and_then(|it| it.window.clone());
    let known = known.filter(|it| it.changes_at.is_some_and(|at| now < at));
    let look = || Window {
        open: window::is_open(&policy.windows, now),
        changes_at: window::next_change(&policy.windows, now),
    };
    Policy {
        name: policy.name.to_string(),
        mode: mode.to_owned(),
        state: state.to_owned(),
        path: policy.origin.path.to_string(),
        digest: policy.digest.as_str().to_owned(),
        window: (!policy.windows.is_empty()).then(|| known.unwrap_or_else(look)),
        ..Policy::default()
    }
}

fn about_guard(guard: &policy::Guard, states: &[BudgetState]) -> Guard {
    let owner = Owner::Guard(guard.name.clone());
    Guard {
        name: guard.name.to_string(),
        standing: guard.standing.label().to_owned(),
        path: guard.origin.path.to_string(),
        budgets: states.iter().filter(|state| state.owner == owner).map(Budget::from).collect(),
    }
}

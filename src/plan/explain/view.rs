//! What one policy makes of one execution, whole: its target, each condition and rule with what it saw,
//! when it may act, and how much.

use std::fmt;

use jiff::Timestamp;

use super::advice::{self, asks};
use super::{Breadth, Rule, Seen};
use crate::execution::ExecutionKey;
use crate::inventory::{Inventory, Job, Listing, ObservedExecution};
use crate::plan::clause::Facts;
use crate::plan::evaluate::{
    JobScope, evaluate, execution_in_scope, job_scope, obstacles, rule_truth, walk,
};
use crate::plan::words::{because_of, in_words, saw};
use crate::plan::{BudgetState, Depth, Memory, Owner, Plan, Reason, budget, stable, veto};
use crate::policy::{
    Clause, LimitSize, Mode, OnExceed, Origin, Policy, PolicyName, Rule as Written, window,
};
use crate::span::Period;

/// What one policy says.
#[derive(Clone, Debug)]
pub struct View {
    /// The policy.
    pub name: PolicyName,
    /// Where it stands.
    pub origin: Origin,
    /// Whether it acts.
    pub mode: Mode,
    /// Why it does not have the execution in scope; none if it has.
    pub out_of_scope: Option<String>,
    /// Its own verdict, before what other policies and budgets say; none out of scope.
    pub verdict: Option<Reason>,
    /// The verdict in words; empty out of scope.
    pub because: String,
    /// All that would have to change for it to cancel this, as far as a policy or a guard can say; empty
    /// out of scope.
    pub to_change: Vec<String>,
    /// Its conditions: all must hold. Empty out of scope, as is what follows.
    pub clauses: Vec<Seen>,
    /// Its rules: none may hold.
    pub rules: Vec<Rule>,
    /// When it may act, as far as anything is written about that.
    pub times: Times,
    /// For how long it asks that this has matched, and since when it has; none if one look is enough.
    pub stable: Option<Stable>,
    /// Where its limits stand, if it may act.
    pub budgets: Vec<BudgetState>,
    /// Its limits of which that is not known, since it hangs on executions that were not looked at.
    pub not_counted: Vec<String>,
}

/// When a policy may act.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Set while it is suspended.
    pub suspended: Option<Suspended>,
    /// From when on it acts no more.
    pub expires_at: Option<Timestamp>,
    /// Where its windows stand; none if it has none.
    pub window: Option<WindowState>,
}

/// Why and until when a policy is suspended.
#[derive(Clone, Debug)]
pub struct Suspended {
    /// Possibly empty.
    pub reason: String,
    /// None for until somebody changes it.
    pub until: Option<Timestamp>,
}

/// Where a policy's windows stand, all of them together.
#[derive(Clone, Copy, Debug)]
pub struct WindowState {
    /// Whether it may act now.
    pub open: bool,
    /// Until when that is so; none if it does not change within a year.
    pub until: Option<Timestamp>,
}

/// For how long something is to match, and has.
#[derive(Clone, Copy, Debug)]
pub struct Stable {
    /// What the policy asks.
    pub period: Period,
    /// Since when it has matched in every look; none if it does not match now.
    pub since: Option<Timestamp>,
    /// When that is long enough; none if it does not match now.
    pub until: Option<Timestamp>,
}

impl fmt::Display for Stable {
    /// `stableFor 10m: it has matched since …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stableFor {}: ", self.period)?;
        match (self.since, self.until) {
            (Some(since), Some(until)) => {
                write!(f, "it has matched since {since}, which is long enough from {until} on")
            }
            _ => f.write_str("it does not match now, so that no time is counted"),
        }
    }
}

pub(super) fn outside(policy: &Policy, why: String) -> View {
    View {
        name: policy.name.clone(),
        origin: policy.origin.clone(),
        mode: policy.mode,
        out_of_scope: Some(why),
        verdict: None,
        because: String::new(),
        to_change: Vec::new(),
        clauses: Vec::new(),
        rules: Vec::new(),
        times: Times::default(),
        stable: None,
        budgets: Vec::new(),
        not_counted: Vec::new(),
    }
}

pub(super) fn view(
    policy: &Policy,
    facts: &Facts<'_>,
    plan: &Plan,
    inventory: &Inventory,
    memory: &Memory,
    breadth: Breadth,
) -> View {
    let in_scope = job_scope(policy, &facts.key.job, facts.job) == JobScope::In
        && execution_in_scope(policy, facts.key, facts.row);
    if !in_scope {
        let why = why_out(policy, facts.key, facts.row, Some(facts.job), inventory);
        return outside(policy, why);
    }
    let now = plan.now;
    let set = &plan.policies;
    let verdict = match evaluate(set, policy, facts, memory, now, Depth::Exact) {
        due if due.reason == Reason::Due => {
            veto::protected_as_described(set, facts, now).unwrap_or(due)
        }
        kept => kept,
    };
    let because = because_of(set, policy, verdict, facts, now);
    let all = obstacles(set, policy, facts, memory, now).into_iter();
    let (budgets, not_counted) = limits(policy, plan, breadth);
    View {
        verdict: Some(verdict.reason),
        because: match verdict.reason {
            Reason::Due => "it matches, and may act".to_owned(),
            reason => in_words(reason, &because, now),
        },
        to_change: all
            .filter_map(|verdict| advice::to_change(set, policy, verdict, facts, now))
            .collect(),
        clauses: policy.clauses.iter().map(|clause| seen(clause, facts, now)).collect(),
        rules: policy.excludes.iter().map(|it| rule(it, facts, now)).collect(),
        times: times(policy, now),
        stable: stable(policy, facts, memory, now),
        budgets,
        not_counted,
        out_of_scope: None,
        ..outside(policy, String::new())
    }
}

fn stable(policy: &Policy, facts: &Facts<'_>, memory: &Memory, now: Timestamp) -> Option<Stable> {
    let period = policy.stable_for?;
    let matches = walk(policy, facts, now, Depth::Exact).is_none();
    let since = matches.then(|| stable::matched_since(policy, facts, &memory.sightings, now));
    let until = since.and_then(|since| since.checked_add(period.get()).ok());
    Some(Stable { period, since, until })
}

fn times(policy: &Policy, now: Timestamp) -> Times {
    let suspended = policy.suspended.as_ref().filter(|_| policy.is_suspended(now));
    Times {
        suspended: suspended
            .map(|reason| Suspended { reason: reason.clone(), until: policy.suspended_until }),
        expires_at: policy.expires_at,
        window: (!policy.windows.is_empty()).then(|| WindowState {
            open: window::is_open(&policy.windows, now),
            until: window::next_change(&policy.windows, now),
        }),
    }
}

/// Where a policy's limits stand, and those of which that cannot be said.
fn limits(policy: &Policy, plan: &Plan, breadth: Breadth) -> (Vec<BudgetState>, Vec<String>) {
    let own = |state: &&BudgetState| state.owner == Owner::Policy(policy.name.clone());
    let states = || plan.budgets.iter().filter(own).cloned();
    if breadth == Breadth::Fleet || policy.mode == Mode::Observe {
        return (states().collect(), Vec::new());
    }
    if policy.on_exceed == OnExceed::Halt {
        return (Vec::new(), policy.budget.iter().map(budget::describe).collect());
    }
    let (counts, shares): (Vec<_>, Vec<_>) =
        policy.budget.iter().partition(|limit| matches!(limit.size, LimitSize::Count(_)));
    let counts: Vec<_> = counts.into_iter().map(budget::describe).collect();
    let known = states().filter(|state| counts.contains(&state.limit)).collect();
    (known, shares.into_iter().map(budget::describe).collect())
}

pub(super) fn rule(rule: &Written, facts: &Facts<'_>, now: Timestamp) -> Rule {
    Rule {
        name: rule.name.clone(),
        reason: rule.reason.clone(),
        holds: rule_truth(rule, facts, now),
        clauses: rule.clauses.iter().map(|clause| seen(clause, facts, now)).collect(),
    }
}

fn seen(clause: &Clause, facts: &Facts<'_>, now: Timestamp) -> Seen {
    Seen {
        path: clause.path.clone(),
        asks: asks(&clause.test),
        saw: saw(clause, facts, now),
        answer: clause.test.ask(facts, now),
    }
}

/// Why a policy does not have an execution in scope: the first part of its target that does not fit.
pub(super) fn why_out(
    policy: &Policy,
    key: &ExecutionKey,
    row: &ObservedExecution,
    job: Option<&Job>,
    inventory: &Inventory,
) -> String {
    let target = &policy.target;
    let list = |items: Vec<String>| items.join(", ");
    if !target.jobs.names.is_match(key.job.as_str()) {
        return format!("target.jobs.names is {}", list(target.jobs.names.patterns().to_vec()));
    }
    if !target.things.is_match(key.thing.as_str()) {
        return format!("target.things.names is {}", list(target.things.patterns().to_vec()));
    }
    let statuses = || list(target.jobs.statuses.iter().map(ToString::to_string).collect());
    let Some(job) = job else {
        let failed =
            target.jobs.statuses.iter().find(|status| {
                !matches!(inventory.job_lists.get(status), Some(Listing::Complete(_)))
            });
        return match failed {
            Some(status) => format!("the list of jobs in status {status} could not be read"),
            None => format!("target.jobs.statuses is {}, and its job is in none", statuses()),
        };
    };
    if !target.jobs.statuses.contains(&job.status) {
        return format!("target.jobs.statuses is {}, and its job is {}", statuses(), job.status);
    }
    if !target.jobs.target_selection.contains(&job.target_selection) {
        return format!("its job is {}, which target.jobs excludes", job.target_selection);
    }
    match job_scope(policy, &key.job, job) {
        JobScope::In => {}
        JobScope::Out => return "its job has a namespace that the target does not name".to_owned(),
        JobScope::NotRead | JobScope::Unknown => {
            return "whether its job has a namespace could not be read".to_owned();
        }
    }
    let statuses = list(target.statuses.iter().map(ToString::to_string).collect());
    format!("target.statuses is {statuses}, and it is {}", row.status)
}

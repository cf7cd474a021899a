//! Everything that bears on one execution: each policy and guard, each clause with what it saw, the one
//! decision, and what would have to change.
//!
//! Nothing is decided here. Verdicts are the evaluator's, the decision is the plan's, and what a clause
//! saw and answers is asked of the clause itself, so that this cannot tell another story than what is
//! done. It is for one execution that somebody asks about; a plan's lines carry no such thing.

use std::sync::Arc;

use jiff::Timestamp;

use crate::execution::{ExecutionKey, ExecutionNumber, ExecutionStatus, ExecutionVersion};
use crate::fact::{Fact, Truth};
use crate::inventory::{Inventory, ObservedExecution};
use crate::plan::asked::unread;
use crate::plan::clause::{Answer, Facts};
use crate::plan::evaluate::{JobScope, job_scope, obstacles, templates_of};
use crate::plan::needs::want;
use crate::plan::words::{self, facts_of};
use crate::plan::{BudgetState, Decision, Depth, Line, Memory, Needs, Plan, Reason, planner};
use crate::policy::expression::Field;
use crate::policy::{self, Clause, Policy, PolicyName, PolicySet};

mod advice;
mod author;
mod guards;
mod view;

pub use advice::asks;
pub use author::{Author, Standing, author, standing};
pub use guards::{FreezeView, GuardView, ScopeView};
pub use view::{Stable, Suspended, Times, View, WindowState};

/// How much was observed for an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// The one execution. That is all that its decision hangs on, unless [`hangs_on_others`].
    One,
    /// All that the policies list, so that budgets are known as well.
    Fleet,
}

/// All that there is to say about one execution.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Which one.
    pub key: ExecutionKey,
    /// The time that it is for.
    pub now: Timestamp,
    /// How much was observed for it.
    pub breadth: Breadth,
    /// Its status.
    pub status: ExecutionStatus,
    /// Its number, if that is known.
    pub number: Option<ExecutionNumber>,
    /// Its version, if it was described.
    pub version: Option<ExecutionVersion>,
    /// Its times.
    pub facts: [(&'static str, Fact<Timestamp>); 3],
    /// What its statusDetails say, if they are known.
    pub details: Vec<(String, String)>,
    /// Who canceled it; none if it is not canceled.
    pub author: Option<Author>,
    /// The one decision; none if no policy has it in scope, or if it has ended.
    pub decided: Option<Decided>,
    /// What each policy says of it: those that have it in scope first, then by name. None once it has
    /// ended.
    pub policies: Vec<View>,
    /// What each guard says of it: those that somebody wrote, by name, then the built-in rules. None
    /// once it has ended, or if it is of a job that no policy has listed.
    pub guards: Vec<GuardView>,
    /// Where the limits of its cause stand, and then those of guards.
    pub budgets: Vec<BudgetState>,
}

/// The one decision.
#[derive(Clone, Debug)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// Why.
    pub reason: Reason,
    /// Why, in words.
    pub because: String,
    /// Whose decision it is.
    pub policy: PolicyName,
    /// Whether force is sent.
    pub force: bool,
    /// All that would have to change for it to be canceled; empty if it is, or if nothing could.
    pub to_change: Vec<String>,
}

/// A named rule and its conditions.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Why there is this rule.
    pub reason: Option<String>,
    /// Whether it holds.
    pub holds: Truth,
    /// Its conditions.
    pub clauses: Vec<Seen>,
}

/// One condition, what it asks, what it saw, and what it says.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it stands: `match.age[0]`.
    pub path: String,
    /// What it asks: `startedAt is at least 6h ago`.
    pub asks: String,
    /// What it saw: `startedAt is 9h ago`.
    pub saw: String,
    /// Its answer.
    pub answer: Answer,
}

/// What is still to be read for an explanation of `key`, whose row `inventory` has: every fact that any
/// policy with it in scope, or any guard, asks for, whether or not it could still change anything. So it
/// is all that their verdicts on it hang on.
pub fn needs(
    policies: &PolicySet,
    key: &ExecutionKey,
    inventory: &Inventory,
    now: Timestamp,
) -> Needs {
    let mut needs = Needs::default();
    let Some(facts) = facts_of(key, inventory) else { return needs };
    if facts.row.status.is_terminal() {
        return needs;
    }
    if policies.iter().any(|it| job_scope(it, &key.job, facts.job) == JobScope::NotRead) {
        needs.jobs.insert(key.job.clone());
        return needs;
    }
    if facts.described().is_not_read() {
        needs.executions.insert(key.clone());
    }
    let in_scope = planner::in_scope(policies, &facts);
    for clause in clauses(policies, &in_scope) {
        if let Some(tier) = clause.test.unread(&facts, now) {
            want(&mut needs, tier, key);
        }
    }
    for (_, expression) in in_scope.iter().flat_map(|policy| templates_of(policy)) {
        if let Some(tier) = unread(expression, &facts, now) {
            want(&mut needs, tier, key);
        }
    }
    needs
}

/// What some policies and all guards ask.
fn clauses<'a>(
    policies: &'a PolicySet,
    of: &'a [&'a Arc<Policy>],
) -> impl Iterator<Item = &'a Clause> {
    let guards = policies.vetoes().iter().flat_map(|guard| &guard.protects);
    let excludes = of.iter().flat_map(|policy| &policy.excludes);
    let rules = excludes.chain(guards).flat_map(|rule| &rule.clauses);
    of.iter().flat_map(|policy| &policy.clauses).chain(rules)
}

/// Whether any policy or guard asks for what only a list of executions says.
pub fn asks_lists(policies: &PolicySet) -> bool {
    let all: Vec<_> = policies.iter().collect();
    let by_clauses = clauses(policies, &all).any(|clause| clause.test.asks_retry_attempt());
    let templates = || all.iter().flat_map(|policy| templates_of(policy));
    by_clauses || templates().any(|(_, it)| it.fields().contains(&Field::RetryAttempt))
}

/// Whether the decision about an execution may hang on others: it would be canceled but for what only
/// all of them together say, which are budgets and the care for jobs. Otherwise the planner gives it
/// the same line, whatever else `inventory` has.
pub fn hangs_on_others(
    policies: &PolicySet,
    key: &ExecutionKey,
    inventory: &Inventory,
    memory: &Memory,
    now: Timestamp,
) -> bool {
    let Some(facts) = facts_of(key, inventory) else { return false };
    let in_scope = planner::in_scope(policies, &facts);
    let decided = planner::decide(policies, in_scope, &facts, memory, now, Depth::Exact);
    decided.is_some_and(|decided| decided.verdict.reason == Reason::Due)
}

/// Explains an execution that `inventory` has, by a plan over it; none if it has not.
pub fn explain(
    key: &ExecutionKey,
    plan: &Plan,
    inventory: &Inventory,
    memory: &Memory,
    breadth: Breadth,
) -> Option<Explanation> {
    let row = inventory.executions.get(key)?;
    // What has ended is of no policy any more, whatever it was listed as.
    let ended = row.status.is_terminal();
    let facts = facts_of(key, inventory).filter(|_| !ended);
    let line = plan.lines.iter().find(|line| line.key == *key && !ended);
    let decided = line.map(|line| decided(line, facts.as_ref(), plan, inventory, memory));
    let view = |policy: &Policy| match facts.as_ref() {
        Some(facts) => view::view(policy, facts, plan, inventory, memory, breadth),
        None => view::outside(policy, view::why_out(policy, key, row, None, inventory)),
    };
    let asked = plan.policies.iter().filter(|_| !ended);
    let mut policies: Vec<_> = asked.map(|policy| view(policy)).collect();
    policies.sort_by_key(|view| view.out_of_scope.is_some());
    let described = row.described.known();
    let details = described.and_then(|it| it.status_details.known());
    let told = facts.iter().flat_map(|facts| {
        plan.policies.vetoes().iter().map(|guard| guards::view(guard, facts, plan, breadth))
    });
    let mut guards: Vec<_> = told.collect();
    guards.sort_by_key(|guard| guard.standing == policy::Standing::BuiltIn);
    let of_cause = policies.iter().filter(|view| {
        decided.as_ref().is_some_and(|decided: &Decided| decided.policy == view.name)
    });
    let of_cause = of_cause.flat_map(|view| &view.budgets);
    let budgets = of_cause.chain(guards.iter().flat_map(|guard| &guard.budgets)).cloned();
    Some(Explanation {
        key: key.clone(),
        now: plan.now,
        breadth,
        status: row.status.clone(),
        number: row.number.known().copied(),
        version: described.and_then(|it| it.version.known().copied()),
        facts: times(row),
        details: details
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        author: (row.status == ExecutionStatus::Canceled).then(|| author(details, &plan.policies)),
        budgets: budgets.collect(),
        decided,
        policies,
        guards,
    })
}

fn decided(
    line: &Line,
    facts: Option<&Facts<'_>>,
    plan: &Plan,
    inventory: &Inventory,
    memory: &Memory,
) -> Decided {
    let (set, policy, now) = (&plan.policies, &*line.policy, plan.now);
    let to_change = facts.map(|facts| {
        let mut all = obstacles(set, policy, facts, memory, now);
        // What keeps it may also lie in what all executions say together.
        if all.iter().all(|it| it.reason != line.verdict.reason) {
            all.push(line.verdict);
        }
        let told = |verdict| advice::to_change(set, policy, verdict, facts, now);
        all.into_iter().filter_map(told).collect()
    });
    Decided {
        decision: line.decision(),
        reason: line.verdict.reason,
        because: words::explanation(line, plan, inventory, memory),
        policy: policy.name.clone(),
        force: line.act.as_ref().is_some_and(|act| act.force),
        to_change: to_change.unwrap_or_default(),
    }
}

fn times(row: &ObservedExecution) -> [(&'static str, Fact<Timestamp>); 3] {
    [
        ("queuedAt", row.times.queued_at()),
        ("startedAt", row.times.started_at()),
        ("lastUpdatedAt", row.times.last_updated_at()),
    ]
}

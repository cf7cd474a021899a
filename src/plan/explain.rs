//! Everything that bears on one execution: each policy, each clause with what it saw, the one decision,
//! and what would have to change.
//!
//! Nothing is decided here. Verdicts are the evaluator's, the decision is the plan's, and what a clause
//! saw and answers is asked of the clause itself, so that this cannot tell another story than what is
//! done. It is for one execution that somebody asks about; a plan's lines carry no such thing.

use std::fmt;

use jiff::Timestamp;

use crate::execution::{ExecutionKey, ExecutionNumber, ExecutionStatus, ExecutionVersion};
use crate::fact::Truth;
use crate::inventory::{Inventory, Job, Listing, ObservedExecution};
use crate::plan::clause::{Answer, Facts};
use crate::plan::evaluate::{JobScope, evaluate, execution_in_scope, job_scope, rule_truth, walk};
use crate::plan::needs::want;
use crate::plan::words::{self, because_of, facts_of, in_words, saw};
use crate::plan::{BudgetState, Decision, Depth, Memory, Needs, Owner, Plan, Reason, stable, veto};
use crate::policy::{Clause, Mode, Origin, Policy, PolicyName, PolicySet};
use crate::span::Period;

mod advice;
mod author;

pub use advice::asks;
pub use author::{Author, Standing, author};

/// All that there is to say about one execution.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Which one.
    pub key: ExecutionKey,
    /// The time that it is for.
    pub now: Timestamp,
    /// Its status.
    pub status: ExecutionStatus,
    /// Its number, if that is known.
    pub number: Option<ExecutionNumber>,
    /// Its version, if it was described.
    pub version: Option<ExecutionVersion>,
    /// What is known of it beside: each fact with its value or why there is none.
    pub facts: Vec<(&'static str, String)>,
    /// What its statusDetails say, if they are known.
    pub details: Vec<(String, String)>,
    /// Who canceled it; none if it is not canceled.
    pub author: Option<Author>,
    /// The one decision; none if no policy has it in scope, or if it has ended.
    pub decided: Option<Decided>,
    /// What each policy says of it: those that have it in scope first, then by name. None once it has
    /// ended.
    pub policies: Vec<View>,
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
    /// What would have to change for it to be canceled; none if it is, or if nothing could.
    pub to_change: Option<String>,
}

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
    /// What would have to change for it to cancel this.
    pub to_change: Option<String>,
    /// For how long it asks that this has matched, and since when it has; none if one look is enough.
    pub stable: Option<Stable>,
    /// Its conditions: all must hold.
    pub clauses: Vec<Seen>,
    /// Its rules: none may hold.
    pub rules: Vec<Rule>,
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

/// A named rule and its conditions.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
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

/// What is still to be read for an explanation of `key`: every fact that any policy with it in scope
/// asks for, whether or not it could still change anything.
pub fn needs(
    policies: &PolicySet,
    key: &ExecutionKey,
    inventory: &Inventory,
    now: Timestamp,
) -> Needs {
    let mut needs = Needs::default();
    let Some(facts) = facts_of(key, inventory) else { return needs };
    if facts.described().is_not_read() {
        needs.executions.insert(key.clone());
    }
    for policy in policies.iter() {
        let of_rules = policy.excludes.iter().flat_map(|rule| &rule.clauses);
        let of_guards = policies.vetoes().iter().flat_map(|guard| &guard.protects);
        let of_guards = of_guards.flat_map(|rule| &rule.clauses);
        for clause in policy.clauses.iter().chain(of_rules).chain(of_guards) {
            if let Some(tier) = clause.test.unread(&facts, now) {
                want(&mut needs, tier, key);
            }
        }
    }
    needs
}

/// Explains an execution that `inventory` has, by a plan over it; none if it has not.
pub fn explain(
    key: &ExecutionKey,
    plan: &Plan,
    inventory: &Inventory,
    memory: &Memory,
) -> Option<Explanation> {
    let row = inventory.executions.get(key)?;
    let facts = facts_of(key, inventory);
    // What has ended is of no policy any more, whatever it was listed as.
    let ended = row.status.is_terminal();
    let line = plan.lines.iter().find(|line| line.key == *key && !ended);
    let decided = line.map(|line| Decided {
        decision: line.decision(),
        reason: line.verdict.reason,
        because: words::explanation(line, plan, inventory, memory),
        policy: line.policy.name.clone(),
        force: line.act.as_ref().is_some_and(|act| act.force),
        to_change: facts
            .as_ref()
            .and_then(|facts| advice::to_change(&line.policy, line.verdict, facts, plan.now)),
    });
    let view = |policy: &Policy| match facts.as_ref() {
        Some(facts) => view(policy, facts, plan, inventory, memory),
        None => outside(policy, why_out(policy, key, row, None, inventory)),
    };
    let asked = plan.policies.iter().filter(|_| !ended);
    let mut policies: Vec<_> = asked.map(|policy| view(policy)).collect();
    policies.sort_by_key(|view| view.out_of_scope.is_some());
    let described = row.described.known();
    let details = described.and_then(|it| it.status_details.known());
    let of_cause = |state: &&BudgetState| {
        decided.as_ref().is_some_and(|decided| match &state.owner {
            Owner::Policy(name) => decided.policy == *name,
            Owner::Guard(_) => true,
        })
    };
    Some(Explanation {
        key: key.clone(),
        now: plan.now,
        status: row.status.clone(),
        number: row.number.known().copied(),
        version: described.and_then(|it| it.version.known().copied()),
        facts: times(row, plan.now),
        details: details
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        author: (row.status == ExecutionStatus::Canceled).then(|| author(details, &plan.policies)),
        budgets: plan.budgets.iter().filter(of_cause).cloned().collect(),
        decided,
        policies,
    })
}

fn times(row: &ObservedExecution, now: Timestamp) -> Vec<(&'static str, String)> {
    let times = [
        ("queuedAt", row.times.queued_at),
        ("startedAt", row.times.started_at),
        ("lastUpdatedAt", row.times.last_updated_at),
    ];
    times.map(|(name, time)| (name, advice::moment(time, now))).into()
}

fn outside(policy: &Policy, why: String) -> View {
    View {
        name: policy.name.clone(),
        origin: policy.origin.clone(),
        mode: policy.mode,
        out_of_scope: Some(why),
        verdict: None,
        because: String::new(),
        to_change: None,
        stable: None,
        clauses: Vec::new(),
        rules: Vec::new(),
    }
}

fn view(
    policy: &Policy,
    facts: &Facts<'_>,
    plan: &Plan,
    inventory: &Inventory,
    memory: &Memory,
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
    let rules = policy.excludes.iter().map(|rule| Rule {
        name: rule.name.clone(),
        holds: rule_truth(rule, facts, now),
        clauses: rule.clauses.iter().map(|clause| seen(clause, facts, now)).collect(),
    });
    let stable = policy.stable_for.map(|period| {
        let matches = walk(policy, facts, now, Depth::Exact).is_none();
        let since = matches.then(|| stable::matched_since(policy, facts, &memory.sightings, now));
        let until = since.and_then(|since| since.checked_add(period.get()).ok());
        Stable { period, since, until }
    });
    View {
        stable,
        verdict: Some(verdict.reason),
        because: match verdict.reason {
            Reason::Due => "it matches, and may act".to_owned(),
            reason => in_words(reason, &because, now),
        },
        to_change: advice::to_change(policy, verdict, facts, now),
        clauses: policy.clauses.iter().map(|clause| seen(clause, facts, now)).collect(),
        rules: rules.collect(),
        out_of_scope: None,
        ..outside(policy, String::new())
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
fn why_out(
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

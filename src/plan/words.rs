//! A verdict in words: what it rests on, looked up again in the inventory.
//!
//! Apart from `evaluate`, since a plan over a million executions carries verdicts of a few bytes and
//! only those that somebody reads are put into words.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use crate::execution::{ExecutionKey, StatusDetails};
use crate::fact::Fact;
use crate::inventory::Inventory;
use crate::plan::clause::{Facts, age};
use crate::plan::{
    At, Because, BudgetState, Decision, Evidence, FactName, Line, Memory, Owner, Plan, Reason,
    Verdict, abort, planner,
};
use crate::policy::template::Part;
use crate::policy::{AgeBound, AgeClock, Clause, Policy, PolicySet, Test, window};
use crate::span::{Period, beside, humanize};

mod expression;
mod guard;
mod sentence;

pub use sentence::in_words;

/// What a line's verdict rests on.
pub fn because(line: &Line, plan: &Plan, inventory: &Inventory, memory: &Memory) -> Because {
    let policy = &line.policy;
    match line.verdict.reason {
        Reason::BudgetExhausted | Reason::BudgetHalted => limit(line, plan),
        Reason::JobAbortRisk => {
            abort::told(line, inventory, memory).map_or(Because::Itself, Because::Abort)
        }
        Reason::InventoryIncomplete => {
            planner::incomplete(policy, inventory).map_or(Because::Itself, Because::Missing)
        }
        Reason::AlreadyCanceledByUs => {
            let at = memory.canceled.get(&line.key).and_then(|of_key| of_key.values().max());
            at.map_or(Because::Itself, |at| Because::Time(*at))
        }
        Reason::Paused => {
            memory.paused.as_deref().map_or(Because::Itself, |why| Because::Note(why.to_owned()))
        }
        Reason::BreakerOpen => breaker(line, plan),
        Reason::WindowClosed if plan.opens.contains_key(&policy.name) => {
            Because::Opens(plan.opens[&policy.name])
        }
        Reason::BackingOff if memory.open.contains(&line.key) => {
            Because::Note("an earlier cancel is not settled".to_owned())
        }
        Reason::BackingOff => {
            let waits = memory.backing_off.get(&line.key).copied();
            match memory.denied_until(&policy.name, &line.key.job, plan.now) {
                Some(until) if waits.is_none_or(|waits| waits <= until) => {
                    Because::NoteUntil("AWS denied a call for its job".to_owned(), until)
                }
                _ => waits.map_or(Because::Itself, |until| {
                    Because::NoteUntil("a call for it failed".to_owned(), until)
                }),
            }
        }
        _ => match facts_of(&line.key, inventory) {
            Some(facts) => because_of(&plan.policies, policy, line.verdict, &facts, plan.now),
            None => Because::Itself,
        },
    }
}

/// The limit that makes a line wait.
fn limit(line: &Line, plan: &Plan) -> Because {
    let state = if let At::Limit(index) = line.verdict.at {
        plan.budgets.get(index)
    } else {
        let owner = Owner::Policy(line.policy.name.clone());
        let halted = line.verdict.reason == Reason::BudgetHalted;
        let own = plan.budgets.iter().filter(|state| state.owner == owner);
        // Of those with as little left, the one that is empty for longest.
        let empty_until = |state: &BudgetState| state.refills_at.unwrap_or(Timestamp::MAX);
        own.filter(|state| state.halted.is_some() == halted)
            .min_by_key(|state| (state.left(), Reverse(empty_until(state))))
    };
    state.cloned().map_or(Because::Itself, Because::Budget)
}

/// The breaker that makes a line wait.
fn breaker(line: &Line, plan: &Plan) -> Because {
    let At::Breaker(breaker) = line.verdict.at else { return Because::Itself };
    let state = plan.breakers.iter().find(|state| state.breaker == breaker);
    match state.and_then(|state| Some((state.open_since?, state.why.clone()?))) {
        Some((since, why)) => Because::Breaker { breaker, since, why },
        None => Because::Itself,
    }
}

/// Why a line's decision is what it is, on one line: what its clauses saw, for one that acts.
pub fn explanation(line: &Line, plan: &Plan, inventory: &Inventory, memory: &Memory) -> String {
    if line.act.is_some() {
        let saw = evidence(line, inventory, plan.now);
        return saw.into_iter().map(|evidence| evidence.saw).collect::<Vec<_>>().join(", ");
    }
    in_words(line.verdict.reason, &because(line, plan, inventory, memory), plan.now)
}

/// What the verdict on a policy of `set` rests on.
pub fn because_of(
    set: &PolicySet,
    policy: &Policy,
    verdict: Verdict,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Because {
    match (verdict.reason, verdict.at) {
        (_, At::Protect(..) | At::Freeze(..) | At::Scope(_) | At::NoGuard | At::NoScope) => {
            guard::because(set, verdict.at, facts, now)
        }
        (Reason::StatusUnknown | Reason::Terminal, _) => Because::Status(facts.row.status.clone()),
        (_, At::TargetStatuses) => Because::Clause {
            path: "target.statuses".to_owned(),
            saw: format!("status is {}", facts.row.status),
        },
        (Reason::NoMatch, At::Clause(index)) => {
            let clause = &policy.clauses[index];
            Because::Clause { path: clause.path.clone(), saw: saw(clause, facts, now) }
        }
        (_, At::Clause(index)) => {
            let clause = &policy.clauses[index];
            let (fact, why) = cause(&clause.test, facts, now);
            Because::Unknown { fact, path: clause.path.clone(), why }
        }
        (_, At::Rule(index)) => {
            let rule = &policy.excludes[index];
            Because::Rule { rule: rule.name.clone(), reason: rule.reason.clone() }
        }
        (_, At::RuleClause(rule, clause)) => {
            let rule = &policy.excludes[rule];
            let (fact, why) = cause(&rule.clauses[clause].test, facts, now);
            Because::RuleUnknown { rule: rule.name.clone(), reason: rule.reason.clone(), fact, why }
        }
        (_, At::Template(index, part)) => {
            let (key, template) = &policy.cancel.set[index];
            let path = format!("cancel.statusDetails.set.{key}");
            match template.parts.get(part) {
                Some(Part::Expression(it)) => {
                    let (fact, why) = expression::cause(it, facts, now);
                    Because::Unknown { fact, path, why }
                }
                _ => Because::Itself,
            }
        }
        (_, At::Number) => unknown(FactName::ExecutionNumber, facts),
        (_, At::Version) => unknown(FactName::Version, facts),
        (_, At::StatusDetails) => unknown(FactName::StatusDetails, facts),
        (_, At::ProcessDetails) => {
            Because::Missing("how many executions of the job have ended".to_owned())
        }
        (_, At::MatchedSince(since)) => {
            let period = policy.stable_for.map(Period::get);
            let until = period.and_then(|period| since.checked_add(period).ok());
            let until = until.unwrap_or(Timestamp::MAX);
            Because::Matched { since, until }
        }
        (Reason::Suspended, At::Policy) => {
            let note = policy.suspended.clone().unwrap_or_default();
            match policy.suspended_until {
                Some(until) => Because::NoteUntil(note, until),
                None => Because::Note(note),
            }
        }
        (Reason::Expired, At::Policy) => policy.expires_at.map_or(Because::Itself, Because::Time),
        (Reason::WindowClosed, At::Policy) => {
            Because::Opens(window::next_change(&policy.windows, now))
        }
        (_, At::GuardUnread) => Because::GuardUnread,
        (Reason::SourceBroken, At::Policy) => Because::Note(policy.origin.path.to_string()),
        (_, At::Policy | At::Planned(_) | At::Limit(_) | At::Breaker(_)) => Because::Itself,
    }
}

/// What each clause of the cause's `match` saw, for a line that acts.
pub fn evidence(line: &Line, inventory: &Inventory, now: Timestamp) -> Vec<Evidence> {
    let Some(facts) = facts_of(&line.key, inventory) else { return Vec::new() };
    let told =
        |clause: &Clause| Evidence { clause: clause.path.clone(), saw: saw(clause, &facts, now) };
    line.policy.clauses.iter().map(told).collect()
}

/// What the inventory knows of an execution.
pub fn facts_of<'a>(key: &'a ExecutionKey, inventory: &'a Inventory) -> Option<Facts<'a>> {
    Some(Facts {
        key,
        job: inventory.jobs.get(&key.job)?,
        row: inventory.executions.get(key)?,
        thing: inventory.things.get(&key.thing),
        account: inventory.account.as_ref(),
    })
}

fn unknown(fact: FactName, facts: &Facts<'_>) -> Because {
    let why = why(&fact, facts);
    Because::Unknown { path: fact.to_string(), fact, why }
}

/// Why a clause is not known.
fn cause(test: &Test, facts: &Facts<'_>, now: Timestamp) -> (FactName, String) {
    if let Test::Expression(on) = test {
        return expression::cause(&on.expression, facts, now);
    }
    let fact = test.fact().unwrap_or(FactName::ExecutionNumber);
    let why = why(&fact, facts);
    (fact, why)
}

/// What a clause saw: `lastUpdatedAt is 12m ago`.
pub fn saw(clause: &Clause, facts: &Facts<'_>, now: Timestamp) -> String {
    match &clause.test {
        Test::Age { since, bound } => {
            let name = match since {
                AgeClock::QueuedAt => "queuedAt",
                AgeClock::StartedAt => "startedAt",
                AgeClock::LastUpdatedAt => "lastUpdatedAt",
            };
            match age(facts, *since, now) {
                Some(age) if age < SignedDuration::ZERO => {
                    format!("{name} is {} ahead of now", humanize(-age))
                }
                Some(age) => {
                    let (AgeBound::OlderThan(period) | AgeBound::YoungerThan(period)) = bound;
                    format!("{name} is {} ago", beside(age, *period))
                }
                None => format!("{name} is {}", state(&FactName::clock(*since), facts)),
            }
        }
        Test::Expression(on) => expression::saw(on, facts, now),
        Test::JobNames(_) => format!("job is {}", facts.key.job),
        Test::ThingNames(_) => format!("thing is {}", facts.key.thing),
        test => match test.fact() {
            Some(fact) => format!("{fact} is {}", state(&fact, facts)),
            None => String::new(),
        },
    }
}

impl FactName {
    fn clock(since: AgeClock) -> Self {
        match since {
            AgeClock::QueuedAt => Self::QueuedAt,
            AgeClock::StartedAt => Self::StartedAt,
            AgeClock::LastUpdatedAt => Self::LastUpdatedAt,
        }
    }
}

pub(super) fn why(fact: &FactName, facts: &Facts<'_>) -> String {
    state(fact, facts)
}

/// A fact's value or state: `"berlin"`, `absent`, `not known: access denied`.
fn state(fact: &FactName, facts: &Facts<'_>) -> String {
    fn told(value: Fact<String>) -> String {
        match value {
            Fact::NotRead => "not read".to_owned(),
            Fact::Known(value) => value,
            Fact::Absent => "absent".to_owned(),
            Fact::Unreadable(why) => format!("not known: {}", why.words()),
        }
    }
    let pair =
        |pairs: &StatusDetails, key: &str| Fact::read(pairs.get(key).map(|v| format!("{v:?}")));
    let pairs = |pairs: &StatusDetails| format!("{} pairs", pairs.len());
    let quoted = |text: &String| format!("{text:?}");
    told(match fact {
        FactName::ExecutionNumber => facts.number().map(|number| number.to_string()),
        FactName::QueuedAt => facts.clock(AgeClock::QueuedAt).map(|time| time.to_string()),
        FactName::StartedAt => facts.clock(AgeClock::StartedAt).map(|time| time.to_string()),
        FactName::LastUpdatedAt => {
            facts.clock(AgeClock::LastUpdatedAt).map(|time| time.to_string())
        }
        FactName::RetryAttempt => facts.retry_attempt().map(|attempt| attempt.to_string()),
        FactName::JobStatus => Fact::Known(facts.job_status().to_string()),
        FactName::JobTargetSelection => Fact::Known(facts.job_target_selection().to_string()),
        FactName::JobCreatedAt => facts.job_created_at().map(|time| time.to_string()),
        FactName::JobDescription => facts.job_description().map(quoted),
        FactName::JobNamespaceId => facts.job_namespace_id().map(quoted),
        FactName::JobTimeoutMinutes => facts.job_timeout_minutes().map(|it| it.to_string()),
        FactName::JobTags => facts.job_tags().map(pairs),
        FactName::JobTag(key) => facts.job_tags().and_then(|tags| pair(tags, key)),
        FactName::ThingType => facts.thing_type().map(quoted),
        FactName::ThingAttributes => facts.attributes().map(pairs),
        FactName::ThingAttribute(key) => facts.attributes().and_then(|found| pair(found, key)),
        FactName::ThingConnected => facts.connected().map(|it| it.to_string()),
        FactName::ThingConnectivityTimestamp => {
            facts.connectivity_timestamp().map(|time| time.to_string())
        }
        FactName::ThingGroups => facts.groups().map(|groups| match groups.len() {
            0 => "none".to_owned(),
            _ => groups.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        }),
        FactName::QueuedBehind => facts.queued_behind().map(|count| count.to_string()),
        FactName::StatusDetail(key) => {
            facts.status_details().and_then(|details| pair(details, key))
        }
        FactName::StatusDetails => facts.status_details().map(pairs),
        FactName::SecondsBeforeTimedOut => {
            facts.seconds_before_timed_out().map(|seconds| seconds.to_string())
        }
        FactName::Version => facts.version().map(|version| version.to_string()),
        FactName::Now | FactName::Expression => Fact::NotRead,
    })
}

/// A decision in a word.
pub fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Keep => "keep",
        Decision::Defer => "defer",
        Decision::Examine => "examine",
        Decision::Cancel => "cancel",
    }
}

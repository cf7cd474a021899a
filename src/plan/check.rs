//! The safety rules, stated a second time in other code.
//!
//! It shares no function with `evaluate`, `planner` or `budget`: a mistake there shall not be made
//! here again. It is slow and plain on purpose, looks only at the lines that act, and knows two
//! answers instead of three: a clause of `match` must surely hold, a rule of `exclude` must surely
//! not. It runs before each apply and in each test; a violation means that nothing is sent.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::execution::{ExecutionStatus, JobId, OpenStatus};
use crate::fact::Fact;
use crate::inventory::{Inventory, Job, ObservedExecution, Thing};
use crate::mutant;
use crate::plan::{Act, Depth, Line, Memory, Plan, Reason};
use crate::policy::expression::Field;
use crate::policy::{
    AgeBound, AgeClock, Mode, Operator, Policy, PolicySet, Requirement, Rule, Test,
};

mod breakers;
mod common;
mod expressions;
mod guards;
mod jobs;
mod limits;
mod stable;
mod times;

use expressions::asks_described;

/// A safety rule that a plan breaks: a bug of ours, never the user's mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {rule}")]
pub struct Violation {
    /// The line: `fw-4-2-0 on robot-001`.
    pub line: String,
    /// The rule that it breaks.
    pub rule: String,
}

/// What is due, whether or not anything lets it go.
const DUE: [Reason; 5] = [
    Reason::Due,
    Reason::Matched,
    Reason::BudgetExhausted,
    Reason::BudgetHalted,
    Reason::JobAbortRisk,
];

/// The lines that a budget which halts counts, those of policies that were not asked for among them.
fn waiting(plan: &Plan) -> impl Iterator<Item = &Line> {
    plan.lines.iter().chain(&plan.beside).filter(|line| DUE.contains(&line.verdict.reason))
}

/// The rules that a plan breaks; none for a plan that may be applied.
pub fn check(
    plan: &Plan,
    policies: &PolicySet,
    inventory: &Inventory,
    memory: &Memory,
) -> Vec<Violation> {
    if mutant::is_unchecked() {
        return Vec::new();
    }
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    let mut units: BTreeMap<&str, u64> = BTreeMap::new();
    let mut common = common::Taken::new(plan, inventory);
    let mut allowed = BTreeMap::new();
    let mut cancels = BTreeMap::new();
    let mut due = BTreeMap::new();
    let mut last_priority = i32::MAX;
    let open = breakers::open(plan, policies, inventory, memory);
    for line in plan.acts() {
        let mut broken = |rule: String| {
            violations.push(Violation { line: line.key.to_string(), rule });
        };
        if !matches!(line.verdict.reason, Reason::Due | Reason::Matched) {
            broken("it acts, and its reason says that it stays".to_owned());
        }
        if memory.paused.is_some() {
            broken("it acts while everything is paused".to_owned());
        }
        if let Some(open) = &open {
            broken(format!("it acts, and {open}"));
        }
        if !seen.insert(&line.key) {
            broken("it stands in the plan twice".to_owned());
        }
        if line.policy.priority > last_priority {
            broken("it comes after a line of lower priority".to_owned());
        }
        last_priority = line.policy.priority;
        let Some(act) = &line.act else {
            broken("it acts without saying how".to_owned());
            continue;
        };
        match (inventory.jobs.get(&line.key.job), inventory.executions.get(&line.key)) {
            (Some(job), Some(row)) => {
                let thing = inventory.things.get(&line.key.thing);
                let seen = Seen { line, job, row, thing, now: plan.now, depth: plan.depth };
                seen.check(act, policies, memory, &mut broken);
                guards::check(&seen, policies, inventory.account.as_ref(), &mut broken);
            }
            _ => broken("it was not observed".to_owned()),
        }
        let name = line.policy.name.as_str();
        // What a describe may still rule out takes no unit; what a budget that halts counts was described.
        let unsettled = plan.depth == Depth::Listed
            && !guards::halts(policies, &line.policy)
            && (asks_details(&line.policy) || guards::ask_details(act, policies));
        let taken = units.entry(name).or_default();
        *taken += u64::from(!unsettled);
        let planned = if unsettled { 1 } else { *taken };
        let limits = allowed
            .entry(name)
            .or_insert_with(|| limits::allowed(&line.policy, inventory, memory, plan.now));
        limits::check(line, act, planned, limits, &mut broken);
        let due = *due.entry(name).or_insert_with(|| limits::due(plan, &line.policy));
        common.check(act, unsettled, plan, policies, memory, &mut broken);
        limits::check_halt(line, due, limits, &mut broken);
        // Nor does it count before an abort: it is asked for once more in the moment of acting.
        let of_job = cancels.entry(&line.key.job).or_insert(0_i64);
        jobs::check(line, *of_job + 1, inventory, memory, &mut broken);
        *of_job += i64::from(!unsettled);
    }
    violations
}

struct Seen<'a> {
    line: &'a Line,
    job: &'a Job,
    row: &'a ObservedExecution,
    thing: Option<&'a Thing>,
    now: Timestamp,
    depth: Depth,
}

impl Seen<'_> {
    fn check(
        &self,
        act: &Act,
        policies: &PolicySet,
        memory: &Memory,
        broken: &mut impl FnMut(String),
    ) {
        let policy = &self.line.policy;
        let key = &self.line.key;
        match policies.get(&policy.name) {
            Some(loaded) if loaded.digest == policy.digest => {}
            _ => broken(format!("policy {} is not in force", policy.name)),
        }
        if policy.mode != Mode::Enforce
            || times::is_waiting(policy, self.now)
            || policy.held
            || policy.expires_at.is_some_and(|end| self.now >= end)
        {
            broken(format!("policy {} may not act", policy.name));
        }
        if !self.in_target(policy) {
            broken(format!("it is not a target of policy {}", policy.name));
        }
        if self.row.number != Fact::Known(act.number) {
            broken("its execution number is not the observed one".to_owned());
        }
        if self.row.status != ExecutionStatus::from(act.status) {
            broken("its status is not the observed one".to_owned());
        }
        if act.force != (act.status == OpenStatus::InProgress)
            || (act.force && !policy.cancel.force)
        {
            broken("force goes with IN_PROGRESS, and only where the policy says so".to_owned());
        }
        if !self.has_matched_long_enough(policy, memory) {
            broken("it has not matched for as long as stableFor asks".to_owned());
        }
        // What must match for a while is looked at in full each time.
        let later = self.is_undescribed() && policy.stable_for.is_none();
        for clause in &policy.clauses {
            let later = later && asks_described(&clause.test);
            if !later && !self.surely(&clause.test) {
                broken(format!("{} does not surely hold", clause.path));
            }
        }
        for rule in &policy.excludes {
            let later = later && rule.clauses.iter().any(|clause| asks_described(&clause.test));
            if !later && !self.surely_not(rule) {
                broken(format!("exclude rule {} is not surely false", rule.name));
            }
        }
        let superior = |other: &Policy| {
            other.priority > policy.priority
                || (other.priority == policy.priority && other.name < policy.name)
        };
        if let Some(other) = policies.iter().find(|other| {
            superior(other) && self.acts(other) && !guards::freeze(policies, other, self.now)
        }) {
            broken(format!("policy {} comes first", other.name));
        }
        if memory.open.contains(key) || memory.backing_off.get(key).is_some_and(|t| self.now < *t) {
            broken("an earlier cancel of it is not settled".to_owned());
        }
        let denied = (policy.name.clone(), key.job.clone());
        if memory.denied.get(&denied).is_some_and(|until| self.now < *until) {
            broken("AWS denied this policy's calls for the job a moment ago".to_owned());
        }
        if memory.canceled.get(key).is_some_and(|of_key| of_key.contains_key(&act.number)) {
            broken("we canceled it already".to_owned());
        }
        match (&act.pins, self.row.described.known()) {
            (Some(pins), Some(described)) => {
                if Fact::Known(pins.version) != described.version {
                    broken("its pinned version is not the described one".to_owned());
                }
                let fits = pins.details.send.iter().all(|(key, value)| {
                    (1..=128).contains(&key.len()) && (1..=1024).contains(&value.chars().count())
                });
                if !fits || pins.details.send.len() > 10 {
                    broken("its statusDetails are beyond AWS's limits".to_owned());
                }
            }
            (Some(_), None) => broken("it is pinned, but was not described".to_owned()),
            (None, _) if self.depth == Depth::Exact => broken("it is not pinned".to_owned()),
            (None, _) => {}
        }
    }

    fn in_target(&self, policy: &Policy) -> bool {
        job_in_target(policy, &self.line.key.job, self.job)
            && policy.target.things.is_match(self.line.key.thing.as_str())
            && policy
                .target
                .statuses
                .iter()
                .any(|status| self.row.status.as_str() == status.as_str())
    }

    /// Whether another policy would surely act on it as well. May say no where the planner says yes,
    /// never the other way round.
    fn acts(&self, policy: &Policy) -> bool {
        policy.mode == Mode::Enforce
            && !times::is_waiting(policy, self.now)
            && !policy.held
            && policy.expires_at.is_none_or(|end| self.now < end)
            && (policy.cancel.force || self.row.status == ExecutionStatus::Queued)
            && policy.stable_for.is_none()
            && policy.cancel.set.iter().all(|(_, value)| {
                value
                    .parts
                    .iter()
                    .all(|part| matches!(part, crate::policy::template::Part::Text(_)))
            })
            && self.in_target(policy)
            && policy.clauses.iter().all(|clause| self.surely(&clause.test))
            && policy.excludes.iter().all(|rule| self.surely_not(rule))
    }

    /// Whether every clause of an exclude rule is settled so that the rule does not hold.
    fn surely_not(&self, rule: &Rule) -> bool {
        rule.clauses.iter().any(|clause| self.surely_false(&clause.test))
    }

    /// Whether what only a describe says is asked in the moment of acting.
    fn is_undescribed(&self) -> bool {
        self.depth == Depth::Listed
    }

    fn surely(&self, test: &Test) -> bool {
        match test {
            Test::Age { since, bound } => {
                self.age_seconds(*since).is_some_and(|age| within(age, *bound))
            }
            Test::ThingTypes(types) => {
                let found = self.thing.and_then(|thing| thing.description.known());
                found.and_then(|thing| thing.thing_type.as_ref()).is_some_and(|t| types.contains(t))
            }
            Test::ThingGroups(groups) => {
                let found = self.thing.and_then(|thing| thing.groups.known());
                found.is_some_and(|found| found.iter().any(|group| groups.contains(group)))
            }
            Test::ThingAttribute(on) => holds(on, &self.attribute(on)),
            Test::StatusDetail(on) => holds(on, &self.detail(on)),
            Test::RetryAttemptAtLeast(least) => {
                self.row.retry_attempt.known().is_some_and(|found| i64::from(*found) >= *least)
            }
            Test::Expression(on) => self.surely_is(&on.expression, true),
            Test::JobNames(globs) => globs.is_match(self.line.key.job.as_str()),
            Test::ThingNames(globs) => globs.is_match(self.line.key.thing.as_str()),
        }
    }

    fn surely_false(&self, test: &Test) -> bool {
        match test {
            Test::Age { since, bound } => {
                let absent = match since {
                    AgeClock::QueuedAt => self.row.times.queued_at() == Fact::Absent,
                    AgeClock::StartedAt => self.row.times.started_at() == Fact::Absent,
                    AgeClock::LastUpdatedAt => self.row.times.last_updated_at() == Fact::Absent,
                };
                absent || self.age_seconds(*since).is_some_and(|age| !within(age, *bound))
            }
            Test::ThingTypes(types) => match self.thing.map(|thing| &thing.description) {
                Some(Fact::Absent) => true,
                Some(Fact::Known(thing)) => {
                    thing.thing_type.as_ref().is_none_or(|found| !types.contains(found))
                }
                _ => false,
            },
            Test::ThingGroups(groups) => match self.thing.map(|thing| &thing.groups) {
                Some(Fact::Absent) => true,
                Some(Fact::Known(found)) => found.iter().all(|group| !groups.contains(group)),
                _ => false,
            },
            Test::ThingAttribute(on) => fails(on, &self.attribute(on)),
            Test::StatusDetail(on) => fails(on, &self.detail(on)),
            Test::RetryAttemptAtLeast(least) => {
                self.row.retry_attempt == Fact::Absent
                    || self
                        .row
                        .retry_attempt
                        .known()
                        .is_some_and(|found| i64::from(*found) < *least)
            }
            Test::Expression(on) => self.surely_is(&on.expression, false),
            Test::JobNames(_) | Test::ThingNames(_) => !self.surely(test),
        }
    }
}

impl Seen<'_> {
    fn age_seconds(&self, since: AgeClock) -> Option<i128> {
        let time = match since {
            AgeClock::QueuedAt => self.row.times.queued_at(),
            AgeClock::StartedAt => self.row.times.started_at(),
            AgeClock::LastUpdatedAt => self.row.times.last_updated_at(),
        };
        time.known().map(|time| self.now.as_nanosecond() - time.as_nanosecond())
    }

    fn attribute(&self, on: &Requirement) -> Value<'_> {
        match self.thing.map(|thing| &thing.description) {
            Some(Fact::Absent) => Value::Missing,
            Some(Fact::Known(thing)) => Value::of(thing.attributes.get(&on.key)),
            _ => Value::NotKnown,
        }
    }

    fn detail(&self, on: &Requirement) -> Value<'_> {
        match self.row.described.known().map(|described| &described.status_details) {
            Some(Fact::Absent) => Value::Missing,
            Some(Fact::Known(pairs)) => Value::of(pairs.get(&on.key)),
            _ => Value::NotKnown,
        }
    }
}

enum Value<'a> {
    NotKnown,
    Missing,
    Is(&'a String),
}

impl<'a> Value<'a> {
    fn of(value: Option<&'a String>) -> Self {
        value.map_or(Self::Missing, Self::Is)
    }
}

fn within(age: i128, bound: AgeBound) -> bool {
    match bound {
        AgeBound::OlderThan(period) => age >= period.get().as_nanos(),
        AgeBound::YoungerThan(period) => age < period.get().as_nanos(),
    }
}

fn holds(on: &Requirement, value: &Value<'_>) -> bool {
    match (&on.operator, value) {
        (Operator::In(values), Value::Is(found)) => values.contains(*found),
        (Operator::NotIn(values), Value::Is(found)) => !values.contains(*found),
        (Operator::Exists, Value::Is(_)) | (Operator::DoesNotExist, Value::Missing) => true,
        _ => false,
    }
}

fn fails(on: &Requirement, value: &Value<'_>) -> bool {
    match (&on.operator, value) {
        (Operator::In(values), Value::Is(found)) => !values.contains(*found),
        (Operator::NotIn(values), Value::Is(found)) => values.contains(*found),
        (Operator::In(_) | Operator::Exists, Value::Missing)
        | (Operator::DoesNotExist, Value::Is(_)) => true,
        _ => false,
    }
}

fn asks_details(policy: &Policy) -> bool {
    let of_rules = policy.excludes.iter().flat_map(|rule| &rule.clauses);
    let of_templates = policy.cancel.set.iter().flat_map(|(_, template)| template.expressions());
    policy.clauses.iter().chain(of_rules).any(|clause| asks_described(&clause.test))
        || of_templates.into_iter().any(|(_, it)| {
            it.fields().contains(&Field::StatusDetails)
                || it.fields().contains(&Field::SecondsBeforeTimedOut)
        })
}

fn job_in_target(policy: &Policy, id: &JobId, job: &Job) -> bool {
    let jobs = &policy.target.jobs;
    let namespace_fits = match job.description.known() {
        Some(job) => match &job.namespace_id {
            None => true,
            Some(namespace) => jobs.namespaces.contains(namespace),
        },
        None => false,
    };
    namespace_fits
        && jobs.names.is_match(id.as_str())
        && jobs.statuses.contains(&job.status)
        && jobs.target_selection.contains(&job.target_selection)
}

//! One policy, one execution: the only place that says what a clause means.
//!
//! A walk goes through the tiers of facts, cheapest first, and in each tier through the clauses of
//! `match` and then the exclude rules that this tier completes. The first clause that says no, or the
//! first rule that holds, ends it. Then what is not known does: it always keeps, so that no dearer tier
//! is worth a call. The order depends on the policy alone, so that an inventory in which only the facts
//! worth a call were read gives the same verdict as one in which all were.
//!
//! What is left is Due. Whether it can be pinned as well is asked after the budgets (`in_force::pin`),
//! since versions are read only of what fits into them.

use std::collections::BTreeSet;
use std::iter::once_with;

use jiff::Timestamp;

use crate::execution::{ExecutionKey, ExecutionStatus, JobId};
use crate::fact::{Fact, Truth};
use crate::inventory::{Job, ObservedExecution};
use crate::plan::asked::{Asked, tier_in_template, unread};
use crate::plan::clause::{Answer, Facts, Tier};
use crate::plan::in_force::pin;
use crate::plan::{At, Depth, Memory, Reason, Verdict, stable, veto};
use crate::policy::expression::{Expression, Field, Outcome};
use crate::policy::{Clause, Mode, Policy, PolicySet, Rule, window};

/// Whether a policy has a job in scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobScope {
    /// It has.
    In,
    /// It has not.
    Out,
    /// By what was listed it has; whether the job is in a namespace was not read yet.
    NotRead,
    /// By what was listed it has; whether the job is in a namespace cannot be read.
    Unknown,
}

/// Whether `policy` has `job` in scope.
pub fn job_scope(policy: &Policy, id: &JobId, job: &Job) -> JobScope {
    let target = &policy.target.jobs;
    let listed = target.statuses.contains(&job.status)
        && target.target_selection.contains(&job.target_selection)
        && target.names.is_match(id.as_str());
    if !listed {
        return JobScope::Out;
    }
    match &job.description {
        Fact::NotRead => JobScope::NotRead,
        Fact::Known(description) => match &description.namespace_id {
            Some(namespace) if !target.namespaces.contains(namespace) => JobScope::Out,
            _ => JobScope::In,
        },
        Fact::Absent | Fact::Unreadable(_) => JobScope::Unknown,
    }
}

/// Whether `policy`, which has the execution's job in scope, has the execution in scope too: by the
/// list that it was found in, or by the status in which a describe found it since then.
pub fn execution_in_scope(policy: &Policy, key: &ExecutionKey, row: &ObservedExecution) -> bool {
    let statuses = &policy.target.statuses;
    let in_status = statuses.contains(&row.listed)
        || row.status.open().is_some_and(|status| statuses.contains(&status));
    in_status && policy.target.things.is_match(key.thing.as_str())
}

pub(super) fn rule_tier(rule: &Rule) -> Tier {
    rule.clauses.iter().map(|clause| clause.test.tier()).max().unwrap_or(Tier::Listed)
}

pub(super) fn rule_truth(rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> Truth {
    rule.clauses.iter().fold(Truth::Yes, |all, clause| all & clause.test.ask(facts, now).truth())
}

/// The tiers of the facts that a policy asks for.
pub fn tiers(policy: &Policy) -> BTreeSet<Tier> {
    let clauses = conditions(policy).flat_map(|clause| clause.test.tiers());
    // A version is in each describe, and each cancel is described.
    let templates = templates_of(policy).flat_map(|(_, it)| it.fields());
    let templates = templates.filter(|field| **field != Field::Version).map(|it| Tier::of(*it));
    clauses.chain(templates).collect()
}

/// Whether the policy asks for anything that only a describe of the execution says.
pub fn reads_described(policy: &Policy) -> bool {
    tiers(policy).contains(&Tier::Described)
}

/// What a policy of `set`, and the guards, say about an execution that the policy has in scope.
pub fn evaluate(
    set: &PolicySet,
    policy: &Policy,
    facts: &Facts<'_>,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
) -> Verdict {
    let kept = walk(policy, facts, now, depth).or_else(|| veto::protected(set, facts, now));
    let kept = kept.or_else(|| held_back(set, policy, facts, memory, now).next());
    kept.unwrap_or(Verdict { reason: Reason::Due, at: At::Policy })
}

/// What keeps a policy from acting on what it would cancel, in the order in which it counts. Nothing
/// is asked before it is wanted.
fn held_back<'a>(
    set: &'a PolicySet,
    policy: &'a Policy,
    facts: &'a Facts<'_>,
    memory: &'a Memory,
    now: Timestamp,
) -> impl Iterator<Item = Verdict> + 'a {
    let because = |holds: bool, reason| holds.then_some(Verdict { reason, at: At::Policy });
    let needs_force =
        move || facts.row.status == ExecutionStatus::InProgress && !policy.cancel.force;
    let expired = move || policy.expires_at.is_some_and(|time| now >= time);
    let ours = move || {
        let canceled = memory.canceled.get(facts.key);
        let number = facts.row.number.known();
        number.zip(canceled).is_some_and(|(number, canceled)| canceled.contains_key(number))
    };
    let backs_off = move || {
        memory.open.contains(facts.key)
            || memory.backing_off.get(facts.key).is_some_and(|until| now < *until)
    };
    once_with(move || because(needs_force(), Reason::ForceRequired))
        .chain(once_with(move || because(expired(), Reason::Expired)))
        .chain(once_with(move || because(policy.is_suspended(now), Reason::Suspended)))
        .chain(once_with(move || because(policy.mode == Mode::Observe, Reason::ObserveOnly)))
        .chain(once_with(move || because(ours(), Reason::AlreadyCanceledByUs)))
        .chain(once_with(move || because(policy.held, Reason::SourceBroken)))
        .chain(once_with(move || veto::frozen(set, policy, now)))
        .chain(once_with(move || {
            because(!window::is_open(&policy.windows, now), Reason::WindowClosed)
        }))
        .chain(once_with(move || veto::elsewhere(set, facts.account)))
        .chain(once_with(move || stable::not_yet(policy, facts, &memory.sightings, now)))
        .chain(once_with(move || because(backs_off(), Reason::BackingOff)))
        .flatten()
}

/// Whether a policy that would cancel an execution is kept from it by nothing but that it observes,
/// budgets and the care for jobs aside; and by a window, which opens by itself: what is looked at in the
/// evening is what it would do the next day.
pub(super) fn only_observes(
    set: &PolicySet,
    policy: &Policy,
    facts: &Facts<'_>,
    memory: &Memory,
    now: Timestamp,
) -> bool {
    held_back(set, policy, facts, memory, now)
        .all(|kept| matches!(kept.reason, Reason::ObserveOnly | Reason::WindowClosed))
}

/// All that keeps a policy from canceling an execution that it has in scope, budgets and the care for
/// jobs aside: what [`evaluate`] would say one after the other if each were mended. For people; empty
/// exactly where it is Due and can be pinned.
pub(super) fn obstacles(
    set: &PolicySet,
    policy: &Policy,
    facts: &Facts<'_>,
    memory: &Memory,
    now: Timestamp,
) -> Vec<Verdict> {
    if let Some(ended) = ended(policy, facts) {
        return vec![ended];
    }
    let verdict = |reason, at| Some(Verdict { reason, at });
    let clauses = policy.clauses.iter().enumerate();
    let clauses = clauses.filter_map(|(index, clause)| match clause.test.ask(facts, now) {
        Answer::Yes => None,
        Answer::No => verdict(Reason::NoMatch, At::Clause(index)),
        Answer::NotRead | Answer::Unknown => verdict(Reason::FactUnknown, At::Clause(index)),
    });
    let rules = policy.excludes.iter().enumerate();
    let rules = rules.filter(|(_, rule)| rule_truth(rule, facts, now) != Truth::No);
    let rules = rules.filter_map(|(index, _)| verdict(Reason::Excluded, At::Rule(index)));
    let texts =
        templates_of(policy).filter(|(_, it)| !matches!(filled(it, facts, now), Filled::Yes));
    let texts = texts.filter_map(|(at, _)| verdict(Reason::FactUnknown, at));
    let own = clauses.chain(rules).chain(texts).chain(veto::protections(set, facts, now));
    let mut all: Vec<_> = own.chain(held_back(set, policy, facts, memory, now)).collect();
    if all.is_empty() {
        all.extend(pin(policy, facts, now).err().and_then(|at| verdict(Reason::FactUnknown, at)));
    }
    all
}

/// The verdict by which a policy alone keeps an execution; none if `match` holds and no exclude does.
///
/// The templates are asked before anything that needs a describe: of what they keep, no fact is read
/// any more that a condition asks beside the describe, and none is to be missed in the moment of acting.
pub(super) fn walk(
    policy: &Policy,
    facts: &Facts<'_>,
    now: Timestamp,
    depth: Depth,
) -> Option<Verdict> {
    let kept_by = |tiers: &&[Tier]| {
        let by_clause = || tiers.iter().find_map(|tier| kept_in(policy, facts, now, *tier));
        let by_template = || unfilled(policy, facts, now, tiers);
        let verdict = |at| Verdict { reason: Reason::FactUnknown, at };
        by_clause().or_else(|| by_template().map(verdict))
    };
    ended(policy, facts)
        .or_else(|| Tier::steps(depth_of(policy, now, depth)).iter().find_map(kept_by))
}

/// How deep a policy looks. What must match for a while is to match in every look, so that nothing of
/// it is left to the moment of acting.
fn depth_of(policy: &Policy, now: Timestamp, depth: Depth) -> Depth {
    let is_asked = || conditions(policy).any(|clause| clause.test.tier() == Tier::Described);
    if stable::counts(policy, now) && is_asked() { Depth::Exact } else { depth }
}

/// The clauses, those of the rules too.
fn conditions(policy: &Policy) -> impl Iterator<Item = &Clause> {
    policy.clauses.iter().chain(policy.excludes.iter().flat_map(|rule| &rule.clauses))
}

/// The verdict by which the clauses and rules of one tier keep an execution.
fn kept_in(policy: &Policy, facts: &Facts<'_>, now: Timestamp, tier: Tier) -> Option<Verdict> {
    let verdict = |reason, at| Some(Verdict { reason, at });
    let mut unknown = None;
    let mut unknown_rule = None;
    for (index, clause) in clauses_of(policy, tier) {
        match clause.test.ask(facts, now) {
            Answer::Yes => {}
            Answer::No => return verdict(Reason::NoMatch, At::Clause(index)),
            Answer::NotRead | Answer::Unknown => {
                unknown = unknown.or(Some(At::Clause(index)));
            }
        }
    }
    for (index, rule) in rules_of(policy, tier) {
        match rule_truth(rule, facts, now) {
            Truth::Yes => return verdict(Reason::Excluded, At::Rule(index)),
            Truth::No => {}
            Truth::Unknown => {
                let is_unknown =
                    |clause: &Clause| clause.test.ask(facts, now).truth() == Truth::Unknown;
                let which = rule.clauses.iter().position(is_unknown);
                let at = At::RuleClause(index, which.unwrap_or_default());
                unknown_rule = unknown_rule.or(Some(at));
            }
        }
    }
    let unknown = unknown.map(|at| Verdict { reason: Reason::FactUnknown, at });
    unknown.or_else(|| unknown_rule.map(|at| Verdict { reason: Reason::Excluded, at }))
}

/// What is worth reading of the facts that a policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The cheapest tier with a fact that was not read and that could still change what the policy says.
    Facts(Tier),
    /// Nothing: what is known keeps the execution, so that `walk` has a verdict.
    Settled,
    /// Nothing: all that it asks for is known.
    Nothing,
}

/// What is worth reading for a policy about an execution that it has in scope.
pub fn missing(policy: &Policy, facts: &Facts<'_>, now: Timestamp, depth: Depth) -> Missing {
    if ended(policy, facts).is_some() {
        return Missing::Settled;
    }
    let depth = depth_of(policy, now, depth);
    for tiers in Tier::steps(depth) {
        for &tier in *tiers {
            match wanted_in(policy, facts, now, tier) {
                Missing::Nothing => {}
                found => return found,
            }
        }
        for &tier in *tiers {
            match wanted_by_templates(policy, facts, now, tier) {
                Missing::Nothing => {}
                found => return found,
            }
        }
    }
    // In the moment of acting nothing but a describe is added. What is asked beside it then is read
    // now; otherwise it would never be settled.
    let waiting = match depth {
        Depth::Listed => Some(Tier::Described),
        Depth::Exact => None,
    };
    let rules = waiting.into_iter().flat_map(|tier| rules_of(policy, tier));
    let of_rules = rules
        .filter(|(_, rule)| rule_truth(rule, facts, now) == Truth::Unknown)
        .flat_map(|(_, rule)| &rule.clauses);
    let clauses = waiting.into_iter().flat_map(|tier| clauses_of(policy, tier));
    let of_clauses = clauses.map(|(_, clause)| clause).chain(of_rules);
    let templates = waiting.into_iter().flat_map(|_| templates_of(policy));
    of_clauses
        .filter_map(|clause| clause.test.unread(facts, now))
        .chain(templates.filter_map(|(_, expression)| unread(expression, facts, now)))
        .filter(|tier| *tier < Tier::Described)
        .min()
        .map_or(Missing::Nothing, Missing::Facts)
}

impl Missing {
    /// By the cheapest fact that was not read, and whether one that was read is not known.
    fn of(cheapest: Option<Tier>, unknown: bool) -> Self {
        match cheapest {
            Some(tier) => Self::Facts(tier),
            None if unknown => Self::Settled,
            None => Self::Nothing,
        }
    }
}

/// In the order of the walk: what is asked before something that keeps the execution is read all the
/// same. Otherwise the reason would depend on
/// what other policies had read.
fn wanted_in(policy: &Policy, facts: &Facts<'_>, now: Timestamp, tier: Tier) -> Missing {
    let unread = |clause: &Clause| clause.test.unread(facts, now);
    let mut unknown = false;
    let mut wanted = None;
    let mut want = |cheapest: Option<Tier>| {
        unknown |= cheapest.is_none();
        wanted = [wanted, cheapest].into_iter().flatten().min();
        Missing::of(wanted, unknown)
    };
    let mut left = Missing::Nothing;
    for (_, clause) in clauses_of(policy, tier) {
        match clause.test.ask(facts, now) {
            Answer::Yes => {}
            Answer::No => return want(None),
            Answer::NotRead | Answer::Unknown => left = want(unread(clause)),
        }
    }
    for (_, rule) in rules_of(policy, tier) {
        match rule_truth(rule, facts, now) {
            Truth::Yes => return want(None),
            Truth::No => {}
            Truth::Unknown => left = want(rule.clauses.iter().filter_map(unread).min()),
        }
    }
    left
}

fn wanted_by_templates(policy: &Policy, facts: &Facts<'_>, now: Timestamp, tier: Tier) -> Missing {
    let mut unknown = false;
    let mut wanted = None;
    for (_, expression) in templates_of(policy).filter(|(_, it)| tier_in_template(it) == tier) {
        match filled(expression, facts, now) {
            Filled::Yes => {}
            Filled::NotRead => {
                let cheapest = unread(expression, facts, now);
                wanted = [wanted, cheapest].into_iter().flatten().min();
            }
            Filled::Unknown => unknown = true,
        }
    }
    Missing::of(wanted, unknown)
}

/// The verdict on an execution whose status settles it.
fn ended(policy: &Policy, facts: &Facts<'_>) -> Option<Verdict> {
    let verdict = |reason, at| Some(Verdict { reason, at });
    match (&facts.row.status, facts.row.status.open()) {
        (ExecutionStatus::Unknown(_), _) => verdict(Reason::StatusUnknown, At::Policy),
        (_, None) => verdict(Reason::Terminal, At::Policy),
        (_, Some(open)) if !policy.target.statuses.contains(&open) => {
            verdict(Reason::NoMatch, At::TargetStatuses)
        }
        _ if facts.row.number.known().is_none() => verdict(Reason::FactUnknown, At::Number),
        _ => None,
    }
}

fn clauses_of(policy: &Policy, tier: Tier) -> impl Iterator<Item = (usize, &Clause)> {
    policy.clauses.iter().enumerate().filter(move |(_, clause)| clause.test.tier() == tier)
}

fn rules_of(policy: &Policy, tier: Tier) -> impl Iterator<Item = (usize, &Rule)> {
    policy.excludes.iter().enumerate().filter(move |(_, rule)| rule_tier(rule) == tier)
}

/// What fills in the templates, each with where it stands.
pub(super) fn templates_of(policy: &Policy) -> impl Iterator<Item = (At, &Expression)> {
    policy.cancel.set.iter().enumerate().flat_map(|(index, (_, template))| {
        let parts = template.expressions();
        parts.map(move |(part, expression)| (At::Template(index, part), &**expression))
    })
}

/// Whether a part of a template can be filled in.
enum Filled {
    Yes,
    NotRead,
    Unknown,
}

/// The version is not asked for: what has none cannot be pinned, whatever its templates say.
fn filled(expression: &Expression, facts: &Facts<'_>, now: Timestamp) -> Filled {
    let has_version = || {
        let described = facts.described();
        described.known().is_some_and(|described| described.version.known().is_some())
    };
    if expression.fields().contains(&Field::Version) && !has_version() {
        return Filled::Yes;
    }
    match expression.run(&Asked { facts: *facts, now }) {
        Outcome::Is(_) => Filled::Yes,
        Outcome::NotRead(_) => Filled::NotRead,
        Outcome::Unreadable(..) | Outcome::Failed(_) => Filled::Unknown,
    }
}

/// The first part of a template that cannot be filled in, of those of some tiers.
fn unfilled(policy: &Policy, facts: &Facts<'_>, now: Timestamp, tiers: &[Tier]) -> Option<At> {
    let of_tier = |tier: Tier| {
        let parts = templates_of(policy).filter(move |(_, it)| tier_in_template(it) == tier);
        parts.filter(|(_, it)| !matches!(filled(it, facts, now), Filled::Yes)).map(|(at, _)| at)
    };
    tiers.iter().find_map(|tier| of_tier(*tier).next())
}

//! How often a policy has to be looked at: what in it changes only with an age that is known beforehand,
//! and what may change at any time.
//!
//! It stands apart from `evaluate` because it asks about a policy alone, before anything is observed.
//! The loop derives its due times from it, and `validate` prints it.
//!
//! The rule: after the list of a job's executions in a status was asked for, no execution that enters
//! that status can match before the status's least age is over. So the list may wait for that long. What
//! may change at any time is looked at each interval, over the executions that are already known.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::execution::OpenStatus;
use crate::plan::FactName;
use crate::policy::{AgeBound, AgeClock, Clause, Policy, Rule, Test};

/// How often a policy has to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// For each status that the policy targets: how old, at the least, an execution is when it matches,
    /// counted from when it entered the status. Zero if it may match at once.
    pub least_age: BTreeMap<OpenStatus, SignedDuration>,
    /// The facts whose change, at a time that nobody can tell beforehand, may change the verdict.
    pub moving: BTreeSet<FactName>,
    /// Whether a change that only a list tells, of an execution that was listed in its status already,
    /// can make it match: then a list must not wait for an age.
    pub needs_lists: bool,
}

impl Cadence {
    /// That of a policy.
    pub fn of(policy: &Policy) -> Self {
        let statuses = &policy.target.statuses;
        let least = |status: &OpenStatus| {
            let ages = policy.clauses.iter().filter_map(|clause| match clause.test {
                Test::Age { since, bound: AgeBound::OlderThan(period) }
                    if begins_with(*status, since) =>
                {
                    Some(period.get())
                }
                _ => None,
            });
            (*status, ages.max().unwrap_or(SignedDuration::ZERO))
        };
        let of_match = policy.clauses.iter().filter(|clause| match clause.test {
            Test::Age { since, bound: AgeBound::OlderThan(_) } => {
                let foretold = |status| begins_with(status, since) || never(status, since);
                !statuses.iter().all(|status| foretold(*status))
            }
            _ => true,
        });
        let rules = policy.excludes.iter().flat_map(|rule| &rule.clauses);
        let of_rules = Self::of_rules(&policy.excludes);
        Self {
            least_age: statuses.iter().map(least).collect(),
            // What must match for a while is looked at in between, and begins anew when it moves.
            moving: of_match
                .chain(rules)
                .flat_map(moving)
                .chain(policy.stable_for.map(|_| FactName::LastUpdatedAt))
                .collect(),
            needs_lists: of_rules.needs_lists
                || policy.clauses.iter().any(|clause| lets_go(clause, |bound| !is_older(bound))),
        }
    }

    /// What rules that keep an execution add to it, those of a policy or of guards.
    pub fn of_rules<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Self {
        let clauses: Vec<_> = rules.into_iter().flat_map(|rule| &rule.clauses).collect();
        Self {
            least_age: BTreeMap::new(),
            moving: clauses.iter().flat_map(|clause| moving(clause)).collect(),
            needs_lists: clauses.iter().any(|clause| lets_go(clause, is_older)),
        }
    }

    /// Whether nothing but ages decides, and none of them at once: then the lists alone say when to look
    /// again.
    pub fn is_by_age_alone(&self) -> bool {
        self.moving.is_empty() && self.least_age.values().all(|age| *age > SignedDuration::ZERO)
    }
}

fn is_older(bound: &AgeBound) -> bool {
    matches!(bound, AgeBound::OlderThan(_))
}

/// Whether a later lastUpdatedAt than the one that was listed may turn a clause in favour of a cancel:
/// of the two bounds of an age, the one that is told.
fn lets_go(clause: &Clause, turns: impl Fn(&AgeBound) -> bool) -> bool {
    match &clause.test {
        Test::Age { since: AgeClock::LastUpdatedAt, bound } => turns(bound),
        Test::Expression(on) => {
            let mut facts = on.expression.fields().iter().map(|field| FactName::of(*field));
            facts.any(|fact| fact == FactName::LastUpdatedAt)
        }
        _ => false,
    }
}

/// Whether a clock cannot have been running before an execution entered a status.
fn begins_with(status: OpenStatus, since: AgeClock) -> bool {
    match (status, since) {
        (_, AgeClock::LastUpdatedAt)
        | (OpenStatus::Queued, AgeClock::QueuedAt)
        | (OpenStatus::InProgress, AgeClock::StartedAt) => true,
        (OpenStatus::Queued, AgeClock::StartedAt)
        | (OpenStatus::InProgress, AgeClock::QueuedAt) => false,
    }
}

/// Whether a clock does not run at all in a status, so that no age of it ever holds.
fn never(status: OpenStatus, since: AgeClock) -> bool {
    status == OpenStatus::Queued && since == AgeClock::StartedAt
}

/// What of a clause's facts may change at any time.
fn moving(clause: &Clause) -> Vec<FactName> {
    match &clause.test {
        // The other side of an age, or an age that lets go what a rule kept.
        Test::Age { .. } => clause.test.fact().into_iter().collect(),
        Test::Expression(on) => {
            let facts = on.expression.fields().iter().map(|field| FactName::of(*field));
            let now = on.expression.uses_now().then_some(FactName::Now);
            facts.filter(FactName::moves).chain(now).collect()
        }
        test => test.fact().into_iter().filter(FactName::moves).collect(),
    }
}

impl FactName {
    /// Whether it may change while the execution stays in its status and is not retried.
    pub fn moves(&self) -> bool {
        match self {
            Self::ExecutionNumber
            | Self::QueuedAt
            | Self::StartedAt
            | Self::RetryAttempt
            | Self::JobTargetSelection
            | Self::JobCreatedAt
            | Self::JobNamespaceId
            | Self::Expression => false,
            Self::LastUpdatedAt
            | Self::JobStatus
            | Self::JobDescription
            | Self::JobTimeoutMinutes
            | Self::JobTag(_)
            | Self::JobTags
            | Self::ThingType
            | Self::ThingAttribute(_)
            | Self::ThingAttributes
            | Self::ThingConnected
            | Self::ThingConnectivityTimestamp
            | Self::ThingGroups
            | Self::QueuedBehind
            | Self::StatusDetail(_)
            | Self::StatusDetails
            | Self::SecondsBeforeTimedOut
            | Self::Version
            | Self::Now => true,
        }
    }
}

//! What the policies and guards of a set say about time, once for all executions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::foreseen::Foreseen;
use crate::execution::{JobId, OpenStatus};
use crate::inventory::Inventory;
use crate::plan::cadence::Cadence;
use crate::plan::evaluate::execution_in_scope;
use crate::plan::{FactName, Memory, budget};
use crate::policy::{
    AgeBound, AgeClock, Clause, Policy, PolicyName, PolicySet, Rule, Test, window,
};

/// An age at which a clause turns, in nanoseconds, of one of
/// the clocks of [`Clocks::nanoseconds`](crate::inventory::Clocks::nanoseconds).
type Turn = (usize, i64);

/// One policy's.
#[derive(Debug)]
struct Of {
    cadence: Cadence,
    /// The ages that `match` waits for: all of them.
    waits: Vec<Turn>,
    /// The ages at which a rule may let go.
    lets_go: Vec<Turn>,
    /// When its windows change next, as far as that was looked up.
    window: Option<Timestamp>,
}

/// A set's.
#[derive(Debug, Default)]
pub(super) struct Terms {
    policies: BTreeMap<PolicyName, Of>,
    /// The ages at which a rule of a guard may let go.
    lets_go: Vec<Turn>,
    /// Whether a guard's rules need the lists at each interval.
    guards_need_lists: bool,
    moves_jobs: bool,
}

impl Terms {
    pub(super) fn of(set: &PolicySet) -> Self {
        let of = |policy: &Arc<Policy>| {
            let of = Of {
                cadence: Cadence::of(policy),
                waits: turns(&policy.clauses, is_older),
                lets_go: lets_go(&policy.excludes),
                window: None,
            };
            (policy.name.clone(), of)
        };
        let policies: BTreeMap<_, _> = set.iter().map(of).collect();
        let rules = || set.vetoes().iter().flat_map(|guard| &guard.protects);
        let of_guards = Cadence::of_rules(rules());
        let of_jobs = |cadence: &Cadence| {
            [FactName::JobDescription, FactName::JobTimeoutMinutes]
                .iter()
                .any(|fact| cadence.moving.contains(fact))
        };
        Self {
            moves_jobs: of_jobs(&of_guards) || policies.values().any(|of| of_jobs(&of.cadence)),
            policies,
            lets_go: lets_go(rules()),
            guards_need_lists: of_guards.needs_lists,
        }
    }

    /// For how long after its first page was asked for a list may wait for a policy; none if the policy
    /// does not ask for it.
    pub(super) fn waits(&self, policy: &PolicyName, status: OpenStatus) -> Option<SignedDuration> {
        let of = self.policies.get(policy)?;
        let age = *of.cadence.least_age.get(&status)?;
        let at_once = self.guards_need_lists || of.cadence.needs_lists;
        Some(if at_once { SignedDuration::ZERO } else { age })
    }

    /// Whether something depends on what `DescribeJob` says and may change.
    pub(super) fn move_jobs(&self) -> bool {
        self.moves_jobs
    }

    /// Adds the executions that come due after `now` and up to `until`.
    pub(super) fn foresee(
        &self,
        foreseen: &mut Foreseen,
        by_job: &BTreeMap<&JobId, Vec<&Arc<Policy>>>,
        inventory: &Inventory,
        memory: &Memory,
        now: Timestamp,
        until: Timestamp,
    ) {
        let (from, to) = (nanoseconds(now.as_nanosecond()), nanoseconds(until.as_nanosecond()));
        for (job, policies) in by_job {
            let terms = policies.iter().filter_map(|it| Some((*it, self.policies.get(&it.name)?)));
            let terms: Vec<_> = terms.collect();
            for (key, row) in inventory.executions.of_job(job) {
                let clocks = row.times.nanoseconds();
                let due = terms.iter().filter_map(|(policy, of)| {
                    let at = self.comes_due(of, clocks, from).filter(|at| *at <= to)?;
                    execution_in_scope(policy, key, row).then_some(at)
                });
                let at = due.min().and_then(|at| Timestamp::from_nanosecond(at.into()).ok());
                if let Some(at) = at {
                    foreseen.add(at, key);
                }
            }
        }
        // What failed is tried again at its time.
        for (key, at) in memory.backing_off.iter().filter(|(_, at)| now < **at && **at <= until) {
            foreseen.add(*at, key);
        }
    }

    /// The next time after `now` at which an age may make a policy cancel an execution as it was observed.
    /// Times are in nanoseconds since 1970.
    fn comes_due(&self, of: &Of, clocks: [Option<i64>; 3], now: i64) -> Option<i64> {
        let at = |(clock, age): &Turn| Some(clocks[*clock]?.saturating_add(*age));
        let mut matches = i64::MIN;
        for turn in &of.waits {
            matches = matches.max(at(turn)?);
        }
        let rules = of.lets_go.iter().chain(&self.lets_go).filter_map(at);
        rules.map(|rule| rule.max(matches)).chain([matches]).filter(|at| *at > now).min()
    }

    /// The times after `now` at which more than single executions may come due. `waiting` are the policies
    /// for which something waits for a budget.
    pub(super) fn edges(
        &mut self,
        set: &PolicySet,
        memory: &Memory,
        waiting: &BTreeSet<PolicyName>,
        now: Timestamp,
    ) -> Vec<Timestamp> {
        let mut edges = Vec::new();
        for policy in set.iter() {
            edges.extend(policy.expires_at);
            edges.extend(policy.suspended_until);
            if let Some(of) = self.policies.get_mut(&policy.name)
                && !policy.windows.is_empty()
            {
                // A year without a change is looked up again at the next change of the set.
                let known = of.window.filter(|at| *at > now);
                let next = || window::next_change(&policy.windows, now).unwrap_or(Timestamp::MAX);
                edges.push(*of.window.insert(known.unwrap_or_else(next)));
            }
            if waiting.contains(&policy.name) {
                let limits = budget::budget(policy, memory, 0, now).limits;
                edges.extend(limits.into_iter().filter_map(|limit| limit.refills_at));
            }
        }
        for freeze in set.vetoes().iter().flat_map(|guard| &guard.freezes) {
            edges.extend([freeze.from, freeze.until]);
        }
        if !waiting.is_empty() {
            let common = budget::of_guards(set, memory, now);
            edges.extend(common.into_iter().filter_map(|common| common.state.refills_at));
        }
        edges.extend(memory.denied.values());
        edges.retain(|at| *at > now);
        edges
    }
}

/// Beyond 292 years, the ends of what can be said.
fn nanoseconds(count: i128) -> i64 {
    i64::try_from(count).unwrap_or(if count < 0 { i64::MIN } else { i64::MAX })
}

fn is_older(bound: &AgeBound) -> bool {
    matches!(bound, AgeBound::OlderThan(_))
}

/// The ages of clauses with one of the two bounds.
fn turns<'a>(
    clauses: impl IntoIterator<Item = &'a Clause>,
    which: impl Fn(&AgeBound) -> bool,
) -> Vec<Turn> {
    let turn = |clause: &Clause| match &clause.test {
        Test::Age { since, bound } if which(bound) => {
            let (AgeBound::OlderThan(period) | AgeBound::YoungerThan(period)) = bound;
            let clock = match since {
                AgeClock::QueuedAt => 0,
                AgeClock::StartedAt => 1,
                AgeClock::LastUpdatedAt => 2,
            };
            Some((clock, nanoseconds(period.get().as_nanos())))
        }
        _ => None,
    };
    clauses.into_iter().filter_map(turn).collect()
}

/// The ages at which rules that hold may hold no longer.
fn lets_go<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Vec<Turn> {
    turns(rules.into_iter().flat_map(|rule| &rule.clauses), |bound| !is_older(bound))
}

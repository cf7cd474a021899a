//! How many may go: the limits of a policy, seen from the ledger.
//!
//! The ledger has one unit for each intent of a policy. A limit is a view of it: how many of the units
//! are open or were settled less than `per` ago. The planner uses it to choose, the state to refuse.

use jiff::{SignedDuration, Timestamp};

use crate::plan::{BudgetState, Charge, Memory, Spent};
use crate::policy::{Limit, LimitSize, Policy};

/// A policy's limits at a moment.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Where each limit that applies stands.
    pub limits: Vec<BudgetState>,
    /// What a cancel draws on, in the same order.
    pub charges: Vec<Charge>,
}

impl Budget {
    /// How many may still go; no limit that applies means any number.
    pub fn left(&self) -> u64 {
        self.limits.iter().map(BudgetState::left).min().unwrap_or(u64::MAX)
    }

    /// The limit with the least left.
    pub fn tightest(&self) -> Option<&BudgetState> {
        self.limits.iter().min_by_key(|limit| limit.left())
    }
}

/// How many units count in a window of the length `per` that ends at `now`.
pub fn spent_within(units: &[Spent], per: SignedDuration, now: Timestamp) -> u64 {
    units.iter().filter(|unit| counts(**unit, per, now)).count() as u64
}

fn counts(unit: Spent, per: SignedDuration, now: Timestamp) -> bool {
    match unit {
        Spent::Open => true,
        Spent::Settled(at) => now.duration_since(at) < per,
    }
}

/// A limit as people write it.
pub fn describe(limit: &Limit) -> String {
    match limit.size {
        LimitSize::Count(count) => format!("{count} per {}", limit.per),
        LimitSize::Percent { value, .. } => format!("{value} % per {}", limit.per),
    }
}

/// Where `policy`'s limits stand at `now`. `population` is how many open executions its target lists,
/// before `match`, and without those that the memory says are canceled.
pub fn budget(policy: &Policy, memory: &Memory, population: u64, now: Timestamp) -> Budget {
    let units = memory.spent.get(&policy.name).map_or(&[][..], Vec::as_slice);
    let mut budget = Budget { limits: Vec::new(), charges: Vec::new() };
    for limit in &policy.budget {
        let per = limit.per.get();
        let spent = spent_within(units, per, now);
        let size = match limit.size {
            LimitSize::Count(count) => count,
            LimitSize::Percent { value, min_population } => {
                // What has an open intent is still listed as open, and so is counted already.
                let open = units.iter().filter(|unit| **unit == Spent::Open).count() as u64;
                let population = population.saturating_add(spent - open);
                // 0 means none, however few there are.
                if population < min_population && value > 0 {
                    continue;
                }
                population.saturating_mul(u64::from(value)) / 100
            }
        };
        let oldest = units.iter().filter_map(|unit| match unit {
            Spent::Settled(at) if counts(*unit, per, now) => Some(*at),
            _ => None,
        });
        budget.limits.push(BudgetState {
            policy: policy.name.clone(),
            limit: describe(limit),
            size,
            spent,
            refills_at: oldest.min().and_then(|at| at.checked_add(per).ok()),
        });
        budget.charges.push(Charge {
            policy: policy.name.clone(),
            size,
            per_seconds: per.as_secs(),
        });
    }
    budget
}

/// How many units the ledger still has under all of `charges`.
pub fn left_of(charges: &[Charge], memory: &Memory, now: Timestamp) -> u64 {
    let left = |charge: &Charge| {
        let units = memory.spent.get(&charge.policy).map_or(&[][..], Vec::as_slice);
        let per = SignedDuration::from_secs(charge.per_seconds);
        charge.size.saturating_sub(spent_within(units, per, now))
    };
    charges.iter().map(left).min().unwrap_or(u64::MAX)
}

/// Whether what keeps to the limits `charged` keeps to `limits` too: each of these follows from one of
/// those.
pub fn is_within(charged: &[Limit], limits: &[Limit]) -> bool {
    let follows = |limit: &Limit, from: &Limit| {
        let sizes = match (from.size, limit.size) {
            (LimitSize::Count(from), LimitSize::Count(size)) => from <= size,
            (
                LimitSize::Percent { value: from, min_population: from_least },
                LimitSize::Percent { value, min_population },
            ) => from <= value && from_least <= min_population,
            _ => false,
        };
        sizes && from.per >= limit.per
    };
    limits.iter().all(|limit| charged.iter().any(|from| follows(limit, from)))
}

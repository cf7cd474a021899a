//! How many may go: the limits of policies and guards, seen from the ledger.
//!
//! The ledger has one unit for each intent. A limit is a view of it: how many of the units that it
//! counts are open or were settled less than `per` ago. The planner uses it to choose, the state to
//! refuse.
//!
//! A ledger that began a while ago knows nothing of what was before. It is taken for spent: as if the
//! whole limit had been used evenly in the period before the ledger began, so that its units leave the
//! window one by one.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::mutant::{self, Mutant};
use crate::plan::{BudgetState, Charge, Counted, Memory, Owner, Spent};
use crate::policy::{Limit, LimitSize, OnExceed, Policy, PolicySet, guard};

/// A policy's limits at a moment.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Where each limit that applies stands.
    pub limits: Vec<BudgetState>,
    /// What a cancel draws on, in the same order.
    pub charges: Vec<Charge>,
    /// Whether nothing goes at all while more is due than a limit allows.
    pub halts: bool,
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

impl Counted {
    /// Whether a unit is among those that count.
    pub fn includes(&self, unit: &Spent) -> bool {
        match self {
            Self::Policy(name) => unit.policy == *name,
            Self::All => true,
            Self::Forced => unit.forced,
        }
    }
}

impl Spent {
    /// Whether it counts in a window of the length `per` that ends at `now`.
    pub fn is_within(&self, per: SignedDuration, now: Timestamp) -> bool {
        self.settled.is_none_or(|at| now.duration_since(at) < per)
    }
}

/// How many of the units that count are in a window of the length `per` that ends at `now`.
pub fn spent_within(
    counted: &Counted,
    per: SignedDuration,
    memory: &Memory,
    now: Timestamp,
) -> u64 {
    let units = memory.spent.iter().filter(|unit| counted.includes(unit));
    units.filter(|unit| unit.is_within(per, now)).count() as u64
}

/// How many of a limit's `size` units count at `now` because nothing is known of the time before the
/// ledger began: of N units per P, all at first, and one less each P/N.
pub fn unknown_past(size: u64, per: SignedDuration, memory: &Memory, now: Timestamp) -> u64 {
    if mutant::is(Mutant::UnknownPastIsFree) {
        return 0;
    }
    let Some(began) = memory.ledger_began else { return 0 };
    let known = now.duration_since(began).max(SignedDuration::ZERO);
    if known >= per {
        return 0;
    }
    // Both are less than 2^63 seconds in nanoseconds, and a size has 64 bits: no product overflows.
    let free = u128::from(size) * known.as_nanos().unsigned_abs() / per.as_nanos().unsigned_abs();
    size - u64::try_from(free).unwrap_or(size).min(size)
}

/// When the next unit of an unknown past leaves the window, if one does.
fn unknown_leaves(
    size: u64,
    per: SignedDuration,
    memory: &Memory,
    now: Timestamp,
) -> Option<Timestamp> {
    let unknown = unknown_past(size, per, memory, now);
    if unknown == 0 {
        return None;
    }
    let place = u128::from(size - unknown + 1);
    // Rounded up: at that time it has left.
    let after = (per.as_nanos().unsigned_abs() * place).div_ceil(u128::from(size));
    let after = SignedDuration::from_nanos(i64::try_from(after).ok()?);
    memory.ledger_began?.checked_add(after).ok()
}

/// Whether a limit of a policy is a share of what its target lists.
pub fn has_percent(policy: &Policy) -> bool {
    policy.budget.iter().any(|limit| matches!(limit.size, LimitSize::Percent { .. }))
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
    let counted = Counted::Policy(policy.name.clone());
    let mut budget = Budget {
        limits: Vec::new(),
        charges: Vec::new(),
        halts: policy.on_exceed == OnExceed::Halt,
    };
    for limit in &policy.budget {
        let per = limit.per.get();
        let known = spent_within(&counted, per, memory, now);
        let size = match limit.size {
            LimitSize::Count(count) => count,
            LimitSize::Percent { value, min_population } => {
                // What has an open intent is still listed as open, and so is counted already.
                let of_policy = |unit: &&Spent| counted.includes(unit);
                let units = memory.spent.iter().filter(of_policy);
                let open = units.filter(|unit| unit.settled.is_none()).count() as u64;
                let population = population.saturating_add(known - open);
                // 0 means none, however few there are.
                if population < min_population && value > 0 {
                    continue;
                }
                population.saturating_mul(u64::from(value)) / 100
            }
        };
        let charge = Charge { counts: counted.clone(), size, per_seconds: per.as_secs() };
        let owner = Owner::Policy(policy.name.clone());
        budget.limits.push(stands(owner, describe(limit), &charge, memory, now));
        budget.charges.push(charge);
    }
    budget
}

/// Where one limit of `policy` stands at `now`, of which it was said last that it allows `size`: what a
/// percentage is taken of is counted by a plan alone. None if nothing was said and it is a percentage.
pub fn now(
    policy: &Policy,
    limit: &Limit,
    size: Option<u64>,
    memory: &Memory,
    now: Timestamp,
) -> Option<BudgetState> {
    let size = match limit.size {
        LimitSize::Count(count) => count,
        LimitSize::Percent { .. } => size?,
    };
    let counts = Counted::Policy(policy.name.clone());
    let charge = Charge { counts, size, per_seconds: limit.per.get().as_secs() };
    let owner = Owner::Policy(policy.name.clone());
    Some(stands(owner, describe(limit), &charge, memory, now))
}

/// Where a limit stands at `now`.
fn stands(
    owner: Owner,
    limit: String,
    charge: &Charge,
    memory: &Memory,
    now: Timestamp,
) -> BudgetState {
    let (counted, size) = (&charge.counts, charge.size);
    let per = SignedDuration::from_secs(charge.per_seconds);
    let unknown_past = unknown_past(size, per, memory, now);
    BudgetState {
        owner,
        limit,
        size,
        spent: spent_within(counted, per, memory, now) + unknown_past,
        unknown_past,
        refills_at: refills_at(counted, size, per, memory, now),
        halted: None,
    }
}

/// A limit of a guard, over all policies, at a moment.
#[derive(Clone, Debug)]
pub struct Common {
    /// Where it stands.
    pub state: BudgetState,
    /// What a cancel that counts draws on.
    pub charge: Charge,
    /// Whether nothing at all goes while more is due than it allows.
    pub halts: bool,
}

impl Common {
    /// Whether a cancel, with force or without, counts.
    pub fn counts(&self, forced: bool) -> bool {
        forced || self.charge.counts != Counted::Forced
    }
}

/// Where the limits of all guards stand at `now`, by the name of the guard.
pub fn of_guards(set: &PolicySet, memory: &Memory, now: Timestamp) -> Vec<Common> {
    let mut all = Vec::new();
    for guard in set.vetoes() {
        for limit in &guard.budget.limits {
            let counts = if limit.forced { Counted::Forced } else { Counted::All };
            let per_seconds = limit.per.get().as_secs();
            let charge = Charge { counts, size: limit.count, per_seconds };
            let owner = Owner::Guard(guard.name.clone());
            let state = stands(owner, limit.to_string(), &charge, memory, now);
            let halts = guard.budget.on_exceed == OnExceed::Halt;
            all.push(Common { state, charge, halts });
        }
    }
    all
}

/// The budgets of all guards.
pub fn of_set(set: &PolicySet) -> Arc<[guard::Budget]> {
    let budgets = set.vetoes().iter().map(|guard| &guard.budget);
    budgets.filter(|budget| !budget.limits.is_empty()).cloned().collect()
}

/// Whether any guard's budget says Halt.
pub fn guards_halt(set: &PolicySet) -> bool {
    set.vetoes().iter().any(|guard| guard.budget.on_exceed == OnExceed::Halt)
}

/// Whether what `policy` has due is counted by a budget that says Halt.
pub fn halts(set: &PolicySet, policy: &Policy) -> bool {
    policy.on_exceed == OnExceed::Halt || guards_halt(set)
}

/// When the next unit leaves the window.
fn refills_at(
    counted: &Counted,
    size: u64,
    per: SignedDuration,
    memory: &Memory,
    now: Timestamp,
) -> Option<Timestamp> {
    let units = memory.spent.iter().filter(|unit| counted.includes(unit));
    let oldest =
        units.filter(|unit| unit.is_within(per, now)).filter_map(|unit| unit.settled).min();
    let known = oldest.and_then(|at| at.checked_add(per).ok());
    [known, unknown_leaves(size, per, memory, now)].into_iter().flatten().min()
}

/// How many units the ledger still has for a charge.
pub fn left_of(charge: &Charge, memory: &Memory, now: Timestamp) -> u64 {
    let per = SignedDuration::from_secs(charge.per_seconds);
    let spent = spent_within(&charge.counts, per, memory, now)
        + unknown_past(charge.size, per, memory, now);
    charge.size.saturating_sub(spent)
}

/// Whether what was planned under `planned` keeps to the limits of `now` too, the same policy as it is
/// by now: each of these follows from one of those, neither Halt nor the care for jobs is new.
pub fn is_within(planned: &Policy, now: &Policy) -> bool {
    let halts = now.on_exceed == OnExceed::Halt && planned.on_exceed != OnExceed::Halt;
    let spares = planned.cancel.allow_job_abort && !now.cancel.allow_job_abort;
    let (charged, limits) = (&planned.budget, &now.budget);
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
    let all = limits.iter().all(|limit| charged.iter().any(|from| follows(limit, from)));
    all && !halts && !spares
}

/// Whether what was planned under the guards' budgets `planned` keeps to those that are in force by now
/// too: each limit that counts it follows from one of those, and no Halt is new.
pub fn is_within_guards(planned: &[guard::Budget], now: &PolicySet, forced: bool) -> bool {
    let follows = |limit: &guard::Limit, halts: bool, from: &guard::Budget| {
        (from.on_exceed == OnExceed::Halt || !halts)
            && from.limits.iter().any(|from| {
                from.forced == limit.forced && from.count <= limit.count && from.per >= limit.per
            })
    };
    now.vetoes().iter().all(|guard| {
        // A Halt stops what its limit does not count as well.
        let halts = guard.budget.on_exceed == OnExceed::Halt;
        let limits = guard.budget.limits.iter();
        let mut counting = limits.filter(|limit| forced || !limit.forced || halts);
        counting.all(|limit| planned.iter().any(|from| follows(limit, halts, from)))
    })
}

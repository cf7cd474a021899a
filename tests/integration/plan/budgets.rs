//! Budgets as windows over the ledger.

use rescind::fact::Unreadable;
use rescind::inventory::Listing;
use rescind::plan::budget::{budget, left_of, spent_within, unknown_past};
use rescind::plan::{Charge, Counted, Depth, Memory, Plan, Reason, Spent, plan};
use rescind::policy::{Limit, LimitSize, Policy};

use jiff::SignedDuration;
use proptest::prelude::*;
use rescind::execution::{JobStatus, OpenStatus};

use super::generate::period;
use super::support::{key, name, now, policy, queue, set, unit};

fn base() -> Policy {
    policy(
        "old",
        "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 1d}]}",
    )
}

fn limited(limits: impl IntoIterator<Item = (LimitSize, i64)>) -> Policy {
    let limits = limits.into_iter().map(|(size, hours)| Limit { size, per: period(hours) });
    Policy { budget: limits.collect(), ..base() }
}

fn percent(value: u8, min_population: u64) -> LimitSize {
    LimitSize::Percent { value, min_population }
}

fn memory(units: impl IntoIterator<Item = Spent>) -> Memory {
    Memory { spent: units.into_iter().collect(), ..Memory::default() }
}

fn open() -> Spent {
    unit("old", None)
}

/// Settled this many nanoseconds less than `hours` ago.
fn settled(hours: i64, less: i64) -> Spent {
    let at = now() - SignedDuration::from_hours(hours) + SignedDuration::from_nanos(less);
    unit("old", Some(at))
}

/// How many of `population` waiting executions a plan takes.
fn taken(policy: Policy, population: usize, memory: &Memory) -> usize {
    planned(policy, population, memory).acts().count()
}

fn planned(policy: Policy, population: usize, memory: &Memory) -> Plan {
    let inventory = queue(population);
    let exact = plan(&set([policy.clone()]), &inventory, memory, now(), Depth::Exact);
    let listed = plan(&set([policy]), &inventory, memory, now(), Depth::Listed);
    assert_eq!(exact.order, listed.order);
    exact
}

#[test]
fn a_unit_leaves_its_window_exactly_a_window_after_it_was_settled() {
    let per = SignedDuration::from_hours(1);
    let counted = Counted::Policy(name("old"));
    for (unit, counts) in [
        (open(), 1),
        (settled(0, 0), 1),
        (settled(1, 1), 1),
        (settled(1, 0), 0),
        (settled(1, -1), 0),
        (settled(-1, 0), 1),
    ] {
        let spent = spent_within(&counted, per, &memory([unit.clone()]), now());
        assert_eq!(spent, counts, "{unit:?}");
    }
}

#[test]
fn every_limit_holds_at_once_and_the_tightest_is_told() {
    let policy = limited([(LimitSize::Count(3), 1), (LimitSize::Count(5), 24)]);
    assert_eq!(taken(policy.clone(), 9, &memory([])), 3);
    assert_eq!(taken(policy.clone(), 9, &memory([settled(2, 0), settled(3, 0)])), 3);
    let most = memory([settled(2, 0), settled(3, 0), settled(4, 0), settled(23, 0)]);
    assert_eq!(taken(policy.clone(), 9, &most), 1);
    let state = budget(&policy, &most, 9, now());
    assert_eq!(state.tightest().map(|it| it.limit.as_str()), Some("5 per 1d"));
    assert_eq!(
        state.tightest().and_then(|it| it.refills_at),
        Some(now() + SignedDuration::from_hours(1))
    );
    let left: Vec<_> = state.charges.iter().map(|it| left_of(it, &most, now())).collect();
    assert_eq!((state.left(), left), (1, vec![3, 1]));
}

#[test]
fn the_ledger_of_another_policy_does_not_count() {
    let policy = limited([(LimitSize::Count(2), 1)]);
    let other = memory(vec![unit("other", None); 9]);
    assert_eq!(taken(policy, 9, &other), 2);
}

#[test]
fn more_spent_than_a_lowered_limit_allows_leaves_nothing() {
    let policy = limited([(LimitSize::Count(1), 1)]);
    assert_eq!(taken(policy, 9, &memory([open(), settled(0, 0), settled(0, 0)])), 0);
}

#[test]
fn nothing_is_none_and_everything_must_be_written() {
    assert_eq!(taken(limited([(LimitSize::Count(0), 1)]), 9, &memory([])), 0);
    assert_eq!(taken(limited([(percent(0, 0), 1)]), 9, &memory([])), 0);
    assert_eq!(taken(limited([(percent(100, 0), 1)]), 9, &memory([])), 9);
    // Nothing is nothing, also of so few that no percentage applies to them.
    assert_eq!(taken(limited([(percent(0, 20), 1)]), 9, &memory([])), 0);
}

#[test]
fn a_share_rounds_down_and_does_not_apply_to_few() {
    let policy = limited([(percent(10, 20), 24)]);
    for (population, allowed) in [(19, 19), (20, 2), (29, 2), (30, 3)] {
        assert_eq!(taken(policy.clone(), population, &memory([])), allowed, "{population}");
    }
    // One that was canceled within the window is still counted among the population.
    assert_eq!(taken(policy.clone(), 19, &memory([settled(23, 0)])), 1);
    assert_eq!(taken(policy, 19, &memory([settled(24, 0)])), 19);
}

#[test]
fn what_is_on_its_way_is_counted_once_in_the_population() {
    // Ten percent of twenty are two. The open one is among the twenty.
    let policy = limited([(percent(10, 0), 24)]);
    let mut memory = memory([open(), open()]);
    memory.open = [key("fw", "r-000"), key("fw", "r-001")].into();
    assert_eq!(taken(policy, 29, &memory), 0);
}

#[test]
fn what_we_canceled_and_is_still_listed_is_counted_once_in_the_population() {
    let policy = limited([(percent(10, 0), 24)]);
    let mut memory = memory([settled(0, 0)]);
    let number = rescind::execution::ExecutionNumber(1);
    memory.canceled = [(key("fw", "r-000"), [(number, now())].into())].into();
    // Twenty-nine are listed, one of which is canceled: with it, still twenty-nine.
    let plan = planned(policy.clone(), 29, &memory);
    assert_eq!((plan.budgets[0].size, plan.budgets[0].spent), (2, 1));
    // The list has caught up.
    memory.canceled.clear();
    assert_eq!(planned(policy, 28, &memory).budgets[0].size, 2);
}

#[test]
fn a_share_needs_each_list_that_its_target_names() {
    let policy = limited([(percent(100, 0), 24)]);
    let id = "fw".parse().expect("a job id");
    let reasons = |inventory| {
        let plan =
            plan(&set([policy.clone()]), &inventory, &Memory::default(), now(), Depth::Exact);
        plan.counts()
    };
    let mut inventory = queue(3);
    assert_eq!(reasons(inventory.clone()), [(Reason::Matched, 3)].into());
    // A list that nobody's target names may fail.
    inventory.lists.insert((id, OpenStatus::InProgress), Listing::Failed(Unreadable::Denied));
    inventory.job_lists.insert(JobStatus::Completed, Listing::Failed(Unreadable::Denied));
    assert_eq!(reasons(inventory.clone()), [(Reason::Matched, 3)].into());
    for why in Unreadable::ALL {
        inventory.job_lists.insert(JobStatus::Scheduled, Listing::Failed(why));
        assert_eq!(reasons(inventory.clone()), [(Reason::InventoryIncomplete, 3)].into());
    }
    inventory.job_lists.remove(&JobStatus::Scheduled);
    assert_eq!(reasons(inventory), [(Reason::InventoryIncomplete, 3)].into());
}

#[test]
fn the_oldest_go_first_and_an_unknown_age_goes_last() {
    let policy = limited([(LimitSize::Count(2), 1)]);
    let policy = Policy {
        clauses: vec![rescind::policy::Clause {
            path: "any".to_owned(),
            test: rescind::policy::Test::JobNames(rescind::policy::Globs::any()),
        }],
        ..policy
    };
    let mut inventory = queue(4);
    let mut unknown = |thing| {
        let row = inventory.executions.get_mut(&key("fw", thing)).expect("a row");
        row.times.change(|it| it.queued_at = rescind::fact::Fact::Unreadable(Unreadable::Invalid));
    };
    unknown("r-000");
    unknown("r-001");
    let plan = plan(&set([policy]), &inventory, &Memory::default(), now(), Depth::Exact);
    let order: Vec<_> = plan.acts().map(|line| line.key.thing.as_str().to_owned()).collect();
    assert_eq!(order, ["r-002", "r-003"]);
}

#[test]
fn each_limit_counts_its_own_units() {
    let forced = |policy: &str| Spent { forced: true, ..unit(policy, None) };
    let memory = memory([unit("old", None), forced("old"), forced("new"), unit("new", None)]);
    for (counts, left) in [
        (Counted::Policy(name("old")), 3),
        (Counted::Policy(name("none")), 5),
        (Counted::All, 1),
        (Counted::Forced, 3),
    ] {
        let charge = Charge { counts, size: 5, per_seconds: 3_600 };
        assert_eq!(left_of(&charge, &memory, now()), left, "{charge:?}");
    }
}

#[test]
fn what_was_before_the_ledger_began_counts_as_spent_and_leaves_evenly() {
    let per = SignedDuration::from_hours(1);
    let began = |seconds_ago: i64| Memory {
        ledger_began: Some(now() - SignedDuration::from_secs(seconds_ago)),
        ..Memory::default()
    };
    for (seconds, size, unknown) in [
        (0, 6, 6),
        (599, 6, 6),
        (600, 6, 5),
        (601, 6, 5),
        (3_599, 6, 1),
        (3_600, 6, 0),
        (9_000, 6, 0),
        // A clock that went back frees nothing.
        (-600, 6, 6),
        (1_800, 1, 1),
        (1_800, 0, 0),
        (1, 1_000_000, 999_723),
    ] {
        assert_eq!(unknown_past(size, per, &began(seconds), now()), unknown, "{size} {seconds}");
    }
    assert_eq!(unknown_past(6, per, &Memory::default(), now()), 0, "the whole past is known");
}

#[test]
fn a_young_ledger_says_what_it_has_and_when_it_has_more() {
    let policy = limited([(LimitSize::Count(6), 1)]);
    let minutes = |count| now() + SignedDuration::from_mins(count);
    let mut memory = Memory { ledger_began: Some(minutes(-25)), ..Memory::default() };
    let state = budget(&policy, &memory, 9, now()).limits.remove(0);
    assert_eq!((state.size, state.spent, state.unknown_past), (6, 4, 4));
    assert_eq!(state.refills_at, Some(minutes(5)), "the third of six leaves after half an hour");
    assert_eq!(taken(policy.clone(), 9, &memory), 2);
    memory.spent = vec![settled(0, 0), settled(0, 0)];
    assert_eq!(taken(policy, 9, &memory), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever takes all that is left at any times never takes more than the limit in any window, though
    /// the whole limit was used, evenly, in the period before the ledger began.
    #[test]
    fn no_window_has_more_than_the_limit_whatever_was_before_the_ledger(
        size in 0..20_u64,
        hours in 1..48_i64,
        waits in prop::collection::vec(0..300_i64, 1..40),
    ) {
        let per = SignedDuration::from_hours(hours);
        let charge = Charge { counts: Counted::All, size, per_seconds: per.as_secs() };
        let mut memory = Memory { ledger_began: Some(now()), ..Memory::default() };
        let step = |k: u64| i64::try_from(k).expect("small") * per.as_secs();
        let size_signed = i64::try_from(size).expect("small");
        let mut taken: Vec<_> = (1..=size)
            .map(|k| now() - per + SignedDuration::from_secs(step(k) / size_signed))
            .collect();
        let mut at = now();
        for minutes in waits {
            at += SignedDuration::from_mins(minutes);
            for _ in 0..left_of(&charge, &memory, at) {
                memory.spent.push(unit("any", Some(at)));
                taken.push(at);
            }
            prop_assert_eq!(left_of(&charge, &memory, at), 0);
        }
        for end in &taken {
            let within = taken.iter().filter(|it| *it <= end && end.duration_since(**it) < per);
            prop_assert!(within.count() as u64 <= size, "in the window that ends at {}", end);
        }
    }
}

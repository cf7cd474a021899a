//! The check has teeth for the budgets of guards: what all policies take together, and what takes force.

use std::sync::Arc;

use jiff::SignedDuration;
use rescind::plan::check::check;
use rescind::plan::{Charge, Counted, Depth, Reason, Spent, plan};
use rescind::policy::{Demands, OnExceed, Policy, PolicySet};

use super::{Case, good, policies};
use crate::plan::support::{guard, key, name, now};

/// Three may go, one of them with force: as many as there are.
const BUDGET: &str = "budget: {max: [{count: 3, per: 1h}], maxForced: [{count: 1, per: 2h}]}";

fn guarded(on_exceed: OnExceed) -> Arc<PolicySet> {
    let mut guard = guard("g", BUDGET);
    guard.budget.on_exceed = on_exceed;
    let policies = policies();
    let policies = policies.iter().map(|policy| Policy::clone(policy));
    Arc::new(PolicySet::guarded(policies, [guard], Demands::default()))
}

/// The good plan, made under the guard.
fn case(set: &Arc<PolicySet>) -> Case {
    let Case { inventory, memory, .. } = good(Depth::Exact);
    let plan = plan(set, &inventory, &memory, now(), Depth::Exact);
    let acts: Vec<_> = plan.acts().map(|line| line.key.to_string()).collect();
    assert_eq!(acts, ["bad on a", "good on a", "good on b"]);
    Case { plan, inventory, memory }
}

fn spent(policy: &str, forced: bool, minutes_ago: i64) -> Spent {
    let settled = now() - SignedDuration::from_mins(minutes_ago);
    Spent { policy: name(policy), forced, settled: Some(settled) }
}

fn charge(case: &mut Case, place: usize, counts: &Counted, change: impl Fn(&mut Charge)) {
    let charges = &mut case.act(place).charges;
    charges.iter_mut().filter(|charge| charge.counts == *counts).for_each(change);
}

/// Lets a line that stays wait for the budget: then it is due as well.
fn one_more_is_due(case: &mut Case) {
    let lines = &mut case.plan.lines;
    let kept = lines.iter_mut().find(|line| line.key == key("good", "c")).expect("in scope");
    kept.verdict.reason = Reason::BudgetHalted;
}

/// The same of a line that is not asked for.
fn one_more_is_due_beside(case: &mut Case) {
    let mut lines = case.plan.lines.iter();
    let mut due = lines.find(|line| line.key == key("good", "c")).expect("in scope").clone();
    due.verdict.reason = Reason::Due;
    case.plan.beside.push(due);
}

type Mutation = (&'static str, fn(&mut Case));

/// Whatever the budget does when more is due.
const MUTATIONS: &[Mutation] = &[
    ("good on b: guard g has no unit left", |it| it.memory.spent = vec![spent("other", false, 59)]),
    ("good on b: guard g has no unit left", |it| {
        it.memory.spent = vec![Spent { settled: None, ..spent("other", false, 0) }];
    }),
    // Out of the window of all, still in that of force.
    ("good on b: guard g has no unit left", |it| it.memory.spent = vec![spent("other", true, 119)]),
    ("bad on a: guard g has no unit left", |it| it.memory.spent = vec![spent("o", false, 1); 3]),
    ("bad on a: guard g has no unit left", |it| it.memory.ledger_began = Some(now())),
    ("good on b: guard g has no unit left", |it| {
        it.memory.ledger_began = Some(now() - SignedDuration::from_mins(61));
    }),
    ("good on b: guard g has no unit left", |it| {
        // Another line with force, that was judged without.
        it.act(1).force = true;
    }),
    ("good on a: a limit of guard g is not charged", |it| {
        it.act(1).charges.retain(|charge| charge.counts != Counted::All);
    }),
    ("good on a: a limit of guard g is not charged", |it| {
        charge(it, 1, &Counted::All, |charge| charge.size += 1);
    }),
    ("good on a: a limit of guard g is not charged", |it| {
        charge(it, 1, &Counted::All, |charge| charge.per_seconds -= 1);
    }),
    ("good on a: a limit of guard g is not charged", |it| {
        charge(it, 1, &Counted::All, |charge| charge.counts = Counted::Forced);
    }),
    ("good on b: a limit of guard g is not charged", |it| {
        it.act(2).charges.retain(|charge| charge.counts != Counted::Forced);
    }),
    ("good on b: a limit of guard g is not charged", |it| {
        charge(it, 2, &Counted::Forced, |charge| charge.size += 1);
    }),
    ("good on b: a limit of guard g is not charged", |it| {
        charge(it, 2, &Counted::Forced, |charge| charge.counts = Counted::Policy(name("routine")));
    }),
];

/// Where it halts: one that would not fit keeps all.
const HALTED: &[Mutation] = &[
    ("bad on a: more is due than guard g allows", one_more_is_due),
    ("good on b: more is due than guard g allows", one_more_is_due),
    ("bad on a: more is due than guard g allows", one_more_is_due_beside),
    ("bad on a: more is due than guard g allows", |it| {
        it.memory.spent = vec![spent("other", false, 59)];
    }),
    ("bad on a: more is due than guard g allows", |it| {
        it.memory.spent = vec![spent("other", true, 119)];
    }),
    ("bad on a: more is due than guard g allows", |it| it.act(1).force = true),
    ("bad on a: more is due than guard g allows", |it| {
        it.memory.ledger_began = Some(now() - SignedDuration::from_mins(61));
    }),
];

#[test]
fn each_way_past_a_budget_of_a_guard_is_caught() {
    let mut missed = Vec::new();
    for on_exceed in [OnExceed::Throttle, OnExceed::Halt] {
        let set = guarded(on_exceed);
        let broken = |case: &Case| -> Vec<String> {
            let found = check(&case.plan, &set, &case.inventory, &case.memory);
            found.into_iter().map(|violation| violation.to_string()).collect()
        };
        assert_eq!(broken(&case(&set)), Vec::<String>::new());
        let halts = HALTED.iter().filter(|_| on_exceed == OnExceed::Halt);
        for (rule, mutate) in MUTATIONS.iter().chain(halts) {
            let mut case = case(&set);
            mutate(&mut case);
            let broken = broken(&case);
            if !broken.iter().any(|text| text.starts_with(rule)) {
                missed.push(format!("{on_exceed:?}: {rule}: {broken:?}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_budget_that_throttles_lets_go_what_fits() {
    let set = guarded(OnExceed::Throttle);
    let mut case = case(&set);
    one_more_is_due(&mut case);
    assert_eq!(check(&case.plan, &set, &case.inventory, &case.memory), []);
}

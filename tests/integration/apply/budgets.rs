//! Budgets and `--max`: never exceeded, and not wasted on what a describe rules out.

use rescind::apply::Ending;
use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation as Call};

use super::bench::{Bench, SWEEP, endings, guard, policy, queued, sweep};
use super::races::NOT_FLASHING;

/// `count` executions of which the oldest `flashing` are ruled out by a describe.
fn partly_flashing(count: usize, flashing: usize) -> String {
    let mut spec = queued(count);
    for index in 0..flashing {
        spec = spec.replace(
            &format!("thing: r{index},"),
            &format!("thing: r{index}, statusDetails: {{phase: flashing}},"),
        );
    }
    spec
}

fn calm(budget: u64) -> String {
    let budget = format!("budget: {{max: [{{count: {budget}, per: 1h}}]}}");
    policy("calm", &format!("{SWEEP}\n{NOT_FLASHING}\n{budget}"))
}

#[tokio::test]
async fn five_units_cancel_the_five_oldest_of_nine_with_five_describes() {
    let bench = Bench::http(&queued(9), &sweep(5)).await;
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("canceled", 5)].into());
    assert_eq!((bench.describes(), bench.cancels()), (5, 5));
    let mut canceled: Vec<_> = bench.effects().iter().map(|it| it.thing_name.clone()).collect();
    canceled.sort();
    assert_eq!(canceled, ["r0", "r1", "r2", "r3", "r4"]);
    assert!(bench.apply().await.is_empty(), "the window is full");
    assert_eq!(bench.spent("sweep").await, 5);
}

#[tokio::test]
async fn units_that_a_describe_saves_go_to_later_lines() {
    let bench = Bench::http(&partly_flashing(40, 20), &calm(5)).await;
    let records = bench.apply().await;
    let counts = endings(&records);
    assert_eq!((counts["canceled"], counts["kept"], counts["budgetExhausted"]), (5, 20, 15));
    assert_eq!((bench.describes(), bench.cancels()), (25, 5));
    assert!(bench.effects().iter().all(|it| it.status_details_before.is_empty()));
}

#[tokio::test]
async fn a_budget_of_nothing_cancels_nothing() {
    for text in [sweep(0), calm(0)] {
        let bench = Bench::http(&queued(3), &text).await;
        bench.apply().await;
        assert_eq!((bench.describes(), bench.cancels()), (0, 0));
    }
}

#[tokio::test]
async fn no_more_are_canceled_than_were_asked_for() {
    let mut bench = Bench::http(&partly_flashing(30, 3), &calm(20)).await;
    bench.max = Some(4);
    let counts = endings(&bench.apply().await);
    assert_eq!((counts["canceled"], counts["kept"], counts["beyondMax"]), (4, 3, 23));
    assert_eq!((bench.describes(), bench.cancels()), (7, 4));
}

#[tokio::test(start_paused = true)]
async fn units_given_back_are_used_in_the_same_pass() {
    let bench = Bench::memory(&queued(9), &calm(2));
    bench.faults().inject(Call::CancelJobExecution, Fault::Fail(ErrorKind::NotFound), 3);
    let counts = endings(&bench.apply().await);
    assert_eq!(counts["canceled"], 2, "{counts:?}");
    assert_eq!(bench.effects().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_unit_whose_effect_is_unknown_is_not_given_to_another() {
    let bench = Bench::memory(&queued(9), &calm(2));
    bench.faults().inject(Call::CancelJobExecution, Fault::Fail(ErrorKind::Unavailable), 1000);
    let records = bench.apply().await;
    let counts = endings(&records);
    assert_eq!((counts["failed"], counts["budgetExhausted"]), (2, 7), "{counts:?}");
    assert_eq!((bench.spent("calm").await, bench.effects().len()), (2, 0));
    // Three attempts each, and then it is left alone for a while.
    assert!(records.iter().filter(|it| it.attempts > 0).all(|it| it.attempts == 3), "{records:?}");
    assert_eq!(bench.memory_now().await.backing_off.len(), 2);
}

#[tokio::test]
async fn a_ledger_that_knows_more_than_the_plan_has_the_last_word() {
    let bench = Bench::http(&queued(40), &calm(20)).await;
    let (plan, inventory, memory) = bench.plan().await;
    let lines: Vec<_> = plan.acts().cloned().collect();
    // Another apply has used all but three units since the plan was made.
    let other: Vec<_> = lines.iter().rev().take(17).cloned().collect();
    let first = bench.walk(other, &inventory, &memory).await;
    assert_eq!(endings(&first)["canceled"], 17);
    bench.emulator.reset_calls();
    let records = bench.walk(lines[..23].to_vec(), &inventory, &memory).await;
    let counts = endings(&records);
    assert_eq!((counts["canceled"], counts["budgetExhausted"]), (3, 20), "{counts:?}");
    assert!(bench.describes() <= 20, "a refused line is not followed by a try of all the others");
    assert_eq!(bench.spent("calm").await, 20);
}

#[tokio::test]
async fn each_policy_has_its_own_budget_and_the_higher_priority_goes_first() {
    let urgent = format!("{SWEEP}\npriority: 5\nbudget: {{max: [{{count: 2, per: 1h}}]}}");
    let urgent = urgent.replace("[QUEUED]", "[QUEUED], things: {names: [r3, r4, r5]}");
    let bench = Bench::http(&queued(6), &(policy("urgent", &urgent) + &sweep(2))).await;
    let records = bench.apply().await;
    let mut canceled: Vec<_> = records
        .iter()
        .filter(|it| it.ending.label() == "canceled")
        .map(|it| format!("{} {}", it.policy, it.key.thing))
        .collect();
    canceled.sort();
    // What the cause's budget does not allow falls through to nobody.
    assert_eq!(canceled, ["sweep r0", "sweep r1", "urgent r3", "urgent r4"]);
    assert!(records.iter().all(|it| it.ending != Ending::NotTried));
}

#[tokio::test]
async fn a_guards_budget_counts_what_all_policies_cancel() {
    let urgent = format!("{SWEEP}\npriority: 5\nbudget: {{max: [{{count: 9, per: 1h}}]}}");
    let urgent = urgent.replace("[QUEUED]", "[QUEUED], things: {names: [r5]}");
    let policies = policy("urgent", &urgent)
        + &sweep(9)
        + &guard("g", "budget: {max: [{count: 3, per: 1h}, {count: 5, per: 24h}]}");
    let bench = Bench::http(&queued(6), &policies).await;
    let records = bench.apply().await;
    let mut canceled: Vec<_> =
        records.iter().map(|it| format!("{} {}", it.policy, it.key.thing)).collect();
    canceled.sort();
    assert_eq!(canceled, ["sweep r0", "sweep r1", "urgent r5"]);
    assert_eq!(bench.effects().len(), 3);
    assert!(bench.apply().await.is_empty(), "the window is full, whoever filled it");
}

#[tokio::test]
async fn the_ledger_refuses_what_is_over_a_guards_budget() {
    let policies = sweep(9) + &guard("g", "budget: {max: [{count: 2, per: 1h}]}");
    let bench = Bench::http(&queued(4), &policies).await;
    let (plan, inventory, memory) = bench.plan().await;
    let lines: Vec<_> = plan.acts().cloned().collect();
    // The same plan is applied twice, as if another process had been as fast.
    let first = bench.walk(lines.clone(), &inventory, &memory).await;
    assert_eq!(endings(&first), [("canceled", 2)].into());
    let again = bench.walk(lines, &inventory, &memory).await;
    assert!(again.iter().all(|it| it.ending.label() != "canceled"), "{again:?}");
    assert_eq!(bench.effects().len(), 2);
}

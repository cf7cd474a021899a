//! What it tells while it acts, which takes minutes where much is due.

use std::time::Duration;

use rescind::backend::Operation;
use tokio::time::sleep;

use super::bench::Bench;
use crate::apply::bench::{queued, sweep};

#[tokio::test(start_paused = true)]
async fn budgets_and_what_was_done_are_told_while_it_acts() {
    let bench = Bench::new(&queued(500), &sweep(1_000));
    let running = bench.begin();
    sleep(Duration::from_secs(45)).await;
    let told = running.told();
    assert!(told.active);
    let canceled = told.tally.since["canceled"];
    assert!((200..500).contains(&canceled), "{canceled}");
    assert_eq!(told.tally.endings["canceled"], canceled);
    // As of the latest batch.
    let left = told.policies[0].budgets[0].left;
    assert!(left < 1_000 && left >= 1_000 - canceled, "{left} left after {canceled}");
    // Everything is looked at again.
    sleep(Duration::from_secs(10 * 60)).await;
    let told = running.told();
    running.stop().await;
    assert_eq!(told.tally.endings["canceled"], 500);
    assert!(told.tally.since.is_empty(), "{:?}", told.tally.since);
    assert_eq!(told.policies[0].budgets[0].left, 500);
}

#[tokio::test(start_paused = true)]
async fn a_pass_lives_while_its_calls_are_answered_and_no_longer() {
    let bench = Bench::new(&queued(2_500), &sweep(1));
    bench.world.takes(Operation::ListJobExecutionsForJob, Duration::from_secs(60));
    let running = bench.begin();
    // One list of ten pages.
    for minute in 1..=9 {
        sleep(Duration::from_secs(60)).await;
        assert!(running.told().active && running.told().is_alive(), "minute {minute}");
    }
    running.stop().await;
    let bench = Bench::new(&queued(1), &sweep(1));
    bench.world.takes(Operation::ListJobExecutionsForJob, Duration::from_secs(1_000));
    let running = bench.begin();
    sleep(Duration::from_secs(400)).await;
    assert!(running.told().active && !running.told().is_alive());
}

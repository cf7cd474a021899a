//! Credentials that change under the controller.

use std::time::Duration;

use rescind::controller::Error;
use tokio::time::{Instant, sleep};

use super::bench::Bench;
use crate::apply::bench::{guard, queued, sweep};

#[tokio::test(start_paused = true)]
async fn another_account_that_answers_in_the_moment_of_acting_ends_it_as_at_a_look() {
    let scope = guard("scope", "scope: {accounts: ['123456789012'], regions: [eu-central-1]}");
    let bench = Bench::new(&queued(400), &(sweep(1_000) + &scope));
    let running = bench.begin();
    sleep(Duration::from_secs(20)).await;
    bench.world.answers_for("210987654321");
    let began = Instant::now();
    let ended = running.ended().await;
    assert!(matches!(ended, Err(Error::OutOfScope { .. })), "{ended:?}");
    // Time is simulated; a look at everything comes each five minutes.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let canceled = bench.canceled().len();
    assert!((100..200).contains(&canceled), "{canceled}");
}

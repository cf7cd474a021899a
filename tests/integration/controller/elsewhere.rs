//! Credentials that change under the controller.

use std::time::Duration;

use rescind::backend::Operation as Call;
use rescind::backend::fault::Fault;
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

/// Who answered for a moment says nothing of it, and a restart may be months away.
#[tokio::test(start_paused = true)]
async fn a_lost_cancel_for_which_another_account_answered_for_a_moment_is_settled_soon() {
    let bench = Bench::new(&queued(1), &sweep(1_000));
    bench.faults.inject(Call::CancelJobExecution, Fault::LoseReply, 1);
    let (world, back) = (bench.world.clone(), bench.world.clone());
    bench.world.on(Call::DescribeJobExecution, move |moment| {
        if moment.nth == 2 {
            world.answers_for("210987654321");
        }
    });
    bench.world.on(Call::ListJobs, move |_| back.answers_for("123456789012"));
    let running = bench.begin();
    sleep(2 * bench.interval).await;
    assert!(bench.world.calls(Call::DescribeJobExecution) >= 2);
    assert_eq!(bench.canceled().len(), 1);
    assert_eq!(bench.state.open().await.unwrap(), []);
    let memory = bench.state.memory(bench.clock.now()).await.unwrap();
    assert!(memory.spent.len() == 1 && memory.spent[0].settled.is_some(), "{:?}", memory.spent);
    assert!(memory.backing_off.is_empty(), "{:?}", memory.backing_off);
    running.stop().await;
}

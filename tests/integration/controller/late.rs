//! What an apply tells that was handed over, minutes later.

use std::time::Duration;

use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation};
use tokio::time::sleep;

use super::bench::Bench;
use crate::apply::bench::policy;
use crate::apply::moves;

const DESCRIBE: Operation = Operation::DescribeJobExecution;

/// The list of the job is read at each interval, for the sake of another policy.
fn policies() -> String {
    let of = |name: &str, thing: &str, age: &str| {
        let spec = format!(
            "mode: Enforce\ntarget: {{statuses: [QUEUED], things: {{names: [{thing}]}}}}\n\
             match: {{age: [{{since: queuedAt, olderThan: {age}}}]}}\n\
             budget: {{max: [{{count: 9, per: 1h}}]}}"
        );
        policy(name, &spec)
    };
    of("old", "r0", "6m") + &of("young", "nobody", "1m")
}

#[tokio::test(start_paused = true)]
async fn what_became_of_an_execution_says_nothing_of_the_next_one_of_its_thing() {
    let bench = Bench::new(moves::CONTINUOUS, &policies());
    bench.faults.inject(Operation::CancelJobExecution, Fault::LoseReply, 1);
    let faults = bench.faults.clone();
    bench.world.on(DESCRIBE, move |moment| {
        if moment.nth == 1 {
            // So that the lost call waits for its flight time.
            faults.inject(DESCRIBE, Fault::Fail(ErrorKind::Unavailable), 6);
        }
    });
    let running = bench.begin();
    sleep(Duration::from_secs(100)).await;
    let now = bench.clock.now();
    bench.emulator.store(|store| moves::queue_anew(store, "r0", "berlin", now));
    // It is listed within five minutes, the earlier one settled after 340 s, and the later one due 360 s
    // after it was queued.
    sleep(Duration::from_secs(360 + 20)).await;
    running.stop().await;
    let effects = bench.world.effects();
    let numbers: Vec<_> = effects.iter().map(|it| it.execution_number).collect();
    assert_eq!(numbers, [1, 2], "{effects:?}");
}

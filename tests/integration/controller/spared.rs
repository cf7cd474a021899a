//! A job that AWS could abort if one more of its executions were canceled, and no longer could.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::sleep;

use super::bench::Bench;
use crate::apply::bench::sweep;
use crate::apply::moves;

/// Two of three that have ended failed, and four more are at it. Twenty have left: AWS does not say whether
/// it counts them, and the emulator does, so that it aborts nothing here.
const FLEET: &str = "jobs: [{id: fw, createdAt: 90d ago, abort: [{failureType: FAILED, \
     thresholdPercentage: 30, minNumberOfExecutedThings: 4}]}]\n\
     things: [{name: r}, {name: 's{n}', count: 4}, {name: 'f{n}', count: 2}, {name: d}, \
     {name: 'x{n}', count: 20}]\n\
     executions:\n\
     - {job: fw, thing: r, queuedAt: 3h ago}\n\
     - {job: fw, thing: 's{n}', count: 4, status: IN_PROGRESS, queuedAt: 3h ago}\n\
     - {job: fw, thing: 'f{n}', count: 2, status: FAILED, queuedAt: 3h ago}\n\
     - {job: fw, thing: 'x{n}', count: 20, status: REMOVED, queuedAt: 3h ago}\n\
     - {job: fw, thing: d, status: SUCCEEDED, queuedAt: 3h ago}";

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_numbers_of_its_job_goes_on_as_they_change() {
    let bench = Bench::new(FLEET, &sweep(9));
    let running = bench.begin();
    sleep(Duration::from_secs(20 * 60)).await;
    assert_eq!(bench.canceled().len(), 0, "two of four would have failed");
    let now = bench.clock.now();
    bench.emulator.store(|store| {
        for n in 1..=4 {
            moves::succeed(store, &format!("s{n}"), now);
        }
    });
    sleep(Duration::from_secs(5 * 60 + 30)).await;
    running.stop().await;
    let canceled = bench.canceled();
    assert!(canceled["r"] <= SignedDuration::from_secs(25 * 60 + 20), "{canceled:?}");
}

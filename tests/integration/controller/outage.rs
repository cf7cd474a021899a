//! Credentials that are not accepted for a while.

use std::time::Duration;

use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation};
use tokio::time::sleep;

use super::bench::Bench;
use crate::apply::bench::policy;

const FLEET: &str = "jobs: [{id: fw, createdAt: 90d ago}]\nthings: [{name: 'r{n}', count: 9}]\n\
                     executions: [{job: fw, thing: 'r{n}', count: 9, queuedAt: 71h ago}]";

#[tokio::test(start_paused = true)]
async fn what_is_known_outlasts_credentials_that_are_not_accepted() {
    let spec = "mode: Enforce\ntarget: {statuses: [QUEUED]}\n\
                match: {age: [{since: queuedAt, olderThan: 72h}]}\n\
                budget: {max: [{count: 9, per: 1h}]}";
    let bench = Bench::new(FLEET, &policy("old", spec));
    let running = bench.begin();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.world.calls(Operation::ListJobExecutionsForJob), 1);
    bench.faults.inject(Operation::ListJobs, Fault::Fail(ErrorKind::Credentials), 8);
    sleep(Duration::from_secs(30 * 60)).await;
    assert!(running.told().tally.failed >= 1, "it was met");
    assert_eq!(bench.canceled().len(), 0);
    // Due after an hour.
    sleep(Duration::from_secs(30 * 60)).await;
    running.stop().await;
    assert_eq!(bench.canceled().len(), 9);
    assert_eq!(bench.world.calls(Operation::ListJobExecutionsForJob), 1, "it was kept");
}

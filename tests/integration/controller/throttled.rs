//! An AWS that throttles for longer than a line waits.

use std::time::Duration;

use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation};
use tokio::time::sleep;

use super::bench::Bench;
use crate::apply::bench::{queued, sweep};

#[tokio::test(start_paused = true)]
async fn executions_are_canceled_as_soon_as_aws_throttles_no_more() {
    let bench = Bench::new(&queued(5), &sweep(5));
    // At one in two seconds, which is what is left of the pace then, they take two minutes.
    bench.faults.inject(Operation::CancelJobExecution, Fault::Fail(ErrorKind::Throttled), 60);
    let running = bench.begin();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.canceled().len(), 0);
    sleep(Duration::from_secs(140)).await;
    running.stop().await;
    assert_eq!(bench.canceled().len(), 5, "{:?}", bench.canceled());
}

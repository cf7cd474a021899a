//! What a version does not cover is at most a minute old when it is judged, and costs one call a minute
//! for all lines of a job.

use std::time::Duration;

use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation};
use rescind::emulator::{CancelJob, Operation as Op};
use rescind::plan::{Outcome, Reason};

use super::bench::{Bench, endings, kept, only, outcome, policy, queued, sweep};

/// Lines of a plan that was made so many seconds before it is applied.
async fn later(bench: &Bench, seconds: u64) -> Vec<rescind::apply::Record> {
    let (plan, inventory, memory) = bench.plan().await;
    tokio::time::advance(Duration::from_secs(seconds)).await;
    bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await
}

/// One execution that is IN_PROGRESS, under a policy for jobs that are.
fn running() -> Bench {
    let fleet = "jobs: [{id: fw, createdAt: 90d ago}]\nthings: [{name: r0}]\n\
                 executions: [{job: fw, thing: r0, status: IN_PROGRESS, queuedAt: 3h ago}]";
    let spec = "mode: Enforce\ntarget: {statuses: [IN_PROGRESS], jobs: {statuses: [IN_PROGRESS]}}\n\
                match: {age: [{since: startedAt, olderThan: 1m}]}\ncancel: {force: true}\n\
                budget: {max: [{count: 9, per: 1h}]}";
    Bench::memory(fleet, &policy("running", spec))
}

/// Lets somebody cancel the job when the execution is described; what is IN_PROGRESS stays as it is.
fn cancels_the_job(bench: &Bench) {
    bench.world().on(Operation::DescribeJobExecution, |moment| {
        let _ = moment.store.cancel_job("fw", CancelJob::default(), moment.now);
    });
}

#[tokio::test(start_paused = true)]
async fn a_jobs_status_is_read_again_once_it_is_older_than_a_minute() {
    let bench = running();
    cancels_the_job(&bench);
    let records = later(&bench, 61).await;
    assert_eq!(kept(&records), Reason::NoMatch);
    assert_eq!(only(&records).note, "no policy has it in scope any more");
    assert_eq!((bench.calls(Op::DescribeJob), bench.cancels()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_jobs_status_that_is_fresh_is_not_read_again() {
    let bench = running();
    cancels_the_job(&bench);
    let records = later(&bench, 50).await;
    assert_eq!(outcome(&records), Outcome::Canceled);
    assert_eq!(bench.calls(Op::DescribeJob), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_read_again_keeps_its_executions() {
    let bench = Bench::memory(&queued(2), &sweep(9));
    let (plan, inventory, memory) = bench.plan().await;
    tokio::time::advance(Duration::from_secs(61)).await;
    bench.faults().inject(Operation::DescribeJob, Fault::Fail(ErrorKind::Denied), 2);
    let records = bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await;
    assert_eq!(endings(&records), [("kept", 2)].into());
    assert_eq!(bench.cancels(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_lines_of_one_job_share_what_was_read_again() {
    let bench = Bench::memory(&queued(30), &sweep(30));
    let records = later(&bench, 61).await;
    assert_eq!(endings(&records), [("canceled", 30)].into());
    assert_eq!(bench.calls(Op::DescribeJob), 2, "once for the plan, once for all lines");
}

//! What a version does not cover is at most a minute old when it is judged, and costs one call a minute
//! for all lines of a job.

use std::cell::Cell;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rescind::apply::Ending;
use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation};
use rescind::clock::Clock;
use rescind::emulator::{CancelJob, Operation as Op, Update};
use rescind::execution::{ExecutionStatus, JobStatus};
use rescind::plan::{Outcome, Reason};
use tokio::time::Instant;

use super::bench::{Bench, START, endings, kept, only, outcome, policy, queued, sweep};

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

/// The monotonic clock stands still meanwhile, so that what was described before would pass for fresh.
#[tokio::test(start_paused = true)]
async fn what_was_described_before_the_machine_was_suspended_is_described_again() {
    thread_local!(static SUSPENDED: Cell<i64> = const { Cell::new(0) });
    fn wall() -> Timestamp {
        START.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(SUSPENDED.get())
    }
    for suspended in [0, 600] {
        SUSPENDED.set(0);
        let mut bench = Bench::memory(&queued(20), &sweep(99));
        bench.clock = Clock::beside(wall);
        let clock = bench.clock.clone();
        clock.confirm(wall(), Instant::now());
        let mut described = 0;
        bench.world().on(Operation::DescribeJobExecution, move |_| {
            described += 1;
            if described == 18 {
                SUSPENDED.set(suspended);
                clock.confirm(wall(), Instant::now());
            }
        });
        let records = bench.apply().await;
        assert_eq!(endings(&records), [("canceled", 20)].into(), "{suspended}: {records:?}");
        let described = bench.calls(Op::DescribeJobExecution);
        assert_eq!(described > 20, suspended > 0, "{described}");
    }
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
async fn what_waits_behind_an_execution_is_read_again_once_it_is_older_than_a_minute() {
    let fleet = "jobs: [{id: fw}, {id: next}]\nthings: [{name: r0}]\nexecutions:\n\
                 - {job: fw, thing: r0, queuedAt: 3h ago}\n\
                 - {job: next, thing: r0, queuedAt: 2h ago}";
    let spec = "mode: Enforce\ntarget: {statuses: [QUEUED], jobs: {names: [fw]}}\n\
                conditions: [{name: blocks, expression: execution.queuedBehind > 0}]\n\
                budget: {max: [{count: 9, per: 1h}]}";
    for (waits, ending) in [(true, "canceled"), (false, "kept")] {
        let bench = Bench::memory(fleet, &policy("blocking", spec));
        bench.world().on(Operation::DescribeJobExecution, move |moment| {
            if !waits {
                moment.store.delete_execution("r0", "next");
            }
        });
        let records = later(&bench, 61).await;
        assert_eq!(endings(&records), [(ending, 1)].into(), "{records:?}");
        assert_eq!(bench.calls(Op::ListJobExecutionsForThing), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_lines_of_one_job_share_what_was_read_again() {
    let bench = Bench::memory(&queued(30), &sweep(30));
    let records = later(&bench, 61).await;
    assert_eq!(endings(&records), [("canceled", 30)].into());
    assert_eq!(bench.calls(Op::DescribeJob), 2, "once for the plan, once for all lines");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_read_again_is_not_asked_for_by_each_of_its_lines() {
    let bench = Bench::memory(&queued(40), &sweep(40));
    let (plan, inventory, memory) = bench.plan().await;
    tokio::time::advance(Duration::from_secs(61)).await;
    // As often as one read is tried; the next one would be answered.
    bench.faults().inject(Operation::DescribeJob, Fault::Fail(ErrorKind::Unavailable), 5);
    let records = bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await;
    assert_eq!(endings(&records), [("kept", 40)].into());
    assert!(records.iter().all(|it| it.ending == Ending::Kept(Reason::FactUnknown)), "{records:?}");
    assert_eq!(bench.calls(Op::DescribeJob), 1, "that of the plan");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_reads_time_out_is_not_read_again_by_each_of_its_lines() {
    let bench = Bench::memory(&queued(120), &sweep(120));
    let (plan, inventory, memory) = bench.plan().await;
    tokio::time::advance(Duration::from_secs(61)).await;
    // As often as one read is tried, for almost a minute; the next one would be answered.
    bench.world().hangs(Operation::DescribeJob, 5);
    let began = tokio::time::Instant::now();
    let records = bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await;
    assert!(records.iter().all(|it| it.ending == Ending::Kept(Reason::FactUnknown)), "{records:?}");
    assert_eq!(bench.calls(Op::DescribeJob), 1, "that of the plan");
    // Time is simulated.
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_read_of_the_numbers_of_a_job_is_good_for_the_lines_that_waited_for_it() {
    let bench = abortable(&sweep(150));
    bench.world().takes(Operation::DescribeJob, Duration::from_secs(12));
    let began = tokio::time::Instant::now();
    let records = bench.apply().await;
    assert!(endings(&records)["canceled"] > 50, "{:?}", endings(&records));
    // Time is simulated: twenty seconds of lines, and of each half minute twelve for the read.
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    assert!(bench.calls(Op::DescribeJob) <= 6, "{}", bench.calls(Op::DescribeJob));
}

#[tokio::test(start_paused = true)]
async fn lines_of_a_job_that_takes_long_to_read_leave_their_places_to_others() {
    // Sixteen are on their way at once; the old job's forty come first.
    let fleet = "jobs: [{id: slow, createdAt: 90d ago}, {id: fast, createdAt: 90d ago}]\n\
                 things: [{name: 'r{n}', count: 40}, {name: last}]\nexecutions:\n\
                 - {job: slow, thing: 'r{n}', count: 40, queuedAt: 3h ago}\n\
                 - {job: fast, thing: last, queuedAt: 2h ago}";
    let bench = Bench::memory(fleet, &sweep(100));
    let (plan, mut inventory, memory) = bench.plan().await;
    tokio::time::advance(Duration::from_secs(61)).await;
    // The other one's is fresh.
    let now = bench.clock.now();
    let fast = inventory.jobs.get_mut(&"fast".parse().unwrap()).unwrap();
    (fast.status_at, fast.described_at) = (now, Some(now));
    bench.world().takes(Operation::DescribeJob, Duration::from_secs(30));
    let began = now;
    bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await;
    let effects = bench.effects();
    let last = effects.iter().find(|it| it.thing_name == "last").expect("it is canceled");
    let waited = last.at.duration_since(began);
    // Time is simulated.
    assert!(waited < jiff::SignedDuration::from_secs(20), "{waited}");
    assert_eq!(effects.len(), 41);
}

#[tokio::test(start_paused = true)]
async fn lines_of_a_job_that_takes_long_to_read_are_not_described_all_the_time() {
    let bench = Bench::memory(&queued(3), &sweep(9));
    bench.world().takes(Operation::DescribeJob, Duration::from_secs(30));
    let records = later(&bench, 61).await;
    assert_eq!(endings(&records), [("canceled", 3)].into());
    // The first one before and after it reads the job; the others each seven seconds meanwhile.
    assert!((8..=14).contains(&bench.describes()), "{}", bench.describes());
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_facts_that_are_read_again() {
    let bench = Bench::memory(&queued(3), &sweep(9));
    let (plan, inventory, memory) = bench.plan().await;
    tokio::time::advance(Duration::from_secs(61)).await;
    bench.world().takes(Operation::DescribeJob, Duration::from_secs(60));
    let (stop, began) = (bench.stop.clone(), tokio::time::Instant::now());
    let (records, ()) =
        tokio::join!(bench.walk(plan.acts().cloned().collect(), &inventory, &memory), async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.stop();
        });
    assert_eq!(endings(&records), [("notTried", 3)].into());
    assert!(began.elapsed() < Duration::from_secs(2));
}

/// A job that AWS aborts if a fifth of 120 that have ended failed: 150 waited for long, 50 have not, and 36
/// are at it.
fn abortable(policy: &str) -> Bench {
    let fleet = "jobs: [{id: fw, createdAt: 90d ago, abort: [{failureType: FAILED, \
                 thresholdPercentage: 20, minNumberOfExecutedThings: 120}]}]\n\
                 things: [{name: 'r{n}', count: 150}, {name: 'y{n}', count: 50}, {name: 's{n}', count: 36}]\n\
                 executions:\n\
                 - {job: fw, thing: 'r{n}', count: 150, queuedAt: 3h ago}\n\
                 - {job: fw, thing: 'y{n}', count: 50, queuedAt: 1s ago}\n\
                 - {job: fw, thing: 's{n}', count: 36, status: IN_PROGRESS, queuedAt: 3h ago}";
    let bench = Bench::memory(fleet, policy);
    bench.world().on(Operation::DescribeJobExecution, |moment| {
        if moment.nth == 20 {
            for n in 1..=36 {
                let update = Update::to(ExecutionStatus::Failed);
                moment.store.update(&format!("s{n}"), "fw", update, moment.now).unwrap();
            }
        }
    });
    bench
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_devices_fail_while_its_lines_are_walked_is_not_brought_to_its_abort() {
    let bench = abortable(&sweep(150));
    let records = bench.apply().await;
    let at_risk = records.iter().filter(|it| it.ending == Ending::Kept(Reason::JobAbortRisk));
    let at_risk: Vec<_> = at_risk.collect();
    assert!(at_risk.len() > 50, "{:?}", endings(&records));
    let note = &at_risk[0].note;
    assert!(note.starts_with("AWS could then abort the whole job: canceled counts as"), "{note}");
    assert!(note.contains("36 FAILED"), "{note}");
    assert_eq!(endings(&records)["canceled"] + at_risk.len(), 150);
    let status = bench.emulator.store(|store| store.job("fw").unwrap().status.clone());
    assert_eq!(status, JobStatus::InProgress);
    // Its numbers are read each ten seconds: twenty seconds at eight a second.
    assert!((2..=4).contains(&bench.calls(Op::DescribeJob)), "{}", bench.calls(Op::DescribeJob));
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_the_risk_of_an_abort_gets_all_canceled() {
    let bench =
        abortable(&sweep(150).replace("budget:", "cancel: {allowJobAbort: true}\n  budget:"));
    let records = bench.apply().await;
    assert!(endings(&records)["canceled"] > 80, "{:?}", endings(&records));
    let status = bench.emulator.store(|store| store.job("fw").unwrap().status.clone());
    assert_eq!(status, JobStatus::Canceled, "so the numbers of the test would abort it");
}

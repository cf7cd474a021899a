//! What AWS refuses: throttled, denied, invalid; and what the other lines learn from it.

use std::time::Duration;

use rescind::apply::Ending;
use rescind::backend::fault::Fault;
use rescind::backend::pace::{FLOOR, Pacer};
use rescind::backend::{ErrorKind, Operation as Call};
use rescind::emulator::{Denial, Faults, Operation, Rate};
use rescind::plan::{Depth, Outcome};
use rescind::state::DENIED_FOR;
use tokio::time::Instant;

use super::bench::{Bench, endings, only, outcome, queued, sweep};

const CANCEL: Call = Call::CancelJobExecution;

fn deny(action: &str, resource: &str) -> Faults {
    let denial = Denial { action: action.to_owned(), resource: resource.to_owned() };
    Faults { deny: vec![denial], ..Faults::default() }
}

/// `per_job` QUEUED executions of each of `jobs` jobs, those of job0 the oldest.
fn jobs(jobs: usize, per_job: usize) -> String {
    let mut spec = "jobs:\n".to_owned();
    (0..jobs).for_each(|job| spec.push_str(&format!("  - {{id: job{job}}}\n")));
    spec.push_str("things:\n");
    (0..per_job).for_each(|thing| spec.push_str(&format!("  - {{name: r{thing}}}\n")));
    spec.push_str("executions:\n");
    for (job, thing) in (0..jobs).flat_map(|job| (0..per_job).map(move |thing| (job, thing))) {
        let age = 90_000 - 1000 * job - thing;
        spec.push_str(&format!("  - {{job: job{job}, thing: r{thing}, queuedAt: {age}s ago}}\n"));
    }
    spec
}

/// Over HTTP on paused time: the wire is inside this process, so time only passes when all wait.
#[tokio::test(start_paused = true)]
async fn a_bucket_that_runs_dry_slows_down_and_changes_no_outcome() {
    let bench = Bench::http(&queued(30), &sweep(100)).await;
    let rate = Rate { per_second: 5.0, burst: 3.0 };
    bench.emulator.set_faults(Faults {
        throttle: [
            (Operation::CancelJobExecution, rate),
            (Operation::DescribeJobExecution, Rate { per_second: 20.0, burst: 10.0 }),
        ]
        .into(),
        ..Faults::default()
    });
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("canceled", 30)].into());
    assert_eq!(bench.effects().len(), 30);
    assert!(bench.cancels() > 30, "some were throttled");
    assert!(bench.pacer.counts().throttled[&CANCEL] > 0);
    assert!(bench.pacer.rate(CANCEL).is_some(), "a limit was learnt");
    assert_eq!(bench.spent("sweep").await, 30);
}

#[tokio::test(start_paused = true)]
async fn throttling_that_never_ends_fails_and_gives_the_unit_back() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Throttled), 1000);
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Failed);
    assert!(only(&records).attempts > 3);
    assert_eq!(bench.spent("sweep").await, 0);
    let waited = bench.waited();
    assert!(waited.iter().all(|(_, time)| *time > Duration::from_secs(10)), "{waited:?}");
    let (plan, ..) = bench.plan().await;
    assert_eq!(plan.acts().count(), 1, "it is not the execution that is to blame");
}

#[tokio::test(start_paused = true)]
async fn describes_that_are_throttled_for_long_are_not_the_executions_fault() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    bench.faults().inject(Call::DescribeJobExecution, Fault::Fail(ErrorKind::Throttled), 1000);
    assert_eq!(outcome(&bench.apply().await), Outcome::Failed);
    assert!(bench.memory_now().await.backing_off.is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_on_with_other_passes_does_not_wait_for_what_is_only_throttled() {
    let mut bench = Bench::memory(&queued(3), &sweep(10));
    bench.heard.settles = true;
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Throttled), 1000);
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("failed", 3)].into());
    assert_eq!(only(&records[..1]).note, "AWS throttles: it is judged anew in the next pass");
    assert_eq!(bench.spent("sweep").await, 0);
    assert!(bench.memory_now().await.backing_off.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cancel_without_a_connection_is_tried_again_in_seconds_and_not_after_its_flight_time() {
    let bench = Bench::memory(&queued(1), &sweep(1));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::NotConnected), 2);
    let begun = Instant::now();
    let records = bench.apply().await;
    assert_eq!((outcome(&records), only(&records).attempts), (Outcome::Canceled, 3));
    // A second after the first, two after the next. Time is simulated.
    let waits = Duration::from_secs(3)..Duration::from_secs(10);
    assert!(waits.contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(bench.waited().is_empty());
    assert_eq!(bench.describes(), 3, "each attempt begins with one");
}

#[tokio::test(start_paused = true)]
async fn cancels_that_never_get_a_connection_fail_and_give_their_units_back() {
    let bench = Bench::memory(&queued(2), &sweep(10));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::NotConnected), 1000);
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("failed", 2)].into());
    assert_eq!((bench.spent("sweep").await, bench.effects().len()), (0, 0));
    assert!(bench.waited().is_empty());
}

#[tokio::test(start_paused = true)]
async fn after_several_executions_in_a_row_without_a_connection_nothing_more_is_tried() {
    let bench = Bench::memory(&queued(200), &sweep(1000));
    let describe = Call::DescribeJobExecution;
    bench.faults().inject(describe, Fault::Fail(ErrorKind::NotConnected), 100_000);
    let records = bench.apply().await;
    let ended = endings(&records);
    assert_eq!(ended.values().sum::<usize>(), 200);
    // As many as are walked at the same time found out; each of them tried again.
    assert!(ended["notTried"] >= 184 && ended["failed"] >= 1, "{ended:?}");
    let not_tried = records.iter().find(|it| it.ending == Ending::NotTried).unwrap();
    assert!(not_tried.note.contains("no connection could be made"), "{}", not_tried.note);

    // An outage that ends is waited for, and costs nobody his turn.
    let bench = Bench::memory(&queued(200), &sweep(1000));
    bench.faults().inject(describe, Fault::Fail(ErrorKind::NotConnected), 30);
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("canceled", 200)].into());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_cancel_keeps_its_intent_and_gets_a_new_attempt() {
    let bench = Bench::memory(&queued(1), &sweep(1));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Throttled), 2);
    let records = bench.apply().await;
    assert_eq!((outcome(&records), only(&records).attempts), (Outcome::Canceled, 3));
    let begun = bench.ledger.begun.lock().unwrap().clone();
    assert!(begun.windows(2).all(|pair| pair[0].id == pair[1].id));
    assert!(begun.windows(2).all(|pair| pair[0].details.send != pair[1].details.send));
    assert_eq!(bench.describes(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_pinned_version_still_counts_for_a_second_attempt() {
    let spec = queued(1).replace("thing: r0,", "thing: r0, status: IN_PROGRESS,");
    let text = super::bench::policy(
        "stuck",
        "mode: Enforce\ntarget: {statuses: [IN_PROGRESS]}\n\
         match: {age: [{since: queuedAt, olderThan: 1m}]}\ncancel: {force: true}",
    );
    for (depth, expected) in
        [(Depth::Exact, Outcome::Superseded), (Depth::Listed, Outcome::Canceled)]
    {
        let mut bench = Bench::memory(&spec, &text);
        bench.depth = depth;
        bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Throttled), 1);
        let before_the_second = if depth == Depth::Exact { 3 } else { 2 };
        bench.world().on(Call::DescribeJobExecution, move |moment| {
            if moment.nth == before_the_second {
                super::moves::report(moment.store, "r0", moment.now);
            }
        });
        assert_eq!(outcome(&bench.apply().await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_turn_is_not_given_up_because_another_was_throttled() {
    // The first is throttled, then it starts by itself: its unit goes to the second.
    let bench = Bench::memory(
        &queued(2),
        &super::bench::policy(
            "calm",
            &format!(
                "{}\n{}\nbudget: {{max: [{{count: 1, per: 1h}}]}}",
                super::bench::SWEEP,
                super::races::NOT_FLASHING
            ),
        ),
    );
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Throttled), 1);
    bench.world().on(Call::DescribeJobExecution, |moment| {
        if moment.nth == 2 {
            super::moves::start(moment.store, "r0", moment.now);
        }
    });
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("canceled", 1), ("superseded", 1)].into(), "{records:?}");
}

#[tokio::test]
async fn a_denied_cancel_names_action_and_resource() {
    let bench = Bench::http(&queued(1), &sweep(10)).await;
    bench.emulator.set_faults(deny("iot:CancelJobExecution", "*"));
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Failed);
    let note = &only(&records).note;
    assert!(note.contains("iot:CancelJobExecution on arn:aws:iot:eu-central-1:"), "{note}");
    assert!(note.contains(":job/fw and ") && note.contains(":thing/r0"), "{note}");
    assert_eq!(bench.spent("sweep").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_denied_job_is_left_alone_and_the_others_go_on() {
    for (action, operation) in [
        ("iot:CancelJobExecution", Operation::CancelJobExecution),
        ("iot:DescribeJobExecution", Operation::DescribeJobExecution),
    ] {
        let mut bench = Bench::http(&jobs(2, 40), &sweep(1000)).await;
        bench.pacer = Pacer::default();
        bench.emulator.set_faults(deny(action, "arn:aws:iot:*:*:job/job0"));
        let records = bench.apply().await;
        let counts = endings(&records);
        assert_eq!(counts["canceled"], 40, "{counts:?}");
        assert!(counts["notTried"] >= 24, "{counts:?}");
        assert!(bench.effects().iter().all(|it| it.job_id == "job1"));
        assert!(bench.calls(operation) <= 40 + 16, "{}", bench.calls(operation));
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_job_does_not_take_the_places_of_others_in_the_next_pass() {
    // The denied job's executions are older, and as many as the budget has units.
    let bench = Bench::memory(&jobs(2, 10), &sweep(10));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Denied), 1);
    let first = endings(&bench.apply().await);
    assert!(!first.contains_key("canceled"), "{first:?}");
    let second = bench.apply().await;
    assert_eq!(endings(&second).get("canceled"), Some(&10), "{second:?}");
    assert!(second.iter().all(|it| it.key.job.as_str() == "job1"), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn denied_executions_do_not_keep_the_others_of_their_job_from_their_turn() {
    let bench = Bench::http(&jobs(1, 20), &sweep(1000)).await;
    // The three oldest.
    let resource = |thing| Denial {
        action: "iot:CancelJobExecution".to_owned(),
        resource: format!("arn:aws:iot:*:*:thing/r{thing}"),
    };
    let deny = (0..3).map(resource).collect();
    bench.emulator.set_faults(Faults { deny, ..Faults::default() });
    let mut passes = 0;
    while bench.effects().len() < 17 {
        passes += 1;
        assert!(
            passes <= 4,
            "one of the denied keeps the others: {} effects",
            bench.effects().len()
        );
        bench.apply().await;
        let denied_for = Duration::try_from(DENIED_FOR).expect("it is positive");
        tokio::time::advance(denied_for).await;
    }
    let effects = bench.effects();
    assert!(effects.iter().all(|it| !["r0", "r1", "r2"].contains(&it.thing_name.as_str())));
    // What was denied is not given up: once it is allowed, it goes too.
    bench.emulator.set_faults(Faults::default());
    tokio::time::advance(Duration::from_secs(3600)).await;
    bench.apply().await;
    assert_eq!(bench.effects().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_waits_before_its_intent_keeps_its_place() {
    let mut bench = Bench::memory(&jobs(1, 3), &sweep(3));
    bench.faults().inject(Call::DescribeJobExecution, Fault::Fail(ErrorKind::Unavailable), 2);
    let counts = endings(&bench.apply().await);
    assert_eq!(counts.get("canceled"), Some(&3), "{counts:?}");
    bench = Bench::memory(&jobs(1, 3), &sweep(3));
    bench.max = Some(1);
    bench.faults().inject(Call::DescribeJobExecution, Fault::Fail(ErrorKind::Unavailable), 1);
    let counts = endings(&bench.apply().await);
    assert_eq!(counts.get("canceled"), Some(&1), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_heeded_by_what_is_on_its_way() {
    let bench = Bench::memory(&jobs(1, 12), &sweep(1000));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Denied), 1000);
    let records = bench.apply().await;
    let counts = endings(&records);
    // Two permits are given at once; whoever has to wait for one hears of the denial.
    assert!(counts["failed"] <= 2 && counts["notTried"] >= 10, "{counts:?}");
    assert_eq!(bench.ledger.begun.lock().unwrap().len(), counts["failed"]);
}

#[tokio::test(start_paused = true)]
async fn after_three_denied_jobs_nothing_more_is_tried() {
    let bench = Bench::memory(&jobs(30, 1), &sweep(1000));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Denied), 1000);
    let counts = endings(&bench.apply().await);
    assert!((3..=5).contains(&counts["failed"]), "{counts:?}");
    assert_eq!(counts["failed"] + counts["notTried"], 30);
}

#[tokio::test(start_paused = true)]
async fn without_credentials_nothing_more_is_tried() {
    let bench = Bench::memory(&jobs(30, 1), &sweep(1000));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Credentials), 1000);
    let counts = endings(&bench.apply().await);
    assert!(counts["failed"] <= 2, "{counts:?}");
    assert_eq!(bench.spent("sweep").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_our_mistake_fails_one_line_and_costs_no_unit() {
    for kind in [ErrorKind::InvalidRequest, ErrorKind::OtherClient] {
        let bench = Bench::memory(&queued(3), &sweep(10));
        bench.faults().inject(CANCEL, Fault::Fail(kind), 1);
        let counts = endings(&bench.apply().await);
        assert_eq!(counts, [("canceled", 2), ("failed", 1)].into());
        assert_eq!(bench.spent("sweep").await, 2);
        assert_eq!(bench.memory_now().await.backing_off.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_describe_that_fails_in_passing_is_repeated_and_blocks_nobody() {
    let bench = Bench::memory(&queued(40), &sweep(100));
    let fault = Fault::Fail(ErrorKind::Unavailable);
    bench.faults().inject(Call::DescribeJobExecution, fault, 5);
    assert_eq!(endings(&bench.apply().await), [("canceled", 40)].into());
    assert!(bench.waited().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_described_fails_without_an_intent() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    let fault = Fault::Fail(ErrorKind::Unavailable);
    bench.faults().inject(Call::DescribeJobExecution, fault, 1000);
    assert_eq!(outcome(&bench.apply().await), Outcome::Failed);
    assert!(bench.ledger.begun.lock().unwrap().is_empty());
    assert_eq!(bench.ledger.backed_off.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn describes_that_take_too_long_end_and_send_nothing() {
    let bench = Bench::memory(&queued(2), &sweep(10));
    bench.world().takes(Call::DescribeJobExecution, Duration::from_secs(7));
    let started = Instant::now();
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("failed", 2)].into());
    assert!(started.elapsed() < Duration::from_secs(600));
    assert_eq!((bench.cancels(), bench.spent("sweep").await), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn when_the_pace_is_slow_it_is_described_again_rather_than_withdrawn() {
    let rate = Some(FLOOR);
    for slow in [&[CANCEL][..], &[CANCEL, Call::DescribeJobExecution]] {
        let mut bench = Bench::memory(&queued(20), &sweep(100));
        let slow = slow.to_vec();
        bench.pacer = Pacer::new(|it| if slow.contains(&it) { rate } else { Some(8.0) });
        bench.world().takes(Call::DescribeJobExecution, Duration::from_millis(900));
        let started = Instant::now();
        let records = bench.apply().await;
        assert_eq!(endings(&records), [("canceled", 20)].into());
        assert!(bench.describes() <= 2 * 20, "{}", bench.describes());
        // Two seconds a call at the slowest, and at most three calls a line.
        assert!(started.elapsed() <= Duration::from_secs(20 * 6), "{:?}", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_cannot_be_written_stops_everything() {
    let bench = Bench::memory(&queued(40), &sweep(100));
    bench.ledger.full.store(true, std::sync::atomic::Ordering::SeqCst);
    let records = bench.apply().await;
    assert!(records.iter().all(|it| it.ending == Ending::NotTried), "{records:?}");
    assert!(bench.describes() <= 16 && bench.cancels() == 0);
}

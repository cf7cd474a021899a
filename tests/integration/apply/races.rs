//! Devices that move between the list, the describe and the cancel.

use rescind::emulator::{Operation, Store};
use rescind::plan::Outcome;

use super::bench::{Bench, SWEEP, only, outcome, policy, queued, stuck, sweep};
use super::moves;

type Move = fn(&mut Store, jiff::Timestamp);

/// Moves r0 when the n-th call of an operation arrives.
fn on(bench: &Bench, operation: Operation, nth: u64, work: Move) {
    bench.emulator.on_call(
        operation,
        Box::new(move |call, store| {
            if call.nth == nth {
                work(store, call.at);
            }
        }),
    );
}

const DESCRIBE: Operation = Operation::DescribeJobExecution;
const CANCEL: Operation = Operation::CancelJobExecution;

/// Rules out by the describe what flashes.
pub const NOT_FLASHING: &str = "exclude:
  - name: flashing
    statusDetails: {matchExpressions: [{key: phase, operator: In, values: [flashing]}]}";

const SILENT: &str = "things: [{name: r0}]
jobs: [{id: fw}]
executions: [{job: fw, thing: r0, queuedAt: 2d ago, status: IN_PROGRESS, lastUpdatedAt: 1d ago}]";

#[tokio::test]
async fn a_device_that_reports_between_describe_and_cancel_is_left_alone() {
    let bench = Bench::http(SILENT, &stuck()).await;
    on(&bench, CANCEL, 1, |store, now| moves::report(store, "r0", now));
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Superseded);
    assert_eq!(only(&records).attempts, 1);
    assert_eq!((bench.describes(), bench.cancels()), (2, 1), "one look, never a blind retry");
    assert_eq!(bench.spent("stuck").await, 0, "a conflict proves that nothing happened");
}

#[tokio::test]
async fn what_starts_before_the_describe_costs_no_intent() {
    let bench = Bench::http(&queued(1), &sweep(10)).await;
    on(&bench, DESCRIBE, 1, |store, now| moves::start(store, "r0", now));
    assert_eq!(outcome(&bench.apply().await), Outcome::Superseded);
    assert_eq!((bench.describes(), bench.cancels()), (1, 0));
    assert!(bench.ledger.begun.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_starts_after_the_describe_is_saved_by_its_version() {
    let bench = Bench::http(&queued(1), &sweep(10)).await;
    on(&bench, CANCEL, 1, |store, now| moves::start(store, "r0", now));
    assert_eq!(outcome(&bench.apply().await), Outcome::Superseded);
    assert_eq!((bench.describes(), bench.cancels()), (2, 1));
    assert_eq!(bench.spent("sweep").await, 0);
}

#[tokio::test]
async fn what_ends_in_between_was_terminal_already() {
    for by in [(|store, now| moves::succeed(store, "r0", now)) as Move, |store, now| {
        moves::cancel(store, "r0", now);
    }] {
        let bench = Bench::http(&queued(1), &sweep(10)).await;
        on(&bench, CANCEL, 1, by);
        assert_eq!(outcome(&bench.apply().await), Outcome::AlreadyTerminal);
        assert_eq!(bench.spent("sweep").await, 0);
        assert!(bench.apply().await.is_empty());
    }
}

#[tokio::test]
async fn an_execution_queued_anew_before_the_describe_is_another_one() {
    let bench = Bench::http(moves::CONTINUOUS, &sweep(10)).await;
    on(&bench, DESCRIBE, 1, |store, now| moves::queue_anew(store, "r0", "berlin", now));
    assert_eq!(outcome(&bench.apply().await), Outcome::Superseded);
    assert_eq!((bench.describes(), bench.cancels()), (1, 0));
}

/// The one hole that AWS leaves: a cancel names neither number nor time of queueing. This test says
/// where it is, and that it is no wider.
#[tokio::test]
async fn an_execution_queued_anew_after_the_describe_at_the_same_version_cannot_be_told_apart() {
    let mut bench = Bench::http(moves::CONTINUOUS, &sweep(10)).await;
    on(&bench, CANCEL, 1, |store, now| moves::queue_anew(store, "r0", "berlin", now));
    bench.recreates = true;
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Canceled);
    assert_eq!((only(&records).number.0, bench.effects()[0].execution_number), (1, 2));
}

#[tokio::test]
async fn an_execution_queued_anew_at_another_version_is_saved_by_it() {
    let spec = moves::CONTINUOUS.replace("queuedAt: 1d ago", "queuedAt: 1d ago, versionNumber: 3");
    let bench = Bench::http(&spec, &sweep(10)).await;
    on(&bench, CANCEL, 1, |store, now| moves::queue_anew(store, "r0", "berlin", now));
    // By its number it is REMOVED, whatever became of the next one.
    assert_eq!(outcome(&bench.apply().await), Outcome::AlreadyTerminal);
    assert_eq!(bench.spent("sweep").await, 0);
}

#[tokio::test]
async fn what_is_deleted_before_describe_or_cancel_is_gone() {
    for operation in [DESCRIBE, CANCEL] {
        let bench = Bench::http(&queued(2), &sweep(10)).await;
        bench.emulator.on_call(
            operation,
            Box::new(|call, store| {
                if call.route.label("thingName").is_some_and(|it| it == "r0") {
                    store.delete_execution("r0", "fw");
                }
            }),
        );
        let records = bench.apply().await;
        assert_eq!(super::bench::endings(&records), [("canceled", 1), ("gone", 1)].into());
        assert_eq!(bench.spent("sweep").await, 1);
    }
}

#[tokio::test]
async fn what_the_describe_shows_is_judged_and_not_what_the_list_showed() {
    let spec = queued(2).replace("thing: r1,", "thing: r1, statusDetails: {phase: flashing},");
    let bench = Bench::http(&spec, &policy("calm", &format!("{SWEEP}\n{NOT_FLASHING}"))).await;
    let records = bench.apply().await;
    assert_eq!(super::bench::endings(&records), [("canceled", 1), ("kept", 1)].into());
    assert_eq!(bench.effects()[0].thing_name, "r0");
    assert_eq!(bench.spent("calm").await, 1);
}

//! What should be canceled is, once, and nothing else; a second apply has nothing to do.

use std::path::Path;

use rescind::apply::Ending;
use rescind::clock::Clock;
use rescind::controller::follow::interpret;
use rescind::document::{self, Limits};
use rescind::emulator::{Emulator, Operation, Options};
use rescind::plan::Outcome;
use rescind::policy::{Demands, PolicySet};
use rescind::source;

use super::bench::{
    Bench, START, emulator, endings, only, outcome, policies, policy, queued, stuck, sweep,
};

fn example() -> (Emulator, std::sync::Arc<PolicySet>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let fleet = source::read_one(&root.join("fleet.yaml"), 1 << 20).unwrap();
    let (_, fleet) = document::read(&[fleet], &Limits::fleet()).fleets.remove(0);
    let emulator =
        Emulator::new(&fleet, Clock::starting_at(START.parse().unwrap()), Options::default());
    let reading = interpret(source::read(&root, 1 << 20).unwrap());
    let set = PolicySet::guarded(reading.policies, reading.guards, Demands::default());
    (emulator, std::sync::Arc::new(set))
}

#[tokio::test]
async fn the_example_root_cancels_what_it_says_and_then_nothing() {
    let (emulator, set) = example();
    let bench = Bench::serving(emulator, set).await;
    let records = bench.apply().await;
    let mut canceled: Vec<_> = records
        .iter()
        .filter(|record| record.ending == Ending::Outcome(Outcome::Canceled))
        .map(|record| format!("{} by {}", record.key, record.policy))
        .collect();
    canceled.sort();
    assert_eq!(
        canceled,
        [
            "cfg-routes-46 on robot-101 by retired-devices",
            "diag-battery on robot-101 by retired-devices",
            "fw-4-2-0 on robot-001 by stuck-in-progress",
            "fw-4-2-0 on robot-002 by bad-firmware-4-2-0",
            "fw-4-2-0 on robot-003 by bad-firmware-4-2-0",
            "fw-4-2-0 on robot-004 by bad-firmware-4-2-0",
        ]
    );
    // One describe and one cancel each; the one that was flashing was described and kept.
    assert_eq!((bench.describes(), bench.cancels()), (7, 6));
    assert_eq!(endings(&records)["kept"], 1);
    assert!(records.iter().all(|it| it.attempts <= 1));
    let answered = |it: &rescind::apply::Record| it.request_id.is_some() || it.attempts == 0;
    assert!(records.iter().all(answered), "{records:?}");

    bench.emulator.reset_calls();
    let again = bench.apply().await;
    assert!(again.iter().all(|it| matches!(it.ending, Ending::Kept(_))), "{again:?}");
    assert_eq!(bench.cancels(), 0);
    assert_eq!(bench.ledger.begun.lock().unwrap().len(), 6, "no new intents");
}

#[tokio::test]
async fn pages_of_any_length_are_canceled_to_the_last_row() {
    for count in [1, 250, 251] {
        let bench = Bench::http(&queued(count), &sweep(1000)).await;
        let records = bench.apply().await;
        assert_eq!(endings(&records), [("canceled", count)].into());
        let calls = count as u64;
        assert_eq!((bench.describes(), bench.cancels()), (calls, calls));
        bench.emulator.reset_calls();
        assert!(bench.apply().await.is_empty());
        assert_eq!((bench.describes(), bench.cancels()), (0, 0));
    }
}

#[tokio::test]
async fn a_job_that_vanishes_while_it_is_listed_holds_nothing_else_up() {
    let spec = "things: [{name: r0}, {name: r1}]
jobs: [{id: cfg}, {id: fw}]
executions:
  - {job: cfg, thing: r0, queuedAt: 1d ago}
  - {job: fw, thing: r1, queuedAt: 1d ago}";
    let bench = Bench::http(spec, &sweep(10)).await;
    bench.emulator.on_call(
        Operation::ListJobExecutionsForJob,
        Box::new(|call, store| {
            if call.route.label("jobId").is_some_and(|it| it == "cfg") {
                store.delete_job("cfg");
            }
        }),
    );
    assert_eq!(outcome(&bench.apply().await), Outcome::Canceled);
    assert_eq!(bench.effects()[0].job_id, "fw");
}

#[tokio::test]
async fn force_is_sent_for_what_is_in_progress_and_for_nothing_else() {
    let spec = "things: [{name: r0}, {name: r1}]
jobs: [{id: fw}]
executions:
  - {job: fw, thing: r0, queuedAt: 1d ago}
  - {job: fw, thing: r1, queuedAt: 1d ago, status: IN_PROGRESS}";
    for force in [true, false] {
        let all = format!(
            "mode: Enforce\ntarget: {{statuses: [QUEUED, IN_PROGRESS]}}\n\
             match: {{age: [{{since: queuedAt, olderThan: 1h}}]}}\ncancel: {{force: {force}}}"
        );
        let bench = Bench::http(spec, &policy("all", &all)).await;
        bench.apply().await;
        let forced: Vec<_> =
            bench.effects().iter().map(|it| (it.thing_name.clone(), it.force)).collect();
        let expected = [("r0".to_owned(), false), ("r1".to_owned(), true)];
        assert_eq!(forced, expected[..if force { 2 } else { 1 }]);
    }
}

#[tokio::test]
async fn merge_keeps_the_pairs_of_the_device_and_replace_drops_them() {
    let spec = "things: [{name: r0}]
jobs: [{id: fw}]
executions:
  - {job: fw, thing: r0, queuedAt: 1d ago, status: IN_PROGRESS, statusDetails: {phase: download}}";
    for (on_existing, phase) in [("Merge", Some("download")), ("Replace", None)] {
        let text = super::bench::STUCK.replace(
            "{force: true}",
            &format!(
                "{{force: true, statusDetails: {{onExisting: {on_existing}, set: {{why: silent}}}}}}"
            ),
        );
        let bench = Bench::http(spec, &policy("stuck", &text)).await;
        assert_eq!(outcome(&bench.apply().await), Outcome::Canceled);
        let after = &bench.effects()[0].status_details_after;
        assert_eq!(after.get("phase").map(String::as_str), phase);
        assert_eq!(after["why"], "silent");
        assert!(after["rescind"].starts_with("stuck "), "{after:?}");
    }
}

#[tokio::test]
async fn the_keys_of_a_device_are_kept_rather_than_ours_when_there_is_no_room() {
    let bench = Bench::http(&talkative(), &stuck()).await;
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Canceled);
    assert!(only(&records).force);
    assert!(!bench.effects()[0].status_details_after.contains_key("rescind"));
}

/// One execution IN_PROGRESS with ten pairs: there is no room for ours.
pub fn talkative() -> String {
    let pairs: Vec<_> = (0..10).map(|index| format!("k{index}: v")).collect();
    format!(
        "things: [{{name: r0}}]\njobs: [{{id: fw}}]\nexecutions:\n  - {{job: fw, thing: r0, \
         queuedAt: 1d ago, status: IN_PROGRESS, statusDetails: {{{}}}}}",
        pairs.join(", ")
    )
}

#[tokio::test]
async fn an_exact_plan_describes_twice_and_holds_the_version_that_it_pinned() {
    let mut bench = Bench::http(&queued(1), &sweep(10)).await;
    bench.depth = rescind::plan::Depth::Exact;
    bench.apply().await;
    assert_eq!((bench.describes(), bench.cancels()), (2, 1));

    let mut bench = Bench::serving(emulator(&queued(1)), policies(&stuck_and_sweep())).await;
    bench.depth = rescind::plan::Depth::Exact;
    bench.emulator.store(|store| super::moves::start(store, "r0", bench.clock.now()));
    bench.emulator.on_call(
        Operation::DescribeJobExecution,
        Box::new(|call, store| {
            if call.nth == 2 {
                super::moves::report(store, "r0", call.at);
            }
        }),
    );
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Superseded);
    assert_eq!((bench.describes(), bench.cancels()), (2, 0));
}

fn stuck_and_sweep() -> String {
    policy(
        "stuck",
        "mode: Enforce\ntarget: {statuses: [IN_PROGRESS]}\n\
         match: {age: [{since: queuedAt, olderThan: 1m}]}\ncancel: {force: true}",
    )
}

//! Random fleets, devices that move at any moment, faults at any call: what must hold, holds.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation as Call};

use super::bench::{Bench, STUCK, SWEEP, endings, guard, policy};
use super::moves;

const GROUP: &str = "berlin";

#[derive(Clone, Copy, Debug)]
enum Change {
    Report,
    Succeed,
    Cancel,
    QueueAnew,
    Delete,
}

/// At the n-th call of an operation, a thing's execution changes.
type Event = (bool, u64, usize, Change);

fn change() -> impl Strategy<Value = Change> {
    use Change::{Cancel, Delete, QueueAnew, Report, Succeed};
    prop_oneof![Just(Report), Just(Succeed), Just(Cancel), Just(QueueAnew), Just(Delete)]
}

fn fault() -> impl Strategy<Value = Fault> {
    use ErrorKind::{
        ConnectionLost, InvalidRequest, NotConnected, NotFound, Throttled, TimedOut, Unavailable,
    };
    prop_oneof![
        3 => Just(Fault::LoseReply),
        1 => Just(Fault::Fail(Throttled)),
        1 => Just(Fault::Fail(Unavailable)),
        1 => Just(Fault::Fail(TimedOut)),
        1 => Just(Fault::Fail(ConnectionLost)),
        1 => Just(Fault::Fail(NotConnected)),
        1 => Just(Fault::Fail(InvalidRequest)),
        1 => Just(Fault::Fail(NotFound)),
    ]
}

#[derive(Clone, Debug)]
struct Case {
    /// Version, whether it is in progress, how many pairs it has.
    things: Vec<(u32, bool, usize)>,
    events: Vec<Event>,
    cancel_faults: Vec<Fault>,
    describe_faults: Vec<Fault>,
    late: Vec<u64>,
    budget: u64,
    /// What a guard allows all policies, and of that with force.
    common: (u64, u64),
    force: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let things = vec((1..4_u32, any::<bool>(), prop_oneof![3 => 0..3_usize, 1 => Just(10)]), 1..7);
    let events = vec((any::<bool>(), 1..12_u64, 0..7_usize, change()), 0..5);
    // What lands later than the flight time is beyond what is promised.
    let late = vec(1..rescind::apply::FLIGHT_TIME.as_secs(), 0..2);
    let faults = (vec(fault(), 0..5), vec(fault(), 0..5));
    let common = (0..10_u64, 0..5_u64);
    (things, events, faults, late, 0..8_u64, common, any::<bool>()).prop_map(
        |(things, events, (cancel_faults, describe_faults), late, budget, common, force)| Case {
            things,
            events,
            cancel_faults,
            describe_faults,
            late,
            budget,
            common,
            force,
        },
    )
}

fn fleet(things: &[(u32, bool, usize)]) -> String {
    let mut spec = format!(
        "groups: [{GROUP}]\njobs: [{{id: fw, createdAt: 90d ago, targetSelection: CONTINUOUS, \
         targets: {{groups: [{GROUP}]}}}}]\nthings:\n"
    );
    for index in 0..things.len() {
        spec.push_str(&format!("  - {{name: r{index}, groups: [{GROUP}]}}\n"));
    }
    spec.push_str("executions:\n");
    for (index, (version, in_progress, pairs)) in things.iter().enumerate() {
        let status = if *in_progress { "IN_PROGRESS" } else { "QUEUED" };
        let pairs: Vec<_> = (0..*pairs).map(|pair| format!("k{pair}: v")).collect();
        spec.push_str(&format!(
            "  - {{job: fw, thing: r{index}, queuedAt: 2d ago, lastUpdatedAt: 1d ago, status: \
             {status}, versionNumber: {version}, statusDetails: {{{}}}}}\n",
            pairs.join(", ")
        ));
    }
    spec
}

fn bench(case: &Case) -> Bench {
    let budget = format!("budget: {{max: [{{count: {}, per: 1h}}]}}", case.budget);
    let queued = policy("sweep", &format!("{SWEEP}\n{budget}"));
    let stuck = STUCK.replace("force: true", &format!("force: {}", case.force));
    let (all, forced) = case.common;
    let common = format!(
        "budget: {{max: [{{count: {all}, per: 1h}}], maxForced: [{{count: {forced}, per: 1h}}]}}"
    );
    let policies = queued + &policy("stuck", &stuck) + &guard("common", &common);
    let mut bench = Bench::memory(&fleet(&case.things), &policies);
    bench.recreates = true;
    bench.world().takes(Call::DescribeJobExecution, Duration::from_millis(80));
    bench.world().takes(Call::CancelJobExecution, Duration::from_millis(120));
    for (at_cancel, nth, thing, change) in case.events.clone() {
        let operation =
            if at_cancel { Call::CancelJobExecution } else { Call::DescribeJobExecution };
        bench.world().on(operation, move |moment| {
            if moment.nth != nth {
                return;
            }
            let (store, now, thing) = (moment.store, moment.now, format!("r{thing}"));
            match change {
                Change::Report => moves::report(store, &thing, now),
                Change::Succeed => moves::succeed(store, &thing, now),
                Change::Cancel => moves::cancel(store, &thing, now),
                Change::QueueAnew => moves::queue_anew(store, &thing, GROUP, now),
                Change::Delete => {
                    store.delete_execution(&thing, moves::JOB);
                }
            }
        });
    }
    for seconds in &case.late {
        bench.world().delays_a_cancel(Duration::from_secs(*seconds));
    }
    for fault in &case.cancel_faults {
        bench.faults().inject(Call::CancelJobExecution, *fault, 1);
    }
    for fault in &case.describe_faults {
        bench.faults().inject(Call::DescribeJobExecution, *fault, 1);
    }
    bench
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn whatever_moves_and_fails_effects_are_single_paid_for_and_told(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(three_passes(&case));
    }
}

async fn three_passes(case: &Case) {
    let bench = bench(case);
    let mut all = Vec::new();
    // The second pass meets fewer faults, the third none.
    for _ in 0..3 {
        all.extend(bench.apply().await);
        let swept = bench.effects().iter().filter(|it| !it.force).count() as u64;
        assert!(swept <= case.budget, "{swept} of {}", case.budget);
        let (all, effects) = (bench.effects().len() as u64, bench.effects());
        let forced = effects.iter().filter(|it| it.force).count() as u64;
        let (most, most_forced) = case.common;
        assert!(all <= most && forced <= most_forced, "{all}, {forced} of {:?}", case.common);
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    assert!(case.force || bench.effects().iter().all(|it| !it.force));
    assert!(!endings(&all).contains_key("notTried"), "{all:?}");
}

/// An execution is canceled and deleted, and the next one of its thing has its number again. Both are
/// canceled, each once.
#[tokio::test(start_paused = true)]
async fn a_number_that_is_used_again_after_a_deletion_is_another_execution() {
    let case = Case {
        things: vec![(1, false, 0); 3],
        events: vec![(false, 3, 0, Change::QueueAnew), (true, 2, 0, Change::Delete)],
        cancel_faults: Vec::new(),
        describe_faults: Vec::new(),
        late: Vec::new(),
        budget: 4,
        common: (4, 0),
        force: false,
    };
    three_passes(&case).await;
}

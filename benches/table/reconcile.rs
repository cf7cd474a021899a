//! What one reconcile costs: its calls beside those that any correct client must make, and its time at
//! AWS's pace beside what the calls alone take.
//!
//! The controller is the binary, and the emulator counts. The bound is computed from the fleet.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rescind::emulator::{Call, Emulator, Faults, Operation, Rate, Store, Update};
use rescind::execution::{ExecutionStatus, JobStatus};

use crate::figures::{Bound, Figures};
use crate::world::{World, policy, until, waiting};

/// AWS's most rows of a page.
const PAGE: u64 = 250;
/// The statuses of jobs that are listed unless a policy says otherwise.
const LISTED: [JobStatus; 3] = [JobStatus::InProgress, JobStatus::Scheduled, JobStatus::Canceled];
/// AWS's default quota, in calls a second of each operation, and the share of it that is ours.
const QUOTA: f64 = 10.0;
const OURS: f64 = 8.0;

/// How many executions the second figure is about, and the first one's fleet.
const TO_CANCEL: usize = 1000;
const OTHERS: usize = 4000;

/// Cancels what has waited for three days on things with one board.
pub fn of_new_boards() -> String {
    let rest = "target: {statuses: [QUEUED], jobs: {names: [\"fw-*\"]}}\n  \
                match: {age: [{since: queuedAt, olderThan: 72h}], thing: {attributes: {matchLabels: {board: rev-c}}}}";
    policy("new-boards", "Enforce", rest)
}

fn calls_of(emulator: &Emulator) -> u64 {
    emulator.calls().values().sum()
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

/// One pass over five thousand executions of which a thousand are canceled, once while nothing else
/// happens, and once while one in twenty of all devices starts its update meanwhile.
pub fn calls(figures: &mut Figures) {
    for moving in [false, true] {
        let world = World::new(&waiting(OTHERS, TO_CANCEL));
        world.write("new-boards.yaml", &of_new_boards());
        let described = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&described);
        world.emulator.on_call(
            Operation::DescribeJobExecution,
            Box::new(move |call, _| {
                let thing = call.route.label("thingName").cloned();
                seen.lock().expect("no hook panics").insert(thing);
            }),
        );
        if moving {
            let mut mover = Mover::default();
            let hook = move |call: &Call, store: &mut Store| mover.call(call, store);
            world.emulator.on_call(Operation::DescribeJobExecution, Box::new(hook));
        }
        let controller = world.controller(&["--rate", "10000"]);
        until("the first pass is over", || controller.has_passed());
        drop(controller);

        let canceled = world.emulator.effects().len() as u64;
        let described = described.lock().expect("no hook panics").len() as u64;
        let rows = (OTHERS + TO_CANCEL) as u64;
        let lists = LISTED.len() as u64 + rows.div_ceil(PAGE);
        let bound = lists + 1 + rows + described + canceled;
        let made = float(calls_of(&world.emulator));
        let (what, most) = if moving {
            ("calls of one reconcile over the least, 5 % of the executions moving", 1.02)
        } else {
            assert_eq!(canceled, TO_CANCEL as u64, "all of them are canceled");
            ("calls of one reconcile over the least that any client must make", 1.0)
        };
        figures.held(what, made / float(bound), Bound::AtMost(most));
        figures.told("  calls", made);
        figures.told("  executions canceled", float(canceled));
    }
}

/// Lets devices start their updates, evenly over the describes of a pass, the last ones first: those that
/// are still to be described as well as those that a cancel is on its way to.
#[derive(Default)]
struct Mover {
    describes: usize,
    started: usize,
}

impl Mover {
    fn call(&mut self, call: &Call, store: &mut Store) {
        self.describes += 1;
        let all = (OTHERS + TO_CANCEL) / 20;
        while self.started * TO_CANCEL < all * self.describes && self.started < all {
            // A step that meets each number once, wherever they are.
            let place = self.started * 1777 % (OTHERS + TO_CANCEL);
            let thing = if place < TO_CANCEL {
                format!("new-{:06}", place + 1)
            } else {
                format!("old-{:06}", place - TO_CANCEL + 1)
            };
            // One that was canceled before cannot start any more.
            let _ = store.update(&thing, "fw-1", Update::to(ExecutionStatus::InProgress), call.at);
            self.started += 1;
        }
    }
}

/// A thousand cancels at AWS's default quota and our default share of it, in real time: two minutes.
pub fn quota(figures: &mut Figures) {
    let world = World::new(&waiting(0, TO_CANCEL));
    world.write("old.yaml", &of_age());
    let throttle = Operation::ALL.iter().map(|it| (*it, Rate { per_second: QUOTA, burst: QUOTA }));
    world.emulator.set_faults(Faults { throttle: throttle.collect(), ..Faults::default() });
    let served = Arc::new(AtomicU64::new(0));
    for operation in Operation::ALL {
        let served = Arc::clone(&served);
        let hook = move |_: &Call, _: &mut Store| {
            served.fetch_add(1, Ordering::Relaxed);
        };
        world.emulator.on_call(*operation, Box::new(hook));
    }
    let controller = world.controller(&["--rate", "8"]);
    let seconds = until("all are canceled", || world.has_canceled(TO_CANCEL));
    assert_eq!(world.emulator.effects().len(), TO_CANCEL, "each call canceled one");
    drop(controller);
    let calls = world.emulator.calls();
    let most = calls.values().copied().max().unwrap_or_default();
    let bound = float(most) / OURS;
    figures.held(
        "1,000 cancels at AWS's quota: seconds from start to the last",
        seconds,
        Bound::AtMost(bound * 1.05),
    );
    figures.told("  the calls of the busiest operation at eight a second", bound);
    let all = float(calls_of(&world.emulator));
    let throttled = all - float(served.load(Ordering::Relaxed));
    figures.held("  throttled answers, % of calls", 100.0 * throttled / all, Bound::AtMost(0.5));
}

fn of_age() -> String {
    let rest = "target: {statuses: [QUEUED], jobs: {names: [\"fw-*\"]}}\n  \
                match: {age: [{since: queuedAt, olderThan: 72h}]}";
    policy("old", "Enforce", rest)
}

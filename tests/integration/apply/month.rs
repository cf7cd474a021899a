//! Days of the real loop on paused time, over a fleet in which executions come due all the time.
//!
//! The tests have a small form, of four days; `RESCIND_MONTH=100000` makes it thirty days of a fleet of
//! that size.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rescind::apply::earlier::Settler;
use rescind::apply::{Executor, FLIGHT_TIME, Ids, Stop};
use rescind::backend::pace::{Paced, Pacer};
use rescind::backend::{JobsReader, JobsWriter, Operation};
use rescind::clock::Clock;
use rescind::controller::Controller;
use rescind::controller::follow::Adopted;
use rescind::document::SourceFile;
use rescind::observe::Collector;
use rescind::policy::{Digest, PolicySet};
use rescind::source::{Error, Source, Tree};
use rescind::state::State;
use rescind::state::memory::MemoryState;
use rescind::status::Snapshot;
use rescind::status::report::Reporter;
use tokio::sync::watch;

use super::bench::{START, emulator, policies, policy};
use super::world::World;

const INTERVAL: Duration = Duration::from_secs(300);
/// AWS's page.
const PAGE: u64 = 250;
const AGE: SignedDuration = SignedDuration::from_hours(72);

/// Files that never change.
struct Files(String);

#[async_trait]
impl Source for Files {
    async fn hint(&mut self) {
        std::future::pending::<()>().await;
    }

    async fn read(&mut self) -> Result<Tree, Error> {
        let text = self.0.clone().into_bytes();
        let digest = Digest::of(&text);
        let file = SourceFile { path: "policies.yaml".to_owned(), text };
        Ok(Tree {
            files: vec![file],
            unreadable: BTreeMap::new(),
            digest,
            revision: None,
            lock: None,
        })
    }
}

fn controller(
    world: &World,
    clock: &Clock,
    set: &PolicySet,
) -> (Controller, watch::Receiver<Snapshot>) {
    // The pace of `rescind run`.
    let pacer = Pacer::new(|_| Some(8.0));
    let reader: Arc<dyn JobsReader> = Arc::new(world.clone());
    let writer: Arc<dyn JobsWriter> = Arc::new(world.clone());
    let paced: Arc<dyn JobsReader> = Arc::new(Paced::new(world.clone(), pacer.clone()));
    let state: Arc<dyn State> = Arc::new(MemoryState::default());
    let (reporter, snapshot) = Reporter::new(clock.now(), "policies".to_owned());
    reporter.root(set, true, Vec::new(), None);
    let settler = Settler {
        reader: Arc::clone(&reader),
        pacer: pacer.clone(),
        state: Arc::clone(&state),
        clock: clock.clone(),
        flight_time: FLIGHT_TIME,
    };
    let ids = Arc::new(Ids::seeded(7));
    let executor = {
        let (paced, state, clock) = (Arc::clone(&paced), Arc::clone(&state), clock.clone());
        move |in_force| Executor {
            paced: Arc::clone(&paced),
            reader: Arc::clone(&reader),
            writer: Arc::clone(&writer),
            pacer: pacer.clone(),
            state: Arc::clone(&state),
            in_force,
            clock: clock.clone(),
            flight_time: FLIGHT_TIME,
            ids: Arc::clone(&ids),
        }
    };
    let controller = Controller {
        interval: INTERVAL,
        collector: Collector::new(paced, clock.clone()),
        executor: Box::new(executor),
        settler,
        state,
        clock: clock.clone(),
        elsewhere: Box::new(|_| None),
        reporter,
    };
    (controller, snapshot)
}

#[tokio::test(start_paused = true)]
async fn over_days_nothing_is_early_nothing_late_and_a_waiting_fleet_costs_almost_no_lists() {
    #[expect(clippy::disallowed_methods, reason = "how large it is is said by who runs it")]
    let large = std::env::var("RESCIND_MONTH").ok().and_then(|it| it.parse::<u64>().ok());
    let (days, total) = large.map_or((4, 300), |total| (30, total));
    let emulator = emulator(&format!(
        "things: [{{name: \"t-{{n}}\", count: {total}}}, {{name: first, groups: [waiting]}}]\n\
         jobs: [{{id: fw, targetSelection: CONTINUOUS, targets: {{groups: [waiting]}}}}]"
    ));
    let start: Timestamp = START.parse().unwrap();
    let clock = Clock::starting_at(start);
    let world = World::new(emulator.clone(), clock.clone());
    // At each look at the jobs as many things join the group as keep in step with the time. What a poll
    // each five minutes would list is counted beside it.
    let (joined, polled) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let waiting = Arc::new(Mutex::new((start, 0_u64)));
    {
        let (joined, polled) = (Arc::clone(&joined), Arc::clone(&polled));
        let cancels = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&cancels);
        world.on(Operation::CancelJobExecution, move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        world.on(Operation::ListJobs, move |at| {
            let passed = at.now.duration_since(start).as_secs().unsigned_abs();
            let due = total * passed / (86_400 * days);
            while joined.load(Ordering::Relaxed) < due.min(total) {
                let n = joined.fetch_add(1, Ordering::Relaxed) + 1;
                at.store.add_to_group(&format!("t-{n}"), "waiting", at.now).unwrap();
            }
            let mut last = waiting.lock().unwrap();
            while at.now.duration_since(last.0) >= SignedDuration::from_mins(5) {
                last.0 += SignedDuration::from_mins(5);
                let open = joined.load(Ordering::Relaxed) - cancels.load(Ordering::Relaxed);
                polled.fetch_add(open.div_ceil(PAGE).max(1), Ordering::Relaxed);
            }
        });
    }
    let text = policy(
        "old",
        "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 72h}]}\n\
         budget: {max: [{count: 1000000, per: 1h}]}",
    );
    let set = policies(&text);
    let (switch, stop) = Stop::new();
    let first = Adopted { set: Arc::clone(&set), tree: None };
    let files = text.trim_end_matches("---\n").to_owned();
    let (controller, snapshot) = controller(&world, &clock, &set);
    let running = tokio::spawn(controller.run(Box::new(Files(files)), first, stop));
    tokio::time::sleep(Duration::from_secs(86_400 * days)).await;
    switch.send(true).unwrap();
    running.await.unwrap().unwrap();

    let told = snapshot.borrow().clone();
    assert!(told.errors.is_empty(), "{:?}", told.errors);
    let effects = world.effects();
    for effect in &effects {
        let age = effect.at.duration_since(Timestamp::from_second(effect.queued_at).unwrap());
        assert!(age >= AGE, "{} was early: {age}", effect.thing_name);
        // What joins together is canceled one after the other, at eight a second.
        let pace = SignedDuration::from_secs(i64::try_from(total / (288 * days) / 8).unwrap() + 1);
        assert!(
            age <= AGE + SignedDuration::from_secs(60) + pace,
            "{} was late: {age}",
            effect.thing_name
        );
    }
    let end = start + SignedDuration::from_hours(24 * i64::try_from(days).unwrap());
    let due = total * ((days - 3) * 86_400 - 600) / (86_400 * days);
    assert!(effects.len() as u64 >= due, "{} of {due}: {:?}", effects.len(), told.pass);
    assert!(effects.iter().all(|effect| effect.at <= end));
    let (lists, polled) =
        (world.calls(Operation::ListJobExecutionsForJob), polled.load(Ordering::Relaxed));
    assert!(lists * 50 <= polled, "{lists} lists, {polled} by a poll");
    // One describe and one cancel each, and nothing in vain.
    let acted = effects.len() as u64;
    assert_eq!(world.calls(Operation::CancelJobExecution), acted);
    assert_eq!(world.calls(Operation::DescribeJobExecution), acted);
}

//! Days of the real loop on paused time, over a fleet in which executions come due all the time.
//!
//! The tests have a small form, of four days; `RESCIND_MONTH=100000` makes it thirty days of a fleet of
//! that size, prints its figures, and wants the memory that is in use to stay what it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rescind::backend::Operation;
use rescind::execution::ExecutionKey;
use rescind::plan::Spent;

use super::bench::Bench;
use crate::apply::bench::{START, policy};
use crate::apply::world::World;

/// AWS's page.
const PAGE: u64 = 250;
const AGE: SignedDuration = SignedDuration::from_hours(72);

/// The fleet: things that join a group one after the other, for each of which AWS then queues an
/// execution; what was canceled leaves it.
#[derive(Default)]
struct Fleet {
    joined: AtomicU64,
    canceled: Mutex<Vec<ExecutionKey>>,
    /// How many were canceled so far.
    cancels: AtomicU64,
    /// The lists that a poll each five minutes would have asked for.
    polled: AtomicU64,
}

impl Fleet {
    /// At each look at the jobs as many of `total` things join as keep in step with the time.
    fn lives(self: &Arc<Self>, world: &World, start: Timestamp, days: u64, total: u64) {
        let fleet = Arc::clone(self);
        world.on(Operation::CancelJobExecution, move |at| {
            fleet.cancels.fetch_add(1, Ordering::Relaxed);
            fleet.canceled.lock().unwrap().extend(at.key.cloned());
        });
        let fleet = Arc::clone(self);
        let mut polled_at = start;
        world.on(Operation::ListJobs, move |at| {
            let passed = at.now.duration_since(start).as_secs().unsigned_abs();
            let due = total * passed / (86_400 * days);
            while fleet.joined.load(Ordering::Relaxed) < due.min(total) {
                let n = fleet.joined.fetch_add(1, Ordering::Relaxed) + 1;
                at.store.add_to_group(&format!("t-{n}"), "waiting", at.now).unwrap();
            }
            for key in fleet.canceled.lock().unwrap().drain(..) {
                at.store.remove_from_group(key.thing.as_str(), "waiting", at.now).unwrap();
                assert!(at.store.delete_execution(key.thing.as_str(), key.job.as_str()));
            }
            while at.now.duration_since(polled_at) >= SignedDuration::from_mins(5) {
                polled_at += SignedDuration::from_mins(5);
                let canceled = fleet.cancels.load(Ordering::Relaxed);
                let open = fleet.joined.load(Ordering::Relaxed) - canceled;
                fleet.polled.fetch_add(open.div_ceil(PAGE).max(1), Ordering::Relaxed);
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn over_days_nothing_is_early_nothing_late_and_a_waiting_fleet_costs_almost_no_lists() {
    #[expect(clippy::disallowed_methods, reason = "how large it is is said by who runs it")]
    let large = std::env::var("RESCIND_MONTH").ok().and_then(|it| it.parse::<u64>().ok());
    let (days, total) = large.map_or((4, 300), |total| (30, total));
    let fleet = format!(
        "things: [{{name: \"t-{{n}}\", count: {total}}}, {{name: first, groups: [waiting]}}]\n\
         jobs: [{{id: fw, targetSelection: CONTINUOUS, targets: {{groups: [waiting]}}}}]"
    );
    let text = policy(
        "old",
        "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 72h}]}\n\
         budget: {max: [{count: 1000000, per: 1h}]}",
    );
    let bench = Bench::new(&fleet, &text);
    let (world, start) = (bench.world.clone(), START.parse().unwrap());
    let fleet = Arc::new(Fleet::default());
    fleet.lives(&world, start, days, total);
    let running = bench.begin();
    // What joins together is canceled one after the other, at eight a second.
    let pace = SignedDuration::from_secs(i64::try_from(total / (288 * days) / 8).unwrap() + 1);
    let (mut acted, mut latest, mut live) = (0, SignedDuration::ZERO, Vec::new());
    for day in 1..=days {
        tokio::time::sleep(Duration::from_hours(24)).await;
        for effect in world.take_effects() {
            let age = effect.at.duration_since(Timestamp::from_second(effect.queued_at).unwrap());
            assert!(age >= AGE, "{} was early: {age}", effect.thing_name);
            latest = latest.max(age - AGE);
            acted += 1;
        }
        live.push((crate::ALLOCATOR.allocated(), acted));
        if large.is_some() {
            println!("day {day}: {acted} canceled, {} bytes live", crate::ALLOCATOR.allocated());
        }
    }
    let told = running.told();
    running.stop().await;

    assert!(latest <= SignedDuration::from_secs(60) + pace, "late: {latest}");
    assert!(told.errors.is_empty(), "{:?}", told.errors);
    let due = total * ((days - 3) * 86_400 - 600) / (86_400 * days);
    assert!(acted >= due, "{acted} of {due}: {:?}", told.pass);
    let (lists, polled) =
        (world.calls(Operation::ListJobExecutionsForJob), fleet.polled.load(Ordering::Relaxed));
    assert!(lists * 50 <= polled, "{lists} lists, {polled} by a poll");
    // One describe and one cancel each, and nothing in vain.
    assert_eq!(world.calls(Operation::CancelJobExecution), acted);
    assert_eq!(world.calls(Operation::DescribeJobExecution), acted);
    if large.is_some() {
        println!("{acted} canceled, the latest {latest:#} after it was due");
        println!("{lists} lists, {polled} by a poll: {} times fewer", polled / lists);
        // As many join as go from the fourth day on. What is kept of each cancel is its unit of the
        // ledger, for a month.
        let (before, canceled) = live[4];
        for (bytes, acted) in &live[5..] {
            let ledger = usize::try_from(acted - canceled).unwrap() * 2 * size_of::<Spent>();
            assert!(*bytes <= before + before / 20 + ledger, "{live:?}");
        }
    }
}

//! A budget that halts, and a list that is hours old: of what would be due by it much has moved.

use std::time::Duration;

use jiff::SignedDuration;
use rescind::backend::Operation;
use tokio::time::sleep;

use super::bench::Bench;
use crate::apply::bench::policy;
use crate::apply::moves;

const FLEET: &str = "jobs: [{id: fw, createdAt: 90d ago}]\nthings: [{name: 'r{n}', count: 60}]\n\
                     executions: [{job: fw, thing: 'r{n}', count: 60, queuedAt: 69h ago}]";

const SPEC: &str = "mode: Enforce\ntarget: {statuses: [QUEUED]}\n\
                    match: {age: [{since: queuedAt, olderThan: 72h}]}";

const BUDGET: &str = "budget: {max: [{count: 20, per: 1d}], onExceed: Halt}";

/// The root: a policy that halts by itself, or by a guard.
fn roots() -> [String; 2] {
    let own = policy("sweep", &format!("{SPEC}\n{BUDGET}"));
    let lavish = policy("sweep", &format!("{SPEC}\nbudget: {{max: [{{count: 100, per: 1h}}]}}"));
    let guard = "apiVersion: rescind/v1alpha1\nkind: CancelGuard\nmetadata: {name: g}\nspec:\n  \
                 budget: {max: [{count: 20, per: 1d}], onExceed: Halt}\n---\n";
    [own, lavish + guard]
}

#[tokio::test(start_paused = true)]
async fn what_has_moved_since_its_list_was_read_halts_no_budget() {
    for root in roots() {
        let bench = Bench::new(FLEET, &root);
        let running = bench.begin();
        sleep(Duration::from_secs(60 * 60)).await;
        let now = bench.clock.now();
        bench.emulator.store(|store| {
            for n in 11..=60 {
                moves::start(store, &format!("r{n}"), now);
            }
        });
        sleep(Duration::from_secs(2 * 60 * 60 + 5 * 60)).await;
        running.stop().await;
        let canceled = bench.canceled();
        assert_eq!(canceled.len(), 10, "{canceled:?}");
        let latest = canceled.values().max().expect("there are ten");
        assert!(*latest <= SignedDuration::from_mins(3 * 60 + 1), "{latest:?}");
        // Once at the start, and before it halts.
        assert_eq!(bench.world.calls(Operation::ListJobExecutionsForJob), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_in_truth_halts_it_and_is_listed_once_an_interval() {
    for root in roots() {
        let bench = Bench::new(FLEET, &root);
        let running = bench.begin();
        sleep(Duration::from_secs(3 * 60 * 60 + 30 * 60)).await;
        running.stop().await;
        assert_eq!(bench.canceled().len(), 0);
        let lists = bench.world.calls(Operation::ListJobExecutionsForJob);
        assert!((2..=10).contains(&lists), "{lists}");
    }
}

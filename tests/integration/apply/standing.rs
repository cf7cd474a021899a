//! What is told of policies and guards between two looks at everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rescind::execution::ExecutionNumber;
use rescind::fact::Fact;
use rescind::plan::{Memory, Spent};
use rescind::status::report::Reporter;
use rescind::status::{Budget, Policy};

use super::bench::{Bench, guard, policies, policy, queued};

const SPEC: &str = "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 1m}]}\n\
                    budget: {max: [{count: 5, per: 1h}], maxPercent: {value: 50, per: 2h, minPopulation: 1}}\n\
                    windows: [{kind: Allow, days: [Mon], from: \"12:00\", to: \"13:00\", timeZone: UTC}]\n\
                    suspend: true\nsuspendUntil: \"2026-11-23T12:30:00Z\"";

fn lefts(budgets: &[Budget]) -> Vec<(u64, u64)> {
    budgets.iter().map(|budget| (budget.left, budget.size)).collect()
}

/// A unit that `old` has spent, settled at a time.
fn spent(at: Timestamp) -> Spent {
    let policy = rescind::policy::PolicyName::new("old").unwrap();
    Spent { policy, forced: false, settled: Some(at) }
}

#[tokio::test(start_paused = true)]
async fn budgets_windows_and_suspensions_are_told_anew_without_a_look_at_anything() {
    let text = policy("old", SPEC) + &guard("g", "budget: {max: [{count: 9, per: 1h}]}");
    let bench = Bench::memory(&queued(10), &text);
    let (plan, inventory, memory) = bench.plan().await;
    let (reporter, snapshot) = Reporter::new(plan.now, String::new());
    let mut running = reporter.begins(plan.now);
    reporter.planned(&mut running, &plan, &inventory, &memory);
    reporter.ends(running, true, None);
    let policy = || Policy::clone(&snapshot.borrow().policies[0]);
    let guard = || lefts(&snapshot.borrow().guards[0].budgets);
    let window = policy().window.unwrap();
    assert_eq!((window.open, policy().state.as_str()), (true, "suspended"));
    assert_eq!((lefts(&policy().budgets), guard()), (vec![(5, 5), (5, 5)], vec![(9, 9)]));
    // A pass that could see nothing leaves what was seen, and says that it could not.
    let seen = snapshot.borrow().pass.clone().unwrap();
    reporter.ends(reporter.begins(plan.now), false, None);
    let last = snapshot.borrow().pass.clone().unwrap();
    assert_eq!((last.observed, &last.reasons), (false, &seen.reasons));
    assert_eq!(last.reasons.values().sum::<u64>(), 10);
    let counted = policy().executions;
    assert_eq!(counted.values().sum::<u64>(), 10);

    // Two units are spent; of what the percentage is taken is what the last look counted.
    let set = Arc::clone(&plan.policies);
    let later = plan.now + SignedDuration::from_mins(40);
    let memory = Memory { spent: vec![spent(plan.now), spent(later)], ..Memory::default() };
    reporter.stands(&set, &memory, later);
    assert_eq!((lefts(&policy().budgets), guard()), (vec![(3, 5), (3, 5)], vec![(7, 9)]));
    assert_eq!((policy().state.as_str(), policy().executions), ("active", counted));
    assert_eq!(policy().window, Some(window), "it does not change before 13:00");

    // An hour is over: the window has closed, the first unit has left the shorter limits.
    let later = plan.now + SignedDuration::from_mins(61);
    reporter.stands(&set, &memory, later);
    assert_eq!((lefts(&policy().budgets), guard()), (vec![(4, 5), (3, 5)], vec![(8, 9)]));
    let window = policy().window.unwrap();
    assert!(!window.open);
    assert_eq!(window.changes_at.unwrap().to_string(), "2026-11-30T12:00:00Z");

    // Other policies, of which no look has said anything: nothing is told of the ones before.
    reporter.stands(&policies(&super::bench::sweep(3)), &memory, later);
    assert_eq!((policy().name.as_str(), policy().executions), ("sweep", BTreeMap::new()));
    assert!(snapshot.borrow().guards.iter().all(|guard| guard.name != "g"));
}

#[tokio::test(start_paused = true)]
async fn what_aws_created_anew_after_a_cancel_of_ours_is_counted() {
    let bench = Bench::memory(&queued(3), &super::bench::sweep(10));
    let (plan, mut inventory, mut memory) = bench.plan().await;
    let keys: Vec<_> = inventory.executions.keys().cloned().collect();
    let canceled = |number| BTreeMap::from([(ExecutionNumber(number), plan.now)]);
    // The first is what was canceled, and the list lags; the second is another one by now.
    memory.canceled.insert(keys[0].clone(), canceled(1));
    memory.canceled.insert(keys[1].clone(), canceled(1));
    inventory.executions.get_mut(&keys[1]).unwrap().number = Fact::Known(ExecutionNumber(2));
    let (reporter, snapshot) = Reporter::new(plan.now, String::new());
    let mut running = reporter.begins(plan.now);
    reporter.planned(&mut running, &plan, &inventory, &memory);
    reporter.ends(running, true, None);
    assert_eq!(snapshot.borrow().pass.as_ref().unwrap().recreated, 1);
}

//! What waits for a budget goes as soon as that refills.

use std::time::Duration;

use tokio::time::sleep;

use super::bench::Bench;
use crate::apply::bench::{STUCK, policy};

fn fleet(status: &str) -> String {
    format!(
        "jobs: [{{id: fw, createdAt: 90d ago}}]\nthings: [{{name: 'r{{n}}', count: 8}}]\n\
         executions: [{{job: fw, thing: 'r{{n}}', count: 8, status: {status}, queuedAt: 3h ago}}]"
    )
}

/// How many are canceled in the first four minutes and a bit, of which nobody looks at anything by itself.
async fn canceled(fleet: &str, text: &str) -> usize {
    let bench = Bench { interval: Duration::from_secs(600), ..Bench::new(fleet, text) };
    let running = bench.begin();
    sleep(Duration::from_secs(4 * 60 + 15)).await;
    running.stop().await;
    bench.canceled().len()
}

#[tokio::test(start_paused = true)]
async fn a_refill_is_a_due_time_also_where_a_describe_may_rule_out_what_waits() {
    let queued = "mode: Enforce\ntarget: {statuses: [QUEUED]}\n\
                  match: {age: [{since: queuedAt, olderThan: 1m}]}\n\
                  budget: {max: [{count: 1, per: 1m}]}";
    let exclude = "exclude: [{name: held, statusDetails: {matchExpressions: [{key: hold, operator: Exists}]}}]";
    let plain = canceled(&fleet("QUEUED"), &policy("plain", queued)).await;
    assert_eq!(plain, 5);
    let described = policy("described", &format!("{queued}\n{exclude}"));
    assert_eq!(canceled(&fleet("QUEUED"), &described).await, plain);
    // A guard that is always there has a rule about what only a describe says.
    let stuck = STUCK.replace("{count: 100, per: 1h}", "{count: 1, per: 1m}");
    assert_eq!(canceled(&fleet("IN_PROGRESS"), &policy("stuck", &stuck)).await, plain);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_turn_is_not_taken_up_one_by_one() {
    let fleet = fleet("IN_PROGRESS").replace("count: 8", "count: 2000");
    let stuck = STUCK.replace("{count: 100, per: 1h}", "{count: 3, per: 1h}");
    let bench = Bench::new(&fleet, &policy("stuck", &stuck));
    let running = bench.begin();
    sleep(Duration::from_secs(60)).await;
    let told = running.told();
    running.stop().await;
    assert_eq!(bench.canceled().len(), 3);
    let waiting = told.tally.endings["budgetExhausted"];
    // No more than a batch, at the pace of cancels.
    assert!(waiting < 128, "{waiting}");
    let told = &told.policies[0].executions;
    assert!(told["due"] > 1_900, "{told:?}");
}

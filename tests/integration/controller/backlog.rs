//! A backlog that takes long does not keep the controller from looking: what comes due meanwhile goes
//! before it where it is more urgent.

use std::time::Duration;

use jiff::SignedDuration;
use rescind::backend::Operation;
use rescind::backend::pace::Pacer;
use tokio::time::sleep;

use super::bench::Bench;
use crate::apply::bench::policy;

/// `count` things whose executions of the job fw have waited for long, and one, `late`, whose execution
/// of the job hot has waited for `waited`.
fn fleet(count: usize, waited: &str) -> String {
    format!(
        "jobs: [{{id: fw, createdAt: 90d ago}}, {{id: hot, createdAt: 90d ago}}]\n\
         things: [{{name: 'r{{n}}', count: {count}}}, {{name: late}}]\nexecutions:\n\
         - {{job: fw, thing: 'r{{n}}', count: {count}, queuedAt: 3h ago}}\n\
         - {{job: hot, thing: late, queuedAt: {waited} ago}}"
    )
}

fn routine() -> String {
    cancels("routine", "fw", "1m", "priority: 1")
}

fn cancels(name: &str, job: &str, age: &str, more: &str) -> String {
    let spec = format!(
        "mode: Enforce\n{more}\ntarget: {{statuses: [QUEUED], jobs: {{names: [{job}]}}}}\n\
         match: {{age: [{{since: queuedAt, olderThan: {age}}}]}}\n\
         budget: {{max: [{{count: 100000, per: 1h}}]}}"
    );
    policy(name, &spec)
}

/// Of a minute that is promised. Time is simulated.
fn within(from: i64, canceled: SignedDuration) -> bool {
    let from = SignedDuration::from_secs(from);
    from <= canceled && canceled <= from + SignedDuration::from_secs(60)
}

#[tokio::test(start_paused = true)]
async fn what_comes_due_under_a_higher_priority_does_not_wait_for_the_end_of_a_backlog() {
    // At eight a second it takes two minutes and a half.
    let urgent = cancels("urgent", "hot", "1h", "priority: 1000");
    let bench = Bench::new(&fleet(1_200, "3570s"), &(routine() + &urgent));
    let running = bench.begin();
    sleep(Duration::from_secs(200)).await;
    running.stop().await;
    let canceled = bench.canceled();
    assert!(within(30, canceled["late"]), "{}", canceled["late"]);
    assert_eq!(canceled.len(), 1_201);
    // Nothing is read or described twice for it.
    assert_eq!(bench.world.calls(Operation::ListJobExecutionsForJob), 2 + 4);
    assert_eq!(bench.world.calls(Operation::DescribeJobExecution), 1_201);
    let last = canceled.values().max().unwrap();
    assert!(*last <= SignedDuration::from_secs(165), "the backlog has to go on: {last}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_due_all_the_time_does_not_starve_a_backlog() {
    // One comes due each second for five minutes, and goes first.
    let mut fleet = fleet(600, "1s");
    for n in 0..300 {
        let age = 3_600 - n;
        fleet = fleet.replacen("]\nexecutions", &format!(", {{name: s{n}}}]\nexecutions"), 1);
        fleet.push_str(&format!("\n- {{job: hot, thing: s{n}, queuedAt: {age}s ago}}"));
    }
    let urgent = cancels("urgent", "hot", "1h", "priority: 1000");
    let bench = Bench::new(&fleet, &(routine() + &urgent));
    let running = bench.begin();
    sleep(Duration::from_secs(330)).await;
    running.stop().await;
    let canceled = bench.canceled();
    assert_eq!(canceled.len(), 900);
    for n in 0..300 {
        let at = canceled[&format!("s{n}")];
        assert!(within(n, at), "s{n}: {at}");
    }
    let last = (1..=600).map(|n| canceled[&format!("r{n}")]).max().unwrap();
    assert!(last <= SignedDuration::from_secs(200), "{last}");
}

#[tokio::test(start_paused = true)]
async fn what_has_matched_for_a_while_goes_on_to_while_a_long_backlog_of_it_is_worked_off() {
    // A minute at one a second, where three intervals are half of one.
    let stable = cancels("stable", "fw", "1m", "stableFor: 30s");
    let bench = Bench {
        interval: Duration::from_secs(10),
        pacer: Pacer::new(|_| Some(1.0)),
        ..Bench::new(&fleet(60, "1s"), &stable)
    };
    let running = bench.begin();
    sleep(Duration::from_secs(30 + 60 + 60)).await;
    running.stop().await;
    assert_eq!(bench.canceled().len(), 60);
    assert_eq!(
        bench.world.calls(Operation::DescribeJobExecution),
        60,
        "none is kept and asked for again"
    );
}

#[tokio::test(start_paused = true)]
async fn what_has_matched_for_a_while_goes_on_to_while_another_policy_works_off_a_long_backlog() {
    let stable = cancels("stable", "hot", "1s", "priority: 1000\nstableFor: 2m");
    let bench = Bench {
        interval: Duration::from_secs(10),
        pacer: Pacer::new(|_| Some(1.0)),
        ..Bench::new(&fleet(300, "2m"), &(routine() + &stable))
    };
    let running = bench.begin();
    sleep(Duration::from_secs(240)).await;
    let canceled = bench.canceled();
    assert!(within(120, canceled["late"]), "{}", canceled["late"]);
    assert!(canceled.len() > 100, "{}", canceled.len());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_again_and_again_does_not_keep_what_lies_behind_it_from_its_turn() {
    // Each is described to be kept: at one a second many more than there is time for in an interval.
    let fleet = "jobs: [{id: fw, createdAt: 90d ago}]\n\
                 things: [{name: 'r{n}', count: 60}, {name: late}]\nexecutions:\n\
                 - {job: fw, thing: 'r{n}', count: 60, queuedAt: 3h ago, statusDetails: {hold: kept}}\n\
                 - {job: fw, thing: late, queuedAt: 2h ago}";
    let exclude = "exclude: [{name: held, statusDetails: {matchExpressions: [{key: hold, operator: Exists}]}}]";
    let bench = Bench {
        interval: Duration::from_secs(10),
        pacer: Pacer::new(|_| Some(1.0)),
        ..Bench::new(fleet, &cancels("routine", "fw", "1m", exclude))
    };
    let running = bench.begin();
    sleep(Duration::from_secs(200)).await;
    running.stop().await;
    let canceled: Vec<_> = bench.canceled().into_keys().collect();
    assert_eq!(canceled, ["late"]);
}

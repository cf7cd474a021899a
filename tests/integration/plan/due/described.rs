//! What a describe shows of an execution that is kept, and its list did not.

use super::*;

/// An execution that has been at work since before the start, in jobs that are never empty.
fn at_work(hours: i64, reported: i64) -> World {
    let started = Some(now() - minutes(60 * hours));
    let it = Execution { started, ..queued(hours + 1).executions.remove(0) };
    let it = Execution { reported: Some(now() + minutes(reported)), ..it };
    World { executions: vec![it], anchored: true, ..World::default() }
}

fn stuck(since: &str) -> Arc<PolicySet> {
    let spec = format!(
        "mode: Enforce\ntarget: {{statuses: [IN_PROGRESS]}}\n{since}\ncancel: {{force: true}}\n\
         budget: {{max: [{{count: 1000, per: 1h}}]}}"
    );
    set([policy("p", &spec)])
}

#[test]
fn what_has_reported_since_its_list_was_read_is_described_once_and_comes_due_that_much_later() {
    let mut world = at_work(5, 15);
    let policies = stuck(
        "match: {age: [{since: startedAt, olderThan: 1h}, {since: lastUpdatedAt, olderThan: 6h}]}",
    );
    world.live(&[(now(), policies)], now() + minutes(60 * 8));
    let after = world.executions[0].canceled.expect("it is canceled").duration_since(now());
    assert!(after >= minutes(375) && after <= minutes(375) + GATHER, "{after:?}");
    // When the list says that it is due, and when it is.
    assert_eq!(world.describes, 2);
}

#[test]
fn what_has_reported_since_its_list_was_read_is_stable_from_then_on() {
    let mut world = at_work(5, 15);
    let policies = stuck("match: {age: [{since: startedAt, olderThan: 5h30m}]}\nstableFor: 10m");
    world.live(&[(now(), policies)], now() + minutes(60 * 8));
    let after = world.executions[0].canceled.expect("it is canceled").duration_since(now());
    assert!(after >= minutes(40) && after <= minutes(50) + INTERVAL, "{after:?}");
    assert_eq!(world.describes, 2);
}

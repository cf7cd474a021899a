//! What changes between the judgement and the send: the gate has the last word.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation as Call};
use rescind::emulator::Operation;
use rescind::plan::{Outcome, Reason};

use super::bench::{
    Bench, SWEEP, endings, guard, kept, only, outcome, policies, policy, queued, sweep,
};
use super::races::NOT_FLASHING;

const BUDGET: &str = "budget: {max: [{count: 10, per: 1h}]}";

/// The policy `sweep`, with the words replaced.
fn changed(from: &str, to: &str) -> String {
    let text = sweep(10);
    assert!(text.contains(from), "{text}");
    text.replace(from, to)
}

/// Every way in which what is in force can stop allowing it.
fn revocations() -> Vec<(&'static str, String)> {
    vec![
        ("narrowed", changed("olderThan: 1m", "olderThan: 9d")),
        ("observed", changed("Enforce", "Observe")),
        ("suspended", changed("mode: Enforce", "mode: Enforce\n  suspend: true")),
        ("expired", changed("mode: Enforce", "mode: Enforce\n  expiresAt: 2026-11-23T12:00:00Z")),
        (
            "outside its window",
            changed(
                "mode: Enforce",
                "mode: Enforce\n  windows: [{kind: Deny, from: 06:00, to: 18:00, timeZone: UTC}]",
            ),
        ),
        ("other statuses", changed("[QUEUED]", "[IN_PROGRESS]")),
        ("other things", changed("[QUEUED]", "[QUEUED], things: {names: [x*]}")),
        (
            "excluded",
            changed(
                "mode: Enforce",
                "mode: Enforce\n  exclude: [{name: all, jobs: {names: [fw]}}]",
            ),
        ),
        (
            "needs what was not read",
            changed(
                "mode: Enforce",
                "mode: Enforce\n  exclude: [{name: lab, thing: {groups: [lab]}}]",
            ),
        ),
        ("removed", policy("other", &format!("{SWEEP}\n{BUDGET}").replace("1m", "9d"))),
        (
            "another cause",
            sweep(10) + &policy("urgent", &format!("{SWEEP}\npriority: 9\n{BUDGET}")),
        ),
        ("less budget", sweep(1)),
        ("protected", sweep(10) + &guard("g", "protect: [{name: all, things: {names: [r0]}}]")),
        (
            "protected by what was not read",
            sweep(10) + &guard("g", "protect: [{name: lab, thing: {groups: [lab]}}]"),
        ),
        (
            "protected by what was described",
            sweep(10)
                + &guard(
                    "g",
                    "protect:\n  - name: silent\n    statusDetails: \
                     {matchExpressions: [{key: phase, operator: DoesNotExist}]}",
                ),
        ),
        (
            "frozen",
            sweep(10)
                + &guard(
                    "g",
                    "freezes: [{name: f, from: 2026-11-23T00:00:00Z, until: 2026-11-24T00:00:00Z}]",
                ),
        ),
        (
            "out of scope",
            sweep(10) + &guard("g", "scope: {accounts: ['123456789012'], regions: [eu-west-1]}"),
        ),
        ("less of all", sweep(10) + &guard("g", "budget: {max: [{count: 1000, per: 24h}]}")),
        (
            "a guard that halts by what has force",
            sweep(10)
                + &guard("g", "budget: {maxForced: [{count: 1000, per: 24h}], onExceed: Halt}"),
        ),
        ("halts", changed("per: 1h}]", "per: 1h}], onExceed: Halt")),
    ]
}

#[tokio::test]
async fn a_policy_that_is_taken_back_after_the_intent_lets_no_byte_out() {
    for (how, text) in revocations() {
        let bench = Bench::http(&queued(1), &sweep(10)).await;
        let (switch, set) = (bench.in_force.clone(), policies(&text));
        bench.ledger.then(move |_| switch.put(set.clone()));
        let records = bench.apply().await;
        assert_eq!(outcome(&records), Outcome::Withdrawn, "{how}");
        assert_eq!((bench.describes(), bench.cancels()), (1, 0), "{how}");
        assert_eq!(bench.spent("sweep").await, 1, "{how}: an intent's unit stays spent");
        assert!(!only(&records).note.is_empty());
    }
}

#[tokio::test]
async fn a_policy_that_is_taken_back_before_the_judgement_costs_nothing() {
    for (how, text) in revocations() {
        let bench = Bench::http(&queued(1), &sweep(10)).await;
        let (switch, set) = (bench.in_force.clone(), policies(&text));
        let hook = move |_: &_, _: &mut _| switch.put(set.clone());
        bench.emulator.on_call(Operation::DescribeJobExecution, Box::new(hook));
        bench.apply().await;
        assert_eq!((bench.cancels(), bench.spent("sweep").await), (0, 0), "{how}");
        assert!(bench.ledger.begun.lock().unwrap().is_empty(), "{how}");
    }
}

#[tokio::test]
async fn a_change_that_still_says_cancel_does_not_stop_it() {
    for text in [
        changed("olderThan: 1m", "olderThan: 1s"),
        changed("[QUEUED]", "[QUEUED, IN_PROGRESS]"),
        sweep(10) + &policy("other", &format!("{SWEEP}\npriority: -1\n{BUDGET}")),
        sweep(500),
        sweep(10)
            + &guard("g", "protect: [{name: other, things: {names: [r1]}}]")
            + &guard(
                "h",
                "scope: {accounts: ['123456789012'], regions: [eu-central-1]}\nfreezes: \
                 [{name: f, from: 2026-11-23T00:00:00Z, until: 2026-11-23T12:00:00Z}]",
            ),
        changed("per: 1h", "per: 30m"),
        changed("mode: Enforce", "mode: Enforce\n  description: said again"),
    ] {
        let bench = Bench::http(&queued(1), &sweep(10)).await;
        let (switch, set) = (bench.in_force.clone(), policies(&text));
        bench.ledger.then(move |_| switch.put(set.clone()));
        assert_eq!(outcome(&bench.apply().await), Outcome::Canceled, "{text}");
    }
}

#[tokio::test]
async fn a_guard_that_allows_as_much_as_was_planned_does_not_stop_it() {
    let planned = "budget: {max: [{count: 5, per: 24h}], maxForced: [{count: 1, per: 1h}]}";
    for (now, expected) in [
        (planned, Outcome::Canceled),
        ("budget: {max: [{count: 6, per: 24h}, {count: 5, per: 1h}]}", Outcome::Canceled),
        ("budget: {maxForced: [{count: 0, per: 1h}]}", Outcome::Canceled),
        ("budget: {max: [{count: 4, per: 24h}]}", Outcome::Withdrawn),
        ("budget: {max: [{count: 5, per: 25h}]}", Outcome::Withdrawn),
        ("budget: {max: [{count: 5, per: 24h}], onExceed: Halt}", Outcome::Withdrawn),
    ] {
        let with = |budget| sweep(10) + &guard("g", budget);
        let bench = Bench::http(&queued(1), &with(planned)).await;
        let (switch, set) = (bench.in_force.clone(), policies(&with(now)));
        bench.ledger.then(move |_| switch.put(set.clone()));
        assert_eq!(outcome(&bench.apply().await), expected, "{now}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_freeze_that_begins_while_the_intent_is_written_sends_nothing() {
    let freeze = "freezes: [{name: f, from: 2026-11-23T12:00:02Z, until: 2026-11-24T00:00:00Z}]";
    let bench = Bench::memory(&queued(1), &(sweep(10) + &guard("g", freeze)));
    bench.ledger.syncs_in(Duration::from_secs(3));
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Withdrawn);
    assert!(only(&records).note.starts_with("frozen by g/f until"), "{records:?}");
    assert_eq!((bench.cancels(), bench.spent("sweep").await), (0, 1));
}

#[tokio::test]
async fn a_device_that_tests_its_firmware_is_kept_when_it_is_described() {
    let spec = queued(2).replace("thing: r0,", "thing: r0, statusDetails: {self_test: ready},");
    let bench = Bench::http(&spec, &sweep(1)).await;
    let records = bench.apply().await;
    assert_eq!(kept(&records), Reason::Protected, "{records:?}");
    assert_eq!((bench.describes(), bench.cancels(), bench.spent("sweep").await), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_expires_while_the_intent_is_written_sends_nothing() {
    let text = changed("mode: Enforce", "mode: Enforce\n  expiresAt: 2026-11-23T12:00:02Z");
    let bench = Bench::memory(&queued(1), &text);
    bench.ledger.syncs_in(Duration::from_secs(3));
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Withdrawn);
    assert!(only(&records).note.starts_with("the policy has expired"), "{records:?}");
    assert_eq!((bench.cancels(), bench.spent("sweep").await), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_makes_the_describe_too_old() {
    for (seconds, expected) in [(4, Outcome::Canceled), (6, Outcome::Withdrawn)] {
        let bench = Bench::memory(&queued(1), &sweep(10));
        bench.ledger.syncs_in(Duration::from_secs(seconds));
        assert_eq!(outcome(&bench.apply().await), expected);
        assert_eq!(bench.cancels(), u64::from(expected == Outcome::Canceled));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_the_time_of_aws_is_not_known() {
    let bench = Bench::memory(&queued(60), &sweep(60));
    bench.world().tells_no_time();
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("notTried", 60)].into(), "{records:?}");
    assert!(records.iter().all(|it| it.note.contains("clock")), "{records:?}");
    assert_no_unit_is_spent(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_once_the_state_is_lost_to_another() {
    let bench = Bench::memory(&queued(60), &sweep(60));
    bench.ledger.lost.store(true, Ordering::SeqCst);
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("notTried", 60)].into(), "{records:?}");
    assert!(records.iter().all(|it| it.note.contains("state")), "{records:?}");
    assert_no_unit_is_spent(&bench).await;
}

/// What holds for all and lasts is asked before the intent, which would take a unit for nothing in each pass;
/// and the first line that meets it speaks for all.
async fn assert_no_unit_is_spent(bench: &Bench) {
    assert!(bench.ledger.begun.lock().unwrap().is_empty());
    assert_eq!((bench.cancels(), bench.spent("sweep").await), (0, 0));
    assert!(bench.describes() < 40, "{}", bench.describes());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_the_time_of_aws_is_no_longer_known_after_the_intent() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    let (plan, inventory, memory) = bench.plan().await;
    bench.world().tells_no_time();
    tokio::time::advance(Duration::from_secs(57)).await;
    bench.ledger.syncs_in(Duration::from_secs(4));
    let records = bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await;
    assert_eq!(outcome(&records), Outcome::Withdrawn);
    assert!(only(&records).note.contains("clock"), "{records:?}");
    assert_eq!((bench.cancels(), bench.spent("sweep").await), (0, 1));
}

#[tokio::test]
async fn nothing_is_sent_when_the_state_is_lost_to_another_after_the_intent() {
    let bench = Bench::http(&queued(1), &sweep(10)).await;
    let ledger = Arc::clone(&bench.ledger);
    bench.ledger.then(move |_| ledger.lost.store(true, Ordering::SeqCst));
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Withdrawn);
    assert!(only(&records).note.contains("state"), "{records:?}");
    assert_eq!(bench.cancels(), 0);
}

#[tokio::test(start_paused = true)]
async fn facts_of_a_thing_are_read_again_when_they_are_older_than_a_minute() {
    let spec = queued(800).replace("- {name: r0}", "- {name: r0, groups: [old]}");
    let mut spec = spec.replace("  - {name: r799}", "  - {name: r799, groups: [old]}");
    spec.push_str("groups: [old, new]\n");
    let text = policy(
        "retired",
        "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {thing: {groups: [old]}}\n\
         budget: {max: [{count: 1000, per: 1h}]}",
    );
    // At 8 a second 800 groups take 100 s to read: the first are old when it comes to acting.
    let bench = Bench::memory(&spec, &text);
    let groups = |bench: &Bench| bench.calls(Operation::ListThingGroupsForThing);
    bench.world().on(Call::DescribeJobExecution, |moment| {
        if moment.key.is_some_and(|key| key.thing.as_str() == "r0") {
            let _ = moment.store.remove_from_group("r0", "old", moment.now);
        }
    });
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("canceled", 1), ("kept", 1)].into(), "{records:?}");
    assert_eq!(bench.effects()[0].thing_name, "r799");
    assert!((801..=802).contains(&groups(&bench)), "{}", groups(&bench));
}

#[tokio::test(start_paused = true)]
async fn facts_that_cannot_be_read_again_keep_the_execution() {
    let mut spec = queued(1).replace("{name: r0}", "{name: r0, groups: [old]}");
    spec.push_str("groups: [old]\n");
    let text = policy(
        "retired",
        "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {thing: {groups: [old]}}\n\
         budget: {max: [{count: 1000, per: 1h}]}",
    );
    let bench = Bench::memory(&spec, &text);
    bench.world().takes(Call::DescribeJobExecution, Duration::from_secs(1));
    let (plan, inventory, memory) = bench.plan().await;
    tokio::time::advance(Duration::from_secs(70)).await;
    let denied = Fault::Fail(ErrorKind::Denied);
    bench.faults().inject(Call::ListThingGroupsForThing, denied, 1);
    let records = bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await;
    assert_eq!(kept(&records), Reason::FactUnknown);
    assert_eq!(bench.cancels(), 0);
}

#[tokio::test]
async fn a_policy_that_begins_to_ask_for_details_is_asked_with_what_was_described() {
    let spec = queued(1).replace("thing: r0,", "thing: r0, statusDetails: {phase: flashing},");
    let bench = Bench::http(&spec, &sweep(10)).await;
    let text = changed(
        "mode: Enforce",
        &format!("mode: Enforce\n  {}", NOT_FLASHING.replace('\n', "\n  ")),
    );
    let (switch, set) = (bench.in_force.clone(), policies(&text));
    bench.ledger.then(move |_| switch.put(set.clone()));
    assert_eq!(outcome(&bench.apply().await), Outcome::Withdrawn);
    assert_eq!(bench.cancels(), 0);
}

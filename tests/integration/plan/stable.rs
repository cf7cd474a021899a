//! For how long something has matched: look after look.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rescind::execution::{ExecutionNumber, ExecutionVersion};
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::Inventory;
use rescind::plan::explain::{Breadth, explain};
use rescind::plan::in_force::{Judgement, judge};
use rescind::plan::stable::{Look, Sightings, USUAL_INTERVAL, ends, lasts, supposed};
use rescind::plan::words::facts_of;
use rescind::plan::{Decision, Depth, Memory, Reason, needs, plan};
use rescind::policy::{Policy, PolicySet};

use super::support::{fleet, key, now, policy, set};

const POLICY: &str = "mode: Enforce\ntarget: {statuses: [QUEUED]}\n\
                      match: {age: [{since: queuedAt, olderThan: 1d}]}\nstableFor: 10m\n\
                      budget: {max: [{count: 10, per: 1h}]}";

fn minute(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

fn waiting() -> Inventory {
    let spec = "jobs: [{id: fw}]\nthings: [{name: r, type: robot}]\n\
                executions: [{job: fw, thing: r, queuedAt: 2d ago, statusDetails: {phase: boot}}]";
    rescind::fleet::inventory(&fleet(spec), now())
}

/// Looks at a time, and says what was decided then.
fn look(
    policies: &Arc<PolicySet>,
    inventory: &Inventory,
    sightings: &mut Sightings,
    at: Timestamp,
) -> (Decision, Reason) {
    let memory = Memory { sightings: Arc::new(sightings.clone()), ..Memory::default() };
    let plan = plan(policies, inventory, &memory, at, Depth::Listed);
    let problems = rescind::plan::check::check(&plan, policies, inventory, &memory);
    assert_eq!(problems, [], "{at}");
    plan.look.take_in(sightings, lasts(USUAL_INTERVAL), at);
    let line = &plan.lines[0];
    (line.decision(), line.verdict.reason)
}

const NOT_YET: (Decision, Reason) = (Decision::Defer, Reason::NotStableYet);
const DUE: (Decision, Reason) = (Decision::Examine, Reason::Due);

#[test]
fn what_matches_in_every_look_is_due_when_its_time_is_over() {
    let (policies, inventory, mut seen) = (set([policy("p", POLICY)]), waiting(), Sightings::new());
    assert_eq!(look(&policies, &inventory, &mut seen, minute(0)), NOT_YET);
    let next = |seen: &Sightings, at| ends(&policies, seen, at).map(|(end, _)| end).min();
    assert_eq!(next(&seen, minute(0)), Some(minute(10)));
    assert_eq!(look(&policies, &inventory, &mut seen, minute(5)), NOT_YET);
    let just_before = minute(10) - SignedDuration::from_nanos(1);
    assert_eq!(look(&policies, &inventory, &mut seen, just_before), NOT_YET);
    assert_eq!(next(&seen, just_before), Some(minute(10)));
    assert_eq!(look(&policies, &inventory, &mut seen, minute(10)), DUE);
    assert_eq!(next(&seen, minute(10)), None);
}

#[test]
fn a_look_that_does_not_agree_begins_anew() {
    type Change = fn(&mut Inventory);
    let changes: [(&str, Change); 4] = [
        ("it does not match", |it| {
            it.executions
                .get_mut(&key("fw", "r"))
                .expect("it")
                .times
                .change(|it| it.queued_at = Fact::Known(now()));
        }),
        ("it is not known to match", |it| {
            it.executions
                .get_mut(&key("fw", "r"))
                .expect("it")
                .times
                .change(|it| it.queued_at = Fact::Unreadable(Unreadable::Failed));
        }),
        ("it has moved", |it| {
            it.executions
                .get_mut(&key("fw", "r"))
                .expect("it")
                .times
                .change(|it| it.last_updated_at = Fact::Known(now()));
        }),
        ("whether it has moved is not known", |it| {
            it.executions
                .get_mut(&key("fw", "r"))
                .expect("it")
                .times
                .change(|it| it.last_updated_at = Fact::Absent);
        }),
    ];
    for (why, change) in changes {
        let (policies, mut seen) = (set([policy("p", POLICY)]), Sightings::new());
        look(&policies, &waiting(), &mut seen, minute(0));
        let mut other = waiting();
        change(&mut other);
        look(&policies, &other, &mut seen, minute(5));
        assert_eq!(look(&policies, &waiting(), &mut seen, minute(10)), NOT_YET, "{why}");
        assert_eq!(look(&policies, &waiting(), &mut seen, minute(19)), NOT_YET, "{why}");
        assert_eq!(look(&policies, &waiting(), &mut seen, minute(20)), DUE, "{why}");
    }
}

#[test]
fn another_execution_and_another_version_begin_anew() {
    // It asks for a fact of a describe, so that each look knows the version.
    let spec = POLICY.replace(
        "match: {",
        "match: {statusDetails: {matchExpressions: [{key: phase, operator: Exists}]}, ",
    );
    let policies = set([policy("p", &spec)]);
    for number in [false, true] {
        let mut seen = Sightings::new();
        look(&policies, &waiting(), &mut seen, minute(0));
        let mut other = waiting();
        let row = other.executions.get_mut(&key("fw", "r")).expect("a row");
        let Fact::Known(described) = &mut row.described else { panic!("it was described") };
        if number {
            row.number = Fact::Known(ExecutionNumber(2));
        } else {
            described.version = Fact::Known(ExecutionVersion::new(2).expect("1 or more"));
        }
        assert_eq!(look(&policies, &other, &mut seen, minute(10)), NOT_YET);
        assert_eq!(look(&policies, &other, &mut seen, minute(20)), DUE);
    }
}

#[test]
fn a_gap_of_three_intervals_begins_anew_and_a_shorter_one_does_not() {
    for (at, expected) in [(minute(14), DUE), (minute(15), NOT_YET)] {
        let (policies, mut seen) = (set([policy("p", POLICY)]), Sightings::new());
        look(&policies, &waiting(), &mut seen, minute(0));
        assert_eq!(look(&policies, &waiting(), &mut seen, at), expected, "{at}");
    }
}

#[test]
fn a_policy_that_is_written_otherwise_begins_anew_and_takes_nothing_from_others() {
    let (one, two) = (policy("one", POLICY), policy("two", POLICY));
    let mut seen = Sightings::new();
    look(&set([one.clone(), two.clone()]), &waiting(), &mut seen, minute(0));
    assert_eq!(seen.len(), 2);
    // Only one of them is asked, as by `apply --only`.
    assert_eq!(look(&set([one.clone()]), &waiting(), &mut seen, minute(10)), DUE);
    assert_eq!(look(&set([two]), &waiting(), &mut seen, minute(12)), DUE);
    let written = policy("one", &POLICY.replace("olderThan: 1d", "olderThan: 25h"));
    assert_ne!(one.digest, written.digest);
    assert_eq!(look(&set([written]), &waiting(), &mut seen, minute(13)), NOT_YET);
    // What nobody asks for any more is forgotten.
    let all = seen.len();
    look(&set([policy("three", POLICY)]), &waiting(), &mut seen, minute(60));
    assert_eq!((all, seen.len()), (3, 1));
}

#[test]
fn a_list_that_fails_is_a_gap_and_no_answer() {
    let (policies, mut seen) = (set([policy("p", POLICY)]), Sightings::new());
    look(&policies, &waiting(), &mut seen, minute(0));
    let mut unlisted = waiting();
    unlisted.executions = rescind::inventory::Executions::default();
    let memory = Memory { sightings: Arc::new(seen.clone()), ..Memory::default() };
    let plan = plan(&policies, &unlisted, &memory, minute(5), Depth::Listed);
    assert!(plan.look.is_empty());
    assert_eq!(look(&policies, &waiting(), &mut seen, minute(10)), DUE);
}

#[test]
fn in_the_moment_of_acting_it_must_not_have_moved() {
    let policies = set([policy("p", POLICY)]);
    let mut inventory = waiting();
    let seen = Arc::new(supposed(&policies, &inventory, now(), None));
    let says = |inventory: &Inventory, policies: &PolicySet, seen: &Arc<Sightings>| {
        let key = key("fw", "r");
        match judge(policies, &facts_of(&key, inventory).expect("observed"), seen, now()) {
            Judgement::Cancel(_) => Reason::Matched,
            Judgement::Keep { verdict, .. } => verdict.reason,
        }
    };
    assert_eq!(says(&inventory, &policies, &seen), Reason::Matched);
    assert_eq!(says(&inventory, &policies, &Arc::default()), Reason::NotStableYet);
    let longer = set([policy("p", &POLICY.replace("10m", "11m"))]);
    assert_eq!(says(&inventory, &longer, &seen), Reason::NotStableYet);
    let row = inventory.executions.get_mut(&key("fw", "r")).expect("a row");
    row.times.change(|it| it.last_updated_at = Fact::Known(now()));
    assert_eq!(says(&inventory, &policies, &seen), Reason::NotStableYet);
}

#[test]
fn a_policy_that_asks_for_details_reads_them_in_every_look_and_no_other_does() {
    let details = "match: {statusDetails: {matchExpressions: [{key: phase, operator: Exists}]}}";
    let described = |policy: Policy| {
        let policies = set([policy]);
        let mut inventory = waiting();
        let row = inventory.executions.get_mut(&key("fw", "r")).expect("a row");
        row.described = Fact::NotRead;
        needs(&policies, &inventory, &Memory::default(), now(), Depth::Listed).executions.len()
    };
    let spec = format!("mode: Enforce\ntarget: {{statuses: [QUEUED]}}\n{details}");
    assert_eq!(described(policy("p", &spec)), 0);
    assert_eq!(described(policy("p", &format!("{spec}\nstableFor: 10m"))), 1);
    assert_eq!(described(policy("p", POLICY)), 0);
}

#[test]
fn a_policy_that_is_suspended_counts_nothing_and_begins_anew() {
    let mut policy = policy("p", POLICY);
    let policies = set([policy.clone()]);
    policy.suspended = Some(String::new());
    let (suspended, mut seen) = (set([policy]), Sightings::new());
    look(&policies, &waiting(), &mut seen, minute(0));
    let waits = (Decision::Keep, Reason::Suspended);
    assert_eq!(look(&suspended, &waiting(), &mut seen, minute(5)), waits);
    assert!(seen.is_empty());
    assert_eq!(look(&policies, &waiting(), &mut seen, minute(10)), NOT_YET);
}

#[test]
fn a_look_without_such_a_policy_is_none() {
    let policies = set([policy("p", &POLICY.replace("\nstableFor: 10m", ""))]);
    let plan = plan(&policies, &waiting(), &Memory::default(), now(), Depth::Listed);
    assert_eq!(plan.look, Look::default());
    assert!(plan.look.is_empty());
}

#[test]
fn an_explanation_says_since_when_it_has_matched_and_when_that_is_enough() {
    let policies = set([policy("p", POLICY)]);
    let told = |inventory: &Inventory, sightings: Sightings| {
        let memory = Memory { sightings: Arc::new(sightings), ..Memory::default() };
        let plan = plan(&policies, inventory, &memory, now(), Depth::Exact);
        let explanation = explain(&key("fw", "r"), &plan, inventory, &memory, Breadth::Fleet)
            .expect("it is there");
        explanation.policies[0].stable.expect("it asks for a time").to_string()
    };
    let seen = supposed(&policies, &waiting(), now(), Some(SignedDuration::from_mins(4)));
    assert_eq!(
        told(&waiting(), seen.clone()),
        "stableFor 10m: it has matched since 2026-11-23T11:56:00Z, which is long enough from \
         2026-11-23T12:06:00Z on"
    );
    assert_eq!(
        told(&waiting(), Sightings::new()),
        "stableFor 10m: it has matched since 2026-11-23T12:00:00Z, which is long enough from \
         2026-11-23T12:10:00Z on"
    );
    let mut young = waiting();
    let row = young.executions.get_mut(&key("fw", "r")).expect("a row");
    row.times.change(|it| it.queued_at = Fact::Known(now()));
    assert_eq!(
        told(&young, seen),
        "stableFor 10m: it does not match now, so that no time is counted"
    );
}

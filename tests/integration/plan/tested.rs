//! What a test of policies takes for a surprise.

use rescind::plan::tested::{Surprise, surprises};
use rescind::plan::{Decision, Depth, Memory, Plan, Reason, plan};
use rescind::policy::{Expectation, TestCase};

use super::support::{fleet, key, name, now, policy, set};

/// `fw on a` is canceled, `fw on b` is too young, and `other on a` is of no policy.
fn planned() -> Plan {
    let fleet = fleet(
        "jobs: [{id: fw}, {id: other}]\nthings: [{name: a}, {name: b}]\nexecutions:\n\
         - {job: fw, thing: a, queuedAt: 2d ago}\n- {job: fw, thing: b, queuedAt: 1h ago}\n\
         - {job: other, thing: a, queuedAt: 2d ago}",
    );
    let spec = "mode: Enforce\ntarget: {statuses: [QUEUED], jobs: {names: [fw]}}\n\
                match: {age: [{since: queuedAt, olderThan: 1d}]}\n\
                budget: {max: [{count: 9, per: 1h}]}";
    let inventory = rescind::fleet::inventory(&fleet, now());
    plan(&set([policy("p", spec)]), &inventory, &Memory::default(), now(), Depth::Exact)
}

fn surprised(plan: &Plan, expect: Vec<Expectation>, forbid_unlisted: bool) -> Vec<Surprise> {
    let test = TestCase {
        name: name("t"),
        origin: plan.lines[0].policy.origin.clone(),
        now: now(),
        root: ".".to_owned(),
        fleet: "fleet.yaml".to_owned(),
        matched_for: None,
        expect,
        forbid_unlisted,
    };
    surprises(&test, plan)
}

fn bare(job: &str, thing: &str, decision: Decision) -> Expectation {
    Expectation { key: key(job, thing), decision, reason: None, policy: None, force: None }
}

#[test]
fn each_part_of_what_is_expected_has_to_be_met() {
    let plan = planned();
    let canceled = Expectation {
        reason: Some(Reason::Matched),
        policy: Some(name("p")),
        force: Some(false),
        ..bare("fw", "a", Decision::Cancel)
    };
    let kept = Expectation {
        reason: Some(Reason::NoMatch),
        policy: Some(name("p")),
        ..bare("fw", "b", Decision::Keep)
    };
    let outside = bare("other", "a", Decision::Keep);
    let met = [
        bare("fw", "a", Decision::Cancel),
        bare("fw", "b", Decision::Keep),
        canceled.clone(),
        kept.clone(),
        outside.clone(),
    ];
    for expected in met {
        assert_eq!(surprised(&plan, vec![expected.clone()], false), [], "{expected:?}");
    }
    let unmet = [
        bare("fw", "a", Decision::Keep),
        bare("fw", "b", Decision::Cancel),
        Expectation { reason: Some(Reason::Due), ..canceled.clone() },
        Expectation { policy: Some(name("q")), ..canceled.clone() },
        Expectation { force: Some(true), ..canceled },
        Expectation { reason: Some(Reason::Excluded), ..kept.clone() },
        Expectation { policy: Some(name("q")), ..kept },
        bare("other", "a", Decision::Cancel),
        Expectation { reason: Some(Reason::NoMatch), ..outside.clone() },
        Expectation { policy: Some(name("p")), ..outside },
    ];
    for expected in unmet {
        let found = surprised(&plan, vec![expected.clone()], false);
        assert!(matches!(found[..], [Surprise::Unmet { index: 0, .. }]), "{expected:?}: {found:?}");
    }
}

#[test]
fn a_cancel_that_nobody_expects_is_a_surprise_where_that_is_forbidden() {
    let plan = planned();
    assert_eq!(surprised(&plan, Vec::new(), false), []);
    let found = surprised(&plan, Vec::new(), true);
    let [Surprise::Unlisted { key: found, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(*found, key("fw", "a"));
    assert_eq!(surprised(&plan, vec![bare("fw", "a", Decision::Cancel)], true), []);
}

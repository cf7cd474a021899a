//! The check has teeth for the rules that exclude: what of each fact settles that a rule does not hold.

use std::sync::Arc;

use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{Inventory, ObservedExecution, Thing};
use rescind::plan::check::check;
use rescind::plan::{Depth, Memory, plan};

use crate::plan::support::{fleet, now, policy, set};

type Change = fn(&mut ObservedExecution, &mut Thing);

fn nothing(_: &mut ObservedExecution, _: &mut Thing) {}

const DENIED: Unreadable = Unreadable::Denied;

/// Queued for three days, started two days and changed a day ago, tried for the third time; a robot in berlin
/// whose site is b and whose phase is boot.
fn one() -> Inventory {
    let fleet = fleet(
        "jobs: [{id: fw}]\n\
         things: [{name: a, type: robot, groups: [berlin], attributes: {site: b}}]\n\
         executions:\n- {job: fw, thing: a, status: IN_PROGRESS, queuedAt: 3d ago, startedAt: 2d ago, \
         lastUpdatedAt: 1d ago, retryAttempt: 2, statusDetails: {phase: boot}}",
    );
    rescind::fleet::inventory(&fleet, now())
}

/// Whether it is believed that a rule with this clause keeps nothing, after a change of what was observed.
fn is_settled(clause: &str, change: Change) -> bool {
    let spec = "mode: Enforce\ntarget: {statuses: [IN_PROGRESS]}\ncancel: {force: true}\n\
                match: {age: [{since: queuedAt, olderThan: 1h}]}\n\
                budget: {max: [{count: 9, per: 1h}]}";
    let mut inventory = one();
    let memory = Memory::default();
    let bare = set([policy("p", spec)]);
    let mut plan = plan(&bare, &inventory, &memory, now(), Depth::Exact);
    assert_eq!(plan.acts().count(), 1);
    let excluding = policy("p", &format!("{spec}\nexclude: [{{name: r, {clause}}}]"));
    plan.lines[0].policy = Arc::new(excluding.clone());
    for (row, thing) in inventory.executions.values_mut().zip(inventory.things.values_mut()) {
        change(row, thing);
    }
    let broken = check(&plan, &set([excluding]), &inventory, &memory);
    let rule = "exclude rule r is not surely false";
    broken.iter().all(|violation| violation.rule != rule)
}

#[test]
fn an_age_settles_a_rule_where_it_is_over_or_its_clock_never_ran() {
    let clocks: [(&str, i64, Change, Change); 3] = [
        (
            "queuedAt",
            3,
            |row, _| row.times.change(|it| it.queued_at = Fact::Absent),
            |row, _| row.times.change(|it| it.queued_at = Fact::Unreadable(DENIED)),
        ),
        (
            "startedAt",
            2,
            |row, _| row.times.change(|it| it.started_at = Fact::Absent),
            |row, _| row.times.change(|it| it.started_at = Fact::Unreadable(DENIED)),
        ),
        (
            "lastUpdatedAt",
            1,
            |row, _| row.times.change(|it| it.last_updated_at = Fact::Absent),
            |row, _| row.times.change(|it| it.last_updated_at = Fact::Unreadable(DENIED)),
        ),
    ];
    for (clock, days, absent, unreadable) in clocks {
        let older = |days| format!("age: [{{since: {clock}, olderThan: {days}d}}]");
        let younger = |days| format!("age: [{{since: {clock}, youngerThan: {days}d}}]");
        // At an age's very end it is older, and no longer younger.
        assert!(!is_settled(&older(days), nothing), "{clock}");
        assert!(is_settled(&younger(days), nothing), "{clock}");
        assert!(is_settled(&older(days + 1), nothing), "{clock}");
        assert!(!is_settled(&younger(days + 1), nothing), "{clock}");
        for clause in [older(days), younger(days + 1)] {
            assert!(is_settled(&clause, absent), "{clause}: it never ran");
        }
        for clause in [older(days + 1), younger(days)] {
            assert!(!is_settled(&clause, unreadable), "{clause}: nobody knows");
        }
    }
}

const GROUPS: &str = "thing: {groups: [berlin, lab]}";
const OTHER_GROUPS: &str = "thing: {groups: [lab]}";
const TYPES: &str = "thing: {types: [robot, arm]}";
const OTHER_TYPES: &str = "thing: {types: [arm]}";
const ATTRIBUTE: &str = "thing: {attributes: {matchExpressions: [{key: site, operator: Exists}]}}";
const NO_ATTRIBUTE: &str =
    "thing: {attributes: {matchExpressions: [{key: site, operator: DoesNotExist}]}}";
const DETAIL: &str = "statusDetails: {matchExpressions: [{key: phase, operator: Exists}]}";
const NO_DETAIL: &str = "statusDetails: {matchExpressions: [{key: phase, operator: DoesNotExist}]}";

fn unregistered(_: &mut ObservedExecution, thing: &mut Thing) {
    (thing.description, thing.groups) = (Fact::Absent, Fact::Absent);
}

fn denied(row: &mut ObservedExecution, thing: &mut Thing) {
    (thing.description, thing.groups) = (Fact::Unreadable(DENIED), Fact::Unreadable(DENIED));
    row.retry_attempt = Fact::Unreadable(DENIED);
    row.described = Fact::Unreadable(DENIED);
}

fn without_details(row: &mut ObservedExecution, _: &mut Thing) {
    row.retry_attempt = Fact::Absent;
    let Fact::Known(described) = &mut row.described else { panic!("described") };
    described.status_details = Fact::Absent;
}

fn without_type(_: &mut ObservedExecution, thing: &mut Thing) {
    let Fact::Known(description) = &mut thing.description else { panic!("described") };
    description.thing_type = None;
}

#[test]
fn what_is_known_to_be_otherwise_or_not_to_be_there_settles_a_rule_and_nothing_else() {
    let retries = |least: u32| format!("retryAttempt: {{atLeast: {least}}}");
    let table: [(&str, Change, bool); 28] = [
        (TYPES, nothing, false),
        (OTHER_TYPES, nothing, true),
        (TYPES, without_type, true),
        (TYPES, unregistered, true),
        (OTHER_TYPES, denied, false),
        (GROUPS, nothing, false),
        (OTHER_GROUPS, nothing, true),
        (GROUPS, unregistered, true),
        (OTHER_GROUPS, denied, false),
        (ATTRIBUTE, nothing, false),
        (NO_ATTRIBUTE, nothing, true),
        (ATTRIBUTE, unregistered, true),
        (NO_ATTRIBUTE, unregistered, false),
        (ATTRIBUTE, denied, false),
        (NO_ATTRIBUTE, denied, false),
        (DETAIL, nothing, false),
        (NO_DETAIL, nothing, true),
        (DETAIL, without_details, true),
        (NO_DETAIL, without_details, false),
        (DETAIL, denied, false),
        (NO_DETAIL, denied, false),
        (&retries(2), nothing, false),
        (&retries(3), nothing, true),
        (&retries(1), nothing, false),
        (&retries(1), without_details, true),
        (&retries(3), denied, false),
        ("jobs: {names: [fw]}", nothing, false),
        ("jobs: {names: [other]}", nothing, true),
    ];
    for (index, (clause, change, settled)) in table.into_iter().enumerate() {
        assert_eq!(is_settled(clause, change), settled, "row {index}: {clause}");
    }
}

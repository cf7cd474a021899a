//! What is worth reading, and what is not read since it could change nothing.

use rescind::fact::{Fact, Unreadable};
use rescind::inventory::Inventory;
use rescind::plan::{Depth, Memory, Needs, needs};
use rescind::policy::{Demands, PolicySet};

use super::support::{fleet, guard, now, policy};

/// One execution that is old enough, of which neither the groups of its thing nor a describe were read.
fn one() -> Inventory {
    let fleet = fleet(
        "jobs: [{id: fw}]\nthings: [{name: a, type: robot, groups: [berlin]}]\n\
         executions: [{job: fw, thing: a, queuedAt: 2d ago}]",
    );
    let mut inventory = rescind::fleet::inventory(&fleet, now());
    inventory.things.values_mut().for_each(|thing| thing.groups = Fact::NotRead);
    inventory.executions.values_mut().for_each(|row| row.described = Fact::NotRead);
    inventory
}

fn denied() -> Inventory {
    let mut inventory = one();
    for thing in inventory.things.values_mut() {
        thing.description = Fact::Unreadable(Unreadable::Denied);
    }
    inventory
}

fn wanted(more: &str, guards: &[&str], inventory: &Inventory, depth: Depth) -> Needs {
    let mode = if more.contains("mode:") { "" } else { "mode: Enforce\n" };
    let spec = format!(
        "{mode}target: {{statuses: [QUEUED]}}\nmatch: {{age: [{{since: queuedAt, olderThan: 1d}}]}}\n\
         budget: {{max: [{{count: 9, per: 1h}}]}}\n{more}"
    );
    let guards = guards.iter().map(|spec| guard("g", spec));
    let set = PolicySet::guarded([policy("p", &spec)], guards, Demands::default()).into();
    needs(&set, inventory, &Memory::default(), now(), depth)
}

/// How many groups and how many describes.
fn counts(needs: &Needs) -> (usize, usize) {
    (needs.groups.len(), needs.executions.len())
}

#[test]
fn what_a_rule_asks_beside_a_describe_is_read_before_unless_the_rule_is_settled() {
    let held = "statusDetails: {matchExpressions: [{key: hold, operator: Exists}]}, thing: {groups: [lab]}";
    for (more, expected) in [("", (1, 0)), (", retryAttempt: {atLeast: 9}", (0, 0))] {
        let rule = format!("[{{name: r, {held}{more}}}]");
        let excludes = wanted(&format!("exclude: {rule}"), &[], &one(), Depth::Listed);
        assert_eq!(counts(&excludes), expected, "exclude: {rule}");
        let protects = wanted("", &[&format!("protect: {rule}")], &one(), Depth::Listed);
        assert_eq!(counts(&protects), expected, "protect: {rule}");
    }
}

#[test]
fn once_a_fact_that_is_needed_could_not_be_read_nothing_dearer_is() {
    let sends = "cancel: {statusDetails: {set: {kind: \"${thing.type}\", \
                 lab: \"${'lab' in thing.groups ? 'yes' : 'no'}\"}}}";
    let protects = "protect: [{name: t, thing: {types: [arm]}}, {name: g, thing: {groups: [lab]}}]";
    for (more, guards) in [(sends, &[][..]), ("", &[protects][..])] {
        assert_eq!(counts(&wanted(more, guards, &one(), Depth::Listed)), (1, 0), "{more}");
        let settled = wanted(more, guards, &denied(), Depth::Listed);
        assert!(settled.is_empty(), "{more}: {settled:?}");
    }
}

#[test]
fn what_is_only_observed_is_described_for_a_guard_that_asks_for_it() {
    let observes = "mode: Observe";
    let exact = |guards: &[&str]| counts(&wanted(observes, guards, &one(), Depth::Exact));
    assert_eq!(exact(&[]), (0, 1), "the built-in rule asks");
    let off = "disableBuiltin: [freertos-self-test]\nprotect: [{name: r, jobs: {names: [x]}}]";
    assert_eq!(exact(&[off]), (0, 0));
    let asks = "disableBuiltin: [freertos-self-test]\n\
                protect: [{name: r, statusDetails: {matchExpressions: [{key: k, operator: Exists}]}}]";
    assert_eq!(exact(&[asks]), (0, 1));
}

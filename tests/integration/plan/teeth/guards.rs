//! The check has teeth for guards: a plan that is good without them breaks the rule of each.

use std::collections::BTreeMap;

use rescind::fact::{Fact, Unreadable};
use rescind::plan::Depth;
use rescind::plan::check::check;
use rescind::policy::{Demands, Guard, Policy, PolicySet, Standing};

use super::{Case, good, policies};
use crate::plan::support::{guard, name};

const DEMANDS: Demands = Demands { guard: true, scope: true };
const NONE: Demands = Demands { guard: false, scope: false };

fn broken(case: &Case, guards: impl IntoIterator<Item = Guard>, demands: Demands) -> Vec<String> {
    let policies = policies();
    let policies = policies.iter().map(|policy| Policy::clone(policy));
    let set = PolicySet::guarded(policies, guards, demands);
    let found = check(&case.plan, &set, &case.inventory, &case.memory);
    found.into_iter().map(|violation| violation.to_string()).collect()
}

/// Guards under which the good plan is bad, and how each is told.
const GUARDS: &[(&str, &str)] = &[
    ("bad on a: guard g protects it by rule r", "protect: [{name: r, thing: {types: [robot]}}]"),
    (
        "bad on a: guard g protects it by rule r",
        "protect: [{name: x, jobs: {names: [x]}}, {name: r, jobs: {names: [bad]}}]",
    ),
    // Nobody wrote what it is: it may be what the rule protects.
    (
        "bad on a: guard g protects it by rule r",
        "protect: [{name: r, thing: {attributes: {matchExpressions: [{key: k, operator: NotIn, values: [v]}]}}}]",
    ),
    (
        "bad on a: a freeze lasts",
        "freezes: [{name: f, from: \"2026-11-01T00:00:00Z\", until: \"2026-12-01T00:00:00Z\"}]",
    ),
    (
        "good on a: a freeze lasts",
        "freezes: [{name: f, from: \"2026-11-01T00:00:00Z\", until: \"2026-12-01T00:00:00Z\", exceptPolicies: [emergency]}]",
    ),
    // It begins now, it ends in a second, and it is the second of two.
    (
        "bad on a: a freeze lasts",
        "freezes: [{name: f, from: \"2026-11-23T12:00:00Z\", until: \"2026-11-23T12:00:01Z\"}]",
    ),
    (
        "bad on a: a freeze lasts",
        "freezes: [{name: e, from: \"2026-11-01T00:00:00Z\", until: \"2026-11-23T12:00:00Z\"}, {name: f, from: \"2026-11-23T00:00:00Z\", until: \"2026-11-24T00:00:00Z\"}]",
    ),
    (
        "bad on a: a freeze lasts",
        "freezes: [{name: f, from: \"2026-11-01T00:00:00Z\", until: \"2026-12-01T00:00:00Z\", exceptPolicies: [routine]}]",
    ),
    (
        "bad on a: it is not in the scope of guard g",
        "scope: {accounts: [\"000000000001\"], regions: [eu-central-1]}",
    ),
    (
        "bad on a: it is not in the scope of guard g",
        "scope: {accounts: [\"000000000001\", \"000000000002\"], regions: [eu-central-1, eu-west-3]}",
    ),
    (
        "bad on a: it is not in the scope of guard g",
        "scope: {accounts: [\"123456789012\"], regions: [eu-west-3]}",
    ),
];

#[test]
fn a_plan_that_a_guard_forbids_is_caught() {
    let mut missed = Vec::new();
    for depth in [Depth::Listed, Depth::Exact] {
        for (rule, spec) in GUARDS {
            for standing in [Standing::Written, Standing::Missing, Standing::Broken] {
                let guard = Guard { standing, ..guard("g", spec) };
                let broken = broken(&good(depth), [guard], NONE);
                if !broken.iter().any(|text| text.starts_with(rule)) {
                    missed.push(format!("{depth:?}, {standing}: {spec}: {broken:?}"));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_guard_that_says_nothing_about_it_breaks_nothing() {
    let spec = "scope: {accounts: [\"123456789012\"], regions: [eu-central-1]}\n\
                protect: [{name: r, jobs: {names: [x]}}]\n\
                freezes: [{name: f, from: \"2026-11-01T00:00:00Z\", until: \"2026-11-02T00:00:00Z\"}]";
    for depth in [Depth::Listed, Depth::Exact] {
        assert_eq!(broken(&good(depth), [guard("g", spec)], DEMANDS), Vec::<String>::new());
    }
}

#[test]
fn one_guard_that_forbids_is_enough_beside_another_that_does_not() {
    let here = guard("here", "scope: {accounts: [\"123456789012\"], regions: [eu-central-1]}");
    let there = guard("there", "scope: {accounts: [\"123456789012\"], regions: [eu-west-3]}");
    let frozen =
        "freezes: [{name: f, from: \"2026-11-01T00:00:00Z\", until: \"2026-12-01T00:00:00Z\"}]";
    for (second, rule) in [
        (there, "bad on a: it is not in the scope of guard there"),
        (guard("there", frozen), "bad on a: a freeze lasts"),
    ] {
        let broken = broken(&good(Depth::Exact), [here.clone(), second], NONE);
        assert!(broken.iter().any(|it| it == rule), "{broken:?}");
    }
}

#[test]
fn what_only_a_describe_shows_to_be_protected_is_caught_once_it_is_described() {
    let spec = "protect: [{name: r, statusDetails: {matchExpressions: [{key: k, operator: DoesNotExist}]}}]";
    let rule = "bad on a: guard g protects it by rule r";
    assert!(broken(&good(Depth::Exact), [guard("g", spec)], NONE).iter().any(|it| it == rule));
    let mut case = good(Depth::Exact);
    let Fact::Known(described) = &mut case.row(2).described else { panic!("described") };
    let details = BTreeMap::from([("self_test".to_owned(), "active".to_owned())]);
    described.status_details = Fact::Known(details);
    let built_in = "good on b: guard built-in protects it by rule freertos-self-test";
    assert!(broken(&case, [], NONE).iter().any(|it| it == built_in));
}

#[test]
fn a_fact_of_a_guard_that_is_not_known_is_caught() {
    for depth in [Depth::Listed, Depth::Exact] {
        let mut case = good(depth);
        let thing = case.inventory.things.get_mut(&"a".parse().expect("a name")).expect("a thing");
        thing.groups = Fact::Unreadable(Unreadable::Failed);
        let held = guard("g", "protect: [{name: r, thing: {groups: [hold]}}]");
        let rule = "bad on a: guard g protects it by rule r";
        assert!(broken(&case, [held], NONE).iter().any(|it| it == rule), "{depth:?}");
        let mut case = good(depth);
        case.inventory.account = None;
        let scoped = guard("g", "scope: {accounts: [\"123456789012\"], regions: [eu-central-1]}");
        let rule = "bad on a: it is not in the scope of guard g";
        assert!(broken(&case, [scoped], NONE).iter().any(|it| it == rule), "{depth:?}");
    }
}

#[test]
fn a_plan_without_the_guard_that_must_be_there_is_caught() {
    let case = good(Depth::Listed);
    let first = |guards: Vec<Guard>| broken(&case, guards, DEMANDS);
    let none = first(Vec::new());
    assert!(none.contains(&"bad on a: there must be a guard, and there is none".to_owned()));
    let retired = guard("g", "retired: {reason: over}\nprotect: [{name: r, jobs: {names: [x]}}]");
    assert!(first(vec![retired]).contains(&none[0]));
    let unscoped = first(vec![guard("g", "protect: [{name: r, jobs: {names: [x]}}]")]);
    assert!(unscoped.contains(&"bad on a: a guard must have a scope, and none has".to_owned()));
    assert!(!unscoped.contains(&none[0]));
}

#[test]
fn a_guard_that_nobody_could_read_lets_nothing_pass() {
    let case = good(Depth::Listed);
    let set = PolicySet::clone(&policies()).blind();
    for set in [set.only(&[name("emergency"), name("routine")].into()), set] {
        let found = check(&case.plan, &set, &case.inventory, &case.memory);
        let rule = "bad on a: there is a guard that nobody could read yet";
        assert!(found.iter().any(|violation| violation.to_string() == rule));
    }
}

#[test]
fn what_narrows_the_policies_keeps_the_guards() {
    let case = good(Depth::Listed);
    let only = [name("emergency")].into();
    let policies = policies();
    let policies = policies.iter().map(|policy| Policy::clone(policy));
    let protects = guard("g", "protect: [{name: r, jobs: {names: [bad]}}]");
    let set = PolicySet::guarded(policies, [protects], DEMANDS).only(&only);
    let found = check(&case.plan, &set, &case.inventory, &case.memory);
    let rule = "bad on a: guard g protects it by rule r";
    assert!(found.iter().any(|violation| violation.to_string() == rule));
    assert_eq!((set.len(), set.demands()), (1, DEMANDS));
}

#[test]
fn where_a_budget_halts_a_line_that_was_not_described_before_is_caught() {
    let mut case = good(Depth::Listed);
    for row in case.inventory.executions.values_mut() {
        row.described = Fact::NotRead;
    }
    let is_caught = |on_exceed: &str| {
        let rule = "{name: r, statusDetails: {matchExpressions: [{key: hold, operator: Exists}]}}";
        let budget = format!("{{max: [{{count: 100, per: 1h}}], onExceed: {on_exceed}}}");
        let guard = guard("g", &format!("protect: [{rule}]\nbudget: {budget}"));
        let told = "good on a: guard g protects it by rule r";
        broken(&case, [guard], NONE).iter().any(|text| text.starts_with(told))
    };
    assert!(is_caught("Halt"));
    assert!(!is_caught("Throttle"), "it is asked in the moment of acting");
}

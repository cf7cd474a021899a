//! Explanations tell no other story than what is done, whatever the policies, guards and facts are.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rescind::fact::Truth;
use rescind::inventory::Inventory;
use rescind::plan::explain::{Breadth, Explanation, asks_lists, explain, hangs_on_others};
use rescind::plan::{At, Depth, Line, Plan, Reason, plan};
use rescind::policy::{Demands, PolicySet};

use super::generate::{World, world};
use super::support::{guard, now, policy};

fn planned(world: &World, inventory: &Inventory) -> Plan {
    plan(&world.set(), inventory, &world.memory, now(), Depth::Exact)
}

/// What is there when one execution was looked at and nothing else.
fn alone(line: &Line, full: &Inventory) -> Inventory {
    let (job, thing) = (&line.key.job, &line.key.thing);
    Inventory {
        account: full.account.clone(),
        job_lists: full.job_lists.clone(),
        jobs: BTreeMap::from([(job.clone(), full.jobs[job].clone())]),
        executions: [(line.key.clone(), full.executions[&line.key].clone())].into_iter().collect(),
        things: full.things.get(thing).map(|it| (thing.clone(), it.clone())).into_iter().collect(),
        ..Inventory::default()
    }
}

/// Whether nobody could change what a verdict says, so that nothing is said about it.
fn is_final(line: &Line) -> bool {
    matches!(
        line.verdict.reason,
        Reason::StatusUnknown | Reason::Terminal | Reason::AlreadyCanceledByUs
    ) || matches!(
        line.verdict.at,
        At::TargetStatuses | At::Number | At::Version | At::StatusDetails
    )
}

fn explained(world: &World, plan: &Plan, line: &Line) -> Explanation {
    explain(&line.key, plan, &world.inventory, &world.memory, Breadth::Fleet).unwrap()
}

/// Whether a policy with this is looked up in the lists for an explanation, and whether with such a guard.
fn looks_up(spec: &str, guards: &[&str]) -> bool {
    let base = "target: {statuses: [QUEUED]}\nbudget: {max: [{count: 1, per: 1h}]}";
    let age = "match: {age: [{since: queuedAt, olderThan: 1d}]}";
    let age = if spec.contains("match:") { "" } else { age };
    let guards = guards.iter().map(|spec| guard("g", spec));
    let policies = [policy("p", &format!("{base}\n{age}\n{spec}"))];
    asks_lists(&PolicySet::guarded(policies, guards, Demands::default()))
}

#[test]
fn the_lists_are_asked_only_where_somebody_asks_for_the_retries() {
    let retries = "execution.retryAttempt > 1";
    assert!(!looks_up("", &[]));
    assert!(looks_up("match: {retryAttempt: {atLeast: 1}}", &[]));
    assert!(looks_up(&format!("conditions: [{{name: a, expression: {retries}}}]"), &[]));
    assert!(looks_up("exclude: [{name: a, retryAttempt: {atLeast: 1}}]", &[]));
    let sent = "cancel: {statusDetails: {set: {tries: \"${string(execution.retryAttempt)}\"}}}";
    assert!(looks_up(sent, &[]));
    assert!(looks_up("", &["protect: [{name: a, retryAttempt: {atLeast: 1}}]"]));
    assert!(!looks_up("", &["protect: [{name: a, thing: {types: [a]}}]"]));
}

#[test]
fn a_guard_says_three_of_the_reasons() {
    let of_guards = Reason::ALL.into_iter().filter(|reason| reason.is_of_guard());
    let expected = [Reason::Protected, Reason::Frozen, Reason::OutOfScope];
    assert_eq!(of_guards.collect::<Vec<_>>(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_would_have_to_change_is_said_exactly_where_something_keeps_it(world in world()) {
        let plan = planned(&world, &world.inventory);
        for line in plan.lines.iter().filter(|line| !is_final(line)) {
            let told = explained(&world, &plan, line);
            let decided = told.decided.as_ref();
            if line.act.is_some() {
                prop_assert!(decided.is_some_and(|it| it.to_change.is_empty()), "{told:?}");
            } else if decided.is_some() {
                prop_assert!(decided.is_some_and(|it| !it.to_change.is_empty()), "{told:?}");
            }
        }
    }

    #[test]
    fn a_guard_protects_in_an_explanation_what_it_protects_in_the_plan(world in world()) {
        let plan = planned(&world, &world.inventory);
        for line in &plan.lines {
            let told = explained(&world, &plan, line);
            let protects = told.guards.iter().any(|guard| guard.protects != Truth::No);
            if line.verdict.reason == Reason::Protected {
                prop_assert!(protects, "{told:?}");
            }
            prop_assert!(!(protects && line.act.is_some()), "{told:?}");
        }
    }

    #[test]
    fn an_execution_alone_is_decided_as_among_all_unless_it_hangs_on_others(world in world()) {
        let plan = planned(&world, &world.inventory);
        for line in &plan.lines {
            let seen = alone(line, &world.inventory);
            if hangs_on_others(&world.set(), &line.key, &seen, &world.memory, now()) {
                continue;
            }
            let narrow = planned(&world, &seen);
            prop_assert_eq!(narrow.lines.len(), 1);
            let same = &narrow.lines[0];
            prop_assert_eq!((&same.policy.name, same.verdict), (&line.policy.name, line.verdict));
            prop_assert!(line.act.is_none() && same.act.is_none());
            let of = |plan: &Plan, inventory: &Inventory, breadth| {
                let told = explain(&line.key, plan, inventory, &world.memory, breadth).unwrap();
                told.decided.map(|it| (it.because, it.to_change))
            };
            prop_assert_eq!(
                of(&narrow, &seen, Breadth::One),
                of(&plan, &world.inventory, Breadth::Fleet)
            );
        }
    }
}

//! The scenarios of `tests/scenarios`: each execution's decision at both depths, then "apply, plan
//! again: no cancels", and every reason reached by at least one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rescind::plan::check::check;
use rescind::plan::words::{because, in_words};
use rescind::plan::{Decision, Depth, Line, Plan, Reason, plan};

use super::scenario::{Expected, ExpectedObserved, Scenario, World};
use super::support::{Lists, apply};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn scenarios() -> BTreeMap<String, Scenario> {
    let mut scenarios = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).expect("the scenarios are there") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("text");
        let scenario =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        scenarios.insert(name, scenario);
    }
    assert!(scenarios.len() >= 15, "{}", scenarios.len());
    scenarios
}

fn planned(world: &World, depth: Depth) -> Plan {
    let plan = plan(&world.policies, &world.inventory, &world.memory, world.now, depth);
    let violations = check(&plan, &world.policies, &world.inventory, &world.memory);
    assert_eq!(violations, [], "at {depth:?}");
    plan
}

fn words(line: &Line, plan: &Plan, world: &World) -> String {
    let because = because(line, plan, &world.inventory, &world.memory);
    in_words(line.verdict.reason, &because, plan.now)
}

/// What is expected at a depth: decision, reason, policy, force.
fn wanted(expected: &Expected, depth: Depth) -> [String; 4] {
    let force = if expected.force { "with force" } else { "without force" }.to_owned();
    let exact =
        [expected.decision.clone(), expected.reason.clone(), expected.policy.clone(), force];
    match (depth, &expected.listed) {
        (Depth::Listed, Some(listed)) => [
            listed.decision.clone(),
            listed.reason.clone(),
            listed.policy.clone().unwrap_or_else(|| expected.policy.clone()),
            if listed.force { "with force" } else { "without force" }.to_owned(),
        ],
        (Depth::Listed, None) if expected.decision == "Cancel" => {
            let [_, _, policy, force] = exact;
            ["Examine".to_owned(), "Due".to_owned(), policy, force]
        }
        _ => exact,
    }
}

fn found(line: &Line) -> [String; 4] {
    let force = line.act.as_ref().is_some_and(|act| act.force);
    [
        format!("{:?}", line.decision()),
        format!("{:?}", line.verdict.reason),
        line.policy.name.to_string(),
        if force { "with force" } else { "without force" }.to_owned(),
    ]
}

fn compare(scenario: &Scenario, world: &World, depth: Depth, differences: &mut Vec<String>) {
    let plan = planned(world, depth);
    let mut lines: BTreeMap<_, _> = plan
        .lines
        .iter()
        .map(|line| ((line.key.job.to_string(), line.key.thing.to_string()), line))
        .collect();
    let order: Vec<_> = plan.acts().map(|line| line.key.clone()).collect();
    for expected in &scenario.expect {
        let at = format!("{depth:?}: {} on {}", expected.job, expected.thing);
        let Some(line) = lines.remove(&(expected.job.clone(), expected.thing.clone())) else {
            differences.push(format!("{at}: not in scope, or expected twice"));
            continue;
        };
        let words = words(line, &plan, world);
        if found(line) != wanted(expected, depth) {
            let (wanted, found) = (wanted(expected, depth), found(line));
            differences.push(format!("{at}: expected {wanted:?}, found {found:?}: {words}"));
        }
        if depth == Depth::Listed {
            continue;
        }
        if let Some(because) = expected.because.as_ref().filter(|because| **because != words) {
            differences.push(format!("{at}: expected because {because:?}, found {words:?}"));
        }
        let place = order.iter().position(|key| *key == line.key).map(|index| index + 1);
        if expected.order.is_some() && expected.order != place {
            differences.push(format!("{at}: expected order {:?}, found {place:?}", expected.order));
        }
    }
    for ((job, thing), line) in lines {
        differences.push(format!("{depth:?}: {job} on {thing} is not named: {:?}", found(line)));
    }
    let observed: Vec<_> = plan
        .observed
        .iter()
        .map(|observed| ExpectedObserved {
            job: observed.key.job.to_string(),
            thing: observed.key.thing.to_string(),
            policy: observed.policy.to_string(),
            force: observed.force,
        })
        .collect();
    // What only a describe rules out is still observed before it.
    if depth == Depth::Exact && observed != scenario.observed {
        differences.push(format!("{depth:?}: observed {observed:?}"));
    }
}

#[test]
fn each_scenario_decides_as_its_file_says() {
    let mut differences = Vec::new();
    for (name, scenario) in scenarios() {
        for depth in [Depth::Listed, Depth::Exact] {
            let mut found = Vec::new();
            compare(&scenario, &scenario.world(&folder()), depth, &mut found);
            differences.extend(found.into_iter().map(|found| format!("{name}: {found}")));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn after_each_scenario_is_applied_a_second_plan_cancels_nothing() {
    for (name, scenario) in scenarios() {
        for depth in [Depth::Listed, Depth::Exact] {
            for lists in [Lists::Current, Lists::Lagging] {
                let mut world = scenario.world(&folder());
                let first = planned(&world, depth);
                let expected =
                    scenario.expect.iter().filter(|expected| expected.decision == "Cancel").count();
                let canceled = apply(&first, &mut world.inventory, &mut world.memory, lists);
                assert_eq!(canceled.len(), expected, "{name} at {depth:?}: {canceled:?}");
                let second = planned(&world, depth);
                if depth == Depth::Exact {
                    assert_eq!(second.acts().count(), 0, "{name} with {lists:?} lists");
                }
                let again = apply(&second, &mut world.inventory, &mut world.memory, lists);
                assert_eq!(again, [], "{name} at {depth:?} with {lists:?} lists");
            }
        }
    }
}

#[test]
fn every_reason_and_decision_is_reached_by_a_scenario() {
    let mut reasons = BTreeSet::new();
    for scenario in scenarios().values() {
        for depth in [Depth::Listed, Depth::Exact] {
            let plan = planned(&scenario.world(&folder()), depth);
            reasons.extend(plan.lines.iter().map(|line| line.verdict.reason));
        }
    }
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !reasons.contains(reason)).collect();
    assert!(missing.is_empty(), "no scenario reaches {missing:?}");
    let decisions: BTreeSet<_> = reasons.iter().map(|reason| reason.decision()).collect();
    let all = [Decision::Keep, Decision::Defer, Decision::Examine, Decision::Cancel];
    assert_eq!(decisions, BTreeSet::from(all));
}

#[test]
fn reasons_are_told_in_words() {
    let mut told = String::new();
    for (name, scenario) in scenarios() {
        told.push_str(&format!("{name}\n"));
        let world = scenario.world(&folder());
        let plan = planned(&world, Depth::Exact);
        for line in &plan.lines {
            let [decision, reason, policy, _] = found(line);
            let words = words(line, &plan, &world);
            told.push_str(&format!("  {}: {decision} {reason} by {policy}: {words}\n", line.key));
        }
    }
    insta::assert_snapshot!(told);
}

//! What the emulator may do to a client between two calls, and `plan` and `apply` must bear.

use std::collections::BTreeMap;

use rescind::emulator::{Operation, Options, PageTokens, Update};
use rescind::execution::ExecutionStatus as Status;
use serde_json::{Value, json};

use crate::process::fleet::{ACCOUNT, REGION, World, fleet_file, policy};
use crate::process::{Ran, ran};

const PINS: [&str; 4] = ["--account", ACCOUNT, "--region", REGION];

fn run(world: &World, args: &[&str]) -> Ran {
    ran(world.command(&[args, &PINS, &["--rate", "1000"]].concat()))
}

/// Robots whose devices start the job while the list of it is being read: after the first page, at
/// once, the last so many of those on it leave it.
fn moving(robots: usize, leave: usize, page_tokens: PageTokens) -> World {
    let world = World::with(&fleet_file(robots), Options { page_tokens, ..Options::default() });
    world.write("a.yaml", &policy("a", "*"));
    let mut moved = false;
    let hook = move |call: &rescind::emulator::Call, store: &mut rescind::emulator::Store| {
        let queued = call.query.get("status").is_some_and(|status| status == "QUEUED");
        if queued && call.query.contains_key("nextToken") && !moved {
            moved = true;
            for robot in (251 - leave)..=250 {
                let update = Update::to(Status::InProgress);
                let thing = format!("r{robot:03}");
                store.update(&thing, "fw", update, call.at).expect("it is queued");
            }
        }
    };
    world.emulator.on_call(Operation::ListJobExecutionsForJob, Box::new(hook));
    world
}

#[test]
fn whatever_becomes_of_page_tokens_only_what_is_queued_is_canceled_and_all_of_it_in_the_end() {
    const ROBOTS: usize = 270;
    const LEAVE: usize = 12;
    for page_tokens in [PageTokens::Stable, PageTokens::DieWithTheirRow, PageTokens::Offset] {
        let world = moving(ROBOTS, LEAVE, page_tokens);
        let left = |world: &World| {
            world.emulator.store(|store| store.job("fw").expect("the job").count(&Status::Queued))
        };
        let mut runs = 0;
        while left(&world) > 0 {
            runs += 1;
            assert!(runs <= 3, "{page_tokens:?}: {} are left", left(&world));
            let apply = run(&world, &["apply", "root", "--yes"]);
            assert!([0, 1, 3].contains(&apply.code), "{page_tokens:?}: {}", apply.stderr);
        }
        let effects = world.emulator.effects();
        let things: BTreeMap<_, _> = effects.iter().map(|it| (&it.thing_name, it)).collect();
        assert_eq!((things.len(), effects.len()), (ROBOTS - LEAVE, ROBOTS - LEAVE));
        for effect in &effects {
            assert_eq!(effect.status_before, Status::Queued, "{page_tokens:?}: {effect:?}");
            assert_eq!(effect.expected_version, Some(effect.version_before), "{effect:?}");
        }
        let started = world.emulator.store(|store| {
            let job = store.job("fw").expect("the job");
            (job.count(&Status::InProgress), job.count(&Status::Canceled))
        });
        assert_eq!(started, (LEAVE, ROBOTS - LEAVE), "{page_tokens:?}");
    }
}

#[test]
fn a_token_that_died_is_told_and_what_is_behind_it_is_not_decided() {
    let world = moving(270, 250, PageTokens::DieWithTheirRow);
    let plan = run(&world, &["plan", "root", "-o", "json"]);
    let told: Value = serde_json::from_str(&plan.stdout).unwrap_or_default();
    let cancels = told["summary"]["cancel"].as_u64().unwrap_or_default();
    assert_eq!(cancels, 0, "{}\n{}", plan.stdout, plan.stderr);
    let said = format!("{}{}", plan.stdout, plan.stderr);
    assert!(said.contains("Next token is invalid."), "{said}");
    assert_eq!(world.emulator.effects(), []);
}

#[test]
fn a_snapshot_of_a_running_emulator_starts_another_with_the_same_plan() {
    let example =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/fleet.yaml"));
    let world = World::of(&example.expect("the example's fleet"));
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let now = world.emulator.now();
    world.emulator.store(|store| {
        let flashing = [("phase".to_owned(), "flashing".to_owned())].into();
        let update = Update { status_details: Some(flashing), ..Update::to(Status::InProgress) };
        store.update("robot-002", "fw-4-2-0", update, now).expect("it is queued");
        store
            .update("robot-004", "fw-4-2-0", Update::to(Status::Failed), now)
            .expect("it is queued");
        store.add_to_group("robot-008", "retired", now).expect("both are there");
    });
    let file = world.path("snapshot.yaml");
    std::fs::write(&file, world.emulator.snapshot().to_string()).expect("a file");
    let lines = |plan: &Ran| {
        assert_eq!(plan.code, 0, "{}", plan.stderr);
        let told: Value = serde_json::from_str(&plan.stdout).expect("JSON");
        let lines = told["lines"].as_array().expect("lines").clone();
        assert!(lines.len() >= 10, "{told}");
        // The words tell ages, which have grown in between.
        let kept = [
            "job",
            "thing",
            "executionNumber",
            "versionNumber",
            "status",
            "decision",
            "reason",
            "policy",
        ];
        let short = |line: &Value| kept.map(|key| line[key].clone());
        json!([told["summary"], lines.iter().map(short).collect::<Vec<_>>()])
    };
    let running = run(&world, &["plan", policies, "-o", "json"]);
    let snapshot = file.to_str().expect("a path");
    let again = ran(crate::process::command(["plan", policies, "--fleet", snapshot, "-o", "json"]));
    assert_eq!(lines(&running), lines(&again));
    assert_ne!(lines(&running)[0]["cancel"], 0);
}

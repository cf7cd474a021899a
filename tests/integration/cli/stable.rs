//! What must have matched for a while: counted from one apply to the next, and by run.

use crate::process::fleet::{ACCOUNT, REGION, World, fleet_file, policy_with};
use crate::process::{Ran, ran};

const PINS: [&str; 4] = ["--account", ACCOUNT, "--region", REGION];

fn world(stable_for: &str) -> World {
    let world = World::new(2);
    let more = format!("mode: Enforce\n  stableFor: {stable_for}");
    world.write("a.yaml", &policy_with("a", "r001", &more));
    world
}

fn done(world: &World, args: &[&str]) -> Ran {
    let ran = ran(world.command(&[args, &PINS[..]].concat()));
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    ran
}

#[test]
fn the_second_apply_cancels_what_matched_in_the_first_one_too() {
    let world = world("1ms");
    for _ in 0..2 {
        // Looking at a plan is no look that counts: it writes nothing.
        let plan = done(&world, &["plan", "root"]).stdout;
        assert!(plan.contains("this is the first look in which it does"), "{plan}");
    }
    assert!(!world.path("state").exists());
    done(&world, &["apply", "root", "--yes"]);
    assert_eq!(world.canceled("fw"), Vec::<String>::new());
    let plan = done(&world, &["plan", "root"]).stdout;
    assert!(plan.ends_with("1 execution in scope: 1 to cancel.\n"), "{plan}");
    done(&world, &["apply", "root", "--yes"]);
    assert_eq!(world.canceled("fw"), ["r001"]);
}

#[test]
fn a_plan_says_since_when_it_has_matched() {
    let world = world("1h");
    for _ in 0..2 {
        done(&world, &["apply", "root", "--yes"]);
    }
    assert_eq!(world.canceled("fw"), Vec::<String>::new());
    let plan = done(&world, &["plan", "root"]).stdout;
    assert!(plan.contains("it has not matched for long enough: since 20"), "{plan}");
    let explain = done(&world, &["explain", "r001", "fw", "--root", "root", "-o", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&explain).unwrap();
    assert_eq!(json["decision"]["reason"], "notStableYet");
    assert!(explain.contains("stableFor"), "{explain}");
    let stable = &json["policies"][0]["stableFor"];
    assert_eq!(stable["seconds"], 3600);
    let time = |name: &str| stable[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("stableAt").duration_since(time("matchedSince")).as_secs(), 3600);
}

#[test]
fn run_cancels_what_has_matched_in_all_its_looks() {
    let world = world("1s");
    let mut controller = world.controller("root", &["--interval", "1s"]);
    world.until_canceled(&["r001"]);
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
}

#[test]
fn validate_says_for_how_long_and_what_it_takes() {
    let world = world("10m");
    let validate = ran(world.command(&["validate", "root"]));
    let told = "acts on what has matched for 10m, in every look of `run`";
    assert!(validate.stdout.contains(told), "{}", validate.stdout);
}

/// A recorded fleet beside the root, and a test that expects this of `r001`.
fn tested(world: &World, spec: &str, expected: &str) -> Ran {
    std::fs::write(world.path("fleet.yaml"), fleet_file(2)).unwrap();
    let text = format!(
        "apiVersion: rescind/v1alpha1\nkind: CancelTest\nmetadata: {{name: t}}\nspec:\n  \
         now: \"2026-11-24T12:00:00Z\"\n  fleet: ../fleet.yaml\n{spec}  \
         expect: [{{job: fw, thing: r001, {expected}}}]\n"
    );
    world.write("t.yaml", &text);
    ran(world.command(&["test", "root"]))
}

#[test]
fn a_test_says_for_how_long_a_recorded_fleet_has_matched() {
    let world = world("10m");
    let long_enough = "decision: Cancel, reason: Matched";
    let not_yet = "decision: Defer, reason: NotStableYet";
    for (spec, expected) in
        [("", long_enough), ("  matchedFor: 10m\n", long_enough), ("  matchedFor: 9m\n", not_yet)]
    {
        let passed = tested(&world, spec, expected);
        assert_eq!(passed.code, 0, "{spec}{}{}", passed.stdout, passed.stderr);
    }
    let failed = tested(&world, "  matchedFor: 9m\n", long_enough);
    assert_eq!(failed.code, 1);
    let told =
        "it has not matched for long enough: since 2026-11-24T11:51:00Z, 9m ago; it is due in 1m";
    assert!(failed.stdout.contains(told), "{}", failed.stdout);
    assert!(failed.stdout.contains("stableFor 10m: it has matched since"), "{}", failed.stdout);
}

#[test]
fn a_comparison_takes_what_matches_to_have_done_so_for_long_enough() {
    let world = world("10m");
    std::fs::create_dir(world.path("new")).unwrap();
    let new = policy_with("a", "r00*", "mode: Enforce\n  stableFor: 20m");
    std::fs::write(world.path("new/a.yaml"), new).unwrap();
    let diff = done(&world, &["diff", "root", "new", "-o", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&diff).unwrap();
    let changes = json["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{diff}");
    assert_eq!(changes[0]["thing"], "r002");
}

//! What must have matched for a while: counted from one apply to the next, and by run.

use crate::process::fleet::{ACCOUNT, REGION, World, policy_with};
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

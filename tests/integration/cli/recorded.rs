//! Snapshot and diff: what is recorded is decided like what is live, and what a change would change.

use std::collections::BTreeMap;
use std::fs;

use rescind::emulator::{Denial, Faults};
use serde_json::Value;

use crate::cli::{example, settings};
use crate::process::fleet::{ACCOUNT, REGION, World, guard, policy, policy_with};
use crate::process::{Ran, command, ran};
use tempfile::TempDir;

fn decisions(plan: &Ran) -> BTreeMap<String, String> {
    let json: Value = serde_json::from_str(&plan.stdout).unwrap();
    let line = |line: &Value| {
        let key = format!("{} {}", line["job"], line["thing"]);
        let force = &line["cancel"]["force"];
        let version = &line["cancel"]["expectedVersion"];
        let told = [&line["decision"], &line["reason"], &line["policy"], force, version];
        (key, told.map(ToString::to_string).join(" "))
    };
    json["lines"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn a_snapshot_is_planned_like_what_it_was_taken_of() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("snapshot.yaml");
    let file = file.to_str().unwrap();
    let args = ["snapshot", "--fleet", "policies/fleet.yaml", "--out", file];
    let snapshot = ran(example(&args));
    assert_eq!((snapshot.code, &*snapshot.stdout), (0, ""), "{}", snapshot.stderr);
    assert!(snapshot.stderr.contains("Nothing is redacted"), "{}", snapshot.stderr);
    let plan = |fleet: &str| ran(example(&["plan", "policies", "--fleet", fleet, "-o", "json"]));
    let (live, recorded) = (plan("policies/fleet.yaml"), plan(file));
    assert_eq!(recorded.code, 0, "{}", recorded.stderr);
    assert_eq!(decisions(&recorded), decisions(&live));
    assert!(decisions(&live).len() > 10, "{}", live.stdout);
    let explain = ran(example(&["explain", "robot-007", "fw-4-2-0", "--fleet", file]));
    assert!(explain.stdout.contains("excluded: rule flashing holds"), "{}", explain.stderr);
    // Its ages go on, and hide what an age that is changed changes.
    let note = "was recorded";
    assert!(!recorded.stderr.contains(note), "{}", recorded.stderr);
    let text = fs::read_to_string(file).unwrap();
    let at = text.find("observedAt: \"").expect("it says when") + "observedAt: \"".len();
    let old = format!("{}2026-01-01{}", &text[..at], &text[at + "2026-01-01".len()..]);
    fs::write(file, old).unwrap();
    let old = plan(file);
    let said = format!("Note: {file} {note} ");
    assert!(old.stderr.contains(&said), "{}", old.stderr);
    assert_eq!(decisions(&old), decisions(&live));
    let parts = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(parts, 1, "nothing half is left beside it");
}

#[test]
fn what_could_not_be_read_makes_no_snapshot() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    let args =
        ["snapshot", "--out", "s.yaml", "--root", "root", "--account", ACCOUNT, "--region", REGION];
    for action in ["iot:DescribeThing", "iot:DescribeJobExecution", "iot:ListJobExecutionsForJob"] {
        let deny = vec![Denial { action: action.to_owned(), resource: "*".to_owned() }];
        world.emulator.set_faults(Faults { deny, ..Faults::default() });
        let snapshot = ran(world.command(&args));
        assert_eq!((snapshot.code, &*snapshot.stdout), (1, ""), "{action}");
        assert!(snapshot.stderr.contains("could not be read"), "{action}: {}", snapshot.stderr);
        assert!(!world.path("s.yaml").exists(), "{action}");
    }
    world.emulator.set_faults(Faults::default());
    let snapshot = ran(world.command(&args));
    assert_eq!(snapshot.code, 0, "{}", snapshot.stderr);
    assert!(world.path("s.yaml").exists() && world.emulator.effects().is_empty());
}

/// Two roots beside a fleet of four, and the arguments that compare them.
fn roots(old: &str, new: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in [("old", old), ("new", new)] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("a.yaml"), text).unwrap();
    }
    fs::write(folder.path().join("fleet.yaml"), crate::process::fleet::fleet_file(4)).unwrap();
    folder
}

fn diff(folder: &TempDir, more: &[&str]) -> Ran {
    let args = ["diff", "old", "new", "--fleet", "fleet.yaml"];
    let mut command = command([&args[..], more].concat());
    command.current_dir(folder.path());
    ran(command)
}

#[test]
fn a_comparison_tells_the_three_kinds_of_change() {
    let b = policy("b", "r003");
    let old = format!("{}---\n{b}", policy("a", "r00[12]"));
    let new =
        format!("{}---\n{}", policy("a", "r00[234]"), b.replace("mode:", "priority: -1\n  mode:"));
    let folder = roots(&old, &new);
    let text = diff(&folder, &["--detailed-exitcode"]);
    assert_eq!((text.code, &*text.stderr), (2, ""), "{}", text.stdout);
    let markdown = diff(&folder, &["-o", "markdown"]);
    assert_eq!(markdown.code, 0, "only when it was asked for");
    settings().bind(|| {
        insta::assert_snapshot!("diff_text", text.stdout);
        insta::assert_snapshot!("diff_markdown", markdown.stdout);
    });
    let json: Value = serde_json::from_str(&diff(&folder, &["-o", "json"]).stdout).unwrap();
    assert_eq!(json["format"], "rescind/diff/v1");
    let kinds: Vec<_> = json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["thing"].as_str().unwrap(), change["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(
        kinds,
        [("r001", "noLongerCanceled"), ("r003", "canceledOtherwise"), ("r004", "newlyCanceled")]
    );
}

#[test]
fn the_same_policies_differ_in_nothing() {
    let folder = roots(&policy("a", "*"), &policy("a", "*"));
    let same = diff(&folder, &["--detailed-exitcode"]);
    assert_eq!(same.code, 0, "{}{}", same.stdout, same.stderr);
    assert!(same.stdout.ends_with("0 newly, 0 no longer, 0 otherwise.\n"), "{}", same.stdout);
}

#[test]
fn a_change_whose_bounds_are_a_budget_or_a_guard_is_told_as_wide_as_it_is() {
    let one = |things: &str, mode: &str| {
        policy("a", things).replace("count: 10000", "count: 1").replace("Enforce", mode)
    };
    let protects = guard("g", "protect: [{name: mine, things: {names: [r004]}}]");
    let old = format!("{}---\n{protects}", one("r001", "Enforce"));
    let new = format!("{}---\n{}", one("*", "Enforce"), policy_with("b", "x", "mode: Observe"));
    let folder = roots(&old, &new);
    let text = diff(&folder, &[]);
    assert_eq!((text.code, &*text.stderr), (0, ""), "{}", text.stdout);
    let documents = [
        "Policy a changed: target.things.names [r001] → [*]",
        "Policy b added: mode Observe, budget 10000 per 1h (Throttle)",
        "Guard g removed: protects mine, budget none; where it was adopted it stays in force, until",
    ];
    for document in documents {
        assert!(
            text.stdout.lines().any(|line| line.starts_with(document)),
            "{document}: {}",
            text.stdout
        );
    }
    let waits = " 0 newly, 0 no longer, 0 otherwise. 3 more come due and wait for a budget.\n";
    assert!(text.stdout.ends_with(waits), "{}", text.stdout);
    let json: Value = serde_json::from_str(&diff(&folder, &["-o", "json"]).stdout).unwrap();
    assert_eq!(json["waiting"], serde_json::json!({"newly": 3, "noLonger": 0}));
    assert_eq!(json["documents"][2]["how"], "removed");
    // What bounds a policy is told as it was and as it is.
    let folder = roots(&one("*", "Observe"), &policy("a", "*"));
    let text = diff(&folder, &["-o", "markdown"]).stdout;
    let said =
        "Policy a changed: mode Observe → Enforce, budget 1 per 1h (Throttle) → 10000 per 1h";
    assert!(text.contains(said), "{text}");
}

#[test]
fn a_comparison_says_what_it_could_not_observe() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    let deny = |action: &str| {
        let denial = Denial { action: action.to_owned(), resource: "*".to_owned() };
        world.emulator.set_faults(Faults { deny: vec![denial], ..Faults::default() });
    };
    let compare = || ran(world.command(&["diff", "root", "root", "--region", "eu-central-1"]));
    deny("iot:DescribeThing");
    let compared = compare();
    assert_eq!(compared.code, 0, "{}", compared.stderr);
    assert!(compared.stdout.contains("\nNot observed:\n"), "{}", compared.stdout);
    assert!(compared.stdout.contains("needs iot:DescribeThing"), "{}", compared.stdout);
    for (action, first) in [
        ("iot:ListJobExecutionsForJob", "1 list could not be read: QUEUED executions of job fw: "),
        ("iot:DescribeJob", "1 job could not be read: DescribeJob for job fw: needs iot:"),
    ] {
        deny(action);
        let compared = compare();
        assert_eq!(compared.code, 1, "{}", compared.stdout);
        let said = compared.stderr.lines().last().unwrap_or_default();
        assert!(said.starts_with(&format!("error: {first}")), "{said}");
        assert!(said.ends_with("; the comparison lacks what is on it"), "{said}");
        let planned = ran(world.command(&["plan", "root", "--region", "eu-central-1"]));
        assert_eq!(planned.code, 1, "{}", planned.stdout);
    }
}

#[test]
fn what_a_change_cancels_does_not_hang_on_the_hour_or_a_freeze() {
    // Never open, and frozen for ever.
    let closed = "windows: [{kind: Deny, from: \"00:00\", to: \"24:00\", timeZone: UTC}]";
    let frozen = guard(
        "g",
        "freezes: [{name: still, from: \"2020-01-01T00:00:00Z\", until: \"2100-01-01T00:00:00Z\"}]",
    );
    let root = |mode: &str| {
        let closed = policy_with("a", "r00[12]", &format!("mode: {mode}\n  {closed}"));
        format!("{closed}---\n{}---\n{frozen}", policy_with("b", "r003", &format!("mode: {mode}")))
    };
    let folder = roots(&root("Observe"), &root("Enforce"));
    let change = diff(&folder, &[]);
    assert_eq!(change.code, 0, "{}", change.stderr);
    assert!(change.stdout.contains("3 newly, 0 no longer, 0 otherwise"), "{}", change.stdout);
}

#[test]
fn in_ci_a_plan_writes_the_summary_and_the_outputs_of_its_step() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("outputs"), "before=1\n").unwrap();
    let mut command =
        example(&["plan", "policies", "--fleet", "policies/fleet.yaml", "-o", "markdown"]);
    command.env("GITHUB_STEP_SUMMARY", at("summary")).env("GITHUB_OUTPUT", at("outputs"));
    let plan = ran(command);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert!(plan.stdout.starts_with("<!-- rescind plan -->\n"), "{}", plan.stdout);
    assert!(plan.stdout.len() < 60_000);
    let json = ran(example(&["plan", "policies", "--fleet", "policies/fleet.yaml", "-o", "json"]));
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let [cancel, defer, keep] = ["cancel", "defer", "keep"].map(|it| &json["summary"][it]);
    let outputs = format!("before=1\ncancel={cancel}\ndefer={defer}\nkeep={keep}\n");
    assert_eq!(fs::read_to_string(at("outputs")).unwrap(), outputs);
    assert_eq!(fs::read_to_string(at("summary")).unwrap().trim_end(), plan.stdout.trim_end());
    settings().bind(|| insta::assert_snapshot!("plan_markdown", plan.stdout));
}

#[test]
fn in_ci_a_result_is_shown_also_where_the_file_of_the_step_cannot_be_written() {
    let (plan, diff) = (&["plan", "policies"][..], &["diff", "policies", "policies"][..]);
    for (verb, variable, shown) in [
        (plan, "GITHUB_STEP_SUMMARY", "6 to cancel"),
        (plan, "GITHUB_OUTPUT", "6 to cancel"),
        (diff, "GITHUB_STEP_SUMMARY", "0 newly"),
    ] {
        let mut command = example(&[verb, &["--fleet", "policies/fleet.yaml"]].concat());
        command.env(variable, "/nonexistent/file");
        let said = ran(command);
        assert_eq!(said.code, 1, "{}", said.stderr);
        let error = format!("error: {variable}=/nonexistent/file: No such file");
        assert!(said.stderr.contains(&error), "{}", said.stderr);
        assert!(said.stdout.contains(shown), "{verb:?} {variable}: {}", said.stdout);
    }
}

#[test]
fn a_large_plan_stays_under_what_a_comment_takes() {
    let world = World::new(3000);
    world.write("a.yaml", &policy("a", "*"));
    let args = [
        "plan",
        "root",
        "--account",
        ACCOUNT,
        "--region",
        REGION,
        "--rate",
        "10000",
        "-o",
        "markdown",
    ];
    let plan = ran(world.command(&args));
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert!(plan.stdout.len() < 60_000, "{}", plan.stdout.len());
    assert!(plan.stdout.contains(" more are not shown."), "{}", &plan.stdout[..200]);
}

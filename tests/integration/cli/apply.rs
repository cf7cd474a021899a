//! `rescind apply`: it asks, does, and says what is left.

use std::process::{Command, Stdio};

use rescind::emulator::Operation;
use serde_json::Value;

use crate::cli::{example, settings};
use crate::process::fleet::{ACCOUNT, REGION, World, guard, policy};
use crate::process::{ran, rescind};

const EXAMPLE: [&str; 4] = ["apply", "policies", "--fleet", "policies/fleet.yaml"];

#[test]
fn the_example_root_is_applied_in_text() {
    let apply = ran(example(&[&EXAMPLE[..], &["--yes"]].concat()));
    assert_eq!(apply.code, 0);
    settings().bind(|| {
        insta::assert_snapshot!("apply_text", apply.stdout);
        insta::assert_snapshot!("apply_stderr", apply.stderr);
    });
}

#[test]
fn the_example_root_is_applied_in_json() {
    let apply = ran(example(&[&EXAMPLE[..], &["--yes", "-o", "json"]].concat()));
    assert_eq!((apply.code, &*apply.stderr), (0, ""));
    let mut json: Value = serde_json::from_str(&apply.stdout).unwrap();
    assert_eq!(json["plan"]["format"], "rescind/plan/v1");
    assert_eq!(json["plan"]["lines"].as_array().unwrap().len(), 14);
    json["plan"] = Value::from("(as plan says it)");
    let text = serde_json::to_string_pretty(&json).unwrap();
    settings().bind(|| insta::assert_snapshot!("apply_json", text));
}

#[test]
fn without_yes_and_without_a_terminal_it_does_nothing_and_says_what_to_pass() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let pins = ["--account", ACCOUNT, "--region", REGION];
    for args in [&["apply", "root"][..], &["apply", "root", "-o", "json"]] {
        let apply = ran(world.command(&[args, &pins].concat()));
        assert_eq!((apply.code, &*apply.stdout), (64, ""));
        insta::allow_duplicates! {
            insta::assert_snapshot!(apply.stderr, @"error: apply asks before it cancels, and there is nobody to ask: pass --yes, or --plan FILE to apply a saved plan");
        }
    }
    assert!(world.emulator.calls().is_empty());
}

#[test]
fn a_budget_that_halts_sends_nothing_says_why_and_ends_with_4() {
    let world = World::new(3);
    let halts = |count: u32| {
        let budget = format!("max: [{{count: {count}, per: 1h}}]\n    onExceed: Halt");
        policy("a", "*").replace("max: [{count: 10000, per: 1h}]", &budget)
    };
    let args = ["apply", "root", "--account", ACCOUNT, "--region", REGION, "--yes"];
    world.write("a.yaml", &halts(2));
    let apply = ran(world.command(&args));
    assert_eq!(apply.code, 4, "{}", apply.stderr);
    assert_eq!(world.emulator.effects().len(), 0);
    let why = "the budget says Halt, and more is due than it allows: 2 per 1h of a allows 2, 0 spent and 3 due";
    assert!(apply.stdout.contains(why), "{}", apply.stdout);

    world.write("a.yaml", &halts(3));
    assert_eq!(ran(world.command(&args)).code, 0);
    assert_eq!(world.emulator.effects().len(), 3);
}

#[test]
fn a_guard_that_halts_counts_what_the_policies_have_due_that_were_not_asked_for() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "r001"));
    world.write("b.yaml", &policy("b", "r00[23]"));
    world.write("g.yaml", &guard("g", "budget: {max: [{count: 2, per: 1h}], onExceed: Halt}"));
    let pins = ["--account", ACCOUNT, "--region", REGION];
    let only = |name| [&["apply", "root", "--yes", "--only", name][..], &pins].concat();
    let plan = ["plan", "root", "--region", REGION, "--only", "a"].to_vec();
    for args in [only("a"), only("b"), plan] {
        let ran = ran(world.command(&args));
        let code = if args[0] == "apply" { 4 } else { 0 };
        assert_eq!(ran.code, code, "{args:?}: {}{}", ran.stdout, ran.stderr);
        let why = "2 per 1h of guard g allows 2, 0 spent and 3 due";
        assert!(ran.stdout.contains(why), "{args:?}: {}", ran.stdout);
        // What was not asked for is not told either.
        assert_eq!(ran.stdout.contains("r001"), args.contains(&"a"), "{}", ran.stdout);
        assert_eq!(ran.stdout.contains("r002"), args.contains(&"b"), "{}", ran.stdout);
    }
    assert_eq!(world.emulator.effects().len(), 0);

    world.write("b.yaml", &policy("b", "r003"));
    assert_eq!(ran(world.command(&only("a"))).code, 0);
    assert_eq!(world.canceled("fw"), ["r001"]);
}

#[test]
fn max_is_a_bound_and_what_is_beyond_it_is_shown() {
    let world = World::new(5);
    world.write("a.yaml", &policy("a", "*"));
    let args = ["apply", "root", "--account", ACCOUNT, "--region", REGION, "--yes", "--max", "2"];
    let apply = ran(world.command(&args));
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    assert_eq!(world.emulator.effects().len(), 2);
    assert!(apply.stdout.contains("Done: 3 beyond --max, 2 canceled."), "{}", apply.stdout);
    assert!(
        apply.stdout.contains(": 3 to cancel (3 executions in scope: 3 due)"),
        "{}",
        apply.stdout
    );
    // The second look costs lists, which it counts, and no describe of what is beyond.
    assert_eq!(world.emulator.calls()[&Operation::DescribeJobExecution], 2);
    assert!(
        apply.stdout.contains("Left, by a second look (DescribeJob 1, DescribeThing 3, List"),
        "{}",
        apply.stdout
    );
    assert!(apply.stdout.contains("Time: 2 cancels at 8/s"), "{}", apply.stdout);
    // What was done is told line by line, what was not only counted; programs are told all of it.
    let told = apply.stdout.lines().filter(|line| line.starts_with("canceled  ")).count();
    assert_eq!((told, apply.stdout.matches("beyond --max").count()), (2, 1), "{}", apply.stdout);
    let json = ran(world.command(&[&args[..8], &["0", "-o", "json"]].concat()));
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let lines = json["lines"].as_array().unwrap();
    assert_eq!(
        (lines.len(), lines.iter().filter(|it| it["outcome"] == "beyondMax").count()),
        (3, 3)
    );
    let none = ran(world.command(&[&args[..8], &["0"]].concat()));
    assert_eq!((none.code, world.emulator.effects().len()), (0, 2));
}

#[test]
fn against_aws_it_wants_to_be_told_the_account_and_the_region() {
    for verb in ["apply", "run"] {
        for missing in [&[][..], &["--account", ACCOUNT], &["--region", REGION]] {
            let world = World::new(1);
            world.write("a.yaml", &policy("a", "*"));
            let yes = if verb == "apply" { &["--yes"][..] } else { &[] };
            let ran = ran(world.command(&[&[verb, "root"], yes, missing].concat()));
            assert_eq!((ran.code, &*ran.stdout), (64, ""), "{}", ran.stderr);
            let wanted = format!("error: {verb} against AWS needs --account and --region");
            assert!(ran.stderr.starts_with(&wanted), "{}", ran.stderr);
            assert!(world.emulator.calls().is_empty());
        }
    }
}

#[test]
fn another_account_stops_it_before_anything_is_sent() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let args = ["apply", "root", "--account", "210987654321", "--region", REGION, "--yes"];
    let apply = ran(world.command(&args));
    assert_eq!((apply.code, &*apply.stdout), (4, ""));
    insta::assert_snapshot!(apply.stderr, @"error: account 123456789012 in eu-central-1 answered, and account 210987654321 in eu-central-1 was asked for: nothing was sent");
    assert_eq!(world.calls(Operation::CancelJobExecution), 0);
}

#[test]
fn a_plan_that_nobody_can_read_is_not_carried_out() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let args = ["apply", "root", "--account", ACCOUNT, "--region", REGION, "--yes"];
    let mut child = world.command(&args).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        said.starts_with("error: nothing was canceled: the plan could not be printed"),
        "{said}"
    );
    assert_eq!(world.calls(Operation::CancelJobExecution), 0);
}

/// Runs `apply` on a pseudo-terminal and types an answer; none where there is no `script`.
fn answered(answer: &str, more: &[&str]) -> Option<(i32, String, World)> {
    answered_after(answer, more, |_| {})
}

/// The same, where something happens while it asks.
fn answered_after(
    answer: &str,
    more: &[&str],
    meanwhile: impl FnOnce(&World),
) -> Option<(i32, String, World)> {
    let there = Command::new("script").arg("--version").stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        return None;
    }
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    let pins = ["apply", "root", "--account", ACCOUNT, "--region", REGION];
    let binary = world.command(&[&pins, more].concat());
    let words: Vec<_> = std::iter::once(binary.get_program())
        .chain(binary.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    let mut script = Command::new("script");
    script.env_clear().current_dir(world.folder.path()).stdin(Stdio::piped());
    for (name, value) in binary.get_envs() {
        script.env(name, value.unwrap());
    }
    script.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    script.env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh").env("TERM", "dumb");
    let mut child = script.stdout(Stdio::piped()).spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    let mut shown = child.stdout.take().unwrap();
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"Type yes: ") && std::io::Read::read(&mut shown, &mut byte).unwrap() > 0
    {
        text.push(byte[0]);
    }
    meanwhile(&world);
    std::io::Write::write_all(&mut typed, answer.as_bytes()).unwrap();
    std::io::Read::read_to_end(&mut shown, &mut text).unwrap();
    let ended = child.wait().unwrap();
    drop(typed);
    let text = String::from_utf8_lossy(&text).into_owned();
    Some((ended.code().unwrap(), text, world))
}

#[test]
fn on_a_terminal_it_asks_and_takes_nothing_but_yes_for_yes() {
    let Some((code, text, world)) = answered("yes\n", &[]) else { return };
    assert!(text.contains("Cancel 2 executions? A cancel is final. Type yes: "), "{text}");
    assert_eq!((code, world.emulator.effects().len()), (0, 2), "{text}");
    let (code, text, world) = answered("yes\n", &["--max", "1"]).unwrap();
    assert!(text.contains("Cancel at most 1 of 2 executions? A cancel is final."), "{text}");
    assert_eq!((code, world.emulator.effects().len()), (0, 1), "{text}");
    for answer in ["y\n", "Y\n", "n\n", "no\n", "\n", "\u{4}"] {
        let (code, text, world) = answered(answer, &[]).unwrap();
        let said = "Nothing was canceled: only yes, the whole word, goes on.";
        assert!(text.contains(said), "{text}");
        assert_eq!((code, world.emulator.effects().len()), (0, 0), "{text}");
    }
}

#[test]
fn what_the_policies_no_longer_say_when_it_is_answered_is_not_canceled() {
    type Change<'a> = &'a dyn Fn(&World);
    let guard = "apiVersion: rescind/v1alpha1\nkind: CancelGuard\nmetadata: {name: all}\n\
                 spec: {protect: [{name: all, things: {names: [\"*\"]}}]}\n";
    let observing = policy("a", "*").replace("mode: Enforce", "mode: Observe");
    assert_ne!(observing, policy("a", "*"));
    let changes: [(Change<'_>, &str); 4] = [
        (&|world| world.write("a.yaml", &observing), ": nothing was sent, run apply again"),
        (&|world| world.write("guard.yaml", guard), ": nothing was sent, run apply again"),
        (
            &|world| world.write("a.yaml", "spec:"),
            " (1 broken file in root: nothing was done (a.yaml)): ",
        ),
        (
            &|world| std::fs::remove_file(world.folder.path().join("root/a.yaml")).unwrap(),
            " (root has no .yaml or .yml file: is it the policy root?): ",
        ),
    ];
    for (change, why) in changes {
        let Some((code, text, world)) = answered_after("yes\n", &[], change) else { return };
        let said = format!("error: the policies have changed since this plan was made{why}");
        assert!(text.contains(&said), "{said}\n{text}");
        assert_eq!((code, world.emulator.effects().len()), (5, 0), "{text}");
    }
    // What says the same is the same.
    let commented = format!("# of today\n{}", policy("a", "*"));
    let told = |world: &World| world.write("a.yaml", &commented);
    let (code, text, world) = answered_after("yes\n", &[], told).unwrap();
    assert_eq!((code, world.emulator.effects().len()), (0, 2), "{text}");
}

#[test]
fn a_root_with_a_broken_file_is_not_applied_at_all() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    world.write("b.yaml", "kind: CancelPolicy\n");
    let args = ["apply", "root", "--account", ACCOUNT, "--region", REGION, "--yes"];
    let apply = ran(world.command(&args));
    assert_eq!((apply.code, &*apply.stdout), (1, ""));
    assert!(apply.stderr.contains(" --> root/b.yaml:1:1"), "{}", apply.stderr);
    assert!(
        apply.stderr.ends_with("error: 1 broken file in root: nothing was done (b.yaml)\n"),
        "{}",
        apply.stderr
    );
    assert!(world.emulator.calls().is_empty());
}

#[test]
fn help_names_each_flag_once_and_has_examples() {
    for verb in ["validate", "test", "plan", "explain", "apply", "run", "schema", "emulator"] {
        let help = rescind(&[verb, "--help"]);
        assert_eq!((help.code, &*help.stderr), (0, ""));
        assert!(help.stdout.lines().all(|line| line.chars().count() <= 100), "{}", help.stdout);
        let examples = ["test", "plan", "explain", "apply", "run"].contains(&verb);
        assert_eq!(help.stdout.contains("Examples:"), examples, "{}", help.stdout);
    }
}

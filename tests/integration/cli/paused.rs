//! The stop switch and the journal through the command line: what an operator types when something goes
//! wrong, and what they read then.

use rescind::emulator::Operation;
use serde_json::Value;

use crate::process::fleet::{ACCOUNT, REGION, World, policy};
use crate::process::{gate, ran};

const PINS: [&str; 4] = ["--account", ACCOUNT, "--region", REGION];

#[test]
fn while_paused_an_apply_sends_nothing_and_says_what_to_do() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "*"));
    let paused = ran(world.command(&["pause", "--reason", "the plant is on fire"]));
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    assert!(paused.stdout.starts_with("Paused: nothing is sent"), "{}", paused.stdout);
    let apply = ran(world.command(&[&["apply", "root", "--yes"][..], &PINS].concat()));
    assert_eq!(apply.code, 4, "{}{}", apply.stdout, apply.stderr);
    let said = format!("{}{}", apply.stdout, apply.stderr);
    assert!(said.contains("the plant is on fire") && said.contains("rescind resume"), "{said}");
    assert!(world.emulator.effects().is_empty());
    let explain =
        ran(world.command(&[&["explain", "r001", "fw", "--root", "root"][..], &PINS].concat()));
    let advice = "To be canceled: find out why it is paused; then rescind resume.";
    assert!(explain.stdout.contains(advice), "{}", explain.stdout);
    let resumed = ran(world.command(&["resume"]));
    assert!(resumed.stdout.starts_with("Resumed: "), "{}", resumed.stdout);
    let again = ran(world.command(&["resume"]));
    assert_eq!(again.code, 0);
    assert!(again.stdout.starts_with("It was not paused"), "{}", again.stdout);
    let apply = ran(world.command(&[&["apply", "root", "--yes"][..], &PINS].concat()));
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    assert_eq!(world.emulator.effects().len(), 3);
}

#[test]
fn paused_in_the_middle_of_an_apply_nothing_more_is_sent() {
    let world = World::new(20);
    world.write("a.yaml", &policy("a", "*"));
    let (mut wait, arrived, release) = gate();
    let hook = Box::new(move |_: &_, _: &mut _| wait());
    world.emulator.on_call(Operation::CancelJobExecution, hook);
    // At this pace what is on its way is one request.
    let args = [&["apply", "root", "--yes", "--rate", "5"][..], &PINS].concat();
    let apply = world.command(&args);
    let apply = std::thread::spawn(move || ran(apply));
    arrived.recv().unwrap();
    let paused = ran(world.command(&["pause", "--reason", "too many"]));
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    drop(release);
    let apply = apply.join().unwrap();
    let said = format!("{}{}", apply.stdout, apply.stderr);
    assert_eq!(apply.code, 4, "{said}");
    assert!(said.contains("too many") && said.contains("rescind resume"), "{said}");
    let sent = world.emulator.effects().len();
    assert!((1..20).contains(&sent), "{sent} of 20 were sent");
    let audit = ran(world.command(&["audit", "-o", "json"]));
    let audit: Value = serde_json::from_str(&audit.stdout).unwrap();
    let entries = audit["entries"].as_array().unwrap();
    let canceled = entries.iter().filter(|it| it["outcome"] == "canceled").count();
    assert_eq!(canceled, sent, "the journal has what was sent");
    let resumed = ran(world.command(&["resume"]));
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    let rest = ran(world.command(&[&["apply", "root", "--yes"][..], &PINS].concat()));
    assert_eq!(rest.code, 0, "{}{}", rest.stdout, rest.stderr);
    assert_eq!(world.emulator.effects().len(), 20);
}

#[test]
fn the_journal_is_read_by_what_people_ask_for() {
    let world = World::new(4);
    let none = ran(world.command(&["audit"]));
    assert_eq!((none.code, &*none.stdout), (1, ""));
    assert!(none.stderr.contains("has no journal"), "{}", none.stderr);
    world.write("a.yaml", &policy("a", "r00[12]"));
    world.write("b.yaml", &policy("b", "r003"));
    let apply = ran(world.command(&[&["apply", "root", "--yes"][..], &PINS].concat()));
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    let things = |args: &[&str]| {
        let audit = ran(world.command(&[&["audit", "-o", "json"], args].concat()));
        assert_eq!((audit.code, &*audit.stderr), (0, ""), "{args:?}");
        let audit: Value = serde_json::from_str(&audit.stdout).unwrap();
        assert_eq!(audit["format"], "rescind/audit/v1");
        let entries = audit["entries"].as_array().unwrap().iter();
        let mut things: Vec<_> =
            entries.map(|it| it["thing"].as_str().unwrap().to_owned()).collect();
        things.sort();
        things.join(" ")
    };
    for (args, expected) in [
        (&[][..], "r001 r002 r003"),
        (&["--policy", "a"], "r001 r002"),
        (&["--thing", "r003"], "r003"),
        (&["--job", "fw", "--thing", "r001"], "r001"),
        (&["--job", "other"], ""),
        (&["--outcome", "canceled"], "r001 r002 r003"),
        (&["--outcome", "failed", "--outcome", "open"], ""),
        (&["--since", "2020-01-01T00:00:00Z"], "r001 r002 r003"),
        (&["--until", "2020-01-01T00:00:00Z"], ""),
    ] {
        assert_eq!(things(args), expected, "{args:?}");
    }
    let text = ran(world.command(&["audit", "--policy", "b"]));
    assert!(text.stdout.starts_with("BEGUN"), "{}", text.stdout);
    assert!(text.stdout.ends_with("1 intent.\n"), "{}", text.stdout);
    let csv = ran(world.command(&["audit", "-o", "csv"]));
    assert_eq!(csv.stdout.lines().count(), 4, "{}", csv.stdout);
    assert!(csv.stdout.starts_with("begunAt,settledAt,outcome,"), "{}", csv.stdout);
    let targets = ran(world.command(&["audit", "-o", "targets", "--policy", "a"]));
    let arn = |thing: &str| format!("arn:aws:iot:{REGION}:{ACCOUNT}:thing/{thing}\n");
    assert_eq!(targets.stdout, arn("r001") + &arn("r002"));
    let wrong = ran(world.command(&["audit", "--outcome", "done"]));
    assert_eq!(wrong.code, 64);
    assert!(wrong.stderr.contains("there are canceled, "), "{}", wrong.stderr);
}

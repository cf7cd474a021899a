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
    std::fs::create_dir(world.path("state")).unwrap();
    let paused = ran(world.command(&["pause", "--reason", "the plant is on fire"]));
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    assert!(paused.stdout.starts_with("Paused: nothing is sent"), "{}", paused.stdout);
    assert!(paused.stderr.contains("had no state and begins one."), "{}", paused.stderr);
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
    assert!(
        resumed.stdout.contains("\nIt was paused: the plant is on fire (uid "),
        "{}",
        resumed.stdout
    );
    let again = ran(world.command(&["resume"]));
    assert_eq!(again.code, 0);
    assert!(again.stdout.starts_with("It was not paused"), "{}", again.stdout);
    // Who did it is kept: the switch itself is gone.
    let audit = ran(world.command(&["audit", "-o", "json"]));
    let audit: Value = serde_json::from_str(&audit.stdout).unwrap();
    let told = |key: &str| {
        let events = audit["events"].as_array().unwrap().iter();
        events.map(|it| it[key].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told("what"), ["paused", "resumed"]);
    assert_eq!(told("account"), [ACCOUNT, ACCOUNT]);
    assert!(told("why")[0].starts_with("the plant is on fire (uid "), "{audit}");
    assert!(told("why")[1].starts_with("by uid "), "{audit}");
    let audit = ran(world.command(&["audit"]));
    let last: Vec<_> = audit.stdout.lines().rev().take(3).collect();
    assert_eq!(last[2], "Breakers, guards and pauses:", "{}", audit.stdout);
    assert!(last[1].contains("Z  paused   sending  the plant is on fire"), "{}", audit.stdout);
    assert!(last[0].contains("Z  resumed  sending  by uid "), "{}", audit.stdout);
    let apply = ran(world.command(&[&["apply", "root", "--yes"][..], &PINS].concat()));
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    assert_eq!(world.emulator.effects().len(), 3);
    // The journal is told whether or not it can be read who paused.
    let path = world.path("state").join("PAUSES");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    for (form, warns) in [("text", true), ("json", true), ("csv", false), ("targets", false)] {
        let audit = ran(world.command(&["audit", "-o", form]));
        assert_eq!(audit.code, 0, "{form}: {}", audit.stderr);
        assert!(audit.stdout.contains("r001"), "{form}: {}", audit.stdout);
        let told = "Warning: who paused and resumed is not known";
        assert_eq!(audit.stderr.contains(told), warns, "{form}: {}", audit.stderr);
    }
}

#[test]
fn a_second_pause_says_what_the_first_one_was_for() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    std::fs::create_dir(world.path("state")).unwrap();
    let pause = |reason: &str, user: &str| {
        let mut command = world.command(&["pause", "--reason", reason]);
        command.env("USER", user);
        ran(command)
    };
    pause("the plant is on fire", "ada");
    let second = pause("and the 4.2 rollout looks wrong", "grace");
    let said = "It was paused already: the plant is on fire (ada@";
    assert!(second.stderr.contains(said), "{}", second.stderr);
    assert!(second.stderr.contains("Z). One resume ends all of it."), "{}", second.stderr);
    let third = pause("go home", "ada");
    assert!(third.stderr.contains("(and 1 time before that)"), "{}", third.stderr);
    let plan = ran(world.command(&[&["plan", "root"][..], &PINS].concat()));
    assert!(plan.stdout.contains("go home (ada@"), "{}", plan.stdout);
    // The first reason still holds, and is not hidden by later ones.
    let (_, first) = plan.stdout.split_once("; paused before already: ").expect("it is said");
    assert!(first.starts_with("the plant is on fire (ada@"), "{first}");
    assert!(first.contains("Z), and once between"), "{first}");
    let resumed = ran(world.command(&["resume"]));
    let reasons: Vec<_> = resumed.stdout.lines().skip(1).collect();
    assert_eq!(reasons.len(), 3, "{}", resumed.stdout);
    assert!(reasons[2].starts_with("It was paused: the plant is on fire (ada@"), "{reasons:?}");
}

#[test]
fn a_directory_without_a_state_is_hardly_the_one_that_was_meant() {
    let world = World::new(1);
    std::fs::create_dir(world.path("typo")).unwrap();
    let breaker = [&["resume", "--breaker", "error"][..], &PINS].concat();
    let forget = [&["guard", "forget", "a"][..], &PINS].concat();
    for verb in [&["resume"][..], &["audit"], &breaker, &forget] {
        for (directory, there) in [("typo", ""), ("nowhere", ", which is not there")] {
            let refused = ran(world.command(&[verb, &["--state-dir", directory]].concat()));
            assert_eq!((refused.code, &*refused.stdout), (1, ""), "{verb:?}");
            let message = format!(
                "error: there is no state in {directory}{there}: name the --state-dir that `run` or \
                 `apply` uses\n"
            );
            assert_eq!(refused.stderr, message);
        }
    }
    assert!(!world.path("nowhere").exists());
    // Nobody would hear a stop switch there.
    let paused = ran(world.command(&["pause", "--state-dir", "nowhere"]));
    assert_eq!((paused.code, &*paused.stdout), (1, ""));
    let message = "error: nowhere is not there: nothing was paused. Name the --state-dir that the \
                   controller uses\n";
    assert_eq!(paused.stderr, message);
    assert!(!world.path("nowhere").exists());
    // Before the first run it is of use.
    let paused = ran(world.command(&["pause", "--state-dir", "typo"]));
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    let note =
        "Warning: typo had no state and begins one. What runs with another --state-dir goes on.\n";
    assert_eq!(paused.stderr, note);
    let audit = ran(world.command(&["audit", "--state-dir", "typo"]));
    assert!(audit.stderr.contains("typo has no journal: nothing was canceled"), "{}", audit.stderr);
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
    let (holder, stops) =
        paused.stderr.split_once(", which works on account ").expect("it is said");
    assert!(holder.contains(", process "), "{holder}");
    assert_eq!(stops, format!("{ACCOUNT} in {REGION}, stops before its next cancel.\n"));
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
fn paused_before_the_last_one_of_an_apply_it_does_not_end_well() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let (mut wait, arrived, release) = gate();
    let hook = Box::new(move |_: &_, _: &mut _| wait());
    world.emulator.on_call(Operation::DescribeJobExecution, hook);
    let apply = world.command(&[&["apply", "root", "--yes"][..], &PINS].concat());
    let apply = std::thread::spawn(move || ran(apply));
    arrived.recv().unwrap();
    assert_eq!(ran(world.command(&["pause", "--reason", "too many"])).code, 0);
    drop(release);
    let apply = apply.join().unwrap();
    let said = format!("{}{}", apply.stdout, apply.stderr);
    assert_eq!(apply.code, 4, "{said}");
    assert!(said.contains("Done: 1 kept.") && said.contains("too many"), "{said}");
    assert!(world.emulator.effects().is_empty());
}

#[test]
fn an_apply_whose_outcome_could_not_be_written_does_not_end_well() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let file = world.path(&format!("state/{ACCOUNT}.{REGION}.sqlite"));
    let away = world.path("away.sqlite");
    let from = file.clone();
    let to = away.clone();
    let hook = move |_: &_, _: &mut _| std::fs::rename(&from, &to).unwrap();
    world.emulator.on_call(Operation::CancelJobExecution, Box::new(hook));
    let apply = ran(world.command(&[&["apply", "root", "--yes"][..], &PINS].concat()));
    assert_eq!(apply.code, 3, "{}{}", apply.stdout, apply.stderr);
    assert_eq!(world.emulator.effects().len(), 1);
    let said = "error: the journal lacks what became of some of them";
    assert!(apply.stderr.contains(said), "{}", apply.stderr);
    // The next one finds out.
    std::fs::rename(&away, &file).unwrap();
    let next = ran(world.command(&[&["apply", "root", "--yes"][..], &PINS].concat()));
    assert!(next.stderr.contains("An earlier run ended before 1 cancel had"), "{}", next.stderr);
}

#[test]
fn the_journal_is_read_by_what_people_ask_for() {
    let world = World::new(4);
    let none = ran(world.command(&["audit"]));
    assert_eq!((none.code, &*none.stdout), (1, ""));
    assert!(none.stderr.contains("there is no state in"), "{}", none.stderr);
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
        (&["--since", "1h ago"], "r001 r002 r003"),
        (&["--since", "2020-01-01"], "r001 r002 r003"),
        (&["--until", "2020-01-01"], ""),
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

//! Breakers at the command line: what `apply` ends with, and how one is closed.

use jiff::SignedDuration;
use rescind::emulator::{Denial, Faults};

use crate::process::fleet::{ACCOUNT, REGION, World, guard, policy};
use crate::process::ran;

fn apply(world: &World) -> crate::process::Ran {
    let pins = ["--account", ACCOUNT, "--region", REGION];
    ran(world.guarded(&[&["apply", "root", "--yes"][..], &pins].concat()))
}

/// A fleet whose AWS is five minutes ahead of this machine.
fn ahead() -> World {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", "protect: [{name: pump, things: {names: [r001]}}]"));
    world.emulator.set_time(world.emulator.now() + SignedDuration::from_mins(5)).unwrap();
    world
}

#[test]
fn a_clock_that_is_wrong_ends_with_4_until_a_guard_allows_it() {
    let world = ahead();
    let stopped = apply(&world);
    assert_eq!(stopped.code, 4, "{}", stopped.stderr);
    let said = "error: breaker clock is open: AWS's clock is ";
    assert!(stopped.stderr.contains(said), "{}", stopped.stderr);
    let then =
        "1 execution held back; once that is put right, `rescind resume --breaker clock` closes it";
    assert!(stopped.stderr.contains(then), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("An emulator's clock that was moved is allowed"));
    assert!(stopped.stdout.contains("Breakers that are open"), "{}", stopped.stdout);
    assert!(world.emulator.effects().is_empty());

    let lenient = "breakers: {clockSkewSeconds: 3600}";
    world.write("g.yaml", &guard("g", lenient));
    assert_eq!(apply(&world).code, 4, "it stays open until somebody closes it");
    let resumed = ran(world.command(&["resume", "--breaker", "clock"]));
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert!(resumed.stdout.starts_with("Closed: breaker clock of account 123456789012 in"));
    assert_eq!(apply(&world).code, 0);
    assert_eq!(world.canceled("fw"), ["r001", "r002"]);
    // Who closed it is told.
    let audit = ran(world.command(&["audit", "-o", "json"]));
    let audit: serde_json::Value = serde_json::from_str(&audit.stdout).unwrap();
    let told: Vec<_> = audit["events"].as_array().unwrap().iter().map(|it| &it["what"]).collect();
    assert_eq!(told, ["breakerOpened", "breakerClosed"]);
    let why = audit["events"][1]["why"].as_str().unwrap();
    let audit = ran(world.command(&["audit"]));
    let last = audit.stdout.lines().last().unwrap();
    assert!(last.contains("breaker closed  clock") && last.ends_with(why), "{}", audit.stdout);
    assert!(why.contains('@'), "somebody closed it: {why}");
    let of_thing = ran(world.command(&["audit", "--thing", "r001"]));
    assert!(!of_thing.stdout.contains("Breakers, guards and pauses"), "{}", of_thing.stdout);
}

#[test]
fn what_waits_after_a_failure_is_held_back_by_a_breaker_and_a_pause_too() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", "protect: [{name: pump, things: {names: [r009]}}]"));
    let denial = Denial { action: "iot:CancelJobExecution".to_owned(), resource: "*".to_owned() };
    world.emulator.set_faults(Faults { deny: vec![denial], ..Faults::default() });
    assert_eq!(apply(&world).code, 3);
    let again = apply(&world);
    assert_eq!(again.code, 3, "nothing but its own time holds it back: {}", again.stderr);
    let left = "error: 1 execution left alone for a while, since an earlier cancel failed";
    assert!(again.stderr.contains(left), "{}", again.stderr);
    let said = "it is left alone for a while: a call for it failed, until ";
    assert!(again.stdout.contains(said), "{}", again.stdout);
    assert_eq!(ran(world.command(&["pause"])).code, 0);
    assert_eq!(apply(&world).code, 4);
    assert_eq!(ran(world.command(&["resume"])).code, 0);
    world.emulator.set_time(world.emulator.now() + SignedDuration::from_mins(5)).unwrap();
    let stopped = apply(&world);
    assert_eq!(stopped.code, 4, "{}{}", stopped.stdout, stopped.stderr);
    assert!(stopped.stderr.contains("error: breaker clock is open"), "{}", stopped.stderr);
}

#[test]
fn a_breaker_that_is_closed_opens_again_if_what_opened_it_goes_on() {
    let world = ahead();
    assert_eq!(apply(&world).code, 4);
    assert_eq!(ran(world.command(&["resume", "--breaker", "clock"])).code, 0);
    assert_eq!(apply(&world).code, 4);
    let plan = ran(world.guarded(&["plan", "root", "--account", ACCOUNT, "--region", REGION]));
    assert!(plan.stdout.contains("a breaker is open: clock"), "{}", plan.stdout);
    assert!(world.emulator.effects().is_empty());
}

#[test]
fn what_is_no_open_breaker_cannot_be_closed() {
    let world = World::new(1);
    let nowhere = ran(world.command(&["resume", "--breaker", "clock"]));
    assert_eq!(nowhere.code, 1);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", "breakers: {errorPercent: 50}"));
    assert_eq!(apply(&world).code, 0);
    let closed = ran(world.command(&["resume", "--breaker", "error"]));
    assert_eq!(closed.code, 1);
    let said = "breaker error of account 123456789012 in eu-central-1 is not open; open: none is";
    assert!(closed.stderr.contains(said), "{}", closed.stderr);
    let misspelt = ran(world.command(&["resume", "--breaker", "errors"]));
    assert_eq!(misspelt.code, 64);
    assert!(misspelt.stderr.contains("there are unknown, versionConflict, error, clock"));
}

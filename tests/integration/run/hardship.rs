//! The controller, stopped and gone on, throttled throughout, and with an AWS that goes away and comes
//! back at another time.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use rescind::emulator::Operation;
use serde_json::json;

use crate::process::account::Account;
use crate::process::fleet::{ACCOUNT, REGION, World, fleet_file, guard, policy};
use crate::process::{gate, ran, until, until_within};

fn account(robots: usize) -> Account {
    let account = Account::new(&fleet_file(robots));
    std::fs::write(account.path("root/a.yaml"), policy("a", "*")).unwrap();
    account
}

fn all_canceled(account: &Account) {
    until("all are canceled", || account.open().is_empty().then_some(()));
}

fn calls(account: &Account, operation: &str) -> u64 {
    account.get("calls")["calls"][operation].as_u64().unwrap_or_default()
}

fn holds(account: &Account) {
    let verified = account.verified_by_descriptions();
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

#[test]
fn stopped_for_longer_than_a_description_is_fresh_it_describes_anew() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let (mut wait, arrivals, go) = gate();
    let hook = Box::new(move |_: &_, _: &mut _| wait());
    world.emulator.on_call(Operation::DescribeJobExecution, hook);
    let mut controller = world.controller("root", &["--interval", "1h"]);
    arrivals.recv().expect("it describes");
    // The answer comes while the process stands still, and is too old when it goes on.
    controller.signal("STOP");
    drop(go);
    thread::sleep(Duration::from_millis(6_000));
    assert_eq!(world.calls(Operation::CancelJobExecution), 0);
    assert_eq!(world.calls(Operation::DescribeJobExecution), 1);
    controller.signal("CONT");
    world.until_canceled(&["r001"]);
    assert_eq!(world.calls(Operation::DescribeJobExecution), 2);
    assert_eq!(world.calls(Operation::CancelJobExecution), 1);
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
}

#[test]
fn throttled_throughout_it_cancels_all_and_slows_down() {
    let robots = 24;
    let account = account(robots);
    let slow = json!({"perSecond": 5, "burst": 2});
    let throttle = json!({"CancelJobExecution": slow, "DescribeJobExecution": slow});
    account.post("faults", &json!({ "throttle": throttle }));
    let mut controller = account.controller(&["--no-guards", "--rate", "10"]);
    all_canceled(&account);
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    let cancels = usize::try_from(calls(&account, "CancelJobExecution")).unwrap();
    assert!(cancels < 2 * robots, "{cancels} cancels for {robots} robots");
    holds(&account);
    let verified = account.verified_by_effects();
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

#[test]
fn an_aws_that_goes_away_and_comes_back_minutes_later_is_caught_up_with() {
    let mut account = account(40);
    let breakers = "breakers: {clockSkewSeconds: 3600}";
    std::fs::write(account.path("root/guard.yaml"), guard("patient", breakers)).unwrap();
    let slow = json!({"perSecond": 10, "burst": 1});
    account.post("faults", &json!({"throttle": {"CancelJobExecution": slow}}));
    let mut controller = account.controller(&["--no-guards", "--rate", "10"]);
    until("some are canceled", || (account.effects().len() > 5).then_some(()));
    // So that nothing takes effect between what is written down and the end, and no cancel is lost: what
    // became of that one would be known after minutes only.
    let none = json!({"perSecond": 0.001, "burst": 0});
    let throttle = json!({"CancelJobExecution": none, "DescribeJobExecution": none});
    account.post("faults", &json!({ "throttle": throttle }));
    thread::sleep(Duration::from_millis(300));
    account.kill();
    thread::sleep(Duration::from_millis(1_500));
    account.start();
    let left = account.open().len();
    assert!((1..40).contains(&left), "{left} are left");
    account.advance("6m");
    // A time that contradicts the last one is believed once that was not confirmed for a minute.
    let patience = Duration::from_secs(120);
    until_within(patience, "it goes on", || (account.open().len() <= left / 2).then_some(()));
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    // Cancels that were on their way into the outage are looked at again after minutes.
    account.advance("10m");
    let mut next = account.controller(&["--no-guards"]);
    all_canceled(&account);
    next.signal("TERM");
    assert_eq!(next.end(), 0);
    // One may be canceled again between the start and the count of what is left.
    let effects = account.effects();
    let things: BTreeSet<_> = effects.iter().map(|it| it["thingName"].as_str().unwrap()).collect();
    assert_eq!(effects.len(), things.len(), "each that was left is canceled once");
    assert!(effects.len() >= left, "{} of {left}", effects.len());
    holds(&account);
}

#[test]
fn two_on_one_state_are_one() {
    let account = account(3);
    let mut first = account.controller(&["--no-guards"]);
    all_canceled(&account);
    let pins = ["root", "--account", ACCOUNT, "--region", REGION, "--no-guards"];
    for (verb, more) in [("run", vec!["--listen", "127.0.0.1:0"]), ("apply", vec!["--yes"])] {
        let second = ran(account.command(&[&[verb], &pins[..], &more].concat()));
        assert_eq!(second.code, 1, "{verb}: {}", second.stderr);
        assert!(second.stderr.contains("is held by"), "{verb}: {}", second.stderr);
    }
    first.signal("TERM");
    assert_eq!(first.end(), 0);
    assert_eq!(account.effects().len(), 3);
    holds(&account);
}

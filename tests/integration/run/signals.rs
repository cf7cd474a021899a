//! A controller that is told to stop.

use rescind::emulator::Operation;

use crate::process::fleet::{World, policy};
use crate::process::{Beside, gate, through_shell, until};

/// More than are walked at the same time.
const ROBOTS: usize = 60;

fn stopped_in_the_middle_of_calls(signal: &str) {
    let world = World::new(ROBOTS);
    world.write("a.yaml", &policy("a", "*"));
    let (mut wait, arrivals, go) = gate();
    let hook = Box::new(move |_: &_, _: &mut _| wait());
    world.emulator.on_call(Operation::CancelJobExecution, hook);
    let mut controller = world.controller("root", &["--interval", "1h"]);
    arrivals.recv().expect("a cancel comes");
    controller.signal(signal);
    controller.log.wait("stopping");
    drop(go);
    assert_eq!(controller.end(), 0, "{}", controller.log.all().join("\n"));
    let canceled = world.canceled("fw").len();
    assert!((1..ROBOTS).contains(&canceled), "{canceled}");
    // Each call that was on its way is in the log, and there were no others.
    assert_eq!(controller.log.count("outcome=\"canceled\""), canceled);
    assert_eq!(world.calls(Operation::CancelJobExecution), canceled as u64);
    assert_eq!(controller.log.count("outcome=\"unresolved\""), 0);
    controller.log.wait("stopped");
}

#[test]
fn after_sigterm_calls_in_flight_are_finished_and_recorded_and_nothing_new_is_sent() {
    stopped_in_the_middle_of_calls("TERM");
}

#[test]
fn after_sigint_calls_in_flight_are_finished_and_recorded_and_nothing_new_is_sent() {
    stopped_in_the_middle_of_calls("INT");
}

/// Whether whoever started the tests has SIGHUP ignored, as `nohup` does: so have those that they start.
#[cfg(target_os = "linux")]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() & 1 == 1
}

#[cfg(target_os = "linux")]
#[test]
fn after_sighup_calls_in_flight_are_finished_and_recorded_and_nothing_new_is_sent() {
    // Then the next test is the one that says something.
    if !ignores_hangup() {
        stopped_in_the_middle_of_calls("HUP");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn under_nohup_a_closed_terminal_stops_nothing() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    let run = world.command(&[
        "run",
        "root",
        "--account",
        "123456789012",
        "--region",
        "eu-central-1",
        "--interval",
        "1s",
        "--listen",
        "127.0.0.1:0",
    ]);
    let mut controller = Beside::start(through_shell(&run, "trap '' HUP"));
    let seen = controller.log.wait(" pass ");
    controller.signal("HUP");
    controller.log.after(seen, " pass ");
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
}

#[test]
fn a_second_signal_stops_at_once() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "*"));
    let (mut wait, arrivals, go) = gate();
    let hook = Box::new(move |_: &_, _: &mut _| wait());
    world.emulator.on_call(Operation::CancelJobExecution, hook);
    let mut controller = world.controller("root", &["--interval", "1h"]);
    arrivals.recv().expect("a cancel comes");
    controller.signal("TERM");
    controller.log.wait("stopping");
    controller.signal("TERM");
    assert_eq!(controller.end(), 143);
    drop(go);
}

#[test]
fn a_signal_while_it_observes_ends_it_without_a_cancel() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "*"));
    let (mut wait, arrivals, go) = gate();
    let hook = Box::new(move |_: &_, _: &mut _| wait());
    world.emulator.on_call(Operation::ListJobs, hook);
    let mut controller = world.controller("root", &[]);
    arrivals.recv().expect("a list is read");
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    drop(go);
    until("the emulator is free again", || Some(world.emulator.calls()));
    assert_eq!(world.calls(Operation::CancelJobExecution), 0);
}

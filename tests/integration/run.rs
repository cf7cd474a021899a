//! The controller, as the real binary against an emulated account over HTTP.

mod breakers;
mod changing;
mod disk;
mod following;
mod guards;
mod hardship;
mod killed;
mod restarted;
mod signals;
mod status;

use rescind::emulator::{Denial, Faults, Operation};

use crate::process::fleet::{World, policy, policy_with};
use crate::process::{Beside, command, gate};

#[test]
fn a_pass_with_nothing_to_do_sends_only_reads() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "nobody"));
    let controller = world.controller("root", &["--interval", "1s"]);
    let first = controller.log.wait(" pass ");
    controller.log.after(first, " pass ");
    let made: Vec<_> = world.emulator.calls().into_keys().collect();
    assert!(made.contains(&Operation::ListJobs), "{made:?}");
    let reads =
        |it: &Operation| it.as_str().starts_with("List") || it.as_str().starts_with("Describe");
    assert!(made.iter().all(reads), "{made:?}");
}

#[test]
fn observe_never_sends_a_cancel() {
    let world = World::new(2);
    world.write("a.yaml", &policy_with("a", "*", "mode: Observe"));
    let mut controller = world.controller("root", &["--interval", "1s"]);
    let first = controller.log.wait("observed_only=2");
    controller.log.after(first, "observed_only=2");
    assert_eq!(world.calls(Operation::CancelJobExecution), 0);
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
}

#[test]
fn another_account_than_the_one_asked_for_stops_it_before_anything_is_sent() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    let args = [
        "run",
        "root",
        "--account",
        "210987654321",
        "--region",
        "eu-central-1",
        "--listen",
        "127.0.0.1:0",
    ];
    let mut controller = Beside::start(world.command(&args));
    assert_eq!(controller.end(), 4);
    let log = controller.log.all().join("\n");
    assert!(log.contains("account 123456789012 in eu-central-1 answered"), "{log}");
    assert!(log.contains("nothing was sent"), "{log}");
    assert_eq!(world.calls(Operation::CancelJobExecution), 0);
}

#[test]
fn what_cannot_be_observed_is_said_and_is_taken_up_once_it_can_be() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let deny = vec![Denial { action: "iot:ListJobs".to_owned(), resource: "*".to_owned() }];
    world.emulator.set_faults(Faults { deny, ..Faults::default() });
    let controller = world.controller("root", &["--interval", "1s"]);
    controller.log.wait("needs iot:ListJobs on *");
    controller.log.wait("nothing could be observed");
    assert_eq!(
        controller.log.count(" pass "),
        0,
        "it must not look like a pass with nothing to do"
    );
    world.emulator.set_faults(Faults::default());
    world.until_canceled(&["r001"]);
}

#[test]
fn an_embedded_fleet_is_reconciled_without_any_aws() {
    let world = World::new(1);
    let fleet = crate::process::fleet::fleet_file(2);
    std::fs::write(world.path("fleet.yaml"), fleet).unwrap();
    world.write("a.yaml", &policy("a", "*"));
    let mut embedded = command(["run", "root", "--fleet", "fleet.yaml", "--listen", "127.0.0.1:0"]);
    embedded.current_dir(world.folder.path());
    let mut controller = Beside::start(embedded);
    controller.log.wait("outcomes=\"canceled 2\"");
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    assert!(controller.stdout().all().is_empty());
}

#[test]
fn an_urgent_policy_does_not_wait_for_the_end_of_a_long_apply() {
    let world = World::new(200);
    world.write("routine.yaml", &policy("routine", "r[01]*"));
    let (mut wait, arrivals, go) = gate();
    let hook = Box::new(move |_: &_, _: &mut _| wait());
    world.emulator.on_call(Operation::CancelJobExecution, hook);
    let controller = world.controller("root", &["--interval", "1h"]);
    arrivals.recv().expect("a cancel comes");
    let urgent = policy_with("urgent", "r200", "mode: Enforce\n  priority: 1000");
    world.write("urgent.yaml", &urgent);
    controller.log.wait("adopted policies=2");
    drop(go);
    controller.log.wait("thing=r200");
    let place = world.emulator.effects().iter().position(|it| it.thing_name == "r200").unwrap();
    assert!(place < 150, "it was number {place}");
}

//! What a controller left open when it was killed is settled by the next one, by looking.

use rescind::emulator::{Faults, Operation};
use serde_json::Value;

use crate::process::fleet::{World, guard, policy};
use crate::process::{gate, ran, until};

/// A controller that was killed when its cancel had taken effect and the answer was lost.
fn killed_in_a_cancel(things: usize) -> World {
    let world = World::new(things);
    world.write("a.yaml", &policy("a", "r001"));
    let lost = [(Operation::CancelJobExecution, 1)].into();
    world.emulator.set_faults(Faults { lost_reply: lost, ..Faults::default() });
    // The first describe comes before the cancel, the second looks what became of it.
    let (mut wait, looks, go) = gate();
    let mut described = 0;
    let hook = move |_: &_, _: &mut _| {
        described += 1;
        if described == 2 {
            wait();
        }
    };
    world.emulator.on_call(Operation::DescribeJobExecution, Box::new(hook));
    let first = world.controller("root", &["--interval", "1s"]);
    looks.recv().expect("it looks");
    first.signal("KILL");
    drop((first, go));
    assert_eq!(entry(&world)["outcome"], Value::Null, "{}", entry(&world));
    world
}

/// The only cancel that the journal has.
fn entry(world: &World) -> Value {
    let audit = ran(world.command(&["audit", "-o", "json"]));
    let audit: Value = serde_json::from_str(&audit.stdout).expect(&audit.stderr);
    let [entry] = &audit["entries"].as_array().expect("entries")[..] else { panic!("{audit}") };
    entry.clone()
}

fn is_settled(world: &World) {
    until("it is settled", || (entry(world)["outcome"] == "canceled").then_some(()));
    let note = "settled later: the reply was lost, the cancel was not";
    assert_eq!(entry(world)["note"], note);
    assert_eq!(world.calls(Operation::CancelJobExecution), 1);
    assert_eq!(world.canceled("fw"), ["r001"]);
}

#[test]
fn a_cancel_whose_reply_was_lost_before_a_kill_is_settled_after_the_restart_and_not_sent_again() {
    let world = killed_in_a_cancel(2);
    let second = world.controller("root", &["--interval", "1s"]);
    second.log.wait("an earlier process left cancels without an outcome: settling them");
    let seen = second.log.all().len();
    second.log.after(seen, " pass ");
    is_settled(&world);
}

#[test]
fn where_the_cancel_ended_the_job_the_execution_itself_tells_the_account() {
    for verb in ["run", "apply"] {
        let world = killed_in_a_cancel(1);
        if verb == "run" {
            let second = world.controller("root", &["--interval", "1s"]);
            second.log.wait("an earlier process left cancels without an outcome: settling them");
            is_settled(&world);
        } else {
            let applied = ran(world.apply(&["--yes"]));
            assert!(
                applied.stderr.contains("looking at what became of them"),
                "{}",
                applied.stderr
            );
            is_settled(&world);
        }
    }
}

#[test]
fn a_lost_cancel_is_settled_also_while_no_policy_is_in_force() {
    // Where only a guard is left, and where nothing can be read.
    for (things, file) in [
        (1, guard("g", "protect: [{name: pumps, things: {names: [pump]}}]")),
        (2, policy("a", "r001").replace("match:", "matches:")),
    ] {
        let world = killed_in_a_cancel(things);
        world.write("a.yaml", &file);
        let second = world.controller("root", &["--interval", "1s"]);
        second.log.wait("no policies are in force: nothing is observed");
        is_settled(&world);
    }
}

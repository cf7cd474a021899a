//! What a controller left open when it was killed is settled by the next one, by looking.

use rescind::emulator::{Faults, Operation};
use serde_json::Value;

use crate::process::fleet::{World, policy};
use crate::process::{gate, ran, until};

#[test]
fn a_cancel_whose_reply_was_lost_before_a_kill_is_settled_after_the_restart_and_not_sent_again() {
    // What waits for the other robot keeps the job open: jobs tell which account answers.
    let world = World::new(2);
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
    let entry = || {
        let audit = ran(world.command(&["audit", "-o", "json"]));
        let audit: Value = serde_json::from_str(&audit.stdout).expect(&audit.stderr);
        audit["entries"][0].clone()
    };
    assert_eq!(entry()["outcome"], Value::Null, "{}", entry());
    let second = world.controller("root", &["--interval", "1s"]);
    second.log.wait("an earlier process left cancels without an outcome: settling them");
    until("it is settled", || (entry()["outcome"] == "canceled").then_some(()));
    let note = "settled after a restart: the reply was lost, the cancel was not";
    assert_eq!(entry()["note"], note);
    let seen = second.log.all().len();
    second.log.after(seen, " pass ");
    assert_eq!(world.calls(Operation::CancelJobExecution), 1);
    assert_eq!(world.canceled("fw"), ["r001"]);
}

//! Each exit code, reached.

use std::process::Command;

use rescind::cli::exit::Exit;
use rescind::emulator::{Denial, Faults, Operation};

use crate::process::fleet::{ACCOUNT, REGION, World, policy};
use crate::process::{Beside, Ran, gate, ran};

const PINS: [&str; 4] = ["--account", ACCOUNT, "--region", REGION];

fn with_pins(world: &World, args: &[&str]) -> Command {
    world.command(&[args, &PINS].concat())
}

/// Runs a verb until a call of `operation` is on its way, and sends the signal then.
fn signaled(args: &[&str], operation: Operation, name: &str) -> (World, Beside) {
    let world = World::new(40);
    world.write("a.yaml", &policy("a", "*"));
    let (mut wait, arrivals, go) = gate();
    world.emulator.on_call(operation, Box::new(move |_: &_, _: &mut _| wait()));
    let beside = Beside::start(with_pins(&world, args));
    arrivals.recv().expect("a call comes");
    beside.signal(name);
    if operation == Operation::CancelJobExecution {
        beside.log.wait("Stopping: calls in flight are finished and recorded");
    }
    drop(go);
    (world, beside)
}

fn interrupted(name: &str) -> i32 {
    let (world, mut plan) = signaled(&["plan", "root"], Operation::ListJobs, name);
    let code = plan.end();
    assert_eq!(world.emulator.effects().len(), 0);

    let apply = ["apply", "root", "--yes", "--rate", "1000"];
    let (world, mut apply) = signaled(&apply, Operation::CancelJobExecution, name);
    assert_eq!(apply.end(), code);
    // What was in flight is in the report, with its outcome; the rest was not tried.
    let done = world.emulator.effects().len();
    let report = apply.stdout();
    assert!((1..40).contains(&done), "{done}");
    assert_eq!(report.count("canceled at version 1"), done);
    let withheld = ["stopped before its turn", "stopped at the last moment"];
    assert_eq!(withheld.map(|why| report.count(why)).iter().sum::<usize>(), 40 - done);
    assert_eq!(world.calls(Operation::CancelJobExecution), done as u64);
    code
}

fn reached(exit: Exit) -> i32 {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    let run = |args: &[&str]| -> Ran { ran(with_pins(&world, args)) };
    match exit {
        Exit::Done => run(&["plan", "root"]).code,
        Exit::Error => run(&["plan", "nowhere"]).code,
        Exit::Changes => run(&["plan", "root", "--detailed-exitcode"]).code,
        Exit::Partial => {
            let (action, resource) = ("iot:CancelJobExecution".to_owned(), "*".to_owned());
            let deny = vec![Denial { action, resource }];
            world.emulator.set_faults(Faults { deny, ..Faults::default() });
            run(&["apply", "root", "--yes"]).code
        }
        Exit::Stopped => {
            let args = ["plan", "root", "--account", "210987654321", "--region", REGION];
            ran(world.command(&args)).code
        }
        Exit::Stale => {
            assert_eq!(run(&["plan", "root", "--out", "plan.json"]).code, 0);
            world.write("a.yaml", &policy("a", "r001"));
            run(&["apply", "root", "--plan", "plan.json"]).code
        }
        Exit::Usage => run(&["plan", "--no-such-thing"]).code,
        Exit::Interrupted => interrupted("INT"),
        Exit::Terminated => interrupted("TERM"),
    }
}

#[test]
fn each_exit_code_is_reached_by_what_it_stands_for() {
    for exit in Exit::ALL {
        assert_eq!(reached(exit), i32::from(exit.code()), "{exit:?}");
    }
}

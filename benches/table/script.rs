//! One reconcile beside `cancel.py`, which does the same with boto3 and ten threads: lists, reads the
//! attributes, describes and cancels, against the same emulator and fleet, in turn, neither of them paced.

use std::path::PathBuf;

use crate::figures::{Bound, Figures};
use crate::measure::used_by_children;
use crate::reconcile::of_new_boards;
use crate::world::{World, ran, until, waiting};

const TO_CANCEL: usize = 1000;
const OTHERS: usize = 4000;

/// A Python with boto3: that of a virtual environment which is told, or the one that `.ci/run` makes.
fn python() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "it is no setting of the product")]
    let told = std::env::var_os("RESCIND_CLIENTS_VENV").map(PathBuf::from);
    let made = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/clients");
    told.unwrap_or_else(made).join("bin/python")
}

fn canceled(world: &World, who: &str) {
    let effects = world.emulator.effects();
    assert_eq!(effects.len(), TO_CANCEL, "{who} cancels all of them");
    assert!(effects.iter().all(|it| it.thing_name.starts_with("new-")), "{who} cancels no other");
}

/// The script first, then the controller.
pub fn measure(figures: &mut Figures) {
    const WALL: &str = "one reconcile: wall time of a boto3 script with 10 threads, over ours";
    const PROCESSOR: &str = "one reconcile: processor time of that script, over ours";
    let python = python();
    let has_boto3 = std::process::Command::new(&python).args(["-c", "import boto3"]).output();
    if !has_boto3.is_ok_and(|it| it.status.success()) {
        let why = format!(
            "{} has no boto3: run `python3 -m venv target/clients && target/clients/bin/pip install boto3`",
            python.display()
        );
        figures.missing(WALL, &why);
        figures.missing(PROCESSOR, &why);
        return;
    }
    let world = World::new(&waiting(OTHERS, TO_CANCEL));
    let mut command = world.program(&python.display().to_string());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/table/cancel.py"));
    let before = used_by_children();
    let (_, wall_of_script) = ran(command);
    let between = used_by_children();
    canceled(&world, "the script");

    world.emulator.reset();
    world.write("new-boards.yaml", &of_new_boards());
    let controller = world.controller(&["--rate", "10000"]);
    // Asked of the emulator: to ask the controller would be work for it.
    let wall = until("all are canceled", || world.has_canceled(TO_CANCEL));
    drop(controller);
    canceled(&world, "the controller");
    figures.held(WALL, wall_of_script / wall, Bound::AtLeast(10.0));
    figures.told("  the script, seconds", wall_of_script);
    figures.told("  ours, seconds", wall);
    let (Some(before), Some(between), Some(after)) = (before, between, used_by_children()) else {
        figures.missing(PROCESSOR, "the system does not tell the time of other processes");
        return;
    };
    figures.held(PROCESSOR, (between - before) / (after - between), Bound::AtLeast(20.0));
    figures.told("  the script, seconds", between - before);
    figures.told("  ours, seconds", after - between);
}

//! A controller over a thousand policies: from its start to ready, and from a change of one file to what
//! is decided by it.

use std::fmt::Write as _;
use std::time::Duration;

use crate::figures::{Bound, Figures};
use crate::world::{World, policy, until, waiting};

const POLICIES: usize = 1000;

/// A policy for jobs that nothing has, each another one.
fn of_others(number: usize) -> String {
    let rest = format!(
        "target: {{statuses: [QUEUED], jobs: {{names: [\"other-{number}-*\"]}}}}\n  \
         match: {{age: [{{since: queuedAt, olderThan: 72h}}]}}\n  \
         conditions:\n    - {{name: stuck, expression: 'execution.retryAttempt >= 3'}}"
    );
    policy(&format!("other-{number:04}"), "Enforce", &rest)
}

/// The policy that is changed, for one thing.
fn of_one(mode: &str) -> String {
    let rest = "target: {statuses: [QUEUED], things: {names: [new-000001]}}\n  \
                match: {age: [{since: queuedAt, olderThan: 72h}]}";
    policy("changed", mode, rest)
}

/// Twenty files of fifty policies, and one that is changed.
pub fn measure(figures: &mut Figures) {
    let world = World::new(&waiting(0, 100));
    for file in 0..20 {
        let mut text = String::new();
        for number in file * POLICIES / 20..(file + 1) * POLICIES / 20 {
            let head = if text.is_empty() { "" } else { "---\n" };
            write!(text, "{head}{}", of_others(number)).expect("a text");
        }
        world.write(&format!("others-{file:02}.yaml"), &text);
    }
    world.write("changed.yaml", &of_one("Observe"));
    let controller = world.controller(&["--rate", "10000"]);
    let ready = until("it is ready", || controller.is_ready());
    figures.held("start to ready, 1,000 policies, seconds", ready, Bound::AtMost(1.0));

    let status = controller.status();
    assert_eq!(status["policies"].as_array().map(Vec::len), Some(POLICIES + 1));
    assert!(world.emulator.effects().is_empty(), "it only observes");
    until("nothing is under way", || controller.has_passed());
    // As a change comes: not within the second that is left between two passes.
    std::thread::sleep(Duration::from_secs(2));
    world.write("changed.yaml", &of_one("Enforce"));
    let decided = until("it is decided anew", || world.has_canceled(1));
    let what = "a changed file to what is canceled by it, 1,000 policies, seconds";
    figures.held(what, decided, Bound::AtMost(1.0));
}

//! How much the emulator keeps for an execution, counted by the allocator: a binary of its own, since
//! whatever else ran in it would be counted as well.

use std::alloc::System;

use cap::Cap;
use rescind::clock::Clock;
use rescind::document::{self, Limits, SourceFile};
use rescind::emulator::{Cancel, Emulator, NewJob, Options, Target};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// AWS's page.
const THINGS: usize = 20_000;
/// Bytes for an execution in the store.
const BOUND: usize = 300;

fn emulator(executions: &str) -> Emulator {
    let text = format!(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: large}}\nspec:\n  things:\n    - \
         {{name: \"robot-{{n:07}}\", count: {THINGS}, groups: [all]}}\n  jobs:\n    - {{id: fw-1, targets: \
         {{groups: [all]}}}}\n    - {{id: fw-2, targets: {{groups: [all]}}}}\n{executions}"
    );
    let file = SourceFile { path: "large.yaml".to_owned(), text: text.into() };
    let documents = document::read(&[file], &Limits::fleet());
    assert!(documents.diagnostics.is_empty(), "{:?}", documents.diagnostics);
    Emulator::new(&documents.fleets[0].1, Clock::system(), Options::default())
}

fn kept<T>(make: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATOR.allocated();
    let made = make();
    (ALLOCATOR.allocated() - before, made)
}

#[test]
fn an_execution_takes_at_most_300_bytes_whether_seeded_rolled_out_or_canceled() {
    let (without, empty) = kept(|| emulator(""));
    let (with, seeded) = kept(|| {
        emulator(&format!(
            "  executions:\n    - {{job: \"fw-{{n}}\", jobCount: 2, thing: \"robot-{{n:07}}\", count: {THINGS}, \
             queuedAt: 2d ago}}\n"
        ))
    });
    let each = (with - without) / (2 * THINGS);
    assert!(each <= BOUND, "seeded: {each} bytes");
    assert!(each >= 100, "what is counted is not what is kept: {each} bytes");

    let now = empty.now();
    let (more, ()) = kept(|| {
        for id in ["new-1", "new-2"] {
            let targets = vec![Target::Group("all".to_owned())];
            let new = NewJob { targets, ..NewJob::default() };
            empty.store(|store| store.create_job(id, new, now)).expect("a new job");
        }
    });
    let each = more / (2 * THINGS);
    assert!(each <= BOUND, "rolled out: {each} bytes");

    seeded.store(|store| {
        for n in 1..=THINGS {
            let thing = format!("robot-{n:07}");
            store.cancel(&thing, "fw-1", Cancel::default(), now).expect("it is queued");
        }
    });
    let all = ALLOCATOR.allocated();
    drop(seeded);
    let freed = all - ALLOCATOR.allocated();
    let each = (freed - without) / (2 * THINGS);
    assert!(each <= BOUND, "after half were canceled: {each} bytes");
}

//! The simulator: the real controller on paused time, against a server that is the judge.
//!
//! A seed draws a world (`scenario`), in which processes live and die (`run`); the same seed is the same
//! run, to the line. A violation prints the line that repeats it and the end of the trace.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a report is for whoever runs it")]

mod answers;
mod dies;
mod disk;
mod files;
mod judge;
mod kept;
mod mutants;
mod nature;
mod random;
mod report;
mod rules;
mod run;
mod scenario;
mod server;
mod stale;
mod trace;
mod truth;
mod world;

use report::Report;
use scenario::Scenario;

/// How many seeds the test command runs: less than three minutes of two cores, unoptimised.
const SEEDS: u64 = 2_000;

/// From how many seeds on all that can be reached has to be.
const LONG: u64 = 10_000;

#[expect(clippy::disallowed_methods, reason = "how often a test runs is no setting of the program")]
fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}: cannot be read")))
}

#[test]
fn whatever_fails_moves_and_dies_the_promises_hold() {
    if let Some(seed) = setting("RESCIND_SEED") {
        return report::repeat(seed);
    }
    let from = setting("RESCIND_FROM_SEED").unwrap_or(1);
    let seeds = setting("RESCIND_SEEDS").unwrap_or(SEEDS);
    let report = Report::of(from..from + seeds, |seed| {
        mutants::choose_named();
        Scenario::draw(seed)
    });
    println!("{report}");
    if seeds >= LONG {
        report.has_everything();
    }
}

//! The table of `docs/performance.md`: each figure beside its bound.
//!
//! `cargo bench` measures all of it, in about five minutes after the build, most of them spent waiting at
//! AWS's pace; `cargo bench -- decide journal` some parts. Ratios are of two things measured in one run;
//! processor time is taken where the system tells it, so that what else runs on the machine does not
//! count. No figure fails the command: it says what is not met.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::alloc::System;

use cap::Cap;
use figures::Figures;

mod decide;
mod emulator;
mod figures;
mod journal;
mod measure;
mod reconcile;
mod script;
mod starting;
mod world;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Measures a part of the table.
type Part = fn(&mut Figures);

/// The parts, in the order of the table.
const PARTS: [(&str, Part); 7] = [
    ("calls", reconcile::calls),
    ("quota", reconcile::quota),
    ("script", script::measure),
    ("decide", decide::measure),
    ("start", starting::measure),
    ("emulator", emulator::measure),
    ("journal", journal::measure),
];

fn main() {
    // Cargo adds flags of its own.
    let wanted: Vec<_> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let names: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = wanted.iter().find(|it| !names.contains(&it.as_str())) {
        println!("there is no part {unknown}: the parts are {}", names.join(", "));
        return;
    }
    let mut figures = Figures::begin();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|it| it == name) {
            measure(&mut figures);
        }
    }
    figures.end();
}

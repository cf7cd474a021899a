//! What follows from the cancels of a plan, for people.

use crate::cli::output::plan::Shown;
use crate::cli::output::{Output, Tone, columns, plural};
use crate::plan::follows::{Completes, Starts, follows};

/// The most that a plan in text says of things, one by one. JSON has all.
const MOST: usize = 20;

/// What it is about, and what becomes of it: a row each, completed jobs first. How many things are left
/// out beyond `most` is a row of its own.
pub fn rows(shown: Shown<'_>, most: usize) -> Vec<[String; 2]> {
    let follows = follows(shown.plan, shown.inventory);
    let mut rows = Vec::new();
    for Completes { job, open, canceled } in &follows.completes {
        let all = if *open == 1 { "its open execution".to_owned() } else { format!("all {open}") };
        rows.push([
            format!("job {job}"),
            format!("is completed: {canceled} to cancel, {all}, unless it still rolls out"),
        ]);
    }
    for job in &follows.may_complete {
        let why = "may be completed: how many of its executions are open is not known";
        rows.push([format!("job {job}"), why.to_owned()]);
    }
    for Starts { thing, job, certain } in follows.starts.iter().take(most) {
        let what = if *certain {
            format!("starts {job} at once")
        } else {
            format!("has {job} next, of what was listed")
        };
        rows.push([format!("thing {thing}"), what]);
    }
    let left = follows.starts.len().saturating_sub(most);
    if left > 0 {
        rows.push([plural(left, "more thing"), "the same".to_owned()]);
    }
    let unknown = follows.may_start.len();
    if unknown > 0 {
        let what = "freed; what waits there was not read";
        rows.push([plural(unknown, "thing"), what.to_owned()]);
    }
    rows
}

/// A section of the plan; empty if nothing follows.
pub(super) fn text(shown: Shown<'_>, output: Output) -> String {
    let rows = rows(shown, MOST);
    if rows.is_empty() {
        return String::new();
    }
    let cells =
        |[about, what]: [String; 2]| vec![(Tone::Plain, format!("  {about}")), (Tone::Plain, what)];
    let rows: Vec<_> = rows.into_iter().map(cells).collect();
    format!("\nWhat follows:\n{}", columns(output, &rows))
}

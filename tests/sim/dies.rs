//! A small run in which the process dies at each of its awaits, one after the other, and then twice.

use crate::report;
use crate::run::{Outcome, run};
use crate::scenario::Scenario;
use crate::setting;

/// How many of the pairs are tried: each so many-th place of the first death, and of the second.
const STRIDE: usize = 16;

fn dies_after(polls: &[u64]) -> Outcome {
    let scenario = Scenario::still(polls.to_vec(), 0);
    let went = run(&scenario, false);
    if let Some(violation) = &went.violation {
        let again = run(&scenario, true);
        panic!("deaths after {polls:?} polls\n{}", report::shown(&again, &scenario, violation));
    }
    went
}

/// How often the first process is polled if it does not die.
fn polls_of_a_life() -> u64 {
    dies_after(&[]).polls[0]
}

#[test]
fn a_crash_at_any_await_breaks_no_promise() {
    let polls = polls_of_a_life();
    assert!(polls > 100, "{polls} polls: it hardly did anything");
    for at in 0..polls {
        dies_after(&[at]);
    }
    println!("{polls} crashes");
}

#[test]
fn two_crashes_at_any_awaits_break_no_promise() {
    let stride = setting("RESCIND_STRIDE").unwrap_or(STRIDE);
    let polls = polls_of_a_life();
    let mut pairs = 0;
    for first in (0..polls).step_by(stride) {
        for second in (0..polls).step_by(stride) {
            dies_after(&[first, second]);
            pairs += 1;
        }
    }
    println!("{pairs} pairs of crashes");
}

//! The breakers of a plan, as text.

use crate::cli::output::{Output, Tone, columns};
use crate::plan::Plan;

/// The breakers that are open, and why.
pub(super) fn open(plan: &Plan, output: Output) -> String {
    let open = plan.breakers.iter().filter_map(|state| Some((state, state.why.clone()?)));
    let rows: Vec<_> = open
        .map(|(state, why)| vec![(Tone::Waits, format!("  {}", state.breaker)), (Tone::Plain, why)])
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\nBreakers that are open, so that nothing is sent:\n{}", columns(output, &rows))
}

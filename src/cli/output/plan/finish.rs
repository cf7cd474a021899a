//! How long a plan's cancels take, and the jobs that CancelJob would do for, as text.

use crate::cli::output::plan::Shown;
use crate::cli::output::{Output, Tone, columns};
use crate::plan::finish::{Finish, WholeJob, whole_jobs};

/// How long it takes; none if there is nothing to cancel, or no limit to how fast.
pub(super) fn finish(shown: Shown<'_>) -> Option<Finish> {
    let acts = shown.plan.order.len() as u64;
    Finish::of(shown.most.map_or(acts, |most| acts.min(most)), shown.cancels_per_second)
}

/// Both, as text.
pub(super) fn text(shown: Shown<'_>, output: Output) -> String {
    let row = |it: &WholeJob| {
        let (job, count) = (&it.job, it.executions);
        let force = if it.force { " --force" } else { "" };
        let hint = format!(
            "{count} cancels; aws iot cancel-job --job-id {job}{force} is one call, and ends the job"
        );
        vec![(Tone::Plain, format!("  {job}")), (Tone::Plain, hint)]
    };
    let rows: Vec<_> = whole_jobs(shown.plan, shown.inventory).iter().map(row).collect();
    let mut text = String::new();
    if !rows.is_empty() {
        let head =
            "Jobs of which nothing would stay open, so that canceling the job itself may be meant:";
        text.push_str(&format!("\n{head}\n{}", columns(output, &rows)));
    }
    if let Some(finish) = finish(shown) {
        text.push_str(&format!("\nTime: {}\n", finish.in_words()));
    }
    text
}

//! A plan for a comment on a pull request, and for the summary of a CI step.

use crate::cli::output::markdown::{MOST, cell, folded};
use crate::cli::output::plan::{Shown, Summary, follows, problem, round, sum};
use crate::plan::{Decision, Line, words};

const HEADING: [&str; 5] = ["Job", "Thing", "Status", "Policy", "Why"];

fn row(line: &Line, shown: Shown<'_>) -> Vec<String> {
    let status = shown.inventory.executions.get(&line.key).map(|row| row.status.to_string());
    let force = line.act.as_ref().is_some_and(|act| act.force);
    let policy =
        if force { format!("{}, force", line.policy.name) } else { line.policy.name.to_string() };
    vec![
        line.key.job.to_string(),
        line.key.thing.to_string(),
        status.unwrap_or_default(),
        policy,
        words::explanation(line, shown.plan, shown.inventory, shown.memory),
    ]
}

/// The plan as Markdown, under GitHub's bound. Its first line finds the comment again.
pub fn markdown(shown: Shown<'_>) -> String {
    let plan = shown.plan;
    let place = match &plan.account {
        Some(account) => account.to_string(),
        None => "an account that told no name".to_owned(),
    };
    let mut text = format!(
        "<!-- rescind plan -->\n### rescind plan\n\n{} for {} at {}, policies {}.\n",
        sum(Summary::of(plan)).trim_end_matches('.'),
        cell(&place),
        round(plan.now),
        plan.policies.digest().short(),
    );
    let acts: Vec<_> = plan.acts().map(|line| row(line, shown)).collect();
    let of = |decision: Decision| -> Vec<_> {
        let lines = plan.lines.iter().filter(|line| line.decision() == decision);
        lines.map(|line| row(line, shown)).collect()
    };
    // What is canceled matters most and gets the most room.
    for (title, rows) in
        [("To cancel", acts), ("Waiting", of(Decision::Defer)), ("Kept", of(Decision::Keep))]
    {
        let title = format!("{title}: {}", rows.len());
        text.push_str(&folded(&title, &HEADING, &rows, MOST.saturating_sub(text.len()) / 2));
    }
    let follows: Vec<_> = follows::rows(shown, usize::MAX).into_iter().map(Vec::from).collect();
    let title = format!("What follows: {}", follows.len());
    let room = MOST.saturating_sub(text.len()) / 2;
    text.push_str(&folded(&title, &["What", "Then"], &follows, room));
    let problems: Vec<_> = shown.inventory.problems.iter().map(|it| vec![problem(it)]).collect();
    let title = format!("Not observed: {}", problems.len());
    text.push_str(&folded(&title, &["What"], &problems, MOST.saturating_sub(text.len()) / 2));
    text
}

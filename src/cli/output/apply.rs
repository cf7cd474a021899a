//! What an apply did, as people read it.

use std::collections::BTreeMap;

use crate::apply::{Ending, NOT_TRIED, Record};
use crate::backend::pace::Counts;
use crate::cli::output::plan::{self, Summary, calls_text};
use crate::cli::output::{Output, Tone, columns, plural};
use crate::plan::words::in_words;
use crate::plan::{Because, Decision, Outcome, Reason};

pub mod json;

/// How many lines that were not tried for one cause are told one by one.
const UNTRIED_TOLD: usize = 5;

/// What an apply did, and what it left.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// What became of each line.
    pub records: &'a [Record],
    /// How many more would go, were it not for a budget, a window, a freeze.
    pub waiting: usize,
    /// The calls made until the last of them.
    pub calls: &'a Counts,
    /// The plan that it began with.
    pub plan: plan::Shown<'a>,
    /// What a second plan says; none if it was not made.
    pub left: Option<plan::Shown<'a>>,
}

/// How many lines ended how, by label.
pub fn counts(records: &[Record]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record.ending.label()).or_default() += 1;
    }
    counts
}

/// The report as text.
pub fn text(shown: Shown<'_>, output: Output) -> String {
    let mut text = String::new();
    // Those beyond --max are only counted: they may be as many as the fleet has executions. So may those be
    // that one cause kept from being tried.
    let mut untried = BTreeMap::<&str, usize>::new();
    let one_cause =
        |record: &&Record| record.ending == Ending::NotTried && record.note.starts_with(NOT_TRIED);
    for record in shown.records.iter().filter(one_cause) {
        *untried.entry(&record.note).or_default() += 1;
    }
    untried.retain(|_, count| *count > UNTRIED_TOLD);
    let is_counted = |record: &Record| match record.ending {
        Ending::BeyondMax => true,
        Ending::NotTried => untried.contains_key(&*record.note),
        _ => false,
    };
    let told: Vec<_> = shown.records.iter().filter(|record| !is_counted(record)).collect();
    if !told.is_empty() {
        let heading = ["OUTCOME", "JOB", "THING", "POLICY", "NOTE"];
        let mut rows = vec![heading.map(|title| (Tone::Faint, title.to_owned())).to_vec()];
        rows.extend(told.into_iter().map(|record| {
            vec![
                (tone(&record.ending), label(&record.ending)),
                (Tone::Plain, record.key.job.to_string()),
                (Tone::Plain, record.key.thing.to_string()),
                (Tone::Plain, record.policy.to_string()),
                (Tone::Plain, record.note.clone()),
            ]
        }));
        text.push_str(&columns(output, &rows));
        text.push('\n');
    }
    for (note, count) in &untried {
        text.push_str(&format!("{} {note}.\n", plural(*count, "execution")));
    }
    text.push_str(&format!("Calls: {}\n", calls_text(shown.calls)));
    let counts: BTreeMap<_, usize> =
        shown.records.iter().fold(BTreeMap::new(), |mut counts, record| {
            *counts.entry(label(&record.ending)).or_default() += 1;
            counts
        });
    let parts: Vec<_> = counts.iter().map(|(label, count)| format!("{count} {label}")).collect();
    text.push_str(&match (parts.is_empty(), shown.waiting) {
        (false, _) => format!("Done: {}.\n", parts.join(", ")),
        (true, 0) => "Done: nothing to do.\n".to_owned(),
        (true, waiting) => {
            format!("Nothing was canceled: {} wait.\n", plural(waiting, "execution"))
        }
    });
    if let Some(left) = shown.left {
        let summary = Summary::of(left.plan);
        let due = summary.examine + summary.cancel;
        text.push_str(&format!(
            "Left, by a second look ({}): {} ({})\n",
            calls_text(left.calls),
            match (due, summary.defer) {
                (0, 0) => "nothing to cancel".to_owned(),
                (0, waiting) => format!("nothing to cancel now; {waiting} wait: {}", waits(left)),
                (due, _) => format!("{due} to cancel"),
            },
            plan::sum(summary).trim_end_matches('.'),
        ));
    }
    text
}

/// What the lines of a plan that wait do so for: `28 since the budget has nothing left`.
fn waits(shown: plan::Shown<'_>) -> String {
    let waiting = shown.plan.lines.iter().filter(|line| line.decision() == Decision::Defer);
    let counts: BTreeMap<_, usize> = waiting.fold(BTreeMap::new(), |mut counts, line| {
        *counts.entry(line.verdict.reason).or_default() += 1;
        counts
    });
    let since = |(reason, count): (Reason, usize)| {
        format!("{count} since {}", in_words(reason, &Because::Itself, shown.plan.now))
    };
    counts.into_iter().map(since).collect::<Vec<_>>().join(", ")
}

/// How a line ended, in a word.
pub fn label(ending: &Ending) -> String {
    match ending {
        Ending::Outcome(Outcome::Canceled) => "canceled",
        Ending::Outcome(Outcome::CanceledUnattributed) => "canceled (unattributed)",
        Ending::Outcome(Outcome::AlreadyTerminal) => "already terminal",
        Ending::Outcome(Outcome::Superseded) => "superseded",
        Ending::Outcome(Outcome::Gone) => "gone",
        Ending::Outcome(Outcome::Withdrawn) => "withdrawn",
        Ending::Outcome(Outcome::Failed) => "failed",
        Ending::Outcome(Outcome::Unresolved) => "unresolved",
        Ending::Kept(_) => "kept",
        Ending::BudgetExhausted => "waits for budget",
        Ending::BeyondMax => "beyond --max",
        Ending::JobDenied | Ending::NotTried | Ending::Elsewhere => "not tried",
    }
    .to_owned()
}

fn tone(ending: &Ending) -> Tone {
    match ending {
        Ending::Outcome(Outcome::Canceled | Outcome::CanceledUnattributed) => Tone::Good,
        Ending::Outcome(Outcome::Failed | Outcome::Unresolved)
        | Ending::JobDenied
        | Ending::NotTried
        | Ending::Elsewhere => Tone::Strong,
        Ending::Outcome(_) | Ending::BudgetExhausted | Ending::BeyondMax => Tone::Waits,
        Ending::Kept(_) => Tone::Plain,
    }
}

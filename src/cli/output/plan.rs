//! A plan as people read it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::backend::pace::Counts;
use crate::cli::output::{Output, Tone, columns, plural};
use crate::inventory::{Inventory, Problem};
use crate::plan::words;
use crate::plan::{BudgetState, Decision, Line, Memory, Plan};

mod breakers;
mod finish;
pub mod follows;
mod guards;
pub mod json;

/// Everything that a plan's surfaces show.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What it was made from.
    pub inventory: &'a Inventory,
    /// What it was made with.
    pub memory: &'a Memory,
    /// The calls that were made for it.
    pub calls: &'a Counts,
    /// How many executions can be canceled a second; none for no limit.
    pub cancels_per_second: Option<f64>,
    /// How many of them are canceled at the most; none for all that are due.
    pub most: Option<u64>,
}

/// How many lines have each decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Executions in scope.
    pub executions: usize,
    /// To cancel.
    pub cancel: usize,
    /// Due, to be judged in the moment of acting.
    pub examine: usize,
    /// To cancel later.
    pub defer: usize,
    /// To keep.
    pub keep: usize,
}

impl Summary {
    /// Counts a plan's lines.
    pub fn of(plan: &Plan) -> Self {
        let mut summary = Self { executions: plan.lines.len(), ..Self::default() };
        for line in &plan.lines {
            match line.decision() {
                Decision::Cancel => summary.cancel += 1,
                Decision::Examine => summary.examine += 1,
                Decision::Defer => summary.defer += 1,
                Decision::Keep => summary.keep += 1,
            }
        }
        summary
    }
}

/// Calls by AWS's names.
pub fn calls_by_name(calls: &Counts) -> std::collections::BTreeMap<&'static str, u64> {
    calls.calls.iter().map(|(operation, count)| (operation.as_str(), *count)).collect()
}

fn explanation(line: &Line, shown: Shown<'_>) -> String {
    words::explanation(line, shown.plan, shown.inventory, shown.memory)
}

fn row(line: &Line, shown: Shown<'_>) -> Vec<(Tone, String)> {
    let tone = match line.decision() {
        Decision::Cancel | Decision::Examine => Tone::Strong,
        Decision::Defer => Tone::Waits,
        Decision::Keep => Tone::Plain,
    };
    let row = shown.inventory.executions.get(&line.key);
    let mut status = row.map(|row| row.status.to_string()).unwrap_or_default();
    if let Some(pins) = line.act.as_ref().and_then(|act| act.pins.as_ref()) {
        status.push_str(&format!(" v{}", pins.version));
    }
    let decision = match &line.act {
        Some(act) if act.force => format!("{}, force", words::decision(line.decision())),
        _ => words::decision(line.decision()).to_owned(),
    };
    vec![
        (tone, decision),
        (Tone::Plain, line.key.job.to_string()),
        (Tone::Plain, line.key.thing.to_string()),
        (Tone::Plain, status),
        (Tone::Plain, line.policy.name.to_string()),
        (Tone::Plain, explanation(line, shown)),
    ]
}

/// The plan as text: what acts first, then what waits, then what stays.
pub fn text(shown: Shown<'_>, output: Output) -> String {
    let Shown { plan, inventory, calls, .. } = shown;
    let mut text = String::new();
    let place = match &plan.account {
        Some(account) => account.to_string(),
        None => "an account that told no name (no job was seen)".to_owned(),
    };
    text.push_str(&format!(
        "Plan for {place} at {}, {}, {} ({})\n",
        round(plan.now),
        plural_policies(plan.policies.len()),
        plural(plan.policies.guards().count(), "guard"),
        plan.policies.digest().short(),
    ));
    let heading = ["DECISION", "JOB", "THING", "STATUS", "POLICY", "WHY"];
    let mut rows = vec![heading.map(|title| (Tone::Faint, title.to_owned())).to_vec()];
    rows.extend(plan.acts().map(|line| row(line, shown)));
    for decision in [Decision::Defer, Decision::Keep] {
        let lines = plan.lines.iter().filter(|line| line.decision() == decision);
        rows.extend(lines.map(|line| row(line, shown)));
    }
    if rows.len() > 1 {
        text.push('\n');
        text.push_str(&columns(output, &rows));
    }
    text.push_str(&guards::lacking(plan, output));
    text.push_str(&breakers::open(plan, output));
    if !plan.observed.is_empty() {
        text.push_str("\nPolicies in Observe would also cancel:\n");
        let rows: Vec<_> = plan
            .observed
            .iter()
            .map(|it| {
                let force = if it.force { "  force" } else { "" };
                let cells = [it.key.job.as_str(), it.key.thing.as_str()];
                let mut row: Vec<_> =
                    cells.iter().map(|cell| (Tone::Plain, format!("  {cell}"))).collect();
                row.push((Tone::Plain, format!("{}{force}", it.policy)));
                row
            })
            .collect();
        text.push_str(&columns(output, &rows));
    }
    text.push_str(&follows::text(shown, output));
    if !plan.budgets.is_empty() {
        text.push_str("\nBudgets:\n");
        let cells = |state: &BudgetState| {
            vec![
                (Tone::Plain, format!("  {}", state.owner)),
                (Tone::Plain, state.limit.clone()),
                (Tone::Plain, format!("{} of {} left", state.left(), state.size)),
            ]
        };
        text.push_str(&columns(output, &plan.budgets.iter().map(cells).collect::<Vec<_>>()));
    }
    text.push_str(&finish::text(shown, output));
    text.push_str(&not_observed(inventory, output));
    text.push_str(&format!("\nCalls: {}\n", calls_text(calls)));
    text.push_str(&sum(Summary::of(plan)));
    if !inventory.problems.is_empty() {
        text.push_str(" Not everything could be observed.");
    }
    text.push('\n');
    text
}

/// The section of what could not be observed; empty if all was.
pub fn not_observed(inventory: &Inventory, output: Output) -> String {
    if inventory.problems.is_empty() {
        return String::new();
    }
    let rows =
        inventory.problems.iter().map(|it| vec![(Tone::Waits, format!("  {}", problem(it)))]);
    format!("\nNot observed:\n{}", columns(output, &rows.collect::<Vec<_>>()))
}

/// What could not be observed, and why. Most reasons name what they are about.
pub fn problem(problem: &Problem) -> String {
    let Problem { what, why } = problem;
    if why.contains(what) { why.clone() } else { format!("{what}: {why}") }
}

fn plural_policies(count: usize) -> String {
    if count == 1 { "1 policy".to_owned() } else { format!("{count} policies") }
}

/// `ListJobs 3, DescribeJob 2`.
pub fn calls_text(calls: &Counts) -> String {
    let parts: Vec<_> =
        calls_by_name(calls).into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// A time in whole seconds.
pub fn round(time: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The line that sums up.
pub fn sum(summary: Summary) -> String {
    let mut parts = Vec::new();
    let mut add = |count: usize, words: &str| {
        if count > 0 {
            parts.push(format!("{count} {words}"));
        }
    };
    add(summary.cancel, "to cancel");
    add(summary.examine, "due");
    add(summary.defer, "waiting");
    add(summary.keep, "kept");
    let scope = plural(summary.executions, "execution");
    if parts.is_empty() {
        format!("{scope} in scope: nothing to do.")
    } else {
        format!("{scope} in scope: {}.", parts.join(", "))
    }
}

//! The guards of a plan, and what they keep, as text and as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::output::plan::Shown;
use crate::cli::output::{Output, Tone, columns};
use crate::plan::words::because;
use crate::plan::{Because, GuardBecause, GuardRule, Line, Plan};
use crate::policy::{PolicyName, Standing};

/// A guard that is in force.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PlannedGuard")]
pub(super) struct JsonGuard<'a> {
    /// Its name.
    name: &'a PolicyName,
    /// The file, relative to the root; `built-in` of the built-in rules.
    path: &'a str,
    /// The line on which the guard begins, from 1; 0 of the built-in rules.
    line: usize,
    /// What it means, 64 hex digits.
    digest: &'a str,
    /// Whether its document is there.
    standing: Standing,
}

/// What of a guard keeps an execution.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JsonVeto {
    /// The guard's name.
    name: PolicyName,
    /// The rule of `protect`, or the freeze. Absent if it is the scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// Why there is this rule. Absent if nobody wrote that.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(super) fn json(plan: &Plan) -> Vec<JsonGuard<'_>> {
    plan.policies
        .vetoes()
        .iter()
        .map(|guard| JsonGuard {
            name: &guard.name,
            path: &guard.origin.path,
            line: guard.origin.line,
            digest: guard.digest.as_str(),
            standing: guard.standing,
        })
        .collect()
}

pub(super) fn veto(line: &Line, shown: Shown<'_>) -> Option<JsonVeto> {
    if !line.verdict.reason.is_of_guard() {
        return None;
    }
    let Because::Guard(GuardBecause { guard: name, by }) =
        because(line, shown.plan, shown.inventory, shown.memory)
    else {
        return None;
    };
    let (rule, reason) = match by {
        GuardRule::Protect { rule, reason, .. } => (Some(rule), reason),
        GuardRule::Freeze { freeze, .. } => (Some(freeze), None),
        GuardRule::Scope { .. } => (None, None),
    };
    Some(JsonVeto { name, rule, reason })
}

/// The guards that are in force although their documents are not there.
pub(super) fn lacking(plan: &Plan, output: Output) -> String {
    let lacking = plan.policies.guards().filter(|guard| guard.standing != Standing::Written);
    let rows: Vec<_> = lacking
        .map(|guard| {
            vec![
                (Tone::Waits, format!("  {}", guard.name)),
                (Tone::Plain, format!("{} ({})", guard.standing, guard.origin.path)),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\nGuards that stay in force until they are retired:\n{}", columns(output, &rows))
}

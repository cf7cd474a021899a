//! What an apply did, as JSON: `rescind/apply/v1`. Keys are added, and none is taken away.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Shown, counts};
use crate::apply::{Ending, Record};
use crate::backend::ErrorKind;
use crate::cli::output::plan::{Summary, calls_by_name, json as plan};
use crate::execution::ExecutionNumber;
use crate::plan::{Outcome, Reason};
use crate::policy::PolicyName;

/// What the document is, and its version.
pub const FORMAT: &str = "rescind/apply/v1";

/// The labels of the endings of lines.
fn endings() -> Vec<&'static str> {
    let others = [
        Ending::Kept(Reason::NoMatch),
        Ending::BudgetExhausted,
        Ending::BeyondMax,
        Ending::NotTried,
    ];
    let outcomes = Outcome::ALL.into_iter().map(Ending::Outcome);
    outcomes.chain(others).map(|ending| ending.label()).collect()
}

/// What an apply did.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Apply")]
pub struct Json<'a> {
    /// What the document is, and its version.
    format: &'static str,
    /// The plan that it began with.
    plan: plan::Json<'a>,
    /// How many lines ended how.
    outcomes: BTreeMap<&'static str, usize>,
    /// What became of each line that was due, in the order of acting; of those of a saved plan that were not
    /// due any more as well.
    lines: Vec<JsonRecord<'a>>,
    /// Calls that were made until the last of them, by operation of AWS, those of the plan among them.
    calls: BTreeMap<&'static str, u64>,
    /// What a second look found. Null if nothing was due, or if it could not be had.
    left: Option<JsonLeft>,
}

/// What became of one execution.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonRecord<'a> {
    /// The job's id.
    job: &'a str,
    /// The thing's name.
    thing: &'a str,
    /// Which execution of this job on this thing.
    execution_number: ExecutionNumber,
    /// The policy that wanted it canceled.
    policy: &'a PolicyName,
    /// How it ended: an outcome, as in the journal, or what kept it from being begun.
    #[schemars(extend("enum" = endings()))]
    outcome: &'static str,
    /// Why it was kept. Absent unless the outcome is `kept`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// Whether force was sent.
    force: bool,
    /// How often a cancel was sent, or would have been but for the question in the last moment.
    attempts: u32,
    /// AWS's request id of the last answer; null if there was none.
    request_id: Option<&'a str>,
    /// The last call that AWS refused or did not answer. Absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<JsonRefused>,
    /// What happened, for people.
    note: &'a str,
}

/// A call that AWS refused or did not answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonRefused {
    /// AWS's name of it: `CancelJobExecution`.
    operation: &'static str,
    /// How it was refused.
    #[schemars(extend("enum" = ErrorKind::ALL.map(ErrorKind::label)))]
    kind: &'static str,
}

/// What is left to do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonLeft {
    /// How many executions have each decision now.
    summary: Summary,
    /// Calls that were made for it, by operation of AWS.
    calls: BTreeMap<&'static str, u64>,
}

/// The report as JSON, with the plan that it began with.
pub fn json(shown: Shown<'_>) -> Json<'_> {
    Json {
        format: FORMAT,
        plan: plan::json(shown.plan),
        outcomes: counts(shown.records),
        lines: shown.records.iter().map(line).collect(),
        calls: calls_by_name(shown.calls),
        left: shown.left.map(|left| JsonLeft {
            summary: Summary::of(left.plan),
            calls: calls_by_name(left.calls),
        }),
    }
}

fn line(record: &Record) -> JsonRecord<'_> {
    let refused = |(operation, kind): (crate::backend::Operation, ErrorKind)| JsonRefused {
        operation: operation.as_str(),
        kind: kind.label(),
    };
    JsonRecord {
        job: record.key.job.as_str(),
        thing: record.key.thing.as_str(),
        execution_number: record.number,
        policy: &record.policy,
        outcome: record.ending.label(),
        reason: match record.ending {
            Ending::Kept(reason) => Some(reason),
            _ => None,
        },
        force: record.force,
        attempts: record.attempts,
        request_id: record.request_id.as_deref(),
        refused: record.refused.map(refused),
        note: &record.note,
    }
}

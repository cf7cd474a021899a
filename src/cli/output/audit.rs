//! The journal as people read it, as JSON and as CSV.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::output::{Output, Tone, columns, plural};
use crate::plan::Outcome;
use crate::state::journal::{Entry, Event};

/// What the document is, and its version.
pub const FORMAT: &str = "rescind/audit/v1";

/// The journal.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Journal")]
pub struct Json<'a> {
    /// What the document is, and its version.
    format: &'static str,
    /// The intents to cancel that were asked for, each with its outcome, oldest first, one state file after
    /// the other.
    entries: &'a [Entry],
    /// What else changed what is sent. Empty where the journal is filtered by more than time.
    events: &'a [Event],
}

/// The entries as JSON.
pub fn json<'a>(entries: &'a [Entry], events: &'a [Event]) -> Json<'a> {
    Json { format: FORMAT, entries, events }
}

/// The thing of an entry, as a new job's target.
pub fn target(entry: &Entry) -> String {
    let partition = match entry.region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if entry.region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:iot:{}:{}:thing/{}", entry.region, entry.account, entry.thing)
}

/// `stuck.yaml:1 at 3f2a1b9c`.
fn source(entry: &Entry) -> String {
    match &entry.revision {
        Some(revision) => format!("{} at {}", entry.origin, short(revision)),
        None => entry.origin.to_string(),
    }
}

/// A revision as people know it: eight digits, and whether it is dirty.
pub fn short(revision: &str) -> String {
    let (commit, dirty) = revision.split_at(revision.find('-').unwrap_or(revision.len()));
    format!("{}{dirty}", commit.get(..8).unwrap_or(commit))
}

fn outcome(entry: &Entry) -> &'static str {
    entry.outcome.map_or("open", Outcome::label)
}

/// The entries as text, and what else changed what is sent.
pub fn text(entries: &[Entry], events: &[Event], output: Output) -> String {
    // Where there is one account and region, everybody knows which.
    let places: BTreeSet<_> = entries
        .iter()
        .map(|it| (&it.account, &it.region))
        .chain(events.iter().map(|it| (&it.account, &it.region)))
        .collect();
    let many = places.len() > 1;
    let placed = |mut row: Vec<(Tone, String)>, account: &str, region: &str| {
        if many {
            row.insert(1, (row[0].0, account.to_owned()));
            row.insert(2, (row[0].0, region.to_owned()));
        }
        row
    };
    let heading = ["BEGUN", "OUTCOME", "JOB", "THING", "POLICY", "SOURCE", "REQUEST", "NOTE"];
    let heading = heading.map(|title| (Tone::Faint, title.to_owned())).to_vec();
    let mut rows = vec![placed(heading, "ACCOUNT", "REGION")];
    rows.extend(entries.iter().map(|entry| {
        let tone = match entry.outcome {
            Some(Outcome::Canceled | Outcome::CanceledUnattributed) => Tone::Good,
            Some(Outcome::Failed | Outcome::Unresolved) => Tone::Strong,
            _ => Tone::Waits,
        };
        let force = if entry.force { ", force" } else { "" };
        let row = vec![
            (Tone::Plain, entry.begun_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            (tone, format!("{}{force}", outcome(entry))),
            (Tone::Plain, entry.job.to_string()),
            (Tone::Plain, entry.thing.to_string()),
            (Tone::Plain, format!("{} {}", entry.policy, entry.digest.short())),
            (Tone::Plain, source(entry)),
            (Tone::Plain, entry.request_id.clone().unwrap_or_else(|| "-".to_owned())),
            (Tone::Plain, entry.note.clone().unwrap_or_default()),
        ];
        placed(row, &entry.account, &entry.region)
    }));
    let told = events.iter().map(|it| placed(event(it), &it.account, &it.region));
    let told: Vec<_> = told.collect();
    let told = if told.is_empty() {
        String::new()
    } else {
        format!("Breakers, guards and pauses:\n{}", columns(output, &told))
    };
    format!("{}{}.\n{told}", columns(output, &rows), plural(entries.len(), "intent"))
}

fn event(event: &Event) -> Vec<(Tone, String)> {
    let (tone, what) = match event.what.as_str() {
        "breakerOpened" => (Tone::Strong, "breaker opened"),
        "breakerClosed" => (Tone::Good, "breaker closed"),
        "guardEnded" => (Tone::Waits, "guard out of force"),
        "paused" => (Tone::Strong, "paused"),
        "resumed" => (Tone::Good, "resumed"),
        other => (Tone::Plain, other),
    };
    vec![
        (Tone::Plain, format!("  {}", event.at.strftime("%Y-%m-%dT%H:%M:%SZ"))),
        (tone, what.to_owned()),
        (Tone::Plain, event.name.clone()),
        (Tone::Plain, event.why.clone()),
    ]
}

/// The header of the CSV.
pub const CSV: &str = "begunAt,settledAt,outcome,account,region,job,thing,executionNumber,versionNumber,\
                       status,force,policy,digest,origin,who,attempts,requestId,note,id,revision";

/// The entries as CSV (RFC 4180), with a header.
pub fn csv(entries: &[Entry]) -> String {
    let mut text = format!("{CSV}\r\n");
    for entry in entries {
        let number = entry.execution_number;
        let fields = [
            entry.begun_at.to_string(),
            entry.settled_at.map(|at| at.to_string()).unwrap_or_default(),
            outcome(entry).to_owned(),
            entry.account.clone(),
            entry.region.clone(),
            entry.job.to_string(),
            entry.thing.to_string(),
            number.to_string(),
            entry.version_number.to_string(),
            entry.status.to_string(),
            entry.force.to_string(),
            entry.policy.to_string(),
            entry.digest.to_string(),
            entry.origin.to_string(),
            entry.who.clone(),
            entry.attempts.to_string(),
            entry.request_id.clone().unwrap_or_default(),
            entry.note.clone().unwrap_or_default(),
            entry.id.clone(),
            entry.revision.clone().unwrap_or_default(),
        ];
        text.push_str(&fields.map(|field| quoted(&field)).join(","));
        text.push_str("\r\n");
    }
    text
}

fn quoted(field: &str) -> String {
    // A spreadsheet would take these for the beginning of a formula.
    let formula = field.starts_with(['=', '+', '-', '@']);
    let field = if formula { format!("'{field}") } else { field.to_owned() };
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_never_begins_a_formula() {
        for (field, cell) in [
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("r001", "r001"),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(quoted(field), cell);
        }
    }
}

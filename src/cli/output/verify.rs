//! Whether the journal is true, for people and as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::args::state::Witness;
use crate::cli::output::{Output, Tone, columns, plural};
use crate::state::verify::{Finding, Report};

/// What the document is, and its version.
pub const FORMAT: &str = "rescind/verify/v1";

/// What a verification found.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Verification")]
pub struct Json<'a> {
    /// What the document is, and its version.
    format: &'static str,
    /// Whether all was asked about, and nothing speaks against the journal. The exit code is 0 then, and else 1.
    holds: bool,
    /// The intents of which nothing is known either way.
    unverified: usize,
    #[serde(flatten)]
    report: &'a Report,
}

/// The report as JSON.
pub fn json(report: &Report) -> Json<'_> {
    Json { format: FORMAT, holds: report.holds(), unverified: report.unverified(), report }
}

/// The report as text.
pub fn text(report: &Report, witness: Witness, output: Output) -> String {
    let mut text = String::new();
    if !report.findings.is_empty() {
        let heading = ["", "RULE", "JOB", "THING", "EXECUTION", "INTENT", "WHAT"];
        let mut rows = vec![heading.map(|title| (Tone::Faint, title.to_owned())).to_vec()];
        rows.extend(report.findings.iter().map(row));
        text.push_str(&columns(output, &rows));
        text.push('\n');
    }
    let Report { intents, confirmed, forgotten, open, unasked, .. } = report;
    let told = match witness {
        Witness::Aws => "AWS's descriptions",
        Witness::Emulator(_) => "the emulator's effects",
    };
    text.push_str(&format!(
        "{} held against {told}: {confirmed} confirmed, {open} open, {forgotten} no longer known there.\n",
        plural(*intents, "intent")
    ));
    if *unasked > 0 {
        text.push_str(&format!(
            "{} could not be asked about: run it again, or narrow it with --since.\n",
            plural(*unasked, "intent")
        ));
    }
    text.push_str(&verdict(report));
    text
}

/// What can be said of the journal as a whole, and of how much of it nothing can.
fn verdict(report: &Report) -> String {
    let Report { intents, confirmed, forgotten, open, unasked, findings } = report;
    let breaches = findings.iter().filter(|finding| finding.breach).count();
    let doubts = findings.len() - breaches;
    let look = match doubts {
        0 => String::new(),
        doubts => format!(", with {} to look at", plural(doubts, "doubt")),
    };
    if breaches > 0 {
        let breaches =
            if breaches == 1 { "1 breach".to_owned() } else { format!("{breaches} breaches") };
        return format!("The journal does not hold: {breaches}, {}.\n", plural(doubts, "doubt"));
    }
    if *unasked > 0 {
        let look = look.replacen(", with", ";", 1);
        return format!("Whether the journal holds is not known{look}.\n");
    }
    if *intents == 0 {
        return "Nothing was verified: the journal has no intent that was asked for.\n".to_owned();
    }
    if report.unverified() == 0 {
        return format!("The journal holds{look}.\n");
    }
    let mut silent = Vec::new();
    if *forgotten > 0 {
        silent.push(format!("{forgotten} of executions that are gone there"));
    }
    if *open > 0 {
        silent.push(format!("{open} without an outcome yet"));
    }
    let silent = silent.join(", ");
    if *confirmed == 0 && findings.is_empty() {
        return format!("Nothing could be verified, and nothing speaks against it: {silent}.\n");
    }
    let told = plural(intents - report.unverified(), "intent");
    format!(
        "As far as it could be verified, the journal holds{look}: {told}. Not verified: {silent}.\n"
    )
}

fn row(finding: &Finding) -> Vec<(Tone, String)> {
    let kind = if finding.breach { (Tone::Strong, "breach") } else { (Tone::Waits, "doubt") };
    vec![
        (kind.0, kind.1.to_owned()),
        (Tone::Plain, finding.rule.label().to_owned()),
        (Tone::Plain, finding.job.clone()),
        (Tone::Plain, finding.thing.clone()),
        (Tone::Plain, finding.execution_number.to_string()),
        (Tone::Plain, finding.id.clone().unwrap_or_else(|| "-".to_owned())),
        (Tone::Plain, finding.text.clone()),
    ]
}

//! Whether the journal is true, for people and as JSON.

use serde::Serialize;

use crate::cli::args::state::Witness;
use crate::cli::output::{Output, Tone, columns, plural};
use crate::state::verify::{Finding, Report};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport<'a> {
    format: &'static str,
    holds: bool,
    #[serde(flatten)]
    report: &'a Report,
}

/// The report as JSON: `rescind/verify/v1`.
pub fn json(report: &Report) -> impl Serialize {
    JsonReport { format: "rescind/verify/v1", holds: report.holds(), report }
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
    let Report { intents, confirmed, forgotten, open, unasked, findings } = report;
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
    let breaches = findings.iter().filter(|finding| finding.breach).count();
    let doubts = findings.len() - breaches;
    text.push_str(&match (breaches, doubts) {
        (0, 0) if *unasked > 0 => "Whether the journal holds is not known.\n".to_owned(),
        (0, 0) if *intents == 0 => {
            "Nothing was verified: the journal has no intent that was asked for.\n".to_owned()
        }
        (0, 0) => "The journal holds.\n".to_owned(),
        (0, _) if *unasked > 0 => {
            format!("Whether the journal holds is not known; {}.\n", plural(doubts, "doubt"))
        }
        (0, _) => format!("The journal holds, with {} to look at.\n", plural(doubts, "doubt")),
        _ => format!(
            "The journal does not hold: {}, {}.\n",
            if breaches == 1 { "1 breach".to_owned() } else { format!("{breaches} breaches") },
            plural(doubts, "doubt")
        ),
    });
    text
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

//! `rescind validate`: syntax, schema and meaning, offline.

use std::path::Path;

use serde::Serialize;

use crate::cli::Failure;
use crate::cli::args::{Format, Validate as Args};
use crate::cli::exit::Exit;
use crate::cli::output::{Output, plural};
use crate::document::report::Report;
use crate::document::{self, Diagnostic, Limits};
use crate::source;

/// What one path gave.
struct Validated {
    files: usize,
    policies: usize,
    fleets: usize,
    diagnostics: Vec<Diagnostic>,
    unreadable: Vec<source::Error>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    format: &'static str,
    files: usize,
    policies: usize,
    fleets: usize,
    report: Report,
    unreadable: Vec<String>,
}

pub fn validate(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let mut all = Validated {
        files: 0,
        policies: 0,
        fleets: 0,
        diagnostics: Vec::new(),
        unreadable: Vec::new(),
    };
    for path in &args.paths {
        let one = check(path)?;
        all.files += one.files;
        all.policies += one.policies;
        all.fleets += one.fleets;
        all.diagnostics.extend(one.diagnostics);
        all.unreadable.extend(one.unreadable);
    }
    let errors = all.diagnostics.iter().filter(|it| it.is_error()).count() + all.unreadable.len();
    let warnings = all.diagnostics.len() + all.unreadable.len() - errors;
    match args.output {
        Format::Json => output.json(&Json {
            format: "rescind/validate/v1",
            files: all.files,
            policies: all.policies,
            fleets: all.fleets,
            report: Report::new(&all.diagnostics),
            unreadable: all.unreadable.iter().map(ToString::to_string).collect(),
        })?,
        Format::Text => {
            let mut text = document::render::text(&all.diagnostics, output.color());
            for error in &all.unreadable {
                text.push_str(&format!("error: {error}\n\n"));
            }
            let policies = match all.policies {
                1 => "1 policy".to_owned(),
                count => format!("{count} policies"),
            };
            let verdict = match (errors, warnings) {
                (0, 0) => "no problems".to_owned(),
                (0, warnings) => plural(warnings, "warning"),
                (errors, 0) => plural(errors, "error"),
                (errors, warnings) => {
                    format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))
                }
            };
            text.push_str(&format!(
                "{}, {policies}, {}: {verdict}.\n",
                plural(all.files, "file"),
                plural(all.fleets, "fleet"),
            ));
            output.result(&text)?;
        }
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Error })
}

fn check(path: &Path) -> anyhow::Result<Validated> {
    // A file that is named may be a recorded fleet; what is in a root is read at every change.
    let limits = if path.is_dir() { Limits::policies() } else { Limits::fleet() };
    let tree = source::read(path, limits.bytes as u64)
        .map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    let documents = document::read(&tree.files, &limits);
    Ok(Validated {
        files: tree.files.len() + tree.unreadable.len(),
        policies: documents.policies.len(),
        fleets: documents.fleets.len(),
        diagnostics: documents.diagnostics,
        unreadable: tree.unreadable.into_values().collect(),
    })
}

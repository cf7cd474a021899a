//! `rescind validate`: syntax, schema and meaning, offline.

use std::path::Path;

use serde::Serialize;

use crate::cli::args::{Format, Validate as Args};
use crate::cli::exit::Exit;
use crate::cli::locate;
use crate::cli::output::{Output, Tone, plural};
use crate::document::report::Report;
use crate::document::{self, Diagnostic, Limits};
use crate::source;

/// What the paths gave.
#[derive(Default)]
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
    let mut all = Validated::default();
    for path in &args.paths {
        check(path, &mut all);
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
            unreadable: all.unreadable.iter().map(source::Error::in_words).collect(),
        })?,
        Format::Text => {
            let mut text = document::render::text(&all.diagnostics, output.color());
            for error in &all.unreadable {
                text.push_str(&format!(
                    "{}: {}\n\n",
                    output.paint(Tone::Strong, "error"),
                    error.in_words()
                ));
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

/// Adds what one path gives. A path that cannot be read keeps none of the others from being checked.
fn check(path: &Path, all: &mut Validated) {
    // A file that is named may be a recorded fleet; what is in a root is read at every change.
    let limits = if path.is_dir() { Limits::policies() } else { Limits::fleet() };
    let tree = match source::read(path, limits.bytes as u64) {
        Ok(tree) => tree,
        Err(error) => return all.unreadable.push(error),
    };
    let mut documents = document::read(&tree.files, &limits);
    let holder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    locate(&mut documents.diagnostics, holder);
    all.files += tree.files.len() + tree.unreadable.len();
    all.policies += documents.policies.len();
    all.fleets += documents.fleets.len();
    all.diagnostics.append(&mut documents.diagnostics);
    all.unreadable.extend(tree.unreadable.into_values());
}

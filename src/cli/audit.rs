//! `rescind audit`: the journal, read beside whoever writes it.

use std::collections::BTreeSet;

use crate::cli::Failure;
use crate::cli::args::state::{Audit as Args, AuditForm};
use crate::cli::exit::Exit;
use crate::cli::output::{Output, audit as shown};
use crate::cli::session::state_directory;
use crate::state::journal::{Entry, Filter};
use crate::state::sqlite::read_journal;

pub fn audit(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let directory = state_directory(&args.directory)?;
    let filter = Filter {
        since: args.since,
        until: args.until,
        policy: args.policy.clone(),
        thing: args.thing.clone(),
        job: args.job.clone(),
        outcomes: args.outcome.iter().map(|it| it.0).collect(),
    };
    let files = directory.files().map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    if files.is_empty() {
        let path = directory.path().display();
        let message = format!("{path} has no journal: nothing was canceled with this --state-dir");
        return Err(Failure::new(Exit::Error, message).into());
    }
    let mut entries = Vec::new();
    for file in &files {
        let read = read_journal(file, &filter, |entry| entries.push(entry));
        read.map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    }
    match args.output {
        AuditForm::Text => output.result(&shown::text(&entries, output))?,
        AuditForm::Json => output.json(&shown::json(&entries))?,
        AuditForm::Csv => output.result(&shown::csv(&entries))?,
        AuditForm::Targets => {
            let canceled =
                |entry: &&Entry| entry.outcome.is_some_and(crate::plan::Outcome::is_cancel);
            let targets: BTreeSet<_> = entries.iter().filter(canceled).map(shown::target).collect();
            let lines: Vec<_> = targets.into_iter().collect();
            if !lines.is_empty() {
                output.result(&lines.join("\n"))?;
            }
        }
    }
    Ok(Exit::Done)
}

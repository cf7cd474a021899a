//! `rescind diff`: what a change of the policies changes, over one observation. It cannot write.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::args::{Diff as Args, DiffFormat};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::diff::{Shown, json, markdown, text};
use crate::cli::plan::{look_for, unlisted_error, verify};
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::cli::{ci, load_root};
use crate::plan::difference::changes;
use crate::plan::words::explanation;
use crate::plan::{Depth, Memory, plan as decide};

pub async fn diff(args: Args, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        biased;
        exit = signals.next() => Ok(exit),
        result = compared(args, output) => result,
    }
}

async fn compared(args: Args, output: Output) -> anyhow::Result<Exit> {
    // A policy that is changed begins anew to count for how long something has matched. That is no
    // difference to what it cancels then.
    let sets = [load_root(&args.old, output)?, load_root(&args.new, output)?];
    let sets = sets.map(|set| Arc::new(set.at_once()));
    let session = Session::open(&args.target, output).await?;
    let memory = Memory::default();
    let inventory = look_for(&session, &sets, &memory).await?;
    let now = inventory.as_of.unwrap_or_else(|| session.clock.now());
    let [old, new] = sets.each_ref().map(|set| decide(set, &inventory, &memory, now, Depth::Exact));
    for (plan, set) in [(&old, &sets[0]), (&new, &sets[1])] {
        verify(plan, set, &inventory, &memory)?;
    }
    let changes = changes(&old, &new);
    let because: BTreeMap<_, _> = changes
        .iter()
        .filter_map(|change| {
            let line = new.lines.iter().find(|line| line.key == change.key)?;
            Some((change.key.clone(), explanation(line, &new, &inventory, &memory)))
        })
        .collect();
    let shown = Shown { old: &old, new: &new, changes: &changes, because: &because };
    match args.form.output {
        DiffFormat::Text => output.result(&text(shown, output))?,
        DiffFormat::Json => output.json(&json(shown))?,
        DiffFormat::Markdown => output.result(&markdown(shown))?,
    }
    ci::summary(|| markdown(shown))?;
    unlisted_error(&inventory, "comparison")?;
    let changed = !changes.is_empty();
    Ok(if changed && args.detailed_exitcode { Exit::Changes } else { Exit::Done })
}

//! `rescind snapshot`: the observed facts as a fleet file. It cannot write to AWS.
//!
//! What a file says is trusted by tests and comparisons, so that it is read back before it is put in
//! place: unless the policies decide the same over it, there is no file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backend::Error;
use crate::cli::args::Snapshot as Args;
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::output::progress::Progress;
use crate::cli::output::{Output, plural};
use crate::cli::plan::{look, unlisted_error};
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::cli::{Failure, load_root};
use crate::document::{self, Limits, SourceFile};
use crate::fact::Fact;
use crate::fleet;
use crate::inventory::Inventory;
use crate::plan::{Decision, Depth, Memory, Needs, Plan, plan as decide};

pub async fn snapshot(args: Args, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        biased;
        exit = signals.next() => Ok(exit),
        result = recorded(args, output) => result,
    }
}

async fn recorded(args: Args, output: Output) -> anyhow::Result<Exit> {
    let out = Out::of(&args.out)?;
    let policies = load_root(&args.root, output)?;
    let session = Session::open(&args.target, output).await?;
    let memory = Memory::default();
    let inventory = look(&session, &policies, &memory).await?;
    unlisted_error(&inventory, "snapshot", false, output)?;
    let now = inventory.as_of.unwrap_or_else(|| session.clock.now());
    let progress = Progress::default();
    let inventory = session.collector().collect(inventory, everything, &progress).await;
    progress.clear();
    let inventory = inventory.map_err(Error::from)?;
    let refuse = |why: String| {
        let message = format!("no snapshot was written: {why}");
        Err(Failure::new(Exit::Error, message).into())
    };
    let text = match fleet::record(&inventory, "snapshot", now) {
        Ok(text) => text,
        Err(unknown) => {
            let shown = unknown.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("; ");
            let facts = plural(unknown.len(), "fact");
            return refuse(format!(
                "{facts} could not be read, and a fleet file cannot say so ({shown})"
            ));
        }
    };
    let file = SourceFile { path: args.out.display().to_string(), text: text.clone().into() };
    let documents = document::read(&[file], &Limits::fleet());
    let Some((_, fleet)) = documents.fleets.first().filter(|_| documents.broken.is_empty()) else {
        output.say(&document::render::text(&documents.diagnostics, output.stderr_color()));
        return refuse("what was observed does not make a fleet file".to_owned());
    };
    let live = decide(&policies, &inventory, &memory, now, Depth::Exact);
    let again = decide(&policies, &fleet::inventory(fleet, now), &memory, now, Depth::Exact);
    if let Some(difference) = difference(&live, &again) {
        return refuse(format!("the policies would decide otherwise over it: {difference}"));
    }
    out.write(&text, output)?;
    let written = match out {
        Out::Stdout => "on stdout".to_owned(),
        Out::File(path) => format!("in {}", path.display()),
    };
    output.say(&format!(
        "Recorded {}, {} and {} at {now} {written}. Nothing is redacted: names, attributes and \
         statusDetails are in it.",
        plural(fleet.executions.len(), "execution"),
        plural(fleet.things.len(), "thing"),
        plural(fleet.jobs.len(), "job"),
    ));
    Ok(Exit::Done)
}

/// What of the executions that were listed was not read yet: another policy may ask for it.
fn everything(inventory: &Inventory) -> Needs {
    let mut needs = Needs::default();
    for (key, row) in &inventory.executions {
        if row.described.is_not_read() {
            needs.executions.insert(key.clone());
        }
        let thing = inventory.things.get(&key.thing);
        if thing.is_none_or(|thing| thing.description.is_not_read()) {
            needs.things.insert(key.thing.clone());
        }
        // What the registry does not have is in no group.
        if thing.is_none_or(|it| it.groups.is_not_read() && it.description != Fact::Absent) {
            needs.groups.insert(key.thing.clone());
        }
    }
    needs
}

/// The first execution about which two plans decide otherwise.
fn difference(live: &Plan, again: &Plan) -> Option<String> {
    let decisions = |plan: &Plan| -> BTreeMap<_, _> {
        let line = |line: &crate::plan::Line| {
            let force = line.act.as_ref().map(|act| act.force);
            (
                line.key.clone(),
                (line.decision(), line.verdict.reason, Arc::clone(&line.policy), force),
            )
        };
        plan.lines.iter().map(line).collect()
    };
    let (live, again) = (decisions(live), decisions(again));
    let told = |it: Option<&(Decision, crate::plan::Reason, _, _)>| {
        it.map_or("nothing".to_owned(), |(decision, reason, _, _)| {
            format!("{decision:?}, {reason:?}")
        })
    };
    live.keys().chain(again.keys()).find_map(|key| {
        let (live, again) = (live.get(key), again.get(key));
        let same = match (live, again) {
            (Some(live), Some(again)) => {
                (live.0, live.1, &live.2.name, live.3) == (again.0, again.1, &again.2.name, again.3)
            }
            _ => false,
        };
        (!same).then(|| format!("{key}: {} and {}", told(live), told(again)))
    })
}

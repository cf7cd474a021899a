//! `rescind plan`: the whole evaluation. It cannot write: nothing that could is built.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::cli::args::{Format, Plan as Args};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::plan::{Shown, Summary, json, text};
use crate::cli::output::progress::Progress;
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::cli::{Failure, load};
use crate::inventory::{Inventory, Listing};
use crate::plan::check::check;
use crate::plan::saved::SavedPlan;
use crate::plan::{Depth, Memory, Plan, plan as decide};
use crate::policy::PolicySet;

pub async fn plan(args: Args, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        biased;
        exit = signals.next() => Ok(exit),
        result = planned(args, output) => result,
    }
}

async fn planned(args: Args, output: Output) -> anyhow::Result<Exit> {
    let policies = load(&args.root, output)?;
    let session = Session::open(&args.target, output).await?;
    let memory = Memory::default();
    let progress = Progress::default();
    let inventory = session
        .collector()
        .observe(Inventory::default(), &policies, &memory, Depth::Exact, &progress)
        .await;
    progress.clear();
    let inventory = inventory?;
    session.check_place(inventory.account.as_ref())?;
    let plan = decide(&policies, &inventory, &memory, session.clock.now(), Depth::Exact);
    verify(&plan, &policies, &inventory, &memory)?;
    let calls = session.pacer.counts();
    let shown = Shown { plan: &plan, inventory: &inventory, memory: &memory, calls: &calls };
    if let Some(path) = &args.out {
        let saved = SavedPlan::new(&plan, &inventory);
        write(path, &saved.to_json())?;
    }
    match args.output {
        Format::Json => output.json(&json(shown))?,
        Format::Text => {
            output.result(&text(shown, output))?;
            output.say(BUDGETS_START_NOW);
            if let Some(path) = &args.out {
                let path = path.display();
                output.say(&format!("Saved to {path}: apply it within 24h by --plan {path}."));
            }
        }
    }
    if let Some(status) = unlisted(&inventory) {
        let message =
            format!("the jobs in status {status} could not be listed: the plan lacks them");
        return Err(Failure::new(Exit::Error, message).into());
    }
    let changes = Summary::of(&plan).cancel > 0;
    Ok(if changes && args.detailed_exitcode { Exit::Changes } else { Exit::Done })
}

/// Said by plan and apply for as long as nothing outlives the process.
pub(super) const BUDGETS_START_NOW: &str =
    "Note: budgets count from the start of this process; earlier runs are not remembered.";

/// Stops if a plan breaks a safety rule.
pub(super) fn verify(
    plan: &Plan,
    policies: &PolicySet,
    inventory: &Inventory,
    memory: &Memory,
) -> anyhow::Result<()> {
    let violations = check(plan, policies, inventory, memory);
    let Some(first) = violations.first() else { return Ok(()) };
    let message = format!(
        "the plan breaks a safety rule, which is a bug in rescind; nothing was sent: {first}"
    );
    Err(Failure::new(Exit::Error, message).into())
}

/// A status in which jobs could not be listed at all.
pub(super) fn unlisted(inventory: &Inventory) -> Option<String> {
    let failed = |listing: &Listing| matches!(listing, Listing::Failed(_));
    inventory.job_lists.iter().find(|(_, it)| failed(it)).map(|(status, _)| status.to_string())
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let in_words = || format!("--out {}", path.display());
    let name = path.file_name().with_context(|| format!("{} is no file name", in_words()))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".part");
    let part = path.with_file_name(hidden);
    let mut file = std::fs::File::create(&part).with_context(in_words)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(in_words)?;
    std::fs::rename(&part, path).with_context(in_words)
}

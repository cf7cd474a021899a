//! `rescind explain`: one execution, and everything that bears on it. It cannot write.
//!
//! Budgets and causes are of the fleet, so that the whole of it is observed as for a plan; then all facts
//! of the one execution are read, also those that no decision hangs on.

use anyhow::Context as _;

use crate::backend::ErrorKind;
use crate::cli::args::Explain as Args;
use crate::cli::args::Format;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::explain::{json, text};
use crate::cli::output::progress::Progress;
use crate::cli::plan::{look, verify};
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::cli::{Failure, load_root};
use crate::document::words::nearest;
use crate::execution::{ExecutionKey, JobId, OpenStatus, ThingName};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{Inventory, ObservedExecution};
use crate::plan::explain::{explain as of, needs};
use crate::plan::{Depth, Memory, plan as decide};

pub async fn explain(args: Args, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        biased;
        exit = signals.next() => Ok(exit),
        result = explained(args, output) => result,
    }
}

async fn explained(args: Args, output: Output) -> anyhow::Result<Exit> {
    let usage = |error: String| Failure::new(Exit::Usage, error);
    let thing: ThingName = args.thing.parse().map_err(|e| usage(format!("THING: {e}")))?;
    let job: JobId = args.job.parse().map_err(|e| usage(format!("JOB: {e}")))?;
    let key = ExecutionKey { job, thing };
    let policies = load_root(&args.root, output)?;
    let session = Session::open(&args.target, output).await?;
    let memory = Memory::default();
    let mut inventory = look(&session, &policies, &memory).await?;
    let now = inventory.as_of.unwrap_or_else(|| session.clock.now());
    if !inventory.executions.contains_key(&key) {
        find(&session, &key, &mut inventory).await?;
    }
    let progress = Progress::default();
    let wanted = |seen: &Inventory| needs(&policies, &key, seen, now);
    let inventory = session.collector().collect(inventory, wanted, &progress).await;
    progress.clear();
    let inventory = inventory?;
    let plan = decide(&policies, &inventory, &memory, now, Depth::Exact);
    verify(&plan, &policies, &inventory, &memory)?;
    let explanation = of(&key, &plan, &inventory, &memory).context("it is no longer there")?;
    match args.form.output {
        Format::Json => output.json(&json(&explanation))?,
        Format::Text => output.result(&text(&explanation, output))?,
    }
    Ok(Exit::Done)
}

/// Describes an execution that no policy has listed: it has ended, is out of every target, or is not
/// there at all.
async fn find(
    session: &Session,
    key: &ExecutionKey,
    inventory: &mut Inventory,
) -> anyhow::Result<()> {
    let at = session.clock.now();
    let described = match session.reader().describe_execution(key, None).await {
        Ok(described) => described,
        Err(error) if error.kind == ErrorKind::NotFound => return Err(missing(key, inventory)),
        Err(error) => return Err(error.into()),
    };
    let mut row = ObservedExecution {
        listed: described.status.open().unwrap_or(OpenStatus::Queued),
        number: described.number,
        status: described.status.clone(),
        times: described.times,
        retry_attempt: Fact::Unreadable(Unreadable::Gone),
        described: Fact::NotRead,
    };
    row.take_in(described, at);
    inventory.executions.insert(key.clone(), row);
    Ok(())
}

/// There is no such execution: what there is instead, as far as the policies have it listed.
fn missing(key: &ExecutionKey, inventory: &Inventory) -> anyhow::Error {
    let (job, thing) = (&key.job, &key.thing);
    let seen = inventory.executions.keys();
    let same_job: Vec<_> = seen.clone().filter(|it| it.job == *job).collect();
    let same_thing: Vec<_> = seen.clone().filter(|it| it.thing == *thing).collect();
    let few = |names: Vec<&str>| {
        let more = names.len().saturating_sub(5);
        let shown = names.into_iter().take(5).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    let mut message = format!("job {job} has no execution on thing {thing}");
    let swapped = seen
        .clone()
        .any(|it| it.job.as_str() == thing.as_str() && it.thing.as_str() == job.as_str());
    if swapped {
        message.push_str(&format!(": the thing comes first: rescind explain {job} {thing}"));
    } else if !same_thing.is_empty() {
        let jobs = same_thing.iter().map(|it| it.job.as_str()).collect();
        message.push_str(&format!("; on {thing} there are open ones of {}", few(jobs)));
    } else if !same_job.is_empty() {
        let things = same_job.iter().map(|it| it.thing.as_str());
        message.push_str(&match nearest(thing.as_str(), things.clone()) {
            Some(near) => format!("; did you mean {near}?"),
            None => format!("; it has open ones on {}", few(things.collect())),
        });
    } else {
        let jobs: Vec<_> = inventory.jobs.keys().map(JobId::as_str).collect();
        if let Some(near) = nearest(job.as_str(), jobs.iter().copied()) {
            message.push_str(&format!("; did you mean job {near}?"));
        } else if !jobs.is_empty() {
            message.push_str(&format!("; the policies see jobs {}", few(jobs)));
        }
    }
    Failure::new(Exit::Error, message).into()
}

//! `rescind explain`: one execution, and everything that bears on it. It cannot write.
//!
//! What a policy or a guard says of an execution hangs on that one alone, so that it alone is observed at
//! first: the lists of jobs, and its own facts. Only where it would be canceled do budgets and the care
//! for jobs decide, which are of the fleet; then everything is observed as for a plan.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;

use crate::backend::{Error, ErrorKind, on_thing};
use crate::cli::args::Explain as Args;
use crate::cli::args::Format;
use crate::cli::exit::Exit;
use crate::cli::output::explain::json::json;
use crate::cli::output::explain::text;
use crate::cli::output::progress::Progress;
use crate::cli::output::{Output, plural};
use crate::cli::plan::{look, observed, verify};
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::cli::{Failure, read, set_of};
use crate::controller::follow::adopt;
use crate::document::words::{nearest, visible};
use crate::execution::{ExecutionKey, JobId, OpenStatus, ThingName};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{Inventory, ObservedExecution};
use crate::plan::explain::{
    Author, Breadth, Explanation, asks_lists, explain as of, hangs_on_others, needs, standing,
};
use crate::plan::{Depth, Memory, Needs, Outcome, needs as all_needs, plan as decide};
use crate::policy::template::MARKER;
use crate::policy::{Demands, PolicySet};
use crate::state::journal::Entry;

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
    let reading = read(&args.root, output)?;
    let broken: Vec<_> = reading.broken.iter().cloned().collect();
    let (policies, said) = if broken.is_empty() || reading.policies.is_empty() {
        (set_of(reading, &args.root)?, None)
    } else {
        let guards = reading.guards.clone();
        (PolicySet::guarded([], guards, Demands::default()), Some(reading.said()))
    };
    let policies = Arc::new(policies);
    let target = Session::scoped(&args.target, &policies);
    let mut session = Session::open(&target, output).await?;
    session.learn_place(&args.state).await?;
    let policies = match said {
        None => session.keeping(policies, &args.state).await?,
        // As `run` reads it that begins now: what has an error says nothing, and what may have a guard makes
        // all wait.
        Some(said) => {
            let none = Arc::new(PolicySet::guarded([], [], Demands::default()));
            Arc::new(adopt(&*session.keeping(none, &args.state).await?, said))
        }
    };
    let remembered = session.remembered(&args.state).await?;
    let memory = remembered.unwrap_or_else(|| session.new_memory(&args.state));
    let (inventory, now, breadth) = seen(&session, &policies, &key, &memory).await?;
    let plan = decide(&policies, &inventory, &memory, now, Depth::Exact);
    if breadth == Breadth::Fleet {
        verify(&plan, &policies, &inventory, &memory)?;
    }
    let mut explanation =
        of(&key, &plan, &inventory, &memory, breadth).context("it is no longer there")?;
    let journal = session.journal(&args.state, &key).await?;
    ask_journal(&mut explanation, &journal, &policies);
    match args.form.output {
        Format::Json => output.json(&json(&explanation, &journal, &broken))?,
        Format::Text => {
            let text = text(&explanation, &journal, output);
            // Where it says that no policy is for it, one that has an error may be.
            let without = match &broken[..] {
                [] => String::new(),
                files => format!("Without what has an error ({}):\n", visible(&files.join(", "))),
            };
            output.result(&format!("{without}{text}"))?;
        }
    }
    if broken.is_empty() {
        return Ok(Exit::Done);
    }
    let (root, files) = (args.root.display(), visible(&broken.join(", ")));
    output.error(&format!(
        "{} in {root}: nothing of that is in this explanation ({files}). Until that is mended, the policies in it \
         wait in `run`, and `plan` and `apply` do nothing at all",
        plural(broken.len(), "broken file"),
    ));
    Ok(Exit::Error)
}

/// Where no `rescind` pair says who canceled it, an intent of its number that did is as good a proof.
fn ask_journal(explanation: &mut Explanation, journal: &[Entry], policies: &PolicySet) {
    let is_told = matches!(explanation.author, None | Some(Author::Rescind { .. }));
    let queued_at =
        explanation.facts.iter().find_map(|(name, at)| (*name == "queuedAt").then_some(at));
    let queued_at = queued_at.and_then(|at| at.known().copied());
    let canceled = |entry: &&Entry| {
        entry.outcome.is_some_and(Outcome::is_cancel)
            && Some(entry.execution_number) == explanation.number
            && queued_at.is_some_and(|at| entry.is_of(at))
    };
    let Some(entry) = journal.iter().rev().find(canceled).filter(|_| !is_told) else { return };
    let digest = entry.digest.short();
    explanation.author = Some(Author::InJournal {
        policy: entry.policy.to_string(),
        digest: digest.to_owned(),
        intent: entry.id.clone(),
        standing: standing(entry.policy.as_str(), digest, policies),
        marked: entry.status_details.contains_key(MARKER),
    });
}

/// Observes what the decision about `key` hangs on, and all that any policy or guard asks about it.
async fn seen(
    session: &Session,
    policies: &Arc<PolicySet>,
    key: &ExecutionKey,
    memory: &Memory,
) -> anyhow::Result<(Inventory, Timestamp, Breadth)> {
    let now = || session.clock.now();
    if !asks_lists(policies) {
        let lists = |seen: &Inventory| Needs {
            job_lists: all_needs(policies, seen, memory, now(), Depth::Exact).job_lists,
            ..Needs::default()
        };
        let mut inventory = collect(session, Inventory::default(), lists).await?;
        session.check_place(inventory.account.as_ref())?;
        observed(&inventory)?;
        find(session, key, &mut inventory).await?;
        let wanted = |seen: &Inventory| needs(policies, key, seen, now());
        let inventory = collect(session, inventory, wanted).await?;
        let now = now();
        if !hangs_on_others(policies, key, &inventory, memory, now) {
            return Ok((inventory, now, Breadth::One));
        }
    }
    let mut inventory = look(session, policies, memory).await?;
    let now = inventory.as_of.unwrap_or_else(now);
    if !inventory.executions.contains_key(key) {
        find(session, key, &mut inventory).await?;
    }
    let wanted = |seen: &Inventory| needs(policies, key, seen, now);
    Ok((collect(session, inventory, wanted).await?, now, Breadth::Fleet))
}

async fn collect(
    session: &Session,
    inventory: Inventory,
    wanted: impl Fn(&Inventory) -> Needs,
) -> anyhow::Result<Inventory> {
    let progress = Progress::default();
    let inventory = session.collector().collect(inventory, wanted, &progress).await;
    progress.clear();
    Ok(inventory.map_err(Error::from)?)
}

/// Describes an execution that was not listed.
async fn find(
    session: &Session,
    key: &ExecutionKey,
    inventory: &mut Inventory,
) -> anyhow::Result<()> {
    let at = session.clock.now();
    let described = match session.reader().describe_execution(key, None).await {
        Ok(described) => described,
        Err(error) if error.kind == ErrorKind::NotFound => {
            return Err(missing(session, key, inventory).await);
        }
        Err(error) => return Err(error.into()),
    };
    let mut row = ObservedExecution {
        listed: described.status.open().unwrap_or(OpenStatus::Queued),
        number: described.number,
        status: described.status.clone(),
        times: described.times.into(),
        retry_attempt: Fact::Unreadable(Unreadable::Gone),
        described: Fact::NotRead,
    };
    row.take_in(described, at);
    inventory.executions.insert(key.clone(), row);
    Ok(())
}

/// There is no such execution: what there is instead. What cannot be read is passed over, since it would
/// only have helped; of a job's executions the first page must do.
async fn missing(session: &Session, key: &ExecutionKey, seen: &Inventory) -> anyhow::Error {
    let (job, thing) = (&key.job, &key.thing);
    let reader = session.reader();
    let few = |names: Vec<&str>| {
        let more = names.len().saturating_sub(5);
        let shown = names.into_iter().take(5).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    let mut message = format!("job {job} has no execution on thing {thing}");
    let swapped = match (thing.as_str().parse(), job.as_str().parse()) {
        (Ok(job), Ok(thing)) => {
            reader.describe_execution(&ExecutionKey { job, thing }, None).await.is_ok()
        }
        _ => false,
    };
    let (mut same_thing, mut same_job) = (Vec::new(), Vec::new());
    for status in OpenStatus::ALL {
        // What is in progress is one and stands first: the others may be many.
        same_thing.splice(..0, on_thing(&*reader, thing, status).await.unwrap_or_default());
        if seen.jobs.contains_key(job) {
            let page = reader.list_executions(job, status, None).await;
            same_job.extend(page.into_iter().flat_map(|page| page.items).map(|row| row.thing));
        }
    }
    if swapped {
        message.push_str(&format!(": the thing comes first: rescind explain {job} {thing}"));
    } else if !same_thing.is_empty() {
        let jobs = same_thing.iter().map(|row| row.job.as_str()).collect();
        message.push_str(&format!("; on {thing} there are open ones of {}", few(jobs)));
    } else if !same_job.is_empty() {
        let things = || same_job.iter().map(ThingName::as_str);
        message.push_str(&match nearest(thing.as_str(), things()) {
            Some(near) => format!("; did you mean {near}?"),
            None => format!("; it has open ones on {}", few(things().collect())),
        });
    } else {
        let jobs: Vec<_> = seen.jobs.keys().map(JobId::as_str).collect();
        if let Some(near) = nearest(job.as_str(), jobs.iter().copied()) {
            message.push_str(&format!("; did you mean job {near}?"));
        } else if !jobs.is_empty() {
            message.push_str(&format!("; the policies see jobs {}", few(jobs)));
        }
    }
    Failure::new(Exit::Error, message).into()
}

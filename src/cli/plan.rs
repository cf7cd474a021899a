//! `rescind plan`: the whole evaluation. It cannot write: nothing that could is built.

use std::sync::Arc;

use crate::backend::Error;
use crate::cli::args::{Plan as Args, PlanFormat};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::output::github::{self, Annotation};
use crate::cli::output::plan::json::json;
use crate::cli::output::plan::{Shown, Summary, problem, sum as total, text};
use crate::cli::output::plan_github::annotations;
use crate::cli::output::plan_markdown::markdown;
use crate::cli::output::progress::Progress;
use crate::cli::output::{Output, plural};
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::cli::{Failure, ci, narrowed, read, set_of};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{Inventory, Job, Listing, Problem};
use crate::plan::blind::undecided;
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
    let out = args.out.as_deref().map(|path| Out::beside(path, &args.root.root)).transpose()?;
    if out == Some(Out::Stdout) && args.form.output != PlanFormat::Text {
        let message = "--out -: the saved plan goes to stdout, and so does what --output asks for: name a \
                       file";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let root = &args.root.root;
    let reading = read(root, output)?;
    if args.form.output == PlanFormat::Github && !reading.broken.is_empty() {
        let broken: Vec<_> = reading.diagnostics.iter().map(Annotation::from).collect();
        output.result(&github::text(&broken, "nothing was planned.", &ci::here()))?;
    }
    let whole = Arc::new(set_of(reading, root)?);
    let target = Session::scoped(&args.target, &whole);
    let mut session = Session::open(&target, output).await?;
    session.learn_place(&args.state).await?;
    let whole = session.keeping(whole, &args.state).await?;
    let policies = narrowed(PolicySet::clone(&whole), &args.root)?;
    let remembered = session.remembered(&args.state).await?;
    let is_remembered = remembered.is_some();
    let memory = remembered.unwrap_or_else(|| session.new_memory(&args.state));
    let inventory = look(&session, &policies, &memory).await?;
    // For the time up to which everything was read: what came due since then was not described.
    let now = inventory.as_of.unwrap_or_else(|| session.clock.now());
    let plan = decide(&policies, &inventory, &memory, now, Depth::Exact);
    verify(&plan, &policies, &inventory, &memory)?;
    let calls = session.pacer.counts();
    let shown = Shown {
        plan: &plan,
        inventory: &inventory,
        memory: &memory,
        calls: &calls,
        cancels_per_second: session.pacer.cancels_per_second(),
        most: None,
    };
    if let Some(out) = out {
        // Also of a part of the policies: whoever applies it has all of them in force.
        let saved = SavedPlan::new(&plan, &inventory, whole.digest());
        out.write(&saved.to_json(), output)?;
    }
    let sum = Summary::of(&plan);
    match args.form.output {
        PlanFormat::Markdown => output.result(&markdown(shown))?,
        PlanFormat::Json => output.json(&json(shown))?,
        PlanFormat::Github => {
            output.result(&github::text(&annotations(shown, root), &total(sum), &ci::here()))?;
        }
        PlanFormat::Text => {
            if out == Some(Out::Stdout) {
                output.say(&total(sum));
            } else {
                output.result(&text(shown, output))?;
            }
            if session.is_embedded() && !is_remembered {
                output.say(BUDGETS_START_NOW);
            }
            if let Some(Out::File(path)) = out {
                let path = path.display();
                output.say(&format!("Saved to {path}: apply it within 24h by --plan {path}."));
            }
        }
    }
    if !is_remembered && !session.is_embedded() {
        output.say(BUDGETS_NOT_KNOWN);
    }
    if policies.enforces() && policies.guards().next().is_none() && args.target.fleet.is_none() {
        output.say("Note: the root has no CancelGuard; apply and run need --no-guards then.");
    }
    // What CI has no room for is shown all the same.
    ci::summary(|| markdown(shown))?;
    ci::outputs(&[("cancel", sum.cancel), ("defer", sum.defer), ("keep", sum.keep)])?;
    Session::check_scope(&policies, inventory.account.as_ref())?;
    let changes = sum.cancel > 0;
    unlisted_error(&inventory, "plan", args.detailed_exitcode && changes, output)?;
    if !args.detailed_exitcode {
        return Ok(Exit::Done);
    }
    detailed(changes, undecided(&plan, &inventory), "there is anything to cancel")
}

/// What `--detailed-exitcode` says. That nothing changes is said only where all was decided.
pub(super) fn detailed(
    changes: bool,
    undecided: Option<String>,
    whether: &str,
) -> anyhow::Result<Exit> {
    match undecided {
        _ if changes => Ok(Exit::Changes),
        None => Ok(Exit::Done),
        Some(what) => {
            let message = format!(
                "whether {whether} is not known: what decides about {what} could not be read"
            );
            Err(Failure::new(Exit::Error, message).into())
        }
    }
}

/// Observes all that exact decisions of the policies hang on.
pub(super) async fn look(
    session: &Session,
    policies: &Arc<PolicySet>,
    memory: &Memory,
) -> anyhow::Result<Inventory> {
    look_for(session, std::slice::from_ref(policies), memory).await
}

/// The same for several sets of policies at once.
pub(super) async fn look_for(
    session: &Session,
    sets: &[Arc<PolicySet>],
    memory: &Memory,
) -> anyhow::Result<Inventory> {
    let progress = Progress::default();
    let inventory = session
        .collector()
        .observe_for(Inventory::default(), sets, memory, Depth::Exact, &progress)
        .await;
    progress.clear();
    let inventory = inventory.map_err(Error::from)?;
    session.check_place(inventory.account.as_ref())?;
    observed(&inventory)?;
    Ok(inventory)
}

/// Said by plan where it finds no state.
const BUDGETS_NOT_KNOWN: &str = "Note: budgets are shown as if nothing had been spent: no state of this account is here (--state-dir, \
     --account and --region name it). What applies with a new one needs --fresh-ledger, or counts what was \
     canceled before as spent.";

/// Said by plan and apply where nothing outlives the process.
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

/// Stops if no list of jobs could be read: nothing seen must not look like nothing to do.
pub(super) fn observed(inventory: &Inventory) -> anyhow::Result<()> {
    let lists = &inventory.job_lists;
    if lists.is_empty() || !lists.values().all(|list| matches!(list, Listing::Failed(_))) {
        return Ok(());
    }
    let first = inventory.problems.first().map(problem).unwrap_or_default();
    let message = match inventory.problems.len() {
        0 | 1 => format!("nothing could be observed: {first}"),
        count => format!("nothing could be observed: {first}; and {} more like it", count - 1),
    };
    Err(Failure::new(Exit::Error, message).into())
}

/// Which jobs, and which lists of jobs or executions, could not be read, with why of the first, in words:
/// what is on them is not known. One that is gone is not missed.
pub(super) fn unlisted(inventory: &Inventory) -> Option<String> {
    let is_missed = |why: &Unreadable| *why != Unreadable::Gone;
    let failed = |list: &Listing| matches!(list, Listing::Failed(why) if is_missed(why));
    let of_jobs = inventory.job_lists.iter().filter(|(_, list)| failed(list));
    let of_jobs = of_jobs.map(|(status, _)| Problem::jobs_in(status));
    let of_executions = inventory.lists.iter().filter(|(_, list)| failed(list));
    let of_executions =
        of_executions.map(|((job, status), _)| Problem::executions_of(job, *status));
    let undescribed =
        |job: &Job| matches!(&job.description, Fact::Unreadable(why) if is_missed(why));
    let jobs = inventory.jobs.iter().filter(|(_, job)| undescribed(job));
    let jobs = jobs.map(|(job, _)| Problem::job(job));
    let lists: Vec<_> = of_jobs.chain(of_executions).collect();
    let jobs: Vec<_> = jobs.collect();
    let first = lists.first().or(jobs.first())?;
    let told = inventory.problems.iter().find(|problem| problem.what == *first);
    let first = told.map_or_else(|| first.clone(), problem);
    let more = match lists.len() + jobs.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more like it"),
    };
    let counts = [(lists.len(), "list"), (jobs.len(), "job")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts.map(|(count, what)| plural(count, what)).collect();
    Some(format!("{} could not be read: {first}{more}", counts.join(" and ")))
}

/// Stops if a list or a job could not be read: what is on it is missing from `what`. Where that anything
/// changes is all that was asked, and is `known` from the rest, it is only told.
pub(super) fn unlisted_error(
    inventory: &Inventory,
    what: &str,
    known: bool,
    output: Output,
) -> anyhow::Result<()> {
    let Some(why) = unlisted(inventory) else { return Ok(()) };
    let message = format!("{why}; the {what} lacks what is on it");
    if known {
        output.error(&message);
        return Ok(());
    }
    Err(Failure::new(Exit::Error, message).into())
}

//! `rescind apply`: plan, ask, cancel, and look once more.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::oneshot;

use crate::apply::{Ending, FLIGHT_TIME, Ids, Record, Stop};
use crate::backend::Error;
use crate::cli::args::{Apply as Args, Format, Target};
use crate::cli::exit::Exit;
use crate::cli::output::progress::Progress;
use crate::cli::output::{Output, apply as report, plan as shown_plan, plural};
use crate::cli::plan::{BUDGETS_START_NOW, observed, unlisted, verify};
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::cli::{Failure, breakers, load, load_again};
use crate::controller::guards;
use crate::execution::{Account, ExecutionKey};
use crate::inventory::Inventory;
use crate::plan::in_force::Fixed;
use crate::plan::saved::SavedPlan;
use crate::plan::{BudgetState, Depth, Line, Memory, Plan, Reason, planner, stable, words};
use crate::policy::PolicySet;
use crate::state::State;
use crate::status::NEW_LEDGER;

mod ending;
mod left;
mod saved;

use ending::Ended;
use left::look_again;
use saved::{ask_pairs, canceled_since, lines_of, refuse_stale};

pub async fn apply(args: Args, output: Output) -> anyhow::Result<Exit> {
    let policies = PolicySet::clone(&*load(&args.root, output)?);
    let policies = policies.demanding(Session::demands(&args.target, args.no_guards));
    let target = Session::target(&args.target, &policies, "apply")?;
    let asks = !args.yes && args.plan.is_none();
    if asks && (!std::io::stdin().is_terminal() || args.form.output == Format::Json) {
        let message = "apply asks before it cancels, and there is nobody to ask: pass --yes, or \
                       --plan FILE to apply a saved plan";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let saved = args.plan.as_deref().map(read_saved).transpose()?;
    let mut signals = Signals::listen()?;
    let (switch, stop) = Stop::new();
    let work = reconcile(&args, &target, output, policies, saved, asks, &stop);
    tokio::pin!(work);
    let interrupted = tokio::select! {
        biased;
        exit = signals.next() => exit,
        result = &mut work => return result,
    };
    output.say("Stopping: calls in flight are finished and recorded. Once more stops at once.");
    switch.stop();
    tokio::select! {
        biased;
        _ = signals.next() => Ok(interrupted),
        result = work => {
            if let Err(error) = result {
                output.error(&format!("{error:#}"));
            }
            Ok(interrupted)
        }
    }
}

async fn reconcile(
    args: &Args,
    target: &Target,
    output: Output,
    policies: PolicySet,
    saved: Option<SavedPlan>,
    asks: bool,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let session = Session::open(target, output).await?;
    let state = session.state(&args.state).await?;
    let of_files = policies.digest().clone();
    let policies = Arc::new(policies.keeping(guards::adopted(&*state, session.clock.now()).await?));
    Session::require(&policies, "apply")?;
    if let Some(saved) = &saved {
        refuse_stale(saved, &session, [policies.digest(), &of_files], None)?;
    }
    let memory = state.memory(session.clock.now()).await?;
    let depth = if asks { Depth::Exact } else { Depth::Listed };
    let mut inventory = observe(&session, &policies, &memory, depth, stop).await?;
    if inventory.account.is_none() {
        let settler = session.settler(Arc::clone(&state));
        inventory.account = settler.answered(&state.open().await?, stop).await;
    }
    session.check_place(inventory.account.as_ref())?;
    Session::check_scope(&policies, inventory.account.as_ref())?;
    observed(&inventory)?;
    let earlier = match &inventory.account {
        Some(account) => {
            state.confirmed(session.clock.now()).await?;
            guards::keep(&*state, &policies, &policies, session.clock.now()).await?;
            settle_earlier(&session, &state, &policies, account, stop, output).await?
        }
        None => 0,
    };
    if let Some(saved) = &saved {
        refuse_stale(saved, &session, [policies.digest(), &of_files], Some(&inventory))?;
    }
    let keys = saved.as_ref().map(SavedPlan::keys);
    let now = inventory.as_of.unwrap_or_else(|| session.clock.now());
    let plan = planner::narrowed(&policies, &inventory, &memory, now, depth, keys.as_ref());
    verify(&plan, &policies, &inventory, &memory)?;
    let memory = match &inventory.account {
        Some(_) => sighted(&*state, &plan, memory).await?,
        None => memory,
    };
    let calls = session.pacer.counts();
    let cancels_per_second = session.pacer.cancels_per_second();
    let shown = shown_plan::Shown {
        plan: &plan,
        inventory: &inventory,
        memory: &memory,
        calls: &calls,
        cancels_per_second,
        most: args.max,
    };
    let (lines, mut records, gone) = match &saved {
        Some(saved) => {
            let canceled = canceled_since(&session, &args.state.directory, saved).await?;
            lines_of(saved, shown, &canceled)
        }
        None => (plan.acts().cloned().collect(), Vec::new(), Vec::new()),
    };
    if args.form.output == Format::Text {
        let text = shown_plan::text(shown, output);
        output.shown(&text).context("nothing was canceled: the plan could not be printed")?;
        if session.is_embedded() && args.state.directory.state_dir.is_none() {
            output.say(BUDGETS_START_NOW);
        }
    }
    let withheld = breakers::withheld(&plan, Reason::Paused);
    if let (Some(why), 1..) = (&memory.paused, withheld) {
        let count = plural(withheld, "execution");
        let message = format!("paused: {why}; {count} held back until `rescind resume`");
        return Err(Failure::new(Exit::Stopped, message).into());
    }
    let opened = match &inventory.account {
        Some(_) => state.weigh(&plan.health, &policies.thresholds(), plan.now).await?,
        None => Vec::new(),
    };
    if let Some(message) = breakers::refusal(&plan, &opened) {
        return Err(Failure::new(Exit::Stopped, message).into());
    }
    let acts = !lines.is_empty();
    if acts {
        if inventory.account.is_none() {
            let message = "AWS did not say which account answered: nothing was sent";
            return Err(Failure::new(Exit::Stopped, message).into());
        }
        if asks && !confirmed(output, lines.len(), args.max, stop).await? {
            let only = if stop.is_on() { "" } else { ": only yes, the whole word, goes on" };
            output.say(&format!("Nothing was canceled{only}."));
            return Ok(Exit::Done);
        }
        // What is asked may be answered much later, and to observe takes its time as well.
        refuse_changed(args, &*state, &session, &policies).await?;
        let ids = Ids::new().context("the system gives no random numbers")?;
        let executor =
            session.executor(Arc::clone(&state), ids)(Arc::new(Fixed(Arc::clone(&policies))));
        let progress = Progress::default();
        records.extend(executor.apply(lines, &inventory, &memory, args.max, stop, &progress).await);
        progress.clear();
        // Calls overlap, so that lines end in any order; they are shown in that of the plan.
        let places: BTreeMap<&ExecutionKey, usize> =
            plan.acts().enumerate().map(|(place, line)| (&line.key, place)).collect();
        records.sort_by_key(|it| places.get(&it.key).copied().unwrap_or(usize::MAX));
    }
    if let Some(saved) = &saved {
        ask_pairs(&session, saved, &plan, gone, &mut records, stop).await;
    }
    let all_calls = session.pacer.counts();
    let left = if acts && !stop.is_on() {
        // What was done is told whether or not a second look can be had.
        let look = look_again(&session, &policies, &*state, &records, stop).await;
        look.inspect_err(|error| output.error(&format!("what is left is not known: {error:#}")))
            .ok()
    } else {
        None
    };
    let shown = report::Shown {
        records: &records,
        waiting: shown_plan::Summary::of(&plan).defer,
        calls: &all_calls,
        plan: shown,
        left: left.as_ref().map(|left| shown_plan::Shown {
            plan: &left.plan,
            inventory: &left.inventory,
            memory: &left.memory,
            calls: &left.calls,
            cancels_per_second,
            most: None,
        }),
    };
    match args.form.output {
        Format::Json => output.json(&report::json::json(shown))?,
        Format::Text => output.result(&format!("\n{}", report::text(shown, output)))?,
    }
    new_ledger(&plan, &records, output);
    let unseen = acts && left.is_none() && !stop.is_on();
    let unread = unlisted(&inventory).or_else(|| {
        let first = shown_plan::problem(inventory.problems.first()?);
        Some(match inventory.problems.len() - 1 {
            0 => first,
            more => format!("{first}; and {more} more"),
        })
    });
    if let Some(count) = plan.counts().get(&Reason::BackingOff) {
        output.error(&format!(
            "{} left alone for a while, since an earlier cancel failed or is not settled (WHY says which); apply \
             again later",
            plural(*count, "execution"),
        ));
    }
    let sent = |it: &Record| it.attempts > 0 && matches!(it.ending, Ending::Outcome(_));
    let unwritten = state.unwritten().is_some() || (acts && !state.is_held());
    if unwritten && records.iter().any(sent) {
        output.error(
            "the journal lacks what became of some of them, since the state could not be written: the next apply \
             or run finds it out",
        );
    }
    let paused = state.paused();
    let ended = Ended {
        records: &records,
        reasons: plan.counts(),
        saved: saved.is_some(),
        switched_off: paused.is_some() || breakers::stopped(&*state, &policies, &session.clock),
        incomplete: unseen || earlier > 0 || unread.is_some() || unwritten,
    };
    let exit = ended.exit();
    if let (true, Some(why)) = (ended.is_broken_off(), paused) {
        output.say(&format!(
            "Stopped in the middle: paused: {why}; `rescind resume`, then apply again."
        ));
    }
    if let Some(why) = &unread {
        output
            .error(&format!("not all is known, so that something may be left: {why}; apply again once it can be read"));
    }
    if plan.counts().contains_key(&Reason::BudgetHalted) {
        output.error(
            "a budget halts: more is due than it allows at once, so that none is canceled (WHY says which); \
             look what became due, then raise the budget or narrow the policy",
        );
    }
    guards_hold(shown.plan, saved.is_some(), &records, output);
    Ok(exit)
}

/// Stops if the root does not say any more what the plan was made of.
async fn refuse_changed(
    args: &Args,
    state: &dyn State,
    session: &Session,
    planned: &PolicySet,
) -> anyhow::Result<()> {
    let stale = |why: &str| {
        let message = format!(
            "the policies have changed since this plan was made{why}: nothing was sent, run apply again"
        );
        Failure::new(Exit::Stale, message)
    };
    let now = load_again(&args.root).map_err(|error| stale(&format!(" ({error:#})")))?;
    let adopted = guards::adopted(state, session.clock.now()).await?;
    let now = PolicySet::clone(&now).keeping(adopted);
    if now.digest() == planned.digest() { Ok(()) } else { Err(stale("").into()) }
}

/// Says how to begin where a ledger that has just begun keeps everything back.
fn new_ledger(plan: &Plan, records: &[Record], output: Output) {
    let canceled =
        |it: &Record| matches!(it.ending, Ending::Outcome(outcome) if outcome.is_cancel());
    let counts = plan.counts();
    let waits =
        [Reason::BudgetExhausted, Reason::BudgetHalted].iter().any(|it| counts.contains_key(it));
    let halts = |it: &BudgetState| it.halted.is_some() && it.unknown_past > 0;
    let unknown = plan.budgets.iter().any(|it| it.waits_for_unknown_past() || halts(it));
    if waits && unknown && !records.iter().any(canceled) {
        output.say(&format!("Note: {NEW_LEDGER}"));
    }
}

/// Says that a freeze holds something back, or a guard a line of a saved plan.
fn guards_hold(shown: shown_plan::Shown<'_>, saved: bool, records: &[Record], output: Output) {
    let frozen = |line: &&Line| line.verdict.reason == Reason::Frozen;
    let mut lines = shown.plan.lines.iter().filter(frozen);
    if let Some(line) = lines.next() {
        let because = words::because(line, shown.plan, shown.inventory, shown.memory);
        let why = words::in_words(Reason::Frozen, &because, shown.plan.now);
        let count = plural(1 + lines.count(), "execution");
        output.error(&format!("{why}; {count} held back"));
    }
    let is_of_guard = |it: &&Record| matches!(it.ending, Ending::Kept(why) if why.is_of_guard());
    let held: Vec<_> = records.iter().filter(is_of_guard).filter(|_| saved).collect();
    if let Some(first) = held.first() {
        let (lines, note) = (plural(held.len(), "line"), &first.note);
        output.error(&format!("{lines} of the saved plan held back by a guard: {note}"));
    }
}

/// Settles what an earlier run has left, as far as a look decides it; gives how many stay open.
async fn settle_earlier(
    session: &Session,
    state: &Arc<dyn State>,
    policies: &PolicySet,
    account: &Account,
    stop: &Stop,
    output: Output,
) -> anyhow::Result<usize> {
    let open = state.open().await?;
    if open.is_empty() {
        return Ok(0);
    }
    let count = plural(open.len(), "cancel");
    output.say(&format!(
        "An earlier run ended before {count} had an outcome: looking at what became of them."
    ));
    let settler = session.settler(Arc::clone(state));
    let told = |record: &Record| {
        let label = report::label(&record.ending);
        output.say(&format!("  {label}  {}  {}", record.key, record.note));
    };
    let skew = policies.thresholds().clock_skew;
    let left = settler.settle(open, account, skew, false, stop, told).await;
    if left > 0 {
        let minutes = FLIGHT_TIME.as_secs().div_ceil(60);
        output.say(&format!(
            "{left} of them may still take effect, or could not be looked at, and stay out of the plan: \
             run it again in {minutes} minutes."
        ));
    }
    Ok(left)
}

/// Keeps what the plan saw to match, for the next one; gives the memory with it.
async fn sighted(state: &dyn State, plan: &Plan, memory: Memory) -> anyhow::Result<Memory> {
    if plan.look.is_empty() {
        return Ok(memory);
    }
    state.sight(&plan.look, stable::lasts(stable::USUAL_INTERVAL), plan.now).await?;
    let sightings = state.memory(plan.now).await?.sightings;
    Ok(Memory { sightings, ..memory })
}

async fn observe(
    session: &Session,
    policies: &Arc<PolicySet>,
    memory: &Memory,
    depth: Depth,
    stop: &Stop,
) -> anyhow::Result<Inventory> {
    let progress = Progress::default();
    let collector = session.collector();
    let observing = collector.observe(Inventory::default(), policies, memory, depth, &progress);
    let observed = tokio::select! {
        biased;
        () = stop.on() => return Err(Failure::new(Exit::Interrupted, "stopped while observing").into()),
        observed = observing => observed,
    };
    progress.clear();
    Ok(observed.map_err(Error::from)?)
}

fn read_saved(path: &Path) -> anyhow::Result<SavedPlan> {
    let in_words = || format!("--plan {}", path.display());
    let text = std::fs::read(path).with_context(in_words)?;
    SavedPlan::from_json(&text).with_context(in_words)
}

async fn confirmed(
    output: Output,
    count: usize,
    max: Option<u64>,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let most = match max {
        Some(max) if max < count as u64 => format!("at most {max} of "),
        _ => String::new(),
    };
    let question =
        format!("Cancel {most}{}? A cancel is final. Type yes: ", plural(count, "execution"));
    output.ask(&question)?;
    // On a thread that nobody waits for: a signal ends the question, not the read.
    let (sender, answer) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        let _ = sender.send(read.map(|_| line.trim() == "yes"));
    });
    tokio::select! {
        biased;
        () = stop.on() => Ok(false),
        answer = answer => Ok(answer??),
    }
}

//! What of a saved plan is applied: a line of it only narrows what the policies want now.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use crate::apply::{Ending, Record, Stop};
use crate::cli::Failure;
use crate::cli::args::state::StateDir;
use crate::cli::exit::Exit;
use crate::cli::output::plan as shown_plan;
use crate::cli::session::Session;
use crate::execution::{ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionStatus};
use crate::fact::Fact;
use crate::inventory::Inventory;
use crate::plan::explain::{Author, author};
use crate::plan::saved::{SavedLine, SavedPlan, Stale};
use crate::plan::{Line, Outcome, Pins, Plan, Reason, words};
use crate::policy::Digest;
use crate::state::journal::{Entry, Filter};

/// How many executions are described at the same time: the pace of calls is kept all the same.
const AT_ONCE: usize = 16;

/// Refuses a plan that was made for other policies than those of the files, or of these with the guards that
/// the state keeps: it may have been made where that state is not, and the guards count all the same.
pub(super) fn refuse_stale(
    saved: &SavedPlan,
    session: &Session,
    policies: [&Digest; 2],
    inventory: Option<&Inventory>,
) -> anyhow::Result<()> {
    let here = inventory.and_then(|inventory| inventory.account.as_ref());
    match saved.stale(session.clock.now(), policies, here) {
        None => Ok(()),
        Some(stale) => {
            let advice = match stale {
                Stale::Elsewhere { .. } => "apply it where it was made",
                _ => "make a new one with `rescind plan --out`",
            };
            let message = format!("the saved plan is stale: {stale}; nothing was sent, {advice}");
            Err(Failure::new(Exit::Stale, message).into())
        }
    }
}

/// Which executions of a saved plan rescind has canceled since it was made, each with what says so.
pub(super) type Canceled = BTreeMap<(ExecutionKey, ExecutionNumber), String>;

/// What of a saved plan rescind has canceled since, as this journal says.
pub(super) async fn canceled_since(
    session: &Session,
    args: &StateDir,
    saved: &SavedPlan,
) -> anyhow::Result<Canceled> {
    let outcomes = Outcome::ALL.into_iter().filter(|it| it.is_cancel()).map(Some).collect();
    let filter = Filter { since: Some(saved.created_at), outcomes, ..Filter::default() };
    let entries = session.entries(args, filter).await?.into_iter();
    let of = |it: Entry| {
        let key = ExecutionKey { job: it.job, thing: it.thing };
        let why = format!("we canceled it at {}", shown_plan::round(it.settled_at?));
        Some(((key, it.execution_number), why))
    };
    Ok(entries.filter_map(of).collect())
}

/// What the `rescind` pair says of the lines that are gone: their records tell them as kept if it was us. Only for
/// the report, and so after all that is canceled. What cannot be read is not known to be ours.
pub(super) async fn ask_pairs(
    session: &Session,
    saved: &SavedPlan,
    plan: &Plan,
    gone: Vec<&SavedLine>,
    records: &mut [Record],
    stop: &Stop,
) {
    let mut canceled = Canceled::new();
    let reader = session.reader();
    let described = stream::iter(gone).map(|line| {
        let reader = &reader;
        async move {
            let (key, number) = (line.key(), line.execution_number);
            let found = reader.describe_execution(&key, Some(number)).await.ok()?;
            let why = told_by_pair(saved, line, &found, plan)?;
            Some(((key, number), why))
        }
    });
    let mut described = described.buffer_unordered(AT_ONCE);
    loop {
        tokio::select! {
            biased;
            () = stop.on() => break,
            found = described.next() => match found {
                Some(found) => canceled.extend(found),
                None => break,
            },
        }
    }
    drop(described);
    for record in records {
        if let Some(why) = canceled.remove(&(record.key.clone(), record.number)) {
            record.ending = Ending::Kept(Reason::AlreadyCanceledByUs);
            record.note = why;
        }
    }
}

/// That rescind canceled the execution of a line, if its `rescind` pair says that the line's policy did.
fn told_by_pair(
    saved: &SavedPlan,
    line: &SavedLine,
    found: &ExecutionDescription,
    plan: &Plan,
) -> Option<String> {
    let is_it = found.status == ExecutionStatus::Canceled
        && found.number == Fact::Known(line.execution_number)
        && found.account.as_ref() == saved.account.as_ref().or(plan.account.as_ref())
        && second(found.times.queued_at.known().copied()) == second(line.queued_at);
    match author(found.status_details.known().filter(|_| is_it), &plan.policies) {
        Author::Rescind { policy, attempt, .. } if policy == line.policy.as_str() => Some(format!(
            "rescind canceled it already, as its statusDetails say (attempt {attempt})"
        )),
        _ => None,
    }
}

/// A time as precise as AWS always gives it.
fn second(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_second)
}

/// The lines of a saved plan that the policies still want, pinned as saved; what became of the others; and those
/// of these that are gone, of which the journal knows nothing.
pub(super) fn lines_of<'a>(
    saved: &'a SavedPlan,
    shown: shown_plan::Shown<'_>,
    canceled: &Canceled,
) -> (Vec<Line>, Vec<Record>, Vec<&'a SavedLine>) {
    let mut lines = Vec::new();
    let mut records = Vec::new();
    let mut gone = Vec::new();
    let mut found = BTreeSet::new();
    let by_key = |wanted: &SavedLine| shown.plan.lines.iter().find(|line| line.key == wanted.key());
    for wanted in &saved.lines {
        if !found.insert(wanted.key()) {
            continue;
        }
        let record = |ending: Ending, note: String| {
            let (number, policy) = (wanted.execution_number, wanted.policy.clone());
            Record::new(wanted.key(), number, policy, ending, note)
        };
        let superseded = |note: &str| record(Ending::Outcome(Outcome::Superseded), note.to_owned());
        let Some(line) = by_key(wanted) else {
            if let Some(why) = canceled.get(&(wanted.key(), wanted.execution_number)) {
                records.push(record(Ending::Kept(Reason::AlreadyCanceledByUs), why.clone()));
                continue;
            }
            records.push(superseded("it is no longer open, or no policy has it in scope"));
            gone.push(wanted);
            continue;
        };
        let Some(act) = &line.act else {
            let because = words::because(line, shown.plan, shown.inventory, shown.memory);
            let why = words::in_words(line.verdict.reason, &because, shown.plan.now);
            records.push(record(Ending::Kept(line.verdict.reason), why));
            continue;
        };
        // The queuing tells one that was deleted and created again, at the same number and version.
        let row = shown.inventory.executions.get(&line.key);
        let queued = row.and_then(|row| row.times.queued_at().known().copied());
        let same = act.number == wanted.execution_number
            && second(queued) == second(wanted.queued_at)
            && act.status == wanted.status
            && act.force == wanted.force
            && line.policy.name == wanted.policy;
        if !same {
            records.push(superseded("it is not as it was when the plan was made"));
            continue;
        }
        let mut line = line.clone();
        if let Some(act) = &mut line.act {
            act.pins = Some(Pins {
                version: wanted.version_number,
                details: wanted.status_details.clone(),
                described_at: wanted.described_at,
            });
        }
        lines.push(line);
    }
    (lines, records, gone)
}

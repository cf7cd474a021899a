//! What of a saved plan is applied: a line of it only narrows what the policies want now.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::apply::{Ending, Record};
use crate::cli::Failure;
use crate::cli::args::state::StateDir;
use crate::cli::exit::Exit;
use crate::cli::output::plan as shown_plan;
use crate::cli::session::Session;
use crate::execution::{ExecutionKey, ExecutionNumber};
use crate::inventory::Inventory;
use crate::plan::saved::{SavedLine, SavedPlan, Stale};
use crate::plan::{Line, Outcome, Pins, Reason, words};
use crate::policy::Digest;
use crate::state::journal::{Entry, Filter};

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

/// What this journal has as canceled since a time, and when that was.
pub(super) async fn canceled_since(
    session: &Session,
    args: &StateDir,
    since: Timestamp,
) -> anyhow::Result<BTreeMap<(ExecutionKey, ExecutionNumber), Timestamp>> {
    let outcomes = Outcome::ALL.into_iter().filter(|it| it.is_cancel()).map(Some).collect();
    let filter = Filter { since: Some(since), outcomes, ..Filter::default() };
    let entries = session.entries(args, filter).await?.into_iter();
    let of = |it: Entry| {
        let key = ExecutionKey { job: it.job, thing: it.thing };
        Some(((key, it.execution_number), it.settled_at?))
    };
    Ok(entries.filter_map(of).collect())
}

/// The lines of a saved plan that the policies still want, pinned as saved; and what became of the
/// others.
pub(super) fn lines_of(
    saved: &SavedPlan,
    shown: shown_plan::Shown<'_>,
    canceled: &BTreeMap<(ExecutionKey, ExecutionNumber), Timestamp>,
) -> (Vec<Line>, Vec<Record>) {
    let mut lines = Vec::new();
    let mut records = Vec::new();
    let mut found = BTreeSet::new();
    let by_key = |wanted: &SavedLine| shown.plan.lines.iter().find(|line| line.key == wanted.key());
    for wanted in &saved.lines {
        if !found.insert(wanted.key()) {
            continue;
        }
        let record = |ending: Ending, note: String| Record {
            key: wanted.key(),
            number: wanted.execution_number,
            policy: wanted.policy.clone(),
            ending,
            force: false,
            attempts: 0,
            request_id: None,
            note,
            moved: false,
            again: false,
            left_open: false,
            refused: None,
            times: None,
        };
        let superseded = |note: &str| record(Ending::Outcome(Outcome::Superseded), note.to_owned());
        let Some(line) = by_key(wanted) else {
            if let Some(at) = canceled.get(&(wanted.key(), wanted.execution_number)) {
                let why = format!("we canceled it at {}", shown_plan::round(*at));
                records.push(record(Ending::Kept(Reason::AlreadyCanceledByUs), why));
                continue;
            }
            records.push(superseded("it is no longer open, or no policy has it in scope"));
            continue;
        };
        let Some(act) = &line.act else {
            let because = words::because(line, shown.plan, shown.inventory, shown.memory);
            let why = words::in_words(line.verdict.reason, &because, shown.plan.now);
            records.push(record(Ending::Kept(line.verdict.reason), why));
            continue;
        };
        let same = act.number == wanted.execution_number
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
    (lines, records)
}

/// Whether of a saved plan nothing was canceled, now or before, since the budgets have nothing left.
pub(super) fn nothing_went(records: &[Record]) -> bool {
    let waits = |it: &Record| {
        matches!(it.ending, Ending::Kept(Reason::BudgetExhausted) | Ending::BudgetExhausted)
    };
    !records.is_empty() && records.iter().all(waits)
}

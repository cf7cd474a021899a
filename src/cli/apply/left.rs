//! The second look of an apply: what is left to do, observed and planned once more.
//!
//! It costs what a list costs. What could not have its turn (`--max`, a budget, what others met) is left as
//! it is listed: to describe it would cost as much as its turn, for a number. What had its turn and is still
//! there is described, since what that rules out is not left to do.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::apply::{Ending, Record, Stop};
use crate::backend::pace::Counts;
use crate::cli::apply::observe;
use crate::cli::output::progress::Progress;
use crate::cli::plan::{observed, unlisted};
use crate::cli::session::Session;
use crate::execution::ExecutionKey;
use crate::inventory::Inventory;
use crate::plan::planner::narrowed;
use crate::plan::{Decision, Depth, Memory, Needs, Plan, plan as decide};
use crate::policy::PolicySet;
use crate::state::State;

/// What a second look found.
pub(super) struct Left {
    pub plan: Plan,
    pub inventory: Inventory,
    pub memory: Memory,
    pub calls: Counts,
}

/// Looks again, after the lines of an apply ended as `records` say.
pub(super) async fn look_again(
    session: &Session,
    policies: &Arc<PolicySet>,
    state: &dyn State,
    records: &[Record],
    stop: &Stop,
) -> anyhow::Result<Left> {
    let before = session.pacer.counts();
    let memory = state.memory(session.clock.now()).await?;
    let mut inventory = observe(session, policies, &memory, Depth::Listed, stop).await?;
    session.check_place(inventory.account.as_ref())?;
    Session::check_scope(policies, inventory.account.as_ref())?;
    observed(&inventory)?;
    if let Some(why) = unlisted(&inventory) {
        anyhow::bail!("{why}");
    }
    let now = inventory.as_of.unwrap_or_else(|| session.clock.now());
    let mut plan = decide(policies, &inventory, &memory, now, Depth::Listed);
    let had_turn = |it: &&Record| matches!(it.ending, Ending::Outcome(_) | Ending::Kept(_));
    let had_turn: BTreeSet<_> = records.iter().filter(had_turn).map(|it| &it.key).collect();
    let due = plan.acts().map(|line| &line.key).filter(|it| had_turn.contains(it));
    let due: BTreeSet<ExecutionKey> = due.cloned().collect();
    let undescribed = |seen: &Inventory| {
        let is_listed = |key: &&ExecutionKey| {
            seen.executions.get(key).is_some_and(|row| row.described.is_not_read())
        };
        let executions = due.iter().filter(is_listed).cloned().collect();
        Needs { executions, ..Needs::default() }
    };
    if !due.is_empty() {
        let progress = Progress::default();
        let collector = session.collector();
        let looking = collector.collect(inventory, undescribed, &progress);
        inventory = tokio::select! {
            biased;
            () = stop.on() => anyhow::bail!("stopped while observing"),
            looked = looking => looked.map_err(|lost| lost.error)?,
        };
        progress.clear();
        let exact = narrowed(policies, &inventory, &memory, now, Depth::Exact, Some(&due));
        rule_out(&mut plan, exact);
    }
    let calls = session.pacer.counts() - &before;
    Ok(Left { plan, inventory, memory, calls })
}

/// Takes over what an exact plan of some lines keeps.
fn rule_out(plan: &mut Plan, exact: Plan) {
    for line in exact.lines.into_iter().filter(|line| line.decision() == Decision::Keep) {
        if let Ok(index) = plan.lines.binary_search_by(|it| it.key.cmp(&line.key)) {
            plan.order.retain(|&other| other != index);
            plan.lines[index] = line;
        }
    }
}

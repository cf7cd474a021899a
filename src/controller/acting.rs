//! Acting on the lines of a plan, a batch after the other, until something is more urgent.
//!
//! Apart from the pass, which says what the lines are. An apply that only waits for lost calls is handed over,
//! and goes on beside later passes.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::log::Log;
use super::pass::With;
use super::turn::Turns;
use super::{Controller, Error};
use crate::apply::{Ending, Executor, NOT_TRIED, Record, Stop};
use crate::inventory::Inventory;
use crate::mutant::{self, Mutant};
use crate::plan::due::Schedule;
use crate::plan::in_force::Fixed;
use crate::plan::{Line, Memory};
use crate::policy::PolicyName;

/// For how long lines are applied, about, before it is asked whether there is something more urgent: other
/// policies, or what has come due. An emergency does not wait for thousands of routine cancels.
const BATCH: Duration = Duration::from_secs(16);

/// How many lines that are at the most, whatever the pace is set to: as many as take so long at the default
/// one.
const MOST: usize = 128;

/// An apply on its way.
pub(super) type Applying = Pin<Box<dyn Future<Output = Vec<Record>> + Send>>;

/// How far an apply came.
enum Applied {
    /// To its end.
    Done(Vec<Record>),
    /// To where it only waits for lost calls.
    Waits(Applying),
}

/// What came of acting.
#[derive(Default)]
pub(super) struct Acted {
    pub(super) records: Vec<Record>,
    /// Whether there is more to do, which is planned anew since something else has come due.
    pub(super) leaves: bool,
    /// The policies of which something has no turn before a budget refills.
    pub(super) waits: BTreeSet<PolicyName>,
}

impl Controller {
    /// How many lines are applied before it is asked whether there is something more urgent. What must
    /// have matched in every look must be looked at in time, however slow the pace.
    pub(super) fn batch(&self, executor: &Executor) -> usize {
        let Some(rate) = executor.pacer.cancels_per_second() else { return MOST };
        let each = Duration::from_secs_f64(rate.recip()).as_nanos().max(1);
        let lines = BATCH.min(self.interval).as_nanos() / each;
        usize::try_from(lines).unwrap_or(MOST).clamp(1, MOST)
    }

    /// Acts on lines, in their order, until other policies come or something else has come due: on one
    /// batch at the least.
    pub(super) async fn act(
        &self,
        with: &With<'_>,
        schedule: &Schedule,
        mut executor: Executor,
        lines: Vec<Line>,
        inventory: &Inventory,
    ) -> Result<Acted, Error> {
        if mutant::is(Mutant::PoliciesOncePerPass) {
            executor.in_force = Arc::new(Fixed(with.in_force.current()));
        }
        let mut counts = BTreeMap::<&'static str, usize>::new();
        let mut acted = Acted::default();
        let mut lost = 0;
        let mut not_tried = None;
        let mut lines = lines.into_iter();
        loop {
            let now = self.clock.now();
            let memory = self.state.memory(now).await?;
            let mut turns = Turns::new(&memory, now);
            let size = self.batch(&executor);
            let have = lines.by_ref().filter(|line| turns.has(line, &mut acted.waits));
            let batch: Vec<Line> = have.take(size).collect();
            if batch.is_empty() {
                break;
            }
            let keys: Vec<_> = batch.iter().map(|line| line.key.clone()).collect();
            let part = inventory.part(&keys);
            self.reporter.beat();
            self.reporter.stands(&with.in_force.current(), &memory, now);
            let log = Log::new(self.reporter.clone(), self.clock.clone(), lines.len());
            let applied = self.apply(executor.clone(), batch, part, memory, with.stop, log).await;
            let records = match applied {
                Applied::Done(records) => records,
                Applied::Waits(applying) => {
                    lost += 1;
                    // Nobody listens only once the loop has ended.
                    let _ = with.hand_over.send(applying);
                    Vec::new()
                }
            };
            for record in &records {
                *counts.entry(record.ending.label()).or_default() += 1;
            }
            // What stopped this batch would stop the next one, and policies that came in the
            // meantime may have something more urgent.
            let stops = |record: &&Record| match record.ending {
                Ending::NotTried => record.note.starts_with(NOT_TRIED),
                Ending::Elsewhere => true,
                _ => false,
            };
            let stopped = records.iter().find(stops);
            not_tried = stopped.map(|record| record.note.clone());
            acted.records.extend(records);
            if not_tried.is_some() || with.loaded.has_changed().unwrap_or(true) || with.stop.is_on()
            {
                break;
            }
            acted.leaves = schedule.is_due(self.clock.now()) && lines.len() > 0;
            if acted.leaves {
                break;
            }
        }
        let outcomes: Vec<_> = counts.iter().map(|(label, n)| format!("{label} {n}")).collect();
        self.report_breakers(&with.in_force.current());
        let left = lines.len() + counts.get(Ending::NotTried.label()).copied().unwrap_or_default();
        tracing::info!(outcomes = outcomes.join(", "), left, lost, why = not_tried, "applied");
        Ok(acted)
    }

    async fn apply(
        &self,
        executor: Executor,
        lines: Vec<Line>,
        inventory: Inventory,
        memory: Memory,
        stop: &Stop,
        log: Log,
    ) -> Applied {
        let log = Arc::new(log);
        let (watch, stop) = (Arc::clone(&log), stop.clone());
        let mut applying: Applying = Box::pin(async move {
            executor.apply(lines, &inventory, &memory, None, &stop, &*watch).await
        });
        tokio::select! {
            biased;
            records = &mut applying => Applied::Done(records),
            () = log.only_waits() => Applied::Waits(applying),
        }
    }
}

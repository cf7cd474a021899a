//! The budgets of guards, counted a second time, over the lines of all policies.

use super::waiting;
use crate::execution::ExecutionStatus;
use crate::inventory::Inventory;
use crate::plan::{Act, Counted, Memory, Plan};
use crate::policy::{OnExceed, PolicySet};

/// How many lines that act came before, and took a unit.
#[derive(Debug)]
pub(super) struct Taken {
    all: u64,
    forced: u64,
    due: u64,
    due_forced: u64,
}

impl Taken {
    pub(super) fn new(plan: &Plan, inventory: &Inventory) -> Self {
        let (due, due_forced) = (due(plan, inventory, false), due(plan, inventory, true));
        Self { all: 0, forced: 0, due, due_forced }
    }

    /// Holds the next line against all guards' limits; `unsettled` says whether it takes no unit.
    pub(super) fn check(
        &mut self,
        act: &Act,
        unsettled: bool,
        plan: &Plan,
        policies: &PolicySet,
        memory: &Memory,
        broken: &mut impl FnMut(String),
    ) {
        self.all += u64::from(!unsettled);
        self.forced += u64::from(act.force && !unsettled);
        for guard in policies.vetoes() {
            let name = &guard.name;
            for limit in &guard.budget.limits {
                let per = limit.per.get();
                let mut spent =
                    super::limits::unknown(limit.count, per.as_nanos(), memory, plan.now);
                for unit in memory.spent.iter().filter(|unit| unit.forced || !limit.forced) {
                    spent += match unit.settled {
                        Some(at) => {
                            let age = plan.now.as_nanosecond() - at.as_nanosecond();
                            u64::from(age < per.as_nanos())
                        }
                        None => 1,
                    };
                }
                let due = if limit.forced { self.due_forced } else { self.due };
                if guard.budget.on_exceed == OnExceed::Halt && spent + due > limit.count {
                    broken(format!("more is due than guard {name} allows, and it halts"));
                }
                if limit.forced && !act.force {
                    continue;
                }
                let before = if limit.forced { self.forced } else { self.all };
                if spent + before.max(1) > limit.count {
                    broken(format!("guard {name} has no unit left for it"));
                }
                let counts = if limit.forced { Counted::Forced } else { Counted::All };
                let charged = act.charges.iter().any(|charge| {
                    charge.counts == counts
                        && charge.per_seconds == per.as_secs()
                        && charge.size <= limit.count
                });
                if !charged {
                    broken(format!("a limit of guard {name} is not charged"));
                }
            }
        }
    }
}

/// How many executions are due now, whatever their policy; `forced`: only those with force, of which those
/// that act say so themselves.
fn due(plan: &Plan, inventory: &Inventory, forced: bool) -> u64 {
    let mut due = 0;
    for line in waiting(plan) {
        let row = inventory.executions.get(&line.key);
        let started = row.is_some_and(|row| row.status == ExecutionStatus::InProgress);
        let by_force =
            line.act.as_ref().map_or(line.policy.cancel.force && started, |act| act.force);
        due += u64::from(by_force || !forced);
    }
    due
}

//! How many more lines may be walked: what the budgets and `--max` leave, less those on their way.
//!
//! The ledger has the last word. This saves the describes of lines for which it would have no unit,
//! and lets later lines have the units that earlier ones turn out not to need.

use std::collections::BTreeMap;

use super::work::Work;
use super::{Ending, Record};
use crate::plan::budget::left_of;
use crate::plan::{Line, Memory};
use crate::policy::PolicyName;

/// What is left, by policy and altogether.
pub(super) struct Room {
    left: BTreeMap<PolicyName, u64>,
    max: u64,
}

impl Room {
    pub(super) fn new(
        lines: &[Line],
        memory: &Memory,
        max: Option<u64>,
        now: jiff::Timestamp,
    ) -> Self {
        let mut left = BTreeMap::new();
        for line in lines {
            let Some(act) = &line.act else { continue };
            left.entry(line.policy.name.clone())
                .or_insert_with(|| left_of(&act.charges, memory, now));
        }
        Self { left, max: max.unwrap_or(u64::MAX) }
    }

    pub(super) fn has(&self, work: &Work) -> bool {
        self.max > 0 && self.left.get(work.policy_name()).is_some_and(|left| *left > 0)
    }

    /// What became of a line for which there is no room.
    pub(super) fn no_turn(&self, work: &Work) -> Record {
        if self.max == 0 {
            work.record(Ending::BeyondMax, "as many as were asked for are done")
        } else {
            work.record(Ending::BudgetExhausted, "its turn comes when the budget refills")
        }
    }

    pub(super) fn take(&mut self, work: &Work) {
        self.max = self.max.saturating_sub(1);
        if let Some(left) = self.left.get_mut(work.policy_name()) {
            *left = left.saturating_sub(1);
        }
    }

    /// Gives back what a line did not need in the end. What the ledger refused it is not there for
    /// the next line either.
    pub(super) fn ended(&mut self, work: &Work, ending: &Ending) {
        if work.spent {
            return;
        }
        self.max = self.max.saturating_add(1);
        if *ending != Ending::BudgetExhausted
            && let Some(left) = self.left.get_mut(work.policy_name())
        {
            *left = left.saturating_add(1);
        }
    }
}

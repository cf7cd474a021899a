//! How many more lines may be walked: what the budgets and `--max` leave, less those on their way.
//!
//! The ledger has the last word. This saves the describes of lines for which it would have no unit,
//! and lets later lines have the units that earlier ones turn out not to need.

use std::collections::BTreeMap;

use super::work::Work;
use super::{Ending, Record};
use crate::plan::budget::left_of;
use crate::plan::{Charge, Line, Memory};

/// What is left, by charge and altogether.
pub(super) struct Room {
    left: BTreeMap<Charge, u64>,
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
            for charge in &act.charges {
                if !left.contains_key(charge) {
                    left.insert(charge.clone(), left_of(charge, memory, now));
                }
            }
        }
        Self { left, max: max.unwrap_or(u64::MAX) }
    }

    pub(super) fn has(&self, work: &Work) -> bool {
        let has = |charge: &Charge| self.left.get(charge).is_some_and(|left| *left > 0);
        self.max > 0 && work.act.charges.iter().all(has)
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
        for charge in &work.act.charges {
            if let Some(left) = self.left.get_mut(charge) {
                *left = left.saturating_sub(1);
            }
        }
    }

    /// Gives back what a line did not need in the end. What the ledger refused it is not there for
    /// the next line either.
    pub(super) fn ended(&mut self, work: &Work) {
        if work.spent {
            return;
        }
        self.max = self.max.saturating_add(1);
        for charge in &work.act.charges {
            if work.refused.as_ref() != Some(charge)
                && let Some(left) = self.left.get_mut(charge)
            {
                *left = left.saturating_add(1);
            }
        }
    }
}

//! Which lines of a plan have a turn in a batch: one free unit of a budget lets a plan put all that waits for
//! it in line, since a describe may rule out any of them, and once it is spent the others need no look.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::plan::budget::left_of;
use crate::plan::{Charge, Line, Memory};
use crate::policy::PolicyName;

pub(super) struct Turns<'a> {
    memory: &'a Memory,
    now: Timestamp,
    /// Whether nothing is left of a budget.
    exhausted: BTreeMap<Charge, bool>,
}

impl<'a> Turns<'a> {
    pub(super) fn new(memory: &'a Memory, now: Timestamp) -> Self {
        Self { memory, now, exhausted: BTreeMap::new() }
    }

    /// Whether a line has a turn. Not if AWS denied its job in an earlier batch, nor if nothing is left of a
    /// budget of it: then its policy is one of those that wait.
    pub(super) fn has(&mut self, line: &Line, waits: &mut BTreeSet<PolicyName>) -> bool {
        let policy = &line.policy.name;
        if self.memory.denied_until(policy, &line.key.job, self.now).is_some() {
            return false;
        }
        let charges = line.act.iter().flat_map(|act| &act.charges);
        let is_exhausted = charges.into_iter().any(|charge| {
            if let Some(known) = self.exhausted.get(charge) {
                return *known;
            }
            let exhausted = left_of(charge, self.memory, self.now) == 0;
            self.exhausted.insert(charge.clone(), exhausted);
            exhausted
        });
        if is_exhausted && !waits.contains(policy) {
            waits.insert(policy.clone());
        }
        !is_exhausted
    }
}

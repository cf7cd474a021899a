//! Whether the windows of all budgets hold: the journal, walked along its time.
//!
//! Apart from the ledger, with which it shares nothing but what a charge is. An intent counts from its
//! beginning until a window's length after its end, unless it is proved that it had no effect.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use jiff::{SignedDuration, Timestamp};

use super::{Finding, Rule, finding};
use crate::plan::Counted;
use crate::policy::PolicyName;
use crate::span::in_full;
use crate::state::journal::Entry;

/// By how much the times of a journal are rounded.
const ROUNDED: SignedDuration = SignedDuration::from_micros(1);

/// When what counts ended; what is open ends at the end of time.
#[derive(Default)]
struct Ends {
    all: Vec<Timestamp>,
    /// Of each length of a window, those that may still be in it: its beginning never goes back.
    windows: BTreeMap<SignedDuration, BinaryHeap<Reverse<Timestamp>>>,
}

impl Ends {
    fn add(&mut self, entry: &Entry) {
        let end = entry.settled_at.unwrap_or(Timestamp::MAX);
        self.all.push(end);
        self.windows.values_mut().for_each(|window| window.push(Reverse(end)));
    }

    /// How many of them are in the window that ends at a time, which is no earlier than the last one asked
    /// for.
    fn within(&mut self, per: SignedDuration, at: Timestamp) -> u64 {
        let all = &self.all;
        let window = self
            .windows
            .entry(per)
            .or_insert_with(|| all.iter().map(|&end| Reverse(end)).collect());
        let from = at.checked_sub(per).and_then(|from| from.checked_add(ROUNDED)).ok();
        while window.peek().is_some_and(|Reverse(end)| from.is_some_and(|from| *end <= from)) {
            window.pop();
        }
        window.len() as u64
    }
}

/// Holds each intent, in the order of their beginning, against the limits that it was charged to. What was
/// written before charges were is held against none, and counts.
pub(super) fn held(entries: &[Entry]) -> Vec<Finding> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.begun_at);
    let (mut all, mut forced) = (Ends::default(), Ends::default());
    let mut of_policies = BTreeMap::<&PolicyName, Ends>::new();
    let mut findings = Vec::new();
    for entry in entries {
        let has_effect = entry.no_effect != Some(true);
        for charge in entry.charges.iter().flatten().filter(|_| has_effect) {
            let per = SignedDuration::from_secs(charge.per_seconds);
            let (whose, ends) = match &charge.counts {
                Counted::Policy(name) => (format!("of policy {name}"), of_policies.get_mut(name)),
                Counted::All => ("of all policies".to_owned(), Some(&mut all)),
                Counted::Forced => ("with force".to_owned(), Some(&mut forced)),
            };
            let others = ends.map_or(0, |ends| ends.within(per, entry.begun_at));
            if others >= charge.size {
                let text = format!(
                    "{} canceled {whose} within {}, which allows {}",
                    others + 1,
                    in_full(per),
                    charge.size
                );
                findings.push(finding(entry, Rule::InBudget, true, text));
            }
        }
        if has_effect {
            all.add(entry);
            of_policies.entry(&entry.policy).or_default().add(entry);
            if entry.force {
                forced.add(entry);
            }
        }
    }
    findings
}

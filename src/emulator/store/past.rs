//! What readers saw a moment ago: AWS's reads are eventually consistent, and some faults show it.
//!
//! Only while such a fault is set is anything kept, and only for as long as it needs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Execution;

/// How far a reader is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Milliseconds by which it does not see cancels yet.
    pub cancels: i64,
    /// Milliseconds by which it sees nothing yet.
    pub all: i64,
}

#[derive(Debug)]
struct Change {
    at: Timestamp,
    job: Arc<str>,
    thing: Arc<str>,
    number: i64,
    before: Option<Execution>,
    is_cancel: bool,
}

/// The changes that some reader may not have seen, and what the present reader sees instead.
#[derive(Debug, Default)]
pub(in crate::emulator) struct Past {
    /// Milliseconds that changes are kept.
    keep: i64,
    changes: VecDeque<Change>,
    next_is_cancel: bool,
    hidden: BTreeMap<(Arc<str>, Arc<str>, i64), Option<Execution>>,
}

impl Past {
    /// From now on changes are kept for so long.
    pub fn keep(&mut self, milliseconds: i64) {
        self.keep = milliseconds;
    }

    /// The next change is a cancel's.
    pub(super) fn note_cancel(&mut self) {
        self.next_is_cancel = true;
    }

    pub(super) fn record(
        &mut self,
        at: Timestamp,
        job: &Arc<str>,
        thing: &Arc<str>,
        before: Option<&Execution>,
        number: i64,
    ) {
        let is_cancel = std::mem::take(&mut self.next_is_cancel);
        if self.keep > 0 {
            let (job, thing, before) = (job.clone(), thing.clone(), before.cloned());
            self.changes.push_back(Change { at, job, thing, number, before, is_cancel });
        }
    }

    pub(super) fn forget_before(&mut self, now: Timestamp) {
        let keep = SignedDuration::from_millis(self.keep);
        while self.changes.front().is_some_and(|change| now.duration_since(change.at) > keep) {
            self.changes.pop_front();
        }
    }

    /// Readers see what is so much behind, until this is called again.
    pub fn look_back(&mut self, lag: Lag, now: Timestamp) {
        self.hidden.clear();
        if lag == Lag::default() {
            return;
        }
        for change in &self.changes {
            let lag = if change.is_cancel { lag.all.max(lag.cancels) } else { lag.all };
            let hidden = now.duration_since(change.at) < SignedDuration::from_millis(lag);
            if hidden {
                let key = (change.job.clone(), change.thing.clone(), change.number);
                // Of several changes that are not seen, the oldest tells what is.
                self.hidden.entry(key).or_insert_with(|| change.before.clone());
            }
        }
    }

    /// What the reader sees of an execution: itself, as it was, or nothing yet.
    pub fn seen<'a>(
        &'a self,
        job: &str,
        thing: &str,
        execution: &'a Execution,
    ) -> Option<&'a Execution> {
        if self.hidden.is_empty() {
            return Some(execution);
        }
        match self.hidden.get(&(job.into(), thing.into(), execution.number)) {
            None => Some(execution),
            Some(before) => before.as_ref(),
        }
    }

    /// Whether the reader sees an execution otherwise than it is.
    pub fn hides(&self, job: &str, thing: &str, number: i64) -> bool {
        self.hidden.contains_key(&(job.into(), thing.into(), number))
    }

    /// All that the reader sees otherwise.
    pub fn hidden(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>, i64, Option<&Execution>)> {
        self.hidden.iter().map(|((job, thing, number), it)| (job, thing, *number, it.as_ref()))
    }

    pub fn is_present(&self) -> bool {
        self.hidden.is_empty()
    }
}

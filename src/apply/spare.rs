//! Whether a cancel could make AWS abort its whole job, asked once more in the moment of acting.
//!
//! A plan counts with the numbers that a job had when it was made; while its lines are walked, devices fail.
//! The numbers are read anew each few seconds (`refresh`), and what this apply has begun counts on top of
//! them, since they may not have it yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::work::Work;
use super::{Run, lock};
use crate::execution::{JobId, ThingName};
use crate::plan::in_force::Ruling;
use crate::plan::{Memory, Reason, abort};

/// Our cancels that the numbers of jobs may not have yet.
#[derive(Debug, Default)]
pub(super) struct Spared {
    /// Those of earlier applies.
    lately: BTreeMap<JobId, u64>,
    /// Those of this one, of jobs that AWS may abort.
    begun: Mutex<BTreeMap<JobId, BTreeSet<ThingName>>>,
}

impl Spared {
    pub(super) fn new(memory: &Memory) -> Self {
        Self { lately: abort::lately(memory), begun: Mutex::default() }
    }
}

impl Run<'_> {
    /// Why a line is kept for the sake of its job. One that is not kept counts from now on.
    pub(super) fn risks_job(&self, work: &Work, ruling: &Ruling) -> Option<(Reason, String)> {
        let (key, job) = (work.key(), &work.job);
        if ruling.policy.cancel.allow_job_abort {
            return None;
        }
        let mut begun = lock(&self.spared.begun);
        let others = begun
            .get(&key.job)
            .map_or(0, |things| things.iter().filter(|thing| **thing != key.thing).count() as u64);
        let before = self.spared.lately.get(&key.job).copied().unwrap_or_default();
        let risk = abort::risk(job, before.saturating_add(others), self.with.clock.now());
        if risk.is_none() && abort::has_criteria(job) {
            begun.entry(key.job.clone()).or_default().insert(key.thing.clone());
        }
        risk
    }
}

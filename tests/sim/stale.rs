//! Lists as they were: what a read that lags behind shows.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rescind::execution::{ExecutionSummary, JobId, OpenStatus};
use tokio::time::Instant;

/// How old a list may be.
const OLDEST: Duration = Duration::from_secs(120);

#[derive(Default)]
pub struct Stale(BTreeMap<(JobId, OpenStatus), VecDeque<Seen>>);

/// A list, and when it was so.
type Seen = (Instant, Vec<ExecutionSummary>);

impl Stale {
    pub fn put(&mut self, job: &JobId, status: OpenStatus, rows: Vec<ExecutionSummary>) {
        let lists = self.0.entry((job.clone(), status)).or_default();
        lists.retain(|(at, _)| at.elapsed() < OLDEST);
        lists.push_back((Instant::now(), rows));
    }

    /// The oldest that is not too old.
    pub fn get(&self, job: &JobId, status: OpenStatus) -> Option<Vec<ExecutionSummary>> {
        let lists = self.0.get(&(job.clone(), status))?;
        let fresh = lists.iter().find(|(at, _)| at.elapsed() < OLDEST)?;
        Some(fresh.1.clone())
    }
}

//! What holds back more than one execution: a budget that halts, and breakers, as the judge counts them.
//!
//! Only in runs in which no call fails: what failed is left alone for a while, and then is neither due nor a
//! case. Both look at what has been so for longer than a pass takes, so that it does not matter when the
//! product last looked.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rescind::backend::CancelRequest;
use rescind::emulator::Store;
use rescind::execution::{ExecutionKey, JobStatus};
use rescind::plan::breaker::LEAST_CASES;
use tokio::time::Instant;

use super::Judge;
use crate::files::Files;
use crate::rules::{Rule, Size, TOLERANCE};
use crate::truth::Since;

/// How far back cases of a breaker count.
const WINDOW: Duration = Duration::from_secs(3_600);

/// Cases are counted by the minute.
const MINUTE: Duration = Duration::from_secs(60);

/// Above so many percent of moved executions a breaker opens, unless a guard says less.
const CONFLICTS: u64 = 30;

/// What came of cancels, in the order in which they landed.
#[derive(Default)]
pub struct Answers(Vec<(Instant, bool)>);

impl Answers {
    pub fn add(&mut self, moved: bool) {
        self.0.push((Instant::now(), moved));
    }

    /// Those between two ages, and how many of them met what had moved.
    fn between(&self, oldest: Duration, youngest: Duration) -> (u64, u64) {
        let within = |at: &Instant| (youngest..oldest).contains(&at.elapsed());
        let found = self.0.iter().filter(|(at, _)| within(at));
        found.fold((0, 0), |(all, moved), (_, is_moved)| (all + 1, moved + u64::from(*is_moved)))
    }
}

impl Judge {
    /// For so long something has to be so, for everybody to go by it.
    fn long(&self) -> Duration {
        2 * self.interval + Duration::from_secs(300)
    }

    /// A cancel is sent although by all that everybody has to know, nothing may be.
    pub fn is_held_back(
        &mut self,
        request: &CancelRequest,
        files: &Files,
        store: &Store,
        now: Timestamp,
    ) {
        let key = &request.key;
        if self.has_to_be_open() {
            self.violate("S5", &format!("a cancel of {key} among so many that had moved"));
        }
        let policy = self.policy_of(key);
        let rule = policy.and_then(|name| files.rules.get(name.as_str()));
        if let Some((due, size)) = rule.and_then(|rule| self.halted(rule, key, files, store, now)) {
            let why = format!("{due} are due, of a policy that halts at {size}");
            self.violate("S3", &format!("a cancel of {key} while {why}"));
        }
    }

    /// Whether so many cancels met what had moved, at whatever time within the last while somebody looked.
    fn has_to_be_open(&self) -> bool {
        if self.died.is_some() || self.forgot.is_some() {
            // What was counted since the last look may be lost.
            return false;
        }
        let (surely, moved) = self.answers.between(WINDOW.saturating_sub(MINUTE), self.long());
        let (at_most, _) = self.answers.between(WINDOW + MINUTE + self.long(), Duration::ZERO);
        surely >= LEAST_CASES && moved * 100 > at_most * CONFLICTS
    }

    /// How many are due under a policy that halts, and how many it lets go, if these are more.
    fn halted(
        &self,
        rule: &Rule,
        of: &ExecutionKey,
        files: &Files,
        store: &Store,
        now: Timestamp,
    ) -> Option<(u64, u64)> {
        let long = self.long();
        let Size::Count(size) = rule.limit.size else { return None };
        let others = files.rules.values().filter(|it| it.status == rule.status).count();
        let is_new = self.edited.is_some_and(|at| at.elapsed() <= long);
        if !rule.halts || rule.stable_for.is_some() || others > 1 || is_new {
            return None;
        }
        let before = now - SignedDuration::try_from(long).expect("minutes") - TOLERANCE;
        let was = |since: Since, value| since.lasts(value, long);
        let mut due = 0;
        for name in crate::nature::JOBS {
            let Ok(job) = store.job(name) else { continue };
            if job.status != JobStatus::InProgress || job.config.abort.is_some() {
                continue;
            }
            for (thing, execution) in job.executions() {
                let latest = job.execution(thing, None).map(|it| it.number);
                let (job_id, thing_name) = (name.parse(), thing.parse());
                let key = ExecutionKey {
                    job: job_id.expect("an id"),
                    thing: thing_name.expect("a name"),
                };
                let truth = self.things.get(&**thing).copied().unwrap_or_default();
                let at = execution.last_updated_at;
                let matches = rule.allows(execution.status.open(), at, before).is_ok()
                    && rule.allows(execution.status.open(), at, now - TOLERANCE).is_ok()
                    && (!rule.grouped || was(truth.grouped, true))
                    && was(truth.held, false)
                    && was(truth.medical, false);
                let is_planned = latest == Some(execution.number)
                    && (key == *of || !self.is_open(&key))
                    && !self.has_struck(&key, execution);
                due += u64::from(matches && is_planned);
            }
        }
        (due > size).then_some((due, size))
    }
}

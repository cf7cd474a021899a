//! Facts that a version does not cover, read again in the moment of acting once they are old.
//!
//! A cancel is refused by AWS if the execution has moved, whatever a thing's group or a job's tag has
//! become meanwhile. So what the policies in force ask for of a job or a thing is at most a minute old
//! when it is judged. What cannot be read again is not known any more, and so keeps the execution.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::work::Work;
use super::{Run, lock};
use crate::execution::JobId;
use crate::inventory::Job;
use crate::observe::{JobFacts, ThingFacts, read_job, read_thing};
use crate::plan::clause::Tier;
use crate::plan::evaluate::tiers;
use crate::plan::{abort, veto};

/// For how long facts may be old when they are judged: five seconds less than the minute that is
/// promised for the moment of the send.
const FRESH: SignedDuration = SignedDuration::from_secs(55);

/// The same of the numbers by which AWS could abort a job: each device that fails changes them.
const NUMBERS_FRESH: SignedDuration = SignedDuration::from_secs(10);

/// For how long a line waits for another one to read their job. A read that takes longer has failed at
/// least once, and shall not hold the places of other jobs' lines.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// Jobs as read again, so that a thousand lines of one job cost one call a minute.
#[derive(Debug, Default)]
pub(super) struct Jobs(Mutex<BTreeMap<JobId, Arc<tokio::sync::Mutex<Option<Read>>>>>);

/// A job as read again, and when the answer had come.
#[derive(Debug)]
struct Read {
    job: Job,
    answered: Timestamp,
}

/// Also of a time that has not come yet: it is by a clock that was wrong.
fn is_older(at: Timestamp, fresh: SignedDuration, now: Timestamp) -> bool {
    !(SignedDuration::ZERO..=fresh).contains(&now.duration_since(at))
}

fn is_old(at: Timestamp, now: Timestamp) -> bool {
    is_older(at, FRESH, now)
}

/// What of a job is read again. A read that failed counts as one, so that it is not made again for each
/// line: what could not be read keeps them. Numbers that took long to come, since `answered` for another
/// line, are as good as those that do not: whoever reads again has to wait for as long.
fn old_of(
    job: &Job,
    answered: Option<Timestamp>,
    spares: bool,
    asked: &BTreeSet<Tier>,
    now: Timestamp,
) -> JobFacts {
    let tags = asked.contains(&Tier::Tags) && !job.tags.is_not_read();
    let read_at = job.described_at.unwrap_or(job.status_at);
    let counts = spares && abort::has_criteria(job);
    JobFacts {
        description: is_old(read_at, now)
            || counts && is_older(answered.unwrap_or(read_at), NUMBERS_FRESH, now),
        tags: tags && job.tags_at.is_some_and(|at| is_old(at, now)),
    }
}

impl Run<'_> {
    /// Reads again what is too old of the line's job and thing; false if another line is at it, and takes
    /// long.
    pub(super) async fn refresh(&self, work: &mut Work) -> bool {
        let policies = self.with.in_force.current();
        let mut asked: BTreeSet<_> = policies.iter().flat_map(|policy| tiers(policy)).collect();
        asked.extend(veto::tiers(&policies));
        let is_read = self.refresh_job(work, &asked).await;
        if is_read {
            self.refresh_thing(work, &asked).await;
        }
        is_read
    }

    async fn refresh_job(&self, work: &mut Work, asked: &BTreeSet<Tier>) -> bool {
        let nothing = JobFacts::default();
        let spares = !work.line.policy.cancel.allow_job_abort;
        if old_of(&work.job, None, spares, asked, self.with.clock.now()) == nothing {
            return true;
        }
        let id = work.line.key.job.clone();
        let slot = Arc::clone(lock(&self.jobs.0).entry(id.clone()).or_default());
        let Ok(mut latest) = timeout(READ_WITHIN, slot.lock()).await else { return false };
        if let Some(read) = &*latest {
            work.job.clone_from(&read.job);
        }
        let answered = latest.as_ref().map(|read| read.answered);
        let facts = old_of(&work.job, answered, spares, asked, self.with.clock.now());
        if facts == nothing {
            return true;
        }
        let (reader, clock) = (&*self.with.paced, &self.with.clock);
        for error in read_job(reader, clock, &id, facts, &mut work.job).await {
            tracing::warn!(%error, job = %id, "a job could not be read again");
        }
        *latest = Some(Read { job: work.job.clone(), answered: clock.now() });
        true
    }

    async fn refresh_thing(&self, work: &mut Work, asked: &BTreeSet<Tier>) {
        let Some(thing) = &work.thing else { return };
        let now = self.with.clock.now();
        if thing.read_at.is_none_or(|at| !is_old(at, now)) {
            return;
        }
        let facts = ThingFacts {
            description: asked.contains(&Tier::Thing) && !thing.description.is_not_read(),
            connectivity: asked.contains(&Tier::Connectivity) && !thing.connectivity.is_not_read(),
            groups: asked.contains(&Tier::Groups) && !thing.groups.is_not_read(),
            queue: asked.contains(&Tier::Queue) && !thing.queue.is_not_read(),
        };
        let name = work.line.key.thing.clone();
        let (thing, errors) = read_thing(&*self.with.paced, &self.with.clock, &name, facts).await;
        for error in errors {
            tracing::warn!(%error, thing = %name, "a thing could not be read again");
        }
        work.thing = Some(thing);
    }
}

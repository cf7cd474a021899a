//! What the cancels of a plan bring about beside themselves: a SNAPSHOT job that has nothing left open is
//! completed, and a thing that is freed is offered the next job at once.
//!
//! For people who read a plan; nothing is decided by it, and nothing is read for it. What the inventory
//! does not say is told as not known.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::execution::{
    ExecutionKey, ExecutionStatus, JobId, JobStatus, OpenStatus, TargetSelection, ThingName,
};
use crate::fact::Fact;
use crate::inventory::{Inventory, Listing, Queue};
use crate::plan::{Decision, Plan};

/// What follows from a plan's cancels.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Follows {
    /// SNAPSHOT jobs that would be completed, by id.
    pub completes: Vec<Completes>,
    /// SNAPSHOT jobs of which it is not known how many executions are open, by id.
    pub may_complete: Vec<JobId>,
    /// Things on which another job would be next at once, by name.
    pub starts: Vec<Starts>,
    /// Things that would be freed, and of which it is not known what waits there, by name.
    pub may_start: Vec<ThingName>,
}

/// A job that would be completed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Completes {
    /// Its id.
    pub job: JobId,
    /// How many of its executions are open now.
    pub open: u64,
    /// How many of them would be canceled: no fewer.
    pub canceled: u64,
}

/// A thing on which a job would be next.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Starts {
    /// Its name.
    pub thing: ThingName,
    /// The job.
    pub job: JobId,
    /// Whether all that waits on the thing is known, and that it is free then. Otherwise the job is the
    /// next of those that were listed.
    pub certain: bool,
}

impl Follows {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What follows from the lines of a plan that are canceled. Of what is still to be judged in the moment
/// of acting nothing is said.
pub fn follows(plan: &Plan, inventory: &Inventory) -> Follows {
    let cancels = plan.acts().filter(|line| line.decision() == Decision::Cancel);
    let acts: BTreeMap<&ExecutionKey, OpenStatus> =
        cancels.filter_map(|line| Some((&line.key, line.act.as_ref()?.status))).collect();
    let mut follows = Follows::default();
    if acts.is_empty() {
        return follows;
    }
    complete(&acts, inventory, &mut follows);
    start(&acts, inventory, &mut follows);
    follows
}

fn complete(
    acts: &BTreeMap<&ExecutionKey, OpenStatus>,
    inventory: &Inventory,
    follows: &mut Follows,
) {
    let mut canceled: BTreeMap<&JobId, u64> = BTreeMap::new();
    for key in acts.keys() {
        *canceled.entry(&key.job).or_default() += 1;
    }
    let mut listed: BTreeMap<&JobId, u64> = BTreeMap::new();
    let open_rows = inventory.executions.iter().filter(|(_, row)| row.status.open().is_some());
    for (key, _) in open_rows.filter(|(key, _)| canceled.contains_key(&key.job)) {
        *listed.entry(&key.job).or_default() += 1;
    }
    for (id, canceled) in canceled {
        let Some(job) = inventory.jobs.get(id) else { continue };
        if job.target_selection != TargetSelection::Snapshot || job.status != JobStatus::InProgress
        {
            continue;
        }
        let all_listed = OpenStatus::ALL.iter().all(|status| {
            let list = inventory.lists.get(&(id.clone(), *status));
            matches!(list, Some(Listing::Complete(_)))
        });
        let listed = all_listed.then(|| listed.get(id).copied().unwrap_or_default());
        let counted = job.description.known().and_then(|it| it.process.known()).map(|counts| {
            u64::try_from(counts.queued.saturating_add(counts.in_progress)).unwrap_or_default()
        });
        // The two may differ for a moment; the job is not completed before the larger number is canceled.
        match listed.max(counted) {
            Some(open) if canceled >= open => {
                follows.completes.push(Completes { job: id.clone(), open, canceled });
            }
            Some(_) => {}
            None => follows.may_complete.push(id.clone()),
        }
    }
}

/// What is known of a thing on which something is canceled.
#[derive(Default)]
struct Freed<'a> {
    /// Whether what is canceled is IN_PROGRESS: the device has nothing else in its hands then.
    was_busy: bool,
    /// Whether something stays IN_PROGRESS.
    is_busy: bool,
    /// When the first of what is canceled was queued, as far as that is known.
    first_canceled: Option<Timestamp>,
    /// What was listed as waiting, and is not canceled.
    listed: Vec<(&'a JobId, Fact<Timestamp>)>,
}

fn start(acts: &BTreeMap<&ExecutionKey, OpenStatus>, inventory: &Inventory, follows: &mut Follows) {
    let names: BTreeSet<&ThingName> = acts.keys().map(|key| &key.thing).collect();
    let mut things: BTreeMap<&ThingName, Freed<'_>> = BTreeMap::new();
    for (key, row) in inventory.executions.iter().filter(|(key, _)| names.contains(&key.thing)) {
        let freed = things.entry(&key.thing).or_default();
        let queued_at = row.times.queued_at();
        match (acts.get(key), &row.status) {
            (Some(status), _) => {
                freed.was_busy |= *status == OpenStatus::InProgress;
                let first = [freed.first_canceled, queued_at.known().copied()];
                freed.first_canceled = first.into_iter().flatten().min();
            }
            (None, ExecutionStatus::InProgress) => freed.is_busy = true,
            (None, ExecutionStatus::Queued) => freed.listed.push((&key.job, queued_at)),
            (None, _) => {}
        }
    }
    for (name, freed) in things {
        if freed.is_busy {
            continue;
        }
        let queue = inventory.things.get(name).and_then(|thing| thing.queue.known());
        let waiting = match queue {
            Some(queue) => left_of(queue, name, acts),
            None => freed.listed.clone(),
        };
        // What had waited longer than all that is canceled was next before.
        let was_next = |(_, at): &(&JobId, Fact<Timestamp>)| {
            !freed.was_busy && at.known().copied() < freed.first_canceled && at.known().is_some()
        };
        if waiting.iter().any(was_next) {
            continue;
        }
        match first(&waiting) {
            Some(job) => follows.starts.push(Starts {
                thing: name.clone(),
                job: job.clone(),
                certain: queue.is_some() && freed.was_busy,
            }),
            None if queue.is_some() && waiting.is_empty() => {}
            // What only waits itself blocks nothing that is known of.
            None if !freed.was_busy && waiting.is_empty() => {}
            None => follows.may_start.push(name.clone()),
        }
    }
}

/// What waits on a thing and is not canceled.
fn left_of<'a>(
    queue: &'a Queue,
    thing: &ThingName,
    acts: &BTreeMap<&ExecutionKey, OpenStatus>,
) -> Vec<(&'a JobId, Fact<Timestamp>)> {
    let is_canceled = |job: &JobId| {
        let key = ExecutionKey { job: job.clone(), thing: thing.clone() };
        acts.get(&key) == Some(&OpenStatus::Queued)
    };
    let left = queue.0.iter().filter(|row| !is_canceled(&row.job));
    left.map(|row| (&row.job, row.queued_at)).collect()
}

/// What has waited longest; none if nothing waits, or if that is not known.
fn first<'a>(waiting: &[(&'a JobId, Fact<Timestamp>)]) -> Option<&'a JobId> {
    let [(only, _)] = waiting else {
        let known = |(job, at): &(&'a JobId, Fact<Timestamp>)| Some((*at.known()?, *job));
        let known: Option<Vec<_>> = waiting.iter().map(known).collect();
        return known?.into_iter().min().map(|(_, job)| job);
    };
    Some(only)
}

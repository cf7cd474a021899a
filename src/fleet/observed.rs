//! A [`Fleet`] becomes an [`Inventory`] in which everything was read: what a collector would come to
//! if it asked for all that there is.
//!
//! Snapshots and tests of policies decide over it without any server.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::shapes::{FleetAbort, FleetFailureType, FleetIndexing};
use super::{Execution, Fleet};
use crate::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionStatus, ExecutionSummary, JobId,
    JobStatus, OpenStatus, ThingName, Times,
};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{
    AbortCriterion, Connectivity, FailureType, Inventory, Job, JobDescription, Listing,
    ProcessDetails, Queue, QueuedExecution, Thing, ThingDescription,
};

/// What is observed of `fleet` at `now`, from which its ages are counted back.
pub fn inventory(fleet: &Fleet, now: Timestamp) -> Inventory {
    let mut inventory = Inventory {
        account: Some(fleet.account.clone()),
        job_lists: JobStatus::KNOWN
            .iter()
            .map(|status| (status.clone(), Listing::Complete(now)))
            .collect(),
        jobs: jobs(fleet, now),
        things: things(fleet, now),
        ..Inventory::default()
    };
    for id in fleet.jobs.keys() {
        for status in OpenStatus::ALL {
            inventory.lists.insert((id.clone(), status), Listing::Complete(now));
        }
    }
    let mut latest = BTreeMap::new();
    for ((job, thing, number), execution) in &fleet.executions {
        if let Some(status) = execution.status.open() {
            inventory.insert_row(job, status, row(thing, *number, execution, now));
        }
        // Numbers come in order, so the last one stays.
        latest.insert((job, thing), (*number, execution));
    }
    for ((job, thing), (number, execution)) in latest {
        let key = ExecutionKey { job: job.clone(), thing: thing.clone() };
        let timeout = fleet.jobs.get(job).and_then(|job| job.timeout_minutes);
        let description = description(number, execution, timeout, now);
        inventory.insert_description(&key, description, now);
    }
    inventory
}

fn jobs(fleet: &Fleet, now: Timestamp) -> BTreeMap<JobId, Job> {
    let mut first_queued = BTreeMap::new();
    for ((id, _, _), execution) in &fleet.executions {
        let at = execution.queued_at.resolve(now);
        let earliest = first_queued.entry(id).or_insert(at);
        *earliest = at.min(*earliest);
    }
    let mut processes = BTreeMap::<_, ProcessDetails>::new();
    for ((id, _, _), execution) in &fleet.executions {
        count(processes.entry(id).or_default(), &execution.status);
    }
    let job = |(id, job): (&JobId, &super::Job)| {
        let created_at = job.created_at.map(|at| at.resolve(now));
        let created_at = created_at.or_else(|| first_queued.get(id).copied());
        let observed = Job {
            status: job.status.clone(),
            target_selection: job.target_selection.clone(),
            created_at: Fact::Known(created_at.unwrap_or(now)),
            status_at: now,
            description: Fact::Known(JobDescription {
                status: Fact::Known(job.status.clone()),
                namespace_id: job.namespace_id.clone(),
                description: job.description.clone(),
                timeout_minutes: job.timeout_minutes.map(i64::from),
                abort: job.abort.iter().map(abort_criterion).collect(),
                process: Fact::Known(processes.get(id).copied().unwrap_or_default()),
            }),
            described_at: Some(now),
            tags: Fact::Known(job.tags.clone()),
            tags_at: Some(now),
        };
        (id.clone(), observed)
    };
    fleet.jobs.iter().map(job).collect()
}

/// AWS counts older execution numbers as well.
fn count(process: &mut ProcessDetails, status: &ExecutionStatus) {
    let place = match status {
        ExecutionStatus::Queued => &mut process.queued,
        ExecutionStatus::InProgress => &mut process.in_progress,
        ExecutionStatus::Succeeded => &mut process.succeeded,
        ExecutionStatus::Failed => &mut process.failed,
        ExecutionStatus::TimedOut => &mut process.timed_out,
        ExecutionStatus::Rejected => &mut process.rejected,
        ExecutionStatus::Removed => &mut process.removed,
        ExecutionStatus::Canceled => &mut process.canceled,
        ExecutionStatus::Unknown(_) => return,
    };
    *place += 1;
}

fn abort_criterion(abort: &FleetAbort) -> AbortCriterion {
    AbortCriterion {
        failure_type: match abort.failure_type {
            FleetFailureType::Failed => FailureType::Failed,
            FleetFailureType::Rejected => FailureType::Rejected,
            FleetFailureType::TimedOut => FailureType::TimedOut,
            FleetFailureType::All => FailureType::All,
        },
        threshold_percentage: abort.threshold_percentage,
        min_number_of_executed_things: abort.min_number_of_executed_things.get().into(),
    }
}

/// Without an index of connectivity nothing can be said of a connection.
fn connectivity(fleet: &Fleet, thing: &super::Thing, now: Timestamp) -> Fact<Connectivity> {
    if fleet.indexing != FleetIndexing::Connectivity {
        return Fact::Unreadable(Unreadable::Failed);
    }
    Fact::Known(match thing.connectivity {
        None => Connectivity { connected: Fact::Absent, timestamp: Fact::Absent },
        Some(it) => Connectivity {
            connected: Fact::Known(it.connected),
            timestamp: Fact::read(it.since.map(|at| at.resolve(now))),
        },
    })
}

fn queues(fleet: &Fleet, now: Timestamp) -> BTreeMap<&ThingName, Queue> {
    let mut queues = BTreeMap::<_, Queue>::new();
    for ((job, thing, number), execution) in &fleet.executions {
        if execution.status == ExecutionStatus::Queued {
            queues.entry(thing).or_default().0.push(QueuedExecution {
                job: job.clone(),
                number: Fact::Known(*number),
                queued_at: Fact::Known(execution.queued_at.resolve(now)),
            });
        }
    }
    queues
}

fn things(fleet: &Fleet, now: Timestamp) -> BTreeMap<ThingName, Thing> {
    let mut queues = queues(fleet, now);
    let thing = |(name, thing): (&ThingName, &Arc<super::Thing>)| {
        let observed = Thing {
            description: Fact::Known(ThingDescription {
                thing_type: thing.thing_type.clone(),
                attributes: thing.attributes.clone(),
            }),
            groups: Fact::Known(thing.groups.clone()),
            connectivity: connectivity(fleet, thing, now),
            queue: Fact::Known(queues.remove(name).unwrap_or_default()),
            read_at: Some(now),
        };
        (name.clone(), observed)
    };
    fleet.things.iter().map(thing).collect()
}

fn times(execution: &Execution, now: Timestamp) -> Times {
    Times {
        queued_at: Fact::Known(execution.queued_at.resolve(now)),
        started_at: Fact::read(execution.started_at.map(|at| at.resolve(now))),
        last_updated_at: Fact::Known(execution.last_updated_at.resolve(now)),
    }
}

fn minutes_of(minutes: u32) -> SignedDuration {
    SignedDuration::from_mins(minutes.into())
}

fn row(
    thing: &ThingName,
    number: ExecutionNumber,
    execution: &Execution,
    now: Timestamp,
) -> ExecutionSummary {
    ExecutionSummary {
        thing: thing.clone(),
        number: Fact::Known(number),
        status: execution.status.clone(),
        times: times(execution, now),
        retry_attempt: Fact::Known(i32::try_from(execution.retry_attempt).unwrap_or(i32::MAX)),
    }
}

fn description(
    number: ExecutionNumber,
    execution: &Execution,
    timeout_minutes: Option<u32>,
    now: Timestamp,
) -> ExecutionDescription {
    let in_progress = execution.status == ExecutionStatus::InProgress;
    let started_at = execution.started_at.map(|at| at.resolve(now));
    let implied = timeout_minutes
        .zip(started_at)
        .and_then(|(minutes, start)| start.checked_add(minutes_of(minutes)).ok());
    let times_out_at = execution.times_out_at.map(|at| at.resolve(now)).or(implied);
    let step_times_out_at = execution.step_times_out_at.map(|at| at.resolve(now));
    let ends_at = [times_out_at, step_times_out_at].into_iter().flatten().min();
    let seconds = ends_at.map(|at| at.duration_since(now).as_secs().max(0));
    ExecutionDescription {
        account: None,
        number: Fact::Known(number),
        status: execution.status.clone(),
        times: times(execution, now),
        version: Fact::Known(execution.version),
        status_details: Fact::Known(execution.status_details.clone()),
        force_canceled: execution.force_canceled,
        seconds_before_timed_out: Fact::read(seconds.filter(|_| in_progress)),
    }
}

//! A [`Fleet`] becomes an [`Inventory`] in which everything was read: what a collector would come to
//! if it asked for all that there is.
//!
//! Snapshots and tests of policies decide over it without any server.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Execution, Fleet};
use crate::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionSummary, JobId, JobStatus,
    OpenStatus, ThingName, Times,
};
use crate::fact::Fact;
use crate::inventory::{Inventory, Job, JobDescription, Listing, Thing, ThingDescription};

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
        inventory.insert_description(&key, description(number, execution, now), now);
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
    let job = |(id, job): (&JobId, &super::Job)| {
        let created_at = job.created_at.map(|at| at.resolve(now));
        let created_at = created_at.or_else(|| first_queued.get(id).copied());
        let observed = Job {
            status: job.status.clone(),
            target_selection: job.target_selection.clone(),
            created_at: Fact::Known(created_at.unwrap_or(now)),
            description: Fact::Known(JobDescription {
                namespace_id: job.namespace_id.clone(),
                description: job.description.clone(),
            }),
        };
        (id.clone(), observed)
    };
    fleet.jobs.iter().map(job).collect()
}

fn things(fleet: &Fleet, now: Timestamp) -> BTreeMap<ThingName, Thing> {
    let thing = |(name, thing): (&ThingName, &super::Thing)| {
        let observed = Thing {
            description: Fact::Known(ThingDescription {
                thing_type: thing.thing_type.clone(),
                attributes: thing.attributes.clone(),
            }),
            groups: Fact::Known(thing.groups.clone()),
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
        retry_attempt: Fact::Known(execution.retry_attempt.into()),
    }
}

fn description(
    number: ExecutionNumber,
    execution: &Execution,
    now: Timestamp,
) -> ExecutionDescription {
    ExecutionDescription {
        number: Fact::Known(number),
        status: execution.status.clone(),
        times: times(execution, now),
        version: Fact::Known(execution.version),
        status_details: Fact::Known(execution.status_details.clone()),
        force_canceled: execution.force_canceled,
    }
}

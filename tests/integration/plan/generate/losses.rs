//! What is lost of a world: a fact that was known becomes unknown.

use proptest::prelude::*;
use proptest::sample::select;
use rescind::execution::{ExecutionKey, OpenStatus};
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{Inventory, Listing};

use super::a_key;

/// A fact of an execution or of its thing.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Number,
    QueuedAt,
    StartedAt,
    LastUpdatedAt,
    RetryAttempt,
    Described,
    Version,
    StatusDetails,
    SecondsBeforeTimedOut,
    Registry,
    Groups,
    Connectivity,
    Connected,
    ConnectedSince,
    Queue,
    QueuedAtInQueue,
    JobCreatedAt,
    JobDescription,
    ProcessDetails,
    JobTags,
    /// The lists of the job's executions.
    Lists,
    /// Who answered: what a guard's scope asks.
    Account,
}

impl Part {
    /// Whether it is said of the execution itself; all else is of its job, its thing or the place.
    fn is_of_execution(self) -> bool {
        match self {
            Self::Number
            | Self::QueuedAt
            | Self::StartedAt
            | Self::LastUpdatedAt
            | Self::RetryAttempt
            | Self::Described
            | Self::Version
            | Self::StatusDetails
            | Self::SecondsBeforeTimedOut => true,
            Self::Registry
            | Self::Groups
            | Self::Connectivity
            | Self::Connected
            | Self::ConnectedSince
            | Self::Queue
            | Self::QueuedAtInQueue
            | Self::JobCreatedAt
            | Self::JobDescription
            | Self::ProcessDetails
            | Self::JobTags
            | Self::Lists
            | Self::Account => false,
        }
    }
}

pub const PARTS: [Part; 22] = [
    Part::Number,
    Part::QueuedAt,
    Part::StartedAt,
    Part::LastUpdatedAt,
    Part::RetryAttempt,
    Part::Described,
    Part::Version,
    Part::StatusDetails,
    Part::SecondsBeforeTimedOut,
    Part::Registry,
    Part::Groups,
    Part::Connectivity,
    Part::Connected,
    Part::ConnectedSince,
    Part::Queue,
    Part::QueuedAtInQueue,
    Part::JobCreatedAt,
    Part::JobDescription,
    Part::ProcessDetails,
    Part::JobTags,
    Part::Lists,
    Part::Account,
];

/// What is made unknown, and why.
pub fn loss() -> impl Strategy<Value = (ExecutionKey, Part, Unreadable)> {
    (a_key(), select(&PARTS[..]), select(&Unreadable::ALL[..]))
}

/// Makes a fact unknown.
pub fn lose(inventory: &mut Inventory, (key, part, why): &(ExecutionKey, Part, Unreadable)) {
    if part.is_of_execution() {
        lose_of_execution(inventory, key, *part, *why);
        return;
    }
    let thing = inventory.things.get_mut(&key.thing).expect("each thing is read");
    let job = inventory.jobs.get_mut(&key.job).expect("each job is listed");
    match (part, &mut thing.connectivity, &mut thing.queue, &mut job.description) {
        (Part::Registry, ..) => thing.description = Fact::Unreadable(*why),
        (Part::Groups, ..) => thing.groups = Fact::Unreadable(*why),
        (Part::Connectivity, connectivity, ..) => *connectivity = Fact::Unreadable(*why),
        (Part::Connected, Fact::Known(it), ..) => it.connected = Fact::Unreadable(*why),
        (Part::ConnectedSince, Fact::Known(it), ..) => it.timestamp = Fact::Unreadable(*why),
        (Part::Queue, _, queue, _) => *queue = Fact::Unreadable(*why),
        (Part::QueuedAtInQueue, _, Fact::Known(queue), _) => {
            queue.0.iter_mut().for_each(|row| row.queued_at = Fact::Unreadable(*why));
        }
        (Part::JobCreatedAt, ..) => job.created_at = Fact::Unreadable(*why),
        (Part::JobTags, ..) => job.tags = Fact::Unreadable(*why),
        (Part::JobDescription, .., description) => *description = Fact::Unreadable(*why),
        (Part::ProcessDetails, .., Fact::Known(job)) => job.process = Fact::Unreadable(*why),
        (Part::Lists, ..) => {
            for status in OpenStatus::ALL {
                inventory.lists.insert((key.job.clone(), status), Listing::Failed(*why));
            }
            inventory.executions.retain(|row, _| row.job != key.job);
        }
        (Part::Account, ..) => inventory.account = None,
        _ => {}
    }
}

fn lose_of_execution(inventory: &mut Inventory, key: &ExecutionKey, part: Part, why: Unreadable) {
    let Some(row) = inventory.executions.get_mut(key) else { return };
    match (part, &mut row.described) {
        (Part::Number, _) => row.number = Fact::Unreadable(why),
        (Part::QueuedAt, _) => row.times.change(|it| it.queued_at = Fact::Unreadable(why)),
        (Part::StartedAt, _) => row.times.change(|it| it.started_at = Fact::Unreadable(why)),
        (Part::LastUpdatedAt, _) => {
            row.times.change(|it| it.last_updated_at = Fact::Unreadable(why));
        }
        (Part::RetryAttempt, _) => row.retry_attempt = Fact::Unreadable(why),
        (Part::Described, described) => *described = Fact::Unreadable(why),
        (Part::Version, Fact::Known(described)) => described.version = Fact::Unreadable(why),
        (Part::StatusDetails, Fact::Known(described)) => {
            described.status_details = Fact::Unreadable(why);
        }
        (Part::SecondsBeforeTimedOut, Fact::Known(described)) => {
            described.seconds_before_timed_out = Fact::Unreadable(why);
        }
        _ => {}
    }
}

#[test]
fn every_part_is_drawn() {
    use std::collections::BTreeSet;

    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let drawn: BTreeSet<_> = PARTS.iter().map(|part| format!("{part:?}")).collect();
    assert_eq!(drawn.len(), PARTS.len());
    let mut runner = TestRunner::deterministic();
    let mut changed = BTreeSet::new();
    for _ in 0..600 {
        let mut world = super::world().new_tree(&mut runner).expect("a world").current();
        let loss = loss().new_tree(&mut runner).expect("a loss").current();
        let before = format!("{:?}", world.inventory);
        lose(&mut world.inventory, &loss);
        if before != format!("{:?}", world.inventory) {
            changed.insert(format!("{:?}", loss.1));
        }
    }
    assert_eq!(changed, drawn, "each changes something in some world");
}

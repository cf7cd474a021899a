//! Facts of one job or thing, read again.

use rescind::backend::fault::{Fault, Faulty};
use rescind::backend::{ErrorKind, Operation};
use rescind::clock::Clock;
use rescind::execution::ExecutionKey;
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{Inventory, Thing};
use rescind::observe::{JobFacts, NoProgress, ThingFacts, read_job, read_thing};

use super::{Memory, collect, collector, everything, key, start};

#[tokio::test(start_paused = true)]
async fn a_thing_is_as_old_as_its_older_fact() {
    let memory = Memory::fleet();
    let clock = Clock::starting_at(start());
    let name = "t-0".parse().unwrap();
    let both = ThingFacts { description: true, groups: true, ..ThingFacts::default() };
    let (read, errors) = read_thing(&memory, &clock, &name, both).await;
    assert!(errors.is_empty());
    let mut thing = Thing::default();
    thing.take_in(read);
    assert_eq!(thing.read_at, Some(start()));

    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    let later = Some(clock.now());
    let description = ThingFacts { description: true, ..ThingFacts::default() };
    let (read, _) = read_thing(&memory, &clock, &name, description).await;
    assert_eq!((read.read_at, read.groups.is_not_read()), (later, true));
    thing.take_in(read);
    assert_eq!(thing.read_at, Some(start()), "the groups are still the old ones");
    let (read, _) = read_thing(&memory, &clock, &name, both).await;
    thing.take_in(read);
    assert_eq!(thing.read_at, later);
    let (nothing, _) = read_thing(&memory, &clock, &name, ThingFacts::default()).await;
    thing.take_in(nothing);
    assert_eq!(thing.read_at, later);

    let faulty = Faulty::new(memory);
    faulty.inject(Operation::ListThingGroupsForThing, Fault::Fail(ErrorKind::Denied), 1);
    let (read, errors) = read_thing(&faulty, &clock, &name, both).await;
    assert_eq!(read.groups, Fact::Unreadable(Unreadable::Denied));
    assert_eq!(errors.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_read_again_fact_by_fact() {
    let memory = Memory::fleet();
    let id = "fw-1".parse().unwrap();
    let mut job = collect(memory.clone()).await.unwrap().jobs.remove(&id).unwrap();
    assert_eq!(job.tags.known().unwrap().len(), 3, "all pages");
    assert_eq!(
        (job.status_at, job.described_at, job.tags_at),
        (start(), Some(start()), Some(start()))
    );

    let clock = Clock::starting_at(start());
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    let later = clock.now();
    let faulty = Faulty::new(memory);
    faulty.inject(Operation::ListTagsForResource, Fault::Fail(ErrorKind::Denied), 1);
    let tags = JobFacts { tags: true, ..JobFacts::default() };
    let errors = read_job(&faulty, &clock, &id, tags, &mut job).await;
    assert_eq!(errors.len(), 1);
    assert_eq!((job.tags, job.tags_at), (Fact::Unreadable(Unreadable::Denied), Some(later)));
    assert_eq!(job.described_at, Some(start()), "that was not asked for");
    job.tags = Fact::NotRead;
    let description = JobFacts { description: true, ..JobFacts::default() };
    assert!(read_job(&faulty, &clock, &id, description, &mut job).await.is_empty());
    assert_eq!((job.described_at, job.status_at), (Some(later), later));
    assert!(job.tags.is_not_read());
}

#[tokio::test(start_paused = true)]
async fn a_queue_or_a_connection_that_is_not_there_is_not_known() {
    let mut memory = Memory::fleet();
    let (clock, name) = (Clock::starting_at(start()), "t-0".parse().unwrap());
    let all = ThingFacts { description: true, connectivity: true, groups: true, queue: true };
    let (read, errors) = read_thing(&memory, &clock, &name, all).await;
    assert_eq!(errors.len(), 0);
    assert_eq!(read.queue.known().unwrap().0.len(), 2);
    memory.things.clear();
    let faulty = Faulty::new(memory);
    faulty.inject(Operation::ListJobExecutionsForThing, Fault::Fail(ErrorKind::NotFound), 1);
    let (read, errors) = read_thing(&faulty, &clock, &name, all).await;
    assert_eq!((read.description, read.groups), (Fact::Absent, Fact::Absent));
    let gone = Fact::Unreadable(Unreadable::Gone);
    assert_eq!(
        (read.connectivity, read.queue),
        (gone.map(|()| unreachable!()), gone.map(|()| unreachable!()))
    );
    assert_eq!(errors.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_thing_that_is_listed_again_has_one_name() {
    let mut memory = Memory::fleet();
    let mut seen = collect(memory.clone()).await.unwrap();
    let place = |seen: &Inventory, key: &ExecutionKey| {
        seen.executions.keys().find(|it| *it == key).unwrap().thing.as_str().as_ptr()
    };
    let (kept, other) = (key("fw-1", "t-1"), key("fw-2", "t-1"));
    let (before, before_of_other) = (place(&seen, &kept), place(&seen, &other));
    // As if each name had been read from an answer of its own.
    for (_, _, thing) in &mut memory.rows {
        *thing = thing.as_str().parse().unwrap();
    }
    seen.lists.clear();
    let seen = collector(memory).collect(seen, everything, &NoProgress).await.unwrap();
    assert_eq!((place(&seen, &kept), place(&seen, &other)), (before, before_of_other));
}

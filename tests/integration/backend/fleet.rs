//! A fleet, read through the SDK over HTTP, is what its file says: each fact of it.

use std::sync::Arc;

use jiff::Timestamp;
use rescind::backend::JobsReader as _;
use rescind::backend::aws::Connection;
use rescind::backend::pace::{Paced, Pacer};
use rescind::backend::{ErrorKind, Operation};
use rescind::clock::Clock;
use rescind::document::{Limits, SourceFile, read};
use rescind::emulator::{Emulator, Options};
use rescind::execution::JobStatus;
use rescind::fact::{Fact, Unreadable};
use rescind::fleet::{Fleet, inventory};
use rescind::inventory::{Inventory, Thing};
use rescind::observe::{Collector, NoProgress};
use tokio::net::TcpListener;

use super::collect::everything;

const START: &str = "2026-11-23T12:00:00Z";

fn start() -> Timestamp {
    START.parse().unwrap()
}

/// Each fact known, and each that can be absent absent once.
const RICH: &str = "
  things:
  - {name: online, type: robot, groups: [berlin, north], attributes: {site: b}, connectivity: {connected: true, since: 2h ago}}
  - {name: lost, connectivity: {connected: false, since: 10m ago}}
  - {name: dead, connectivity: {connected: false}}
  - {name: never}
  jobs:
  - id: fw
    description: Firmware 4.2.0
    timeoutMinutes: 600
    tags: {hold: 'true', team: fleet}
    abort:
    - {failureType: FAILED, thresholdPercentage: 12.5, minNumberOfExecutedThings: 7}
    - {failureType: ALL, thresholdPercentage: 50, minNumberOfExecutedThings: 20}
    createdAt: 3d ago
  - {id: plain, targetSelection: CONTINUOUS, createdAt: 2d ago}
  - {id: other, namespaceId: greengrass, createdAt: 1d ago}
  executions:
  - {job: fw, thing: online, status: IN_PROGRESS, queuedAt: 9h ago, startedAt: 3h ago, statusDetails: {phase: flashing}}
  - {job: fw, thing: lost, queuedAt: 5h ago}
  - {job: fw, thing: dead, status: FAILED, queuedAt: 9h ago}
  - {job: fw, thing: dead, executionNumber: 2, retryAttempt: 1, queuedAt: 2h ago}
  - {job: fw, thing: never, status: CANCELED, queuedAt: 9h ago}
  - {job: plain, thing: online, queuedAt: 4h ago}
  - {job: plain, thing: lost, queuedAt: 5h ago}
  - {job: other, thing: online, queuedAt: 1h ago}
  - {job: other, thing: lost, status: IN_PROGRESS, queuedAt: 6h ago}
  - {job: other, thing: never, status: SUCCEEDED, queuedAt: 6h ago}
";

fn fleet(spec: &str) -> Fleet {
    let text =
        format!("apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: rich}}\nspec:{spec}");
    let file = SourceFile { path: "fleet.yaml".to_owned(), text: text.into_bytes() };
    let mut documents = read(&[file], &Limits::fleet());
    assert!(documents.diagnostics.is_empty(), "{:?}", documents.diagnostics);
    documents.fleets.remove(0).1
}

async fn connect(fleet: &Fleet) -> (Emulator, Connection, Clock) {
    let clock = Clock::starting_at(start());
    let emulator = Emulator::new(fleet, clock.clone(), Options::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(emulator.clone().serve(listener, std::future::pending()));
    let connection = Connection::embedded(address, &fleet.account.region, clock.clone());
    (emulator, connection, clock)
}

async fn observed(fleet: &Fleet) -> Inventory {
    let (_, connection, clock) = connect(fleet).await;
    let reader = Arc::new(Paced::new(connection.reader(), Pacer::unlimited()));
    let collector = Collector::new(reader, clock);
    let seen = collector.collect(Inventory::default(), everything, &NoProgress).await.unwrap();
    timeless(seen)
}

/// The same without the times at which it was read, and without the seconds that reading took.
fn timeless(mut seen: Inventory) -> Inventory {
    for job in seen.jobs.values_mut() {
        job.status_at = start();
        job.described_at = Some(start());
        job.tags_at = Some(start());
    }
    for thing in seen.things.values_mut() {
        thing.read_at = Some(start());
    }
    for row in seen.executions.values_mut() {
        if let Fact::Known(described) = &mut row.described {
            described.at = start();
            // To the next ten minutes.
            described.seconds_before_timed_out =
                described.seconds_before_timed_out.map(|seconds| (seconds + 599) / 600);
        }
    }
    seen
}

fn sorted(mut thing: Thing) -> Thing {
    if let Fact::Known(queue) = &mut thing.queue {
        queue.0.sort_by(|a, b| a.job.cmp(&b.job));
    }
    thing
}

#[tokio::test]
async fn what_is_read_over_http_is_what_the_fleet_says() {
    let fleet = fleet(RICH);
    let (seen, said) = (observed(&fleet).await, timeless(inventory(&fleet, start())));
    assert_eq!(seen.problems, said.problems);
    assert_eq!(seen.account, said.account);
    assert_eq!(seen.jobs, said.jobs);
    assert_eq!(seen.executions, said.executions);
    for (name, thing) in said.things.iter().filter(|(name, _)| seen.things.contains_key(name)) {
        assert_eq!(sorted(seen.things[name].clone()), sorted(thing.clone()), "{name}");
    }
    assert_eq!(seen.things.len(), 3, "the things with open executions");

    let job = seen.jobs[&"fw".parse().unwrap()].description.known().unwrap();
    assert_eq!(job.timeout_minutes, Some(600));
    assert_eq!(job.abort.len(), 2);
    let process = job.process.known().unwrap();
    assert_eq!((process.queued, process.in_progress), (2, 1));
    assert_eq!((process.failed, process.canceled, process.succeeded), (1, 1, 0));
}

#[tokio::test]
async fn a_connection_has_four_cases_and_none_is_taken_for_another() {
    let fleet = fleet(RICH);
    let (_, connection, _) = connect(&fleet).await;
    let reader = connection.reader();
    let of = async |thing: &str| {
        let found = reader.thing_connectivity(&thing.parse().unwrap()).await.unwrap();
        (found.connected, found.timestamp)
    };
    let ago = |minutes| Fact::Known(start() - jiff::SignedDuration::from_mins(minutes));
    assert_eq!(of("online").await, (Fact::Known(true), ago(120)));
    assert_eq!(of("lost").await, (Fact::Known(false), ago(10)));
    assert_eq!(of("dead").await, (Fact::Known(false), Fact::Absent));
    assert_eq!(of("never").await, (Fact::Absent, Fact::Absent));
    let gone = reader.thing_connectivity(&"gone".parse().unwrap()).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn without_an_index_no_connection_is_known() {
    for indexing in ["OFF", "REGISTRY"] {
        let fleet = fleet(&format!("\n  indexing: '{indexing}'{RICH}"));
        let (seen, said) = (observed(&fleet).await, inventory(&fleet, start()));
        for (name, thing) in &seen.things {
            assert_eq!(thing.connectivity, Fact::Unreadable(Unreadable::Failed), "{name}");
            assert_eq!(thing.connectivity, said.things[name].connectivity, "{name}");
            assert!(thing.description.known().is_some());
        }
        let problems: Vec<_> = seen.problems.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(problems.len(), 3, "one a thing: {problems:?}");
        assert!(problems[0].starts_with("connectivity of thing "), "{problems:?}");
    }
}

#[tokio::test]
async fn tags_are_asked_for_by_the_arn_that_a_list_told() {
    let fleet = fleet(RICH);
    let (emulator, connection, _) = connect(&fleet).await;
    let reader = connection.reader();
    let job = "fw".parse().unwrap();
    let error = reader.list_job_tags(&job, None).await.unwrap_err();
    assert_eq!(
        (error.kind, error.operation),
        (ErrorKind::Malformed, Operation::ListTagsForResource)
    );
    assert!(emulator.calls().is_empty(), "nothing was sent");
    reader.list_jobs(&JobStatus::InProgress, None).await.unwrap();
    let tags = reader.list_job_tags(&job, None).await.unwrap();
    let tags: Vec<_> = tags.items.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(tags, [("hold", "true"), ("team", "fleet")]);
}

//! What holds of the store after any calls in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rescind::emulator::{
    Cancel, Execution, ExecutionFilter, ForThing, NewJob, Store, Target, Update,
};
use rescind::execution::{ExecutionStatus as Status, JobStatus, TargetSelection};

use jiff::Timestamp;

const THINGS: [&str; 3] = ["r1", "r2", "r3"];
const JOBS: [&str; 2] = ["snapshot", "continuous"];

#[derive(Clone, Debug)]
enum Step {
    Cancel { thing: usize, job: usize, force: bool, version: Option<i64> },
    Start { thing: usize },
    Report { thing: usize, job: usize, status: usize },
    Join { thing: usize },
    Leave { thing: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (thing, job) = (0..THINGS.len(), 0..JOBS.len());
    prop_oneof![
        (thing.clone(), job.clone(), any::<bool>(), proptest::option::of(1..4_i64))
            .prop_map(|(thing, job, force, version)| Step::Cancel { thing, job, force, version }),
        thing.clone().prop_map(|thing| Step::Start { thing }),
        (thing.clone(), job, 0..Status::KNOWN.len())
            .prop_map(|(thing, job, status)| Step::Report { thing, job, status }),
        thing.clone().prop_map(|thing| Step::Join { thing }),
        thing.prop_map(|thing| Step::Leave { thing }),
    ]
}

fn store() -> Store {
    let mut store = Store::default();
    let now = Timestamp::UNIX_EPOCH;
    store.registry.create_group("berlin");
    for thing in THINGS {
        store.registry.create_thing(thing, None, BTreeMap::new()).expect("a new thing");
    }
    store.add_to_group("r1", "berlin", now).expect("both are there");
    for (id, selection) in
        JOBS.into_iter().zip([TargetSelection::Snapshot, TargetSelection::Continuous])
    {
        let targets = vec![Target::Group("berlin".to_owned()), Target::Thing("r2".to_owned())];
        let new = NewJob { targets, selection, ..NewJob::default() };
        store.create_job(id, new, now).expect("a new job");
    }
    store
}

fn apply(store: &mut Store, step: &Step, now: Timestamp) {
    // A refusal is as good as an effect here; what must hold is looked at afterwards.
    let _ = match *step {
        Step::Cancel { thing, job, force, version } => {
            let cancel = Cancel { force, expected_version: version, status_details: None };
            store.cancel(THINGS[thing], JOBS[job], cancel, now).map(|_| ())
        }
        Step::Start { thing } => {
            store.start_next(THINGS[thing], None, None, now);
            Ok(())
        }
        Step::Report { thing, job, status } => {
            let update = Update::to(Status::KNOWN[status].clone());
            store.update(THINGS[thing], JOBS[job], update, now).map(|_| ())
        }
        Step::Join { thing } => store.add_to_group(THINGS[thing], "berlin", now),
        Step::Leave { thing } => store.remove_from_group(THINGS[thing], "berlin", now),
    };
}

type All = BTreeMap<(String, String, i64), Execution>;

/// All executions, by way of the lists, which are checked against each other on the way.
fn all(store: &Store) -> All {
    let mut all = All::new();
    for id in JOBS {
        let job = store.job(id).expect("a job");
        let list = |status| {
            let filter = ExecutionFilter { status };
            store.list_executions_of_job(id, &filter, 250, None).expect("a list").rows
        };
        let unfiltered = list(None);
        for status in Status::KNOWN {
            let filtered: Vec<_> =
                unfiltered.iter().filter(|row| row.execution.status == *status).cloned().collect();
            assert_eq!(list(Some(status.clone())), filtered, "{id} {status}");
            assert_eq!(job.count(status), filtered.len(), "{id} {status}");
        }
        for row in unfiltered {
            let key = (id.to_owned(), row.thing.to_owned(), row.execution.number);
            assert_eq!(all.insert(key, row.execution.clone()), None, "a row comes once");
        }
    }
    let of_things = THINGS.map(|thing| {
        let rows = store.list_executions_of_thing(thing, &ForThing::default(), 250, None);
        rows.expect("a list").rows.len()
    });
    assert_eq!(of_things.iter().sum::<usize>(), all.len());
    all
}

proptest! {
    #[test]
    fn nothing_leaves_an_end_and_each_change_is_one_version(steps in prop::collection::vec(step(), 1..60)) {
        let mut store = store();
        let mut before = all(&store);
        for (second, step) in (1..).zip(&steps) {
            let now = Timestamp::from_second(second).expect("a time");
            apply(&mut store, step, now);
            let after = all(&store);
            for (key, old) in &before {
                let new = &after[key];
                if old.status.is_terminal() {
                    prop_assert_eq!(old, new, "{:?} on {:?}", step, key);
                } else if old != new {
                    let bumps = i64::from(new.status != Status::Removed);
                    prop_assert_eq!(new.version, old.version + bumps, "{:?} on {:?}", step, key);
                    prop_assert_eq!(new.last_updated_at, now.as_second());
                    prop_assert_eq!(new.queued_at, old.queued_at);
                }
            }
            for ((job, thing, number), new) in &after {
                if !before.contains_key(&(job.clone(), thing.clone(), *number)) {
                    prop_assert_eq!((new.version, &new.status), (1, &Status::Queued));
                    let older = number - 1;
                    prop_assert!(older == 0 || after[&(job.clone(), thing.clone(), older)].status.is_terminal());
                }
            }
            let snapshot = store.job("snapshot").expect("a job");
            let open = snapshot.count(&Status::Queued) + snapshot.count(&Status::InProgress);
            prop_assert_eq!(snapshot.status == JobStatus::Completed, open == 0);
            prop_assert_eq!(&store.job("continuous").expect("a job").status, &JobStatus::InProgress);
            before = after;
        }
    }
}

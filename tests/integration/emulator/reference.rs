//! The store against the model, by generated operations: after each, all that can be asked is the same.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use rescind::emulator::{
    Cancel, CancelJob, Execution, ExecutionFilter, FailureKind, ForThing, JobConfig, JobFilter,
    NewJob, Page, Refusal, RetryCriterion, Store, Target, Update,
};
use rescind::execution::{ExecutionStatus as Status, JobStatus, TargetSelection};

use super::model::{self, Answer, JOBS, Model, Row, THINGS};

#[derive(Clone, Debug)]
enum Step {
    Create { job: usize, new: model::NewJob },
    Cancel { thing: usize, job: usize, force: bool, version: Option<i64> },
    Update { thing: usize, job: usize, status: usize, version: Option<i64> },
    Start { thing: usize },
    Join { thing: usize },
    Leave { thing: usize },
    Delete { thing: usize, job: usize, number: i64, force: bool },
    CancelJob { job: usize, force: bool },
    DeleteJob { job: usize, force: bool },
    Pass { seconds: i64 },
}
use Step as S;

fn new_job() -> impl Strategy<Value = model::NewJob> {
    let thing = proptest::option::of(0..THINGS.len());
    (any::<bool>(), any::<bool>(), thing, any::<bool>(), 0..3_u32).prop_map(
        |(continuous, group, thing, timeout, retries)| {
            // A job has one target or more.
            let group = group || thing.is_none();
            model::NewJob { continuous, group, thing, timeout, retries }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let (thing, job) = (0..THINGS.len(), 0..JOBS.len());
    let version = proptest::option::weighted(0.3, 1..4_i64);
    let force = any::<bool>();
    // The statuses that a device reports come most often.
    let status = prop_oneof![Just(1_usize), Just(2), Just(3), 0..Status::KNOWN.len()];
    prop_oneof![
        3 => (job.clone(), new_job()).prop_map(|(job, new)| S::Create { job, new }),
        4 => (thing.clone(), job.clone(), force, version.clone())
            .prop_map(|(thing, job, force, version)| S::Cancel { thing, job, force, version }),
        5 => (thing.clone(), job.clone(), status, version)
            .prop_map(|(thing, job, status, version)| S::Update { thing, job, status, version }),
        4 => thing.clone().prop_map(|thing| S::Start { thing }),
        2 => thing.clone().prop_map(|thing| S::Join { thing }),
        2 => thing.clone().prop_map(|thing| S::Leave { thing }),
        1 => (thing, job.clone(), 0..4_i64, force)
            .prop_map(|(thing, job, number, force)| S::Delete { thing, job, number, force }),
        1 => (job.clone(), force).prop_map(|(job, force)| S::CancelJob { job, force }),
        1 => (job, force).prop_map(|(job, force)| S::DeleteJob { job, force }),
        3 => prop_oneof![1..5_i64, Just(60), Just(200)].prop_map(|seconds| S::Pass { seconds }),
    ]
}

fn both() -> (Store, Model) {
    let mut store = Store::default();
    store.registry.create_group("g");
    for thing in THINGS {
        store.registry.create_thing(thing, None, BTreeMap::new()).expect("a new thing");
    }
    (store, Model::default())
}

fn targets(new: model::NewJob) -> Vec<Target> {
    let group = new.group.then(|| Target::Group("g".to_owned()));
    let thing = new.thing.map(|thing| Target::Thing(THINGS[thing].to_owned()));
    group.into_iter().chain(thing).collect()
}

fn create(store: &mut Store, id: &str, new: model::NewJob, now: Timestamp) -> Result<(), Refusal> {
    let retry = RetryCriterion { failure: FailureKind::All, retries: new.retries as usize };
    let config =
        JobConfig { retry: (new.retries > 0).then(|| vec![retry]), ..JobConfig::default() };
    let selection =
        if new.continuous { TargetSelection::Continuous } else { TargetSelection::Snapshot };
    let timeout_minutes = new.timeout.then_some(1);
    let targets = targets(new);
    let new = NewJob { targets, selection, timeout_minutes, config, ..NewJob::default() };
    store.create_job(id, new, now)
}

/// Does a step on both; what they answered.
fn apply(store: &mut Store, model: &mut Model, step: &Step) -> (Answer, Answer) {
    if let S::Pass { seconds } = step {
        model.pass(*seconds);
    }
    let now = Timestamp::from_second(model.now).expect("a time");
    store.advance(now);
    let answered = |answer: Result<(), Refusal>| answer.map_err(|refusal| refusal.code());
    let (real, expected) = match *step {
        S::Pass { .. } => (Ok(()), Ok(())),
        S::Create { job, new } => {
            (create(store, JOBS[job], new, now), model.create(JOBS[job], new))
        }
        S::Cancel { thing, job, force, version } => {
            let cancel = Cancel { force, expected_version: version, status_details: None };
            let real = store.cancel(THINGS[thing], JOBS[job], cancel, now).map(drop);
            (real, model.cancel(THINGS[thing], JOBS[job], force, version))
        }
        S::Update { thing, job, status, version } => {
            let status = &Status::KNOWN[status];
            let update = Update { expected_version: version, ..Update::to(status.clone()) };
            let real = store.update(THINGS[thing], JOBS[job], update, now).map(drop);
            (real, model.update(THINGS[thing], JOBS[job], status, version))
        }
        S::Start { thing } => {
            let real = store.start_next(THINGS[thing], None, None, now);
            let real = real.map(|(job, execution)| (job, execution.number));
            assert_eq!(real, model.start_next(THINGS[thing]));
            (Ok(()), Ok(()))
        }
        S::Join { thing } => {
            model.join(THINGS[thing]);
            (store.add_to_group(THINGS[thing], "g", now), Ok(()))
        }
        S::Leave { thing } => {
            model.leave(THINGS[thing]);
            (store.remove_from_group(THINGS[thing], "g", now), Ok(()))
        }
        S::Delete { thing, job, number, force } => {
            let (thing, job) = (THINGS[thing], JOBS[job]);
            let real = store.request_execution_deletion(thing, job, number, force, now);
            (real, model.delete(thing, job, number, force))
        }
        S::CancelJob { job, force } => {
            let cancel = CancelJob { force, ..CancelJob::default() };
            (store.cancel_job(JOBS[job], cancel, now), model.cancel_job(JOBS[job], force))
        }
        S::DeleteJob { job, force } => {
            (store.request_job_deletion(JOBS[job], force, now), model.delete_job(JOBS[job], force))
        }
    };
    (answered(real), expected)
}

/// All pages of a list, two rows each.
fn paged<T>(mut page: impl FnMut(Option<&str>) -> Page<T>) -> Vec<T> {
    let mut rows = Vec::new();
    let mut token = None;
    loop {
        let Page { rows: more, next } = page(token.as_deref());
        assert!(more.len() == 2 || next.is_none(), "only the last page is not full");
        rows.extend(more);
        match next {
            None => return rows,
            next => token = next,
        }
    }
}

fn row(job: &str, thing: &str, execution: &Execution) -> Row {
    Row {
        job: job.to_owned(),
        thing: thing.to_owned(),
        number: execution.number,
        version: execution.version,
        status: execution.status.clone(),
        queued_at: execution.queued_at,
        started_at: execution.started_at,
        last_updated_at: execution.last_updated_at,
        retry: execution.retry_attempt,
        forced: execution.force_canceled,
        ends_at: execution.times_out_at(),
    }
}

fn compare(store: &Store, model: &Model) {
    let jobs = paged(|token| store.list_jobs(&JobFilter::default(), 2, token).expect("a list"));
    let listed: Vec<_> = jobs.iter().map(|(id, job)| ((*id).to_owned(), job.created_at)).collect();
    let mut expected: Vec<_> =
        model.jobs.iter().map(|job| (job.id.clone(), job.created_at)).collect();
    expected.sort_by_key(|(id, created)| (Reverse(*created), id.clone()));
    assert_eq!(listed, expected);
    for job in &model.jobs {
        let real = store.job(&job.id).expect("it is in the list");
        assert_eq!(
            (&real.status, real.completed_at),
            (&job.status, job.completed_at),
            "{}",
            job.id
        );
    }
    for status in JobStatus::KNOWN {
        let filter = JobFilter { status: Some(status.clone()), ..JobFilter::default() };
        let real = paged(|token| store.list_jobs(&filter, 2, token).expect("a list")).len();
        assert_eq!(real, model.jobs.iter().filter(|job| job.status == *status).count());
    }
    let statuses = Status::KNOWN.iter().map(Some).chain([None]);
    for status in statuses {
        let is = |row: &&Row| status.is_none_or(|status| row.status == *status);
        for job in &model.jobs {
            let filter = ExecutionFilter { status: status.cloned() };
            let real = paged(|token| {
                store.list_executions_of_job(&job.id, &filter, 2, token).expect("a list")
            });
            let real: Vec<Row> =
                real.iter().map(|it| row(it.job, it.thing, it.execution)).collect();
            let mut expected: Vec<Row> =
                model.rows.iter().filter(|row| row.job == job.id).filter(is).cloned().collect();
            expected.sort_by_key(|row| {
                (Reverse(row.last_updated_at), row.thing.clone(), Reverse(row.number))
            });
            assert_eq!(real, expected, "{status:?}");
            if let Some(status) = status {
                let counted = store.job(&job.id).expect("it is listed").count(status);
                assert_eq!(counted, expected.len());
            }
        }
        for thing in THINGS {
            let filter = ForThing { status: status.cloned(), ..ForThing::default() };
            let real = paged(|token| {
                store.list_executions_of_thing(thing, &filter, 2, token).expect("a list")
            });
            let real: Vec<Row> =
                real.iter().map(|it| row(it.job, it.thing, it.execution)).collect();
            let mut expected: Vec<Row> =
                model.rows.iter().filter(|row| row.thing == thing).filter(is).cloned().collect();
            expected.sort_by_key(|row| {
                (Reverse(row.last_updated_at), row.job.clone(), Reverse(row.number))
            });
            assert_eq!(real, expected, "{status:?}");
        }
    }
    for thing in THINGS {
        let pending = store.pending(thing);
        let pending: Vec<_> =
            pending.iter().map(|(job, it)| ((*job).to_owned(), it.number)).collect();
        let shown: Vec<_> = model.pending(thing).into_iter().take(10).collect();
        assert_eq!(pending, shown);
    }
    for known in &model.rows {
        let real = store.execution(&known.thing, &known.job, Some(known.number));
        assert_eq!(row(&known.job, &known.thing, real.expect("it is listed")), *known);
    }
}

fn check(steps: &[Step]) {
    let (mut store, mut model) = both();
    for (at, step) in steps.iter().enumerate() {
        let (real, expected) = apply(&mut store, &mut model, step);
        assert_eq!(real, expected, "step {at}: {step:?}");
        compare(&store, &model);
    }
}

proptest! {
    #[test]
    fn the_store_does_what_the_model_does(steps in prop::collection::vec(step(), 1..40)) {
        check(&steps);
    }
}

/// A job for the group, as most steps below need it.
const FOR_THE_GROUP: model::NewJob =
    model::NewJob { continuous: true, group: true, thing: None, timeout: true, retries: 2 };

#[test]
fn an_older_execution_can_be_deleted_and_the_latest_stays() {
    let delete = |number| S::Delete { thing: 0, job: 0, number, force: false };
    let fail = S::Update { thing: 0, job: 0, status: 3, version: None };
    let (join, create) = (S::Join { thing: 0 }, S::Create { job: 0, new: FOR_THE_GROUP });
    check(&[join.clone(), create.clone(), fail.clone(), fail.clone(), delete(2), delete(1)]);
    check(&[join, create, fail.clone(), fail, delete(3), delete(2), delete(1), delete(1)]);
}

#[test]
fn a_number_is_used_again_after_the_latest_was_deleted() {
    let new = model::NewJob { retries: 0, ..FOR_THE_GROUP };
    let (join, leave) = (S::Join { thing: 0 }, S::Leave { thing: 0 });
    let steps = [
        join.clone(),
        S::Create { job: 0, new },
        leave.clone(),
        join.clone(),
        S::Delete { thing: 0, job: 0, number: 2, force: false },
        leave,
        join,
    ];
    check(&steps);
}

#[test]
fn a_timer_and_the_cancel_of_its_job_at_the_same_second() {
    let steps = [
        S::Join { thing: 0 },
        S::Create { job: 0, new: FOR_THE_GROUP },
        S::Start { thing: 0 },
        S::Pass { seconds: 59 },
        S::CancelJob { job: 0, force: true },
        S::Pass { seconds: 1 },
    ];
    check(&steps);
}

#[test]
fn a_job_that_is_deleted_frees_its_name() {
    let create = S::Create { job: 0, new: FOR_THE_GROUP };
    let steps = [
        S::Join { thing: 0 },
        create.clone(),
        S::DeleteJob { job: 0, force: true },
        create.clone(),
        S::Pass { seconds: 1 },
        create,
    ];
    check(&steps);
}

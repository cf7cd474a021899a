//! Each status against each kind of cancel, and what devices do.

use rescind::emulator::{
    Cancel, CheckOrder, Emulator, Execution, Options, Refusal, Store, Target, Update,
};
use rescind::execution::{ExecutionStatus as Status, JobStatus, StatusDetails};
use serde_json::json;

use super::support::{START, emulator, fleet, one};

const VERSION: i64 = 7;

fn details(text: &str) -> StatusDetails {
    [("phase".to_owned(), text.to_owned())].into()
}

fn seeded(status: &Status) -> Emulator {
    emulator(&one(&json!({
        "status": status.as_str(), "versionNumber": VERSION, "statusDetails": {"phase": "device"},
    })))
}

fn execution(emulator: &Emulator) -> Execution {
    emulator.store(|store| store.execution("r1", "fw", None).cloned()).expect("it is there")
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Canceled,
    VersionConflict,
    InvalidStateTransition,
}

fn expected(status: &Status, force: bool, version: Option<i64>) -> Outcome {
    match (status, force, version) {
        (_, _, Some(version)) if version != VERSION => Outcome::VersionConflict,
        (Status::Queued, ..) | (Status::InProgress, true, _) => Outcome::Canceled,
        _ => Outcome::InvalidStateTransition,
    }
}

#[tokio::test]
async fn a_cancel_of_each_status_with_each_flag_and_version_does_what_aws_documents() {
    let now = START.parse().expect("a time");
    for status in Status::KNOWN {
        for force in [false, true] {
            for expected_version in [None, Some(VERSION), Some(VERSION - 1)] {
                let emulator = seeded(status);
                let before = execution(&emulator);
                let case = format!("{status}, force {force}, version {expected_version:?}");
                let status_details = Some(details("controller"));
                let cancel = Cancel { force, expected_version, status_details };
                let answer = emulator.store(|store| store.cancel("r1", "fw", cancel, now));
                let after = execution(&emulator);
                let outcome = match answer {
                    Ok(canceled) => {
                        assert_eq!(canceled.before, before, "{case}");
                        assert_eq!(canceled.after, after, "{case}");
                        Outcome::Canceled
                    }
                    Err(Refusal::VersionConflict(_)) => Outcome::VersionConflict,
                    Err(Refusal::InvalidStateTransition(_)) => Outcome::InvalidStateTransition,
                    Err(other) => panic!("{case}: {other}"),
                };
                assert_eq!(outcome, expected(status, force, expected_version), "{case}");
                if outcome == Outcome::Canceled {
                    assert_eq!(after.status, Status::Canceled, "{case}");
                    assert_eq!(after.version, VERSION + 1, "{case}");
                    assert_eq!(after.details(), details("controller"), "{case}");
                    assert_eq!(after.force_canceled, Some(force), "{case}");
                    assert_eq!(after.started_at, before.started_at, "{case}");
                } else {
                    assert_eq!(after, before, "{case}: a refused cancel changes nothing");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_order_of_the_checks_of_a_cancel_can_be_turned_round() {
    let now = START.parse().expect("a time");
    let fleet = one(&json!({"status": "SUCCEEDED"}));
    let cancel = Cancel { expected_version: Some(99), ..Cancel::default() };
    for (check_order, code) in [
        (CheckOrder::VersionFirst, "VersionConflictException"),
        (CheckOrder::StatusFirst, "InvalidStateTransitionException"),
    ] {
        let clock = rescind::clock::Clock::starting_at(now);
        let emulator = Emulator::new(&fleet, clock, Options { check_order, ..Options::default() });
        let answer = emulator.store(|store| store.cancel("r1", "fw", cancel.clone(), now));
        assert_eq!(answer.map_err(|refusal| refusal.code()), Err(code));
    }
}

#[tokio::test]
async fn a_report_of_each_status_to_each_status_with_each_version_does_what_aws_documents() {
    let now = START.parse().expect("a time");
    let reportable = [Status::InProgress, Status::Succeeded, Status::Failed, Status::Rejected];
    for from in Status::KNOWN {
        for to in Status::KNOWN {
            for expected_version in [None, Some(VERSION), Some(VERSION - 1)] {
                let emulator = seeded(from);
                let before = execution(&emulator);
                let case = format!("{from} to {to}, version {expected_version:?}");
                let update = Update { expected_version, ..Update::to(to.clone()) };
                let answer = emulator.store(|store| store.update("r1", "fw", update, now));
                let after = execution(&emulator);
                let expected = if !reportable.contains(to) {
                    Err("InvalidStateTransitionException")
                } else if expected_version.is_some_and(|version| version != VERSION) {
                    Err("InvalidRequestException")
                } else if from.is_terminal() {
                    Err("InvalidStateTransitionException")
                } else {
                    Ok((to.clone(), VERSION + 1))
                };
                let done = answer.map(|it| (it.status, it.version)).map_err(|it| it.code());
                assert_eq!(done, expected, "{case}");
                if expected.is_ok() {
                    assert_eq!((&after.status, after.version), (to, VERSION + 1), "{case}");
                    let starts = *from == Status::Queued && *to == Status::InProgress;
                    assert_eq!(after.started_at != before.started_at, starts, "{case}");
                    assert_eq!(after.details(), before.details(), "{case}");
                } else {
                    assert_eq!(after, before, "{case}: a refused report changes nothing");
                }
            }
        }
    }
}

#[tokio::test]
async fn only_what_is_pending_is_started_and_only_what_runs_needs_force_to_be_deleted() {
    let now = START.parse().expect("a time");
    for status in Status::KNOWN {
        let emulator = seeded(status);
        let started = emulator.store(|store| store.start_next("r1", None, None, now));
        let version = started.map(|(_, execution)| (execution.status, execution.version));
        let expected = match status {
            Status::Queued => Some((Status::InProgress, VERSION + 1)),
            Status::InProgress => Some((Status::InProgress, VERSION)),
            _ => None,
        };
        assert_eq!(version, expected, "{status}");
        for force in [false, true] {
            let emulator = seeded(status);
            let deleted = emulator
                .store(|store| store.request_execution_deletion("r1", "fw", 1, force, now))
                .map_err(|refusal| refusal.code());
            let refused = *status == Status::InProgress && !force;
            let expected = if refused { Err("InvalidStateTransitionException") } else { Ok(()) };
            assert_eq!(deleted, expected, "{status}, force {force}");
            let there = emulator.store(|store| store.execution("r1", "fw", None).is_ok());
            assert_eq!(there, refused, "{status}, force {force}");
        }
    }
}

#[tokio::test]
async fn a_device_that_reports_raises_the_version_and_replaces_the_details() {
    let now = START.parse().expect("a time");
    let emulator = seeded(&Status::Queued);
    emulator.store(|store| {
        let (job, started) = store.start_next("r1", None, None, now).expect("one is pending");
        assert_eq!((job.as_str(), started.version), ("fw", VERSION + 1));
        assert_eq!(started.details(), details("device"), "details that are not given stay");
        let again = store.start_next("r1", Some(details("again")), None, now);
        assert_eq!(again, Some((job, started)), "what is in progress is given as it is");
        let wipes = Some(StatusDetails::new());
        let update = Update { status_details: wipes, ..Update::to(Status::InProgress) };
        let updated = store.update("r1", "fw", update, now).expect("it is in progress");
        assert_eq!((updated.version, updated.details().len()), (VERSION + 2, 0));
    });
}

#[tokio::test]
async fn a_report_is_checked_for_status_existence_version_and_end_in_this_order() {
    let now = START.parse().expect("a time");
    let emulator = seeded(&Status::Succeeded);
    let code = |thing: &str, update: Update| {
        emulator.store(|store| store.update(thing, "fw", update, now).map_err(|r| r.code()))
    };
    let wrong = |status| Update { expected_version: Some(99), ..Update::to(status) };
    assert_eq!(code("r9", wrong(Status::Queued)), Err("InvalidStateTransitionException"));
    assert_eq!(code("r9", wrong(Status::Failed)), Err("ResourceNotFoundException"));
    assert_eq!(code("r1", wrong(Status::Failed)), Err("InvalidRequestException"));
    let right = Update { expected_version: Some(VERSION), ..Update::to(Status::Failed) };
    assert_eq!(code("r1", right), Err("InvalidStateTransitionException"));
}

#[tokio::test]
async fn a_snapshot_job_is_completed_by_its_last_execution_and_a_continuous_one_is_not() {
    let now = START.parse().expect("a time");
    for (selection, end) in
        [("SNAPSHOT", JobStatus::Completed), ("CONTINUOUS", JobStatus::InProgress)]
    {
        let emulator = emulator(&fleet(&json!({
            "things": [{"name": "r1"}, {"name": "r2"}],
            "jobs": [{"id": "fw", "targetSelection": selection}],
            "executions": [{"job": "fw", "thing": "r1"}, {"job": "fw", "thing": "r2"}],
        })));
        emulator.store(|store| {
            let status = |store: &Store| store.job("fw").expect("the job").status.clone();
            store.cancel("r1", "fw", Cancel::default(), now).expect("it is queued");
            assert_eq!(status(store), JobStatus::InProgress);
            store.update("r2", "fw", Update::to(Status::Succeeded), now).expect("it is queued");
            assert_eq!(status(store), end);
        });
    }
}

#[tokio::test]
async fn a_thing_that_joins_the_group_of_a_continuous_job_gets_the_next_execution() {
    let now = START.parse().expect("a time");
    let emulator = emulator(&fleet(&json!({
        "groups": ["berlin"], "things": [{"name": "r1"}],
        "jobs": [{"id": "fw", "targetSelection": "CONTINUOUS", "targets": {"groups": ["berlin"]}}],
    })));
    emulator.store(|store| {
        let latest = |store: &Store| {
            let execution = store.execution("r1", "fw", None).expect("it is there");
            (execution.number, execution.version, execution.status.clone())
        };
        let join = |store: &mut Store| store.add_to_group("r1", "berlin", now);
        let leave = |store: &mut Store| store.remove_from_group("r1", "berlin", now);
        assert_eq!(join(store), Ok(()));
        assert_eq!(latest(store), (1, 1, Status::Queued));
        assert_eq!(join(store), Ok(()));
        assert_eq!(latest(store).0, 1, "it is a member already");
        assert_eq!(leave(store), Ok(()));
        assert_eq!(latest(store), (1, 1, Status::Removed), "without a new version");
        assert_eq!(join(store), Ok(()));
        assert_eq!(latest(store), (2, 1, Status::Queued));
        store.start_next("r1", None, None, now).expect("one is pending");
        assert_eq!(leave(store), Ok(()));
        assert_eq!(latest(store), (2, 2, Status::InProgress), "it may still finish");
        assert_eq!(join(store), Ok(()));
        assert_eq!(latest(store).0, 2, "one is still open");
    });
}

#[tokio::test]
async fn what_is_in_progress_blocks_what_is_queued_behind_it() {
    let now = START.parse().expect("a time");
    let emulator = emulator(&fleet(&json!({
        "things": [{"name": "r1"}],
        "jobs": [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d", "status": "CANCELED"}],
        "executions": [
            {"job": "a", "thing": "r1", "queuedAt": "1h ago"},
            {"job": "b", "thing": "r1", "queuedAt": "3h ago"},
            {"job": "c", "thing": "r1", "queuedAt": "2h ago", "status": "IN_PROGRESS"},
            {"job": "d", "thing": "r1", "queuedAt": "9h ago"},
        ],
    })));
    emulator.store(|store| {
        let order = |store: &Store| -> Vec<String> {
            store.pending("r1").into_iter().map(|(job, _)| job.to_owned()).collect()
        };
        assert_eq!(order(store), ["c", "b", "a"]);
        let forced = Cancel { force: true, ..Cancel::default() };
        store.cancel("r1", "c", forced, now).expect("force cancels what is in progress");
        assert_eq!(order(store), ["b", "a"]);
    });
}

#[tokio::test]
async fn a_job_reaches_things_and_the_members_of_groups_once_each() {
    let now = START.parse().expect("a time");
    let emulator = emulator(&fleet(&json!({
        "things": [{"name": "r1", "groups": ["berlin"]}, {"name": "r2", "groups": ["berlin"]}],
    })));
    let new = rescind::emulator::NewJob {
        targets: vec![Target::Thing("r1".to_owned()), Target::Group("berlin".to_owned())],
        ..rescind::emulator::NewJob::default()
    };
    emulator.store(|store| {
        store.create_job("fw", new.clone(), now).expect("the targets are there");
        assert_eq!(store.job("fw").expect("the job").count(&Status::Queued), 2);
        let again = store.create_job("fw", new, now).map_err(|refusal| refusal.code());
        assert_eq!(again, Err("ResourceAlreadyExistsException"));
    });
}

//! Devices that live by themselves, on a clock that stands until it is moved.

use jiff::SignedDuration;
use rescind::emulator::{Cancel, Emulator, NewJob, Target};
use rescind::execution::ExecutionStatus as Status;
use serde_json::{Value, json};

use super::support::{START_SECONDS, emulator, fleet, get, one, serve};

/// One robot with this behavior, and job `fw` that waits for it since now.
fn robot(behavior: &Value) -> Emulator {
    alive(&json!({
        "things": [{"name": "r1", "behavior": behavior}],
        "jobs": [{"id": "fw"}],
        "executions": [{"job": "fw", "thing": "r1"}],
    }))
}

fn alive(spec: &Value) -> Emulator {
    let emulator = emulator(&fleet(spec));
    emulator.stop_time(true);
    emulator
}

fn pass(emulator: &Emulator, minutes: i64) {
    emulator.advance(SignedDuration::from_mins(minutes)).expect("time goes on");
}

/// Status, version and what was reported of `fw` on the robot.
fn seen(emulator: &Emulator) -> (Status, i64, String) {
    emulator.store(|store| {
        let execution = store.execution("r1", "fw", None).expect("it is there");
        let details: Vec<String> =
            execution.details().iter().map(|(key, value)| format!("{key} {value}")).collect();
        (execution.status.clone(), execution.version, details.join(", "))
    })
}

fn told(status: Status, version: i64, details: &str) -> (Status, i64, String) {
    (status, version, details.to_owned())
}

#[tokio::test]
async fn a_device_picks_up_reports_each_phase_and_finishes() {
    let emulator = robot(&json!({
        "picksUpAfter": "2m", "takes": "10m", "reportsEvery": "4m", "phases": ["download", "flash"],
    }));
    for (minutes, expected) in [
        (1, told(Status::Queued, 1, "")),
        (1, told(Status::InProgress, 2, "phase download, progress 0")),
        (3, told(Status::InProgress, 2, "phase download, progress 0")),
        (1, told(Status::InProgress, 3, "phase download, progress 40")),
        (4, told(Status::InProgress, 4, "phase flash, progress 80")),
        (2, told(Status::Succeeded, 5, "phase flash, progress 100")),
        (1_000, told(Status::Succeeded, 5, "phase flash, progress 100")),
    ] {
        pass(&emulator, minutes);
        assert_eq!(seen(&emulator), expected);
    }
    emulator.store(|store| {
        let execution = store.execution("r1", "fw", None).expect("it is there");
        let at = |minutes: i64| START_SECONDS + minutes * 60;
        assert_eq!(execution.started_at, Some(at(2)));
        assert_eq!(execution.last_updated_at, at(12), "not when somebody looked");
        assert_eq!(store.job("fw").expect("the job").status.as_str(), "COMPLETED");
    });
}

#[tokio::test]
async fn a_device_that_hangs_is_silent_until_a_cancel_sets_it_free_for_the_next() {
    let emulator = alive(&json!({
        "things": [{"name": "r1", "behavior": {
            "phases": ["download", "flash"], "ends": {"hangs": 1}, "hangsIn": "flash",
        }}],
        "jobs": [{"id": "fw"}, {"id": "next"}],
        "executions": [
            {"job": "fw", "thing": "r1", "queuedAt": "2m ago"},
            {"job": "next", "thing": "r1", "queuedAt": "1m ago"},
        ],
    }));
    pass(&emulator, 60);
    let stuck = told(Status::InProgress, 9, "phase flash, progress 70");
    assert_eq!(seen(&emulator), stuck);
    pass(&emulator, 60 * 24 * 30);
    assert_eq!(seen(&emulator), stuck);
    let next = |emulator: &Emulator| {
        emulator.store(|store| store.execution("r1", "next", None).expect("it").status.clone())
    };
    assert_eq!(next(&emulator), Status::Queued, "it waits behind the one that hangs");
    let now = emulator.now();
    let force = Cancel { force: true, ..Cancel::default() };
    emulator.store(|store| store.cancel("r1", "fw", force, now)).expect("it is open");
    pass(&emulator, 1);
    assert_eq!(next(&emulator), Status::InProgress);
}

#[tokio::test]
async fn what_was_stuck_when_the_fleet_began_stays_so() {
    let emulator = alive(&json!({
        "things": [{"name": "r1", "behavior": {"ends": {"hangs": 1}}}],
        "jobs": [{"id": "fw"}],
        "executions": [{
            "job": "fw", "thing": "r1", "status": "IN_PROGRESS", "startedAt": "9h ago",
            "versionNumber": 7, "statusDetails": {"phase": "flash"},
        }],
    }));
    pass(&emulator, 600);
    assert_eq!(seen(&emulator), told(Status::InProgress, 7, "phase flash"));
}

#[tokio::test]
async fn a_device_can_fail_on_its_way_or_reject_before_it_begins() {
    let failing = robot(&json!({"ends": {"fails": 1}}));
    let rejecting = robot(&json!({"ends": {"rejects": 1}}));
    for (emulator, status) in [(failing, Status::Failed), (rejecting, Status::Rejected)] {
        pass(&emulator, 1);
        assert_eq!(seen(&emulator).0 == Status::Rejected, status == Status::Rejected);
        pass(&emulator, 10);
        assert_eq!(seen(&emulator).0, status);
    }
}

#[tokio::test]
async fn a_device_that_is_offline_does_nothing_and_goes_on_when_it_is_back() {
    let emulator = robot(&json!({"takes": "30m", "onlineFor": "5m", "offlineFor": "10m"}));
    let connected = |emulator: &Emulator| {
        emulator.store(|store| {
            let known = store.registry.thing("r1").expect("it is there").connectivity;
            let known = known.expect("it is known");
            (known.connected, known.since.map(|at| (at - START_SECONDS) / 60))
        })
    };
    for (minutes, connection, execution) in [
        (4, (true, Some(0)), told(Status::InProgress, 5, "progress 10")),
        (10, (false, Some(5)), told(Status::InProgress, 5, "progress 10")),
        (1, (true, Some(15)), told(Status::InProgress, 6, "progress 46")),
        (5, (false, Some(20)), told(Status::InProgress, 10, "progress 60")),
        (11, (true, Some(30)), told(Status::Succeeded, 12, "progress 100")),
    ] {
        pass(&emulator, minutes);
        assert_eq!((connected(&emulator), seen(&emulator)), (connection, execution));
    }
    let emulator = robot(&json!({"picksUpAfter": "10m", "onlineFor": "5m"}));
    pass(&emulator, 60 * 24 * 365);
    assert_eq!(connected(&emulator), (false, Some(5)), "it went for good");
    assert_eq!(seen(&emulator).0, Status::Queued);
}

#[tokio::test]
async fn timers_and_retries_hold_for_living_devices_too() {
    let emulator = alive(&json!({
        "things": [{"name": "r1", "behavior": {"ends": {"hangs": 1}}}],
        "jobs": [{
            "id": "fw", "timeoutMinutes": 20, "targets": {"things": ["r1"]},
            "retry": [{"failureType": "TIMED_OUT", "numberOfRetries": 2}],
        }],
        "executions": [{"job": "fw", "thing": "r1"}],
    }));
    pass(&emulator, 600);
    emulator.store(|store| {
        let ended: Vec<_> = store
            .job("fw")
            .expect("the job")
            .executions()
            .map(|(_, it)| (it.number, it.status.clone(), it.last_updated_at - START_SECONDS))
            .collect();
        let minutes = |n: i64| n * 60;
        assert_eq!(
            ended,
            [
                (1, Status::TimedOut, minutes(21)),
                (2, Status::TimedOut, minutes(42)),
                (3, Status::TimedOut, minutes(63)),
            ]
        );
    });
}

/// Fifty robots that do all sorts of things.
fn varied(seed: u64) -> Emulator {
    alive(&json!({
        "seed": seed,
        "groups": ["all"],
        "things": [{"name": "r{n:02}", "count": 50, "groups": ["all"], "behavior": {
            "takes": "30m", "phases": ["download", "flash", "boot"], "varyPercent": 50,
            "ends": {"succeeds": 5, "fails": 2, "rejects": 1, "hangs": 2}, "onlineFor": "40m",
            "offlineFor": "7m",
        }}],
        "jobs": [{"id": "fw-{n}", "count": 3, "targets": {"groups": ["all"]}}],
        "executions": [{"job": "fw-{n}", "jobCount": 3, "thing": "r{n:02}", "count": 50}],
    }))
}

#[tokio::test]
async fn the_same_seed_is_the_same_life_however_time_passes() {
    let (leap, steps, other) = (varied(7), varied(7), varied(8));
    pass(&leap, 120);
    for _ in 0..120 {
        pass(&steps, 1);
    }
    pass(&other, 120);
    assert_eq!(leap.snapshot(), steps.snapshot());
    assert_ne!(leap.snapshot()["spec"]["executions"], other.snapshot()["spec"]["executions"]);
    let statuses = |emulator: &Emulator| {
        emulator.store(|store| {
            Status::KNOWN
                .iter()
                .filter(|it| (1..=3).any(|n| store.job(&format!("fw-{n}")).unwrap().count(it) > 0))
                .cloned()
                .collect::<Vec<_>>()
        })
    };
    let all = [Status::Queued, Status::InProgress, Status::Succeeded, Status::Failed];
    assert_eq!(statuses(&leap), [&all[..], &[Status::Rejected]].concat());
}

#[tokio::test]
async fn a_snapshot_of_a_living_fleet_lives_on() {
    let first = varied(7);
    pass(&first, 45);
    let document = serde_json::from_value(first.snapshot()).expect("a fleet's shape");
    let mut findings = rescind::document::finding::Findings::default();
    let fleet = rescind::fleet::compile(document, &mut findings).expect("a right fleet");
    let second = emulator(&fleet);
    second.stop_time(true);
    pass(&second, 45);
    let running = |emulator: &Emulator| {
        let spec = emulator.snapshot()["spec"].clone();
        let open = |row: &&Value| row["status"] == "IN_PROGRESS";
        spec["executions"].as_array().expect("a list").iter().filter(open).cloned().collect()
    };
    let (before, again): (Vec<Value>, Vec<Value>) = (running(&first), running(&second));
    assert!(!before.is_empty());
    assert_eq!(before, again);
    for emulator in [&first, &second] {
        pass(emulator, 20);
    }
    let ends = |emulator: &Emulator| {
        let spec = emulator.snapshot()["spec"].clone();
        let rows = spec["executions"].as_array().expect("a list").clone();
        let same = |row: &&Value| {
            before.iter().any(|it| it["job"] == row["job"] && it["thing"] == row["thing"])
        };
        rows.iter().filter(same).cloned().collect::<Vec<_>>()
    };
    assert_eq!(ends(&first), ends(&second), "what was begun goes on as it would have");
}

#[tokio::test]
async fn a_job_of_later_reaches_a_device_that_slept_and_a_deleted_thing_has_none() {
    let emulator = alive(&json!({
        "things": [{"name": "r1", "behavior": {}}, {"name": "r2", "behavior": {}}],
    }));
    pass(&emulator, 600);
    let now = emulator.now();
    emulator.store(|store| {
        let targets = ["r1", "r2"].map(|name| Target::Thing(name.to_owned())).to_vec();
        store.create_job("fw", NewJob { targets, ..NewJob::default() }, now).expect("a new job");
        store.delete_thing("r2", None, now).expect("it is there");
    });
    pass(&emulator, 20);
    let status = |thing| {
        emulator.store(|store| store.execution(thing, "fw", None).expect("it").status.clone())
    };
    assert_eq!((status("r1"), status("r2")), (Status::Succeeded, Status::Queued));
}

#[tokio::test]
async fn what_devices_do_can_be_watched_and_hurried() {
    let emulator = alive(&json!({
        "things": [
            {"name": "r1", "behavior": {"picksUpAfter": "1h"}},
            {"name": "r2", "behavior": {"takes": "1h"}},
            {"name": "r3", "behavior": {"ends": {"hangs": 1}}},
            {"name": "r4", "behavior": {}},
            {"name": "r5", "behavior": {"onlineFor": "1m"}},
            {"name": "r6"},
        ],
        "jobs": [{"id": "fw"}],
        "executions": [
            {"job": "fw", "thing": "r{n}", "count": 3},
            {"job": "fw", "thing": "r5"},
            {"job": "fw", "thing": "r6"},
        ],
    }));
    let address = serve(&emulator).await;
    super::support::advance(address, "30m").await;
    let devices = get(address, "/_emulator/devices").await.body;
    assert_eq!(
        devices["counts"],
        json!({"idle": 1, "waiting": 1, "working": 1, "hanging": 1, "offline": 1})
    );
    assert_eq!(
        devices["devices"][1],
        json!({
            "thingName": "r2", "does": "working", "jobId": "fw", "executionNumber": 1,
            "status": "IN_PROGRESS", "lastUpdatedAt": START_SECONDS + 1800,
            "statusDetails": {"progress": "48"},
        })
    );
    let far = json!({"advance": "400d"});
    super::support::refused(address, "POST", "/_emulator/clock", &far, "InvalidRequestException")
        .await;
    let none = serve(&super::support::emulator(&one(&json!({})))).await;
    assert_eq!(get(none, "/_emulator/devices").await.body["devices"], json!([]));
}

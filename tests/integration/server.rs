//! What a running controller shows, over HTTP, and to whom.

mod http;
mod page;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rescind::cli::args::Color;
use rescind::cli::output::{Output, status::text};
use rescind::inventory::Problem;
use rescind::plan::Memory;
use rescind::policy::PolicySet;
use rescind::server::metrics::{METRICS, Scrape};
use rescind::status::report::Reporter;
use rescind::status::{
    Account, Breaker, Budget, Calls, Failure, Guard, Pass, Policy, Root, STUCK_AFTER, Snapshot,
    Status, Tally, Unready, Window,
};

use crate::emulator::clients::{configured, path};

pub fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// A controller in the middle of its life, with something of everything.
pub fn busy() -> Snapshot {
    let ago = |seconds: i64| Timestamp::from_second(now().as_second() - seconds).unwrap();
    let mut snapshot = Snapshot::new(ago(3_600), "policies".to_owned());
    snapshot.root = Arc::new(Root {
        revision: Some("3f2a1b9c4d5e6f708192a3b4c5d6e7f809a1b2c3-dirty".to_owned()),
        path: "policies".to_owned(),
        loaded: true,
        unread: None,
        digest: "ab".repeat(32),
        broken: vec!["half.yaml".to_owned()],
        all_wait: false,
    });
    let budget = Budget {
        limit: "50 per 1h".to_owned(),
        size: 50,
        spent: 50,
        unknown_past: 0,
        left: 0,
        refills_at: Some("2026-03-01T12:20:00Z".parse().unwrap()),
        halted: None,
    };
    let stuck = Policy {
        name: "stuck".to_owned(),
        mode: "Enforce".to_owned(),
        state: "active".to_owned(),
        path: "stuck.yaml".to_owned(),
        digest: "cd".repeat(32),
        executions: BTreeMap::from([("budgetExhausted".to_owned(), 7), ("noMatch".to_owned(), 3)]),
        observed: 0,
        budgets: vec![budget],
        window: Some(Window {
            open: false,
            changes_at: Some("2026-03-02T00:00:00Z".parse().unwrap()),
        }),
    };
    let watching = Policy {
        name: "watching".to_owned(),
        mode: "Observe".to_owned(),
        state: "held".to_owned(),
        path: "half.yaml".to_owned(),
        observed: 4,
        ..stuck.clone()
    };
    snapshot.policies = Arc::new(vec![
        stuck,
        Policy { executions: BTreeMap::new(), budgets: Vec::new(), window: None, ..watching },
    ]);
    snapshot.breakers = Arc::new(vec![
        Breaker { name: "error".to_owned(), limit: 20, cases: 40, bad: 3, ..Breaker::default() },
        Breaker {
            name: "clock".to_owned(),
            open: true,
            limit: 60,
            since: Some(now()),
            why: Some("AWS's clock is 2m ahead of this machine's, and 1m are allowed".to_owned()),
            ..Breaker::default()
        },
    ]);
    snapshot.guards = Arc::new(vec![Guard {
        name: "fleet-guard".to_owned(),
        standing: "missing".to_owned(),
        path: "guards.yaml".to_owned(),
        budgets: vec![Budget {
            limit: "10 forced per 1h".to_owned(),
            size: 10,
            spent: 4,
            unknown_past: 0,
            left: 6,
            refills_at: None,
            halted: Some(9),
        }],
    }]);
    snapshot.pass = Some(Arc::new(Pass {
        at: ago(60),
        seconds: 2.5,
        observed: true,
        executions: 12,
        reasons: BTreeMap::from([
            ("budgetExhausted".to_owned(), 7),
            ("factUnknown".to_owned(), 2),
            ("noMatch".to_owned(), 3),
        ]),
        unknown: BTreeMap::from([("thing.attributes".to_owned(), 2)]),
        recreated: 1,
        problems: vec![Problem {
            what: "QUEUED executions of job fw".to_owned(),
            why: "denied".to_owned(),
        }],
    }));
    snapshot.paused = Some("the plant is on fire".into());
    snapshot.next_look = Some("2026-03-01T12:04:00Z".parse().unwrap());
    snapshot.tally = Tally {
        passes: 11,
        failed: 1,
        buckets: [1, 0, 2, 8, 0, 1, 0, 0, 0, 0],
        seconds: 99.5,
        endings: BTreeMap::from([("canceled".to_owned(), 50), ("superseded".to_owned(), 2)]),
        since: BTreeMap::from([("canceled".to_owned(), 5)]),
        forced: 20,
    };
    snapshot.errors = Arc::new(vec![Failure {
        at: ago(1_800),
        what: "nothing could be observed".to_owned(),
        ..Failure::default()
    }]);
    snapshot.account = Some(Arc::new(Account {
        partition: "aws".to_owned(),
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
    }));
    snapshot
}

pub fn status(snapshot: &Snapshot) -> Status {
    let calls = |sent, throttled, rate| Calls { sent, throttled, rate };
    let calls = BTreeMap::from([
        ("CancelJobExecution".to_owned(), calls(50, 1, Some(4.0))),
        ("ListJobs".to_owned(), calls(36, 0, None)),
    ]);
    Status { rescind: "1.2.3".to_owned(), ..snapshot.status(now(), -0.25, calls, Some(8.0)) }
}

pub fn exposition(snapshot: Snapshot) -> String {
    let status = status(&snapshot);
    Scrape { status, tally: snapshot.tally, resident_bytes: Some(1 << 24) }.text().unwrap()
}

#[test]
fn the_exposition_of_a_busy_controller() {
    insta::assert_snapshot!(exposition(busy()));
}

#[test]
fn the_status_of_a_busy_controller_as_people_read_it() {
    let output = Output::new(Color::Never);
    insta::assert_snapshot!(text(&status(&busy()), output));
    // What is left alone is left so by what AWS answered, if this process has met it.
    let mut waits = busy();
    let mut pass = Pass::clone(waits.pass.as_deref().unwrap());
    pass.reasons.insert("backingOff".to_owned(), 2);
    waits.pass = Some(Arc::new(pass));
    let unmet = text(&status(&waits), output);
    let said = "\n  2 left alone for a while: an earlier cancel failed, or is not settled yet; ";
    assert!(unmet.contains(&format!("{said}`rescind audit` says what happened\n")), "{unmet}");
    let refused = Failure {
        what: "CancelJobExecution for job fw on r001: needs iot:CancelJobExecution".to_owned(),
        operation: Some("CancelJobExecution".to_owned()),
        kind: Some("denied".to_owned()),
        count: 2,
        at: now() - jiff::SignedDuration::from_mins(1),
        ..Failure::default()
    };
    let later = waits.errors[0].clone();
    waits.errors = Arc::new(vec![refused, later]);
    let met = text(&status(&waits), output);
    let latest = "the latest, 1m ago: denied: CancelJobExecution for job fw on r001";
    assert!(met.contains(&format!("{said}{latest}")), "{met}");
}

#[test]
fn a_budget_refills_when_each_of_its_limits_does() {
    let limit = |limit: &str, left, minutes: Option<i64>| Budget {
        limit: limit.to_owned(),
        size: 5,
        left,
        refills_at: minutes.map(|it| now() + jiff::SignedDuration::from_mins(it)),
        ..Budget::default()
    };
    let told = |budgets: Vec<Budget>| {
        let mut snapshot = busy();
        let mut policies = Vec::clone(&snapshot.policies);
        policies[0].budgets = budgets;
        snapshot.policies = Arc::new(policies);
        let text = text(&status(&snapshot), Output::new(Color::Never));
        let line = text.lines().find(|line| line.starts_with("stuck ")).unwrap();
        line[line.find("0 of 5").unwrap()..].to_owned()
    };
    let (hour, day) = (limit("5 per 1h", 0, Some(20)), limit("5 per 1d", 0, Some(300)));
    assert_eq!(
        told(vec![hour.clone(), day]),
        "0 of 5 left (5 per 1h), 0 of 5 left (5 per 1d, refills in 5h)"
    );
    // What is not empty keeps nothing back, and of what has no time nobody knows when.
    let half = limit("5 per 1d", 2, Some(300));
    assert_eq!(
        told(vec![hour.clone(), half]),
        "0 of 5 left (5 per 1h, refills in 20m), 2 of 5 left (5 per 1d)"
    );
    assert_eq!(
        told(vec![hour.clone(), limit("5 per 1d", 0, None)]),
        "0 of 5 left (5 per 1h), 0 of 5 left (5 per 1d)"
    );
    // Of a guard each limit is told by itself: one for force holds up nothing that goes without.
    let mut snapshot = busy();
    let mut guards = Vec::clone(&snapshot.guards);
    let some = limit("5 per 1d", 2, Some(300));
    guards[0].budgets = vec![hour, limit("0 forced per 1h", 0, None), some];
    snapshot.guards = Arc::new(guards);
    let text = text(&status(&snapshot), Output::new(Color::Never));
    let guard = "0 of 5 left (5 per 1h, refills in 20m), 0 of 5 left (0 forced per 1h), 2 of 5 left (5 per 1d)";
    assert!(text.contains(guard), "{text}");
}

#[test]
fn the_status_document_is_versioned_json() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&status(&busy())).unwrap());
}

#[test]
fn a_status_document_of_another_version_is_read_as_far_as_it_goes() {
    let text = r#"{"format": "rescind/status/v2", "new": {"in": "later"}}"#;
    let newer: Status = serde_json::from_str(text).unwrap();
    assert_eq!(newer, Status { format: "rescind/status/v2".to_owned(), ..Status::default() });
}

#[test]
fn every_metric_stands_in_the_exposition_with_its_labels() {
    let text = exposition(busy());
    for metric in METRICS {
        let kind = metric.kind.as_str();
        assert!(text.contains(&format!("# TYPE {} {kind}\n", metric.name)), "{metric:?}");
        let sample = text
            .lines()
            .find(|line| line.starts_with(metric.name) && !line.starts_with('#'))
            .unwrap_or_else(|| panic!("{metric:?} has no sample"));
        for label in metric.labels {
            assert!(sample.contains(&format!("{label}=\"")), "{metric:?}: {sample}");
        }
    }
}

#[test]
fn a_controller_is_ready_once_it_has_a_root_and_has_observed() {
    let (root, pass) = (busy().root, busy().pass);
    let new = || Snapshot::new(now(), String::new());
    assert_eq!(new().unready(), [Unready::RootNotLoaded, Unready::NotObserved]);
    let loaded = Snapshot { root: Arc::clone(&root), ..new() };
    assert_eq!(loaded.unready(), [Unready::NotObserved]);
    let ready = Snapshot { pass: pass.clone(), ..loaded };
    assert_eq!(ready.unready(), []);
    let lost = Snapshot { state_held: false, ..ready.clone() };
    assert_eq!(lost.unready(), [Unready::StateNotHeld]);
    let full = Snapshot { state_unwritten: Some("no room".into()), ..ready.clone() };
    assert_eq!(full.unready(), [Unready::StateNotWritten]);
    let blind = Pass { observed: false, ..Pass::clone(&pass.unwrap()) };
    let blind = Snapshot { pass: Some(Arc::new(blind)), ..ready };
    assert_eq!(blind.unready(), [Unready::ObservationFailed]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_does_not_move_is_not_alive() {
    let snapshot = busy();
    assert!(snapshot.is_alive());
    tokio::time::advance(rescind::status::STUCK_AFTER).await;
    assert!(!snapshot.is_alive());
}

#[test]
fn the_strict_parser_of_prometheus_reads_the_exposition() {
    let Some(venv) = configured("RESCIND_CLIENTS_VENV") else { return };
    let folder = tempfile::TempDir::new().unwrap();
    let script = path("openmetrics.py");
    for (name, snapshot) in [("busy", busy()), ("new", Snapshot::new(now(), String::new()))] {
        let file = folder.path().join(name);
        std::fs::write(&file, exposition(snapshot)).unwrap();
        let python = std::process::Command::new(format!("{venv}/bin/python"))
            .arg(&script)
            .arg(&file)
            .output()
            .expect("python starts");
        assert!(python.status.success(), "{name}: {}", String::from_utf8_lossy(&python.stderr));
        let families: Vec<_> =
            String::from_utf8(python.stdout).unwrap().lines().map(str::to_owned).collect();
        let known = METRICS.iter().filter(|metric| families.iter().any(|it| it == metric.name));
        assert_eq!(known.count(), families.len(), "{name}: {families:?}");
        assert!(name == "new" || families.len() == METRICS.len(), "{families:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_told_from_beside_the_loop_does_not_show_that_it_moves() {
    let (reporter, seen) =
        Reporter::new("2026-11-26T00:00:00Z".parse().unwrap(), "root".to_owned());
    tokio::time::advance(STUCK_AFTER / 2).await;
    assert!(seen.borrow().is_alive());
    reporter.state(true, None, Some("the plant is on fire".to_owned()));
    let (nothing, now) = (PolicySet::new([]), "2026-11-26T00:00:00Z".parse().unwrap());
    reporter.root(&nothing, None, Vec::new(), None);
    reporter.stands(&nothing, &Memory::default(), now);
    reporter.failed(now, "the policy root cannot be read");
    assert!(seen.borrow().paused.is_some() && seen.borrow().root.loaded);
    tokio::time::advance(STUCK_AFTER / 2).await;
    assert!(!seen.borrow().is_alive());
    reporter.beat();
    assert!(seen.borrow().is_alive());
}

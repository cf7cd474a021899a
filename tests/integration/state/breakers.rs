//! What a state keeps of the breakers, and across a restart of that on disk.

use jiff::SignedDuration;
use rescind::plan::breaker::{Breaker, Cases, Change, Health, Record};
use rescind::policy::Thresholds;
use rescind::state::State;
use rescind::state::directory::Directory;
use rescind::state::request::{Opening, Resume};
use rescind::state::sqlite::{Fault, SqliteState, read_memory};
use rusqlite::Connection;
use tempfile::TempDir;

use super::support::{begun, in_memory, later, memory, on_disk, open, place};
use crate::plan::support::now;

async fn look(state: &dyn State, seconds: i64) -> Vec<Change> {
    let health = Health { skew: Some(SignedDuration::ZERO), ..Health::default() };
    state.weigh(&health, &Thresholds::default(), later(seconds)).await.expect("it can be written")
}

fn bad(state: &dyn State, cases: u64) {
    state.count(Breaker::Error, Cases { all: cases, bad: cases }, now());
}

/// A state on disk whose breaker is open.
async fn opened() -> (TempDir, Directory, SqliteState) {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    let state = open(&directory).unwrap();
    bad(&state, 20);
    look(&state, 0).await;
    (folder, directory, state)
}

#[tokio::test]
async fn what_is_counted_counts_at_once_and_is_remembered() {
    for make in [in_memory, on_disk] {
        let state = make();
        bad(&*state, 19);
        assert_eq!(look(&*state, 0).await, []);
        bad(&*state, 1);
        let changes = look(&*state, 1).await;
        assert!(matches!(&changes[..], [Change { breaker: Breaker::Error, opened: true, .. }]));
        assert_eq!(look(&*state, 2).await, [], "it is open already");
        assert_eq!(memory(&*state, later(2)).await.breakers, state.breakers());
        assert_eq!(state.breakers().open.len(), 1);
    }
}

#[tokio::test]
async fn an_open_breaker_and_its_cases_outlive_the_process() {
    let (_folder, directory, state) = opened().await;
    let before = state.breakers();
    drop(state);
    let state = open(&directory).unwrap();
    assert_eq!(state.breakers(), before);
    let read = read_memory(&directory, &place(), now()).unwrap().unwrap();
    assert_eq!(read.breakers, before, "and whoever reads beside the writer knows it");
    for minutes in (10..=130).step_by(10) {
        look(&state, minutes * 60).await;
    }
    assert_eq!(state.breakers().open.len(), 0, "an hour without cases, and a calm one");
    drop(state);
    assert_eq!(open(&directory).unwrap().breakers(), Record::default());
}

#[tokio::test]
async fn what_was_counted_becomes_durable_with_the_next_change() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    let state = open(&directory).unwrap();
    bad(&state, 7);
    begun(&state, "a", "r-1", now()).await;
    bad(&state, 1);
    drop(state);
    let state = open(&directory).unwrap();
    let counted: Vec<_> = state.breakers().cases.into_values().collect();
    assert_eq!(counted, [Cases { all: 7, bad: 7 }]);
}

#[tokio::test]
async fn what_cannot_be_written_counts_all_the_same_and_is_written_later() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    let state = open(&directory).unwrap();
    bad(&state, 20);
    state.inject(Some(Fault::ReadOnly));
    let health = Health::default();
    assert!(state.weigh(&health, &Thresholds::default(), now()).await.is_err());
    assert_eq!(state.breakers().open.len(), 1);
    state.inject(None);
    begun(&state, "a", "r-1", now()).await;
    let before = state.breakers();
    drop(state);
    assert_eq!(open(&directory).unwrap().breakers(), before);
}

/// Asks for the breaker for errors to be closed, as it is open now.
fn ask(directory: &Directory, state: &dyn State) {
    let since = state.breakers().open[&Breaker::Error].since;
    let what = Opening { breaker: Breaker::Error, since };
    Resume::ask(directory, &place(), what, "ada@bench").expect("it can be written");
}

/// Why breakers were closed.
fn closed(directory: &Directory) -> Vec<(String, Option<String>)> {
    let connection = Connection::open(directory.file(&place())).expect("it is there");
    let sql = "SELECT breaker, closed_why FROM breakers ORDER BY seq";
    let mut rows = connection.prepare(sql).expect("SQL");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("it can be read");
    rows.map(|row| row.expect("a row")).collect()
}

#[tokio::test]
async fn a_request_closes_a_breaker_once_and_who_asked_is_recorded() {
    let (_folder, directory, state) = opened().await;
    ask(&directory, &state);
    let asked = [(Breaker::Error, "ada@bench".to_owned())];
    assert_eq!(state.resume_asked(later(1)).await.unwrap(), asked);
    assert_eq!(state.resume_asked(later(1)).await.unwrap(), []);
    assert_eq!(state.breakers(), Record::default(), "its cases count no more");
    bad(&state, 20);
    look(&state, 2).await;
    drop(state);
    let resumed = Some("resumed by ada@bench".to_owned());
    assert_eq!(closed(&directory), [("error".to_owned(), resumed), ("error".to_owned(), None)]);
    assert_eq!(open(&directory).unwrap().breakers().open.len(), 1);
}

#[tokio::test]
async fn a_request_that_was_left_behind_does_not_close_what_opened_since() {
    let (_folder, directory, state) = opened().await;
    ask(&directory, &state);
    let left = directory.path().join("123456789012.eu-central-1.error.resume");
    let text = std::fs::read(&left).unwrap();
    assert_eq!(state.resume_asked(later(1)).await.unwrap().len(), 1);
    bad(&state, 20);
    look(&state, 2).await;
    std::fs::write(&left, text).unwrap();
    assert_eq!(state.resume_asked(later(3)).await.unwrap(), []);
    assert_eq!(state.breakers().open.len(), 1);
    assert!(!left.exists(), "it is not asked again");
    // Nor does one that does not say what is meant, as of a disk that was full.
    for half in ["", "ada", "ada@bench\n", "ada@bench\n2026-"] {
        std::fs::write(&left, half).unwrap();
        assert_eq!(state.resume_asked(later(4)).await.unwrap(), [], "{half:?}");
        assert!(!left.exists());
    }
    assert_eq!(state.breakers().open.len(), 1);
}

#[tokio::test]
async fn what_is_closed_on_request_stays_closed_though_its_opening_was_not_written_before() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    let state = open(&directory).unwrap();
    bad(&state, 20);
    state.inject(Some(Fault::ReadOnly));
    assert!(state.weigh(&Health::default(), &Thresholds::default(), now()).await.is_err());
    ask(&directory, &state);
    assert!(state.resume_asked(later(1)).await.is_err());
    assert!(state.unwritten().is_some());
    assert_eq!(state.breakers().open.len(), 1, "it is not closed before that is written");
    state.inject(None);
    assert_eq!(state.resume_asked(later(2)).await.unwrap().len(), 1);
    drop(state);
    assert_eq!(open(&directory).unwrap().breakers(), Record::default());
}

//! Adopted guards, in each state, and across a restart of that on disk.

use std::collections::BTreeSet;

use rescind::policy::{Digest, Origin};
use rescind::state::directory::Directory;
use rescind::state::request::Forget;
use rescind::state::sqlite::{Fault, read_events, read_guards};
use rescind::state::{AdoptedGuard, State};
use rusqlite::Connection;
use tempfile::TempDir;

use super::support::{in_memory, later, on_disk, open, place};
use crate::plan::support::{name, now};

fn adopted(guard: &str, document: &str) -> AdoptedGuard {
    AdoptedGuard {
        name: name(guard),
        origin: Origin { path: format!("{guard}.yaml").into(), line: 3 },
        digest: Digest::of(document.as_bytes()),
        document: document.into(),
    }
}

async fn adopt(state: &dyn State, guards: &[AdoptedGuard], retired: &[&str]) {
    let retired = retired.iter().map(|it| name(it)).collect();
    state.adopt(guards, &retired, now()).await.expect("it can be written");
}

async fn names(state: &dyn State) -> Vec<String> {
    let adopted = state.adopted().await.expect("it can be read");
    adopted.iter().map(|guard| guard.name.to_string()).collect()
}

#[tokio::test]
async fn a_guard_stays_until_it_is_retired_whatever_else_is_adopted() {
    for make in [in_memory, on_disk] {
        let state = make();
        adopt(&*state, &[adopted("b", "{}"), adopted("a", "{}")], &[]).await;
        adopt(&*state, &[adopted("b", "{\"new\": 1}")], &[]).await;
        let kept = state.adopted().await.expect("it can be read");
        assert_eq!(kept, [adopted("a", "{}"), adopted("b", "{\"new\": 1}")]);
        adopt(&*state, &[], &["a", "never"]).await;
        assert_eq!(names(&*state).await, ["b"]);
        adopt(&*state, &[adopted("a", "{}")], &[]).await;
        assert_eq!(names(&*state).await, ["a", "b"]);
    }
}

/// Since when and why guards are no longer in force.
fn ended(directory: &Directory) -> Vec<(String, String)> {
    let connection = Connection::open(directory.file(&place())).expect("it is there");
    let sql = "SELECT name, why FROM guards_ended ORDER BY ended, name";
    let mut rows = connection.prepare(sql).expect("SQL");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("it can be read");
    rows.map(|row| row.expect("a row")).collect()
}

#[tokio::test]
async fn guards_outlive_the_process_and_who_ended_one_is_recorded() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    assert_eq!(read_guards(&directory, &place()).unwrap(), []);
    let all = ["gone", "over", "stays"].map(|guard| adopted(guard, "{}"));
    let state = open(&directory).unwrap();
    adopt(&state, &all, &[]).await;
    adopt(&state, &[], &["over"]).await;
    drop(state);

    let state = open(&directory).unwrap();
    assert_eq!(names(&state).await, ["gone", "stays"]);
    assert_eq!(state.forget_asked(now()).await.unwrap(), BTreeSet::new());
    Forget::ask(&directory, &place(), name("gone"), "ada@bench").unwrap();
    drop(state);

    let state = open(&directory).unwrap();
    assert_eq!(names(&state).await, ["gone", "stays"], "nobody took it in yet");
    assert_eq!(state.forget_asked(later(5)).await.unwrap(), [name("gone")].into());
    assert_eq!(state.forget_asked(later(5)).await.unwrap(), BTreeSet::new());
    assert_eq!(names(&state).await, ["stays"]);
    assert_eq!(read_guards(&directory, &place()).unwrap(), [adopted("stays", "{}")]);
    let why = |guard: &str, text: &str| (guard.to_owned(), text.to_owned());
    let mut expected = vec![why("over", "retired in its document")];
    expected.push(why("gone", "forgotten by ada@bench"));
    assert_eq!(ended(&directory), expected);
    // Those of their names that come back do not take the record with them.
    adopt(&state, &all, &[]).await;
    assert_eq!(names(&state).await, ["gone", "over", "stays"]);
    assert_eq!(ended(&directory), expected);
    adopt(&state, &[], &["over"]).await;
    adopt(&state, &[], &["over"]).await;
    expected.insert(1, why("over", "retired in its document"));
    let mut told = ended(&directory);
    told.sort_by(|a, b| b.cmp(a));
    assert_eq!(told, expected);
    drop(state);
    let events = read_events(&directory.file(&place()), None, None).unwrap();
    assert_eq!(events.iter().filter(|it| it.what == "guardEnded").count(), 3, "{events:?}");
}

#[tokio::test]
async fn what_is_asked_of_another_state_is_not_taken_in() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    let state = open(&directory).unwrap();
    adopt(&state, &[adopted("sqlite", "{}")], &[]).await;
    let mut elsewhere = place();
    elsewhere.region.push('x');
    let request = Forget::ask(&directory, &elsewhere, name("sqlite"), "ada").unwrap();
    assert_eq!(state.forget_asked(now()).await.unwrap(), BTreeSet::new());
    assert_eq!(names(&state).await, ["sqlite"]);
    assert_eq!(Forget::pending(&directory, &elsewhere).unwrap(), std::slice::from_ref(&request));
    assert_eq!(directory.places().unwrap(), [place()], "a request is no state");
    request.remove().unwrap();
    assert_eq!(Forget::pending(&directory, &elsewhere).unwrap(), []);
}

#[tokio::test]
async fn what_cannot_be_forgotten_is_told_and_tried_again() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    let state = open(&directory).unwrap();
    adopt(&state, &[adopted("a", "{}")], &[]).await;
    Forget::ask(&directory, &place(), name("a"), "ada").unwrap();
    state.inject(Some(Fault::ReadOnly));
    let error = state.forget_asked(now()).await.unwrap_err();
    assert_eq!(state.unwritten(), Some(error.to_string()), "and it is not ready");
    state.inject(None);
    state.memory(now()).await.unwrap();
    assert_eq!(state.unwritten(), None, "although the state knows no time yet");
    assert_eq!(state.forget_asked(now()).await.unwrap(), [name("a")].into());
}

#[tokio::test]
async fn those_that_were_forgotten_are_told_although_a_later_one_could_not_be() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    let state = open(&directory).unwrap();
    adopt(&state, &[adopted("a", "{}"), adopted("b", "{}")], &[]).await;
    let raw = Connection::open(directory.file(&place())).unwrap();
    raw.execute_batch(
        "CREATE TRIGGER no BEFORE DELETE ON guards WHEN old.name = 'b' BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .unwrap();
    for guard in ["a", "b"] {
        Forget::ask(&directory, &place(), name(guard), "ada").unwrap();
    }
    assert_eq!(state.forget_asked(now()).await.unwrap(), [name("a")].into());
    assert!(state.forget_asked(now()).await.is_err());
    assert_eq!(names(&state).await, ["b"]);
    raw.execute_batch("DROP TRIGGER no").unwrap();
    assert_eq!(state.forget_asked(now()).await.unwrap(), [name("b")].into());
}

#[tokio::test]
async fn a_request_that_is_not_whole_asks_for_nothing() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    let state = open(&directory).unwrap();
    adopt(&state, &[adopted("a", "{}")], &[]).await;
    let left = directory.path().join("123456789012.eu-central-1.a.forget");
    for half in ["", "ada"] {
        std::fs::write(&left, half).unwrap();
        assert_eq!(state.forget_asked(now()).await.unwrap(), BTreeSet::new());
        assert!(!left.exists(), "it cannot be taken in later either");
    }
    assert_eq!(names(&state).await, ["a"]);
    // Nor does one that cannot be written leave anything.
    std::fs::create_dir(&left).unwrap();
    Forget::ask(&directory, &place(), name("a"), "ada").unwrap_err();
    std::fs::remove_dir(&left).unwrap();
    let names: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap()).collect();
    assert!(names.iter().all(|it| !it.path().to_string_lossy().contains(".forget")), "{names:?}");
}

//! Adopted guards, in each state, and across a restart of that on disk.

use std::collections::BTreeSet;

use rescind::policy::{Digest, Origin};
use rescind::state::directory::Directory;
use rescind::state::request::Forget;
use rescind::state::sqlite::read_guards;
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
fn ended(directory: &Directory) -> Vec<(String, Option<String>)> {
    let connection = Connection::open(directory.file(&place())).expect("it is there");
    let mut rows = connection.prepare("SELECT name, why FROM guards ORDER BY name").expect("SQL");
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
    let why = |text: &str| Some(text.to_owned());
    let expected = [
        ("gone".to_owned(), why("forgotten by ada@bench")),
        ("over".to_owned(), why("retired in its document")),
        ("stays".to_owned(), None),
    ];
    assert_eq!(ended(&directory), expected);
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

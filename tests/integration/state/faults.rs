//! A disk that is full, cannot be written, or does not say whether it has written.

use jiff::SignedDuration;
use rescind::execution::{ExecutionNumber, ExecutionVersion};
use rescind::plan::stable::{Look, Stamp};
use rescind::plan::{Intent, Memory, Outcome};
use rescind::policy::Digest;
use rescind::state::journal::Filter;
use rescind::state::sqlite::{Fault, SqliteState};
use rescind::state::{Begun, Error, Settlement, State};

use super::file::{Disk, id};
use super::support::{begun, charge, ends, intent, later, memory};
use crate::plan::support::{key, name, now};

#[tokio::test]
async fn on_a_full_disk_nothing_begins_and_what_was_begun_is_settled_later() {
    let disk = Disk::new();
    let state = disk.open();
    begun(&state, "a", "r-0", now()).await;
    state.inject(Some(Fault::Full));
    let large = charge(1_000_000);
    let mut told = None;
    for number in 1..1_000 {
        let next = intent(&format!("a-{number}"), &format!("r-{number}"));
        match state.begin(&next, std::slice::from_ref(&large), now()).await {
            Ok(begun) => assert_eq!(begun, Begun::Yes),
            Err(error) => {
                told = Some((number, error));
                break;
            }
        }
    }
    let (number, error) = told.expect("it fills up");
    assert!(matches!(error, Error::Full(_)), "{error}");
    assert!(error.to_string().ends_with("make room there"), "{error}");
    // Nothing of it was taken, neither here nor on disk.
    assert_eq!(memory(&state, now()).await.spent.len(), number);
    let long = Settlement { note: "x".repeat(100_000), ..ends(Outcome::Canceled) };
    assert!(state.settle(&id("a"), &long, later(5)).await.is_err());
    assert_eq!(state.open().await.unwrap().len(), number, "it stays open, with its unit");
    state.inject(None);
    // The next call of any kind writes it, with the time at which it came.
    let memory = memory(&state, later(60)).await;
    assert_eq!((memory.open.len(), memory.spent.len()), (number - 1, number));
    assert_eq!(disk.journal(&Filter::default())[0].settled_at, Some(later(5)));
    drop(state);
    assert_eq!(disk.open().open().await.unwrap().len(), number - 1);
}

#[tokio::test]
async fn on_a_read_only_disk_nothing_begins() {
    let disk = Disk::new();
    let state = disk.open();
    state.inject(Some(Fault::ReadOnly));
    let error = state.begin(&intent("a", "r-1"), &[], now()).await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly(_)), "{error}");
    assert_eq!(memory(&state, now()).await, Memory::default());
}

#[tokio::test]
async fn that_nothing_can_be_written_is_known_until_something_can() {
    let disk = Disk::new();
    let state = disk.open();
    begun(&state, "a", "r-1", now()).await;
    assert_eq!(state.unwritten(), None);
    for fault in [Fault::ReadOnly, Fault::Sync] {
        state.inject(Some(fault));
        let error = state.begin(&intent("b", "r-2"), &[], now()).await.unwrap_err();
        assert_eq!(state.unwritten(), Some(error.to_string()));
        // With nothing to write it is tried all the same.
        memory(&state, now()).await;
        assert!(state.unwritten().is_some());
        state.inject(None);
        memory(&state, now()).await;
        assert_eq!(state.unwritten(), None);
    }
}

/// A disk on which an intent may be or not: it was written, and said not to be synced.
async fn with_an_unsure_intent() -> (Disk, SqliteState) {
    let disk = Disk::new();
    let state = disk.open();
    unsure(&state, async |state| state.begin(&intent("a", "r-1"), &[], now()).await.map(drop))
        .await;
    // The planner's look would write what is known to be so.
    assert_eq!(state.open().await.unwrap(), []);
    (disk, state)
}

/// Makes a change that is written, and said not to be.
async fn unsure(state: &SqliteState, change: impl AsyncFnOnce(&SqliteState) -> Result<(), Error>) {
    state.inject(Some(Fault::Sync));
    assert!(change(state).await.is_err());
    state.inject(None);
}

#[tokio::test]
async fn an_intent_that_may_be_on_disk_is_not_sent_and_the_next_start_finds_it() {
    let (disk, state) = with_an_unsure_intent().await;
    drop(state);
    let open = disk.open().open().await.unwrap();
    assert_eq!(open.iter().map(|it| &it.intent.id).collect::<Vec<_>>(), [&id("a")]);
}

#[tokio::test]
async fn an_intent_that_may_be_on_disk_is_gone_with_the_next_change() {
    let (disk, state) = with_an_unsure_intent().await;
    assert_eq!(begun(&state, "b", "r-1", later(1)).await, Begun::Yes);
    let journal = disk.journal(&Filter::default());
    assert_eq!(journal.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["b"]);
    // One after the other, with no change in between that is made.
    for (name, thing) in [("c", "r-2"), ("d", "r-3")] {
        unsure(&state, async |state| state.begin(&intent(name, thing), &[], now()).await.map(drop))
            .await;
    }
    unsure(&state, async |state| state.settle(&id("b"), &ends(Outcome::Canceled), later(2)).await)
        .await;
    assert_eq!(memory(&state, later(3)).await.open, [].into());
    let journal = disk.journal(&Filter::default());
    assert_eq!(
        journal.iter().map(|it| (&*it.id, it.outcome)).collect::<Vec<_>>(),
        [("b", Some(Outcome::Canceled))]
    );
    drop(state);
    assert_eq!(disk.open().open().await.unwrap(), []);
}

#[tokio::test]
async fn an_attempt_that_may_be_on_disk_is_not_what_the_journal_says() {
    let disk = Disk::new();
    let state = disk.open();
    begun(&state, "a", "r-1", now()).await;
    let at =
        |version| Intent { version: ExecutionVersion::new(version).unwrap(), ..intent("a", "r-1") };
    state.attempt(&at(2), later(1)).await.unwrap();
    unsure(&state, async |state| state.attempt(&at(3), later(2)).await).await;
    state.settle(&id("a"), &ends(Outcome::Superseded), later(3)).await.unwrap();
    let journal = disk.journal(&Filter::default());
    let [entry] = &journal[..] else { panic!("{journal:?}") };
    assert_eq!((entry.version_number.get(), entry.attempts, entry.sent_at), (2, 2, later(1)));
}

#[tokio::test]
async fn what_was_seen_to_match_and_may_be_on_disk_is_not_there_after_the_next_change() {
    let disk = Disk::new();
    let state = disk.open();
    let of = (Digest::of(b"a"), key("fw", "r-1"));
    let stamp = Stamp { number: ExecutionNumber(1), last_updated_at: now(), version: None };
    let look = Look { matched: [(of, stamp)].into(), missed: [].into() };
    let lasts = SignedDuration::from_mins(15);
    unsure(&state, async |state| state.sight(&look, lasts, now()).await).await;
    begun(&state, "a", "r-1", later(1)).await;
    drop(state);
    assert!(memory(&disk.open(), later(2)).await.sightings.is_empty());
}

#[tokio::test]
async fn a_disk_with_room_for_a_small_change_alone_is_full() {
    let disk = Disk::new();
    let state = disk.open();
    begun(&state, "a", "r-1", now()).await;
    state.inject(Some(Fault::Full));
    let large = vec![charge(1_000_000); 5_000];
    assert!(state.begin(&intent("b", "r-2"), &large, now()).await.is_err());
    // A change that needs no more room, and a look.
    state.deny(&name("old"), &"fw".parse().unwrap(), later(1)).await.unwrap();
    memory(&state, later(2)).await;
    assert!(state.unwritten().is_some(), "no intent can be written");
    // An outcome that waits keeps everything else from being sent, whatever else can be written.
    let long = Settlement { note: "x".repeat(100_000), ..ends(Outcome::Canceled) };
    assert!(state.settle(&id("a"), &long, later(3)).await.is_err());
    state.deny(&name("old"), &"fw".parse().unwrap(), later(4)).await.unwrap();
    memory(&state, later(5)).await;
    assert!(state.unwritten().is_some());
    state.inject(None);
    memory(&state, later(6)).await;
    assert_eq!(state.unwritten(), None);
    assert_eq!(disk.journal(&Filter::default()).len(), 1, "what was tried is not there");
}

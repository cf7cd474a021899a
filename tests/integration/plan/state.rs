//! The state in memory keeps the port's promises.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rescind::execution::{ExecutionNumber, ExecutionVersion};
use rescind::plan::{CANCELED_MEMORY, Charge, Counted, Details, Intent, IntentId, Memory, Outcome};
use rescind::policy::Digest;
use rescind::state::memory::MemoryState;
use rescind::state::{Begun, Error, Settlement, State as _, back_off};

use super::support::{key, name, now, unit};

fn intent(id: &str, thing: &str) -> Intent {
    Intent {
        id: IntentId(id.into()),
        key: key("fw", thing),
        number: ExecutionNumber(1),
        version: ExecutionVersion::new(1).expect("1 or more"),
        force: false,
        details: Details { send: BTreeMap::new(), dropped: Vec::new() },
        policy: name("old"),
        digest: Digest::of(b"old"),
    }
}

fn charge(size: u64) -> Charge {
    Charge { counts: Counted::Policy(name("old")), size, per_seconds: 3_600 }
}

fn ends(outcome: Outcome) -> Settlement {
    Settlement {
        outcome,
        no_effect: false,
        request_id: None,
        note: String::new(),
        backs_off: false,
    }
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

async fn begun(state: &MemoryState, id: &str, thing: &str, at: Timestamp) -> Begun {
    state.begin(&intent(id, thing), &[charge(2)], at).await.expect("it can be written")
}

async fn memory(state: &MemoryState, at: Timestamp) -> Memory {
    state.memory(at).await.expect("it can be read")
}

#[tokio::test]
async fn an_intent_takes_a_unit_until_a_window_after_it_was_settled() {
    let state = MemoryState::default();
    assert_eq!(begun(&state, "a", "r-1", now()).await, Begun::Yes);
    let seen = memory(&state, now()).await;
    assert_eq!(seen.spent, [unit("old", None)]);
    assert_eq!(seen.open, [key("fw", "r-1")].into());
    // It counts for as long as it is open, however long that is.
    assert_eq!(begun(&state, "b", "r-2", later(9_000)).await, Begun::Yes);
    assert_eq!(begun(&state, "c", "r-3", later(9_000)).await, Begun::OverBudget(charge(2)));
    assert_eq!(memory(&state, later(9_000)).await.open.len(), 2, "nothing was written");

    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Canceled), later(9_000)).await.expect("it is open");
    assert_eq!(begun(&state, "d", "r-3", later(12_599)).await, Begun::OverBudget(charge(2)));
    assert_eq!(begun(&state, "d", "r-3", later(12_600)).await, Begun::Yes);
}

#[tokio::test]
async fn an_intent_takes_one_unit_that_each_limit_counts_or_not() {
    let state = MemoryState::default();
    let limit = |counts| Charge { counts, size: 1, per_seconds: 3_600 };
    let (all, forced) = (limit(Counted::All), limit(Counted::Forced));
    let begun = async |id: &str, thing: &str, force: bool, charge: &Charge| {
        let intent = Intent { force, ..intent(id, thing) };
        state.begin(&intent, std::slice::from_ref(charge), now()).await.expect("it can be written")
    };
    assert_eq!(begun("a", "r-1", false, &forced).await, Begun::Yes);
    assert_eq!(begun("b", "r-2", false, &all).await, Begun::OverBudget(all.clone()));
    assert_eq!(begun("b", "r-2", true, &forced).await, Begun::Yes);
    assert_eq!(begun("c", "r-3", true, &forced).await, Begun::OverBudget(forced));
    let forced: Vec<_> = memory(&state, now()).await.spent.iter().map(|it| it.forced).collect();
    assert_eq!(forced, [false, true]);
}

#[tokio::test]
async fn every_charge_must_have_room_or_none_is_taken() {
    let state = MemoryState::default();
    let charges = [charge(5), charge(0)];
    let answer = state.begin(&intent("a", "r-1"), &charges, now()).await.expect("written");
    assert_eq!(answer, Begun::OverBudget(charge(0)));
    assert_eq!(memory(&state, now()).await, Memory::default());
}

#[tokio::test]
async fn one_execution_has_one_open_intent() {
    let state = MemoryState::default();
    assert_eq!(begun(&state, "a", "r-1", now()).await, Begun::Yes);
    assert_eq!(begun(&state, "b", "r-1", now()).await, Begun::AlreadyOpen);
    assert_eq!(memory(&state, now()).await.spent.len(), 1);
    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Superseded), now()).await.expect("it is open");
    assert_eq!(begun(&state, "b", "r-1", now()).await, Begun::Yes);
}

#[tokio::test]
async fn a_unit_is_given_back_only_where_nothing_took_effect() {
    for outcome in Outcome::ALL {
        for no_effect in [false, true] {
            let state = MemoryState::default();
            begun(&state, "a", "r-1", now()).await;
            let settlement = Settlement { no_effect, ..ends(outcome) };
            let id = IntentId("a".into());
            state.settle(&id, &settlement, now()).await.expect("it is open");
            let seen = memory(&state, now()).await;
            let expected = if no_effect { vec![] } else { vec![unit("old", Some(now()))] };
            assert_eq!(seen.spent, expected, "{outcome:?}");
            let remembered = matches!(outcome, Outcome::Canceled | Outcome::CanceledUnattributed);
            assert_eq!(!seen.canceled.is_empty(), remembered, "{outcome:?}");
            assert!(seen.open.is_empty());
        }
    }
}

#[tokio::test]
async fn what_is_not_open_can_neither_be_settled_nor_tried_again() {
    let state = MemoryState::default();
    let id = IntentId("a".into());
    let settled =
        async |state: &MemoryState| state.settle(&id, &ends(Outcome::Canceled), now()).await;
    assert!(matches!(settled(&state).await, Err(Error::NotOpen(it)) if it == id));
    assert!(state.attempt(&intent("a", "r-1")).await.is_err());
    begun(&state, "a", "r-1", now()).await;
    state.attempt(&intent("a", "r-1")).await.expect("it is open");
    settled(&state).await.expect("it is open");
    assert!(settled(&state).await.is_err(), "twice");
}

#[tokio::test]
async fn a_cancel_is_remembered_for_a_quarter_of_an_hour() {
    assert_eq!(CANCELED_MEMORY, SignedDuration::from_mins(15));
    let state = MemoryState::default();
    begun(&state, "a", "r-1", now()).await;
    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Canceled), now()).await.expect("it is open");
    let numbers = BTreeMap::from([(ExecutionNumber(1), now())]);
    assert_eq!(memory(&state, later(899)).await.canceled, [(key("fw", "r-1"), numbers)].into());
    assert!(memory(&state, later(900)).await.canceled.is_empty());
}

#[tokio::test]
async fn what_fails_in_a_row_is_left_alone_longer_each_time() {
    let minutes: Vec<_> = (1..=9).map(|n| back_off(n).as_secs() / 60).collect();
    assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    let state = MemoryState::default();
    let key = key("fw", "r-1");
    for minutes in [1, 2, 4] {
        state.back_off(&key, now()).await.expect("it can be written");
        let until = memory(&state, now()).await.backing_off[&key];
        assert_eq!(until, later(minutes * 60));
    }
    // A success ends the row.
    begun(&state, "a", "r-1", now()).await;
    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Superseded), now()).await.expect("it is open");
    assert!(memory(&state, now()).await.backing_off.is_empty());
    // So does a long time without a failure.
    state.back_off(&key, now()).await.expect("it can be written");
    assert!(memory(&state, later(3_700)).await.backing_off.is_empty());
    state.back_off(&key, later(3_700)).await.expect("it can be written");
    assert_eq!(memory(&state, later(3_700)).await.backing_off[&key], later(3_760));
}

#[tokio::test]
async fn time_never_goes_back() {
    let state = MemoryState::default();
    memory(&state, later(600)).await;
    begun(&state, "a", "r-1", now()).await;
    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Canceled), now()).await.expect("it is open");
    // A unit that was settled by a clock that went back stays as long as by one that did not.
    let seen = memory(&state, now()).await;
    assert_eq!(seen.spent, [unit("old", Some(later(600)))]);
    assert_eq!(seen.canceled[&key("fw", "r-1")][&ExecutionNumber(1)], later(600));
    state.back_off(&key("fw", "r-2"), now()).await.expect("it can be written");
    assert_eq!(memory(&state, now()).await.backing_off[&key("fw", "r-2")], later(660));
}

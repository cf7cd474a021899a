//! What the port promises, shown of each state: that in memory, and that on disk.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rescind::execution::{ExecutionNumber, ExecutionVersion};
use rescind::plan::stable::{Look, Sighting, Stamp};
use rescind::plan::{CANCELED_MEMORY, Charge, Counted, Intent, IntentId, Memory, Outcome};
use rescind::policy::Digest;
use rescind::state::{Begun, DENIED_FOR, Error, Settlement, State, back_off};

use super::support::{Make, begun, charge, ends, in_memory, intent, later, memory, on_disk};
use crate::plan::support::{key, name, now, unit};

/// Each test once over each state.
macro_rules! over_both {
    ($($name:ident),+ $(,)?) => {
        mod the_state_in_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::in_memory).await;
            })+
        }

        mod the_state_on_disk {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::on_disk).await;
            })+
        }
    };
}

over_both! {
    an_intent_takes_a_unit_until_a_window_after_it_was_settled,
    an_intent_takes_one_unit_that_each_limit_counts_or_not,
    every_charge_must_have_room_or_none_is_taken,
    one_execution_has_one_open_intent,
    a_unit_is_given_back_only_where_nothing_took_effect,
    what_is_not_open_can_neither_be_settled_nor_tried_again,
    a_cancel_is_remembered_for_a_quarter_of_an_hour,
    what_fails_in_a_row_is_left_alone_longer_each_time,
    time_never_goes_back,
    what_matched_is_kept_from_look_to_look,
}

async fn what_matched_is_kept_from_look_to_look(make: Make) {
    let state = make();
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let lasts = SignedDuration::from_secs(900);
    let seen = async |at: i64| (*memory(&*state, later(at)).await.sightings).clone();
    let sighting = |since: i64, at: i64| Sighting {
        stamp: stamp(0),
        since: later(since),
        until: later(at) + lasts,
    };
    let of = |digest: &Digest, thing: &str| (digest.clone(), key("fw", thing));
    let look = |digest: &Digest, matched: &[(&str, i64)], missed: &[&str]| Look {
        matched: matched.iter().map(|(thing, moved)| (of(digest, thing), stamp(*moved))).collect(),
        missed: missed.iter().map(|thing| of(digest, thing)).collect(),
    };
    state.sight(&look(&a, &[("r-1", 0), ("r-2", 0)], &[]), lasts, later(0)).await.unwrap();
    state.sight(&look(&b, &[("r-1", 0)], &[]), lasts, later(60)).await.unwrap();
    let both = [
        (of(&a, "r-1"), sighting(0, 0)),
        (of(&a, "r-2"), sighting(0, 0)),
        (of(&b, "r-1"), sighting(60, 60)),
    ];
    assert_eq!(seen(60).await, both.into());
    // One goes on, one does not match any more; of the other policy nothing was looked at.
    state.sight(&look(&a, &[("r-1", 0)], &["r-2"]), lasts, later(300)).await.unwrap();
    let after = [(of(&a, "r-1"), sighting(0, 300)), (of(&b, "r-1"), sighting(60, 60))];
    assert_eq!(seen(300).await, after.into());
    // It moves, and what nobody looks at for too long is forgotten.
    state.sight(&look(&a, &[("r-1", 1)], &[]), lasts, later(960)).await.unwrap();
    let moved = Sighting { stamp: stamp(1), ..sighting(960, 960) };
    assert_eq!(seen(960).await, [(of(&a, "r-1"), moved)].into());
    // A look at nothing writes nothing.
    state.sight(&Look::default(), lasts, later(9_000)).await.unwrap();
    assert_eq!(seen(961).await.len(), 1);
}

fn stamp(moved: i64) -> Stamp {
    // As precise as AWS may be.
    let last_updated_at = later(moved) + SignedDuration::from_nanos(7);
    let version = ExecutionVersion::new(moved);
    Stamp { number: ExecutionNumber(1), last_updated_at, version }
}

async fn an_intent_takes_a_unit_until_a_window_after_it_was_settled(make: Make) {
    let state = make();
    assert_eq!(begun(&*state, "a", "r-1", now()).await, Begun::Yes);
    let seen = memory(&*state, now()).await;
    assert_eq!(seen.spent, [unit("old", None)]);
    assert_eq!(seen.open, [key("fw", "r-1")].into());
    // It counts for as long as it is open, however long that is.
    assert_eq!(begun(&*state, "b", "r-2", later(9_000)).await, Begun::Yes);
    assert_eq!(begun(&*state, "c", "r-3", later(9_000)).await, Begun::OverBudget(charge(2)));
    assert_eq!(memory(&*state, later(9_000)).await.open.len(), 2, "nothing was written");

    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Canceled), later(9_000)).await.expect("it is open");
    assert_eq!(begun(&*state, "d", "r-3", later(12_599)).await, Begun::OverBudget(charge(2)));
    assert_eq!(begun(&*state, "d", "r-3", later(12_600)).await, Begun::Yes);
}

async fn an_intent_takes_one_unit_that_each_limit_counts_or_not(make: Make) {
    let state = make();
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
    let forced: Vec<_> = memory(&*state, now()).await.spent.iter().map(|it| it.forced).collect();
    assert_eq!(forced, [false, true]);
}

async fn every_charge_must_have_room_or_none_is_taken(make: Make) {
    let state = make();
    let charges = [charge(5), charge(0)];
    let answer = state.begin(&intent("a", "r-1"), &charges, now()).await.expect("written");
    assert_eq!(answer, Begun::OverBudget(charge(0)));
    assert_eq!(memory(&*state, now()).await, Memory::default());
}

async fn one_execution_has_one_open_intent(make: Make) {
    let state = make();
    assert_eq!(begun(&*state, "a", "r-1", now()).await, Begun::Yes);
    assert_eq!(begun(&*state, "b", "r-1", now()).await, Begun::AlreadyOpen);
    assert_eq!(memory(&*state, now()).await.spent.len(), 1);
    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Superseded), now()).await.expect("it is open");
    assert_eq!(begun(&*state, "b", "r-1", now()).await, Begun::Yes);
}

async fn a_unit_is_given_back_only_where_nothing_took_effect(make: Make) {
    for outcome in Outcome::ALL {
        for no_effect in [false, true] {
            let state = make();
            begun(&*state, "a", "r-1", now()).await;
            let settlement = Settlement { no_effect, ..ends(outcome) };
            let id = IntentId("a".into());
            state.settle(&id, &settlement, now()).await.expect("it is open");
            let seen = memory(&*state, now()).await;
            let expected = if no_effect { vec![] } else { vec![unit("old", Some(now()))] };
            assert_eq!(seen.spent, expected, "{outcome:?}");
            let remembered = matches!(outcome, Outcome::Canceled | Outcome::CanceledUnattributed);
            assert_eq!(!seen.canceled.is_empty(), remembered, "{outcome:?}");
            assert!(seen.open.is_empty());
        }
    }
}

async fn what_is_not_open_can_neither_be_settled_nor_tried_again(make: Make) {
    let state = make();
    let id = IntentId("a".into());
    let settled =
        async |state: &dyn State| state.settle(&id, &ends(Outcome::Canceled), now()).await;
    assert!(matches!(settled(&*state).await, Err(Error::NotOpen(it)) if it == id));
    assert!(state.attempt(&intent("a", "r-1"), now()).await.is_err());
    begun(&*state, "a", "r-1", now()).await;
    state.attempt(&intent("a", "r-1"), now()).await.expect("it is open");
    settled(&*state).await.expect("it is open");
    assert!(settled(&*state).await.is_err(), "twice");
}

async fn a_cancel_is_remembered_for_a_quarter_of_an_hour(make: Make) {
    assert_eq!(CANCELED_MEMORY, SignedDuration::from_mins(15));
    let state = make();
    begun(&*state, "a", "r-1", now()).await;
    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Canceled), now()).await.expect("it is open");
    let numbers = BTreeMap::from([(ExecutionNumber(1), now())]);
    assert_eq!(memory(&*state, later(899)).await.canceled, [(key("fw", "r-1"), numbers)].into());
    assert!(memory(&*state, later(900)).await.canceled.is_empty());
}

async fn what_fails_in_a_row_is_left_alone_longer_each_time(make: Make) {
    let minutes: Vec<_> = (1..=9).map(|n| back_off(n).as_secs() / 60).collect();
    assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    let state = make();
    let key = key("fw", "r-1");
    for minutes in [1, 2, 4] {
        state.back_off(&key, now()).await.expect("it can be written");
        let until = memory(&*state, now()).await.backing_off[&key];
        assert_eq!(until, later(minutes * 60));
    }
    // A success ends the row.
    begun(&*state, "a", "r-1", now()).await;
    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Superseded), now()).await.expect("it is open");
    assert!(memory(&*state, now()).await.backing_off.is_empty());
    // So does a long time without a failure.
    state.back_off(&key, now()).await.expect("it can be written");
    let day = 24 * 3600;
    assert_eq!(memory(&*state, later(day)).await.backing_off[&key], later(60));
    assert!(memory(&*state, later(day + 60)).await.backing_off.is_empty());
    state.back_off(&key, later(day + 60)).await.expect("it can be written");
    assert_eq!(memory(&*state, later(day + 60)).await.backing_off[&key], later(day + 120));
    // In a job that is left alone it begins when that ends, so that the others go first.
    let job = "fw".parse().expect("an id");
    state.deny(&name("old"), &job, later(day + 60)).await.expect("it can be written");
    state.back_off(&key, later(day + 60)).await.expect("it can be written");
    let until = later(day + 60 + 2 * 60) + DENIED_FOR;
    assert_eq!(memory(&*state, later(day + 60)).await.backing_off[&key], until);
}

async fn time_never_goes_back(make: Make) {
    let state = make();
    // A look is no change: its time may come from a clock that AWS has not confirmed yet.
    memory(&*state, later(6_000)).await;
    state.deny(&name("old"), &"fw".parse().expect("an id"), later(600)).await.expect("written");
    begun(&*state, "a", "r-1", now()).await;
    let id = IntentId("a".into());
    state.settle(&id, &ends(Outcome::Canceled), now()).await.expect("it is open");
    // A unit that was settled by a clock that went back stays as long as by one that did not.
    let seen = memory(&*state, now()).await;
    assert_eq!(seen.spent, [unit("old", Some(later(600)))]);
    assert_eq!(seen.canceled[&key("fw", "r-1")][&ExecutionNumber(1)], later(600));
    state.back_off(&key("fw", "r-2"), now()).await.expect("it can be written");
    assert_eq!(
        memory(&*state, now()).await.backing_off[&key("fw", "r-2")],
        later(660) + DENIED_FOR
    );
}

#[tokio::test]
async fn a_call_that_aws_throttled_ends_no_row_of_failures() {
    for make in [in_memory, on_disk] {
        let state = make();
        let key = key("fw", "r-1");
        state.back_off(&key, now()).await.expect("it can be written");
        begun(&*state, "a", "r-1", now()).await;
        let throttled = Settlement { backs_off: false, ..ends(Outcome::Failed) };
        state.settle(&IntentId("a".into()), &throttled, now()).await.expect("it is open");
        assert_eq!(memory(&*state, now()).await.backing_off[&key], later(60));
        state.back_off(&key, now()).await.expect("it can be written");
        assert_eq!(memory(&*state, now()).await.backing_off[&key], later(2 * 60));
    }
}

//! A `Date` that was wrong for a while, and the ledger that was written meanwhile.

use jiff::{SignedDuration, Timestamp};
use rescind::clock::Clock;
use rescind::plan::stable::{Look, Stamp};
use rescind::plan::{Charge, Intent, IntentId, Outcome};
use rescind::state::journal::Filter;
use rescind::state::sqlite::{SqliteState, Writing};
use rescind::state::{Begun, DENIED_FOR, Settlement, State, back_off, verify};
use tokio::time::Instant;

use super::file::Disk;
use super::support::{charge, ends, intent, memory, place, writing};
use crate::plan::support::{key, name};
use rescind::execution::ExecutionNumber;
use rescind::policy::Digest;

/// More than units are kept.
const AHEAD: SignedDuration = SignedDuration::from_hours(800);

const PER: SignedDuration = SignedDuration::from_mins(10);

fn limit() -> Charge {
    Charge { per_seconds: PER.as_secs(), ..charge(2) }
}

/// The machine's clock, as AWS has confirmed it: this much ahead.
fn confirmed(ahead: SignedDuration) -> Clock {
    let clock = Clock::system();
    clock.confirm(clock.now() + ahead, Instant::now());
    clock
}

fn open(disk: &Disk, clock: Option<&Clock>) -> SqliteState {
    let writing = Writing { clock: clock.cloned(), ..writing() };
    SqliteState::open(&disk.directory, &place(), writing).unwrap()
}

async fn begin(state: &SqliteState, id: &str, at: Timestamp) -> Begun {
    let intent = Intent { ..intent(id, id) };
    state.begin(&intent, &[limit()], at).await.unwrap()
}

async fn settle(state: &SqliteState, id: &str, at: Timestamp) {
    let failed = Settlement { backs_off: true, ..ends(Outcome::Failed) };
    state.settle(&IntentId(id.into()), &failed, at).await.unwrap();
}

#[tokio::test]
async fn a_wrong_date_frees_no_unit_and_stays_in_no_ledger() {
    // As it is written now, and as by who had no second clock to ask.
    for witnessed in [true, false] {
        let disk = Disk::new();
        let right = confirmed(SignedDuration::ZERO);
        let state = open(&disk, Some(&right));
        for id in ["a", "b"] {
            assert_eq!(begin(&state, id, right.now()).await, Begun::Yes);
        }
        settle(&state, "a", right.now()).await;
        drop(state);

        let wrong = confirmed(AHEAD);
        let state = open(&disk, witnessed.then_some(&wrong));
        if witnessed {
            assert_eq!(begin(&state, "c", wrong.now()).await, Begun::OverBudget(limit()));
            assert_eq!(memory(&state, wrong.now()).await.spent.len(), 2);
        }
        settle(&state, "b", wrong.now()).await;
        state.deny(&name("old"), &"fw".parse().unwrap(), wrong.now()).await.unwrap();
        let stamp =
            Stamp { number: ExecutionNumber(1), last_updated_at: right.now(), version: None };
        let seen = (Digest::of(b"old"), key("fw", "a"));
        let look = Look { matched: [(seen, stamp)].into(), ..Look::default() };
        state.sight(&look, SignedDuration::from_mins(15), wrong.now()).await.unwrap();
        drop(state);

        let right = confirmed(SignedDuration::ZERO);
        let state = open(&disk, Some(&right));
        assert_eq!(begin(&state, "d", right.now()).await, Begun::OverBudget(limit()));
        let now = right.now();
        let seen = memory(&state, now).await;
        assert_eq!(seen.spent.len(), 2, "{witnessed}");
        assert!(seen.spent.iter().all(|unit| unit.settled.unwrap() <= now), "{:?}", seen.spent);
        let longest = now + DENIED_FOR + back_off(u32::MAX);
        assert!(seen.backing_off.values().all(|until| *until <= longest));
        assert!(seen.denied.values().all(|until| *until <= now + DENIED_FOR));
        assert!(seen.sightings.is_empty());
        // The budget is free again after its period, as the next process has it too.
        drop(state);
        let state = open(&disk, Some(&right));
        assert_eq!(begin(&state, "e", now).await, Begun::OverBudget(limit()));
        assert_eq!(begin(&state, "e", now + PER).await, Begun::Yes);
        let entries = disk.journal(&Filter::default());
        assert!(entries.iter().all(|it| it.settled_at.is_none_or(|at| at <= now)), "{entries:?}");
        assert_eq!(verify::alone(&entries), []);
    }
}

#[tokio::test]
async fn a_ledger_begins_by_the_later_clock_and_by_the_right_one_once_they_agree() {
    for ahead in [AHEAD, -AHEAD] {
        let disk = Disk::new();
        let opened = |clock: &Clock| {
            let clock = Some(clock.clone());
            let writing = Writing { fresh_ledger: false, clock, ..writing() };
            SqliteState::open(&disk.directory, &place(), writing).unwrap()
        };
        let wrong = confirmed(ahead);
        let state = opened(&wrong);
        state.confirmed(wrong.now()).await.unwrap();
        drop(state);
        let right = confirmed(SignedDuration::ZERO);
        let state = opened(&right);
        let now = right.now();
        assert_eq!(begin(&state, "a", now).await, Begun::OverBudget(limit()));
        assert!(memory(&state, now).await.ledger_began.unwrap() > now - PER, "{ahead}");
        assert_eq!(begin(&state, "a", now + PER).await, Begun::Yes, "{ahead}");
    }
}

#[tokio::test]
async fn clocks_that_differ_by_little_put_nothing_back() {
    let disk = Disk::new();
    let right = confirmed(SignedDuration::ZERO);
    let state = open(&disk, Some(&right));
    let later = right.now() + SignedDuration::from_mins(50);
    assert_eq!(begin(&state, "a", later).await, Begun::Yes);
    settle(&state, "a", later).await;
    let seen = memory(&state, right.now()).await;
    assert!(seen.spent[0].settled >= Some(later));
    drop(state);
    // Nobody has confirmed this one.
    let unsure = Clock::system();
    let state = open(&disk, Some(&unsure));
    settle_far_ahead(&state, unsure.now()).await;
    let spent = memory(&state, unsure.now()).await.spent;
    assert!(spent.iter().any(|unit| unit.settled > Some(later + PER)), "{spent:?}");
}

/// Spends a unit two hours ahead of a time.
async fn settle_far_ahead(state: &SqliteState, now: Timestamp) {
    let at = now + SignedDuration::from_hours(2);
    assert_eq!(begin(state, "b", at).await, Begun::Yes);
    settle(state, "b", at).await;
}

//! What an earlier process has left open is settled by looking, and by nothing but looking.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use rescind::apply::{DESCRIBE_FRESH, Ending, FLIGHT_TIME};
use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation as Call};
use rescind::clock::Clock;
use rescind::emulator::Cancel;
use rescind::plan::{Details, Intent, Outcome};
use rescind::policy::template::MARKER;
use rescind::state::State as _;
use tokio::time::Instant;

use super::bench::{Bench, queued, sweep};
use crate::state::support::{ends, intent as an_intent};

const OURS: &str = "123456789012";
const OTHER: &str = "210987654321";
const DESCRIBE: Call = Call::DescribeJobExecution;

/// A world of two executions, for the first of which a process has begun an intent and ended.
async fn left_open() -> (Bench, Intent) {
    let bench = Bench::memory(&queued(2), &sweep(10));
    let send = BTreeMap::from([(MARKER.to_owned(), "sweep 1 a.1".to_owned())]);
    let intent = Intent { details: Details { send, dropped: Vec::new() }, ..an_intent("a", "r0") };
    bench.ledger.begin(&intent, &[], bench.clock.now()).await.unwrap();
    (bench, intent)
}

fn cancel(bench: &Bench, details: Option<&Intent>) {
    let status_details = details.map(|intent| intent.details.send.clone());
    let (at, cancel) = (bench.clock.now(), Cancel { status_details, ..Cancel::default() });
    bench.emulator.store(|store| store.cancel("r0", "fw", cancel, at)).unwrap();
}

/// How many stay open, where none is settled.
async fn left(bench: &Bench, waits: bool) -> usize {
    let (left, told) = bench.settles(waits).await;
    assert!(told.is_empty(), "{told:?}");
    left
}

/// What the journal and whoever is told have, which is the same.
async fn ended(bench: &Bench, waits: bool) -> (Outcome, String) {
    let (left, told) = bench.settles(waits).await;
    let [record] = &told[..] else { panic!("{told:?}") };
    let Ending::Outcome(outcome) = record.ending else { panic!("{record:?}") };
    assert_eq!((left, record.key.thing.as_str()), (0, "r0"));
    assert_eq!(bench.ledger.open().await.unwrap(), []);
    assert_eq!(bench.cancels(), 0, "nothing is sent");
    (outcome, record.note.clone())
}

#[tokio::test(start_paused = true)]
async fn what_has_our_mark_was_canceled_by_us() {
    let (bench, intent) = left_open().await;
    cancel(&bench, Some(&intent));
    let (outcome, note) = ended(&bench, false).await;
    assert_eq!(outcome, Outcome::Canceled);
    assert_eq!(note, "settled later: the reply was lost, the cancel was not");
    let memory = bench.memory_now().await;
    assert!(memory.canceled.contains_key(&intent.key) && memory.backing_off.is_empty());
    assert_eq!(memory.spent.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_canceled_is_not_ours_and_its_unit_stays_spent() {
    let (bench, _) = left_open().await;
    cancel(&bench, None);
    assert_eq!(left(&bench, false).await, 1, "it may hit what comes in its place");
    let (outcome, note) = ended(&bench, true).await;
    assert_eq!(outcome, Outcome::AlreadyTerminal);
    assert_eq!(note, "settled later: it is CANCELED, not by us");
    assert_eq!(bench.memory_now().await.spent.len(), 1, "nobody saw an answer: nothing is proved");
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_unresolved() {
    let (bench, intent) = left_open().await;
    bench.emulator.store(|store| store.delete_execution("r0", "fw"));
    assert_eq!(left(&bench, false).await, 1, "it may hit what comes in its place");
    let (outcome, note) = ended(&bench, true).await;
    assert_eq!(outcome, Outcome::Unresolved);
    assert!(note.ends_with("the execution is no longer there"), "{note}");
    assert!(bench.memory_now().await.backing_off.contains_key(&intent.key));
}

#[tokio::test(start_paused = true)]
async fn another_execution_with_its_number_says_nothing_of_it() {
    let (bench, intent) = left_open().await;
    bench.ledger.settle(&intent.id, &ends(Outcome::Gone), bench.clock.now()).await.unwrap();
    let queued_at = Some(bench.clock.now() - SignedDuration::from_hours(9));
    let other = Intent { queued_at, ..an_intent("b", "r0") };
    bench.ledger.begin(&other, &[], bench.clock.now()).await.unwrap();
    assert_eq!(left(&bench, false).await, 1, "it may hit what comes in its place");
    let (outcome, note) = ended(&bench, true).await;
    assert_eq!(outcome, Outcome::Unresolved);
    assert!(note.ends_with("another execution has the number of this one now"), "{note}");
}

/// The flight of the last attempt, which went out a moment after its intent was durable.
const IN_FLIGHT: Duration = Duration::from_secs(FLIGHT_TIME.as_secs() + DESCRIBE_FRESH.as_secs());

#[tokio::test(start_paused = true)]
async fn what_is_unmoved_is_settled_when_no_attempt_can_take_effect_any_more_and_not_before() {
    let (bench, intent) = left_open().await;
    tokio::time::advance(IN_FLIGHT.saturating_sub(Duration::from_secs(1))).await;
    assert_eq!(left(&bench, false).await, 1);
    assert_eq!(bench.memory_now().await.open.len(), 1, "it stays out of plans");
    tokio::time::advance(Duration::from_secs(1)).await;
    let (outcome, note) = ended(&bench, false).await;
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(note, "its answer did not come, and it had no effect; it is judged anew");
    assert!(bench.memory_now().await.backing_off.contains_key(&intent.key));
}

#[tokio::test(start_paused = true)]
async fn a_controller_waits_for_that_and_looks_twice() {
    let (bench, _) = left_open().await;
    let begun = Instant::now();
    assert_eq!(ended(&bench, true).await.0, Outcome::Failed);
    assert_eq!(bench.describes(), 2);
    // Time is simulated.
    assert!((IN_FLIGHT..IN_FLIGHT + Duration::from_secs(1)).contains(&begun.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_date_that_is_wrong_does_not_end_a_flight() {
    let (mut bench, intent) = left_open().await;
    // The machine's clock is right.
    bench.clock = Clock::system();
    bench.ledger.settle(&intent.id, &ends(Outcome::Gone), bench.clock.now()).await.unwrap();
    let other = an_intent("b", "r0");
    bench.ledger.begin(&other, &[], bench.clock.now()).await.unwrap();
    bench.clock.confirm(bench.clock.now() + SignedDuration::from_hours(1), Instant::now());
    assert_eq!(left(&bench, false).await, 1);
    // And what this process itself has waited for counts, whatever the clocks say.
    let begun = Instant::now();
    assert_eq!(ended(&bench, true).await.0, Outcome::Failed);
    assert!((IN_FLIGHT..IN_FLIGHT + Duration::from_secs(1)).contains(&begun.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn an_effect_that_lands_late_is_found() {
    let (bench, intent) = left_open().await;
    bench.world().on(DESCRIBE, move |moment| {
        if moment.nth == 2 {
            let status_details = Some(intent.details.send.clone());
            let cancel = Cancel { status_details, ..Cancel::default() };
            moment.store.cancel("r0", "fw", cancel, moment.now).unwrap();
        }
    });
    assert_eq!(ended(&bench, true).await.0, Outcome::Canceled);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_is_made_again_or_leaves_it_open() {
    let (bench, intent) = left_open().await;
    cancel(&bench, Some(&intent));
    bench.faults().inject(DESCRIBE, Fault::Fail(ErrorKind::Unavailable), 1);
    assert_eq!(left(&bench, false).await, 1);
    bench.faults().inject(DESCRIBE, Fault::Fail(ErrorKind::Unavailable), 20);
    assert_eq!(ended(&bench, true).await.0, Outcome::Canceled);
    assert_eq!(bench.describes(), 1, "the one after twenty that never came to AWS");
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_written_is_told_to_nobody_and_stays_open() {
    let (bench, intent) = left_open().await;
    cancel(&bench, Some(&intent));
    bench.ledger.full.store(true, Ordering::SeqCst);
    assert_eq!(left(&bench, true).await, 1);
}

#[tokio::test(start_paused = true)]
async fn once_stopped_nothing_more_is_looked_at() {
    let (bench, _) = left_open().await;
    let other = an_intent("b", "r1");
    bench.ledger.begin(&other, &[], bench.clock.now()).await.unwrap();
    bench.stop.stop();
    assert_eq!(left(&bench, true).await, 2);
    assert_eq!(bench.describes(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_execution_that_is_still_there_tells_the_account() {
    let (bench, _) = left_open().await;
    let other = an_intent("b", "r1");
    bench.ledger.begin(&other, &[], bench.clock.now()).await.unwrap();
    let open = bench.ledger.open().await.unwrap();
    let answered = async || bench.answered(&open).await.map(|it| it.account);
    assert_eq!(answered().await.as_deref(), Some("123456789012"));
    assert_eq!(bench.describes(), 1);
    bench.emulator.store(|store| store.delete_execution("r0", "fw"));
    assert_eq!(answered().await.as_deref(), Some("123456789012"));
    assert_eq!(bench.describes(), 3);
    bench.emulator.store(|store| store.delete_execution("r1", "fw"));
    assert_eq!(answered().await, None);
    assert_eq!(bench.answered(&[]).await, None);
}

/// The settling lasts for minutes after it was certain who answers.
#[tokio::test(start_paused = true)]
async fn what_another_account_says_settles_nothing() {
    let (bench, intent) = left_open().await;
    let _ = bench.plan().await;
    cancel(&bench, Some(&intent));
    bench.world().answers_for(OTHER);
    assert_eq!(left(&bench, false).await, 1, "what is there by the same name");
    bench.world().answers_for_empty(OTHER);
    tokio::time::advance(IN_FLIGHT).await;
    assert_eq!(left(&bench, false).await, 1, "what is not there");
    assert_eq!(left(&bench, false).await, 1, "what is not there, by credentials that are known");
    bench.world().answers_for(OURS);
    assert_eq!(ended(&bench, false).await.0, Outcome::Canceled);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_settled_also_after_credentials_were_renewed() {
    let (bench, _) = left_open().await;
    let _ = bench.plan().await;
    bench.emulator.store(|store| store.delete_execution("r0", "fw"));
    tokio::time::advance(IN_FLIGHT).await;
    bench.world().rotates();
    assert_eq!(ended(&bench, true).await.0, Outcome::Unresolved);
}

//! Replies that are lost: whether there was an effect has to be found out, and is told as it was.

use std::time::Duration;

use rescind::apply::FLIGHT_TIME;
use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation as Call};
use rescind::emulator::{Cancel, Faults, Operation};
use rescind::plan::Outcome;

use super::bench::{Bench, STUCK, endings, only, outcome, policy, queued, stuck, sweep};
use super::moves;
use super::plain::talkative;

const SECOND: Duration = Duration::from_secs(1);
const CANCEL: Operation = Operation::CancelJobExecution;

fn loses(bench: &Bench, replies: u32) {
    let lost_reply = [(CANCEL, replies)].into();
    bench.emulator.set_faults(Faults { lost_reply, ..Faults::default() });
}

#[tokio::test]
async fn a_cancel_whose_reply_was_lost_is_found_by_its_mark() {
    for text in [
        sweep(10),
        sweep(10).replace("budget:", "cancel: {statusDetails: {onExisting: Replace}}\n  budget:"),
    ] {
        let bench = Bench::http(&queued(1), &text).await;
        loses(&bench, 1);
        let records = bench.apply().await;
        assert_eq!(outcome(&records), Outcome::Canceled);
        assert_eq!(only(&records).attempts, 1);
        assert_eq!((bench.describes(), bench.cancels()), (2, 1));
        assert_eq!(bench.spent("sweep").await, 1);
        assert!(bench.apply().await.is_empty());
    }
}

/// What was canceled is deleted before anybody looks, and the next execution has its number: neither the
/// one nor the other says what became of the cancel.
#[tokio::test(start_paused = true)]
async fn a_lost_cancel_is_unresolved_once_another_execution_has_its_number() {
    let bench = Bench::memory(moves::CONTINUOUS, &sweep(10));
    bench.faults().inject(Call::CancelJobExecution, Fault::LoseReply, 1);
    bench.world().on(Call::DescribeJobExecution, |moment| {
        if moment.nth == 2 {
            moment.store.delete_execution("r0", moves::JOB);
            moves::queue_anew(moment.store, "r0", "berlin", moment.now);
        }
    });
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Unresolved, "{records:?}");
    assert_eq!(bench.effects().len(), 1);
    assert_eq!(bench.spent("sweep").await, 1);
}

/// It may hit what is created in the place of what was judged, which then counts in the budget's window.
#[tokio::test(start_paused = true)]
async fn a_lost_cancel_of_what_is_gone_keeps_its_unit_open_until_it_can_no_longer_land() {
    let bench = Bench::memory(moves::CONTINUOUS, &sweep(10));
    bench.world().delays_a_cancel(200 * SECOND);
    bench.world().on(Call::DescribeJobExecution, |moment| {
        if moment.nth == 2 {
            moment.store.delete_execution("r0", moves::JOB);
            moves::queue_anew(moment.store, "r0", "berlin", moment.now);
        }
    });
    bench.apply().await;
    let effects = bench.effects();
    assert_eq!(effects.len(), 1, "{effects:?}");
    let spent = bench.memory_now().await.spent;
    assert!(spent.len() == 1 && spent[0].settled >= Some(effects[0].at), "{spent:?}");
}

#[tokio::test]
async fn a_cancel_whose_mark_had_no_room_is_not_attributed() {
    let bench = Bench::http(&talkative(), &stuck()).await;
    loses(&bench, 1);
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::CanceledUnattributed);
    assert_eq!((only(&records).attempts, bench.cancels()), (1, 1));
    assert_eq!(bench.spent("stuck").await, 1);
}

#[tokio::test]
async fn what_somebody_else_canceled_in_other_words_is_not_taken_for_ours() {
    let bench = Bench::http(&talkative(), &stuck()).await;
    bench.emulator.on_call(
        CANCEL,
        Box::new(|call, store| {
            let details = [("by".to_owned(), "hand".to_owned())].into();
            let cancel = Cancel { force: true, status_details: Some(details), ..Cancel::default() };
            store.cancel("r0", "fw", cancel, call.at).unwrap();
        }),
    );
    loses(&bench, 1);
    assert_eq!(outcome(&bench.apply().await), Outcome::AlreadyTerminal);
}

#[tokio::test]
async fn with_replace_there_is_always_room_for_the_mark() {
    let text = STUCK.replace("force: true", "force: true, statusDetails: {onExisting: Replace}");
    let bench = Bench::http(&talkative(), &policy("stuck", &text)).await;
    loses(&bench, 1);
    assert_eq!(outcome(&bench.apply().await), Outcome::Canceled);
}

#[tokio::test]
async fn the_refusal_of_somebody_elses_cancel_is_not_taken_for_ours() {
    let bench = Bench::http(&queued(1), &sweep(10)).await;
    // The device ends it first; that AWS says so is lost.
    bench.emulator.on_call(CANCEL, Box::new(|call, store| moves::cancel(store, "r0", call.at)));
    loses(&bench, 1);
    assert_eq!(outcome(&bench.apply().await), Outcome::AlreadyTerminal);
    assert_eq!(bench.spent("sweep").await, 1, "it is not proved that ours had no effect");
}

#[tokio::test]
async fn a_lost_reply_about_an_execution_that_is_deleted_stays_unresolved() {
    let bench = Bench::http(&queued(1), &sweep(10)).await;
    loses(&bench, 1);
    bench.emulator.on_call(
        Operation::DescribeJobExecution,
        Box::new(|call, store| {
            if call.nth == 2 {
                store.delete_execution("r0", "fw");
            }
        }),
    );
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Unresolved);
    let note = &only(&records).note;
    assert_eq!(note, "the reply was lost, and the execution is no longer there");
    assert_eq!((bench.cancels(), bench.spent("sweep").await), (1, 1));
}

#[tokio::test]
async fn a_failure_before_the_effect_is_followed_by_a_second_attempt() {
    for kind in ["unavailable", "internal"] {
        let bench = Bench::http(&queued(1), &sweep(10)).await;
        let once = [(CANCEL, 1)].into();
        bench.emulator.set_faults(if kind == "internal" {
            Faults { internal_failure: once, ..Faults::default() }
        } else {
            Faults { unavailable: once, ..Faults::default() }
        });
        let records = bench.apply().await;
        assert_eq!(outcome(&records), Outcome::Canceled);
        assert_eq!((only(&records).attempts, bench.cancels()), (2, 2));
        // Before the first, after it, and before the second: looked at twice in between at most.
        assert!(bench.describes() <= 4, "{}", bench.describes());
        let marks: Vec<_> = bench
            .ledger
            .begun
            .lock()
            .unwrap()
            .iter()
            .map(|it| it.details.send["rescind"].clone())
            .collect();
        assert!(marks[0].ends_with(".1") && marks[1].ends_with(".2"), "{marks:?}");
        assert!(bench.effects()[0].status_details_after["rescind"].ends_with(".2"));
        assert_eq!(bench.spent("sweep").await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_attempt_waits_until_the_first_can_no_longer_land() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    let fault = Fault::Fail(ErrorKind::Unavailable);
    bench.faults().inject(Call::CancelJobExecution, fault, 1);
    let before = tokio::time::Instant::now();
    assert_eq!(outcome(&bench.apply().await), Outcome::Canceled);
    // Its client waits for ten seconds, AWS takes a signature for five minutes; and clocks differ.
    let flight = 10 * SECOND + 300 * SECOND + 30 * SECOND;
    let between = bench.world().sent()[0] - before;
    assert!((flight..flight + SECOND).contains(&between), "{between:?}");
    let waited = bench.waited();
    assert_eq!((waited.len(), waited[0].0), (1, 1), "{waited:?}");
    assert!(waited[0].1 + SECOND > FLIGHT_TIME, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn where_other_passes_go_on_a_lost_call_is_settled_and_not_sent_again() {
    let mut bench = Bench::memory(&queued(1), &sweep(10));
    bench.heard.settles = true;
    let fault = Fault::Fail(ErrorKind::Unavailable);
    bench.faults().inject(Call::CancelJobExecution, fault, 1);
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Failed);
    assert_eq!((only(&records).attempts, bench.world().sent().len()), (1, 0));
    assert_eq!(bench.spent("sweep").await, 1);
    // A later pass, after the back-off, takes it up anew.
    tokio::time::advance(SECOND * 120).await;
    assert_eq!(outcome(&bench.apply().await), Outcome::Canceled);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_lands_minutes_later_is_still_ours_and_the_only_one() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    bench.world().delays_a_cancel(FLIGHT_TIME.checked_sub(SECOND).unwrap());
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Canceled);
    assert_eq!((only(&records).attempts, bench.world().sent().len()), (1, 1));
    assert_eq!(bench.spent("sweep").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_call_that_meets_a_device_on_the_move_keeps_its_unit() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    bench.faults().inject(Call::CancelJobExecution, Fault::Fail(ErrorKind::TimedOut), 1);
    bench.world().on(Call::DescribeJobExecution, |moment| {
        if moment.nth == 2 {
            moves::start(moment.store, "r0", moment.now);
        }
    });
    assert_eq!(outcome(&bench.apply().await), Outcome::Superseded);
    assert_eq!(bench.spent("sweep").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_call_that_cannot_be_looked_at_is_unresolved_in_the_end() {
    let bench = Bench::memory(&queued(2), &sweep(10));
    bench.world().on(Call::CancelJobExecution, {
        let faults = bench.faults().clone();
        move |moment| {
            if moment.nth == 1 {
                let fault = Fault::Fail(ErrorKind::Unavailable);
                faults.inject(Call::DescribeJobExecution, fault, 1000);
            }
        }
    });
    bench.faults().inject(Call::CancelJobExecution, Fault::LoseReply, 2);
    let records = bench.apply().await;
    assert_eq!(endings(&records).get("unresolved"), Some(&1), "{records:?}");
    assert!(records.iter().all(|it| it.attempts <= 1));
}

#[tokio::test(start_paused = true)]
async fn the_look_at_a_lost_call_is_repeated_when_it_fails_in_passing() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    bench.faults().inject(Call::CancelJobExecution, Fault::LoseReply, 1);
    let faults = bench.faults().clone();
    bench.world().on(Call::CancelJobExecution, move |_| {
        faults.inject(Call::DescribeJobExecution, Fault::Fail(ErrorKind::Throttled), 3);
    });
    assert_eq!(outcome(&bench.apply().await), Outcome::Canceled);
    assert!(bench.waited().is_empty() || bench.waited()[0].1 < Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_lost_call_that_cannot_be_looked_at_is_looked_at_again_once_it_can_no_longer_land() {
    let unavailable = Fault::Fail(ErrorKind::Unavailable);
    // As often as a look may fail in a row, and once more after that; and what no second try mends.
    for (fault, fails) in [(unavailable, 8), (Fault::Fail(ErrorKind::Denied), 1)] {
        let bench = Bench::memory(&queued(1), &sweep(10));
        bench.faults().inject(Call::CancelJobExecution, Fault::LoseReply, 1);
        let faults = bench.faults().clone();
        bench.world().on(Call::CancelJobExecution, move |_| {
            faults.inject(Call::DescribeJobExecution, fault, fails);
        });
        let begun = tokio::time::Instant::now();
        assert_eq!(outcome(&bench.apply().await), Outcome::Canceled, "{fault:?}");
        assert!(begun.elapsed() >= FLIGHT_TIME, "{:?}", begun.elapsed());
        assert_eq!(bench.describes(), 2, "those that came to AWS");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_call_of_which_the_last_look_is_refused_says_so() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    bench.faults().inject(Call::CancelJobExecution, Fault::LoseReply, 1);
    let faults = bench.faults().clone();
    bench.world().on(Call::CancelJobExecution, move |_| {
        // At once, and when it can no longer land. A third would see it.
        faults.inject(Call::DescribeJobExecution, Fault::Fail(ErrorKind::Denied), 2);
    });
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Unresolved);
    assert!(only(&records).note.contains("injected"), "{records:?}");
    assert_eq!((bench.describes(), bench.spent("sweep").await), (1, 1));
}

/// That AWS refused it proves that it had no effect, as long as none before it was lost.
#[tokio::test(start_paused = true)]
async fn a_conflict_that_cannot_be_looked_at_is_superseded_unless_a_call_was_lost_before() {
    let unavailable = Fault::Fail(ErrorKind::Unavailable);
    for (before, expected, spent) in
        [(None, Outcome::Superseded, 0), (Some(unavailable), Outcome::Unresolved, 1)]
    {
        let bench = Bench::memory(&queued(1), &sweep(10));
        if let Some(fault) = before {
            bench.faults().inject(Call::CancelJobExecution, fault, 1);
        }
        let faults = bench.faults().clone();
        bench.world().on(Call::CancelJobExecution, move |moment| {
            moves::start(moment.store, "r0", moment.now);
            faults.inject(Call::DescribeJobExecution, Fault::Fail(ErrorKind::Denied), 1);
        });
        let records = bench.apply().await;
        assert_eq!(outcome(&records), expected, "{records:?}");
        assert!(only(&records).note.contains("injected"), "{records:?}");
        assert_eq!((bench.cancels(), bench.spent("sweep").await), (1, spent));
    }
}

#[tokio::test(start_paused = true)]
async fn an_effect_found_only_before_the_next_attempt_is_ours_all_the_same() {
    let bench = Bench::memory(&queued(1), &sweep(10));
    // The look after the flight time is answered before it lands, the next describe after it.
    bench.world().delays_a_cancel(FLIGHT_TIME + Duration::from_millis(50));
    bench.world().takes(Call::DescribeJobExecution, Duration::from_millis(60));
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Canceled, "{records:?}");
    assert_eq!(bench.spent("sweep").await, 1);
}

//! The stop, and the end without one: a process that dies at any moment.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rescind::apply::{Ending, FLIGHT_TIME};
use rescind::backend::fault::Fault;
use rescind::backend::pace::{FLOOR, Pacer};
use rescind::backend::{ErrorKind, Operation as Call};
use rescind::plan::{Outcome, Reason};
use rescind::state::State as _;

use super::bench::{Bench, endings, only, outcome, queued, sweep};

const DESCRIBE: Call = Call::DescribeJobExecution;
const CANCEL: Call = Call::CancelJobExecution;

/// Some latency, so that lines are at different places when something happens.
fn far_away(bench: &Bench) {
    bench.world().takes(DESCRIBE, Duration::from_millis(300));
    bench.world().takes(CANCEL, Duration::from_millis(400));
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_nothing_new_is_sent_and_what_was_sent_is_recorded() {
    for after in [1, 5, 17] {
        let bench = Bench::memory(&queued(60), &sweep(100));
        far_away(&bench);
        let stop = bench.stop.clone();
        bench.world().on(CANCEL, move |moment| {
            if moment.nth == after {
                stop.stop();
            }
        });
        let sent_before_the_end = bench.world().clone();
        let records = bench.apply().await;
        let counts = endings(&records);
        let canceled = counts["canceled"] as u64;
        // Those that were on the wire already when the stop came: at 8 a second, each 0.2 s away.
        assert!((after..=after + 3).contains(&canceled), "{counts:?}");
        assert_eq!(canceled, sent_before_the_end.sent().len() as u64);
        assert_eq!(counts["canceled"] + counts["notTried"], 60, "{counts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_after_the_intent_withdraws_it() {
    let bench = Bench::memory(&queued(3), &sweep(100));
    let stop = bench.stop.clone();
    bench.ledger.then(move |_| {
        stop.stop();
    });
    let counts = endings(&bench.apply().await);
    assert_eq!((counts["withdrawn"], counts["notTried"]), (1, 2), "{counts:?}");
    assert_eq!((bench.cancels(), bench.spent("sweep").await), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_what_was_lost_or_throttled() {
    for (fault, expected) in [
        (Fault::LoseReply, Outcome::Unresolved),
        (Fault::Fail(ErrorKind::Unavailable), Outcome::Unresolved),
        (Fault::Fail(ErrorKind::Throttled), Outcome::Withdrawn),
    ] {
        let bench = Bench::memory(&queued(1), &sweep(100));
        bench.faults().inject(CANCEL, fault, 1000);
        // The look at what was lost fails, so that it has to wait.
        let faults = bench.faults().clone();
        bench.world().on(DESCRIBE, move |moment| {
            if moment.nth == 1 {
                faults.inject(DESCRIBE, Fault::Fail(ErrorKind::Unavailable), 1000);
            }
        });
        let stop = bench.stop.clone();
        let began = tokio::time::Instant::now();
        let (records, ()) = tokio::join!(bench.apply(), async move {
            tokio::time::sleep(Duration::from_millis(700)).await;
            stop.stop();
        });
        assert_eq!(outcome(&records), expected, "{records:?}");
        assert!(began.elapsed() < Duration::from_secs(2));
        assert!(only(&records).note.contains("stopped"), "{records:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_not_held_up_by_the_pace() {
    let mut bench = Bench::memory(&queued(30), &sweep(100));
    bench.pacer = Pacer::new(|_| Some(FLOOR));
    bench.world().takes(CANCEL, Duration::from_millis(100));
    let stop = bench.stop.clone();
    let (records, elapsed) = tokio::join!(bench.apply(), async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        stop.stop();
        tokio::time::Instant::now()
    });
    assert_eq!(records.len(), 30);
    assert!(elapsed.elapsed() < Duration::from_secs(1), "{:?}", elapsed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_not_held_up_by_a_second_look_at_what_is_gone() {
    let mut bench = Bench::memory(&queued(30), &sweep(100));
    bench.pacer = Pacer::new(|operation| (operation == DESCRIBE).then_some(FLOOR));
    bench.world().on(CANCEL, |moment| {
        let thing = moment.key.unwrap().thing.clone();
        moment.store.delete_execution(thing.as_str(), "fw");
    });
    let stop = bench.stop.clone();
    let (records, stopped) = tokio::join!(bench.apply(), async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        stop.stop();
        tokio::time::Instant::now()
    });
    assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
    let gone: Vec<_> = records.iter().filter(|it| it.attempts > 0).collect();
    assert!(gone.len() > 5 && gone.iter().all(|it| it.ending == Ending::Outcome(Outcome::Gone)));
    assert_eq!(
        gone.last().unwrap().note,
        "AWS found nothing to cancel; stopped before a second look"
    );
    assert_eq!(bench.spent("sweep").await, 0);
}

#[tokio::test(start_paused = true)]
async fn before_the_first_line_a_stop_costs_no_call() {
    let bench = Bench::memory(&queued(3), &sweep(100));
    let (plan, inventory, memory) = bench.plan().await;
    bench.stop.stop();
    let records = bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await;
    assert_eq!(endings(&records), [("notTried", 3)].into());
    assert_eq!(bench.describes(), 0);
}

/// The future is dropped every 50 ms of its life, which is at each of its awaits.
#[tokio::test(start_paused = true)]
async fn a_crash_at_any_moment_leaves_an_intent_for_each_effect() {
    let mut seen_open = 0;
    for step in 1.. {
        let bench = Bench::memory(&queued(4), &sweep(100));
        far_away(&bench);
        bench.ledger.syncs_in(Duration::from_millis(100));
        bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Throttled), 1);
        bench.faults().inject(CANCEL, Fault::LoseReply, 1);
        let (plan, inventory, memory) = bench.plan().await;
        let lines = plan.acts().cloned().collect();
        let walking = bench.walk(lines, &inventory, &memory);
        let done = tokio::time::timeout(Duration::from_millis(50) * step, walking).await;
        bench.check_effects();
        let open = bench.memory_now().await.open;
        let settled = bench.ledger.settled.lock().unwrap().clone();
        for effect in bench.effects() {
            let is_open = open.iter().any(|key| key.thing.as_str() == effect.thing_name);
            let begun = bench.ledger.begun.lock().unwrap();
            let of_effect = begun.iter().find(|it| it.key.thing.as_str() == effect.thing_name);
            let told = settled.get(&of_effect.unwrap().id).map(|it| it.outcome);
            assert!(is_open != (told == Some(Outcome::Canceled)), "{told:?} {effect:?}");
        }
        // An open intent keeps its execution out of planning, and its unit.
        let (again, ..) = bench.plan().await;
        assert!(again.acts().all(|line| !open.contains(&line.key)));
        assert!(bench.spent("sweep").await >= bench.effects().len());
        seen_open += open.len();
        if let Ok(records) = done {
            assert_eq!(endings(&records), [("canceled", 4)].into());
            assert!(Duration::from_millis(50) * step < FLIGHT_TIME);
            break;
        }
    }
    assert!(seen_open > 10, "{seen_open}");
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_written_is_told_and_stops_everything_else() {
    let bench = Bench::memory(&queued(40), &sweep(100));
    let ledger = std::sync::Arc::clone(&bench.ledger);
    bench.world().on(CANCEL, move |_| ledger.full.store(true, Ordering::SeqCst));
    let (plan, inventory, memory) = bench.plan().await;
    let records = bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await;
    let counts = endings(&records);
    assert_eq!(counts["canceled"] as u64, bench.cancels(), "{counts:?}");
    assert!(counts["canceled"] <= 2, "{counts:?}");
    let canceled = records.iter().find(|it| it.ending.label() == "canceled").unwrap();
    assert!(canceled.note.contains("could not be written"), "{canceled:?}");
    assert_eq!(bench.memory_now().await.open.len(), counts["canceled"], "open, with their units");
    bench.check_effects();
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_cannot_be_written_is_withdrawn_and_not_forgotten() {
    let bench = Bench::memory(&queued(1), &sweep(100));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Throttled), 1);
    let ledger = std::sync::Arc::clone(&bench.ledger);
    bench.world().on(DESCRIBE, move |moment| {
        ledger.full.store(moment.nth == 2, Ordering::SeqCst);
    });
    let (plan, inventory, memory) = bench.plan().await;
    let records = bench.walk(plan.acts().cloned().collect(), &inventory, &memory).await;
    assert_eq!(outcome(&records), Outcome::Withdrawn);
    assert_eq!((bench.cancels(), bench.spent("sweep").await), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pause_in_the_middle_spends_nothing_on_what_had_no_intent() {
    let bench = Bench::memory(&queued(60), &sweep(100));
    far_away(&bench);
    let ledger = bench.ledger.clone();
    bench.world().on(CANCEL, move |moment| {
        if moment.nth == 5 {
            *ledger.paused.lock().unwrap() = Some("the plant is on fire".to_owned());
        }
    });
    let records = bench.apply().await;
    let counts = endings(&records);
    let canceled = counts["canceled"];
    assert_eq!(canceled, bench.world().sent().len());
    let spent = bench.ledger.memory(bench.clock.now()).await.unwrap().spent.len();
    assert!(spent <= canceled + 1, "{spent} units are spent: {counts:?}");
    let kept = |ending: &Ending| *ending == Ending::Kept(Reason::Paused);
    assert!(records.iter().any(|record| kept(&record.ending)), "{counts:?}");
    let others = records.iter().filter(|it| kept(&it.ending) || it.ending == Ending::NotTried);
    assert!(others.clone().count() >= 50, "{counts:?}");
    for record in others {
        assert_eq!(record.note.trim_start_matches("not tried: "), "paused: the plant is on fire");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_after_a_call_without_effect_says_so() {
    let bench = Bench::memory(&queued(1), &sweep(100));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Unavailable), 1);
    let ledger = bench.ledger.clone();
    bench.world().on(DESCRIBE, move |moment| {
        // The look at what became of it.
        if moment.nth == 2 {
            *ledger.paused.lock().unwrap() = Some("the plant is on fire".to_owned());
        }
    });
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Withdrawn);
    let note = "paused: the plant is on fire; what was sent before had no effect";
    assert_eq!(only(&records).note, note);
    assert_eq!(bench.spent("sweep").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_after_the_intent_withdraws_it() {
    let bench = Bench::memory(&queued(1), &sweep(100));
    let ledger = bench.ledger.clone();
    bench.ledger.then(move |_| {
        *ledger.paused.lock().unwrap() = Some("the plant is on fire".to_owned());
    });
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Withdrawn);
    assert_eq!(only(&records).note, "paused: the plant is on fire");
    assert_eq!((bench.cancels(), bench.spent("sweep").await), (0, 1));
}

//! Breakers while lines are walked: what opens one, and that nothing goes out behind an open one.

use jiff::SignedDuration;
use rescind::apply::Ending;
use rescind::backend::fault::Fault;
use rescind::backend::{ErrorKind, Operation as Call};
use rescind::clock::Clock;
use rescind::plan::breaker::{Breaker, Cases};
use rescind::plan::{Outcome, Reason};
use rescind::state::State as _;
use tokio::time::Instant;

use super::bench::{Bench, endings, guard, outcome, policies, queued, sweep};

const CANCEL: Call = Call::CancelJobExecution;

#[tokio::test(start_paused = true)]
async fn refused_cancels_open_the_breaker_after_twenty_and_the_rest_is_not_tried() {
    let bench = Bench::memory(&queued(60), &sweep(100));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::OtherClient), 1000);
    let records = bench.apply().await;
    let counts = endings(&records);
    // Those that were behind the last question already are sent.
    assert!((20..23).contains(&counts["failed"]), "{counts:?}");
    assert_eq!(counts["failed"] + counts["notTried"] + counts.get("kept").unwrap_or(&0), 60);
    let open = bench.ledger.breakers().open;
    assert_eq!(open.keys().collect::<Vec<_>>(), [&Breaker::Error]);
    // The next plan knows it.
    let (plan, ..) = bench.plan().await;
    assert_eq!(plan.acts().count(), 0);
    assert!(plan.counts()[&Reason::BreakerOpen] > 0);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_count_when_they_get_lost_and_not_when_they_are_settled() {
    let bench = Bench::memory(&queued(60), &sweep(100));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::TimedOut), 1000);
    let records = bench.apply().await;
    let attempts: u32 = records.iter().map(|record| record.attempts).sum();
    assert!((20..23).contains(&attempts), "{attempts}: {:?}", endings(&records));
}

#[tokio::test(start_paused = true)]
async fn devices_that_move_open_the_other_breaker() {
    let bench = Bench::memory(&queued(60), &sweep(100));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::VersionConflict), 1000);
    let counts = endings(&bench.apply().await);
    assert!((20..23).contains(&counts["superseded"]), "{counts:?}");
    let open = bench.ledger.breakers().open;
    assert_eq!(open.keys().collect::<Vec<_>>(), [&Breaker::VersionConflict]);
}

#[tokio::test(start_paused = true)]
async fn throttled_cancels_are_no_cases() {
    let bench = Bench::memory(&queued(10), &sweep(100));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::Throttled), 40);
    let counts = endings(&bench.apply().await);
    assert_eq!(counts, [("canceled", 10)].into());
    let counted: u64 = bench.ledger.breakers().cases.values().map(|cases| cases.all).sum();
    assert_eq!(counted, 20, "ten cancels, for either breaker");
}

#[tokio::test(start_paused = true)]
async fn a_guard_decides_how_much_may_fail() {
    let lenient = guard("lenient", "breakers: {errorPercent: 100}");
    let bench = Bench::memory(&queued(40), &(lenient + &sweep(100)));
    bench.faults().inject(CANCEL, Fault::Fail(ErrorKind::OtherClient), 1000);
    assert_eq!(endings(&bench.apply().await), [("failed", 40)].into());
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_after_the_intent_withdraws_it() {
    let bench = Bench::memory(&queued(1), &sweep(100));
    let (ledger, clock) = (bench.ledger.clone(), bench.clock.clone());
    bench.ledger.then(move |_| {
        ledger.count(Breaker::VersionConflict, Cases { all: 20, bad: 20 }, clock.now());
    });
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Withdrawn);
    assert!(records[0].note.contains("breaker versionConflict is open"), "{records:?}");
    assert_eq!(bench.cancels(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_allows_less_stops_what_is_on_its_way() {
    let bench = Bench::memory(&queued(3), &sweep(100));
    bench.ledger.count(Breaker::Error, Cases { all: 30, bad: 3 }, bench.clock.now());
    let in_force = bench.in_force.clone();
    let strict = policies(&(guard("strict", "breakers: {errorPercent: 5}") + &sweep(100)));
    bench.world().on(Call::DescribeJobExecution, move |_| in_force.put(strict.clone()));
    let records = bench.apply().await;
    let stopped =
        |ending: &Ending| matches!(ending, Ending::Kept(Reason::BreakerOpen) | Ending::NotTried);
    assert!(records.iter().all(|record| stopped(&record.ending)), "{records:?}");
    assert_eq!(bench.cancels(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_turns_out_to_be_wrong_opens_a_breaker_that_stays_open() {
    let mut bench = Bench::memory(&queued(3), &sweep(100));
    bench.clock = Clock::system();
    let clock = bench.clock.clone();
    bench.world().on(Call::DescribeJobExecution, move |_| {
        clock.confirm(clock.now() + SignedDuration::from_hours(2), Instant::now());
    });
    let records = bench.apply().await;
    assert!(records.iter().all(|it| !matches!(it.ending, Ending::Outcome(_))), "{records:?}");
    assert_eq!(bench.cancels(), 0);
    let open = bench.ledger.breakers().open;
    assert_eq!(open.keys().collect::<Vec<_>>(), [&Breaker::Clock]);
}

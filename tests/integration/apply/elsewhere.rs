//! Credentials that change under the process: each describe says whose execution it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rescind::apply::{Ending, FLIGHT_TIME};
use rescind::backend::Operation as Call;
use rescind::backend::fault::Fault;
use rescind::plan::Outcome;
use tokio::time::Instant;

use super::bench::{Bench, endings, only, outcome, queued, sweep};

const DESCRIBE: Call = Call::DescribeJobExecution;
const OURS: &str = "123456789012";
const OTHER: &str = "210987654321";

/// From the n-th describe on another account answers.
fn changes(bench: &Bench, nth: u64) {
    let world = bench.world().clone();
    bench.world().on(DESCRIBE, move |moment| {
        if moment.nth == nth {
            world.answers_for(OTHER);
        }
    });
}

#[tokio::test(start_paused = true)]
async fn another_account_that_answers_stops_everything_else() {
    let bench = Bench::memory(&queued(60), &sweep(100));
    changes(&bench, 20);
    let records = bench.apply().await;
    let counts = endings(&records);
    assert!(counts["canceled"] < 20, "{counts:?}");
    assert_eq!(counts["canceled"] + counts["notTried"], 60, "{counts:?}");
    let note = &records.iter().find(|it| it.ending.label() == "notTried").unwrap().note;
    assert_eq!(
        note,
        "not tried: account 210987654321 in eu-central-1 answered, and account 123456789012 in eu-central-1 was \
         observed"
    );
    assert_eq!(bench.world().sent_to(), [OURS.to_owned()].into());
    assert!(bench.memory_now().await.backing_off.is_empty());
    assert!(bench.describes() < 40, "{}", bench.describes());
}

#[tokio::test(start_paused = true)]
async fn what_another_account_says_of_a_lost_cancel_is_not_taken_for_an_answer() {
    let bench = Bench::memory(&queued(1), &sweep(100));
    bench.faults().inject(Call::CancelJobExecution, Fault::LoseReply, 1);
    changes(&bench, 2);
    let began = Instant::now();
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Unresolved);
    assert!(only(&records).note.contains("stays open"), "{records:?}");
    assert!(only(&records).elsewhere, "begun or not: it is told as such");
    assert_eq!(bench.spent("sweep").await, 1);
    assert!(began.elapsed() < FLIGHT_TIME, "nothing is waited for");
}

#[tokio::test(start_paused = true)]
async fn between_two_attempts_another_account_ends_it_with_its_unit_spent() {
    let bench = Bench::memory(&queued(1), &sweep(100));
    bench.faults().inject(
        Call::CancelJobExecution,
        Fault::Fail(rescind::backend::ErrorKind::Throttled),
        1,
    );
    changes(&bench, 2);
    let began = Instant::now();
    assert_eq!(outcome(&bench.apply().await), Outcome::Withdrawn);
    assert_eq!((bench.effects().len(), bench.spent("sweep").await), (0, 1));
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// What was described is in one account, and a cancel that is signed by credentials of another one would hit
/// what has the same name there.
#[tokio::test(start_paused = true)]
async fn a_cancel_goes_to_no_other_account_than_its_describe() {
    let bench = Bench::memory(&queued(1), &sweep(100));
    let world = bench.world().clone();
    bench.ledger.then(move |_| world.answers_for(OTHER));
    let records = bench.apply().await;
    assert_eq!((bench.world().sent_to(), bench.effects().len()), ([].into(), 0));
    assert_eq!(outcome(&records), Outcome::Withdrawn);
    assert!(only(&records).elsewhere, "{records:?}");
    assert!(only(&records).note.contains(&format!("account {OTHER}")), "{records:?}");
    assert_eq!(bench.describes(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_when_another_account_begins_to_answer_goes_nowhere() {
    let bench = Bench::memory(&queued(60), &sweep(100));
    bench.ledger.syncs_in(Duration::from_millis(700));
    changes(&bench, 20);
    let counts = endings(&bench.apply().await);
    assert_eq!(bench.world().sent_to(), [OURS.to_owned()].into(), "{counts:?}");
    assert!(counts["withdrawn"] > 3 && counts["canceled"] < 20, "{counts:?}");
    assert_eq!(counts["canceled"] + counts["withdrawn"] + counts["notTried"], 60, "{counts:?}");
    assert_eq!(bench.effects().len(), counts["canceled"]);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_renewed_cost_no_unit_and_fail_nothing() {
    let bench = Bench::memory(&queued(60), &sweep(60));
    let (world, intents) = (bench.world().clone(), AtomicU64::new(0));
    bench.ledger.then(move |_| {
        if intents.fetch_add(1, Ordering::Relaxed) == 20 {
            world.rotates();
        }
    });
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("canceled", 60)].into(), "{records:?}");
    assert_eq!((bench.effects().len(), bench.cancels()), (60, 60));
    assert!(records.iter().map(|it| it.attempts).max() == Some(2), "it was judged anew");
    assert_eq!(bench.spent("sweep").await, 60);
    let settled = bench.ledger.settled.lock().unwrap();
    assert!(settled.values().all(|it| !it.backs_off));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_change_with_each_call_send_nothing_for_nothing() {
    let bench = Bench::memory(&queued(1), &sweep(100));
    let world = bench.world().clone();
    bench.ledger.then(move |_| world.rotates());
    let records = bench.apply().await;
    assert_eq!(outcome(&records), Outcome::Failed, "{records:?}");
    assert!(only(&records).note.contains("credentials"), "{records:?}");
    assert_eq!((bench.world().sent_to(), bench.spent("sweep").await), ([].into(), 0));
    assert!(bench.describes() < 10, "{}", bench.describes());
}

/// A 404 does not say of which account it is: who answers is asked then.
#[tokio::test(start_paused = true)]
async fn what_is_not_there_in_another_account_is_not_gone() {
    let bench = Bench::memory(&queued(40), &sweep(100));
    let world = bench.world().clone();
    bench.world().on(DESCRIBE, move |moment| {
        if moment.nth == 10 {
            world.answers_for_empty(OTHER);
        }
    });
    let records = bench.apply().await;
    let counts = endings(&records);
    assert_eq!(counts["canceled"] + counts["notTried"], 40, "{counts:?}");
    assert!(records.iter().any(|it| it.ending == Ending::Elsewhere), "{records:?}");
    assert!(bench.memory_now().await.backing_off.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_in_another_account_for_a_moment_goes_once_the_account_is_back() {
    let bench = Bench::memory(&queued(40), &sweep(100));
    let (world, back) = (bench.world().clone(), bench.world().clone());
    bench.world().on(DESCRIBE, move |moment| {
        if moment.nth == 10 {
            world.answers_for_empty(OTHER);
        }
    });
    bench.world().on(Call::ListJobs, move |_| back.answers_for(OURS));
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("canceled", 40)].into(), "{records:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_when_credentials_were_renewed_is_gone() {
    let bench = Bench::memory(&queued(40), &sweep(100));
    let world = bench.world().clone();
    bench.world().on(DESCRIBE, move |moment| {
        if moment.nth == 10 {
            let key = moment.key.unwrap();
            moment.store.delete_execution(key.thing.as_str(), key.job.as_str());
            world.rotates();
        }
    });
    let records = bench.apply().await;
    assert_eq!(endings(&records), [("canceled", 39), ("gone", 1)].into(), "{records:?}");
    assert!(bench.memory_now().await.backing_off.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_another_account_does_not_have_says_nothing_of_a_lost_cancel() {
    let bench = Bench::memory(&queued(1), &sweep(100));
    bench.faults().inject(Call::CancelJobExecution, Fault::LoseReply, 1);
    let (world, back) = (bench.world().clone(), bench.world().clone());
    bench.world().on(DESCRIBE, move |moment| {
        if moment.nth == 2 {
            world.answers_for_empty(OTHER);
        }
    });
    bench.world().on(Call::ListJobs, move |_| back.answers_for(OURS));
    assert_eq!(outcome(&bench.apply().await), Outcome::Canceled);
}

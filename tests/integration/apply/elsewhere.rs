//! Credentials that change under the process: each describe says whose execution it is.

use std::time::Duration;

use rescind::apply::FLIGHT_TIME;
use rescind::backend::Operation as Call;
use rescind::backend::fault::Fault;
use rescind::plan::Outcome;
use tokio::time::Instant;

use super::bench::{Bench, endings, only, outcome, queued, sweep};

const DESCRIBE: Call = Call::DescribeJobExecution;
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

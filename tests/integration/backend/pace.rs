//! The pacer, on paused time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rescind::backend::fault::{Fault, Faulty};
use rescind::backend::pace::{ATTEMPTS, Counts, Paced, Pacer};
use rescind::backend::{ErrorKind, JobsReader as _, JobsWriter as _, Operation};
use tokio::time::Instant;

use super::collect::Memory;

const DESCRIBE: Operation = Operation::DescribeJobExecution;

/// When each of `count` permits that are asked for at once is given, in milliseconds from now.
async fn permits(pacer: &Pacer, operation: Operation, count: usize) -> Vec<u128> {
    let start = Instant::now();
    let permit = async || {
        pacer.permit(operation).await;
        start.elapsed().as_millis()
    };
    join_all((0..count).map(|_| permit())).await
}

#[tokio::test(start_paused = true)]
async fn permits_are_evenly_spaced_and_in_order() {
    let pacer = Pacer::default();
    let times = permits(&pacer, DESCRIBE, 80).await;
    assert!(times.is_sorted(), "first come, first served: {times:?}");
    for window in 0..9_000 {
        let second = times.iter().filter(|time| (window..window + 1_000).contains(*time)).count();
        assert!(second <= 10, "AWS allows ten a second: {times:?}");
    }
    assert!((9_600..=9_900).contains(times.last().unwrap()), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fast_rate_is_reached_in_spite_of_slow_timers() {
    let pacer = Pacer::default();
    let times = permits(&pacer, Operation::DescribeThing, 560).await;
    let last = *times.last().unwrap();
    assert!((1_860..=2_010).contains(&last), "{last}");
}

#[tokio::test(start_paused = true)]
async fn operations_and_clones() {
    let pacer = Pacer::default();
    let shared = pacer.clone();
    let (one, other, describes) = tokio::join!(
        permits(&pacer, Operation::CancelJobExecution, 40),
        permits(&shared, Operation::CancelJobExecution, 40),
        permits(&pacer, DESCRIBE, 40),
    );
    assert!(one.last().max(other.last()).unwrap() > &9_000, "clones share a bucket");
    assert!(describes.last().unwrap() < &5_000, "operations do not");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_answer_halves_the_rate_once_a_second_and_it_recovers() {
    let faulty = Faulty::new(Memory::default());
    faulty.inject(Operation::CancelJobExecution, Fault::Fail(ErrorKind::Throttled), 40);
    let paced = Paced::new(faulty, Pacer::default());
    let pacer = paced.pacer().clone();
    let rate = || pacer.rate(Operation::CancelJobExecution).unwrap();
    let cancel = async || paced.cancel(&super::request(), super::gate(true)).await;
    for _ in 0..3 {
        cancel().await.unwrap_err();
    }
    assert!((rate() - 4.0).abs() < 1e-9, "{}", rate());
    for _ in 0..20 {
        tokio::time::advance(Duration::from_secs(1)).await;
        cancel().await.unwrap_err();
    }
    assert!((rate() - 0.5).abs() < 1e-9, "{}", rate());
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!((4.0..5.0).contains(&rate()), "{}", rate());
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!((rate() - 8.0).abs() < 1e-9, "{}", rate());
    assert_eq!(pacer.counts().throttled[&Operation::CancelJobExecution], 23);
}

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_a_few_times_and_only_when_that_may_help() {
    let things = Operation::DescribeThing;
    let faulty = Faulty::new(Memory::with_thing("robot-001"));
    let paced = Paced::new(faulty.clone(), Pacer::unlimited());
    let robot = "robot-001".parse().unwrap();
    let before = paced.pacer().counts();
    assert_eq!(before, Counts::default());

    faulty.inject(things, Fault::Fail(ErrorKind::ConnectionLost), 3);
    faulty.inject(things, Fault::LoseReply, 1);
    let start = Instant::now();
    paced.describe_thing(&robot).await.unwrap();
    assert_eq!(start.elapsed().as_millis(), 500 + 1_000 + 2_000 + 4_000);
    let counts = paced.pacer().counts();
    assert_eq!((counts.clone() - &before).calls[&things], u64::from(ATTEMPTS));

    faulty.inject(things, Fault::Fail(ErrorKind::Throttled), 9);
    let error = paced.describe_thing(&robot).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled);
    let later = paced.pacer().counts();
    assert_eq!((later.clone() - &counts).throttled[&things], u64::from(ATTEMPTS));
    assert!(paced.pacer().rate(things).is_some(), "even without a limit of ours");

    let faulty = Faulty::new(Memory::with_thing("robot-001"));
    let paced = Paced::new(faulty.clone(), Pacer::unlimited());
    faulty.inject(things, Fault::Fail(ErrorKind::Denied), 1);
    paced.describe_thing(&robot).await.unwrap_err();
    assert_eq!(paced.pacer().counts().calls[&things], 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_neither_repeated_nor_held_up_nor_counted_when_withdrawn() {
    let faulty = Faulty::new(Memory::default());
    let cancels = Operation::CancelJobExecution;
    for kind in [ErrorKind::ConnectionLost, ErrorKind::Unavailable, ErrorKind::Withdrawn] {
        faulty.inject(cancels, Fault::Fail(kind), 1);
    }
    faulty.inject(cancels, Fault::LoseReply, 1);
    let memory = faulty.clone();
    let paced = Paced::new(memory, Pacer::default());
    let start = Instant::now();
    for _ in 0..20 {
        let _ = paced.cancel(&super::request(), super::gate(true)).await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "the executor took the permit");
    assert_eq!(paced.pacer().counts().calls[&cancels], 19);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_gives_its_turn_back() {
    let pacer = Pacer::default();
    permits(&pacer, DESCRIBE, 2).await;
    let start = Instant::now();
    for _ in 0..50 {
        let waiting = pacer.permit(DESCRIBE);
        assert!(tokio::time::timeout(Duration::from_millis(1), waiting).await.is_err());
    }
    Arc::new(pacer).permit(DESCRIBE).await;
    assert!(start.elapsed() <= Duration::from_millis(126), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn of_what_aws_grants_four_fifths_are_ours_and_throttling_still_counts() {
    let pacer = Pacer::default();
    assert_eq!(pacer.cancels_per_second(), Some(8.0));
    pacer.granted(Operation::CancelJobExecution, 50.0);
    assert_eq!(pacer.rate(Operation::CancelJobExecution), Some(40.0));
    assert_eq!(pacer.cancels_per_second(), Some(8.0), "each cancel takes a describe");
    pacer.granted(DESCRIBE, 25.0);
    assert_eq!(pacer.cancels_per_second(), Some(20.0));
    pacer.granted(DESCRIBE, 5.0);
    assert_eq!(pacer.rate(DESCRIBE), Some(4.0), "less than the default is less");

    let faulty = Faulty::new(Memory::default());
    faulty.inject(Operation::CancelJobExecution, Fault::Fail(ErrorKind::Throttled), 1);
    let paced = Paced::new(faulty, pacer.clone());
    let _ = paced.cancel(&super::request(), super::gate(true)).await;
    pacer.granted(Operation::CancelJobExecution, 100.0);
    assert_eq!(pacer.rate(Operation::CancelJobExecution), Some(20.0), "it was throttled just now");
    tokio::time::advance(Duration::from_secs(120)).await;
    assert_eq!(pacer.rate(Operation::CancelJobExecution), Some(80.0));
}

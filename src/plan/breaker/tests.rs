use super::*;

const LIMITS: Thresholds = Thresholds {
    unknown_percent: 20,
    version_conflict_percent: 30,
    error_percent: 20,
    clock_skew: SignedDuration::from_secs(60),
};

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + minutes * 60).unwrap()
}

fn cases(all: u64, bad: u64) -> Cases {
    Cases { all, bad }
}

fn nothing() -> Health {
    Health { unknown: Cases::default(), skew: Some(SignedDuration::ZERO) }
}

/// The breakers that are open after a look at a time.
fn weigh(record: &mut Record, health: &Health, minutes: i64) -> Vec<Breaker> {
    record.weigh(health, &LIMITS, at(minutes));
    record.open.keys().copied().collect()
}

#[test]
fn opens_above_its_limit_and_not_at_it() {
    for (breaker, limit) in
        [(Breaker::Unknown, 20), (Breaker::VersionConflict, 30), (Breaker::Error, 20)]
    {
        let mut record = Record::default();
        record.count(breaker, cases(100, limit), at(0));
        assert_eq!(weigh(&mut record, &nothing(), 0), []);
        record.count(breaker, cases(0, 0), at(0));
        record.count(breaker, cases(1, 1), at(1));
        assert_eq!(weigh(&mut record, &nothing(), 1), [breaker], "{limit} % of 100, and one more");
    }
}

#[test]
fn says_nothing_of_fewer_than_twenty_cases() {
    let mut record = Record::default();
    record.count(Breaker::Error, cases(19, 19), at(0));
    assert_eq!(weigh(&mut record, &nothing(), 0), []);
    record.count(Breaker::Error, Cases::one(false), at(0));
    assert_eq!(weigh(&mut record, &nothing(), 0), [Breaker::Error]);
}

#[test]
fn counts_the_last_hour_and_nothing_before() {
    let mut record = Record::default();
    record.count(Breaker::Error, cases(30, 30), at(0));
    record.count(Breaker::Error, cases(30, 0), at(59));
    let standing = |record: &Record, minutes| {
        record.first_open(None, &LIMITS, at(minutes)).map(|(breaker, _)| breaker)
    };
    assert_eq!(standing(&record, 59), Some(Breaker::Error));
    assert_eq!(standing(&record, 60), None);
    record.forget(at(60));
    assert_eq!(record.cases.len(), 1);
}

#[test]
fn zero_percent_allows_none_and_a_hundred_all() {
    let mut record = Record::default();
    record.count(Breaker::Error, cases(1000, 1), at(0));
    let none = Thresholds { error_percent: 0, ..LIMITS };
    assert!(record.first_open(None, &none, at(0)).is_some());
    record.count(Breaker::Error, cases(10_000, 10_000), at(0));
    let all = Thresholds { error_percent: 100, ..LIMITS };
    assert_eq!(record.first_open(None, &all, at(0)), None);
}

#[test]
fn stays_open_until_an_hour_of_looks_was_calm() {
    let mut record = Record::default();
    record.count(Breaker::Error, cases(40, 20), at(0));
    assert_eq!(weigh(&mut record, &nothing(), 0), [Breaker::Error]);
    // Half of the cases are bad as long as any count.
    for minutes in (5..60).step_by(5) {
        assert_eq!(weigh(&mut record, &nothing(), minutes), [Breaker::Error]);
    }
    // From here on there are none: calm from the look before the first that says so.
    for minutes in (60..115).step_by(5) {
        assert_eq!(weigh(&mut record, &nothing(), minutes), [Breaker::Error], "{minutes}");
    }
    assert_eq!(weigh(&mut record, &nothing(), 115), []);
}

#[test]
fn half_of_the_limit_is_not_under_half() {
    let open = |bad| {
        let mut record = Record::default();
        record.count(Breaker::Error, cases(20, 20), at(-60));
        record.weigh(&nothing(), &LIMITS, at(-60));
        for minutes in (0..=120).step_by(5) {
            record.count(Breaker::Error, cases(100, bad), at(minutes));
            record.weigh(&nothing(), &LIMITS, at(minutes));
        }
        record.open.contains_key(&Breaker::Error)
    };
    assert!(open(10));
    assert!(!open(9));
}

#[test]
fn what_goes_wrong_again_begins_the_hour_anew() {
    let mut record = Record::default();
    record.count(Breaker::Error, cases(20, 20), at(0));
    weigh(&mut record, &nothing(), 0);
    for minutes in (60..110).step_by(5) {
        weigh(&mut record, &nothing(), minutes);
    }
    record.count(Breaker::Error, cases(20, 20), at(110));
    weigh(&mut record, &nothing(), 110);
    for minutes in (115..=220).step_by(5) {
        assert_eq!(weigh(&mut record, &nothing(), minutes), [Breaker::Error], "{minutes}");
    }
}

#[test]
fn a_night_in_which_nobody_looks_is_no_hour_of_observation() {
    let mut record = Record::default();
    record.count(Breaker::Error, cases(20, 20), at(0));
    weigh(&mut record, &nothing(), 0);
    for look_at in 1..=3 {
        assert_eq!(weigh(&mut record, &nothing(), look_at * 600), [Breaker::Error], "{look_at}");
    }
    assert_eq!(weigh(&mut record, &nothing(), 4 * 600), [], "a quarter of an hour each");
}

#[test]
fn the_clock_opens_by_its_difference_either_way() {
    let skew = |seconds| Health { skew: Some(SignedDuration::from_secs(seconds)), ..nothing() };
    for (seconds, open) in [(60, false), (61, true), (-60, false), (-61, true), (86_400, true)] {
        let mut record = Record::default();
        assert_eq!(!weigh(&mut record, &skew(seconds), 0).is_empty(), open, "{seconds} s");
    }
    let mut record = Record::default();
    weigh(&mut record, &skew(90), 0);
    for minutes in (5..=60).step_by(5) {
        assert_eq!(weigh(&mut record, &skew(31), minutes), [Breaker::Clock], "half is 30 s");
    }
    let unknown = Health { skew: None, ..nothing() };
    for minutes in (65..200).step_by(5) {
        assert_eq!(weigh(&mut record, &unknown, minutes), [Breaker::Clock], "nobody knows");
    }
    for minutes in (200..260).step_by(5) {
        weigh(&mut record, &skew(-30), minutes);
    }
    assert_eq!(weigh(&mut record, &skew(30), 260), []);
}

#[test]
fn resuming_forgets_the_cases() {
    let mut record = Record::default();
    record.count(Breaker::Error, cases(20, 20), at(0));
    record.count(Breaker::Unknown, cases(20, 20), at(0));
    assert_eq!(weigh(&mut record, &nothing(), 0), [Breaker::Unknown, Breaker::Error]);
    assert!(record.resume(Breaker::Error));
    assert!(!record.resume(Breaker::Error));
    assert_eq!(weigh(&mut record, &nothing(), 1), [Breaker::Unknown]);
}

#[test]
fn what_is_shown_is_what_a_look_would_do() {
    let health = Health { unknown: cases(50, 30), skew: Some(SignedDuration::from_secs(-75)) };
    let mut record = Record::default();
    record.count(Breaker::VersionConflict, cases(40, 1), at(0));
    let states = record.states(&health, &LIMITS, at(0));
    let shown: Vec<_> =
        states.iter().filter(|it| it.open_since.is_some()).map(|it| it.breaker).collect();
    assert_eq!(shown, weigh(&mut record, &health, 0));
    let why: Vec<_> = states.into_iter().filter_map(|it| it.why).collect();
    assert_eq!(
        why,
        [
            "30 of 50 decisions of the last hour lacked a fact that could not be read, and 20 % are allowed",
            "AWS's clock is 1m 15s behind this machine's, and 1m are allowed",
        ]
    );
}

#[test]
fn a_look_by_a_clock_that_was_far_ahead_holds_nothing_open() {
    let mut record = Record::default();
    let hours = SignedDuration::from_hours(800);
    let ahead = Health { skew: Some(hours), ..nothing() };
    assert_eq!(weigh(&mut record, &ahead, hours.as_mins()), [Breaker::Clock]);
    for quarter in 0..4 {
        assert_eq!(weigh(&mut record, &nothing(), quarter * 15), [Breaker::Clock]);
    }
    assert_eq!(weigh(&mut record, &nothing(), 60), []);
}

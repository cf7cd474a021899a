//! Windows over midnight and over the days on which clocks change, and when the next edge comes.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use rescind::policy::Window;
use rescind::policy::window::{Day, is_open, next_change};

use super::support::{policy, time};

fn windows(windows: &str) -> Vec<Window> {
    let spec = format!(
        "target: {{statuses: [QUEUED]}}\nmatch: {{age: [{{since: queuedAt, olderThan: 1d}}]}}\nwindows: [{windows}]"
    );
    policy("windowed", &spec).windows
}

/// The times at which the windows open and close, from `now` on.
fn edges(windows: &[Window], now: Timestamp, count: usize) -> Vec<(String, bool)> {
    let mut at = now;
    let mut edges = Vec::new();
    while edges.len() < count {
        let Some(next) = next_change(windows, at) else { break };
        edges.push((next.to_string(), is_open(windows, next)));
        at = next;
    }
    edges
}

fn told(windows: &[Window], now: &str, count: usize) -> String {
    let edges = edges(windows, time(now), count);
    let told =
        |(at, open): (String, bool)| format!("{at} {}", if open { "opens" } else { "closes" });
    edges.into_iter().map(told).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_window_is_half_open_and_past_midnight_belongs_to_the_day_on_which_it_opens() {
    // 2026-11-23 is a Monday.
    let night = windows(r#"{kind: Allow, days: [Mon], from: "22:00", to: "05:00", timeZone: UTC}"#);
    let day = windows(r#"{kind: Allow, days: [Mon], from: "09:00", to: "17:00", timeZone: UTC}"#);
    let evening =
        windows(r#"{kind: Allow, days: [Mon], from: "22:00", to: "24:00", timeZone: UTC}"#);
    let whole = windows(r#"{kind: Allow, days: [Mon], from: "00:00", to: "24:00", timeZone: UTC}"#);
    let to_midnight =
        windows(r#"{kind: Allow, days: [Mon], from: "22:00", to: "00:00", timeZone: UTC}"#);
    for (windows, at, open) in [
        (&day, "2026-11-23T08:59:59.999999999Z", false),
        (&day, "2026-11-23T09:00:00Z", true),
        (&day, "2026-11-23T16:59:59.999999999Z", true),
        (&day, "2026-11-23T17:00:00Z", false),
        (&day, "2026-11-24T09:00:00Z", false),
        (&night, "2026-11-23T04:59:59Z", false),
        (&night, "2026-11-23T21:59:59Z", false),
        (&night, "2026-11-23T22:00:00Z", true),
        (&night, "2026-11-24T04:59:59Z", true),
        (&night, "2026-11-24T05:00:00Z", false),
        (&night, "2026-11-24T22:00:00Z", false),
        (&evening, "2026-11-23T23:59:59Z", true),
        (&evening, "2026-11-24T00:00:00Z", false),
        (&to_midnight, "2026-11-23T23:59:59Z", true),
        (&to_midnight, "2026-11-24T00:00:00Z", false),
        (&whole, "2026-11-22T23:59:59Z", false),
        (&whole, "2026-11-23T00:00:00Z", true),
        (&whole, "2026-11-23T23:59:59Z", true),
        (&whole, "2026-11-24T00:00:00Z", false),
    ] {
        assert_eq!(is_open(windows, time(at)), open, "{at} {windows:?}");
    }
}

#[test]
fn some_allow_window_must_be_open_and_no_deny_window() {
    let allow = r#"{kind: Allow, from: "08:00", to: "12:00", timeZone: UTC}"#;
    let other = r#"{kind: Allow, from: "11:00", to: "14:00", timeZone: UTC}"#;
    let deny = r#"{kind: Deny, from: "10:00", to: "13:00", timeZone: UTC}"#;
    let at = |hour: &str| time(&format!("2026-11-23T{hour}:30:00Z"));
    for (written, open) in [
        (String::new(), "07 08 09 10 11 12 13 14"),
        (allow.to_owned(), "08 09 10 11"),
        (deny.to_owned(), "07 08 09 13 14"),
        (format!("{allow}, {other}"), "08 09 10 11 12 13"),
        (format!("{deny}, {allow}, {other}"), "08 09 13"),
        (format!("{allow}, {deny}, {other}"), "08 09 13"),
    ] {
        let windows = if written.is_empty() { Vec::new() } else { windows(&written) };
        let hours = ["07", "08", "09", "10", "11", "12", "13", "14"];
        let found: Vec<_> = hours.into_iter().filter(|hour| is_open(&windows, at(hour))).collect();
        assert_eq!(found.join(" "), open, "{written}");
    }
}

#[test]
fn windows_over_clock_changes() {
    // Where clocks are put forward a time is skipped, where they are put back it comes twice.
    // Berlin: 2026-03-29 02:00 -> 03:00, 2026-10-25 03:00 -> 02:00. New York: 2026-03-08 02:00 ->
    // 03:00, 2026-11-01 02:00 -> 01:00. Lord Howe moves by half an hour: 2026-10-04 02:00 -> 02:30,
    // 2026-04-05 02:00 -> 01:30.
    for (zone, from, to, now, edges) in [
        (
            "Europe/Berlin",
            "01:00",
            "05:00",
            "2026-03-28T12:00:00Z",
            "2026-03-29T00:00:00Z opens, 2026-03-29T03:00:00Z closes, 2026-03-29T23:00:00Z opens",
        ),
        (
            "Europe/Berlin",
            "01:00",
            "05:00",
            "2026-10-24T12:00:00Z",
            "2026-10-24T23:00:00Z opens, 2026-10-25T04:00:00Z closes, 2026-10-26T00:00:00Z opens",
        ),
        // Within what is skipped: it does not open that day.
        (
            "Europe/Berlin",
            "02:15",
            "02:45",
            "2026-03-28T12:00:00Z",
            "2026-03-30T00:15:00Z opens, 2026-03-30T00:45:00Z closes",
        ),
        // It begins, or ends, in what is skipped.
        (
            "Europe/Berlin",
            "02:30",
            "04:00",
            "2026-03-28T12:00:00Z",
            "2026-03-29T01:00:00Z opens, 2026-03-29T02:00:00Z closes",
        ),
        (
            "Europe/Berlin",
            "01:00",
            "02:30",
            "2026-03-28T12:00:00Z",
            "2026-03-29T00:00:00Z opens, 2026-03-29T01:00:00Z closes",
        ),
        // Within what comes twice: it opens twice.
        (
            "Europe/Berlin",
            "02:15",
            "02:45",
            "2026-10-24T12:00:00Z",
            "2026-10-25T00:15:00Z opens, 2026-10-25T00:45:00Z closes, 2026-10-25T01:15:00Z opens, 2026-10-25T01:45:00Z closes",
        ),
        // It ends in what comes twice.
        (
            "Europe/Berlin",
            "01:00",
            "02:30",
            "2026-10-24T12:00:00Z",
            "2026-10-24T23:00:00Z opens, 2026-10-25T00:30:00Z closes, 2026-10-25T01:00:00Z opens, 2026-10-25T01:30:00Z closes",
        ),
        // Over midnight and a change.
        (
            "America/New_York",
            "22:00",
            "02:30",
            "2026-03-07T12:00:00Z",
            "2026-03-08T03:00:00Z opens, 2026-03-08T07:00:00Z closes, 2026-03-09T02:00:00Z opens",
        ),
        (
            "America/New_York",
            "22:00",
            "04:00",
            "2026-10-31T12:00:00Z",
            "2026-11-01T02:00:00Z opens, 2026-11-01T09:00:00Z closes, 2026-11-02T03:00:00Z opens",
        ),
        (
            "America/New_York",
            "01:30",
            "02:00",
            "2026-10-31T12:00:00Z",
            "2026-11-01T05:30:00Z opens, 2026-11-01T06:00:00Z closes, 2026-11-01T06:30:00Z opens, 2026-11-01T07:00:00Z closes",
        ),
        (
            "Australia/Lord_Howe",
            "02:10",
            "02:20",
            "2026-10-03T00:00:00Z",
            "2026-10-04T15:10:00Z opens, 2026-10-04T15:20:00Z closes",
        ),
        (
            "Australia/Lord_Howe",
            "01:40",
            "01:50",
            "2026-04-04T00:00:00Z",
            "2026-04-04T14:40:00Z opens, 2026-04-04T14:50:00Z closes, 2026-04-04T15:10:00Z opens, 2026-04-04T15:20:00Z closes",
        ),
        (
            "Asia/Kolkata",
            "22:00",
            "05:00",
            "2026-10-25T12:00:00Z",
            "2026-10-25T16:30:00Z opens, 2026-10-25T23:30:00Z closes",
        ),
    ] {
        let window = format!("{{kind: Allow, from: \"{from}\", to: \"{to}\", timeZone: {zone}}}");
        let found = told(&windows(&window), now, edges.split(", ").count());
        assert_eq!(found, edges, "{from} to {to} in {zone}");
        // A Deny window has the same edges the other way round.
        let denies = windows(&window.replace("Allow", "Deny"));
        let swapped = edges.replace("opens", "?").replace("closes", "opens").replace('?', "closes");
        assert_eq!(told(&denies, now, edges.split(", ").count()), swapped, "denied in {zone}");
    }
}

#[test]
fn days_that_no_clock_change_spares_are_looked_for_for_a_year() {
    // The only Sunday on which 02:15 does not occur is skipped.
    let sundays = windows(
        r#"{kind: Allow, days: [Sun], from: "02:15", to: "02:45", timeZone: Europe/Berlin}"#,
    );
    assert_eq!(told(&sundays, "2026-03-22T12:00:00Z", 1), "2026-04-05T00:15:00Z opens");
    // It begins in what is skipped days later, and opens as the clocks are put forward.
    let later = windows(
        r#"{kind: Allow, days: [Sun], from: "02:30", to: "04:00", timeZone: Europe/Berlin}"#,
    );
    assert_eq!(told(&later, "2026-03-23T12:00:00Z", 1), "2026-03-29T01:00:00Z opens");
    // Berlin and New York are six hours apart but for three weeks in spring and one in autumn.
    let rare = windows(
        r#"{kind: Allow, from: "12:00", to: "13:00", timeZone: Europe/Berlin}, {kind: Deny, from: "06:00", to: "07:00", timeZone: America/New_York}"#,
    );
    assert_eq!(told(&rare, "2026-03-30T00:00:00Z", 1), "2026-10-25T11:00:00Z opens");
    let never = windows(
        r#"{kind: Allow, from: "12:00", to: "13:00", timeZone: UTC}, {kind: Deny, from: "11:00", to: "14:00", timeZone: UTC}"#,
    );
    assert_eq!(next_change(&never, time("2026-03-30T00:00:00Z")), None);
    assert_eq!(next_change(&[], time("2026-03-30T00:00:00Z")), None);
}

fn window() -> impl Strategy<Value = String> {
    let days = prop::collection::btree_set(select(&Day::ALL[..]), 1..4);
    let zone = select(&["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"][..]);
    let times = (0..48_u16, 0..48_u16).prop_filter("from is to", |(from, to)| from != to);
    (any::<bool>(), days, times, zone).prop_map(|(allow, days, (from, to), zone)| {
        let kind = if allow { "Allow" } else { "Deny" };
        let days: Vec<_> = days.iter().map(|day| format!("{day:?}")).collect();
        let at = |half: u16| format!("\"{:02}:{:02}\"", half / 2, half % 2 * 30);
        let (days, from, to) = (days.join(", "), at(from), at(to));
        format!("{{kind: {kind}, days: [{days}], from: {from}, to: {to}, timeZone: {zone}}}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The next change is one, and before it there is none: looked for minute by minute.
    #[test]
    fn nothing_changes_before_the_next_change(
        written in prop::collection::vec(window(), 1..4),
        hours in 0..9_000_i64,
    ) {
        let windows = windows(&written.join(", "));
        let now = time("2026-01-01T00:00:00Z") + SignedDuration::from_hours(hours);
        let before = is_open(&windows, now);
        let next = next_change(&windows, now);
        if let Some(next) = next {
            prop_assert!(next > now);
            prop_assert_eq!(is_open(&windows, next), !before);
            let just_before = next - SignedDuration::from_nanos(1);
            prop_assert_eq!(is_open(&windows, just_before), before);
        }
        for minutes in 0..3 * 24 * 60 {
            let at = now + SignedDuration::from_mins(minutes);
            if next.is_some_and(|next| at >= next) {
                break;
            }
            prop_assert_eq!(is_open(&windows, at), before, "{} before {:?}", at, next);
        }
    }
}

//! Windows: the civil times at which a policy may act.
//!
//! A window is open when the civil time in its zone is in [from, to) on one of its days. Past midnight
//! it belongs to the day on which it opens. A time that a clock change skips does not occur, so that a
//! window within it does not open that day; one that occurs twice is open twice. Pure functions, with
//! the edges computable, since the controller looks again at them.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// For how far ahead the next edge is looked for: a rare combination of days, zones and clock changes
/// comes at least once a year.
const HORIZON: [i32; 2] = [16, 400];

/// Whether a window allows or denies.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub enum WindowKind {
    #[allow(missing_docs)] // doc comments on single variants turn the schema's enum into a oneOf
    Allow,
    #[allow(missing_docs)]
    Deny,
}

/// A time of day in whole minutes, from 00:00 to 24:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(i16);

impl TimeOfDay {
    /// None unless the text is `HH:MM`, at most `24:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let two_digits = |part: &str| {
            let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<i16>().ok()).flatten()
        };
        let (hours, minutes) = text.split_once(':')?;
        let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
        let time = hours * 60 + minutes;
        (minutes < 60 && time <= 24 * 60).then_some(Self(time))
    }

    /// Whether it is the end of a day, which no window can begin at.
    pub fn is_end_of_day(self) -> bool {
        self.0 == 24 * 60
    }

    /// Minutes since midnight: 0 to 1440.
    pub fn minutes(self) -> i64 {
        i64::from(self.0)
    }

    fn on(self, day: Date) -> Option<DateTime> {
        let midnight = day.to_datetime(jiff::civil::Time::midnight());
        midnight.checked_add(SignedDuration::from_mins(self.minutes())).ok()
    }
}

/// One window.
#[derive(Clone, Debug)]
pub struct Window {
    /// Whether it allows or denies.
    pub kind: WindowKind,
    /// The days on which it opens. Never empty.
    pub days: BTreeSet<Day>,
    /// When it opens; not 24:00.
    pub from: TimeOfDay,
    /// When it closes: on the next day unless it is later than `from`. Never equal to `from`.
    pub to: TimeOfDay,
    /// Whose civil time counts.
    pub zone: TimeZone,
}

/// A day of the week.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[allow(missing_docs)] // each is what its name says, and the schema wants no comments here
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    /// Every variant.
    pub const ALL: [Self; 7] =
        [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

impl Window {
    /// Whether it is open at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let civil = self.zone.to_datetime(now);
        let minute = i16::from(civil.hour()) * 60 + i16::from(civil.minute());
        let opens = |date: Date| self.days.contains(&Day::of(date));
        let today = opens(civil.date());
        if self.from < self.to {
            return today && (self.from.0..self.to.0).contains(&minute);
        }
        let yesterday = || civil.date().yesterday().is_ok_and(opens);
        (today && minute >= self.from.0) || (minute < self.to.0 && yesterday())
    }

    /// The times after `now`, up to `days` days later, at which it may open or close: where the civil
    /// time is one of its edges, and where the zone's clocks change.
    fn edges(&self, now: Timestamp, days: i32, edges: &mut BTreeSet<Timestamp>) {
        let mut date = self.zone.to_datetime(now).date().yesterday().ok();
        for _ in 0..days + 2 {
            let Some(day) = date else { break };
            for civil in [self.from.on(day), self.to.on(day)].into_iter().flatten() {
                let instants = self.zone.to_ambiguous_timestamp(civil);
                edges.extend(instants.earlier());
                edges.extend(instants.later());
            }
            date = day.tomorrow().ok();
        }
        let end = now.saturating_add(SignedDuration::from_hours(i64::from(days) * 24));
        let changes = self.zone.following(now).map(|change| change.timestamp());
        edges.extend(changes.take_while(|at| end.as_ref().is_ok_and(|end| at <= end)));
    }
}

/// Whether a policy with these windows may act at `now`: some Allow window is open, if any is written,
/// and no Deny window is.
pub fn is_open(windows: &[Window], now: Timestamp) -> bool {
    let mut open = windows.iter().all(|window| window.kind == WindowKind::Deny);
    for window in windows {
        match window.kind {
            WindowKind::Allow => open = open || window.is_open(now),
            WindowKind::Deny if window.is_open(now) => return false,
            WindowKind::Deny => {}
        }
    }
    open
}

/// Whether windows never let anything go: for a year from a time that is any.
pub fn never_open(windows: &[Window]) -> bool {
    let some_time = Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_hours(24 * 365 * 56));
    some_time.is_ok_and(|at| !is_open(windows, at) && next_change(windows, at).is_none())
}

/// The first time after `now` at which [`is_open`] changes; none if it does not within a year.
pub fn next_change(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    let before = is_open(windows, now);
    HORIZON.into_iter().find_map(|days| {
        let mut edges = BTreeSet::new();
        for window in windows {
            window.edges(now, days, &mut edges);
        }
        edges.into_iter().find(|at| *at > now && is_open(windows, *at) != before)
    })
}

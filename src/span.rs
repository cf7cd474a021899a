//! Durations and moments as people write them in documents: `6h`, `1h 30m`, `3d`, `3 days`, `PT90M`, `9h ago`.
//!
//! A day is 24 hours and a week seven of them; months and years have no fixed length and are refused.

use std::fmt;
use std::str::FromStr;

use jiff::civil::date;
use jiff::fmt::temporal::Pieces;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// Text that is not a duration or a moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSpan {
    /// It cannot be read at all.
    #[error("{0:?} is not a duration: write it like 90s, 15m, 6h, 1h 30m, 3d, 3 days or PT6H")]
    NotADuration(String),
    /// It has months or years.
    #[error("{0:?} has months or years, which have no fixed length: write days")]
    Calendar(String),
    /// It is zero or less.
    #[error("{0:?} must be more than nothing")]
    NotPositive(String),
    /// It says how long ago.
    #[error("{0:?} is how long ago something was, and a duration is asked for: leave out `ago`")]
    Ago(String),
    /// It is neither a time nor an age.
    #[error(
        "{0:?} is not a time: write it like 2027-01-01T00:00:00Z, or as an age like \"9h ago\""
    )]
    NotAMoment(String),
}

fn exact(text: &str) -> Result<SignedDuration, InvalidSpan> {
    let span: Span = text.parse().map_err(|_| InvalidSpan::NotADuration(text.to_owned()))?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(InvalidSpan::Calendar(text.to_owned()));
    }
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| InvalidSpan::NotADuration(text.to_owned()))
}

/// A duration of more than nothing. It is told with all its units, since that is what somebody asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(SignedDuration);

impl Period {
    /// None for zero or less.
    pub fn new(duration: SignedDuration) -> Option<Self> {
        duration.is_positive().then_some(Self(duration))
    }

    /// The duration.
    pub fn get(self) -> SignedDuration {
        self.0
    }
}

impl FromStr for Period {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        Self::new(exact(text)?).ok_or_else(|| {
            let is_ago = text.trim_end().ends_with("ago");
            (if is_ago { InvalidSpan::Ago } else { InvalidSpan::NotPositive })(text.to_owned())
        })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_full(self.0))
    }
}

/// A time with its zone. One later than the last that can be counted with, some hours before the year
/// 10000, is that last one: people write `9999-12-31T23:59:59Z` for "never".
pub fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let pieces = Pieces::parse(text).ok()?;
    let has_all = pieces.time().is_some() && pieces.to_numeric_offset().is_some();
    (has_all && pieces.date() >= date(9999, 12, 30)).then_some(Timestamp::MAX)
}

/// An absolute time, or an age relative to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// An absolute time.
    At(Timestamp),
    /// This long before now.
    Ago(SignedDuration),
}

impl Moment {
    /// The time that is meant, seen from `now`.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(age) => now.checked_sub(age).unwrap_or(Timestamp::MIN),
        }
    }
}

impl FromStr for Moment {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let not_a_moment = || InvalidSpan::NotAMoment(text.to_owned());
        if let Some(time) = instant(text) {
            return Ok(Self::At(time));
        }
        let age = text.strip_suffix("ago").ok_or_else(not_a_moment)?;
        let age = exact(age.trim()).map_err(|_| not_a_moment())?;
        if age.is_negative() { Err(not_a_moment()) } else { Ok(Self::Ago(age)) }
    }
}

/// The units of a duration, the largest first; those that it has none of are none.
fn parts(duration: SignedDuration) -> [(u64, &'static str); 7] {
    let (seconds, nanos) = (duration.unsigned_abs().as_secs(), duration.subsec_nanos());
    let nanos = u64::from(nanos.unsigned_abs());
    [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (nanos / 1_000_000, "ms"),
        (nanos / 1_000 % 1_000, "us"),
        (nanos % 1_000, "ns"),
    ]
}

fn joined<'a>(negative: bool, parts: impl Iterator<Item = &'a (u64, &'static str)>) -> String {
    let parts: Vec<_> = parts.map(|(count, unit)| format!("{count}{unit}")).collect();
    match (parts.is_empty(), negative) {
        (true, _) => "0s".to_owned(),
        (false, true) => format!("-{}", parts.join(" ")),
        (false, false) => parts.join(" "),
    }
}

/// A duration in the two largest units that it has: `3d 4h`, `6h`, `1m 30s`, `0s`. Cut, not rounded.
pub fn humanize(duration: SignedDuration) -> String {
    let parts = parts(duration);
    let told = parts[..4].iter().skip_while(|(count, _)| *count == 0).take(2);
    joined(duration.is_negative(), told.take_while(|(count, _)| *count > 0))
}

/// A duration in all its units: `1d 1h 30m 10s`.
pub fn in_full(duration: SignedDuration) -> String {
    joined(duration.is_negative(), parts(duration).iter().filter(|(count, _)| *count > 0))
}

/// An age beside the period that it is compared with: as [`humanize`] has it, and in full where what
/// that leaves out would make it look less than the period, which it is not.
pub fn beside(age: SignedDuration, period: Period) -> String {
    let told = humanize(age);
    let looks_less = exact(&told).is_ok_and(|told| told < period.get());
    if age >= period.get() && looks_less { in_full(age) } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("6h", 21_600),
            ("3d", 259_200),
            ("PT6H", 21_600),
            ("2w", 1_209_600),
            ("1h30m", 5_400),
        ] {
            assert_eq!(text.parse::<Period>().map(|p| p.get().as_secs()), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_its_reason() {
        assert!(matches!("6".parse::<Period>(), Err(InvalidSpan::NotADuration(_))));
        assert!(matches!("soon".parse::<Period>(), Err(InvalidSpan::NotADuration(_))));
        assert!(matches!("1mo".parse::<Period>(), Err(InvalidSpan::Calendar(_))));
        assert!(matches!("0s".parse::<Period>(), Err(InvalidSpan::NotPositive(_))));
        assert!(matches!("-1h".parse::<Period>(), Err(InvalidSpan::NotPositive(_))));
        assert!(matches!("6 hours ago".parse::<Period>(), Err(InvalidSpan::Ago(_))));
    }

    #[test]
    fn moments_are_times_or_ages() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a time");
        let at = |text: &str| text.parse::<Moment>().map(|m| m.resolve(now).to_string());
        assert_eq!(at("9h ago").as_deref(), Ok("2026-11-23T03:00:00Z"));
        assert_eq!(at("2026-01-01T00:00:00Z").as_deref(), Ok("2026-01-01T00:00:00Z"));
        assert!(at("9h").is_err());
        assert!(at("-9h ago").is_err());
    }

    #[test]
    fn a_time_at_the_end_of_the_calendar_is_the_last_one() {
        for text in ["9999-12-31T23:59:59Z", "9999-12-30T23:00:00Z", "9999-12-31T23:59:59.9-12:00"]
        {
            assert_eq!(instant(text), Some(Timestamp::MAX), "{text}");
        }
        let before = instant("9999-12-30T21:59:59Z").map(|time| time.to_string());
        assert_eq!(before.as_deref(), Some("9999-12-30T21:59:59Z"));
        for text in
            ["9999-12-31T23:59:59", "9999-12-31", "9999-12-32T00:00:00Z", "10000-01-01T00:00:00Z"]
        {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_told_in_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (90, "1m 30s"),
            (3_600, "1h"),
            (90_061, "1d 1h"),
            (86_405, "1d"),
        ] {
            assert_eq!(humanize(SignedDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn what_was_asked_is_told_in_full() {
        for text in ["1d 1h 30m 10s", "4d 1h 30m", "25h 30m 10s", "6h", "1s 500ms", "1d 5s"] {
            let period: Period = text.parse().expect(text);
            let told = period.to_string();
            assert_eq!(told.parse(), Ok(period), "{text} is told as {told}");
        }
        assert_eq!(in_full(SignedDuration::from_secs(-91_810)), "-1d 1h 30m 10s");
        assert_eq!(in_full(SignedDuration::ZERO), "0s");
    }

    #[test]
    fn an_age_never_looks_less_than_the_period_that_it_has_reached() {
        let period: Period = "4d 1h 30m".parse().expect("a period");
        for (age, told) in [
            ("97h 20m", "4d 1h"),
            ("97h 30m", "4d 1h 30m"),
            ("97h 45m 5s", "4d 1h 45m 5s"),
            ("98h 5m", "4d 2h"),
            ("5d 20m", "5d"),
        ] {
            assert_eq!(beside(exact(age).expect(age), period), told, "{age}");
        }
    }
}

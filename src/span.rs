//! Durations and moments as people write them in documents: `6h`, `1h 30m`, `3d`, `3 days`, `PT90M`, `9h ago`.
//!
//! A day is 24 hours and a week seven of them; months and years have no fixed length and are refused.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, Unit};

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

/// A duration of more than nothing.
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
        Self::new(exact(text)?).ok_or_else(|| InvalidSpan::NotPositive(text.to_owned()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&humanize(self.0))
    }
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
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let age = text.strip_suffix("ago").ok_or_else(not_a_moment)?;
        let age = exact(age.trim()).map_err(|_| not_a_moment())?;
        if age.is_negative() { Err(not_a_moment()) } else { Ok(Self::Ago(age)) }
    }
}

/// A duration in the two largest units that it has: `3d 4h`, `6h`, `1m 30s`, `0s`. Cut, not rounded.
pub fn humanize(duration: SignedDuration) -> String {
    const UNITS: [(i64, Unit); 4] =
        [(86_400, Unit::Day), (3_600, Unit::Hour), (60, Unit::Minute), (1, Unit::Second)];
    let sign = if duration.as_secs() < 0 { "-" } else { "" };
    let mut rest = duration.as_secs().abs();
    let mut parts = Vec::new();
    for (seconds, unit) in UNITS {
        let letter = match unit {
            Unit::Day => 'd',
            Unit::Hour => 'h',
            Unit::Minute => 'm',
            _ => 's',
        };
        if rest >= seconds {
            parts.push(format!("{}{letter}", rest / seconds));
            rest %= seconds;
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { format!("{sign}{}", parts.join(" ")) }
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
}

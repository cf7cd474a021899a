//! What operators and functions do with values.
//!
//! Apart from `run`, which decides what is reached. Each takes values of the types that the checker
//! let through; what is out of range or not to be read is a failure, never a value that stands for it.

use std::cmp::Ordering;
use std::sync::LazyLock;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Unit};
use regex::Regex;

use super::node::{Comparison, Function, Operation, Part};
use super::{Failure, MAX_TEXT, Value};
use crate::span::{humanize, instant};

/// What a type that the checker let through cannot be; no input is known that leads to it.
pub(super) const MISFIT: Failure = Failure::Other("its types do not fit");
pub(super) const OUT_OF_RANGE: Failure =
    Failure::Other("a number, time or duration is out of range");

type Ran<'a> = Result<Value<'a>, Failure>;

/// A time that can be counted with. The last one stands for all that are later, of which it is known
/// only that they come after every other: `9999-12-31T23:59:59Z`, as people write "never", is such a one.
fn counted(time: Timestamp) -> Result<Timestamp, Failure> {
    if time < Timestamp::MAX { Ok(time) } else { Err(OUT_OF_RANGE) }
}

/// The order of two values of one type; a failure for types that have none.
fn order(a: &Value<'_>, b: &Value<'_>) -> Result<Ordering, Failure> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b).ok_or(MISFIT),
        (Value::Duration(a), Value::Duration(b)) => Ok(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => {
            counted(*a.min(b))?;
            Ok(a.cmp(b))
        }
        _ => Err(MISFIT),
    }
}

fn equal(a: &Value<'_>, b: &Value<'_>) -> Result<bool, Failure> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        _ => order(a, b).map(Ordering::is_eq),
    }
}

/// Compares two values of one type.
pub(super) fn compare(how: Comparison, a: &Value<'_>, b: &Value<'_>) -> Result<bool, Failure> {
    let order = || order(a, b);
    Ok(match how {
        Comparison::Equal => equal(a, b)?,
        Comparison::NotEqual => !equal(a, b)?,
        Comparison::Less => order()?.is_lt(),
        Comparison::LessOrEqual => order()?.is_le(),
        Comparison::Greater => order()?.is_gt(),
        Comparison::GreaterOrEqual => order()?.is_ge(),
    })
}

/// Whether a value is in a list, or is a key of a map.
pub(super) fn is_in(what: &Value<'_>, within: &Value<'_>) -> Result<bool, Failure> {
    match (what, within) {
        (Value::Text(what), Value::Pairs(pairs)) => Ok(pairs.contains_key(&**what)),
        (Value::Text(what), Value::Names(names)) => Ok(names.contains(&**what)),
        (what, Value::List(items)) => {
            for item in items.iter() {
                if equal(what, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(MISFIT),
    }
}

fn finite(value: f64) -> Ran<'static> {
    if value.is_finite() { Ok(Value::Double(value)) } else { Err(OUT_OF_RANGE) }
}

/// Calculates.
pub(super) fn calculate<'a>(how: Operation, a: Value<'a>, b: Value<'a>) -> Ran<'a> {
    use Operation::{Add, Divide, Multiply, Remainder, Subtract};
    match (how, a, b) {
        (Divide | Remainder, Value::Int(_), Value::Int(0)) => {
            Err(Failure::Other("it divides by zero"))
        }
        (how, Value::Int(a), Value::Int(b)) => {
            let result = match how {
                Add => a.checked_add(b),
                Subtract => a.checked_sub(b),
                Multiply => a.checked_mul(b),
                Divide => a.checked_div(b),
                Remainder => a.checked_rem(b),
            };
            result.map(Value::Int).ok_or(OUT_OF_RANGE)
        }
        (Add, Value::Double(a), Value::Double(b)) => finite(a + b),
        (Subtract, Value::Double(a), Value::Double(b)) => finite(a - b),
        (Multiply, Value::Double(a), Value::Double(b)) => finite(a * b),
        (Divide, Value::Double(a), Value::Double(b)) => finite(a / b),
        (Add, Value::Text(a), Value::Text(b)) => {
            if a.len() + b.len() > MAX_TEXT {
                return Err(Failure::Other("a text is too long"));
            }
            Ok(Value::owned(format!("{a}{b}")))
        }
        (Add, Value::Duration(a), Value::Duration(b)) => in_range(a.checked_add(b)),
        (Subtract, Value::Duration(a), Value::Duration(b)) => in_range(a.checked_sub(b)),
        (Subtract, Value::Time(a), Value::Time(b)) => {
            in_range(Some(counted(a)?.duration_since(counted(b)?)))
        }
        (Add, Value::Time(time), Value::Duration(by))
        | (Add, Value::Duration(by), Value::Time(time)) => {
            in_years(counted(time)?.checked_add(by).ok())
        }
        (Subtract, Value::Time(time), Value::Duration(by)) => {
            in_years(counted(time)?.checked_sub(by).ok())
        }
        _ => Err(MISFIT),
    }
}

/// As far as CEL's own durations go: what fits 64 bits of nanoseconds, 292 years.
fn is_in_range(duration: SignedDuration) -> bool {
    i64::try_from(duration.as_nanos()).is_ok()
}

fn in_range<'a>(duration: Option<SignedDuration>) -> Ran<'a> {
    let duration = duration.filter(|it| is_in_range(*it));
    duration.map(Value::Duration).ok_or(OUT_OF_RANGE)
}

/// CEL's times begin with the year 1.
fn is_in_years(time: Timestamp) -> bool {
    const FIRST: i128 = -62_135_596_800_000_000_000;
    time.as_nanosecond() >= FIRST
}

fn in_years<'a>(time: Option<Timestamp>) -> Ran<'a> {
    time.filter(|it| is_in_years(*it)).map(Value::Time).ok_or(OUT_OF_RANGE)
}

/// A duration as CEL writes it: `1h30m`, `90s`, `-1.5h`, `100ms`; `0`.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    const UNITS: [(&str, i128); 6] = [
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
    ];
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut total = 0_i128;
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (whole, part) = rest[..end].split_once('.').unwrap_or((&rest[..end], "0"));
        let (unit, nanos) = UNITS.iter().find(|(unit, _)| rest[end..].starts_with(unit))?;
        let whole: i128 = whole.parse::<u64>().ok()?.into();
        let digits = u32::try_from(part.len()).ok().filter(|digits| (1..=18).contains(digits))?;
        let part: i128 = part.parse::<u64>().ok()?.into();
        total += whole * nanos + part * nanos / 10_i128.pow(digits);
        rest = &rest[end + unit.len()..];
    }
    let total = if negative { -total } else { total };
    i64::try_from(total).ok().map(SignedDuration::from_nanos)
}

/// A duration of whole days.
pub(super) fn days(count: i64) -> Option<SignedDuration> {
    Some(SignedDuration::from_secs(count.checked_mul(86_400)?)).filter(|it| is_in_range(*it))
}

fn number(value: usize) -> Ran<'static> {
    i64::try_from(value).map(Value::Int).map_err(|_| OUT_OF_RANGE)
}

/// Calls a function.
pub(super) fn call(function: Function, of: Value<'_>) -> Ran<'_> {
    Ok(match (function, of) {
        (Function::Size, Value::Text(text)) => number(text.chars().count())?,
        (Function::Size, Value::List(items)) => number(items.len())?,
        (Function::Size, Value::Names(names)) => number(names.len())?,
        (Function::Size, Value::Pairs(pairs)) => number(pairs.len())?,
        (Function::String, text @ Value::Text(_)) => text,
        (Function::String, Value::Int(value)) => Value::owned(value.to_string()),
        (Function::String, Value::Bool(value)) => Value::text(if value { "true" } else { "false" }),
        // Whole seconds, as AWS writes them.
        (Function::String, Value::Time(time)) => {
            let time = counted(time)?;
            Value::owned(time.round(Unit::Second).unwrap_or(time).to_string())
        }
        (Function::Int, value @ Value::Int(_)) | (Function::Double, value @ Value::Double(_)) => {
            value
        }
        (Function::Int, Value::Text(text)) => text
            .parse()
            .map(Value::Int)
            .map_err(|_| Failure::Other("a text is not a whole number"))?,
        #[expect(clippy::cast_precision_loss, reason = "as CEL has it")]
        (Function::Double, Value::Int(value)) => Value::Double(value as f64),
        (Function::Double, Value::Text(text)) => {
            let value: f64 = text.parse().map_err(|_| Failure::Other("a text is not a number"))?;
            finite(value)?
        }
        (Function::Duration, value @ Value::Duration(_))
        | (Function::Time, value @ Value::Time(_)) => value,
        (Function::Duration, Value::Text(text)) => duration(&text)
            .map(Value::Duration)
            .ok_or(Failure::Other("a text is not a duration"))?,
        (Function::Time, Value::Text(text)) => {
            time(&text).map(Value::Time).ok_or(Failure::Other("a text is not a time"))?
        }
        (Function::Days, Value::Int(count)) => {
            days(count).map(Value::Duration).ok_or(OUT_OF_RANGE)?
        }
        (Function::Humanize, Value::Duration(value)) => Value::owned(humanize(value)),
        (Function::HasValue, Value::Optional(value)) => Value::Bool(value.is_some()),
        (Function::Get(part), Value::Time(time)) => Value::Int(of_time(part, counted(time)?)),
        (Function::Get(part), Value::Duration(value)) => Value::Int(of_duration(part, value)?),
        _ => return Err(MISFIT),
    })
}

/// A time as CEL reads it (RFC 3339): a date, a time to the second at least, and a zone. `jiff` takes
/// more than that: minutes left out, offsets of more than a day, a second 60.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    static FORM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]([.][0-9]{1,9})?\
             (Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
        )
        .expect("the pattern is ours")
    });
    if !FORM.is_match(text) {
        return None;
    }
    instant(text).filter(|time| is_in_years(*time))
}

fn of_time(part: Part, time: Timestamp) -> i64 {
    let time = TimeZone::UTC.to_datetime(time);
    i64::from(match part {
        Part::FullYear => time.year(),
        Part::Month => i16::from(time.month()) - 1,
        Part::Date => i16::from(time.day()),
        Part::DayOfMonth => i16::from(time.day()) - 1,
        Part::DayOfWeek => i16::from(time.weekday().to_sunday_zero_offset()),
        Part::DayOfYear => time.day_of_year() - 1,
        Part::Hours => i16::from(time.hour()),
        Part::Minutes => i16::from(time.minute()),
        Part::Seconds => i16::from(time.second()),
        Part::Milliseconds => time.millisecond(),
    })
}

fn of_duration(part: Part, duration: SignedDuration) -> Result<i64, Failure> {
    Ok(match part {
        Part::Hours => duration.as_hours(),
        Part::Minutes => duration.as_mins(),
        Part::Seconds => duration.as_secs(),
        _ => return Err(MISFIT),
    })
}

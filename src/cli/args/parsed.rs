//! Values of flags that are more than text: each is read once, here, and a wrong one is refused with
//! what a right one is like.

use std::net::SocketAddr;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::policy::guard::is_region;
use crate::span::{Moment, Period};

pub(super) fn account(text: &str) -> Result<String, String> {
    let fits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err("an AWS account id has 12 digits".to_owned()) }
}

pub(super) fn key_and_secret(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((key, secret)) if !key.is_empty() && !secret.is_empty() => {
            Ok((key.to_owned(), secret.to_owned()))
        }
        _ => Err("it is an access key id and its secret with a colon between them".to_owned()),
    }
}

pub(super) fn region(text: &str) -> Result<String, String> {
    if is_region(text) {
        Ok(text.to_owned())
    } else {
        Err("an AWS region is like eu-central-1".to_owned())
    }
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.5..=10_000.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number of calls a second, from 0.5 to 10000".to_owned()),
    }
}

pub(super) fn interval(text: &str) -> Result<std::time::Duration, String> {
    let period: Period = text.parse().map_err(|error| format!("{error}"))?;
    let interval = period.get().unsigned_abs();
    let bounds = std::time::Duration::from_secs(1)..=std::time::Duration::from_secs(86_400);
    if bounds.contains(&interval) {
        Ok(interval)
    } else {
        Err("an interval is from 1s to 1d".to_owned())
    }
}

/// A time; a day alone means its start in UTC.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    // Longer text that begins with a date has a time of no known zone.
    let day = Some(text).filter(|text| text.len() == "2026-11-24".len());
    let day = day.and_then(|text| text.parse::<Date>().ok());
    let start = day.and_then(|day| TimeZone::UTC.to_timestamp(day.into()).ok());
    start.map(Moment::At).ok_or_else(|| {
        "a time is like 2026-11-24T00:00:00Z, a day (from its start in UTC) like 2026-11-24, an age \
         like \"9h ago\""
            .to_owned()
    })
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address is an IP address and a port: 127.0.0.1:9464".to_owned())
}

pub(super) fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the emulator checks no credentials, so it listens on loopback only".to_owned())
    }
}

//! Values of flags that are more than text: each is read once, here, and a wrong one is refused with
//! what a right one is like.

use std::net::SocketAddr;

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
    let part = |it: &str| {
        !it.is_empty() && it.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if text.len() <= 32 && text.split('-').count() >= 3 && text.split('-').all(part) {
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
    let period: crate::span::Period = text.parse().map_err(|error| format!("{error}"))?;
    let interval = period.get().unsigned_abs();
    let bounds = std::time::Duration::from_secs(1)..=std::time::Duration::from_secs(86_400);
    if bounds.contains(&interval) {
        Ok(interval)
    } else {
        Err("an interval is from 1s to 1d".to_owned())
    }
}

pub(super) fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an address is like 127.0.0.1:4510".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the emulator checks no credentials, so it listens on loopback only".to_owned())
    }
}

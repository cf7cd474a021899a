//! What the emulator tells about itself: the oracle of tests.
//!
//! All of it lies below `/_emulator`, where [`ROUTES`] is the index. Nothing of this is AWS's.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Emulator;
use super::faults::Faults;
use super::refusal::Refusal;
use super::store::{Doing, State};
use crate::execution::{ExecutionStatus, StatusDetails};
use crate::span::Period;

/// What can be asked of the emulator itself, for its index.
const ROUTES: &[(&str, &str)] = &[
    ("GET /_emulator", "this index"),
    ("GET /_emulator/effects", "each cancel that took effect, with the state before it"),
    ("GET /_emulator/calls", "how many calls of each operation came"),
    ("DELETE /_emulator/calls", "set these counts to zero"),
    ("GET /_emulator/faults", "the faults that are set"),
    ("POST /_emulator/faults", "replace all faults"),
    ("GET /_emulator/clock", "the emulator's time"),
    (
        "POST /_emulator/clock",
        "set it: {\"now\": \"2027-01-01T00:00:00Z\"}, {\"advance\": \"2h\"}, {\"stopped\": true}",
    ),
    ("GET /_emulator/devices", "what the living devices of the fleet do"),
    ("GET /_emulator/snapshot", "a kind: Fleet document of the present state"),
    ("POST /_emulator/reset", "begin anew with the fleet that it was started with"),
    ("GET /_emulator/operations", "the operations of AWS that it answers"),
];

/// More than fit on a screen.
const DEVICES_SHOWN: usize = 250;

/// How far time is moved on at once while devices live: all that they do in between is done under the lock.
const LEAP: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What `POST /_emulator/clock` takes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct SetClock {
    now: Option<Timestamp>,
    advance: Option<String>,
    stopped: Option<bool>,
}

/// Answers what lies below `/_emulator`.
pub fn answer(
    emulator: &Emulator,
    method: &str,
    rest: &[String],
    body: &[u8],
) -> Result<Value, Refusal> {
    let rest: Vec<&str> = rest.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
    let shown = |value: serde_json::Result<Value>| value.map_err(|_| Refusal::InternalFailure);
    match (method, rest.as_slice()) {
        ("GET", []) => {
            let routes: serde_json::Map<String, Value> =
                ROUTES.iter().map(|(route, text)| ((*route).to_owned(), (*text).into())).collect();
            Ok(json!({ "emulator": "AWS IoT Jobs", "routes": routes }))
        }
        ("GET", ["operations"]) => {
            let all = super::Operation::ALL.iter().filter(|operation| operation.is_emulated());
            Ok(json!({ "operations": all.collect::<Vec<_>>() }))
        }
        ("GET", ["effects"]) => Ok(json!({ "effects": emulator.effects() })),
        ("GET", ["calls"]) => Ok(json!({ "calls": emulator.calls() })),
        ("POST", ["calls", "reset"]) | ("DELETE", ["calls"]) => {
            emulator.reset_calls();
            Ok(json!({}))
        }
        ("GET", ["faults"]) => shown(serde_json::to_value(emulator.faults())),
        ("POST", ["faults"]) => {
            let faults: Faults = read(body, "no faults")?;
            emulator.set_faults(faults);
            shown(serde_json::to_value(emulator.faults()))
        }
        ("GET", ["clock"]) => shown(serde_json::to_value(emulator.clock_state())),
        ("POST", ["clock"]) => {
            set_clock(emulator, &read(body, "no time")?)?;
            shown(serde_json::to_value(emulator.clock_state()))
        }
        ("GET", ["devices"]) => Ok(devices(emulator)),
        ("GET", ["snapshot"]) => Ok(emulator.snapshot()),
        ("POST", ["reset"]) => {
            emulator.reset();
            Ok(json!({}))
        }
        _ => {
            let path = rest.join("/");
            let text = format!("The emulator has no {method} /_emulator/{path}.");
            Err(Refusal::UnknownOperation(text))
        }
    }
}

/// How many devices do what, and the first of them by name.
fn devices(emulator: &Emulator) -> Value {
    let (mut counts, mut shown) = (BTreeMap::<State, u64>::new(), Vec::new());
    emulator.store(|store| {
        for doing in store.doings() {
            *counts.entry(doing.state).or_default() += 1;
            if shown.len() < DEVICES_SHOWN {
                shown.push(device(&doing));
            }
        }
    });
    json!({ "now": emulator.now(), "counts": counts, "devices": shown })
}

fn device(doing: &Doing<'_>) -> Value {
    let mut shown = json!({ "thingName": doing.thing, "does": doing.state });
    if let Some((job, execution)) = doing.next {
        shown["jobId"] = job.into();
        shown["executionNumber"] = execution.number.into();
        shown["status"] = execution.status.as_str().into();
        shown["lastUpdatedAt"] = execution.last_updated_at.into();
        shown["statusDetails"] = json!(execution.details());
    }
    shown
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8], what: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::Serialization(format!("This is {what}: {error}")))
}

fn set_clock(emulator: &Emulator, set: &SetClock) -> Result<(), Refusal> {
    let refuse = |text: String| Refusal::InvalidRequest(text);
    let advance: Option<Period> = match set.advance.as_deref().map(str::parse) {
        None => None,
        Some(Ok(period)) => Some(period),
        Some(Err(error)) => return Err(refuse(format!("{error}"))),
    };
    // Stopped first and set free last, so that what is set is exact.
    if set.stopped == Some(true) {
        emulator.stop_time(true);
    }
    let now = emulator.now();
    let leap = set.now.map_or(SignedDuration::ZERO, |at| at.duration_since(now));
    let leap = leap.saturating_add(advance.map_or(SignedDuration::ZERO, Period::get));
    if leap > LEAP && emulator.store(|store| store.devices.are_there()) {
        let text = "A fleet with living devices is moved on by at most 366 days at a time.";
        return Err(refuse(text.to_owned()));
    }
    if let Some(now) = set.now {
        emulator.set_time(now).map_err(|error| refuse(error.to_string()))?;
    }
    let advance = advance.map_or(SignedDuration::ZERO, Period::get);
    emulator.advance(advance).map_err(|error| refuse(error.to_string()))?;
    if set.stopped == Some(false) {
        emulator.stop_time(false);
    }
    Ok(())
}

/// A cancel that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// 1 for the first.
    pub sequence: u64,
    /// When, by the emulator's clock.
    pub at: Timestamp,
    /// The job.
    pub job_id: String,
    /// The thing.
    pub thing_name: String,
    /// Which execution it hit: the latest.
    pub execution_number: i64,
    /// When that one was queued, in seconds since 1970: a number may be used again once the execution that
    /// had it was deleted.
    pub queued_at: i64,
    /// The status before.
    pub status_before: ExecutionStatus,
    /// The version before.
    pub version_before: i64,
    /// The `expectedVersion` of the call, if it had one.
    pub expected_version: Option<i64>,
    /// The `force` flag of the call.
    pub force: bool,
    /// The details before.
    pub status_details_before: Arc<StatusDetails>,
    /// The details after.
    pub status_details_after: Arc<StatusDetails>,
    /// `x-amzn-RequestId` of the answer, even if that was lost.
    pub request_id: String,
}

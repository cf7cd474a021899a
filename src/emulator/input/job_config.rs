//! How a job is configured, as `CreateJob` and `UpdateJob` carry it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::Input;
use crate::emulator::refusal::Refusal;
use crate::emulator::store::{
    AbortCriterion, EndBehavior, FailureKind, JobConfig, RetryCriterion, Scheduling,
};

/// How far ahead AWS wants a start and an end, and how far apart (API reference, SchedulingConfig).
const AHEAD_SECONDS: i64 = 30 * 60;

impl<'a> Input<'a> {
    /// `timeoutConfig.inProgressTimeoutInMinutes`.
    pub fn timeout_minutes(self) -> Option<i64> {
        self.structure("timeoutConfig")?.get("inProgressTimeoutInMinutes")?.as_i64()
    }

    /// All of a job's configuration but its timeout.
    pub fn job_config(self, now: Timestamp) -> Result<JobConfig, Refusal> {
        Ok(JobConfig {
            abort: self.criteria("abortConfig").map(|list| list.filter_map(abort).collect()),
            retry: self
                .criteria("jobExecutionsRetryConfig")
                .map(|list| list.filter_map(retry).collect()),
            scheduling: self.scheduling(now)?,
            presigned_url: self.as_modelled("presignedUrlConfig"),
            rollout: self.as_modelled("jobExecutionsRolloutConfig"),
            document_source: self.owned("documentSource"),
        })
    }

    fn criteria(self, name: &str) -> Option<impl Iterator<Item = &'a Map<String, Value>>> {
        let list = self.structure(name)?.get("criteriaList")?.as_array()?;
        Some(list.iter().filter_map(Value::as_object))
    }

    fn scheduling(self, now: Timestamp) -> Result<Scheduling, Refusal> {
        let Some(config) = self.structure("schedulingConfig") else {
            return Ok(Scheduling::default());
        };
        let text = |name: &str| config.get(name).and_then(Value::as_str);
        let earliest = now.as_second() + AHEAD_SECONDS;
        let start = time("startTime", text("startTime"), earliest)?;
        let end = time("endTime", text("endTime"), earliest)?;
        let refuse = |text: &str| Err(Refusal::InvalidRequest(format!("schedulingConfig.{text}")));
        if let (Some((_, start)), Some((_, end))) = (&start, &end)
            && *end < start + AHEAD_SECONDS
        {
            return refuse("endTime must be thirty minutes after startTime.");
        }
        let behavior = text("endBehavior");
        if end.is_none() && behavior.is_some() {
            return refuse("endBehavior needs an endTime.");
        }
        let behavior = behavior.and_then(EndBehavior::named).unwrap_or(EndBehavior::StopRollout);
        Ok(Scheduling { start, end: end.map(|(text, at)| (text, at, behavior)) })
    }
}

fn failure(criterion: &Map<String, Value>) -> Option<FailureKind> {
    FailureKind::named(criterion.get("failureType")?.as_str()?)
}

fn abort(criterion: &Map<String, Value>) -> Option<AbortCriterion> {
    Some(AbortCriterion {
        failure: failure(criterion)?,
        threshold: criterion.get("thresholdPercentage")?.as_f64()?,
        min_executed: usize::try_from(criterion.get("minNumberOfExecutedThings")?.as_i64()?)
            .ok()?,
    })
}

fn retry(criterion: &Map<String, Value>) -> Option<RetryCriterion> {
    let retries = usize::try_from(criterion.get("numberOfRetries")?.as_i64()?).ok()?;
    Some(RetryCriterion { failure: failure(criterion)?, retries })
}

/// A time of a schedule as it was given, and its epoch second.
fn time(name: &str, text: Option<&str>, earliest: i64) -> Result<Option<(String, i64)>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let refuse =
        |text: &str| Err(Refusal::InvalidRequest(format!("schedulingConfig.{name} {text}")));
    match second(text) {
        None => refuse("is not a time of the form YYYY-MM-DD HH:MM."),
        Some(at) if at < earliest => refuse("must be at least thirty minutes from now."),
        Some(at) => Ok(Some((text.to_owned(), at))),
    }
}

/// The epoch second of `2026-11-23 12:00`, `2026-11-23T12:00`, or a full RFC 3339 time; UTC if it
/// names no zone (assumed).
pub fn second(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    let spaced = text.replacen(' ', "T", 1);
    let time: DateTime = spaced.trim_end_matches('Z').parse().ok()?;
    TimeZone::UTC.to_timestamp(time).ok().map(Timestamp::as_second)
}

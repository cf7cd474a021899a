//! How a job is configured, as `CreateJob` and `UpdateJob` carry it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::Input;
use crate::emulator::constraint::{SOURCE, TIME};
use crate::emulator::store::{
    AbortCriterion, EndBehavior, FailureKind, JobConfig, RetryCriterion, Scheduling,
};

const UNBOUNDED: (i64, i64) = (1, i64::MAX);

impl<'a> Input<'a> {
    /// `timeoutConfig.inProgressTimeoutInMinutes`: the model has no range, the developer guide has.
    pub fn timeout_minutes(&mut self) -> Option<i64> {
        let config = self.body_object("timeoutConfig")?;
        self.number_in(config, "timeoutConfig", "inProgressTimeoutInMinutes", (1, 10_080))
    }

    /// All of a job's configuration but its timeout.
    pub fn job_config(&mut self, now: Timestamp) -> JobConfig {
        JobConfig {
            abort: self.abort(),
            retry: self.retry(),
            scheduling: self.scheduling(now),
            presigned_url: self.presigned_url(),
            rollout: self.rollout(),
            document_source: self.body("documentSource", &SOURCE).map(str::to_owned),
        }
    }

    /// The structures of `criteriaList`, each with its place.
    fn criteria(&mut self, at: &str, most: usize) -> Option<Vec<(String, &'a Map<String, Value>)>> {
        let config = self.body_object(at)?;
        let at = format!("{at}.criteriaList");
        let Some(list) = config.get("criteriaList").filter(|value| !value.is_null()) else {
            self.missing(&at);
            return None;
        };
        let Some(list) = list.as_array() else {
            self.unreadable(&at, "a list");
            return None;
        };
        if list.is_empty() {
            self.violate("'[]'", &at, "Member must have length greater than or equal to 1");
        }
        if list.len() > most {
            let text = format!("Member must have length less than or equal to {most}");
            self.violate("'[...]'", &at, &text);
        }
        let mut criteria = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let at = format!("{at}.{}.member", index + 1);
            match value.as_object() {
                Some(object) => criteria.push((at, object)),
                None => self.unreadable(&at, "a structure"),
            }
        }
        Some(criteria)
    }

    fn required<T>(
        &mut self,
        at: &str,
        key: &str,
        of: &Map<String, Value>,
        found: Option<T>,
    ) -> Option<T> {
        if of.get(key).is_none_or(Value::is_null) {
            self.missing(&format!("{at}.{key}"));
        }
        found
    }

    fn abort(&mut self) -> Option<Vec<AbortCriterion>> {
        let mut criteria = Vec::new();
        for (at, it) in self.criteria("abortConfig", usize::MAX)? {
            let failure =
                self.choice_in(it, &at, "failureType", &FailureKind::ALL, |kind| kind.as_str());
            let failure = self.required(&at, "failureType", it, failure);
            let action = self.choice_in(it, &at, "action", &["CANCEL"], |text| text);
            self.required(&at, "action", it, action);
            let threshold = it.get("thresholdPercentage").and_then(Value::as_f64);
            let threshold = self.required(&at, "thresholdPercentage", it, threshold);
            let name = format!("{at}.thresholdPercentage");
            match threshold {
                None if it.get("thresholdPercentage").is_some_and(|value| !value.is_null()) => {
                    self.unreadable(&name, "a number");
                }
                Some(percent) if percent > 100.0 => {
                    let text = "Member must have value less than or equal to 100";
                    self.violate(&format!("'{percent}'"), &name, text);
                }
                _ => {}
            }
            let key = "minNumberOfExecutedThings";
            let min = self.number_in(it, &at, key, UNBOUNDED);
            let min = self.required(&at, key, it, min);
            if let (Some(failure), Some(threshold), Some(min)) = (failure, threshold, min) {
                let min_executed = usize::try_from(min).unwrap_or(1);
                criteria.push(AbortCriterion { failure, threshold, min_executed });
            }
        }
        Some(criteria)
    }

    fn retry(&mut self) -> Option<Vec<RetryCriterion>> {
        const KINDS: [FailureKind; 3] =
            [FailureKind::Failed, FailureKind::TimedOut, FailureKind::All];
        let mut criteria = Vec::new();
        for (at, it) in self.criteria("jobExecutionsRetryConfig", 2)? {
            let failure = self.choice_in(it, &at, "failureType", &KINDS, |kind| kind.as_str());
            let failure = self.required(&at, "failureType", it, failure);
            let retries = self.number_in(it, &at, "numberOfRetries", (0, 10));
            let retries = self.required(&at, "numberOfRetries", it, retries);
            if let (Some(failure), Some(retries)) = (failure, retries) {
                let retries = usize::try_from(retries).unwrap_or(0);
                criteria.push(RetryCriterion { failure, retries });
            }
        }
        Some(criteria)
    }

    fn scheduling(&mut self, now: Timestamp) -> Scheduling {
        const AT: &str = "schedulingConfig";
        let Some(config) = self.body_object(AT) else { return Scheduling::default() };
        if config.get("maintenanceWindows").is_some_and(|value| !value.is_null()) {
            self.refuse("maintenanceWindows are not emulated.");
        }
        let start = self.text_in(config, AT, "startTime", &TIME);
        let end = self.text_in(config, AT, "endTime", &TIME);
        let behavior =
            self.choice_in(config, AT, "endBehavior", &EndBehavior::ALL, |it| it.as_str());
        // The API reference wants both a good while ahead.
        let mut read = |text: Option<&str>, name: &str| {
            let text = text?;
            let Some(at) = second(text) else {
                self.refuse(&format!("{AT}.{name} is not a time of the form YYYY-MM-DD HH:MM."));
                return None;
            };
            if at < now.as_second() + 1800 {
                self.refuse(&format!("{AT}.{name} must be at least thirty minutes from now."));
            }
            Some((text.to_owned(), at))
        };
        let (start, end) = (read(start, "startTime"), read(end, "endTime"));
        if let (Some((_, start)), Some((_, end))) = (&start, &end)
            && *end < start + 1800
        {
            self.refuse("schedulingConfig.endTime must be thirty minutes after startTime.");
        }
        if end.is_none() && behavior.is_some() {
            self.refuse("schedulingConfig.endBehavior needs an endTime.");
        }
        let behavior = behavior.unwrap_or(EndBehavior::StopRollout);
        Scheduling { start, end: end.map(|(text, at)| (text, at, behavior)) }
    }

    fn presigned_url(&mut self) -> Option<Value> {
        const AT: &str = "presignedUrlConfig";
        let config = self.body_object(AT)?;
        self.number_in(config, AT, "expiresInSec", (60, 3600));
        Some(Value::Object(config.clone()))
    }

    fn rollout(&mut self) -> Option<Value> {
        const AT: &str = "jobExecutionsRolloutConfig";
        let config = self.body_object(AT)?;
        self.number_in(config, AT, "maximumPerMinute", UNBOUNDED);
        if let Some(rate) = self.object_in(config, AT, "exponentialRate") {
            let at = format!("{AT}.exponentialRate");
            self.number_in(rate, &at, "baseRatePerMinute", (1, 1000));
            let factor = rate.get("incrementFactor").and_then(Value::as_f64);
            if !factor.is_some_and(|factor| (1.1..=5.0).contains(&factor)) {
                self.refuse(&format!("{at}.incrementFactor must be between 1.1 and 5."));
            }
        }
        Some(Value::Object(config.clone()))
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

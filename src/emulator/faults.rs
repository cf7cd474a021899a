//! Faults on request: what AWS does rarely and clients must survive.
//!
//! Each fault is set over HTTP (`POST /_emulator/faults`, the JSON form of [`Faults`]) or in the
//! process; setting replaces all faults. Order on a call: slow reply, denial, throttle, failure before
//! the effect; after the effect the lost reply. Randomness has no part in it: counts and rates only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::operation::Operation;
use super::quotas::{self, Applied};
use super::refusal::Refusal;
use super::store::Lag;

/// All faults that are set. As JSON: what `/_emulator/faults` takes and shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Faults {
    /// A token bucket for each operation named: beyond it ThrottlingException.
    pub throttle: BTreeMap<Operation, Rate>,
    /// The next n calls answer 503 ServiceUnavailableException and have no effect.
    pub unavailable: BTreeMap<Operation, u32>,
    /// The next n calls answer 500 InternalFailure and have no effect.
    pub internal_failure: BTreeMap<Operation, u32>,
    /// The next n calls take effect, but the connection is closed without an answer.
    pub lost_reply: BTreeMap<Operation, u32>,
    /// Each operation has a token bucket of the rate that Service Quotas tells, with room for one second.
    /// `throttle` goes before it.
    pub throttle_at_quotas: bool,
    /// So many milliseconds after a cancel, describes and lists still show what was before it.
    pub delayed_effect_milliseconds: i64,
    /// The lists of executions show what was so many milliseconds ago.
    pub stale_lists_milliseconds: i64,
    /// IAM statements with effect Deny.
    pub deny: Vec<Denial>,
    /// Each call's answer waits so many milliseconds before the call is looked at.
    pub delay_milliseconds: BTreeMap<Operation, u64>,
}

/// A token bucket that starts full.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// Tokens a second.
    pub per_second: f64,
    /// The most tokens that it holds.
    pub burst: f64,
}

/// An IAM denial: `*` stands for any text, `?` for one character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Denial {
    /// `iot:CancelJobExecution`, `iot:*`.
    pub action: String,
    /// An ARN: `arn:aws:iot:*:*:thing/medical-*`.
    pub resource: String,
}

/// The faults as set, and what is left of them.
#[derive(Debug, Default)]
pub struct FaultState {
    faults: Faults,
    buckets: BTreeMap<Operation, (f64, Timestamp)>,
}

impl FaultState {
    /// Sets all faults anew; buckets are full again.
    pub fn set(&mut self, faults: Faults) {
        *self = Self { faults, buckets: BTreeMap::new() };
    }

    /// What is set, with the counts that are left.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What an operation must suffer before it has an effect. `resources` are the ARNs that IAM asks
    /// about; they are made only if there is a denial.
    pub fn before(
        &mut self,
        operation: Operation,
        resources: impl FnOnce() -> Vec<String>,
        applied: &Applied,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let action = operation.action();
        let resources = if self.faults.deny.is_empty() { Vec::new() } else { resources() };
        for resource in resources {
            let denied = |denial: &Denial| {
                matches(&denial.action, action) && matches(&denial.resource, &resource)
            };
            if self.faults.deny.iter().any(denied) {
                return Err(Refusal::AccessDenied(format!(
                    "User: arn:aws:iam::000000000000:user/emulator is not authorized to perform: \
                     {action} on resource: {resource} with an explicit deny"
                )));
            }
        }
        if !self.take_token(operation, applied, now) {
            return Err(Refusal::Throttled);
        }
        if take_one(&mut self.faults.unavailable, operation) {
            return Err(Refusal::Unavailable);
        }
        if take_one(&mut self.faults.internal_failure, operation) {
            return Err(Refusal::InternalFailure);
        }
        Ok(())
    }

    /// Whether the answer to this call is lost.
    pub fn loses_reply(&mut self, operation: Operation) -> bool {
        take_one(&mut self.faults.lost_reply, operation)
    }

    /// What a reader of this operation does not see yet.
    pub fn lag(&self, operation: Operation) -> Lag {
        let cancels = self.faults.delayed_effect_milliseconds;
        let all = self.faults.stale_lists_milliseconds;
        match operation {
            Operation::DescribeJobExecution => Lag { cancels, all: 0 },
            Operation::ListJobExecutionsForJob | Operation::ListJobExecutionsForThing => {
                Lag { cancels, all }
            }
            _ => Lag::default(),
        }
    }

    /// For how many milliseconds what was must be remembered.
    pub fn remembers(&self) -> i64 {
        self.faults.delayed_effect_milliseconds.max(self.faults.stale_lists_milliseconds)
    }

    fn take_token(&mut self, operation: Operation, applied: &Applied, now: Timestamp) -> bool {
        let at_quota = || {
            let rate = quotas::per_second(operation, applied);
            let rate = rate.filter(|_| self.faults.throttle_at_quotas)?;
            Some(Rate { per_second: rate, burst: rate })
        };
        let set = self.faults.throttle.get(&operation).copied();
        let Some(rate) = set.or_else(at_quota) else { return true };
        let (tokens, filled_at) = self.buckets.entry(operation).or_insert((rate.burst, now));
        let elapsed = now.duration_since(*filled_at).as_secs_f64().max(0.0);
        *tokens = (*tokens + elapsed * rate.per_second).min(rate.burst);
        *filled_at = now;
        let granted = *tokens >= 1.0;
        if granted {
            *tokens -= 1.0;
        }
        granted
    }
}

fn take_one(counts: &mut BTreeMap<Operation, u32>, operation: Operation) -> bool {
    let Some(left) = counts.get_mut(&operation).filter(|left| **left > 0) else { return false };
    *left -= 1;
    true
}

/// Whether a text fits a pattern with `*` and `?`, as in IAM, where they cross `/` and `:`. Linear: on a mismatch only the last `*` takes one more.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_those_of_iam() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("iot:*", "iot:ListJobs", true),
            ("iot:List?obs", "iot:ListJobs", true),
            ("iot:List*", "iot:CancelJob", false),
            ("arn:*:thing/a*b", "arn:aws:iot:x:1:thing/aXbYb", true),
            ("arn:*:thing/a*b", "arn:aws:iot:x:1:thing/aXbYc", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let at = |ms| Timestamp::from_millisecond(ms).expect("a time");
        let operation = Operation::ListJobs;
        let mut state = FaultState::default();
        let rate = Rate { per_second: 10.0, burst: 2.0 };
        state.set(Faults { throttle: [(operation, rate)].into(), ..Faults::default() });
        let mut granted = |ms| state.before(operation, Vec::new, &Applied::new(), at(ms)).is_ok();
        assert_eq!(
            [0, 0, 0, 50, 100, 100].map(&mut granted),
            [true, true, false, false, true, false]
        );
    }
}

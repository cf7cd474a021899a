//! The facts of one execution as expressions ask for them, and what those cost.
//!
//! Apart from `facts`, which has one accessor for each fact, since this ties each to its name in an
//! expression.

use jiff::Timestamp;

use crate::fact::Fact;
use crate::plan::FactName;
use crate::plan::clause::{Facts, Tier};
use crate::policy::AgeClock;
use crate::policy::expression::{self, Expression, Field, Outcome, Value};

/// The facts of one execution at a time.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The facts.
    pub facts: Facts<'a>,
    /// The time.
    pub now: Timestamp,
}

impl expression::Facts for Asked<'_> {
    fn fact(&self, field: Field) -> Fact<Value<'_>> {
        let facts = &self.facts;
        match field {
            Field::ExecutionStatus => Fact::Known(Value::text(facts.status().as_str())),
            Field::ExecutionNumber => facts.number().map(|number| Value::Int(number.0)),
            Field::RetryAttempt => facts.retry_attempt().map(Value::Int),
            Field::QueuedAt => facts.clock(AgeClock::QueuedAt).map(Value::Time),
            Field::StartedAt => facts.clock(AgeClock::StartedAt).map(Value::Time),
            Field::LastUpdatedAt => facts.clock(AgeClock::LastUpdatedAt).map(Value::Time),
            Field::Version => facts.version().map(|version| Value::Int(version.get())),
            Field::StatusDetails => facts.status_details().map(Value::Pairs),
            Field::SecondsBeforeTimedOut => facts.seconds_before_timed_out().map(Value::Int),
            Field::QueuedBehind => {
                let count = |count| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
                facts.queued_behind().map(count)
            }
            Field::JobId => Fact::Known(Value::text(facts.job_id().as_str())),
            Field::JobStatus => Fact::Known(Value::text(facts.job_status().as_str())),
            Field::TargetSelection => {
                Fact::Known(Value::text(facts.job_target_selection().as_str()))
            }
            Field::JobCreatedAt => facts.job_created_at().map(Value::Time),
            Field::JobDescription => facts.job_description().map(|text| Value::text(text)),
            Field::JobNamespaceId => facts.job_namespace_id().map(|text| Value::text(text)),
            Field::JobTags => facts.job_tags().map(Value::Pairs),
            Field::JobTimeoutMinutes => facts.job_timeout_minutes().map(Value::Int),
            Field::ThingName => Fact::Known(Value::text(facts.thing_name().as_str())),
            Field::ThingType => facts.thing_type().map(|text| Value::text(text)),
            Field::ThingGroups => facts.groups().map(Value::Names),
            Field::ThingAttributes => facts.attributes().map(Value::Pairs),
            Field::Connected => facts.connected().map(Value::Bool),
            Field::ConnectivityTimestamp => facts.connectivity_timestamp().map(Value::Time),
        }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl FactName {
    /// The fact of a field.
    pub fn of(field: Field) -> Self {
        match field {
            Field::ExecutionNumber => Self::ExecutionNumber,
            Field::RetryAttempt => Self::RetryAttempt,
            Field::QueuedAt => Self::QueuedAt,
            Field::StartedAt => Self::StartedAt,
            Field::LastUpdatedAt => Self::LastUpdatedAt,
            Field::Version => Self::Version,
            Field::StatusDetails => Self::StatusDetails,
            Field::SecondsBeforeTimedOut => Self::SecondsBeforeTimedOut,
            Field::QueuedBehind => Self::QueuedBehind,
            Field::JobStatus => Self::JobStatus,
            Field::TargetSelection => Self::JobTargetSelection,
            Field::JobCreatedAt => Self::JobCreatedAt,
            Field::JobDescription => Self::JobDescription,
            Field::JobNamespaceId => Self::JobNamespaceId,
            Field::JobTags => Self::JobTags,
            Field::JobTimeoutMinutes => Self::JobTimeoutMinutes,
            Field::ThingType => Self::ThingType,
            Field::ThingGroups => Self::ThingGroups,
            Field::ThingAttributes => Self::ThingAttributes,
            Field::Connected => Self::ThingConnected,
            Field::ConnectivityTimestamp => Self::ThingConnectivityTimestamp,
            // These are always known.
            Field::ExecutionStatus | Field::JobId | Field::ThingName => Self::Expression,
        }
    }
}

impl Tier {
    /// What a fact costs.
    pub fn of(field: Field) -> Self {
        FactName::of(field).tier()
    }
}

/// What an expression costs: its dearest fact.
pub fn tier(expression: &Expression) -> Tier {
    expression.fields().iter().map(|field| Tier::of(*field)).max().unwrap_or(Tier::Listed)
}

/// What an expression in a template costs: its version is not counted, since what has none cannot be
/// pinned, whatever its templates say.
pub fn tier_in_template(expression: &Expression) -> Tier {
    let fields = expression.fields().iter().filter(|field| **field != Field::Version);
    fields.map(|field| Tier::of(*field)).max().unwrap_or(Tier::Listed)
}

/// The cheapest fact that an expression touches and that was not read yet; none if one that was read
/// settles already that it is not known.
pub fn unread(expression: &Expression, facts: &Facts<'_>, now: Timestamp) -> Option<Tier> {
    let asked = Asked { facts: *facts, now };
    if !matches!(expression.run(&asked), Outcome::NotRead(_)) {
        return None;
    }
    let is_unread = |field: &&Field| expression::Facts::fact(&asked, **field).is_not_read();
    expression.fields().iter().filter(is_unread).map(|field| Tier::of(*field)).min()
}

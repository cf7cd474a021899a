//! Expressions, for the second statement of the safety rules.
//!
//! The facts are read from the inventory anew, and the text is run by the interpreter of the `cel`
//! crate, which shares nothing with ours but the parser. It can check that a condition which is said to
//! hold does, and that one which is said not to does not. It cannot check templates beyond AWS's
//! limits, nor conditions of which the crate makes nothing: those that make text of a time, which it
//! writes otherwise, and those at which it fails where ours has no need to. That is no contradiction,
//! and a plan has many lines beside such a one: our own interpreter is asked again, over the facts as
//! they are read here.

use jiff::Timestamp;

use super::Seen;
use crate::fact::Fact;
use crate::inventory::{Connectivity, Described, ThingDescription};
use crate::policy::Test;
use crate::policy::expression::{Expression, Facts, Field, Outcome, Value};

/// Whether a clause asks for something that only a describe says.
pub(super) fn asks_described(test: &Test) -> bool {
    match test {
        Test::StatusDetail(_) => true,
        Test::Expression(on) => {
            let fields = on.expression.fields();
            let of_describe = [Field::StatusDetails, Field::Version, Field::SecondsBeforeTimedOut];
            fields.iter().any(|field| of_describe.contains(field))
        }
        _ => false,
    }
}

impl Seen<'_> {
    /// Whether an expression surely gives this.
    pub(super) fn surely_is(&self, expression: &Expression, wanted: bool) -> bool {
        match expression.second_opinion(self) {
            Some(found) => found == wanted,
            None => {
                matches!(expression.run(self), Outcome::Is(Value::Bool(found)) if found == wanted)
            }
        }
    }

    fn in_registry<'a, T>(
        &'a self,
        part: impl FnOnce(&'a ThingDescription) -> Option<T>,
    ) -> Fact<T> {
        match self.thing.map(|thing| &thing.description) {
            None | Some(Fact::NotRead) => Fact::NotRead,
            Some(Fact::Absent) => Fact::Absent,
            Some(Fact::Unreadable(why)) => Fact::Unreadable(*why),
            Some(Fact::Known(thing)) => part(thing).map_or(Fact::Absent, Fact::Known),
        }
    }

    fn in_describe<'a, T>(&'a self, part: impl FnOnce(&'a Described) -> Fact<T>) -> Fact<T> {
        match &self.row.described {
            Fact::Known(described) => part(described),
            Fact::NotRead => Fact::NotRead,
            Fact::Absent => Fact::Absent,
            Fact::Unreadable(why) => Fact::Unreadable(*why),
        }
    }

    fn in_connection<'a>(
        &self,
        part: impl FnOnce(&Connectivity) -> Fact<Value<'a>>,
    ) -> Fact<Value<'a>> {
        match self.thing.map(|thing| &thing.connectivity) {
            None | Some(Fact::NotRead) => Fact::NotRead,
            Some(Fact::Absent) => Fact::Absent,
            Some(Fact::Unreadable(why)) => Fact::Unreadable(*why),
            Some(Fact::Known(it)) => part(it),
        }
    }

    fn in_job<'a>(&'a self, text: impl FnOnce(&'a Self) -> Option<&'a String>) -> Fact<Value<'a>> {
        match &self.job.description {
            Fact::Known(_) => {
                text(self).map_or(Fact::Absent, |text| Fact::Known(Value::text(text)))
            }
            Fact::NotRead => Fact::NotRead,
            Fact::Absent => Fact::Absent,
            Fact::Unreadable(why) => Fact::Unreadable(*why),
        }
    }
}

impl Facts for Seen<'_> {
    fn fact(&self, field: Field) -> Fact<Value<'_>> {
        let (row, key) = (self.row, &self.line.key);
        match field {
            Field::ExecutionStatus => Fact::Known(Value::text(row.status.as_str())),
            Field::ExecutionNumber => row.number.map(|number| Value::Int(number.0)),
            Field::RetryAttempt => row.retry_attempt.map(|it| Value::Int(it.into())),
            Field::QueuedAt => row.times.queued_at().map(Value::Time),
            Field::StartedAt => row.times.started_at().map(Value::Time),
            Field::LastUpdatedAt => row.times.last_updated_at().map(Value::Time),
            Field::Version => self.in_describe(|it| it.version.map(|it| Value::Int(it.get()))),
            Field::StatusDetails => {
                self.in_describe(|it| it.status_details.as_ref().map(Value::Pairs))
            }
            Field::SecondsBeforeTimedOut => {
                self.in_describe(|it| it.seconds_before_timed_out.map(Value::Int))
            }
            Field::QueuedBehind => match self.thing.map(|thing| &thing.queue) {
                None | Some(Fact::NotRead) => Fact::NotRead,
                Some(Fact::Absent) => Fact::Absent,
                Some(Fact::Unreadable(why)) => Fact::Unreadable(*why),
                Some(Fact::Known(queue)) => queue
                    .behind(key, row.number, &row.status, &row.times.get())
                    .map(|count| Value::Int(i64::try_from(count).unwrap_or(i64::MAX))),
            },
            Field::JobTags => self.job.tags.as_ref().map(Value::Pairs),
            Field::JobTimeoutMinutes => match &self.job.description {
                Fact::Known(job) => job.timeout_minutes.map_or(Fact::Absent, Fact::Known),
                Fact::NotRead => Fact::NotRead,
                Fact::Absent => Fact::Absent,
                Fact::Unreadable(why) => Fact::Unreadable(*why),
            }
            .map(Value::Int),
            Field::Connected => self.in_connection(|it| it.connected.map(Value::Bool)),
            Field::ConnectivityTimestamp => self.in_connection(|it| it.timestamp.map(Value::Time)),
            Field::JobId => Fact::Known(Value::text(key.job.as_str())),
            Field::JobStatus => Fact::Known(Value::text(self.job.status.as_str())),
            Field::TargetSelection => Fact::Known(Value::text(self.job.target_selection.as_str())),
            Field::JobCreatedAt => self.job.created_at.map(Value::Time),
            Field::JobDescription => {
                self.in_job(|it| it.job.description.known()?.description.as_ref())
            }
            Field::JobNamespaceId => {
                self.in_job(|it| it.job.description.known()?.namespace_id.as_ref())
            }
            Field::ThingName => Fact::Known(Value::text(key.thing.as_str())),
            Field::ThingType => self.in_registry(|it| it.thing_type.as_deref().map(Value::text)),
            Field::ThingGroups => match self.thing {
                Some(thing) => thing.groups.as_ref().map(Value::Names),
                None => Fact::NotRead,
            },
            Field::ThingAttributes => self.in_registry(|it| Some(Value::Pairs(&it.attributes))),
        }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

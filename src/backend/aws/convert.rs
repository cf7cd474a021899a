//! What AWS's answers say, in our words.
//!
//! It stands apart so that the SDK's traps are in one place: it turns a missing number into 0 and
//! keeps unknown values of its enums under a name that is not to be matched on.
//!
//! Invariants: a value that is not there is `Absent`, one that makes no sense `Unreadable(Invalid)`;
//! without the id of what a row is about there is no row.

use aws_sdk_iot::operation::describe_thing::DescribeThingOutput;
use aws_sdk_iot::primitives::DateTime;
use aws_sdk_iot::types;
use jiff::Timestamp;

use crate::backend::JobSummary;
use crate::execution::{
    Account, ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionStatus,
    ExecutionSummary, ExecutionVersion, ThingName, Times,
};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{
    AbortCriterion, Connectivity, FailureType, JobDescription, ProcessDetails, QueuedExecution,
    ThingDescription,
};

pub(super) fn job_summary(job: types::JobSummary) -> Option<JobSummary> {
    Some(JobSummary {
        id: job.job_id?.parse().ok()?,
        account: job.job_arn.as_deref().and_then(account),
        status: job.status.as_ref().map_or("", |status| status.as_str()).into(),
        target_selection: job.target_selection.as_ref().map_or("", |it| it.as_str()).into(),
        created_at: time(job.created_at),
    })
}

pub(super) fn job_description(job: types::Job) -> JobDescription {
    let criteria = job.abort_config.map(|config| config.criteria_list).unwrap_or_default();
    JobDescription {
        status: Fact::read(job.status.as_ref().map(|status| status.as_str().into())),
        namespace_id: job.namespace_id,
        description: job.description,
        timeout_minutes: job.timeout_config.and_then(|it| it.in_progress_timeout_in_minutes),
        abort: criteria.iter().map(abort_criterion).collect(),
        process: Fact::read(job.job_process_details.as_ref().map(process_details)),
    }
}

/// An unknown kind of failure counts all of them: it makes an abort likelier, never less likely.
fn abort_criterion(criterion: &types::AbortCriteria) -> AbortCriterion {
    AbortCriterion {
        failure_type: match criterion.failure_type.as_str() {
            "FAILED" => FailureType::Failed,
            "REJECTED" => FailureType::Rejected,
            "TIMED_OUT" => FailureType::TimedOut,
            _ => FailureType::All,
        },
        threshold_percentage: criterion.threshold_percentage,
        min_number_of_executed_things: i64::from(criterion.min_number_of_executed_things),
    }
}

fn process_details(details: &types::JobProcessDetails) -> ProcessDetails {
    let number = |number: Option<i32>| i64::from(number.unwrap_or_default());
    ProcessDetails {
        queued: number(details.number_of_queued_things),
        in_progress: number(details.number_of_in_progress_things),
        succeeded: number(details.number_of_succeeded_things),
        failed: number(details.number_of_failed_things),
        timed_out: number(details.number_of_timed_out_things),
        rejected: number(details.number_of_rejected_things),
        removed: number(details.number_of_removed_things),
        canceled: number(details.number_of_canceled_things),
    }
}

pub(super) fn queued_execution(row: types::JobExecutionSummaryForThing) -> Option<QueuedExecution> {
    let summary = row.job_execution_summary?;
    Some(QueuedExecution {
        job: row.job_id?.parse().ok()?,
        number: number(summary.execution_number),
        queued_at: time(summary.queued_at),
    })
}

/// A time at the beginning of the epoch is the SDK's for one that is not there.
pub(super) fn connectivity(connected: Option<bool>, timestamp: Option<DateTime>) -> Connectivity {
    let timestamp = timestamp.filter(|time| time.secs() > 0);
    Connectivity { connected: Fact::read(connected), timestamp: time(timestamp) }
}

pub(super) fn execution_summary(row: types::JobExecutionSummaryForJob) -> Option<ExecutionSummary> {
    let thing = thing_name(row.thing_arn.as_deref()?)?;
    let summary = row.job_execution_summary?;
    Some(ExecutionSummary {
        thing,
        number: number(summary.execution_number),
        status: status(summary.status.as_ref()),
        times: times(summary.queued_at, summary.started_at, summary.last_updated_at),
        retry_attempt: Fact::read(summary.retry_attempt),
    })
}

pub(super) fn execution_description(execution: types::JobExecution) -> ExecutionDescription {
    let details = execution.status_details.and_then(|details| details.details_map);
    ExecutionDescription {
        account: execution.thing_arn.as_deref().and_then(account),
        number: number(execution.execution_number),
        status: status(execution.status.as_ref()),
        times: times(execution.queued_at, execution.started_at, execution.last_updated_at),
        // The SDK gives 0 for a version that is not there; AWS counts from 1.
        version: valid(ExecutionVersion::new(execution.version_number)),
        status_details: Fact::Known(details.unwrap_or_default().into_iter().collect()),
        force_canceled: execution.force_canceled.unwrap_or(false),
        seconds_before_timed_out: Fact::read(execution.approximate_seconds_before_timed_out),
    }
}

/// Whether an answer is about what was asked for, as far as it says.
pub(super) fn is_about(
    execution: &types::JobExecution,
    key: &ExecutionKey,
    number: Option<ExecutionNumber>,
) -> bool {
    let job = execution.job_id.as_deref().is_none_or(|job| job == key.job.as_str());
    let thing = execution.thing_arn.as_deref();
    let thing = thing.is_none_or(|arn| thing_name(arn).as_ref() == Some(&key.thing));
    let asked = number.is_none_or(|number| {
        execution.execution_number.is_none_or(|answered| answered == number.0)
    });
    job && thing && asked
}

pub(super) fn thing_description(thing: DescribeThingOutput) -> ThingDescription {
    ThingDescription {
        thing_type: thing.thing_type_name,
        attributes: thing.attributes.unwrap_or_default().into_iter().collect(),
    }
}

fn number(number: Option<i64>) -> Fact<ExecutionNumber> {
    valid(number.map(ExecutionNumber))
}

fn status(status: Option<&types::JobExecutionStatus>) -> ExecutionStatus {
    status.map_or("", |status| status.as_str()).into()
}

fn times(queued: Option<DateTime>, started: Option<DateTime>, updated: Option<DateTime>) -> Times {
    Times { queued_at: time(queued), started_at: time(started), last_updated_at: time(updated) }
}

fn time(time: Option<DateTime>) -> Fact<Timestamp> {
    let Some(time) = time else { return Fact::Absent };
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok();
    valid(nanoseconds.and_then(|nanos| Timestamp::new(time.secs(), nanos).ok()))
}

/// For values that AWS always gives.
fn valid<T>(value: Option<T>) -> Fact<T> {
    value.map_or(Fact::Unreadable(Unreadable::Invalid), Fact::Known)
}

/// The name in a thing's ARN. It may hold colons.
fn thing_name(arn: &str) -> Option<ThingName> {
    let [.., resource] = arn_parts(arn)?;
    resource.strip_prefix("thing/")?.parse().ok()
}

/// Who owns what an ARN names.
fn account(arn: &str) -> Option<Account> {
    let [partition, region, account, _] = arn_parts(arn)?;
    let fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let account =
        || Account { partition: partition.into(), account: account.into(), region: region.into() };
    fits.then(account)
}

/// Partition, region, account and resource of an ARN of AWS IoT.
fn arn_parts(arn: &str) -> Option<[&str; 4]> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(partition), Some("iot")) = (parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let rest = [partition, parts.next()?, parts.next()?, parts.next()?];
    rest.iter().all(|part| !part.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_name_is_the_rest_of_its_arn() {
        let name = |arn| thing_name(arn).map(|name| name.to_string());
        let arn = "arn:aws:iot:eu-central-1:123456789012:thing/floor:2:robot-001";
        assert_eq!(name(arn).as_deref(), Some("floor:2:robot-001"));
        for arn in [
            "",
            "thing/robot",
            "arn:aws:iot:eu-central-1:123456789012:job/robot",
            "arn:aws:iot:eu-central-1:123456789012:thing/",
            "arn:aws:iot:eu-central-1:123456789012:thing/a%3Ab",
            "arn:aws:iot:eu-central-1::thing/robot",
            "arn:aws:s3:eu-central-1:123456789012:thing/robot",
        ] {
            assert_eq!(name(arn), None, "{arn}");
        }
    }

    #[test]
    fn an_account_is_read_from_a_jobs_arn() {
        let account = account("arn:aws-cn:iot:cn-north-1:123456789012:job/fw").unwrap();
        assert_eq!(account.partition, "aws-cn");
        assert_eq!(account.to_string(), "account 123456789012 in cn-north-1");
        assert_eq!(super::account("arn:aws:iot:eu-central-1:me:job/fw"), None);
    }

    #[test]
    fn times_beyond_the_calendar_are_unreadable() {
        assert_eq!(time(None), Fact::Absent);
        assert_eq!(
            time(Some(DateTime::from_secs(i64::MAX))),
            Fact::Unreadable(Unreadable::Invalid)
        );
        let known = time(Some(DateTime::from_fractional_secs(1_542_228_569, 0.5)));
        assert_eq!(known.known().unwrap().to_string(), "2018-11-14T20:49:29.5Z");
    }

    #[test]
    fn a_version_or_number_that_is_not_there_is_unreadable() {
        let none = types::JobExecution::builder().build();
        let described = execution_description(none);
        assert_eq!(described.version, Fact::Unreadable(Unreadable::Invalid));
        assert_eq!(described.number, Fact::Unreadable(Unreadable::Invalid));
        assert_eq!(described.status, ExecutionStatus::from(""));
        assert_eq!(described.status_details, Fact::Known(std::collections::BTreeMap::new()));
        assert_eq!(described.times, Times { queued_at: Fact::Absent, ..described.times });
    }
}

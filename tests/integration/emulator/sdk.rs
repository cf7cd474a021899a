//! The AWS SDK for Rust reads every answer of the control plane and every error of a cancel.

use std::net::SocketAddr;

use aws_sdk_iot::Client;
use aws_sdk_iot::config::retry::RetryConfig;
use aws_sdk_iot::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_iot::error::ProvideErrorMetadata as _;
use aws_sdk_iot::operation::RequestId as _;
use aws_sdk_iot::operation::cancel_job_execution::CancelJobExecutionError;
use aws_sdk_iot::primitives::DateTime;
use aws_sdk_iot::types::{JobExecutionStatus, JobStatus, TargetSelection, TimeoutConfig};
use rescind::emulator::{Denial, Emulator, Faults, Operation, Rate};
use serde_json::json;

use super::support::{START_SECONDS, emulator, fleet, serve};

const ARN: &str = "arn:aws:iot:eu-west-1:123456789012:";

fn client(address: SocketAddr) -> Client {
    let config = aws_sdk_iot::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://{address}"))
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

async fn fixture() -> (Emulator, Client) {
    let emulator = emulator(&fleet(&json!({
        "things": [
            {"name": "r1", "type": "robot", "groups": ["berlin"], "attributes": {"site": "b1"}},
            {"name": "site:r2"},
        ],
        "jobs": [
            {"id": "fw", "createdAt": "1d ago", "namespaceId": "fleet", "timeoutMinutes": 60},
            {"id": "old", "createdAt": "9d ago", "status": "COMPLETED"},
        ],
        "executions": [
            {"job": "fw", "thing": "r1", "status": "IN_PROGRESS", "startedAt": "5m ago",
             "statusDetails": {"phase": "download"}, "versionNumber": 4},
            {"job": "fw", "thing": "site:r2"},
            {"job": "old", "thing": "r1", "status": "SUCCEEDED"},
        ],
    })));
    let address = serve(&emulator).await;
    (emulator, client(address))
}

#[tokio::test]
async fn jobs_are_listed_described_and_created() {
    let (_, client) = fixture().await;
    let listed = client.list_jobs().status(JobStatus::InProgress).max_results(250).send();
    let listed = listed.await.expect("a list");
    let ids: Vec<_> = listed.jobs().iter().filter_map(|job| job.job_id()).collect();
    assert_eq!(ids, ["fw"]);
    assert!(listed.request_id().is_some());
    assert_eq!(listed.jobs()[0].created_at().map(DateTime::secs), Some(START_SECONDS - 86_400));

    let all = client.list_jobs().into_paginator().page_size(1).items().send();
    let all = all.collect::<Result<Vec<_>, _>>().await.expect("all pages");
    assert_eq!(all.len(), 2);

    let new = client.create_job().job_id("new").document("{}").description("a test");
    let new = new.targets(format!("{ARN}thing/r1")).targets(format!("{ARN}thinggroup/berlin"));
    let new = new.target_selection(TargetSelection::Continuous);
    let timeout = TimeoutConfig::builder().in_progress_timeout_in_minutes(5).build();
    let created = new.timeout_config(timeout).send().await.expect("it is created");
    assert_eq!(created.job_arn(), Some(format!("{ARN}job/new").as_str()));

    let described = client.describe_job().job_id("new").send().await.expect("a job");
    let job = described.job().expect("a job");
    assert_eq!(job.status(), Some(&JobStatus::InProgress));
    assert_eq!(job.target_selection(), Some(&TargetSelection::Continuous));
    assert_eq!(job.targets(), [format!("{ARN}thing/r1"), format!("{ARN}thinggroup/berlin")]);
    let minutes = job.timeout_config().and_then(TimeoutConfig::in_progress_timeout_in_minutes);
    assert_eq!(minutes, Some(5));
    let counts = job.job_process_details().expect("counts");
    assert_eq!(counts.number_of_queued_things(), Some(1), "the thing is in the group as well");
    let missing = client.describe_job().job_id("none").send().await.expect_err("no such job");
    assert!(missing.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn executions_are_listed_by_job_and_by_thing_and_described() {
    let (_, client) = fixture().await;
    let of_job = client.list_job_executions_for_job().job_id("fw");
    let queued = of_job.status(JobExecutionStatus::Queued).send().await.expect("a list");
    let row = &queued.execution_summaries()[0];
    assert_eq!(row.thing_arn(), Some(format!("{ARN}thing/site:r2").as_str()));
    let summary = row.job_execution_summary().expect("a summary");
    assert_eq!((summary.execution_number(), summary.started_at()), (Some(1), None));

    let of_thing = client.list_job_executions_for_thing().thing_name("r1").send();
    let of_thing = of_thing.await.expect("a list");
    let jobs: Vec<_> = of_thing.execution_summaries().iter().filter_map(|r| r.job_id()).collect();
    assert_eq!(jobs, ["fw", "old"]);
    let named = client.list_job_executions_for_thing().thing_name("r1").namespace_id("fleet");
    assert_eq!(named.send().await.expect("a list").execution_summaries().len(), 1);
    let unknown = client.list_job_executions_for_thing().thing_name("r9").send();
    assert_eq!(unknown.await.expect("an empty list").execution_summaries().len(), 0);

    let described = client.describe_job_execution().thing_name("r1").job_id("fw").send();
    let described = described.await.expect("an execution");
    let execution = described.execution().expect("an execution");
    assert_eq!((execution.version_number(), execution.execution_number()), (4, Some(1)));
    let details = execution.status_details().and_then(|details| details.details_map());
    let phase = details.and_then(|map| map.get("phase")).map(String::as_str);
    assert_eq!(phase, Some("download"));
    let left = execution.approximate_seconds_before_timed_out().expect("there is a timer");
    assert!((3200..=3300).contains(&left), "{left}");
}

#[tokio::test]
async fn things_and_groups_are_created_joined_and_read() {
    let (_, client) = fixture().await;
    let thing = client.describe_thing().thing_name("r1").send().await.expect("a thing");
    assert_eq!(thing.thing_type_name(), Some("robot"));
    let site = thing.attributes().and_then(|map| map.get("site")).map(String::as_str);
    assert_eq!(site, Some("b1"));

    client.create_thing().thing_name("r3").send().await.expect("a thing");
    client.create_thing_group().thing_group_name("g3").send().await.expect("a group");
    let join = client.add_thing_to_thing_group().thing_name("r3").thing_group_name("g3");
    join.send().await.expect("a member");
    let groups = client.list_thing_groups_for_thing().thing_name("r3").send().await;
    let groups = groups.expect("a list");
    let names: Vec<_> = groups.thing_groups().iter().filter_map(|g| g.group_name()).collect();
    assert_eq!(names, ["g3"]);
    let leave = client.remove_thing_from_thing_group().thing_name("r3").thing_group_name("g3");
    leave.send().await.expect("no member");
    let groups = client.list_thing_groups_for_thing().thing_name("r3").send().await;
    assert_eq!(groups.expect("a list").thing_groups().len(), 0);

    let taken = client.create_thing().thing_name("r1").send().await.expect_err("it is taken");
    assert!(taken.into_service_error().is_resource_already_exists_exception());
    let missing = client.list_thing_groups_for_thing().thing_name("r9").send().await;
    let missing = missing.expect_err("no such thing").into_service_error();
    assert!(missing.is_resource_not_found_exception());
}

#[tokio::test]
async fn each_error_that_a_cancel_models_is_read_as_that_error() {
    let (emulator, client) = fixture().await;
    let cancel = |thing: &str, force, version, detail: &str| {
        let call = client.cancel_job_execution().thing_name(thing).job_id("fw").force(force);
        call.set_expected_version(version).status_details("reason", detail).send()
    };
    let error = |result: Result<_, aws_sdk_iot::error::SdkError<CancelJobExecutionError, _>>| {
        result
            .map(|_: aws_sdk_iot::operation::cancel_job_execution::CancelJobExecutionOutput| ())
            .expect_err("it is refused")
            .into_service_error()
    };
    assert!(error(cancel("r9", false, None, "x").await).is_resource_not_found_exception());
    assert!(error(cancel("r1", true, Some(3), "x").await).is_version_conflict_exception());
    assert!(error(cancel("r1", false, Some(4), "x").await).is_invalid_state_transition_exception());
    assert!(error(cancel("r1", true, Some(4), "\u{7}").await).is_invalid_request_exception());

    let operation = Operation::CancelJobExecution;
    let rate = Rate { per_second: 0.0, burst: 0.0 };
    emulator.set_faults(Faults { throttle: [(operation, rate)].into(), ..Faults::default() });
    assert!(error(cancel("r1", true, Some(4), "x").await).is_throttling_exception());
    emulator.set_faults(Faults { unavailable: [(operation, 1)].into(), ..Faults::default() });
    assert!(error(cancel("r1", true, Some(4), "x").await).is_service_unavailable_exception());
    let denial = Denial { action: "*".to_owned(), resource: "*".to_owned() };
    emulator.set_faults(Faults { deny: vec![denial], ..Faults::default() });
    let denied = error(cancel("r1", true, Some(4), "x").await);
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    assert!(denied.message().is_some_and(|text| text.contains("is not authorized")));
    assert_eq!(emulator.effects(), []);

    emulator.set_faults(Faults { lost_reply: [(operation, 1)].into(), ..Faults::default() });
    let lost = cancel("r1", true, Some(4), "by policy").await.expect_err("no answer comes");
    assert!(lost.as_service_error().is_none(), "{lost:?}");
    let effects = emulator.effects();
    assert_eq!((effects.len(), effects[0].force, effects[0].version_before), (1, true, 4));
    let canceled = client.describe_job_execution().thing_name("r1").job_id("fw").send().await;
    let canceled = canceled.expect("an execution").execution.expect("an execution");
    assert_eq!(canceled.status(), Some(&JobExecutionStatus::Canceled));
    assert_eq!((canceled.force_canceled(), canceled.version_number()), (Some(true), 5));
    assert!(cancel("site:r2", false, Some(1), "by policy").await.is_ok());
}

//! How jobs and executions live and end: aborts, cancels, deletions, retries, schedules, timers.

use std::net::SocketAddr;

use rescind::emulator::{Emulator, Options};
use rescind::execution::ExecutionStatus as Status;
use serde_json::{Value, json};

use super::support::{
    Service, advance, call, emulator, emulator_with, fleet, get, ok, one, refused, report, request,
    serve,
};

const ARN: &str = "arn:aws:iot:eu-west-1:123456789012:";

fn things(count: usize) -> Emulator {
    with_options(count, Options::default())
}

fn with_options(count: usize, options: Options) -> Emulator {
    emulator_with(
        &fleet(&json!({"things": [{"name": "r{n}", "count": count, "groups": ["all"]}]})),
        options,
    )
}

async fn create(address: SocketAddr, more: Value) {
    let mut job = json!({"targets": [format!("{ARN}thinggroup/all")], "document": "{\"a\": 1}"});
    job.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    ok(address, "PUT", "/jobs/fw", &job).await;
}

fn count(emulator: &Emulator, status: &Status) -> usize {
    emulator.store(|store| store.job("fw").map_or(0, |job| job.count(status)))
}

async fn job(address: SocketAddr) -> Value {
    ok(address, "GET", "/jobs/fw", &Value::Null).await["job"].take()
}

#[tokio::test]
async fn enough_failures_abort_a_job_and_a_cancel_counts_as_executed() {
    let criterion = json!({
        "failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 20.0,
        "minNumberOfExecutedThings": 3,
    });
    for abort_ignores_canceled in [false, true] {
        let emulator = with_options(5, Options { abort_ignores_canceled, ..Options::default() });
        let address = serve(&emulator).await;
        create(address, json!({"abortConfig": {"criteriaList": [criterion]}})).await;
        assert_eq!(report(address, "r1", "fw", "IN_PROGRESS").await.status, 200);
        assert_eq!(report(address, "r2", "fw", "FAILED").await.status, 200);
        for thing in ["r3", "r4"] {
            assert_eq!(job(address).await["status"], "IN_PROGRESS");
            ok(address, "PUT", &format!("/things/{thing}/jobs/fw/cancel"), &json!({})).await;
        }
        let described = job(address).await;
        if abort_ignores_canceled {
            assert_eq!(described["status"], "IN_PROGRESS");
            continue;
        }
        assert_eq!(
            (&described["status"], &described["reasonCode"]),
            (&json!("CANCELED"), &json!("ABORT_CANCEL"))
        );
        assert_eq!(described["forceCanceled"], false);
        assert_eq!(described["abortConfig"]["criteriaList"][0], criterion);
        advance(address, "3s").await;
        assert_eq!(
            (count(&emulator, &Status::Queued), count(&emulator, &Status::InProgress)),
            (0, 1)
        );
    }
}

#[tokio::test]
async fn a_canceled_job_cancels_a_thousand_a_minute_and_spares_what_runs_without_force() {
    for force in [false, true] {
        let emulator = things(120);
        let address = serve(&emulator).await;
        create(address, json!({})).await;
        report(address, "r1", "fw", "IN_PROGRESS").await;
        let body = json!({"reasonCode": "NO_USE", "comment": "enough"});
        let canceled = ok(address, "PUT", &format!("/jobs/fw/cancel?force={force}"), &body).await;
        assert_eq!(canceled["jobId"], "fw");
        let described = job(address).await;
        assert_eq!(
            (&described["status"], &described["isConcurrent"]),
            (&json!("CANCELED"), &json!(true))
        );
        assert_eq!(
            (&described["reasonCode"], &described["comment"]),
            (&json!("NO_USE"), &json!("enough"))
        );
        assert_eq!(count(&emulator, &Status::Canceled), 0, "not at once");
        assert_eq!(
            request(address, Service::JobsData, "PUT", "/things/r2/jobs/$next", &json!({}))
                .await
                .body,
            json!({})
        );
        for expected in [50, 100, 119 + usize::from(force)] {
            advance(address, "3s").await;
            assert_eq!(count(&emulator, &Status::Canceled), expected);
        }
        assert_eq!(job(address).await["isConcurrent"], false);
        refused(address, "PUT", "/jobs/fw/cancel", &json!({}), "InvalidRequestException").await;
        let finished = report(address, "r1", "fw", "SUCCEEDED").await;
        assert_eq!(finished.status, if force { 409 } else { 200 });
        assert_eq!(job(address).await["status"], "CANCELED");
    }
    let emulator = with_options(120, Options { at_once: true, ..Options::default() });
    let address = serve(&emulator).await;
    create(address, json!({})).await;
    ok(address, "PUT", "/jobs/fw/cancel", &json!({})).await;
    assert_eq!(count(&emulator, &Status::Canceled), 120);
    ok(address, "DELETE", "/jobs/fw", &Value::Null).await;
    assert_eq!(get(address, "/jobs/fw").await.status, 404);
}

#[tokio::test]
async fn deletions_ask_for_force_where_something_is_open() {
    let emulator = things(3);
    let address = serve(&emulator).await;
    create(address, json!({})).await;
    report(address, "r1", "fw", "IN_PROGRESS").await;
    let conflict = "InvalidStateTransitionException";
    let first = "/things/r1/jobs/fw/executionNumber/1";
    refused(address, "DELETE", first, &Value::Null, conflict).await;
    let zero = "/things/r1/jobs/fw/executionNumber/0";
    refused(address, "DELETE", zero, &Value::Null, "InvalidRequestException").await;
    ok(address, "DELETE", &format!("{first}?force=true"), &Value::Null).await;
    refused(address, "DELETE", first, &Value::Null, "ResourceNotFoundException").await;
    ok(address, "DELETE", "/things/r2/jobs/fw/executionNumber/1", &Value::Null).await;
    refused(address, "DELETE", "/jobs/fw", &Value::Null, conflict).await;
    ok(address, "DELETE", "/things/r3/jobs/fw/executionNumber/1", &Value::Null).await;
    assert_eq!(job(address).await["status"], "COMPLETED", "nothing is open any more");
    ok(address, "DELETE", "/jobs/fw", &Value::Null).await;
    assert_eq!(job(address).await["status"], "DELETION_IN_PROGRESS");
    refused(address, "DELETE", "/jobs/fw?force=true", &Value::Null, conflict).await;
    advance(address, "1s").await;
    assert_eq!(get(address, "/jobs/fw").await.status, 404);
}

#[tokio::test]
async fn no_more_than_ten_jobs_are_deleted_at_a_time() {
    let jobs = json!([{"id": "j{n}", "count": 11, "status": "COMPLETED"}]);
    let address = serve(&emulator(&fleet(&json!({ "jobs": jobs })))).await;
    for n in 1..=10 {
        ok(address, "DELETE", &format!("/jobs/j{n}"), &Value::Null).await;
    }
    let reply = call(address, "DELETE", "/jobs/j11", &Value::Null).await;
    assert_eq!((reply.status, reply.error()), (410, Some("LimitExceededException")));
}

#[tokio::test]
async fn a_job_is_updated_and_given_more_targets_while_it_is_in_progress() {
    let emulator = things(2);
    let address = serve(&emulator).await;
    let targets = json!([format!("{ARN}thing/r1")]);
    create(address, json!({"targets": targets, "targetSelection": "CONTINUOUS"})).await;
    assert_eq!(
        ok(address, "GET", "/jobs/fw/job-document", &Value::Null).await["document"],
        "{\"a\": 1}"
    );
    let update = json!({"description": "new", "timeoutConfig": {"inProgressTimeoutInMinutes": 5}});
    ok(address, "PATCH", "/jobs/fw", &update).await;
    ok(address, "POST", "/jobs/fw/targets", &json!({"targets": [format!("{ARN}thinggroup/all")]}))
        .await;
    let described = job(address).await;
    assert_eq!(
        (&described["description"], &described["timeoutConfig"]["inProgressTimeoutInMinutes"]),
        (&json!("new"), &json!(5))
    );
    assert_eq!(described["jobProcessDetails"]["numberOfQueuedThings"], 2);
    ok(address, "PUT", "/jobs/fw/cancel", &json!({})).await;
    for (method, target) in [("PATCH", "/jobs/fw"), ("POST", "/jobs/fw/targets")] {
        let body = json!({"targets": [format!("{ARN}thing/r2")]});
        refused(address, method, target, &body, "InvalidRequestException").await;
    }
}

#[tokio::test]
async fn a_failure_is_tried_again_as_often_as_the_job_says() {
    let emulator = things(1);
    let address = serve(&emulator).await;
    let retry = json!({"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]});
    create(address, json!({"jobExecutionsRetryConfig": retry})).await;
    for attempt in 0..3 {
        let described = get(address, "/things/r1/jobs/fw").await.body["execution"].take();
        assert_eq!(
            (&described["executionNumber"], &described["versionNumber"]),
            (&json!(attempt + 1), &json!(1))
        );
        let listed = get(address, "/jobs/fw/things?status=QUEUED").await.body;
        assert_eq!(listed["executionSummaries"][0]["jobExecutionSummary"]["retryAttempt"], attempt);
        report(address, "r1", "fw", "FAILED").await;
    }
    assert_eq!((count(&emulator, &Status::Failed), count(&emulator, &Status::Queued)), (3, 0));
    assert_eq!(job(address).await["status"], "COMPLETED");
}

#[tokio::test]
async fn timers_end_what_is_in_progress_at_their_time_and_a_retry_follows() {
    let emulator = things(2);
    let address = serve(&emulator).await;
    let retry = json!({"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 1}]});
    let timeout = json!({"inProgressTimeoutInMinutes": 60});
    create(address, json!({"timeoutConfig": timeout, "jobExecutionsRetryConfig": retry})).await;
    let start = |thing: &'static str, body: Value| async move {
        let target = format!("/things/{thing}/jobs/$next");
        request(address, Service::JobsData, "PUT", &target, &body).await
    };
    start("r1", json!({})).await;
    start("r2", json!({"stepTimeoutInMinutes": 10})).await;
    advance(address, "9m").await;
    // A report with a step timer starts it anew; the job's own timer is never extended.
    let update = json!({"status": "IN_PROGRESS", "stepTimeoutInMinutes": 10});
    let target = "/things/r2/jobs/fw";
    request(address, Service::JobsData, "POST", target, &update).await;
    advance(address, "9m").await;
    assert_eq!(count(&emulator, &Status::InProgress), 2);
    advance(address, "1m").await;
    assert_eq!((count(&emulator, &Status::TimedOut), count(&emulator, &Status::Queued)), (1, 1));
    let ended = get(address, "/things/r2/jobs/fw?executionNumber=1").await.body["execution"].take();
    assert_eq!((&ended["status"], &ended["versionNumber"]), (&json!("TIMED_OUT"), &json!(4)));
    assert_eq!(ended.get("approximateSecondsBeforeTimedOut"), None);
    advance(address, "1d").await;
    let ended = get(address, "/things/r1/jobs/fw?executionNumber=1").await.body["execution"].take();
    let lasted = ended["lastUpdatedAt"].as_i64().zip(ended["startedAt"].as_i64());
    assert_eq!(
        lasted.map(|(end, start)| end - start),
        Some(3600),
        "at its time, not when looked at"
    );
}

#[tokio::test]
async fn a_scheduled_job_starts_and_ends_by_itself() {
    for (behavior, queued, in_progress, status) in [
        ("STOP_ROLLOUT", 1, 1, "IN_PROGRESS"),
        ("CANCEL", 0, 1, "CANCELED"),
        ("FORCE_CANCEL", 0, 0, "CANCELED"),
    ] {
        let emulator = things(2);
        let address = serve(&emulator).await;
        let schedule = json!({
            "startTime": "2026-11-23 13:00", "endTime": "2026-11-23T14:00", "endBehavior": behavior,
        });
        create(address, json!({ "schedulingConfig": schedule })).await;
        let described = job(address).await;
        assert_eq!(
            (&described["status"], &described["schedulingConfig"]),
            (&json!("SCHEDULED"), &schedule)
        );
        assert_eq!(count(&emulator, &Status::Queued), 0);
        advance(address, "1h").await;
        assert_eq!(count(&emulator, &Status::Queued), 2);
        report(address, "r1", "fw", "IN_PROGRESS").await;
        advance(address, "61m").await;
        assert_eq!(count(&emulator, &Status::Queued), queued, "{behavior}");
        assert_eq!(count(&emulator, &Status::InProgress), in_progress, "{behavior}");
        assert_eq!(job(address).await["status"], status, "{behavior}");
    }
}

#[tokio::test]
async fn what_is_not_emulated_says_so_in_the_form_of_aws() {
    let address = serve(&emulator(&one(&json!({})))).await;
    for (method, target) in [
        ("PUT", "/job-templates/t"),
        ("GET", "/job-templates"),
        ("GET", "/managed-job-templates/t"),
        ("POST", "/dynamic-thing-groups/g"),
    ] {
        let reply = call(address, method, target, &json!({})).await;
        assert_eq!((reply.status, reply.error()), (400, Some("InvalidRequestException")));
        assert!(reply.message().ends_with("is not emulated."), "{reply:?}");
    }
}

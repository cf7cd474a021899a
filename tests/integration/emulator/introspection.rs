//! What is the emulator's own: its clock, snapshots, resets, faults of sight, fragile pages, quotas,
//! signatures, and fleets of many.

use aws_sdk_iot::config::{BehaviorVersion, Credentials as Keys, Region};
use aws_sdk_iot::error::ProvideErrorMetadata as _;
use rescind::emulator::{Credentials, Options, PageTokens};
use serde_json::{Value, json};

use super::support::{
    START_SECONDS, Service, advance, call, emulator, emulator_with, fleet, get, ok, one, refused,
    report, request, serve,
};

#[tokio::test]
async fn the_clock_goes_on_stands_still_and_never_goes_back() {
    let emulator = emulator(&one(&json!({})));
    let address = serve(&emulator).await;
    let set = |body: Value| async move { call(address, "POST", "/_emulator/clock", &body).await };
    let stopped = set(json!({"now": "2027-01-01T00:00:00Z", "stopped": true})).await;
    assert_eq!(stopped.body["now"], "2027-01-01T00:00:00Z");
    assert_eq!(stopped.body["stopped"], true);
    // Who works against it is told what follows.
    assert!(stopped.body["note"].as_str().unwrap().contains("clockSkewSeconds"));
    assert_eq!(get(address, "/jobs").await.headers["date"], "Fri, 01 Jan 2027 00:00:00 GMT");
    assert_eq!(set(json!({"advance": "2h"})).await.body["now"], "2027-01-01T02:00:00Z");
    for bad in [json!({"now": "2026-01-01T00:00:00Z"}), json!({"advance": "soon"}), json!({"x": 1})]
    {
        assert_eq!(set(bad).await.status, 400);
    }
    ok(address, "PUT", "/things/r1/jobs/fw/cancel", &json!({})).await;
    ok(address, "POST", "/_emulator/reset", &Value::Null).await;
    assert_eq!(emulator.now().as_second(), START_SECONDS);
    assert_eq!((emulator.effects(), emulator.calls().len()), (Vec::new(), 0));
    let described = get(address, "/things/r1/jobs/fw").await.body;
    assert_eq!(described["execution"]["status"], "QUEUED");
    let index = ok(address, "GET", "/_emulator", &Value::Null).await;
    assert!(index["routes"].as_object().is_some_and(|routes| routes.len() >= 10));
}

#[tokio::test]
async fn a_snapshot_starts_another_emulator_in_the_same_state() {
    let first = emulator(&fleet(&json!({
        "quotas": {"L-5D01DB62": 50.0},
        "thingGroups": [{"name": "berlin", "parent": "germany", "tags": {"a": "b"}}],
        "things": [
            {"name": "r{n}", "count": 4, "type": "robot", "groups": ["berlin"], "attributes": {"x": "y"},
             "connectivity": {"connected": false}},
        ],
        "jobs": [{
            "id": "fw", "createdAt": "1d ago", "timeoutMinutes": 60, "tags": {"team": "a"},
            "targetSelection": "CONTINUOUS", "targets": {"groups": ["berlin"]},
            "retry": [{"failureType": "ALL", "numberOfRetries": 3}],
            "abort": [{"failureType": "REJECTED", "thresholdPercentage": 50.0, "minNumberOfExecutedThings": 9}],
            "schedule": {"endTime": "2027-01-01T00:00:00Z", "endBehavior": "CANCEL"},
        }],
        "executions": [{"job": "fw", "thing": "r{n}", "count": 4}],
    })));
    let address = serve(&first).await;
    report(address, "r1", "fw", "IN_PROGRESS").await;
    report(address, "r2", "fw", "FAILED").await;
    ok(address, "PUT", "/things/r3/jobs/fw/cancel", &json!({"statusDetails": {"a": "b"}})).await;
    ok(address, "DELETE", "/things/r4", &Value::Null).await;
    let document = ok(address, "GET", "/_emulator/snapshot", &Value::Null).await;
    let second = emulator(&fleet(&document["spec"]));
    let again = second.snapshot();
    // The thing that was deleted comes back, since its execution is still there.
    let without = |document: &Value| {
        let mut document = document.clone();
        let things = document["spec"]["things"].as_array_mut().expect("things");
        things.retain(|thing| thing["name"] != "r4");
        document
    };
    assert_eq!(without(&again), without(&document));
    for emulator in [&first, &second] {
        emulator.advance(jiff::SignedDuration::from_hours(2)).expect("it goes on");
    }
    assert_eq!(
        without(&second.snapshot())["spec"]["executions"],
        without(&first.snapshot())["spec"]["executions"]
    );
}

#[tokio::test]
async fn what_was_canceled_is_seen_later_when_effects_are_delayed() {
    let address = serve(&emulator(&one(&json!({})))).await;
    let status = || async move {
        let described = get(address, "/things/r1/jobs/fw").await.body;
        let queued = get(address, "/jobs/fw/things?status=QUEUED").await.body;
        let of_thing = get(address, "/things/r1/jobs").await.body;
        let row = of_thing["executionSummaries"][0]["jobExecutionSummary"]["status"].clone();
        (
            described["execution"]["status"].clone(),
            queued["executionSummaries"].as_array().map(Vec::len),
            row,
        )
    };
    ok(address, "POST", "/_emulator/clock", &json!({"stopped": true})).await;
    let faults = json!({"delayedEffectMilliseconds": 5000});
    ok(address, "POST", "/_emulator/faults", &faults).await;
    ok(address, "PUT", "/things/r1/jobs/fw/cancel", &json!({})).await;
    assert_eq!(status().await, (json!("QUEUED"), Some(1), json!("QUEUED")));
    refused(
        address,
        "PUT",
        "/things/r1/jobs/fw/cancel",
        &json!({}),
        "InvalidStateTransitionException",
    )
    .await;
    advance(address, "5s").await;
    assert_eq!(status().await, (json!("CANCELED"), Some(0), json!("CANCELED")));
}

#[tokio::test]
async fn stale_lists_show_what_was_and_describes_what_is() {
    let address = serve(&emulator(&one(&json!({})))).await;
    ok(address, "POST", "/_emulator/clock", &json!({"stopped": true})).await;
    ok(address, "POST", "/_emulator/faults", &json!({"staleListsMilliseconds": 5000})).await;
    report(address, "r1", "fw", "IN_PROGRESS").await;
    report(address, "r1", "fw", "SUCCEEDED").await;
    let listed = get(address, "/jobs/fw/things").await.body;
    assert_eq!(listed["executionSummaries"][0]["jobExecutionSummary"]["status"], "QUEUED");
    assert_eq!(get(address, "/things/r1/jobs/fw").await.body["execution"]["status"], "SUCCEEDED");
    advance(address, "5s").await;
    let listed = get(address, "/jobs/fw/things").await.body;
    assert_eq!(listed["executionSummaries"][0]["jobExecutionSummary"]["status"], "SUCCEEDED");
}

#[tokio::test]
async fn fragile_page_tokens_die_with_their_row_or_skip_rows() {
    let many = fleet(&json!({
        "things": [{"name": "r{n}", "count": 9}], "jobs": [{"id": "fw"}],
        "executions": [{"job": "fw", "thing": "r{n}", "count": 9}],
    }));
    for (page_tokens, expected) in [
        (PageTokens::Stable, (200, json!("r4"))),
        (PageTokens::DieWithTheirRow, (400, Value::Null)),
        (PageTokens::Offset, (200, json!("r7"))),
    ] {
        let emulator = emulator_with(&many, Options { page_tokens, ..Options::default() });
        let address = serve(&emulator).await;
        let target = "/jobs/fw/things?status=QUEUED&maxResults=3";
        let first = get(address, target).await.body;
        for thing in ["r1", "r2", "r3"] {
            ok(address, "PUT", &format!("/things/{thing}/jobs/fw/cancel"), &json!({})).await;
        }
        let token = first["nextToken"].as_str().expect("there is more");
        let next = get(address, &format!("{target}&nextToken={token}")).await;
        let arn = next.body["executionSummaries"][0]["thingArn"].as_str();
        let thing = arn.and_then(|arn| arn.rsplit('/').next()).map_or(Value::Null, Value::from);
        assert_eq!((next.status, thing), expected, "{page_tokens:?}");
    }
}

#[tokio::test]
async fn quotas_are_told_by_their_own_service() {
    let emulator = emulator(&fleet(&json!({"quotas": {"L-5D01DB62": 50.0}})));
    let address = serve(&emulator).await;
    let ask = |operation, code: &'static str| async move {
        let body = json!({"ServiceCode": "iot", "QuotaCode": code});
        request(address, Service::Quotas(operation), "POST", "/", &body).await
    };
    let applied = ask("GetServiceQuota", "L-5D01DB62").await;
    assert_eq!((applied.status, &applied.body["Quota"]["Value"]), (200, &json!(50.0)));
    assert_eq!(applied.headers["content-type"], "application/x-amz-json-1.1");
    let default = ask("GetAWSDefaultServiceQuota", "L-5D01DB62").await;
    assert_eq!(default.body["Quota"]["Value"], 10.0);
    let none = ask("GetServiceQuota", "L-NONE").await;
    assert_eq!((none.status, &none.body["__type"]), (400, &json!("NoSuchResourceException")));
    ok(address, "POST", "/_emulator/clock", &json!({"stopped": true})).await;
    ok(address, "POST", "/_emulator/faults", &json!({"throttleAtQuotas": true})).await;
    for _ in 0..10 {
        ok(address, "GET", "/jobs", &Value::Null).await;
    }
    refused(address, "GET", "/jobs", &Value::Null, "ThrottlingException").await;
}

#[tokio::test]
async fn signatures_are_checked_where_that_is_asked_for() {
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "secret".to_owned(),
    };
    let options = Options { verify_signatures: Some(credentials), ..Options::default() };
    let things = json!({"things": [{"name": "site:r-1"}], "jobs": [{"id": "fw"}],
        "executions": [{"job": "fw", "thing": "site:r-1"}]});
    let address = serve(&emulator_with(&fleet(&things), options)).await;
    let client = |key: &str, secret: &str| {
        let config = aws_sdk_iot::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(format!("http://{address}"))
            .region(Region::new("eu-west-1"))
            .credentials_provider(Keys::new(key, secret, None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_iot::Client::from_conf(config)
    };
    let right = client("AKIDEXAMPLE", "secret");
    right.list_jobs().max_results(5).namespace_id("a-b_c").send().await.expect("a right signature");
    let cancel = right.cancel_job_execution().thing_name("site:r-1").job_id("fw").force(true);
    cancel.expected_version(1).send().await.expect("a right signature of a body and a colon");
    for (key, secret, code) in [
        ("AKIDEXAMPLE", "wrong", "InvalidSignatureException"),
        ("AKIDOTHER", "secret", "UnrecognizedClientException"),
    ] {
        let error = client(key, secret).list_jobs().send().await.expect_err("it is refused");
        assert_eq!(error.code(), Some(code));
    }
    let unsigned = request(address, Service::Unsigned, "GET", "/jobs", &Value::Null).await;
    assert_eq!(unsigned.error(), Some("MissingAuthenticationTokenException"));
}

#[tokio::test]
async fn ten_lines_make_a_large_fleet() {
    let emulator = emulator(&fleet(&json!({
        "things": [{"name": "robot-{n:06}", "count": 5000, "groups": ["all"]}],
        "jobs": [{"id": "fw-{n}", "count": 4, "targets": {"groups": ["all"]}}],
        "executions": [
            {"job": "fw-{n}", "jobCount": 4, "thing": "robot-{n:06}", "count": 4000, "queuedAt": "2d ago"},
            {"job": "fw-1", "thing": "robot-{n:06}", "first": 4001, "count": 1000, "status": "IN_PROGRESS"},
        ],
    })));
    let address = serve(&emulator).await;
    let described = ok(address, "GET", "/jobs/fw-1", &Value::Null).await;
    let details = &described["job"]["jobProcessDetails"];
    assert_eq!(
        (&details["numberOfQueuedThings"], &details["numberOfInProgressThings"]),
        (&json!(4000), &json!(1000))
    );
    let page =
        ok(address, "GET", "/jobs/fw-1/things?status=IN_PROGRESS&maxResults=1", &Value::Null).await;
    let arn = page["executionSummaries"][0]["thingArn"].as_str().expect("an ARN");
    assert!(arn.ends_with("thing/robot-004001"), "{arn}");
}

//! The bytes: headers, member names and presence, escapes, and what nobody should send.

use serde_json::{Value, json};

use super::support::{
    START_SECONDS, Service, emulator, fleet, get, one, request, serve, try_request,
};

#[tokio::test]
async fn a_described_execution_has_exactly_the_members_that_aws_gives() {
    let queued = serve(&emulator(&one(&json!({})))).await;
    let reply = get(queued, "/things/r1/jobs/fw").await;
    let nine_hours_ago = START_SECONDS - 9 * 3600;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.body,
        json!({"execution": {
            "jobId": "fw", "status": "QUEUED", "statusDetails": {},
            "thingArn": "arn:aws:iot:eu-west-1:123456789012:thing/r1",
            "queuedAt": nine_hours_ago, "lastUpdatedAt": nine_hours_ago,
            "executionNumber": 1, "versionNumber": 1,
        }})
    );
    let canceled = one(&json!({
        "status": "CANCELED", "startedAt": "8h ago", "statusDetails": {"a": "b"},
        "executionNumber": 3, "forceCanceled": true,
    }));
    let canceled = serve(&emulator(&canceled)).await;
    let eight_hours_ago = START_SECONDS - 8 * 3600;
    assert_eq!(
        get(canceled, "/things/r1/jobs/fw?executionNumber=3").await.body,
        json!({"execution": {
            "jobId": "fw", "status": "CANCELED", "statusDetails": {"detailsMap": {"a": "b"}},
            "thingArn": "arn:aws:iot:eu-west-1:123456789012:thing/r1",
            "queuedAt": nine_hours_ago, "lastUpdatedAt": eight_hours_ago,
            "executionNumber": 3, "versionNumber": 3, "forceCanceled": true,
            "startedAt": eight_hours_ago,
        }})
    );
    assert_eq!(get(canceled, "/things/r1/jobs/fw?executionNumber=1").await.status, 404);
}

#[tokio::test]
async fn each_answer_has_a_request_id_and_the_emulators_date() {
    let address = serve(&emulator(&one(&json!({})))).await;
    for (method, target, status) in [
        ("GET", "/jobs", 200),
        ("GET", "/jobs/none", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", "/jobs", 404),
        ("GET", "/_emulator/effects", 200),
        ("GET", "/_emulator/nowhere", 404),
        ("PUT", "/things/r1/jobs/fw/cancel", 200),
    ] {
        let reply = request(address, Service::Iot, method, target, &Value::Null).await;
        assert_eq!(reply.status, status, "{method} {target}");
        assert_eq!(reply.headers["x-amzn-requestid"].len(), 36, "{method} {target}");
        let date = &reply.headers["date"];
        assert!(date.starts_with("Mon, 23 Nov 2026 12:00:"), "{method} {target}: {date}");
    }
}

#[tokio::test]
async fn the_credential_scope_tells_the_planes_apart() {
    let address = serve(&emulator(&one(&json!({})))).await;
    let body = |service| async move {
        request(address, service, "GET", "/things/r1/jobs", &Value::Null).await.body
    };
    assert!(body(Service::Iot).await["executionSummaries"].is_array());
    assert!(body(Service::Unsigned).await["executionSummaries"].is_array());
    assert!(body(Service::JobsData).await["queuedJobs"].is_array());
    let unsigned = request(address, Service::Unsigned, "GET", "/jobs", &Value::Null).await;
    let arn = "arn:aws:iot:eu-central-1:123456789012:job/fw";
    assert_eq!(unsigned.body["jobs"][0]["jobArn"], arn, "without a scope the fleet's region");
}

#[tokio::test]
async fn next_is_understood_as_it_is_and_encoded() {
    let address = serve(&emulator(&one(&json!({})))).await;
    for target in ["/things/r1/jobs/$next", "/things/r1/jobs/%24next"] {
        let reply = request(address, Service::JobsData, "GET", target, &Value::Null).await;
        assert_eq!(reply.body["execution"]["jobId"], "fw", "{target}");
        assert_eq!(reply.body["execution"]["jobDocument"], "{}", "it comes unless refused");
        let reply = request(address, Service::JobsData, "PUT", target, &json!({})).await;
        assert_eq!(reply.body["execution"]["status"], "IN_PROGRESS", "{target}");
        assert_eq!(reply.body["execution"]["versionNumber"], 2, "{target}");
    }
    let none =
        request(address, Service::JobsData, "PUT", "/things/r9/jobs/$next", &json!({})).await;
    assert_eq!((none.status, none.body), (200, json!({})), "nothing is pending");
}

#[tokio::test]
async fn names_are_decoded_and_a_thing_may_have_a_colon() {
    let fleet = fleet(&json!({
        "things": [{"name": "site:r1"}], "jobs": [{"id": "fw"}],
        "executions": [{"job": "fw", "thing": "site:r1"}],
    }));
    let address = serve(&emulator(&fleet)).await;
    for thing in ["site:r1", "site%3Ar1", "site%3ar1"] {
        assert_eq!(get(address, &format!("/things/{thing}/jobs/fw")).await.status, 200, "{thing}");
    }
}

#[tokio::test]
async fn a_constraint_that_is_not_met_is_named_as_aws_names_it() {
    let address = serve(&emulator(&one(&json!({})))).await;
    let statuses = "QUEUED, IN_PROGRESS, SUCCEEDED, FAILED, TIMED_OUT, REJECTED, REMOVED, CANCELED";
    let long = "j".repeat(65);
    for (target, message) in [
        (
            "/jobs?maxResults=0".to_owned(),
            "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater \
             than or equal to 1"
                .to_owned(),
        ),
        (
            "/jobs/fw/things?status=RUNNING".to_owned(),
            format!(
                "Value 'RUNNING' at 'status' failed to satisfy constraint: Member must satisfy enum \
                 value set: [{statuses}]"
            ),
        ),
        (
            "/things/a%20b".to_owned(),
            "Value 'a b' at 'thingName' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [a-zA-Z0-9:_-]+"
                .to_owned(),
        ),
        (
            format!("/jobs/{long}"),
            format!(
                "Value '{long}' at 'jobId' failed to satisfy constraint: Member must have length \
                 less than or equal to 64"
            ),
        ),
    ] {
        let reply = get(address, &target).await;
        assert_eq!((reply.status, reply.error()), (400, Some("InvalidRequestException")), "{target}");
        assert_eq!(reply.message(), format!("1 validation error detected: {message}"), "{target}");
    }
}

#[tokio::test]
async fn details_beyond_the_limits_are_refused_before_anything_happens() {
    let emulator = emulator(&one(&json!({})));
    let address = serve(&emulator).await;
    let eleven: serde_json::Map<String, Value> =
        (0..11).map(|n| (format!("k{n}"), "v".into())).collect();
    for details in [
        json!({"": "v"}),
        json!({"a b": "v"}),
        json!({"k": ""}),
        json!({"k": "a\nb"}),
        json!({"k": "v".repeat(1025)}),
        json!({"k".repeat(129): "v"}),
        Value::Object(eleven),
    ] {
        let body = json!({"statusDetails": details});
        let reply = request(address, Service::Iot, "PUT", "/things/r1/jobs/fw/cancel", &body).await;
        let answer = (reply.status, reply.error());
        assert_eq!(answer, (400, Some("InvalidRequestException")), "{details}");
    }
    assert_eq!(emulator.effects(), []);
    let most: serde_json::Map<String, Value> =
        (0..10).map(|n| (format!("k{n}"), "ü".repeat(1024).into())).collect();
    let body = json!({"statusDetails": most});
    let reply = request(address, Service::Iot, "PUT", "/things/r1/jobs/fw/cancel", &body).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn what_nobody_should_send_is_a_refusal_and_never_a_500() {
    let address = serve(&emulator(&one(&json!({})))).await;
    let cancel = "/things/r1/jobs/fw/cancel";
    let deep = "[".repeat(100_000);
    let huge = format!("{{\"document\":\"{}\"}}", "x".repeat(2 << 20));
    for (method, target, body, status) in [
        ("PUT", cancel, "{", 400),
        ("PUT", cancel, "[]", 400),
        ("PUT", cancel, &*deep, 400),
        ("PUT", cancel, "{\"expectedVersion\": \"1\"}", 400),
        ("PUT", cancel, "{\"expectedVersion\": 1.5}", 400),
        ("PUT", cancel, "{\"expectedVersion\": 1e99}", 400),
        ("PUT", cancel, "{\"statusDetails\": [1]}", 400),
        ("PUT", cancel, "{\"statusDetails\": {\"a\": 1}}", 400),
        ("PUT", "/things/r1/jobs/fw/cancel?force=yes", "{}", 400),
        ("GET", "/things/r1/jobs/fw?executionNumber=x", "", 400),
        ("GET", "/things/r1/jobs/fw?executionNumber=-1", "", 404),
        ("GET", "/things//jobs/fw", "", 400),
        ("GET", "/things/%ff%fe", "", 400),
        ("GET", "/jobs?%ff=%fe", "", 400),
        ("GET", "/jobs?maxResults=99999999999999999999", "", 400),
        ("GET", "/", "", 404),
        ("POST", "/things/new", "{\"attributePayload\": {\"attributes\": 1}}", 400),
        ("POST", "/things/new", "{\"attributePayload\": {\"attributes\": {\"a b\": \"c\"}}}", 400),
        ("PUT", "/thing-groups/addThingToThingGroup", "{\"thingName\": \"r1\"}", 400),
        ("PUT", "/jobs/new", "{}", 400),
        ("PUT", "/jobs/new", "{\"targets\": [], \"document\": \"{}\"}", 400),
        ("PUT", "/jobs/new", "{\"targets\": [\"r1\"], \"document\": \"{}\"}", 400),
        ("PUT", "/jobs/new", &*huge, 400),
        ("POST", "/_emulator/faults", "{\"throttle\": {\"Nothing\": {}}}", 400),
    ] {
        // A body that is refused while it is still sent may end in a closed connection.
        let Some(reply) = try_request(address, Service::Iot, method, target, body).await else {
            assert!(body.len() > 1 << 20, "{method} {target} was not answered");
            continue;
        };
        assert_eq!(reply.status, status, "{method} {target} {reply:?}");
        assert!(reply.error().is_some(), "{method} {target}");
    }
    assert_eq!(get(address, "/jobs/fw").await.status, 200, "and it still serves");
}

#[tokio::test]
async fn the_data_plane_has_its_own_words() {
    let address = serve(&emulator(&one(&json!({"status": "IN_PROGRESS"})))).await;
    let update = |body: Value| async move {
        request(address, Service::JobsData, "POST", "/things/r1/jobs/fw", &body).await
    };
    let wrong = update(json!({"status": "IN_PROGRESS", "expectedVersion": 9})).await;
    assert_eq!((wrong.status, wrong.error()), (400, Some("InvalidRequestException")));
    assert_eq!(wrong.message(), "Expected version 9 but found version 2");
    let missing = update(json!({})).await;
    assert!(missing.message().contains("Value null at 'status'"), "{missing:?}");
    for minutes in [0, 10_081, -2] {
        let reply = update(json!({"status": "IN_PROGRESS", "stepTimeoutInMinutes": minutes})).await;
        assert_eq!(reply.status, 400, "{minutes}");
    }
    let quiet = update(json!({"status": "IN_PROGRESS"})).await;
    assert_eq!((quiet.status, quiet.body), (200, json!({})));
    let told = update(json!({
        "status": "SUCCEEDED", "includeJobExecutionState": true, "includeJobDocument": true,
    }));
    let state = json!({"status": "SUCCEEDED", "versionNumber": 4});
    assert_eq!(told.await.body, json!({"executionState": state, "jobDocument": "{}"}));
}

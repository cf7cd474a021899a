//! Faults over HTTP and in the process, hooks, and what the emulator tells of itself.

use std::time::Duration;

use rescind::emulator::{Denial, Faults, Operation, Update};
use rescind::execution::ExecutionStatus;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{Service, emulator, get, one, request, serve, try_request};

const CANCEL: &str = "/things/r1/jobs/fw/cancel";

#[tokio::test]
async fn a_lost_reply_takes_effect_and_closes_the_connection() {
    let emulator = emulator(&one(&json!({})));
    let address = serve(&emulator).await;
    let faults = json!({"lostReply": {"CancelJobExecution": 1}});
    let set = request(address, Service::Unsigned, "POST", "/_emulator/faults", &faults).await;
    assert_eq!((set.status, &set.body["lostReply"]["CancelJobExecution"]), (200, &json!(1)));
    let lost = try_request(address, Service::Iot, "PUT", CANCEL, "{\"expectedVersion\": 1}").await;
    assert!(lost.is_none(), "{lost:?}");
    let effects = get(address, "/_emulator/effects").await.body;
    let effect = &effects["effects"][0];
    assert_eq!(effect["statusBefore"], "QUEUED");
    assert_eq!(effect["versionBefore"], 1);
    assert_eq!(effect["expectedVersion"], 1);
    assert_eq!(effect["sequence"], 1);
    let again = request(address, Service::Iot, "PUT", CANCEL, &json!({})).await;
    assert_eq!((again.status, again.error()), (409, Some("InvalidStateTransitionException")));
    assert_eq!(emulator.effects().len(), 1, "what was refused is no effect");
}

#[tokio::test]
async fn a_delayed_call_takes_effect_although_its_client_has_given_up() {
    let emulator = emulator(&one(&json!({})));
    let address = serve(&emulator).await;
    let delay_milliseconds = [(Operation::CancelJobExecution, 100)].into();
    emulator.set_faults(Faults { delay_milliseconds, ..Faults::default() });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let credential = "Credential=AKID/20261123/eu-west-1/iot/aws4_request";
    let request = format!(
        "PUT {CANCEL} HTTP/1.1\r\nhost: emulator\r\nauthorization: AWS4-HMAC-SHA256 {credential}, \
         SignedHeaders=host, Signature=00\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    let landed = async {
        while emulator.effects().is_empty() {
            get(address, "/_emulator/effects").await;
        }
    };
    timeout(Duration::from_secs(30), landed).await.expect("it lands all the same");
}

#[tokio::test]
async fn a_failure_before_the_effect_has_none() {
    let emulator = emulator(&one(&json!({})));
    let address = serve(&emulator).await;
    let one_of = [(Operation::CancelJobExecution, 1)];
    emulator.set_faults(Faults {
        unavailable: one_of.into(),
        internal_failure: one_of.into(),
        ..Faults::default()
    });
    for (status, code) in [(503, "ServiceUnavailableException"), (500, "InternalFailure")] {
        let reply = request(address, Service::Iot, "PUT", CANCEL, &json!({})).await;
        assert_eq!((reply.status, reply.error()), (status, Some(code)));
        assert_eq!(emulator.effects(), []);
    }
    assert_eq!(request(address, Service::Iot, "PUT", CANCEL, &json!({})).await.status, 200);
}

#[tokio::test]
async fn throttling_is_400_on_one_plane_and_429_on_the_other() {
    let emulator = emulator(&one(&json!({})));
    let address = serve(&emulator).await;
    let empty = json!({"perSecond": 0, "burst": 1});
    let faults = json!({"throttle": {
        "ListJobs": empty, "iotjobsdata:GetPendingJobExecutions": empty,
    }});
    request(address, Service::Unsigned, "POST", "/_emulator/faults", &faults).await;
    for (service, target, status) in
        [(Service::Iot, "/jobs", 400), (Service::JobsData, "/things/r1/jobs", 429)]
    {
        let ask = || async { request(address, service, "GET", target, &Value::Null).await };
        assert_eq!(ask().await.status, 200);
        let reply = ask().await;
        assert_eq!((reply.status, reply.error()), (status, Some("ThrottlingException")));
        assert_eq!(reply.message(), "Rate exceeded");
    }
    assert_eq!(emulator.calls()[&Operation::ListJobs], 2, "refused calls are counted");
}

#[tokio::test]
async fn a_denial_names_action_and_resource() {
    let emulator = emulator(&one(&json!({})));
    let address = serve(&emulator).await;
    emulator.set_faults(Faults {
        deny: vec![Denial {
            action: "iot:Cancel*".to_owned(),
            resource: "arn:aws:iot:*:*:thing/r1".to_owned(),
        }],
        ..Faults::default()
    });
    let reply = request(address, Service::Iot, "PUT", CANCEL, &json!({})).await;
    assert_eq!((reply.status, reply.error()), (403, Some("AccessDeniedException")));
    let message = reply.body["Message"].as_str().expect("with a capital");
    let expected = "is not authorized to perform: iot:CancelJobExecution on resource: \
                    arn:aws:iot:eu-west-1:123456789012:thing/r1";
    assert!(message.contains(expected), "{message}");
    assert_eq!(get(address, "/things/r1/jobs/fw").await.status, 200, "a read is another action");
}

#[tokio::test]
async fn a_hook_moves_the_device_between_describe_and_cancel() {
    let emulator = emulator(&one(&json!({"status": "IN_PROGRESS"})));
    emulator.on_call(
        Operation::CancelJobExecution,
        Box::new(|call, store| {
            if call.nth == 1 {
                let update = Update::to(ExecutionStatus::InProgress);
                store.update("r1", "fw", update, call.at).expect("it is in progress");
            }
        }),
    );
    let address = serve(&emulator).await;
    let described = get(address, "/things/r1/jobs/fw").await.body;
    let version = described["execution"]["versionNumber"].as_i64().expect("a number");
    let target = format!("{CANCEL}?force=true");
    for (expected, status) in [(version, 409), (version + 1, 200)] {
        let body = json!({"expectedVersion": expected});
        let reply = request(address, Service::Iot, "PUT", &target, &body).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
}

#[tokio::test]
async fn calls_are_counted_by_operation_until_reset() {
    let address = serve(&emulator(&one(&json!({})))).await;
    for target in ["/jobs", "/jobs", "/jobs/none", "/nowhere"] {
        get(address, target).await;
    }
    let calls = get(address, "/_emulator/calls").await.body;
    assert_eq!(calls, json!({"calls": {"ListJobs": 2, "DescribeJob": 1}}));
    for (method, target) in [("POST", "/_emulator/calls/reset"), ("DELETE", "/_emulator/calls")] {
        request(address, Service::Unsigned, method, target, &Value::Null).await;
        assert_eq!(get(address, "/_emulator/calls").await.body, json!({"calls": {}}));
    }
}

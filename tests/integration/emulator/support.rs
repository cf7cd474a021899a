//! A fleet from JSON, an emulator on a free port, and a client that speaks HTTP and nothing more.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rescind::clock::Clock;
use rescind::document::finding::Findings;
use rescind::emulator::{Emulator, Options};
use rescind::fleet::{self, Fleet};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The time at which each emulator of these tests starts; its `Date` header has whole seconds.
pub const START: &str = "2026-11-23T12:00:00Z";
pub const START_SECONDS: i64 = 1_795_435_200;

pub fn fleet(spec: &Value) -> Fleet {
    let document = json!({
        "apiVersion": "rescind/v1alpha1", "kind": "Fleet", "metadata": {"name": "test"}, "spec": spec,
    });
    let mut findings = Findings::default();
    let fleet = fleet::compile(serde_json::from_value(document).expect("its shape"), &mut findings);
    assert!(findings.is_empty(), "{findings:?}");
    fleet.expect("nothing is wrong with it")
}

/// One robot with one execution of one job.
pub fn one(execution: &Value) -> Fleet {
    let mut row = json!({"job": "fw", "thing": "r1", "queuedAt": "9h ago"});
    let members = execution.as_object().expect("an object").clone();
    row.as_object_mut().expect("an object").extend(members);
    fleet(&json!({
        "things": [{"name": "r1"}],
        "jobs": [{"id": "fw", "createdAt": "10h ago"}],
        "executions": [row],
    }))
}

pub fn emulator(fleet: &Fleet) -> Emulator {
    emulator_with(fleet, Options::default())
}

pub fn emulator_with(fleet: &Fleet, options: Options) -> Emulator {
    let clock = Clock::starting_at(START.parse().expect("a time"));
    Emulator::new(fleet, clock, options)
}

/// Serves an emulator until the test's runtime ends.
pub async fn serve(emulator: &Emulator) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(emulator.clone().serve(listener, std::future::pending()));
    address
}

#[derive(Clone, Copy, Debug)]
pub enum Service {
    Unsigned,
    Iot,
    JobsData,
    Quotas(&'static str),
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

impl Reply {
    pub fn error(&self) -> Option<&str> {
        self.headers.get("x-amzn-errortype").map(String::as_str)
    }

    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// One request on its own connection; None if it was closed without an answer.
pub async fn try_request(
    address: SocketAddr,
    service: Service,
    method: &str,
    target: &str,
    body: &str,
) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.expect("the emulator listens");
    let scope = match service {
        Service::Unsigned => String::new(),
        Service::Iot => scope("iot"),
        Service::JobsData => scope("iot-jobs-data"),
        Service::Quotas(operation) => {
            let target = format!("x-amz-target: ServiceQuotasV20190624.{operation}\r\n");
            scope("servicequotas") + &target
        }
    };
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{scope}content-type: \
         application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("a request is written");
    let mut bytes = Vec::new();
    // A connection that is cut may end in an error instead of an end.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).expect("an answer in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Some(Reply { status, headers, body: serde_json::from_str(body).unwrap_or(Value::Null) })
}

fn scope(service: &str) -> String {
    format!(
        "authorization: AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-west-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=00\r\n"
    )
}

pub async fn request(
    address: SocketAddr,
    service: Service,
    method: &str,
    target: &str,
    body: &Value,
) -> Reply {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    try_request(address, service, method, target, &body).await.expect("an answer")
}

pub async fn get(address: SocketAddr, target: &str) -> Reply {
    request(address, Service::Iot, "GET", target, &Value::Null).await
}

pub async fn call(address: SocketAddr, method: &str, target: &str, body: &Value) -> Reply {
    request(address, Service::Iot, method, target, body).await
}

/// A call that must succeed: its body.
pub async fn ok(address: SocketAddr, method: &str, target: &str, body: &Value) -> Value {
    let reply = call(address, method, target, body).await;
    assert_eq!(reply.status, 200, "{method} {target}: {reply:?}");
    reply.body
}

/// A call that must be refused.
pub async fn refused(address: SocketAddr, method: &str, target: &str, body: &Value, code: &str) {
    let reply = call(address, method, target, body).await;
    assert_eq!(reply.error(), Some(code), "{method} {target}: {reply:?}");
}

pub async fn report(address: SocketAddr, thing: &str, job: &str, status: &str) -> Reply {
    let target = format!("/things/{thing}/jobs/{job}");
    request(address, Service::JobsData, "POST", &target, &json!({ "status": status })).await
}

pub async fn advance(address: SocketAddr, by: &str) {
    ok(address, "POST", "/_emulator/clock", &json!({ "advance": by })).await;
}

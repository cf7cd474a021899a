//! What nobody should send, at random: no request makes the emulator answer with a 5xx, leave a sound
//! request without an answer, or stop.
//!
//! Requests are made from its own routes and members, with labels, queries, headers and bodies at random,
//! then some are mutated, several follow each other on one connection, and the last may be cut. More
//! cases by `PROPTEST_CASES`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rescind::emulator::{Credentials, Emulator, Operation, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::support::{emulator, emulator_with, fleet, get, serve};

/// Members of any operation, those of structures and of the emulator's own routes included.
const MEMBERS: &[&str] = &[
    "abortConfig",
    "action",
    "advance",
    "attributePayload",
    "attributes",
    "comment",
    "criteriaList",
    "description",
    "document",
    "documentSource",
    "endTime",
    "executionNumber",
    "expectedVersion",
    "failureType",
    "force",
    "includeJobDocument",
    "jobExecutionsRetryConfig",
    "jobId",
    "Key",
    "maxResults",
    "merge",
    "minNumberOfExecutedThings",
    "namespaceId",
    "nextToken",
    "now",
    "numberOfRetries",
    "presignedUrlConfig",
    "queryString",
    "QuotaCode",
    "resourceArn",
    "schedulingConfig",
    "ServiceCode",
    "startTime",
    "status",
    "statusDetails",
    "stepTimeoutInMinutes",
    "stopped",
    "tags",
    "tagKeys",
    "targets",
    "targetSelection",
    "thingGroupName",
    "thingGroupProperties",
    "thingName",
    "thingTypeName",
    "thresholdPercentage",
    "timeoutConfig",
    "inProgressTimeoutInMinutes",
    "Value",
];

/// Texts that mean something to it, or nearly.
const WORDS: &[&str] = &[
    "r1",
    "fw",
    "berlin",
    "$next",
    "%24next",
    "%",
    "%zz",
    "%00",
    "%ff%fe",
    "..",
    "",
    "a b",
    "a%20b",
    "a+b",
    "-1",
    "0",
    "1",
    "250",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "NaN",
    "true",
    "null",
    "QUEUED",
    "IN_PROGRESS",
    "CANCELED",
    "CONTINUOUS",
    "2027-01-01 00:00",
    "9999-12-31T23:59:59Z",
    "-9999-01-01 00:00",
    "thingName:r*",
    "attributes.a:[1 TO 2]",
    "NOT (",
    "((((((((",
    "arn:aws:iot:eu-west-1:123456789012:thing/r1",
    "arn:aws:iot:eu-west-1:123456789012:thinggroup/berlin",
    "arn:aws:iot:eu-west-1:123456789012:job/fw",
    "ü",
    "\u{202e}",
    "iot",
    "L-5D01DB62",
    "99999999d",
    "-5m",
    "AQ",
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(WORDS).prop_map(str::to_owned),
        1 => "[ -~]{0,12}",
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => (select(vec!["a", "ü", "%41", "["]), 1..3000_usize).prop_map(|(text, n)| text.repeat(n)),
    ]
}

fn encoded(text: &str, rawly: bool) -> String {
    let byte = |b: u8| match b {
        b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
        b'%' | b'$' | b'/' | b'+' | b'.' if rawly => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn target() -> impl Strategy<Value = (String, String)> {
    let introspection =
        ["", "/calls", "/clock", "/effects", "/faults", "/operations", "/reset", "/snapshot"];
    let methods = ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"];
    let route =
        (select(Operation::ALL), vec((word(), any::<bool>()), 3)).prop_map(|(operation, words)| {
            let mut words = words.iter();
            let labelled = operation.path().split('/').map(|part| {
                let word = if part.starts_with('{') { words.next() } else { None };
                word.map_or_else(|| part.to_owned(), |(word, rawly)| encoded(word, *rawly))
            });
            let path = labelled.collect::<Vec<_>>().join("/");
            // The path of Service Quotas names nothing: a header does.
            let path = if path.starts_with('/') { path } else { "/".to_owned() };
            (operation.method().to_owned(), path)
        });
    let own = (select(vec!["GET", "POST", "DELETE"]), select(introspection.to_vec()))
        .prop_map(|(method, path)| (method.to_owned(), format!("/_emulator{path}")));
    let any = (select(methods.to_vec()), vec((word(), any::<bool>()), 0..5)).prop_map(
        |(method, words)| {
            let path: Vec<String> =
                words.iter().map(|(word, rawly)| encoded(word, *rawly)).collect();
            (method.to_owned(), format!("/{}", path.join("/")))
        },
    );
    prop_oneof![8 => route, 1 => own, 2 => any]
}

fn query() -> impl Strategy<Value = String> {
    let pair = (select(MEMBERS), word(), any::<bool>())
        .prop_map(|(name, word, rawly)| format!("{name}={}", encoded(&word, rawly)));
    vec(pair, 0..4).prop_map(|pairs| pairs.join("&"))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        word().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = prop_oneof![select(MEMBERS).prop_map(str::to_owned), word()];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((member, inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = String> {
    let members = vec((select(MEMBERS), value()), 0..5).prop_map(|pairs| {
        Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            .to_string()
    });
    prop_oneof![
        2 => Just(String::new()),
        6 => members,
        1 => value().prop_map(|value| value.to_string()),
        1 => word(),
        1 => (1..2000_usize).prop_map(|depth| "{\"a\":[".repeat(depth)),
    ]
}

fn headers() -> impl Strategy<Value = String> {
    let scope = (word(), select(vec!["iot", "iot-jobs-data", "servicequotas", "s3", ""])).prop_map(|(word, service)| {
        let region = if word.len() % 2 == 0 { "eu-west-1" } else { &word };
        format!(
            "authorization: AWS4-HMAC-SHA256 Credential=AKID/20261123/{region}/{service}/aws4_request, \
             SignedHeaders=host;x, Signature={word}\r\n"
        )
    });
    let quota = select(vec!["GetServiceQuota", "GetAWSDefaultServiceQuota", "", "X"])
        .prop_map(|name| format!("x-amz-target: ServiceQuotasV20190624.{name}\r\n"));
    let others = select(vec![
        "authorization: Basic YTpi\r\n",
        "authorization: AWS4-HMAC-SHA256\r\n",
        "expect: 100-continue\r\n",
        "accept-encoding: gzip\r\n",
        "content-type: text/xml\r\n",
        "upgrade: h2c\r\n",
        "connection: upgrade\r\n",
        "host: \r\n",
        "x-amz-date: x\r\n",
        "x-amz-content-sha256: x\r\n",
    ]);
    let long = (1..20_000_usize).prop_map(|length| format!("x-long: {}\r\n", "a".repeat(length)));
    let one = prop_oneof![6 => scope, 3 => quota, 3 => others.prop_map(str::to_owned), 1 => long];
    vec(one, 0..4).prop_map(|lines| {
        // A header that is no text is for the mutations.
        lines.concat().chars().filter(char::is_ascii).collect()
    })
}

/// A request as it is sent.
#[derive(Clone)]
struct Request {
    bytes: Vec<u8>,
    /// Whether it is HTTP, so that it must be answered.
    sound: bool,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.bytes))
    }
}

fn request() -> impl Strategy<Value = Request> {
    let mutation = (
        any::<Index>(),
        any::<u8>(),
        select(vec!["none", "none", "none", "set", "insert", "remove"]),
    );
    (target(), query(), headers(), body(), mutation).prop_map(|((method, path), query, headers, body, mutation)| {
        let query = if query.is_empty() { query } else { format!("?{query}") };
        let length = body.len();
        let mut bytes = format!(
            "{method} {path}{query} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n{body}"
        )
        .into_bytes();
        let (at, byte, kind) = mutation;
        let at = at.index(bytes.len());
        match kind {
            "set" => bytes[at] = byte,
            "insert" => bytes.insert(at, byte),
            "remove" => drop(bytes.remove(at)),
            _ => {}
        }
        // An address that is too long is refused with the end of the connection.
        let short = path.len() + query.len() < 30_000;
        let sound = kind == "none" && !headers.contains("upgrade") && short;
        Request { bytes, sound }
    })
}

/// The statuses of the answers that follow each other in these bytes.
fn statuses(mut bytes: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        bytes = &bytes[end + 4..];
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.unwrap_or_else(|| panic!("this is no answer: {head}"));
        if status == 100 {
            continue;
        }
        statuses.push(status);
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        // The answer to a HEAD tells a length and has no body.
        if !bytes.starts_with(b"HTTP/1.1") {
            bytes = &bytes[length.unwrap_or(0_usize).min(bytes.len())..];
        }
    }
    statuses
}

/// One runtime and two emulators for all cases: one as it is, one that checks signatures.
static SERVED: LazyLock<(Runtime, [SocketAddr; 2])> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let fleet = fleet(&json!({
        "things": [{"name": "r1", "groups": ["berlin"]}, {"name": "r2", "groups": ["berlin"]}],
        "jobs": [{"id": "fw"}],
        "executions": [{"job": "fw", "thing": "r1"}, {"job": "fw", "thing": "r2", "status": "IN_PROGRESS"}],
    }));
    let credentials =
        Credentials { access_key_id: "AKID".to_owned(), secret_access_key: "secret".to_owned() };
    let strict = Options { verify_signatures: Some(credentials), ..Options::default() };
    let emulators: [Emulator; 2] = [emulator(&fleet), emulator_with(&fleet, strict)];
    let addresses =
        runtime.block_on(async { [serve(&emulators[0]).await, serve(&emulators[1]).await] });
    (runtime, addresses)
});

/// What is answered to these bytes. A client that `waits` leaves its side open until the answer to its
/// last request, which asks for the end of the connection.
async fn answers(address: SocketAddr, bytes: &[u8], waits: bool) -> Vec<u16> {
    let mut stream = TcpStream::connect(address).await.expect("the emulator listens");
    let (mut read, mut write) = stream.split();
    let mut answered = Vec::new();
    // What is refused early may end in a connection that is reset while it is still written to.
    let send = async {
        let _ = write.write_all(bytes).await;
        if waits {
            let _ = write.write_all(LAST).await;
        } else {
            let _ = write.shutdown().await;
        }
    };
    let ((), _) = tokio::join!(send, read.read_to_end(&mut answered));
    statuses(&answered)
}

const LAST: &[u8] = b"GET /jobs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

proptest! {
    #[test]
    fn no_request_is_answered_with_a_5xx_or_stops_the_emulator(
        requests in vec(request(), 1..4),
        kept in any::<Index>(),
        cut in any::<bool>(),
        strict in 0..2_usize,
    ) {
        let (runtime, addresses) = &*SERVED;
        let mut bytes: Vec<u8> = requests.iter().flat_map(|it| it.bytes.clone()).collect();
        let waits = !cut && requests.iter().all(|it| it.sound);
        if cut {
            bytes.truncate(kept.index(bytes.len()));
        }
        let found = runtime.block_on(answers(addresses[strict], &bytes, waits));
        prop_assert!(found.iter().all(|status| *status < 500), "{found:?}");
        if waits {
            prop_assert_eq!(found.len(), requests.len() + 1, "each has one answer: {:?}", found);
        }
        let after = runtime.block_on(get(addresses[0], "/jobs"));
        prop_assert_eq!(after.status, 200);
    }
}

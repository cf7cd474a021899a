//! A device and a canceller at the same executions at the same time, over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rescind::execution::ExecutionStatus as Status;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::support::{emulator, fleet, serve};

const RACES: usize = 10_000;
/// So many are under way at once: few enough that the two stay side by side.
const BATCH: usize = 50;

/// A connection that is kept, on which requests are sent before the answers to earlier ones came.
struct Connection {
    stream: BufReader<TcpStream>,
    service: &'static str,
}

impl Connection {
    async fn open(address: SocketAddr, service: &'static str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the emulator listens");
        Self { stream: BufReader::new(stream), service }
    }

    /// Sends all requests, then reads all answers: their HTTP statuses.
    async fn all(&mut self, requests: &[(String, &str)]) -> Vec<u16> {
        let service = self.service;
        let texts: Vec<String> = requests
            .iter()
            .map(|(line, body)| {
                format!(
                    "{line} HTTP/1.1\r\nhost: emulator\r\nauthorization: AWS4-HMAC-SHA256 \
                     Credential=AKID/20261123/eu-west-1/{service}/aws4_request, SignedHeaders=host, \
                     Signature=00\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )
            })
            .collect();
        let text = texts.concat();
        self.stream.get_mut().write_all(text.as_bytes()).await.expect("requests are written");
        let mut statuses = Vec::new();
        for _ in requests {
            statuses.push(self.answer().await);
        }
        statuses
    }

    async fn answer(&mut self) -> u16 {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.expect("a line of the head");
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().expect("a status");
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().expect("a length");
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.expect("a body");
        status
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_device_and_a_canceller_each_execution_believes_one_at_a_time() {
    let emulator = emulator(&fleet(&json!({
        "things": [{"name": "r{n}", "count": RACES}],
        "jobs": [{"id": "fw"}],
        "executions": [{"job": "fw", "thing": "r{n}", "count": RACES}],
    })));
    let address = serve(&emulator).await;
    let mut device = Connection::open(address, "iot-jobs-data").await;
    let mut canceller = Connection::open(address, "iot").await;
    let (mut started, mut canceled) = (Vec::new(), Vec::new());
    for batch in 0..RACES / BATCH {
        let robots = || (1..=BATCH).map(|n| batch * BATCH + n);
        let starts: Vec<_> = robots()
            .map(|n| (format!("POST /things/r{n}/jobs/fw"), r#"{"status":"IN_PROGRESS"}"#))
            .collect();
        // Each way to cancel: with and without force, with the version that was listed and without.
        let cancels: Vec<_> = robots()
            .map(|n| {
                let force = n % 2 == 0;
                let body = if n % 3 == 0 { r#"{"expectedVersion":1}"# } else { "{}" };
                (format!("PUT /things/r{n}/jobs/fw/cancel?force={force}"), body)
            })
            .collect();
        let (device, canceller) = tokio::join!(device.all(&starts), canceller.all(&cancels));
        started.extend(device);
        canceled.extend(canceller);
    }
    let effects: BTreeMap<String, _> =
        emulator.effects().into_iter().map(|it| (it.thing_name.clone(), it)).collect();
    assert_eq!(effects.len(), emulator.effects().len(), "nothing was canceled twice");
    let (mut first, mut second) = (0, 0);
    for n in 1..=RACES {
        let (started, canceled) = (started[n - 1], canceled[n - 1]);
        let thing = format!("r{n}");
        let effect = effects.get(&thing);
        let now = emulator.store(|store| store.execution(&thing, "fw", None).cloned());
        let now = now.expect("it is there");
        let case = format!("{thing}: {started}, {canceled}, {now:?}, {effect:?}");
        match (started, canceled) {
            // The canceller came first.
            (409, 200) => {
                first += 1;
                let effect = effect.expect(&case);
                assert_eq!((&effect.status_before, effect.version_before), (&Status::Queued, 1));
                assert_eq!((&now.status, now.version), (&Status::Canceled, 2), "{case}");
            }
            // The device came first, and the canceller meant it all the same.
            (200, 200) => {
                second += 1;
                let effect = effect.expect(&case);
                assert!(effect.force && effect.expected_version.is_none(), "{case}");
                assert_eq!(
                    (&effect.status_before, effect.version_before),
                    (&Status::InProgress, 2)
                );
                assert_eq!((&now.status, now.version), (&Status::Canceled, 3), "{case}");
            }
            // The device came first, and the canceller had not meant that.
            (200, 409) => {
                second += 1;
                assert!(n % 2 == 1 || n % 3 == 0, "{case}");
                assert!(effect.is_none(), "{case}");
                assert_eq!((&now.status, now.version), (&Status::InProgress, 2), "{case}");
            }
            _ => panic!("{case}"),
        }
        assert_eq!(now.force_canceled, effect.map(|effect| effect.force), "{case}");
    }
    assert_eq!(first + second, RACES);
}

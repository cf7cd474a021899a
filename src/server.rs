//! What a running controller shows: `/livez`, `/readyz`, `/metrics`, `/api/v1/status`.
//!
//! It only reads: from a snapshot that the loop replaces, so that no request, however slow, holds the
//! loop up, and nothing that is asked here changes anything. On a loopback address everything is
//! answered to whoever names that address as the host, so that a web page in a browser cannot read it
//! through a name of its own. On any other address a token is needed for everything but health, and
//! health is told without its reasons.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::backend::Operation;
use crate::backend::pace::Pacer;
use crate::clock::Clock;
use crate::document::words::json_text;
use crate::status::{Calls, Snapshot, Status};

pub mod client;
pub mod metrics;

use metrics::Scrape;

/// Connections at a time. Monitoring needs a handful; more wait in the system's queue.
const CONNECTIONS: usize = 64;

/// The largest head of a request that is read, in bytes; the least that the HTTP library takes.
const HEAD: usize = 8 * 1024;

/// Headers of a request.
const HEADERS: usize = 64;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection lasts at most, idle or not.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(120);

/// The shortest token: 128 bits, however they are written.
pub const TOKEN_LENGTH: usize = 16;

/// The paths that are answered.
pub const PATHS: [&str; 4] = ["/livez", "/readyz", "/metrics", "/api/v1/status"];

/// What is served, and to whom.
#[derive(Clone, Debug)]
pub struct Server {
    /// What the loop last said.
    pub snapshot: watch::Receiver<Snapshot>,
    /// AWS's time.
    pub clock: Clock,
    /// What was called.
    pub pacer: Pacer,
    /// The file with the token that is asked for; read at each request, so that it can be renewed.
    pub token_file: Option<PathBuf>,
}

type Answer = Response<Full<Bytes>>;

impl Server {
    /// Answers on `listener` for as long as it is polled.
    pub async fn serve(self, listener: TcpListener) {
        let here = listener.local_addr().map(|it| it.ip()).ok();
        let server = Arc::new(self);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = Arc::clone(&server);
                    tokio::spawn(async move {
                        server.connection(stream, here).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Most often no file descriptor is left: trying at once would only burn the CPU.
                    tracing::warn!(%error, "a connection to the status address is not accepted");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, here: Option<IpAddr>) {
        let answer = |request: Request<Incoming>| {
            let server = Arc::clone(&self);
            async move { Ok::<_, Infallible>(server.answer(&request, here).await) }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // Whoever has its answer makes room for the next one.
            .keep_alive(false)
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        let ended = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
        if let Ok(Err(error)) = ended {
            tracing::debug!(%error, "a connection to the status address broke");
        }
    }

    async fn answer(&self, request: &Request<Incoming>, here: Option<IpAddr>) -> Answer {
        let is_local = here.is_some_and(|it| it.is_loopback());
        if is_local && !names_loopback(request.headers()) {
            return text(
                StatusCode::FORBIDDEN,
                "the Host header names neither this address nor localhost",
            );
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here");
        }
        if !request.body().is_end_stream() {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "a request here has no body");
        }
        let snapshot = self.snapshot.borrow().clone();
        match request.uri().path() {
            "/livez" => live(&snapshot),
            "/readyz" => ready(&snapshot, is_local),
            path if PATHS.contains(&path) => {
                let needs_token = !is_local || self.token_file.is_some();
                if needs_token && !self.is_authorized(request.headers()).await {
                    let mut answer = text(
                        StatusCode::UNAUTHORIZED,
                        "send the token of --listen-token-file as `Authorization: Bearer …`",
                    );
                    let headers = answer.headers_mut();
                    headers.insert("www-authenticate", HeaderValue::from_static("Bearer"));
                    return answer;
                }
                if path == "/metrics" { self.metrics(snapshot) } else { self.status(&snapshot) }
            }
            _ => text(StatusCode::NOT_FOUND, &format!("there is {} here", PATHS.join(", "))),
        }
    }

    async fn is_authorized(&self, headers: &HeaderMap) -> bool {
        let Some(file) = self.token_file.clone() else { return false };
        let read = tokio::task::spawn_blocking(move || {
            std::fs::read_to_string(&file).inspect_err(
                |error| tracing::warn!(file = %file.display(), %error, "nobody is let in"),
            )
        });
        let Ok(Ok(token)) = read.await else { return false };
        let token = token.trim();
        let sent = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let sent = sent.and_then(|it| it.strip_prefix(b"Bearer "));
        token.len() >= TOKEN_LENGTH && sent.is_some_and(|sent| is_equal(sent, token.as_bytes()))
    }

    fn status_of(&self, snapshot: &Snapshot) -> Status {
        let counts = self.pacer.counts();
        let of = |operation: Operation| {
            let calls = Calls {
                sent: counts.calls.get(&operation).copied().unwrap_or_default(),
                throttled: counts.throttled.get(&operation).copied().unwrap_or_default(),
                rate: self.pacer.rate(operation),
            };
            (operation.as_str().to_owned(), calls)
        };
        let calls: BTreeMap<_, _> = Operation::ALL.into_iter().map(of).collect();
        snapshot.status(
            self.clock.now(),
            self.clock.offset().as_secs_f64(),
            calls,
            self.pacer.cancels_per_second(),
        )
    }

    fn status(&self, snapshot: &Snapshot) -> Answer {
        let status = self.status_of(snapshot);
        // As `-o json` writes it: what a file is called acts on no terminal that shows the answer.
        match json_text(&status) {
            Ok(json) => answer(StatusCode::OK, "application/json", json),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    fn metrics(&self, snapshot: Snapshot) -> Answer {
        let status = self.status_of(&snapshot);
        let scrape = Scrape { status, tally: snapshot.tally, resident_bytes: resident_bytes() };
        match scrape.text() {
            Ok(exposition) => answer(StatusCode::OK, metrics::CONTENT_TYPE, exposition),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }
}

fn live(snapshot: &Snapshot) -> Answer {
    if snapshot.is_alive() {
        text(StatusCode::OK, "ok")
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "the loop does not move")
    }
}

fn ready(snapshot: &Snapshot, with_reasons: bool) -> Answer {
    let unready = snapshot.unready();
    if unready.is_empty() {
        return text(StatusCode::OK, "ok");
    }
    if !with_reasons {
        return text(StatusCode::SERVICE_UNAVAILABLE, "not ready");
    }
    let reasons: Vec<_> =
        unready.iter().map(|reason| format!("{}: {}", reason.label(), reason.words())).collect();
    text(StatusCode::SERVICE_UNAVAILABLE, &format!("not ready\n{}", reasons.join("\n")))
}

/// Whether the host that was asked for is a loopback address or `localhost`.
fn names_loopback(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let authority = host.parse::<hyper::http::uri::Authority>();
    let Ok(authority) = authority else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Compares without telling by the time it takes how much was right.
fn is_equal(sent: &[u8], token: &[u8]) -> bool {
    let differs = sent.iter().zip(token).fold(0, |differs, (a, b)| differs | (a ^ b));
    sent.len() == token.len() && differs == 0
}

/// The memory that the process takes, where the system says it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn text(status: StatusCode, text: &str) -> Answer {
    answer(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn answer(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        ("content-type", media_type),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Whether an address needs a token.
pub fn needs_token(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

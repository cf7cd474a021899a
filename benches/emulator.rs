//! Size and speed of the emulator, each figure beside its bound: `cargo bench --bench emulator`.
//!
//! Speed is counted in the processor time of the one thread that serves, so that clients on the same
//! machine and other programs do not count; where the system does not tell that, wall time is taken.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::alloc::System;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cap::Cap;
use rescind::clock::Clock;
use rescind::document::{self, Limits, SourceFile};
use rescind::emulator::{Emulator, Options};
use rescind::fleet::Fleet;
use tokio::sync::oneshot;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const EXECUTIONS: usize = 1_000_000;
const CLIENTS: usize = 4;
const LASTS: Duration = Duration::from_secs(3);

/// A million executions in ten lines.
fn fleet(things: usize) -> Fleet {
    let jobs = EXECUTIONS / things;
    let text = format!(
        "apiVersion: rescind/v1alpha1
kind: Fleet
metadata: {{name: large}}
spec:
  things:
    - {{name: \"robot-{{n:07}}\", count: {things}, type: robot, groups: [all], attributes: {{board: rev-b}}}}
  jobs:
    - {{id: \"fw-{{n}}\", count: {jobs}, targets: {{groups: [all]}}}}
  executions:
    - {{job: \"fw-{{n}}\", jobCount: {jobs}, thing: \"robot-{{n:07}}\", count: {things}, queuedAt: 2d ago}}
"
    );
    let file = SourceFile { path: "large.yaml".to_owned(), text: text.into() };
    let mut documents = document::read(&[file], &Limits::fleet());
    assert!(documents.diagnostics.is_empty(), "{:?}", documents.diagnostics);
    documents.fleets.remove(0).1
}

fn line(what: &str, figure: f64, bound: &str) {
    println!("{what:<58} {figure:>10.0}   {bound}");
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per(total: usize, count: usize) -> f64 {
    total as f64 / count as f64
}

/// An emulator of so many things, and what it keeps for each execution, things included or not.
fn sized(things: usize) -> Emulator {
    let without = {
        let mut fleet = fleet(things);
        fleet.executions.clear();
        let before = ALLOCATOR.allocated();
        let emulator = Emulator::new(&fleet, Clock::system(), Options::default());
        let kept = ALLOCATOR.allocated() - before;
        drop(emulator);
        kept
    };
    let fleet = fleet(things);
    let before = ALLOCATOR.allocated();
    let emulator = Emulator::new(&fleet, Clock::system(), Options::default());
    let kept = ALLOCATOR.allocated() - before;
    drop(fleet);
    let jobs = EXECUTIONS / things;
    let bytes = format!("bytes an execution: {things} things, {jobs} jobs");
    line(&bytes, per(kept - without, EXECUTIONS), "<= 300");
    line("  with the things' own share", per(kept, EXECUTIONS), "");
    emulator
}

/// The processor time of this thread so far.
fn used(since: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next()?.parse().ok());
    told.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// How many answers a second of one core the emulator gives to clients that ask as fast as they can.
fn rate(
    emulator: &Emulator,
    target: impl Fn(usize, usize) -> String + Send + Sync + 'static,
) -> f64 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a listener");
    let address = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let emulator = emulator.clone();
    let server = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let started = Instant::now();
        let before = used(started);
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let shutdown = async { drop(stopped.await) };
            emulator.serve(listener, shutdown).await.expect("it serves");
        });
        used(started).saturating_sub(before)
    });
    let target = Arc::new(target);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let target = target.clone();
            thread::spawn(move || ask(address, client, &*target))
        })
        .collect();
    let answers: u32 = clients.into_iter().map(|it| it.join().expect("a client")).sum();
    stop.send(()).expect("the server runs");
    f64::from(answers) / server.join().expect("the server").as_secs_f64()
}

fn ask(address: SocketAddr, client: usize, target: &dyn Fn(usize, usize) -> String) -> u32 {
    let mut stream = TcpStream::connect(address).expect("the emulator listens");
    stream.set_nodelay(true).expect("a stream");
    let (mut answers, mut buffer) = (0, vec![0; 1 << 20]);
    let started = Instant::now();
    while started.elapsed() < LASTS {
        let target = target(client, answers as usize);
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: {address}\r\nuser-agent: bench\r\naccept: */*\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-west-1/iot/aws4_request, \
             SignedHeaders=host, Signature=00\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("a request is written");
        let mut read = 0;
        let mut whole = usize::MAX;
        while read < whole {
            let more = stream.read(&mut buffer[read..]).expect("an answer");
            assert!(more > 0, "the connection is kept");
            read += more;
            if whole == usize::MAX {
                whole = length(&buffer[..read]).unwrap_or(usize::MAX);
            }
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "{target}");
        answers += 1;
    }
    answers
}

/// The length of an answer, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).expect("a head is ASCII").to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    Some(head + length.expect("a length").trim().parse::<usize>().expect("a number"))
}

fn main() {
    drop(sized(EXECUTIONS));
    let things = EXECUTIONS / 4;
    let emulator = sized(things);
    let describes = rate(&emulator, move |client, n| {
        let thing = (client * 61_003 + n * 7_919) % things + 1;
        format!("/things/robot-{thing:07}/jobs/fw-{}", n % 4 + 1)
    });
    line("DescribeJobExecution, a second of one core", describes, ">= 20000");
    let pages = rate(&emulator, |_, n| {
        format!("/jobs/fw-{}/things?status=QUEUED&maxResults=250", n % 4 + 1)
    });
    line("ListJobExecutionsForJob, 250 rows, a second of one core", pages, ">= 2000");
    let before = ALLOCATOR.allocated();
    let snapshot = emulator.snapshot();
    line(
        "a snapshot in memory, bytes an execution",
        per(ALLOCATOR.allocated() - before, EXECUTIONS),
        "",
    );
    drop(snapshot);
}

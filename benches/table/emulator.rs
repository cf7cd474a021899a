//! Size and speed of the emulator.
//!
//! Speed is counted in the processor time of the one thread that serves, so that clients on the same
//! machine do not count.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rescind::clock::Clock;
use rescind::emulator::{Emulator, Options};
use rescind::fleet::Fleet;
use tokio::sync::oneshot;

use crate::figures::{Bound, Figures};
use crate::measure::{kept, per, used};
use crate::world::read_fleet;

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
    read_fleet(&text)
}

/// An emulator of so many things, with what it keeps for each execution, the things' own share aside.
fn sized(things: usize, figures: &mut Figures) -> Emulator {
    let made = |fleet: &Fleet| kept(|| Emulator::new(fleet, Clock::system(), Options::default()));
    let mut fleet = fleet(things);
    let (all, emulator) = made(&fleet);
    fleet.executions.clear();
    let (without, _) = made(&fleet);
    let jobs = EXECUTIONS / things;
    let what = format!("emulator: bytes an execution, {things} things with {jobs} each");
    figures.held(&what, per(all - without, EXECUTIONS), Bound::AtMost(300.0));
    figures.told("  with the things' own share", per(all, EXECUTIONS));
    emulator
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

/// What it keeps, and how fast it answers.
pub fn measure(figures: &mut Figures) {
    drop(sized(EXECUTIONS, figures));
    let things = EXECUTIONS / 4;
    let emulator = sized(things, figures);
    let describes = rate(&emulator, move |client, n| {
        let thing = (client * 61_003 + n * 7_919) % things + 1;
        format!("/things/robot-{thing:07}/jobs/fw-{}", n % 4 + 1)
    });
    let what = "emulator: DescribeJobExecution, a second of one core";
    figures.held(what, describes, Bound::AtLeast(20_000.0));
    let pages = rate(&emulator, |_, n| {
        format!("/jobs/fw-{}/things?status=QUEUED&maxResults=250", n % 4 + 1)
    });
    let what = "emulator: ListJobExecutionsForJob, 250 rows, a second of one core";
    figures.held(what, pages, Bound::AtLeast(2000.0));
}

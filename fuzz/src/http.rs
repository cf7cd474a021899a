//! What must hold of any bytes that are sent to the emulator.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use rescind::clock::Clock;
use rescind::document::{Limits, SourceFile, read};
use rescind::emulator::{Emulator, Options};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const FLEET: &str = "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {name: f}\nspec:\n  \
    account: \"123456789012\"\n  region: eu-central-1\n  jobs: [{id: fw}]\n  \
    things: [{name: r1}, {name: r2}]\n  executions:\n    \
    - {job: fw, thing: r1, queuedAt: 1d ago}\n    - {job: fw, thing: r2, queuedAt: 1d ago}\n";

/// An emulator, and where it listens.
static WORLD: LazyLock<(Emulator, SocketAddr, Runtime)> = LazyLock::new(|| {
    let file = SourceFile { path: "fleet.yaml".to_owned(), text: FLEET.into() };
    let documents = read(&[file], &Limits::fleet());
    let (_, fleet) = documents.fleets.first().expect("the fleet is right");
    let emulator = Emulator::new(fleet, Clock::system(), Options::default());
    let runtime = Runtime::new().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(emulator.clone().serve(listener, std::future::pending()));
    (emulator, address, runtime)
});

/// How long an answer is waited for. What is no whole request has none.
const PATIENCE: Duration = Duration::from_millis(50);

fn answer(address: SocketAddr, bytes: &[u8], patience: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the emulator listens");
    stream.set_read_timeout(Some(patience)).expect("a time-out");
    // It may hang up before all of it is sent.
    let _ = stream.write_all(bytes);
    let mut answer = vec![0; 4096];
    // A connection that is half closed is closed by the other side, so that its answer comes first.
    let read = stream.read(&mut answer).unwrap_or(0);
    answer.truncate(read);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// A request, or what is none: it is answered or the connection is closed, never with a 5xx but where
/// one was asked for; and the emulator goes on.
pub fn http(bytes: &[u8]) {
    let (emulator, address, _) = &*WORLD;
    let text = String::from_utf8_lossy(&answer(*address, bytes, PATIENCE)).into_owned();
    let injected = bytes.windows(9).any(|part| part == b"_emulator");
    let failed = text.lines().any(|line| line.starts_with("HTTP/1.1 5"));
    assert!(injected || !failed, "{text}");
    emulator.reset();
    let request = b"GET /_emulator HTTP/1.1\r\nhost: a\r\n\r\n";
    let alive = answer(*address, request, Duration::from_secs(20));
    assert!(alive.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&alive));
}

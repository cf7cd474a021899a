//! An emulated account in this process, served over HTTP, and the binary beside it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rescind::clock::Clock;
use rescind::document::{self, Limits, SourceFile};
use rescind::emulator::{Emulator, Operation, Options};
use rescind::fleet::Fleet;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-central-1";

/// What nothing that is measured here takes.
const DEADLINE: Duration = Duration::from_secs(600);

/// The one fleet of a file.
pub fn read_fleet(text: &str) -> Fleet {
    let file = SourceFile { path: "fleet.yaml".to_owned(), text: text.into() };
    let mut documents = document::read(&[file], &Limits::fleet());
    assert!(documents.diagnostics.is_empty(), "{:?}", documents.diagnostics);
    documents.fleets.remove(0).1
}

/// Robots that all wait for the job `fw-1` for four days: `old-000001`… with a board of which a policy
/// wants nothing canceled, and `new-000001`… with another.
pub fn waiting(old: usize, new: usize) -> String {
    let (mut things, mut executions) = (String::new(), String::new());
    for (name, count, board) in [("old", old, "rev-b"), ("new", new, "rev-c")] {
        if count > 0 {
            let thing = format!("\"{name}-{{n:06}}\", count: {count}");
            things += &format!("    - {{name: {thing}, attributes: {{board: {board}}}}}\n");
            executions += &format!("    - {{job: fw-1, thing: {thing}, queuedAt: 4d ago}}\n");
        }
    }
    format!(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: waiting}}\nspec:\n  \
         account: \"{ACCOUNT}\"\n  region: {REGION}\n  jobs:\n    - {{id: fw-1}}\n  \
         things:\n{things}  executions:\n{executions}"
    )
}

/// A policy of which only what it asks is written.
pub fn policy(name: &str, mode: &str, rest: &str) -> String {
    format!(
        "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
         mode: {mode}\n  budget: {{max: [{{count: 100000, per: 1h}}]}}\n  {rest}\n"
    )
}

/// A folder beside what was built: one that is kept in memory has no disk to wait for.
pub fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// The emulated account, and a folder with a root of policies.
pub struct World {
    pub emulator: Emulator,
    pub address: SocketAddr,
    folder: TempDir,
    _runtime: Runtime,
}

impl World {
    /// Serves a fleet.
    pub fn new(fleet: &str) -> Self {
        let emulator = Emulator::new(&read_fleet(fleet), Clock::system(), Options::default());
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        runtime.spawn(emulator.clone().serve(listener, std::future::pending()));
        let folder = folder();
        std::fs::create_dir(folder.path().join("root")).expect("a root");
        Self { emulator, address, folder, _runtime: runtime }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the root.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path("root").join(name), text).expect("the root can be written");
    }

    /// Whether so many cancels came: cheap to ask, since the emulator is what is waited for.
    pub fn has_canceled(&self, count: usize) -> bool {
        let calls = self.emulator.calls();
        calls.get(&Operation::CancelJobExecution).is_some_and(|it| *it >= count as u64)
    }

    /// A program with this account as its AWS, and nothing else of the environment.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(self.folder.path())
            .env("HOME", "/nonexistent")
            .env("STATE_DIRECTORY", self.path("state"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_IOT", format!("http://{}", self.address))
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "any")
            .env("AWS_SECRET_ACCESS_KEY", "any")
            .stdin(Stdio::null());
        command
    }

    /// A verb of the binary that cancels.
    pub fn rescind(&self, verb: &str, more: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_rescind"));
        command.args([verb, "root", "--account", ACCOUNT, "--region", REGION]);
        // Nothing was canceled before.
        command.args(["--no-guards", "--fresh-ledger"]).args(more);
        command
    }

    /// The controller, on a free port.
    pub fn controller(&self, more: &[&str]) -> Running {
        let mut command = self.rescind("run", &["--log-format", "json"]);
        // A free port, which is told in the log.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        command.args(["--listen", &address.to_string()]).args(more);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Running { child: command.spawn().expect("the binary runs"), address }
    }
}

/// A controller; ended with its owner.
pub struct Running {
    child: Child,
    address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Whether it says that it is ready.
    pub fn is_ready(&self) -> bool {
        self.get("/readyz").is_some()
    }

    /// Whether its first pass is over, and no other one under way.
    pub fn has_passed(&self) -> bool {
        let status: Option<Value> = self.get("/api/v1/status").map(|it| read(&it));
        status.is_some_and(|it| it["passes"] != 0 && it["active"] == false)
    }

    /// How it stands.
    pub fn status(&self) -> Value {
        read(&self.get("/api/v1/status").expect("it answers"))
    }

    /// What it answers, if that is good.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
    }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

/// Runs a program to its end, which is a good one; gives what it said, and the seconds that it took.
pub fn ran(mut command: Command) -> (Output, f64) {
    let started = Instant::now();
    let output = command.output().expect("the program runs");
    let seconds = started.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    (output, seconds)
}

/// The seconds until something holds, as exactly as a millisecond.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) -> f64 {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    started.elapsed().as_secs_f64()
}

//! An AWS account that the emulator's binary serves: it can be killed and started again, hurried and
//! given faults, and tells what was done to it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::fleet::{ACCOUNT, REGION};
use super::{Beside, Ran, command, ran, until};

/// The emulator, and a folder with `root` and `state`.
pub struct Account {
    pub folder: TempDir,
    pub address: SocketAddr,
    flags: &'static [&'static str],
    emulator: Option<Beside>,
}

impl Account {
    /// Serves a fleet on a free port.
    pub fn new(fleet: &str) -> Self {
        Self::with(fleet, &[])
    }

    /// The same with more flags.
    pub fn with(fleet: &str, flags: &'static [&'static str]) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("root")).unwrap();
        std::fs::write(folder.path().join("fleet.yaml"), fleet).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut account = Self { folder, address, flags, emulator: None };
        account.start();
        account
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the emulator at its address, with the fleet as it was last written down.
    pub fn start(&mut self) {
        let mut served = command(["emulator", "--fleet", "fleet.yaml", "--listen"]);
        served.arg(self.address.to_string()).args(self.flags).current_dir(self.folder.path());
        let emulator = Beside::start(served);
        let line = until("the emulator says where it is", || {
            emulator.stdout().all().into_iter().find(|line| line.starts_with("http://"))
        });
        self.address = line.trim_start_matches("http://").parse().unwrap();
        self.emulator = Some(emulator);
    }

    /// Kills the emulator; what it knows is kept as its next fleet.
    pub fn kill(&mut self) {
        let snapshot = self.get("snapshot");
        std::fs::write(self.path("fleet.yaml"), snapshot.to_string()).unwrap();
        let emulator = self.emulator.take().expect("it runs");
        emulator.signal("KILL");
    }

    pub fn get(&self, what: &str) -> Value {
        self.ask("GET", what, "")
    }

    pub fn post(&self, what: &str, body: &Value) -> Value {
        self.ask("POST", what, &body.to_string())
    }

    /// Moves its clock on.
    pub fn advance(&self, period: &str) {
        self.post("clock", &json!({ "advance": period }));
    }

    /// Deletes execution 1 of a job on a thing, as AWS does once a while has passed.
    pub fn delete_execution(&self, job: &str, thing: &str) {
        let path = format!("/things/{thing}/jobs/{job}/executionNumber/1?force=true");
        self.sent("DELETE", &path, "");
    }

    fn ask(&self, method: &str, what: &str, body: &str) -> Value {
        let answer = self.sent(method, &format!("/_emulator/{what}"), body);
        serde_json::from_str(&answer).unwrap()
    }

    fn sent(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
        body.to_owned()
    }

    /// Each cancel that took effect in this life of the emulator.
    pub fn effects(&self) -> Vec<Value> {
        self.get("effects")["effects"].as_array().unwrap().clone()
    }

    /// The things on which something is open, by name.
    pub fn open(&self) -> Vec<String> {
        let snapshot = self.get("snapshot");
        let executions = snapshot["spec"]["executions"].as_array().cloned().unwrap_or_default();
        let open = executions
            .iter()
            .filter(|it| matches!(it["status"].as_str(), None | Some("QUEUED" | "IN_PROGRESS")));
        let mut open: Vec<_> = open.map(|it| it["thing"].as_str().unwrap().to_owned()).collect();
        open.sort();
        open
    }

    /// The binary in the folder, with this account as its AWS.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command
            .current_dir(self.folder.path())
            .env("STATE_DIRECTORY", self.path("state"))
            .env("AWS_ENDPOINT_URL_IOT", format!("http://{}", self.address))
            .env("AWS_ACCESS_KEY_ID", "any")
            .env("AWS_SECRET_ACCESS_KEY", "any");
        command
    }

    /// The controller on `root`, a pass each second.
    pub fn controller(&self, more: &[&str]) -> Beside {
        Beside::start(self.running(&[more, &["--fresh-ledger"]].concat()))
    }

    /// The command that starts it, with a ledger in which nothing is known of what was before.
    pub fn running(&self, more: &[&str]) -> Command {
        let mut args = vec!["run", "root", "--account", ACCOUNT, "--region", REGION];
        args.extend(["--interval", "1s", "--listen", "127.0.0.1:0"]);
        args.extend(more);
        self.command(&args)
    }

    /// The journal, held against what AWS says now.
    pub fn verified_by_descriptions(&self) -> Ran {
        ran(self.command(&["audit", "--verify", "aws"]))
    }

    /// The journal, held against what took effect.
    pub fn verified_by_effects(&self) -> Ran {
        ran(self.command(&["audit", "--verify", &self.address.to_string()]))
    }
}

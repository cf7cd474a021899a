//! A fleet of robots that an emulator serves to processes, and policies for it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use rescind::clock::Clock;
use rescind::document::{self, Limits, SourceFile};
use rescind::emulator::{Emulator, NewJob, Operation, Options, Target};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{Beside, command, until};

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "eu-central-1";

/// The file of a fleet in which `robots` robots `r001`… wait for job `fw`, each since yesterday.
pub fn fleet_file(robots: usize) -> String {
    let mut text = format!(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: robots}}\nspec:\n  \
         account: \"{ACCOUNT}\"\n  region: {REGION}\n  jobs:\n    - {{id: fw}}\n  things:\n"
    );
    for robot in 1..=robots {
        text.push_str(&format!("    - {{name: r{robot:03}, attributes: {{fleet: robots}}}}\n"));
    }
    text.push_str("  executions:\n");
    for robot in 1..=robots {
        text.push_str(&format!("    - {{job: fw, thing: r{robot:03}, queuedAt: 1d ago}}\n"));
    }
    text
}

/// A policy that cancels what waits for `things`.
pub fn policy(name: &str, things: &str) -> String {
    policy_with(name, things, "mode: Enforce")
}

/// A guard of which only the spec is written.
pub fn guard(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: rescind/v1alpha1\nkind: CancelGuard\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    )
}

/// A policy with more lines under `spec`.
pub fn policy_with(name: &str, things: &str, more: &str) -> String {
    format!(
        "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
         {more}\n  target:\n    statuses: [QUEUED]\n    jobs: {{names: [\"[a-z]*\"]}}\n    \
         things: {{names: [\"{things}\"]}}\n  match:\n    thing:\n      attributes:\n        \
         matchLabels: {{fleet: robots}}\n  budget:\n    max: [{{count: 10000, per: 1h}}]\n"
    )
}

/// An emulated account in this process, and a folder.
pub struct World {
    pub emulator: Emulator,
    pub folder: TempDir,
    pub address: SocketAddr,
    _runtime: Runtime,
}

impl World {
    /// With a fleet of so many robots.
    pub fn new(robots: usize) -> Self {
        Self::of(&fleet_file(robots))
    }

    pub fn of(fleet: &str) -> Self {
        Self::with(fleet, Options::default())
    }

    pub fn with(fleet: &str, options: Options) -> Self {
        let file = SourceFile { path: "fleet.yaml".to_owned(), text: fleet.into() };
        let documents = document::read(&[file], &Limits::fleet());
        assert!(documents.diagnostics.is_empty(), "{:?}", documents.diagnostics);
        let emulator = Emulator::new(&documents.fleets[0].1, Clock::system(), options);
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(emulator.clone().serve(listener, std::future::pending()));
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("root")).unwrap();
        Self { emulator, folder, address, _runtime: runtime }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the root.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path("root").join(name), text).unwrap();
    }

    /// The binary with this account as its AWS, in the folder. Most roots of tests have no guard.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.guarded(args);
        if ["apply", "run"].contains(&args[0]) {
            command.arg("--no-guards");
        }
        command
    }

    /// The same, where a guard is asked for.
    pub fn guarded(&self, args: &[&str]) -> Command {
        let mut command = self.bare(args);
        if args.first().is_some_and(|verb| ["apply", "run"].contains(verb)) {
            // Nothing was canceled before the test.
            command.arg("--fresh-ledger");
        }
        command
    }

    /// The same with no more arguments than these.
    pub fn bare(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command
            .current_dir(self.folder.path())
            .env("STATE_DIRECTORY", self.path("state"))
            .env("AWS_ENDPOINT_URL_IOT", format!("http://{}", self.address))
            .env("AWS_ACCESS_KEY_ID", "any")
            .env("AWS_SECRET_ACCESS_KEY", "any");
        command
    }

    /// An apply of `root` here, with more arguments.
    pub fn apply(&self, more: &[&str]) -> Command {
        let args = ["apply", "root", "--account", ACCOUNT, "--region", REGION];
        self.command(&[&args, more].concat())
    }

    /// The controller on `root`, with the right pins.
    pub fn controller(&self, root: &str, more: &[&str]) -> Beside {
        let mut args = vec!["run", root, "--account", ACCOUNT, "--region", REGION];
        if !more.contains(&"--listen") {
            args.extend(["--listen", "127.0.0.1:0"]);
        }
        if !more.contains(&"--rate") {
            // At AWS's pace most of these tests would be waiting.
            args.extend(["--rate", "1000"]);
        }
        args.extend(more);
        Beside::start(self.command(&args))
    }

    /// The things whose execution of `job` was canceled, by name.
    pub fn canceled(&self, job: &str) -> Vec<String> {
        let effects = self.emulator.effects().into_iter();
        let mut things: Vec<_> =
            effects.filter(|it| it.job_id == job).map(|it| it.thing_name).collect();
        things.sort();
        things
    }

    /// Waits until exactly these executions of `fw` are canceled.
    pub fn until_canceled(&self, things: &[&str]) {
        until(&format!("{things:?} are canceled"), || {
            (self.canceled("fw").len() >= things.len()).then_some(())
        });
        assert_eq!(self.canceled("fw"), things);
    }

    pub fn calls(&self, operation: Operation) -> u64 {
        self.emulator.calls().get(&operation).copied().unwrap_or_default()
    }

    /// Gives a robot something new to wait for.
    pub fn queue(&self, job: &str, thing: &str) {
        let new = NewJob {
            targets: vec![Target::Thing(thing.to_owned())],
            document: "{}".to_owned(),
            ..NewJob::default()
        };
        let now = self.emulator.now();
        self.emulator.store(|store| store.create_job(job, new, now)).unwrap();
    }
}

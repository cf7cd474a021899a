//! The binary as a process: run to its end, or beside the test, which reads its log and sends signals.
//!
//! Nothing of the environment reaches it, and it is killed when the test is done with it. Conditions are
//! polled until a deadline that only a failing test reaches.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::reference::forms;

pub mod account;
pub mod fleet;

/// Only a failing test waits for so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until `condition` gives something.
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    until_within(DEADLINE, what, condition)
}

/// The same, for what takes longer than others.
pub fn until_within<T>(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(begun.elapsed() < deadline, "not within {deadline:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// What a run to the end gave.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A command with an environment of its own: without AWS, a home or a terminal.
pub fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rescind"));
    command
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The same command in a shell that has done something before: what it ignores and limits is inherited.
pub fn through_shell(command: &Command, before: &str) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{before}; exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell
}

/// Runs a command to its end. What it writes as JSON is what the reference says, in every test.
pub fn ran(mut command: Command) -> Ran {
    let output = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let ran = Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    forms::conform(&ran.stdout);
    ran
}

/// Runs the binary with arguments to its end.
pub fn rescind(args: &[&str]) -> Ran {
    ran(command(args))
}

/// The binary, beside the test.
#[derive(Debug)]
pub struct Beside {
    child: Child,
    stdout: Lines,
    pub log: Lines,
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a process wrote so far.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>, Arc<Mutex<bool>>);

impl Lines {
    fn of(source: impl std::io::Read + Send + 'static) -> Self {
        let lines = Self::default();
        let Self(written, ended) = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                written.lock().unwrap().push(line);
            }
            *ended.lock().unwrap() = true;
        });
        lines
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, text: &str) -> usize {
        self.all().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits for a line with `text` behind the first `after` lines; says how many lines there were then.
    pub fn after(&self, after: usize, text: &str) -> usize {
        let found = || {
            let lines = self.all();
            let at = lines.iter().skip(after).position(|line| line.contains(text))?;
            Some(after + at + 1)
        };
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            if let Some(found) = found() {
                return found;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("no line with {text:?} in:\n{}", self.all()[after..].join("\n"));
    }

    /// Waits for a line with `text`.
    pub fn wait(&self, text: &str) -> usize {
        self.after(0, text)
    }
}

impl Beside {
    /// The address at which a controller says that its status is.
    pub fn address(&self) -> String {
        self.log.wait("status and metrics are here");
        let lines = self.log.all();
        let line = lines.iter().find(|line| line.contains("status and metrics are here")).unwrap();
        line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }

    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary runs");
        let stdout = Lines::of(child.stdout.take().expect("a pipe"));
        let log = Lines::of(child.stderr.take().expect("a pipe"));
        Self { child, stdout, log }
    }

    pub fn stdout(&self) -> Lines {
        self.stdout.clone()
    }

    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end; gives its exit code.
    pub fn end(&mut self) -> i32 {
        let status: ExitStatus = until("the process ends", || self.child.try_wait().unwrap());
        until("its output is read", || {
            (*self.stdout.1.lock().unwrap() && *self.log.1.lock().unwrap()).then_some(())
        });
        status.code().unwrap_or(-1)
    }
}

/// Sends a signal to one process.
fn signal(process: u32, name: &str) {
    // The shell's own: not each system has a program for it.
    let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {process}")]).status();
    assert!(sent.expect("there is a shell").success());
}

/// What is answered at a path over HTTP: the code, and the body.
pub fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head["HTTP/1.1 ".len()..][..3].parse().unwrap(), body.to_owned())
}

/// Replaces a file as editors do: a new one is renamed over it.
pub fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// Overwrites a file in place, piece by piece.
pub fn overwrite(path: &Path, text: &str) {
    let mut file = std::fs::File::create(path).unwrap();
    for piece in text.as_bytes().chunks(64) {
        file.write_all(piece).unwrap();
        file.flush().unwrap();
    }
}

/// Makes a link lead elsewhere, in one step.
pub fn flip(link: &Path, target: &str) {
    let new = link.with_file_name(".flip");
    std::os::unix::fs::symlink(target, &new).unwrap();
    std::fs::rename(new, link).unwrap();
}

/// Two ends of a place in which a call waits: it arrives there, and goes on when it is let.
pub fn gate() -> (impl FnMut() + Send, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (arrived, arrivals) = mpsc::channel();
    let (go, gone) = mpsc::channel();
    // Once opened (or dropped), it stays open.
    let wait = move || {
        let _ = arrived.send(());
        let _ = gone.recv();
    };
    (wait, arrivals, go)
}

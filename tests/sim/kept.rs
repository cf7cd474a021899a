//! Where the state outlives a process: in memory, or in a SQLite file that each process opens anew.
//!
//! A change of the file is made on a thread for blocking work. It is waited for on the spot, so that a
//! run is the same each time: a process dies before it or after it, and what is durable by then is what
//! the next one reads.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use jiff::Timestamp;
use rescind::execution::Account;
use rescind::state::directory::{Directory, Place};
use rescind::state::journal::Filter;
use rescind::state::memory::MemoryState;
use rescind::state::sqlite::{SqliteState, Writing, read_journal};
use rescind::state::{State, verify};
use tempfile::TempDir;

/// A file system in memory: what a sync really costs is nothing to wait for here.
const IN_MEMORY: &str = "/dev/shm";

pub enum Kept {
    Memory(Arc<dyn State>),
    File {
        folder: TempDir,
        place: Place,
        /// Whether the past is known to be empty.
        fresh: bool,
    },
}

/// A state as one process has it.
pub struct Opened {
    pub state: Arc<dyn State>,
    /// The same, where it is a file.
    pub file: Option<SqliteState>,
}

impl Kept {
    pub fn new(in_file: bool, account: &Account) -> Self {
        if !in_file {
            return Self::Memory(Arc::new(MemoryState::default()));
        }
        let folder = if Path::new(IN_MEMORY).is_dir() {
            tempfile::tempdir_in(IN_MEMORY)
        } else {
            tempfile::tempdir()
        };
        let place = Place { account: account.account.clone(), region: account.region.clone() };
        Self::File { folder: folder.expect("a folder"), place, fresh: true }
    }

    /// As a process that starts now finds it.
    pub fn open(&self) -> Opened {
        match self {
            Self::Memory(state) => Opened { state: Arc::clone(state), file: None },
            Self::File { folder, place, fresh } => {
                let writing =
                    Writing { who: "a test".to_owned(), clock: None, fresh_ledger: *fresh };
                let directory = Directory::at(folder.path());
                directory.make().expect("the folder is there");
                let file = SqliteState::open(&directory, place, writing);
                let file = file.unwrap_or_else(|error| panic!("S4: the state is lost: {error}"));
                Opened { state: Arc::new(file.clone()), file: Some(file) }
            }
        }
    }

    /// What cannot be in a true journal, and is; none in memory, which keeps no journal.
    pub fn breach(&self) -> Option<String> {
        let Self::File { folder, place, .. } = self else { return None };
        let mut entries = Vec::new();
        let file = Directory::at(folder.path()).file(place);
        let read = read_journal(&file, &Filter::default(), |entry| entries.push(entry));
        read.expect("the file can be read");
        let breach = verify::alone(&entries).into_iter().find(|finding| finding.breach)?;
        Some(format!(
            "{}: {} on {}: {}",
            breach.rule.label(),
            breach.job,
            breach.thing,
            breach.text
        ))
    }

    /// It is lost, with what it knew of the past.
    pub fn is_lost(&mut self, now: Timestamp) {
        match self {
            Self::Memory(state) => *state = Arc::new(MemoryState::without_past(now)),
            Self::File { folder, fresh, .. } => {
                *fresh = false;
                for entry in std::fs::read_dir(folder.path()).expect("the folder is there") {
                    std::fs::remove_file(entry.expect("an entry").path()).expect("a file");
                }
            }
        }
    }
}

/// Wakes the thread that waits.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on the spot: nothing else goes on meanwhile, and no time passes.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

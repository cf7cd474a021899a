//! Intents and outcomes, and states that hold them.

use std::collections::BTreeMap;
use std::ops::Deref;

use jiff::{SignedDuration, Timestamp};
use rescind::execution::{ExecutionNumber, ExecutionVersion, OpenStatus};
use rescind::plan::{Charge, Counted, Details, Intent, IntentId, Memory, Outcome};
use rescind::policy::{Digest, Origin};
use rescind::state::directory::{Directory, Place};
use rescind::state::memory::MemoryState;
use rescind::state::sqlite::{OpenError, SqliteState, Writing};
use rescind::state::{Begun, Settlement, State};
use tempfile::TempDir;

use crate::plan::support::{key, name, now};

/// A state, and the folder that it is in.
pub struct Made {
    state: Box<dyn State>,
    _folder: Option<TempDir>,
}

impl Deref for Made {
    type Target = dyn State;

    fn deref(&self) -> &Self::Target {
        &*self.state
    }
}

pub type Make = fn() -> Made;

pub fn in_memory() -> Made {
    Made { state: Box::new(MemoryState::default()), _folder: None }
}

pub fn on_disk() -> Made {
    let folder = TempDir::new().unwrap();
    let state = open(&Directory::at(folder.path())).unwrap();
    Made { state: Box::new(state), _folder: Some(folder) }
}

pub fn place() -> Place {
    Place { account: "123456789012".to_owned(), region: "eu-central-1".to_owned() }
}

pub fn writing() -> Writing {
    Writing { who: "ada@bench".to_owned(), clock: None, fresh_ledger: true }
}

pub fn open(directory: &Directory) -> Result<SqliteState, OpenError> {
    SqliteState::open(directory, &place(), writing())
}

pub fn intent(id: &str, thing: &str) -> Intent {
    Intent {
        id: IntentId(id.into()),
        key: key("fw", thing),
        number: ExecutionNumber(1),
        queued_at: None,
        version: ExecutionVersion::new(1).expect("1 or more"),
        status: OpenStatus::Queued,
        force: false,
        details: Details { send: BTreeMap::new(), dropped: Vec::new() },
        policy: name("old"),
        digest: Digest::of(b"old"),
        origin: Origin { path: "old.yaml".into(), line: 1 },
        revision: None,
    }
}

pub fn charge(size: u64) -> Charge {
    Charge { counts: Counted::Policy(name("old")), size, per_seconds: 3_600 }
}

pub fn ends(outcome: Outcome) -> Settlement {
    Settlement {
        outcome,
        no_effect: false,
        request_id: None,
        note: String::new(),
        backs_off: false,
    }
}

pub fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

pub async fn begun(state: &dyn State, id: &str, thing: &str, at: Timestamp) -> Begun {
    state.begin(&intent(id, thing), &[charge(2)], at).await.expect("it can be written")
}

pub async fn memory(state: &dyn State, at: Timestamp) -> Memory {
    state.memory(at).await.expect("it can be read")
}

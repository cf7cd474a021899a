//! Who switched sending off and on again, and when: a file `PAUSES` beside the state files.
//!
//! Apart from the journal in them, since the stop switch is of the whole directory and whoever pauses needs no
//! lock: a file that an older rescind passes over. One object a line, oldest first.
//!
//! Invariant: a line that cannot be read tells nothing, and hides no other.

use std::fs::{self, File};
use std::io::{self, ErrorKind};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::directory::{Directory, Error, unusable};
use super::whole;

/// The file's name.
const FILE: &str = "PAUSES";

/// How many changes are kept, the latest: far more than anybody makes by hand.
const KEPT: usize = 10_000;

/// One change of the stop switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When, by the clock of the machine.
    pub at: Timestamp,
    /// Whether sending was switched off, and not on.
    pub paused: bool,
    /// Why, and by whom.
    pub why: String,
}

/// The changes that are kept, oldest first; none if there were none.
pub fn changes(directory: &Directory) -> Result<Vec<Change>, Error> {
    let path = directory.path().join(FILE);
    match fs::read(&path) {
        Ok(text) => {
            let lines = text.split(|byte| *byte == b'\n');
            Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unusable(&path, "read", error)),
    }
}

/// Keeps a change. Who keeps one at the same time waits, so that none is lost.
pub fn keep(directory: &Directory, change: Change) -> Result<(), Error> {
    let path = directory.path().join(FILE);
    let failed = |source: io::Error| unusable(&path, "written", source);
    let turn = File::open(directory.path()).map_err(failed)?;
    turn.lock().map_err(failed)?;
    let mut kept = changes(directory)?;
    kept.push(change);
    let mut text = String::new();
    for change in &kept[kept.len().saturating_sub(KEPT)..] {
        text.push_str(&serde_json::to_string(change).map_err(|error| failed(error.into()))?);
        text.push('\n');
    }
    whole::write(&path, &text).map_err(failed)
}

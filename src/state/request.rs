//! What others ask of the one writer of a state, as files beside it.
//!
//! A guard that is gone for good is forgotten by a file `ACCOUNT.REGION.GUARD.forget`, which says who asks.
//! The writer takes it in, makes it durable, and only then removes the file: one that dies in between
//! does it again.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::policy::PolicyName;
use crate::state::directory::{Directory, Error, Place, unusable};

/// How the file of a request ends.
const FORGET: &str = ".forget";

/// A guard that is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forget {
    /// Its name.
    pub guard: PolicyName,
    /// Who asks, for people.
    pub who: String,
    path: PathBuf,
}

impl Forget {
    /// Asks the writer of a place to forget a guard.
    pub fn ask(
        directory: &Directory,
        place: &Place,
        guard: &PolicyName,
        who: &str,
    ) -> Result<Self, Error> {
        directory.make()?;
        let name = format!("{}{guard}{FORGET}", prefix(place));
        let path = directory.path().join(name);
        // Half a text is as good as the whole: the name says all that counts.
        fs::write(&path, who).map_err(|source| unusable(&path, "written", source))?;
        Ok(Self { guard: guard.clone(), who: who.to_owned(), path })
    }

    /// What is asked of the writer of a place, by guard.
    pub fn pending(directory: &Directory, place: &Place) -> Result<Vec<Self>, Error> {
        let read = |source: io::Error| unusable(directory.path(), "read", source);
        let mut pending = Vec::new();
        for entry in fs::read_dir(directory.path()).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name();
            let guard = name.to_str().and_then(|name| {
                PolicyName::new(name.strip_prefix(&*prefix(place))?.strip_suffix(FORGET)?)
            });
            let Some(guard) = guard else { continue };
            let path = entry.path();
            let who = fs::read_to_string(&path).unwrap_or_default();
            let who = who.lines().next().unwrap_or_default().trim().to_owned();
            pending.push(Self { guard, who, path });
        }
        pending.sort_by(|a, b| a.guard.cmp(&b.guard));
        Ok(pending)
    }

    /// Takes the request back, or away once it was granted.
    pub fn remove(&self) -> Result<(), Error> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(unusable(&self.path, "removed", error))
            }
            _ => Ok(()),
        }
    }
}

fn prefix(place: &Place) -> String {
    format!("{}.{}.", place.account, place.region)
}

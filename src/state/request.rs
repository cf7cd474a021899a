//! What others ask of the one writer of a state, as files beside it.
//!
//! A guard that is gone for good is forgotten by a file `ACCOUNT.REGION.GUARD.forget`, a breaker is closed
//! by `ACCOUNT.REGION.BREAKER.resume`; either says who asks. The writer takes it in, makes it durable, and
//! only then removes the file: one that dies in between does it again.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::plan::breaker::Breaker;
use crate::policy::PolicyName;
use crate::state::directory::{Directory, Error, Place, unusable};

/// Something that can be asked for.
pub trait Asked: Sized + Ord + fmt::Display {
    /// How the file of such a request ends.
    const SUFFIX: &str;

    /// What a file's name asks for; none if it is no such request.
    fn named(name: &str) -> Option<Self>;
}

/// A guard, to be forgotten.
impl Asked for PolicyName {
    const SUFFIX: &str = ".forget";

    fn named(name: &str) -> Option<Self> {
        Self::new(name)
    }
}

/// A breaker, to be closed.
impl Asked for Breaker {
    const SUFFIX: &str = ".resume";

    fn named(name: &str) -> Option<Self> {
        Self::labeled(name)
    }
}

/// Something that is asked of the writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<T> {
    /// What.
    pub what: T,
    /// Who asks, for people.
    pub who: String,
    path: PathBuf,
}

/// A guard that is to be forgotten.
pub type Forget = Request<PolicyName>;

/// A breaker that is to be closed.
pub type Resume = Request<Breaker>;

impl<T: Asked> Request<T> {
    /// Asks the writer of a place.
    pub fn ask(directory: &Directory, place: &Place, what: T, who: &str) -> Result<Self, Error> {
        directory.make()?;
        let path = directory.path().join(format!("{}{what}{}", prefix(place), T::SUFFIX));
        // Half a text is as good as the whole: the name says all that counts.
        fs::write(&path, who).map_err(|source| unusable(&path, "written", source))?;
        Ok(Self { what, who: who.to_owned(), path })
    }

    /// What is asked of the writer of a place.
    pub fn pending(directory: &Directory, place: &Place) -> Result<Vec<Self>, Error> {
        let read = |source: io::Error| unusable(directory.path(), "read", source);
        let mut pending = Vec::new();
        for entry in fs::read_dir(directory.path()).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name();
            let what = name.to_str().and_then(|name| {
                T::named(name.strip_prefix(&*prefix(place))?.strip_suffix(T::SUFFIX)?)
            });
            let Some(what) = what else { continue };
            let path = entry.path();
            let who = fs::read_to_string(&path).unwrap_or_default();
            let who = who.lines().next().unwrap_or_default().trim().to_owned();
            pending.push(Self { what, who, path });
        }
        pending.sort_by(|a, b| a.what.cmp(&b.what));
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

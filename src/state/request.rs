//! What others ask of the one writer of a state, as files beside it.
//!
//! A guard that is gone for good is forgotten by a file `ACCOUNT.REGION.GUARD.forget`, a breaker is closed
//! by `ACCOUNT.REGION.BREAKER.resume`, which says which opening of it is meant; either says who asks. The
//! writer takes it in, makes it durable, and only then removes the file: one that dies in between does it
//! again.
//!
//! Invariant: a file that is not whole asks for nothing. Each is made under another name.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use jiff::Timestamp;

use crate::plan::breaker::Breaker;
use crate::policy::PolicyName;
use crate::state;
use crate::state::directory::{Directory, Error, Place, unusable};
use crate::state::whole;

/// Something that can be asked for.
pub trait Asked: Sized + Ord {
    /// How the file of such a request ends.
    const SUFFIX: &str;

    /// What stands before that.
    fn name(&self) -> String;

    /// What the file says of it besides, on one line.
    fn said(&self) -> Option<String>;

    /// What a file asks for, by its name and by what it says; none if it is no such request.
    fn read(name: &str, said: Option<&str>) -> Option<Self>;
}

/// A guard, to be forgotten.
impl Asked for PolicyName {
    const SUFFIX: &str = ".forget";

    fn name(&self) -> String {
        self.to_string()
    }

    fn said(&self) -> Option<String> {
        None
    }

    fn read(name: &str, _said: Option<&str>) -> Option<Self> {
        Self::new(name)
    }
}

/// A breaker as it opened once: who wants it closed knows nothing of the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    /// Which breaker.
    pub breaker: Breaker,
    /// When it opened, to the microsecond.
    pub since: Timestamp,
}

/// A breaker, to be closed.
impl Asked for Opening {
    const SUFFIX: &str = ".resume";

    fn name(&self) -> String {
        self.breaker.label().to_owned()
    }

    fn said(&self) -> Option<String> {
        Some(self.since.to_string())
    }

    fn read(name: &str, said: Option<&str>) -> Option<Self> {
        Some(Self { breaker: Breaker::labeled(name)?, since: said?.parse().ok()? })
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
pub type Resume = Request<Opening>;

impl<T: Asked> Request<T> {
    /// Asks the writer of a place.
    pub fn ask(directory: &Directory, place: &Place, what: T, who: &str) -> Result<Self, Error> {
        directory.make()?;
        let name = format!("{}{}{}", prefix(place), what.name(), T::SUFFIX);
        let path = directory.path().join(&name);
        let mut text = format!("{}\n", who.replace(['\r', '\n'], " "));
        if let Some(said) = what.said() {
            text.push_str(&format!("{said}\n"));
        }
        whole::write(&path, &text).map_err(|source| unusable(&path, "written", source))?;
        Ok(Self { what, who: who.to_owned(), path })
    }

    /// What is asked of the writer of a place. A file that is not whole is removed.
    pub fn pending(directory: &Directory, place: &Place) -> Result<Vec<Self>, Error> {
        let read = |source: io::Error| unusable(directory.path(), "read", source);
        let mut pending = Vec::new();
        for entry in fs::read_dir(directory.path()).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name();
            let name = name
                .to_str()
                .and_then(|name| name.strip_prefix(&*prefix(place))?.strip_suffix(T::SUFFIX));
            let Some(name) = name else { continue };
            let path = entry.path();
            let text = match fs::read(&path) {
                Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    let file = path.display().to_string();
                    tracing::warn!(file, %error, "a request cannot be read: it waits");
                    continue;
                }
            };
            let mut lines = text.lines().map(str::trim);
            let who = lines.next().unwrap_or_default().to_owned();
            let what = T::read(name, lines.next());
            let is_whole = text.ends_with('\n') && !who.is_empty();
            if let Some(what) = what.filter(|_| is_whole) {
                pending.push(Self { what, who, path });
            } else {
                let file = path.display().to_string();
                tracing::warn!(file, "a request that is not whole asks for nothing: it is removed");
                if let Err(error) = fs::remove_file(&path) {
                    tracing::warn!(file, %error, "it cannot be removed: remove it");
                }
            }
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

/// Grants requests in their order: `grant` makes one durable, and says whether it is granted and not dropped.
/// Those that were are given also if a later one cannot be: that one stays, and is tried again.
pub(super) fn granted<T: Asked>(
    pending: Vec<Request<T>>,
    mut grant: impl FnMut(&Request<T>) -> Result<bool, state::Error>,
) -> Result<Vec<Request<T>>, state::Error> {
    let mut granted = Vec::new();
    for request in pending {
        let is_granted = match grant(&request) {
            Ok(is_granted) => is_granted,
            Err(error) if granted.is_empty() => return Err(error),
            Err(error) => {
                tracing::error!(%error, "what was asked for next is not granted yet");
                break;
            }
        };
        if let Err(error) = request.remove() {
            tracing::error!(%error, "what is done already is done again");
        }
        if is_granted {
            granted.push(request);
        }
    }
    Ok(granted)
}

fn prefix(place: &Place) -> String {
    format!("{}.{}.", place.account, place.region)
}

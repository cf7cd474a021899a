//! The state directory: where the files are, the lock, and the stop switch.
//!
//! Apart from `sqlite`, since whoever pauses needs no database. One account and region has two files:
//! `ACCOUNT.REGION.sqlite`, and `ACCOUNT.REGION.lock`, which its one writer holds locked for as long as it
//! lives; the system lets go of it when the process ends, however that happens. `PAUSED` holds for all
//! of them.
//!
//! Invariant: what cannot be looked at counts as locked by somebody else, and as paused.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::iter;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::whole;

/// The name of the stop switch.
pub const PAUSED: &str = "PAUSED";

/// How many reasons of earlier pauses that still last are kept: the first, and the latest.
const EARLIER_KEPT: usize = 20;

/// How a state file's name ends.
const EXTENSION: &str = "sqlite";

/// How a lock file's name ends.
const LOCK: &str = "lock";

/// Which state: one account in one region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// `eu-central-1`.
    pub region: String,
}

impl Place {
    /// `account 123456789012 in eu-central-1`.
    pub fn words(&self) -> String {
        format!("account {} in {}", self.account, self.region)
    }
}

/// Why the state directory is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process writes there.
    #[error(
        "{path} is held by {holder}: one rescind an account and region. Stop that one first, or wait \
         until it has ended"
    )]
    Held {
        /// The lock file.
        path: String,
        /// Who holds it, as it wrote down itself.
        holder: String,
    },
    /// A file or the directory cannot be read, made or written.
    #[error("{path} cannot be {what}: {source}")]
    Unusable {
        /// The path.
        path: String,
        /// `read`, `made`, `locked` or `written`.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// A state directory, there or not.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The directory at a path. Nothing is read or made.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it, for its owner alone, if it is not there.
    pub fn make(&self) -> Result<(), Error> {
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let missing: Vec<_> = self.0.ancestors().take_while(is_missing).collect();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.map_err(|source| unusable(&self.0, "made", source))?;
        // The names of what was made must be as durable as what is written into it.
        for made in missing {
            let parent = made.parent().filter(|it| !it.as_os_str().is_empty());
            // One that may be entered and not read cannot be synced.
            let Ok(parent) = File::open(parent.unwrap_or(Path::new("."))) else { continue };
            parent.sync_all().map_err(|source| unusable(made, "made", source))?;
        }
        Ok(())
    }

    /// The state file of a place.
    pub fn file(&self, place: &Place) -> PathBuf {
        self.0.join(format!("{}.{}.{EXTENSION}", place.account, place.region))
    }

    /// The state files that are there, by name; none without the directory.
    pub fn files(&self) -> Result<Vec<PathBuf>, Error> {
        self.with_extension(EXTENSION)
    }

    fn with_extension(&self, extension: &str) -> Result<Vec<PathBuf>, Error> {
        let read = |source| unusable(&self.0, "read", source);
        let mut files = Vec::new();
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(files),
            entries => entries.map_err(read)?,
        };
        for entry in entries {
            let path = entry.map_err(read)?.path();
            if path.extension().is_some_and(|it| it == extension) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// The accounts and regions whose state files are there, as the names of the files say.
    pub fn places(&self) -> Result<Vec<Place>, Error> {
        Ok(self.files()?.iter().filter_map(|path| place_of(path)).collect())
    }

    /// Locks the state of a place for this process; `holder` says who that is.
    pub fn lock(&self, place: &Place, holder: &str) -> Result<Lock, Error> {
        self.make()?;
        let path = self.0.join(format!("{}.{}.{LOCK}", place.account, place.region));
        let locked = |source| unusable(&path, "locked", source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(locked)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder_of(&file);
                return Err(Error::Held { path: path.display().to_string(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(locked(source)),
        }
        // For the message above alone: on a full disk the lock holds all the same.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{holder}"));
        let identity = Identity::of(&file.metadata().map_err(locked)?);
        Ok(Lock { _file: file, path, identity })
    }

    /// Who writes there at present, each with its place. To find that out takes each lock for an instant: who
    /// starts in it is refused, and sends nothing.
    pub fn holders(&self) -> Result<Vec<(Place, String)>, Error> {
        let mut holders = Vec::new();
        for path in self.with_extension(LOCK)? {
            let file = File::open(&path).map_err(|source| unusable(&path, "read", source))?;
            match file.try_lock_shared() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    holders.extend(place_of(&path).map(|place| (place, holder_of(&file))));
                }
                Err(TryLockError::Error(source)) => return Err(unusable(&path, "locked", source)),
            }
        }
        Ok(holders)
    }

    /// Switches sending off, with a reason for people; gives those for which it was off already, newest
    /// first. They are kept behind the new one.
    pub fn pause(&self, reason: &str) -> Result<Vec<String>, Error> {
        self.make()?;
        let before = self.reasons();
        let path = self.0.join(PAUSED);
        let newest = reason.replace(['\r', '\n'], " ");
        let (latest, older) = before.split_at(before.len().min(EARLIER_KEPT - 1));
        let kept = latest.iter().chain(older.last());
        let lines: Vec<_> = iter::once(&newest).chain(kept).map(String::as_str).collect();
        let mut options = OpenOptions::new();
        options.write(true).create(true).mode(0o644);
        match whole::write(&path, &(lines.join("\n") + "\n")) {
            Ok(()) => Ok(before),
            // A stop switch is needed most when the disk is full; an empty file needs no room. One that is
            // there keeps what it says.
            Err(_) if options.open(&path).is_ok() => Ok(before),
            Err(source) => Err(unusable(&path, "written", source)),
        }
    }

    /// Switches sending on again; gives the reasons for which it was off, newest first, if it was.
    pub fn resume(&self) -> Result<Option<Vec<String>>, Error> {
        let reasons = self.reasons();
        let path = self.0.join(PAUSED);
        match fs::remove_file(&path) {
            Ok(()) => Ok(Some(reasons)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(unusable(&path, "removed", source)),
        }
    }

    /// What the stop switch says, a line each.
    fn reasons(&self) -> Vec<String> {
        let text = fs::read_to_string(self.0.join(PAUSED)).unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Whether it is certain that there is no such directory.
    pub fn is_missing(&self) -> bool {
        fs::metadata(&self.0).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    }

    /// Whether anything was ever kept there: a state, or the stop switch.
    pub fn is_used(&self) -> Result<bool, Error> {
        Ok(self.paused().is_some() || !self.files()?.is_empty())
    }

    /// Why sending is switched off, if it is: the newest reason, and the first one where there are more, which
    /// has not ended by that. One look at the file system.
    pub fn paused(&self) -> Option<String> {
        let path = self.0.join(PAUSED);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => Some(format!("{} cannot be read: {error}", path.display())),
            Ok(_) => Some(match &self.reasons()[..] {
                [] => format!("there is {}", path.display()),
                [only] => only.clone(),
                [newest, first] => format!("{newest}; paused before already: {first}"),
                [newest, _, first] => {
                    format!("{newest}; paused before already: {first}, and once between")
                }
                [newest, between @ .., first] => {
                    let (times, least) = (between.len(), EARLIER_KEPT - 1);
                    let at_least = if times < least { "" } else { "at least " };
                    format!(
                        "{newest}; paused before already: {first}, and {at_least}{times} times between"
                    )
                }
            }),
        }
    }
}

/// Of which place a file is, as its name says.
pub fn place_of(path: &Path) -> Option<Place> {
    let (account, region) = path.file_stem()?.to_str()?.split_once('.')?;
    Some(Place { account: account.to_owned(), region: region.to_owned() })
}

/// Who holds a lock, as its file says.
fn holder_of(file: &File) -> String {
    let mut holder = String::new();
    let _ = file.take(200).read_to_string(&mut holder);
    match holder.trim() {
        "" => "another process".to_owned(),
        holder => holder.to_owned(),
    }
}

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    path: PathBuf,
    identity: Identity,
}

impl Lock {
    /// Whether the file that is locked is still the one that others would lock.
    pub fn is_in_place(&self) -> bool {
        Identity::at(&self.path) == Some(self.identity)
    }
}

/// Which file a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }

    /// That of what a path leads to at last, which is what is opened; none if it cannot be found out.
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

pub(super) fn unusable(path: &Path, what: &'static str, source: io::Error) -> Error {
    Error::Unusable { path: path.display().to_string(), what, source }
}

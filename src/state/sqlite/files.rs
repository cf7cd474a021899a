//! Whether the files of a state are still those that this process has opened and written.
//!
//! Apart from the writer, since the gate asks without waiting for a transaction.
//!
//! Invariant: the main file changes by [`Files::checkpoint`] alone, which only the writer calls. Its
//! connection makes no checkpoint of its own accord, and readers cannot make one beside it: that takes a
//! lock which no one gets as long as the writer has the file open. So a main file that changed otherwise
//! was written over, by a copy that was put back say, whoever did it and however short it took.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use rusqlite::Connection;

use super::open::beside;
use crate::state::directory::{Identity, Lock};

/// How long the -wal file may become before it is written into the main file, in pages: SQLite's own
/// choice, 4 MB.
const CHECKPOINT_PAGES: i64 = 1000;

#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    wal: PathBuf,
    /// By which others are kept from them.
    lock: Lock,
    identities: Option<(Identity, Identity)>,
    known: Mutex<Known>,
    /// Whether one of them was written over. It stays so: what was read since may be of either.
    overwritten: AtomicBool,
}

/// What is known of what is in them.
#[derive(Debug, Default)]
struct Known {
    main: Option<Content>,
    /// The -wal file never becomes shorter.
    wal_length: u64,
}

/// Length, and the time of the last change to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content(u64, i64, i64);

impl Content {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.len(), metadata.mtime(), metadata.mtime_nsec())
    }
}

impl Files {
    /// The files of a state that was just opened for writing, under its lock.
    pub(super) fn opened(path: &Path, lock: Lock) -> Self {
        // SQLite keeps the -wal file beside what a link leads to.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let wal = beside(&real, "-wal");
        let files = Self {
            path: path.to_owned(),
            lock,
            identities: Identity::at(path).zip(Identity::at(&wal)),
            wal,
            known: Mutex::default(),
            overwritten: AtomicBool::new(false),
        };
        files.know(&mut files.known.lock().unwrap_or_else(PoisonError::into_inner));
        files
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn know(&self, known: &mut Known) {
        known.main = fs::metadata(&self.path).ok().as_ref().map(Content::of);
        known.wal_length = fs::metadata(&self.wal).map_or(0, |it| it.len());
    }

    /// Whether this process may write: the lock is still the one that others would take, and both files are as
    /// they were left.
    pub(super) fn are_held(&self) -> bool {
        self.lock.is_in_place() && self.are_ours()
    }

    /// Whether nobody else writes: another process may, once the lock is not the one that it would take.
    pub(super) fn are_locked(&self) -> bool {
        self.lock.is_in_place()
    }

    /// Whether both are in their places and as this process left them. Hardly waits: during a checkpoint
    /// it is not asked what is in them.
    fn are_ours(&self) -> bool {
        let known = match self.known.try_lock() {
            Ok(known) => Some(known),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        self.is_main_ours(known.as_deref()) && self.is_wal_ours(known.as_deref())
    }

    /// Whether one of them was written over in its place. What is in both then belongs to nothing.
    pub(super) fn are_overwritten(&self) -> bool {
        self.overwritten.load(Ordering::Relaxed)
    }

    fn is_main_ours(&self, known: Option<&Known>) -> bool {
        let Ok(metadata) = fs::metadata(&self.path) else { return false };
        if self.identities.is_none_or(|(main, _)| main != Identity::of(&metadata)) {
            return false;
        }
        let is_same = known.is_none_or(|known| known.main == Some(Content::of(&metadata)));
        self.as_it_was(is_same)
    }

    fn is_wal_ours(&self, known: Option<&Known>) -> bool {
        let Ok(metadata) = fs::metadata(&self.wal) else { return false };
        if self.identities.is_none_or(|(_, wal)| wal != Identity::of(&metadata)) {
            return false;
        }
        self.as_it_was(known.is_none_or(|known| metadata.len() >= known.wal_length))
    }

    fn as_it_was(&self, is_same: bool) -> bool {
        if !is_same {
            self.overwritten.store(true, Ordering::Relaxed);
        }
        is_same && !self.are_overwritten()
    }

    /// Writes what is in the -wal file into the main file if that is due, which it is too once the -wal
    /// file was taken away: what is open of it is all that is left of what was spent. Waits for the disk.
    /// Not to be called within a transaction.
    pub(super) fn checkpoint(&self, connection: &Connection) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_main_ours(Some(&known)) {
            return;
        }
        let pages = |mode: &str| {
            let sql = format!("PRAGMA wal_checkpoint({mode})");
            connection.query_row(&sql, [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
        };
        let is_due = |(written, moved): (i64, i64)| {
            let limit = if self.is_wal_ours(Some(&known)) { CHECKPOINT_PAGES } else { 1 };
            written >= limit && moved < written
        };
        match pages("NOOP").map(is_due) {
            Ok(false) => {}
            Ok(true) => {
                // One that fails leaves all in the -wal file, and the next change tries it again.
                if let Err(error) = pages("PASSIVE") {
                    tracing::debug!(%error, "the -wal file stays as long as it is");
                }
                known.main = fs::metadata(&self.path).ok().as_ref().map(Content::of);
            }
            Err(error) => tracing::debug!(%error, "how long the -wal file is is not known"),
        }
        if self.is_wal_ours(Some(&known)) {
            known.wal_length = fs::metadata(&self.wal).map_or(known.wal_length, |it| it.len());
        }
    }
}

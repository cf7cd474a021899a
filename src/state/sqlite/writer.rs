//! The one that writes: each change is a transaction, and what is remembered follows it.
//!
//! Apart from the port's methods, which say what a change is. Whatever fails, the file and what is
//! remembered agree again with the next change that is made.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::files::Files;
use super::{breakers, rows};
use crate::plan::IntentId;
use crate::state::breakers::Breakers;
use crate::state::memory::{Inner, UNITS_KEPT};
use crate::state::{Error, FAILURE_COUNTS, Settlement};

/// For how long the journal is kept: a quarter of a year, in which a question about a cancel comes up
/// if it ever does. Longer than any budget's window, so that no unit is dropped that still counts.
pub const JOURNAL_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

const _: () = assert!(JOURNAL_KEPT.as_secs() > UNITS_KEPT.as_secs());

/// How often what is over is deleted.
const PRUNE_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Why nothing is written although it could be.
const NOT_OURS: &str = "it, its -wal file or its lock was moved, deleted or written over";

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    files: Arc<Files>,
    pub(super) who: String,
    pub(super) inner: Inner,
    pub(super) breakers: Arc<Breakers>,
    pruned: Option<Timestamp>,
    /// Outcomes that could not be written when they came.
    pub(super) unwritten: Vec<(IntentId, Settlement, Timestamp)>,
    /// Whether the last change may be on disk although it was told not to be.
    unsure: bool,
    refused: Refused,
    fault: Option<Fault>,
}

/// Why a change could not be made, until an intent can be written: a smaller change may find room where none is
/// left for that. Read without waiting for the one that writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused(Arc<Mutex<Option<String>>>);

impl Refused {
    pub(super) fn why(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// What tests let go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Fault {
    /// The file cannot grow.
    Full,
    /// Nothing can be written.
    ReadOnly,
    /// The transaction is made, and its sync is said to have failed.
    Sync,
}

impl Writer {
    /// What writes to an open file.
    pub(super) fn new(
        connection: Connection,
        files: Arc<Files>,
        who: String,
        inner: Inner,
        breakers: Arc<Breakers>,
    ) -> Self {
        Self {
            connection,
            files,
            who,
            inner,
            breakers,
            pruned: None,
            unwritten: Vec::new(),
            unsure: false,
            refused: Refused::default(),
            fault: None,
        }
    }

    /// Whether nothing was ever written into the file but what it is.
    pub(super) fn is_blank(&self) -> bool {
        let sql = "SELECT latest IS NULL AND ledger_began IS NULL
            AND NOT EXISTS (SELECT 1 FROM intents) AND NOT EXISTS (SELECT 1 FROM guards)
            AND NOT EXISTS (SELECT 1 FROM guards_ended) FROM about";
        self.connection.query_row(sql, [], |row| row.get(0)).unwrap_or(false)
    }

    pub(super) fn failed(&self, what: &'static str, error: &rusqlite::Error) -> Error {
        let path = self.files.path().display().to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::Full(path),
            Some(ErrorCode::ReadOnly) => Error::ReadOnly(path),
            _ => Error::Failed { path, what, why: error.to_string() },
        }
    }

    /// Makes a change durable at a time, or does not make it. Whether one that failed to be synced is
    /// there nobody can tell: the next one begins with what this process knows to be so.
    pub(super) fn change(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&Transaction<'_>, Timestamp) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        let now = self.inner.time(now);
        self.change_at(Some(now), |transaction| change(transaction, now))
    }

    /// Makes a change durable with which the ledger's time does not go on.
    pub(super) fn change_aside(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        self.change_at(self.inner.latest, change)
    }

    /// An intent was written, and whatever could not be can be again.
    pub(super) fn has_room(&self) {
        self.refused.set(None);
    }

    /// Why a change could not be made, for those who do not wait.
    pub(super) fn refused(&self) -> Refused {
        self.refused.clone()
    }

    /// Tries whether an intent can be written again, if a change could not be.
    pub(super) fn probe(&mut self) {
        if self.refused.why().is_some() && self.change_aside(|it| rows::probe(it)).is_ok() {
            self.has_room();
        }
    }

    /// Puts the ledger's time back to one on which AWS and the machine agree, if it is ahead of that.
    pub(super) fn put_back(&mut self, now: Timestamp) -> Result<(), Error> {
        if !self.inner.is_ahead(now) {
            return Ok(());
        }
        let was = self.inner.latest;
        self.change_at(Some(now), |transaction| rows::put_back(transaction, now))?;
        self.inner.put_back(now);
        tracing::error!(
            was = was.map(tracing::field::display),
            %now,
            "the state was written by a clock that was ahead: its time is put back, and what was spent \
             then counts from now on"
        );
        Ok(())
    }

    fn unwritable(&self, why: &str) -> Error {
        let path = self.files.path().display().to_string();
        Error::Failed { path, what: "written", why: why.to_owned() }
    }

    /// Where the -wal file was taken away, what is in it is written into the main file: it is still open,
    /// and gone with this process.
    pub(super) fn save_if_lost(&mut self) {
        if self.files.are_locked() && !self.files.are_held() {
            self.files.checkpoint(&self.connection);
        }
    }

    /// Lets the files be as they are when they are closed.
    pub(super) fn leave(&mut self) {
        let left = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        if let Err(error) = left {
            tracing::warn!(%error, "a state file that is no longer this process's may be written");
        }
    }

    /// Makes a change durable that makes `latest` the ledger's time, which may be before what it was.
    fn change_at(
        &mut self,
        latest: Option<Timestamp>,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        // What is written into files that were replaced is lost, and damages what replaced them; and what is
        // written beside another process makes that one take them for replaced.
        if !self.files.are_held() {
            return Err(self.unwritable(NOT_OURS));
        }
        let made = self.transact(latest, change);
        // That the files are others' is told as such.
        if let Err(error) = &made
            && self.files.are_held()
        {
            self.refused.set(Some(error.to_string()));
        }
        made
    }

    fn transact(
        &mut self,
        latest: Option<Timestamp>,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        // Where nothing has a time yet, nothing is too old.
        let now = latest.unwrap_or(Timestamp::MIN);
        let (record, unwritten) = self.breakers.take_unwritten();
        let made = || -> rusqlite::Result<()> {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if self.unsure {
                rows::restore(&transaction, &self.inner, now)?;
            }
            if !unwritten.is_empty() {
                breakers::write(&transaction, &record, &unwritten, now)?;
            }
            change(&transaction)?;
            transaction.execute("UPDATE about SET latest = ?1", [latest.map(rows::micros)])?;
            transaction.commit()
        };
        let made = made();
        self.unsure = made.is_err() || self.fault == Some(Fault::Sync);
        if let Err(error) = made {
            self.breakers.put_back(unwritten);
            return Err(self.failed("written", &error));
        }
        // Before the checkpoint, after which a copy that came meanwhile would pass for the file.
        if !self.files.are_held() {
            self.unsure = true;
            return Err(self.unwritable(NOT_OURS));
        }
        self.files.checkpoint(&self.connection);
        if self.unsure {
            return Err(self.unwritable("not synced"));
        }
        Ok(())
    }

    /// Writes the outcomes that could not be written before.
    pub(super) fn catch_up(&mut self) -> Result<(), Error> {
        while let Some((id, settlement, at)) = self.unwritten.first().cloned() {
            self.settle(&id, &settlement, at)?;
            self.unwritten.remove(0);
        }
        self.prune_if_due();
        Ok(())
    }

    pub(super) fn settle(
        &mut self,
        id: &IntentId,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error> {
        let key = self.inner.open(id)?.intent.key.clone();
        let failed = settlement.backs_off.then(|| self.inner.failed(&key, now));
        self.change(now, |transaction, now| {
            rows::settle(transaction, id, settlement, now)?;
            if failed.is_some() || settlement.ends_failures() {
                rows::failure(transaction, &key, failed)?;
            }
            Ok(())
        })?;
        self.inner.settle(id, settlement, now);
        Ok(())
    }

    /// Deletes what is over, now and then. That it cannot be deleted is no reason to stop.
    pub(super) fn prune_if_due(&mut self) {
        let Some(latest) = self.inner.latest else { return };
        let now = self.inner.earliest(latest);
        if self.pruned.is_some_and(|at| now.duration_since(at) < PRUNE_EVERY) {
            return;
        }
        self.pruned = Some(now);
        let before =
            |kept: SignedDuration| rows::micros(now.saturating_sub(kept).unwrap_or(Timestamp::MIN));
        let pruned = self.change(now, |transaction, _| {
            transaction
                .execute("DELETE FROM intents WHERE settled_at < ?1", [before(JOURNAL_KEPT)])?;
            let forgotten = before(FAILURE_COUNTS);
            transaction.execute("DELETE FROM failures WHERE until < ?1", [forgotten])?;
            transaction.execute("DELETE FROM denials WHERE until < ?1", [rows::micros(now)])?;
            transaction.execute("DELETE FROM sightings WHERE until < ?1", [rows::micros(now)])?;
            Ok(())
        });
        if let Err(error) = pruned {
            tracing::warn!(%error, "old entries of the journal were not deleted");
        }
    }

    /// Lets something go wrong from now on.
    pub(super) fn inject(&mut self, fault: Option<Fault>) {
        self.fault = fault;
        let pages: i64 =
            self.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap_or(1);
        let pages = if fault == Some(Fault::Full) { pages } else { i64::from(u32::MAX - 1) };
        let _ =
            self.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()));
        let _ = self.connection.pragma_update(None, "query_only", fault == Some(Fault::ReadOnly));
    }
}

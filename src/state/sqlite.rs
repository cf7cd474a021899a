//! The state on disk: one SQLite file an account and region.
//!
//! The rules are `memory`'s; this file makes each change durable first. Each call of the port is one
//! transaction that is synced before the call returns, made on a thread for blocking work: a caller that
//! is dropped meanwhile leaves a whole transaction or none.
//!
//! Invariants: one writer, which holds the lock; what is sent has its intent on disk; an outcome that
//! could not be written is written before anything else is.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::execution::{ExecutionKey, JobId};
use crate::plan::breaker::{self, Breaker, Cases, Change, Health};
use crate::plan::{Charge, Intent, IntentId, Look, Memory};
use crate::policy::{PolicyName, Thresholds};
use crate::state::breakers::Breakers;
use crate::state::directory::{self, Directory, Identity, Lock, Place};
use crate::state::memory::{Inner, UNITS_KEPT};
use crate::state::request::Forget;
use crate::state::{AdoptedGuard, Begun, Error, Open, Settlement, State};

mod breakers;
mod guards;
mod open;
mod read;
mod rows;
mod schema;
mod sightings;

pub use open::Error as OpenError;
pub use read::{read_guards, read_journal, read_memory};

use read::load;

/// For how long the journal is kept: a quarter of a year, in which a question about a cancel comes up
/// if it ever does. Longer than any budget's window, so that no unit is dropped that still counts.
pub const JOURNAL_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

const _: () = assert!(JOURNAL_KEPT.as_secs() > UNITS_KEPT.as_secs());

/// When a ledger began that waits for AWS's first answer.
const NOT_YET: Timestamp = Timestamp::MAX;

/// How often what is over is deleted.
const PRUNE_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How a new file begins, and who writes.
#[derive(Clone, Debug)]
pub struct Writing {
    /// Who runs this, for the journal.
    pub who: String,
    /// Whether what was spent before the ledger began is known to be nothing.
    pub fresh_ledger: bool,
}

/// The state on disk. Dropping the last clone lets go of the lock.
#[derive(Clone, Debug)]
pub struct SqliteState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    // Closed before the lock is let go of: fields are dropped in their order.
    writer: Mutex<Writer>,
    lock: Lock,
    directory: Directory,
    place: Place,
    path: PathBuf,
    breakers: Arc<Breakers>,
    /// The file that was opened; another one may have taken its name since.
    identity: Option<Identity>,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    path: PathBuf,
    who: String,
    inner: Inner,
    breakers: Arc<Breakers>,
    pruned: Option<Timestamp>,
    /// Outcomes that could not be written when they came.
    unwritten: Vec<(IntentId, Settlement, Timestamp)>,
    fault: Option<Fault>,
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

impl SqliteState {
    /// Takes the lock of a place and opens its file, which is made if it is not there. Waits for the
    /// disk: long for a file with a million entries, so not to be called beside other work.
    pub fn open(directory: &Directory, place: &Place, writing: Writing) -> Result<Self, OpenError> {
        let lock =
            directory.lock(place, &format!("{}, process {}", writing.who, std::process::id()))?;
        let path = directory.file(place);
        let (connection, about) = open::writer(&path, place, writing.fresh_ledger)?;
        let mut inner = load(&connection, &path, &about, writing.fresh_ledger)?;
        let breakers = Arc::new(Breakers::new(std::mem::take(&mut inner.memory.breakers)));
        let mut writer = Writer {
            connection,
            path: path.clone(),
            who: writing.who,
            inner,
            breakers: Arc::clone(&breakers),
            pruned: None,
            unwritten: Vec::new(),
            fault: None,
        };
        if writing.fresh_ledger && !about.past_known {
            let known = writer.connection.execute("UPDATE about SET past_known = 1", []);
            known.map_err(|error| open::failed(&path, &error))?;
        }
        writer.prune_if_due();
        let identity = Identity::at(&path);
        let directory = directory.clone();
        let place = place.clone();
        let writer = Mutex::new(writer);
        Ok(Self(Arc::new(Shared { writer, lock, directory, place, path, breakers, identity })))
    }

    /// Lets something go wrong from now on.
    #[doc(hidden)]
    pub fn inject(&self, fault: Option<Fault>) {
        let mut writer = self.0.lock();
        writer.fault = fault;
        let pages: i64 =
            writer.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap_or(1);
        let pages = if fault == Some(Fault::Full) { pages } else { i64::from(u32::MAX - 1) };
        let _ = writer.connection.query_row(
            &format!("PRAGMA max_page_count = {pages}"),
            [],
            |_| Ok(()),
        );
        let _ = writer.connection.pragma_update(None, "query_only", fault == Some(Fault::ReadOnly));
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.0);
        let worked = tokio::task::spawn_blocking(move || work(&mut shared.lock())).await;
        worked.unwrap_or_else(|error| {
            let path = self.0.path.display().to_string();
            Err(Error::Failed { path, what: "written", why: error.to_string() })
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unreadable(&self, error: &directory::Error) -> Error {
        let path = self.directory.path().display().to_string();
        Error::Failed { path, what: "read", why: error.to_string() }
    }
}

impl Writer {
    fn failed(&self, what: &'static str, error: &rusqlite::Error) -> Error {
        let path = self.path.display().to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::Full(path),
            Some(ErrorCode::ReadOnly) => Error::ReadOnly(path),
            _ => Error::Failed { path, what, why: error.to_string() },
        }
    }

    /// Makes a change durable at a time, or does not make it.
    fn change(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&Transaction<'_>, Timestamp) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        let now = self.inner.time(now);
        let (record, unwritten) = self.breakers.take_unwritten();
        let made = || -> rusqlite::Result<()> {
            let transaction =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            change(&transaction, now)?;
            if !unwritten.is_empty() {
                breakers::write(&transaction, &record, &unwritten, now)?;
            }
            transaction.execute("UPDATE about SET latest = ?1", [rows::micros(now)])?;
            transaction.commit()
        };
        if let Err(error) = made() {
            self.breakers.put_back(unwritten);
            return Err(self.failed("written", &error));
        }
        if self.fault == Some(Fault::Sync) {
            let path = self.path.display().to_string();
            return Err(Error::Failed { path, what: "written", why: "not synced".to_owned() });
        }
        Ok(())
    }

    /// Writes the outcomes that could not be written before.
    fn catch_up(&mut self) -> Result<(), Error> {
        while let Some((id, settlement, at)) = self.unwritten.first().cloned() {
            self.settle(&id, &settlement, at)?;
            self.unwritten.remove(0);
        }
        self.prune_if_due();
        Ok(())
    }

    fn settle(
        &mut self,
        id: &IntentId,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error> {
        let key = self.inner.open(id)?.intent.key.clone();
        let failed = settlement.backs_off.then(|| self.inner.failed(&key, now));
        self.change(now, |transaction, now| {
            rows::settle(transaction, id, settlement, now)?;
            rows::failure(transaction, &key, failed)
        })?;
        self.inner.settle(id, settlement, now);
        Ok(())
    }

    /// Deletes what is over, now and then. That it cannot be deleted is no reason to stop.
    fn prune_if_due(&mut self) {
        let Some(now) = self.inner.latest else { return };
        if self.pruned.is_some_and(|at| now.duration_since(at) < PRUNE_EVERY) {
            return;
        }
        self.pruned = Some(now);
        let before =
            |kept: SignedDuration| rows::micros(now.saturating_sub(kept).unwrap_or(Timestamp::MIN));
        let pruned = self.change(now, |transaction, now| {
            transaction
                .execute("DELETE FROM intents WHERE settled_at < ?1", [before(JOURNAL_KEPT)])?;
            let forgotten = before(super::back_off(u32::MAX));
            transaction.execute("DELETE FROM failures WHERE until < ?1", [forgotten])?;
            transaction.execute("DELETE FROM denials WHERE until < ?1", [rows::micros(now)])?;
            transaction.execute("DELETE FROM sightings WHERE until < ?1", [rows::micros(now)])?;
            Ok(())
        });
        if let Err(error) = pruned {
            tracing::warn!(%error, "old entries of the journal were not deleted");
        }
    }
}

#[async_trait]
impl State for SqliteState {
    async fn memory(&self, now: Timestamp) -> Result<Memory, Error> {
        let paused = self.paused().map(Into::into);
        let memory = self.with(move |writer| {
            if let Err(error) = writer.catch_up() {
                tracing::error!(%error, "an outcome is still not written");
            }
            Ok(Memory { breakers: writer.breakers.record(), ..writer.inner.memory(now) })
        });
        Ok(Memory { paused, ..memory.await? })
    }

    async fn begin(
        &self,
        intent: &Intent,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Begun, Error> {
        let (intent, charges) = (intent.clone(), charges.to_vec());
        self.with(move |writer| {
            writer.catch_up()?;
            if let Some(refusal) = writer.inner.refusal(&intent, &charges, now) {
                return Ok(refusal);
            }
            let who = writer.who.clone();
            writer.change(now, |transaction, now| {
                rows::insert(transaction, &intent, &charges, &who, now)
            })?;
            writer.inner.begin(&intent, now);
            Ok(Begun::Yes)
        })
        .await
    }

    async fn attempt(&self, intent: &Intent, now: Timestamp) -> Result<(), Error> {
        let intent = intent.clone();
        self.with(move |writer| {
            writer.catch_up()?;
            writer.inner.open(&intent.id)?;
            writer.change(now, |transaction, now| rows::attempt(transaction, &intent, now))?;
            writer.inner.attempt(&intent, now);
            Ok(())
        })
        .await
    }

    async fn settle(
        &self,
        id: &IntentId,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (id, settlement) = (id.clone(), settlement.clone());
        self.with(move |writer| {
            let waits = writer.unwritten.iter().any(|(waiting, ..)| *waiting == id);
            if waits {
                return Err(Error::NotOpen(id));
            }
            let settled = writer.settle(&id, &settlement, now);
            if settled.as_ref().is_err_and(|error| !matches!(error, Error::NotOpen(_))) {
                writer.unwritten.push((id, settlement, now));
            }
            settled
        })
        .await
    }

    async fn back_off(&self, key: &ExecutionKey, now: Timestamp) -> Result<(), Error> {
        let key = key.clone();
        self.with(move |writer| {
            let failed = writer.inner.failed(&key, now);
            writer.change(now, |transaction, _| rows::failure(transaction, &key, Some(failed)))?;
            writer.inner.fail(&key, now);
            Ok(())
        })
        .await
    }

    async fn deny(&self, policy: &PolicyName, job: &JobId, now: Timestamp) -> Result<(), Error> {
        let (policy, job) = (policy.clone(), job.clone());
        self.with(move |writer| {
            let until = rows::micros(writer.inner.denied_until(now));
            writer.change(now, |transaction, _| {
                let sql = "INSERT OR REPLACE INTO denials VALUES (?1, ?2, ?3)";
                transaction.execute(sql, (policy.as_str(), job.as_str(), until)).map(drop)
            })?;
            writer.inner.deny(&policy, &job, now);
            Ok(())
        })
        .await
    }

    async fn adopt(
        &self,
        guards: &[AdoptedGuard],
        retired: &BTreeSet<PolicyName>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (guards, retired) = (guards.to_vec(), retired.clone());
        self.with(move |writer| {
            let kept = &writer.inner.guards;
            let is_kept = |guard: &AdoptedGuard| kept.get(&guard.name) == Some(guard);
            if guards.iter().all(is_kept) && retired.iter().all(|name| !kept.contains_key(name)) {
                return Ok(());
            }
            writer.change(now, |transaction, now| {
                guards::adopt(transaction, &guards, &retired, now)
            })?;
            writer.inner.adopt(&guards, &retired);
            Ok(())
        })
        .await
    }

    async fn adopted(&self) -> Result<Vec<AdoptedGuard>, Error> {
        self.with(|writer| Ok(writer.inner.guards.values().cloned().collect())).await
    }

    async fn forget_asked(&self, now: Timestamp) -> Result<BTreeSet<PolicyName>, Error> {
        let shared = Arc::clone(&self.0);
        self.with(move |writer| {
            let failed = |error: directory::Error| shared.unreadable(&error);
            let pending = Forget::pending(&shared.directory, &shared.place).map_err(failed)?;
            for request in &pending {
                // No change of the ledger: its time goes on only by what AWS has confirmed.
                let (at, why) = (writer.inner.time(now), format!("forgotten by {}", request.who));
                let ended = guards::end(&writer.connection, &request.what, &why, at);
                ended.map_err(|error| writer.failed("written", &error))?;
                writer.inner.guards.remove(&request.what);
                request.remove().map_err(failed)?;
            }
            Ok(pending.into_iter().map(|request| request.what).collect())
        })
        .await
    }

    async fn sight(&self, look: &Look, lasts: SignedDuration, now: Timestamp) -> Result<(), Error> {
        if look.is_empty() {
            return Ok(());
        }
        let look = look.clone();
        self.with(move |writer| {
            let before = Arc::clone(&writer.inner.memory.sightings);
            let after = writer.inner.sighted(&look, lasts, now);
            writer.change(now, |transaction, now| {
                sightings::replace(transaction, &before, &after, now)
            })?;
            writer.inner.sight(after, now);
            Ok(())
        })
        .await
    }

    async fn open(&self) -> Result<Vec<Open>, Error> {
        self.with(|writer| Ok(writer.inner.open.values().cloned().collect())).await
    }

    async fn confirmed(&self, now: Timestamp) -> Result<(), Error> {
        self.with(move |writer| {
            if writer.inner.memory.ledger_began != Some(NOT_YET) {
                return Ok(());
            }
            let mut began = now;
            writer.change(now, |transaction, now| {
                began = now;
                let sql = "UPDATE about SET ledger_began = ?1";
                transaction.execute(sql, [rows::micros(now)]).map(drop)
            })?;
            writer.inner.memory.ledger_began = Some(began);
            Ok(())
        })
        .await
    }

    fn count(&self, breaker: Breaker, cases: Cases, now: Timestamp) {
        self.0.breakers.count(breaker, cases, now);
    }

    fn breakers(&self) -> breaker::Record {
        self.0.breakers.record()
    }

    async fn weigh(
        &self,
        health: &Health,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Result<Vec<Change>, Error> {
        let (health, thresholds) = (*health, *thresholds);
        self.with(move |writer| writer.weigh(&health, &thresholds, now)).await
    }

    async fn resume_asked(&self, now: Timestamp) -> Result<Vec<(Breaker, String)>, Error> {
        let shared = Arc::clone(&self.0);
        self.with(move |writer| writer.resume_asked(&shared, now)).await
    }

    fn is_held(&self) -> bool {
        let shared = &self.0;
        let in_place = shared.identity.is_some() && Identity::at(&shared.path) == shared.identity;
        in_place && shared.lock.is_in_place()
    }

    fn paused(&self) -> Option<String> {
        self.0.directory.paused()
    }
}

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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::execution::{ExecutionKey, JobId};
use crate::plan::breaker::{self, Breaker, Cases, Change, Health};
use crate::plan::{Charge, Intent, IntentId, Look, Memory};
use crate::policy::{PolicyName, Thresholds};
use crate::state::breakers::Breakers;
use crate::state::directory::{self, Directory, Place};
use crate::state::memory::NOT_YET;
use crate::state::request::{self, Forget};
use crate::state::{AdoptedGuard, Begun, Error, Open, Settlement, State};

mod breakers;
mod files;
mod guards;
mod open;
mod read;
mod rows;
mod schema;
mod sightings;
mod writer;

pub use open::Error as OpenError;
pub use read::{read_events, read_guards, read_journal, read_memory};
pub use writer::{Fault, JOURNAL_KEPT};

use files::Files;
use read::load;
use writer::{Refused, Writer};

/// How a new file begins, and who writes.
#[derive(Clone, Debug)]
pub struct Writing {
    /// Who runs this, for the journal.
    pub who: String,
    /// The clock whose times it is told: with it the ledger knows a time that the machine's clock
    /// contradicts.
    pub clock: Option<Clock>,
    /// Whether what was spent before the ledger began is known to be nothing.
    pub fresh_ledger: bool,
}

/// The state on disk. Dropping the last clone lets go of the lock.
#[derive(Clone, Debug)]
pub struct SqliteState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    // Closed before the lock is let go of, which the files hold: fields are dropped in their order.
    writer: Mutex<Writer>,
    directory: Directory,
    place: Place,
    path: PathBuf,
    breakers: Arc<Breakers>,
    refused: Refused,
    /// The files that were opened; others may have taken their names since.
    files: Arc<Files>,
    /// Whether this process made the file, and its account has not answered yet.
    is_unfounded: AtomicBool,
}

impl Drop for Shared {
    /// Takes the file away again that was made for an account or region that never answered: a state of
    /// nobody would stand beside the others, and each verb about them would have to be told which is meant.
    /// What was written over, or may be another process's by now, is left as it is.
    fn drop(&mut self) {
        let is_ours = self.files.are_held();
        if self.files.are_overwritten() || !self.files.are_locked() {
            self.lock().leave();
        }
        if !*self.is_unfounded.get_mut() || !is_ours || !self.lock().is_blank() {
            return;
        }
        if let Err(error) = open::remove(&self.path) {
            tracing::warn!(%error, "a state file in which nothing is stays");
        }
    }
}

impl SqliteState {
    /// Takes the lock of a place and opens its file, which is made if it is not there. Waits for the
    /// disk: long for a file with a million entries, so not to be called beside other work.
    pub fn open(directory: &Directory, place: &Place, writing: Writing) -> Result<Self, OpenError> {
        let lock =
            directory.lock(place, &format!("{}, process {}", writing.who, std::process::id()))?;
        let path = directory.file(place);
        let is_unfounded = AtomicBool::new(!path.exists());
        let (connection, about) = open::writer(&path, place, writing.fresh_ledger)?;
        let files = Arc::new(Files::opened(&path, lock));
        let machine = writing.clock.as_ref().and_then(Clock::machine);
        let mut inner = load(&connection, &path, &about, writing.fresh_ledger, machine)?;
        inner.clock = writing.clock;
        let breakers = Arc::new(Breakers::new(std::mem::take(&mut inner.memory.breakers)));
        let mut writer =
            Writer::new(connection, Arc::clone(&files), writing.who, inner, Arc::clone(&breakers));
        if writing.fresh_ledger && !about.past_known {
            let known = writer.connection.execute("UPDATE about SET past_known = 1", []);
            known.map_err(|error| open::failed(&path, &error))?;
        }
        writer.prune_if_due();
        let directory = directory.clone();
        let place = place.clone();
        let refused = writer.refused();
        let writer = Mutex::new(writer);
        Ok(Self(Arc::new(Shared {
            writer,
            directory,
            place,
            path,
            breakers,
            refused,
            files,
            is_unfounded,
        })))
    }

    /// Lets something go wrong from now on.
    #[doc(hidden)]
    pub fn inject(&self, fault: Option<Fault>) {
        self.0.lock().inject(fault);
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.0);
        let worked = tokio::task::spawn_blocking(move || {
            let mut writer = shared.lock();
            writer.save_if_lost();
            work(&mut writer)
        });
        let worked = worked.await;
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

#[async_trait]
impl State for SqliteState {
    async fn memory(&self, now: Timestamp) -> Result<Memory, Error> {
        let paused = self.paused().map(Into::into);
        let memory = self.with(move |writer| {
            match writer.catch_up() {
                Ok(()) => writer.probe(),
                Err(error) => tracing::debug!(%error, "an outcome is still not written"),
            }
            if let Err(error) = writer.put_back(now) {
                tracing::error!(%error, "the ledger's time stays ahead");
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
            writer.put_back(now)?;
            if let Some(refusal) = writer.inner.refusal(&intent, &charges, now) {
                return Ok(refusal);
            }
            let who = writer.who.clone();
            writer.change(now, |transaction, now| {
                rows::insert(transaction, &intent, &charges, &who, now)
            })?;
            writer.has_room();
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
            let granted = request::granted(pending, |request| {
                // No change of the ledger: its time goes on only by what AWS has confirmed.
                let (at, why) = (writer.inner.time(now), format!("forgotten by {}", request.who));
                writer.change_aside(|transaction| {
                    guards::end(transaction, &request.what, &why, at)
                })?;
                writer.inner.guards.remove(&request.what);
                Ok(true)
            })?;
            Ok(granted.into_iter().map(|request| request.what).collect())
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
        self.0.is_unfounded.store(false, Ordering::Relaxed);
        self.with(move |writer| {
            if writer.inner.memory.ledger_began != Some(NOT_YET) {
                return Ok(());
            }
            let began = writer.inner.latest_of(writer.inner.time(now));
            writer.change(now, |transaction, _| {
                let sql = "UPDATE about SET ledger_began = ?1";
                transaction.execute(sql, [rows::micros(began)]).map(drop)
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
        self.0.files.are_held()
    }

    fn unwritten(&self) -> Option<String> {
        self.0.refused.why()
    }

    fn paused(&self) -> Option<String> {
        self.0.directory.paused()
    }
}

//! The state as one process holds it: slow, sometimes full, and told to the judge.
//!
//! The disk outlives the process. Each call gives way before and after its transaction, so that a process
//! can die on either side of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rescind::execution::{ExecutionKey, JobId};
use rescind::plan::breaker::{Breaker, Cases, Change, Health, Record};
use rescind::plan::{Charge, Intent, IntentId, Look, Memory};
use rescind::policy::{PolicyName, Thresholds};
use rescind::state::sqlite::{Fault, SqliteState};
use rescind::state::{AdoptedGuard, Begun, Error, Open, Settlement, State};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::kept::{Opened, at_once};
use crate::rules::revision;
use crate::world::World;

pub struct Disk {
    kept: Arc<dyn State>,
    file: Option<SqliteState>,
    world: Arc<World>,
}

impl Disk {
    pub fn new(opened: Opened, world: Arc<World>) -> Self {
        let disk = Self { kept: opened.state, file: opened.file, world };
        disk.catches_up();
        disk.world.inner().judge.unwritten.clear();
        disk
    }

    /// Makes a change, or cannot: a file is full, cannot be written, or is written and told not to be.
    async fn change<T>(&self, change: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        yield_now().await;
        let fault = {
            let (full, inner) = (self.world.scenario.full_disk, &mut *self.world.inner());
            let strikes = inner.strikes("full disk", full);
            strikes.then(|| inner.random.pick(&[Fault::Full, Fault::ReadOnly, Fault::Sync]))
        };
        let Some(file) = &self.file else {
            return match fault {
                Some(_) => Err(Error::Full("the disk".to_owned())),
                None => at_once(change),
            };
        };
        if let Some(fault) = fault {
            self.world.inner().count(format!("fault of the file: {fault:?}"));
            file.inject(Some(fault));
        }
        let changed = at_once(change);
        file.inject(None);
        self.catches_up();
        changed
    }

    /// An outcome that could not be written when it came is written with a later change, or was.
    fn catches_up(&self) {
        if self.world.inner().judge.unwritten.is_empty() {
            return;
        }
        let open = at_once(self.kept.open()).expect("what was read can be told");
        let open: BTreeSet<_> = open.into_iter().map(|open| open.intent.id).collect();
        self.world.inner().judge.catches_up(&open);
    }

    /// What is written is synced.
    async fn syncs(&self) {
        let slow = {
            let inner = &mut *self.world.inner();
            let slow = inner.strikes("slow sync", self.world.scenario.slow_sync);
            slow.then(|| inner.random.millis(100, 9_000))
        };
        match slow {
            Some(time) => sleep(time).await,
            None => yield_now().await,
        }
    }
}

#[async_trait]
impl State for Disk {
    async fn memory(&self, now: Timestamp) -> Result<Memory, Error> {
        yield_now().await;
        let paused = self.paused().map(Into::into);
        let memory = at_once(self.kept.memory(now))?;
        self.catches_up();
        Ok(Memory { paused, ..memory })
    }

    async fn begin(
        &self,
        intent: &Intent,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Begun, Error> {
        let begun = self.change(self.kept.begin(intent, charges, now)).await?;
        if begun == Begun::Yes {
            let inner = &mut *self.world.inner();
            inner.judge.begun(intent);
            inner.note(&format!("intent {} of {}", intent.id, intent.policy));
        }
        self.syncs().await;
        Ok(begun)
    }

    async fn attempt(&self, intent: &Intent, now: Timestamp) -> Result<(), Error> {
        self.change(self.kept.attempt(intent, now)).await?;
        self.world.inner().judge.attempted(intent);
        self.syncs().await;
        Ok(())
    }

    async fn settle(
        &self,
        id: &IntentId,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error> {
        let settled = self.change(self.kept.settle(id, settlement, now)).await;
        if self.file.is_some() && settled.is_err() {
            self.world.inner().judge.unwritten.push((id.clone(), settlement.clone()));
            self.catches_up();
        }
        settled?;
        {
            let inner = &mut *self.world.inner();
            inner.judge.settled(id, settlement);
            inner.note(&format!("{id} {}: {}", settlement.outcome.label(), settlement.note));
        }
        self.syncs().await;
        Ok(())
    }

    async fn back_off(&self, key: &ExecutionKey, now: Timestamp) -> Result<(), Error> {
        yield_now().await;
        at_once(self.kept.back_off(key, now))
    }

    async fn deny(&self, policy: &PolicyName, job: &JobId, now: Timestamp) -> Result<(), Error> {
        yield_now().await;
        at_once(self.kept.deny(policy, job, now))
    }

    async fn open(&self) -> Result<Vec<Open>, Error> {
        yield_now().await;
        at_once(self.kept.open())
    }

    async fn confirmed(&self, now: Timestamp) -> Result<(), Error> {
        yield_now().await;
        at_once(self.kept.confirmed(now))
    }

    async fn adopt(
        &self,
        guards: &[AdoptedGuard],
        retired: &BTreeSet<PolicyName>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.change(self.kept.adopt(guards, retired, now)).await?;
        let inner = &mut *self.world.inner();
        for guard in guards {
            let mut words = guard.document.split('"');
            if let Some(revision) = words.find_map(revision) {
                inner.judge.adopted.insert(guard.name.to_string(), revision);
            }
        }
        inner.judge.adopted.retain(|name, _| !retired.iter().any(|it| it.as_str() == name));
        Ok(())
    }

    async fn adopted(&self) -> Result<Vec<AdoptedGuard>, Error> {
        yield_now().await;
        at_once(self.kept.adopted())
    }

    async fn forget_asked(&self, now: Timestamp) -> Result<BTreeSet<PolicyName>, Error> {
        yield_now().await;
        at_once(self.kept.forget_asked(now))
    }

    async fn sight(&self, look: &Look, gap: SignedDuration, now: Timestamp) -> Result<(), Error> {
        self.change(self.kept.sight(look, gap, now)).await
    }

    fn count(&self, breaker: Breaker, cases: Cases, now: Timestamp) {
        self.kept.count(breaker, cases, now);
    }

    fn breakers(&self) -> Record {
        self.kept.breakers()
    }

    async fn weigh(
        &self,
        health: &Health,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Result<Vec<Change>, Error> {
        let changes = self.change(self.kept.weigh(health, thresholds, now)).await?;
        for change in &changes {
            let inner = &mut *self.world.inner();
            inner.note(&format!("breaker: {change:?}"));
            let what = if change.opened { "opened" } else { "closed" };
            inner.count(format!("{what} breaker {}", change.breaker));
            if change.opened {
                inner.judge.breakers.insert(change.breaker);
            } else {
                inner.judge.breakers.remove(&change.breaker);
            }
        }
        Ok(changes)
    }

    async fn resume_asked(&self, now: Timestamp) -> Result<Vec<(Breaker, String)>, Error> {
        at_once(self.kept.resume_asked(now))
    }

    fn is_held(&self) -> bool {
        self.kept.is_held()
    }

    fn paused(&self) -> Option<String> {
        self.world.inner().paused.then(|| "a test".to_owned())
    }
}

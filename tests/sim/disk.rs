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
use rescind::state::{AdoptedGuard, Begun, Error, Open, Settlement, State};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::rules::revision;
use crate::world::World;

pub struct Disk {
    pub kept: Arc<dyn State>,
    pub world: Arc<World>,
}

impl Disk {
    async fn writes(&self) -> Result<(), Error> {
        yield_now().await;
        if self.world.inner().strikes("full disk", self.world.scenario.full_disk) {
            return Err(Error::Full("the disk".to_owned()));
        }
        Ok(())
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
        Ok(Memory { paused, ..self.kept.memory(now).await? })
    }

    async fn begin(
        &self,
        intent: &Intent,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Begun, Error> {
        self.writes().await?;
        let begun = self.kept.begin(intent, charges, now).await?;
        if begun == Begun::Yes {
            let inner = &mut *self.world.inner();
            inner.judge.begun(intent);
            inner.note(&format!("intent {} of {}", intent.id, intent.policy));
        }
        self.syncs().await;
        Ok(begun)
    }

    async fn attempt(&self, intent: &Intent, now: Timestamp) -> Result<(), Error> {
        self.writes().await?;
        self.kept.attempt(intent, now).await?;
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
        self.writes().await?;
        self.kept.settle(id, settlement, now).await?;
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
        self.kept.back_off(key, now).await
    }

    async fn deny(&self, policy: &PolicyName, job: &JobId, now: Timestamp) -> Result<(), Error> {
        yield_now().await;
        self.kept.deny(policy, job, now).await
    }

    async fn open(&self) -> Result<Vec<Open>, Error> {
        yield_now().await;
        self.kept.open().await
    }

    async fn confirmed(&self, now: Timestamp) -> Result<(), Error> {
        yield_now().await;
        self.kept.confirmed(now).await
    }

    async fn adopt(
        &self,
        guards: &[AdoptedGuard],
        retired: &BTreeSet<PolicyName>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.writes().await?;
        self.kept.adopt(guards, retired, now).await?;
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
        self.kept.adopted().await
    }

    async fn forget_asked(&self, now: Timestamp) -> Result<BTreeSet<PolicyName>, Error> {
        yield_now().await;
        self.kept.forget_asked(now).await
    }

    async fn sight(&self, look: &Look, gap: SignedDuration, now: Timestamp) -> Result<(), Error> {
        self.writes().await?;
        self.kept.sight(look, gap, now).await
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
        self.writes().await?;
        let changes = self.kept.weigh(health, thresholds, now).await?;
        for change in &changes {
            let inner = &mut *self.world.inner();
            inner.note(&format!("breaker: {change:?}"));
            inner.count("breakers opened or closed");
            if change.opened {
                inner.judge.breakers.insert(change.breaker);
            } else {
                inner.judge.breakers.remove(&change.breaker);
            }
        }
        Ok(changes)
    }

    async fn resume_asked(&self, now: Timestamp) -> Result<Vec<(Breaker, String)>, Error> {
        self.kept.resume_asked(now).await
    }

    fn is_held(&self) -> bool {
        self.kept.is_held()
    }

    fn paused(&self) -> Option<String> {
        self.world.inner().paused.then(|| "a test".to_owned())
    }
}

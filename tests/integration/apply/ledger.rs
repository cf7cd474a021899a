//! A state that remembers what was asked of it, and a policy set that can be exchanged.
//!
//! It wraps a state, by default that in memory: the promises are its own. What happens here between an intent and the
//! send is what a slow disk, or a policy file that changes at the worst moment, would do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rescind::execution::{ExecutionKey, JobId};
use rescind::plan::breaker::{self, Breaker, Cases, Change, Health};
use rescind::plan::{Charge, InForce, Intent, IntentId, Look, Memory};
use rescind::policy::{PolicyName, PolicySet, Thresholds};
use rescind::state::memory::MemoryState;
use rescind::state::{AdoptedGuard, Begun, Error, Open, Settlement, State};

type Hook = Box<dyn Fn(&Intent) + Send + Sync>;

pub struct Ledger {
    pub inner: Arc<dyn State>,
    /// Each intent with each of its attempts, in order.
    pub begun: Mutex<Vec<Intent>>,
    pub settled: Mutex<BTreeMap<IntentId, Settlement>>,
    pub backed_off: Mutex<Vec<ExecutionKey>>,
    /// Runs once an intent is durable.
    pub after_begin: Mutex<Option<Hook>>,
    /// How long making an intent durable takes.
    pub sync: Mutex<Duration>,
    pub lost: AtomicBool,
    pub full: AtomicBool,
    /// Why somebody has paused.
    pub paused: Mutex<Option<String>>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::over(Arc::new(MemoryState::default()))
    }
}

impl Ledger {
    pub fn over(inner: Arc<dyn State>) -> Self {
        Self {
            inner,
            begun: Mutex::default(),
            settled: Mutex::default(),
            backed_off: Mutex::default(),
            after_begin: Mutex::default(),
            sync: Mutex::default(),
            lost: AtomicBool::default(),
            full: AtomicBool::default(),
            paused: Mutex::default(),
        }
    }

    pub fn then(&self, hook: impl Fn(&Intent) + Send + Sync + 'static) {
        *self.after_begin.lock().unwrap() = Some(Box::new(hook));
    }

    pub fn syncs_in(&self, time: Duration) {
        *self.sync.lock().unwrap() = time;
    }

    fn writable(&self, id: &IntentId) -> Result<(), Error> {
        if self.full.load(Ordering::SeqCst) { Err(Error::NotOpen(id.clone())) } else { Ok(()) }
    }

    async fn made_durable(&self, intent: &Intent) {
        let sync = *self.sync.lock().unwrap();
        if !sync.is_zero() {
            tokio::time::sleep(sync).await;
        }
        self.begun.lock().unwrap().push(intent.clone());
        if let Some(hook) = &*self.after_begin.lock().unwrap() {
            hook(intent);
        }
    }
}

#[async_trait]
impl State for Ledger {
    async fn memory(&self, now: Timestamp) -> Result<Memory, Error> {
        self.inner.memory(now).await
    }

    async fn begin(
        &self,
        intent: &Intent,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Begun, Error> {
        self.writable(&intent.id)?;
        let begun = self.inner.begin(intent, charges, now).await?;
        if begun == Begun::Yes {
            self.made_durable(intent).await;
        }
        Ok(begun)
    }

    async fn attempt(&self, intent: &Intent, now: Timestamp) -> Result<(), Error> {
        self.writable(&intent.id)?;
        self.inner.attempt(intent, now).await?;
        self.made_durable(intent).await;
        Ok(())
    }

    async fn settle(
        &self,
        id: &IntentId,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.writable(id)?;
        self.inner.settle(id, settlement, now).await?;
        let before = self.settled.lock().unwrap().insert(id.clone(), settlement.clone());
        assert_eq!(before, None, "an intent has one outcome");
        Ok(())
    }

    async fn back_off(&self, key: &ExecutionKey, now: Timestamp) -> Result<(), Error> {
        self.backed_off.lock().unwrap().push(key.clone());
        self.inner.back_off(key, now).await
    }

    async fn deny(&self, policy: &PolicyName, job: &JobId, now: Timestamp) -> Result<(), Error> {
        self.inner.deny(policy, job, now).await
    }

    async fn sight(&self, look: &Look, lasts: SignedDuration, now: Timestamp) -> Result<(), Error> {
        self.inner.sight(look, lasts, now).await
    }

    async fn open(&self) -> Result<Vec<Open>, Error> {
        self.inner.open().await
    }

    async fn adopt(
        &self,
        guards: &[AdoptedGuard],
        retired: &BTreeSet<PolicyName>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.inner.adopt(guards, retired, now).await
    }

    async fn adopted(&self) -> Result<Vec<AdoptedGuard>, Error> {
        self.inner.adopted().await
    }

    fn count(&self, breaker: Breaker, cases: Cases, now: Timestamp) {
        self.inner.count(breaker, cases, now);
    }

    fn breakers(&self) -> breaker::Record {
        self.inner.breakers()
    }

    async fn weigh(
        &self,
        health: &Health,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Result<Vec<Change>, Error> {
        self.inner.weigh(health, thresholds, now).await
    }

    fn paused(&self) -> Option<String> {
        self.paused.lock().unwrap().clone().or_else(|| self.inner.paused())
    }

    fn is_held(&self) -> bool {
        !self.lost.load(Ordering::SeqCst) && self.inner.is_held()
    }
}

/// The set in force, which tests exchange.
#[derive(Clone, Debug)]
pub struct Switch(Arc<Mutex<Arc<PolicySet>>>);

impl Switch {
    pub fn new(set: Arc<PolicySet>) -> Self {
        Self(Arc::new(Mutex::new(set)))
    }

    pub fn put(&self, set: Arc<PolicySet>) {
        *self.0.lock().unwrap() = set;
    }
}

impl InForce for Switch {
    fn current(&self) -> Arc<PolicySet> {
        self.0.lock().unwrap().clone()
    }
}

//! A fleet, policies, and a controller that lives as long as the test lets it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rescind::apply::earlier::Settler;
use rescind::apply::{Executor, FLIGHT_TIME, Ids, Stop, Switch};
use rescind::backend::fault::Faulty;
use rescind::backend::pace::{Paced, Pacer};
use rescind::backend::{JobsReader, JobsWriter};
use rescind::clock::Clock;
use rescind::controller::follow::Adopted;
use rescind::controller::{Controller, Error};
use rescind::document::SourceFile;
use rescind::emulator::Emulator;
use rescind::observe::Collector;
use rescind::policy::{Digest, PolicySet};
use rescind::source::{Source, Tree};
use rescind::state::State;
use rescind::state::memory::MemoryState;
use rescind::status::Snapshot;
use rescind::status::report::Reporter;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::apply::bench::{START, emulator, policies};
use crate::apply::world::World;

/// Files that never change.
struct Files(String);

#[async_trait]
impl Source for Files {
    async fn hint(&mut self) {
        std::future::pending::<()>().await;
    }

    async fn read(&mut self) -> Result<Tree, rescind::source::Error> {
        let text = self.0.clone().into_bytes();
        let digest = Digest::of(&text);
        let file = SourceFile { path: "policies.yaml".to_owned(), text };
        Ok(Tree {
            files: vec![file],
            unreadable: BTreeMap::new(),
            digest,
            revision: None,
            lock: None,
        })
    }
}

/// What a controller is made of, and the world in which it works.
pub struct Bench {
    pub world: World,
    pub emulator: Emulator,
    pub faults: Faulty<World>,
    pub clock: Clock,
    pub interval: Duration,
    /// That of `rescind run`.
    pub pacer: Pacer,
    pub state: Arc<dyn State>,
    pub set: Arc<PolicySet>,
    pub files: String,
}

/// A controller at work.
pub struct Running {
    switch: Switch,
    snapshot: watch::Receiver<Snapshot>,
    task: JoinHandle<Result<(), Error>>,
}

impl Bench {
    /// A fleet from the `spec` of its document, and policies.
    pub fn new(fleet: &str, policies_text: &str) -> Self {
        let clock = Clock::starting_at(START.parse().unwrap());
        let emulator = emulator(fleet);
        let world = World::new(emulator.clone(), clock.clone());
        Self {
            emulator,
            faults: Faulty::new(world.clone()),
            world,
            clock,
            interval: Duration::from_secs(300),
            pacer: Pacer::new(|_| Some(8.0)),
            state: Arc::new(MemoryState::default()),
            set: policies(policies_text),
            files: policies_text.trim_end_matches("---\n").to_owned(),
        }
    }

    pub fn begin(&self) -> Running {
        let reader: Arc<dyn JobsReader> = Arc::new(self.faults.clone());
        let writer: Arc<dyn JobsWriter> = Arc::new(self.faults.clone());
        let paced: Arc<dyn JobsReader> =
            Arc::new(Paced::new(self.faults.clone(), self.pacer.clone()));
        let (reporter, snapshot) = Reporter::new(self.clock.now(), "policies".to_owned());
        reporter.root(&self.set, None, Vec::new(), None);
        let settler = Settler {
            reader: Arc::clone(&reader),
            pacer: self.pacer.clone(),
            state: Arc::clone(&self.state),
            clock: self.clock.clone(),
            flight_time: FLIGHT_TIME,
        };
        let ids = Arc::new(Ids::seeded(7));
        let (state, clock, pacer) =
            (Arc::clone(&self.state), self.clock.clone(), self.pacer.clone());
        let controller = Controller {
            interval: self.interval,
            collector: Collector::new(Arc::clone(&paced), self.clock.clone()),
            executor: Box::new(move |in_force| Executor {
                paced: Arc::clone(&paced),
                reader: Arc::clone(&reader),
                writer: Arc::clone(&writer),
                pacer: pacer.clone(),
                state: Arc::clone(&state),
                in_force,
                clock: clock.clone(),
                flight_time: FLIGHT_TIME,
                ids: Arc::clone(&ids),
            }),
            settler,
            state: Arc::clone(&self.state),
            clock: self.clock.clone(),
            elsewhere: Box::new(|_| None),
            reporter,
        };
        let (switch, stop) = Stop::new();
        let tree = Some(Digest::of(self.files.as_bytes()));
        let first = Adopted { set: Arc::clone(&self.set), tree, unfinished: [].into() };
        let running = controller.run(Box::new(Files(self.files.clone())), first, stop);
        Running { switch, snapshot, task: tokio::spawn(running) }
    }

    /// How long after the start each thing's execution was canceled.
    pub fn canceled(&self) -> BTreeMap<String, SignedDuration> {
        let start: Timestamp = START.parse().unwrap();
        let effects = self.world.effects();
        effects.into_iter().map(|it| (it.thing_name, it.at.duration_since(start))).collect()
    }
}

impl Running {
    /// What it tells of itself.
    pub fn told(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// Stops it, and waits for its end.
    pub async fn stop(self) {
        self.switch.stop();
        self.ended().await.unwrap();
    }

    /// Waits until it ends by itself.
    pub async fn ended(self) -> Result<(), Error> {
        self.task.await.unwrap()
    }
}

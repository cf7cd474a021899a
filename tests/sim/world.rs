//! Everything of a run that outlives a process: AWS, the judge, the files, the trace, the chance.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use rescind::clock::Clock;
use rescind::controller::follow::{Said, interpret};
use rescind::document::{self, Limits, SourceFile};
use rescind::emulator::{Emulator, Options};
use rescind::execution::Account;
use rescind::policy::Digest;
use rescind::source::Tree;
use rescind::status::Snapshot;
use tokio::sync::{Notify, watch};

use crate::files::Files;
use crate::judge::Judge;
use crate::nature;
use crate::random::Random;
use crate::scenario::Scenario;
use crate::stale::Stale;
use crate::trace::Trace;

pub const START: &str = "2026-11-23T12:00:00Z";

pub struct World {
    pub scenario: Scenario,
    pub emulator: Emulator,
    pub account: Account,
    /// Rung when files change.
    pub bell: Notify,
    inner: Mutex<Inner>,
    said: Mutex<BTreeMap<Digest, Said>>,
}

pub struct Inner {
    pub random: Random,
    pub judge: Judge,
    pub trace: Trace,
    pub files: Files,
    /// Whether anything fails at present.
    pub faulty: bool,
    /// Whether the stop switch is on.
    pub paused: bool,
    pub stale: Stale,
    /// What the process tells of itself.
    pub told: Option<watch::Receiver<Snapshot>>,
    /// How often what happened.
    pub counts: BTreeMap<String, u64>,
}

impl Inner {
    pub fn note(&mut self, line: &str) {
        self.trace.add(line);
    }

    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    /// Whether a fault strikes.
    pub fn strikes(&mut self, what: &str, percent: u64) -> bool {
        let strikes = self.faulty && self.random.chance(percent);
        if strikes {
            self.count(format!("fault {what}"));
        }
        strikes
    }
}

impl World {
    pub fn new(scenario: Scenario, keep_trace: bool) -> Arc<Self> {
        let text = nature::fleet(scenario.things, scenario.abort);
        let file = SourceFile { path: "fleet.yaml".to_owned(), text: text.into_bytes() };
        let documents = document::read(&[file], &Limits::fleet());
        let (_, fleet) = documents.fleets.into_iter().next().expect("the fleet has no error");
        let start = START.parse().expect("a time");
        let emulator = Emulator::new(&fleet, Clock::starting_at(start), Options::default());
        let mut random = Random::new(scenario.seed ^ 0xACE);
        let mut judge = Judge::of_looks(scenario.interval);
        nature::begin(&mut judge, scenario.things);
        let mut files = if scenario.moves.is_none() && scenario.edits.is_none() {
            Files::still(&mut judge)
        } else {
            Files::draw(&mut random, &mut judge, scenario.abort.is_some(), start)
        };
        if scenario.lavish {
            files.free(true, &mut judge);
        }
        let inner = Inner {
            random,
            judge,
            trace: Trace::new(keep_trace),
            files,
            faulty: true,
            paused: false,
            stale: Stale::default(),
            told: None,
            counts: BTreeMap::new(),
        };
        let account = Account {
            partition: "aws".to_owned(),
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
        };
        Arc::new(Self {
            scenario,
            emulator,
            account,
            bell: Notify::new(),
            inner: Mutex::new(inner),
            said: Mutex::default(),
        })
    }

    /// What files say to a process that starts. The same files say the same, and processes start often:
    /// they are read once.
    pub fn said(&self, tree: Tree) -> Said {
        let mut said = self.said.lock().expect("nobody panics with it");
        let digest = tree.digest.clone();
        said.entry(digest).or_insert_with(|| interpret(tree).said()).clone()
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics with it")
    }
}

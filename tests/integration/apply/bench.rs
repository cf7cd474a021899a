//! Fleet and policies in, records out; and what must be true of them afterwards, whatever the test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rescind::apply::earlier::Settler;
use rescind::apply::{Afterwards, Ending, Executor, FLIGHT_TIME, Ids, Record, Stop, Watch};
use rescind::backend::aws::Connection;
use rescind::backend::fault::Faulty;
use rescind::backend::pace::{Paced, Pacer};
use rescind::backend::{JobsReader, JobsWriter};
use rescind::clock::Clock;
use rescind::document::{self, Limits, SourceFile};
use rescind::emulator::{Effect, Emulator, Operation as Op, Options};
use rescind::execution::Account;
use rescind::inventory::Inventory;
use rescind::observe::{Collector, NoProgress};
use rescind::plan::check::check;
use rescind::plan::{Depth, InForce as _, Line, Memory, Outcome, Plan, Reason, plan};
use rescind::policy::{Demands, PolicySet};
use rescind::state::{Open, State as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::ledger::{Ledger, Switch};
use super::truth::told;
use super::world::World;

pub const START: &str = "2026-11-23T12:00:00Z";

/// A fleet from the `spec` of its document.
pub fn emulator(spec: &str) -> Emulator {
    let text = format!(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: test}}\nspec:\n{}",
        indented(spec)
    );
    let documents = read("fleet.yaml", text, &Limits::fleet());
    let (_, fleet) = documents.fleets.into_iter().next().unwrap();
    Emulator::new(&fleet, Clock::starting_at(START.parse().unwrap()), Options::default())
}

/// A policy from its name and the `spec` of its document.
pub fn policy(name: &str, spec: &str) -> String {
    document("CancelPolicy", name, spec)
}

/// A guard, likewise.
pub fn guard(name: &str, spec: &str) -> String {
    document("CancelGuard", name, spec)
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: rescind/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{}---\n",
        indented(spec)
    )
}

pub fn policies(text: &str) -> Arc<PolicySet> {
    let text = text.strip_suffix("---\n").unwrap_or(text);
    let documents = read("policies.yaml", text.to_owned(), &Limits::policies());
    Arc::new(PolicySet::guarded(documents.policies, documents.guards, Demands::default()))
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |text, line| text + "  " + line + "\n")
}

fn read(path: &str, text: String, limits: &Limits) -> document::Documents {
    let file = SourceFile { path: path.to_owned(), text: text.into_bytes() };
    let documents = document::read(&[file], limits);
    assert!(documents.broken.is_empty(), "{:?}", documents.diagnostics);
    documents
}

/// `count` things r0, r1, … with one QUEUED execution each of the job fw, the first the oldest.
pub fn queued(count: usize) -> String {
    let mut spec = "jobs: [{id: fw, createdAt: 90d ago}]\nthings:\n".to_owned();
    for index in 0..count {
        spec.push_str(&format!("  - {{name: r{index}}}\n"));
    }
    spec.push_str("executions:\n");
    for index in 0..count {
        let age = 100 * (1 + count - index);
        spec.push_str(&format!("  - {{job: fw, thing: r{index}, queuedAt: {age}s ago}}\n"));
    }
    spec
}

/// Cancels all that is QUEUED for a minute or more, within a budget.
pub fn sweep(budget: u64) -> String {
    policy("sweep", &format!("{SWEEP}\nbudget: {{max: [{{count: {budget}, per: 1h}}]}}"))
}

pub const SWEEP: &str = "mode: Enforce
target: {statuses: [QUEUED]}
match: {age: [{since: queuedAt, olderThan: 1m}]}";

/// Cancels all that is IN_PROGRESS and silent for a minute or more, by force.
pub fn stuck() -> String {
    policy("stuck", STUCK)
}

pub const STUCK: &str = "mode: Enforce
target: {statuses: [IN_PROGRESS]}
match: {age: [{since: lastUpdatedAt, olderThan: 1m}]}
cancel: {force: true}
budget: {max: [{count: 100, per: 1h}]}";

#[derive(Default)]
pub struct Heard {
    waiting: Mutex<Vec<(usize, Duration)>>,
    /// Whether lines that waited are only settled.
    pub settles: bool,
}

impl Watch for Heard {
    fn ended(&self, _: &Record, _: usize) {}

    fn waiting(&self, lines: usize, until: Instant) -> Afterwards {
        self.waiting.lock().unwrap().push((lines, until.saturating_duration_since(Instant::now())));
        if self.settles { Afterwards::Settle } else { Afterwards::TryAgain }
    }
}

/// Everything that an apply needs, and what it left.
pub struct Bench {
    pub emulator: Emulator,
    world: Option<World>,
    pub clock: Clock,
    pub pacer: Pacer,
    pub ledger: Arc<Ledger>,
    pub in_force: Switch,
    pub faults: Option<Faulty<World>>,
    pub flight_time: Duration,
    pub max: Option<u64>,
    /// Whether the test queues executions anew under a cancel at the same version.
    pub recreates: bool,
    pub depth: Depth,
    pub stop: rescind::apply::Switch,
    stopped: Stop,
    paced: Arc<dyn JobsReader>,
    reader: Arc<dyn JobsReader>,
    writer: Arc<dyn JobsWriter>,
    ids: Arc<Ids>,
    pub heard: Heard,
    pub records: Mutex<Vec<Record>>,
}

impl Bench {
    /// Over the AWS SDK and HTTP, in real time: nothing is paced, and lost calls land at once.
    pub async fn http(fleet: &str, policies_text: &str) -> Self {
        Self::serving(emulator(fleet), policies(policies_text)).await
    }

    pub async fn serving(emulator: Emulator, set: Arc<PolicySet>) -> Self {
        let clock = Clock::starting_at(START.parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(emulator.clone().serve(listener, std::future::pending()));
        let connection = Connection::embedded(address, "eu-central-1", clock.clone());
        let (reader, writer) = (connection.reader(), Arc::new(connection.writer()));
        let pacer = Pacer::unlimited();
        Self {
            flight_time: Duration::ZERO,
            ..Self::with(emulator, set, clock, pacer, reader, writer)
        }
    }

    /// In memory, on paused time, with the pace and the flight time of real life.
    pub fn memory(fleet: &str, policies_text: &str) -> Self {
        let emulator = emulator(fleet);
        let clock = Clock::starting_at(START.parse().unwrap());
        let world = World::new(emulator.clone(), clock.clone());
        let faults = Faulty::new(world.clone());
        let (set, pacer) = (policies(policies_text), Pacer::default());
        Self {
            world: Some(world),
            faults: Some(faults.clone()),
            ..Self::with(emulator, set, clock, pacer, faults.clone(), Arc::new(faults))
        }
    }

    fn with(
        emulator: Emulator,
        set: Arc<PolicySet>,
        clock: Clock,
        pacer: Pacer,
        reader: impl JobsReader + Clone + 'static,
        writer: Arc<dyn JobsWriter>,
    ) -> Self {
        let (stop, stopped) = Stop::new();
        Self {
            emulator,
            world: None,
            clock,
            paced: Arc::new(Paced::new(reader.clone(), pacer.clone())),
            pacer,
            ledger: Arc::default(),
            in_force: Switch::new(set),
            faults: None,
            flight_time: FLIGHT_TIME,
            max: None,
            recreates: false,
            depth: Depth::Listed,
            stop,
            stopped,
            reader: Arc::new(reader),
            writer,
            ids: Arc::new(Ids::seeded(7)),
            heard: Heard::default(),
            records: Mutex::default(),
        }
    }

    pub fn world(&self) -> &World {
        self.world.as_ref().unwrap()
    }

    pub fn faults(&self) -> &Faulty<World> {
        self.faults.as_ref().unwrap()
    }

    pub async fn memory_now(&self) -> Memory {
        self.ledger.memory(self.clock.now()).await.unwrap()
    }

    /// Observes and plans, and lets the plan be checked.
    pub async fn plan(&self) -> (Plan, Inventory, Memory) {
        let memory = self.memory_now().await;
        let set = self.in_force.current();
        let collector = Collector::new(Arc::clone(&self.paced), self.clock.clone());
        let observing =
            collector.observe(Inventory::default(), &set, &memory, self.depth, &NoProgress);
        let inventory = observing.await.unwrap();
        let plan = plan(&set, &inventory, &memory, self.clock.now(), self.depth);
        assert_eq!(check(&plan, &set, &inventory, &memory), []);
        (plan, inventory, memory)
    }

    /// Walks the lines of a plan; says nothing about truth.
    pub async fn walk(
        &self,
        lines: Vec<Line>,
        inventory: &Inventory,
        memory: &Memory,
    ) -> Vec<Record> {
        let executor = Executor {
            paced: Arc::clone(&self.paced),
            reader: Arc::clone(&self.reader),
            writer: Arc::clone(&self.writer),
            pacer: self.pacer.clone(),
            state: Arc::clone(&self.ledger) as _,
            in_force: Arc::new(self.in_force.clone()),
            clock: self.clock.clone(),
            flight_time: self.flight_time,
            ids: Arc::clone(&self.ids),
        };
        executor.apply(lines, inventory, memory, self.max, &self.stopped, &self.heard).await
    }

    /// Settles what the ledger has open: how many stay so, and how the others ended.
    pub async fn settles(&self, waits: bool) -> (usize, Vec<Record>) {
        let told = Mutex::new(Vec::new());
        let tell = |record: &Record| told.lock().unwrap().push(record.clone());
        let open = self.ledger.open().await.unwrap();
        let skew = self.in_force.current().thresholds().clock_skew;
        let account = super::world::account("123456789012");
        let settler = self.settler();
        let left = settler.settle(open, &account, skew, waits, &self.stopped, tell).await;
        (left, told.into_inner().unwrap())
    }

    /// Who answers, as the executions of open intents tell.
    pub async fn answered(&self, open: &[Open]) -> Option<Account> {
        self.settler().answered(open, &self.stopped).await
    }

    fn settler(&self) -> Settler {
        Settler {
            reader: Arc::clone(&self.reader),
            pacer: self.pacer.clone(),
            state: Arc::clone(&self.ledger) as _,
            clock: self.clock.clone(),
            flight_time: self.flight_time,
        }
    }

    /// Plans, applies, and checks that what was told is what happened.
    pub async fn apply(&self) -> Vec<Record> {
        let (plan, inventory, memory) = self.plan().await;
        let lines: Vec<_> = plan.acts().cloned().collect();
        let (count, before) = (lines.len(), self.effects().len());
        let records = self.walk(lines, &inventory, &memory).await;
        assert_eq!(records.len(), count, "each line has one end");
        self.records.lock().unwrap().extend(records.iter().cloned());
        let left = records.iter().filter(|it| it.left_open);
        let left: BTreeSet<_> = left.map(|it| it.key.clone()).collect();
        assert_eq!(self.memory_now().await.open, left, "nothing else is left open");
        self.check(&records, before).await;
        records
    }

    pub fn effects(&self) -> Vec<Effect> {
        self.world.as_ref().map_or_else(|| self.emulator.effects(), World::effects)
    }

    /// How often AWS was called.
    pub fn calls(&self, operation: Op) -> u64 {
        match &self.world {
            None => self.emulator.calls().get(&operation).copied().unwrap_or_default(),
            Some(world) => {
                let named = |it: &rescind::backend::Operation| it.as_str() == operation.as_str();
                let all = rescind::backend::Operation::ALL;
                world.calls(all.into_iter().find(named).unwrap())
            }
        }
    }

    pub fn cancels(&self) -> u64 {
        self.calls(Op::CancelJobExecution)
    }

    pub fn describes(&self) -> u64 {
        self.calls(Op::DescribeJobExecution)
    }

    /// How many lines were said to wait for lost calls, and for how long.
    pub fn waited(&self) -> Vec<(usize, Duration)> {
        self.heard.waiting.lock().unwrap().clone()
    }

    /// The units that a policy has spent.
    pub async fn spent(&self, policy: &str) -> usize {
        let memory = self.memory_now().await;
        memory.spent.iter().filter(|unit| unit.policy.as_str() == policy).count()
    }
}

/// How many records ended how, by label.
pub fn endings(records: &[Record]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record.ending.label()).or_default() += 1;
    }
    counts
}

/// The one record of a test with one execution.
pub fn only(records: &[Record]) -> &Record {
    let [record] = records else { panic!("{records:?}") };
    record
}

pub fn outcome(records: &[Record]) -> Outcome {
    told(only(records)).unwrap_or_else(|| panic!("{records:?}"))
}

pub fn kept(records: &[Record]) -> Reason {
    match only(records).ending {
        Ending::Kept(reason) => reason,
        _ => panic!("{records:?}"),
    }
}

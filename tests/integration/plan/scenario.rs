//! A scenario on file: policies and a fleet, and what is to be decided about each execution.
//!
//! The form is for people who run fleets: each key is explained below, and an unknown one is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rescind::document::{Documents, SourceFile};
use rescind::execution::{
    ExecutionKey, ExecutionNumber, ExecutionStatus, ExecutionVersion, OpenStatus,
};
use rescind::fact::{Fact, Unreadable};
use rescind::fleet;
use rescind::inventory::{Inventory, Listing};
use rescind::plan::breaker::{Breaker, Cases, Open};
use rescind::plan::stable::{Sighting, Stamp};
use rescind::plan::{Memory, Spent};
use rescind::policy::{Demands, Digest, PolicySet, Standing};
use rescind::span::Moment;
use serde::Deserialize;
use serde_json::Value;

use super::support::{documents_of, fleet_of, key, name, time};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// The time at which it is decided.
    pub now: String,
    /// Documents, or the path of a policy root from this folder.
    pub policies: Value,
    /// The spec of a `kind: Fleet`, or the path of a file with one.
    pub fleet: Value,
    /// Files of the root that have an error now: their policies are those that were adopted before.
    /// A document written here is in a file of its policy's name: `stuck.yaml`.
    #[serde(default)]
    pub held: Vec<String>,
    /// Files of the root that are gone: their guards are those that were adopted before.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Whether there must be a guard before any policy may act, as it is against AWS.
    #[serde(default)]
    pub needs_guard: bool,
    /// Whether a guard must have a scope before any policy may act.
    #[serde(default)]
    pub needs_scope: bool,
    /// What earlier passes left behind.
    #[serde(default)]
    pub memory: Past,
    /// How far AWS's clock is ahead of the machine's, in seconds.
    pub clock_skew: Option<i64>,
    /// What could not be read.
    #[serde(default)]
    pub unreadable: Vec<Gap>,
    /// What happened to executions after they were listed and before they were described.
    #[serde(default)]
    pub meanwhile: Vec<Move>,
    /// The decision for each execution in scope. All must be named.
    pub expect: Vec<Expected>,
    /// What policies in Observe would have done. All must be named.
    #[serde(default)]
    pub observed: Vec<ExpectedObserved>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Past {
    /// Units of each policy's budget: `open`, or when they were settled; `forced 1h ago` with force.
    pub spent: BTreeMap<String, Vec<String>>,
    /// When the ledger began; unless written, the whole past is known.
    pub ledger_began: Option<String>,
    /// What we canceled a moment ago.
    pub canceled: Vec<PastCancel>,
    /// What failed, and until when it is left alone.
    pub backing_off: Vec<BackingOff>,
    /// What has a cancel on its way.
    pub open: Vec<Which>,
    /// Why nothing may be sent.
    pub paused: Option<String>,
    /// Cases that a breaker counted in the last minute: `error: {all: 30, bad: 7}`.
    pub counted: BTreeMap<String, Counted>,
    /// Breakers that are open, with the reason.
    pub breakers: BTreeMap<String, String>,
    /// What policies with `stableFor` have seen to match in every look.
    pub matched: Vec<Matched>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counted {
    pub all: u64,
    pub bad: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Matched {
    pub policy: String,
    pub job: String,
    pub thing: String,
    /// The first of these looks.
    pub since: String,
    /// From when on the last of them is too long ago; unless written, it is not.
    pub until: Option<String>,
    /// The number that it had then, unless it was that of the fleet.
    pub execution_number: Option<i64>,
    /// When it had moved last then, unless it was as in the fleet.
    pub last_updated_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Which {
    pub job: String,
    pub thing: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PastCancel {
    pub job: String,
    pub thing: String,
    #[serde(default = "one")]
    pub execution_number: i64,
    pub at: String,
}

fn one() -> i64 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackingOff {
    pub job: String,
    pub thing: String,
    pub until: String,
}

/// A read that gave nothing. `{jobs: SCHEDULED}` is a list of jobs, `{job: j}` its description,
/// `{job: j, list: QUEUED}` a list of executions, `{thing: t, fact: registry or groups}` a thing's
/// facts, `{job: j, thing: t, fact: …}` one of an execution: number, queuedAt, startedAt,
/// lastUpdatedAt, retryAttempt, description, version or statusDetails.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gap {
    pub jobs: Option<String>,
    pub job: Option<String>,
    pub list: Option<OpenStatus>,
    pub thing: Option<String>,
    pub fact: Option<String>,
    /// Denied unless written; Gone, Failed, Invalid; Absent for what was read and is not there.
    pub why: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Move {
    pub job: String,
    pub thing: String,
    pub status: String,
    pub version_number: i64,
    pub execution_number: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expected {
    pub job: String,
    pub thing: String,
    /// In an exact plan. Where it is Cancel, a plan that stops before the describes says Examine and
    /// Due; other decisions are the same unless `listed` says otherwise.
    pub decision: String,
    pub reason: String,
    pub policy: String,
    #[serde(default)]
    pub force: bool,
    /// The whole sentence.
    pub because: Option<String>,
    /// Its place in the order of acting, from 1.
    pub order: Option<usize>,
    /// In a plan that stops before the describes.
    pub listed: Option<ExpectedListed>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedListed {
    pub decision: String,
    pub reason: String,
    pub policy: Option<String>,
    #[serde(default)]
    pub force: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedObserved {
    pub job: String,
    pub thing: String,
    pub policy: String,
    #[serde(default)]
    pub force: bool,
}

/// Everything that a plan is made from.
pub struct World {
    pub policies: Arc<PolicySet>,
    pub inventory: Inventory,
    pub memory: Memory,
    pub now: Timestamp,
}

impl Scenario {
    pub fn world(&self, folder: &Path) -> World {
        let now = time(&self.now);
        let files = match &self.policies {
            Value::String(root) => {
                let tree = rescind::source::read(&folder.join(root), 1 << 20).expect("a root");
                assert!(tree.unreadable.is_empty());
                tree.files
            }
            documents => inline(documents),
        };
        let mut documents = documents_of(&files);
        for policy in &mut documents.policies {
            policy.held = self.held.iter().any(|file| **file == *policy.origin.path);
        }
        for guard in &mut documents.guards {
            let missing = self.missing.iter().any(|file| **file == *guard.origin.path);
            guard.standing = if missing { Standing::Missing } else { Standing::Written };
        }
        let Documents { policies, guards, .. } = documents;
        let demands = Demands { guard: self.needs_guard, scope: self.needs_scope };
        let policies = Arc::new(PolicySet::guarded(policies, guards, demands));
        let fleet = match &self.fleet {
            Value::String(path) => fleet_of(std::fs::read(folder.join(path)).expect("a fleet")),
            spec => fleet_of(document("Fleet", spec)),
        };
        let mut inventory = fleet::inventory(&fleet, now);
        let mut memory = self.memory.memory(now);
        let sightings =
            self.memory.matched.iter().map(|it| it.sighting(&policies, &inventory, now));
        memory.sightings = Arc::new(sightings.collect());
        for change in &self.meanwhile {
            change.happen(&mut inventory);
        }
        for gap in &self.unreadable {
            gap.tear(&mut inventory);
        }
        inventory.skew = self.clock_skew.map(SignedDuration::from_secs);
        World { policies, inventory, memory, now }
    }
}

fn document(kind: &str, spec: &Value) -> Vec<u8> {
    let document = serde_json::json!({
        "apiVersion": "rescind/v1alpha1", "kind": kind, "metadata": {"name": "scenario"}, "spec": spec,
    });
    serde_yaml::to_string(&document).expect("it was read as YAML").into_bytes()
}

fn inline(documents: &Value) -> Vec<SourceFile> {
    let file = |document: &Value| {
        let name = document.pointer("/metadata/name").and_then(Value::as_str).expect("a name");
        let text = serde_yaml::to_string(document).expect("it was read as YAML");
        SourceFile { path: format!("{name}.yaml"), text: text.into_bytes() }
    };
    documents.as_array().expect("a list of documents").iter().map(file).collect()
}

impl Past {
    fn memory(&self, now: Timestamp) -> Memory {
        let moment = |text: &str| text.parse::<Moment>().expect("a time or an age").resolve(now);
        let unit = |policy: &str, text: &str| {
            let (forced, when) = match text.strip_prefix("forced ") {
                Some(when) => (true, when),
                None => (false, text),
            };
            let settled = (when != "open").then(|| moment(when));
            Spent { policy: name(policy), forced, settled }
        };
        let ledger_began = self.ledger_began.as_deref().map(moment);
        let mut memory = Memory { ledger_began, ..Memory::default() };
        for (policy, units) in &self.spent {
            memory.spent.extend(units.iter().map(|text| unit(policy, text)));
        }
        for cancel in &self.canceled {
            let numbers = memory.canceled.entry(key(&cancel.job, &cancel.thing)).or_default();
            numbers.insert(ExecutionNumber(cancel.execution_number), moment(&cancel.at));
        }
        for it in &self.backing_off {
            memory.backing_off.insert(key(&it.job, &it.thing), time(&it.until));
        }
        let breaker = |name: &str| Breaker::labeled(name).expect("a breaker");
        for (name, Counted { all, bad }) in &self.counted {
            memory.breakers.count(breaker(name), Cases { all: *all, bad: *bad }, now);
        }
        for (name, why) in &self.breakers {
            let since = moment("2h ago");
            let open = Open { since, why: why.clone(), calm: SignedDuration::ZERO, looked: now };
            memory.breakers.open.insert(breaker(name), open);
        }
        memory.paused = self.paused.as_deref().map(Into::into);
        memory.open = self.open.iter().map(|it| key(&it.job, &it.thing)).collect();
        memory
    }
}

impl Matched {
    fn sighting(
        &self,
        policies: &PolicySet,
        inventory: &Inventory,
        now: Timestamp,
    ) -> ((Digest, ExecutionKey), Sighting) {
        let moment = |text: &str| text.parse::<Moment>().expect("a time or an age").resolve(now);
        let key = key(&self.job, &self.thing);
        let row = &inventory.executions[&key];
        let known = |number: i64| ExecutionNumber(number);
        let stamp = Stamp {
            number: self.execution_number.map_or_else(|| *row.number.known().expect("it"), known),
            last_updated_at: self
                .last_updated_at
                .as_deref()
                .map_or_else(|| *row.times.last_updated_at().known().expect("it has one"), moment),
            version: None,
        };
        let until = self.until.as_deref().map_or(Timestamp::MAX, moment);
        let policy = policies.get(&name(&self.policy)).expect("one of the policies");
        ((policy.digest.clone(), key), Sighting { stamp, since: moment(&self.since), until })
    }
}

impl Move {
    fn happen(&self, inventory: &mut Inventory) {
        let row = inventory.executions.get_mut(&key(&self.job, &self.thing)).expect("a row");
        row.status = ExecutionStatus::from(self.status.as_str());
        if let Some(number) = self.execution_number {
            row.number = Fact::Known(ExecutionNumber(number));
            row.retry_attempt = Fact::Unreadable(Unreadable::Gone);
        }
        let Fact::Known(described) = &mut row.described else { panic!("a fleet is described") };
        described.version = Fact::Known(ExecutionVersion::new(self.version_number).expect(">= 1"));
    }
}

impl Gap {
    fn fact<T>(&self) -> Fact<T> {
        match self.why.as_deref() {
            None | Some("Denied") => Fact::Unreadable(Unreadable::Denied),
            Some("Gone") => Fact::Unreadable(Unreadable::Gone),
            Some("Failed") => Fact::Unreadable(Unreadable::Failed),
            Some("Invalid") => Fact::Unreadable(Unreadable::Invalid),
            Some("Absent") => Fact::Absent,
            Some(other) => panic!("{other} is no reason"),
        }
    }

    fn failed(&self) -> Listing {
        match self.fact::<()>() {
            Fact::Unreadable(why) => Listing::Failed(why),
            _ => panic!("a list is not absent"),
        }
    }

    fn tear(&self, inventory: &mut Inventory) {
        match (&self.jobs, &self.job, &self.thing, self.list) {
            (Some(status), None, None, None) => {
                let status = status.as_str().into();
                let gone: BTreeSet<_> = inventory
                    .jobs
                    .iter()
                    .filter(|(_, job)| job.status == status)
                    .map(|(id, _)| id.clone())
                    .collect();
                inventory.jobs.retain(|id, _| !gone.contains(id));
                inventory.executions.retain(|key, _| !gone.contains(&key.job));
                inventory.job_lists.insert(status, self.failed());
            }
            (None, Some(job), None, None) => {
                let id = job.parse().expect("a job id");
                inventory.jobs.get_mut(&id).expect("a job").description = self.fact();
                inventory.executions.retain(|key, _| key.job != id);
            }
            (None, Some(job), None, Some(status)) => {
                let id = job.parse().expect("a job id");
                inventory.remove_rows(&id, status);
                inventory.lists.insert((id, status), self.failed());
            }
            (None, None, Some(thing), None) => {
                let name = thing.parse().expect("a name");
                let thing = inventory.things.get_mut(&name).expect("a thing");
                match self.fact.as_deref() {
                    Some("registry") => thing.description = self.fact(),
                    Some("groups") => thing.groups = self.fact(),
                    other => panic!("{other:?} is no fact of a thing"),
                }
            }
            (None, Some(job), Some(thing), None) => self.tear_execution(inventory, job, thing),
            _ => panic!("{self:?} names nothing"),
        }
    }

    fn tear_execution(&self, inventory: &mut Inventory, job: &str, thing: &str) {
        let row = inventory.executions.get_mut(&key(job, thing)).expect("a row");
        match (self.fact.as_deref().expect("a fact"), &mut row.described) {
            ("number", _) => row.number = self.fact(),
            ("queuedAt", _) => row.times.change(|it| it.queued_at = self.fact()),
            ("startedAt", _) => row.times.change(|it| it.started_at = self.fact()),
            ("lastUpdatedAt", _) => row.times.change(|it| it.last_updated_at = self.fact()),
            ("retryAttempt", _) => row.retry_attempt = self.fact(),
            ("description", described) => {
                *described = self.fact::<rescind::inventory::Described>().map(Box::new);
            }
            ("version", Fact::Known(described)) => described.version = self.fact(),
            ("statusDetails", Fact::Known(described)) => described.status_details = self.fact(),
            (other, _) => panic!("{other} is no fact of an execution"),
        }
    }
}

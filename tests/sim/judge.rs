//! The judge: the invariants of the protocol, S1 to S5, L1 and L2, asserted where the requests arrive.
//!
//! It sees what the server sees (calls, effects, what devices do), what the disk holds, and which set the
//! process says is in force; never what goes on inside the controller. What policies and guards mean it
//! knows from `rules`, not from the product.

mod aborts;
mod budgets;
mod held;
mod in_force;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rescind::apply::FLIGHT_TIME;
use rescind::backend::CancelRequest;
use rescind::emulator::{Canceled, Execution, Job, Store};
use rescind::execution::{ExecutionKey, JobId, OpenStatus};
use rescind::plan::breaker::Breaker;
use rescind::plan::{InForce, Intent, IntentId, Outcome};
use rescind::state::Settlement;
use tokio::time::Instant;

use crate::files::Files;
use crate::rules::{Forbidden, Limit, Rule, Shield, TOLERANCE};
use crate::truth::{FACTS_FOR, Truth};

use held::Answers;

/// How old a describe may be when the bytes go out.
const DESCRIBED_FOR: std::time::Duration = std::time::Duration::from_secs(5);

/// A document, by the revision that its rule is named after.
pub enum Written {
    Rule(Rule),
    Shield(Shield),
}

struct Kept {
    intent: Intent,
    settled: Option<Settlement>,
    /// On the execution that was judged.
    effects: usize,
    /// On one that took its place at its version, which AWS gives no way to prevent.
    blind: usize,
}

#[derive(Clone)]
struct Described {
    sent: Instant,
    execution: Execution,
}

/// A request on its way, as it was when its bytes went out.
pub struct Flight {
    id: IntentId,
    intent: Intent,
    queued_at: i64,
    /// How many were sent before.
    sent: usize,
    /// What it was charged to: the owner, whether only force counts, the limit.
    limits: Vec<(String, bool, Limit)>,
    /// When it was sent, and whether its policy lets AWS abort the job.
    at: Timestamp,
    aborts: bool,
}

#[derive(Clone)]
struct Hit {
    at: Timestamp,
    /// How many were sent before.
    sent: usize,
    policy: String,
    forced: bool,
    limits: Vec<(String, bool, Limit)>,
}

#[derive(Default)]
pub struct Judge {
    /// The first violation: `S2: …`.
    pub violation: Option<String>,
    /// How many requests were let go.
    sent: usize,
    /// What was written, and when.
    revisions: BTreeMap<u64, (Written, Instant)>,
    /// What the files say at present, by name, and since when.
    stands: BTreeMap<String, u64>,
    edited: Option<Instant>,
    /// What came of cancels, where nothing but executions that moved can be in their way.
    pub answers: Answers,
    /// What a call about it failed for, so that it is left alone for a while.
    pub troubled: BTreeSet<ExecutionKey>,
    /// How often a process looks.
    interval: std::time::Duration,
    /// Since when some process has looked, with no break that is too long for what must have matched for
    /// a while; and when the last one died.
    watched: Option<Instant>,
    died: Option<Instant>,
    /// The guards that some document has retired.
    pub retired: BTreeSet<String>,
    /// The guards that are kept on disk, with their revision.
    pub adopted: BTreeMap<String, u64>,
    pub in_force: Option<Arc<dyn InForce>>,
    pub things: BTreeMap<String, Truth>,
    intents: BTreeMap<IntentId, Kept>,
    open: BTreeMap<ExecutionKey, IntentId>,
    described: BTreeMap<ExecutionKey, Described>,
    paging: BTreeSet<(JobId, OpenStatus)>,
    hits: Vec<Hit>,
    struck: BTreeSet<(ExecutionKey, i64, i64)>,
    /// Outcomes that could not be written when they came.
    pub unwritten: Vec<(IntentId, Settlement)>,
    /// The breakers that the state says are open.
    pub breakers: BTreeSet<Breaker>,
    pub flying: usize,
    /// When the state was lost, with what it knew of the past.
    forgot: Option<Timestamp>,
    /// When executions were deleted, which nobody can know of at once.
    pub deleted: Vec<Instant>,
    /// Effects on an execution that took the place of the judged one, at its version.
    pub blind: u64,
    /// Whether there is nothing to do.
    pub rests: bool,
}

impl Judge {
    /// A judge of processes that look so often.
    pub fn of_looks(interval: std::time::Duration) -> Self {
        Self { interval, ..Self::default() }
    }

    pub fn violate(&mut self, invariant: &str, why: &str) {
        self.violation.get_or_insert_with(|| format!("{invariant}: {why}"));
    }

    fn forbid(&mut self, (invariant, why): Forbidden, key: &ExecutionKey) {
        self.violate(invariant, &format!("{why}, and a cancel of {key} was sent"));
    }

    /// A file says something new.
    pub fn write(&mut self, name: &str, revision: u64, written: Written) {
        self.revisions.insert(revision, (written, Instant::now()));
        self.stands.insert(name.to_owned(), revision);
        self.edited = Some(Instant::now());
    }

    /// A file says nothing any more.
    pub fn unwrite(&mut self, name: &str) {
        self.stands.remove(name);
        self.edited = Some(Instant::now());
    }

    /// A process is gone.
    pub fn ends(&mut self) {
        self.died = Some(Instant::now());
        self.begins();
    }

    /// A new process knows nothing of what the one before it has read.
    pub fn begins(&mut self) {
        if self.died.is_none_or(|died| died.elapsed() > 3 * self.interval) {
            self.watched = Some(Instant::now());
        }
        self.described.clear();
        self.paging.clear();
        self.in_force = None;
    }

    /// A state without a past took the place of the disk.
    pub fn forgets(&mut self, now: Timestamp) {
        self.forgot = Some(now);
        self.died = None;
        self.hits.clear();
        self.open.clear();
        self.intents.clear();
        self.unwritten.clear();
        self.adopted.clear();
        self.breakers.clear();
    }

    pub fn described(&mut self, key: &ExecutionKey, sent: Instant, execution: Execution) {
        self.described.insert(key.clone(), Described { sent, execution });
    }

    /// A page of a list was answered, or could not be.
    pub fn paged(&mut self, job: &JobId, status: OpenStatus, more: bool) {
        if more {
            self.paging.insert((job.clone(), status));
        } else {
            self.paging.remove(&(job.clone(), status));
        }
    }

    pub fn begun(&mut self, intent: &Intent) {
        if self.rests {
            self.violate("L2", &format!("an intent for {} with nothing to do", intent.key));
        }
        self.open.insert(intent.key.clone(), intent.id.clone());
        let kept = Kept { intent: intent.clone(), settled: None, effects: 0, blind: 0 };
        if self.intents.insert(intent.id.clone(), kept).is_some() {
            self.violate("S4", &format!("intent {} was begun twice", intent.id));
        }
    }

    pub fn attempted(&mut self, intent: &Intent) {
        if let Some(kept) = self.intents.get_mut(&intent.id) {
            kept.intent = intent.clone();
        }
    }

    pub fn settled(&mut self, id: &IntentId, settlement: &Settlement) {
        let Some(kept) = self.intents.get_mut(id) else { return };
        self.open.remove(&kept.intent.key);
        kept.settled = Some(settlement.clone());
    }

    /// These intents have no outcome on disk.
    pub fn catches_up(&mut self, open: &BTreeSet<IntentId>) {
        let unwritten = std::mem::take(&mut self.unwritten);
        let (waiting, written): (Vec<_>, _) =
            unwritten.into_iter().partition(|(id, _)| open.contains(id));
        self.unwritten = waiting;
        for (id, settlement) in written {
            self.settled(&id, &settlement);
        }
    }

    /// The bytes of a request go out.
    pub fn sent(&mut self, request: &CancelRequest, now: Timestamp) -> Option<Flight> {
        let key = &request.key;
        if self.rests {
            self.violate("L2", &format!("a cancel of {key} with nothing to do"));
        }
        if let Some(breaker) = self.breakers.first() {
            let breaker = breaker.label();
            self.violate("S5", &format!("a cancel of {key} while breaker {breaker} is open"));
        }
        if self.paging.iter().any(|(job, _)| *job == key.job) {
            self.violate("L1", &format!("a cancel of {key} while its list is read page by page"));
        }
        let Some(id) = self.open.get(key).cloned() else {
            self.violate("S4", &format!("a cancel of {key} without an open intent on disk"));
            return None;
        };
        let intent = self.intents[&id].intent.clone();
        let same = request.expected_version == intent.version
            && request.force == intent.force
            && request.status_details.as_ref() == Some(&intent.details.send);
        if !same {
            self.violate("S4", &format!("a cancel of {key} is not what its intent says"));
        }
        let described = self.described.get(key).cloned();
        let Some(Described { sent, execution }) = described else {
            self.violate("S1", &format!("a cancel of {key}, which was not described"));
            return None;
        };
        if sent.elapsed() > DESCRIBED_FOR {
            self.violate("S1", &format!("a cancel of {key}, which was described too long ago"));
        }
        if execution.version != request.expected_version.get()
            || execution.number != intent.number.0
        {
            self.violate("S1", &format!("a cancel of {key}, which is not as it was described"));
        }
        let status = execution.status.open();
        if request.force && status != Some(OpenStatus::InProgress) {
            self.violate("S1", &format!("force for {key}, which is {}", execution.status));
        }
        let set = self.in_force.as_ref()?.current();
        if let Err(forbidden) = self.is_adopted(&set, &intent) {
            self.forbid(forbidden, key);
        }
        let limits = match self.allows(&set, &intent, &execution, now) {
            Ok(limits) => limits,
            Err(forbidden) => {
                self.forbid(forbidden, key);
                Vec::new()
            }
        };
        self.sent += 1;
        let aborts = self.rule(&set, &intent.policy).is_some_and(|(rule, _)| rule.aborts);
        let (queued_at, sent) = (execution.queued_at, self.sent);
        Some(Flight { id, intent, queued_at, sent, limits, at: now, aborts })
    }

    /// A cancel is about to take effect on its job.
    pub fn takes_effect(&mut self, flight: &Flight, job: &Job) {
        let key = &flight.intent.key;
        let by_us = |thing: &str, execution: &Execution| {
            thing.parse().is_ok_and(|thing| {
                self.has_struck(&ExecutionKey { job: key.job.clone(), thing }, execution)
            })
        };
        let old = FACTS_FOR + FLIGHT_TIME;
        let deleted = self.deleted.iter().filter(|at| at.elapsed() <= old).count() as u64;
        if !flight.aborts && aborts::was_known(job, flight.at, deleted, by_us) {
            self.violate("S1", &format!("the cancel of {key} could make AWS abort its job"));
        }
    }

    /// A cancel took effect.
    pub fn took_effect(&mut self, flight: Option<&Flight>, canceled: &Canceled, now: Timestamp) {
        let Some(Flight { id, intent, queued_at, sent, limits, .. }) = flight else { return };
        let (key, before) = (&intent.key, &canceled.before);
        if before.version != intent.version.get() || before.status.open() != Some(intent.status) {
            let (status, version) = (&before.status, before.version);
            self.violate(
                "S1",
                &format!("{key} was {status} at version {version} and not as judged at its cancel"),
            );
        }
        let blind = before.number != intent.number.0 || before.queued_at != *queued_at;
        self.blind += u64::from(blind);
        if !self.struck.insert((key.clone(), before.number, before.queued_at)) {
            self.violate("S2", &format!("{key} #{} was canceled twice", before.number));
        }
        if let Some(kept) = self.intents.get_mut(id) {
            kept.effects += usize::from(!blind);
            kept.blind += usize::from(blind);
            if kept.effects + kept.blind > 1 {
                self.violate("S2", &format!("intent {id} took effect twice"));
            }
        }
        let policy = intent.policy.to_string();
        let (sent, limits) = (*sent, limits.clone());
        self.hits.push(Hit { at: now, sent, policy, forced: intent.force, limits });
        // What lands late counts for those, too, that were sent after it.
        let later: Vec<Hit> = self.hits.iter().filter(|hit| hit.sent >= sent).cloned().collect();
        for hit in &later {
            for (owner, forced, limit) in &hit.limits {
                self.check_window(owner, *forced, *limit, hit.sent, now);
            }
        }
    }

    /// Nothing is on its way and nobody works: each intent has an outcome, and it is true.
    pub fn check_outcomes(&mut self) {
        let mut wrong = None;
        for (id, kept) in &self.intents {
            let (key, effects) = (&kept.intent.key, kept.effects);
            let Some(settlement) = &kept.settled else {
                wrong = Some(format!("intent {id} for {key} has no outcome"));
                break;
            };
            let told = match settlement.outcome {
                Outcome::Canceled => effects + kept.blind == 1,
                Outcome::CanceledUnattributed | Outcome::Unresolved => effects <= 1,
                _ => effects == 0,
            };
            let given_back = settlement.no_effect && effects + kept.blind > 0;
            if !told || given_back {
                let outcome = settlement.outcome.label();
                wrong = Some(format!("{id} for {key} is told as {outcome}: {effects} effects"));
                break;
            }
        }
        if let Some(wrong) = wrong {
            self.violate("S4", &wrong);
        }
    }

    pub fn open(&self) -> usize {
        self.open.len()
    }

    pub fn is_open(&self, key: &ExecutionKey) -> bool {
        self.open.contains_key(key)
    }

    /// The policy of an execution's open intent.
    pub fn policy_of(&self, key: &ExecutionKey) -> Option<&rescind::policy::PolicyName> {
        Some(&self.intents.get(self.open.get(key)?)?.intent.policy)
    }

    /// Whether we have canceled it.
    pub fn has_struck(&self, key: &ExecutionKey, execution: &Execution) -> bool {
        self.struck.contains(&(key.clone(), execution.number, execution.queued_at))
    }

    pub fn outcomes(&self) -> impl Iterator<Item = &'static str> {
        self.intents.values().map(|kept| {
            kept.settled.as_ref().map_or("open", |settlement| settlement.outcome.label())
        })
    }

    /// What should be canceled, and is not yet.
    pub fn eligible(&self, files: &Files, store: &Store, now: Timestamp) -> Vec<ExecutionKey> {
        let mut eligible = Vec::new();
        for job in crate::nature::JOBS {
            let Ok(found) = store.job(job) else { continue };
            let spared = aborts::may_follow(found);
            for (thing, execution) in found.executions() {
                let latest = found.execution(thing, None).map(|it| it.number);
                if latest != Some(execution.number) || execution.status.open().is_none() {
                    continue;
                }
                let truth = self.things.get(&**thing).copied().unwrap_or_default();
                let shielded =
                    files.shields.values().any(|it| it.allows(truth.medical.value, now).is_err());
                let due = |rule: &Rule| {
                    let at = execution.last_updated_at;
                    let early = now - TOLERANCE - TOLERANCE;
                    rule.allows(execution.status.open(), at, early).is_ok()
                        && (!rule.grouped || truth.grouped.value)
                        && !truth.held.value
                };
                // Of those that want it the one with the highest priority decides, whatever the others allow.
                let mut wanting = files.rules.values().filter(|rule| due(rule)).peekable();
                let wanted = wanting.peek().is_some();
                if !shielded && wanted && (!spared || wanting.all(|rule| rule.aborts)) {
                    let (job, thing) =
                        (job.parse().expect("an id"), thing.parse().expect("a name"));
                    eligible.push(ExecutionKey { job, thing });
                }
            }
        }
        eligible
    }
}

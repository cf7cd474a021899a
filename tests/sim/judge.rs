//! The judge: the invariants of the protocol, S1 to S5, L1 and L2, asserted where the requests arrive.
//!
//! It sees what the server sees (calls, effects, what devices do), what the disk holds, and which set the
//! process says is in force; never what goes on inside the controller. What policies and guards mean it
//! knows from `rules`, not from the product.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rescind::backend::CancelRequest;
use rescind::emulator::{Canceled, Execution, Store};
use rescind::execution::{ExecutionKey, JobId, OpenStatus};
use rescind::plan::breaker::Breaker;
use rescind::plan::{InForce, Intent, IntentId, Outcome};
use rescind::policy::PolicySet;
use rescind::state::Settlement;
use tokio::time::Instant;

use crate::files::Files;
use crate::rules::{Forbidden, Limit, Rule, Shield, TOLERANCE, revision};
use crate::truth::{FACTS_FOR, Truth};

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

    pub fn write(&mut self, revision: u64, written: Written) {
        self.revisions.insert(revision, (written, Instant::now()));
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
        let limits = match self.allows(&set, &intent, &execution, now) {
            Ok(limits) => limits,
            Err(forbidden) => {
                self.forbid(forbidden, key);
                Vec::new()
            }
        };
        self.sent += 1;
        Some(Flight { id, intent, queued_at: execution.queued_at, sent: self.sent, limits })
    }

    /// A policy as it was written, and when.
    fn rule(
        &self,
        set: &PolicySet,
        name: &rescind::policy::PolicyName,
    ) -> Option<(&Rule, Instant)> {
        let mut names = set.get(name)?.excludes.iter().map(|rule| &*rule.name);
        match self.revisions.get(&names.find_map(revision)?)? {
            (Written::Rule(rule), at) => Some((rule, *at)),
            (Written::Shield(_), _) => None,
        }
    }

    /// The guards that have to hold, with their names: those in force, and those that were adopted once.
    fn shields(&self, set: &PolicySet) -> Vec<(String, &Shield)> {
        let mut by_name: BTreeMap<String, u64> = self
            .adopted
            .iter()
            .filter(|(name, _)| !self.retired.contains(*name))
            .map(|(name, revision)| (name.clone(), *revision))
            .collect();
        for guard in set.guards() {
            let mut names = guard.protects.iter().map(|rule| &*rule.name);
            if let Some(revision) = names.find_map(revision) {
                by_name.insert(guard.name.to_string(), revision);
            }
        }
        let shield = |(name, revision)| match self.revisions.get(&revision)? {
            (Written::Shield(shield), _) => Some((name, shield)),
            (Written::Rule(_), _) => None,
        };
        by_name.into_iter().filter_map(shield).collect()
    }

    /// What an intent is charged to, if everything in force lets it go.
    fn allows(
        &self,
        set: &PolicySet,
        intent: &Intent,
        execution: &Execution,
        now: Timestamp,
    ) -> Result<Vec<(String, bool, Limit)>, Forbidden> {
        let no = |why: &str| Err(("S1", why.to_owned()));
        let Some(policy) = set.get(&intent.policy) else {
            return no("the policy is no longer in force");
        };
        if policy.held || set.is_blind() {
            return no("the policy's file has an error");
        }
        let Some((rule, written)) = self.rule(set, &intent.policy) else {
            return no("the policy was never written");
        };
        rule.allows(execution.status.open(), execution.last_updated_at, now)?;
        let truth = self.things.get(intent.key.thing.as_str()).copied().unwrap_or_default();
        if rule.grouped && truth.grouped.surely(false) {
            return no("the thing is not in the policy's group");
        }
        if truth.held.surely(true) {
            return no("the policy excludes what is held");
        }
        let seen = self.seen(rule, truth, written, now);
        if !rule.is_stable(execution.last_updated_at, seen, now) {
            return no("it has not matched for as long as the policy asks");
        }
        let mut limits = vec![(intent.policy.to_string(), false, rule.limit)];
        for (name, shield) in self.shields(set) {
            shield.allows(truth.medical.surely(true), now)?;
            if shield.retired {
                continue;
            }
            let all = shield.max.map(|limit| (format!("guard {name}"), false, limit));
            let forced = shield.max_forced.map(|limit| (format!("guard {name}"), true, limit));
            limits.extend(all.into_iter().chain(forced.filter(|_| intent.force)));
        }
        Ok(limits)
    }

    /// Since when at the earliest a thing can have been seen to match a policy as it is written: what
    /// did not match for longer than the breaks between looks was seen not to.
    fn seen(&self, rule: &Rule, truth: Truth, written: Instant, now: Timestamp) -> Timestamp {
        let long = 5 * self.interval + FACTS_FOR;
        let grouped = truth.grouped.since(true, long).filter(|_| rule.grouped);
        let latest = [Some(written), self.watched, grouped, truth.held.since(false, long)];
        let elapsed = latest.into_iter().flatten().map(|at| at.elapsed()).min();
        now - SignedDuration::try_from(elapsed.unwrap_or_default()).expect("less than a day")
    }

    /// A cancel took effect.
    pub fn took_effect(&mut self, flight: Option<&Flight>, canceled: &Canceled, now: Timestamp) {
        let Some(Flight { id, intent, queued_at, sent, limits }) = flight else { return };
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
        if blind {
            // It hit what was created anew, and its unit may have left the window with what was judged.
            return;
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

    /// No window that ends now has more effects than a limit allows that was in force when the last of
    /// them was sent: what was sent under another one after that says nothing of this one.
    fn check_window(
        &mut self,
        owner: &str,
        forced: bool,
        limit: Limit,
        last: usize,
        now: Timestamp,
    ) {
        let from = now - SignedDuration::from_secs(limit.per) + TOLERANCE;
        let of_guard = owner.starts_with("guard ");
        let counts = |hit: &&Hit| {
            hit.at > from
                && hit.sent <= last
                && (of_guard || hit.policy == owner)
                && (hit.forced || !forced)
        };
        let within: Vec<_> = self.hits.iter().filter(counts).collect();
        let open = (self.things.len() * crate::nature::JOBS.len()) as u64;
        let spent = within.len() as u64;
        let of_owner = |hit: &&Hit| {
            let same = |(name, only, _): &&(String, bool, Limit)| name == owner && *only == forced;
            hit.limits.iter().find(same).map_or(u64::MAX, |(_, _, limit)| limit.most(open, spent))
        };
        let most = within.iter().map(of_owner).max().unwrap_or(u64::MAX);
        let spent = spent + self.unknown_past(limit, most, now);
        if spent > most {
            let why = format!("{spent} canceled under {owner}, which allows {most}");
            self.violate("S3", &why);
        }
    }

    /// What is not known of the past counts as spent, and leaves the window evenly.
    fn unknown_past(&self, limit: Limit, most: u64, now: Timestamp) -> u64 {
        let Some(forgot) = self.forgot else { return 0 };
        let known = now.duration_since(forgot) + TOLERANCE;
        let free = u128::from(most) * known.as_millis().unsigned_abs() / 1_000;
        let free = free / u128::from(limit.per.unsigned_abs());
        most.saturating_sub(u64::try_from(free).unwrap_or(u64::MAX))
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

    pub fn outcomes(&self) -> impl Iterator<Item = &'static str> {
        self.intents.values().map(|kept| {
            kept.settled.as_ref().map_or("open", |settlement| settlement.outcome.label())
        })
    }

    /// What should be canceled, and is not yet.
    pub fn eligible(&self, files: &Files, store: &Store, now: Timestamp) -> Option<String> {
        for job in crate::nature::JOBS {
            let Ok(found) = store.job(job) else { continue };
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
                if !shielded && files.rules.values().any(due) {
                    return Some(format!("{job} on {thing} #{}", execution.number));
                }
            }
        }
        None
    }
}

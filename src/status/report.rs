//! The controller's side: things that happen become parts of the snapshot.
//!
//! Apart from the documents, since it alone knows plans and records. Nothing here waits, and nothing
//! that is reported changes what the controller does.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::standing;
use super::{Account, Breaker, ERRORS_KEPT, Failure, PASS_BUCKETS, Pass, Root, Snapshot};
use crate::inventory::Inventory;
use crate::observe::Progress;
use crate::plan::breaker;
use crate::plan::words::because;
use crate::plan::{Because, Line, Memory, Plan, Reason};
use crate::policy::PolicySet;

/// The longest error that is kept, in characters: what AWS answers has no bound.
const ERROR_LENGTH: usize = 500;

/// How many unreadable things of one pass are named.
const PROBLEMS_NAMED: usize = 20;

/// Where the controller reports. Clones report to the same place.
#[derive(Clone, Debug)]
pub struct Reporter(Arc<watch::Sender<Snapshot>>);

/// A pass under way.
#[derive(Debug)]
pub struct Running {
    at: Timestamp,
    begun: Instant,
    pass: Option<Pass>,
    is_part: bool,
}

impl Running {
    /// It looks at some executions only, and leaves what the last one said of all of them.
    pub fn is_part(&mut self) {
        self.is_part = true;
    }
}

impl Reporter {
    /// A place to report to, and where it can be read.
    pub fn new(now: Timestamp, root: String) -> (Self, watch::Receiver<Snapshot>) {
        let (sender, receiver) = watch::channel(Snapshot::new(now, root));
        (Self(Arc::new(sender)), receiver)
    }

    /// Shows a change, which does not show that the loop moves: it may come from beside it.
    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        self.0.send_modify(change);
    }

    /// The loop moves. Only what a pass or the wait between two of them does may say so.
    pub fn beat(&self) {
        self.change(|snapshot| snapshot.beat = Instant::now());
    }

    /// The root was looked at: `unread` says why it could not be read, if it could not.
    pub fn root(
        &self,
        set: &PolicySet,
        unread: Option<String>,
        broken: Vec<String>,
        revision: Option<&str>,
    ) {
        self.change(|snapshot| {
            let path = snapshot.root.path.clone();
            let digest = set.digest().as_str().to_owned();
            snapshot.root = Arc::new(Root {
                path,
                loaded: unread.is_none(),
                unread,
                digest,
                revision: revision.map(str::to_owned),
                broken,
                all_wait: set.is_blind(),
            });
        });
    }

    /// Whether the state is held, why it could not be written at the last try, and why nothing is sent if
    /// somebody wants that. The log keeps each change: the switch itself is gone once it is off.
    pub fn state(&self, held: bool, unwritten: Option<String>, paused: Option<String>) {
        self.change(|snapshot| {
            match (snapshot.paused.as_deref(), paused.as_deref()) {
                (before, after) if before == after => {}
                (_, Some(why)) => tracing::warn!(why, "paused: nothing is sent"),
                (_, None) => tracing::warn!("resumed: what is due is sent again"),
            }
            match (snapshot.state_held, held) {
                (true, false) => tracing::error!(
                    "the state file or its lock was moved, deleted or replaced: nothing is sent. Put it \
                     back, or restart"
                ),
                (false, true) => tracing::warn!("the state is in its place again: what is due is sent"),
                _ => {}
            }
            match (snapshot.state_unwritten.as_deref(), unwritten.as_deref()) {
                (before, after) if before == after => {}
                (_, Some(why)) => tracing::error!(why, "nothing is sent until the state can be written"),
                (_, None) => tracing::warn!("the state can be written again: what is due is sent"),
            }
            snapshot.state_held = held;
            snapshot.state_unwritten = unwritten.map(Into::into);
            snapshot.paused = paused.map(Into::into);
        });
    }

    /// Budgets, windows, suspensions stand so, whatever was looked at in between.
    pub fn stands(&self, set: &PolicySet, memory: &Memory, now: Timestamp) {
        let before = self.0.borrow().clone();
        let policies = standing::policies(set, &before.policies, memory, now);
        let guards = standing::guards(set, &before.guards, memory, now);
        self.change(|snapshot| {
            snapshot.policies = Arc::new(policies);
            snapshot.guards = Arc::new(guards);
        });
    }

    /// An error that somebody should see.
    pub fn failed(&self, at: Timestamp, what: &str) {
        let failure = Failure { at, what: shortened(what), ..Failure::default() };
        self.keep(failure, |one, other| one.kind.is_none() && one.what == other.what);
    }

    /// AWS refused a call for an execution: those that were refused alike count as one error.
    pub fn refused(&self, failure: Failure) {
        let failure = Failure { what: shortened(&failure.what), ..failure };
        let alike = |one: &Failure, other: &Failure| {
            (&one.operation, &one.kind) == (&other.operation, &other.kind)
        };
        self.keep(failure, alike);
    }

    /// Keeps the latest errors, and of those that are alike the latest, with how often it was met.
    fn keep(&self, mut failure: Failure, alike: impl Fn(&Failure, &Failure) -> bool) {
        self.change(|snapshot| {
            let errors = Arc::make_mut(&mut snapshot.errors);
            if let Some(place) = errors.iter().position(|it| alike(it, &failure)) {
                failure.count += errors.remove(place).count;
            } else if errors.len() >= ERRORS_KEPT {
                errors.remove(0);
            }
            errors.push(failure);
        });
    }

    /// A pass begins.
    pub fn begins(&self, at: Timestamp) -> Running {
        self.beat();
        self.change(|snapshot| snapshot.active = true);
        Running { at, begun: Instant::now(), pass: None, is_part: false }
    }

    /// A pass has observed and planned. Gives how many executions AWS created anew after a cancel of ours.
    pub fn planned(
        &self,
        running: &mut Running,
        plan: &Plan,
        inventory: &Inventory,
        memory: &Memory,
    ) -> u64 {
        let before = Arc::clone(&self.0.borrow().policies);
        let policies = Arc::new(standing::planned_policies(plan, &before));
        let guards = Arc::new(standing::planned_guards(plan));
        let breakers = Arc::new(plan.breakers.iter().map(Breaker::from).collect());
        let mut unknown = BTreeMap::<String, u64>::new();
        for line in plan.lines.iter().filter(|line| line.verdict.reason == Reason::FactUnknown) {
            if let Because::Unknown { fact, .. } = because(line, plan, inventory, memory) {
                *unknown.entry(family(&fact.to_string())).or_default() += 1;
            }
        }
        let problems = inventory.problems.iter().take(PROBLEMS_NAMED);
        let problems = problems.cloned().collect();
        let count = |(reason, count): (Reason, usize)| (reason.label().to_owned(), count as u64);
        let recreated = plan.lines.iter().filter(|line| is_recreated(line, inventory, memory));
        let recreated = recreated.count() as u64;
        running.pass = Some(Pass {
            executions: plan.lines.len() as u64,
            reasons: plan.counts().into_iter().map(count).collect(),
            unknown,
            recreated,
            problems,
            ..Pass::default()
        });
        self.beat();
        self.change(|snapshot| {
            snapshot.policies = policies;
            snapshot.guards = guards;
            snapshot.breakers = breakers;
            snapshot.tally.since.clear();
            if let Some(account) = &plan.account {
                let account = account.clone();
                snapshot.account = Some(Arc::new(Account {
                    partition: account.partition,
                    account: account.account,
                    region: account.region,
                }));
            }
        });
        recreated
    }

    /// The breakers stand so.
    pub fn breakers(&self, states: &[breaker::State]) {
        let breakers = states.iter().map(Breaker::from).collect();
        self.change(|snapshot| snapshot.breakers = Arc::new(breakers));
    }

    /// A line ended so.
    pub fn ended(&self, label: &'static str, forced: bool) {
        self.beat();
        self.change(|snapshot| {
            *snapshot.tally.endings.entry(label.to_owned()).or_default() += 1;
            *snapshot.tally.since.entry(label.to_owned()).or_default() += 1;
            snapshot.tally.forced += u64::from(forced);
        });
    }

    /// A pass has come to its end; `observed` says whether it saw anything. The next look is due then.
    pub fn ends(&self, running: Running, observed: bool, next_look: Option<Timestamp>) {
        let seconds = running.begun.elapsed().as_secs_f64();
        let is_part = running.is_part && observed;
        self.beat();
        self.change(|snapshot| {
            // What could not be looked at is as it was last seen.
            let last =
                || snapshot.pass.as_deref().filter(|_| !observed).cloned().unwrap_or_default();
            let seen = running.pass.unwrap_or_else(last);
            let pass = Pass { at: running.at, seconds, observed, ..seen };
            let tally = &mut snapshot.tally;
            *(if observed { &mut tally.passes } else { &mut tally.failed }) += 1;
            tally.seconds += seconds;
            let bucket = PASS_BUCKETS.iter().position(|bound| seconds <= *bound);
            tally.buckets[bucket.unwrap_or(PASS_BUCKETS.len() - 1)] += 1;
            if !is_part {
                snapshot.pass = Some(Arc::new(pass));
            }
            snapshot.active = false;
            snapshot.next_look = next_look;
        });
    }
}

fn shortened(what: &str) -> String {
    what.chars().take(ERROR_LENGTH).collect()
}

impl Progress for Reporter {
    fn update(&self, _: &str, _: usize, _: Option<usize>) {
        self.beat();
    }
}

/// A fact without the key that was asked for: `thing.attributes.board` counts as `thing.attributes`.
fn family(fact: &str) -> String {
    fact.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// Whether an execution is another one than that of the same job and thing which we have canceled a
/// moment ago: AWS created it since.
fn is_recreated(line: &Line, inventory: &Inventory, memory: &Memory) -> bool {
    let Some(canceled) = memory.canceled.get(&line.key) else { return false };
    let Some(row) = inventory.executions.get(&line.key) else { return false };
    let Some(number) = row.number.known() else { return false };
    row.status.open().is_some() && canceled.keys().all(|it| it < number)
}

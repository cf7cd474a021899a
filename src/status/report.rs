//! The controller's side: things that happen become parts of the snapshot.
//!
//! Apart from the documents, since it alone knows plans and records. Nothing here waits, and nothing
//! that is reported changes what the controller does.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{
    Account, Breaker, Budget, ERRORS_KEPT, Failure, Guard, PASS_BUCKETS, Pass, Policy, Root,
    Snapshot,
};
use crate::inventory::Inventory;
use crate::observe::Progress;
use crate::plan::breaker;
use crate::plan::words::because;
use crate::plan::{Because, BudgetState, Memory, Owner, Plan, Reason};
use crate::policy::{self, Mode, PolicyName, PolicySet};

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

    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        self.0.send_modify(|snapshot| {
            snapshot.beat = Instant::now();
            change(snapshot);
        });
    }

    /// The loop moves.
    pub fn beat(&self) {
        self.change(|_| {});
    }

    /// The root was looked at: `loaded` says whether it could be read.
    pub fn root(&self, set: &PolicySet, loaded: bool, broken: Vec<String>, revision: Option<&str>) {
        self.change(|snapshot| {
            let path = snapshot.root.path.clone();
            let digest = set.digest().as_str().to_owned();
            snapshot.root = Arc::new(Root {
                path,
                loaded,
                digest,
                revision: revision.map(str::to_owned),
                broken,
            });
        });
    }

    /// Whether the state is held and can be written.
    pub fn state(&self, held: bool) {
        self.change(|snapshot| snapshot.state_held = held);
    }

    /// An error that somebody should see.
    pub fn failed(&self, at: Timestamp, what: &str) {
        self.change(|snapshot| {
            let errors = Arc::make_mut(&mut snapshot.errors);
            if errors.len() >= ERRORS_KEPT {
                errors.remove(0);
            }
            errors.push(Failure { at, what: what.chars().take(ERROR_LENGTH).collect() });
        });
    }

    /// A pass begins.
    pub fn begins(&self, at: Timestamp) -> Running {
        self.change(|snapshot| snapshot.active = true);
        Running { at, begun: Instant::now(), pass: None, is_part: false }
    }

    /// A pass has observed and planned.
    pub fn planned(
        &self,
        running: &mut Running,
        plan: &Plan,
        inventory: &Inventory,
        memory: &Memory,
    ) {
        let (policies, guards) = (Arc::new(policies(plan)), Arc::new(guards(plan)));
        let breakers = Arc::new(plan.breakers.iter().map(Breaker::from).collect());
        let mut unknown = BTreeMap::<String, u64>::new();
        for line in plan.lines.iter().filter(|line| line.verdict.reason == Reason::FactUnknown) {
            if let Because::Unknown { fact, .. } = because(line, plan, inventory, memory) {
                *unknown.entry(family(&fact.to_string())).or_default() += 1;
            }
        }
        let problems = inventory.problems.iter().take(PROBLEMS_NAMED);
        let problems = problems.map(|it| format!("{}: {}", it.what, it.why)).collect();
        let count = |(reason, count): (Reason, usize)| (label(reason), count as u64);
        running.pass = Some(Pass {
            executions: plan.lines.len() as u64,
            reasons: plan.counts().into_iter().map(count).collect(),
            unknown,
            problems,
            ..Pass::default()
        });
        self.change(|snapshot| {
            snapshot.policies = policies;
            snapshot.guards = guards;
            snapshot.breakers = breakers;
            if let Some(account) = &plan.account {
                let (account, region) = (account.account.clone(), account.region.clone());
                snapshot.account = Some(Arc::new(Account { account, region }));
            }
        });
    }

    /// The breakers stand so.
    pub fn breakers(&self, states: &[breaker::State]) {
        let breakers = states.iter().map(Breaker::from).collect();
        self.change(|snapshot| snapshot.breakers = Arc::new(breakers));
    }

    /// A line ended so.
    pub fn ended(&self, label: String, forced: bool) {
        self.change(|snapshot| {
            *snapshot.tally.endings.entry(label).or_default() += 1;
            snapshot.tally.forced += u64::from(forced);
        });
    }

    /// A pass has come to its end; `observed` says whether it saw anything. The next look is due then.
    pub fn ends(&self, running: Running, observed: bool, next_look: Option<Timestamp>) {
        let seconds = running.begun.elapsed().as_secs_f64();
        let is_part = running.is_part && observed;
        let pass = Pass { at: running.at, seconds, observed, ..running.pass.unwrap_or_default() };
        self.change(|snapshot| {
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

impl Progress for Reporter {
    fn update(&self, _: &str, _: usize, _: Option<usize>) {
        self.beat();
    }
}

/// A fact without the key that was asked for: `thing.attributes.board` counts as `thing.attributes`.
fn family(fact: &str) -> String {
    fact.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// As in JSON: `budgetExhausted`.
fn label(reason: Reason) -> String {
    camel(reason)
}

fn camel(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(label)) => label,
        _ => String::new(),
    }
}

fn policies(plan: &Plan) -> Vec<Policy> {
    let mut policies: BTreeMap<PolicyName, Policy> =
        plan.policies.iter().map(|policy| (policy.name.clone(), about(policy, plan))).collect();
    let mut counts = BTreeMap::<(&PolicyName, Reason), u64>::new();
    for line in &plan.lines {
        *counts.entry((&line.policy.name, line.verdict.reason)).or_default() += 1;
    }
    for ((name, reason), count) in counts {
        if let Some(policy) = policies.get_mut(name) {
            policy.executions.insert(label(reason), count);
        }
    }
    for observed in &plan.observed {
        if let Some(policy) = policies.get_mut(&observed.policy) {
            policy.observed += 1;
        }
    }
    for state in &plan.budgets {
        if let Owner::Policy(name) = &state.owner
            && let Some(policy) = policies.get_mut(name)
        {
            policy.budgets.push(limit(state));
        }
    }
    policies.into_values().collect()
}

fn guards(plan: &Plan) -> Vec<Guard> {
    let about = |guard: &policy::Guard| {
        let of_guard = |state: &&BudgetState| state.owner == Owner::Guard(guard.name.clone());
        Guard {
            name: guard.name.to_string(),
            standing: camel(guard.standing),
            path: guard.origin.path.to_string(),
            budgets: plan.budgets.iter().filter(of_guard).map(limit).collect(),
        }
    };
    plan.policies.guards().map(|guard| about(guard)).collect()
}

fn limit(state: &BudgetState) -> Budget {
    Budget {
        limit: state.limit.clone(),
        size: state.size,
        spent: state.spent,
        left: state.left(),
        refills_at: state.refills_at,
        halted: state.halted,
    }
}

fn about(policy: &policy::Policy, plan: &Plan) -> Policy {
    let expired = policy.expires_at.is_some_and(|at| plan.now >= at);
    let state = match (policy.held, expired, policy.suspended.is_some()) {
        (true, ..) => "held",
        (_, true, _) => "expired",
        (.., true) => "suspended",
        _ => "active",
    };
    let mode = match policy.mode {
        Mode::Observe => "Observe",
        Mode::Enforce => "Enforce",
    };
    Policy {
        name: policy.name.to_string(),
        mode: mode.to_owned(),
        state: state.to_owned(),
        path: policy.origin.path.to_string(),
        digest: policy.digest.as_str().to_owned(),
        ..Policy::default()
    }
}

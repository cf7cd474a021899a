//! Policies and fleets from text, and a small world in which a plan is applied.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use rescind::document::{Documents, Limits, SourceFile, read, read_at, render};
use rescind::execution::ExecutionKey;
use rescind::fleet::{self, Fleet};
use rescind::inventory::Inventory;
use rescind::plan::budget::left_of;
use rescind::plan::in_force::{Judgement, judge};
use rescind::plan::words::facts_of;
use rescind::plan::{Charge, Memory, Plan, Spent};
use rescind::policy::{Demands, Guard, Policy, PolicyName, PolicySet};

/// The time of tests that do not care.
pub const NOW: &str = "2026-11-23T12:00:00Z";

pub fn now() -> Timestamp {
    time(NOW)
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub fn key(job: &str, thing: &str) -> ExecutionKey {
    ExecutionKey { job: job.parse().expect("a job id"), thing: thing.parse().expect("a name") }
}

pub fn name(text: &str) -> PolicyName {
    PolicyName::new(text).expect("a policy's name")
}

/// A unit of a policy's budget, without force: open, or settled.
pub fn unit(policy: &str, settled: Option<Timestamp>) -> Spent {
    Spent { policy: name(policy), forced: false, settled }
}

/// What some files say, in which nothing may be wrong.
pub fn documents_of(files: &[SourceFile]) -> Documents {
    let documents = read(files, &Limits::policies());
    assert!(documents.broken.is_empty(), "{}", render::text(&documents.diagnostics, false));
    documents
}

fn file(kind: &str, name: &str, spec: &str) -> SourceFile {
    let indented = spec.replace('\n', "\n  ");
    let text = format!(
        "apiVersion: rescind/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  {indented}\n"
    );
    SourceFile { path: format!("{name}.yaml"), text: text.into_bytes() }
}

/// A policy of which only the spec is written, in one line or several.
pub fn policy(name: &str, spec: &str) -> Policy {
    documents_of(&[file("CancelPolicy", name, spec)]).policies.remove(0)
}

/// A guard, likewise.
pub fn guard(name: &str, spec: &str) -> Guard {
    documents_of(&[file("CancelGuard", name, spec)]).guards.remove(0)
}

pub fn set(policies: impl IntoIterator<Item = Policy>) -> Arc<PolicySet> {
    Arc::new(PolicySet::new(policies))
}

/// The policies and guards of some files, in which nothing may be wrong.
pub fn set_of(files: &[SourceFile]) -> Arc<PolicySet> {
    let Documents { policies, guards, .. } = documents_of(files);
    Arc::new(PolicySet::guarded(policies, guards, Demands::default()))
}

/// The policies of one file, in which nothing may be wrong, as it is in a git revision.
pub fn set_of_revision(text: &str, revision: Option<&str>) -> Arc<PolicySet> {
    let file = SourceFile { path: "a.yaml".to_owned(), text: text.into() };
    let documents = read_at(&[file], &Limits::policies(), revision.map(Arc::from).as_ref());
    assert!(documents.diagnostics.is_empty(), "{}", render::text(&documents.diagnostics, false));
    set(documents.policies)
}

/// The fleet of a document.
pub fn fleet_of(text: impl Into<Vec<u8>>) -> Fleet {
    let file = SourceFile { path: "fleet.yaml".to_owned(), text: text.into() };
    let mut documents = read(&[file], &Limits::fleet());
    assert!(documents.diagnostics.is_empty(), "{}", render::text(&documents.diagnostics, false));
    documents.fleets.remove(0).1
}

/// A fleet of which only the spec is written.
pub fn fleet(spec: &str) -> Fleet {
    let indented = spec.replace('\n', "\n  ");
    fleet_of(format!(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: test}}\nspec:\n  {indented}\n"
    ))
}

/// `count` robots with one QUEUED execution of job `fw` each; robot 0 has waited longest.
pub fn queue(count: usize) -> Inventory {
    use std::fmt::Write as _;
    let mut spec = "jobs: [{id: fw}]\nthings:\n".to_owned();
    for index in 0..count {
        writeln!(spec, "- {{name: r-{index:03}}}").expect("a String");
    }
    spec.push_str("executions:\n");
    for index in 0..count {
        let age = 1_000 - index;
        writeln!(spec, "- {{job: fw, thing: r-{index:03}, queuedAt: {age}h ago}}")
            .expect("a String");
    }
    fleet::inventory(&fleet(&spec), now())
}

/// What becomes of a canceled execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// It leaves its list.
    Current,
    /// Its list still has it: AWS's reads lag behind its writes.
    Lagging,
}

/// Applies a plan as the executor would, without its transport: each line is judged anew as
/// described, and the ledger refuses what is over budget. Gives back what was canceled, in order.
pub fn apply(
    plan: &Plan,
    inventory: &mut Inventory,
    memory: &mut Memory,
    lists: Lists,
) -> Vec<ExecutionKey> {
    let mut canceled = Vec::new();
    for line in plan.acts() {
        let act = line.act.as_ref().expect("a line that acts says how");
        let facts = facts_of(&line.key, inventory).expect("it was observed");
        let Judgement::Cancel(ruling) = judge(&plan.policies, &facts, &memory.sightings, plan.now)
        else {
            continue;
        };
        let same = ruling.policy.name == line.policy.name && ruling.force == act.force;
        let has_room = |charge: &Charge| left_of(charge, memory, plan.now) > 0;
        if !same || !act.charges.iter().all(has_room) {
            continue;
        }
        memory.spent.push(Spent {
            policy: line.policy.name.clone(),
            forced: act.force,
            settled: Some(plan.now),
        });
        let numbers = memory.canceled.entry(line.key.clone()).or_default();
        numbers.insert(act.number, plan.now);
        canceled.push(line.key.clone());
    }
    if lists == Lists::Current {
        let gone: BTreeSet<_> = canceled.iter().collect();
        inventory.executions.retain(|key, _| !gone.contains(key));
    }
    canceled
}

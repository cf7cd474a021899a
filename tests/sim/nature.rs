//! What devices and operators do all the time, whatever the controller wants.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rescind::emulator::{Cancel, Store, ThingUpdate, Update};
use rescind::execution::ExecutionStatus;
use tokio::time::{Instant, sleep};

use crate::judge::Judge;
use crate::scenario::Criterion;
use crate::truth::{Since, Truth};
use crate::world::{Inner, World};

pub const JOBS: [&str; 2] = ["fw", "cfg"];

const GROUP: &str = "berlin";

/// How many pairs AWS keeps of a device's details.
const PAIRS: usize = 10;

/// A fleet whose things all are in the group that both jobs follow; AWS may abort the first one.
pub fn fleet(things: usize, abort: Option<Criterion>) -> String {
    let mut text = format!(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: sim}}\nspec:\n  \
         account: \"123456789012\"\n  region: eu-central-1\n  groups: [{GROUP}]\n  jobs:\n"
    );
    for job in JOBS {
        let abort = abort.filter(|_| job == JOBS[0]).map_or_else(String::new, |criterion| {
            format!(
                ", abort: [{{failureType: FAILED, thresholdPercentage: {}, minNumberOfExecutedThings: {}}}]",
                criterion.percent, criterion.least
            )
        });
        text.push_str(&format!(
            "    - {{id: {job}, createdAt: 90d ago, targetSelection: CONTINUOUS, targets: {{groups: [{GROUP}]}}{abort}}}\n"
        ));
    }
    text.push_str("  things:\n");
    for thing in 0..things {
        text.push_str(&format!(
            "    - {{name: r{thing}, groups: [{GROUP}], connectivity: {{connected: false}}}}\n"
        ));
    }
    text.push_str("  executions:\n");
    for thing in 0..things {
        text.push_str(&format!("    - {{job: fw, thing: r{thing}, queuedAt: 1d ago}}\n"));
    }
    text
}

/// What is true of the fleet at the beginning.
pub fn begin(judge: &mut Judge, things: usize) {
    for thing in 0..things {
        let grouped = Since::always(true);
        judge.things.insert(format!("r{thing}"), Truth { grouped, ..Truth::default() });
    }
}

/// Moves things until it is dropped.
pub async fn live(world: Arc<World>) {
    let Some(most) = world.scenario.moves else { return std::future::pending().await };
    loop {
        let pause = world.inner().random.between(1, most);
        sleep(Duration::from_secs(pause)).await;
        let inner = &mut *world.inner();
        let job = inner.random.pick(&JOBS);
        let thing = format!("r{}", inner.random.below(world.scenario.things as u64));
        let now = world.emulator.now();
        world.emulator.store(|store| stir(inner, store, job, &thing, now));
    }
}

/// Edits files and throws the stop switch until it is dropped.
pub async fn edit(world: Arc<World>) {
    let Some(most) = world.scenario.edits else { return std::future::pending().await };
    loop {
        let pause = world.inner().random.between(1, most);
        sleep(Duration::from_secs(pause)).await;
        let inner = &mut *world.inner();
        inner.count("edits");
        if inner.random.chance(10) {
            inner.paused = !inner.paused;
            inner.count("stop switch");
            inner.trace.add(&format!("stop switch {}", inner.paused));
            continue;
        }
        let what = inner.files.edit(&mut inner.random, &mut inner.judge, world.emulator.now());
        if what.ends_with("retired") {
            inner.count("retired guards");
        }
        inner.note(&format!("edit: {what}"));
        // Events are known to be missed.
        if inner.random.chance(70) {
            world.bell.notify_one();
        }
    }
}

/// The device of an execution tells how far it is.
pub fn report(inner: &mut Inner, store: &mut Store, job: &str, thing: &str, now: Timestamp) {
    inner.count("moves");
    let _ = store.update(thing, job, Update::to(ExecutionStatus::InProgress), now);
    inner.note(&format!("{job} on {thing} reports"));
}

/// One thing happens to one execution or thing.
pub fn stir(inner: &mut Inner, store: &mut Store, job: &str, thing: &str, now: Timestamp) {
    inner.count("moves");
    let to = |store: &mut Store, status| {
        let _ = store.update(thing, job, Update::to(status), now);
    };
    let flag = |store: &mut Store, key: &str, value: &str| {
        let attributes = Some([(key.to_owned(), value.to_owned())].into());
        let update = ThingUpdate { attributes, merge: true, ..ThingUpdate::default() };
        let _ = store.registry.update_thing(thing, update);
    };
    let truth = inner.judge.things.entry(thing.to_owned()).or_default();
    let what = match inner.random.below(30) {
        0..=5 => {
            to(store, ExecutionStatus::InProgress);
            "reports"
        }
        // As many pairs as there may be: a cancel has no room for its mark.
        6 => {
            let pairs = (0..PAIRS).map(|pair| (format!("step-{pair}"), "done".to_owned()));
            let update = Update {
                status_details: Some(pairs.collect()),
                ..Update::to(ExecutionStatus::InProgress)
            };
            let _ = store.update(thing, job, update, now);
            "reports all that it can"
        }
        7 => {
            to(store, ExecutionStatus::Succeeded);
            "succeeds"
        }
        8 => {
            to(store, ExecutionStatus::Failed);
            "fails"
        }
        9 => {
            let _ = store.cancel(thing, job, Cancel { force: true, ..Cancel::default() }, now);
            "is canceled by somebody"
        }
        // Leaves the group and joins it again: what is QUEUED is REMOVED, and there is a new one.
        10..=19 => {
            let _ = store.remove_from_group(thing, GROUP, now);
            let _ = store.add_to_group(thing, GROUP, now);
            truth.grouped.set(true);
            "is queued anew"
        }
        20 => {
            let _ = store.remove_from_group(thing, GROUP, now);
            truth.grouped.set(false);
            "leaves"
        }
        21 => {
            let _ = store.add_to_group(thing, GROUP, now);
            truth.grouped.set(true);
            "joins"
        }
        22 => {
            store.delete_execution(thing, job);
            inner.judge.deleted.push(Instant::now());
            "is deleted"
        }
        23 => {
            store.delete_execution(thing, job);
            inner.judge.deleted.push(Instant::now());
            let _ = store.remove_from_group(thing, GROUP, now);
            let _ = store.add_to_group(thing, GROUP, now);
            truth.grouped.set(true);
            "is deleted and queued anew"
        }
        24 => {
            let medical = !truth.medical.value;
            flag(store, "criticality", if medical { "medical" } else { "none" });
            truth.medical.set(medical);
            if medical { "becomes medical" } else { "is no longer medical" }
        }
        25 => {
            let held = !truth.held.value;
            flag(store, "hold", if held { "yes" } else { "no" });
            truth.held.set(held);
            if held { "is held" } else { "is no longer held" }
        }
        // Most of the time, what was protected is not.
        _ => {
            flag(store, "criticality", "none");
            flag(store, "hold", "no");
            truth.medical.set(false);
            truth.held.set(false);
            "is like any other"
        }
    };
    let state = store.execution(thing, job, None).map(shown).unwrap_or_default();
    inner.note(&format!("{job} on {thing} {what}: {state}"));
}

pub fn shown(execution: &rescind::emulator::Execution) -> String {
    format!("{} #{} v{}", execution.status, execution.number, execution.version)
}

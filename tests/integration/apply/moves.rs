//! What devices and operators do behind our back.

use jiff::Timestamp;
use rescind::emulator::{Cancel, Store, Update};
use rescind::execution::ExecutionStatus;

pub const JOB: &str = "fw";

/// The device takes its execution.
pub fn start(store: &mut Store, thing: &str, now: Timestamp) {
    report(store, thing, now);
}

/// The device reports progress, which starts what is QUEUED.
pub fn report(store: &mut Store, thing: &str, now: Timestamp) {
    let _ = store.update(thing, JOB, Update::to(ExecutionStatus::InProgress), now);
}

/// The device ends its execution.
pub fn succeed(store: &mut Store, thing: &str, now: Timestamp) {
    let _ = store.update(thing, JOB, Update::to(ExecutionStatus::Succeeded), now);
}

/// Somebody else cancels it.
pub fn cancel(store: &mut Store, thing: &str, now: Timestamp) {
    let _ = store.cancel(thing, JOB, Cancel { force: true, ..Cancel::default() }, now);
}

/// The device leaves its group and joins it again: a QUEUED execution of a CONTINUOUS job is REMOVED
/// and another one with the next number is QUEUED, at version 1.
pub fn queue_anew(store: &mut Store, thing: &str, group: &str, now: Timestamp) {
    let _ = store.remove_from_group(thing, group, now);
    let _ = store.add_to_group(thing, group, now);
}

/// One thing r0 in the group berlin, which the CONTINUOUS job fw follows.
pub const CONTINUOUS: &str = "groups: [berlin]
things: [{name: r0, groups: [berlin]}]
jobs: [{id: fw, targetSelection: CONTINUOUS, targets: {groups: [berlin]}}]
executions: [{job: fw, thing: r0, queuedAt: 1d ago}]";

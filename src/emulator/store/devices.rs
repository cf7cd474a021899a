//! Living devices, moved on by the agenda: they start, report and end executions through the same
//! transitions as devices that call the data plane.
//!
//! A device is looked after when something of its own is due or when its queue changes, never in
//! between: a million idle devices cost nothing.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{Due, Execution, Store, Update};
use crate::emulator::devices::{self, Device, Ending, Work};
use crate::emulator::registry::Connectivity;
use crate::execution::ExecutionStatus;
use crate::fleet::Behavior;

/// What a device does, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::emulator) enum State {
    Idle,
    Waiting,
    Working,
    Hanging,
    Offline,
}

/// What a device does, and the first of its queue.
pub(in crate::emulator) struct Doing<'a> {
    pub thing: &'a str,
    pub state: State,
    pub next: Option<(&'a str, &'a Execution)>,
}

impl Store {
    /// Lets a thing's device live from now on.
    pub(in crate::emulator) fn enliven(
        &mut self,
        thing: &Arc<str>,
        behavior: &Arc<Behavior>,
        now: Timestamp,
    ) {
        let now = now.as_second();
        let device = Device { behavior: behavior.clone(), free_since: now, wakes_at: None };
        self.devices.all.insert(thing.clone(), device);
        self.wake(thing, now);
    }

    /// What all living devices do at this time.
    pub(in crate::emulator) fn doings(&self) -> impl Iterator<Item = Doing<'_>> {
        self.devices.all.iter().map(|(thing, device)| {
            let known = self.registry.thing(thing).ok().and_then(|thing| thing.connectivity);
            let next = self.next(thing);
            let state = match next {
                _ if known.is_some_and(|it| !it.connected) => State::Offline,
                None => State::Idle,
                Some((_, it)) if it.status == ExecutionStatus::Queued => State::Waiting,
                Some((job, it)) => {
                    let key = (&**thing, job, it.number);
                    let work = Work::new(&device.behavior, self.devices.seed, key);
                    let hangs = work.ending == Ending::Hangs && device.wakes_at.is_none();
                    if hangs { State::Hanging } else { State::Working }
                }
            };
            Doing { thing, state, next }
        })
    }

    /// Looks after a device at a time, or earlier if it is to be looked after earlier anyway.
    pub(super) fn wake(&mut self, thing: &Arc<str>, at: i64) {
        let Some(device) = self.devices.all.get_mut(thing) else { return };
        if device.wakes_at.is_some_and(|already| already <= at) {
            return;
        }
        if let Some(later) = device.wakes_at.replace(at) {
            self.agenda.remove(&(later, Due::Device(thing.clone())));
        }
        self.agenda.insert((at, Due::Device(thing.clone())));
    }

    /// An execution on a thing has ended or vanished: what is behind it is next.
    pub(super) fn free(&mut self, thing: &str, now: i64) {
        let Some((thing, _)) = self.devices.all.get_key_value(thing) else { return };
        let thing = thing.clone();
        if let Some(device) = self.devices.all.get_mut(&thing) {
            device.free_since = now;
        }
        self.wake(&thing, now);
    }

    /// Does what a device does at this time.
    pub(super) fn live(&mut self, thing: &Arc<str>, now: Timestamp) {
        let Some(device) = self.devices.all.get_mut(thing) else { return };
        device.wakes_at = None;
        let device = device.clone();
        if self.registry.thing(thing).is_err() {
            // A device whose thing was deleted cannot sign in any more.
            self.devices.all.remove(thing);
            return;
        }
        let (connected, turns_at) = self.connection(thing, &device, now.as_second());
        let works_at = connected.then(|| self.work(thing, &device, now)).flatten();
        if let Some(at) = [turns_at, works_at].into_iter().flatten().min() {
            self.wake(thing, at);
        }
    }

    /// Whether a device is connected now, and when that ends.
    fn connection(&mut self, thing: &Arc<str>, device: &Device, now: i64) -> (bool, Option<i64>) {
        let known = self.registry.thing(thing).ok().and_then(|thing| thing.connectivity);
        let mut connected = known.is_none_or(|it| it.connected);
        let since = known.and_then(|it| it.since).unwrap_or(device.free_since);
        let seed = self.devices.seed;
        let ends = |connected, since: i64| {
            let lasts =
                devices::connection_lasts(&device.behavior, seed, thing, (connected, since));
            lasts.map(|lasts| since.saturating_add(lasts))
        };
        let mut turns_at = ends(connected, since);
        if turns_at.is_some_and(|at| at <= now) {
            connected = !connected;
            let turned = Connectivity { connected, since: Some(now) };
            let set = self.registry.set_connectivity(thing, Some(turned));
            set.expect("the device's thing was looked up before");
            turns_at = ends(connected, now);
        }
        (connected, turns_at)
    }

    /// What a connected device does with the first of its queue, and when it goes on.
    fn work(&mut self, thing: &Arc<str>, device: &Device, now: Timestamp) -> Option<i64> {
        let (id, execution) = self.next(thing)?;
        let (id, execution) = (id.to_owned(), execution.clone());
        let key = (&**thing, id.as_str(), execution.number);
        let work = Work::new(&device.behavior, self.devices.seed, key);
        let second = now.as_second();
        if execution.status == ExecutionStatus::InProgress {
            return self.go_on(thing, &id, &execution, (device, work), now);
        }
        let ready = execution.queued_at.max(device.free_since).saturating_add(work.picks_up_after);
        if second < ready {
            return Some(ready);
        }
        if work.ending == Ending::Rejects {
            self.report(thing, &id, execution.number, Update::to(ExecutionStatus::Rejected), now);
            return None;
        }
        let details = work.report(&device.behavior, 0);
        self.start_next(thing, Some(details), None, now);
        let (every, _) = reports(&device.behavior, second, second);
        Some(every.min(second.saturating_add(work.stops_after)))
    }

    /// Reports progress or the end, and tells when there is more to report.
    fn go_on(
        &mut self,
        thing: &Arc<str>,
        id: &str,
        execution: &Execution,
        (device, work): (&Device, Work),
        now: Timestamp,
    ) -> Option<i64> {
        let (behavior, second) = (&device.behavior, now.as_second());
        let started = execution.started_at.unwrap_or(execution.queued_at);
        let stops = started.saturating_add(work.stops_after);
        let report = |status, at: i64| Update {
            status_details: Some(work.report(behavior, at - started)),
            ..Update::to(status)
        };
        if second >= stops {
            let status = match work.ending {
                Ending::Hangs => return None,
                Ending::Succeeds => ExecutionStatus::Succeeded,
                // What has begun cannot be rejected any more.
                Ending::Fails | Ending::Rejects => ExecutionStatus::Failed,
            };
            self.report(thing, id, execution.number, report(status, stops), now);
            return None;
        }
        let (next, last) = reports(behavior, started, second);
        if last > started && last > execution.last_updated_at {
            let update = report(ExecutionStatus::InProgress, second);
            self.report(thing, id, execution.number, update, now);
        }
        Some(next.min(stops))
    }

    fn report(&mut self, thing: &str, id: &str, number: i64, update: Update, now: Timestamp) {
        // A refusal changes nothing, and the device has nothing more to say about this execution.
        let _ = self.update(thing, id, Update { number: Some(number), ..update }, now);
    }
}

/// The next report of work that started then, and the last one until now; the start is one.
fn reports(behavior: &Behavior, started: i64, now: i64) -> (i64, i64) {
    let every = behavior.reports_every.as_secs();
    let last = started.saturating_add((now - started).max(0) / every * every);
    (last.saturating_add(every), last)
}

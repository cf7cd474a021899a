//! What will happen by itself: timers, schedules, cancels and deletions under way, living
//! devices.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::Store;

/// Something that is due at a time. What is due at the same second is done in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::emulator) enum Due {
    /// A job's startTime.
    Start(Arc<str>),
    /// A timer of an execution: job, thing, number.
    Timer(Arc<str>, Arc<str>, i64),
    /// The next executions of a canceled job.
    Sweep(Arc<str>),
    /// A job's endTime.
    End(Arc<str>),
    /// The end of a deletion.
    Delete(Arc<str>),
    /// The next doing of a thing's device.
    Device(Arc<str>),
}

/// All that is due, by epoch second.
pub(in crate::emulator) type Agenda = BTreeSet<(i64, Due)>;

impl Store {
    /// Does all that was due until `now`, each at its own time and in the order of these.
    pub fn advance(&mut self, now: Timestamp) {
        self.past.forget_before(now);
        while let Some((at, _)) = self.agenda.first().filter(|(at, _)| *at <= now.as_second()) {
            let at = Timestamp::from_second(*at).unwrap_or(now);
            let Some((_, due)) = self.agenda.pop_first() else { return };
            match due {
                Due::Start(id) => self.start_job(&id, at),
                Due::Timer(id, thing, number) => self.time_out(&id, &thing, number, at),
                Due::Sweep(id) => self.sweep(&id, at),
                Due::End(id) => self.end_job(&id, at),
                Due::Delete(id) => self.end_deletion(&id, at),
                Due::Device(thing) => self.live(&thing, at),
            }
        }
    }
}

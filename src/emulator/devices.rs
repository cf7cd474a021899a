//! What a living device will do with an execution: how long it waits, how far it gets, how it ends.
//!
//! Apart from the store, which does it, because nothing here has a state: all of it follows from the
//! fleet's seed and the execution's key. So the same fleet lives the same life, whatever order calls come
//! in, and a snapshot needs to hold nothing but the behaviour.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use crate::execution::StatusDetails;
use crate::fleet::Behavior;

/// All living devices, by the name of their thing.
#[derive(Debug, Default)]
pub struct Devices {
    /// The fleet's.
    pub seed: u64,
    pub all: BTreeMap<Arc<str>, Device>,
}

impl Devices {
    pub fn are_there(&self) -> bool {
        !self.all.is_empty()
    }
}

/// A living device. What it works on is in the store, and whether it is connected in the registry.
#[derive(Clone, Debug)]
pub struct Device {
    pub behavior: Arc<Behavior>,
    /// Since when nothing was in progress on it, in epoch seconds.
    pub free_since: i64,
    /// When it will be looked after next, in epoch seconds; that is in the agenda.
    pub wakes_at: Option<i64>,
}

/// How an execution ends on a device that was left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Succeeds,
    Fails,
    Rejects,
    Hangs,
}

/// What a device does with one execution. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// From being free for it to its start.
    pub picks_up_after: i64,
    pub ending: Ending,
    /// From its start to the last that is heard of it.
    pub stops_after: i64,
    /// From its start to its success.
    takes: i64,
}

impl Work {
    pub fn new(behavior: &Behavior, seed: u64, (thing, job, number): (&str, &str, i64)) -> Self {
        let mut draw = Draw::new(&format!("{seed}/work/{thing}/{job}/{number}"));
        let picks_up_after = draw.varied(behavior.picks_up_after, behavior.vary_percent);
        let takes = draw.varied(behavior.takes, behavior.vary_percent);
        let ending = draw.ending(behavior);
        // In the middle of a phase, so that it was reported before.
        let phases = i64::try_from(behavior.phases.len()).unwrap_or(1);
        let within = |phase: i64| takes.saturating_mul(2 * phase + 1) / (2 * phases);
        let stops_after = match (ending, behavior.hangs_in) {
            (Ending::Succeeds | Ending::Rejects, _) => takes,
            (Ending::Hangs, Some(phase)) => within(i64::try_from(phase).unwrap_or_default()),
            (Ending::Hangs, None) if phases > 0 => within(draw.below(phases)),
            (Ending::Hangs | Ending::Fails, _) => takes.saturating_mul(5 + draw.below(91)) / 100,
        };
        Self { picks_up_after, ending, stops_after: stops_after.max(1), takes }
    }

    /// What it reports so long after its start.
    pub fn report(&self, behavior: &Behavior, elapsed: i64) -> StatusDetails {
        let elapsed = elapsed.clamp(0, self.stops_after);
        let mut details = StatusDetails::new();
        let progress = elapsed.saturating_mul(100) / self.takes;
        details.insert("progress".to_owned(), progress.to_string());
        if let Some(last) = behavior.phases.len().checked_sub(1) {
            let share = i64::try_from(behavior.phases.len()).unwrap_or(i64::MAX);
            let at = elapsed.saturating_mul(share) / self.takes;
            let at = usize::try_from(at).unwrap_or_default().min(last);
            details.insert("phase".to_owned(), behavior.phases[at].clone());
        }
        details
    }
}

/// How long a device's connection, which is as it is since then, stays so; none means for ever.
pub fn connection_lasts(
    behavior: &Behavior,
    seed: u64,
    thing: &str,
    (connected, since): (bool, i64),
) -> Option<i64> {
    let lasts = if connected { behavior.online_for } else { behavior.offline_for };
    let mut draw = Draw::new(&format!("{seed}/connection/{thing}/{since}"));
    lasts.map(|lasts| draw.varied(lasts, behavior.vary_percent))
}

/// Numbers that a text gives, the same each time.
struct Draw {
    bytes: [u8; 32],
    used: usize,
}

impl Draw {
    fn new(text: &str) -> Self {
        Self { bytes: Sha256::digest(text.as_bytes()).into(), used: 0 }
    }

    /// The next number below `end`, which is small: four bytes are spread evenly enough over it.
    fn below(&mut self, end: i64) -> i64 {
        let next = self.bytes.iter().cycle().skip(self.used).take(4);
        let number = next.fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
        self.used += 4;
        number % end.max(1)
    }

    /// A duration of seconds, one or more, up to so many percent shorter or longer.
    fn varied(&mut self, duration: SignedDuration, percent: u8) -> i64 {
        let percent = i64::from(percent);
        let factor = 100 - percent + self.below(2 * percent + 1);
        (duration.as_secs().saturating_mul(factor) / 100).max(1)
    }

    fn ending(&mut self, behavior: &Behavior) -> Ending {
        let ends = behavior.ends;
        let weighted = [
            (ends.succeeds, Ending::Succeeds),
            (ends.fails, Ending::Fails),
            (ends.rejects, Ending::Rejects),
            (ends.hangs, Ending::Hangs),
        ];
        let all = weighted.iter().map(|(weight, _)| i64::from(*weight)).sum();
        let mut left = self.below(all);
        for (weight, ending) in weighted {
            left -= i64::from(weight);
            if left < 0 {
                return ending;
            }
        }
        Ending::Succeeds
    }
}

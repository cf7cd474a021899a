//! Processor time and memory, where the system tells them.

use std::time::{Duration, Instant};

use crate::ALLOCATOR;

/// In which `/proc` counts the time of processes: fixed on Linux, whatever the kernel's own clock does.
const TICKS_A_SECOND: f64 = 100.0;

/// The processor time of this thread so far; wall time where the system does not tell it.
pub fn used(since: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next()?.parse().ok());
    told.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// What a piece of work took of one core, in seconds, and what it made.
pub fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = Instant::now();
    let before = used(started);
    let made = work();
    (used(started).saturating_sub(before).as_secs_f64(), made)
}

/// The processor time, in seconds, of the processes that this one started and waited for; none where the
/// system does not tell it.
pub fn used_by_children() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which may hold anything: `cutime` and `cstime` are the 16th and 17th of all.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(13);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_A_SECOND)
}

/// The bytes that are allocated more after a piece of work, and what it made.
pub fn kept<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATOR.allocated();
    let made = work();
    (ALLOCATOR.allocated().saturating_sub(before), made)
}

/// A total, shared out.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn per(total: usize, count: usize) -> f64 {
    total as f64 / count as f64
}

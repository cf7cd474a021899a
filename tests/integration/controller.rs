//! The loop on paused time, over the emulator's store: what waits for what, and for how long.

mod backlog;
mod bench;
mod elsewhere;
mod halted;
mod late;
mod month;
mod outage;
mod refills;
mod spared;
mod telling;
mod throttled;

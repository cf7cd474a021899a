//! What outlives a pass and a process: the port, the file, and what becomes of it when things go wrong.

mod breakers;
mod clocks;
mod damage;
mod faults;
mod file;
mod guards;
mod pauses;
mod port;
mod replaced;
pub mod support;
mod verify;

//! The integration tests: one binary, since each would link the AWS SDK again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod apply;
mod architecture;
mod backend;
mod cli;
mod conformance;
mod controller;
mod deploy;
mod documents;
mod emulator;
mod fuzzed;
mod model;
mod plan;
mod process;
mod readme;
pub mod reference;
mod run;
mod security;
mod server;
mod source;
mod state;

/// Counts what is in use, for what says how much that may be.
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

//! The integration tests: one binary, since each would link the AWS SDK again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod apply;
mod architecture;
mod backend;
mod cli;
mod conformance;
mod deploy;
mod documents;
mod emulator;
mod fuzzed;
mod model;
mod plan;
mod process;
mod readme;
mod reference;
mod run;
mod security;
mod server;
mod source;
mod state;

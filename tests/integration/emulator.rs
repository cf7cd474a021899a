//! The emulator from outside: over HTTP by hand, by the AWS SDK for Rust and by boto3.

mod boto3;
mod connections;
mod faults;
mod paging;
mod properties;
mod sdk;
mod state_machine;
mod support;
mod wire;

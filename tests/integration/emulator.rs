//! The emulator from outside: over HTTP by hand, by the AWS SDK for Rust and by boto3.

mod boto3;
mod faults;
mod paging;
mod sdk;
mod state_machine;
mod support;
mod wire;

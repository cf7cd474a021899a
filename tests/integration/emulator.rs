//! The emulator from outside: over HTTP by hand, by the AWS SDK for Rust and by boto3.

mod boto3;
pub mod clients;
mod connections;
mod devices;
mod faults;
mod fidelity;
mod hostile;
mod introspection;
mod lifecycle;
mod model;
mod paging;
mod properties;
mod racing;
mod reference;
mod registry;
mod sdk;
mod search;
mod state_machine;
mod support;
mod wire;

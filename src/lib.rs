//! Rescind cancels AWS IoT job executions by policy.

pub mod apply;
pub mod backend;
pub mod cli;
pub mod clock;
pub mod controller;
pub mod document;
pub mod emulator;
pub mod execution;
pub mod fact;
pub mod fleet;
pub mod inventory;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod source;
pub mod span;
pub mod state;

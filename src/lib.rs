//! Rescind cancels AWS IoT job executions by policy.

pub mod backend;
pub mod clock;
pub mod document;
pub mod execution;
pub mod fact;
pub mod fleet;
pub mod inventory;
pub mod plan;
pub mod policy;
pub mod span;
pub mod state;

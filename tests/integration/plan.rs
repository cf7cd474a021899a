//! The decision: what the policies make of a fleet, and whether it keeps the product's promises.

mod advised;
mod blind;
mod budgets;
mod cadence;
mod calls;
mod conditions;
mod due;
mod explained;
mod facts;
mod finish;
mod follows;
mod generate;
mod lazily;
mod narrowed;
mod properties;
mod saved;
mod scenario;
mod scenarios;
mod sets;
mod stable;
pub mod support;
mod teeth;
mod tested;
mod truth;
mod unread;
mod windows;

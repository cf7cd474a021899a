//! Rescind cancels AWS IoT job executions by policy.
//!
//! ```text
//! policy files ─▶ source ─▶ document ─▶ policy::PolicySet ─┐
//!                                                          ▼
//! AWS ─▶ backend ─▶ observe ─▶ inventory::Inventory ─▶ plan::plan ─▶ Plan ─▶ plan::check
//!                      ▲               │    ▲                                   │
//!                      └─ plan::needs ◀┘    └─ Memory ◀─ state ◀─┐              ▼
//!                                                                └── apply: describe, judge, pace,
//!                                                                    intent, gate, cancel, outcome
//! ```
//!
//! Policies become a [`policy::PolicySet`], AWS becomes an [`inventory::Inventory`], both become a
//! [`plan::Plan`], and a plan becomes outcomes ([`plan::Outcome`]). A decision is a function of what
//! was observed; what is not known keeps an execution. Nothing is canceled but at the version that was
//! judged a moment before, by policies that are asked once more when the request is already signed.
//!
//! # Modules
//!
//! | layer | modules | may use |
//! |---|---|---|
//! | words | `execution` `fact` `span` `inventory` | each other |
//! | files | `document` `fleet` `policy` | words, each other |
//! | decide | `plan` | words, `policy`; no I/O, no clock, no async |
//! | ports and adapters | `clock` `source` `backend` `state` | words, `plan`; `source` also `document` |
//! | do | `observe` `apply` `controller` | everything above |
//! | surfaces | `status` `server` | words, `plan`, `policy`; `server` also `backend`, `clock`, and how text is shown |
//! | | `cli` | everything |
//! | for the simulator | `mutant`: the protocol broken on purpose; nothing without its feature | nothing; everything may ask it |
//! | the world | `emulator` | words, `fleet`, `clock`: it knows AWS's rules and none of our opinions |
//!
//! `tests/integration/architecture.rs` reads every path to a module or foreign crate and holds this.
//!
//! # Words
//!
//! *Job, job execution, thing, status, statusDetails, force, expectedVersion* are AWS's. *Policy,
//! guard, target, match, exclude, protect, freeze, budget, plan, decision, reason, outcome, inventory* are ours; each has one
//! meaning.

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
#[doc(hidden)]
pub mod mutant;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod server;
pub mod source;
pub mod span;
pub mod state;
pub mod status;

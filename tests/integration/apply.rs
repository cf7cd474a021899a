//! The executor: what is sent, what is withheld, and whether what is told is what happened.
//!
//! Over the AWS SDK and HTTP against the emulator where the wire matters; over the emulator's store on
//! paused time where waiting does. After each apply the bench compares effects, records and ledger.

#[path = "../sim/answers.rs"]
mod answers;
pub mod bench;
mod breakers;
mod budgets;
mod earlier;
mod elsewhere;
mod fresh;
mod ledger;
mod lost;
pub mod moves;
mod permissions;
mod plain;
mod races;
mod random;
mod refused;
mod revoked;
mod standing;
mod stops;
mod truth;
pub mod world;

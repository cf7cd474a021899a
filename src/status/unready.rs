//! Why a controller is not ready: a closed list, with its words.
//!
//! Apart from the documents, since answers, metrics and the runbook have the same list.

use serde::{Deserialize, Serialize};

/// Why the controller is not ready; closed, and the keys of the runbook.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Unready {
    /// The policy root could not be read at the last look.
    RootNotLoaded,
    /// No pass has come to its end yet.
    NotObserved,
    /// The latest pass could observe nothing.
    ObservationFailed,
    /// The state on disk, or its lock, is not what this process opened.
    StateNotHeld,
    /// The state on disk could not be written at the last try.
    StateNotWritten,
}

impl Unready {
    /// Every variant.
    pub const ALL: [Self; 5] = [
        Self::RootNotLoaded,
        Self::NotObserved,
        Self::ObservationFailed,
        Self::StateNotHeld,
        Self::StateNotWritten,
    ];

    /// As it is written in answers and in the runbook.
    pub fn label(self) -> &'static str {
        match self {
            Self::RootNotLoaded => "rootNotLoaded",
            Self::NotObserved => "notObserved",
            Self::ObservationFailed => "observationFailed",
            Self::StateNotHeld => "stateNotHeld",
            Self::StateNotWritten => "stateNotWritten",
        }
    }

    /// What it means, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::RootNotLoaded => "the policy root cannot be read: its policies wait",
            Self::NotObserved => "no pass has come to its end yet",
            Self::ObservationFailed => "nothing could be observed in the latest pass",
            Self::StateNotHeld => {
                "the state file or its lock was moved, deleted or replaced: nothing is sent"
            }
            Self::StateNotWritten => "the state cannot be written: nothing is sent until it can be",
        }
    }
}

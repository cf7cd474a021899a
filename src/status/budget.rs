//! Where one limit stands, as the status, a plan and an explanation say it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::BudgetState;

/// Where one limit stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Budget {
    /// As written: `50 per 1h`.
    pub limit: String,
    /// How many it allows at present.
    pub size: u64,
    /// How many are taken.
    pub spent: u64,
    /// How many of them may have been, before the ledger began: nobody knows.
    pub unknown_past: u64,
    /// How many are left.
    pub left: u64,
    /// When the oldest unit comes back. Absent if none does by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub refills_at: Option<Timestamp>,
    /// How many are due, if that is more than it allows and it says Halt: none is canceled then. Absent if it
    /// is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<u64>,
}

impl Budget {
    /// Whether nothing is left since nobody knows what was canceled before the ledger began.
    pub fn waits_for_unknown_past(&self) -> bool {
        self.left == 0 && self.unknown_past > 0
    }
}

impl From<&BudgetState> for Budget {
    fn from(state: &BudgetState) -> Self {
        Self {
            limit: state.limit.clone(),
            size: state.size,
            spent: state.spent,
            unknown_past: state.unknown_past,
            left: state.left(),
            refills_at: state.refills_at,
            halted: state.halted,
        }
    }
}

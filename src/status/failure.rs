//! An error as the status tells it: those that are alike are one, with how often it was met.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An error, and when it was met last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Failure {
    /// When it was met last.
    pub at: Timestamp,
    /// What: the latest, where it was met often.
    pub what: String,
    /// How often it was met since it was met first.
    pub count: u64,
    /// The call that AWS refused, `CancelJobExecution`, if it was met in acting on an execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How: `denied`, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The IAM action that is missing, if it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

impl Default for Failure {
    fn default() -> Self {
        Self {
            at: Timestamp::default(),
            what: String::new(),
            count: 1,
            operation: None,
            kind: None,
            action: None,
        }
    }
}

//! An error as the status tells it: those that are alike are one, with how often it was met.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An error, and when it was met last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Failure {
    /// When it was met last.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// What: the latest, where it was met often.
    pub what: String,
    /// How often it was met since it was met first.
    pub count: u64,
    /// The call that AWS refused, `CancelJobExecution`. Absent unless it was met in acting on an execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How: `denied`. Absent likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The IAM action that is missing. Absent unless it was denied.
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

//! What is wrong with files, as JSON: `rescind/validate/v1`. Keys are added, and none is taken away.

use schemars::JsonSchema;
use serde::Serialize;

use super::cost::{Cost, GuardCost};
use crate::document::report::Entry;

/// What the document is, and its version.
pub const FORMAT: &str = "rescind/validate/v1";

/// What files have, and what is wrong with them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Validation")]
pub struct Json<'a> {
    /// What the document is, and its version.
    pub format: &'static str,
    /// Files that were read, or should have been.
    pub files: usize,
    /// Policies in them.
    pub policies: usize,
    /// Guards in them.
    pub guards: usize,
    /// Tests in them.
    pub tests: usize,
    /// Fleets in them.
    pub fleets: usize,
    /// How much is an error, of `diagnostics` and `unreadable` together. The exit code is 0 if nothing is, and
    /// else 1.
    pub errors: usize,
    /// How many of the diagnostics are warnings.
    pub warnings: usize,
    /// What is wrong, by file, line and column.
    pub diagnostics: Vec<Entry>,
    /// The files and directories that could not be read, with why, for people.
    pub unreadable: Vec<String>,
    /// What each policy costs, and when it is looked at.
    pub costs: &'a [Cost],
    /// What each guard costs, of what a policy would cancel.
    pub guard_costs: &'a [GuardCost],
}

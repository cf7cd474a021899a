//! Where one breaker stands, as the status says it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::breaker::State;

/// One breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Breaker {
    /// `unknown`, `versionConflict`, `error` or `clock`.
    pub name: String,
    /// Whether it is open: nothing is sent then.
    pub open: bool,
    /// Above this it opens: percent of the cases; of `clock` seconds.
    pub limit: i64,
    /// The cases of the last hour; below 20 of them it does not open. 0 of `clock`.
    pub cases: u64,
    /// The bad ones.
    pub bad: u64,
    /// Since when it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl From<&State> for Breaker {
    fn from(state: &State) -> Self {
        Self {
            name: state.breaker.label().to_owned(),
            open: state.open_since.is_some(),
            limit: state.limit,
            cases: state.cases.all,
            bad: state.cases.bad,
            since: state.open_since,
            why: state.why.clone(),
        }
    }
}

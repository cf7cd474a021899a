//! Where one breaker stands, as the status and a plan say it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan;
use crate::plan::breaker::State;

/// One breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Breaker {
    /// Which.
    #[schemars(extend("enum" = plan::breaker::Breaker::ALL.map(plan::breaker::Breaker::label)))]
    pub name: String,
    /// Whether it is open: nothing is sent then.
    pub open: bool,
    /// Above this it opens: percent of the cases; of `clock` seconds.
    pub limit: i64,
    /// The cases of the last hour; below 20 of them it does not open. 0 of `clock`.
    pub cases: u64,
    /// The bad ones.
    pub bad: u64,
    /// How far AWS's clock is ahead of the machine's, in seconds. Only of `clock`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew_seconds: Option<i64>,
    /// Since when it is open. Absent if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub since: Option<Timestamp>,
    /// Why it opened. Absent if it is not open.
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
            skew_seconds: state.skew_seconds,
            since: state.open_since,
            why: state.why.clone(),
        }
    }
}

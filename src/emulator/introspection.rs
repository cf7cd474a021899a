//! What the emulator tells about itself: the oracle of tests.
//!
//! `GET /_emulator/effects` lists each cancel that took effect with the state that it was applied to;
//! `GET /_emulator/calls` counts calls. Nothing of this is AWS's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::execution::{ExecutionStatus, StatusDetails};

/// A cancel that took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// 1 for the first.
    pub sequence: u64,
    /// When, by the emulator's clock.
    pub at: Timestamp,
    /// The job.
    pub job_id: String,
    /// The thing.
    pub thing_name: String,
    /// Which execution it hit: the latest.
    pub execution_number: i64,
    /// The status before.
    pub status_before: ExecutionStatus,
    /// The version before.
    pub version_before: i64,
    /// The `expectedVersion` of the call, if it had one.
    pub expected_version: Option<i64>,
    /// The `force` flag of the call.
    pub force: bool,
    /// The details before.
    pub status_details_before: StatusDetails,
    /// The details after.
    pub status_details_after: StatusDetails,
    /// `x-amzn-RequestId` of the answer, even if that was lost.
    pub request_id: String,
}

//! What a policy's facts cost: the operations that are called for it, how often, and so the least that
//! its IAM policy must allow.
//!
//! It stands beside the collector because the collector is what calls them: a tier that is read
//! otherwise changes here.

use std::collections::BTreeMap;

use crate::backend::Operation;
use crate::plan::clause::Tier;
use crate::plan::evaluate::tiers;
use crate::plan::veto::tiers_of_guard;
use crate::policy::{Guard, Mode, Policy};

/// What an operation is called once for, at the most and in one pass.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Per {
    /// A page of a list of jobs, for each job status.
    JobStatus,
    /// A job.
    Job,
    /// A page of a list of a job's executions, for each status.
    JobAndStatus,
    /// A thing.
    Thing,
    /// An execution.
    Execution,
}

impl Per {
    /// For people: `once a thing`.
    pub fn words(self) -> &'static str {
        match self {
            Self::JobStatus => "once a job status",
            Self::Job => "once a job",
            Self::JobAndStatus => "once a job and status",
            Self::Thing => "once a thing",
            Self::Execution => "once an execution",
        }
    }
}

impl Tier {
    /// What is called for a fact of this tier; none for what the lists and `DescribeJob` say.
    pub fn operation(self) -> Option<(Operation, Per)> {
        Some(match self {
            Self::Listed => return None,
            Self::Tags => (Operation::ListTagsForResource, Per::Job),
            Self::Thing => (Operation::DescribeThing, Per::Thing),
            Self::Connectivity => (Operation::GetThingConnectivityData, Per::Thing),
            Self::Groups => (Operation::ListThingGroupsForThing, Per::Thing),
            Self::Queue => (Operation::ListJobExecutionsForThing, Per::Thing),
            Self::Described => (Operation::DescribeJobExecution, Per::Execution),
        })
    }
}

/// The operations that are called for the rules of a guard, of what a policy would cancel.
pub fn calls_of_guard(guard: &Guard) -> BTreeMap<Operation, Per> {
    tiers_of_guard(guard).into_iter().filter_map(Tier::operation).collect()
}

/// The operations that are called for a policy. Only of what agrees so far is more asked, so that each
/// is called that often at the most.
pub fn calls(policy: &Policy) -> BTreeMap<Operation, Per> {
    let mut calls = BTreeMap::from([
        (Operation::ListJobs, Per::JobStatus),
        (Operation::DescribeJob, Per::Job),
        (Operation::ListJobExecutionsForJob, Per::JobAndStatus),
    ]);
    calls.extend(tiers(policy).into_iter().filter_map(Tier::operation));
    if policy.mode == Mode::Enforce {
        // Each execution is described right before it is canceled.
        calls.insert(Operation::DescribeJobExecution, Per::Execution);
        calls.insert(Operation::CancelJobExecution, Per::Execution);
    }
    calls
}

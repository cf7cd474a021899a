//! Which facts are still worth reading: the collector's orders.
//!
//! It stands beside `evaluate`, and uses it, so that what is read is what a decision could still turn
//! on, and nothing else. It is asked again after each round of reading.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::execution::{ExecutionKey, JobId, JobStatus, OpenStatus, ThingName};
use crate::inventory::Inventory;
use crate::plan::clause::{Facts, Tier};
use crate::plan::evaluate::{
    JobScope, Missing, evaluate, execution_in_scope, job_scope, missing, only_observes,
    reads_described,
};
use crate::plan::{Depth, Memory, Reason, budget, planner, veto};
use crate::policy::{Policy, PolicySet};

/// Facts that are worth reading next. What is in one answer may be read side by side, but for the
/// lists of one job: QUEUED is read to its end before IN_PROGRESS is begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// `ListJobs` with this status.
    pub job_lists: BTreeSet<JobStatus>,
    /// `DescribeJob`.
    pub jobs: BTreeSet<JobId>,
    /// `ListJobExecutionsForJob` with this status.
    pub lists: BTreeSet<(JobId, OpenStatus)>,
    /// `ListTagsForResource`.
    pub tags: BTreeSet<JobId>,
    /// `DescribeThing`.
    pub things: BTreeSet<ThingName>,
    /// `GetThingConnectivityData`.
    pub connectivity: BTreeSet<ThingName>,
    /// `ListThingGroupsForThing`.
    pub groups: BTreeSet<ThingName>,
    /// `ListJobExecutionsForThing` with status QUEUED.
    pub queues: BTreeSet<ThingName>,
    /// `DescribeJobExecution` of the latest execution.
    pub executions: BTreeSet<ExecutionKey>,
}

impl Needs {
    /// Whether nothing more is worth a call.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Asks for what `other` asks for as well.
    pub fn add(&mut self, other: Self) {
        let Self { job_lists, jobs, lists, tags, things, connectivity, groups, queues, executions } =
            other;
        self.job_lists.extend(job_lists);
        self.jobs.extend(jobs);
        self.lists.extend(lists);
        self.tags.extend(tags);
        self.things.extend(things);
        self.connectivity.extend(connectivity);
        self.groups.extend(groups);
        self.queues.extend(queues);
        self.executions.extend(executions);
    }
}

/// The facts that are still worth reading, cheapest first: what one answer names is read before the
/// next is asked for. Empty once nothing that could be read would change a decision.
pub fn needs(
    policies: &Arc<PolicySet>,
    inventory: &Inventory,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
) -> Needs {
    let mut needs = needs_of(policies, inventory, memory, now, depth);
    if let Some(whole) = policies.whole() {
        // What the others lack counts for the breakers, and what they have due for a guard's budget that
        // halts. At which versions is not asked.
        needs.add(needs_of(&whole, inventory, memory, now, Depth::Listed));
    }
    needs
}

fn needs_of(
    policies: &Arc<PolicySet>,
    inventory: &Inventory,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
) -> Needs {
    let mut needs = Needs::default();
    for policy in policies.iter() {
        let wanted = policy.target.jobs.statuses.iter();
        needs
            .job_lists
            .extend(wanted.filter(|status| !inventory.job_lists.contains_key(status)).cloned());
        for (id, job) in &inventory.jobs {
            match job_scope(policy, id, job) {
                JobScope::NotRead => {
                    needs.jobs.insert(id.clone());
                }
                JobScope::In => {
                    let lists = policy.target.statuses.iter().map(|&status| (id.clone(), status));
                    needs.lists.extend(lists.filter(|list| !inventory.lists.contains_key(list)));
                }
                JobScope::Out | JobScope::Unknown => {}
            }
        }
    }
    let mut by_job = planner::policies_by_job(policies, inventory);
    for (facts, in_scope) in planner::executions(&by_job, inventory) {
        for policy in in_scope {
            add(&mut needs, policies, policy, &facts, memory, now, depth);
        }
    }
    if !needs.is_empty() {
        return needs;
    }
    // All that a decision asks for is read, but for the describes that decide what counts as due. Nothing
    // is contested that no describe decides.
    let guards_describe = veto::tiers(policies).contains(&Tier::Described);
    let halts: BTreeSet<_> =
        policies.iter().filter(|it| budget::halts(policies, it)).map(|it| &it.name).collect();
    let describe: BTreeSet<_> = policies
        .iter()
        .filter(|it| reads_described(it) || (guards_describe && halts.contains(&it.name)))
        .map(|it| &it.name)
        .collect();
    by_job.retain(|_, of_job| of_job.iter().any(|it| describe.contains(&it.name)));
    for (facts, in_scope) in planner::executions(&by_job, inventory) {
        let decides = in_scope.len() > 1 || in_scope.iter().any(|it| halts.contains(&it.name));
        let undescribed = decides && facts.described().is_not_read();
        let of_job = in_scope.iter().copied();
        if undescribed && planner::contested(policies, of_job, &facts, memory, now, depth) {
            needs.executions.insert(facts.key.clone());
        }
    }
    if needs.is_empty() && depth == Depth::Exact {
        // What is left are the versions to pin, and only of what fits into the budgets: a thousand
        // that wait their turn need no describe.
        let plan = planner::plan(policies, inventory, memory, now, depth);
        let unpinned = plan.acts().filter(|line| line.verdict.reason == Reason::Due);
        needs.executions.extend(unpinned.map(|line| line.key.clone()));
    }
    needs
}

fn add(
    needs: &mut Needs,
    set: &PolicySet,
    policy: &Policy,
    facts: &Facts<'_>,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
) {
    if !execution_in_scope(policy, facts.key, facts.row) {
        return;
    }
    let observed = || {
        depth == Depth::Exact
            && facts.described().is_not_read()
            && evaluate(set, policy, facts, memory, now, depth).reason == Reason::ObserveOnly
            && only_observes(set, policy, facts, memory, now)
            && veto::asks_described(set, facts, now)
    };
    let tier = match missing(policy, facts, now, depth) {
        Missing::Facts(tier) => Some(tier),
        Missing::Settled => None,
        // What only a guard asks is read of what the policy leaves.
        Missing::Nothing => {
            veto::missing(set, facts, now).or_else(|| observed().then_some(Tier::Described))
        }
    };
    if let Some(tier) = tier {
        want(needs, tier, facts.key);
    }
}

/// Asks for the facts of a tier about one execution.
pub(super) fn want(needs: &mut Needs, tier: Tier, key: &ExecutionKey) {
    let thing = || key.thing.clone();
    match tier {
        Tier::Listed => {}
        Tier::Tags => drop(needs.tags.insert(key.job.clone())),
        Tier::Thing => drop(needs.things.insert(thing())),
        Tier::Connectivity => drop(needs.connectivity.insert(thing())),
        Tier::Groups => drop(needs.groups.insert(thing())),
        Tier::Queue => drop(needs.queues.insert(thing())),
        Tier::Described => drop(needs.executions.insert(key.clone())),
    }
}

//! May this still be sent? The question that is asked at the moment of the cancel.
//!
//! It is answered by the same evaluator that plans, over the policies loaded now, with everything
//! described. Budgets are not asked here: the ledger refuses by itself.

use std::sync::Arc;

use jiff::Timestamp;

use crate::execution::{ExecutionNumber, ExecutionVersion, OpenStatus};
use crate::plan::asked::Asked;
use crate::plan::clause::Facts;
use crate::plan::{At, Depth, Details, Memory, Pins, Reason, Sightings, Verdict, planner, veto};
use crate::policy::{Policy, PolicySet, template};

/// The policies that are in force now.
pub trait InForce: Send + Sync + std::fmt::Debug {
    /// The set that is loaded now. Does not wait.
    fn current(&self) -> Arc<PolicySet>;
}

/// Policies that do not change while they are used.
#[derive(Debug)]
pub struct Fixed(pub Arc<PolicySet>);

impl InForce for Fixed {
    fn current(&self) -> Arc<PolicySet> {
        Arc::clone(&self.0)
    }
}

/// What the policies say about one execution as described.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// It is to be canceled so.
    Cancel(Ruling),
    /// It is not.
    Keep {
        /// Whose verdict that is; none if no policy has it in scope any more.
        policy: Option<Arc<Policy>>,
        /// The verdict.
        verdict: Verdict,
    },
}

/// How an execution is to be canceled.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// The cause.
    pub policy: Arc<Policy>,
    /// The execution that was judged.
    pub number: ExecutionNumber,
    /// The version that was judged.
    pub version: ExecutionVersion,
    /// The status that was judged.
    pub status: OpenStatus,
    /// Whether force is sent: the policy says so and it was judged IN_PROGRESS.
    pub force: bool,
}

/// What `policies` say at `now` about an execution that was described, and that they have seen before as
/// `sightings` say.
pub fn judge(
    policies: &PolicySet,
    facts: &Facts<'_>,
    sightings: &Arc<Sightings>,
    now: Timestamp,
) -> Judgement {
    let memory = Memory { sightings: Arc::clone(sightings), ..Memory::default() };
    let in_scope = planner::in_scope(policies, facts);
    let nothing = Verdict { reason: Reason::NoMatch, at: At::Policy };
    let Some(decided) = planner::decide(policies, in_scope, facts, &memory, now, Depth::Exact)
    else {
        return Judgement::Keep { policy: None, verdict: nothing };
    };
    let keep = |verdict| Judgement::Keep { policy: Some(Arc::clone(decided.policy)), verdict };
    if decided.verdict.reason != Reason::Due {
        return keep(decided.verdict);
    }
    match settle(policies, decided.policy, facts, now) {
        Ok(Some(_)) => {
            ruling(decided.policy, facts).map_or(keep(decided.verdict), Judgement::Cancel)
        }
        Ok(None) => keep(decided.verdict),
        Err(kept) => keep(kept),
    }
}

/// What pins an execution that `policy` would cancel, once it is described and no guard protects it as
/// described; none if it was not described yet. The error is the verdict that keeps it.
pub(super) fn settle(
    policies: &PolicySet,
    policy: &Policy,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Result<Option<Pins>, Verdict> {
    let unknown = |at| Verdict { reason: Reason::FactUnknown, at };
    let Some(pins) = pin(policy, facts, now).map_err(unknown)? else { return Ok(None) };
    veto::protected_as_described(policies, facts, now).map_or(Ok(Some(pins)), Err)
}

/// What pins an execution that `policy` would cancel; none if it was not described yet. The error is
/// what is not known of it and must be. That depends on the execution alone: otherwise a policy that
/// cannot pin would hide another one that can, and one rule more to exclude could cancel more.
pub fn pin(policy: &Policy, facts: &Facts<'_>, now: Timestamp) -> Result<Option<Pins>, At> {
    let described = facts.described();
    if described.is_not_read() {
        return Ok(None);
    }
    let described = described.known().ok_or(At::Version)?;
    let version = *described.version.known().ok_or(At::Version)?;
    let details = details(policy, facts, "…", now).ok_or(At::StatusDetails)?;
    Ok(Some(Pins { version, details, described_at: described.at }))
}

fn ruling(policy: &Arc<Policy>, facts: &Facts<'_>) -> Option<Ruling> {
    let status = facts.row.status.open()?;
    Some(Ruling {
        policy: Arc::clone(policy),
        number: *facts.row.number.known()?,
        version: *facts.row.described.known()?.version.known()?,
        status,
        force: policy.cancel.force && status == OpenStatus::InProgress,
    })
}

/// The statusDetails that `policy` sends for an execution as described, with `attempt` in the
/// `rescind` pair; none if something that they need is not known.
pub fn details(
    policy: &Policy,
    facts: &Facts<'_>,
    attempt: &str,
    now: Timestamp,
) -> Option<Details> {
    let described = facts.row.described.known()?;
    let existing = described.status_details.known()?;
    let mut set = Vec::with_capacity(policy.cancel.set.len());
    for (key, value) in &policy.cancel.set {
        set.push((key.clone(), value.fill(&Asked { facts: *facts, now }).ok()?));
    }
    let marker = marker(policy, attempt);
    Some(template::details(existing, policy.cancel.on_existing, &marker, &set))
}

/// The value of the `rescind` pair: the policy's name, its short digest, the attempt's id.
pub fn marker(policy: &Policy, attempt: &str) -> String {
    format!("{} {} {attempt}", policy.name, policy.digest.short())
}

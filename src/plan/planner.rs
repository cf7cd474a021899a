//! Verdicts become one decision an execution, and budgets say how many may go.
//!
//! Invariants: one line for each execution in scope of some policy; the cause is the policy with the
//! highest priority, then the first name, among those that may act; what the cause's budget does not
//! allow waits and falls through to nobody; the same input gives the same plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::execution::{ExecutionKey, ExecutionNumber, JobId, OpenStatus};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{Inventory, Job, Listing};
use crate::plan::breaker::{Breaker, Health};
use crate::plan::clause::Facts;
use crate::plan::evaluate::{
    JobScope, evaluate, execution_in_scope, job_scope, only_observes, reads_described,
};
use crate::plan::purses::Purses;
use crate::plan::{
    At, Decision, Depth, Line, Look, Memory, Observed, Plan, Reason, Verdict, blind, budget, veto,
};
use crate::policy::window;
use crate::policy::{Policy, PolicyName, PolicySet};

/// The policies that have each job in scope, in the order of their names.
pub(super) fn policies_by_job<'a>(
    policies: &'a PolicySet,
    inventory: &'a Inventory,
) -> BTreeMap<&'a JobId, Vec<&'a Arc<Policy>>> {
    let in_scope = |id: &JobId| {
        let job = inventory.jobs.get(id)?;
        let of_job: Vec<_> =
            policies.iter().filter(|policy| job_scope(policy, id, job) == JobScope::In).collect();
        Some(of_job)
    };
    inventory.jobs.keys().filter_map(|id| Some((id, in_scope(id)?))).collect()
}

/// The executions of these jobs, in order, each with the policies that have its job in scope: what is the
/// same for all of a job is looked up once.
pub(super) fn executions<'a>(
    by_job: &'a BTreeMap<&'a JobId, Vec<&'a Arc<Policy>>>,
    inventory: &'a Inventory,
) -> impl Iterator<Item = (Facts<'a>, &'a [&'a Arc<Policy>])> {
    let with_policies = by_job.iter().filter(|(_, policies)| !policies.is_empty());
    with_policies.flat_map(|(id, policies)| {
        let job = inventory.jobs.get(*id);
        let rows = job
            .into_iter()
            .flat_map(|job| inventory.executions.of_job(id).iter().map(move |row| (job, row)));
        rows.map(|(job, (key, row))| {
            let (thing, account) = (inventory.things.get(&key.thing), inventory.account.as_ref());
            (Facts { key, job, row, thing, account }, policies.as_slice())
        })
    })
}

/// What the policies that have an execution in scope say together.
pub(super) struct Decided<'a> {
    /// The policy that counts: the cause, or the one that got furthest.
    pub policy: &'a Arc<Policy>,
    /// Its verdict.
    pub verdict: Verdict,
    /// The policies in Observe that would have acted.
    pub observed: Vec<&'a Arc<Policy>>,
}

/// Which policy comes first when several may act.
fn precedence(policy: &Policy) -> (Reverse<i32>, &PolicyName) {
    (Reverse(policy.priority), &policy.name)
}

/// What each of `policies`, which all are of `set` and have the execution's job in scope, says about it.
fn verdicts<'a>(
    set: &PolicySet,
    policies: impl IntoIterator<Item = &'a Arc<Policy>>,
    facts: &Facts<'_>,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
) -> impl Iterator<Item = (&'a Arc<Policy>, Verdict)> {
    let in_scope =
        policies.into_iter().filter(|policy| execution_in_scope(policy, facts.key, facts.row));
    in_scope.map(move |policy| (policy, evaluate(set, policy, facts, memory, now, depth)))
}

/// Whether a describe decides which policy is the cause: the first of several that may act asks for
/// what only a describe says. If it says no, the next one is the cause, with its own force and budget;
/// left to the moment of acting, such an execution would be put off by each pass anew.
///
/// A budget that halts needs to know how many are due, so that a describe decides there as well, be it
/// the policy's or a guard's: counted among what is due, what a guard protects would halt it for ever.
fn is_contested(
    set: &PolicySet,
    verdicts: &[(&Arc<Policy>, Verdict)],
    facts: &Facts<'_>,
    now: Timestamp,
) -> bool {
    let counts = |(policy, verdict): &&(&Arc<Policy>, Verdict)| {
        verdict.reason == Reason::Due && budget::halts(set, policy)
    };
    let mut counted = verdicts.iter().filter(counts).peekable();
    if counted.peek().is_some()
        && (veto::may_rule_out(set, facts, now)
            || counted.any(|(policy, _)| reads_described(policy)))
    {
        return true;
    }
    let due = || verdicts.iter().filter(|(_, verdict)| verdict.reason == Reason::Due);
    let first = due().map(|(policy, _)| policy).min_by_key(|policy| precedence(policy));
    due().count() > 1 && first.is_some_and(|policy| reads_described(policy))
}

/// Whether a plan needs the describe of this execution before it counts what is due.
pub(super) fn contested<'a>(
    set: &PolicySet,
    policies: impl IntoIterator<Item = &'a Arc<Policy>>,
    facts: &Facts<'_>,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
) -> bool {
    let verdicts = verdicts(set, policies, facts, memory, now, depth);
    is_contested(set, &verdicts.collect::<Vec<_>>(), facts, now)
}

/// What `policies`, which all are of `set` and have the execution's job in scope, say about it together;
/// none if no policy has the execution in scope.
pub(super) fn decide<'a>(
    set: &PolicySet,
    policies: impl IntoIterator<Item = &'a Arc<Policy>>,
    facts: &Facts<'_>,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
) -> Option<Decided<'a>> {
    let would_act = |policy: &Policy, verdict: &Verdict| {
        verdict.reason == Reason::ObserveOnly
            && only_observes(set, policy, facts, memory, now)
            && (depth == Depth::Listed || veto::protected_as_described(set, facts, now).is_none())
    };
    let mut furthest: Option<(&'a Arc<Policy>, Verdict)> = None;
    let mut observed = Vec::new();
    let mut weigh = |(policy, verdict): (&'a Arc<Policy>, Verdict)| {
        if would_act(policy, &verdict) {
            observed.push(policy);
        }
        let goes_further = |(other, least): &(&'a Arc<Policy>, Verdict)| {
            let place = (verdict.reason, Reverse(precedence(policy)));
            place > (least.reason, Reverse(precedence(other)))
        };
        if furthest.as_ref().is_none_or(goes_further) {
            furthest = Some((policy, verdict));
        }
    };
    let verdicts = verdicts(set, policies, facts, memory, now, depth);
    if facts.described().is_not_read() {
        // Of a million executions hardly one is described before it is decided.
        verdicts.for_each(&mut weigh);
    } else {
        let mut verdicts: Vec<_> = verdicts.collect();
        if is_contested(set, &verdicts, facts, now) {
            for (policy, verdict) in &mut verdicts {
                if verdict.reason == Reason::Due {
                    let exact = evaluate(set, policy, facts, memory, now, Depth::Exact);
                    let protected = || veto::protected_as_described(set, facts, now);
                    *verdict = match exact.reason {
                        Reason::Due => protected().unwrap_or(exact),
                        _ => exact,
                    };
                }
            }
        }
        verdicts.into_iter().for_each(&mut weigh);
    }
    let (policy, verdict) = furthest?;
    Some(Decided { policy, verdict, observed })
}

/// What is to be done about each execution in scope at `now`, and why.
pub fn plan(
    policies: &Arc<PolicySet>,
    inventory: &Inventory,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
) -> Plan {
    narrowed(policies, inventory, memory, now, depth, None)
}

/// The same, with lines for `keys` alone: the others take no place in a budget, but count for one that
/// halts and for the breakers. For a saved plan.
pub fn narrowed(
    policies: &Arc<PolicySet>,
    inventory: &Inventory,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
    keys: Option<&BTreeSet<ExecutionKey>>,
) -> Plan {
    let by_job = policies_by_job(policies, inventory);
    // To size: a plan of a million lines has no room to double.
    let mut lines = Vec::with_capacity(inventory.executions.len());
    let mut observed = Vec::new();
    let mut populations: BTreeMap<&PolicyName, u64> = BTreeMap::new();
    let counts_shares = policies.iter().any(|policy| budget::has_percent(policy));
    for (facts, in_scope) in executions(&by_job, inventory) {
        let Facts { key, row, .. } = facts;
        let of_job = if counts_shares { in_scope } else { &[] };
        let shares = of_job.iter().filter(|policy| budget::has_percent(policy));
        for policy in shares {
            let open = row.status.open().is_some() && !was_canceled(memory, key, row.number);
            if open && execution_in_scope(policy, key, row) {
                *populations.entry(&policy.name).or_default() += 1;
            }
        }
        let of_job = in_scope.iter().copied();
        let Some(decided) = decide(policies, of_job, &facts, memory, now, depth) else {
            continue;
        };
        observed.extend(decided.observed.iter().map(|policy| Observed {
            key: key.clone(),
            policy: policy.name.clone(),
            force: policy.cancel.force && row.status.open() == Some(OpenStatus::InProgress),
        }));
        lines.push(Line {
            key: key.clone(),
            verdict: decided.verdict,
            policy: Arc::clone(decided.policy),
            act: None,
        });
    }
    let own = blind::cases(&lines, policies, inventory, now);
    // The limits of the breakers are the guards', and so over all of a root: a part's share opens none.
    let whole = policies.whole();
    let of_whole = whole.as_ref().map(|whole| lines_of_whole(whole, inventory, memory, now));
    let all = whole.as_ref().zip(of_whole.as_ref());
    let unknown = all.map_or(own, |(whole, all)| blind::cases(all, whole, inventory, now));
    let health = Health { unknown, skew: inventory.skew };
    let breakers = memory.breakers.states(&health, &policies.thresholds(), now);
    let open = breakers.iter().find(|state| state.why.is_some()).map(|state| state.breaker);
    leave_denied(&mut lines, memory, open, now);
    // What the policies that were not asked for want as well counts for a guard's budget that halts.
    let mut beside = of_whole.filter(|_| budget::guards_halt(policies)).unwrap_or_default();
    leave_denied(&mut beside, memory, open, now);
    let acting: BTreeSet<_> =
        lines.iter().filter(|line| acts(line)).map(|line| &line.key).collect();
    beside.retain(|line| acts(line) && !acting.contains(&line.key));
    if let Some(keys) = keys {
        beside.extend(lines.extract_if(.., |line| !keys.contains(&line.key)).filter(acts));
        observed.retain(|it| keys.contains(&it.key));
    }
    let mut order: Vec<usize> = (0..lines.len()).filter(|&i| acts(&lines[i])).collect();
    order.sort_by_cached_key(|&i| acting_order(&lines[i], inventory, memory));
    let mut purses = Purses::new(policies, inventory, memory, &populations, now);
    purses.halt(&lines, &beside, inventory);
    let due = order.clone();
    let budgets = purses.spend(policies, inventory, depth, now, &mut lines, &mut order);
    // What a describe should have said of what is due is missed only now, where it is pinned.
    let unpinned = blind::cases(due.iter().map(|&i| &lines[i]), policies, inventory, now);
    // Once for a policy, and not for each of its lines: it may take a year of edges.
    let mut opens = BTreeMap::new();
    for line in lines.iter().filter(|line| line.verdict.reason == Reason::WindowClosed) {
        let windows = &line.policy.windows;
        opens.entry(line.policy.name.clone()).or_insert_with(|| window::next_change(windows, now));
    }
    Plan {
        now,
        depth,
        policies: Arc::clone(policies),
        account: inventory.account.clone(),
        lines,
        beside,
        order,
        observed,
        budgets,
        opens,
        breakers,
        undecided: own.bad + unpinned.bad,
        health,
        problems: inventory.problems.clone(),
        look: Look::new(policies, inventory, &memory.sightings, now, depth),
    }
}

fn was_canceled(memory: &Memory, key: &ExecutionKey, number: Fact<ExecutionNumber>) -> bool {
    let canceled = || memory.canceled.get(key)?.get(number.known()?);
    canceled().is_some()
}

/// The lines of a whole set, of which the policies that were asked for are a part.
fn lines_of_whole(
    whole: &PolicySet,
    inventory: &Inventory,
    memory: &Memory,
    now: Timestamp,
) -> Vec<Line> {
    let by_job = policies_by_job(whole, inventory);
    let line = |(facts, in_scope): (Facts<'_>, &[&Arc<Policy>])| {
        let of_job = in_scope.iter().copied();
        let decided = decide(whole, of_job, &facts, memory, now, Depth::Listed)?;
        let (key, policy) = (facts.key.clone(), Arc::clone(decided.policy));
        Some(Line { key, verdict: decided.verdict, policy, act: None })
    };
    executions(&by_job, inventory).filter_map(line).collect()
}

/// Whether something is to be done for a line, but for the budgets.
fn acts(line: &Line) -> bool {
    matches!(line.decision(), Decision::Examine | Decision::Cancel)
}

/// Highest priority of the cause first, since an emergency does not wait behind routine; then what has
/// not failed lately, and of what has that which waits for longest, so that what always fails never keeps
/// the others from their turn; then the oldest, an unknown age last; then job and thing.
fn acting_order(
    line: &Line,
    inventory: &Inventory,
    memory: &Memory,
) -> (Reverse<i32>, Option<Timestamp>, Timestamp, ExecutionKey) {
    let failed = memory.backing_off.get(&line.key).copied();
    let queued_at =
        inventory.executions.get(&line.key).and_then(|row| row.times.queued_at().known().copied());
    (Reverse(line.policy.priority), failed, queued_at.unwrap_or(Timestamp::MAX), line.key.clone())
}

/// Makes wait what AWS denied the calls for, and everything while it is paused or a breaker is open.
/// Here and not in the verdict: a denied cause waits, and falls through to nobody.
fn leave_denied(lines: &mut [Line], memory: &Memory, open: Option<Breaker>, now: Timestamp) {
    for line in lines.iter_mut().filter(|line| acts(line)) {
        let denied = memory.denied_until(&line.policy.name, &line.key.job, now).is_some();
        line.verdict = if memory.paused.is_some() {
            Verdict { reason: Reason::Paused, at: At::Policy }
        } else if let Some(breaker) = open {
            Verdict { reason: Reason::BreakerOpen, at: At::Breaker(breaker) }
        } else if denied {
            Verdict { reason: Reason::BackingOff, at: At::Policy }
        } else {
            continue;
        };
    }
}

/// What is missing for knowing how many open executions a policy's target lists.
pub(super) fn incomplete(policy: &Policy, inventory: &Inventory) -> Option<String> {
    for status in &policy.target.jobs.statuses {
        if !matches!(inventory.job_lists.get(status), Some(Listing::Complete(_))) {
            return Some(format!("the list of jobs in status {status}"));
        }
    }
    for (id, job) in &inventory.jobs {
        let gone = job.description == Fact::Unreadable(Unreadable::Gone);
        match job_scope(policy, id, job) {
            JobScope::NotRead => return Some(format!("job {id}")),
            JobScope::Unknown if !gone => return Some(format!("job {id}")),
            JobScope::Out | JobScope::Unknown => {}
            JobScope::In => {
                for &status in &policy.target.statuses {
                    match inventory.lists.get(&(id.clone(), status)) {
                        Some(Listing::Complete(_) | Listing::Failed(Unreadable::Gone)) => {}
                        _ => return Some(format!("the {status} executions of job {id}")),
                    }
                }
            }
        }
    }
    None
}

/// Whether a policy has the executions of a job in a status listed.
pub(super) fn lists(policy: &Policy, id: &JobId, job: &Job, status: OpenStatus) -> bool {
    policy.target.statuses.contains(&status) && job_scope(policy, id, job) == JobScope::In
}

/// The policies of a set that have the execution in scope, by name.
pub(super) fn in_scope<'a>(policies: &'a PolicySet, facts: &Facts<'_>) -> Vec<&'a Arc<Policy>> {
    let has = |policy: &&Arc<Policy>| {
        job_scope(policy, &facts.key.job, facts.job) == JobScope::In
            && execution_in_scope(policy, facts.key, facts.row)
    };
    policies.iter().filter(has).collect()
}

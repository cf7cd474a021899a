//! For how long an execution has matched: `stableFor`.
//!
//! One look cannot tell. So a plan hands back what it saw to match, a state keeps that as sightings, and
//! the next plan is handed them. Apart from `evaluate`, which says whether an execution matches now.
//!
//! Invariants: a sighting is of one policy as it is written and of one execution that has not moved; what
//! did not match when it was looked at, or was not known to, has none after it; what nobody looked at for
//! too long begins anew. What is missing never makes anything stable.
//!
//! That an execution has not moved is told by its number and `lastUpdatedAt`, which lists have and which
//! changes with each version; and by its version, where a look knew that too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::execution::{ExecutionKey, ExecutionNumber, ExecutionVersion};
use crate::inventory::Inventory;
use crate::mutant::{self, Mutant};
use crate::plan::clause::Facts;
use crate::plan::evaluate::{execution_in_scope, walk};
use crate::plan::planner::{executions, policies_by_job};
use crate::plan::{At, Depth, Reason, Verdict};
use crate::policy::{Digest, Policy, PolicySet};
use crate::span::Period;

/// How often `apply` is taken to be run, by whoever runs it: as often as `run` looks by itself unless it
/// is told otherwise.
pub const USUAL_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// How long a look counts that is made each `interval`: three of them, so that one that is missed, or
/// two, begins nothing anew.
pub fn lasts(interval: Duration) -> SignedDuration {
    SignedDuration::try_from(interval.saturating_mul(3)).unwrap_or(SignedDuration::MAX)
}

/// Whether a policy counts for how long something matches. One that is suspended or has expired has no
/// use for it, and begins anew when it acts again: its looks may cost a describe an execution.
pub(super) fn counts(policy: &Policy, now: Timestamp) -> bool {
    let acts = !policy.is_suspended(now) && policy.expires_at.is_none_or(|end| now < end);
    policy.stable_for.is_some() && acts
}

/// What a policy, by what it means, has seen to match.
pub type Sightings = BTreeMap<(Digest, ExecutionKey), Sighting>;

/// An execution that has matched in every look since a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Which execution it was, and how it stood.
    pub stamp: Stamp,
    /// The first of these looks.
    pub since: Timestamp,
    /// From when on the last of them is too long ago.
    pub until: Timestamp,
}

/// By what an execution is known to be the same, unmoved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its number.
    pub number: ExecutionNumber,
    /// When it last moved.
    pub last_updated_at: Timestamp,
    /// Its version, if it was described.
    pub version: Option<ExecutionVersion>,
}

impl Stamp {
    /// That of an execution; none if what it takes is not known.
    fn of(facts: &Facts<'_>) -> Option<Self> {
        Some(Self {
            number: *facts.row.number.known()?,
            last_updated_at: *facts.row.times.last_updated_at().known()?,
            version: facts.version().known().copied(),
        })
    }

    /// Whether another one is of the same execution, which has not moved.
    pub fn is_unmoved(&self, other: &Self) -> bool {
        let versions = self.version.zip(other.version);
        self.number == other.number
            && self.last_updated_at == other.last_updated_at
            && versions.is_none_or(|(one, another)| one == another)
    }
}

/// What a plan saw, of the policies with `stableFor`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What matched.
    pub matched: BTreeMap<(Digest, ExecutionKey), Stamp>,
    /// What was seen to match before, was looked at, and did not match or was not known to. What was not
    /// looked at is in neither: its list may have failed, or this was a look at some executions only.
    pub missed: BTreeSet<(Digest, ExecutionKey)>,
}

impl Look {
    /// What the policies of a set see to match at `now`, whether or not they may act.
    pub(super) fn new(
        policies: &PolicySet,
        inventory: &Inventory,
        sightings: &Sightings,
        now: Timestamp,
        depth: Depth,
    ) -> Self {
        let mut look = Self::default();
        let asking: BTreeSet<_> = policies
            .iter()
            .filter(|policy| policy.stable_for.is_some())
            .map(|policy| &policy.digest)
            .collect();
        if asking.is_empty() {
            return look;
        }
        let by_job = policies_by_job(policies, inventory);
        for (facts, of_job) in executions(&by_job, inventory) {
            for policy in of_job.iter().filter(|policy| counts(policy, now)) {
                let matches = execution_in_scope(policy, facts.key, facts.row)
                    && walk(policy, &facts, now, depth).is_none();
                if let Some(stamp) = Stamp::of(&facts).filter(|_| matches) {
                    look.matched.insert((policy.digest.clone(), facts.key.clone()), stamp);
                }
            }
        }
        let missed = sightings.keys().filter(|of| {
            asking.contains(&of.0)
                && inventory.executions.contains_key(&of.1)
                && !look.matched.contains_key(of)
        });
        look.missed = missed.cloned().collect();
        look
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.matched.is_empty() && self.missed.is_empty()
    }

    /// Takes this look at a time into what was seen before it; it counts for as long as `lasts`. What it
    /// did not look at stays until that is too old.
    pub fn take_in(&self, sightings: &mut Sightings, lasts: SignedDuration, at: Timestamp) {
        let until = at.checked_add(lasts).unwrap_or(Timestamp::MAX);
        sightings.retain(|of, it| at < it.until && !self.missed.contains(of));
        for (of, stamp) in &self.matched {
            let goes_on = sightings.get(of).filter(|before| before.stamp.is_unmoved(stamp));
            let since = goes_on.map_or(at, |before| before.since);
            sightings.insert(of.clone(), Sighting { stamp: *stamp, since, until });
        }
    }
}

/// Sightings as if all that matches had done so for a time, or for as long as each policy asks.
pub fn supposed(
    policies: &PolicySet,
    inventory: &Inventory,
    now: Timestamp,
    matched_for: Option<SignedDuration>,
) -> Sightings {
    let none = Sightings::new();
    let look = Look::new(policies, inventory, &none, now, Depth::Exact);
    let asked = |digest: &Digest| {
        let policy = policies.iter().find(|policy| policy.digest == *digest)?;
        policy.stable_for.map(Period::get)
    };
    let seen = look.matched.into_iter().filter_map(|((digest, key), stamp)| {
        let age = matched_for.or_else(|| asked(&digest))?;
        let since = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let sighting = Sighting { stamp, since, until: Timestamp::MAX };
        Some(((digest, key), sighting))
    });
    seen.collect()
}

/// Since when an execution that matches now has matched in every look; `now` if this is the first one.
pub fn matched_since(
    policy: &Policy,
    facts: &Facts<'_>,
    sightings: &Sightings,
    now: Timestamp,
) -> Timestamp {
    let seen = sightings.get(&(policy.digest.clone(), facts.key.clone()));
    let goes_on = seen.filter(|it| {
        now < it.until && Stamp::of(facts).is_some_and(|stamp| it.stamp.is_unmoved(&stamp))
    });
    goes_on.map_or(now, |it| it.since.min(now))
}

/// The verdict on what matches now and has not matched for long enough.
pub(super) fn not_yet(
    policy: &Policy,
    facts: &Facts<'_>,
    sightings: &Sightings,
    now: Timestamp,
) -> Option<Verdict> {
    let period = policy.stable_for?;
    if mutant::is(Mutant::OneLookIsEnough) {
        return None;
    }
    let since = matched_since(policy, facts, sightings, now);
    (now.duration_since(since) < period.get())
        .then_some(Verdict { reason: Reason::NotStableYet, at: At::MatchedSince(since) })
}

/// When each execution that is not stable yet will have matched for long enough: a time to look again at,
/// if it still matches then.
pub fn ends<'a>(
    policies: &PolicySet,
    sightings: &'a Sightings,
    now: Timestamp,
) -> impl Iterator<Item = (Timestamp, &'a ExecutionKey)> {
    let periods: BTreeMap<_, _> = policies
        .iter()
        .filter_map(|policy| Some((policy.digest.clone(), policy.stable_for?.get())))
        .collect();
    sightings.iter().filter_map(move |((digest, key), sighting)| {
        let end = sighting.since.checked_add(*periods.get(digest)?).ok()?;
        (now < end && end < sighting.until).then_some((end, key))
    })
}

//! What is in force at a send, and what it says: by what the process has adopted, which has to be what the
//! files say.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rescind::emulator::Execution;
use rescind::plan::Intent;
use rescind::policy::{PolicyName, PolicySet};
use tokio::time::Instant;

use super::{Judge, Written};
use crate::rules::{Forbidden, Limit, Rule, Shield, revision};
use crate::truth::{FACTS_FOR, Truth};

/// Within which time what stands in the files is in force: some looks of ten seconds, of which each may
/// meet a file that is half written.
const ADOPTED_WITHIN: std::time::Duration = std::time::Duration::from_secs(120);

impl Judge {
    /// A policy as it was written, and when.
    pub(super) fn rule(&self, set: &PolicySet, name: &PolicyName) -> Option<(&Rule, Instant)> {
        let mut names = set.get(name)?.excludes.iter().map(|rule| &*rule.name);
        match self.revisions.get(&names.find_map(revision)?)? {
            (Written::Rule(rule), at) => Some((rule, *at)),
            (Written::Shield(_), _) => None,
        }
    }

    /// Whether what stands in the files for long enough is what a cancel goes by.
    pub(super) fn is_adopted(&self, set: &PolicySet, intent: &Intent) -> Result<(), Forbidden> {
        if self.edited.is_some_and(|at| at.elapsed() <= ADOPTED_WITHIN) {
            return Ok(());
        }
        let no =
            |what: &str| Err(("S1", format!("the files have said otherwise for long: {what}")));
        let of_policy = set
            .get(&intent.policy)
            .and_then(|policy| policy.excludes.iter().map(|rule| &*rule.name).find_map(revision));
        if of_policy.is_none() || self.stands.get(intent.policy.as_str()) != of_policy.as_ref() {
            return no("its policy");
        }
        let guards = self.guards(set);
        let is_guard = |revision: &u64| matches!(self.revisions.get(revision), Some((Written::Shield(it), _)) if !it.retired);
        let mut stand = self.stands.iter().filter(|(_, revision)| is_guard(revision));
        match stand.find(|(name, revision)| guards.get(*name) != Some(revision)) {
            Some((name, _)) => no(&format!("guard {name}")),
            None => Ok(()),
        }
    }

    /// The guards that have to hold, with their names: those in force, and those that were adopted once.
    fn shields(&self, set: &PolicySet) -> Vec<(String, &Shield)> {
        let shield = |(name, revision)| match self.revisions.get(&revision)? {
            (Written::Shield(shield), _) => Some((name, shield)),
            (Written::Rule(_), _) => None,
        };
        self.guards(set).into_iter().filter_map(shield).collect()
    }

    /// The revisions of the same.
    fn guards(&self, set: &PolicySet) -> BTreeMap<String, u64> {
        let mut by_name: BTreeMap<String, u64> = self
            .adopted
            .iter()
            .filter(|(name, _)| !self.retired.contains(*name))
            .map(|(name, revision)| (name.clone(), *revision))
            .collect();
        for guard in set.guards() {
            let mut names = guard.protects.iter().map(|rule| &*rule.name);
            if let Some(revision) = names.find_map(revision) {
                by_name.insert(guard.name.to_string(), revision);
            }
        }
        by_name
    }

    /// What an intent is charged to, if everything in force lets it go.
    pub(super) fn allows(
        &self,
        set: &PolicySet,
        intent: &Intent,
        execution: &Execution,
        now: Timestamp,
    ) -> Result<Vec<(String, bool, Limit)>, Forbidden> {
        let no = |why: &str| Err(("S1", why.to_owned()));
        let Some(policy) = set.get(&intent.policy) else {
            return no("the policy is no longer in force");
        };
        if policy.held || set.is_blind() {
            return no("the policy's file has an error");
        }
        let Some((rule, written)) = self.rule(set, &intent.policy) else {
            return no("the policy was never written");
        };
        rule.allows(execution.status.open(), execution.last_updated_at, now)?;
        let truth = self.things.get(intent.key.thing.as_str()).copied().unwrap_or_default();
        if rule.grouped && truth.grouped.surely(false) {
            return no("the thing is not in the policy's group");
        }
        if truth.held.surely(true) {
            return no("the policy excludes what is held");
        }
        let seen = self.seen(rule, truth, written, now);
        if !rule.is_stable(execution.last_updated_at, seen, now) {
            return no("it has not matched for as long as the policy asks");
        }
        let mut limits = vec![(intent.policy.to_string(), false, rule.limit)];
        for (name, shield) in self.shields(set) {
            shield.allows(truth.medical.surely(true), now)?;
            if shield.retired {
                continue;
            }
            let all = shield.max.map(|limit| (format!("guard {name}"), false, limit));
            let forced = shield.max_forced.map(|limit| (format!("guard {name}"), true, limit));
            limits.extend(all.into_iter().chain(forced.filter(|_| intent.force)));
        }
        Ok(limits)
    }

    /// Since when at the earliest a thing can have been seen to match a policy as it is written: what
    /// did not match for longer than the breaks between looks was seen not to.
    fn seen(&self, rule: &Rule, truth: Truth, written: Instant, now: Timestamp) -> Timestamp {
        let long = 5 * self.interval + FACTS_FOR;
        let grouped = truth.grouped.since(true, long).filter(|_| rule.grouped);
        let latest = [Some(written), self.watched, grouped, truth.held.since(false, long)];
        let elapsed = latest.into_iter().flatten().map(|at| at.elapsed()).min();
        now - SignedDuration::try_from(elapsed.unwrap_or_default()).expect("less than a day")
    }
}

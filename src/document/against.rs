//! Documents held against what they do not say themselves: a fleet, and the time.
//!
//! Apart from the reading of files, which gives the same whenever and wherever it is done. What is found
//! is told as a warning: a time passes, and a fleet changes, without anybody having written anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::diagnostic::{Code, Diagnostic, Place, sort};
use super::finding::join;
use super::words::{all_of, nearest, quoted};
use super::{Documents, Kind};
use crate::fleet::Fleet;
use crate::policy::{Globs, Rule};

/// Where something stands: the kind and name of its document, and its JSON pointer there.
pub(super) type Places = BTreeMap<(Kind, String, String), Place>;

/// The pointers of a policy or guard whose places are kept.
pub(super) fn pointers(value: &Value) -> Vec<String> {
    let mut pointers: Vec<_> = ["/spec/suspendUntil", "/spec/expiresAt"].map(str::to_owned).into();
    for (list, key) in [("exclude", "name"), ("protect", "name"), ("freezes", "until")] {
        let list = format!("/spec/{list}");
        let entries = value.pointer(&list).and_then(Value::as_array).map_or(0, Vec::len);
        pointers.extend((0..entries).map(|index| join(&join(&list, index), key)));
    }
    pointers.retain(|pointer| value.pointer(pointer).is_some());
    pointers
}

impl Documents {
    /// Adds which patterns of jobs match none of a fleet, which people call `name`.
    pub fn look_for_jobs(&mut self, fleet: &Fleet, name: &str) {
        let jobs: Vec<_> = fleet.jobs.keys().map(crate::execution::JobId::as_str).collect();
        for written in self.patterns.iter().filter(|it| !self.broken.contains(&it.path)) {
            let Ok(pattern) = Globs::new([written.name.clone()]) else { continue };
            if jobs.iter().any(|job| pattern.is_match(job)) {
                continue;
            }
            let message = format!("{} matches no job of {name}", quoted(&written.name));
            let help = match (nearest(&written.name, jobs.iter().copied()), jobs.as_slice()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, []) => "the fleet has no job at all".to_owned(),
                (None, jobs) if jobs.len() <= 6 => format!("its jobs are {}", all_of(jobs)),
                (None, jobs) => format!("its jobs are {} and others", all_of(&jobs[..6])),
            };
            let place = written.place.clone();
            let diagnostic = Diagnostic::new(Code::MeaningNoSuchJob, place, &message, Some(&help));
            self.diagnostics.push(diagnostic);
        }
        sort(&mut self.diagnostics);
    }

    /// Adds which rules keep nothing of a fleet, which people call `name`. `idle` says of a rule that it is
    /// one of them, and by the paths of which conditions alone.
    pub fn look_for_rules(
        &mut self,
        name: &str,
        idle: impl for<'a> Fn(&'a Rule) -> Option<Vec<&'a str>>,
    ) {
        let excludes = self.policies.iter().map(|it| {
            (Kind::CancelPolicy, it.name.as_str(), "/spec/exclude", it.excludes.as_slice())
        });
        let in_force = self.guards.iter().filter(|guard| guard.retired.is_none());
        let protects = in_force.map(|it| {
            (Kind::CancelGuard, it.name.as_str(), "/spec/protect", it.protects.as_slice())
        });
        let mut found = Vec::new();
        for (kind, document, list, rules) in excludes.chain(protects) {
            for (index, rule) in rules.iter().enumerate() {
                let Some(paths) = idle(rule) else { continue };
                let at = join(&join(list, index), "name");
                let Some(place) = self.places.get(&(kind, document.to_owned(), at)) else {
                    continue;
                };
                let message = format!("the rule {} keeps nothing of {name}", quoted(&rule.name));
                // A path begins with the rule, which was named.
                let short = |path| str::split_once(path, "].").map_or(path, |(_, rest)| rest);
                let paths: Vec<&str> = paths.into_iter().map(short).collect();
                let help = match paths.as_slice() {
                    [] => "its conditions are met there, but never all of them by one thing"
                        .to_owned(),
                    paths => format!("nothing there meets {}: is it spelt right?", all_of(paths)),
                };
                let code = Code::MeaningIdleRule;
                found.push(Diagnostic::new(code, place.clone(), &message, Some(&help)));
            }
        }
        self.diagnostics.extend(found);
        sort(&mut self.diagnostics);
    }

    /// Adds which times are over at `now`.
    pub fn look_at_times(&mut self, now: Timestamp) {
        let mut over = Vec::new();
        for policy in &self.policies {
            let at = |pointer: &str| {
                (Kind::CancelPolicy, policy.name.as_str().to_owned(), pointer.to_owned())
            };
            let past = |time: Option<Timestamp>| time.is_some_and(|time| time <= now);
            if policy.suspended.is_some() && past(policy.suspended_until) {
                let help = "remove `suspend`, or write a later time to go on waiting";
                let what = "the time is past: the policy is suspended no more";
                over.push((at("/spec/suspendUntil"), what, help));
            }
            if past(policy.expires_at) {
                let help = "remove the policy, or write a later time";
                let what = "the policy has expired: it cancels nothing";
                over.push((at("/spec/expiresAt"), what, help));
            }
        }
        for guard in self.guards.iter().filter(|guard| guard.retired.is_none()) {
            for (index, freeze) in guard.freezes.iter().enumerate() {
                if freeze.until <= now {
                    let at = format!("/spec/freezes/{index}/until");
                    let at = (Kind::CancelGuard, guard.name.as_str().to_owned(), at);
                    let help = "remove it, or write a later time";
                    over.push((at, "the freeze is over: it holds nothing back", help));
                }
            }
        }
        for (at, what, help) in over {
            if let Some(place) = self.places.get(&at) {
                let code = Code::MeaningOver;
                self.diagnostics.push(Diagnostic::new(code, place.clone(), what, Some(help)));
            }
        }
        sort(&mut self.diagnostics);
    }
}

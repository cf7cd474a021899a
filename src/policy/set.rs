//! The policies of a root together: what is in force.
//!
//! A set never changes. Following a root makes new sets, and whoever works with one keeps it whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Digest, Mode, Policy, PolicyName};

/// The policies of a root that compiled, in the order of their names.
#[derive(Clone, Debug)]
pub struct PolicySet {
    policies: Vec<Arc<Policy>>,
    digest: Digest,
}

impl PolicySet {
    /// A set of policies, whose names differ.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        let by_name: BTreeMap<_, _> =
            policies.into_iter().map(|policy| (policy.name.clone(), Arc::new(policy))).collect();
        let policies: Vec<_> = by_name.into_values().collect();
        let mut text = String::new();
        for policy in &policies {
            text.push_str(policy.name.as_str());
            text.push(' ');
            text.push_str(policy.digest.as_str());
            text.push_str(if policy.held { " held\n" } else { "\n" });
        }
        Self { policies, digest: Digest::of(text.as_bytes()) }
    }

    /// The policies, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.policies.iter()
    }

    /// One of them.
    pub fn get(&self, name: &PolicyName) -> Option<&Arc<Policy>> {
        self.policies
            .binary_search_by(|policy| policy.name.cmp(name))
            .ok()
            .map(|i| &self.policies[i])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.policies.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// What all of them mean together.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Only the policies named; the others as if they were not there.
    #[must_use]
    pub fn only(&self, names: &BTreeSet<PolicyName>) -> Self {
        Self::new(
            self.policies.iter().filter(|p| names.contains(&p.name)).map(|p| Policy::clone(p)),
        )
    }

    /// Whether any policy could act.
    pub fn enforces(&self) -> bool {
        self.policies.iter().any(|policy| policy.mode == Mode::Enforce)
    }
}

//! The policies and guards of a root together: what is in force.
//!
//! A set never changes. Following a root makes new sets, and whoever works with one keeps it whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Breakers, Digest, Guard, Mode, Policy, PolicyName, Standing, Thresholds};

/// The policies of a root that compiled, and the guards that watch over them, in the order of their
/// names.
#[derive(Clone, Debug)]
pub struct PolicySet {
    policies: Vec<Arc<Policy>>,
    guards: Vec<Arc<Guard>>,
    demands: Demands,
    blind: bool,
    retired: BTreeSet<PolicyName>,
    digest: Digest,
    /// The policies of the root that were not asked for.
    aside: Vec<Arc<Policy>>,
}

/// What must be in force before any policy of a set may act. None of it for what cannot reach AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// A guard. `--no-guards` does without.
    pub guard: bool,
    /// A guard with a scope. `--account` and `--region` do without.
    pub scope: bool,
}

impl PolicySet {
    /// A set of policies, whose names differ, with the built-in rules and no other guard.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        Self::guarded(policies, [], Demands::default())
    }

    /// A set of policies and guards; the names of either differ. A retired guard is as if it were not
    /// there.
    pub fn guarded(
        policies: impl IntoIterator<Item = Policy>,
        guards: impl IntoIterator<Item = Guard>,
        demands: Demands,
    ) -> Self {
        let policies = policies.into_iter().map(Arc::new);
        let (retired, guards): (Vec<_>, Vec<_>) =
            guards.into_iter().partition(|guard| guard.retired.is_some());
        let guards = guards.into_iter().map(Arc::new);
        let retired = retired.into_iter().map(|guard| guard.name).collect();
        Self { retired, ..Self::of(policies.collect(), guards.collect(), demands) }
    }

    /// The same, with other demands.
    #[must_use]
    pub fn demanding(self, demands: Demands) -> Self {
        Self { demands, ..self }
    }

    /// The same, while a guard that nobody could read yet is in a file with an error: all policies wait.
    #[must_use]
    pub fn blind(self) -> Self {
        let digest = Digest::of(format!("{} blind", self.digest).as_bytes());
        Self { blind: true, digest, ..self }
    }

    /// The same, with the guards that were adopted before and of which this set says nothing.
    #[must_use]
    pub fn keeping(self, adopted: impl IntoIterator<Item = Guard>) -> Self {
        let silent = |guard: &Guard| {
            !self.retired.contains(&guard.name) && self.guards().all(|it| it.name != guard.name)
        };
        let kept: Vec<_> = adopted.into_iter().filter(silent).map(Arc::new).collect();
        if kept.is_empty() {
            return self;
        }
        let guards = self.guards.iter().cloned().chain(kept).collect();
        self.with(self.policies.clone(), guards)
    }

    /// The same, without some of the guards.
    #[must_use]
    pub fn forgetting(&self, names: &BTreeSet<PolicyName>) -> Self {
        let left = self.guards.iter().filter(|guard| !names.contains(&guard.name)).cloned();
        self.with(self.policies.clone(), left.collect())
    }

    /// The same, where nothing waits for a better time: what is canceled once each `stableFor` is over, the
    /// windows are open and the freezes have ended.
    #[must_use]
    pub fn in_the_end(&self) -> Self {
        let policies = self.policies.iter().map(|policy| {
            let waits = policy.stable_for.is_some() || !policy.windows.is_empty();
            let whenever =
                || Policy { stable_for: None, windows: Vec::new(), ..Policy::clone(policy) };
            if waits { Arc::new(whenever()) } else { Arc::clone(policy) }
        });
        let guards = self.guards.iter().map(|guard| {
            let thawed = || Guard { freezes: Vec::new(), ..Guard::clone(guard) };
            if guard.freezes.is_empty() { Arc::clone(guard) } else { Arc::new(thawed()) }
        });
        self.with(policies.collect(), guards.collect())
    }

    /// The same, with other policies and guards.
    fn with(&self, policies: Vec<Arc<Policy>>, guards: Vec<Arc<Guard>>) -> Self {
        let (retired, aside) = (self.retired.clone(), self.aside.clone());
        let set = Self { retired, aside, ..Self::of(policies, guards, self.demands) };
        if self.blind { set.blind() } else { set }
    }

    fn of(policies: Vec<Arc<Policy>>, guards: Vec<Arc<Guard>>, demands: Demands) -> Self {
        let by_name: BTreeMap<_, _> =
            policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect();
        let policies: Vec<_> = by_name.into_values().collect();
        let written: BTreeMap<_, _> = guards
            .into_iter()
            .filter(|guard| !guard.is_built_in())
            .map(|guard| (guard.name.clone(), guard))
            .collect();
        // Only a document that is there can take a protection away.
        let disabled: BTreeSet<_> = written
            .values()
            .filter(|guard| guard.standing == Standing::Written)
            .flat_map(|guard| guard.disables.iter().copied())
            .collect();
        let guards: Vec<_> =
            Guard::built_in(&disabled).into_iter().chain(written.into_values()).collect();
        let mut text = String::new();
        for policy in &policies {
            text.push_str(policy.name.as_str());
            text.push(' ');
            text.push_str(policy.digest.as_str());
            if policy.uses_revision {
                text.push_str(&format!(" at {}", policy.revision.as_deref().unwrap_or("none")));
            }
            text.push_str(if policy.held { " held\n" } else { "\n" });
        }
        for guard in &guards {
            let Guard { name, digest, standing, .. } = &**guard;
            text.push_str(&format!("guard {name} {digest} {standing}\n"));
        }
        let digest = Digest::of(text.as_bytes());
        let (retired, aside) = (BTreeSet::new(), Vec::new());
        Self { policies, guards, demands, blind: false, retired, digest, aside }
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

    /// All that says no: the built-in rules first, then the guards by name.
    pub fn vetoes(&self) -> &[Arc<Guard>] {
        &self.guards
    }

    /// The guards that somebody wrote, by name.
    pub fn guards(&self) -> impl Iterator<Item = &Arc<Guard>> {
        self.guards.iter().filter(|guard| !guard.is_built_in())
    }

    /// The guards that are to be in force no more.
    pub fn retired(&self) -> &BTreeSet<PolicyName> {
        &self.retired
    }

    /// Whether a guard that nobody could read yet is in a file with an error.
    pub fn is_blind(&self) -> bool {
        self.blind
    }

    /// What must be in force before any policy may act.
    pub fn demands(&self) -> Demands {
        self.demands
    }

    /// How much may go wrong before nothing is canceled any more: of each key the strictest that a guard
    /// writes.
    pub fn thresholds(&self) -> Thresholds {
        let written = self.guards.iter().map(|guard| guard.breakers);
        written.fold(Breakers::default(), Breakers::strictest).thresholds()
    }

    /// What all of them mean together.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Only the policies named; the others as if they were not there, but for what [`Self::whole`] is asked.
    /// All guards stay.
    #[must_use]
    pub fn only(&self, names: &BTreeSet<PolicyName>) -> Self {
        let all = self.policies.iter().cloned();
        let (named, aside): (Vec<_>, Vec<_>) = all.partition(|policy| names.contains(&policy.name));
        Self { aside, ..self.with(named, self.guards.clone()) }
    }

    /// With the policies that were not asked for, if there are any: a guard's budget and its breakers are over
    /// all of a root.
    pub fn whole(&self) -> Option<Arc<Self>> {
        let all = || self.policies.iter().chain(&self.aside).cloned().collect();
        let whole = || Self { aside: Vec::new(), ..self.with(all(), self.guards.clone()) };
        (!self.aside.is_empty()).then(|| Arc::new(whole()))
    }

    /// Whether any policy could act.
    pub fn enforces(&self) -> bool {
        self.policies.iter().any(|policy| policy.mode == Mode::Enforce)
    }
}

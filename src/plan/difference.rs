//! What a change of the policies changes: two plans over one inventory, line by line.
//!
//! Only cancels count, and what they would be sent with: a reason that changes while the execution stays
//! is no difference to a device.

use std::collections::{BTreeMap, BTreeSet};

use crate::execution::ExecutionKey;
use crate::plan::{Decision, Plan};
use crate::policy::PolicyName;

/// How a plan cancels an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct How {
    /// The cause.
    pub policy: PolicyName,
    /// Whether force is sent.
    pub force: bool,
}

/// An execution of which two plans make something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which one.
    pub key: ExecutionKey,
    /// How the old plan cancels it; none if it does not.
    pub old: Option<How>,
    /// How the new plan cancels it; none if it does not.
    pub new: Option<How>,
}

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// It is canceled now.
    NewlyCanceled,
    /// It is canceled no more.
    NoLongerCanceled,
    /// It is canceled by another policy, or with another force.
    CanceledOtherwise,
}

impl Kind {
    /// Every variant, in the order in which they are told.
    pub const ALL: [Self; 3] =
        [Self::NewlyCanceled, Self::NoLongerCanceled, Self::CanceledOtherwise];
}

impl Change {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match (&self.old, &self.new) {
            (None, _) => Kind::NewlyCanceled,
            (_, None) => Kind::NoLongerCanceled,
            _ => Kind::CanceledOtherwise,
        }
    }
}

/// What `new` cancels otherwise than `old`, by job and thing.
pub fn changes(old: &Plan, new: &Plan) -> Vec<Change> {
    let (old, new) = (cancels(old), cancels(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    let changed = keys.into_iter().filter(|key| old.get(key) != new.get(key));
    changed
        .map(|key| Change {
            key: key.clone(),
            old: old.get(key).cloned(),
            new: new.get(key).cloned(),
        })
        .collect()
}

fn cancels(plan: &Plan) -> BTreeMap<&ExecutionKey, How> {
    let lines = plan.lines.iter().filter(|line| line.decision() == Decision::Cancel);
    lines
        .map(|line| {
            let force = line.act.as_ref().is_some_and(|act| act.force);
            (&line.key, How { policy: line.policy.name.clone(), force })
        })
        .collect()
}

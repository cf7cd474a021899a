//! What a change of the policies changes: two plans over one inventory, line by line.
//!
//! Of executions only cancels count, and what they would be sent with: a reason that changes while the
//! execution stays is no difference to a device. What comes due and waits for a budget is counted, and each
//! policy and guard that differs is named: whoever reviews a change must not take a limit for its bounds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::execution::ExecutionKey;
use crate::plan::{Decision, Plan, budget};
use crate::policy::{Guard, Policy, PolicyName, PolicySet, Standing};

mod fields;

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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema,
)]
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

/// How many executions come due, or are so no longer, that a budget keeps waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Due by the new plan alone, and not canceled by it yet.
    pub newly: usize,
    /// Due by the old plan alone, and not canceled by it yet.
    pub no_longer: usize,
}

/// What waits for a budget by one of two plans and is not due by the other.
pub fn waiting(old: &Plan, new: &Plan) -> Waiting {
    fn waits(plan: &Plan) -> BTreeSet<&ExecutionKey> {
        let lines = plan.lines.iter().filter(|line| line.verdict.reason.waits_for_budget());
        lines.map(|line| &line.key).collect()
    }
    let [(waits_old, due_old), (waits_new, due_new)] = [old, new].map(|plan| {
        let waits = waits(plan);
        let due: BTreeSet<_> = cancels(plan).into_keys().chain(waits.iter().copied()).collect();
        (waits, due)
    });
    Waiting {
        newly: waits_new.difference(&due_old).count(),
        no_longer: waits_old.difference(&due_new).count(),
    }
}

/// A policy or guard that two sets do not have alike.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// Which of the two it is.
    #[schemars(extend("enum" = ["policy", "guard"]))]
    pub kind: &'static str,
    /// Its name.
    pub name: PolicyName,
    /// What became of it.
    #[schemars(extend("enum" = ["added", "removed", "changed"]))]
    pub how: &'static str,
    /// What of it is another, before and after, that which bounds all it does (its mode, its budget) first;
    /// of what was added or removed what bounds it.
    pub what: Vec<String>,
}

/// The policies and guards that `new` does not have as `old` has them, in the order of their names. A guard
/// that stays in force without a file is not removed.
pub fn edits(old: &PolicySet, new: &PolicySet) -> Vec<Edit> {
    let policies = |set: &PolicySet| -> BTreeMap<PolicyName, Document> {
        set.iter().map(|it| (it.name.clone(), Document::from(&**it))).collect()
    };
    let guards = |set: &PolicySet| -> BTreeMap<PolicyName, Document> {
        let written = set.guards().filter(|guard| guard.standing != Standing::BuiltIn);
        written.map(|it| (it.name.clone(), Document::from(&**it))).collect()
    };
    let mut edits = compared("policy", &policies(old), &policies(new));
    edits.extend(compared("guard", &guards(old), &guards(new)));
    edits
}

/// What of a document is compared.
struct Document {
    digest: String,
    /// What bounds all it does: a name, what it is, and the key under `spec` that says so.
    bounds: Vec<(&'static str, String, &'static str)>,
    /// All that its `spec` says.
    spec: Value,
}

fn spec(document: &str) -> Value {
    let document = serde_json::from_str::<Value>(document).unwrap_or_default();
    document.get("spec").cloned().unwrap_or_default()
}

impl From<&Policy> for Document {
    fn from(policy: &Policy) -> Self {
        let budget: Vec<_> = policy.budget.iter().map(budget::describe).collect();
        Self {
            digest: policy.digest.to_string(),
            bounds: vec![
                ("mode", format!("{:?}", policy.mode), "mode"),
                ("budget", format!("{} ({:?})", budget.join(" and "), policy.on_exceed), "budget"),
            ],
            spec: spec(&policy.document),
        }
    }
}

impl From<&Guard> for Document {
    fn from(guard: &Guard) -> Self {
        let limits: Vec<_> = guard.budget.limits.iter().map(ToString::to_string).collect();
        let budget = if limits.is_empty() {
            "none".to_owned()
        } else {
            format!("{} ({:?})", limits.join(" and "), guard.budget.on_exceed)
        };
        let rules: Vec<_> = guard.protects.iter().map(|rule| rule.name.clone()).collect();
        let protects = if rules.is_empty() { "nothing".to_owned() } else { rules.join(" and ") };
        Self {
            digest: guard.digest.to_string(),
            bounds: vec![("protects", protects, "protect"), ("budget", budget, "budget")],
            spec: spec(&guard.document),
        }
    }
}

fn compared(
    kind: &'static str,
    old: &BTreeMap<PolicyName, Document>,
    new: &BTreeMap<PolicyName, Document>,
) -> Vec<Edit> {
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let all =
        |it: &Document| it.bounds.iter().map(|(what, is, _)| format!("{what} {is}")).collect();
    let edit = |name: &PolicyName| {
        let (how, what) = match (old.get(name), new.get(name)) {
            (Some(before), Some(after)) if before.digest == after.digest => return None,
            (Some(before), Some(after)) => {
                let both =
                    before.bounds.iter().zip(&after.bounds).filter(|(one, other)| one != other);
                let (mut what, mut told) = (Vec::new(), BTreeSet::new());
                for ((name, was, key), (_, is, _)) in both {
                    what.push(format!("{name} {was} → {is}"));
                    // What the key has below itself is more than a bound tells.
                    let all = [before, after].map(|it| it.spec.get(*key));
                    if all.into_iter().flatten().all(Value::is_string) {
                        told.insert(*key);
                    }
                }
                what.extend(fields::changed(&before.spec, &after.spec, &told));
                if what.is_empty() {
                    what.push("only the order in which it says so".to_owned());
                }
                ("changed", what)
            }
            (Some(before), None) => ("removed", all(before)),
            (None, Some(after)) => ("added", all(after)),
            (None, None) => return None,
        };
        Some(Edit { kind, name: name.clone(), how, what })
    };
    names.into_iter().filter_map(edit).collect()
}

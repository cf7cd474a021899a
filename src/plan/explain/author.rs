//! Who canceled an execution: what its `rescind` pair says, held against the policies of the root.
//!
//! The pair is written by `in_force::marker`: the policy's name, its short digest, the attempt's id. A
//! device or a person may write anything there, so that it is told as what is written. Where there is no such
//! pair, since there was no room for it, the journal decides.

use crate::execution::StatusDetails;
use crate::policy::{PolicyName, PolicySet, template};

/// Who canceled an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// Rescind, as its pair says.
    Rescind {
        /// The policy.
        policy: String,
        /// The short digest of what the policy meant.
        digest: String,
        /// The attempt's id, as in the journal.
        attempt: String,
        /// How the policy stands in the root.
        standing: Standing,
    },
    /// Rescind, as the journal says, whatever the pair does.
    InJournal {
        /// The policy.
        policy: String,
        /// The short digest of what the policy meant.
        digest: String,
        /// The intent's id.
        intent: String,
        /// How the policy stands in the root.
        standing: Standing,
        /// Whether the pair was sent: otherwise there was no room for it.
        marked: bool,
    },
    /// There is a `rescind` pair, which rescind did not write so.
    Unclear(String),
    /// No `rescind` pair.
    NotRescind,
    /// Its statusDetails are not known.
    NotKnown,
}

/// How a policy that canceled stands in the root now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It means what it meant.
    Unchanged,
    /// It means something else now; its short digest.
    Changed(String),
    /// It is not there.
    Missing,
}

/// What the statusDetails of a canceled execution say about who did it.
pub fn author(details: Option<&StatusDetails>, policies: &PolicySet) -> Author {
    let Some(details) = details else { return Author::NotKnown };
    let Some(pair) = details.get(template::MARKER) else { return Author::NotRescind };
    let words: Vec<_> = pair.split(' ').collect();
    let [policy, digest, attempt] = words[..] else { return Author::Unclear(pair.clone()) };
    let standing = standing(policy, digest, policies);
    let [policy, digest, attempt] = [policy, digest, attempt].map(str::to_owned);
    Author::Rescind { policy, digest, attempt, standing }
}

/// How a policy stands in the root that had a short digest when it canceled.
pub fn standing(policy: &str, digest: &str, policies: &PolicySet) -> Standing {
    match PolicyName::new(policy).and_then(|name| policies.get(&name)) {
        None => Standing::Missing,
        Some(found) if found.digest.short() == digest => Standing::Unchanged,
        Some(found) => Standing::Changed(found.digest.short().to_owned()),
    }
}

//! Guards outlive their files: what is kept of them in the state, and taken up again at a start.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::policy::compile::restore_guard;
use crate::policy::{Guard, PolicyName, PolicySet, Standing};
use crate::state::{self, AdoptedGuard, State};

/// Guards that cannot be kept, or taken up again. Nothing is sent then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state cannot be read or written.
    #[error("the adopted guards cannot be read")]
    State(#[from] state::Error),
    /// A guard of an earlier version cannot be read by this one.
    #[error("the adopted guard {0} cannot be read by this version: adopt it anew")]
    Unreadable(String),
}

/// The guards that were adopted before and that nobody asked to be forgotten. Whether a file has them
/// is not known yet.
pub async fn adopted(state: &dyn State, now: Timestamp) -> Result<Vec<Guard>, Error> {
    forgotten(state, now).await?;
    restored(state.adopted().await?)
}

/// Guards as they were adopted.
pub fn restored(kept: impl IntoIterator<Item = AdoptedGuard>) -> Result<Vec<Guard>, Error> {
    let restored = kept.into_iter().map(|kept| {
        let guard = restore_guard(&kept.document, kept.origin);
        let guard = guard.ok_or_else(|| Error::Unreadable(kept.name.to_string()))?;
        Ok(Guard { standing: Standing::Missing, ..guard })
    });
    restored.collect()
}

/// The guards that a file has, as they are kept.
fn written(set: &PolicySet) -> Vec<AdoptedGuard> {
    let written = set.guards().filter(|guard| guard.standing == Standing::Written);
    written
        .map(|guard| AdoptedGuard {
            name: guard.name.clone(),
            origin: guard.origin.clone(),
            digest: guard.digest.clone(),
            document: guard.document.clone(),
        })
        .collect()
}

/// Keeps the guards of a set from now on, and forgets those that are retired. Those that are not in force any
/// more were forgotten since the set was made, and must not come back.
pub async fn keep(
    state: &dyn State,
    set: &PolicySet,
    in_force: &PolicySet,
    now: Timestamp,
) -> Result<(), state::Error> {
    let names: BTreeSet<_> = in_force.guards().map(|guard| &guard.name).collect();
    let mut guards = written(set);
    guards.retain(|guard| names.contains(&guard.name));
    state.adopt(&guards, set.retired(), now).await
}

/// Whether there is nothing to keep or to forget that is not yet.
pub async fn are_kept(state: &dyn State, set: &PolicySet) -> Result<bool, state::Error> {
    let kept = state.adopted().await?;
    let is_retired = |guard: &AdoptedGuard| set.retired().contains(&guard.name);
    Ok(written(set).iter().all(|guard| kept.contains(guard)) && !kept.iter().any(is_retired))
}

/// Forgets the guards that somebody asked to be forgotten; gives their names.
pub async fn forgotten(
    state: &dyn State,
    now: Timestamp,
) -> Result<BTreeSet<PolicyName>, state::Error> {
    let names = state.forget_asked(now).await?;
    for guard in &names {
        tracing::warn!(%guard, "forgotten, as somebody asked: it protects no more, unless a file has it");
    }
    Ok(names)
}

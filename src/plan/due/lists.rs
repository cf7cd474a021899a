//! When each list of executions is to be read again: what is remembered of it beside its rows.
//!
//! Apart from the schedule, which asks for the next time of all. Invariant: a list waits for an age that a
//! policy asks for, not twice in an interval, and no longer than [`AT_LATEST`].

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::terms::Terms;
use crate::execution::{JobId, JobStatus, OpenStatus};
use crate::inventory::{Inventory, Job, Listing};
use crate::plan::planner;
use crate::policy::{Policy, PolicySet};

/// Every list is read again after this long: whatever an age lets wait, a fleet of a million costs a few
/// thousand calls a day for it.
const AT_LATEST: SignedDuration = SignedDuration::from_hours(6);

/// How long a job waits under which two complete lists in a row were empty, if AWS creates no executions of
/// it any more.
const EMPTY: SignedDuration = SignedDuration::from_hours(1);

/// The longest wait before a list that fails is tried again. It doubles from the interval on.
const FAILING: SignedDuration = SignedDuration::from_hours(1);

/// The executions of a job in a status.
pub(super) type List = (JobId, OpenStatus);

/// What is remembered of a list.
#[derive(Clone, Copy, Debug)]
struct Past {
    /// When the look began in which it was read.
    began: Timestamp,
    /// How often in a row it could not be read.
    failures: u32,
    /// How often in a row it was empty.
    empties: u32,
    /// Whether it is being read again.
    awaited: bool,
}

/// What is remembered of all lists.
#[derive(Debug)]
pub(super) struct Lists {
    pasts: BTreeMap<List, Past>,
    /// The shortest time between two readings of one.
    least: SignedDuration,
}

impl Lists {
    pub(super) fn new(least: SignedDuration) -> Self {
        Self { pasts: BTreeMap::new(), least }
    }

    /// Takes out of `inventory` the lists that are due at `now`, and what nobody asks for any more.
    /// `changed` if the policies have: then nothing waits but for an age.
    pub(super) fn forget(
        &mut self,
        inventory: &mut Inventory,
        policies: &PolicySet,
        terms: &Terms,
        now: Timestamp,
        changed: bool,
    ) {
        self.pasts.retain(|list, _| inventory.lists.contains_key(list));
        let by_job = planner::policies_by_job(policies, inventory);
        let mut unasked = Vec::new();
        let mut due = Vec::new();
        for (list, listing) in &inventory.lists {
            let job = inventory.jobs.get(&list.0);
            match self.due(list, *listing, job, by_job.get(&list.0), terms, changed) {
                Some(at) if at <= now || self.is_later(list, *listing, now) => {
                    due.push(list.clone());
                }
                Some(_) => {}
                None => unasked.push(list.clone()),
            }
        }
        for list in due {
            self.read_again(inventory, &list);
        }
        for list in unasked {
            inventory.lists.remove(&list);
            inventory.remove_rows(&list.0, list.1);
            self.pasts.remove(&list);
        }
    }

    /// Has a list read again, whether or not it is due. Says whether there was one.
    pub(super) fn read_again(&mut self, inventory: &mut Inventory, list: &List) -> bool {
        if let Some(past) = self.pasts.get_mut(list) {
            past.awaited = true;
        }
        inventory.lists.remove(list).is_some()
    }

    /// When the first is to be read again.
    pub(super) fn next(
        &self,
        inventory: &Inventory,
        by_job: &BTreeMap<&JobId, Vec<&Arc<Policy>>>,
        terms: &Terms,
    ) -> Option<Timestamp> {
        let due = inventory.lists.iter().filter_map(|(list, listing)| {
            let job = inventory.jobs.get(&list.0);
            self.due(list, *listing, job, by_job.get(&list.0), terms, false)
        });
        due.min()
    }

    /// When a list is to be read again; none if no policy asks for it.
    fn due(
        &self,
        list: &List,
        listing: Listing,
        job: Option<&Job>,
        policies: Option<&Vec<&Arc<Policy>>>,
        terms: &Terms,
        changed: bool,
    ) -> Option<Timestamp> {
        let asking = policies.into_iter().flatten();
        let age = asking.filter_map(|policy| terms.waits(&policy.name, list.1)).min()?;
        let Some(past) = self.pasts.get(list) else {
            return Some(Timestamp::MIN);
        };
        let after = |at: Timestamp, wait| at.checked_add(wait).unwrap_or(Timestamp::MAX);
        let at = match listing {
            Listing::Failed(_) => {
                let doubled = self.least * (1 << past.failures.saturating_sub(1).min(12));
                return Some(after(past.began, doubled.min(FAILING.max(self.least))));
            }
            Listing::Complete(at) => after(at, age),
        };
        if changed {
            return Some(at);
        }
        let stays_empty = self.is_empty(&list.0) && job.is_some_and(has_all);
        let once = if stays_empty { self.least.max(EMPTY) } else { self.least };
        Some(at.max(after(past.began, once)).min(after(past.began, AT_LATEST)))
    }

    /// Whether a list was read later than `now`.
    fn is_later(&self, list: &List, listing: Listing, now: Timestamp) -> bool {
        let read = match listing {
            Listing::Complete(at) => Some(at),
            Listing::Failed(_) => None,
        };
        let began = self.pasts.get(list).map(|past| past.began);
        read.into_iter().chain(began).any(|at| at > now)
    }

    /// Whether the lists of a job were empty twice in a row, all that are read.
    fn is_empty(&self, job: &JobId) -> bool {
        let pasts = OpenStatus::ALL.map(|status| self.pasts.get(&(job.clone(), status)));
        pasts.into_iter().flatten().all(|past| past.empties >= 2)
    }

    /// Takes note of how each list went that was read for the look that began at `began`.
    pub(super) fn observed(&mut self, inventory: &Inventory, began: Timestamp) {
        for (list, listing) in &inventory.lists {
            let past = self.pasts.get(list);
            if past.is_some_and(|past| !past.awaited) {
                continue;
            }
            let (failures, empties) = past.map_or((0, 0), |past| (past.failures, past.empties));
            let (failures, empties) = match listing {
                Listing::Failed(_) => (failures.saturating_add(1), 0),
                Listing::Complete(_) if inventory.is_empty(&list.0, list.1) => {
                    (0, empties.saturating_add(1))
                }
                Listing::Complete(_) => (0, 0),
            };
            self.pasts.insert(list.clone(), Past { began, failures, empties, awaited: false });
        }
    }
}

/// Whether AWS creates no executions of a job any more, as it stands. A continuous job that goes on has
/// one for each thing that joins its groups, a rollout some each minute.
fn has_all(job: &Job) -> bool {
    match job.status {
        JobStatus::Canceled | JobStatus::Completed | JobStatus::DeletionInProgress => true,
        JobStatus::InProgress | JobStatus::Scheduled | JobStatus::Unknown(_) => false,
    }
}

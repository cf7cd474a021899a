//! What policies with `stableFor` have seen: long enough or not, of what has moved since, too long ago.

use jiff::SignedDuration;
use proptest::prelude::*;
use rescind::inventory::Inventory;
use rescind::plan::stable::{Sighting, Sightings, Stamp};
use rescind::policy::Policy;

use super::super::support::now;
use super::{JOBS, THINGS, ago};

/// Since when, in hours, and whether it has moved since or was not looked at for too long; for each
/// policy and row.
pub type Sighted = Vec<Option<(i64, bool, bool)>>;

pub fn sightings() -> impl Strategy<Value = Sighted> {
    let sighted = (0..5_i64, prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    let each = prop::option::weighted(0.8, sighted);
    prop::collection::vec(each, 3 * JOBS.len() * THINGS.len())
}

pub fn seen(policies: &[Policy], inventory: &Inventory, sighted: &Sighted) -> Sightings {
    let mut sighted = sighted.iter().cycle();
    let mut seen = Sightings::new();
    for policy in policies {
        for (key, row) in &inventory.executions {
            let Some((hours, moved, late)) = sighted.next().copied().flatten() else { continue };
            let (Some(number), Some(last_updated_at)) =
                (row.number.known().copied(), row.times.last_updated_at().known().copied())
            else {
                continue;
            };
            let last_updated_at = if moved {
                last_updated_at - SignedDuration::from_nanos(1)
            } else {
                last_updated_at
            };
            let stamp = Stamp { number, last_updated_at, version: None };
            let until = if late { now() } else { ago(-1) };
            let sighting = Sighting { stamp, since: ago(hours), until };
            seen.insert((policy.digest.clone(), key.clone()), sighting);
        }
    }
    seen
}

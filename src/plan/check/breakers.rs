//! The breakers, stated a second time: the cases added up one by one, each limit found anew.

use std::collections::BTreeMap;

use crate::inventory::Inventory;
use crate::plan::breaker::Breaker;
use crate::plan::{Memory, Plan};
use crate::policy::{Breakers, PolicySet};

/// Why nothing of a plan may act: a breaker that is open, or has to be.
pub(super) fn open(
    plan: &Plan,
    policies: &PolicySet,
    inventory: &Inventory,
    memory: &Memory,
) -> Option<String> {
    if let Some(breaker) = memory.breakers.open.keys().next() {
        return Some(format!("breaker {breaker} is open"));
    }
    let limit = |default: i128, key: fn(&Breakers) -> Option<i128>| {
        let written = policies.vetoes().iter().filter_map(|guard| key(&guard.breakers));
        written.min().unwrap_or(default)
    };
    let percent = [
        (Breaker::Unknown, limit(20, |it| it.unknown_percent.map(Into::into))),
        (Breaker::VersionConflict, limit(30, |it| it.version_conflict_percent.map(Into::into))),
        (Breaker::Error, limit(20, |it| it.error_percent.map(Into::into))),
    ];
    let seconds = limit(60, |it| it.clock_skew_seconds.map(Into::into));
    let mut counted = BTreeMap::<Breaker, (i128, i128)>::new();
    for ((breaker, minute), cases) in &memory.breakers.cases {
        let ended = (minute + 1) * 60;
        if ended > plan.now.as_second().div_euclid(60) * 60 - 59 * 60 {
            let (all, bad) = counted.entry(*breaker).or_default();
            (*all, *bad) = (*all + i128::from(cases.all), *bad + i128::from(cases.bad));
        }
    }
    let (all, bad) = counted.entry(Breaker::Unknown).or_default();
    *all += i128::from(plan.health.unknown.all);
    *bad += i128::from(plan.health.unknown.bad);
    for (breaker, percent) in percent {
        let (all, bad) = counted.get(&breaker).copied().unwrap_or_default();
        if all >= 20 && bad * 100 > percent * all {
            return Some(format!("breaker {breaker} has to be open"));
        }
    }
    let skew = inventory.skew.map_or(0, |skew| skew.as_nanos().abs());
    (skew > seconds * 1_000_000_000).then(|| "breaker clock has to be open".to_owned())
}

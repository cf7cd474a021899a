//! A plan of which only a part may act: what holds back the whole holds back each part of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use rescind::plan::check::check;
use rescind::plan::planner::narrowed;
use rescind::plan::{BudgetState, Owner, Plan, plan};

use super::generate::world;
use super::lazily::collected_for;
use super::properties::{DEPTHS, planned};
use super::support::now;

/// Where the limits of guards stand.
fn of_guards(plan: &Plan) -> impl Iterator<Item = &BudgetState> {
    plan.budgets.iter().filter(|limit| matches!(limit.owner, Owner::Guard(_)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_saved_plan_halts_and_breaks_as_the_whole_does(
        world in world(),
        named in prop::collection::vec(any::<bool>(), 1..9),
    ) {
        for depth in DEPTHS {
            let whole = planned(&world, depth);
            let named = whole.lines.iter().zip(named.iter().cycle()).filter(|(_, named)| **named);
            let keys: BTreeSet<_> = named.map(|(line, _)| line.key.clone()).collect();
            let set = world.set();
            let part = narrowed(&set, &world.inventory, &world.memory, now(), depth, Some(&keys));
            prop_assert_eq!(check(&part, &set, &world.inventory, &world.memory), []);
            prop_assert!(part.lines.iter().all(|line| keys.contains(&line.key)));
            prop_assert_eq!(&part.budgets, &whole.budgets);
            prop_assert_eq!(&part.breakers, &whole.breakers);
        }
    }

    #[test]
    fn a_guard_halts_what_was_asked_for_whenever_it_halts_the_whole(
        world in world(),
        asked in prop::collection::vec(any::<bool>(), 1..9),
    ) {
        for depth in DEPTHS {
            let set = world.set();
            let asked = set.iter().zip(asked.iter().cycle()).filter(|(_, asked)| **asked);
            let names: BTreeSet<_> = asked.map(|(policy, _)| policy.name.clone()).collect();
            let only = Arc::new(set.only(&names));
            let seen = collected_for(&only, &world, depth);
            let part = plan(&only, &seen, &world.memory, now(), depth);
            prop_assert_eq!(check(&part, &only, &seen, &world.memory), []);
            prop_assert!(part.lines.iter().all(|line| names.contains(&line.policy.name)));
            let whole = planned(&world, depth);
            prop_assert_eq!(of_guards(&part).count(), of_guards(&whole).count());
            for (part, whole) in of_guards(&part).zip(of_guards(&whole)) {
                prop_assert_eq!(&part.limit, &whole.limit);
                // Where AWS denied the calls of a cause, more may be due by one that was asked for.
                prop_assert!(part.halted >= whole.halted, "{part:?} {whole:?}");
            }
        }
    }
}

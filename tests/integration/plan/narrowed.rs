//! A plan of which only a part may act: what holds back the whole holds back each part of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use rescind::fact::{Fact, Unreadable};
use rescind::plan::breaker::{Breaker, Cases};
use rescind::plan::check::check;
use rescind::plan::planner::narrowed;
use rescind::plan::{BudgetState, Depth, Memory, Owner, Plan, plan};

use super::generate::{World, world};
use super::lazily::{collected, collected_for};
use super::properties::{DEPTHS, planned};
use super::support::{fleet, guard, name, now, policy};

/// Where the limits of guards stand.
fn of_guards(plan: &Plan) -> impl Iterator<Item = &BudgetState> {
    plan.budgets.iter().filter(|limit| matches!(limit.owner, Owner::Guard(_)))
}

/// Whether a breaker is open, or has to be.
fn is_open(plan: &Plan) -> bool {
    plan.breakers.iter().any(|breaker| breaker.why.is_some())
}

/// What is planned if only policies of these names are asked for, by what is read then.
fn part(world: &World, names: &[&str], depth: Depth) -> Plan {
    let only = Arc::new(world.set().only(&names.iter().copied().map(name).collect()));
    let seen = collected_for(&only, world, depth);
    plan(&only, &seen, &world.memory, now(), depth)
}

/// Four executions that p-0 has due, and one of p-1, of whose thing the registry does not say the type. Of
/// `counted` earlier decisions four lacked a fact.
fn one_is_blind(counted: u64, budget: &str) -> World {
    let age = "mode: Enforce\ntarget: {statuses: [QUEUED], jobs: {names: [j-0]}}\n\
               match: {age: [{since: queuedAt, olderThan: 1d}]}";
    let by_type = "mode: Enforce\ntarget: {statuses: [QUEUED], jobs: {names: [j-1]}}\n\
                   match: {thing: {types: [robot]}}";
    let fleet = fleet(
        "things: [{name: a}, {name: b}, {name: c}, {name: d}]\njobs: [{id: j-0}, {id: j-1}]\nexecutions:\n\
         - {job: j-0, thing: a, queuedAt: 2d ago}\n- {job: j-0, thing: b, queuedAt: 2d ago}\n\
         - {job: j-0, thing: c, queuedAt: 2d ago}\n- {job: j-0, thing: d, queuedAt: 2d ago}\n\
         - {job: j-1, thing: a, queuedAt: 2d ago}",
    );
    let mut inventory = rescind::fleet::inventory(&fleet, now());
    let thing = inventory.things.get_mut(&"a".parse().unwrap()).unwrap();
    thing.description = Fact::Unreadable(Unreadable::Denied);
    let mut memory = Memory::default();
    memory.breakers.count(Breaker::Unknown, Cases { all: counted, bad: 4 }, now());
    let policies = vec![policy("p-0", age), policy("p-1", by_type)];
    World { policies, guards: vec![guard("g", budget)], inventory, memory }
}

#[test]
fn a_part_opens_no_breaker_that_the_whole_leaves_closed() {
    let world = one_is_blind(20, "budget: {max: [{count: 0, per: 1h}], onExceed: Halt}");
    for depth in DEPTHS {
        let whole = planned(&world, depth);
        assert!(!is_open(&whole), "5 of 25 are not more than 20 %");
        for names in [["p-0"], ["p-1"]] {
            let part = part(&world, &names, depth);
            assert_eq!(part.breakers, whole.breakers, "{names:?} at {depth:?}");
            assert_eq!(part.health, whole.health, "what is kept of it");
            let halted: Vec<_> = of_guards(&part).map(|limit| limit.halted).collect();
            assert_eq!(halted, [Some(4)], "{names:?} at {depth:?}");
        }
    }
}

#[test]
fn a_part_does_not_get_round_a_breaker_that_the_whole_opens() {
    let world = one_is_blind(19, "budget: {max: [{count: 100, per: 1h}]}");
    for depth in DEPTHS {
        assert!(is_open(&planned(&world, depth)), "5 of 24 are more than 20 %");
        let part = part(&world, &["p-0"], depth);
        assert!(is_open(&part), "{depth:?}");
        assert_eq!((part.lines.len(), part.acts().count()), (4, 0), "{depth:?}");
        // What the others lacked leaves nothing of the part undecided.
        assert_eq!((part.health.unknown.bad, part.undecided), (1, 0), "{depth:?}");
    }
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
            if depth == Depth::Listed {
                let seen = World { inventory: collected(&world, depth), ..world.clone() };
                prop_assert_eq!(&part.breakers, &planned(&seen, depth).breakers);
            } else if is_open(&part) && !is_open(&whole) {
                // The others are looked at before the describes, which say no of what was not known.
                continue;
            }
            prop_assert_eq!(of_guards(&part).count(), of_guards(&whole).count());
            for (part, whole) in of_guards(&part).zip(of_guards(&whole)) {
                prop_assert_eq!(&part.limit, &whole.limit);
                // Where AWS denied the calls of a cause, more may be due by one that was asked for.
                prop_assert!(part.halted >= whole.halted, "{part:?} {whole:?}");
            }
        }
    }
}

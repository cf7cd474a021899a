//! What must hold for any policies over any fleet. A failure prints the smallest world that shows it,
//! and the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;
use rescind::execution::{ExecutionKey, ThingName};
use rescind::fact::Fact;
use rescind::inventory::{Inventory, JobDescription, Thing};
use rescind::plan::breaker::Record;
use rescind::plan::check::check;
use rescind::plan::in_force::{Judgement, judge};
use rescind::plan::saved::SavedPlan;
use rescind::plan::words::facts_of;
use rescind::plan::{Depth, Line, Needs, Plan, Reason, needs, plan};
use rescind::policy::guard::Budget;
use rescind::policy::window::WindowKind;
use rescind::policy::{Demands, Guard, Limit, LimitSize, OnExceed, PolicySet};

use super::generate::{World, common_budget, guard, lose, loss, period, rule, windows, world};
use super::support::{Lists, apply, name, now};

const DEPTHS: [Depth; 2] = [Depth::Listed, Depth::Exact];

fn planned(world: &World, depth: Depth) -> Plan {
    plan(&world.set(), &world.inventory, &world.memory, now(), depth)
}

/// What may be canceled before any budget. Of what is left to the moment of acting, that which is
/// still to be canceled then.
fn eligible(world: &World, depth: Depth) -> BTreeSet<ExecutionKey> {
    let mut world = world.clone();
    for policy in &mut world.policies {
        // A job's room before it is aborted is as a budget.
        policy.cancel.allow_job_abort = true;
        policy.budget = vec![Limit { size: LimitSize::Count(1_000_000), per: period(1) }];
    }
    for guard in &mut world.guards {
        guard.budget = Budget::default();
    }
    // Like a budget, a denial makes the cause wait, and says nothing about who the cause is.
    world.memory.denied.clear();
    // So does a breaker, whose share is of all decisions together.
    world.memory.breakers = Record::default();
    let plan = planned(&world, depth);
    let cancels = |line: &&Line| {
        let facts = facts_of(&line.key, &world.inventory).expect("it was observed");
        matches!(judge(&plan.policies, &facts, now()), Judgement::Cancel(_))
    };
    plan.acts().filter(cancels).map(|line| line.key.clone()).collect()
}

fn told(plan: &Plan) -> String {
    let mut text = format!("{:?} {:?} {:?}\n", plan.order, plan.observed, plan.budgets);
    for line in &plan.lines {
        let (policy, act) = (&line.policy.name, &line.act);
        writeln!(text, "{} {policy} {:?} {act:?}", line.key, line.verdict).expect("a String");
    }
    text
}

/// What a collector would have read: only what `needs` asks for, from a fleet that is fully known.
fn collected(world: &World, depth: Depth) -> Inventory {
    let (policies, full) = (world.set(), &world.inventory);
    let mut seen = Inventory { account: full.account.clone(), ..Inventory::default() };
    for round in 0.. {
        let wanted = needs(&policies, &seen, &world.memory, now(), depth);
        if wanted.is_empty() {
            break;
        }
        assert!(round < 20, "it asks for ever: {wanted:?}");
        read(&wanted, full, &mut seen);
    }
    seen
}

fn read(wanted: &Needs, full: &Inventory, seen: &mut Inventory) {
    for status in &wanted.job_lists {
        seen.job_lists.insert(status.clone(), full.job_lists[status]);
        for (id, job) in full.jobs.iter().filter(|(_, job)| job.status == *status) {
            let mut job = job.clone();
            job.description = Fact::NotRead;
            job.tags = Fact::NotRead;
            seen.jobs.insert(id.clone(), job);
        }
    }
    for id in &wanted.jobs {
        let job = seen.jobs.get_mut(id).expect("listed before it is described");
        job.description = full.jobs[id].description.clone();
    }
    for (id, status) in &wanted.lists {
        seen.lists.insert((id.clone(), *status), full.lists[&(id.clone(), *status)]);
        let rows = full.executions.iter();
        for (key, row) in rows.filter(|(key, row)| key.job == *id && row.listed == *status) {
            let mut row = row.clone();
            row.described = Fact::NotRead;
            seen.executions.insert(key.clone(), row);
        }
    }
    for id in &wanted.tags {
        seen.jobs.get_mut(id).expect("listed before").tags = full.jobs[id].tags.clone();
    }
    let mut thing = |name: &ThingName, read: fn(Thing) -> Thing| {
        let read = read(full.things[name].clone());
        seen.things.entry(name.clone()).or_default().take_in(read);
    };
    for name in &wanted.things {
        thing(name, |it| Thing {
            description: it.description,
            read_at: it.read_at,
            ..Thing::default()
        });
    }
    for name in &wanted.connectivity {
        thing(name, |it| Thing {
            connectivity: it.connectivity,
            read_at: it.read_at,
            ..Thing::default()
        });
    }
    for name in &wanted.groups {
        thing(name, |it| Thing { groups: it.groups, read_at: it.read_at, ..Thing::default() });
    }
    for name in &wanted.queues {
        thing(name, |it| Thing { queue: it.queue, read_at: it.read_at, ..Thing::default() });
    }
    for key in &wanted.executions {
        let row = seen.executions.get_mut(key).expect("listed before it is described");
        row.described = full.executions[key].described.clone();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_becomes_unknown_never_makes_anything_eligible(world in world(), loss in loss()) {
        let mut later = world.clone();
        lose(&mut later.inventory, &loss);
        for depth in DEPTHS {
            let (before, after) = (eligible(&world, depth), eligible(&later, depth));
            prop_assert!(after.is_subset(&before), "{depth:?}: {:?}", after.difference(&before));
        }
    }

    #[test]
    fn what_becomes_unknown_is_never_newly_canceled_within_a_budget(world in world(), loss in loss()) {
        let mut world = world;
        world.policies.truncate(1);
        let mut later = world.clone();
        lose(&mut later.inventory, &loss);
        for depth in DEPTHS {
            let before: BTreeSet<_> =
                planned(&world, depth).acts().map(|line| line.key.clone()).collect();
            let plan = planned(&later, depth);
            let newly = plan.acts().find(|line| line.key == loss.0 && !before.contains(&line.key));
            // An age that is lost may move it back in the order, never forward.
            prop_assert!(newly.is_none(), "{depth:?}: {newly:?}");
        }
    }

    #[test]
    fn another_exclude_rule_never_makes_anything_eligible(world in world(), rule in rule()) {
        let mut later = world.clone();
        later.policies[0].excludes.push(rule);
        for depth in DEPTHS {
            let (before, after) = (eligible(&world, depth), eligible(&later, depth));
            prop_assert!(after.is_subset(&before), "{depth:?}: {:?}", after.difference(&before));
        }
    }

    #[test]
    fn another_window_never_makes_anything_eligible(world in world(), windows in windows()) {
        let mut later = world.clone();
        // An Allow window beside another one opens more, as it says; beside none it only closes.
        let alone = world.policies[0].windows.is_empty();
        let closes = windows.into_iter().filter(|it| alone || it.kind == WindowKind::Deny);
        later.policies[0].windows.extend(closes);
        for depth in DEPTHS {
            let (before, after) = (eligible(&world, depth), eligible(&later, depth));
            prop_assert!(after.is_subset(&before), "{depth:?}: {:?}", after.difference(&before));
        }
    }

    #[test]
    fn another_guard_never_makes_anything_eligible(world in world(), guard in guard()) {
        let mut later = world.clone();
        later.guards.push(guard);
        for depth in DEPTHS {
            let (before, after) = (eligible(&world, depth), eligible(&later, depth));
            prop_assert!(after.is_subset(&before), "{depth:?}: {:?}", after.difference(&before));
            let observed = |world| {
                let of_plan = planned(world, depth).observed.into_iter();
                of_plan.map(|it| (it.key, it.policy)).collect::<BTreeSet<_>>()
            };
            prop_assert!(observed(&later).is_subset(&observed(&world)), "{depth:?}");
        }
    }

    #[test]
    fn another_protect_rule_never_makes_anything_eligible(world in world(), guard in guard(), rule in rule()) {
        let mut world = world;
        world.guards.push(guard);
        let mut later = world.clone();
        later.guards[0].protects.push(rule);
        for depth in DEPTHS {
            let (before, after) = (eligible(&world, depth), eligible(&later, depth));
            prop_assert!(after.is_subset(&before), "{depth:?}: {:?}", after.difference(&before));
        }
    }

    #[test]
    fn a_budget_that_halts_lets_all_that_is_due_go_or_nothing(world in world()) {
        let mut world = world;
        for guard in &mut world.guards {
            guard.budget = Budget::default();
        }
        let mut halting = world.clone();
        for policy in &mut halting.policies {
            policy.on_exceed = OnExceed::Halt;
        }
        let mut throttling = world;
        for policy in &mut throttling.policies {
            policy.on_exceed = OnExceed::Throttle;
        }
        let acts = |world: &World| -> BTreeSet<_> {
            planned(world, Depth::Exact).acts().map(|line| line.key.clone()).collect()
        };
        prop_assert!(acts(&halting).is_subset(&acts(&throttling)));
        let plan = planned(&halting, Depth::Exact);
        for policy in &halting.policies {
            let has = |reason| {
                let of_policy = |line: &&Line| line.policy.name == policy.name;
                plan.lines.iter().filter(of_policy).any(|line| line.verdict.reason == reason)
            };
            prop_assert!(!has(Reason::BudgetExhausted));
            prop_assert!(!(has(Reason::Matched) && has(Reason::BudgetHalted)));
        }
    }

    #[test]
    fn a_guards_budget_lets_nothing_go_that_would_wait_without_it(
        world in world(),
        budget in common_budget(),
        guard in guard(),
    ) {
        let mut later = world.clone();
        let empty = Guard { name: name("g-9"), protects: Vec::new(), scope: None, freezes: Vec::new(), ..guard };
        later.guards.push(Guard { budget: budget.clone(), ..empty });
        let all = budget.limits.iter().all(|limit| !limit.forced);
        for depth in DEPTHS {
            let acts = |world: &World| -> BTreeMap<_, _> {
                let plan = planned(world, depth);
                plan.acts().map(|it| (it.key.clone(), it.act.as_ref().is_some_and(|it| it.force))).collect()
            };
            let (before, after) = (acts(&world), acts(&later));
            // A unit that a forced cancel does not get may be another's that needs no force.
            let newly: Vec<_> = after.iter().filter(|(key, _)| !before.contains_key(key)).collect();
            prop_assert!(newly.iter().all(|(_, forced)| !**forced && !all), "{depth:?}: {newly:?}");
            for limit in &budget.limits {
                let count = after.values().filter(|forced| **forced || !limit.forced).count() as u64;
                prop_assert!(depth == Depth::Listed || count <= limit.count, "{count} of {limit}");
            }
        }
    }

    #[test]
    fn more_failures_never_let_more_of_a_job_go(world in world()) {
        let mut later = world.clone();
        for job in later.inventory.jobs.values_mut() {
            if let Fact::Known(JobDescription { process: Fact::Known(counts), .. }) =
                &mut job.description
            {
                // As many have ended: one that succeeded has failed instead.
                let moved = counts.succeeded.min(1);
                counts.failed += moved;
                counts.succeeded -= moved;
            }
        }
        let risks = |world: &World| {
            planned(world, Depth::Exact).counts().get(&Reason::JobAbortRisk).copied().unwrap_or(0)
        };
        prop_assert!(risks(&world) <= risks(&later));
    }

    #[test]
    fn an_inventory_read_as_needed_decides_as_one_fully_read(world in world()) {
        for depth in DEPTHS {
            let mut lazily = World { inventory: collected(&world, depth), ..world.clone() };
            let plan = planned(&lazily, depth);
            prop_assert_eq!(told(&plan), told(&planned(&world, depth)));
            // A describe is all that the moment of acting adds.
            for line in plan.acts() {
                let row = lazily.inventory.executions.get_mut(&line.key).expect("it was listed");
                row.described = world.inventory.executions[&line.key].described.clone();
                let says = |inventory| {
                    let facts = facts_of(&line.key, inventory).expect("it was observed");
                    match judge(&plan.policies, &facts, now()) {
                        Judgement::Cancel(ruling) => Ok(ruling.policy.name.clone()),
                        Judgement::Keep { verdict, .. } => Err(verdict),
                    }
                };
                prop_assert_eq!(says(&lazily.inventory), says(&world.inventory));
            }
        }
    }

    #[test]
    fn neither_order_nor_repetition_changes_a_plan(world in world()) {
        let (policies, guards) = (world.policies.iter().rev(), world.guards.iter().rev());
        let demands = Demands::default();
        let reversed = PolicySet::guarded(policies.cloned(), guards.cloned(), demands);
        prop_assert_eq!(reversed.digest().clone(), world.set().digest().clone());
        let mut inventory = world.inventory.clone();
        inventory.executions = world.inventory.executions.clone().into_iter().rev().collect();
        for depth in DEPTHS {
            let first = planned(&world, depth);
            let memory = &world.memory;
            let second = plan(&reversed.clone().into(), &inventory, memory, now(), depth);
            prop_assert_eq!(told(&first), told(&second));
            let saved = |plan| SavedPlan::new(plan, &world.inventory).to_json();
            prop_assert_eq!(saved(&first), saved(&second));
        }
    }

    #[test]
    fn a_plan_keeps_to_the_budgets_and_takes_the_oldest_first(world in world()) {
        let plan = planned(&world, Depth::Exact);
        let age = |key: &ExecutionKey| {
            let row = &world.inventory.executions[key];
            (row.times.queued_at.known().is_none(), row.times.queued_at.known().copied(), key.clone())
        };
        for policy in &world.policies {
            let of_policy = |reason| {
                let lines = plan.lines.iter();
                let lines = lines.filter(move |it| {
                    it.policy.name == policy.name && it.verdict.reason == reason
                });
                lines.map(|line| age(&line.key))
            };
            let acts = of_policy(Reason::Matched).count();
            for limit in &policy.budget {
                let LimitSize::Count(count) = limit.size else { continue };
                let spent = world.memory.spent.iter().filter(|unit| {
                    let counts = |at| now().duration_since(at) < limit.per.get();
                    unit.policy == policy.name && unit.settled.is_none_or(counts)
                });
                let left = usize::try_from(count).expect("small").saturating_sub(spent.count());
                prop_assert!(acts <= left, "{acts} of {left} by {}", policy.name);
            }
            if let (Some(last), Some(first)) =
                (of_policy(Reason::Matched).max(), of_policy(Reason::BudgetExhausted).min())
            {
                prop_assert!(last < first, "{first:?} waits behind {last:?}");
            }
        }
        let order: Vec<_> = plan.acts().map(|line| (-line.policy.priority, age(&line.key))).collect();
        prop_assert!(order.is_sorted(), "{order:?}");
        let acting = plan.lines.iter().filter(|line| line.act.is_some()).count();
        prop_assert_eq!(acting, order.len());
    }

    #[test]
    fn no_plan_breaks_a_safety_rule(world in world()) {
        for depth in DEPTHS {
            let plan = planned(&world, depth);
            prop_assert_eq!(check(&plan, &world.set(), &world.inventory, &world.memory), []);
            let lazily = collected(&world, depth);
            let plan = rescind::plan::plan(&world.set(), &lazily, &world.memory, now(), depth);
            prop_assert_eq!(check(&plan, &world.set(), &lazily, &world.memory), []);
        }
    }

    #[test]
    fn a_plan_that_was_applied_leaves_nothing_for_a_second_one(world in world()) {
        let mut world = world;
        // What another policy cancels leaves the population. Below minPopulation a share does not
        // apply, so that would give room to what had none.
        let limits = world.policies.iter_mut().flat_map(|policy| &mut policy.budget);
        for limit in limits {
            if let LimitSize::Percent { min_population, .. } = &mut limit.size {
                *min_population = 0;
            }
        }
        for depth in DEPTHS {
            for lists in [Lists::Current, Lists::Lagging] {
                let World { mut inventory, mut memory, .. } = world.clone();
                let first = planned(&world, depth);
                apply(&first, &mut inventory, &mut memory, lists);
                let second = plan(&world.set(), &inventory, &memory, now(), depth);
                if depth == Depth::Exact {
                    prop_assert_eq!(second.acts().count(), 0, "{:?}", lists);
                }
                let again = apply(&second, &mut inventory, &mut memory, lists);
                prop_assert_eq!(again, []);
            }
        }
    }
}

#[test]
fn the_worlds_reach_every_reason_that_a_consistent_list_can_give() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..400 {
        let world = world().new_tree(&mut runner).expect("a world").current();
        for depth in DEPTHS {
            reached.extend(planned(&world, depth).counts().into_keys());
        }
    }
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !reached.contains(reason)).collect();
    // These come only of a describe that differs from its list, which scenarios cover.
    assert_eq!(missing, [&Reason::StatusUnknown, &Reason::Terminal]);
}

#[test]
fn nothing_is_asked_for_without_a_policy() {
    let policies = PolicySet::new([]).into();
    let memory = rescind::plan::Memory::default();
    for depth in DEPTHS {
        let wanted = needs(&policies, &Inventory::default(), &memory, now(), depth);
        assert_eq!(wanted, Needs::default());
    }
}

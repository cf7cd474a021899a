//! What must hold for any policies over any fleet. A failure prints the smallest world that shows it,
//! and the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;
use rescind::execution::ExecutionKey;
use rescind::fact::Fact;
use rescind::inventory::{Inventory, JobDescription};
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
use super::lazily::collected;
use super::support::{Lists, apply, name, now};

pub const DEPTHS: [Depth; 2] = [Depth::Listed, Depth::Exact];

pub fn planned(world: &World, depth: Depth) -> Plan {
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
        matches!(
            judge(&plan.policies, &facts, &world.memory.sightings, now()),
            Judgement::Cancel(_)
        )
    };
    plan.acts().filter(cancels).map(|line| line.key.clone()).collect()
}

pub fn told(plan: &Plan) -> String {
    let mut text = format!("{:?} {:?} {:?}\n", plan.order, plan.observed, plan.budgets);
    for line in &plan.lines {
        let (policy, act) = (&line.policy.name, &line.act);
        writeln!(text, "{} {policy} {:?} {act:?}", line.key, line.verdict).expect("a String");
    }
    text
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
    fn a_time_to_have_matched_never_makes_anything_eligible(world in world(), hours in 1..5_i64) {
        let mut later = world.clone();
        // Where one is asked already, a longer one.
        let before = later.policies[0].stable_for.map_or(0, |period| period.get().as_hours());
        later.policies[0].stable_for = Some(period(before + hours));
        for depth in DEPTHS {
            let (before, after) = (eligible(&world, depth), eligible(&later, depth));
            prop_assert!(after.is_subset(&before), "{depth:?}: {:?}", after.difference(&before));
            let plan = planned(&later, depth);
            for line in plan.acts().filter(|line| line.policy.name == later.policies[0].name) {
                let seen = &world.memory.sightings[&(line.policy.digest.clone(), line.key.clone())];
                prop_assert!(now().duration_since(seen.since) >= period(hours).get());
            }
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
    fn neither_order_nor_repetition_changes_a_plan(world in world()) {
        let (policies, guards) = (world.policies.iter().rev(), world.guards.iter().rev());
        let demands = Demands::default();
        let reversed = PolicySet::guarded(policies.cloned(), guards.cloned(), demands);
        prop_assert_eq!(reversed.digest().clone(), world.set().digest().clone());
        let mut inventory = world.inventory.clone();
        inventory.executions = {
            let rows = world.inventory.executions.iter();
            let rows: Vec<_> = rows.map(|(key, row)| (key.clone(), row.clone())).collect();
            rows.into_iter().rev().collect()
        };
        for depth in DEPTHS {
            let first = planned(&world, depth);
            let memory = &world.memory;
            let second = plan(&reversed.clone().into(), &inventory, memory, now(), depth);
            prop_assert_eq!(told(&first), told(&second));
            let saved = |plan: &Plan| {
                SavedPlan::new(plan, &world.inventory, plan.policies.digest()).to_json()
            };
            prop_assert_eq!(saved(&first), saved(&second));
        }
    }

    #[test]
    fn a_plan_keeps_to_the_budgets_and_takes_the_oldest_first(world in world()) {
        let mut world = world;
        // What waits for a guard's limit of force lets those go that need none.
        for guard in &mut world.guards {
            guard.budget.limits.retain(|limit| !limit.forced);
        }
        let plan = planned(&world, Depth::Exact);
        let age = |key: &ExecutionKey| {
            let row = &world.inventory.executions[key];
            (row.times.queued_at().known().is_none(), row.times.queued_at().known().copied(), key.clone())
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

//! An inventory of which only what a decision could turn on was read decides as one that is fully known,
//! in a plan and in the moment of acting.

use std::sync::Arc;

use proptest::prelude::*;
use rescind::execution::ThingName;
use rescind::fact::Fact;
use rescind::inventory::{Inventory, Thing};
use rescind::plan::in_force::{Judgement, judge};
use rescind::plan::words::facts_of;
use rescind::plan::{Depth, Memory, Needs, needs};
use rescind::policy::PolicySet;

use super::generate::{World, world};
use super::properties::{DEPTHS, planned, told};
use super::support::{fleet, now, policy};

/// What a collector would have read: only what `needs` asks for, from a fleet that is fully known.
pub fn collected(world: &World, depth: Depth) -> Inventory {
    collected_for(&world.set(), world, depth)
}

/// The same, where other policies ask.
pub fn collected_for(policies: &Arc<PolicySet>, world: &World, depth: Depth) -> Inventory {
    let full = &world.inventory;
    let mut seen = Inventory { account: full.account.clone(), ..Inventory::default() };
    for round in 0.. {
        let wanted = needs(policies, &seen, &world.memory, now(), depth);
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

fn decides_as_fully_read(world: &World) -> Result<(), TestCaseError> {
    for depth in DEPTHS {
        let mut lazily = World { inventory: collected(world, depth), ..world.clone() };
        let plan = planned(&lazily, depth);
        prop_assert_eq!(told(&plan), told(&planned(world, depth)));
        // A describe is all that the moment of acting adds.
        for line in plan.acts() {
            let row = lazily.inventory.executions.get_mut(&line.key).expect("it was listed");
            row.described = world.inventory.executions[&line.key].described.clone();
            let says = |inventory| {
                let facts = facts_of(&line.key, inventory).expect("it was observed");
                match judge(&plan.policies, &facts, &world.memory.sightings, now()) {
                    Judgement::Cancel(ruling) => Ok(ruling.policy.name.clone()),
                    Judgement::Keep { verdict, .. } => Err(verdict),
                }
            };
            prop_assert_eq!(says(&lazily.inventory), says(&world.inventory));
        }
    }
    Ok(())
}

/// One execution, of which everything is known, and policies of which the specs are written.
fn small_world(specs: &[&str], thing: &str, details: &str) -> World {
    let base = "mode: Enforce\ntarget: {statuses: [QUEUED]}";
    let written =
        |(index, spec): (usize, &&str)| policy(&format!("p-{index}"), &format!("{base}\n{spec}"));
    let fleet = fleet(&format!(
        "jobs: [{{id: j}}]\nthings: [{{name: t{thing}}}]\n\
         executions: [{{job: j, thing: t, queuedAt: 2d ago, statusDetails: {{{details}}}}}]"
    ));
    World {
        policies: specs.iter().enumerate().map(written).collect(),
        guards: Vec::new(),
        inventory: rescind::fleet::inventory(&fleet, now()),
        memory: Memory::default(),
    }
}

#[test]
fn what_a_text_lacks_is_told_before_anything_that_a_describe_says() {
    // By p-0 it is described. p-1 cannot fill in its text, so that nothing asks for the groups; and
    // without them it is not known what its condition gives, with them it does not hold.
    let p1 = "cancel: {statusDetails: {set: {a: \"${thing.type}\"}}}\n\
              conditions: [{name: c, expression: \"execution.statusDetails['a'] == 'b' && 'x' in thing.groups\"}]";
    let world = small_world(
        &["match: {statusDetails: {matchExpressions: [{key: a, operator: In, values: [z]}]}}", p1],
        "",
        "a: a",
    );
    decides_as_fully_read(&world).expect("the same");
}

#[test]
fn what_a_rule_keeps_is_told_alike_whatever_another_policy_had_read() {
    // By p-0 the thing is read and by p-1 the execution described, while p-2 still lacks the groups: its
    // rule holds already, and with them its condition does not.
    let p2 = "exclude: [{name: r, statusDetails: {matchExpressions: [{key: b, operator: DoesNotExist}]}}]\n\
              conditions: [{name: c, expression: \"'a' in execution.statusDetails && 'x' in thing.groups && thing.type != 'y'\"}]";
    let p0 = "match: {thing: {attributes: {matchLabels: {a: z}}}}";
    let p1 = "match: {statusDetails: {matchExpressions: [{key: a, operator: DoesNotExist}]}}";
    let world = small_world(&[p0, p1, p2], ", type: z", "a: a");
    decides_as_fully_read(&world).expect("the same");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_inventory_read_as_needed_decides_as_one_fully_read(world in world()) {
        decides_as_fully_read(&world)?;
    }
}

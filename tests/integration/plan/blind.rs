//! Which decisions count as made without a fact that could not be read.

use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{Inventory, Listing};
use rescind::plan::blind::undecided;
use rescind::plan::{Depth, Memory, Reason, plan};
use rescind::policy::{Demands, PolicySet};

use super::support::{fleet, guard, key, now, policy};

/// One execution that is old enough.
fn one() -> Inventory {
    let fleet = fleet(
        "jobs: [{id: fw}]\nthings: [{name: a, type: robot}]\n\
         executions: [{job: fw, thing: a, queuedAt: 2d ago}]",
    );
    rescind::fleet::inventory(&fleet, now())
}

type Change = fn(&mut Inventory);

/// The reason, how many decisions lacked a fact, and how many of an exact plan are therefore not made.
type Found = (Reason, u64, u64);

fn decided(more: &str, protect: &str, change: Change) -> Found {
    let spec = format!(
        "mode: Enforce\ntarget: {{statuses: [QUEUED]}}\n\
         conditions: [{{name: old, expression: \"execution.queuedAt < now\"}}]\n\
         budget: {{max: [{{count: 9, per: 1h}}]}}\n{more}"
    );
    let guards = (!protect.is_empty()).then(|| guard("g", &format!("protect: [{protect}]")));
    let set = PolicySet::guarded([policy("p", &spec)], guards, Demands::default()).into();
    let mut inventory = one();
    change(&mut inventory);
    let plan = plan(&set, &inventory, &Memory::default(), now(), Depth::Exact);
    (plan.lines[0].verdict.reason, plan.health.unknown.bad, plan.undecided)
}

fn denied(inventory: &mut Inventory) {
    let thing = inventory.things.values_mut().next().expect("a thing");
    thing.description = Fact::Unreadable(Unreadable::Denied);
}

fn without_type(inventory: &mut Inventory) {
    let thing = inventory.things.values_mut().next().expect("a thing");
    let Fact::Known(description) = &mut thing.description else { panic!("described") };
    description.thing_type = None;
}

fn described(inventory: &mut Inventory) -> &mut rescind::inventory::Described {
    let row = inventory.executions.get_mut(&key("fw", "a")).expect("a row");
    let Fact::Known(described) = &mut row.described else { panic!("described") };
    described
}

fn without_number(inventory: &mut Inventory) {
    inventory.executions.get_mut(&key("fw", "a")).expect("a row").number = Fact::Absent;
}

#[test]
fn a_decision_that_lacks_a_fact_is_counted_wherever_the_fact_was_asked_for() {
    let by_type = "match: {thing: {types: [robot]}}";
    let sends_type = "cancel: {statusDetails: {set: {text: x, kind: \"is ${thing.type}\"}}}";
    let unlike = "{name: r, thing: {attributes: {matchExpressions: [{key: k, operator: NotIn, values: [v]}]}}}";
    let arms = "{name: r, thing: {types: [arm]}}";
    let told = "{name: r, expression: \"thing.type == 'arm'\"}";
    let (unknown, protected) = (Reason::FactUnknown, Reason::Protected);
    let table: [(&str, &str, Change, Found); 14] = [
        ("", "", |_| {}, (Reason::Matched, 0, 0)),
        (by_type, "", denied, (unknown, 1, 1)),
        (sends_type, "", denied, (unknown, 1, 1)),
        // That nobody wrote it is known.
        (sends_type, "", without_type, (unknown, 0, 0)),
        ("", "", without_number, (unknown, 0, 0)),
        (
            "",
            "",
            |it| {
                let row = it.executions.get_mut(&key("fw", "a")).expect("a row");
                row.number = Fact::Unreadable(Unreadable::Invalid);
            },
            (unknown, 1, 1),
        ),
        // What only a describe says of what is due is missed where it is pinned.
        (
            "",
            "",
            |it| described(it).version = Fact::Unreadable(Unreadable::Invalid),
            (unknown, 0, 1),
        ),
        ("", "", |it| described(it).version = Fact::Absent, (unknown, 0, 0)),
        (
            "",
            "",
            |it| described(it).status_details = Fact::Unreadable(Unreadable::Invalid),
            (unknown, 0, 1),
        ),
        (
            "",
            "{name: r, expression: \"execution.secondsBeforeTimedOut < 60\"}",
            |it| {
                described(it).seconds_before_timed_out = Fact::Unreadable(Unreadable::Invalid);
            },
            (protected, 0, 1),
        ),
        ("", arms, denied, (protected, 1, 1)),
        ("", told, denied, (protected, 1, 1)),
        ("", told, without_type, (protected, 0, 0)),
        ("", unlike, |_| {}, (protected, 0, 0)),
    ];
    for (index, (more, protect, change, expected)) in table.into_iter().enumerate() {
        assert_eq!(decided(more, protect, change), expected, "row {index}: {more}{protect}");
    }
}

#[test]
fn what_only_an_observing_policy_lacks_leaves_nothing_undecided() {
    let of = |name: &str, mode: &str| {
        let spec = format!(
            "mode: {mode}\ntarget: {{statuses: [QUEUED], jobs: {{names: [{name}]}}}}\n\
             match: {{age: [{{since: queuedAt, olderThan: 1d}}]}}\n\
             budget: {{max: [{{count: 9, per: 1h}}]}}"
        );
        policy(name, &spec)
    };
    let set = PolicySet::new([of("acts", "Enforce"), of("observes", "Observe")]).into();
    let lacks = |job: &str| {
        let fleet = fleet("jobs: [{id: acts}, {id: observes}]\nthings: []\nexecutions: []");
        let mut inventory = rescind::fleet::inventory(&fleet, now());
        let lists = inventory.lists.iter_mut().filter(|((id, _), _)| id.as_str() == job);
        lists.for_each(|(_, list)| *list = Listing::Failed(Unreadable::Failed));
        undecided(&plan(&set, &inventory, &Memory::default(), now(), Depth::Exact), &inventory)
    };
    assert_eq!(lacks("observes"), None);
    assert_eq!(lacks("acts").as_deref(), Some("the QUEUED executions of job acts"));
}

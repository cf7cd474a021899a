//! The jobs of which a plan would cancel everything that is open.

use rescind::plan::finish::{WholeJob, whole_jobs};
use rescind::plan::{Depth, Memory, plan};
use rescind::policy::PolicySet;

use super::generate::World;
use super::lazily::collected;
use super::support::{fleet, guard, now, policy};

#[test]
fn a_job_is_whole_if_all_that_aws_counts_as_open_would_go() {
    let fleet = fleet(
        "things: [{name: a}, {name: b}, {name: c}]\njobs: [{id: all}, {id: calm}, {id: kept}, {id: one}, {id: over, status: CANCELED}]\n\
         executions:\n- {job: calm, thing: a, queuedAt: 2d ago}\n- {job: calm, thing: b, queuedAt: 2d ago}\n- {job: over, thing: a, queuedAt: 2d ago}\n- {job: over, thing: b, queuedAt: 2d ago}\n\
         - {job: all, thing: a, queuedAt: 2d ago}\n- {job: all, thing: b, status: IN_PROGRESS, queuedAt: 2d ago}\n\
         - {job: all, thing: c, queuedAt: 2d ago}\n\
         - {job: kept, thing: a, queuedAt: 2d ago}\n- {job: kept, thing: b, queuedAt: 2d ago}\n\
         - {job: kept, thing: c, queuedAt: 1h ago}\n- {job: one, thing: a, queuedAt: 2d ago}",
    );
    let inventory = rescind::fleet::inventory(&fleet, now());
    // A budget only makes the last one wait.
    let spec = |statuses: &str| {
        format!(
            "mode: Enforce\ntarget: {{statuses: [{statuses}], jobs: {{statuses: [IN_PROGRESS, CANCELED]}}}}\nmatch: {{age: [{{since: queuedAt, olderThan: 1d}}]}}\n\
             cancel: {{force: true}}\nbudget: {{max: [{{count: 2, per: 1h}}]}}"
        )
    };
    let whole = |statuses: &str| {
        let set = PolicySet::new([policy("p", &spec(statuses))]).into();
        let plan = plan(&set, &inventory, &Memory::default(), now(), Depth::Exact);
        whole_jobs(&plan, &inventory)
    };
    let all = WholeJob { job: "all".parse().unwrap(), executions: 3, force: true };
    let calm = WholeJob { job: "calm".parse().unwrap(), executions: 2, force: false };
    // Nor does one that is canceled already: CancelJob fails there.
    assert_eq!(whole("QUEUED, IN_PROGRESS"), [all, calm.clone()]);
    assert_eq!(whole("QUEUED"), [calm], "what is IN_PROGRESS stays, and was not even listed");
}

#[test]
fn a_job_with_something_that_a_describe_may_show_to_be_protected_is_not_whole() {
    let world = |held: &str, details: &str, guards: &[&str]| {
        let fleet = fleet(&format!(
            "things: [{{name: a}}, {{name: b}}]\njobs: [{{id: fw}}]\nexecutions:\n\
             - {{job: fw, thing: a, queuedAt: 9d ago}}\n\
             - {{job: fw, thing: b, status: {held}, queuedAt: 4d ago, statusDetails: {{{details}}}}}"
        ));
        let spec = "mode: Enforce\ntarget: {statuses: [QUEUED, IN_PROGRESS]}\n\
                    match: {age: [{since: queuedAt, olderThan: 1d}]}\ncancel: {force: true}\n\
                    budget: {max: [{count: 1, per: 1h}]}";
        World {
            policies: vec![policy("p", spec)],
            guards: guards.iter().map(|spec| guard("g", spec)).collect(),
            inventory: rescind::fleet::inventory(&fleet, now()),
            memory: Memory::default(),
        }
    };
    let whole = |world: &World, depth| {
        // Of what the budget makes wait, nothing is described.
        let seen = collected(world, depth);
        let plan = plan(&world.set(), &seen, &world.memory, now(), depth);
        whole_jobs(&plan, &seen).len()
    };
    let hold = "protect: [{name: hold, statusDetails: {matchExpressions: [{key: hold, operator: Exists}]}}]";
    let held = world("QUEUED", "hold: x", &[hold]);
    // What else the rule asks for says no, or leaves it to the describe.
    let rule = |things: &str| {
        format!(
            "protect: [{{name: hold, things: {{names: [{things}]}}, \
             statusDetails: {{matchExpressions: [{{key: hold, operator: Exists}}]}}}}]"
        )
    };
    let named = world("QUEUED", "hold: x", &[&rule("b")]);
    let spared = world("QUEUED", "hold: x", &[&rule("z")]);
    let tests_itself = world("IN_PROGRESS", "self_test: active", &[]);
    let free = world("QUEUED", "hold: x", &[]);
    // What the policy itself asks for is no surer.
    let mut asks = world("QUEUED", "hold: x", &[]);
    asks.policies[0] = policy(
        "p",
        "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 1d}]}\n\
         exclude: [{name: held, statusDetails: {matchExpressions: [{key: hold, operator: Exists}]}}]\n\
         budget: {max: [{count: 1, per: 1h}]}",
    );
    for depth in [Depth::Exact, Depth::Listed] {
        assert_eq!(whole(&held, depth), 0, "{depth:?}");
        assert_eq!(whole(&named, depth), 0, "{depth:?}");
        assert_eq!(whole(&spared, depth), 1, "{depth:?}: the rule is of other things");
        assert_eq!(whole(&tests_itself, depth), 0, "{depth:?}");
        assert_eq!(whole(&asks, depth), 0, "{depth:?}");
        assert_eq!(whole(&free, depth), 1, "{depth:?}: nothing asks for its details");
    }
    // What was described earlier says more than the list by which is decided.
    let described = |world: &World| {
        let plan = plan(&world.set(), &world.inventory, &world.memory, now(), Depth::Listed);
        whole_jobs(&plan, &world.inventory).len()
    };
    for kept in [&held, &named, &tests_itself, &asks] {
        assert_eq!(described(kept), 0);
    }
    for goes in [&spared, &free] {
        assert_eq!(described(goes), 1);
    }
}

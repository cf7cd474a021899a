//! The check lets pass what just fits, and what is of no concern: else a good plan would not be applied.

use rescind::execution::TargetSelection;
use rescind::fact::Fact;
use rescind::plan::check::check;
use rescind::plan::{Depth, Memory, plan};

use super::{Mutation, good};
use crate::plan::support::{fleet, key, name, now, policy, set};

/// Each leaves the plan a good one.
const FITS: &[Mutation] = &[
    ("a denial that is over", |it| {
        it.memory.denied.insert((name("emergency"), key("bad", "a").job), now());
    }),
    ("a denial of another policy", |it| {
        let until = now() + jiff::SignedDuration::from_hours(1);
        it.memory.denied.insert((name("routine"), key("bad", "a").job), until);
    }),
    ("as many details as AWS takes", |it| {
        let details = &mut it.act(0).pins.as_mut().expect("pins").details;
        let more = 10 - details.send.len();
        details.send.extend((0..more).map(|index| (format!("k{index}"), "v".to_owned())));
        assert_eq!(details.send.len(), 10);
    }),
];

#[test]
fn what_just_fits_breaks_no_rule() {
    for (what, change) in FITS {
        let mut case = good(Depth::Exact);
        change(&mut case);
        assert_eq!(case.broken(), Vec::<String>::new(), "{what}");
    }
}

/// A percentage counts the executions of all jobs in the target: which those are a describe says.
#[test]
fn a_job_that_nobody_described_is_missed_only_where_it_may_count() {
    let is_missed = |selection: TargetSelection, status: &str| {
        let mut case = good(Depth::Exact);
        let job = case.inventory.jobs.get_mut(&"bad".parse().expect("an id")).expect("a job");
        job.description = Fact::NotRead;
        job.target_selection = selection;
        job.status = status.into();
        for place in [1, 2] {
            case.policy(place, |policy| {
                policy.target.jobs.target_selection = [TargetSelection::Snapshot].into();
            });
        }
        let missed = "good on a: policy routine has a percentage, and job bad could not be listed";
        case.broken().iter().any(|text| text == missed)
    };
    assert!(is_missed(TargetSelection::Snapshot, "IN_PROGRESS"));
    assert!(!is_missed(TargetSelection::Continuous, "IN_PROGRESS"));
    assert!(!is_missed(TargetSelection::Snapshot, "COMPLETED"));
}

#[test]
fn what_a_describe_fills_in_takes_no_unit_before_it() {
    for expression in
        ["execution.statusDetails[?'k'].orValue('x')", "string(execution.secondsBeforeTimedOut)"]
    {
        let spec = format!(
            "mode: Enforce\ntarget: {{statuses: [QUEUED]}}\n\
             match: {{age: [{{since: queuedAt, olderThan: 1d}}]}}\n\
             cancel: {{statusDetails: {{set: {{was: \"${{{expression}}}\"}}}}}}\n\
             budget: {{max: [{{count: 1, per: 1h}}]}}"
        );
        let policies = set([policy("p", &spec)]);
        let fleet = fleet(
            "things: [{name: a}, {name: b}]\njobs: [{id: fw}]\nexecutions:\n\
             - {job: fw, thing: a, queuedAt: 2d ago}\n- {job: fw, thing: b, queuedAt: 2d ago}",
        );
        let mut inventory = rescind::fleet::inventory(&fleet, now());
        inventory.executions.values_mut().for_each(|row| row.described = Fact::NotRead);
        let memory = Memory::default();
        let plan = plan(&policies, &inventory, &memory, now(), Depth::Listed);
        assert_eq!(plan.acts().count(), 2, "the first describe may say no: {expression}");
        assert_eq!(check(&plan, &policies, &inventory, &memory), [], "{expression}");
    }
}

//! The jobs of which a plan would cancel everything that is open.

use rescind::plan::finish::{WholeJob, whole_jobs};
use rescind::plan::{Depth, Memory, plan};
use rescind::policy::PolicySet;

use super::support::{fleet, now, policy};

#[test]
fn a_job_is_whole_if_all_that_aws_counts_as_open_would_go() {
    let fleet = fleet(
        "things: [{name: a}, {name: b}, {name: c}]\njobs: [{id: all}, {id: kept}, {id: one}, {id: over, status: CANCELED}]\n\
         executions:\n- {job: over, thing: a, queuedAt: 2d ago}\n- {job: over, thing: b, queuedAt: 2d ago}\n\
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
    // Nor does one that is canceled already: CancelJob fails there.
    assert_eq!(whole("QUEUED, IN_PROGRESS"), [all]);
    assert_eq!(whole("QUEUED"), [], "what is IN_PROGRESS stays, and was not even listed");
}

//! Size and speed of the decision over a million executions.
//!
//! Twenty policies, half of them with a condition in CEL that the typed clauses leave 2 % of the
//! executions to. For scale: Cloud Custodian's value filters need about 3 µs for a policy and a resource,
//! a minute for as many.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rescind::document::{self, Limits, SourceFile};
use rescind::execution::{
    ExecutionNumber, ExecutionStatus, ExecutionSummary, JobId, JobStatus, OpenStatus,
    TargetSelection, Times,
};
use rescind::fact::Fact;
use rescind::inventory::{Inventory, Job, JobDescription, Listing, observed};
use rescind::plan::check::check;
use rescind::plan::due::Schedule;
use rescind::plan::{Depth, Memory, needs, plan};
use rescind::policy::PolicySet;

use crate::figures::{Bound, Figures};
use crate::measure::{kept, per, timed};

const EXECUTIONS: usize = 1_000_000;
const JOBS: usize = 4;
const POLICIES: usize = 20;

/// What a million executions and twenty policies are held to.
const SECONDS: f64 = 2.0;
const BYTES: f64 = 250.0;

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a time")
}

fn policies() -> Arc<PolicySet> {
    let policy = |n: usize| {
        let condition = "\n  conditions:\n    - {name: stuck, expression: 'execution.retryAttempt >= 3 && job.id.startsWith(\"fw-\")'}";
        let condition = if n.is_multiple_of(2) { condition } else { "" };
        let text = format!(
            "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {{name: p-{n:02}}}\nspec:\n  mode: Enforce\n  priority: {n}\n  \
             target: {{statuses: [QUEUED], jobs: {{names: [\"fw-*\"]}}, things: {{names: [\"robot-*\"]}}}}\n  \
             match: {{age: [{{since: queuedAt, olderThan: 98h}}, {{since: lastUpdatedAt, olderThan: {n}m}}]}}{condition}\n  \
             budget: {{max: [{{count: 1000, per: 1h}}]}}\n",
            n = n + 1
        );
        SourceFile { path: format!("p-{n}.yaml"), text: text.into() }
    };
    let files: Vec<_> = (0..POLICIES).map(policy).collect();
    let documents = document::read(&files, &Limits::policies());
    assert!(documents.broken.is_empty(), "{:?}", documents.diagnostics);
    Arc::new(PolicySet::new(documents.policies))
}

fn list_jobs(inventory: &mut Inventory, at: Timestamp) {
    for status in JobStatus::KNOWN {
        inventory.job_lists.insert(status.clone(), Listing::Complete(at));
    }
    for job in inventory.jobs.values_mut() {
        job.status_at = at;
    }
}

/// Executions of all ages up to 100 hours.
fn inventory(executions: usize) -> Inventory {
    let mut inventory = Inventory::default();
    list_jobs(&mut inventory, now());
    for job in 0..JOBS {
        let id: JobId = format!("fw-{job}").parse().expect("a job id");
        let job = Job {
            status: JobStatus::InProgress,
            target_selection: TargetSelection::Snapshot,
            created_at: Fact::Absent,
            status_at: now(),
            description: Fact::Known(JobDescription::default()),
            described_at: Some(now()),
            tags: Fact::NotRead,
            tags_at: None,
        };
        inventory.jobs.insert(id.clone(), job);
        let rows = (0..executions / JOBS).map(|n| {
            let seconds = i64::try_from(n * 7919 % 360_000).expect("small");
            let queued = Fact::Known(now() - SignedDuration::from_secs(seconds));
            let row = ExecutionSummary {
                thing: format!("robot-{n:07}").parse().expect("a name"),
                number: Fact::Known(ExecutionNumber(1)),
                status: ExecutionStatus::Queued,
                times: Times {
                    queued_at: queued,
                    started_at: Fact::Absent,
                    last_updated_at: queued,
                },
                retry_attempt: Fact::Known(0),
            };
            observed(&id, OpenStatus::Queued, row)
        });
        let rows = rows.collect();
        inventory.replace_rows(&id, OpenStatus::Queued, rows);
        inventory.lists.insert((id, OpenStatus::Queued), Listing::Complete(now()));
    }
    inventory
}

/// Decides, checks and foresees, once.
pub fn measure(figures: &mut Figures) {
    let policies = policies();
    let memory = Memory::default();
    let (of_inventory, mut inventory) = kept(|| inventory(EXECUTIONS));
    let (asking, needs) = timed(|| needs(&policies, &inventory, &memory, now(), Depth::Listed));
    assert!(needs.is_empty(), "{needs:?}");
    let (of_plan, (planning, planned)) =
        kept(|| timed(|| plan(&policies, &inventory, &memory, now(), Depth::Listed)));
    assert_eq!(planned.lines.len(), EXECUTIONS, "all of them are decided");
    assert!(!planned.order.is_empty(), "something is due");
    let (checking, broken) = timed(|| check(&planned, &policies, &inventory, &memory));
    assert!(broken.is_empty(), "{broken:?}");
    let mut schedule = Schedule::new(SignedDuration::from_mins(5));
    let later = now() + SignedDuration::from_secs(60);
    let (of_schedule, foreseeing) = kept(|| {
        schedule.begin(&mut inventory, &policies, later, 0);
        list_jobs(&mut inventory, later);
        schedule.observed(&mut inventory);
        timed(|| schedule.looked(&policies, &inventory, &memory, Some(&planned))).0
    });

    figures.held(
        "deciding: 1,000,000 executions, 20 policies, seconds of one core",
        asking + planning,
        Bound::AtMost(SECONDS),
    );
    figures.told("  of that: which facts are missing", asking);
    figures.told("  of that: the plan", planning);
    figures.told("  the safety rules once more", checking);
    figures.told("  foreseeing what comes due", foreseeing);
    let all = per(of_inventory + of_plan + of_schedule, EXECUTIONS);
    figures.held("deciding: bytes an execution", all, Bound::AtMost(BYTES));
    figures.told("  of that: the inventory", per(of_inventory, EXECUTIONS));
    figures.told("  of that: the plan, for as long as a pass lasts", per(of_plan, EXECUTIONS));
    figures.told("  of that: what is foreseen", per(of_schedule, EXECUTIONS));
}

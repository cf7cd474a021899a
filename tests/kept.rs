//! How much the planner's structures keep for an execution, counted by the allocator: a binary of its own,
//! since whatever else ran in it would be counted as well.

use std::alloc::System;

use cap::Cap;
use jiff::{SignedDuration, Timestamp};
use rescind::document::{self, Limits, SourceFile};
use rescind::execution::{
    ExecutionNumber, ExecutionStatus, ExecutionSummary, JobId, JobStatus, OpenStatus,
    TargetSelection, Times,
};
use rescind::fact::Fact;
use rescind::inventory::{Inventory, Job, JobDescription, Listing, Row, observed};
use rescind::plan::due::Schedule;
use rescind::plan::{Depth, Memory, plan};
use rescind::policy::PolicySet;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const EXECUTIONS: usize = 20_000;
/// Bytes for an execution, in the inventory, a plan and the schedule together.
const BOUND: usize = 250;

fn rows(job: &JobId, at: Timestamp) -> Vec<Row> {
    let row = |n: usize| {
        let queued = Fact::Known(at - SignedDuration::from_secs(i64::try_from(n).expect("few")));
        ExecutionSummary {
            thing: format!("robot-{n:07}").parse().expect("a name"),
            number: Fact::Known(ExecutionNumber(1)),
            status: ExecutionStatus::Queued,
            times: Times { queued_at: queued, started_at: Fact::Absent, last_updated_at: queued },
            retry_attempt: Fact::Known(0),
        }
    };
    // AWS's order is none.
    let row = |n: usize| observed(job, OpenStatus::Queued, row(n * 7919 % EXECUTIONS));
    (0..EXECUTIONS).map(row).collect()
}

#[test]
fn an_execution_takes_at_most_250_bytes_in_all_that_a_pass_keeps() {
    let text = "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {name: old}\nspec:\n  mode: Enforce\n  target: {statuses: [QUEUED]}\n  \
                match: {age: [{since: queuedAt, olderThan: 72h}]}\n  budget: {max: [{count: 10, per: 1h}]}\n";
    let file = SourceFile { path: "old.yaml".to_owned(), text: text.into() };
    let policies = PolicySet::new(document::read(&[file], &Limits::policies()).policies).into();
    let now: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a time");
    let job: JobId = "fw-1".parse().expect("a job id");
    let before = ALLOCATOR.allocated();
    let mut inventory = Inventory::default();
    inventory.job_lists.insert(JobStatus::InProgress, Listing::Complete(now));
    let described = Job {
        status: JobStatus::InProgress,
        target_selection: TargetSelection::Snapshot,
        created_at: Fact::Absent,
        status_at: now,
        description: Fact::Known(JobDescription::default()),
        described_at: Some(now),
        tags: Fact::NotRead,
        tags_at: None,
    };
    inventory.jobs.insert(job.clone(), described);
    // Listed again and again, it takes no more.
    for _ in 0..5 {
        inventory.replace_rows(&job, OpenStatus::Queued, rows(&job, now));
    }
    inventory.lists.insert((job, OpenStatus::Queued), Listing::Complete(now));
    let planned = plan(&policies, &inventory, &Memory::default(), now, Depth::Listed);
    let mut schedule = Schedule::new(SignedDuration::from_mins(5));
    schedule.begin(&mut inventory, &policies, now, 0);
    schedule.looked(&policies, &inventory, &Memory::default(), Some(&planned));
    assert_eq!((inventory.executions.len(), planned.lines.len()), (EXECUTIONS, EXECUTIONS));
    let each = (ALLOCATOR.allocated() - before) / EXECUTIONS;
    assert!(each <= BOUND, "{each} bytes");
    assert!(each >= 100, "what is counted is not what is kept: {each} bytes");
}

//! What a pass costs: the calls that an emulated fleet counts are those that any correct client must
//! make, and no others.
//!
//! The bound is computed here from the fleet and the policies' text alone, without `needs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use rescind::backend::aws::Connection;
use rescind::backend::pace::{Paced, Pacer};
use rescind::clock::Clock;
use rescind::emulator::{Emulator, Operation, Options};
use rescind::execution::{ExecutionStatus, JobStatus};
use rescind::fleet::Fleet;
use rescind::inventory::Inventory;
use rescind::observe::{Collector, NoProgress};
use rescind::plan::check::check;
use rescind::plan::{Depth, Memory, Plan, plan};
use rescind::policy::PolicySet;
use tokio::net::TcpListener;

use super::support::{fleet, fleet_of, now, policy, set, set_of};

/// AWS's most rows of a page.
const PAGE: usize = 250;

type Calls = BTreeMap<Operation, usize>;

/// Observes a fleet over HTTP and plans; gives the plan and the calls that the emulator counted.
async fn observed(fleet: &Fleet, policies: &Arc<PolicySet>, depth: Depth) -> (Plan, Calls) {
    let clock = Clock::starting_at(now());
    let emulator = Emulator::new(fleet, clock.clone(), Options::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(emulator.clone().serve(listener, std::future::pending()));
    let connection = Connection::embedded(address, &fleet.account.region, clock.clone());
    let reader = Arc::new(Paced::new(connection.reader(), Pacer::unlimited()));
    let memory = Memory::default();
    let seen = Collector::new(reader, clock)
        .observe(Inventory::default(), policies, &memory, depth, &NoProgress)
        .await
        .expect("the emulator asks for no credentials");
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    let plan = plan(policies, &seen, &memory, now(), depth);
    assert_eq!(check(&plan, policies, &seen, &memory), []);
    let counts = emulator.calls().into_iter();
    (
        plan,
        counts
            .map(|(operation, count)| (operation, usize::try_from(count).expect("few")))
            .collect(),
    )
}

fn pages(rows: usize) -> usize {
    rows.div_ceil(PAGE).max(1)
}

/// The lists and descriptions of jobs that policies over these job statuses and these (job, status)
/// lists need at the least.
fn listing(fleet: &Fleet, statuses: &[JobStatus], lists: &[(&str, ExecutionStatus)]) -> Calls {
    let jobs_in =
        |status: &JobStatus| fleet.jobs.values().filter(|job| job.status == *status).count();
    let rows = |job: &str, status: &ExecutionStatus| {
        let of_list = fleet.executions.iter();
        of_list.filter(|((id, _, _), it)| id.as_str() == job && it.status == *status).count()
    };
    let described: BTreeSet<_> = lists.iter().map(|(job, _)| *job).collect();
    [
        (Operation::ListJobs, statuses.iter().map(|it| pages(jobs_in(it))).sum()),
        (Operation::DescribeJob, described.len()),
        (
            Operation::ListJobExecutionsForJob,
            lists.iter().map(|(job, status)| pages(rows(job, status))).sum(),
        ),
    ]
    .into()
}

/// The statuses in which open executions are looked for unless a policy says otherwise.
const OPEN_JOBS: [JobStatus; 3] =
    [JobStatus::InProgress, JobStatus::Scheduled, JobStatus::Canceled];

#[tokio::test]
async fn the_example_root_costs_what_it_must() {
    use ExecutionStatus::{InProgress, Queued};
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let tree = rescind::source::read(&root, 1 << 20).expect("the example root");
    let policies = set_of(&tree.files);
    let fleet = fleet_of(std::fs::read(root.join("fleet.yaml")).expect("the example fleet"));
    // retired-devices lists QUEUED of any job; stuck-in-progress IN_PROGRESS of firmware and
    // configuration; the others name less.
    let mut bound = listing(
        &fleet,
        &OPEN_JOBS,
        &[
            ("fw-4-2-0", Queued),
            ("cfg-routes-46", Queued),
            ("diag-battery", Queued),
            ("fw-4-2-0", InProgress),
            ("cfg-routes-46", InProgress),
        ],
    );
    assert_eq!(bound.values().sum::<usize>(), 3 + 3 + 5);
    // Attributes: of the four on which the firmware is queued, of those that run and whose ages hold
    // (001, 007, 009 and, with configuration, 005 and 006), and of the two that may be on hold. The guard
    // asks nothing more, since all that a policy would cancel is among them.
    let described = ["002", "003", "004", "005", "001", "007", "009", "006", "101", "102"];
    bound.insert(Operation::DescribeThing, described.len());
    // Groups: of what is queued for more than 30 days and is not on hold.
    bound.insert(Operation::ListThingGroupsForThing, ["101"].len());

    let (plan, calls) = observed(&fleet, &policies, Depth::Listed).await;
    assert_eq!(calls, bound);
    assert_eq!(plan.acts().count(), 7, "one of which only a describe will keep");

    // One describe of each that is to be canceled, of those that flash or may, and of what a policy in
    // Observe would cancel: the device may be testing its firmware.
    bound.insert(Operation::DescribeJobExecution, 6 + 2 + 1);
    let (plan, calls) = observed(&fleet, &policies, Depth::Exact).await;
    assert_eq!(calls, bound);
    assert_eq!(plan.acts().count(), 6);
}

/// One job with this many waiting executions, robot 0 the oldest.
fn large(count: usize) -> Fleet {
    let mut spec = "jobs: [{id: fw}]\nthings:\n".to_owned();
    for index in 0..count {
        writeln!(spec, "- {{name: r-{index:03}, type: robot}}").expect("a String");
    }
    spec.push_str("executions:\n");
    for index in 0..count {
        let age = 1_000 - index;
        writeln!(spec, "- {{job: fw, thing: r-{index:03}, queuedAt: {age}h ago}}")
            .expect("a String");
    }
    fleet(&spec)
}

#[tokio::test]
async fn one_more_than_a_page_costs_one_more_list() {
    let policies = set([policy(
        "old",
        "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 990h}]}\n\
         budget: {max: [{count: 5, per: 1h}]}",
    )]);
    for count in [PAGE, PAGE + 1] {
        let fleet = large(count);
        let mut bound = listing(&fleet, &OPEN_JOBS, &[("fw", ExecutionStatus::Queued)]);
        let (plan, calls) = observed(&fleet, &policies, Depth::Listed).await;
        assert_eq!(calls, bound, "{count}");
        assert_eq!(calls[&Operation::ListJobExecutionsForJob], count.div_ceil(PAGE));
        assert_eq!(plan.lines.len(), count);
        // Eleven are old enough, five may go: what waits is not described.
        bound.insert(Operation::DescribeJobExecution, 5);
        let (plan, calls) = observed(&fleet, &policies, Depth::Exact).await;
        assert_eq!(calls, bound, "{count}");
        assert_eq!(plan.acts().count(), 5);
    }
}

#[tokio::test]
async fn a_thing_is_read_once_for_all_its_executions_and_policies() {
    let one = "mode: Enforce\ntarget: {statuses: [QUEUED]}\n\
        match: {thing: {types: [robot], groups: [berlin]}}\nbudget: {max: [{count: 5, per: 1h}]}";
    let policies = set([policy("one", one), policy("two", one)]);
    let fleet = fleet(
        "things: [{name: r, type: robot, groups: [berlin]}, {name: s, type: other, groups: [berlin]}]\n\
         jobs: [{id: a}, {id: b}]\n\
         executions: [{job: a, thing: r}, {job: b, thing: r}, {job: a, thing: s}, {job: b, thing: s}]",
    );
    let queued = ExecutionStatus::Queued;
    let mut bound = listing(&fleet, &OPEN_JOBS, &[("a", queued.clone()), ("b", queued)]);
    bound.insert(Operation::DescribeThing, 2);
    // The type of the second says no before its groups are asked for.
    bound.insert(Operation::ListThingGroupsForThing, 1);
    let (_, calls) = observed(&fleet, &policies, Depth::Listed).await;
    assert_eq!(calls, bound);
}

#[tokio::test]
async fn a_job_and_a_thing_are_asked_once_for_what_expressions_need() {
    let one = "mode: Enforce\ntarget: {statuses: [QUEUED], jobs: {names: [a, b]}}\n\
        match: {thing: {types: [robot]}}\nbudget: {max: [{count: 5, per: 1h}]}\n\
        conditions:\n\
        - {name: tagged, expression: \"'stale' in job.tags\"}\n\
        - {name: away, expression: thing.connectivity.connected == false}\n\
        - {name: blocks, expression: execution.queuedBehind > 0}";
    let policies = set([policy("one", one), policy("two", one)]);
    let fleet = fleet(
        "things:\n\
         - {name: r, type: robot, connectivity: {connected: false}}\n\
         - {name: s, type: robot, connectivity: {connected: true}}\n\
         - {name: t, type: other}\n\
         jobs: [{id: a, tags: {stale: 'yes'}}, {id: b}, {id: c}]\n\
         executions:\n\
         - {job: a, thing: r, queuedAt: 3h ago}\n\
         - {job: b, thing: r, queuedAt: 2h ago}\n\
         - {job: c, thing: r, queuedAt: 1h ago}\n\
         - {job: a, thing: s, queuedAt: 3h ago}\n\
         - {job: a, thing: t, queuedAt: 3h ago}\n\
         - {job: b, thing: t, queuedAt: 3h ago}",
    );
    let queued = ExecutionStatus::Queued;
    let mut bound = listing(&fleet, &OPEN_JOBS, &[("a", queued.clone()), ("b", queued)]);
    // Tags say no to b before its things are asked for; the type to t, the connection to s.
    bound.insert(Operation::ListTagsForResource, 2);
    bound.insert(Operation::DescribeThing, 3);
    bound.insert(Operation::GetThingConnectivityData, 2);
    bound.insert(Operation::ListJobExecutionsForThing, 1);
    let (plan, calls) = observed(&fleet, &policies, Depth::Listed).await;
    assert_eq!(calls, bound);
    let acts: Vec<_> = plan.acts().map(|line| line.key.to_string()).collect();
    assert_eq!(acts, ["a on r"]);
}

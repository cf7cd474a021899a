//! What follows from a plan's cancels: completed jobs, and what starts on things that are freed.

use rescind::execution::OpenStatus;
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{Inventory, Listing};
use rescind::plan::follows::{Completes, Follows, Starts, follows};
use rescind::plan::{Depth, Memory, plan};

use super::support::{fleet, now, policy, set};

/// All of `fw` is canceled; the other jobs are in scope of nothing that acts.
const POLICY: &str = "mode: Enforce\ntarget: {statuses: [QUEUED, IN_PROGRESS]}\n\
                      match: {age: [{since: queuedAt, olderThan: 1d}]}\n\
                      exclude: [{name: others, jobs: {names: [next, later]}}]\n\
                      cancel: {force: true}\nbudget: {max: [{count: 10, per: 1h}]}";

fn seen(jobs: &str, executions: &str) -> Inventory {
    let rows: Vec<_> = executions.lines().map(|line| format!("- {{{}}}", line.trim())).collect();
    let spec = format!(
        "jobs: [{jobs}]\nthings: [{{name: a}}, {{name: b}}]\nexecutions:\n{}",
        rows.join("\n")
    );
    rescind::fleet::inventory(&fleet(&spec), now())
}

fn told(inventory: &Inventory) -> Follows {
    let memory = Memory::default();
    let policies = set([policy("p", POLICY)]);
    let plan = plan(&policies, inventory, &memory, now(), Depth::Exact);
    assert!(plan.acts().count() > 0);
    follows(&plan, inventory)
}

fn completes(job: &str, open: u64, canceled: u64) -> Completes {
    Completes { job: job.parse().expect("an id"), open, canceled }
}

fn starts(thing: &str, job: &str, certain: bool) -> Starts {
    let (thing, job) = (thing.parse().expect("a name"), job.parse().expect("an id"));
    Starts { thing, job, certain }
}

#[test]
fn a_snapshot_job_of_which_all_that_is_open_is_canceled_is_completed() {
    let all = "job: fw, thing: a, queuedAt: 2d ago\njob: fw, thing: b, queuedAt: 2d ago";
    assert_eq!(told(&seen("{id: fw}", all)).completes, [completes("fw", 2, 2)]);
    let one_stays = "job: fw, thing: a, queuedAt: 2d ago\njob: fw, thing: b, queuedAt: 1h ago";
    assert_eq!(told(&seen("{id: fw}", one_stays)).completes, []);
    for job in ["{id: fw, targetSelection: CONTINUOUS}", "{id: fw, status: CANCELED}"] {
        assert_eq!(told(&seen(job, all)).completes, [], "{job}");
    }
}

#[test]
fn what_is_not_listed_counts_by_the_numbers_of_the_job() {
    let mut inventory = seen("{id: fw}", "job: fw, thing: a, queuedAt: 2d ago");
    let id = "fw".parse().expect("an id");
    inventory.lists.remove(&(id, OpenStatus::InProgress));
    assert_eq!(told(&inventory).completes, [completes("fw", 1, 1)]);
    let mut describe = |change: fn(&mut rescind::inventory::JobDescription)| {
        let job = inventory.jobs.values_mut().next().expect("a job");
        let Fact::Known(description) = &mut job.description else { panic!("described") };
        change(description);
        told(&inventory)
    };
    let two = describe(|it| {
        let Fact::Known(counts) = &mut it.process else { panic!("a fleet counts") };
        counts.in_progress = 1;
    });
    assert_eq!((two.completes.len(), two.may_complete.len()), (0, 0));
    let unknown = describe(|it| it.process = Fact::Unreadable(Unreadable::Invalid));
    assert_eq!(unknown.may_complete, ["fw".parse().expect("an id")]);
    for list in inventory.lists.values_mut() {
        *list = Listing::Failed(Unreadable::Failed);
    }
    assert_eq!(told(&inventory).may_complete.len(), 1);
}

#[test]
fn a_thing_that_is_freed_starts_what_has_waited_longest() {
    let jobs = "{id: fw}, {id: next}, {id: later}";
    let queue = "job: fw, thing: a, status: IN_PROGRESS, queuedAt: 2d ago\n\
                 job: later, thing: a, queuedAt: 1h ago\n\
                 job: next, thing: a, queuedAt: 2h ago";
    let mut inventory = seen(jobs, queue);
    assert_eq!(told(&inventory).starts, [starts("a", "next", true)]);
    // The queue of the thing was not read: there may be jobs that were not listed.
    for thing in inventory.things.values_mut() {
        thing.queue = Fact::NotRead;
    }
    assert_eq!(told(&inventory).starts, [starts("a", "next", false)]);
    inventory.executions.retain(|key, _| key.job.as_str() == "fw");
    let unknown = told(&inventory);
    assert_eq!((unknown.starts.len(), unknown.may_start), (0, vec!["a".parse().expect("it")]));
    for row in inventory.executions.values_mut() {
        row.status = OpenStatus::Queued.into();
    }
    // It only waits itself: nothing that is known of is unblocked.
    let waits = told(&inventory);
    assert_eq!((waits.starts.len(), waits.may_start.len()), (0, 0));
    // Nothing else waits, and that is known.
    let alone = told(&seen(jobs, "job: fw, thing: a, status: IN_PROGRESS, queuedAt: 2d ago"));
    assert_eq!((alone.starts.len(), alone.may_start.len()), (0, 0));
}

#[test]
fn a_thing_that_stays_busy_or_was_not_waiting_for_it_starts_nothing() {
    let jobs = "{id: fw}, {id: next}, {id: later}";
    let busy = "job: later, thing: a, status: IN_PROGRESS, queuedAt: 3d ago\n\
                job: fw, thing: a, queuedAt: 2d ago\njob: next, thing: a, queuedAt: 1h ago";
    assert_eq!(told(&seen(jobs, busy)).starts, []);
    let before = "job: next, thing: a, queuedAt: 3d ago\njob: fw, thing: a, queuedAt: 2d ago";
    assert_eq!(told(&seen(jobs, before)).starts, []);
    // It was next and is canceled; the device may be busy with what was not listed.
    let behind = "job: fw, thing: a, queuedAt: 2d ago\njob: next, thing: a, queuedAt: 1d ago";
    assert_eq!(told(&seen(jobs, behind)).starts, [starts("a", "next", false)]);
}

#[test]
fn what_has_waited_for_nobody_knows_how_long_is_not_known_to_be_next() {
    let jobs = "{id: fw}, {id: next}, {id: later}";
    let queue = "job: fw, thing: a, status: IN_PROGRESS, queuedAt: 2d ago\n\
                 job: later, thing: a, queuedAt: 1h ago\n\
                 job: next, thing: a, queuedAt: 2h ago";
    let mut inventory = seen(jobs, queue);
    let thing = inventory.things.get_mut(&"a".parse().expect("it")).expect("a thing");
    let Fact::Known(waiting) = &mut thing.queue else { panic!("a fleet says what waits") };
    waiting.0[0].queued_at = Fact::Absent;
    let told = told(&inventory);
    assert_eq!((told.starts.len(), told.may_start.len()), (0, 1));
}

#[test]
fn where_a_job_is_not_counted_what_is_listed_says_what_stays() {
    let jobs = "{id: fw}";
    let mut inventory =
        seen(jobs, "job: fw, thing: a, queuedAt: 2d ago\njob: fw, thing: b, queuedAt: 1h ago");
    for job in inventory.jobs.values_mut() {
        let Fact::Known(description) = &mut job.description else { panic!("described") };
        description.process = Fact::Unreadable(Unreadable::Invalid);
    }
    let told = told(&inventory);
    assert_eq!((told.completes.len(), told.may_complete.len()), (0, 0));
    assert!(told.is_empty(), "nothing follows");
}

#[test]
fn what_was_queued_at_the_same_time_was_not_next_before() {
    let jobs = "{id: fw}, {id: next}, {id: later}";
    let both = "job: next, thing: a, queuedAt: 2d ago\njob: fw, thing: a, queuedAt: 2d ago";
    let told = told(&seen(jobs, both));
    assert_eq!(told.starts, [starts("a", "next", false)]);
    assert!(!told.is_empty());
}

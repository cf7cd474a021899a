//! A kept inventory against a naive model: worlds by chance that go on for a day and a half, in which it
//! is known from each execution's own times when a policy must cancel it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::subsequence;
use rescind::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionStatus, ExecutionSummary,
    ExecutionVersion, JobStatus, OpenStatus, TargetSelection, Times,
};
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{Inventory, Job, JobDescription, Listing};
use rescind::plan::cadence::Cadence;
use rescind::plan::due::{Extent, GATHER, Schedule, Seen};
use rescind::plan::in_force::{Judgement, judge};
use rescind::plan::stable::Sightings;
use rescind::plan::words::facts_of;
use rescind::plan::{Depth, Memory, Plan, needs, plan};
use rescind::policy::{Demands, Policy, PolicySet};
use rescind::span::Period;

use super::support::{guard, key, now, policy, set};

mod described;
mod later;
mod listed;

const INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// How late it may be: what `performance.md` promises.
const LATE: SignedDuration = SignedDuration::from_secs(60);
const LASTS: SignedDuration = SignedDuration::from_hours(36);

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// An execution, with the times of its life.
#[derive(Clone, Debug)]
struct Execution {
    key: ExecutionKey,
    queued: Timestamp,
    started: Option<Timestamp>,
    /// When its device reports, once, without changing its status.
    reported: Option<Timestamp>,
    ended: Option<Timestamp>,
    canceled: Option<Timestamp>,
}

impl Execution {
    fn status(&self, at: Timestamp) -> Option<ExecutionStatus> {
        let over = |time: Option<Timestamp>| time.is_some_and(|time| time <= at);
        if at < self.queued {
            None
        } else if over(self.canceled) {
            Some(ExecutionStatus::Canceled)
        } else if over(self.ended) {
            Some(ExecutionStatus::Succeeded)
        } else if over(self.started) {
            Some(ExecutionStatus::InProgress)
        } else {
            Some(ExecutionStatus::Queued)
        }
    }

    fn times(&self, at: Timestamp) -> Times {
        let started = self.started.filter(|time| *time <= at);
        let reported = self.reported.filter(|time| *time <= at);
        Times {
            queued_at: Fact::Known(self.queued),
            started_at: Fact::read(started),
            last_updated_at: Fact::Known(reported.or(started).unwrap_or(self.queued)),
        }
    }
}

/// What is, and what was asked of it.
#[derive(Clone, Debug, Default)]
struct World {
    executions: Vec<Execution>,
    /// Whether the jobs have an execution of which no time is known, so that they are never empty.
    anchored: bool,
    /// Whether the jobs are canceled, and not in progress.
    canceled: bool,
    /// The lists that fail.
    failing: BTreeSet<(String, OpenStatus)>,
    lists: BTreeMap<(String, OpenStatus), Vec<Timestamp>>,
    describes: usize,
    /// What was seen to match, as a state keeps it.
    sightings: Arc<Sightings>,
}

const JOBS: [&str; 2] = ["j-0", "j-1"];

impl World {
    fn answer(&mut self, seen: &mut Inventory, policies: &Arc<PolicySet>, at: Timestamp) {
        for round in 0.. {
            let wanted = needs(policies, seen, &Memory::default(), at, Depth::Listed);
            if wanted.is_empty() {
                return;
            }
            assert!(round < 9, "it asks for ever: {wanted:?}");
            for status in &wanted.job_lists {
                for id in JOBS {
                    let id = id.parse().expect("a job id");
                    let before = seen.jobs.get(&id);
                    let description = before.map_or(Fact::NotRead, |job| job.description.clone());
                    let status = if self.canceled { JobStatus::Canceled } else { status.clone() };
                    let job = Job {
                        status,
                        target_selection: TargetSelection::Continuous,
                        created_at: Fact::Absent,
                        status_at: at,
                        description,
                        described_at: None,
                        tags: Fact::NotRead,
                        tags_at: None,
                    };
                    seen.jobs.insert(id, job);
                }
                seen.job_lists.insert(status.clone(), Listing::Complete(at));
            }
            for id in &wanted.jobs {
                let job = seen.jobs.get_mut(id).expect("it is listed");
                job.take_in(Fact::Known(JobDescription::default()), at);
            }
            for (job, status) in &wanted.lists {
                let list = (job.to_string(), *status);
                self.lists.entry(list.clone()).or_default().push(at);
                let listing = if self.failing.contains(&list) {
                    Listing::Failed(Unreadable::Failed)
                } else {
                    seen.remove_rows(job, *status);
                    let open = self.executions.iter().filter(|it| it.key.job == *job);
                    for it in open.filter(|it| it.status(at) == Some((*status).into())) {
                        seen.insert_row(job, *status, row(it, at));
                    }
                    if self.anchored {
                        let anchor = format!("anchor-{status}").parse().expect("a name");
                        let row = ExecutionSummary {
                            thing: anchor,
                            number: Fact::Known(ExecutionNumber(1)),
                            status: (*status).into(),
                            times: Times::default(),
                            retry_attempt: Fact::Absent,
                        };
                        seen.insert_row(job, *status, row);
                    }
                    Listing::Complete(at)
                };
                seen.lists.insert((job.clone(), *status), listing);
            }
        }
    }

    /// Describes what a plan would cancel, and does so where the policies agree.
    fn act(
        &mut self,
        plan: &Plan,
        seen: &Inventory,
        policies: &PolicySet,
        at: Timestamp,
    ) -> Vec<(ExecutionKey, Seen)> {
        let mut found = Vec::new();
        for line in plan.acts() {
            self.describes += 1;
            let it = self.executions.iter_mut().find(|it| it.key == line.key).expect("it is there");
            let status = it.status(at).expect("it was queued");
            let listed = line.act.as_ref().expect("it acts").status;
            if status.open() != Some(listed) {
                found.push((line.key.clone(), Seen::Gone));
                continue;
            }
            let mut described = seen.clone();
            let description = ExecutionDescription {
                account: None,
                number: Fact::Known(ExecutionNumber(1)),
                status,
                times: it.times(at),
                version: Fact::read(ExecutionVersion::new(1)),
                status_details: Fact::Known(BTreeMap::new()),
                force_canceled: false,
                seconds_before_timed_out: Fact::Absent,
            };
            described.insert_description(&line.key, description, at);
            let facts = facts_of(&line.key, &described).expect("it was listed");
            if matches!(judge(policies, &facts, &self.sightings, at), Judgement::Cancel(_)) {
                it.canceled = Some(at);
                found.push((line.key.clone(), Seen::Gone));
            } else {
                found.push((line.key.clone(), Seen::Kept(Some(it.times(at).into()))));
            }
        }
        found
    }

    /// Goes on until `end`, with the policies of each time.
    fn live(&mut self, policies: &[(Timestamp, Arc<PolicySet>)], end: Timestamp) -> Inventory {
        let mut schedule = Schedule::new(INTERVAL);
        let mut kept = Inventory::default();
        let (mut at, mut chance) = (now(), 7_u8);
        while at < end {
            let of_now = policies.iter().rfind(|(since, _)| *since <= at);
            let policies = &of_now.expect("there is one from the beginning").1;
            chance = chance.wrapping_mul(31).wrapping_add(11);
            let look = schedule.begin(&mut kept, policies, at, chance);
            let mut seen = match &look {
                Extent::Whole => std::mem::take(&mut kept),
                Extent::Part(keys) => kept.part(keys),
            };
            self.answer(&mut seen, policies, at);
            if look == Extent::Whole {
                schedule.observed(&mut seen);
            }
            let sightings = Arc::clone(&self.sightings);
            let mut memory = Memory { sightings, ..Memory::default() };
            schedule.remember(&mut memory);
            let planned = plan(policies, &seen, &memory, at, Depth::Listed);
            assert!(!schedule.refresh(&mut seen, &planned), "nothing here counts all executions");
            planned.look.take_in(Arc::make_mut(&mut self.sightings), INTERVAL * 3, at);
            let found = self.act(&planned, &seen, policies, at);
            if look == Extent::Whole {
                kept = seen;
            }
            for (key, seen) in found {
                schedule.acted(&mut kept, &key, ExecutionNumber(1), seen);
            }
            let sightings = Arc::clone(&self.sightings);
            let memory = Memory { sightings, ..Memory::default() };
            match look {
                Extent::Whole => schedule.looked(policies, &kept, &memory, Some(&planned)),
                Extent::Part(keys) => {
                    let part = kept.part(&keys);
                    schedule.looked_at_part(policies, &part, &memory, Some(&planned));
                }
            }
            let next = schedule.next();
            assert!(next > at, "it would look again at once");
            assert!(next <= at + INTERVAL, "it sleeps for longer than an interval");
            at = next;
        }
        kept
    }
}

fn row(it: &Execution, at: Timestamp) -> ExecutionSummary {
    ExecutionSummary {
        thing: it.key.thing.clone(),
        number: Fact::Known(ExecutionNumber(1)),
        status: it.status(at).expect("it is there"),
        times: it.times(at),
        retry_attempt: Fact::Known(0),
    }
}

/// The policies of the model, each with the ages in hours at which it matches: in QUEUED since it was
/// queued, in IN_PROGRESS since it was queued and since it was started.
type Ages = (Option<i64>, Option<(i64, i64)>);

const POLICIES: [(&str, Ages); 8] = [
    (
        "target: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 8h}]}",
        (Some(8), None),
    ),
    (
        "target: {statuses: [IN_PROGRESS]}\nmatch: {age: [{since: startedAt, olderThan: 3h}]}\ncancel: {force: true}",
        (None, Some((0, 3))),
    ),
    (
        "target: {statuses: [QUEUED, IN_PROGRESS]}\nmatch: {age: [{since: lastUpdatedAt, olderThan: 5h}]}\ncancel: {force: true}",
        (Some(5), Some((0, 5))),
    ),
    (
        "target: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 2h}]}\nexclude: [{name: fresh, age: [{since: lastUpdatedAt, youngerThan: 4h}]}]",
        (Some(4), None),
    ),
    (
        "target: {statuses: [QUEUED, IN_PROGRESS]}\nmatch: {age: [{since: queuedAt, olderThan: 6h}]}\ncancel: {force: true}",
        (Some(6), Some((6, 0))),
    ),
    (
        "target: {statuses: [IN_PROGRESS]}\nconditions: [{name: long, expression: 'now - execution.startedAt > duration(\"7h\")'}]\ncancel: {force: true}",
        (None, Some((0, 7))),
    ),
    (
        "target: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 3h}]}\nstableFor: 17m",
        (Some(3), None),
    ),
    (
        "target: {statuses: [IN_PROGRESS]}\nmatch: {age: [{since: startedAt, olderThan: 2h}]}\nstableFor: 23m\ncancel: {force: true}",
        (None, Some((0, 2))),
    ),
];

fn compiled(index: usize) -> Policy {
    let spec = format!(
        "mode: Enforce\n{}\nbudget: {{max: [{{count: 1000, per: 1h}}]}}",
        POLICIES[index].0
    );
    policy(&format!("p-{index}"), &spec)
}

/// By when a policy that is in force since a time must have canceled an execution, if that does not move
/// before; none if it never must.
fn must(index: usize, it: &Execution, since: Timestamp) -> Option<Timestamp> {
    let (queued, in_progress) = POLICIES[index].1;
    let policy = compiled(index);
    let cadence = Cadence::of(&policy);
    let stable = policy.stable_for.map_or(SignedDuration::ZERO, Period::get);
    let slack = |status| {
        // What matches as soon as it is seen, or turns by what nobody can tell, waits for an interval.
        let foretold = cadence.moving.is_empty()
            && cadence.least_age.get(&status).is_some_and(|age| *age > SignedDuration::ZERO);
        stable + if foretold { LATE } else { LATE + INTERVAL }
    };
    let forever = Timestamp::MAX;
    let in_queue = queued.map(|hours| {
        let by = (it.queued + minutes(60 * hours)).max(since) + slack(OpenStatus::Queued);
        (by, it.started.or(it.ended).unwrap_or(forever))
    });
    let in_work = in_progress.zip(it.started).map(|((since_queued, since_started), started)| {
        let reported = it.reported.unwrap_or(started);
        // The age of what was last updated, and for how long it has not moved, begin anew with a report.
        let of_report = cadence.least_age.len() > 1 && since_queued == 0;
        let start = if of_report { reported } else { started };
        let at = (it.queued + minutes(60 * since_queued))
            .max(start + minutes(60 * since_started))
            .max(since);
        // A describe shows that it has reported, at the end of that time, which begins anew then.
        let anew = if it.reported.is_some() { stable } else { SignedDuration::ZERO };
        let at = at.max(if policy.stable_for.is_some() { reported } else { started }) + anew;
        (at + slack(OpenStatus::InProgress), it.ended.unwrap_or(forever))
    });
    let stays = |(by, until): &(Timestamp, Timestamp)| by < until;
    in_queue.filter(stays).or(in_work.filter(stays)).map(|(by, _)| by)
}

fn execution() -> impl Strategy<Value = (usize, i64, Option<i64>, Option<i64>, Option<i64>)> {
    let within = |most: i64| prop::option::weighted(0.5, 0..most);
    (0..JOBS.len(), -600..1_500_i64, within(900), within(400), within(900))
}

fn world() -> impl Strategy<Value = World> {
    prop::collection::vec(execution(), 1..12).prop_map(|all| {
        let made = |(n, (job, queued, started, reported, ended)): (usize, _)| {
            let queued = now() + minutes(queued) + SignedDuration::from_secs(7);
            let started = Option::<i64>::map(started, |after| queued + minutes(after));
            let ended =
                Option::<i64>::map(ended, |after| started.unwrap_or(queued) + minutes(after + 1));
            let key = key(JOBS[job], &format!("t-{n}"));
            let reported = started.zip(reported).map(|(at, after)| at + minutes(after));
            let reported = reported.filter(|at| ended.is_none_or(|end| *at < end));
            Execution { key, queued, started, reported, ended, canceled: None }
        };
        let executions = all.into_iter().enumerate().map(made).collect();
        World { executions, anchored: true, ..World::default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_canceled_early_and_nothing_is_late(
        world in world(),
        which in subsequence((0..POLICIES.len()).collect::<Vec<_>>(), 1..4),
        change in prop::option::of(0..1_800_i64),
    ) {
        let mut lived = world.clone();
        let all = set(which.iter().map(|index| compiled(*index)));
        // Half of them come later, to an inventory that is kept for the others.
        let (early, late) = which.split_at(which.len().div_ceil(2));
        let first = set(early.iter().map(|index| compiled(*index)));
        let since = change.map(|after| now() + minutes(after) + SignedDuration::from_secs(31));
        let sets = match since {
            Some(since) => vec![(now(), first), (since, all)],
            None => vec![(now(), all)],
        };
        let end = now() + LASTS;
        lived.live(&sets, end);
        for (before, after) in world.executions.iter().zip(&lived.executions) {
            let by = early.iter().filter_map(|index| must(*index, before, now()));
            // A set is adopted at the next look.
            let adopted = since.map_or(now(), |at| at + INTERVAL);
            let later = late.iter().filter_map(|index| must(*index, before, adopted));
            let by = by.chain(later).min();
            if let Some(by) = by.filter(|by| *by < end) {
                let canceled = after.canceled.expect("it is canceled at last");
                prop_assert!(canceled <= by, "{:?} late: {before:?}", canceled.duration_since(by));
            }
        }
        let ages: Vec<_> = which.iter().map(|index| Cadence::of(&compiled(*index))).collect();
        if change.is_none() && ages.iter().all(Cadence::is_by_age_alone) {
            for ((job, status), times) in &lived.lists {
                let least = ages.iter().filter_map(|it| it.least_age.get(status)).min();
                let least = least.expect("it is asked for").as_mins().min(360);
                let most = usize::try_from(LASTS.as_mins() / least + 1).expect("few");
                prop_assert!(times.len() <= most, "{} lists of {status} of {job}", times.len());
            }
        }
    }
}

fn lists(world: &World, job: &str, status: OpenStatus) -> Vec<i64> {
    let times = world.lists.get(&(job.to_owned(), status)).cloned().unwrap_or_default();
    times.into_iter().map(|at| at.duration_since(now()).as_mins()).collect()
}

fn queued(hours: i64) -> World {
    let key = key("j-0", "t-0");
    let queued = now() - minutes(60 * hours);
    let it = Execution { key, queued, started: None, reported: None, ended: None, canceled: None };
    World { executions: vec![it], ..World::default() }
}

fn older_than(hours: i64) -> Arc<PolicySet> {
    let spec = format!(
        "mode: Enforce\ntarget: {{statuses: [QUEUED]}}\nmatch: {{age: [{{since: queuedAt, olderThan: {hours}h}}]}}\nbudget: {{max: [{{count: 1000, per: 1h}}]}}"
    );
    set([policy("p", &spec)])
}

#[test]
fn what_must_match_for_a_while_comes_due_when_that_is_over() {
    let spec = "mode: Enforce\ntarget: {statuses: [QUEUED]}\nstableFor: 17m\n\
                match: {age: [{since: queuedAt, olderThan: 72h}]}\n\
                budget: {max: [{count: 1000, per: 1h}]}";
    let mut world = World { anchored: true, ..queued(71) };
    world.live(&[(now(), set([policy("p", spec)]))], now() + minutes(60 * 5));
    let canceled = world.executions[0].canceled.expect("it is canceled");
    let after = canceled.duration_since(now());
    assert!(after >= minutes(77) && after <= minutes(77) + GATHER, "{after:?}");
    assert_eq!(world.describes, 1);
}

#[test]
fn what_is_known_comes_due_to_the_second_and_without_a_list() {
    let mut world = World { anchored: true, ..queued(71) };
    let kept = world.live(&[(now(), older_than(72))], now() + minutes(60 * 5));
    let canceled = world.executions[0].canceled.expect("it is canceled");
    assert!(canceled.duration_since(now()) <= minutes(60) + GATHER, "{canceled}");
    assert!(canceled >= now() + minutes(60));
    assert_eq!((lists(&world, "j-0", OpenStatus::Queued), world.describes), (vec![0], 1));
    assert!(kept.executions.keys().all(|key| key.thing.as_str().starts_with("anchor")));
}

#[test]
fn what_a_rule_lets_go_at_an_age_comes_due_to_the_second() {
    let spec = |more: &str| {
        format!(
            "mode: Enforce\ntarget: {{statuses: [QUEUED]}}\n\
             match: {{age: [{{since: queuedAt, olderThan: 2h}}]}}\n{more}\
             budget: {{max: [{{count: 1000, per: 1h}}]}}"
        )
    };
    let rule = "{name: fresh, age: [{since: queuedAt, youngerThan: 72h}]}";
    let excluding = policy("p", &spec(&format!("exclude: [{rule}]\n")));
    let protects = guard("g", &format!("protect: [{rule}]"));
    let guarded = PolicySet::guarded([policy("p", &spec(""))], [protects], Demands::default());
    for policies in [set([excluding]), Arc::new(guarded)] {
        let mut world = World { anchored: true, ..queued(71) };
        world.live(&[(now(), policies)], now() + minutes(60 * 5));
        let canceled = world.executions[0].canceled.expect("it is canceled");
        let after = canceled.duration_since(now());
        assert!(after >= minutes(60) && after <= minutes(60) + GATHER, "{after:?}");
    }
}

#[test]
fn what_has_moved_is_described_once_and_not_again_before_it_is_listed() {
    let mut world = World { anchored: true, ..queued(71) };
    world.executions[0].started = Some(now() + minutes(1));
    world.live(&[(now(), older_than(72))], now() + minutes(60 * 5));
    assert_eq!((world.describes, world.executions[0].canceled), (1, None));
}

#[test]
fn what_was_described_and_kept_waits_for_the_next_interval() {
    let spec = "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 1h}], statusDetails: {matchExpressions: [{key: phase, operator: Exists}]}}\nbudget: {max: [{count: 9, per: 1h}]}";
    let mut world = World { anchored: true, ..queued(2) };
    // Others come due all the time, and are looked at by themselves.
    for n in 1..60 {
        let queued = now() - minutes(60) + minutes(n);
        let it =
            Execution { key: key("j-0", &format!("t-{n}")), queued, ..world.executions[0].clone() };
        world.executions.push(it);
    }
    world.live(&[(now(), set([policy("p", spec)]))], now() + minutes(60));
    // The first one in each interval of 4.5 to 5 minutes, each other once when it comes due and then likewise.
    let intervals = 60 / 4;
    assert!(world.describes <= 60 + 60 * intervals / 2 + intervals, "{}", world.describes);
    assert!(world.describes >= 60, "{}", world.describes);
}

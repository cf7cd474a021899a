//! Worlds by chance: a few policies, a small fleet with facts in every state, a past.
//!
//! Values come from few, so that clauses hold, fail and meet each other often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use rescind::execution::{
    Account, ExecutionKey, ExecutionNumber, ExecutionVersion, JobStatus, OpenStatus,
    TargetSelection, Times,
};
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{
    AbortCriterion, Connectivity, Described, FailureType, Inventory, Job, JobDescription, Listing,
    ObservedExecution, ProcessDetails, Queue, QueuedExecution, Thing, ThingDescription,
};
use rescind::plan::breaker::{Breaker, Cases, Record};
use rescind::plan::{Memory, Spent};
use rescind::policy::expression;
use rescind::policy::guard::{self, Budget, Freeze, Scope};
use rescind::policy::template::TemplateFindings;
use rescind::policy::window::{Day, TimeOfDay, Window, WindowKind};
use rescind::policy::{
    AgeBound, AgeClock, Clause, Demands, Digest, Globs, Guard, Limit, LimitSize, Mode, OnExceed,
    OnExisting, Operator, Policy, PolicySet, Requirement, Rule, Template, Test,
};
use rescind::span::Period;

mod losses;
mod sightings;

pub use losses::{lose, loss};
use sightings::{seen, sightings};

use super::conditions::{self, EXPRESSIONS};
use super::support::{key, name, now, policy};

/// Everything that a plan is made from, and the policies once more to be changed.
#[derive(Clone, Debug)]
pub struct World {
    pub policies: Vec<Policy>,
    pub guards: Vec<Guard>,
    pub inventory: Inventory,
    pub memory: Memory,
}

impl World {
    pub fn set(&self) -> Arc<PolicySet> {
        let (policies, guards) = (self.policies.iter().cloned(), self.guards.iter().cloned());
        Arc::new(PolicySet::guarded(policies, guards, Demands::default()))
    }
}

const JOBS: [&str; 3] = ["j-0", "j-1", "j-2"];
const THINGS: [&str; 4] = ["t-0", "t-1", "t-2", "t-3"];

pub fn period(hours: i64) -> Period {
    Period::new(SignedDuration::from_hours(hours)).expect("more than nothing")
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn fact<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Fact<T>> {
    prop_oneof![
        12 => value.prop_map(Fact::Known),
        1 => Just(Fact::Absent),
        1 => select(&Unreadable::ALL[..]).prop_map(Fact::Unreadable),
    ]
    .boxed()
}

fn words() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set(select(&["a", "b", "c"][..]).prop_map(str::to_owned), 1..3)
}

fn pairs() -> impl Strategy<Value = BTreeMap<String, String>> {
    let word = || select(&["a", "b", "c"][..]).prop_map(str::to_owned);
    prop::collection::btree_map(word(), word(), 0..3)
}

fn requirement() -> impl Strategy<Value = Requirement> {
    let operator = prop_oneof![
        words().prop_map(Operator::In),
        words().prop_map(Operator::NotIn),
        Just(Operator::Exists),
        Just(Operator::DoesNotExist),
    ];
    let key = select(&["a", "b"][..]).prop_map(str::to_owned);
    (key, operator).prop_map(|(key, operator)| Requirement { key, operator })
}

fn test() -> impl Strategy<Value = Test> {
    let bound = (any::<bool>(), 1..4_i64).prop_map(|(older, times)| {
        let period = period(times * 10);
        if older { AgeBound::OlderThan(period) } else { AgeBound::YoungerThan(period) }
    });
    let globs = |patterns: &'static [&'static str]| {
        select(patterns).prop_map(|it| Globs::new([it.to_owned()]).expect("a pattern"))
    };
    prop_oneof![
        6 => (select(&AgeClock::ALL[..]), bound).prop_map(|(since, bound)| Test::Age { since, bound }),
        1 => words().prop_map(Test::ThingTypes),
        1 => words().prop_map(Test::ThingGroups),
        2 => requirement().prop_map(Test::ThingAttribute),
        2 => requirement().prop_map(Test::StatusDetail),
        1 => (1..3_i64).prop_map(Test::RetryAttemptAtLeast),
        1 => globs(&["j-*", "j-0", "*"]).prop_map(Test::JobNames),
        1 => globs(&["t-*", "t-[01]", "*"]).prop_map(Test::ThingNames),
        2 => select(EXPRESSIONS).prop_map(conditions::expression),
    ]
}

pub fn clauses() -> impl Strategy<Value = Vec<Clause>> {
    prop::collection::vec(test(), 1..3).prop_map(|tests| {
        let clause = |(index, test)| Clause { path: format!("clause[{index}]"), test };
        tests.into_iter().enumerate().map(clause).collect()
    })
}

pub fn rule() -> impl Strategy<Value = Rule> {
    clauses().prop_map(|clauses| Rule { name: "rule".to_owned(), reason: None, clauses })
}

fn budget() -> impl Strategy<Value = Vec<Limit>> {
    let count = (0..8_u64).prop_map(LimitSize::Count);
    let percent = (select(&[0_u8, 10, 50, 100][..]), 0..12_u64)
        .prop_map(|(value, min_population)| LimitSize::Percent { value, min_population });
    let limit = (prop_oneof![2 => count, 1 => percent], 1..3_i64)
        .prop_map(|(size, hours)| Limit { size, per: period(hours) });
    prop::collection::vec(limit, 1..3)
}

/// Up to two windows, of which some are open now, and some begin or end now.
pub fn windows() -> impl Strategy<Value = Vec<Window>> {
    let window = (any::<bool>(), 10..13_i64, 1..4_i64).prop_map(|(allow, from, hours)| {
        let at = |hour: i64| TimeOfDay::parse(&format!("{hour}:00")).expect("a time of day");
        Window {
            kind: if allow { WindowKind::Allow } else { WindowKind::Deny },
            days: Day::ALL.into(),
            from: at(from),
            to: at(from + hours),
            zone: jiff::tz::TimeZone::UTC,
        }
    });
    prop::collection::vec(window, 1..3)
}

fn abort() -> impl Strategy<Value = Vec<AbortCriterion>> {
    const KINDS: [FailureType; 4] =
        [FailureType::Failed, FailureType::Rejected, FailureType::TimedOut, FailureType::All];
    let criterion = (select(&KINDS[..]), select(&[10.0, 50.0, 100.0][..]), 1..8_i64).prop_map(
        |(failure_type, threshold_percentage, min_number_of_executed_things)| AbortCriterion {
            failure_type,
            threshold_percentage,
            min_number_of_executed_things,
        },
    );
    prop_oneof![1 => Just(Vec::new()), 2 => prop::collection::vec(criterion, 1..3)]
}

fn process() -> impl Strategy<Value = Fact<ProcessDetails>> {
    let counts = (0..4_i64, 0..3_i64, 0..2_i64, 0..2_i64, 0..2_i64);
    fact(counts.prop_map(|(succeeded, failed, timed_out, removed, canceled)| ProcessDetails {
        succeeded,
        failed,
        timed_out,
        removed,
        canceled,
        ..ProcessDetails::default()
    }))
}

fn one_policy(index: usize) -> impl Strategy<Value = Policy> {
    static BASE: LazyLock<Policy> = LazyLock::new(|| {
        policy("base", "target: {statuses: [QUEUED]}\nmatch: {retryAttempt: {atLeast: 1}}")
    });
    let template = select(
        &[
            "",
            "${string(execution.startedAt)}",
            "${string(execution.version)}",
            "${thing.name}",
            "${thing.type} ${string(execution.version)}",
            "${execution.statusDetails['a']} ${string('x' in thing.groups)}",
        ][..],
    );
    let state = (
        prop_oneof![4 => Just(Mode::Enforce), 1 => Just(Mode::Observe)],
        -1..2_i32,
        prop::option::weighted(0.1, prop::option::of(select(&[-1_i64, 0, 1][..]))),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.2, select(&[-1_i64, 0, 1][..])),
    );
    let statuses = select(vec![&OpenStatus::ALL[..], &OpenStatus::ALL[..1], &OpenStatus::ALL[1..]]);
    let what = (statuses, clauses(), prop::collection::vec(rule(), 0..2), budget());
    let windows = prop::option::weighted(0.2, windows()).prop_map(Option::unwrap_or_default);
    let limits = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let stable = prop::option::weighted(0.2, 1..3_i64);
    let how = (prop::bool::weighted(0.8), any::<bool>(), template, windows, limits, stable);
    (state, what, how).prop_map(move |(state, what, how)| {
        let (mode, priority, suspended, held, expires) = state;
        let (statuses, clauses, mut excludes, budget) = what;
        let (force, merge, template, windows, (halts, allow_job_abort), stable) = how;
        for (index, rule) in excludes.iter_mut().enumerate() {
            rule.name = format!("rule-{index}");
        }
        let mut policy = BASE.clone();
        policy.name = name(&format!("p-{index}"));
        policy.digest = Digest::of(format!("{clauses:?} {excludes:?}").as_bytes());
        policy.mode = mode;
        policy.priority = priority;
        policy.suspended = suspended.map(|_| String::new());
        policy.suspended_until = suspended.flatten().map(|hours| ago(-hours));
        policy.windows = windows;
        policy.stable_for = stable.map(period);
        policy.held = held;
        policy.expires_at = expires.map(|hours| ago(-hours));
        policy.target.statuses = statuses.iter().copied().collect();
        policy.clauses = clauses;
        policy.excludes = excludes;
        policy.budget = budget;
        policy.on_exceed = if halts { OnExceed::Halt } else { OnExceed::Throttle };
        policy.cancel.allow_job_abort = allow_job_abort;
        policy.cancel.force = force;
        policy.cancel.on_existing = if merge { OnExisting::Merge } else { OnExisting::Replace };
        if !template.is_empty() {
            let scope = expression::Scope::default();
            let template = Template::parse(template, &scope, &mut TemplateFindings::default());
            let template = template.expect("a template");
            policy.cancel.set = vec![("reason".to_owned(), template)];
        }
        policy
    })
}

fn job() -> impl Strategy<Value = Job> {
    let status = select(&[JobStatus::InProgress, JobStatus::InProgress, JobStatus::Completed][..]);
    let namespace = prop::option::weighted(0.1, Just("other".to_owned()));
    let description = fact(namespace.prop_flat_map(|namespace_id| {
        let timeout = prop::option::of(1..10_i64);
        (abort(), process(), timeout).prop_map(move |(abort, process, timeout_minutes)| {
            JobDescription {
                namespace_id: namespace_id.clone(),
                timeout_minutes,
                abort,
                process,
                ..JobDescription::default()
            }
        })
    }));
    let created_at = fact((0..40_i64).prop_map(ago));
    let facts = (status, description, fact(pairs()), created_at);
    facts.prop_map(|(status, description, tags, created_at)| Job {
        status,
        target_selection: TargetSelection::Snapshot,
        created_at,
        status_at: now(),
        description,
        described_at: Some(now()),
        tags,
        tags_at: Some(now()),
    })
}

fn queue() -> impl Strategy<Value = Queue> {
    let row = (select(&["j-0", "j-1", "elsewhere"][..]), fact((0..40_i64).prop_map(ago)));
    let row = row.prop_map(|(job, queued_at)| QueuedExecution {
        job: job.parse().expect("an id"),
        number: Fact::Known(ExecutionNumber(1)),
        queued_at,
    });
    prop::collection::vec(row, 0..4).prop_map(Queue)
}

fn thing() -> impl Strategy<Value = Thing> {
    let kind = prop::option::of(select(&["a", "b"][..]).prop_map(str::to_owned));
    let description = (kind, pairs())
        .prop_map(|(thing_type, attributes)| ThingDescription { thing_type, attributes });
    let connectivity = (fact(any::<bool>()), fact((0..40_i64).prop_map(ago)))
        .prop_map(|(connected, timestamp)| Connectivity { connected, timestamp });
    let facts = (fact(description), fact(words()), fact(connectivity), fact(queue()));
    facts.prop_map(|(description, groups, connectivity, queue)| Thing {
        description,
        groups,
        connectivity,
        queue,
        read_at: Some(now()),
    })
}

fn row() -> impl Strategy<Value = ObservedExecution> {
    let time = || fact((0..40_i64).prop_map(ago));
    let version = fact((1..9_i64).prop_map(|it| ExecutionVersion::new(it).expect("1 or more")));
    let described = fact((version, fact(pairs()), fact(0..900_i64)).prop_map(
        |(version, status_details, seconds_before_timed_out)| {
            Box::new(Described { version, status_details, seconds_before_timed_out, at: now() })
        },
    ));
    let number = fact((1..3_i64).prop_map(ExecutionNumber));
    let listed = select(&OpenStatus::ALL[..]);
    (listed, number, (time(), time(), time()), fact(0..4_i32), described).prop_map(
        |(listed, number, (queued_at, started_at, last_updated_at), retry_attempt, described)| {
            ObservedExecution {
                listed,
                number,
                status: listed.into(),
                times: Times { queued_at, started_at, last_updated_at }.into(),
                retry_attempt,
                described,
            }
        },
    )
}

fn listing() -> impl Strategy<Value = Listing> {
    prop_oneof![
        20 => Just(Listing::Complete(now())),
        1 => select(&Unreadable::ALL[..]).prop_map(Listing::Failed),
    ]
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let jobs = prop::collection::vec(job(), JOBS.len());
    let things = prop::collection::vec(thing(), THINGS.len());
    let rows = prop::collection::vec(prop::option::weighted(0.8, row()), JOBS.len() * THINGS.len());
    let lists = prop::collection::vec(listing(), JOBS.len() * 2);
    (jobs, things, rows, lists).prop_map(|(jobs, things, rows, lists)| {
        let account = Some(account("here"));
        let mut inventory = Inventory { account, ..Inventory::default() };
        for status in JobStatus::KNOWN {
            inventory.job_lists.insert(status.clone(), Listing::Complete(now()));
        }
        for (index, (id, job)) in JOBS.iter().zip(jobs).enumerate() {
            inventory.jobs.insert(id.parse().expect("an id"), job);
            for (at, status) in OpenStatus::ALL.into_iter().enumerate() {
                let list = (id.parse().expect("an id"), status);
                inventory.lists.insert(list, lists[index * 2 + at]);
            }
        }
        for (name, thing) in THINGS.iter().zip(things) {
            inventory.things.insert(name.parse().expect("a name"), thing);
        }
        let keys = JOBS.iter().flat_map(|job| THINGS.iter().map(|thing| key(job, thing)));
        for (key, row) in keys.zip(rows).filter_map(|(key, row)| Some((key, row?))) {
            // A list that failed has no rows.
            let list = inventory.lists[&(key.job.clone(), row.listed)];
            if matches!(list, Listing::Complete(_)) {
                inventory.executions.insert(key, row);
            }
        }
        inventory
    })
}

fn memory() -> impl Strategy<Value = Memory> {
    let unit = prop_oneof![
        1 => Just(None),
        3 => (0..180_i64).prop_map(|it| Some(now() - SignedDuration::from_mins(it))),
    ];
    let spent = (select(&["p-0", "p-1", "p-2"][..]), any::<bool>(), unit)
        .prop_map(|(policy, forced, settled)| Spent { policy: name(policy), forced, settled });
    let spent = prop::collection::vec(spent, 0..10);
    let began = prop::option::weighted(0.2, (0..180_i64).prop_map(SignedDuration::from_mins));
    let spent = (spent, began.prop_map(|it| it.map(|it| now() - it)));
    let some = || prop::collection::btree_set(a_key(), 0..2);
    let paused = prop::option::weighted(0.1, Just("why".into()));
    let canceled = prop::collection::btree_set(a_key(), 0..4);
    let counted = (select(&Breaker::ALL[..3]), 0..70_i64, 0..30_u64, 0..30_u64);
    let counted = prop::collection::vec(counted, 0..3);
    let stopped = (paused, prop::option::weighted(0.1, counted));
    (spent, canceled, some(), some(), some(), stopped).prop_map(|it| {
        let ((spent, ledger_began), canceled, backing_off, denied, open, stopped) = it;
        let (paused, counted) = stopped;
        let mut breakers = Record::default();
        for (breaker, minutes, good, bad) in counted.into_iter().flatten() {
            let at = now() - SignedDuration::from_mins(minutes);
            breakers.count(breaker, Cases { all: good + bad, bad }, at);
        }
        Memory {
            spent,
            ledger_began,
            canceled: canceled
                .into_iter()
                .map(|key| (key, BTreeMap::from([(ExecutionNumber(1), now())])))
                .collect(),
            backing_off: backing_off.into_iter().map(|key| (key, ago(-1))).collect(),
            denied: denied.into_iter().map(|key| ((name("p-0"), key.job), ago(-1))).collect(),
            open,
            paused,
            breakers,
            ..Memory::default()
        }
    })
}

fn account(region: &str) -> Account {
    let [partition, account] = ["aws", "123456789012"].map(str::to_owned);
    Account { partition, account, region: region.to_owned() }
}

/// A guard that takes no protection away.
pub fn guard() -> impl Strategy<Value = Guard> {
    static BASE: LazyLock<Guard> = LazyLock::new(|| {
        super::support::guard("base", "protect: [{name: a, things: {names: [a]}}]")
    });
    let scope = select(&["here", "here", "here", "elsewhere"][..]).prop_map(|region| Scope {
        accounts: [account(region).account].into(),
        regions: [region.to_owned()].into(),
    });
    let freeze =
        (-3..2_i64, 1..3_i64, prop::option::of(0..3_usize)).prop_map(|(from, hours, except)| {
            Freeze {
                name: "freeze".to_owned(),
                from: ago(-from),
                until: ago(-from - hours),
                except: except.into_iter().map(|index| name(&format!("p-{index}"))).collect(),
            }
        });
    let rules = prop::collection::vec(rule(), 0..2);
    let (scope, freeze) = (prop::option::weighted(0.3, scope), prop::option::weighted(0.3, freeze));
    (rules, scope, freeze, prop::option::weighted(0.3, common_budget())).prop_map(
        |(mut protects, scope, freeze, budget)| {
            for (index, rule) in protects.iter_mut().enumerate() {
                rule.name = format!("rule-{index}");
            }
            let text = format!("{protects:?} {scope:?} {freeze:?} {budget:?}");
            let digest = Digest::of(text.as_bytes());
            let (freezes, budget) = (freeze.into_iter().collect(), budget.unwrap_or_default());
            Guard { digest, protects, scope, freezes, budget, ..BASE.clone() }
        },
    )
}

/// A guard's budget, over all policies.
pub fn common_budget() -> impl Strategy<Value = Budget> {
    let limit = (any::<bool>(), 0..14_u64, 1..3_i64)
        .prop_map(|(forced, count, hours)| guard::Limit { forced, count, per: period(hours) });
    let on_exceed = select(&[OnExceed::Throttle, OnExceed::Halt][..]);
    (prop::collection::vec(limit, 1..3), on_exceed)
        .prop_map(|(limits, on_exceed)| Budget { limits, on_exceed })
}

fn a_key() -> impl Strategy<Value = ExecutionKey> {
    (select(&JOBS[..]), select(&THINGS[..])).prop_map(|(job, thing)| key(job, thing))
}

/// One to three policies over up to twelve executions.
pub fn world() -> impl Strategy<Value = World> {
    let policies = (one_policy(0), one_policy(1), one_policy(2), 1..4_usize)
        .prop_map(|(a, b, c, count)| [a, b, c].into_iter().take(count).collect::<Vec<_>>());
    let guards = prop::collection::vec(guard(), 0..3).prop_map(|mut guards| {
        for (index, guard) in guards.iter_mut().enumerate() {
            guard.name = name(&format!("g-{index}"));
        }
        guards
    });
    let all = (policies, guards, inventory(), memory(), sightings());
    all.prop_map(|(policies, guards, inventory, mut memory, sightings)| {
        memory.sightings = Arc::new(seen(&policies, &inventory, &sightings));
        World { policies, guards, inventory, memory }
    })
}

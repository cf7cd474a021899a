//! The check has teeth: each way to break a good plan is caught, and by the rule that it breaks.

use std::sync::Arc;

use jiff::SignedDuration;
use rescind::execution::{ExecutionNumber, ExecutionVersion, OpenStatus};
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{AbortCriterion, FailureType, Inventory, Listing, ProcessDetails};
use rescind::plan::breaker::{Breaker, Cases, Open};
use rescind::plan::check::check;
use rescind::plan::stable::{Sighting, Stamp, supposed};
use rescind::plan::{At, Depth, Memory, Plan, Reason, Verdict, plan};
use rescind::policy::window::{Day, TimeOfDay, Window, WindowKind};
use rescind::policy::{Digest, Mode, OnExceed, Policy, PolicySet};
use rescind::span::Period;

use super::support::{fleet, key, name, now, policy, unit};

mod common;
mod edges;
mod excluded;
mod guards;

struct Case {
    plan: Plan,
    inventory: Inventory,
    memory: Memory,
}

fn policies() -> Arc<PolicySet> {
    let emergency = policy(
        "emergency",
        "mode: Enforce\npriority: 100\ntarget: {statuses: [QUEUED], jobs: {names: [bad]}}\n\
         match: {thing: {types: [robot]}}\nbudget: {max: [{count: 2, per: 1h}]}",
    );
    let routine = policy(
        "routine",
        "mode: Enforce\ntarget: {statuses: [QUEUED, IN_PROGRESS], jobs: {names: [bad, good]}}\n\
         match: {age: [{since: queuedAt, olderThan: 1d}]}\n\
         exclude: [{name: hold, thing: {attributes: {matchExpressions: [{key: hold, operator: Exists}]}}}]\n\
         cancel: {force: true}\nbudget: {max: [{count: 9, per: 1h}], maxPercent: {value: 100, per: 24h}}",
    );
    Arc::new(PolicySet::new([emergency, routine]))
}

/// A plan with a line of the emergency and two of the routine, of which the second has force.
fn good(depth: Depth) -> Case {
    let fleet = fleet(
        "things: [{name: a, type: robot}, {name: b, type: robot}, {name: c, type: robot, attributes: {hold: x}}]\n\
         jobs: [{id: bad}, {id: good}]\n\
         executions:\n\
         - {job: bad, thing: a, queuedAt: 2d ago, versionNumber: 3}\n\
         - {job: good, thing: a, queuedAt: 4d ago}\n\
         - {job: good, thing: b, status: IN_PROGRESS, queuedAt: 3d ago}\n\
         - {job: good, thing: c, queuedAt: 3d ago}",
    );
    let inventory = rescind::fleet::inventory(&fleet, now());
    let memory = Memory::default();
    let plan = plan(&policies(), &inventory, &memory, now(), depth);
    let acts: Vec<_> = plan.acts().map(|line| line.key.to_string()).collect();
    assert_eq!(acts, ["bad on a", "good on a", "good on b"]);
    Case { plan, inventory, memory }
}

impl Case {
    fn broken(&self) -> Vec<String> {
        let found = check(&self.plan, &policies(), &self.inventory, &self.memory);
        found.into_iter().map(|violation| violation.to_string()).collect()
    }

    fn line(&mut self, place: usize) -> &mut rescind::plan::Line {
        let index = self.plan.order[place];
        &mut self.plan.lines[index]
    }

    fn act(&mut self, place: usize) -> &mut rescind::plan::Act {
        self.line(place).act.as_mut().expect("a line that acts")
    }

    fn row(&mut self, place: usize) -> &mut rescind::inventory::ObservedExecution {
        let key = self.line(place).key.clone();
        self.inventory.executions.get_mut(&key).expect("a row")
    }

    /// Lets the policy of the first line ask for an hour in which it matches, and changes what it saw.
    fn stable(&mut self, change: impl Fn(Sighting) -> Option<Sighting>) {
        let hour = SignedDuration::from_hours(1);
        self.policy(0, |policy| policy.stable_for = Period::new(hour));
        let policy = Arc::clone(&self.line(0).policy);
        let set = PolicySet::new([Policy::clone(&policy)]);
        let seen = supposed(&set, &self.inventory, now(), None);
        let of = (policy.digest.clone(), self.line(0).key.clone());
        let seen = change(seen[&of]).map(|sighting| (of, sighting));
        self.memory.sightings = Arc::new(seen.into_iter().collect());
    }

    fn policy(&mut self, place: usize, change: impl Fn(&mut Policy)) {
        let line = self.line(place);
        let mut policy = Policy::clone(&line.policy);
        change(&mut policy);
        line.policy = Arc::new(policy);
    }
}

fn window(kind: WindowKind, from: &str, to: &str) -> Window {
    let at = |text| TimeOfDay::parse(text).expect("a time of day");
    let zone = jiff::tz::TimeZone::UTC;
    Window { kind, days: Day::ALL.into(), from: at(from), to: at(to), zone }
}

/// Gives the job of the first line an abortConfig that one more executed would meet.
fn fragile(it: &mut Case, process: ProcessDetails) {
    let job = it.inventory.jobs.get_mut(&"bad".parse().expect("an id")).expect("a job");
    let Fact::Known(description) = &mut job.description else { panic!("described") };
    description.abort = vec![AbortCriterion {
        failure_type: FailureType::All,
        threshold_percentage: 50.0,
        min_number_of_executed_things: 2,
    }];
    description.process = Fact::Known(process);
}

type Mutation = (&'static str, fn(&mut Case));

/// Each breaks the first line unless it says otherwise; the text is part of the rule that is broken.
const MUTATIONS: &[Mutation] = &[
    ("bad on a: its execution number", |it| it.act(0).number = ExecutionNumber(2)),
    ("bad on a: its execution number", |it| it.row(0).number = Fact::Unreadable(Unreadable::Gone)),
    ("bad on a: its status is not", |it| it.row(0).status = "SUCCEEDED".into()),
    ("bad on a: its status is not", |it| it.act(0).status = OpenStatus::InProgress),
    ("bad on a: force goes with", |it| it.act(0).force = true),
    ("good on b: force goes with", |it| it.act(2).force = false),
    ("good on b: force goes with", |it| it.policy(2, |policy| policy.cancel.force = false)),
    ("bad on a: policy emergency is not in force", |it| {
        it.policy(0, |policy| policy.digest = Digest::of(b"other"));
    }),
    ("bad on a: policy other is not in force", |it| {
        it.policy(0, |policy| policy.name = name("other"));
    }),
    ("bad on a: policy emergency may not act", |it| {
        it.policy(0, |policy| policy.mode = Mode::Observe);
    }),
    ("bad on a: policy emergency may not act", |it| {
        it.policy(0, |policy| policy.suspended = Some(String::new()));
    }),
    ("bad on a: policy emergency may not act", |it| {
        it.policy(0, |policy| policy.expires_at = Some(now()));
    }),
    ("bad on a: policy emergency may not act", |it| {
        it.policy(0, |policy| {
            policy.suspended = Some(String::new());
            policy.suspended_until = Some(now() + SignedDuration::from_nanos(1));
        });
    }),
    ("bad on a: policy emergency may not act", |it| {
        it.policy(0, |policy| policy.windows = vec![window(WindowKind::Deny, "11:00", "12:01")]);
    }),
    ("bad on a: policy emergency may not act", |it| {
        it.policy(0, |policy| policy.windows = vec![window(WindowKind::Allow, "12:01", "12:00")]);
    }),
    // The time is a Monday: neither the day before, nor the day on which a night began.
    ("bad on a: policy emergency may not act", |it| {
        let sunday =
            Window { days: [Day::Sun].into(), ..window(WindowKind::Allow, "11:00", "13:00") };
        it.policy(0, |policy| policy.windows = vec![sunday.clone()]);
    }),
    ("bad on a: policy emergency may not act", |it| {
        let night =
            Window { days: [Day::Sun].into(), ..window(WindowKind::Deny, "23:00", "12:01") };
        it.policy(0, |policy| policy.windows = vec![night.clone()]);
    }),
    ("bad on a: policy emergency may not act", |it| {
        let zone = jiff::tz::TimeZone::get("Asia/Tokyo").expect("a zone");
        let tokyo = Window { zone, ..window(WindowKind::Allow, "11:00", "13:00") };
        it.policy(0, |policy| policy.windows = vec![tokyo.clone()]);
    }),
    // One that is open does not help against one that denies.
    ("bad on a: policy emergency may not act", |it| {
        let open = window(WindowKind::Allow, "11:00", "13:00");
        let shut = window(WindowKind::Deny, "12:00", "12:01");
        it.policy(0, |policy| policy.windows = vec![open.clone(), shut.clone()]);
    }),
    ("bad on a: policy emergency may not act", |it| it.policy(0, |policy| policy.held = true)),
    ("bad on a: it is not a target", |it| {
        let job = it.inventory.jobs.get_mut(&"bad".parse().expect("an id")).expect("a job");
        job.description = Fact::Unreadable(Unreadable::Denied);
    }),
    ("bad on a: it is not a target", |it| {
        let job = it.inventory.jobs.get_mut(&"bad".parse().expect("an id")).expect("a job");
        job.status = "COMPLETED".into();
    }),
    ("bad on a: it was not observed", |it| {
        it.inventory.executions.remove(&key("bad", "a"));
    }),
    ("bad on a: match.thing.types does not surely hold", |it| {
        it.inventory.things.remove(&"a".parse().expect("a name"));
    }),
    ("good on b: match.age[0] does not surely hold", |it| {
        it.row(2)
            .times
            .change(|it| it.queued_at = Fact::Known(now() - SignedDuration::from_hours(23)));
    }),
    ("good on a: exclude rule hold is not surely false", |it| {
        let thing = it.inventory.things.get_mut(&"a".parse().expect("a name")).expect("a thing");
        thing.description = Fact::Unreadable(Unreadable::Denied);
    }),
    ("good on c: exclude rule hold is not surely false", |it| {
        let (act, policy) = (it.line(1).act.clone(), Arc::clone(&it.line(1).policy));
        let index = it.plan.lines.iter().position(|line| line.key == key("good", "c"));
        let index = index.expect("it is in scope");
        let line = &mut it.plan.lines[index];
        (line.act, line.policy) = (act, policy);
        line.verdict = Verdict { reason: Reason::Matched, at: At::Policy };
        it.plan.order.push(index);
    }),
    ("bad on a: it acts, and its reason says that it stays", |it| {
        it.line(0).verdict.reason = Reason::Excluded;
    }),
    ("bad on a: it acts without saying how", |it| it.line(0).act = None),
    ("bad on a: it stands in the plan twice", |it| it.plan.order.insert(1, it.plan.order[0])),
    ("bad on a: it comes after a line of lower priority", |it| it.plan.order.reverse()),
    ("bad on a: policy emergency comes first", |it| {
        let routine = Arc::clone(&it.line(1).policy);
        it.line(0).policy = routine;
    }),
    ("bad on a: policy emergency has no unit left", |it| {
        it.memory.spent = vec![unit("emergency", None), unit("emergency", Some(now()))];
    }),
    ("good on b: policy routine has no unit left", |it| {
        it.memory.spent = vec![unit("routine", None); 9];
    }),
    ("bad on a: policy emergency has no unit left", |it| {
        it.memory.ledger_began = Some(now() - SignedDuration::from_mins(29));
    }),
    ("bad on a: a limit of policy emergency is not charged", |it| it.act(0).charges.clear()),
    ("bad on a: a limit of policy emergency is not charged", |it| it.act(0).charges[0].size += 1),
    ("bad on a: a limit of policy emergency is not charged", |it| {
        it.act(0).charges[0].per_seconds -= 1;
    }),
    ("good on a: policy routine has a percentage", |it| {
        let list = ("good".parse().expect("an id"), OpenStatus::InProgress);
        it.inventory.lists.insert(list, Listing::Failed(Unreadable::Failed));
    }),
    ("bad on a: AWS could abort its whole job", |it| {
        fragile(it, ProcessDetails { failed: 1, ..ProcessDetails::default() });
    }),
    ("bad on a: AWS could abort its whole job", |it| {
        fragile(it, ProcessDetails { rejected: 1, ..ProcessDetails::default() });
    }),
    ("bad on a: AWS could abort its whole job", |it| {
        fragile(it, ProcessDetails { timed_out: 1, ..ProcessDetails::default() });
    }),
    ("bad on a: AWS may abort its job, and it is not known", |it| {
        fragile(it, ProcessDetails::default());
        let job = it.inventory.jobs.get_mut(&"bad".parse().expect("an id")).expect("a job");
        let Fact::Known(description) = &mut job.description else { panic!("described") };
        description.process = Fact::Unreadable(Unreadable::Invalid);
    }),
    ("good on a: more is due than policy routine allows", |it| {
        for place in [1, 2] {
            it.policy(place, |policy| {
                policy.on_exceed = OnExceed::Halt;
                policy.budget.retain(|limit| limit.per.get() == SignedDuration::from_hours(1));
            });
        }
        it.memory.spent = vec![unit("routine", None); 8];
    }),
    ("bad on a: an earlier cancel of it is not settled", |it| {
        it.memory.open.insert(key("bad", "a"));
    }),
    ("bad on a: an earlier cancel of it is not settled", |it| {
        let until = now() + SignedDuration::from_nanos(1);
        it.memory.backing_off.insert(key("bad", "a"), until);
    }),
    ("bad on a: AWS denied this policy's calls for the job", |it| {
        let until = now() + SignedDuration::from_nanos(1);
        it.memory.denied.insert((name("emergency"), key("bad", "a").job), until);
    }),
    ("bad on a: it acts while everything is paused", |it| it.memory.paused = Some("".into())),
    ("bad on a: it acts, and breaker error is open", |it| {
        let zero = SignedDuration::ZERO;
        let open = Open { since: now(), why: String::new(), calm: zero, looked: now() };
        it.memory.breakers.open.insert(Breaker::Error, open);
    }),
    ("bad on a: it acts, and breaker versionConflict has to be open", |it| {
        let hour = SignedDuration::from_mins(59);
        let cases = Cases { all: 20, bad: 7 };
        it.memory.breakers.count(Breaker::VersionConflict, cases, now() - hour);
    }),
    ("bad on a: it acts, and breaker unknown has to be open", |it| {
        it.plan.health.unknown = Cases { all: 24, bad: 5 };
    }),
    ("bad on a: it acts, and breaker clock has to be open", |it| {
        it.inventory.skew = Some(SignedDuration::from_millis(-60_001));
    }),
    ("bad on a: it has not matched for as long", |it| it.stable(|_| None)),
    ("bad on a: it has not matched for as long", |it| {
        it.stable(|seen| {
            Some(Sighting { since: seen.since + SignedDuration::from_nanos(1), ..seen })
        });
    }),
    ("bad on a: it has not matched for as long", |it| {
        it.stable(|seen| Some(Sighting { until: now(), ..seen }));
    }),
    ("bad on a: it has not matched for as long", |it| {
        let other = |stamp: Stamp| Stamp { number: ExecutionNumber(2), ..stamp };
        it.stable(|seen| Some(Sighting { stamp: other(seen.stamp), ..seen }));
    }),
    ("bad on a: it has not matched for as long", |it| {
        let other = |stamp: Stamp| Stamp { last_updated_at: now(), ..stamp };
        it.stable(|seen| Some(Sighting { stamp: other(seen.stamp), ..seen }));
    }),
    ("bad on a: it has not matched for as long", |it| {
        let other = |stamp: Stamp| Stamp { version: ExecutionVersion::new(4), ..stamp };
        it.stable(|seen| Some(Sighting { stamp: other(seen.stamp), ..seen }));
    }),
    ("bad on a: we canceled it already", |it| {
        let numbers = [(ExecutionNumber(1), now())].into();
        it.memory.canceled.insert(key("bad", "a"), numbers);
    }),
];

/// What only a plan with pins can break.
const OF_PINS: &[Mutation] = &[
    // Before it is described, the built-in rules may keep it: then it takes no unit.
    ("good on b: policy routine has no unit left", |it| {
        it.memory.spent = vec![unit("routine", None); 8];
    }),
    ("bad on a: it is not pinned", |it| it.act(0).pins = None),
    ("bad on a: its pinned version is not", |it| {
        it.act(0).pins.as_mut().expect("pins").version =
            ExecutionVersion::new(4).expect("1 or more");
    }),
    ("bad on a: its pinned version is not", |it| {
        let Fact::Known(described) = &mut it.row(0).described else { panic!("described") };
        described.version = Fact::Unreadable(Unreadable::Invalid);
    }),
    ("bad on a: it is pinned, but was not described", |it| it.row(0).described = Fact::NotRead),
    ("bad on a: its statusDetails are beyond", |it| {
        let details = &mut it.act(0).pins.as_mut().expect("pins").details;
        details.send.extend((0..10).map(|index| (format!("k{index}"), "v".to_owned())));
    }),
    ("bad on a: its statusDetails are beyond", |it| {
        let details = &mut it.act(0).pins.as_mut().expect("pins").details;
        details.send.insert("k".to_owned(), String::new());
    }),
];

#[test]
fn a_good_plan_breaks_no_rule() {
    for depth in [Depth::Listed, Depth::Exact] {
        assert_eq!(good(depth).broken(), Vec::<String>::new());
    }
}

#[test]
fn what_has_matched_for_just_long_enough_breaks_no_rule() {
    let mut case = good(Depth::Exact);
    case.stable(Some);
    let broken = case.broken();
    assert!(broken.iter().all(|text| !text.contains("has not matched")), "{broken:?}");
}

#[test]
fn each_mutation_of_a_good_plan_is_caught() {
    let both = MUTATIONS.iter().flat_map(|it| [(Depth::Listed, it), (Depth::Exact, it)]);
    let exact = OF_PINS.iter().map(|it| (Depth::Exact, it));
    let mut missed = Vec::new();
    for (depth, (rule, mutate)) in both.chain(exact) {
        let mut case = good(depth);
        mutate(&mut case);
        let broken = case.broken();
        if !broken.iter().any(|text| text.starts_with(rule)) {
            missed.push(format!("{depth:?}: {rule}: {broken:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_plan_of_which_a_condition_does_not_hold_is_caught() {
    let with = |condition: &str| {
        let spec = format!(
            "target: {{statuses: [QUEUED]}}\nconditions: [{{name: c, expression: \"{condition}\"}}]"
        );
        let clauses = policy("x", &spec).clauses;
        let mut case = good(Depth::Exact);
        case.policy(0, |policy| policy.clauses.extend(clauses.clone()));
        case.broken()
    };
    // Both interpreters are asked, and where the crate has no opinion ours alone.
    for (holds, fails) in [
        ("execution.number == 1", "execution.number == 2"),
        ("string(execution.queuedAt) != ''", "string(execution.queuedAt) == ''"),
    ] {
        assert_eq!(with(holds), [""; 0]);
        assert!(with(fails).iter().any(|it| it.contains("conditions[0]")), "{:?}", with(fails));
    }
}

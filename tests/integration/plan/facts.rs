//! The table of facts: each that an expression can name, in each state, wherever an expression can stand.
//!
//! What is expected is written down here apart from the code that decides it. A fact that is new does not
//! compile here until it has its row.

use rescind::execution::{ExecutionNumber, Times};
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{
    Connectivity, Inventory, JobDescription, Queue, QueuedExecution, Thing, ThingDescription,
};
use rescind::plan::check::check;
use rescind::plan::clause::Tier;
use rescind::plan::{Decision, Depth, Memory, Reason, plan};
use rescind::policy::expression::Field;
use rescind::policy::{Demands, PolicySet};

use super::support::{fleet, guard, key, now, policy};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Known,
    Absent,
    Unreadable(Unreadable),
    NotRead,
}

const STATES: [State; 7] = [
    State::Known,
    State::Absent,
    State::Unreadable(Unreadable::Denied),
    State::Unreadable(Unreadable::Gone),
    State::Unreadable(Unreadable::Failed),
    State::Unreadable(Unreadable::Invalid),
    State::NotRead,
];

impl State {
    fn set<T>(self, fact: &mut Fact<T>) {
        match self {
            Self::Known => {}
            Self::Absent => *fact = Fact::Absent,
            Self::Unreadable(why) => *fact = Fact::Unreadable(why),
            Self::NotRead => *fact = Fact::NotRead,
        }
    }
}

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Condition,
    Exclude,
    Protect,
    Template,
}

const PLACES: [Place; 4] = [Place::Condition, Place::Exclude, Place::Protect, Place::Template];

/// One execution of which everything is known.
fn everything() -> Inventory {
    let spec = "jobs: [{id: fw, namespaceId: ns, description: d, timeoutMinutes: 5, tags: {k: v}}]\n\
                things: [{name: r, type: robot, groups: [berlin], attributes: {k: v}}]\n\
                executions: [{job: fw, thing: r, queuedAt: 2d ago, retryAttempt: 1, statusDetails: {k: v}}]";
    let mut inventory = rescind::fleet::inventory(&fleet(spec), now());
    let known = Fact::Known(now());
    inventory.jobs.values_mut().for_each(|job| job.created_at = known);
    for row in inventory.executions.values_mut() {
        row.times = Times { queued_at: known, started_at: known, last_updated_at: known }.into();
        let Fact::Known(described) = &mut row.described else { panic!("a fleet is described") };
        described.seconds_before_timed_out = Fact::Known(60);
    }
    let behind = QueuedExecution {
        job: "next".parse().expect("an id"),
        number: Fact::Known(ExecutionNumber(1)),
        queued_at: known,
    };
    for thing in inventory.things.values_mut() {
        thing.connectivity =
            Fact::Known(Connectivity { connected: Fact::Known(true), timestamp: known });
        thing.queue = Fact::Known(Queue(vec![behind.clone()]));
    }
    inventory
}

/// What holds while everything is known.
fn holds(field: Field) -> &'static str {
    match field {
        Field::ExecutionStatus => "execution.status == 'QUEUED'",
        Field::ExecutionNumber => "execution.number == 1",
        Field::RetryAttempt => "execution.retryAttempt == 1",
        Field::QueuedAt => "execution.queuedAt <= now",
        Field::StartedAt => "execution.startedAt <= now",
        Field::LastUpdatedAt => "execution.lastUpdatedAt <= now",
        Field::Version => "execution.version == 1",
        Field::StatusDetails => "execution.statusDetails['k'] == 'v'",
        Field::SecondsBeforeTimedOut => "execution.secondsBeforeTimedOut == 60",
        Field::QueuedBehind => "execution.queuedBehind == 1",
        Field::JobId => "job.id == 'fw'",
        Field::JobStatus => "job.status == 'IN_PROGRESS'",
        Field::TargetSelection => "job.targetSelection == 'SNAPSHOT'",
        Field::JobCreatedAt => "job.createdAt <= now",
        Field::JobDescription => "job.description == 'd'",
        Field::JobNamespaceId => "job.namespaceId == 'ns'",
        Field::JobTags => "job.tags['k'] == 'v'",
        Field::JobTimeoutMinutes => "job.timeoutMinutes == 5",
        Field::ThingName => "thing.name == 'r'",
        Field::ThingType => "thing.type == 'robot'",
        Field::ThingGroups => "'berlin' in thing.groups",
        Field::ThingAttributes => "thing.attributes['k'] == 'v'",
        Field::Connected => "thing.connectivity.connected",
        Field::ConnectivityTimestamp => "thing.connectivity.timestamp <= now",
    }
}

/// Puts a fact into a state; false if it is always known.
fn put(field: Field, state: State, inventory: &mut Inventory) -> bool {
    let row = inventory.executions.get_mut(&key("fw", "r")).expect("a row");
    let job = inventory.jobs.get_mut(&key("fw", "r").job).expect("a job");
    let thing = inventory.things.get_mut(&key("fw", "r").thing).expect("a thing");
    // What is in the answer of a call is lost with it, and absent in it.
    match field {
        Field::ExecutionNumber => state.set(&mut row.number),
        Field::RetryAttempt => state.set(&mut row.retry_attempt),
        Field::QueuedAt => row.times.change(|it| state.set(&mut it.queued_at)),
        Field::StartedAt => row.times.change(|it| state.set(&mut it.started_at)),
        Field::LastUpdatedAt => row.times.change(|it| state.set(&mut it.last_updated_at)),
        Field::Version | Field::StatusDetails | Field::SecondsBeforeTimedOut => {
            match (state, &mut row.described) {
                (State::NotRead, described) => state.set(described),
                (_, Fact::Known(it)) if field == Field::Version => state.set(&mut it.version),
                (_, Fact::Known(it)) if field == Field::StatusDetails => {
                    state.set(&mut it.status_details);
                }
                (_, Fact::Known(it)) => state.set(&mut it.seconds_before_timed_out),
                _ => unreachable!("it is described"),
            }
        }
        Field::QueuedBehind => state.set(&mut thing.queue),
        Field::JobCreatedAt => state.set(&mut job.created_at),
        Field::JobDescription => in_job(state, &mut job.description, |it| it.description = None),
        Field::JobNamespaceId => in_job(state, &mut job.description, |it| it.namespace_id = None),
        Field::JobTimeoutMinutes => {
            in_job(state, &mut job.description, |it| it.timeout_minutes = None);
        }
        Field::JobTags => state.set(&mut job.tags),
        Field::ThingType => match (state, &mut thing.description) {
            (State::Absent, Fact::Known(it)) => it.thing_type = None,
            (_, description) => state.set(description),
        },
        Field::ThingGroups => state.set(&mut thing.groups),
        Field::ThingAttributes => state.set(&mut thing.description),
        Field::Connected | Field::ConnectivityTimestamp => {
            match (state, field, &mut thing.connectivity) {
                (State::Absent, Field::Connected, Fact::Known(it)) => state.set(&mut it.connected),
                (State::Absent, _, Fact::Known(it)) => state.set(&mut it.timestamp),
                (_, _, connectivity) => state.set(connectivity),
            }
        }
        Field::ExecutionStatus
        | Field::JobId
        | Field::JobStatus
        | Field::TargetSelection
        | Field::ThingName => return state == State::Known,
    }
    true
}

fn in_job(state: State, fact: &mut Fact<JobDescription>, none: fn(&mut JobDescription)) {
    match (state, fact) {
        (State::Absent, Fact::Known(job)) => none(job),
        (state, fact) => state.set(fact),
    }
}

type Decided = Option<(Decision, Reason)>;

fn decided(expression: &str, place: Place, inventory: &Inventory, depth: Depth) -> Decided {
    const ALWAYS: &str =
        "conditions: [{name: always, expression: \"execution.status == 'QUEUED'\"}]";
    let part = match place {
        Place::Condition => format!("conditions: [{{name: a, expression: \"{expression}\"}}]"),
        Place::Exclude => format!("{ALWAYS}\nexclude: [{{name: a, expression: \"{expression}\"}}]"),
        Place::Protect => ALWAYS.to_owned(),
        Place::Template => format!(
            "{ALWAYS}\ncancel: {{statusDetails: {{set: {{a: \"${{{expression} ? 'x' : 'y'}}\"}}}}}}"
        ),
    };
    let policy = policy(
        "p",
        &format!(
            "mode: Enforce\ntarget: {{statuses: [QUEUED], jobs: {{namespaces: [ns]}}}}\n{part}\n\
             budget: {{max: [{{count: 10, per: 1h}}]}}"
        ),
    );
    let guards = (place == Place::Protect)
        .then(|| guard("g", &format!("protect: [{{name: a, expression: \"{expression}\"}}]")));
    let set = PolicySet::guarded([policy], guards, Demands::default()).into();
    let memory = Memory::default();
    let plan = plan(&set, inventory, &memory, now(), depth);
    if depth == Depth::Listed || plan.acts().all(|line| line.verdict.reason == Reason::Matched) {
        assert_eq!(check(&plan, &set, inventory, &memory), [], "{expression} {place:?}");
    }
    plan.lines.first().map(|line| (line.decision(), line.verdict.reason))
}

const KEPT: (Decision, Reason) = (Decision::Keep, Reason::FactUnknown);
const DUE: (Decision, Reason) = (Decision::Examine, Reason::Due);
const CANCEL: (Decision, Reason) = (Decision::Cancel, Reason::Matched);
const EXCLUDED: (Decision, Reason) = (Decision::Keep, Reason::Excluded);
const PROTECTED: (Decision, Reason) = (Decision::Keep, Reason::Protected);

fn is_described(field: Field) -> bool {
    matches!(field, Field::Version | Field::StatusDetails | Field::SecondsBeforeTimedOut)
}

/// What is not known keeps, and says why by its place.
fn lost(field: Field, state: State, place: Place, depth: Depth) -> Decided {
    let of_job =
        matches!(field, Field::JobDescription | Field::JobNamespaceId | Field::JobTimeoutMinutes);
    if of_job && state != State::Absent {
        // Nobody knows whether the job is another service's.
        return None;
    }
    if field == Field::ExecutionNumber {
        return Some(KEPT);
    }
    if is_described(field) {
        // Before a describe nothing is asked that only a describe says.
        let undescribed = state == State::NotRead
            && (place == Place::Protect || (place == Place::Template && field == Field::Version));
        if depth == Depth::Listed || undescribed {
            return Some(DUE);
        }
        // Without a version, or without what must be kept, nothing can be sent at all.
        if place == Place::Protect && field != Field::SecondsBeforeTimedOut {
            return Some(KEPT);
        }
    }
    Some(match place {
        Place::Condition | Place::Template => KEPT,
        Place::Exclude => EXCLUDED,
        Place::Protect => PROTECTED,
    })
}

#[test]
fn every_fact_in_every_state_decides_alike_wherever_it_is_asked_for() {
    for field in Field::ALL.iter().copied() {
        for state in STATES {
            let mut inventory = everything();
            if !put(field, state, &mut inventory) {
                continue;
            }
            for place in PLACES {
                for depth in [Depth::Listed, Depth::Exact] {
                    let acts = if depth == Depth::Listed { DUE } else { CANCEL };
                    let later = depth == Depth::Listed && is_described(field);
                    let (yes, no) = match place {
                        Place::Template => (acts, acts),
                        Place::Condition => (acts, (Decision::Keep, Reason::NoMatch)),
                        Place::Exclude => (EXCLUDED, acts),
                        Place::Protect => (PROTECTED, acts),
                    };
                    for (expression, known) in
                        [(holds(field).to_owned(), yes), (format!("!({})", holds(field)), no)]
                    {
                        let expected = match state {
                            State::Known if later => Some(DUE),
                            State::Known => Some(known),
                            _ => lost(field, state, place, depth),
                        };
                        let found = decided(&expression, place, &inventory, depth);
                        assert_eq!(found, expected, "{expression} {state:?} {place:?} {depth:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_connection_has_four_cases_and_none_is_taken_for_another() {
    let (yes, no) = (Fact::Known(true), Fact::Known(false));
    let at = Fact::Known(now() - jiff::SignedDuration::from_hours(2));
    let seen = |connected, timestamp| Fact::Known(Connectivity { connected, timestamp });
    let offline = "!thing.connectivity.connected";
    let since = "now - thing.connectivity.timestamp > duration('1h')";
    // What each expression says; none for what is not known.
    let cases = [
        (seen(yes, at), Some(false), Some(true)),
        (seen(no, at), Some(true), Some(true)),
        // AWS forgets the time about an hour after a connection was lost.
        (seen(no, Fact::Absent), Some(true), None),
        // It has never been connected.
        (seen(Fact::Absent, Fact::Absent), None, None),
        // Connections are not indexed.
        (Fact::Unreadable(Unreadable::Failed), None, None),
    ];
    for (connectivity, is_offline, is_long) in cases {
        let mut inventory = everything();
        inventory.things.values_mut().for_each(|thing| thing.connectivity = connectivity);
        for (expression, says) in [(offline, is_offline), (since, is_long)] {
            let found = |place| decided(expression, place, &inventory, Depth::Exact);
            let (condition, exclude, protect) = match says {
                Some(true) => (CANCEL, EXCLUDED, PROTECTED),
                Some(false) => ((Decision::Keep, Reason::NoMatch), CANCEL, CANCEL),
                None => (KEPT, EXCLUDED, PROTECTED),
            };
            let of = format!("{expression}: {connectivity:?}");
            assert_eq!(found(Place::Condition), Some(condition), "{of}");
            assert_eq!(found(Place::Exclude), Some(exclude), "{of}");
            assert_eq!(found(Place::Protect), Some(protect), "{of}");
        }
    }
}

#[test]
fn a_thing_that_is_not_in_the_registry_is_in_no_group_and_has_no_type_that_is_known() {
    let mut inventory = everything();
    for thing in inventory.things.values_mut() {
        *thing = Thing {
            description: Fact::Known(ThingDescription::default()),
            groups: Fact::Known([].into()),
            ..thing.clone()
        };
    }
    let found = |expression, place| decided(expression, place, &inventory, Depth::Exact);
    // It was read, and is empty: that is known.
    assert_eq!(found("size(thing.groups) == 0", Place::Condition), Some(CANCEL));
    assert_eq!(found("!has(thing.type)", Place::Condition), Some(CANCEL));
    for thing in inventory.things.values_mut() {
        thing.description = Fact::Unreadable(Unreadable::Denied);
    }
    let found = decided("!has(thing.type)", Place::Condition, &inventory, Depth::Exact);
    assert_eq!(found, Some(KEPT), "that a read failed is no answer");
}

/// A clause's cost is written down for each kind of clause and for each fact; both say the same.
#[test]
fn a_clause_costs_what_the_fact_costs_that_it_asks_for() {
    let policy = policy(
        "all",
        "mode: Observe
target: {statuses: [IN_PROGRESS]}
cancel: {force: true}
match:
  age: [{since: queuedAt, olderThan: 1h}, {since: startedAt, olderThan: 1h}, {since: lastUpdatedAt, youngerThan: 9h}]
  thing:
    types: [robot]
    groups: [all]
    attributes: {matchLabels: {board: rev-c}}
  statusDetails: {matchExpressions: [{key: phase, operator: In, values: [idle]}]}
  retryAttempt: {atLeast: 1}
exclude:
  - {name: jobs, jobs: {names: [fw]}}
  - {name: things, things: {names: [r]}}
budget: {max: [{count: 1, per: 1h}]}",
    );
    let rules = policy.excludes.iter().flat_map(|rule| &rule.clauses);
    let clauses: Vec<_> = policy.clauses.iter().chain(rules).collect();
    assert_eq!(clauses.len(), 10);
    for clause in clauses {
        let of_fact = clause.test.fact().map_or(Tier::Listed, |fact| fact.tier());
        assert_eq!(clause.test.tier(), of_fact, "{:?}", clause.test);
    }
}

/// Found by the property that no plan breaks a safety rule: the check did not believe it.
#[test]
fn without_a_describe_no_detail_is_known_not_to_be_there() {
    let policy = policy(
        "idle",
        "mode: Enforce
target: {statuses: [QUEUED]}
match: {statusDetails: {matchExpressions: [{key: other, operator: DoesNotExist}]}}
budget: {max: [{count: 1, per: 1h}]}",
    );
    let set = std::sync::Arc::new(PolicySet::new([policy]));
    let mut inventory = everything();
    inventory.jobs.values_mut().for_each(|job| job.status_at = now());
    let memory = Memory::default();
    let reason = |inventory: &Inventory| {
        plan(&set, inventory, &memory, now(), Depth::Exact).lines[0].verdict.reason
    };
    let namespace = |inventory: &mut Inventory| {
        let descriptions = inventory.jobs.values_mut().map(|job| &mut job.description);
        descriptions.for_each(|it| *it = Fact::Known(JobDescription::default()));
    };
    namespace(&mut inventory);
    assert_eq!(reason(&inventory), Reason::Matched, "it is described, and has no such detail");
    inventory.executions.values_mut().for_each(|row| row.described = Fact::Absent);
    assert_eq!(reason(&inventory), Reason::FactUnknown);
}

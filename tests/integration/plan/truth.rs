//! The table of truth: each clause over a fact in each state, in `match`, in `exclude` and in a guard's
//! `protect`. What expressions say of facts stands in `facts`.
//!
//! The expected answers are written down as the policy language's reference has them, apart from the
//! code that gives them. A new kind of clause does not compile here until it has its rows.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rescind::execution::{ExecutionNumber, ExecutionVersion, OpenStatus, TargetSelection, Times};
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{
    Described, Inventory, Job, JobDescription, Listing, ObservedExecution, Thing, ThingDescription,
};
use rescind::plan::{Decision, Depth, Memory, Reason, plan};
use rescind::policy::{
    AgeBound, AgeClock, Clause, Demands, Globs, Operator, Policy, PolicySet, Requirement, Rule,
    Test,
};

use super::generate::period;
use super::support::{guard, key, now, policy, set};

/// The states of the fact that a clause asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NotRead,
    /// Known, and the clause holds.
    Fits,
    /// Known, and it does not.
    Differs,
    Absent,
    Unreadable,
}

const STATES: [State; 5] =
    [State::NotRead, State::Fits, State::Differs, State::Absent, State::Unreadable];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Yes,
    No,
    Unknown,
}
use Says::{No, Unknown, Yes};

/// What a clause says when its fact is absent. All the other columns are the same for all.
fn absent(test: &Test) -> Says {
    let of_key = |on: &Requirement| match on.operator {
        Operator::In(_) | Operator::Exists => No,
        Operator::NotIn(_) => Unknown,
        Operator::DoesNotExist => Yes,
    };
    match test {
        Test::Age { .. }
        | Test::ThingTypes(_)
        | Test::ThingGroups(_)
        | Test::RetryAttemptAtLeast(_) => No,
        Test::ThingAttribute(on) | Test::StatusDetail(on) => of_key(on),
        Test::Expression(_) => Unknown,
        Test::JobNames(_) | Test::ThingNames(_) => unreachable!("a name is always there"),
    }
}

/// Every clause with every operator.
fn tests() -> Vec<Test> {
    let words = || ["fits".to_owned(), "too".to_owned()].into();
    let mut tests = Vec::new();
    for since in AgeClock::ALL {
        for bound in [AgeBound::OlderThan(period(2)), AgeBound::YoungerThan(period(2))] {
            tests.push(Test::Age { since, bound });
        }
    }
    tests.push(Test::ThingTypes(words()));
    tests.push(Test::ThingGroups(words()));
    tests.push(Test::RetryAttemptAtLeast(2));
    let operators = [
        Operator::In(words()),
        Operator::NotIn(["differs".to_owned(), "else".to_owned()].into()),
        Operator::Exists,
        Operator::DoesNotExist,
    ];
    for operator in operators {
        let on = Requirement { key: "key".to_owned(), operator };
        tests.push(Test::ThingAttribute(on.clone()));
        tests.push(Test::StatusDetail(on));
    }
    let globs = |pattern: &str| Globs::new([pattern.to_owned()]).expect("a pattern");
    tests.push(Test::JobNames(globs("fit*")));
    tests.push(Test::ThingNames(globs("fit*")));
    tests
}

fn is_name(test: &Test) -> bool {
    matches!(test, Test::JobNames(_) | Test::ThingNames(_))
}

/// The states that a clause's fact can have at all.
fn is_possible(test: &Test, state: State) -> bool {
    let one_sided = |on: &Requirement| match on.operator {
        // Whatever the value is, it is there.
        Operator::Exists => state != State::Differs,
        Operator::DoesNotExist => state != State::Fits,
        Operator::In(_) | Operator::NotIn(_) => true,
    };
    match test {
        Test::ThingAttribute(on) | Test::StatusDetail(on) => one_sided(on),
        test if is_name(test) => matches!(state, State::Fits | State::Differs),
        _ => true,
    }
}

fn says(test: &Test, state: State) -> Says {
    match state {
        State::Fits => Yes,
        State::Differs => No,
        State::Absent => absent(test),
        State::NotRead | State::Unreadable => Unknown,
    }
}

fn fact<T>(state: State, fits: T, differs: T) -> Fact<T> {
    match state {
        State::NotRead => Fact::NotRead,
        State::Fits => Fact::Known(fits),
        State::Differs => Fact::Known(differs),
        State::Absent => Fact::Absent,
        State::Unreadable => Fact::Unreadable(Unreadable::Failed),
    }
}

/// A map in which the key is as it has to be; an absent key is missing from a map that was read.
fn map(on: &Requirement, state: State) -> Fact<BTreeMap<String, String>> {
    let with = |value: &str| BTreeMap::from([(on.key.clone(), value.to_owned())]);
    match state {
        State::Absent => Fact::Known(BTreeMap::new()),
        state => fact(state, with("fits"), with("differs")),
    }
}

/// One execution about which everything is known but, possibly, what `test` asks for.
fn inventory(test: &Test, state: State) -> Inventory {
    let ago = |hours| now() - SignedDuration::from_hours(hours);
    let name =
        |of: fn(&Test) -> bool| if of(test) && state == State::Differs { "no" } else { "fit" };
    let key = key(
        name(|test| matches!(test, Test::JobNames(_))),
        name(|test| matches!(test, Test::ThingNames(_))),
    );
    let known = Fact::Known(ago(5));
    let mut times = Times { queued_at: known, started_at: known, last_updated_at: known };
    let mut retry_attempt = Fact::Known(0);
    let mut thing = Thing {
        description: Fact::Known(ThingDescription::default()),
        groups: Fact::Known([].into()),
        read_at: Some(now()),
        ..Thing::default()
    };
    let mut status_details = Fact::Known(BTreeMap::new());
    match test {
        Test::Age { since, bound } => {
            let (old, young) = (ago(2), ago(2) + SignedDuration::from_nanos(1));
            let time = match bound {
                AgeBound::OlderThan(_) => fact(state, old, young),
                AgeBound::YoungerThan(_) => fact(state, young, old),
            };
            match since {
                AgeClock::QueuedAt => times.queued_at = time,
                AgeClock::StartedAt => times.started_at = time,
                AgeClock::LastUpdatedAt => times.last_updated_at = time,
            }
        }
        Test::RetryAttemptAtLeast(least) => {
            let least = i32::try_from(*least).unwrap();
            retry_attempt = fact(state, least, least - 1);
        }
        Test::ThingTypes(_) => {
            let of = |kind: &str| ThingDescription {
                thing_type: Some(kind.to_owned()),
                ..ThingDescription::default()
            };
            thing.description = match state {
                State::Absent => Fact::Known(ThingDescription::default()),
                state => fact(state, of("fits"), of("differs")),
            };
        }
        Test::ThingGroups(_) => {
            let of = |group: &str| ["third".to_owned(), group.to_owned()].into();
            thing.groups = fact(state, of("fits"), of("differs"));
        }
        Test::ThingAttribute(on) => {
            thing.description = map(on, state)
                .map(|attributes| ThingDescription { attributes, ..ThingDescription::default() });
        }
        Test::StatusDetail(on) => status_details = map(on, state),
        Test::Expression(_) => unreachable!("expressions have a table of their own"),
        Test::JobNames(_) | Test::ThingNames(_) => {}
    }
    let row = ObservedExecution {
        listed: OpenStatus::InProgress,
        number: Fact::Known(ExecutionNumber(1)),
        status: OpenStatus::InProgress.into(),
        times: times.into(),
        retry_attempt,
        described: Fact::Known(Box::new(Described {
            version: Fact::Known(ExecutionVersion::new(1).expect("1 or more")),
            status_details,
            seconds_before_timed_out: Fact::Absent,
            at: now(),
        })),
    };
    let job = Job {
        status: "IN_PROGRESS".into(),
        target_selection: TargetSelection::Snapshot,
        created_at: Fact::Absent,
        status_at: now(),
        description: Fact::Known(JobDescription::default()),
        described_at: Some(now()),
        tags: Fact::NotRead,
        tags_at: None,
    };
    let status = job.status.clone();
    Inventory {
        job_lists: [(status, Listing::Complete(now()))].into(),
        jobs: [(key.job.clone(), job)].into(),
        lists: OpenStatus::ALL.map(|it| ((key.job.clone(), it), Listing::Complete(now()))).into(),
        things: [(key.thing.clone(), thing)].into(),
        executions: [(key, row)].into_iter().collect(),
        ..Inventory::default()
    }
}

fn base() -> Policy {
    policy(
        "table",
        "mode: Enforce\ntarget: {statuses: [IN_PROGRESS]}\nmatch: {age: [{since: queuedAt, olderThan: 1s}]}\n\
         cancel: {force: true, statusDetails: {onExisting: Replace}}\nbudget: {max: [{count: 9, per: 1h}]}",
    )
}

fn clause(test: &Test) -> Clause {
    Clause { path: "tested".to_owned(), test: test.clone() }
}

fn decided(policy: Policy, test: &Test, state: State, depth: Depth) -> (Decision, Reason) {
    let inventory = inventory(test, state);
    let plan = plan(&set([policy]), &inventory, &Memory::default(), now(), depth);
    let [line] = &plan.lines[..] else { panic!("one execution") };
    (line.decision(), line.verdict.reason)
}

const CANCEL: (Decision, Reason) = (Decision::Cancel, Reason::Matched);

/// What is asked for only before a describe is left to the moment of acting.
fn at_depth(expected: (Decision, Reason), test: &Test, depth: Depth) -> (Decision, Reason) {
    let later = matches!(test, Test::StatusDetail(_));
    if depth == Depth::Listed && (later || expected == CANCEL) {
        (Decision::Examine, Reason::Due)
    } else {
        expected
    }
}

#[test]
fn a_clause_of_match_cancels_only_what_surely_holds() {
    for test in &tests() {
        for state in STATES.into_iter().filter(|state| is_possible(test, *state)) {
            let mut policy = base();
            policy.clauses = vec![clause(test)];
            let expected = match says(test, state) {
                Yes => CANCEL,
                No => (Decision::Keep, Reason::NoMatch),
                Unknown => (Decision::Keep, Reason::FactUnknown),
            };
            for depth in [Depth::Listed, Depth::Exact] {
                let found = decided(policy.clone(), test, state, depth);
                assert_eq!(
                    found,
                    at_depth(expected, test, depth),
                    "{test:?}, {state:?}, {depth:?}"
                );
            }
        }
    }
}

#[test]
fn a_rule_of_exclude_lets_through_only_what_surely_does_not_hold() {
    for test in &tests() {
        for state in STATES.into_iter().filter(|state| is_possible(test, *state)) {
            let mut policy = base();
            policy.clauses = vec![clause(&Test::JobNames(Globs::any()))];
            policy.excludes =
                vec![Rule { name: "rule".to_owned(), reason: None, clauses: vec![clause(test)] }];
            let expected = match says(test, state) {
                No => CANCEL,
                Yes | Unknown => (Decision::Keep, Reason::Excluded),
            };
            for depth in [Depth::Listed, Depth::Exact] {
                let found = decided(policy.clone(), test, state, depth);
                assert_eq!(
                    found,
                    at_depth(expected, test, depth),
                    "{test:?}, {state:?}, {depth:?}"
                );
            }
        }
    }
}

#[test]
fn a_rule_of_protect_lets_through_only_what_surely_does_not_hold() {
    for test in &tests() {
        for state in STATES.into_iter().filter(|state| is_possible(test, *state)) {
            let mut policy = base();
            policy.clauses = vec![clause(&Test::JobNames(Globs::any()))];
            let mut guard = guard("g", "protect: [{name: rule, things: {names: [nothing]}}]");
            guard.protects[0].clauses = vec![clause(test)];
            let expected = match says(test, state) {
                No => CANCEL,
                // statusDetails that are not known cannot be kept either: nothing can be sent.
                Unknown if matches!(test, Test::StatusDetail(_)) && state != State::Absent => {
                    (Decision::Keep, Reason::FactUnknown)
                }
                Yes | Unknown => (Decision::Keep, Reason::Protected),
            };
            let set = PolicySet::guarded([policy], [guard], Demands::default()).into();
            for depth in [Depth::Listed, Depth::Exact] {
                let inventory = inventory(test, state);
                let plan = plan(&set, &inventory, &Memory::default(), now(), depth);
                let found = (plan.lines[0].decision(), plan.lines[0].verdict.reason);
                assert_eq!(
                    found,
                    at_depth(expected, test, depth),
                    "{test:?}, {state:?}, {depth:?}"
                );
            }
        }
    }
}

#[test]
fn a_thing_that_is_not_in_the_registry_has_neither_type_nor_groups_nor_attributes() {
    for test in &tests() {
        let asks_thing = match test {
            Test::ThingTypes(_) | Test::ThingGroups(_) | Test::ThingAttribute(_) => true,
            Test::Age { .. }
            | Test::StatusDetail(_)
            | Test::RetryAttemptAtLeast(_)
            | Test::Expression(_)
            | Test::JobNames(_)
            | Test::ThingNames(_) => continue,
        };
        assert!(asks_thing);
        let mut inventory = inventory(test, State::Absent);
        for thing in inventory.things.values_mut() {
            *thing = Thing { description: Fact::Absent, groups: Fact::Absent, ..thing.clone() };
        }
        let mut policy = base();
        policy.clauses = vec![clause(test)];
        let plan = plan(&set([policy]), &inventory, &Memory::default(), now(), Depth::Exact);
        let expected = match absent(test) {
            Yes => Reason::Matched,
            No => Reason::NoMatch,
            Unknown => Reason::FactUnknown,
        };
        assert_eq!(plan.lines[0].verdict.reason, expected, "{test:?}");
    }
}

#[test]
fn a_rule_holds_when_all_its_clauses_do_and_one_no_settles_it() {
    let attribute = |values: [&str; 1]| {
        let operator = Operator::In(values.map(str::to_owned).into());
        Test::ThingAttribute(Requirement { key: "key".to_owned(), operator })
    };
    let unknown = attribute(["fits"]);
    let (yes, no) = (Test::JobNames(Globs::any()), {
        Test::JobNames(Globs::new(["nothing-else".to_owned()]).expect("a pattern"))
    });
    for (clauses, expected) in [
        (vec![&unknown, &yes], Reason::Excluded),
        (vec![&yes, &unknown], Reason::Excluded),
        (vec![&unknown, &no], Reason::Matched),
        (vec![&no, &unknown], Reason::Matched),
        (vec![&yes, &yes], Reason::Excluded),
        (vec![&yes, &no], Reason::Matched),
    ] {
        let mut policy = base();
        let clauses = clauses.into_iter().map(clause).collect();
        policy.excludes = vec![Rule { name: "rule".to_owned(), reason: None, clauses }];
        let (_, reason) = decided(policy.clone(), &unknown, State::Unreadable, Depth::Exact);
        assert_eq!(reason, expected, "{:?}", policy.excludes);
    }
}

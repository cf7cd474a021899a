//! When a policy has to be looked at again, from its text alone.

use std::collections::BTreeSet;

use rescind::execution::OpenStatus;
use rescind::plan::FactName;
use rescind::plan::cadence::Cadence;

use super::support::policy;

/// The least age of each status in hours, and what may change at any time.
fn cadence(spec: &str) -> (Vec<(OpenStatus, i64)>, Vec<String>, bool) {
    let cadence = Cadence::of(&policy("p", spec));
    let ages = cadence.least_age.iter().map(|(status, age)| (*status, age.as_hours()));
    let moving = cadence.moving.iter().map(ToString::to_string);
    (ages.collect(), moving.collect(), cadence.is_by_age_alone())
}

use OpenStatus::{InProgress, Queued};

#[test]
fn an_age_that_begins_with_the_status_lets_its_list_wait() {
    let queued =
        |ages: &str| cadence(&format!("target: {{statuses: [QUEUED]}}\nmatch: {{age: [{ages}]}}"));
    let none: Vec<String> = Vec::new();
    let waits = |hours| (vec![(Queued, hours)], none.clone(), true);
    assert_eq!(queued("{since: queuedAt, olderThan: 72h}"), waits(72));
    assert_eq!(queued("{since: lastUpdatedAt, olderThan: 2h}"), waits(2));
    let both = "{since: queuedAt, olderThan: 72h}, {since: lastUpdatedAt, olderThan: 2h}";
    assert_eq!(queued(both), waits(72), "all must hold, so the largest counts");

    let both = "target: {statuses: [QUEUED, IN_PROGRESS]}\nmatch: {age: [{since: lastUpdatedAt, olderThan: 5h}]}";
    assert_eq!(cadence(both), (vec![(Queued, 5), (InProgress, 5)], none.clone(), true));
    let started =
        "target: {statuses: [IN_PROGRESS]}\nmatch: {age: [{since: startedAt, olderThan: 6h}]}";
    assert_eq!(cadence(started), (vec![(InProgress, 6)], none, true));
}

#[test]
fn an_age_that_may_have_run_before_the_status_began_lets_nothing_wait() {
    let spec = "target: {statuses: [QUEUED, IN_PROGRESS]}\nmatch: {age: [{since: queuedAt, olderThan: 72h}]}";
    let moving = vec!["execution.queuedAt".to_owned()];
    assert_eq!(cadence(spec), (vec![(Queued, 72), (InProgress, 0)], moving, false));
    // What is QUEUED has not started, so that no age since then ever holds.
    let spec = "target: {statuses: [QUEUED, IN_PROGRESS]}\nmatch: {age: [{since: startedAt, olderThan: 6h}]}";
    assert_eq!(cadence(spec), (vec![(Queued, 0), (InProgress, 6)], Vec::new(), false));
}

#[test]
fn what_may_change_at_any_time_is_named() {
    let spec = "target: {statuses: [QUEUED]}
match:
  age: [{since: queuedAt, olderThan: 72h}, {since: lastUpdatedAt, youngerThan: 96h}]
  thing: {types: [robot], groups: [berlin], attributes: {matchLabels: {site: b}}}
  statusDetails: {matchExpressions: [{key: phase, operator: Exists}]}
  retryAttempt: {atLeast: 1}
exclude:
- {name: fresh, age: [{since: queuedAt, youngerThan: 80h}]}
- {name: named, jobs: {names: [\"x-*\"]}, things: {names: [\"y-*\"]}}
- {name: held, thing: {attributes: {matchLabels: {hold: yes-please}}}}";
    let (ages, moving, alone) = cadence(spec);
    assert_eq!((ages, alone), (vec![(Queued, 72)], false));
    let expected = [
        "execution.lastUpdatedAt",
        "execution.queuedAt",
        "execution.statusDetails.phase",
        "thing.attributes.hold",
        "thing.attributes.site",
        "thing.groups",
        "thing.type",
    ];
    assert_eq!(moving.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected.into());
}

#[test]
fn an_expression_moves_with_its_facts_and_with_the_time_if_it_names_it() {
    let spec = "target: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 72h}]}\n";
    let moving = |rest: &str| {
        let (_, moving, alone) = cadence(&format!("{spec}{rest}"));
        (moving, alone)
    };
    let condition =
        |text: &str| moving(&format!("conditions: [{{name: c, expression: \"{text}\"}}]"));
    let named =
        |names: &[&str]| (names.iter().map(|&it| it.to_owned()).collect(), names.is_empty());
    assert_eq!(condition("job.targetSelection == 'CONTINUOUS'"), named(&[]));
    assert_eq!(condition("thing.name == 'a' && job.id != 'b'"), named(&[]));
    assert_eq!(condition("now - job.createdAt > days(9)"), named(&["the time"]));
    assert_eq!(condition("thing.type == 'a'"), named(&["thing.type"]));
    let both = "'a' in thing.groups || now > execution.queuedAt";
    assert_eq!(condition(both), named(&["thing.groups", "the time"]));
    let through = "variables: [{name: age, expression: now - job.createdAt}]
conditions: [{name: c, expression: variables.age > days(9)}]";
    assert_eq!(moving(through), named(&["the time"]));
}

#[test]
fn a_policy_without_an_age_is_looked_at_each_interval() {
    let spec = "target: {statuses: [QUEUED]}\nmatch: {retryAttempt: {atLeast: 3}}";
    assert_eq!(cadence(spec), (vec![(Queued, 0)], Vec::new(), false));
}

#[test]
fn facts_of_the_execution_itself_and_of_a_jobs_creation_never_move() {
    let still = [
        FactName::ExecutionNumber,
        FactName::QueuedAt,
        FactName::StartedAt,
        FactName::RetryAttempt,
        FactName::JobCreatedAt,
        FactName::JobNamespaceId,
        FactName::JobTargetSelection,
    ];
    assert!(still.iter().all(|fact| !fact.moves()));
    let tags = FactName::JobTag("hold".to_owned());
    for fact in [tags, FactName::QueuedBehind, FactName::ThingConnected, FactName::JobStatus] {
        assert!(fact.moves(), "{fact}");
    }
}

#[test]
fn a_later_update_that_could_make_it_match_needs_the_lists_again() {
    let needs = |spec: &str| Cadence::of(&policy("p", spec)).needs_lists;
    let with = |more: &str| {
        needs(&format!(
            "target: {{statuses: [QUEUED]}}\nmatch: {{age: [{{since: queuedAt, olderThan: 72h}}]}}\n{more}"
        ))
    };
    assert!(!with(""));
    assert!(!with("exclude: [{name: fresh, age: [{since: lastUpdatedAt, youngerThan: 1h}]}]"));
    assert!(with("exclude: [{name: stale, age: [{since: lastUpdatedAt, olderThan: 90h}]}]"));
    assert!(needs(
        "target: {statuses: [QUEUED]}\nmatch: {age: [{since: lastUpdatedAt, youngerThan: 1h}]}"
    ));
    assert!(needs(
        "target: {statuses: [QUEUED]}\nconditions: [{name: c, expression: 'execution.lastUpdatedAt < now'}]"
    ));
}

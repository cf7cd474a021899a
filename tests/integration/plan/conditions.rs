//! Expressions in a policy: what is read for them, and those for worlds by chance. What they say of each
//! fact in each state stands in `facts`.

use std::sync::Arc;

use rescind::document::{Limits, SourceFile, read};
use rescind::fact::Fact;
use rescind::fleet;
use rescind::inventory::Inventory;
use rescind::plan::{Depth, Memory};
use rescind::policy::expression::{Expression, Findings, Scope, Wanted};
use rescind::policy::{Condition, Test};

use super::support::{fleet as fleet_with, now, policy, set};

/// Expressions for worlds by chance: over each tier, over several, with failures.
pub const EXPRESSIONS: &[&str] = &[
    "execution.retryAttempt >= 1",
    "now - execution.queuedAt > duration('15h')",
    "has(execution.startedAt) && now - execution.startedAt > duration('15h')",
    "execution.startedAt < now",
    "thing.attributes['a'] == 'x'",
    "thing.?type.orValue('x') == 'x'",
    "'x' in thing.groups || thing.type == 'x'",
    "execution.statusDetails[?'a'].orValue('') == 'x'",
    "'a' in execution.statusDetails && 'x' in thing.groups && thing.type != 'y'",
    "execution.version > 1 || execution.status == 'QUEUED'",
    "string(execution.queuedAt) != 'never'",
    "job.id == 'j-0' && execution.number == 1",
    "'a' in job.tags && job.tags['a'] == 'x'",
    "execution.queuedBehind > 0 && thing.type == 'x'",
    "!thing.connectivity.connected || now - thing.connectivity.timestamp > duration('15h')",
    "execution.secondsBeforeTimedOut < 300 && 'x' in thing.groups",
    "execution.queuedBehind == 0 || 'b' in job.tags || thing.connectivity.connected",
    "job.timeoutMinutes >= 5 && now - job.createdAt > duration('15h')",
    "thing.?type.orValue('a') == 'a' && job.tags[?'a'].orValue('a') == 'a'",
];

/// A clause.
pub fn expression(text: &str) -> Test {
    let scope = Scope::default();
    let expression = Expression::compile(text, Wanted::Condition, &scope, &mut Findings::default());
    Test::Expression(Condition { name: None, expression: Arc::new(expression.expect(text)) })
}

fn one() -> Inventory {
    let text = "jobs: [{id: fw}]
things: [{name: r, type: robot, groups: [berlin], attributes: {site: b}}]
executions: [{job: fw, thing: r, status: QUEUED, queuedAt: 2d ago, statusDetails: {phase: boot}}]";
    fleet::inventory(&fleet_with(text), now())
}

const BUDGET: &str = "budget: {max: [{count: 10, per: 1h}]}";

#[test]
fn what_an_expression_touches_is_read_and_nothing_else() {
    use rescind::plan::needs;
    let spec = "mode: Enforce\ntarget: {statuses: [QUEUED]}\n\
                match: {age: [{since: queuedAt, olderThan: 1d}]}\n\
                conditions: [{name: a, expression: \"'x' in thing.groups || thing.type == 'robot'\"}]";
    let policies = set([policy("one", &format!("{spec}\n{BUDGET}"))]);
    let mut inventory = one();
    inventory.things.clear();
    inventory.executions.values_mut().for_each(|row| row.described = Fact::NotRead);
    let first = needs(&policies, &inventory, &Memory::default(), now(), Depth::Listed);
    assert_eq!((first.things.len(), first.groups.len(), first.executions.len()), (1, 0, 0));
    let (thing, read) = one().things.pop_first().expect("a thing");
    inventory.things.insert(thing.clone(), read.clone());
    inventory.things.get_mut(&thing).expect("it").groups = Fact::NotRead;
    let second = needs(&policies, &inventory, &Memory::default(), now(), Depth::Listed);
    assert_eq!((second.things.len(), second.groups.len(), second.executions.len()), (0, 1, 0));
    inventory.things.insert(thing, read);
    let third = needs(&policies, &inventory, &Memory::default(), now(), Depth::Listed);
    assert!(third.is_empty(), "{third:?}");
}

#[test]
fn a_policy_with_conditions_needs_no_match() {
    let text = "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {name: a}\n\
                spec:\n  target: {statuses: [QUEUED]}\n";
    let with = |more: &str| {
        let file = SourceFile { path: "a.yaml".to_owned(), text: format!("{text}{more}").into() };
        read(&[file], &Limits::policies())
    };
    assert_eq!(with("").policies.len(), 0);
    let one = with("  conditions: [{name: b, expression: 'execution.number > 1'}]\n");
    assert_eq!(one.policies[0].clauses[0].path, "conditions[0]");
}

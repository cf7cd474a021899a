//! Expressions in a policy: each state of a fact, in a condition, a rule and a template.

use std::sync::Arc;

use rescind::document::{Limits, SourceFile, read};
use rescind::fact::{Fact, Unreadable};
use rescind::fleet;
use rescind::inventory::Inventory;
use rescind::plan::{Decision, Depth, Memory, Reason, check::check, plan};
use rescind::policy::expression::{Expression, Findings, Scope, Wanted};
use rescind::policy::{Condition, Test};

use super::support::{fleet as fleet_with, key, now, policy, set};

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

/// A fact, an expression over it that holds, and how the fact is set.
type Row = (&'static str, &'static str, fn(&mut Inventory, Lost));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    Known,
    Absent,
    Unreadable,
}

impl Lost {
    fn set<T>(self, fact: &mut Fact<T>) {
        match self {
            Self::Known => {}
            Self::Absent => *fact = Fact::Absent,
            Self::Unreadable => *fact = Fact::Unreadable(Unreadable::Failed),
        }
    }
}

const ROWS: [Row; 6] = [
    ("execution.queuedAt", "string(execution.queuedAt) != ''", |it, lost| {
        lost.set(&mut it.executions.get_mut(&key("fw", "r")).expect("it").times.queued_at);
    }),
    ("execution.retryAttempt", "string(execution.retryAttempt) != ''", |it, lost| {
        lost.set(&mut it.executions.get_mut(&key("fw", "r")).expect("it").retry_attempt);
    }),
    ("thing.type", "thing.type == 'robot'", |it, lost| {
        lost.set(&mut it.things.get_mut(&key("fw", "r").thing).expect("it").description);
    }),
    ("thing.groups", "thing.groups.all(g, g == 'berlin')", |it, lost| {
        lost.set(&mut it.things.get_mut(&key("fw", "r").thing).expect("it").groups);
    }),
    ("thing.attributes", "thing.attributes['site'] == 'b'", |it, lost| {
        lost.set(&mut it.things.get_mut(&key("fw", "r").thing).expect("it").description);
    }),
    ("execution.statusDetails", "execution.statusDetails['phase'] == 'boot'", |it, lost| {
        let row = it.executions.get_mut(&key("fw", "r")).expect("it");
        if let Fact::Known(described) = &mut row.described {
            lost.set(&mut described.status_details);
        }
    }),
];

const BUDGET: &str = "budget: {max: [{count: 10, per: 1h}]}";

fn decided(spec: &str, inventory: &Inventory) -> (Decision, Reason) {
    let policies = set([policy("one", &format!("{spec}\n{BUDGET}"))]);
    let memory = Memory::default();
    let made = plan(&policies, inventory, &memory, now(), Depth::Exact);
    assert_eq!(check(&made, &policies, inventory, &memory), [], "{spec}");
    let [line] = &made.lines[..] else { panic!("one execution") };
    (line.decision(), line.verdict.reason)
}

#[test]
fn what_is_not_known_keeps_wherever_the_expression_stands() {
    const BASE: &str = "mode: Enforce\ntarget: {statuses: [QUEUED]}";
    for (fact, holds, set) in ROWS {
        for lost in [Lost::Known, Lost::Absent, Lost::Unreadable] {
            let mut inventory = one();
            set(&mut inventory, lost);
            let known = lost == Lost::Known;
            // statusDetails that are lost cannot be kept either, so that nothing is canceled anyway.
            let condition = decided(
                &format!("{BASE}\nconditions: [{{name: a, expression: \"{holds}\"}}]"),
                &inventory,
            );
            let keep = (Decision::Keep, Reason::FactUnknown);
            let cancel = (Decision::Cancel, Reason::Matched);
            assert_eq!(condition, if known { cancel } else { keep }, "{fact} {lost:?}: condition");
            let rule = |expression: &str| {
                decided(
                    &format!(
                        "{BASE}\nmatch: {{age: [{{since: lastUpdatedAt, olderThan: 1s}}]}}\n\
                         exclude: [{{name: a, expression: \"{expression}\"}}]"
                    ),
                    &inventory,
                )
            };
            let excluded = (Decision::Keep, Reason::Excluded);
            assert_eq!(rule(holds), excluded, "{fact} {lost:?}: rule");
            let not = if known { cancel } else { excluded };
            assert_eq!(rule(&format!("!({holds})")), not, "{fact} {lost:?}: rule, negated");
            let template = decided(
                &format!(
                    "{BASE}\nmatch: {{age: [{{since: lastUpdatedAt, olderThan: 1s}}]}}\n\
                     cancel: {{statusDetails: {{set: {{a: \"${{{holds} ? 'x' : 'y'}}\"}}}}}}"
                ),
                &inventory,
            );
            assert_eq!(template, if known { cancel } else { keep }, "{fact} {lost:?}: template");
        }
    }
}

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

//! Expressions in a policy: what is read for them, and those for worlds by chance. What they say of each
//! fact in each state stands in `facts`.

use std::collections::BTreeSet;
use std::sync::Arc;

use rescind::document::{Limits, SourceFile, read};
use rescind::fact::Fact;
use rescind::fleet;
use rescind::inventory::Inventory;
use rescind::plan::{Depth, Memory, Reason};
use rescind::policy::expression::{Expression, Findings, Scope, Wanted};
use rescind::policy::{Condition, Test};

use super::support::{fleet as fleet_with, now, policy, set, set_of_revision};

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

/// The one line of the plan under a policy with an exclude and a pair that name the revision.
fn under(revision: Option<&str>, uses: &str) -> (Reason, Vec<(String, String)>) {
    use rescind::plan::plan;
    let text = format!(
        "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {{name: a}}\nspec:\n  mode: Enforce\n  \
         target: {{statuses: [QUEUED]}}\n  match: {{age: [{{since: queuedAt, olderThan: 1d}}]}}\n  {BUDGET}\n{uses}"
    );
    let set = set_of_revision(&text, revision);
    let plan = plan(&set, &one(), &Memory::default(), now(), Depth::Exact);
    let line = plan.lines.first().expect("a line");
    let pins = line.act.as_ref().and_then(|act| act.pins.as_ref());
    (
        line.verdict.reason,
        pins.map(|pins| pins.details.send.clone().into_iter().collect()).unwrap_or_default(),
    )
}

#[test]
fn a_revision_is_what_git_tells_and_not_known_where_nothing_does() {
    let clean =
        "  exclude: [{name: not-committed, expression: \"source.revision.endsWith('-dirty')\"}]\n";
    assert_eq!(under(Some("5edd6cb"), clean).0, Reason::Matched);
    assert_eq!(under(Some("5edd6cb-dirty"), clean).0, Reason::Excluded);
    assert_eq!(under(None, clean).0, Reason::Excluded, "what may exclude it excludes it");
    let told = "  cancel: {statusDetails: {set: {commit: '${source.revision}'}}}\n";
    let (reason, details) = under(Some("5edd6cb"), told);
    assert_eq!(reason, Reason::Matched);
    assert!(details.contains(&("commit".to_owned(), "5edd6cb".to_owned())), "{details:?}");
    assert_eq!(under(None, told).0, Reason::FactUnknown);
    let or =
        "  cancel: {statusDetails: {set: {commit: \"${source.?revision.orValue('none')}\"}}}\n";
    let (reason, details) = under(None, or);
    assert_eq!(reason, Reason::Matched);
    assert!(details.contains(&("commit".to_owned(), "none".to_owned())), "{details:?}");
    let asked = "  conditions: [{name: b, expression: '!has(source.revision)'}]\n";
    assert_eq!(under(None, asked).0, Reason::Matched);
    assert_eq!(under(Some("5edd6cb"), asked).0, Reason::NoMatch);
}

#[test]
fn a_set_is_another_one_at_another_revision_only_where_it_names_it() {
    let of = |revision: Option<&str>, condition: &str| {
        let text = format!(
            "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {{name: a}}\nspec:\n  \
             target: {{statuses: [QUEUED]}}\n  variables: [{{name: v, expression: \"{condition}\"}}]\n  \
             conditions: [{{name: b, expression: variables.v}}]\n"
        );
        set_of_revision(&text, revision).digest().clone()
    };
    let (named, other) = ("source.?revision.hasValue()", "source.path == 'a.yaml'");
    let revisions = [None, Some("5edd6cb"), Some("5edd6cb-dirty")];
    let digests =
        |text| revisions.map(|it| of(it, text)).into_iter().collect::<BTreeSet<_>>().len();
    assert_eq!((digests(named), digests(other)), (3, 1));
}

#[test]
fn a_guard_cannot_name_the_revision_since_it_outlives_its_file() {
    let text = "apiVersion: rescind/v1alpha1\nkind: CancelGuard\nmetadata: {name: g}\nspec:\n  \
                protect: [{name: dirty, reason: x, expression: \"source.?revision.hasValue()\"}]\n";
    let file = SourceFile { path: "a.yaml".to_owned(), text: text.into() };
    let documents = read(&[file], &Limits::policies());
    let messages: Vec<_> = documents.diagnostics.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(messages, ["there is no `source.revision`"]);
}

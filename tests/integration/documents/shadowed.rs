//! When a policy is said to leave another one nothing to do, and when it cannot be said.

use rescind::document::{Code, Limits, SourceFile, read};

const POLICY: &str = "\
apiVersion: rescind/v1alpha1
kind: CancelPolicy
metadata: {name: NAME}
spec:
  mode: Enforce
  priority: PRIORITY
  target: TARGET
";
const TARGET: &str = "{statuses: [QUEUED]}";
const MATCH: &str = "  match: {age: [{since: queuedAt, olderThan: 1d}]}\n";

/// Whether `below` is said to cancel nothing beside `above`, to which `more` is added, and a guard.
fn is_shadowed(more: &str, guard: &str) -> bool {
    is_below(&format!("{MATCH}{more}"), MATCH, [TARGET; 2], guard)
}

/// The same, of two policies that ask the same with these targets.
fn is_covered(above: &str, below: &str) -> bool {
    is_below(MATCH, MATCH, [above, below], "")
}

/// The same, of two policies whose files go on like this.
fn is_below(above: &str, below: &str, targets: [&str; 2], guard: &str) -> bool {
    let policy = |name, priority, target, more| {
        let head = POLICY.replace("NAME", name).replace("PRIORITY", priority);
        head.replace("TARGET", target) + more
    };
    let above = policy("above", "10", targets[0], above);
    let below = policy("below", "0", targets[1], below);
    let mut text = format!("{above}---\n{below}");
    if !guard.is_empty() {
        text.push_str(&format!(
            "---\napiVersion: rescind/v1alpha1\nkind: CancelGuard\nmetadata: {{name: g}}\nspec: {guard}\n"
        ));
    }
    let file = SourceFile { path: "a.yaml".to_owned(), text: text.into() };
    let documents = read(&[file], &Limits::policies());
    assert!(documents.broken.is_empty(), "{:?}", documents.diagnostics);
    documents.diagnostics.iter().any(|it| it.code == Code::MeaningShadowed)
}

fn freeze(except: &str) -> String {
    format!(
        "{{freezes: [{{name: f, from: \"2026-01-01T00:00:00Z\", until: \"2027-12-31T00:00:00Z\", \
         exceptPolicies: [{except}]}}]}}"
    )
}

#[test]
fn a_policy_is_shadowed_by_one_that_always_acts_before_it() {
    assert!(is_shadowed("", ""));
    assert!(is_shadowed("", &freeze("above")));
    assert!(is_shadowed("", &freeze("above, below")));
    assert!(is_shadowed("", &freeze("another")));
}

#[test]
fn a_policy_is_not_shadowed_by_one_that_waits_where_it_goes_on() {
    assert!(!is_shadowed("  stableFor: 10m\n", ""));
    assert!(!is_shadowed("", &freeze("below")));
    assert!(!is_shadowed("  expiresAt: 2027-01-01T00:00:00Z\n", ""));
}

#[test]
fn a_policy_is_not_shadowed_by_one_that_excludes_more() {
    assert!(!is_shadowed("  exclude: [{name: held, thing: {groups: [held]}}]\n", ""));
}

#[test]
fn a_policy_is_not_shadowed_by_one_that_may_lack_what_it_sends() {
    let sends =
        |text: &str| format!("  cancel: {{statusDetails: {{set: {{text: \"{text}\"}}}}}}\n");
    assert!(!is_shadowed(&sends("a ${thing.type}"), ""));
    assert!(is_shadowed(&sends("a type"), ""));
}

#[test]
fn a_policy_is_shadowed_by_one_that_lists_all_that_it_lists() {
    let any = "{statuses: [QUEUED]}";
    for narrow in [
        "{statuses: [QUEUED], jobs: {names: [\"fw-*\"]}}",
        "{statuses: [QUEUED], jobs: {targetSelection: [SNAPSHOT]}}",
        "{statuses: [QUEUED], things: {names: [robot-1]}}",
    ] {
        assert!(is_covered(any, narrow), "{narrow}");
        assert!(!is_covered(narrow, any), "{narrow}");
        assert!(is_covered(narrow, narrow), "{narrow}");
    }
    let several = "{statuses: [QUEUED], jobs: {names: [a, b]}, things: {names: [x, y]}}";
    let one = "{statuses: [QUEUED], jobs: {names: [b]}, things: {names: [y]}}";
    let other = "{statuses: [QUEUED], jobs: {names: [c]}, things: {names: [y]}}";
    assert!(is_covered(several, one) && !is_covered(one, several) && !is_covered(several, other));
    // A job of a namespace is listed by those that name it.
    let named = "{statuses: [QUEUED], jobs: {namespaces: [greengrass]}}";
    assert!(is_covered(named, any) && !is_covered(any, named));
    let all = "{statuses: [QUEUED], jobs: {statuses: [IN_PROGRESS, COMPLETED]}}";
    let some = "{statuses: [QUEUED], jobs: {statuses: [COMPLETED]}}";
    assert!(is_covered(all, some) && !is_covered(some, all));
}

#[test]
fn a_policy_is_shadowed_only_by_one_that_lists_its_statuses() {
    let force = format!("{MATCH}  cancel: {{force: true}}\n");
    let [queued, both] = ["{statuses: [QUEUED]}", "{statuses: [QUEUED, IN_PROGRESS]}"];
    assert!(is_below(&force, &force, [both, queued], ""));
    assert!(!is_below(&force, &force, [queued, both], ""));
    assert!(!is_below(MATCH, &force, [both, both], ""));
    assert!(is_below(&force, MATCH, [both, both], ""));
}

#[test]
fn a_policy_is_shadowed_only_by_one_that_asks_the_same() {
    let asks = |text: &str| format!("  conditions: [{{name: c, expression: \"{text}\"}}]\n");
    let targets = [TARGET; 2];
    let retried = asks("execution.retryAttempt > 2");
    assert!(is_below(&retried, &retried, targets, ""));
    // Its name is not what it asks, and a variable is what it stands for.
    assert!(is_below(&retried, &retried.replace("name: c", "name: d"), targets, ""));
    assert!(!is_below(&retried, &asks("execution.retryAttempt > 3"), targets, ""));
    assert!(!is_below(&retried, MATCH, targets, ""));
    assert!(!is_below(MATCH, &MATCH.replace("1d", "2d"), targets, ""));
    let by = |limit: u32| {
        format!("  variables: [{{name: limit, expression: \"{limit}\"}}]\n")
            + &asks("execution.retryAttempt > variables.limit")
    };
    assert!(is_below(&by(2), &by(2), targets, ""));
    assert!(!is_below(&by(2), &by(3), targets, ""));
}

//! When a policy is said to leave another one nothing to do, and when it cannot be said.

use rescind::document::{Code, Limits, SourceFile, read};

const POLICY: &str = "\
apiVersion: rescind/v1alpha1
kind: CancelPolicy
metadata: {name: NAME}
spec:
  mode: Enforce
  priority: PRIORITY
  target: {statuses: [QUEUED]}
  match: {age: [{since: queuedAt, olderThan: 1d}]}
";

/// Whether `below` is said to cancel nothing beside `above`, to which `more` is added, and a guard.
fn is_shadowed(more: &str, guard: &str) -> bool {
    let above = POLICY.replace("NAME", "above").replace("PRIORITY", "10");
    let below = POLICY.replace("NAME", "below").replace("PRIORITY", "0");
    let mut text = format!("{above}{more}---\n{below}");
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

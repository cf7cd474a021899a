//! Two policies beside each other: whether one leaves the other nothing to do.
//!
//! It compares what was written, not what it means: `6h` and `360m` are taken to differ. What it says
//! is so; it does not say all that is so.

use std::collections::BTreeSet;

use super::{Clause, Globs, Guard, Mode, Policy, Rule, Target, Test};

fn includes(wide: &Globs, narrow: &Globs) -> bool {
    wide.patterns().iter().any(|pattern| pattern == "*")
        || narrow.patterns().iter().all(|pattern| wide.patterns().contains(pattern))
}

fn covers(wide: &Target, narrow: &Target) -> bool {
    narrow.statuses.is_subset(&wide.statuses)
        && narrow.jobs.statuses.is_subset(&wide.jobs.statuses)
        && narrow.jobs.target_selection.is_subset(&wide.jobs.target_selection)
        && narrow.jobs.namespaces.is_subset(&wide.jobs.namespaces)
        && includes(&wide.jobs.names, &narrow.jobs.names)
        && includes(&wide.things, &narrow.things)
}

fn asked(clause: &Clause) -> String {
    match &clause.test {
        Test::Expression(condition) => condition.expression.meaning(),
        test => format!("{test:?}"),
    }
}

fn all_asked(clauses: &[Clause]) -> BTreeSet<String> {
    clauses.iter().map(asked).collect()
}

/// What a policy asks, for finding those that ask the same.
pub fn question(policy: &Policy) -> BTreeSet<String> {
    all_asked(&policy.clauses)
}

fn rules(rules: &[Rule]) -> BTreeSet<BTreeSet<String>> {
    rules.iter().map(|rule| all_asked(&rule.clauses)).collect()
}

/// Whether a policy could fail to fill in what it sends, so that another one may be the cause.
fn fills_in(policy: &Policy) -> bool {
    policy.cancel.set.iter().any(|(_, template)| template.expressions().next().is_some())
}

/// Whether a guard holds back `above` for a time in which `below` goes on.
fn spares(guard: &Guard, above: &Policy, below: &Policy) -> bool {
    guard.retired.is_none()
        && guard.freezes.iter().any(|freeze| {
            freeze.except.contains(&below.name) && !freeze.except.contains(&above.name)
        })
}

/// Whether `above` is the cause of all that `below` could cancel, given that both ask the same: then
/// `below` cancels nothing for as long as `above` acts. `guards` are those of the same root.
pub fn shadows(above: &Policy, below: &Policy, guards: &[Guard]) -> bool {
    above.priority > below.priority
        && above.mode == Mode::Enforce
        && above.suspended.is_none()
        && above.expires_at.is_none()
        && above.windows.is_empty()
        && above.stable_for.is_none()
        && !guards.iter().any(|guard| spares(guard, above, below))
        && (above.cancel.force || !below.cancel.force)
        && (above.cancel.allow_job_abort || !below.cancel.allow_job_abort)
        && !fills_in(above)
        && covers(&above.target, &below.target)
        && rules(&above.excludes).is_subset(&rules(&below.excludes))
}

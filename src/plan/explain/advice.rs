//! What a clause asks, and what would have to change for a policy to cancel.
//!
//! Words only, for people who are in a hurry.

use jiff::Timestamp;

use crate::plan::clause::{Facts, age};
use crate::plan::{At, Reason, Verdict};
use crate::policy::{
    AgeBound, AgeClock, Globs, Operator, Policy, PolicySet, Requirement, Standing, Test, window,
};
use crate::span::humanize;

/// What a clause asks: `startedAt is at least 6h ago`.
pub fn asks(test: &Test) -> String {
    match test {
        Test::Age { since, bound } => {
            let name = clock(*since);
            match bound {
                AgeBound::OlderThan(period) => format!("{name} is at least {period} ago"),
                AgeBound::YoungerThan(period) => format!("{name} is less than {period} ago"),
            }
        }
        Test::ThingTypes(types) => format!("thing.type is {}", either(types)),
        Test::ThingGroups(groups) => format!("thing.groups has {}", either(groups)),
        Test::ThingAttribute(on) => requirement("thing.attributes", on),
        Test::StatusDetail(on) => requirement("statusDetails", on),
        Test::RetryAttemptAtLeast(least) => format!("retryAttempt is at least {least}"),
        Test::Expression(on) => format!("{} is true", on.expression.text().trim()),
        Test::JobNames(globs) => format!("the job is {}", patterns(globs)),
        Test::ThingNames(globs) => format!("the thing is {}", patterns(globs)),
    }
}

fn clock(since: AgeClock) -> &'static str {
    match since {
        AgeClock::QueuedAt => "queuedAt",
        AgeClock::StartedAt => "startedAt",
        AgeClock::LastUpdatedAt => "lastUpdatedAt",
    }
}

fn either<'a>(values: impl IntoIterator<Item = &'a String>) -> String {
    values.into_iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" or ")
}

fn patterns(globs: &Globs) -> String {
    globs.patterns().join(" or ")
}

fn requirement(map: &str, on: &Requirement) -> String {
    let key = &on.key;
    match &on.operator {
        Operator::In(values) => format!("{map}.{key} is {}", either(values)),
        Operator::NotIn(values) => format!("{map}.{key} is there and not {}", either(values)),
        Operator::Exists => format!("{map}.{key} is there"),
        Operator::DoesNotExist => format!("{map}.{key} is not there"),
    }
}

/// What would have to change about one thing that keeps `policy`, of `set`, from canceling; none if
/// nothing keeps it, or if nobody can change it.
pub(super) fn to_change(
    set: &PolicySet,
    policy: &Policy,
    verdict: Verdict,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Option<String> {
    let until =
        |time: Timestamp| format!("until {time}, in {}", humanize(time.duration_since(now)));
    match (verdict.reason, verdict.at) {
        (Reason::NoMatch, At::Clause(index)) => {
            let clause = policy.clauses.get(index)?;
            let asked = format!("{} asks that {}", clause.path, asks(&clause.test));
            Some(match time_left(&clause.test, facts, now) {
                Some(left) => format!("{asked}: that is so in {left}, if nothing moves"),
                None => asked,
            })
        }
        (Reason::FactUnknown, At::Clause(index)) => {
            let clause = policy.clauses.get(index)?;
            Some(format!("{} asks that {}: make that known", clause.path, asks(&clause.test)))
        }
        (Reason::FactUnknown, At::Template(index, _)) => {
            let (key, _) = policy.cancel.set.get(index)?;
            Some(format!("what cancel.statusDetails.set.{key} tells must be known"))
        }
        (Reason::FactUnknown, At::Number | At::Version | At::StatusDetails) => {
            Some("its number, version and statusDetails must be known".to_owned())
        }
        (Reason::FactUnknown, At::ProcessDetails) => {
            Some("how many executions of its job have ended must be known".to_owned())
        }
        (Reason::Excluded, At::Rule(rule) | At::RuleClause(rule, _)) => {
            let rule = &policy.excludes.get(rule)?.name;
            Some(format!("rule {rule} of exclude must surely not hold"))
        }
        (Reason::Protected, At::Protect(guard, rule)) => {
            let guard = set.vetoes().get(guard)?;
            let (name, rule) = (&guard.name, &guard.protects.get(rule)?.name);
            let gone = match guard.standing {
                Standing::Missing => format!(" (if its file is gone for good: rescind guard forget {name})"),
                Standing::Broken => " (its file has an error: rescind validate)".to_owned(),
                Standing::BuiltIn | Standing::Written => String::new(),
            };
            Some(format!("rule {rule} of guard {name} must surely not hold{gone}"))
        }
        (Reason::ForceRequired, _) => {
            Some("write cancel: {force: true} in the policy, or wait until it is queued".to_owned())
        }
        (Reason::ObserveOnly, _) => Some("write mode: Enforce in the policy".to_owned()),
        (Reason::Suspended, _) => Some(match policy.suspended_until {
            Some(time) => {
                format!("wait {}, or write suspend: false in the policy", until(time))
            }
            None => "write suspend: false in the policy".to_owned(),
        }),
        (Reason::Expired, _) => Some("write a later expiresAt in the policy".to_owned()),
        (Reason::SourceBroken, At::GuardUnread) => {
            Some("mend the file that has, or may have, a guard: rescind validate".to_owned())
        }
        (Reason::SourceBroken, _) => Some("mend the policy's file: rescind validate".to_owned()),
        (Reason::Frozen, At::Freeze(guard, freeze)) => {
            let guard = set.vetoes().get(guard)?;
            let freeze = guard.freezes.get(freeze)?;
            Some(format!(
                "wait {}, for the end of freeze {} of guard {}, or name the policy in its \
                 exceptPolicies",
                until(freeze.until),
                freeze.name,
                guard.name
            ))
        }
        (Reason::OutOfScope, At::NoGuard | At::NoScope) => {
            Some("write a CancelGuard with a scope".to_owned())
        }
        (Reason::OutOfScope, _) => {
            Some("write the account and region in the guard's scope".to_owned())
        }
        (Reason::BreakerOpen, At::Breaker(breaker)) => Some(format!(
            "put right what opened the breaker, then rescind resume --breaker {breaker}; it closes by \
             itself after a calm hour"
        )),
        (Reason::WindowClosed, _) => Some(match window::next_change(&policy.windows, now) {
            Some(time) => {
                format!("wait {}, when the policy's window opens, or change it", until(time))
            }
            None => "change the policy's windows: none opens within a year".to_owned(),
        }),
        (Reason::NotStableYet, At::MatchedSince(since)) => {
            let until = since.checked_add(policy.stable_for?.get()).ok().map(until)?;
            Some(format!("it must match in every look {until}"))
        }
        (Reason::Paused, _) => Some("find out why it is paused; then rescind resume".to_owned()),
        (Reason::BackingOff, _) => {
            Some("wait until it is tried again: rescind audit says what happened".to_owned())
        }
        (Reason::InventoryIncomplete, _) => {
            Some("what could not be read must be readable: the plan names it".to_owned())
        }
        (Reason::JobAbortRisk, _) => Some(
            "write cancel: {allowJobAbort: true} in the policy to take the risk that AWS aborts the \
             whole job"
                .to_owned(),
        ),
        (reason @ (Reason::BudgetExhausted | Reason::BudgetHalted), at) => {
            let whose = if matches!(at, At::Limit(_)) { "guard" } else { "policy" };
            Some(if reason == Reason::BudgetHalted {
                format!(
                    "find out why so many are due; raise the budget in the {whose} if they shall all go"
                )
            } else {
                format!("wait until the budget refills, or raise it in the {whose}")
            })
        }
        _ => None,
    }
}

/// How long it takes until an age holds; none if time alone does not bring it.
fn time_left(test: &Test, facts: &Facts<'_>, now: Timestamp) -> Option<String> {
    let Test::Age { since, bound: AgeBound::OlderThan(period) } = test else { return None };
    let left = period.get() - age(facts, *since, now)?;
    left.is_positive().then(|| humanize(left))
}

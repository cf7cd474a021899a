//! What a guard says, in words: which guard, which of its rules, and why there is that rule.

use jiff::Timestamp;

use crate::fact::Truth;
use crate::plan::clause::Facts;
use crate::plan::{At, Because, GuardBecause, GuardRule};
use crate::policy::{PolicySet, Rule};
use crate::span::humanize;

/// What a verdict of the guards of `set` rests on.
pub(super) fn because(set: &PolicySet, at: At, facts: &Facts<'_>, now: Timestamp) -> Because {
    let guard = |g: usize| &set.vetoes()[g];
    let (g, by) = match at {
        At::Protect(g, r) => (g, protect(&guard(g).protects[r], facts, now)),
        At::Freeze(g, f) => {
            let freeze = &guard(g).freezes[f];
            (g, GuardRule::Freeze { freeze: freeze.name.clone(), until: freeze.until })
        }
        At::Scope(g) => {
            let place = facts
                .account
                .map_or("an account that is not known".to_owned(), ToString::to_string);
            (g, GuardRule::Scope { place })
        }
        At::NoGuard => return Because::Note("no guard is in force".to_owned()),
        At::NoScope => return Because::Note("no guard has a scope".to_owned()),
        _ => return Because::Itself,
    };
    Because::Guard(GuardBecause { guard: guard(g).name.clone(), by })
}

fn protect(rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> GuardRule {
    let ask = |truth| rule.clauses.iter().find(|it| it.test.ask(facts, now).truth() == truth);
    let unknown = ask(Truth::Unknown).map(|clause| super::cause(&clause.test, facts, now));
    GuardRule::Protect { rule: rule.name.clone(), reason: rule.reason.clone(), unknown }
}

/// In one sentence without its end: `protected by fleet-guard/medical: change board`.
pub(super) fn in_words(because: &GuardBecause, now: Timestamp) -> String {
    let guard = &because.guard;
    match &because.by {
        GuardRule::Protect { rule, reason, unknown } => {
            let by = match reason {
                Some(reason) => format!("protected by {guard}/{rule}: {reason}"),
                None => format!("protected by {guard}/{rule}"),
            };
            match unknown {
                None => by,
                Some((fact, why)) => format!("{by}; it may hold, since {fact} is {why}"),
            }
        }
        GuardRule::Freeze { freeze, until } => {
            let left = humanize(until.duration_since(now));
            format!("frozen by {guard}/{freeze} until {until}, in {left}")
        }
        GuardRule::Scope { place } => {
            format!("out of scope: {place} is not in the scope of {guard}")
        }
    }
}

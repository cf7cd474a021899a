//! A reason and what it rests on as one sentence.

use jiff::Timestamp;

use super::guard;
use crate::plan::{Because, BudgetState, Reason};
use crate::span::humanize;

/// Why a line's decision is what it is, in one sentence without its end.
pub fn in_words(reason: Reason, because: &Because, now: Timestamp) -> String {
    if let Because::Guard(because) = because {
        return guard::in_words(because, now);
    }
    if *because == Because::GuardUnread {
        return "a file with an error has, or may have, a guard that was never read, so all policies wait"
            .to_owned();
    }
    let because = because_in_words(because, now);
    let plain = match reason {
        Reason::StatusUnknown => "AWS gave a status that this version does not know",
        Reason::Terminal => "it has ended",
        Reason::NoMatch => "no match",
        Reason::FactUnknown => "not known",
        Reason::Excluded => "excluded",
        Reason::Protected => "protected",
        Reason::ForceRequired => "it is IN_PROGRESS and the policy does not say force: true",
        Reason::ObserveOnly => "the policy only observes",
        Reason::Suspended => "the policy is suspended",
        Reason::Expired => "the policy has expired",
        Reason::JobAbortRisk => "AWS could then abort the whole job",
        Reason::AlreadyCanceledByUs => "we canceled it a moment ago",
        Reason::SourceBroken => "the policy's file has an error, so the policy waits",
        Reason::Frozen => "frozen",
        Reason::WindowClosed => "the policy's window is closed",
        Reason::OutOfScope => "out of scope",
        Reason::BreakerOpen => "a breaker is open",
        Reason::Paused => "paused",
        Reason::NotStableYet => "it has not matched for long enough",
        Reason::BackingOff => "it is left alone for a while",
        Reason::InventoryIncomplete => "a percentage needs what could not be listed",
        Reason::BudgetExhausted => "the budget has nothing left",
        Reason::BudgetHalted => "the budget says Halt, and more is due than it allows",
        Reason::Due => "due",
        Reason::Matched => "matched",
    };
    if because.is_empty() { plain.to_owned() } else { format!("{plain}: {because}") }
}

fn with_reason(rule: &str, reason: Option<&String>) -> String {
    reason.map_or_else(|| rule.to_owned(), |reason| format!("{rule} ({reason})"))
}

fn because_in_words(because: &Because, now: Timestamp) -> String {
    match because {
        Because::Itself | Because::Guard(_) | Because::GuardUnread => String::new(),
        Because::Status(status) => format!("status is {status}"),
        Because::Clause { path, saw } => format!("{saw} ({path})"),
        Because::Unknown { fact, path, why } if *path == fact.to_string() => {
            format!("{fact} is {why}")
        }
        Because::Unknown { fact, path, why } => format!("{fact} is {why} ({path})"),
        Because::Rule { rule, reason } => {
            format!("rule {} holds", with_reason(rule, reason.as_ref()))
        }
        Because::RuleUnknown { rule, reason, fact, why } => {
            format!("rule {} may hold, since {fact} is {why}", with_reason(rule, reason.as_ref()))
        }
        Because::Note(note) => note.clone(),
        Because::NoteUntil(note, until) => {
            let until = because_in_words(&Because::Time(*until), now);
            if note.is_empty() { until } else { format!("{note}, {until}") }
        }
        Because::Time(time) if *time > now => {
            format!("until {time}, in {}", humanize(time.duration_since(now)))
        }
        Because::Matched { since, until } => {
            let left = humanize(until.duration_since(now));
            if *since >= now {
                format!("this is the first look in which it does; it is due in {left}, at {until}")
            } else {
                let age = humanize(now.duration_since(*since));
                format!("since {since}, {age} ago; it is due in {left}, at {until}")
            }
        }
        Because::Opens(Some(time)) => {
            format!("it opens at {time}, in {}", humanize(time.duration_since(now)))
        }
        Because::Opens(None) => "it does not open within a year".to_owned(),
        Because::Time(time) => format!("since {time}, {} ago", humanize(now.duration_since(*time))),
        Because::Budget(state @ BudgetState { halted: Some(due), .. }) => {
            let BudgetState { owner, limit, size, spent, .. } = state;
            let (unknown, wait) = match state.unknown_past {
                0 => (String::new(), ""),
                _ => (unknown_past(state) + ",", "wait until that has left the period, "),
            };
            format!(
                "{limit} of {owner} allows {size}, {spent} spent{unknown} and {due} due; \
                 {wait}narrow the policy or raise the limit"
            )
        }
        Because::Budget(state) => {
            let refills = match state.refills_at {
                Some(at) => format!("; the next refills in {}", humanize(at.duration_since(now))),
                None if state.size == 0 => String::new(),
                None => "; it refills as those leave the period".to_owned(),
            };
            let unknown = unknown_past(state);
            let taken = match state.left() {
                0 => String::new(),
                left => format!(" and {left} taken by others of this plan"),
            };
            format!(
                "{} of {} allows {}, {} spent{unknown}{taken}{refills}",
                state.limit, state.owner, state.size, state.spent
            )
        }
        Because::Breaker { breaker, since, why } => {
            let since = because_in_words(&Because::Time(*since), now);
            format!("{breaker}, {since}: {why}")
        }
        Because::Abort(how) => how.clone(),
        Because::Missing(what) => format!("{what} could not be read"),
    }
}

/// How many of the units that are spent are so because nobody knows better.
fn unknown_past(state: &BudgetState) -> String {
    match state.unknown_past {
        0 => String::new(),
        all if all == state.spent => {
            " because what was canceled before the ledger began is not known".to_owned()
        }
        some => format!(
            " ({some} of them because what was canceled before the ledger began is not known)"
        ),
    }
}

//! Reasons in words.

use jiff::Timestamp;

use crate::plan::{Because, Decision, Reason};
use crate::span::humanize;

/// Why a line's decision is what it is, in one sentence without its end.
pub fn reason(reason: Reason, because: &Because, now: Timestamp) -> String {
    let because = because_in_words(because, now);
    let plain = match reason {
        Reason::StatusUnknown => "AWS gave a status that this version does not know",
        Reason::Terminal => "it has ended",
        Reason::NoMatch => "no match",
        Reason::FactUnknown => "not known",
        Reason::Excluded => "excluded",
        Reason::ForceRequired => "it is IN_PROGRESS and the policy does not say force: true",
        Reason::ObserveOnly => "the policy only observes",
        Reason::Suspended => "the policy is suspended",
        Reason::Expired => "the policy has expired",
        Reason::AlreadyCanceledByUs => "we canceled it a moment ago",
        Reason::SourceBroken => "the policy's file has an error, so the policy waits",
        Reason::BackingOff => "an earlier cancel failed or is not settled",
        Reason::InventoryIncomplete => "a percentage needs what could not be listed",
        Reason::BudgetExhausted => "the budget has nothing left",
        Reason::Due => "due",
        Reason::Matched => "matched",
    };
    if because.is_empty() { plain.to_owned() } else { format!("{plain}: {because}") }
}

fn because_in_words(because: &Because, now: Timestamp) -> String {
    match because {
        Because::Itself => String::new(),
        Because::Status(status) => format!("status is {status}"),
        Because::Clause { path, saw } => format!("{saw} ({path})"),
        Because::Unknown { fact, path, why } => match path == &fact.to_string() {
            true => format!("{fact} is {why}"),
            false => format!("{fact} is {why} ({path})"),
        },
        Because::Rule(rule) => format!("rule {rule} holds"),
        Because::RuleUnknown { rule, fact, why } => {
            format!("rule {rule} may hold, since {fact} is {why}")
        }
        Because::Note(note) => note.clone(),
        Because::Time(time) if *time > now => {
            format!("until {time}, in {}", humanize(time.duration_since(now)))
        }
        Because::Time(time) => format!("since {time}, {} ago", humanize(now.duration_since(*time))),
        Because::Budget(state) => {
            let refills = match state.refills_at {
                Some(at) => format!("; the next refills in {}", humanize(at.duration_since(now))),
                None if state.size == 0 => String::new(),
                None => "; it refills as those leave the period".to_owned(),
            };
            format!("{} of {} allows {}, {} spent{refills}", state.limit, state.policy, state.size, state.spent)
        }
        Because::Missing(what) => format!("{what} could not be read"),
    }
}

/// A decision in a word.
pub fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Keep => "keep",
        Decision::Defer => "defer",
        Decision::Examine => "examine",
        Decision::Cancel => "cancel",
    }
}

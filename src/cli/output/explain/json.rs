//! An explanation as JSON: `rescind/explain/v1`. Keys are added, and none is taken away.

use jiff::Timestamp;

use super::not_known;
use crate::cli::output::plan::json::budgets;
use crate::fact::{Fact, Truth};
use crate::plan::clause::Answer;
use crate::plan::explain::{
    Author, Breadth, Explanation, FreezeView, GuardView, Rule, ScopeView, Seen, Standing, View,
};
use crate::state::journal::Entry;
use crate::status::Window;

mod shapes;

pub use shapes::{FORMAT, Json};
use shapes::{
    JsonAuthor, JsonClause, JsonDecision, JsonFreeze, JsonGuard, JsonPolicy, JsonRule, JsonScope,
    JsonStable, JsonSuspended,
};

/// The explanation, with what the journal has of the execution, and the files with an error.
pub fn json<'a>(
    explanation: &'a Explanation,
    journal: &'a [Entry],
    broken: &'a [String],
) -> Json<'a> {
    let text = |value: &String| serde_json::Value::from(value.as_str());
    Json {
        format: FORMAT,
        job: explanation.key.job.as_str(),
        thing: explanation.key.thing.as_str(),
        now: explanation.now.to_string(),
        status: explanation.status.to_string(),
        execution_number: explanation.number,
        version_number: explanation.version,
        facts: explanation.facts.iter().filter_map(known).collect(),
        facts_not_known: explanation
            .facts
            .iter()
            .filter_map(|(name, time)| Some(((*name).to_owned(), not_known(*time)?.into())))
            .collect(),
        status_details: explanation.details.iter().map(|(k, v)| (k.clone(), text(v))).collect(),
        canceled_by: explanation.author.as_ref().map(json_author),
        decision: explanation.decided.as_ref().map(|decided| JsonDecision {
            decision: decided.decision,
            reason: decided.reason,
            explanation: &decided.because,
            policy: &decided.policy,
            force: decided.force,
            to_change: decided.to_change.first().map(String::as_str),
            all_to_change: &decided.to_change,
        }),
        journal,
        policies: explanation.policies.iter().map(json_policy).collect(),
        guards: explanation.guards.iter().map(json_guard).collect(),
        budgets: budgets(&explanation.budgets),
        whole_fleet: explanation.breadth == Breadth::Fleet,
        broken,
    }
}

fn known((name, time): &(&str, Fact<Timestamp>)) -> Option<(String, serde_json::Value)> {
    let value = match time {
        Fact::Known(time) => time.to_string().into(),
        Fact::Absent => serde_json::Value::Null,
        Fact::NotRead | Fact::Unreadable(_) => return None,
    };
    Some(((*name).to_owned(), value))
}

fn standing_label(standing: &Standing) -> &'static str {
    match standing {
        Standing::Unchanged => "unchanged",
        Standing::Changed(_) => "changed",
        Standing::Missing => "missing",
    }
}

fn json_author(author: &Author) -> JsonAuthor<'_> {
    match author {
        Author::Rescind { policy, digest, attempt, standing } => JsonAuthor {
            by: "rescind",
            policy: Some(policy),
            short_digest: Some(digest),
            attempt: Some(attempt),
            policy_in_root: Some(standing_label(standing)),
            told_by: Some("statusDetails"),
            ..JsonAuthor::default()
        },
        Author::InJournal { policy, digest, intent, standing, marked: _ } => JsonAuthor {
            by: "rescind",
            policy: Some(policy),
            short_digest: Some(digest),
            intent: Some(intent),
            policy_in_root: Some(standing_label(standing)),
            told_by: Some("journal"),
            ..JsonAuthor::default()
        },
        Author::Unclear(pair) => {
            JsonAuthor { by: "unclear", pair: Some(pair), ..JsonAuthor::default() }
        }
        Author::NotRescind => JsonAuthor { by: "notRescind", ..JsonAuthor::default() },
        Author::NotKnown => JsonAuthor { by: "notKnown", ..JsonAuthor::default() },
    }
}

fn answer_label(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::NotRead => "notRead",
        Answer::Unknown => "unknown",
    }
}

fn json_policy(view: &View) -> JsonPolicy<'_> {
    JsonPolicy {
        name: &view.name,
        path: &view.origin.path,
        line: view.origin.line,
        mode: view.mode,
        in_scope: view.out_of_scope.is_none(),
        out_of_scope: view.out_of_scope.as_deref(),
        reason: view.verdict,
        explanation: &view.because,
        to_change: view.to_change.first().map(String::as_str),
        all_to_change: &view.to_change,
        stable_for: view.stable.map(|stable| JsonStable {
            seconds: stable.period.get().as_secs(),
            matched_since: stable.since.map(|time| time.to_string()),
            stable_at: stable.until.map(|time| time.to_string()),
        }),
        clauses: view.clauses.iter().map(json_clause).collect(),
        rules: view.rules.iter().map(json_rule).collect(),
        suspended: view.times.suspended.as_ref().map(|it| JsonSuspended {
            reason: &it.reason,
            until: it.until.map(|time| time.to_string()),
        }),
        expires_at: view.times.expires_at.map(|time| time.to_string()),
        window: view.times.window.map(|it| Window { open: it.open, changes_at: it.until }),
        budgets: budgets(&view.budgets),
        budgets_not_counted: &view.not_counted,
    }
}

fn json_guard(view: &GuardView) -> JsonGuard<'_> {
    JsonGuard {
        name: &view.name,
        path: &view.origin.path,
        line: view.origin.line,
        standing: view.standing,
        protects: truth_word(view.protects),
        rules: view.rules.iter().map(json_rule).collect(),
        freezes: view.freezes.iter().map(json_freeze).collect(),
        scope: view.scope.as_ref().map(json_scope),
        budgets: budgets(&view.budgets),
        budgets_not_counted: &view.not_counted,
    }
}

fn json_freeze(view: &FreezeView) -> JsonFreeze<'_> {
    JsonFreeze {
        name: &view.name,
        from: view.from.to_string(),
        until: view.until.to_string(),
        lasts: view.lasts,
        except_policies: view.except.iter().collect(),
    }
}

fn json_scope(view: &ScopeView) -> JsonScope<'_> {
    JsonScope {
        accounts: view.accounts.iter().map(String::as_str).collect(),
        regions: view.regions.iter().map(String::as_str).collect(),
        has: view.has,
    }
}

fn json_rule(rule: &Rule) -> JsonRule<'_> {
    JsonRule {
        name: &rule.name,
        reason: rule.reason.as_deref(),
        holds: truth_word(rule.holds),
        clauses: rule.clauses.iter().map(json_clause).collect(),
    }
}

fn truth_word(truth: Truth) -> &'static str {
    match truth {
        Truth::Yes => "yes",
        Truth::No => "no",
        Truth::Unknown => "unknown",
    }
}

fn json_clause(seen: &Seen) -> JsonClause<'_> {
    let Seen { path, asks, saw, answer } = seen;
    JsonClause { path, asks, saw, answer: answer_label(*answer) }
}

//! An explanation as JSON: `rescind/explain/v1`. Keys are added, and none is taken away.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{answer_word, not_known};
use crate::execution::ExecutionVersion;
use crate::fact::{Fact, Truth};
use crate::plan::explain::{
    Author, Breadth, Explanation, FreezeView, GuardView, Rule, ScopeView, Seen, Standing, View,
};
use crate::plan::{BudgetState, Decision, Reason};
use crate::policy;
use crate::state::journal::Entry;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    format: &'static str,
    job: &'a str,
    thing: &'a str,
    now: String,
    status: String,
    execution_number: Option<i64>,
    version: Option<i64>,
    /// Its times, as AWS gives them; null for one that has not come.
    facts: serde_json::Map<String, serde_json::Value>,
    /// Those that are not known, with why.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    facts_not_known: serde_json::Map<String, serde_json::Value>,
    status_details: serde_json::Map<String, serde_json::Value>,
    canceled_by: Option<serde_json::Value>,
    /// What the journal has of this execution, oldest first.
    journal: &'a [Entry],
    decision: Option<JsonDecision<'a>>,
    policies: Vec<JsonPolicy<'a>>,
    guards: Vec<JsonGuard<'a>>,
    budgets: &'a [BudgetState],
    /// Whether all executions were looked at: budgets are whole only then.
    whole_fleet: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonDecision<'a> {
    decision: Decision,
    reason: Reason,
    explanation: &'a str,
    policy: &'a str,
    force: bool,
    /// The first of all.
    to_change: Option<&'a str>,
    all_to_change: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonPolicy<'a> {
    name: &'a str,
    path: &'a str,
    line: usize,
    mode: crate::policy::Mode,
    in_scope: bool,
    out_of_scope: Option<&'a str>,
    reason: Option<Reason>,
    explanation: &'a str,
    /// The first of all.
    to_change: Option<&'a str>,
    all_to_change: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    stable_for: Option<JsonStable>,
    clauses: Vec<JsonClause<'a>>,
    rules: Vec<JsonRule<'a>>,
    suspended: Option<JsonSuspended<'a>>,
    expires_at: Option<String>,
    window: Option<JsonWindow>,
    budgets: &'a [BudgetState],
    /// The limits of which nothing is known, since other executions were not looked at.
    budgets_not_counted: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonStable {
    seconds: i64,
    /// Null if it does not match now.
    matched_since: Option<String>,
    stable_at: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonSuspended<'a> {
    reason: &'a str,
    until: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonWindow {
    open: bool,
    until: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonGuard<'a> {
    name: &'a str,
    path: &'a str,
    line: usize,
    standing: &'static str,
    protects: &'static str,
    rules: Vec<JsonRule<'a>>,
    freezes: Vec<JsonFreeze<'a>>,
    scope: Option<JsonScope<'a>>,
    budgets: &'a [BudgetState],
    budgets_not_counted: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonFreeze<'a> {
    name: &'a str,
    from: String,
    until: String,
    lasts: bool,
    except_policies: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonScope<'a> {
    accounts: Vec<&'a str>,
    regions: Vec<&'a str>,
    has: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonRule<'a> {
    name: &'a str,
    reason: Option<&'a str>,
    holds: &'static str,
    clauses: Vec<JsonClause<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonClause<'a> {
    path: &'a str,
    asks: &'a str,
    saw: &'a str,
    answer: &'static str,
}

/// The explanation, with what the journal has of the execution.
pub fn json<'a>(explanation: &'a Explanation, journal: &'a [Entry]) -> impl Serialize + 'a {
    let text = |value: &String| serde_json::Value::from(value.as_str());
    Json {
        format: "rescind/explain/v1",
        job: explanation.key.job.as_str(),
        thing: explanation.key.thing.as_str(),
        now: explanation.now.to_string(),
        status: explanation.status.to_string(),
        execution_number: explanation.number.map(|number| number.0),
        version: explanation.version.map(ExecutionVersion::get),
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
            policy: decided.policy.as_str(),
            force: decided.force,
            to_change: decided.to_change.first().map(String::as_str),
            all_to_change: &decided.to_change,
        }),
        journal,
        policies: explanation.policies.iter().map(json_policy).collect(),
        guards: explanation.guards.iter().map(json_guard).collect(),
        budgets: &explanation.budgets,
        whole_fleet: explanation.breadth == Breadth::Fleet,
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

/// The same as a value.
pub fn value(explanation: &Explanation) -> serde_json::Value {
    serde_json::to_value(json(explanation, &[])).expect("an explanation has text keys only")
}

fn standing_label(standing: &Standing) -> &'static str {
    match standing {
        Standing::Unchanged => "unchanged",
        Standing::Changed(_) => "changed",
        Standing::Missing => "missing",
    }
}

fn json_author(author: &Author) -> serde_json::Value {
    match author {
        Author::Rescind { policy, digest, attempt, standing } => {
            json!({"by": "rescind", "policy": policy, "digest": digest, "attempt": attempt,
                   "policyInRoot": standing_label(standing), "toldBy": "statusDetails"})
        }
        Author::InJournal { policy, digest, intent, standing, marked: _ } => {
            json!({"by": "rescind", "policy": policy, "digest": digest, "intent": intent,
                   "policyInRoot": standing_label(standing), "toldBy": "journal"})
        }
        Author::Unclear(pair) => json!({"by": "unclear", "pair": pair}),
        Author::NotRescind => json!({"by": "notRescind"}),
        Author::NotKnown => json!({"by": "notKnown"}),
    }
}

fn json_policy(view: &View) -> JsonPolicy<'_> {
    JsonPolicy {
        name: view.name.as_str(),
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
        window: view
            .times
            .window
            .map(|it| JsonWindow { open: it.open, until: it.until.map(|time| time.to_string()) }),
        budgets: &view.budgets,
        budgets_not_counted: &view.not_counted,
    }
}

fn json_guard(view: &GuardView) -> JsonGuard<'_> {
    JsonGuard {
        name: view.name.as_str(),
        path: &view.origin.path,
        line: view.origin.line,
        standing: view.standing.label(),
        protects: truth_word(view.protects),
        rules: view.rules.iter().map(json_rule).collect(),
        freezes: view.freezes.iter().map(json_freeze).collect(),
        scope: view.scope.as_ref().map(json_scope),
        budgets: &view.budgets,
        budgets_not_counted: &view.not_counted,
    }
}

fn json_freeze(view: &FreezeView) -> JsonFreeze<'_> {
    JsonFreeze {
        name: &view.name,
        from: view.from.to_string(),
        until: view.until.to_string(),
        lasts: view.lasts,
        except_policies: view.except.iter().map(policy::PolicyName::as_str).collect(),
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
    JsonClause { path, asks, saw, answer: answer_word(*answer) }
}

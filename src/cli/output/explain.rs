//! An explanation as people read it at night, and as JSON.

use serde::Serialize;

use crate::cli::output::plan::round;
use crate::cli::output::{Output, Tone, columns};
use crate::execution::ExecutionVersion;
use crate::fact::Truth;
use crate::plan::clause::Answer;
use crate::plan::explain::{Author, Decided, Explanation, Rule, Seen, Standing, View};
use crate::plan::words::{self, in_words};
use crate::plan::{Because, BudgetState, Decision, Owner, Reason};

/// The explanation as text.
pub fn text(explanation: &Explanation, output: Output) -> String {
    let mut text = format!("{}: {}\n", explanation.key, headline(explanation, output));
    if let Some(author) = &explanation.author {
        text.push_str(&format!("  {}\n", author_words(author)));
    }
    if let Some(to_change) = explanation.decided.as_ref().and_then(|it| it.to_change.as_ref()) {
        text.push_str(&format!("  To be canceled: {to_change}.\n"));
    }
    text.push_str(&execution(explanation, output));
    for view in &explanation.policies {
        text.push('\n');
        text.push_str(&policy(view, explanation, output));
    }
    let of_guards = |state: &&BudgetState| matches!(state.owner, Owner::Guard(_));
    let (guards, own): (Vec<_>, Vec<_>) = explanation.budgets.iter().partition(of_guards);
    for (head, budgets) in [
        ("Budget of the policy that decides", own),
        ("Budgets of guards, over all policies", guards),
    ] {
        if !budgets.is_empty() {
            text.push_str(&format!("\n{head}:\n"));
        }
        for state in budgets {
            text.push_str(&format!("  {}\n", budget(state, explanation)));
        }
    }
    text
}

fn headline(explanation: &Explanation, output: Output) -> String {
    match &explanation.decided {
        Some(decided) => decided_words(decided, output),
        None if explanation.status.is_terminal() => {
            format!("nothing to cancel: it has ended, {}", explanation.status)
        }
        None => "keep: no policy has it in scope".to_owned(),
    }
}

fn decided_words(decided: &Decided, output: Output) -> String {
    let tone = match decided.decision {
        Decision::Cancel | Decision::Examine => Tone::Strong,
        Decision::Defer => Tone::Waits,
        Decision::Keep => Tone::Good,
    };
    let force = if decided.force { ", with force" } else { "" };
    let word = output.paint(tone, words::decision(decided.decision));
    format!("{word}{force}, says policy {}: {}", decided.policy, decided.because)
}

fn author_words(author: &Author) -> String {
    match author {
        Author::Rescind { policy, digest, attempt, standing } => {
            let now = match standing {
                Standing::Unchanged => "which is in this root as it was then".to_owned(),
                Standing::Changed(now) => format!("which is in this root, changed since ({now})"),
                Standing::Missing => "which is not in this root".to_owned(),
            };
            format!("Canceled by rescind: policy {policy} ({digest}), {now}; attempt {attempt}.")
        }
        Author::Unclear(pair) => {
            format!(
                "Canceled; its statusDetails have rescind = {pair:?}, which rescind does not write so."
            )
        }
        Author::NotRescind => {
            "Canceled, but not by rescind, as far as its statusDetails say.".to_owned()
        }
        Author::NotKnown => {
            "Canceled; by whom is not known, since its statusDetails are not.".to_owned()
        }
    }
}

fn execution(explanation: &Explanation, output: Output) -> String {
    let number = explanation.number.map_or("?".to_owned(), |number| number.to_string());
    let version = explanation.version.map_or("?".to_owned(), |version| version.to_string());
    let mut text = format!(
        "\nExecution {number}, {}, version {version}, at {}:\n",
        explanation.status,
        round(explanation.now)
    );
    let plain = |name: String, value: String| vec![(Tone::Plain, name), (Tone::Plain, value)];
    let mut rows: Vec<_> = explanation
        .facts
        .iter()
        .map(|(name, value)| plain(format!("  {name}"), value.clone()))
        .collect();
    rows.extend(
        explanation
            .details
            .iter()
            .map(|(key, value)| plain(format!("  statusDetails.{key}"), format!("{value:?}"))),
    );
    text.push_str(&columns(output, &rows));
    text
}

fn policy(view: &View, explanation: &Explanation, output: Output) -> String {
    let View { name, origin, mode, .. } = view;
    if let Some(why) = &view.out_of_scope {
        return format!("Policy {name} ({origin}, {mode:?}): not in scope: {why}\n");
    }
    let decides = explanation.decided.as_ref().is_some_and(|it| it.policy == *name);
    let mark = if decides { ", decides" } else { "" };
    let mut text = format!("Policy {name} ({origin}, {mode:?}{mark}): {}\n", view.because);
    let mut rows: Vec<_> = view.clauses.iter().map(|seen| row(seen, "  ", true)).collect();
    for rule in &view.rules {
        rows.push(rule_row(rule));
        rows.extend(rule.clauses.iter().map(|seen| row(seen, "    ", false)));
    }
    text.push_str(&columns(output, &rows));
    if let Some(stable) = &view.stable {
        text.push_str(&format!("  {stable}\n"));
    }
    if let Some(to_change) = view.to_change.as_ref().filter(|_| !decides) {
        text.push_str(&format!("  To be canceled by it: {to_change}.\n"));
    }
    text
}

fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::NotRead => "not read",
        Answer::Unknown => "unknown",
    }
}

/// A condition; `wanted` is the answer that lets an execution be canceled.
fn row(seen: &Seen, indent: &str, wanted: bool) -> Vec<(Tone, String)> {
    let fits = match seen.answer {
        Answer::Yes => wanted,
        Answer::No => !wanted,
        Answer::NotRead | Answer::Unknown => false,
    };
    let tone = if fits { Tone::Plain } else { Tone::Waits };
    vec![
        (tone, format!("{indent}{}", answer_word(seen.answer))),
        (Tone::Faint, seen.path.clone()),
        (Tone::Plain, seen.saw.clone()),
        (Tone::Faint, format!("asked: {}", seen.asks)),
    ]
}

fn rule_row(rule: &Rule) -> Vec<(Tone, String)> {
    let (tone, word, means) = match rule.holds {
        Truth::Yes => (Tone::Waits, "yes", "holds, so that it is kept"),
        Truth::No => (Tone::Plain, "no", "does not hold"),
        Truth::Unknown => (Tone::Waits, "unknown", "may hold, so that it is kept"),
    };
    vec![
        (tone, format!("  {word}")),
        (Tone::Plain, format!("exclude[{}]", rule.name)),
        (Tone::Plain, means.to_owned()),
    ]
}

fn budget(state: &BudgetState, explanation: &Explanation) -> String {
    if state.halted.is_some() {
        let because = Because::Budget(state.clone());
        return in_words(Reason::BudgetHalted, &because, explanation.now);
    }
    if state.left() > 0 {
        return format!("{}: {} of {} left", state.limit, state.left(), state.size);
    }
    let because = Because::Budget(state.clone());
    in_words(Reason::BudgetExhausted, &because, explanation.now)
}

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
    facts: serde_json::Map<String, serde_json::Value>,
    status_details: serde_json::Map<String, serde_json::Value>,
    canceled_by: Option<serde_json::Value>,
    decision: Option<JsonDecision<'a>>,
    policies: Vec<JsonPolicy<'a>>,
    budgets: &'a [BudgetState],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonDecision<'a> {
    decision: Decision,
    reason: Reason,
    explanation: &'a str,
    policy: &'a str,
    force: bool,
    to_change: Option<&'a str>,
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
    to_change: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stable_for: Option<JsonStable>,
    clauses: Vec<JsonClause<'a>>,
    rules: Vec<JsonRule<'a>>,
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
struct JsonRule<'a> {
    name: &'a str,
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

/// The explanation as JSON: `rescind/explain/v1`.
pub fn json(explanation: &Explanation) -> impl Serialize {
    let text = |value: &String| serde_json::Value::from(value.as_str());
    Json {
        format: "rescind/explain/v1",
        job: explanation.key.job.as_str(),
        thing: explanation.key.thing.as_str(),
        now: explanation.now.to_string(),
        status: explanation.status.to_string(),
        execution_number: explanation.number.map(|number| number.0),
        version: explanation.version.map(ExecutionVersion::get),
        facts: explanation.facts.iter().map(|(k, v)| ((*k).to_owned(), text(v))).collect(),
        status_details: explanation.details.iter().map(|(k, v)| (k.clone(), text(v))).collect(),
        canceled_by: explanation.author.as_ref().map(json_author),
        decision: explanation.decided.as_ref().map(|decided| JsonDecision {
            decision: decided.decision,
            reason: decided.reason,
            explanation: &decided.because,
            policy: decided.policy.as_str(),
            force: decided.force,
            to_change: decided.to_change.as_deref(),
        }),
        policies: explanation.policies.iter().map(json_policy).collect(),
        budgets: &explanation.budgets,
    }
}

/// The same as a value.
pub fn value(explanation: &Explanation) -> serde_json::Value {
    serde_json::to_value(json(explanation)).expect("an explanation has text keys only")
}

fn json_author(author: &Author) -> serde_json::Value {
    use serde_json::json;
    match author {
        Author::Rescind { policy, digest, attempt, standing } => {
            let standing = match standing {
                Standing::Unchanged => "unchanged",
                Standing::Changed(_) => "changed",
                Standing::Missing => "missing",
            };
            json!({"by": "rescind", "policy": policy, "digest": digest, "attempt": attempt,
                   "policyInRoot": standing})
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
        to_change: view.to_change.as_deref(),
        stable_for: view.stable.map(|stable| JsonStable {
            seconds: stable.period.get().as_secs(),
            matched_since: stable.since.map(|time| time.to_string()),
            stable_at: stable.until.map(|time| time.to_string()),
        }),
        clauses: view.clauses.iter().map(json_clause).collect(),
        rules: view
            .rules
            .iter()
            .map(|rule| JsonRule {
                name: &rule.name,
                holds: match rule.holds {
                    Truth::Yes => "yes",
                    Truth::No => "no",
                    Truth::Unknown => "unknown",
                },
                clauses: rule.clauses.iter().map(json_clause).collect(),
            })
            .collect(),
    }
}

fn json_clause(seen: &Seen) -> JsonClause<'_> {
    let Seen { path, asks, saw, answer } = seen;
    JsonClause { path, asks, saw, answer: answer_word(*answer) }
}

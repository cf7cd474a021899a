//! An explanation as people read it at night.

use jiff::Timestamp;

use crate::cli::output::plan::round;
use crate::cli::output::{Output, Tone, columns};
use crate::fact::{Fact, Truth};
use crate::plan::clause::Answer;
use crate::plan::explain::{
    Author, Breadth, Decided, Explanation, FreezeView, GuardView, Rule, Seen, Standing, View,
};
use crate::plan::words::{self, in_words};
use crate::plan::{Because, BudgetState, Decision, Outcome, Reason};
use crate::policy;
use crate::span::humanize;
use crate::state::journal::Entry;

pub mod json;

type Row = Vec<(Tone, String)>;

/// The explanation as text, with what the journal has of the execution.
pub fn text(explanation: &Explanation, journal: &[Entry], output: Output) -> String {
    let mut text = format!("{}: {}\n", explanation.key, headline(explanation, output));
    if let Some(author) = &explanation.author {
        text.push_str(&format!("  {}\n", author_words(author)));
    }
    if let Some(decided) = &explanation.decided {
        text.push_str(&to_change("To be canceled", &decided.to_change));
    }
    text.push_str(&execution(explanation, output));
    text.push_str(&entries(explanation, journal, output));
    for view in &explanation.policies {
        text.push('\n');
        text.push_str(&policy(view, explanation, output));
    }
    for view in &explanation.guards {
        text.push('\n');
        text.push_str(&guard(view, explanation, output));
    }
    if explanation.breadth == Breadth::One && !explanation.policies.is_empty() {
        text.push_str(
            "\nNothing but this execution was looked at: its decision hangs on no other.\n",
        );
    }
    text
}

fn to_change(head: &str, all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => format!("  {head}: {one}.\n"),
        all => {
            let all = all.join("\n    - ");
            format!("  {head}, all of this:\n    - {all}\n")
        }
    }
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

fn standing_words(standing: &Standing) -> String {
    match standing {
        Standing::Unchanged => "which is in this root as it was then".to_owned(),
        Standing::Changed(now) => format!("which is in this root, changed since ({now})"),
        Standing::Missing => "which is not in this root".to_owned(),
    }
}

fn author_words(author: &Author) -> String {
    match author {
        Author::Rescind { policy, digest, attempt, standing } => {
            let now = standing_words(standing);
            format!("Canceled by rescind: policy {policy} ({digest}), {now}; attempt {attempt}.")
        }
        Author::InJournal { policy, digest, intent, standing, marked } => {
            let now = standing_words(standing);
            let why = if *marked {
                "Its statusDetails do not have the rescind pair that was sent."
            } else {
                "Its statusDetails do not say so: they had no room for the rescind pair."
            };
            format!(
                "Canceled by rescind, as the journal says: policy {policy} ({digest}), {now}; intent \
                 {intent}. {why}"
            )
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
        .map(|(name, time)| plain(format!("  {name}"), age(*time, explanation.now)))
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
    rows.extend(view.rules.iter().flat_map(|it| rule_rows("exclude", it)));
    text.push_str(&columns(output, &rows));
    let now = explanation.now;
    if let Some(stable) = &view.stable {
        text.push_str(&format!("  {stable}\n"));
    }
    for line in when(view, now).into_iter().chain(limits(&view.budgets, &view.not_counted, now)) {
        text.push_str(&format!("  {line}\n"));
    }
    if !decides {
        text.push_str(&to_change("To be canceled by it", &view.to_change));
    }
    text
}

/// When a policy may act, as far as anything is written about that.
fn when(view: &View, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    let times = &view.times;
    if let Some(suspended) = &times.suspended {
        let why = match &suspended.reason {
            reason if reason.is_empty() => String::new(),
            reason => format!(": {reason}"),
        };
        let until = match suspended.until {
            Some(time) => format!("until {}", moment(time, now)),
            None => "until somebody changes that".to_owned(),
        };
        lines.push(format!("suspended, {until}{why}"));
    }
    if let Some(time) = times.expires_at {
        let word = if now < time { "expires at" } else { "expired at" };
        lines.push(format!("{word} {}", moment(time, now)));
    }
    if let Some(window) = times.window {
        let (state, change) = if window.open { ("open", "closes") } else { ("closed", "opens") };
        lines.push(match window.until {
            Some(time) => format!("window {state}; it {change} at {}", moment(time, now)),
            None => format!("window {state}, for a year at least"),
        });
    }
    lines
}

/// A time as an age, with the time itself; why it is not known else.
fn age(time: Fact<Timestamp>, now: Timestamp) -> String {
    match time {
        Fact::Known(time) if time <= now => {
            format!("{} ago ({time})", humanize(now.duration_since(time)))
        }
        Fact::Known(time) => {
            format!("{} ahead of now ({time})", humanize(time.duration_since(now)))
        }
        Fact::Absent => "never".to_owned(),
        other => not_known(other).unwrap_or_default(),
    }
}

/// Why a time is not known, if it is not.
fn not_known(time: Fact<Timestamp>) -> Option<String> {
    match time {
        Fact::Known(_) | Fact::Absent => None,
        Fact::NotRead => Some("not read".to_owned()),
        Fact::Unreadable(why) => Some(format!("not known: {}", why.words())),
    }
}

fn moment(time: Timestamp, now: Timestamp) -> String {
    if now < time {
        format!("{time}, in {}", humanize(time.duration_since(now)))
    } else {
        format!("{time}, {} ago", humanize(now.duration_since(time)))
    }
}

fn limits<'a>(
    states: &'a [BudgetState],
    not_counted: &'a [String],
    now: Timestamp,
) -> impl Iterator<Item = String> + 'a {
    let known = states.iter().map(move |state| format!("budget {}", budget(state, now)));
    let unknown = not_counted.iter().map(|limit| {
        format!("budget {limit}: what is left hangs on other executions, which were not looked at")
    });
    known.chain(unknown)
}

fn guard(view: &GuardView, explanation: &Explanation, output: Output) -> String {
    let GuardView { name, origin, standing, .. } = view;
    let (place, note) = match standing {
        policy::Standing::BuiltIn => ("part of rescind".to_owned(), ""),
        policy::Standing::Written => (origin.to_string(), ""),
        policy::Standing::Broken => {
            (origin.to_string(), "  Its file has an error: it is in force as it was adopted.\n")
        }
        policy::Standing::Missing => (
            format!("adopted from {origin}"),
            "  No file of the root has it: it is in force as it was adopted.\n",
        ),
    };
    let says = match view.protects {
        Truth::Yes => "protects this execution",
        Truth::Unknown => "may protect this execution, so that it is kept",
        Truth::No if view.rules.is_empty() => "protects no execution by a rule",
        Truth::No => "does not protect this execution",
    };
    let mut text = format!("Guard {name} ({place}): {says}\n{note}");
    let rows: Vec<_> = view.rules.iter().flat_map(|it| rule_rows("protect", it)).collect();
    text.push_str(&columns(output, &rows));
    let now = explanation.now;
    let mut lines: Vec<_> = view.freezes.iter().map(|it| freeze(it, now)).collect();
    if let Some(scope) = &view.scope {
        let list = |all: &std::collections::BTreeSet<String>| {
            all.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let has = if scope.has { "this is in it" } else { "this is not surely in it" };
        lines.push(format!(
            "scope account {} in {}: {has}",
            list(&scope.accounts),
            list(&scope.regions)
        ));
    }
    lines.extend(limits(&view.budgets, &view.not_counted, now));
    for line in lines {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn freeze(view: &FreezeView, now: Timestamp) -> String {
    let FreezeView { name, from, until, lasts, except } = view;
    let state = if *lasts {
        format!("lasts, until {}", moment(*until, now))
    } else if now < *from {
        format!("begins at {}", moment(*from, now))
    } else {
        format!("ended at {}", moment(*until, now))
    };
    let but = if except.is_empty() {
        String::new()
    } else {
        let names: Vec<_> = except.iter().map(policy::PolicyName::as_str).collect();
        format!("; not for {}", names.join(", "))
    };
    format!("freeze {name} {state}{but}")
}

/// What the journal has: who ran it, what came of it.
fn entries(explanation: &Explanation, journal: &[Entry], output: Output) -> String {
    if journal.is_empty() {
        return String::new();
    }
    let cell = |text: String| (Tone::Plain, text);
    let rows: Vec<_> = journal
        .iter()
        .map(|entry| {
            let number = entry.execution_number;
            let force = if entry.force { ", with force" } else { "" };
            let outcome = entry.outcome.map_or("open", Outcome::label);
            let request = entry.request_id.as_ref().map(|id| format!("request {id}"));
            let attempts = match entry.attempts {
                0 | 1 => None,
                attempts => Some(format!("{attempts} attempts")),
            };
            let ours = explanation.author.as_ref().is_some_and(|author| match author {
                Author::Rescind { attempt, .. } => attempt.starts_with(&entry.id),
                Author::InJournal { intent, .. } => *intent == entry.id,
                Author::Unclear(_) | Author::NotRescind | Author::NotKnown => false,
            });
            let this = ours.then(|| "this is the cancel".to_owned());
            let more: Vec<_> =
                [this, request, attempts, entry.note.clone()].into_iter().flatten().collect();
            vec![
                cell(format!("  {}", moment(entry.begun_at, explanation.now))),
                cell(format!("{outcome}{force}")),
                cell(format!("execution {number} at version {}", entry.version_number)),
                cell(format!("{} ({})", entry.policy, entry.digest.short())),
                cell(format!("by {}", entry.who)),
                cell(more.join("; ")),
            ]
        })
        .collect();
    format!("\nIn the journal:\n{}", columns(output, &rows))
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
fn row(seen: &Seen, indent: &str, wanted: bool) -> Row {
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

fn rule_rows(list: &str, rule: &Rule) -> Vec<Row> {
    let (tone, word, means) = match rule.holds {
        Truth::Yes => (Tone::Waits, "yes", "holds, so that it is kept"),
        Truth::No => (Tone::Plain, "no", "does not hold"),
        Truth::Unknown => (Tone::Waits, "unknown", "may hold, so that it is kept"),
    };
    let reason = rule.reason.as_ref().filter(|_| rule.holds != Truth::No);
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let head = vec![
        (tone, format!("  {word}")),
        (Tone::Plain, format!("{list}[{}]", rule.name)),
        (Tone::Plain, format!("{means}{reason}")),
    ];
    let clauses = rule.clauses.iter().map(|seen| row(seen, "    ", false));
    std::iter::once(head).chain(clauses).collect()
}

fn budget(state: &BudgetState, now: Timestamp) -> String {
    if state.halted.is_some() {
        return in_words(Reason::BudgetHalted, &Because::Budget(state.clone()), now);
    }
    if state.left() > 0 {
        let spent = match (state.spent, state.refills_at) {
            (0, _) | (_, None) => String::new(),
            (spent, Some(at)) => {
                format!("; {spent} spent, the next refills in {}", humanize(at.duration_since(now)))
            }
        };
        return format!("{}: {} of {} left{spent}", state.limit, state.left(), state.size);
    }
    in_words(Reason::BudgetExhausted, &Because::Budget(state.clone()), now)
}

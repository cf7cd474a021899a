//! The status of a running controller, for people.

use jiff::Timestamp;

use super::audit::short;
use super::plan::problem as told;
use super::{Output, Tone, columns, plural};
use crate::document::words::visible;
use crate::plan::Reason;
use crate::span::humanize;
use crate::status::{Budget, Failure, Guard, NEW_LEDGER, Policy, Status};

/// The whole status as text.
pub fn text(status: &Status, output: Output) -> String {
    let mut text = String::new();
    let ready = if status.unready.is_empty() {
        output.paint(Tone::Good, "ready")
    } else {
        output.paint(Tone::Strong, "not ready")
    };
    let account = status.account.as_ref().map_or_else(
        || {
            let looks = ["no account has answered yet", "the first look is under way"];
            looks[usize::from(status.active && status.pass.is_none())].to_owned()
        },
        |it| format!("account {} in {}", it.account, it.region),
    );
    let age = humanize(status.now.duration_since(status.started_at));
    text.push_str(&format!("rescind {}: {ready}, {account}, up {age}\n", status.rescind));
    for reason in &status.unready {
        text.push_str(&format!("  {}: {}\n", reason.label(), reason.words()));
    }
    if let Some(why) = &status.state_unwritten {
        text.push_str(&format!("  {}\n", visible(why)));
    }
    if let Some(why) = &status.paused {
        let (paused, why) = (output.paint(Tone::Strong, "Paused"), visible(why));
        text.push_str(&format!("  {paused}: nothing is sent: {why}; `rescind resume` ends it\n"));
    }
    let root = &status.root;
    let digest = root.digest.get(..8).unwrap_or_default();
    let broken = root.broken.len();
    text.push_str(&format!(
        "Root {}: {} ({digest}{}){}\n",
        visible(&root.path),
        plural_of(status.policies.len(), "policy", "policies"),
        root.revision
            .as_deref()
            .map_or(String::new(), |it| format!(", git {}", visible(&short(it)))),
        if broken == 0 { String::new() } else { format!(", {}", plural(broken, "broken file")) }
    ));
    if let Some(why) = &root.unread {
        text.push_str(&format!("  {}: its policies wait\n", visible(why)));
    }
    for file in &root.broken {
        text.push_str(&format!("  {} has an error: its policies wait\n", visible(file)));
    }
    if root.all_wait {
        text.push_str(
            "  All policies wait: a file with an error has, or may have, a guard that was never read\n",
        );
    }
    for guard in status.guards.iter().filter(|guard| guard.standing != "written") {
        let (name, path) = (visible(&guard.name), visible(&guard.path));
        let why = match &*guard.standing {
            "broken" if status.root.broken.is_empty() => {
                "the policy root cannot be read".to_owned()
            }
            "broken" => "its file has an error".to_owned(),
            _ => format!("no file has it; `rescind guard forget {name}` ends it"),
        };
        text.push_str(&format!("  Guard {name} ({path}) stays in force, although {why}\n"));
    }
    for breaker in status.breakers.iter().filter(|breaker| breaker.open) {
        let since = breaker.since.map_or(String::new(), |at| format!(" {}", ago(at, status.now)));
        let why = visible(breaker.why.as_deref().unwrap_or_default());
        let (name, open) = (visible(&breaker.name), output.paint(Tone::Strong, "is open"));
        text.push_str(&format!(
            "  Breaker {name} {open}: nothing is sent. It opened{since}: {why}; once that is put right, \
             `rescind resume --breaker {name}` closes it\n"
        ));
    }
    let budgets = status.policies.iter().flat_map(|policy| &policy.budgets);
    let mut budgets = budgets.chain(status.guards.iter().flat_map(|guard| &guard.budgets));
    if budgets.any(Budget::waits_for_unknown_past) {
        let first = output.paint(Tone::Waits, "A new ledger");
        text.push_str(&format!("  {first} leaves nothing of a budget yet: {NEW_LEDGER}\n"));
    }
    text.push_str(&look(status));
    if !status.policies.is_empty() {
        text.push('\n');
        text.push_str(&policies(&status.policies, status.now, output));
    }
    if !status.guards.is_empty() {
        text.push('\n');
        text.push_str(&guards(&status.guards, status.now, output));
    }
    if !status.endings.is_empty() {
        let endings: Vec<_> = status.endings.iter().map(|(it, n)| format!("{n} {it}")).collect();
        text.push_str(&format!("\nSince the start: {}\n", endings.join(", ")));
    }
    let calls = status.calls.iter().filter(|(_, it)| it.sent > 0);
    let calls: Vec<_> = calls
        .map(|(name, it)| match it.throttled {
            0 => format!("{name} {}", it.sent),
            throttled => format!("{name} {} ({throttled} throttled)", it.sent),
        })
        .collect();
    if !calls.is_empty() {
        text.push_str(&format!("Calls: {}\n", calls.join(", ")));
    }
    for error in &status.errors {
        text.push_str(&format!("{}  {}\n", ago(error.at, status.now), failure(error)));
    }
    text
}

fn failure(error: &Failure) -> String {
    let what = visible(&error.what);
    match (&error.kind, error.count) {
        (Some(kind), 0 | 1) => format!("{}: {what}", visible(kind)),
        (Some(kind), times) => format!("{}, {times} times; the latest: {what}", visible(kind)),
        (None, 0 | 1) => what,
        (None, times) => format!("{what} ({times} times)"),
    }
}

fn look(status: &Status) -> String {
    let last = match &status.pass {
        None => "No pass has come to its end yet".to_owned(),
        Some(pass) => {
            let reasons: Vec<_> =
                pass.reasons.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
            let what = if pass.observed {
                plural(usize::try_from(pass.executions).unwrap_or(usize::MAX), "execution")
            } else {
                "nothing could be observed".to_owned()
            };
            let reasons = if reasons.is_empty() {
                String::new()
            } else {
                format!(" ({})", reasons.join(", "))
            };
            let at = ago(pass.at, status.now);
            let mut text = format!("Last pass {at}, {:.1} s: {what}{reasons}", pass.seconds);
            for problem in &pass.problems {
                text.push_str(&format!("\n  {}", visible(&told(problem))));
            }
            if pass.recreated > 0 {
                let again =
                    plural(usize::try_from(pass.recreated).unwrap_or(usize::MAX), "execution");
                text.push_str(&format!(
                    "\n  {again} created anew by AWS after a cancel of ours (a CONTINUOUS job does that when \
                     its thing joins a target again)"
                ));
            }
            if let Some(n) = pass.reasons.get(Reason::OutOfScope.label()) {
                let why = if status.guards.is_empty() {
                    "no guard is in force: add one to the root, or start with --no-guards"
                } else {
                    "neither --account and --region nor the scope of a guard names this account and region"
                };
                text.push_str(&format!("\n  {n} that nothing can be sent for: {why}"));
            }
            for (fact, n) in &pass.unknown {
                text.push_str(&format!("\n  {n} kept: {fact} is not known"));
            }
            if let Some(n) = pass.reasons.get(Reason::BackingOff.label()) {
                text.push_str(&format!("\n  {n} left alone for a while: {}", left_alone(status)));
            }
            text
        }
    };
    let since: Vec<_> =
        status.endings_since_look.iter().map(|(ending, n)| format!("{n} {ending}")).collect();
    let last = if since.is_empty() {
        last
    } else {
        format!("{last}\n  Since everything was looked at: {}", since.join(", "))
    };
    let next = match (status.active, status.next_look) {
        (true, _) => "a pass is under way".to_owned(),
        (false, Some(at)) if at > status.now => {
            format!("next look in {}", humanize(at.duration_since(status.now)))
        }
        (false, _) => "the next look is due".to_owned(),
    };
    let last = match status.finish {
        Some(finish) => format!("{last}\n  {}", finish.in_words()),
        None => last,
    };
    format!("{last}\n{}{}\n", next[..1].to_uppercase(), &next[1..])
}

/// Why executions are left alone: what AWS said last of a call for one, as far as this process has met it.
fn left_alone(status: &Status) -> String {
    let of_call = |it: &Failure| {
        let kind = it.operation.as_ref().and(it.kind.as_deref())?;
        Some(format!("{}: {}: {}", ago(it.at, status.now), visible(kind), visible(&it.what)))
    };
    let why = match status.errors.iter().rev().find_map(of_call) {
        Some(latest) => format!("the latest, {latest}"),
        None => "`rescind audit` says what happened".to_owned(),
    };
    format!("an earlier cancel failed, or is not settled yet; {why}")
}

fn policies(policies: &[Policy], now: Timestamp, output: Output) -> String {
    let head = ["POLICY", "MODE", "STATE", "EXECUTIONS", "BUDGET"];
    let mut rows = vec![head.map(|it| (Tone::Faint, it.to_owned())).to_vec()];
    for policy in policies {
        let tone = match policy.state.as_str() {
            "active" => Tone::Plain,
            "held" => Tone::Strong,
            _ => Tone::Waits,
        };
        let mut executions: Vec<_> =
            policy.executions.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        if policy.observed > 0 {
            executions.push(format!("would cancel {}", policy.observed));
        }
        rows.push(vec![
            (Tone::Plain, policy.name.clone()),
            (Tone::Plain, policy.mode.clone()),
            (tone, state(policy, now)),
            (Tone::Plain, executions.join(", ")),
            (Tone::Plain, budgets(&policy.budgets, now, refill(&policy.budgets))),
        ]);
    }
    columns(output, &rows)
}

fn state(policy: &Policy, now: Timestamp) -> String {
    let Some(window) = &policy.window else { return policy.state.clone() };
    let (is, becomes) = if window.open { ("open", "closes") } else { ("closed", "opens") };
    let change = window.changes_at.map_or_else(String::new, |at| {
        format!(", {becomes} in {}", humanize(at.duration_since(now)))
    });
    format!("{}, window {is}{change}", policy.state)
}

/// When a policy's budget has a unit again, if it has none: nothing goes before each of its limits has one, so
/// that only the last of their times is of use.
fn refill(budgets: &[Budget]) -> impl Fn(&Budget) -> Option<Timestamp> {
    let empty = budgets.iter().filter(|it| it.left == 0);
    let refills = empty.map(|it| it.refills_at).collect::<Option<Vec<_>>>();
    let last = refills.and_then(|all| all.into_iter().max());
    move |it| last.filter(|_| it.left == 0 && it.refills_at == last)
}

fn budgets(
    budgets: &[Budget],
    now: Timestamp,
    refills_at: impl Fn(&Budget) -> Option<Timestamp>,
) -> String {
    let one = |it: &Budget| {
        let refill = refills_at(it).map_or_else(String::new, |at| {
            format!(", refills in {}", humanize(at.duration_since(now)))
        });
        let halted = it.halted.map_or_else(String::new, |due| format!(", halted: {due} due"));
        format!("{} of {} left ({}{refill}{halted})", it.left, it.size, it.limit)
    };
    budgets.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn guards(guards: &[Guard], now: Timestamp, output: Output) -> String {
    let head = ["GUARD", "STATE", "BUDGET OVER ALL POLICIES"];
    let mut rows = vec![head.map(|it| (Tone::Faint, it.to_owned())).to_vec()];
    for guard in guards {
        let tone = if guard.standing == "written" { Tone::Plain } else { Tone::Strong };
        rows.push(vec![
            (Tone::Plain, guard.name.clone()),
            (tone, guard.standing.clone()),
            // Each limit by itself: one for force does not hold up what goes without.
            (
                Tone::Plain,
                budgets(&guard.budgets, now, |it| it.refills_at.filter(|_| it.left == 0)),
            ),
        ]);
    }
    columns(output, &rows)
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", humanize(now.duration_since(at)))
}

fn plural_of(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

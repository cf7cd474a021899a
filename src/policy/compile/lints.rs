//! What is allowed, and most likely not what was meant: findings that keep no policy from being used.
//!
//! Apart from the rest of the compiler, which refuses. Those that rest on clauses are asked only where all
//! clauses compiled: one that is missing would blame the others. Two policies beside each other are
//! asked in [`crate::policy::overlap`].

use std::collections::BTreeMap;

use super::Compiler;
use crate::document::diagnostic::Code;
use crate::document::finding::join;
use crate::document::words::quoted;
use crate::execution::{OpenStatus, TargetSelection};
use crate::policy::expression::Field;
use crate::policy::shapes::PolicySpec;
use crate::policy::window::{Window, WindowKind, never_open};
use crate::policy::{AgeClock, Clause, Mode, Operator, Requirement, Rule, Target, Test};

/// The operation that is called once for each thing or execution to answer a clause; none if the lists
/// and a call a job bring it.
fn called_for_each(test: &Test) -> Option<&'static str> {
    let of_field = |field| Field::called_for_each(field);
    match test {
        Test::Age { .. }
        | Test::RetryAttemptAtLeast(_)
        | Test::JobNames(_)
        | Test::ThingNames(_) => None,
        Test::ThingTypes(_) => of_field(Field::ThingType),
        Test::ThingAttribute(_) => of_field(Field::ThingAttributes),
        Test::ThingGroups(_) => of_field(Field::ThingGroups),
        Test::StatusDetail(_) => of_field(Field::StatusDetails),
        Test::Expression(condition) => {
            condition.expression.fields().iter().copied().find_map(of_field)
        }
    }
}

/// Where a clause of `match` or a condition stands, as far as that can be said of its path: the keys
/// of labels may have dots.
fn pointer(path: &str) -> String {
    let steps: Vec<_> = path.split('.').collect();
    match steps.as_slice() {
        ["match", "thing", key, ..] => join("/spec/match/thing", key),
        ["match", key, ..] => join("/spec/match", key),
        [condition, ..] => {
            let index = condition.trim_start_matches("conditions[").trim_end_matches(']');
            format!("/spec/conditions/{index}/expression")
        }
        [] => "/spec".to_owned(),
    }
}

/// What no value of a key can meet, in words; none if one can, as far as these conditions say.
fn contradiction(key: &str, asked: &[&Operator]) -> Option<String> {
    let key = quoted(key);
    let absent = asked.iter().any(|operator| matches!(operator, Operator::DoesNotExist));
    if absent && asked.iter().any(|operator| !matches!(operator, Operator::DoesNotExist)) {
        return Some(format!("{key} cannot be there and not be there"));
    }
    let mut allowed: Option<Vec<&String>> = None;
    for operator in asked {
        if let Operator::In(values) = operator {
            let values: Vec<_> = values.iter().collect();
            allowed = Some(match allowed {
                None => values,
                Some(before) => values.into_iter().filter(|it| before.contains(it)).collect(),
            });
        }
    }
    let allowed = allowed?;
    if allowed.is_empty() {
        return Some(format!("{key} cannot have values of both lists: they share none"));
    }
    let refused = |value: &&&String| {
        asked.iter().any(|it| matches!(it, Operator::NotIn(values) if values.contains(**value)))
    };
    if allowed.iter().filter(refused).count() == allowed.len() {
        return Some(format!("each value that {key} may have is also one that it must not have"));
    }
    None
}

/// A key of a map that conditions ask for.
fn requirement(test: &Test) -> Option<(bool, &Requirement)> {
    match test {
        Test::ThingAttribute(requirement) => Some((true, requirement)),
        Test::StatusDetail(requirement) => Some((false, requirement)),
        _ => None,
    }
}

/// Whether a test holds, where that hangs on nothing.
fn always(test: &Test) -> Option<bool> {
    match test {
        Test::JobNames(globs) | Test::ThingNames(globs) => {
            globs.patterns().iter().any(|pattern| pattern == "*").then_some(true)
        }
        Test::Expression(condition) => condition.expression.always(),
        _ => None,
    }
}

impl Compiler<'_> {
    /// Conditions on one key that exclude each other. `at` is the list or rule that they stand in. It
    /// is an error: such a policy cancels nothing, and such a rule protects nothing.
    pub(super) fn contradictions(&mut self, at: &str, clauses: &[Clause]) {
        let mut by_key: BTreeMap<(bool, &str), Vec<&Operator>> = BTreeMap::new();
        for (of_thing, asked) in clauses.iter().filter_map(|clause| requirement(&clause.test)) {
            by_key.entry((of_thing, &asked.key)).or_default().push(&asked.operator);
        }
        for ((of_thing, key), asked) in by_key {
            if let Some(message) = contradiction(key, &asked) {
                let below = if of_thing { "thing/attributes" } else { "statusDetails" };
                let help =
                    "all conditions must hold: remove one of them, or put the values into one list";
                let at = format!("{at}/{below}");
                self.findings.value(Code::MeaningNeverMatches, at, message, Some(help));
            }
        }
    }

    /// What can be said of a policy in which nothing is wrong.
    pub(super) fn lints(
        &mut self,
        spec: &PolicySpec,
        target: &Target,
        clauses: &[Clause],
        windows: &[Window],
    ) {
        self.never(clauses);
        self.no_budget(spec);
        self.never_closes(windows);
        self.not_started(target, clauses);
        self.recreated(target);
        self.costly(target, clauses);
        self.tiny_share(spec);
    }

    pub(super) fn suspension(&mut self, spec: &PolicySpec) {
        if spec.suspend_reason.is_some() && !spec.suspend {
            self.findings.key(
                Code::MeaningSuspendReason,
                "/spec/suspendReason",
                "a reason to suspend a policy that is not suspended",
                Some("write `suspend: true` to suspend it, or remove the reason"),
            );
        }
        if spec.suspend_until.is_some() && !spec.suspend {
            self.findings.key(
                Code::MeaningSuspendReason,
                "/spec/suspendUntil",
                "an end of the suspension of a policy that is not suspended",
                Some("write `suspend: true` to suspend it until then, or remove the time"),
            );
        }
    }

    pub(super) fn force(&mut self, spec: &PolicySpec) {
        let statuses = &spec.target.statuses;
        if spec.cancel.force || !statuses.contains(&OpenStatus::InProgress) {
            return;
        }
        let code = Code::MeaningForce;
        if statuses.len() == 1 {
            self.findings.value(
                code,
                "/spec/target/statuses",
                "this can cancel nothing: what is IN_PROGRESS is canceled only with force",
                Some("write `cancel: {force: true}`, or add QUEUED"),
            );
        } else {
            self.findings.item(
                code,
                "/spec/target/statuses",
                "IN_PROGRESS",
                "what is IN_PROGRESS is listed and stays: it is canceled only with force",
                Some("write `cancel: {force: true}`, or remove IN_PROGRESS"),
            );
        }
    }

    /// A rule that keeps nothing, or all that there is. `at` is where it stands.
    pub(super) fn empty_or_whole(&mut self, at: &str, rule: &Rule, of_guard: bool) {
        let says: Vec<_> = rule.clauses.iter().map(|clause| always(&clause.test)).collect();
        let code = Code::MeaningNoEffect;
        if says.contains(&Some(false)) {
            let message = "this is never true: the rule keeps nothing";
            let help = Some("remove the rule, or ask for something that can be");
            self.findings.value(code, join(at, "expression"), message, help);
        } else if !of_guard && says.iter().all(|it| *it == Some(true)) {
            let message = format!(
                "the rule {} keeps everything: the policy cancels nothing",
                quoted(&rule.name)
            );
            let help = Some("name what is to be kept, or write `suspend: true` for a while");
            self.findings.value(code, at, message, help);
        } else if says.iter().all(|it| *it == Some(true)) {
            let message =
                format!("the rule {} protects everything: nothing is canceled", quoted(&rule.name));
            let help = Some("name what is to be protected; `freezes` stop everything for a time");
            self.findings.value(Code::MeaningForbidsAll, at, message, help);
        }
    }

    /// A condition that nothing meets.
    fn never(&mut self, clauses: &[Clause]) {
        for clause in clauses.iter().filter(|clause| always(&clause.test) == Some(false)) {
            self.findings.value(
                Code::MeaningNoEffect,
                pointer(&clause.path),
                "this is never true: the policy cancels nothing",
                Some("ask for something that can be, or write `suspend: true` for a while"),
            );
        }
    }

    fn no_budget(&mut self, spec: &PolicySpec) {
        if spec.mode != Mode::Enforce {
            return;
        }
        let budget = &spec.budget;
        let counts = budget.max.iter().enumerate().filter(|(_, limit)| limit.count == 0);
        let mut at: Vec<_> =
            counts.map(|(index, _)| format!("/spec/budget/max/{index}/count")).collect();
        let share = budget.max_percent.as_ref().filter(|share| share.value == 0);
        at.extend(share.map(|_| "/spec/budget/maxPercent/value".to_owned()));
        for at in at {
            self.findings.value(
                Code::MeaningNoEffect,
                at,
                "the budget allows none: the policy cancels nothing",
                Some("allow some, or write `mode: Observe`, or `suspend: true` for a while"),
            );
        }
    }

    fn never_closes(&mut self, windows: &[Window]) {
        let mut told = false;
        for (index, window) in windows.iter().enumerate() {
            let whole_day = window.from.minutes() == 0 && window.to.is_end_of_day();
            if window.kind == WindowKind::Deny && whole_day && window.days.len() == 7 {
                self.findings.value(
                    Code::MeaningNoEffect,
                    join("/spec/windows", index),
                    "this window is always open: the policy never acts",
                    Some("name fewer days or hours, or write `suspend: true` for a while"),
                );
                told = true;
            }
        }
        if !told && never_open(windows) {
            self.findings.value(
                Code::MeaningNoEffect,
                "/spec/windows",
                "some Deny window is open whenever an Allow window is: the policy never acts",
                Some("name fewer days or hours, or write `suspend: true` for a while"),
            );
        }
    }

    fn not_started(&mut self, target: &Target, clauses: &[Clause]) {
        if target.statuses.contains(&OpenStatus::InProgress) {
            return;
        }
        for clause in clauses {
            if let Test::Age { since: AgeClock::StartedAt, .. } = clause.test {
                let index = clause.path.trim_start_matches("match.age[").trim_end_matches(']');
                self.findings.value(
                    Code::MeaningNotStarted,
                    format!("/spec/match/age/{index}/since"),
                    "what is QUEUED has not been started: it has no age since `startedAt`",
                    Some("count from `queuedAt`, or add IN_PROGRESS to `target.statuses`"),
                );
            }
        }
    }

    fn recreated(&mut self, target: &Target) {
        let continuous = target.jobs.target_selection.iter().eq([&TargetSelection::Continuous]);
        if continuous && target.statuses.contains(&OpenStatus::Queued) {
            self.findings.item(
                Code::MeaningRecreated,
                "/spec/target/jobs/targetSelection",
                "CONTINUOUS",
                "what is canceled here may come back: a thing that joins a group of the job again gets a \
                 new execution",
                Some("to keep it from coming back, take the thing out of the job's groups, or cancel the job"),
            );
        }
    }

    fn costly(&mut self, target: &Target, clauses: &[Clause]) {
        let is_any = |patterns: &[String]| patterns == ["*"];
        if !is_any(target.things.patterns()) || !is_any(target.jobs.names.patterns()) {
            return;
        }
        let calls: Option<Vec<_>> =
            clauses.iter().map(|it| called_for_each(&it.test).map(|call| (it, call))).collect();
        // A clause that costs nothing is asked first, and of what it leaves the others.
        if let Some((clause, call)) = calls.as_deref().and_then(<[_]>::first) {
            self.findings.value(
                Code::MeaningCostly,
                pointer(&clause.path),
                format!("this costs a {call} for everything that is open, on each pass"),
                Some(
                    "ask first what costs nothing, like `match: {age: [{since: queuedAt, olderThan: 1h}]}`, \
                     or name jobs or things in `target`",
                ),
            );
        }
    }

    fn tiny_share(&mut self, spec: &PolicySpec) {
        let Some(share) = &spec.budget.max_percent else { return };
        let value = u64::from(share.value);
        // 0 is written to allow none.
        if value == 0 || share.min_population.saturating_mul(value) >= 100 {
            return;
        }
        let enough = 100_u64.div_ceil(value);
        self.findings.value(
            Code::MeaningTinyShare,
            "/spec/budget/maxPercent",
            format!(
                "{value} % of fewer than {enough} is less than one: of those nothing is canceled"
            ),
            Some(&format!("write `minPopulation: {enough}`, or a larger share")),
        );
    }
}

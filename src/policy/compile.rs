//! A policy as written ([`super::shapes`]) becomes a [`Policy`], or a list of all that is wrong with it.
//!
//! The schema has been checked before: what it holds (types, enums, ranges, what must not be empty) is
//! not checked again. Here is what a schema cannot say, and nobody behind this asks it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use super::expression::Scope;
use super::shapes::{
    CancelShape, ExcludeShape, JobStatusShape, PolicyDocument, PolicySpec, TargetSelectionShape,
    TargetShape,
};
use super::{
    Cancel, Digest, JobTarget, Limit, LimitSize, Origin, Policy, PolicyName, Rule, Target, template,
};
use crate::document::diagnostic::Code;
use crate::document::finding::{Findings, join};
use crate::document::words::quoted;
use crate::execution::{JobStatus, TargetSelection};
use crate::span::Period;

mod clauses;
mod expressions;
mod guard;
mod lints;
mod patterns;
mod windows;

pub use guard::{compile_guard, excepted_in, restore_guard};

use patterns::Named;

/// The rule for names of policies and of rules.
const LABEL: &str =
    "write 1 to 63 lower-case letters, digits and hyphens, neither first nor last a hyphen";

/// Checks a policy. All that is wrong goes to `findings`; None if anything is an error.
pub fn compile(
    document: &PolicyDocument,
    origin: Origin,
    revision: Option<&Arc<str>>,
    findings: &mut Findings,
) -> Option<Policy> {
    let before = findings.len();
    let spec = &document.spec;
    let scope = expressions::scope(document, &origin, revision);
    let mut compiler = Compiler { findings, scope, uses_revision: false };
    let name = compiler.metadata(document);
    let target = compiler.target(&spec.target);
    compiler.variables(&spec.variables);
    let mut clauses = spec.matching.as_ref().map_or_else(Vec::new, |it| compiler.matching(it));
    compiler.policy_conditions(&spec.conditions, &mut clauses);
    if !compiler.findings.has_errors_since(before) {
        compiler.contradictions("/spec/match", &clauses);
    }
    compiler.asks_something(spec);
    let excludes = compiler.rules("/spec/exclude", "exclude", &spec.exclude);
    let stable_for = compiler.stable_for(spec);
    let cancel = compiler.cancel(&spec.cancel);
    let budget = compiler.budget(spec);
    let windows = compiler.windows(spec);
    let suspended_until = compiler.time("/spec/suspendUntil", spec.suspend_until.as_ref());
    let expires_at = compiler.time("/spec/expiresAt", spec.expires_at.as_ref());
    compiler.suspension(spec);
    compiler.force(spec);
    if let (false, Some(target)) = (compiler.findings.has_errors_since(before), &target) {
        compiler.lints(spec, target, &clauses, &windows);
    }
    let uses_revision = compiler.uses_revision;
    if findings.has_errors_since(before) {
        return None;
    }
    let suspended = spec.suspend.then(|| spec.suspend_reason.clone().unwrap_or_default());
    let json = serde_json::to_value(document).expect("shapes have text keys and finite numbers");
    let json: Arc<str> = sorted(json).to_string().into();
    Some(Policy {
        name: name?,
        origin,
        digest: digest(document, &json),
        mode: spec.mode,
        priority: spec.priority,
        suspended,
        suspended_until,
        expires_at,
        target: target?,
        clauses,
        excludes,
        stable_for,
        cancel,
        budget,
        on_exceed: spec.budget.on_exceed,
        windows,
        revision: revision.cloned(),
        uses_revision,
        held: false,
        document: json,
    })
}

/// The longest window of a budget, and the longest time to match: the state keeps what they need for a
/// day longer.
const A_MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The digest of what a document means: its keys sorted, its defaults filled in. The pairs of `set`
/// count in the order in which they were written, since that decides which of them find room.
fn digest(document: &PolicyDocument, json: &str) -> Digest {
    let order = document.spec.cancel.status_details.set.0.iter().map(|(key, _)| key.as_str());
    let order = Value::from(order.collect::<Vec<_>>());
    Digest::of(format!("{json}{order}").as_bytes())
}

/// A value with the keys of its maps in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Object(map) => {
            let map: BTreeMap<_, _> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            map.into_iter().collect()
        }
        other => other,
    }
}

struct Compiler<'a> {
    findings: &'a mut Findings,
    /// What expressions can name.
    scope: Scope,
    /// Whether one of them names the revision.
    uses_revision: bool,
}

impl Compiler<'_> {
    fn metadata(&mut self, document: &PolicyDocument) -> Option<PolicyName> {
        let metadata = &document.metadata;
        self.keys(&metadata.labels, &metadata.annotations);
        self.label("/metadata/name", &metadata.name, "a policy's name")
    }

    /// A name of a policy or a rule.
    fn label(&mut self, pointer: &str, name: &str, what: &str) -> Option<PolicyName> {
        let label = PolicyName::new(name);
        if label.is_none() {
            let message = format!("{} is not {what}", quoted(name));
            self.findings.value(Code::MeaningName, pointer, message, Some(LABEL));
        }
        label
    }

    fn target(&mut self, shape: &TargetShape) -> Option<Target> {
        let names = self.globs("/spec/target/jobs/names", &shape.jobs.names, Named::Job);
        let things = self.globs("/spec/target/things/names", &shape.things.names, Named::Thing);
        for namespace in &shape.jobs.namespaces {
            let inner = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
            if !(1..=64).contains(&namespace.len()) || !namespace.bytes().all(inner) {
                self.findings.item(
                    Code::MeaningName,
                    "/spec/target/jobs/namespaces",
                    namespace,
                    format!("{} is not a namespace", quoted(namespace)),
                    Some("write 1 to 64 letters, digits, '_' and '-'"),
                );
            }
        }
        let jobs = JobTarget {
            names: names?,
            statuses: shape.jobs.statuses.iter().map(|status| (*status).into()).collect(),
            target_selection: shape.jobs.target_selection.iter().map(|s| (*s).into()).collect(),
            namespaces: shape.jobs.namespaces.clone(),
        };
        Some(Target { statuses: shape.statuses.clone(), jobs, things: things? })
    }

    /// The rules of `exclude`, or of a guard's `protect`.
    fn rules(&mut self, pointer: &str, path: &str, shapes: &[ExcludeShape]) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        for (index, shape) in shapes.iter().enumerate() {
            let pointer = join(pointer, index);
            let at_name = join(&pointer, "name");
            self.label(&at_name, &shape.name, "a rule's name");
            if rules.iter().any(|rule| rule.name == shape.name) {
                let message = format!("a second rule of the name {}", quoted(&shape.name));
                let help = "give each rule a name of its own: decisions name it";
                self.findings.value(Code::MeaningDuplicate, at_name, message, Some(help));
            }
            let before = self.findings.len();
            let rule = self.rule(&pointer, path, shape);
            if !self.findings.has_errors_since(before) && shape.asks() {
                self.contradictions(&pointer, &rule.clauses);
                self.empty_or_whole(&pointer, &rule, path == "protect");
            }
            if rule.clauses.is_empty() && !shape.asks() {
                self.findings.value(
                    Code::MeaningEmptyRule,
                    &pointer,
                    format!("the rule {} asks nothing", quoted(&shape.name)),
                    Some("add what it is about: jobs, things, age, thing, statusDetails, retryAttempt or expression"),
                );
            }
            rules.push(rule);
        }
        rules
    }

    fn cancel(&mut self, shape: &CancelShape) -> Cancel {
        let at = "/spec/cancel/statusDetails/set";
        let mut set = Vec::new();
        for (key, value) in &shape.status_details.set.0 {
            let pointer = join(at, key);
            if key.starts_with(template::MARKER) {
                self.findings.key(
                    Code::MeaningReserved,
                    &pointer,
                    format!("the key {} is rescind's own", quoted(key)),
                    Some("choose a key that does not begin with `rescind`"),
                );
            } else if !clauses::is_status_key(key) {
                self.findings.key(
                    Code::MeaningName,
                    &pointer,
                    format!("{} is not a key of statusDetails", quoted(key)),
                    Some("write 1 to 128 letters, digits, ':', '_' and '-'"),
                );
            }
            set.extend(self.template(&pointer, value).map(|template| (key.clone(), template)));
        }
        Cancel {
            force: shape.force,
            on_existing: shape.status_details.on_existing,
            set,
            allow_job_abort: shape.allow_job_abort,
        }
    }

    /// A duration of more than nothing.
    fn period(&mut self, pointer: &str, text: &str) -> Option<Period> {
        match text.parse() {
            Ok(period) => Some(period),
            Err(error) => {
                self.findings.value(Code::MeaningDuration, pointer, error.to_string(), None);
                None
            }
        }
    }

    /// How long something must have matched.
    fn stable_for(&mut self, spec: &PolicySpec) -> Option<Period> {
        let text = spec.stable_for.as_ref()?;
        self.at_most_a_month("/spec/stableFor", text, "the longest time to match")
    }

    fn at_most_a_month(&mut self, pointer: &str, text: &str, longest: &str) -> Option<Period> {
        let period = self.period(pointer, text)?;
        if period.get() > A_MONTH {
            let message = format!("{} is longer than {longest}", quoted(text));
            let help = Some("write 30d or less");
            self.findings.value(Code::MeaningDuration, pointer, message, help);
            return None;
        }
        Some(period)
    }

    /// The window of a limit: whole seconds, in which the ledger counts.
    fn window(&mut self, pointer: &str, text: &str) -> Option<Period> {
        let period = self.at_most_a_month(pointer, text, "the longest window")?;
        if period.get().subsec_nanos() != 0 {
            let message = format!("{} is not a whole number of seconds", quoted(text));
            let help = Some("write whole seconds, like 1s");
            self.findings.value(Code::MeaningDuration, pointer, message, help);
            return None;
        }
        Some(period)
    }

    fn budget(&mut self, spec: &PolicySpec) -> Vec<Limit> {
        let shape = &spec.budget;
        let mut limits = Vec::new();
        for (index, limit) in shape.max.iter().enumerate() {
            let at = join(&join("/spec/budget/max", index), "per");
            let per = self.window(&at, &limit.per);
            limits.extend(per.map(|per| Limit { size: LimitSize::Count(limit.count), per }));
        }
        if let Some(percent) = &shape.max_percent {
            let size =
                LimitSize::Percent { value: percent.value, min_population: percent.min_population };
            let per = self.window("/spec/budget/maxPercent/per", &percent.per);
            limits.extend(per.map(|per| Limit { size, per }));
        }
        if shape.max.is_empty() && shape.max_percent.is_none() {
            self.findings.value(
                Code::MeaningBudget,
                "/spec/budget",
                "the budget has no limit",
                Some("add `max` or `maxPercent`, or remove `budget`: then 50 per 1h and 10 % per 24h hold"),
            );
        }
        limits
    }
}

impl From<JobStatusShape> for JobStatus {
    fn from(status: JobStatusShape) -> Self {
        match status {
            JobStatusShape::InProgress => Self::InProgress,
            JobStatusShape::Scheduled => Self::Scheduled,
            JobStatusShape::Canceled => Self::Canceled,
            JobStatusShape::Completed => Self::Completed,
            JobStatusShape::DeletionInProgress => Self::DeletionInProgress,
        }
    }
}

impl From<TargetSelectionShape> for TargetSelection {
    fn from(selection: TargetSelectionShape) -> Self {
        match selection {
            TargetSelectionShape::Snapshot => Self::Snapshot,
            TargetSelectionShape::Continuous => Self::Continuous,
        }
    }
}

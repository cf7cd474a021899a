//! A guard as written becomes a [`Guard`], or a list of all that is wrong with it.
//!
//! Its rules take the way of a policy's `exclude`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Compiler, expressions, sorted};
use crate::document::diagnostic::Code;
use crate::document::finding::{Findings, join};
use crate::document::words::quoted;
use crate::policy::guard::{Budget, Freeze, Guard, Limit, Scope, Standing, is_region};
use crate::policy::shapes::guard::{
    BreakersShape, FreezeShape, GuardBudgetShape, GuardDocument, GuardSpec, ScopeShape,
};
use crate::policy::{Breakers, Digest, Origin, PolicyName};

/// Checks a guard. All that is wrong goes to `findings`; None if anything is an error.
pub fn compile_guard(
    document: &GuardDocument,
    origin: Origin,
    findings: &mut Findings,
) -> Option<Guard> {
    let before = findings.len();
    let GuardDocument { metadata, spec, .. } = document;
    let scope = expressions::scope_of_guard(&origin);
    let mut compiler = Compiler { findings, scope, uses_revision: false };
    compiler.keys(&metadata.labels, &metadata.annotations);
    let name = compiler.label("/metadata/name", &metadata.name, "a guard's name");
    if metadata.name == Guard::BUILT_IN {
        compiler.findings.value(
            Code::MeaningReserved,
            "/metadata/name",
            format!("the name {} is rescind's own", quoted(&metadata.name)),
            Some("choose another one"),
        );
    }
    let scope = spec.scope.as_ref().map(|shape| compiler.scope(shape));
    let protects = compiler.rules("/spec/protect", "protect", &spec.protect);
    let freezes = compiler.freezes(&spec.freezes);
    let budget = spec.budget.as_ref().map(|shape| compiler.guard_budget(shape));
    compiler.forbids_something(spec);
    if findings.has_errors_since(before) {
        return None;
    }
    let json = sorted(serde_json::to_value(document).expect("shapes have text keys"));
    let json: Arc<str> = json.to_string().into();
    Some(Guard {
        name: name?,
        origin,
        digest: Digest::of(json.as_bytes()),
        scope,
        protects,
        freezes,
        budget: budget.unwrap_or_default(),
        breakers: spec.breakers.as_ref().map(breakers).unwrap_or_default(),
        disables: spec.disable_builtin.clone(),
        retired: spec.retired.as_ref().map(|retired| retired.reason.clone()),
        standing: Standing::Written,
        document: json,
    })
}

/// The guard of a document that was kept as JSON; None if this version cannot read it.
pub fn restore_guard(document: &str, origin: Origin) -> Option<Guard> {
    let document: GuardDocument = serde_json::from_str(document).ok()?;
    let mut findings = Findings::default();
    compile_guard(&document, origin, &mut findings)
}

impl Compiler<'_> {
    fn scope(&mut self, shape: &ScopeShape) -> Scope {
        for account in &shape.accounts {
            if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
                self.findings.item(
                    Code::MeaningName,
                    "/spec/scope/accounts",
                    account,
                    format!("{} is not an AWS account", quoted(account)),
                    Some("write its twelve digits, in quotes"),
                );
            }
        }
        for region in &shape.regions {
            if !is_region(region) {
                self.findings.item(
                    Code::MeaningName,
                    "/spec/scope/regions",
                    region,
                    format!("{} is not an AWS region", quoted(region)),
                    Some("write it like eu-central-1; patterns are not read here"),
                );
            }
        }
        Scope { accounts: shape.accounts.clone(), regions: shape.regions.clone() }
    }

    fn freezes(&mut self, shapes: &[FreezeShape]) -> Vec<Freeze> {
        let mut names = BTreeSet::new();
        let mut freezes = Vec::new();
        for (index, shape) in shapes.iter().enumerate() {
            let pointer = join("/spec/freezes", index);
            let at_name = join(&pointer, "name");
            self.label(&at_name, &shape.name, "a freeze's name");
            if !names.insert(&shape.name) {
                let message = format!("a second freeze of the name {}", quoted(&shape.name));
                let help = "give each freeze a name of its own: decisions name it";
                self.findings.value(Code::MeaningDuplicate, at_name, message, Some(help));
            }
            let from = self.time(&join(&pointer, "from"), Some(&shape.from));
            let until = self.time(&join(&pointer, "until"), Some(&shape.until));
            let except = self.excepted(&join(&pointer, "exceptPolicies"), &shape.except_policies);
            let (Some(from), Some(until)) = (from, until) else { continue };
            if from >= until {
                self.findings.value(
                    Code::MeaningNeverMatches,
                    join(&pointer, "until"),
                    format!("the freeze {} is over before it begins", quoted(&shape.name)),
                    Some("`until` must be later than `from`"),
                );
            }
            freezes.push(Freeze { name: shape.name.clone(), from, until, except });
        }
        freezes
    }

    fn guard_budget(&mut self, shape: &GuardBudgetShape) -> Budget {
        let mut limits = Vec::new();
        for (field, counts, forced) in
            [("max", &shape.max, false), ("maxForced", &shape.max_forced, true)]
        {
            for (index, limit) in counts.iter().enumerate() {
                let at = join(&join(&format!("/spec/budget/{field}"), index), "per");
                let per = self.window(&at, &limit.per);
                // None with force is a policy of its own, none at all stops everything.
                if limit.count == 0 && !forced {
                    self.findings.value(
                        Code::MeaningForbidsAll,
                        join(&join("/spec/budget/max", index), "count"),
                        "the budget allows none: nothing is canceled",
                        Some("allow some; `freezes` stop everything for a time"),
                    );
                }
                limits.extend(per.map(|per| Limit { forced, count: limit.count, per }));
            }
        }
        if shape.max.is_empty() && shape.max_forced.is_empty() {
            self.findings.value(
                Code::MeaningBudget,
                "/spec/budget",
                "the budget has no limit",
                Some("add `max` or `maxForced`, or remove `budget`"),
            );
        }
        Budget { limits, on_exceed: shape.on_exceed }
    }

    fn excepted(&mut self, pointer: &str, names: &BTreeSet<String>) -> BTreeSet<PolicyName> {
        let mut policies = BTreeSet::new();
        for name in names {
            match PolicyName::new(name) {
                Some(policy) => drop(policies.insert(policy)),
                None => self.findings.item(
                    Code::MeaningName,
                    pointer,
                    name,
                    format!("{} is not a policy's name", quoted(name)),
                    Some("write names of policies; patterns are not read here"),
                ),
            }
        }
        policies
    }

    fn forbids_something(&mut self, spec: &GuardSpec) {
        let says = spec.scope.is_some()
            || !spec.protect.is_empty()
            || !spec.freezes.is_empty()
            || spec.budget.is_some()
            || spec.breakers.is_some()
            || !spec.disable_builtin.is_empty()
            || spec.retired.is_some();
        if !says {
            self.findings.value(
                Code::MeaningEmptyRule,
                "/spec",
                "the guard forbids nothing",
                Some("add `scope`, `protect`, `freezes`, `budget` or `breakers`; to end a guard, write `retired`"),
            );
        }
    }

    /// Keys of labels and annotations.
    pub(super) fn keys(
        &mut self,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
    ) {
        for (map, field) in [(labels, "labels"), (annotations, "annotations")] {
            for key in map.keys() {
                let inner = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
                if !(1..=63).contains(&key.len()) || !key.chars().all(inner) {
                    self.findings.key(
                        Code::MeaningName,
                        join(&format!("/metadata/{field}"), key),
                        format!("{} is not a key of {field}", quoted(key)),
                        Some("write 1 to 63 letters, digits, '.', '_', '/' and '-'"),
                    );
                }
            }
        }
    }
}

fn breakers(shape: &BreakersShape) -> Breakers {
    Breakers {
        unknown_percent: shape.unknown_percent,
        version_conflict_percent: shape.version_conflict_percent,
        error_percent: shape.error_percent,
        clock_skew_seconds: shape.clock_skew_seconds,
    }
}

/// The names that a value of the schema's form refers to, each with its place: policies that a freeze
/// excepts.
pub fn excepted_in(document: &Value) -> Vec<(String, String)> {
    let freezes = document.pointer("/spec/freezes").and_then(Value::as_array);
    let mut names = Vec::new();
    for (index, freeze) in freezes.into_iter().flatten().enumerate() {
        let pointer = format!("/spec/freezes/{index}/exceptPolicies");
        let listed = freeze.get("exceptPolicies").and_then(Value::as_array);
        for (index, name) in listed.into_iter().flatten().enumerate() {
            names.extend(name.as_str().map(|name| (join(&pointer, index), name.to_owned())));
        }
    }
    names
}

//! What documents say together: what is wrong with one only because of another, in whatever file.
//!
//! Apart from the reading of a file, which knows nothing of its neighbours.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Code, Diagnostic, Place};
use super::words::{nearest, quoted};
use super::{Documents, Kind, Written};
use crate::policy::guard::Scope;
use crate::policy::{Guard, Policy, overlap};

/// A freeze that excepts a policy which is not there excepts nobody, which is safe and hardly meant. In
/// files without any policy nothing can be said: they are not the whole root.
pub(super) fn unknown_policies(
    names: &[Written],
    excepted: Vec<Written>,
    documents: &mut Documents,
) {
    let policies = names.iter().filter(|written| written.kind == Kind::CancelPolicy);
    let policies: BTreeSet<_> = policies.map(|written| written.name.as_str()).collect();
    if policies.is_empty() {
        return;
    }
    for written in excepted.into_iter().filter(|it| !policies.contains(&*it.name)) {
        let message = format!("there is no policy {}", quoted(&written.name));
        let help = match nearest(&written.name, policies.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write the name of a policy of this root, or remove it".to_owned(),
        };
        let code = Code::MeaningUnknownPolicy;
        let diagnostic = Diagnostic::new(code, written.place, &message, Some(&help));
        documents.diagnostics.push(diagnostic);
    }
}

/// Two documents of one kind and name: nobody can say which is meant, so neither file is used.
pub(super) fn duplicates(names: Vec<Written>, documents: &mut Documents) {
    let mut first: BTreeMap<(Kind, String), Written> = BTreeMap::new();
    for written in names {
        let key = (written.kind, written.name.clone());
        let Some(before) = first.get(&key) else {
            first.insert(key, written);
            continue;
        };
        let what = written.kind.noun();
        let message = format!("a second {what} of the name {}", quoted(&written.name));
        let help = format!("give each {what} a name of its own; neither file is used until then");
        documents.diagnostics.push(
            Diagnostic::new(Code::MeaningDuplicate, written.place, &message, Some(&help))
                .label(before.place.clone(), "the first one"),
        );
        documents.broken.insert(written.path);
        documents.broken.insert(before.path.clone());
    }
}

/// Two guards whose scopes share no account, or no region: what one allows the other forbids. Of files with an
/// error, and of guards that are retired, nothing is said: they are not in force.
pub(super) fn apart(names: &[Written], documents: &mut Documents) {
    let in_force =
        |guard: &&Guard| guard.retired.is_none() && !documents.broken.contains(&*guard.origin.path);
    let scoped: Vec<_> = documents
        .guards
        .iter()
        .filter(in_force)
        .filter_map(|guard| Some((guard, guard.scope.as_ref()?)))
        .collect();
    let mut found = Vec::new();
    for (index, (guard, scope)) in scoped.iter().enumerate() {
        let is_apart = |(_, other): &&(&Guard, &Scope)| {
            scope.accounts.is_disjoint(&other.accounts) || scope.regions.is_disjoint(&other.regions)
        };
        let Some((before, _)) = scoped[..index].iter().find(is_apart) else { continue };
        let place = |guard: &Guard| {
            let is_it = |written: &&Written| {
                written.kind == Kind::CancelGuard
                    && written.name == guard.name.as_str()
                    && written.path == *guard.origin.path
            };
            names.iter().find(is_it).map(|written| written.place.clone())
        };
        let (Some(here), Some(there)) = (place(guard), place(before)) else { continue };
        let message = format!(
            "its scope shares no account and region with that of {}: nothing is canceled",
            quoted(before.name.as_str())
        );
        let help = "all guards of a root hold together: give each place a root of its own";
        let diagnostic = Diagnostic::new(Code::MeaningForbidsAll, here, &message, Some(help));
        found.push(diagnostic.label(there, "the other guard"));
    }
    documents.diagnostics.extend(found);
}

/// A policy that another one leaves nothing to do. Of files with an error nothing is said: they are not
/// in force.
pub(super) fn shadowed(names: &[Written], documents: &mut Documents) {
    let place = |policy: &Policy| -> Option<Place> {
        let is_it = |written: &&Written| {
            written.kind == Kind::CancelPolicy
                && written.name == policy.name.as_str()
                && written.path == *policy.origin.path
        };
        names.iter().find(is_it).map(|written| written.place.clone())
    };
    let mut alike: BTreeMap<_, Vec<&Policy>> = BTreeMap::new();
    for policy in
        documents.policies.iter().filter(|it| !documents.broken.contains(&*it.origin.path))
    {
        alike.entry(overlap::question(policy)).or_default().push(policy);
    }
    let mut found = Vec::new();
    for policies in alike.into_values() {
        for below in &policies {
            let above =
                policies.iter().filter(|above| overlap::shadows(above, below, &documents.guards));
            // The highest, so that the order of files does not matter.
            let Some(above) = above.max_by_key(|it| (it.priority, &it.name)) else { continue };
            let (Some(here), Some(there)) = (place(below), place(above)) else { continue };
            let message = format!(
                "{} asks the same of all that this lists, with a higher priority: this cancels nothing",
                quoted(above.name.as_str())
            );
            let help = "remove one of them, or let them differ in `target` or `match`";
            let diagnostic = Diagnostic::new(Code::MeaningShadowed, here, &message, Some(help));
            found.push(diagnostic.label(there, "the policy that is the cause"));
        }
    }
    documents.diagnostics.extend(found);
}

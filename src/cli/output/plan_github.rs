//! A plan as annotations: what each policy would cancel, shown where the policy stands.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::output::github::{Annotation, Level};
use crate::cli::output::plan::{Shown, problem};
use crate::cli::output::plural;

/// So many executions are named for each policy; the summary of the step has the others.
const NAMED: usize = 5;

/// The annotations of a plan for the policies below `root`.
pub fn annotations(shown: Shown<'_>, root: &Path) -> Vec<Annotation> {
    let mut acts: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in shown.plan.acts() {
        acts.entry(&line.policy.name).or_default().push(line);
    }
    let of_policy = acts.into_iter().filter_map(|(name, lines)| {
        let origin = &lines.first()?.policy.origin;
        let path = root.join(&*origin.path).to_string_lossy().into_owned();
        let named: Vec<_> = lines.iter().take(NAMED).map(|line| line.key.to_string()).collect();
        let more = match lines.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let count = plural(lines.len(), "execution");
        Some(Annotation {
            level: Level::Notice,
            place: Some((path, origin.line, 1)),
            title: format!("policy {name}"),
            message: format!("would cancel {count}: {}{more}", named.join(", ")),
        })
    });
    let of_problem = |it| Annotation::general(Level::Warning, "not observed", problem(it));
    of_policy.chain(shown.inventory.problems.iter().map(of_problem)).collect()
}

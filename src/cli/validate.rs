//! `rescind validate`: syntax, schema and meaning, offline; of tests also that what they name is there.

use std::path::Path;

use jiff::Timestamp;

use crate::cli::args::{Validate as Args, ValidateFormat};
use crate::cli::exit::Exit;
use crate::cli::library::Library;
use crate::cli::output::cost::{self, Cost, GuardCost};
use crate::cli::output::github::{self, Annotation, Level};
use crate::cli::output::validate::{FORMAT, Json};
use crate::cli::output::{Output, Tone, plural};
use crate::cli::session::read_fleet;
use crate::cli::{ci, locate};
use crate::clock::Clock;
use crate::controller::follow::Reading;
use crate::document::report::Entry;
use crate::document::{self, Diagnostic, Limits};
use crate::fleet::{Fleet, inventory};
use crate::inventory::Inventory;
use crate::plan::idle::idle;
use crate::source;

/// What the paths gave.
#[derive(Default)]
struct Validated {
    files: usize,
    policies: usize,
    guards: usize,
    tests: usize,
    fleets: usize,
    costs: Vec<Cost>,
    guard_costs: Vec<GuardCost>,
    diagnostics: Vec<Diagnostic>,
    unreadable: Vec<source::Error>,
}

/// The fleet that was given.
struct Given {
    fleet: Fleet,
    /// What people call it.
    name: String,
    /// All that is seen of it.
    seen: Inventory,
}

pub fn validate(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let mut all = Validated::default();
    let mut library = Library::default();
    let now = Clock::system().now();
    let fleet = match &args.fleet {
        Some(path) => {
            let fleet = read_fleet(path, output)?;
            let (name, seen) = (path.to_string_lossy().into_owned(), inventory(&fleet, now));
            Some(Given { fleet, name, seen })
        }
        None => None,
    };
    for path in &args.paths {
        check(path, fleet.as_ref(), now, &mut all, &mut library, output);
    }
    let errors = all.diagnostics.iter().filter(|it| it.is_error()).count() + all.unreadable.len();
    let warnings = all.diagnostics.len() + all.unreadable.len() - errors;
    match args.form.output {
        ValidateFormat::Json => output.json(&Json {
            format: FORMAT,
            files: all.files,
            policies: all.policies,
            guards: all.guards,
            tests: all.tests,
            fleets: all.fleets,
            errors,
            warnings,
            diagnostics: all.diagnostics.iter().map(Entry::from).collect(),
            unreadable: all.unreadable.iter().map(source::Error::in_words).collect(),
            costs: &all.costs,
            guard_costs: &all.guard_costs,
        })?,
        ValidateFormat::Text => {
            let mut text = document::render::text(&all.diagnostics, output.color());
            for error in &all.unreadable {
                text.push_str(&format!(
                    "{}: {}\n\n",
                    output.paint(Tone::Strong, "error"),
                    error.in_words()
                ));
            }
            if errors == 0 {
                text.push_str(&cost::text(&all.costs));
                text.push_str(&cost::guards(&all.guard_costs));
            }
            text.push_str(&last(&all, errors, warnings));
            output.result(&text)?;
        }
        ValidateFormat::Github => {
            let unreadable = all.unreadable.iter().map(source::Error::in_words);
            let unreadable =
                unreadable.map(|words| Annotation::general(Level::Error, "not readable", words));
            let annotations: Vec<_> =
                all.diagnostics.iter().map(Annotation::from).chain(unreadable).collect();
            let last = last(&all, errors, warnings);
            output.result(&github::text(&annotations, &last, &ci::here()))?;
            ci::summary(|| github::summary("validate", &annotations, &last))?;
        }
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Error })
}

/// How many documents there are, and whether something is wrong.
fn last(all: &Validated, errors: usize, warnings: usize) -> String {
    let policies = match all.policies {
        1 => "1 policy".to_owned(),
        count => format!("{count} policies"),
    };
    let verdict = match (errors, warnings) {
        (0, 0) => "no problems".to_owned(),
        (0, warnings) => plural(warnings, "warning"),
        (errors, 0) => plural(errors, "error"),
        (errors, warnings) => {
            format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))
        }
    };
    format!(
        "{}, {policies}, {}, {}, {}: {verdict}.\n",
        plural(all.files, "file"),
        plural(all.guards, "guard"),
        plural(all.tests, "test"),
        plural(all.fleets, "fleet"),
    )
}

/// Adds what one path gives. A path that cannot be read keeps none of the others from being checked.
fn check(
    path: &Path,
    fleet: Option<&Given>,
    now: Timestamp,
    all: &mut Validated,
    library: &mut Library,
    output: Output,
) {
    // A file that is named may be a recorded fleet; what is in a root is read at every change.
    let limits = if path.is_dir() { Limits::policies() } else { Limits::fleet() };
    let tree = match source::read_part(path, limits.bytes as u64) {
        Ok(tree) => tree,
        Err(error) => return all.unreadable.push(error),
    };
    let mut documents = document::read_at(&tree.files, &limits, tree.revision.as_ref());
    if let Some(Given { fleet, name, seen }) = fleet {
        documents.look_for_jobs(fleet, name);
        documents.look_for_rules(name, |rule| idle(rule, seen, now));
    }
    documents.look_at_times(now);
    let holder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    locate(&mut documents.diagnostics, holder);
    all.tests += documents.tests.len();
    all.files += tree.files.len() + tree.unreadable.len();
    all.policies += documents.policies.len();
    all.guards += documents.guards.len();
    all.fleets += documents.fleets.len();
    all.diagnostics.append(&mut documents.diagnostics);
    all.costs.extend(documents.policies.iter().map(|policy| Cost::of(policy, holder)));
    let in_force = documents.guards.iter().filter(|guard| guard.retired.is_none());
    all.guard_costs.extend(in_force.map(|guard| GuardCost::of(guard, holder)));
    let whole = documents.broken.is_empty() && tree.unreadable.is_empty();
    all.unreadable.extend(tree.unreadable.into_values());
    // What a test names may stand in the very file that is broken.
    if !whole {
        return;
    }
    if path.is_dir() {
        let reading = Reading { policies: documents.policies, ..Reading::default() };
        library.add_root(path, reading);
    }
    for mut test in documents.tests {
        let file = holder.join(&*test.case.origin.path);
        test.relocate(&file.to_string_lossy());
        if let Err(missing) = library.references(&file, &test, output) {
            all.diagnostics.extend(missing);
        }
    }
}

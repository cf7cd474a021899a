//! `rescind test`: what the policies of a root decide about recorded fleets, against what is expected.
//!
//! Nothing here decides: a fleet becomes an inventory, the one planner plans it in exact depth, and
//! `plan::tested` compares.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::args::{Test as Args, TestFormat};
use crate::cli::exit::Exit;
use crate::cli::library::Library;
use crate::cli::output::github::{self, Annotation};
use crate::cli::output::test::json::json;
use crate::cli::output::test::{self as shown, Outcome, Tested, Unexpected};
use crate::cli::output::{Output, plural};
use crate::cli::{Failure, ci, read_root};
use crate::document::{Diagnostic, Limits, WrittenTest};
use crate::fleet::{self, Fleet};
use crate::inventory::Inventory;
use crate::plan::check::check;
use crate::plan::explain::{Breadth, explain};
use crate::plan::tested::{Surprise, surprises};
use crate::plan::{Depth, Memory, Plan, plan as decide, stable};
use crate::policy::PolicySet;
use crate::source;

pub fn test(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let mut library = Library::default();
    let mut tests = Vec::new();
    let mut broken = 0;
    let mut wrong = Vec::new();
    for path in &args.paths {
        let (files, diagnostics) = find(path, &mut library, &mut tests, output)?;
        broken += files;
        wrong.extend(diagnostics);
    }
    if tests.is_empty() && broken == 0 {
        let paths: Vec<_> = args.paths.iter().map(|path| path.display().to_string()).collect();
        let message = format!("{} has no CancelTest: nothing was tested", paths.join(", "));
        return Err(Failure::new(Exit::Error, message).into());
    }
    let tested: Vec<_> =
        tests.iter().map(|(file, test)| run(file, test, &mut library, output)).collect();
    match args.form.output {
        TestFormat::Text => output.result(&shown::text(&tested, output))?,
        TestFormat::Json => output.json(&json(&tested, broken, &wrong))?,
        TestFormat::Junit => output.result(&shown::junit(&tested)?)?,
        TestFormat::Github => {
            let annotations = wrong.iter().map(Annotation::from);
            let annotations: Vec<_> =
                annotations.chain(tested.iter().flat_map(shown::annotations)).collect();
            let last = shown::last(&tested);
            output.result(&github::text(&annotations, &last, &ci::here()))?;
            ci::summary(|| github::summary("test", &annotations, &last))?;
        }
    }
    if broken > 0 {
        let them = if broken == 1 { "it" } else { "them" };
        let files = plural(broken, "broken file");
        let message = format!("{files}: tests in {them} did not run");
        return Err(Failure::new(Exit::Error, message).into());
    }
    let passed = tested.iter().all(|test| test.outcome.passed());
    Ok(if passed { Exit::Done } else { Exit::Error })
}

/// Adds the tests of a path, each with the path of its file. Gives how many files are broken, and what is
/// wrong with them.
fn find(
    path: &Path,
    library: &mut Library,
    tests: &mut Vec<(PathBuf, WrittenTest)>,
    output: Output,
) -> anyhow::Result<(usize, Vec<Diagnostic>)> {
    let tree = source::read_part(path, Limits::policies().bytes as u64)?;
    let holder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let mut reading = read_root(holder, tree, output);
    let broken = reading.broken.len();
    let diagnostics = std::mem::take(&mut reading.diagnostics);
    for mut test in std::mem::take(&mut reading.tests) {
        let file = holder.join(&*test.case.origin.path);
        test.relocate(&file.to_string_lossy());
        tests.push((file, test));
    }
    if path.is_dir() {
        library.add_root(path, reading);
    }
    Ok((broken, diagnostics))
}

fn run(file: &Path, test: &WrittenTest, library: &mut Library, output: Output) -> Tested {
    let outcome = match library.references(file, test, output) {
        Ok((policies, fleet)) => outcome(test, &policies, &fleet),
        Err(missing) => Outcome::Broken(missing),
    };
    Tested {
        name: test.case.name.to_string(),
        place: test.whole().into(),
        expectations: test.case.expect.len(),
        outcome,
    }
}

fn outcome(test: &WrittenTest, policies: &Arc<PolicySet>, fleet: &Fleet) -> Outcome {
    let case = &test.case;
    let inventory = fleet::inventory(fleet, case.now);
    let sightings = stable::supposed(policies, &inventory, case.now, case.matched_for).into();
    let memory = Memory { sightings, ..Memory::default() };
    let plan = decide(policies, &inventory, &memory, case.now, Depth::Exact);
    if let Some(violation) = check(&plan, policies, &inventory, &memory).first() {
        return Outcome::Unsafe(violation.to_string());
    }
    let surprises = surprises(case, &plan);
    if surprises.is_empty() {
        return Outcome::Passed;
    }
    let told = |surprise| unexpected(surprise, test, &plan, &inventory, &memory);
    Outcome::Failed(surprises.into_iter().map(told).collect())
}

fn unexpected(
    surprise: Surprise,
    test: &WrittenTest,
    plan: &Plan,
    inventory: &Inventory,
    memory: &Memory,
) -> Unexpected {
    let (key, expected, decided, place) = match surprise {
        Surprise::Unmet { index, decided } => {
            let expected = test.case.expect[index].clone();
            (expected.key.clone(), Some(expected), decided, test.expectation(index).into())
        }
        Surprise::Unlisted { key, decided } => (key, None, Some(decided), test.whole().into()),
    };
    let explanation = explain(&key, plan, inventory, memory, Breadth::Fleet);
    Unexpected { key, expected, decided, place, explanation }
}

//! Annotations for GitHub Actions, and the workflow that uses them.

use std::fs;
use std::path::Path;

use clap::Parser as _;
use rescind::cli::args::Args;
use rescind::document::{self, Limits, SourceFile};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::example;
use crate::process::fleet::{fleet_file, policy};
use crate::process::{Ran, command, ran};

fn at(folder: &TempDir, args: &[&str]) -> Ran {
    let mut command = command(args);
    command.current_dir(folder.path()).env("GITHUB_STEP_SUMMARY", folder.path().join("summary"));
    ran(command)
}

fn summary(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("summary")).unwrap()
}

#[test]
fn a_hostile_name_stays_in_its_property() {
    let folder = TempDir::new().unwrap();
    let name = "a,line=9::b%0A,\n::warning::x.yaml";
    fs::create_dir(folder.path().join("root")).unwrap();
    let text = policy("a", "*").replace("mode:", "\"m%0A::error::x\": 1\n  mode:");
    fs::write(folder.path().join("root").join(name), text).unwrap();
    let whole = folder.path().canonicalize().unwrap().join("root");
    for root in ["root", "./root", whole.to_str().unwrap()] {
        let validate = at(&folder, &["validate", root, "-o", "github"]);
        assert_eq!(validate.code, 1, "{}", validate.stderr);
        let lines: Vec<_> = validate.stdout.lines().collect();
        let [error, last] = lines[..] else { panic!("{}", validate.stdout) };
        let place = "::error file=root/a%2Cline=9%3A%3Ab%250A%2C%0A%3A%3Awarning%3A%3Ax.yaml,line=";
        assert!(error.starts_with(place), "{error}");
        assert!(error.contains(",title=schema-unknown-key::"), "{error}");
        assert!(error.contains("m%250A::error::x"), "{error}");
        assert_eq!(last, "1 file, 0 policies, 0 guards, 0 tests, 0 fleets: 1 error.");
    }
    let plan = at(&folder, &["plan", "root", "--fleet", "none.yaml", "-o", "github"]);
    assert_eq!(plan.code, 1, "{}", plan.stderr);
    let first = plan.stdout.lines().next().unwrap();
    assert!(first.starts_with("::error file=root/a%2Cline=9%3A%3A"), "{first}");
}

#[test]
fn ten_are_shown_and_the_rest_is_counted() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    for n in 0..13 {
        let broken = policy(&format!("p{n}"), "*").replace("mode:", "nonsense: 1\n  mode:");
        fs::write(folder.path().join(format!("root/{n}.yaml")), broken).unwrap();
    }
    let validate = at(&folder, &["validate", "root", "-o", "github"]);
    assert_eq!(validate.code, 1);
    let shown = validate.stdout.lines().filter(|line| line.starts_with("::error ")).count();
    assert_eq!(shown, 10, "{}", validate.stdout);
    assert!(validate.stdout.ends_with(" 3 more not shown above.\n"), "{}", validate.stdout);
    assert!(summary(&folder).contains("Annotations: 13"), "{}", summary(&folder));
}

#[test]
fn a_test_that_fails_is_annotated_where_it_expects() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::create_dir_all(file("root/tests")).unwrap();
    fs::write(file("root/a.yaml"), policy("a", "r00[23]")).unwrap();
    fs::write(file("fleet.yaml"), fleet_file(4)).unwrap();
    let test = "apiVersion: rescind/v1alpha1\nkind: CancelTest\nmetadata: {name: t}\nspec:\n  \
                now: \"2026-11-24T12:00:00Z\"\n  root: ..\n  fleet: ../../fleet.yaml\n  expect:\n    \
                - {job: fw, thing: r002, decision: Keep}\n    \
                - {job: fw, thing: r003, decision: Cancel}\n";
    fs::write(file("root/tests/t.yaml"), test).unwrap();
    let failed = at(&folder, &["test", "root", "-o", "github"]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert_eq!(
        failed.stdout,
        "::error file=root/tests/t.yaml,line=9,col=7,title=test t::fw on r002: expected keep; \
         decided cancel (Matched) by a, without force\n1 test: 1 failed.\n"
    );
    fs::write(file("root/tests/t.yaml"), test.replace("Keep", "Cancel")).unwrap();
    let passed = at(&folder, &["test", "root", "-o", "github"]);
    assert_eq!((passed.code, &*passed.stdout), (0, "1 test: 1 passed.\n"), "{}", passed.stderr);
}

#[test]
fn a_plan_is_annotated_where_its_policies_stand() {
    let args = ["plan", "policies", "--fleet", "policies/fleet.yaml", "-o", "github"];
    let plan = ran(example(&args));
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    let lines: Vec<_> = plan.stdout.lines().collect();
    assert_eq!(
        lines[0],
        "::notice file=policies/bad-firmware-4-2-0.yaml,line=4,col=1,title=policy \
         bad-firmware-4-2-0::would cancel 3 executions: fw-4-2-0 on robot-002, fw-4-2-0 on \
         robot-003, fw-4-2-0 on robot-004"
    );
    assert!(lines.last().unwrap().starts_with("14 executions in scope: "), "{}", plan.stdout);
    let changes = ran(example(&[&args[..], &["--detailed-exitcode"]].concat()));
    assert_eq!(changes.code, 2);
}

/// Every `run` of a workflow, as written.
fn runs(workflow: &str) -> Vec<&str> {
    workflow.lines().filter_map(|line| line.trim().strip_prefix("- run: ")).collect()
}

/// The workflow in docs/ci.md.
fn workflow() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("```yml\n").unwrap();
    let (workflow, _) = rest.split_once("\n```").unwrap();
    workflow.to_owned()
}

#[test]
fn the_workflow_keeps_the_state_of_an_apply_however_that_ends() {
    let workflow: Value = serde_yaml::from_str(&workflow()).unwrap();
    let steps = workflow["jobs"]["apply"]["steps"].as_array().unwrap();
    let place = |what: &str| {
        let has = |step: &Value| {
            [&step["uses"], &step["run"]]
                .iter()
                .any(|it| it.as_str().is_some_and(|it| it.starts_with(what)))
        };
        let mut found = (0..steps.len()).filter(|&at| has(&steps[at]));
        let at = found.next().unwrap_or_else(|| panic!("no step {what}"));
        assert_eq!(found.next(), None, "{what}");
        at
    };
    let restores = place("actions/cache/restore@");
    let (applies, saves) = (place("rescind apply "), place("actions/cache/save@"));
    assert!(restores < applies && applies < saves);
    // Also after 3 and 4: what was canceled then is spent.
    assert_eq!(steps[saves]["if"], "always()");
    let (before, after) = (&steps[restores]["with"], &steps[saves]["with"]);
    assert_eq!((&before["path"], &before["key"]), (&after["path"], &after["key"]));
    let key = before["key"].as_str().unwrap();
    assert!(key.starts_with(before["restore-keys"].as_str().unwrap()), "{key}");
    assert!(key.ends_with("${{ github.run_id }}-${{ github.run_attempt }}"), "{key}");
    // A ledger that was lost is none that has nothing spent.
    let apply = steps[applies]["run"].as_str().unwrap();
    assert!(apply.ends_with(" --state-dir state"), "{apply}");
    assert_eq!(workflow["concurrency"]["cancel-in-progress"], false);
}

#[test]
fn the_workflow_in_the_documents_is_yaml_whose_commands_are_accepted() {
    let workflow = &*workflow();
    let file = SourceFile { path: "ci.yaml".to_owned(), text: workflow.as_bytes().to_vec() };
    let read = document::read(&[file], &Limits::policies());
    let syntax = |code: &str| code.starts_with("syntax-");
    let broken: Vec<_> = read.diagnostics.iter().filter(|it| syntax(it.code.as_str())).collect();
    assert!(broken.is_empty(), "{broken:?}");
    let runs = runs(workflow);
    let mut verbs = Vec::new();
    for run in &runs {
        let typed = run.split(" > ").next().unwrap();
        let typed = typed.replace("\"$AWS_ACCOUNT\"", "123456789012");
        let typed = typed.replace("\"$AWS_REGION\"", "eu-central-1");
        Args::try_parse_from(typed.split(' ')).unwrap_or_else(|error| panic!("{run}: {error}"));
        verbs.push(typed.split(' ').nth(1).unwrap().to_owned());
    }
    assert_eq!(verbs, ["validate", "test", "plan", "diff", "plan", "apply"]);
    assert_eq!(workflow.matches("rescind ").count() - workflow.matches("<!-- rescind").count(), 6);
    let args = ["diff", "policies", "policies", "--fleet", "policies/fleet.yaml", "-o", "markdown"];
    let marker = ran(example(&args)).stdout.lines().next().unwrap().to_owned();
    assert!(workflow.contains(&format!("const marker = '{marker}'")), "{marker}");
}

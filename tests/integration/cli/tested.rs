//! Test: passed, failed, broken; in text, JSON and JUnit.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{example, settings};
use crate::process::fleet::{fleet_file, policy};
use crate::process::{Ran, command, ran};

/// A root with one policy, which cancels what waits for `r002` or `r003`, a fleet of four beside it,
/// and a test with these lines under `spec`.
fn root(spec: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("root/tests")).unwrap();
    fs::write(at("root/a.yaml"), policy("a", "r00[23]")).unwrap();
    fs::write(at("fleet.yaml"), fleet_file(4)).unwrap();
    fs::write(at("root/tests/a.yaml"), test("a", spec)).unwrap();
    folder
}

fn test(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: rescind/v1alpha1\nkind: CancelTest\nmetadata: {{name: {name}}}\nspec:\n  \
         now: \"2026-11-24T12:00:00Z\"\n  root: ..\n  fleet: ../../fleet.yaml\n{spec}"
    )
}

fn tested(folder: &TempDir, args: &[&str]) -> Ran {
    let mut command = command(args);
    command.current_dir(folder.path());
    ran(command)
}

const RIGHT: &str = "  expect:
    - {job: fw, thing: r001, decision: Keep}
    - {job: fw, thing: r002, decision: Cancel, reason: Matched, policy: a, force: false}
    - {job: fw, thing: r003, decision: Cancel}
";

#[test]
fn the_tests_of_the_example_root_pass() {
    let test = ran(example(&["test"]));
    assert_eq!((test.code, &*test.stderr), (0, ""));
    settings().bind(|| insta::assert_snapshot!("tests_of_the_example", test.stdout));
}

#[test]
fn a_test_passes_wherever_it_is_run_from() {
    let folder = root(RIGHT);
    let inside = folder.path().join("root/tests");
    std::os::unix::fs::symlink(&inside, folder.path().join("link")).unwrap();
    for (from, path) in [
        (folder.path(), "root"),
        (folder.path(), "./root/"),
        (folder.path(), "root/tests/a.yaml"),
        (folder.path(), "root/tests"),
        (folder.path(), "link"),
        (&*inside, "a.yaml"),
        (&*inside, "."),
        (&*inside, ".."),
    ] {
        let mut command = command(["test", path]);
        command.current_dir(from);
        let test = ran(command);
        assert_eq!((test.code, &*test.stderr), (0, ""), "{path}: {}", test.stdout);
        assert!(test.stdout.ends_with("\n1 test: 1 passed.\n"), "{path}: {}", test.stdout);
    }
}

const WRONG: &str = "  expect:
    - {job: fw, thing: r001, decision: Cancel, policy: a}
    - {job: fw, thing: r002, decision: Keep, reason: Excluded}
    - {job: fw, thing: r004, decision: Keep, reason: NoMatch}
";

#[test]
fn a_failing_test_shows_what_was_expected_what_was_decided_and_why() {
    let folder = root(WRONG);
    fs::write(folder.path().join("root/tests/b.yaml"), test("b", RIGHT)).unwrap();
    let text = tested(&folder, &["test", "root"]);
    assert_eq!((text.code, &*text.stderr), (1, ""));
    let json = tested(&folder, &["test", "root", "-o", "json"]);
    assert_eq!((json.code, &*json.stderr), (1, ""));
    let junit = tested(&folder, &["test", "root", "-o", "junit"]);
    assert_eq!((junit.code, &*junit.stderr), (1, ""));
    settings().bind(|| {
        insta::assert_snapshot!("test_failed_text", text.stdout);
        insta::assert_snapshot!("test_failed_json", json.stdout);
        insta::assert_snapshot!("test_failed_junit", junit.stdout);
    });
}

#[test]
fn a_cancel_that_nobody_expects_fails_unless_that_is_allowed() {
    let one = "  expect: [{job: fw, thing: r002, decision: Cancel}]\n";
    let forbidden = tested(&root(one), &["test", "root", "-o", "json"]);
    assert_eq!(forbidden.code, 1);
    let json: Value = serde_json::from_str(&forbidden.stdout).unwrap();
    let failures = json["tests"][0]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!((&failures[0]["thing"], &failures[0]["expected"]), (&"r003".into(), &Value::Null));
    let allowed = tested(&root(&format!("{one}  unlisted: Allow\n")), &["test", "root"]);
    assert_eq!(allowed.code, 0, "{}", allowed.stdout);
}

#[test]
fn what_no_policy_has_in_scope_is_kept_and_has_no_reason() {
    let in_scope =
        "  expect: [{job: fw, thing: r001, decision: Keep, reason: NoMatch}]\n  unlisted: Allow\n";
    assert_eq!(tested(&root(in_scope), &["test", "root"]).code, 1);
    let bare = in_scope.replace(", reason: NoMatch", "");
    assert_eq!(tested(&root(&bare), &["test", "root"]).code, 0);
}

#[test]
fn what_a_test_names_in_vain_is_told_by_test_and_by_validate() {
    let folder = root(&RIGHT.replace("r001", "r01"));
    let missing = test("b", RIGHT).replace("../../fleet.yaml", "fleet.yaml");
    let missing = missing.replace("root: ..", "root: ../../policies");
    fs::write(folder.path().join("root/tests/b.yaml"), missing).unwrap();
    let test = tested(&folder, &["test", "root"]);
    assert_eq!(test.code, 1);
    settings().bind(|| insta::assert_snapshot!("test_broken_text", test.stdout));
    let junit = tested(&folder, &["test", "root", "-o", "junit"]);
    assert!(junit.stdout.contains(r#"tests="2" skipped="0" failures="0" errors="2""#));
    let validate = tested(&folder, &["validate", "root"]);
    assert_eq!((validate.code, &*validate.stderr), (1, ""));
    assert_eq!(validate.stdout.matches("error[meaning-reference]").count(), 3);
    assert!(validate.stdout.contains(" --> root/tests/a.yaml:9:24"), "{}", validate.stdout);
}

#[test]
fn a_broken_file_of_the_root_fails_its_tests() {
    let folder = root(RIGHT);
    fs::write(folder.path().join("root/b.yaml"), "kind: CancelPolicy\n").unwrap();
    let test = tested(&folder, &["test", "root"]);
    assert_eq!(test.code, 1);
    assert!(test.stderr.contains(" --> root/b.yaml:1:1"), "{}", test.stderr);
    assert!(test.stdout.contains("1 broken file in root"), "{}", test.stdout);
    assert!(test.stdout.contains("1 test: 1 could not run."), "{}", test.stdout);
}

#[test]
fn a_broken_test_is_said_and_is_not_a_success() {
    let folder = root(RIGHT);
    fs::write(folder.path().join("root/tests/b.yaml"), test("b", "  expected: []\n")).unwrap();
    let test = tested(&folder, &["test", "root/tests/b.yaml"]);
    assert_eq!(test.code, 1);
    assert!(test.stderr.contains("error[schema-unknown-key]"), "{}", test.stderr);
    assert!(test.stderr.ends_with("error: 1 broken file: tests in it did not run\n"));
}

#[test]
fn tests_in_a_root_change_nothing_of_its_plan() {
    let folder = root(WRONG);
    let plan = ["plan", "root", "--fleet", "fleet.yaml", "-o", "json"];
    let with: Value = serde_json::from_str(&tested(&folder, &plan).stdout).unwrap();
    fs::remove_dir_all(folder.path().join("root/tests")).unwrap();
    let without: Value = serde_json::from_str(&tested(&folder, &plan).stdout).unwrap();
    assert_eq!(with["policiesDigest"], without["policiesDigest"]);
    assert_eq!(with["summary"], without["summary"]);
}

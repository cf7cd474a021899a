//! README says what is so: its output blocks are what the program prints, its policies compile.
//!
//! `RESCIND_UPDATE=1` writes the output blocks anew.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use rescind::document::{self, Limits, SourceFile};

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// Where the body of the code block that follows a mark stands.
fn block(text: &str, mark: &str) -> Range<usize> {
    let from = |start: usize, what: &str| {
        text[start..].find(what).map_or_else(|| panic!("README: {mark}"), |at| start + at)
    };
    let start = from(from(from(0, mark), "```"), "\n") + 1;
    start..from(start, "```")
}

fn block_after<'a>(text: &'a str, mark: &str) -> &'a str {
    &text[block(text, mark)]
}

fn rescind(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rescind"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The time of a plan is the only thing that differs from run to run. Lines that end calls in
/// another order stand in order.
fn settled(output: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut outcomes: Vec<String> = Vec::new();
    for line in output.lines() {
        let line = match (line.starts_with("Plan for"), line.split_once(" at 20")) {
            (true, Some((before, after))) => {
                let rest = after.split_once(", ").unwrap().1;
                format!("{before} at 2026-11-24T00:00:00Z, {rest}")
            }
            _ => line.to_owned(),
        };
        let is_outcome = ["canceled  ", "kept  "].iter().any(|it| line.starts_with(it));
        if is_outcome {
            outcomes.push(line);
            continue;
        }
        outcomes.sort();
        lines.append(&mut outcomes);
        lines.push(line);
    }
    let mut text = lines.join("\n").trim_end().to_owned();
    text.push('\n');
    text
}

fn check(mark: &str, actual: &str) {
    let mut text = std::fs::read_to_string(readme()).unwrap();
    let place = block(&text, mark);
    if text[place.clone()] == *actual {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "a developer asks for it")]
    if std::env::var_os("RESCIND_UPDATE").is_some() {
        text.replace_range(place, actual);
        std::fs::write(readme(), text).unwrap();
        return;
    }
    panic!(
        "README's {mark} is not what the program prints (RESCIND_UPDATE=1 writes it):\n{actual}"
    );
}

#[test]
fn the_first_command_prints_what_readme_shows() {
    let output = rescind(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &["apply", "policies", "--fleet", "policies/fleet.yaml", "--yes"],
    );
    check("<!-- output: apply -->", &settled(&output));
}

#[test]
fn the_wrong_policy_gets_the_error_that_readme_shows() {
    let text = std::fs::read_to_string(readme()).unwrap();
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("stuck.yaml"), block_after(&text, "<!-- wrong -->")).unwrap();
    let output = rescind(root.path(), &["validate", "stuck.yaml"]);
    check("<!-- output: wrong -->", &settled(&output));
}

#[test]
fn the_policy_in_readme_is_one() {
    let text = std::fs::read_to_string(readme()).unwrap();
    let policy = block_after(&text, "## A policy");
    let file = SourceFile { path: "README.md".to_owned(), text: policy.as_bytes().to_vec() };
    let documents = document::read(&[file], &Limits::policies());
    assert_eq!(documents.diagnostics, []);
    assert_eq!(documents.policies.len(), 1);
}

#[test]
fn the_iam_policy_in_readme_allows_what_is_called_and_nothing_else() {
    use rescind::backend::Operation;
    let text = std::fs::read_to_string(readme()).unwrap();
    let policy = block_after(&text, "The least IAM policy");
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    let mut allowed = std::collections::BTreeMap::new();
    for statement in policy["Statement"].as_array().unwrap() {
        let resource = statement["Resource"].clone();
        let actions = match &statement["Action"] {
            serde_json::Value::Array(actions) => actions.clone(),
            one => vec![one.clone()],
        };
        for action in actions {
            let known = allowed.insert(action.as_str().unwrap().to_owned(), resource.clone());
            assert_eq!(known, None, "{action} is allowed twice");
        }
    }
    let called: Vec<_> = Operation::ALL.into_iter().map(Operation::action).collect();
    assert_eq!(
        allowed.keys().cloned().collect::<std::collections::BTreeSet<_>>(),
        called.into_iter().collect()
    );
    // IAM knows no resource for the list of all jobs.
    for (action, resource) in allowed {
        let all = resource == serde_json::json!("*");
        assert_eq!(all, action == Operation::ListJobs.action(), "{action} on {resource}");
    }
}

#[test]
fn readme_is_short_enough_to_be_read() {
    let lines = std::fs::read_to_string(readme()).unwrap().lines().count();
    assert!(lines < 200, "{lines} lines");
}

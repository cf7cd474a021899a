//! `SECURITY.md`, `docs/promises.md` and `docs/track-record.md`, held: each threat, promise and bug names
//! tests that there are;
//! those that belong to no other place are here.

use std::fs;
use std::path::Path;

use crate::process::fleet::{ACCOUNT, REGION, World, policy, policy_with};
use crate::process::{Beside, Ran, ran, rescind, until};

fn all_sources(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_sources(&path, sources);
        } else if path.extension().is_some_and(|it| it == "rs") {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// How many rows a page's first table has; asserts that each names tests in this column, and that they
/// are there.
fn rows_with_tests(page: &str, column: usize) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        all_sources(&root.join(folder), &mut sources);
    }
    let text = fs::read_to_string(root.join(page)).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("| "));
    let mut count = 0;
    for row in table.take_while(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        let names: Vec<_> = cells[column].split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{page}: no test: {row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}(")), "{page}: there is no test {name}");
        }
        count += 1;
    }
    count
}

#[test]
fn each_threat_names_tests_that_there_are() {
    assert!(rows_with_tests("SECURITY.md", 2) >= 20);
}

#[test]
fn each_promise_names_tests_that_there_are() {
    assert_eq!(rows_with_tests("docs/promises.md", 1), 10);
}

#[test]
fn each_bug_that_was_mended_names_a_test_that_there_is() {
    assert!(rows_with_tests("docs/track-record.md", 2) > 0);
}

const SECRET: &str = "canary1secret1of1the1credentials";
const TOKEN: &str = "canary2session2token2of2the2credentials";
const LISTEN: &str = "canary3token3of3the3status3address";

fn holds_no_secret(what: &str, text: &str) {
    for secret in [SECRET, TOKEN, LISTEN] {
        assert!(!text.contains(secret), "{what} has a secret in it");
    }
}

fn no_file_holds_a_secret(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_file_holds_a_secret(&path);
        } else if path.file_name().is_some_and(|name| name != "token") {
            let bytes = fs::read(&path).unwrap();
            holds_no_secret(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn no_secret_is_in_any_output_or_file_at_any_level() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "r00[12]"));
    fs::write(world.path("token"), LISTEN).unwrap();
    let with_canaries = |args: &[&str], log: &str| {
        let mut command = world.command(args);
        command
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_SESSION_TOKEN", TOKEN)
            .env("RUST_LOG", log);
        command
    };
    let checked = |args: &[&str]| -> Ran {
        let ran = ran(with_canaries(args, "trace"));
        holds_no_secret(&format!("stdout of {args:?}"), &ran.stdout);
        holds_no_secret(&format!("stderr of {args:?}"), &ran.stderr);
        ran
    };
    let pins = ["--account", ACCOUNT, "--region", REGION];
    for form in ["text", "json", "markdown", "github"] {
        let args = [&["plan", "root", "--out", "plan.json", "-o", form], &pins[..]].concat();
        let planned = checked(&args);
        assert_eq!(planned.code, 0, "{}", planned.stderr);
        // Else what is looked for could not be there.
        assert!(planned.stderr.contains("TRACE"), "{args:?} logs all that there is");
    }
    let verbs: [&[&str]; 3] = [
        &["apply", "root", "--yes"],
        &["explain", "r001", "fw", "--root", "root"],
        &["snapshot", "root", "--out", "fleet.yaml"],
    ];
    for verb in verbs {
        checked(&[verb, &pins[..]].concat());
    }
    checked(&["audit", "-o", "json"]);
    checked(&["audit", "--verify", "aws"]);

    let listen = ["--listen", "0.0.0.0:0", "--listen-token-file", "token", "--interval", "1s"];
    for (format, idle) in [("text", "due=0"), ("json", "\"due\":0")] {
        let args = [&["run", "root", "--log-format", format], &pins[..], &listen].concat();
        let mut controller = Beside::start(with_canaries(&args, "trace"));
        controller.log.wait("status and metrics are here");
        controller.log.wait(idle);
        controller.signal("TERM");
        assert_eq!(controller.end(), 0);
        holds_no_secret("the log of run", &controller.log.all().join("\n"));
    }
    no_file_holds_a_secret(world.folder.path());
    // Refused credentials are told without them.
    let denied = ran(with_canaries(&["plan", "root", "--region", "nowhere"], "trace"));
    holds_no_secret("an error", &denied.stderr);
}

#[test]
fn what_is_logged_acts_on_no_terminal_and_turns_no_text() {
    let world = World::new(1);
    let evil = "b\u{202e}\u{9b}2J\u{85}.yaml";
    world.write(evil, "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\n");
    world.write("a.yaml", &policy("a", "*"));
    for format in ["text", "json"] {
        let controller = world.controller("root", &["--log-format", format, "--interval", "1h"]);
        until("the file is named", || {
            let lines = controller.log.all();
            let named = lines.iter().any(|line| line.contains("2J") && line.contains("202e"));
            named.then_some(())
        });
        for line in controller.log.all() {
            let unsafe_ones = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!line.contains(unsafe_ones), "{line:?}");
            if format == "json" {
                serde_json::from_str::<serde_json::Value>(&line).expect("each line is JSON");
            }
        }
    }
    let validated = rescind(&["validate", &world.path("root").display().to_string()]);
    assert!(!validated.stderr.contains(['\u{202e}', '\u{9b}', '\u{85}']), "{validated:?}");
    assert!(!validated.stdout.contains(['\u{202e}', '\u{9b}', '\u{85}']), "{validated:?}");
}

#[test]
fn what_a_device_wrote_is_never_evaluated() {
    let world = World::new(1);
    let evil = "${execution.version + 1}${now}";
    let now = world.emulator.now();
    world.emulator.store(|store| {
        let details = [("phase".to_owned(), evil.to_owned())].into();
        store.start_next("r001", Some(details), None, now).unwrap();
    });
    let cancel = "mode: Enforce\n  cancel:\n    force: true\n    statusDetails:\n      set:\n        \
                  was: \"in ${execution.statusDetails['phase']}\"";
    world.write("a.yaml", &policy_with("a", "*", cancel).replace("[QUEUED]", "[IN_PROGRESS]"));
    let pins = ["--account", ACCOUNT, "--region", REGION];
    let applied = ran(world.command(&[&["apply", "root", "--yes"], &pins[..]].concat()));
    assert_eq!(applied.code, 0, "{}{}", applied.stdout, applied.stderr);
    let effects = world.emulator.effects();
    assert_eq!(effects.len(), 1);
    let after = &effects[0].status_details_after;
    assert_eq!(after["phase"], evil, "what the device wrote stays as it is");
    assert_eq!(after["was"], format!("in {evil}"));
}

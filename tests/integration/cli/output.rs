//! Validate, schema and emulator; colours, pipes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rescind::emulator::Operation;
use serde_json::Value;

use crate::cli::{example, settings};
use crate::process::fleet::{World, fleet_file, guard, policy, policy_with};
use crate::process::{Beside, command, get, ran, rescind, until};

#[test]
fn validate_says_that_the_example_root_is_right() {
    let validate = ran(example(&["validate"]));
    assert_eq!((validate.code, &*validate.stderr), (0, ""));
    let last = validate.stdout.lines().last();
    assert_eq!(last, Some("10 files, 4 policies, 1 guard, 7 tests, 2 fleets: no problems."));
    settings().bind(|| insta::assert_snapshot!("validate_example", validate.stdout));
}

#[test]
fn validate_says_which_budget_holds_where_none_is_written() {
    let world = World::new(1);
    let text = policy_with("urgent", "*", "mode: Enforce\n  priority: 100");
    let (bare, _) = text.split_once("  budget:").unwrap();
    world.write("a.yaml", bare);
    let validate = |more: &[&str]| {
        let validate = ran(world.command(&[&["validate", "root"], more].concat()));
        assert_eq!((validate.code, &*validate.stderr), (0, ""), "{}", validate.stdout);
        validate.stdout
    };
    let said = "\n  budget 50 per 1h and 10 % per 1d: what holds where none is written, whatever the priority\n";
    assert!(validate(&[]).contains(said), "{}", validate(&[]));
    let json: serde_json::Value = serde_json::from_str(&validate(&["-o", "json"])).unwrap();
    assert_eq!(json["costs"][0]["defaultBudget"], serde_json::json!(["50 per 1h", "10 % per 1d"]));
    // It is no warning, and nothing is said of a budget that somebody wrote.
    assert!(validate(&[]).ends_with(": no problems.\n"), "{}", validate(&[]));
    world.write("a.yaml", &text);
    assert!(!validate(&[]).contains("where none is written"), "{}", validate(&[]));
}

#[test]
fn validate_checks_all_paths_and_names_files_as_they_can_be_opened() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    fs::create_dir_all(world.path("team/b")).unwrap();
    fs::write(world.path("team/b/a.yaml"), policy("a", "*").replace("mode:", "mood:")).unwrap();
    fs::write(world.path("loose.yaml"), "kind: Nope\n").unwrap();
    let paths = ["validate", "root", "nowhere", "team", "loose.yaml"];
    let text = ran(world.command(&paths));
    assert_eq!((text.code, &*text.stderr), (1, ""));
    settings().bind(|| insta::assert_snapshot!("validate_text", text.stdout));
    let json = ran(world.command(&[&paths[..], &["-o", "json"]].concat()));
    assert_eq!((json.code, &*json.stderr), (1, ""));
    settings().bind(|| insta::assert_snapshot!("validate_json", json.stdout));
}

#[test]
fn validate_warns_of_what_is_over_and_of_rules_that_nothing_of_the_fleet_meets() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let protect = "protect: [{name: typo, thing: {groups: [medcal]}}]";
    let freeze =
        "freezes: [{name: f, from: \"2020-01-01T00:00:00Z\", until: \"2021-01-01T00:00:00Z\"}]";
    world.write("g.yaml", &guard("g", &format!("{protect}, {freeze}")));
    fs::write(world.path("fleet.yaml"), fleet_file(1)).unwrap();
    let validate = ran(world.command(&["validate", "root", "--fleet", "fleet.yaml"]));
    assert_eq!((validate.code, &*validate.stderr), (0, ""), "{}", validate.stdout);
    for told in [
        "warning[meaning-over]: the freeze is over",
        "warning[meaning-idle-rule]: the rule `typo` keeps nothing of fleet.yaml",
        ": 2 warnings.\n",
    ] {
        assert!(validate.stdout.contains(told), "{told}\n{}", validate.stdout);
    }
    let example = ran(example(&["validate", "--fleet", "policies/fleet.yaml"]));
    assert!(example.stdout.ends_with(": no problems.\n"), "{}", example.stdout);
}

#[test]
fn schema_prints_one_kind_or_all_of_them() {
    for args in [
        &["schema"][..],
        &["schema", "CancelPolicy"],
        &["schema", "CancelGuard"],
        &["schema", "CancelTest"],
        &["schema", "Fleet"],
    ] {
        let schema = rescind(args);
        assert_eq!((schema.code, &*schema.stderr), (0, ""));
        assert!(serde_json::from_str::<Value>(&schema.stdout).unwrap().is_object());
    }
}

#[test]
fn the_emulator_prints_its_url_serves_and_ends_with_0() {
    for signal in ["TERM", "INT"] {
        let mut command = example(&["emulator", "--fleet", "policies/fleet.yaml"]);
        command.args(["--listen", "127.0.0.1:0"]);
        let mut emulator = Beside::start(command);
        emulator.stdout().wait("http://127.0.0.1:");
        emulator.log.wait("AWS_ENDPOINT_URL_IOT=");
        let url = emulator.stdout().all().remove(0);
        let mut plan = example(&["plan", "policies", "--region", "eu-central-1"]);
        plan.env("AWS_ENDPOINT_URL_IOT", &url);
        plan.env("AWS_ACCESS_KEY_ID", "any").env("AWS_SECRET_ACCESS_KEY", "any");
        let plan = ran(plan);
        assert!(plan.stdout.contains("6 to cancel"), "{}{}", plan.stdout, plan.stderr);
        emulator.signal(signal);
        assert_eq!(emulator.end(), 0);
        assert_eq!(emulator.stdout().all(), [url]);
    }
}

#[test]
fn the_emulator_ends_also_where_a_request_is_never_sent_to_its_end() {
    let mut command = example(&["emulator", "--fleet", "policies/fleet.yaml"]);
    command.args(["--listen", "127.0.0.1:0"]);
    let mut emulator = Beside::start(command);
    emulator.stdout().wait("http://127.0.0.1:");
    let address = emulator.stdout().all()[0].trim_start_matches("http://").to_owned();
    let mut half = TcpStream::connect(&address).unwrap();
    write!(half, "GET /_emulator/faults HT").unwrap();
    // It was let in before what is answered.
    assert_eq!(get(&address, "/_emulator/faults").0, 200);
    emulator.signal("TERM");
    until("nobody is let in any more", || TcpStream::connect(&address).err());
    emulator.signal("TERM");
    assert_eq!(emulator.end(), 0);
}

#[test]
fn the_emulator_throttles_when_it_is_told_to() {
    let mut command = example(&["emulator", "--fleet", "policies/fleet.yaml"]);
    command.args(["--listen", "127.0.0.1:0", "--throttle", "0.5"]);
    let emulator = Beside::start(command);
    emulator.stdout().wait("http://127.0.0.1:");
    let address = emulator.stdout().all()[0].trim_start_matches("http://").to_owned();
    let get = |path: &str| -> String {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let faults = get("/_emulator/faults");
    for operation in Operation::ALL {
        assert!(
            faults.contains(&format!("\"{}\":{{\"perSecond\":0.5", operation.as_str())),
            "{faults}"
        );
    }
}

#[test]
fn colours_are_where_they_are_asked_for() {
    let args = ["plan", "policies", "--fleet", "policies/fleet.yaml"];
    let colored = |more: &[&str], variable: Option<&str>| {
        let mut command = example(&[&args[..], more].concat());
        if let Some(name) = variable {
            command.env(name, "1");
        }
        ran(command).stdout.contains('\u{1b}')
    };
    assert!(!colored(&[], None), "stdout is no terminal");
    assert!(colored(&["--color", "always"], None));
    assert!(
        colored(&["--color", "always"], Some("NO_COLOR")),
        "a flag is more than the environment"
    );
    assert!(!colored(&["--color", "never"], Some("CLICOLOR_FORCE")));
    let broken = command(["plan", "nowhere", "--fleet", "x", "--color", "always"]);
    assert!(ran(broken).stderr.starts_with("\u{1b}[1;31merror\u{1b}[0m: nowhere"));
}

#[test]
fn a_reader_that_goes_away_changes_neither_peace_nor_exit_code() {
    let args = ["plan", "policies", "--fleet", "policies/fleet.yaml", "--detailed-exitcode"];
    for args in [&args[..], &["schema"], &["validate"]] {
        let mut child = example(args).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!said.contains("error"), "{said}");
        assert_eq!(ended.status.code(), Some(if args.len() == 5 { 2 } else { 0 }));
    }
}

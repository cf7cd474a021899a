//! What a stranger gets wrong, and what is said about it: one line, on stderr, with what to do.

use std::fs;
use std::path::Path;

use crate::process::fleet::{fleet_file, policy};
use crate::process::{command, ran};
use tempfile::TempDir;

/// Arguments, the exit code, and what stderr says.
const CASES: &[(&[&str], i32, &str)] = &[
    (
        &["plan", "nowhere", "--fleet", "fleet.yaml"],
        1,
        "error: nowhere cannot be read: No such file or directory (os error 2)",
    ),
    (
        &["plan", "empty", "--fleet", "fleet.yaml"],
        1,
        "error: empty has no .yaml or .yml file: is it the policy root?",
    ),
    (
        &["plan", "fleets", "--fleet", "fleet.yaml"],
        1,
        "error: fleets has no CancelPolicy: is it the policy root?",
    ),
    (
        &["plan", "root/a.yaml", "--fleet", "fleet.yaml"],
        64,
        "error: root/a.yaml is a file: the policy root is a directory, and a file alone would leave the guards beside it unread; name its directory (`plan` and `apply` narrow its policies by --only NAME)",
    ),
    (
        &["apply", "root/a.yaml", "--fleet", "fleet.yaml", "--yes"],
        64,
        "error: root/a.yaml is a file: the policy root is a directory",
    ),
    (
        &["run", "root/a.yaml", "--fleet", "fleet.yaml"],
        64,
        "error: root/a.yaml is a file: the policy root is a directory",
    ),
    (
        &["explain", "r001", "fw", "--root", "root/a.yaml", "--fleet", "fleet.yaml"],
        64,
        "error: root/a.yaml is a file: the policy root is a directory",
    ),
    (
        &["snapshot", "--root", "root/a.yaml", "--fleet", "fleet.yaml", "--out", "out.yaml"],
        64,
        "error: root/a.yaml is a file: the policy root is a directory",
    ),
    (
        &["diff", "root", "root/a.yaml", "--fleet", "fleet.yaml"],
        64,
        "error: root/a.yaml is a file: the policy root is a directory",
    ),
    (&["plan", "root", "--fleet", "root/a.yaml"], 1, "error: root/a.yaml has no kind: Fleet"),
    (
        &["plan", "root", "--fleet", "nowhere.yaml"],
        1,
        "error: nowhere.yaml cannot be read: No such file or directory (os error 2)",
    ),
    (&["plan", "root", "--fleet", "two.yaml"], 1, "error: two.yaml has more than one kind: Fleet"),
    (
        &["plan", "root"],
        1,
        "error: no AWS region is set: pass --region, or set AWS_REGION or the profile's `region`",
    ),
    (
        &["plan", "root", "--fleet", "fleet.yaml", "--region", "eu-west-1"],
        4,
        "error: --region eu-west-1: the fleet is in eu-central-1",
    ),
    (
        &["plan", "root", "--fleet", "fleet.yaml", "--account", "210987654321"],
        4,
        "error: account 123456789012 in eu-central-1 answered, and account 210987654321 in any region was asked for: nothing was sent",
    ),
    (
        &["apply", "root", "--fleet", "fleet.yaml", "--plan", "nowhere.json"],
        1,
        "error: --plan nowhere.json: No such file or directory (os error 2)",
    ),
    (
        &["apply", "root", "--fleet", "fleet.yaml", "--plan", "fleet.yaml"],
        1,
        "error: --plan fleet.yaml: it is not a plan that `rescind plan --out` wrote: expected value at line 1 column 1",
    ),
    (
        &["run", "nowhere", "--fleet", "fleet.yaml"],
        1,
        "error: nowhere cannot be read: No such file or directory (os error 2)",
    ),
    (
        &["run", "root", "--fleet", "nowhere.yaml"],
        1,
        "error: nowhere.yaml cannot be read: No such file or directory (os error 2)",
    ),
    (
        &["schema", "Nope"],
        64,
        "error: \"Nope\" is not a kind; there are CancelPolicy, CancelGuard, CancelTest, Fleet; and the formats of \
         JSON output rescind/plan/v1, rescind/saved-plan/v1, rescind/apply/v1, rescind/explain/v1, rescind/diff/v1, \
         rescind/validate/v1, rescind/test/v1, rescind/audit/v1, rescind/verify/v1, rescind/status/v1",
    ),
    (
        &["emulator", "--fleet", "nowhere.yaml"],
        1,
        "error: nowhere.yaml cannot be read: No such file or directory (os error 2)",
    ),
    (
        &["validate", "root", "--log", "a=b=c"],
        64,
        "error: --log: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
    ),
    (
        &["test", "nowhere"],
        1,
        "error: nowhere cannot be read: No such file or directory (os error 2)",
    ),
    (&["test", "root"], 1, "error: root has no CancelTest: nothing was tested"),
    (
        &["explain", "r001", "fv", "--root", "root", "--fleet", "fleet.yaml"],
        1,
        "error: job fv has no execution on thing r001; on r001 there are open ones of fw",
    ),
    (
        &["explain", "r01", "fw", "--root", "root", "--fleet", "fleet.yaml"],
        1,
        "error: job fw has no execution on thing r01; did you mean r001?",
    ),
    (
        &["explain", "fw", "r001", "--root", "root", "--fleet", "fleet.yaml"],
        1,
        "error: job r001 has no execution on thing fw: the thing comes first: rescind explain r001 fw",
    ),
    (
        &["explain", "x", "fww", "--root", "root", "--fleet", "fleet.yaml"],
        1,
        "error: job fww has no execution on thing x; did you mean job fw?",
    ),
    (
        &["explain", "a b", "fw", "--root", "root", "--fleet", "fleet.yaml"],
        64,
        "error: THING: \"a b\" is not a thing name",
    ),
    (
        &["explain", "a", "fw", "--fleet", "fleet.yaml"],
        1,
        "error: policies cannot be read: No such file or directory (os error 2)",
    ),
    (
        &["snapshot", "--root", "root", "--fleet", "fleet.yaml", "--out", "root"],
        64,
        "error: --out root: something is there that is not a regular file",
    ),
    (
        &["diff", "nowhere", "root", "--fleet", "fleet.yaml"],
        1,
        "error: nowhere: there is no such directory here, and it is no revision that git knows here",
    ),
    (&["completions", "cmd"], 64, "error: invalid value 'cmd' for '<SHELL>'"),
    (&["plam"], 64, "error: unrecognized subcommand 'plam'"),
    (&["plan"], 64, "error: the following required arguments were not provided:"),
    (
        &["plan", "root", "--account", "12"],
        64,
        "error: invalid value '12' for '--account <ID>': an AWS account id has 12 digits",
    ),
    (
        &["plan", "root", "--rate", "0"],
        64,
        "error: invalid value '0' for '--rate <N>': a rate is a number of calls a second, from 0.5 to 10000",
    ),
    (
        &["run", "root", "--interval", "5"],
        64,
        "error: invalid value '5' for '--interval <DURATION>': \"5\" is not a duration: write it like 90s, 15m, 6h, 1h 30m, 3d, 3 days or PT6H",
    ),
    (
        &["plan", "root", "--fleet", "fleet.yaml", "--out", "nowhere/plan.json"],
        64,
        "error: --out nowhere/plan.json: there is no directory nowhere",
    ),
    (
        &["plan", "root", "--fleet", "fleet.yaml", "--out", "root/plan.yaml"],
        64,
        "error: --out root/plan.yaml: the policy root, where every YAML file is read as policies",
    ),
    (
        &["plan", "root", "--region", "eu-central"],
        64,
        "error: invalid value 'eu-central' for '--region <REGION>': an AWS region is like eu-central-1",
    ),
    (
        &["run", "root", "--interval", "0s"],
        64,
        "error: invalid value '0s' for '--interval <DURATION>'",
    ),
    (
        &["run", "root", "--interval", "2d"],
        64,
        "error: invalid value '2d' for '--interval <DURATION>': an interval is from 1s to 1d",
    ),
    (
        &["audit", "--since", "24.11.2026"],
        64,
        "error: invalid value '24.11.2026' for '--since <TIME>': a time is like 2026-11-24T00:00:00Z, a day (from its start in UTC) like 2026-11-24, an age like \"9h ago\"",
    ),
    (
        &["audit", "--until", "2026-11-24T06:30:00"],
        64,
        "error: invalid value '2026-11-24T06:30:00' for '--until <TIME>': a time is like",
    ),
    (
        &["status", "--at", "localhost:9464"],
        64,
        "error: invalid value 'localhost:9464' for '--at <ADDRESS>': an address is an IP address and a port: 127.0.0.1:9464",
    ),
    (
        &["emulator", "--fleet", "fleet.yaml", "--listen", "0.0.0.0:0"],
        64,
        "error: invalid value '0.0.0.0:0' for '--listen <ADDRESS>': the emulator checks no credentials, so it listens on loopback only",
    ),
    (
        &["apply", "root", "--plan", "p", "--only", "a"],
        64,
        "error: the argument '--plan <FILE>' cannot be used with '--only <NAME>'",
    ),
];

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["root", "empty", "fleets"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("root/a.yaml"), policy("a", "*")).unwrap();
    fs::write(at("fleet.yaml"), fleet_file(1)).unwrap();
    fs::write(at("fleets/fleet.yaml"), fleet_file(1)).unwrap();
    fs::write(at("two.yaml"), format!("{}---\n{}", fleet_file(1), fleet_file(2))).unwrap();
    folder
}

fn run_in(folder: &Path, args: &[&str]) -> crate::process::Ran {
    let mut command = command(args);
    command.current_dir(folder);
    ran(command)
}

#[test]
fn each_mistake_is_said_on_stderr_and_has_its_code() {
    let folder = folder();
    for (args, code, said) in CASES {
        let ran = run_in(folder.path(), args);
        let first = ran.stderr.lines().find(|line| !line.starts_with("Note:")).unwrap_or_default();
        assert!(first.starts_with(said), "{args:?}\nexpected {said}\nfound    {first}");
        assert_eq!(ran.code, *code, "{args:?}: {}", ran.stderr);
        // A mistake that is found before the work leaves stdout to results.
        assert!(ran.stdout.is_empty(), "{args:?}: {}", ran.stdout);
    }
}

#[test]
fn help_of_a_verb_is_had_in_both_ways() {
    let folder = folder();
    let (one, other) =
        (run_in(folder.path(), &["help", "plan"]), run_in(folder.path(), &["plan", "--help"]));
    assert_eq!((one.code, other.code), (0, 0), "{}", one.stderr);
    assert_eq!(one.stdout, other.stdout);
}

#[test]
fn a_wrong_filter_of_the_logs_is_said_by_the_name_of_what_has_it() {
    let folder = folder();
    let refused = |args: &[&str], variable: &str| {
        let mut command = command(args);
        command.current_dir(folder.path()).env("RUST_LOG", variable);
        ran(command)
    };
    let of_variable = refused(&["validate", "root"], "a=b=c");
    assert_eq!(of_variable.code, 64);
    assert!(of_variable.stderr.starts_with("error: RUST_LOG: "), "{}", of_variable.stderr);
    let of_flag = refused(&["validate", "root", "--log", "a=b=c"], "debug");
    assert!(of_flag.stderr.starts_with("error: --log: "), "{}", of_flag.stderr);
    // The flag wins, and what is empty says nothing.
    assert_eq!(refused(&["validate", "root", "--log", "warn"], "a=b=c").code, 0);
    assert_eq!(refused(&["validate", "root"], "").code, 0);
}

#[test]
fn without_credentials_it_says_how_to_get_some() {
    let folder = folder();
    let args = ["plan", "root", "--region", "eu-central-1"];
    let ran = run_in(folder.path(), &args);
    assert_eq!((ran.code, &*ran.stdout), (1, ""));
    assert!(
        ran.stderr.starts_with("error: no AWS credentials: log in (aws sso login)"),
        "{}",
        ran.stderr
    );
}

#[test]
fn no_verb_at_all_is_a_mistake_and_shows_the_help() {
    let folder = folder();
    let none = run_in(folder.path(), &[]);
    assert_eq!((none.code, &*none.stdout), (64, ""));
    assert!(none.stderr.contains("Usage: rescind"), "{}", none.stderr);
    for asked in ["--help", "--version"] {
        let ran = run_in(folder.path(), &[asked]);
        assert_eq!((ran.code, &*ran.stderr), (0, ""));
    }
}

//! JSON: each key of each document that the reference has is written by some verb, and what the reference
//! does with jq can be done.
//!
//! That a document has no key beyond, and is what its schema says, is asked of each run in each test
//! (`process::ran`).

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use jiff::SignedDuration;
use rescind::cli::output::forms;
use rescind::cli::output::test as tested;
use rescind::cli::output::verify;
use rescind::document::report::Range;
use rescind::emulator::{Denial, Faults};
use rescind::plan::breaker;
use rescind::state::verify::{Finding, Report, Rule};
use rescind::status::{Failure, Status};
use serde_json::Value;

use super::revisions::git;
use crate::process::fleet::{ACCOUNT, REGION, World, guard, policy_with};
use crate::process::{Ran, ran};
use crate::reference::about::ABOUT;
use crate::reference::forms::{all_keys, keys};
use crate::server;

/// Two robots with each thing that can be said about an execution; full statusDetails leave no room for the
/// `rescind` pair.
const FLEET: &str = "apiVersion: rescind/v1alpha1
kind: Fleet
metadata: {name: robots}
spec:
  account: \"123456789012\"
  region: eu-central-1
  jobs: [{id: fw}, {id: whole}, {id: next}, {id: by-hand}, {id: unclear}]
  things:
    - {name: \"r{n:02}\", count: 12, attributes: {fleet: robots}}
  executions:
    - {job: fw, thing: \"r{n:02}\", count: 12, queuedAt: 2d ago}
    - {job: whole, thing: r03, queuedAt: 1d ago}
    - {job: whole, thing: r04, queuedAt: 1d ago}
    - {job: next, thing: r12, queuedAt: 1h ago}
    - {job: by-hand, thing: r01, status: CANCELED, queuedAt: 1d ago}
    - {job: unclear, thing: r01, status: CANCELED, queuedAt: 1d ago, statusDetails: {rescind: by hand}}
    - {job: fw, thing: r14, queuedAt: 2d ago}
    - {job: fw, thing: r13, queuedAt: 2d ago, statusDetails: {a: v, b: v, c: v, d: v, e: v, f: v, g: v, h: v, i: v, j: v}}
";

/// The account, with a root that is in a git repository.
fn world() -> World {
    let fleet = FLEET
        .replace("  executions:", "    - {name: r13, attributes: {fleet: robots}}\n    - {name: r14, attributes: {fleet: lab}}\n  executions:");
    let world = World::of(&fleet);
    let enforce = |name, things| policy_with(name, things, "mode: Enforce");
    world.write("a.yaml", &enforce("a", "r0[1-4]"));
    world.write("l.yaml", &enforce("l", "r1[1-4]"));
    let window = "mode: Observe\n  windows:\n    - {kind: Allow, days: [Mon], from: \"08:00\", to: \"09:00\", \
                  timeZone: Etc/UTC}\n  exclude:\n    - {name: lab, things: {names: [lab-1]}}";
    world.write("o.yaml", &policy_with("o", "r06", window));
    let late = "mode: Enforce\n  suspend: true\n  suspendReason: waits\n  suspendUntil: \"2099-01-01T00:00:00Z\"\n  \
                expiresAt: \"2099-06-01T00:00:00Z\"\n  stableFor: 10m";
    world.write("s.yaml", &policy_with("s", "r06", late));
    let halt =
        enforce("h", "r0[78]").replace("10000, per: 1h}]", "1, per: 1h}]\n    onExceed: Halt");
    world.write("h.yaml", &halt);
    let protect = "protect: [{name: legal, reason: on hold, things: {names: [r05, r11]}}, {name: kept, \
                   jobs: {names: [next]}}]";
    let freeze = "freezes: [{name: later, from: \"2099-01-01T00:00:00Z\", until: \"2099-02-01T00:00:00Z\", \
                  exceptPolicies: [a]}]";
    let scope = format!("scope: {{accounts: [\"{ACCOUNT}\"], regions: [{REGION}]}}");
    let budget = "budget: {max: [{count: 1000, per: 1d}]}";
    world.write("g.yaml", &guard("g", &format!("{protect}, {freeze}, {scope}, {budget}")));
    let at = world.folder.path();
    git(at, &["init", "-q", "-b", "main"]);
    git(at, &["add", "root"]);
    git(at, &["commit", "-q", "-m", "policies"]);
    world
}

fn deny(world: &World, action: &str, resource: &str) {
    let denial = Denial { action: action.to_owned(), resource: resource.to_owned() };
    world.emulator.set_faults(Faults { deny: vec![denial], ..Faults::default() });
}

fn json(ran: &Ran) -> Value {
    let read = serde_json::from_str(&ran.stdout);
    read.unwrap_or_else(|error| panic!("{error}: {}{}", ran.stdout, ran.stderr))
}

/// What the verbs write of an account, from the first plan to the last look at the journal.
fn of_an_account() -> Vec<Value> {
    let world = world();
    let pins = ["--account", ACCOUNT, "--region", REGION];
    let run = |args: &[&str]| ran(world.guarded(&[args, &pins[..], &["-o", "json"]].concat()));
    let mut documents = Vec::new();

    deny(&world, "iot:DescribeThing", "*:thing/r13");
    documents.push(json(&run(&["plan", "root"])));
    deny(&world, "iot:CancelJobExecution", "*:thing/r02");
    let saved = ran(world.guarded(&[&["plan", "root", "--out", "plan.json"][..], &pins].concat()));
    assert_eq!(saved.code, 0, "{}", saved.stderr);
    let saved = fs::read_to_string(world.path("plan.json")).unwrap();
    documents.push(serde_json::from_str(&saved).unwrap());
    for _ in 0..2 {
        documents.push(json(&run(&["apply", "root", "--plan", "plan.json"])));
    }
    world.emulator.set_faults(Faults::default());
    documents.push(json(&run(&["plan", "root"])));
    documents.push(json(&run(&["apply", "root", "--yes"])));

    for (thing, job) in [
        ("r01", "fw"),
        ("r05", "fw"),
        ("r06", "fw"),
        ("r07", "fw"),
        ("r13", "fw"),
        ("r14", "fw"),
        ("r01", "by-hand"),
        ("r01", "unclear"),
    ] {
        documents.push(json(&run(&["explain", thing, job, "--root", "root"])));
    }
    let changed = policy_with("l", "r1[01]", "mode: Enforce").replace("10000", "500");
    world.write("l.yaml", &changed);
    documents.push(json(&run(&["diff", "HEAD", "--root", "root"])));

    world.emulator.set_time(world.emulator.now() + SignedDuration::from_mins(5)).unwrap();
    world.queue("late", "r01");
    let stopped = ran(world.guarded(&[&["apply", "root", "--yes"][..], &pins].concat()));
    assert_eq!(stopped.code, 4, "{}", stopped.stderr);
    documents.push(json(&run(&["plan", "root"])));

    world.write("broken.yaml", "kind: CancelPolicy\n");
    documents.push(json(&run(&["explain", "r05", "fw", "--root", "root"])));

    documents.push(json(&ran(world.bare(&["audit", "-o", "json"]))));
    let other = World::new(1);
    let witness = other.address.to_string();
    documents.push(json(&ran(world.bare(&["audit", "--verify", &witness, "-o", "json"]))));
    documents
}

/// A test with one expectation.
fn test_of(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: rescind/v1alpha1\nkind: CancelTest\nmetadata: {{name: {name}}}\nspec:\n  now: \
         \"2026-11-24T12:00:00Z\"\n  fleet: ../fleet.yaml\n  expect:\n    - {{job: fw, thing: {spec}}}\n"
    )
}

/// What is said of files.
fn of_files() -> Vec<Value> {
    let world = World::new(4);
    let stable = policy_with("a", "r00[23]", "mode: Enforce\n  stableFor: 10m");
    world.write("a.yaml", &stable);
    world.write("g.yaml", &guard("g", "protect: [{name: one, thing: {types: [pump]}}]"));
    let twice = policy_with("b", "*", "mode: Observe\n  mode: Enforce");
    world.write("b.yaml", &twice);
    fs::write(world.path("fleet.yaml"), crate::process::fleet::fleet_file(4)).unwrap();
    let run = |args: &[&str]| json(&ran(world.bare(&[args, &["-o", "json"]].concat())));
    let plain = policy_with("c", "*", "mode: Observe");
    let (without_budget, _) = plain.split_once("  budget:").expect("it has one");
    world.write("c.yaml", without_budget);
    let mut documents = vec![run(&["validate", "root", "nowhere"])];
    fs::remove_file(world.path("root/c.yaml")).unwrap();
    let wrong = "r001, decision: Cancel, reason: Matched, policy: a, force: true";
    world.write("one.yaml", &test_of("one", wrong));
    world.write("two.yaml", &test_of("two", "r999, decision: Keep"));
    documents.push(run(&["test", "root"]));
    fs::remove_file(world.path("root/b.yaml")).unwrap();
    documents.push(run(&["test", "root"]));
    documents
}

/// What no command says while all is well with rescind and its journal.
fn of_what_should_not_be() -> Vec<Value> {
    let place = Range { path: "a.yaml".to_owned(), line: 1, column: 1, end_line: 1, end_column: 2 };
    let outcome = tested::Outcome::Unsafe("a line is canceled twice".to_owned());
    let unsafe_test = tested::Tested { name: "a".to_owned(), place, expectations: 1, outcome };
    let unsafe_tests = [unsafe_test];
    let finding = Finding {
        rule: Rule::OneCancel,
        breach: true,
        id: None,
        job: "fw".to_owned(),
        thing: "r01".to_owned(),
        execution_number: 1,
        text: "it was canceled twice".to_owned(),
    };
    let report = Report { findings: vec![finding], ..Report::default() };
    let busy = server::status(&server::busy());
    let mut breakers = busy.breakers.clone();
    breakers[1].skew_seconds = Some(120);
    assert_eq!(breakers[1].name, breaker::Breaker::Clock.label());
    let refused = Failure {
        operation: Some("CancelJobExecution".to_owned()),
        kind: Some("denied".to_owned()),
        action: Some("iot:CancelJobExecution".to_owned()),
        ..busy.errors[0].clone()
    };
    let mut root = busy.root.clone();
    root.all_wait = true;
    root.unread = Some("it is not there".to_owned());
    let mut pass = busy.pass.clone().unwrap();
    pass.reasons.insert("due".to_owned(), 3);
    let troubled = Status {
        state_unwritten: Some("the disk is full".to_owned()),
        errors: vec![refused],
        finish: Some(rescind::plan::finish::Finish::of(3, Some(8.0)).unwrap()),
        breakers,
        root,
        pass: Some(pass),
        ..busy
    };
    vec![
        serde_json::to_value(tested::json::json(&unsafe_tests, 0, &[])).unwrap(),
        serde_json::to_value(verify::json(&report)).unwrap(),
        serde_json::to_value(&troubled).unwrap(),
    ]
}

/// What `jq` makes of a document; none where there is no `jq`.
fn jq(program: &str, document: &Value) -> Option<String> {
    let started = Command::new("jq")
        .args(["-r", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut jq) = started else { return None };
    jq.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
    let output = jq.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn what_decides_the_exit_code_stands_in_the_document() {
    let world = World::new(2);
    world.write("a.yaml", &policy_with("a", "r001", "mode: Enforce"));
    let run = |args: &[&str]| ran(world.bare(&[args, &["-o", "json"]].concat()));
    let unreadable = run(&["validate", "root", "nowhere"]);
    assert_eq!((unreadable.code, &json(&unreadable)["errors"]), (1, &1.into()));
    // A test that passes beside a file of which nobody knows what tests it has.
    fs::write(world.path("fleet.yaml"), crate::process::fleet::fleet_file(2)).unwrap();
    world.write("one.yaml", &test_of("one", "r001, decision: Cancel"));
    let right = run(&["test", "root"]);
    assert_eq!((right.code, &json(&right)["summary"]["brokenFiles"]), (0, &0.into()));
    fs::create_dir(world.path("other")).unwrap();
    fs::write(world.path("other/two.yaml"), "kind: CancelTest\n").unwrap();
    let broken = run(&["test", "root", "other"]);
    let told = json(&broken);
    assert_eq!((broken.code, &told["summary"]["brokenFiles"]), (1, &1.into()));
    assert_eq!(told["summary"]["passed"], 1);
    assert_eq!(told["diagnostics"][0]["code"], "schema-api-version");
    // An execution that is kept in the moment of acting says why, for a script too.
    let pins = ["--account", ACCOUNT, "--region", REGION, "--no-guards"];
    let plan = run(&[&["plan", "root", "--out", "plan.json"][..], &pins[..4]].concat());
    assert_eq!(json(&plan)["reasons"], serde_json::json!({"matched": 1}));
    for (outcome, reason) in [("canceled", Value::Null), ("kept", "alreadyCanceledByUs".into())] {
        let args = ["apply", "root", "--plan", "plan.json", "--fresh-ledger"];
        let applied = json(&run(&[&args[..], &pins].concat()));
        let line = &applied["lines"][0];
        assert_eq!((&line["outcome"], &line["reason"]), (&outcome.into(), &reason));
        assert_ne!(applied["plan"]["calls"], serde_json::json!({}), "what was called for it");
    }
}

#[test]
#[should_panic(expected = "has keys that its schema does not have: [\".findings[].more\"]")]
fn a_key_that_is_not_in_the_reference_is_noticed() {
    let mut document = of_what_should_not_be().remove(1);
    keys(&document);
    document["findings"][0]["more"] = 1.into();
    keys(&document);
}

/// Keys that no test can make a verb write, and why: AWS gives a time with each row of a list.
const UNSEEN: [(&str, &str); 1] = [("rescind/explain/v1", "factsNotKnown")];

#[test]
fn each_key_of_the_reference_is_written_and_can_be_asked_for_with_jq() {
    let documents = [of_an_account(), of_files(), of_what_should_not_be()].concat();
    let mut seen = BTreeSet::new();
    for document in &documents {
        seen.extend(keys(document));
    }
    let all: BTreeSet<_> = forms::ALL.into_iter().flat_map(all_keys).collect();
    let excused = |(shape, key): &&(String, String)| {
        UNSEEN.iter().any(|(known, name)| shape == known && key == name)
    };
    let unseen: Vec<_> = all.difference(&seen).filter(|it| !excused(it)).collect();
    assert!(unseen.is_empty(), "no verb has written {unseen:?}");

    for about in ABOUT {
        let of_form = documents.iter().filter(|it| it["format"] == about.form);
        let of_form: Vec<_> = of_form.collect();
        for (question, _, program) in about.examples {
            let answers: Option<Vec<_>> = of_form.iter().map(|it| jq(program, it)).collect();
            let Some(answers) = answers else {
                let said = b"skipped: there is no jq here\n";
                std::io::stderr().write_all(said).unwrap();
                return;
            };
            // What nobody has to look at is not there.
            let may_be_empty = question.starts_with("what has no outcome");
            let answered = answers.iter().any(|answer| !answer.trim().is_empty());
            assert!(answered || may_be_empty, "{question}: {program} gives nothing");
        }
    }
}

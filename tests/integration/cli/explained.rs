//! Explain: what a newcomer reads about a kept, a canceled, an unknown and a canceled execution; and
//! what is generated from the command line.

use serde_json::Value;

use crate::cli::{example, settings};
use rescind::emulator::Operation;

use crate::process::fleet::{ACCOUNT, REGION, World, guard, policy, policy_with};
use crate::process::{Ran, ran, rescind};

fn explained(thing: &str, job: &str, more: &[&str]) -> Ran {
    let args = ["explain", thing, job, "--fleet", "policies/fleet.yaml"];
    let explain = ran(example(&[&args[..], more].concat()));
    assert_eq!((explain.code, &*explain.stderr), (0, ""), "{}", explain.stdout);
    explain
}

/// Ages of the example fleet are told to the second; the attempt differs from run to run.
fn snapshot(name: &str, text: &str) {
    let mut settings = settings();
    settings.add_filter(r"[0-9a-f]{16}-\d+\.\d+", "[attempt]");
    settings.add_filter(r"that is so in [^,]+,", "that is so in [time],");
    settings.add_filter(r", in \d+[dhms]( \d+[hms])?", ", in [while]");
    settings.add_filter(r"refills in \d+[dhms]( \d+[hms])?", "refills in [while]");
    settings.add_filter(r"by (uid )?[^ ]+@[^ ]+", "by [who]");
    // Of what was canceled a moment ago, by the clock of the machine.
    settings.add_filter(r"\b\d+s ago", "[moment] ago");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn a_kept_execution_is_explained() {
    snapshot("explain_kept", &explained("robot-008", "fw-4-2-0", &[]).stdout);
}

#[test]
fn an_excluded_execution_is_explained() {
    snapshot("explain_excluded", &explained("robot-007", "fw-4-2-0", &[]).stdout);
}

#[test]
fn a_protected_execution_is_explained() {
    snapshot("explain_protected", &explained("robot-009", "fw-4-2-0", &[]).stdout);
}

#[test]
fn all_that_stands_in_the_way_is_said_at_once() {
    let world = World::new(2);
    world.write(
        "a.yaml",
        &policy_with(
            "a",
            "*",
            "mode: Observe\n  suspend: true\n  suspendReason: waits for FLEET-12\n  suspendUntil: \
             \"2039-01-01T00:00:00Z\"\n  expiresAt: \"2040-01-01T00:00:00Z\"\n  windows:\n    \
             - {kind: Deny, days: [Mon, Tue, Wed, Thu, Fri, Sat, Sun], from: \"00:00\", to: \
             \"24:00\", timeZone: Etc/UTC}",
        ),
    );
    world.write("b.yaml", &policy("b", "r*"));
    let rule = "protect: [{name: robots, reason: under repair, things: {names: [\"r001\"]}}]";
    let freeze = "freezes: [{name: always, from: \"2020-01-01T00:00:00Z\", until: \
                  \"2040-01-01T00:00:00Z\", exceptPolicies: [b]}]";
    let halt = "budget: {max: [{count: 7, per: 1h}], onExceed: Halt}";
    world.write("g.yaml", &guard("g", &format!("{rule}, {freeze}, {halt}")));
    let pins = ["--account", ACCOUNT, "--region", REGION, "--root", "root"];
    let ran = ran(world.command(&[&["explain", "r001", "fw"][..], &pins].concat()));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("warning[meaning-no-effect]: this window is always open"));
    snapshot("explain_all_in_the_way", &ran.stdout);
}

#[test]
fn a_guard_that_was_adopted_and_is_gone_is_explained() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", "protect: [{name: one, things: {names: [\"r001\"]}}]"));
    let pins = ["--account", ACCOUNT, "--region", REGION];
    let apply = ran(world.command(&[&["apply", "root", "--yes"][..], &pins].concat()));
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    std::fs::remove_file(world.path("root").join("g.yaml")).unwrap();
    let explain = |thing: &str| {
        let args = ["explain", thing, "fw", "--root", "root"];
        let explain = ran(world.command(&[&args[..], &pins].concat()));
        assert_eq!((explain.code, &*explain.stderr), (0, ""), "{}", explain.stdout);
        explain.stdout
    };
    snapshot("explain_guard_gone", &explain("r001"));
    snapshot("explain_canceled_with_journal", &explain("r002"));
}

#[test]
fn only_what_the_decision_hangs_on_is_read() {
    let world = World::new(30);
    world.write("a.yaml", &policy("a", "r00[2-9]"));
    let calls = |thing: &str| {
        world.emulator.reset_calls();
        let args = ["explain", thing, "fw", "--root", "root", "--region", REGION];
        let explain = ran(world.command(&args));
        assert_eq!(explain.code, 0, "{}", explain.stderr);
        (explain.stdout, world.emulator.calls())
    };
    let (kept, calls_of_kept) = calls("r001");
    assert!(kept.contains("not in scope: target.things.names is r00[2-9]"), "{kept}");
    assert!(!calls_of_kept.contains_key(&Operation::ListJobExecutionsForJob), "{calls_of_kept:?}");
    let (canceled, calls_of_canceled) = calls("r002");
    assert!(canceled.starts_with("fw on r002: cancel"), "{canceled}");
    assert!(!canceled.contains("Nothing but this execution"), "{canceled}");
    assert!(calls_of_canceled.contains_key(&Operation::ListJobExecutionsForJob));
}

#[test]
fn a_canceled_execution_is_explained() {
    snapshot("explain_cancel", &explained("robot-001", "fw-4-2-0", &[]).stdout);
}

#[test]
fn of_another_job_those_that_are_in_progress_are_named_too() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let now = world.emulator.now();
    world.emulator.store(|store| store.start_next("r001", None, None, now)).unwrap();
    let explain = || {
        let args = ["explain", "r001", "other", "--root", "root", "--region", REGION];
        let explain = ran(world.command(&args));
        assert_eq!(explain.code, 1, "{}", explain.stdout);
        explain.stderr
    };
    let none = "error: job other has no execution on thing r001; on r001 there are open ones of ";
    assert_eq!(explain(), format!("{none}fw\n"));
    // It stands before all that waits.
    for job in ["a", "b", "c", "d", "e"] {
        world.queue(job, "r001");
    }
    let told = explain();
    assert!(told.starts_with(&format!("{none}fw, ")) && told.ends_with(" and 1 more\n"), "{told}");
}

#[test]
fn a_root_with_a_broken_file_is_explained_without_it() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    world.write("b.yaml", &policy("b", "*").replace("mode:", "mood:"));
    let explain = |more: &[&str]| {
        let args = ["explain", "r001", "fw", "--root", "root", "--region", REGION];
        ran(world.command(&[&args[..], more].concat()))
    };
    let told = explain(&[]);
    assert_eq!(told.code, 1, "{}", told.stderr);
    let without = "Without what has an error (b.yaml):\n";
    let decided = |told: &Ran, decision: &str| {
        let decided = told.stdout.strip_prefix(without).expect("it is said first");
        assert!(decided.starts_with(decision), "{}", told.stdout);
    };
    decided(&told, "fw on r001: cancel");
    assert!(told.stderr.contains(" --> root/b.yaml:5:3\n"), "{}", told.stderr);
    let last = "\nerror: 1 broken file in root: nothing of that is in this explanation (b.yaml). Until that is \
                mended, the policies in it wait in `run`, and `plan` and `apply` do nothing at all\n";
    assert!(told.stderr.ends_with(last), "{}", told.stderr);
    let json: Value = serde_json::from_str(&explain(&["-o", "json"]).stdout).unwrap();
    assert_eq!(json["broken"], serde_json::json!(["b.yaml"]));
    // A file that does not say what it has may have a guard: nothing goes, as in `run`.
    world.write("b.yaml", "");
    let told = explain(&[]);
    assert_eq!(told.code, 1, "{}", told.stderr);
    let all_wait =
        "fw on r001: defer, says policy a: a file with an error has, or may have, a guard";
    decided(&told, all_wait);
    // Where nothing is readable there is nothing to explain.
    world.write("a.yaml", "");
    let none = explain(&[]);
    assert_eq!((none.code, &*none.stdout), (1, ""));
    let last = "error: 2 broken files in root: nothing was done (a.yaml, b.yaml)\n";
    assert!(none.stderr.ends_with(last), "{}", none.stderr);
}

#[test]
fn a_guard_that_was_adopted_is_explained_while_its_file_is_broken() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    let text = guard("g", "protect: [{name: one, things: {names: [\"r001\"]}}]");
    world.write("g.yaml", &text);
    let pins = ["--account", ACCOUNT, "--region", REGION];
    let apply = ran(world.command(&[&["apply", "root", "--yes"][..], &pins].concat()));
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    world.write("g.yaml", &text.replace("protect", "protects"));
    let args = ["explain", "r001", "fw", "--root", "root"];
    let explain = ran(world.command(&[&args[..], &pins].concat()));
    assert_eq!(explain.code, 1, "{}", explain.stderr);
    assert!(explain.stdout.contains("its file has an error"), "{}", explain.stdout);
    assert!(explain.stdout.contains("(g.yaml):\nfw on r001: keep"), "{}", explain.stdout);
}

#[test]
fn an_unknown_fact_is_explained() {
    snapshot("explain_unknown", &explained("robot-006", "cfg-routes-46", &[]).stdout);
}

#[test]
fn what_has_ended_is_explained() {
    snapshot("explain_ended", &explained("robot-001", "diag-battery", &[]).stdout);
}

#[test]
fn the_json_is_versioned_and_says_the_same() {
    let explain = explained("robot-007", "fw-4-2-0", &["-o", "json"]);
    let json: Value = serde_json::from_str(&explain.stdout).unwrap();
    assert_eq!(json["format"], "rescind/explain/v1");
    assert_eq!(json["decision"]["reason"], "excluded");
    assert_eq!(json["decision"]["policy"], "stuck-in-progress");
    let policies = json["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 4);
    let scopes: Vec<_> = policies.iter().map(|it| it["inScope"].as_bool().unwrap()).collect();
    assert_eq!(scopes, [true, false, false, false], "those in scope come first");
    assert_eq!(policies[0]["rules"][0]["holds"], "yes");
    assert_eq!(policies[0]["clauses"][0]["answer"], "yes");
    assert_eq!(json["decision"]["allToChange"][0], json["decision"]["toChange"]);
    assert_eq!(json["wholeFleet"], false);
    let guards = json["guards"].as_array().unwrap();
    let names: Vec<_> =
        guards.iter().map(|it| (it["name"].as_str().unwrap(), &it["protects"])).collect();
    assert_eq!(names, [("fleet-guard", &"no".into()), ("built-in", &"no".into())]);
    assert_eq!(guards[0]["scope"]["has"], true);
    assert_eq!(guards[0]["freezes"][0]["lasts"], false);
}

#[test]
fn an_explanation_says_what_the_plan_says() {
    let plan = ran(example(&["plan", "policies", "--fleet", "policies/fleet.yaml", "-o", "json"]));
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    for line in plan["lines"].as_array().unwrap() {
        let (thing, job) = (line["thing"].as_str().unwrap(), line["job"].as_str().unwrap());
        let explain = explained(thing, job, &["-o", "json"]);
        let explain: Value = serde_json::from_str(&explain.stdout).unwrap();
        for key in ["decision", "reason", "policy"] {
            assert_eq!(explain["decision"][key], line[key], "{key} of {job} on {thing}");
        }
    }
}

#[test]
fn of_a_canceled_execution_it_says_who_did_it() {
    let world = World::of(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {name: f}\nspec:\n  \
         account: \"123456789012\"\n  region: eu-central-1\n  jobs: [{id: fw}, {id: by-hand}]\n  \
         things: [{name: r1, attributes: {fleet: robots}}]\n  executions:\n    \
         - {job: fw, thing: r1, queuedAt: 1d ago}\n    \
         - {job: by-hand, thing: r1, status: CANCELED, queuedAt: 1d ago}\n",
    );
    world.write("a.yaml", &policy("a", "*"));
    let pins = ["--account", ACCOUNT, "--region", REGION];
    let apply = ran(world.command(&[&["apply", "root", "--yes"][..], &pins].concat()));
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    let explain = |job: &str| {
        let args = ["explain", "r1", job, "--root", "root"];
        let explain = ran(world.command(&[&args[..], &pins].concat()));
        assert_eq!((explain.code, &*explain.stderr), (0, ""), "{}", explain.stdout);
        explain.stdout
    };
    snapshot("explain_canceled", &explain("fw"));
    assert!(explain("by-hand").contains("Canceled, but not by rescind"), "{}", explain("by-hand"));
    world.write("a.yaml", &policy("a", "r*"));
    assert!(explain("fw").contains("which is in this root, changed since ("), "{}", explain("fw"));
    world.write("a.yaml", &policy("b", "r*"));
    assert!(explain("fw").contains("which is not in this root"), "{}", explain("fw"));
}

#[test]
fn without_room_for_the_pair_the_journal_says_who_canceled_it() {
    let pairs = "k0: v, k1: v, k2: v, k3: v, k4: v, k5: v, k6: v, k7: v, k8: v, k9: v";
    let world = World::of(&format!(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: f}}\nspec:\n  \
         account: \"123456789012\"\n  region: eu-central-1\n  jobs: [{{id: fw}}]\n  \
         things: [{{name: r1, attributes: {{fleet: robots}}}}]\n  executions:\n    \
         - {{job: fw, thing: r1, queuedAt: 1d ago, statusDetails: {{{pairs}}}}}\n",
    ));
    world.write("a.yaml", &policy("a", "*"));
    let pins = ["--account", ACCOUNT, "--region", REGION];
    let apply = ran(world.command(&[&["apply", "root", "--yes"][..], &pins].concat()));
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    let note = "its statusDetails had no room for rescind";
    assert!(apply.stdout.contains(note), "{}", apply.stdout);
    let audit = ran(world.command(&["audit"]));
    assert!(audit.stdout.contains(note), "{}", audit.stdout);
    let args = ["explain", "r1", "fw", "--root", "root"];
    let explain = ran(world.command(&[&args[..], &pins].concat()));
    let told = explain.stdout.lines().nth(1).expect("a second line");
    assert!(told.contains("Canceled by rescind, as the journal says: policy a ("), "{told}");
    assert!(told.ends_with("they had no room for the rescind pair."), "{told}");
    assert!(explain.stdout.contains("this is the cancel"), "{}", explain.stdout);
    let explain = ran(world.command(&[&args[..], &pins, &["-o", "json"]].concat()));
    let json: serde_json::Value = serde_json::from_str(&explain.stdout).expect("it is JSON");
    assert_eq!(json["canceledBy"]["by"], "rescind");
    assert_eq!(json["canceledBy"]["toldBy"], "journal");
}

#[test]
fn completions_and_manual_pages_name_every_verb() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = rescind(&["completions", shell]);
        assert_eq!((completions.code, &*completions.stderr), (0, ""), "{shell}");
        for verb in ["validate", "test", "plan", "explain", "apply", "run", "emulator"] {
            assert!(completions.stdout.contains(verb), "{shell}: {verb}");
        }
    }
    let man = rescind(&["man"]);
    assert_eq!((man.code, &*man.stderr), (0, ""));
    assert!(man.stdout.contains("rescind\\-explain"), "{}", man.stdout);
    assert_eq!(
        man.stdout.matches(".TH rescind").count(),
        1 + man.stdout.matches(".TH rescind-").count()
    );
}

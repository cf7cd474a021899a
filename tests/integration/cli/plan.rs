//! `rescind plan`: what it shows, and what it must not show.

use std::path::Path;

use rescind::emulator::{Denial, Faults, Operation};
use serde_json::Value;

use crate::cli::{example, settings};
use crate::process::fleet::{ACCOUNT, REGION, World, policy, policy_with};
use crate::process::{Beside, ran};

#[test]
fn the_example_root_is_planned_in_text() {
    let plan = ran(example(&["plan", "policies", "--fleet", "policies/fleet.yaml"]));
    assert_eq!(plan.code, 0);
    settings().bind(|| {
        insta::assert_snapshot!("plan_text", plan.stdout);
        insta::assert_snapshot!("plan_stderr", plan.stderr);
    });
}

#[test]
fn the_example_root_is_planned_in_json() {
    let args = ["plan", "policies", "--fleet", "policies/fleet.yaml", "-o", "json"];
    let plan = ran(example(&args));
    assert_eq!((plan.code, &*plan.stderr), (0, ""));
    settings().bind(|| insta::assert_snapshot!("plan_json", plan.stdout));
}

#[test]
fn of_two_empty_limits_the_one_that_is_empty_for_longer_is_told() {
    let world = World::new(2);
    let both = "max: [{count: 1, per: 1h}, {count: 1, per: 1d}]";
    world.write("a.yaml", &policy("a", "*").replace("max: [{count: 10000, per: 1h}]", both));
    let apply = ran(world.apply(&["--yes"]));
    assert_eq!((apply.code, world.emulator.effects().len()), (0, 1), "{}", apply.stderr);
    let args = ["plan", "root", "--account", ACCOUNT, "--region", REGION];
    let plan = ran(world.command(&args));
    let why =
        "the budget has nothing left: 1 per 1d of a allows 1, 1 spent; the next refills in 23h";
    assert!(plan.stdout.contains(why), "{}", plan.stdout);
}

#[test]
fn json_says_all_that_text_says() {
    let args = ["plan", "policies", "--fleet", "policies/fleet.yaml"];
    let text = ran(example(&args)).stdout;
    let json: Value =
        serde_json::from_str(&ran(example(&[&args[..], &["-o", "json"]].concat())).stdout).unwrap();
    let lines = json["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 14);
    for line in lines {
        let word = |key: &str| line[key].as_str().unwrap();
        let row = text.lines().find(|row| {
            let mut cells = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
            cells.next().is_some_and(|cell| cell.split(',').next() == Some(word("decision")))
                && cells.next() == Some(word("job"))
                && cells.next() == Some(word("thing"))
        });
        let row = row.unwrap_or_else(|| panic!("{line} is not in:\n{text}"));
        // An age may have moved by a second between the two.
        let told = word("explanation").split(" ago").next().unwrap();
        let told = told.rsplit_once(' ').map_or(told, |(head, _)| head);
        assert!(row.contains(word("policy")) && row.contains(word("status")), "{row}\n{line}");
        assert!(row.contains(told), "{row}\n{line}");
    }
    assert_eq!(json["observed"].as_array().unwrap().len(), 2);
    assert_eq!(json["budgets"].as_array().unwrap().len(), 5);
    for key in ["now", "account", "policiesDigest", "summary", "problems", "calls"] {
        assert!(!json[key].is_null(), "{key}");
    }
}

#[test]
fn only_narrows_the_policies_and_an_unknown_name_is_a_mistake() {
    let fleet = ["plan", "policies", "--fleet", "policies/fleet.yaml", "--only"];
    let one = ran(example(&[&fleet[..], &["retired-devices"]].concat()));
    assert!(one.stdout.contains("2 to cancel") && !one.stdout.contains("stuck"), "{}", one.stdout);
    let none = ran(example(&[&fleet[..], &["retired"]].concat()));
    assert_eq!((none.code, &*none.stdout), (64, ""));
    insta::assert_snapshot!(none.stderr, @"error: --only retired: no such policy; there are bad-firmware-4-2-0, retired-devices, slow-configuration, stuck-in-progress");
}

#[test]
fn it_makes_no_call_that_could_write() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "*"));
    let plan = ran(world.command(&["plan", "root", "--region", "eu-central-1", "--out", "p.json"]));
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert_eq!(world.calls(Operation::CancelJobExecution), 0);
    assert_eq!(world.calls(Operation::DescribeJobExecution), 3);
}

#[test]
fn an_account_that_cannot_be_reached_is_an_error_and_not_nothing_to_do() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let pins = ["--account", "123456789012", "--region", "eu-central-1"];
    let verbs =
        [&["plan", "root"][..], &["plan", "root", "-o", "json"], &["apply", "root", "--yes"]];
    let start = |verb: &&[&str]| {
        let mut command = world.command(&[verb, &pins[..]].concat());
        // Nothing listens there: the port belongs to tcpmux.
        command.env("AWS_ENDPOINT_URL_IOT", "http://127.0.0.1:1");
        Beside::start(command)
    };
    // Side by side, since each of them tries for some seconds.
    let mut started: Vec<_> = verbs.iter().map(start).collect();
    for one in &mut started {
        assert_eq!(one.end(), 1);
        assert_eq!(one.stdout().all(), [""; 0]);
        let said = one.log.all();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("error: nothing could be observed: ListJobs"), "{said:?}");
        assert!(said[0].contains("Connection refused"), "{said:?}");
    }
}

#[test]
fn a_job_that_cannot_be_listed_is_named_and_the_exit_code_says_so() {
    let world = World::new(2);
    world.queue("other", "r001");
    world.write("a.yaml", &policy("a", "*"));
    let action = "iot:ListJobExecutionsForJob".to_owned();
    let deny = vec![Denial { action, resource: "*:job/fw".to_owned() }];
    world.emulator.set_faults(Faults { deny, ..Faults::default() });
    let plan =
        ran(world.command(&["plan", "root", "--region", "eu-central-1", "--detailed-exitcode"]));
    // That there is something to cancel is known, whatever the other list has.
    assert_eq!(plan.code, 2, "{}", plan.stdout);
    assert_eq!(ran(world.command(&["plan", "root", "--region", "eu-central-1"])).code, 1);
    assert!(plan.stdout.contains("Not observed:\n  "), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("needs iot:ListJobExecutionsForJob on arn:aws:iot:"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.contains("1 to cancel. Not everything could be observed."),
        "{}",
        plan.stdout
    );
    assert!(plan.stderr.contains("the plan lacks what is on"), "{}", plan.stderr);
}

#[test]
fn what_could_not_be_read_does_not_look_like_nothing_to_do() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    std::fs::create_dir(world.path("before")).unwrap();
    std::fs::write(world.path("before/a.yaml"), policy("a", "r001")).unwrap();
    let denied = |action: &str, resource: &str| {
        let (action, resource) = (action.to_owned(), resource.to_owned());
        let deny = vec![Denial { action, resource }];
        world.emulator.set_faults(Faults { deny, ..Faults::default() });
    };
    let ended = |args: &[&str]| {
        let detailed = ["--region", "eu-central-1", "--detailed-exitcode"];
        let ran = ran(world.command(&[args, &detailed].concat()));
        (ran.code, ran.stderr.lines().last().unwrap_or_default().to_owned())
    };
    let (plan, diff) = (&["plan", "root"][..], &["diff", "before", "root"][..]);
    let why = |whether: &str, what: &str| {
        let message = format!(
            "error: whether {whether} is not known: what decides about {what} could not be read"
        );
        (1, message)
    };
    denied("iot:DescribeThing", "*");
    assert_eq!(ended(plan), why("there is anything to cancel", "2 executions"));
    assert_eq!(ended(diff), why("anything changes", "1 execution"));
    denied("iot:DescribeJob", "*");
    for args in [plan, diff] {
        let (code, said) = ended(args);
        assert_eq!(code, 1, "{said}");
        assert!(
            said.starts_with("error: 1 job could not be read: DescribeJob for job fw"),
            "{said}"
        );
    }
    // What changes in any case is told as that.
    denied("iot:DescribeThing", "*:thing/r001");
    assert_eq!((ended(plan).0, ended(diff).0), (2, 2));
    // A policy in Observe cancels nothing, whatever it could not read.
    denied("iot:DescribeThing", "*");
    world.write("a.yaml", &policy_with("a", "*", "mode: Observe"));
    assert_eq!(ended(plan).0, 0);
    // What nobody wrote was read, and is not there.
    denied("iot:DescribeThingGroup", "*");
    world.write("a.yaml", &policy("a", "*").replace("fleet: robots", "board: rev-c"));
    assert_eq!(ended(plan).0, 0);
}

#[test]
fn what_a_device_wrote_cannot_act_on_a_terminal() {
    let world = World::new(1);
    let evil = "\u{1b}[2J\u{9b}31m\u{202e}evil\u{7f}";
    let now = world.emulator.now();
    world.emulator.store(|store| {
        let details = [("phase".to_owned(), evil.to_owned())].into();
        store.start_next("r001", Some(details), None, now).unwrap();
    });
    let details = "mode: Enforce\n  cancel: {force: true}";
    let text = policy_with("a", "*", details).replace("[QUEUED]", "[IN_PROGRESS]");
    let clause = "match:\n    statusDetails: {matchExpressions: [{key: phase, operator: Exists}]}";
    world.write("a.yaml", &text.replace("match:", clause));
    for form in ["text", "json"] {
        for color in ["never", "always"] {
            let args = ["plan", "root", "--region", "eu-central-1", "-o", form, "--color", color];
            let plan = ran(world.command(&args));
            assert!(plan.stdout.contains("evil"), "{}{}", plan.stdout, plan.stderr);
            let acts = |c: char| c.is_control() && c != '\n' && c != '\u{1b}' || c == '\u{202e}';
            assert!(!plan.stdout.contains(acts), "{:?}", plan.stdout);
            assert!(!plan.stdout.contains("\u{1b}[2J"), "{:?}", plan.stdout);
            assert!(color == "always" || !plan.stdout.contains('\u{1b}'), "{:?}", plan.stdout);
            if form == "json" {
                let json: Value = serde_json::from_str(&plan.stdout).unwrap();
                let sent = &json["lines"][0]["cancel"]["statusDetails"]["send"]["phase"];
                assert_eq!(sent, " [2J 31m evil ", "AWS takes no control characters");
            }
        }
    }
}

#[test]
fn what_is_no_regular_file_is_never_replaced_by_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.json");
    std::fs::write(folder.path().join("target.json"), "kept").unwrap();
    std::os::unix::fs::symlink("target.json", &link).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let fleet = root.join("fleet.yaml");
    let arguments = ["plan", root.to_str().unwrap(), "--fleet", fleet.to_str().unwrap(), "--out"];
    for path in [link.as_path(), folder.path()] {
        let ran = crate::process::rescind(&[&arguments[..], &[path.to_str().unwrap()]].concat());
        assert_eq!(ran.code, 64, "{}", ran.stderr);
    }
    assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("target.json"));
    assert_eq!(std::fs::read_to_string(folder.path().join("target.json")).unwrap(), "kept");
}

#[test]
fn a_link_that_was_laid_beside_a_file_is_not_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let fleet = root.join("fleet.yaml");
    let (root, fleet) = (root.to_str().unwrap(), fleet.to_str().unwrap());
    let victim = folder.path().join("victim.txt");
    std::fs::write(&victim, "kept").unwrap();
    let (plan, snapshot) = (["plan", root].to_vec(), ["snapshot", "--root", root].to_vec());
    for (verb, name) in [(plan, "plan.json"), (snapshot, "fleet.yaml")] {
        std::os::unix::fs::symlink("victim.txt", folder.path().join(format!(".{name}.part")))
            .unwrap();
        let out = folder.path().join(name);
        let out = out.to_str().unwrap();
        let ran = crate::process::rescind(&[&verb[..], &["--fleet", fleet, "--out", out]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "kept", "{name}");
        assert!(std::fs::symlink_metadata(out).unwrap().is_file());
    }
    // The victim, two links, two files: no other part stays.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5);
}

//! A running controller is asked how it stands.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rescind::emulator::{Denial, Faults, Operation};

use crate::process::fleet::{ACCOUNT, REGION, World, policy};
use crate::process::{Beside, command, gate, ran, rescind, until};

#[test]
fn status_tells_what_the_controller_did_and_what_is_wrong() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    world.write("b.yaml", &policy("b", "nobody"));
    let mut controller = world.controller("root", &["--interval", "1s"]);
    world.until_canceled(&["r001", "r002"]);
    let at = controller.address();
    let status = until("the controller is ready", || {
        let asked = rescind(&["status", "--at", &at, "-o", "json"]);
        (asked.code == 0).then_some(asked.stdout)
    });
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["account"]["account"], "123456789012");
    assert_eq!(status["endings"]["canceled"], 2);
    assert_eq!(status["policies"].as_array().unwrap().len(), 2);
    assert_eq!(status["calls"]["CancelJobExecution"]["sent"], 2);
    world.write("b.yaml", "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\n");
    until("the broken file is told", || {
        let asked = rescind(&["status", "--at", &at]);
        let told = asked.stdout.contains("b.yaml has an error: its policies wait");
        (told && asked.stdout.contains("held")).then_some(())
    });
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    let gone = rescind(&["status", "--at", &at]);
    assert_eq!(gone.code, 1);
    assert!(gone.stderr.contains("does `rescind run` listen there?"), "{}", gone.stderr);
}

#[test]
fn whoever_watches_ends_when_nobody_reads_any_more() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "nobody"));
    let controller = world.controller("root", &["--interval", "1s"]);
    let at = controller.address();
    for form in ["text", "json"] {
        let mut watch = command(["status", "--at", &at, "--watch", "1s", "-o", form]);
        let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(watch.stdout.take().unwrap()).read_line(&mut first).unwrap();
        until("it ends", || watch.try_wait().unwrap());
        assert!(!first.is_empty());
    }
}

#[test]
fn an_address_that_others_can_reach_needs_a_token() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let run = |more: &[&str]| {
        let pins = ["run", "root", "--account", "123456789012", "--region", "eu-central-1"];
        ran(world.command(&[&pins, more].concat()))
    };
    let open = run(&["--listen", "0.0.0.0:0"]);
    assert_eq!(open.code, 64, "{}", open.stderr);
    assert!(open.stderr.contains("--listen-token-file is needed"), "{}", open.stderr);
    std::fs::write(world.path("token"), "short\n").unwrap();
    let weak = run(&["--listen", "0.0.0.0:0", "--listen-token-file", "token"]);
    assert_eq!(weak.code, 64, "{}", weak.stderr);
    assert!(weak.stderr.contains("16 characters at least"), "{}", weak.stderr);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let busy = run(&["--listen", &taken]);
    assert_eq!(busy.code, 1, "{}", busy.stderr);
    assert!(busy.stderr.contains(&format!("--listen {taken}")), "{}", busy.stderr);
    assert_eq!(world.calls(rescind::emulator::Operation::ListJobs), 0);
}

#[test]
fn a_token_that_is_another_one_is_told_from_none() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "nobody"));
    std::fs::write(world.path("token"), "0123456789abcdef").unwrap();
    std::fs::write(world.path("other"), "fedcba9876543210").unwrap();
    let controller = world.controller("root", &["--listen-token-file", "token"]);
    let at = controller.address();
    let asked = |more: &[&str]| ran(world.command(&[&["status", "--at", &at][..], more].concat()));
    let (none, wrong) = (asked(&[]), asked(&["--token-file", "other"]));
    assert_eq!((none.code, wrong.code), (1, 1));
    assert!(none.stderr.contains("give --token-file"), "{}", none.stderr);
    let said = format!(
        "error: --token-file other: the token in it is not that of `run --listen-token-file` at {at}\n"
    );
    assert_eq!(wrong.stderr, said);
    until("the right one is taken", || {
        asked(&["--token-file", "token"]).stdout.contains(": ready").then_some(())
    });
}

#[test]
fn logs_as_json_are_one_object_a_line() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let mut controller = world.controller("root", &["--log-format", "json"]);
    world.until_canceled(&["r001"]);
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    let lines = controller.log.all();
    let objects: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    let canceled =
        objects.iter().find(|it| it["outcome"] == "canceled").expect("the cancel is logged");
    assert_eq!((&canceled["thing"], &canceled["force"]), (&"r001".into(), &false.into()));
}

#[test]
fn the_last_line_of_a_log_of_objects_is_one_too() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let pins = ["run", "root", "--account", "999999999999", "--region", REGION];
    let more = ["--listen", "127.0.0.1:0", "--log-format", "json"];
    let ended = ran(world.command(&[&pins[..], &more].concat()));
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let objects: Vec<serde_json::Value> =
        ended.stderr.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let last = objects.last().expect("there is one");
    assert_eq!((&last["level"], &last["exit"]), (&"ERROR".into(), &4.into()));
    let said = last["message"].as_str().expect("a text");
    assert!(said.contains("account 999999999999 in eu-central-1 was asked for"), "{said}");
}

#[test]
fn policies_are_told_while_the_first_pass_is_under_way() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let (mut wait, arrivals, go) = gate();
    world.emulator.on_call(Operation::ListJobs, Box::new(move |_: &_, _: &mut _| wait()));
    let controller = world.controller("root", &["--interval", "1h"]);
    let at = controller.address();
    arrivals.recv().expect("it lists");
    let status = rescind(&["status", "--at", &at]).stdout;
    assert!(status.contains("Root root: 1 policy ("), "{status}");
    drop(go);
    world.until_canceled(&["r001"]);
}

#[test]
fn a_new_ledger_says_why_nothing_is_canceled() {
    let world = World::new(2);
    let one = policy("a", "*").replace("count: 10000", "count: 1");
    world.write("a.yaml", &one);
    let pins = ["run", "root", "--account", ACCOUNT, "--region", REGION, "--no-guards"];
    let more = ["--listen", "127.0.0.1:0", "--interval", "1s"];
    let controller = Beside::start(world.bare(&[&pins[..], &more].concat()));
    let said = "nothing is left of a budget yet: the ledger in --state-dir has just begun";
    controller.log.wait(said);
    let at = controller.address();
    let told = until("the status says so", || {
        let status = rescind(&["status", "--at", &at]).stdout;
        status.contains("A new ledger leaves nothing of a budget yet").then_some(status)
    });
    assert!(told.contains("If that was nothing: --fresh-ledger."), "{told}");
    let json = rescind(&["status", "--at", &at, "-o", "json"]).stdout;
    let status: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(status["policies"][0]["budgets"][0]["unknownPast"], 1);
    until("it passes again", || (controller.log.count(" pass ") > 1).then_some(()));
    assert_eq!(controller.log.count(said), 1, "it is said once");
}

#[test]
fn what_aws_refuses_in_acting_is_told_with_its_code_and_how_often() {
    let world = World::new(40);
    world.write("a.yaml", &policy("a", "*"));
    let denial = Denial { action: "iot:CancelJobExecution".to_owned(), resource: "*".to_owned() };
    world.emulator.set_faults(Faults { deny: vec![denial], ..Faults::default() });
    let controller = world.controller("root", &["--interval", "1h"]);
    let at = controller.address();
    let json = until("it is told", || {
        let json = rescind(&["status", "--at", &at, "-o", "json"]).stdout;
        let status: serde_json::Value = serde_json::from_str(&json).ok()?;
        (!status["errors"].as_array()?.is_empty()).then_some(status)
    });
    let [error] = &json["errors"].as_array().expect("a list")[..] else { panic!("{json}") };
    assert_eq!(error["operation"], "CancelJobExecution");
    assert_eq!(error["kind"], "denied");
    assert_eq!(error["action"], "iot:CancelJobExecution");
    assert!(error["count"].as_u64().expect("a number") >= 1);
    let status = rescind(&["status", "--at", &at]).stdout;
    let last = status.lines().last().expect("a line");
    assert!(last.contains("ago  denied"), "{status}");
    assert!(last.contains("needs iot:CancelJobExecution on arn:aws:iot:"), "{status}");
}

#[test]
fn the_pace_is_four_fifths_of_what_service_quotas_tells() {
    let world = World::of(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {name: quotas}\nspec:\n  quotas: {L-5D01DB62: 50, \
         L-9CCB5F90: 20}\n  things: [{name: r001}]\n  jobs: [{id: fw}]\n",
    );
    world.write("a.yaml", &policy("a", "*"));
    let pins = ["run", "root", "--account", "123456789012", "--region", "eu-central-1"];
    let mut command = world.command(&[&pins[..], &["--listen", "127.0.0.1:0"]].concat());
    // All of AWS is there, and not AWS IoT alone.
    let url =
        command.get_envs().find(|(name, _)| *name == "AWS_ENDPOINT_URL_IOT").unwrap().1.unwrap();
    let url = url.to_owned();
    command.env_remove("AWS_ENDPOINT_URL_IOT").env("AWS_ENDPOINT_URL", url);
    let controller = crate::process::Beside::start(command);
    let at = controller.address();
    until("the quotas are known", || {
        let asked = rescind(&["status", "--at", &at, "-o", "json"]);
        let status: serde_json::Value = serde_json::from_str(&asked.stdout).ok()?;
        let rate = |operation: &str| status["calls"][operation]["rate"].as_f64();
        let told = (rate("CancelJobExecution")?, rate("ListJobExecutionsForJob")?);
        (told == (40.0, 16.0)).then(|| assert_eq!(rate("ListTagsForResource"), Some(8.0)))
    });
}

#[test]
fn the_next_look_is_told_as_the_time_at_which_something_comes_due() {
    let world = World::of(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {name: soon}\nspec:\n  things: [{name: r001}]\n  \
         jobs: [{id: fw}]\n  executions: [{job: fw, thing: r001, queuedAt: 1430m ago}]\n",
    );
    let text = "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {name: a}\nspec:\n  mode: Enforce\n  \
                target: {statuses: [QUEUED]}\n  match: {age: [{since: queuedAt, olderThan: 1d}]}\n";
    world.write("a.yaml", text);
    let controller = world.controller("root", &["--interval", "1h"]);
    let at = controller.address();
    let next = until("a pass has ended", || {
        let asked = rescind(&["status", "--at", &at, "-o", "json"]);
        let status: serde_json::Value = serde_json::from_str(&asked.stdout).ok()?;
        status["nextLook"].as_str().map(|it| it.parse::<jiff::Timestamp>().unwrap())
    });
    let queued_at = world.emulator.store(|store| {
        let job = store.job("fw").unwrap();
        job.execution("r001", None).unwrap().queued_at
    });
    assert_eq!(next.as_second(), queued_at + 86_400);
    let text = rescind(&["status", "--at", &at]).stdout;
    assert!(text.contains("Next look in 9m") || text.contains("Next look in 10m"), "{text}");
    assert_eq!(world.canceled("fw"), Vec::<String>::new());
}

#[test]
fn a_signal_ends_it_also_while_it_waits_for_an_answer() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap().to_string();
    for (more, signal, code) in
        [(&[][..], "TERM", 143), (&[], "INT", 130), (&["--watch", "1h"], "TERM", 143)]
    {
        let mut status =
            Beside::start(command([&["status", "--at", at.as_str()][..], more].concat()));
        let _asked = silent.accept().unwrap();
        status.signal(signal);
        assert_eq!(status.end(), code, "{more:?}: {}", status.log.all().join("\n"));
    }
}

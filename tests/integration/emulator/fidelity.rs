//! `docs/fidelity.md` against the emulator: its table is the routes, its switches are the flags, and what
//! is not emulated says so.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rescind::emulator::{Denial, Faults, Operation, Rate};
use serde_json::json;

use super::support::{call, emulator, get, one, serve};
use crate::process::{Beside, command, rescind};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/fidelity.md");
    std::fs::read_to_string(path).expect("the page is there")
}

#[test]
fn the_table_has_each_operation_once_and_says_whether_it_is_emulated() {
    let page = page();
    let table = page.split("## Operations").nth(1).expect("the heading is there");
    let table = table.split("## ").next().expect("it has a text");
    let rows: Vec<(String, bool)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            assert!(matches!(cells[1], "yes" | "no" | "in part"), "{row}");
            (cells[0].trim_end_matches('`').to_owned(), cells[1] != "no")
        })
        .collect();
    let routes: Vec<(String, bool)> =
        Operation::ALL.iter().map(|it| (it.to_string(), it.is_emulated())).collect();
    assert_eq!(rows, routes);
}

#[test]
fn its_switches_are_those_of_the_command_line() {
    let switches: BTreeSet<String> = page()
        .split("--assume ")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect())
        .filter(|name: &String| !name.is_empty())
        .collect();
    let help = rescind(&["emulator", "--help"]).stdout;
    let listed: BTreeSet<String> = help
        .lines()
        .skip_while(|line| !line.contains("--assume"))
        .skip(1)
        .take_while(|line| !line.trim_start().starts_with("--"))
        .filter_map(|line| {
            line.trim_start().strip_prefix("- ")?.split(':').next().map(str::to_owned)
        })
        .collect();
    assert_eq!(switches, listed);
    assert!(help.contains("docs/fidelity.md"), "{help}");
}

#[test]
fn each_fault_is_told_with_a_document_that_the_emulator_takes() {
    let page = page();
    let section = page.split("## Faults").nth(1).expect("the heading is there");
    let section = section.split("\n## ").next().expect("it has a text");
    let told: BTreeSet<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let faults = serde_json::to_value(Faults::default()).expect("JSON");
    let keys: BTreeSet<&str> =
        faults.as_object().expect("a map").keys().map(String::as_str).collect();
    assert_eq!(told, keys);
    let document = section.split("curl -d '").nth(1).and_then(|rest| rest.split('\'').next());
    let taken: Faults = serde_json::from_str(document.expect("an example")).expect("it is taken");
    assert_ne!(taken, Faults::default());
    // The parts of what is no plain number are as they are shown.
    let rate = Rate { per_second: 10.0, burst: 10.0 };
    assert!(taken.throttle.values().all(|it| *it == rate) && taken.throttle.len() == 1);
    let deny = section.split("a list of `").nth(1).and_then(|rest| rest.split('`').next());
    let _: Denial = serde_json::from_str(deny.expect("an example")).expect("it is taken");
}

/// The binary with these flags: its address, for as long as it is held.
fn started(flags: &[&str]) -> (Beside, SocketAddr) {
    let fleet = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/fleet.yaml");
    let mut command = command(["emulator", "--fleet", fleet, "--listen", "127.0.0.1:0"]);
    command.args(flags);
    let emulator = Beside::start(command);
    emulator.stdout().wait("http://");
    let url = emulator.stdout().all().remove(0);
    let address = url.trim_start_matches("http://").parse().expect("an address");
    (emulator, address)
}

#[tokio::test]
async fn what_aws_leaves_open_and_who_it_is_are_flags() {
    let (_default, address) = started(&[]);
    assert_eq!(get(address, "/things/nobody/jobs").await.status, 200);
    let flags = ["--assume", "merge-details", "--assume", "unknown-things-have-no-list"];
    let (_other, address) = started(&[&flags[..], &["--account", "000000000001"]].concat());
    assert_eq!(
        get(address, "/things/nobody/jobs").await.error(),
        Some("ResourceNotFoundException")
    );
    let jobs = get(address, "/jobs").await;
    let arn = jobs.body["jobs"][0]["jobArn"].as_str().expect("a job");
    assert!(arn.contains(":000000000001:job/"), "{arn}");
    let (_strict, address) = started(&["--verify-signatures", "AKID:secret"]);
    assert_eq!(get(address, "/jobs").await.error(), Some("InvalidSignatureException"));
}

#[tokio::test]
async fn what_is_not_emulated_says_so_in_awss_form() {
    let address = serve(&emulator(&one(&json!({})))).await;
    for operation in Operation::ALL.iter().filter(|operation| !operation.is_emulated()) {
        let path = operation.path().replace(['{', '}'], "");
        let reply = call(address, operation.method(), &path, &json!({})).await;
        assert_eq!((reply.status, reply.error()), (400, Some("InvalidRequestException")));
        assert_eq!(reply.message(), format!("{operation} is not emulated."));
    }
    let template = "arn:aws:iot:eu-west-1:123456789012:jobtemplate/t";
    let window = json!({"startTime": "cron(0 0 ? * * *)", "durationInMinutes": 60});
    for (name, value) in [
        ("jobTemplateArn", json!(template)),
        ("documentParameters", json!({"a": "b"})),
        ("destinationPackageVersions", json!([template])),
        ("schedulingConfig", json!({"maintenanceWindows": [window]})),
    ] {
        let target = "arn:aws:iot:eu-west-1:123456789012:thing/r1";
        let body = json!({"targets": [target], "document": "{}", name: value});
        let reply = call(address, "PUT", "/jobs/new", &body).await;
        assert_eq!((reply.status, reply.error()), (400, Some("InvalidRequestException")), "{name}");
        assert!(reply.message().ends_with(" is not emulated."), "{}", reply.message());
        assert!(reply.message().starts_with(name), "{}", reply.message());
        assert_eq!(get(address, "/jobs/new").await.status, 404, "{name}: nothing was done");
    }
    let package = get(address, "/packages/p/versions/1").await;
    assert_eq!((package.status, package.error()), (404, Some("UnknownOperationException")));
    let text = "No operation of the emulator has GET /packages/p/versions/1.";
    assert_eq!(package.message(), text);
}

#[tokio::test]
async fn the_root_of_what_it_tells_about_itself_is_an_index() {
    let address = serve(&emulator(&one(&json!({})))).await;
    let index = get(address, "/_emulator").await.body;
    let routes = index["routes"].as_object().expect("routes");
    for route in routes.keys().filter_map(|route| route.strip_prefix("GET ")) {
        assert_eq!(get(address, route).await.status, 200, "{route}");
    }
    assert!(routes.len() > 10, "{routes:?}");
}

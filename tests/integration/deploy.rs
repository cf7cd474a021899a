//! What is handed over to run it: manifests that start it as it can be started, and a runbook with a
//! section for whatever it may say.

use std::path::Path;

use clap::Parser as _;
use rescind::apply::Ending;
use rescind::backend::ErrorKind;
use rescind::cli::args::Args;
use rescind::plan::breaker::Breaker;
use rescind::plan::{Outcome, Reason};
use rescind::status::Unready;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_runbook_has_a_section_for_whatever_is_said() {
    let runbook = read("docs/runbook.md");
    let headings: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let endings = [
        Ending::Kept(Reason::NoMatch),
        Ending::BudgetExhausted,
        Ending::BeyondMax,
        Ending::JobDenied,
        Ending::NotTried,
    ];
    let labels = (Unready::ALL.iter().map(|it| it.label()))
        .chain(Outcome::ALL.map(|it| Ending::Outcome(it).label()))
        .chain(endings.iter().map(Ending::label))
        .chain(Breaker::ALL.map(Breaker::label))
        .chain(ErrorKind::ALL.map(ErrorKind::label));
    let labels: std::collections::BTreeSet<_> = labels.collect();
    for label in &labels {
        assert!(headings.contains(label), "docs/runbook.md has no section {label}");
    }
    for heading in headings {
        assert!(labels.contains(heading), "docs/runbook.md: nothing says {heading}");
    }
    for link in runbook.split("](#").skip(1) {
        let anchor = link.split(')').next().unwrap();
        let target = |heading: &&str| heading.to_lowercase() == anchor;
        assert!(labels.iter().any(target), "{anchor} leads nowhere");
    }
}

/// The items of the list `key` of each container that begins with `run`.
fn arguments(manifest: &serde_json::Value, found: &mut Vec<Vec<String>>) {
    match manifest {
        serde_json::Value::Object(map) => {
            let of_rescind = map.get("name").is_some_and(|name| name == "rescind");
            if let (true, Some(args)) = (of_rescind, map.get("args").and_then(|it| it.as_array())) {
                found.push(args.iter().map(|it| it.as_str().unwrap().to_owned()).collect());
            }
            map.values().for_each(|value| arguments(value, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| arguments(item, found)),
        _ => {}
    }
}

#[test]
fn manifests_start_it_with_arguments_that_it_takes() {
    let mut found = Vec::new();
    for name in ["configmap", "git-sync"] {
        let text = read(&format!("deploy/kubernetes/{name}.yaml"));
        for document in serde_yaml::Deserializer::from_str(&text) {
            let manifest =
                <serde_json::Value as serde::Deserialize>::deserialize(document).unwrap();
            arguments(&manifest, &mut found);
        }
    }
    assert_eq!(found.len(), 2);
    let unit = read("deploy/rescind.service");
    let start =
        unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/rescind "));
    let start = start.unwrap().replace("${RESCIND_ACCOUNT}", "123456789012");
    let start = start.replace("${RESCIND_REGION}", "eu-central-1");
    found.push(start.split_whitespace().map(str::to_owned).collect());
    let container = read("deploy/Containerfile");
    let command = container.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    found.push(serde_json::from_str(command).unwrap());
    for arguments in found {
        let parsed = Args::try_parse_from([&["rescind".to_owned()], &arguments[..]].concat());
        assert!(parsed.is_ok(), "{arguments:?}: {}", parsed.unwrap_err());
    }
}

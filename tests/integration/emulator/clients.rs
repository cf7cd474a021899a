//! Clients that were written elsewhere: how they are run, what is said when they are not there, and the
//! lives of jobs that the aws CLI and the SDK for JavaScript drive. `boto3` has its own file.

use std::path::Path;
use std::process::Output;

use rescind::emulator::Emulator;
use serde_json::json;
use tokio::process::Command;

use super::support::{emulator, fleet, serve};

/// Two robots, one of them in a group, and no job.
pub fn two_robots() -> Emulator {
    emulator(&fleet(&json!({
        "things": [{"name": "r1"}, {"name": "r:2", "groups": ["berlin"]}],
    })))
}

/// Runs a script of `tests/clients` by a program of the virtual environment against the emulator: what
/// it said. None if there is no such environment.
pub async fn python(script: &str, emulator: &Emulator) -> Option<String> {
    let venv = configured("RESCIND_CLIENTS_VENV")?;
    Some(run(Command::new(format!("{venv}/bin/python")).arg(path(script)), emulator).await)
}

/// What a program says when it is given the emulator's address as its last argument. It must succeed.
async fn run(command: &mut Command, emulator: &Emulator) -> String {
    let address = serve(emulator).await;
    let output: Output =
        command.arg(format!("http://{address}")).output().await.expect("the client starts");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    said.into_owned()
}

/// Where a script of `tests/clients` lies.
pub fn path(script: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/clients").join(script).display().to_string()
}

/// A directory that the environment names. Where it does not, that is said past the test runner's
/// capture, so that a skipped test does not look like one that ran; where clients are required, it is a
/// failure.
#[expect(clippy::disallowed_methods, reason = "a test is configured by its environment")]
pub fn configured(variable: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|path| !path.is_empty());
    if found.is_none() {
        let required = std::env::var_os("RESCIND_CLIENTS_REQUIRED").is_some();
        assert!(!required, "{variable} names no clients, and here they must be tried");
        let said = format!("skipped: {variable} names no directory with clients (see .ci/run)\n");
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).expect("stderr is open");
    }
    found
}

#[tokio::test]
async fn the_aws_cli_drives_the_life_of_a_job() {
    let emulator = emulator(&fleet(&json!({})));
    if python("awscli_jobs.py", &emulator).await.is_some() {
        assert_eq!(emulator.effects().len(), 2, "two of its cancels took effect");
    }
}

#[tokio::test]
async fn the_sdk_for_javascript_drives_the_life_of_a_job() {
    let Some(modules) = configured("RESCIND_CLIENTS_NODE") else { return };
    let emulator = emulator(&fleet(&json!({})));
    let mut node = Command::new("node");
    node.args([path("javascript_jobs.mjs"), modules]);
    run(&mut node, &emulator).await;
    assert_eq!(emulator.effects().len(), 2, "two of its cancels took effect");
}

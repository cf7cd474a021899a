//! boto3 drives both planes. It runs where a virtual environment with boto3 is given.

use rescind::emulator::Emulator;
use serde_json::json;

use super::support::{emulator, fleet, serve};

#[tokio::test]
async fn boto3_finds_every_field_and_code_as_specified() {
    let Some(venv) = venv() else {
        println!("skipped: RESCIND_CLIENTS_VENV names no virtual environment with boto3");
        return;
    };
    let emulator: Emulator = emulator(&fleet(&json!({
        "things": [{"name": "r1"}, {"name": "r:2", "groups": ["berlin"]}],
    })));
    let address = serve(&emulator).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/boto3_jobs.py");
    let output = tokio::process::Command::new(format!("{venv}/bin/python"))
        .args([script, &format!("http://{address}")])
        .output()
        .await
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(emulator.effects().len(), 1, "one of the cancels took effect");
}

#[expect(clippy::disallowed_methods, reason = "a test is configured by its environment")]
fn venv() -> Option<String> {
    std::env::var("RESCIND_CLIENTS_VENV").ok().filter(|path| !path.is_empty())
}

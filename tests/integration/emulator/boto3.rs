//! boto3 drives both planes. It runs where a virtual environment with boto3 is given.

use rescind::emulator::{Emulator, Operation};
use serde_json::json;

use super::support::{emulator, fleet, serve};

#[tokio::test]
async fn boto3_finds_every_field_and_code_as_specified() {
    let Some(venv) = venv() else {
        skipped();
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

#[tokio::test]
async fn every_answer_has_the_members_that_botocores_model_has_and_no_others() {
    let Some(venv) = venv() else {
        skipped();
        return;
    };
    let address = serve(&emulator(&fleet(&json!({})))).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/boto3_shapes.py");
    let output = tokio::process::Command::new(format!("{venv}/bin/python"))
        .args([script, &format!("http://{address}")])
        .output()
        .await
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // All but the deletion of a thing type, which takes five minutes of the emulator's time.
    let emulated = Operation::ALL.iter().filter(|operation| operation.is_emulated()).count() - 1;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), format!("operations={emulated} members=228"));
}

#[expect(clippy::disallowed_methods, reason = "a test is configured by its environment")]
fn venv() -> Option<String> {
    std::env::var("RESCIND_CLIENTS_VENV").ok().filter(|path| !path.is_empty())
}

/// Said past the test runner's capture, so that a skipped test does not look like one that ran.
fn skipped() {
    let said = b"skipped: RESCIND_CLIENTS_VENV names no virtual environment with boto3\n";
    std::io::Write::write_all(&mut std::io::stderr(), said).unwrap();
}

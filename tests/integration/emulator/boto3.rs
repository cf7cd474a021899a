//! boto3 drives both planes, and botocore's service model says what is right. It runs where a virtual
//! environment with boto3 is given.

use rescind::emulator::Operation;
use serde_json::json;

use super::clients::{python, two_robots};
use super::support::{emulator, fleet};

#[tokio::test]
async fn boto3_finds_every_field_and_code_as_specified() {
    let emulator = two_robots();
    if python("boto3_jobs.py", &emulator).await.is_some() {
        assert_eq!(emulator.effects().len(), 1, "one of the cancels took effect");
    }
}

#[tokio::test]
async fn every_answer_has_the_members_that_botocores_model_has_and_no_others() {
    let emulator = emulator(&fleet(&json!({
        "indexing": "CONNECTIVITY",
        "things": [{"name": "seen", "connectivity": {"connected": false, "since": "2d ago"}}],
    })));
    let Some(said) = python("boto3_shapes.py", &emulator).await else { return };
    let emulated = Operation::ALL.iter().filter(|operation| operation.is_emulated()).count();
    assert_eq!(said.trim(), format!("operations={emulated} members=233"));
}

#[tokio::test]
async fn every_constraint_of_botocores_model_is_held_on_both_sides() {
    let emulator = emulator(&fleet(&json!({"things": [{"name": "r1"}]})));
    let Some(said) = python("botocore_constraints.py", &emulator).await else { return };
    // One line per operation: how many bounds of which kind were tried from both sides.
    let emulated = Operation::ALL.iter().filter(|operation| operation.is_emulated());
    assert_eq!(said.lines().count(), emulated.count(), "no operation is left out");
    insta::assert_snapshot!("constraints_of_botocores_model", said);
}

//! What a fleet document leaves out, and what it may not say.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::*;
use crate::document::diagnostic::Code;
use crate::document::finding::Findings;
use crate::span::Moment;

fn read(spec: &serde_json::Value) -> (Option<Fleet>, Vec<(Code, String)>) {
    let document = serde_json::json!({
        "apiVersion": "rescind/v1alpha1", "kind": "Fleet", "metadata": {"name": "test"}, "spec": spec,
    });
    let document = serde_json::from_value(document).expect("the shape of a fleet");
    let mut findings = Findings::default();
    let fleet = compile(document, &mut findings);
    (fleet, findings.into_vec().into_iter().map(|f| (f.code, f.pointer)).collect())
}

#[test]
fn what_is_left_out_has_the_value_that_the_rest_implies() {
    let (fleet, findings) = read(&serde_json::json!({
        "things": [{"name": "r1", "groups": ["berlin"]}],
        "jobs": [{"id": "fw", "createdAt": "3d ago"}],
        "executions": [{"job": "fw", "thing": "r1", "status": "IN_PROGRESS", "lastUpdatedAt": "9h ago"}],
    }));
    assert_eq!(findings, []);
    let fleet = fleet.expect("nothing is wrong");
    assert_eq!(fleet.account.account, DEFAULT_ACCOUNT);
    assert_eq!(fleet.groups, BTreeSet::from(["berlin".to_owned()]));
    let job = fleet.jobs.values().next().expect("one job");
    assert_eq!(job.target_things.len(), 1);
    let ((_, _, number), execution) = fleet.executions.iter().next().expect("one execution");
    let ago = |hours| Moment::Ago(SignedDuration::from_hours(hours));
    assert_eq!(number.0, 1);
    assert_eq!(execution.version.get(), 2);
    assert_eq!(execution.queued_at, ago(72));
    assert_eq!(execution.started_at, Some(ago(9)));
    assert_eq!(execution.last_updated_at, ago(9));
}

#[test]
fn all_that_is_wrong_is_named_with_its_place() {
    let (fleet, findings) = read(&serde_json::json!({
        "account": "12",
        "things": [{"name": "r 1"}, {"name": "r2"}, {"name": "r2"}],
        "jobs": [{"id": "fw", "timeoutMinutes": 20_000, "targets": {"things": ["r9"]}}],
        "executions": [
            {"job": "fw", "thing": "r2", "queuedAt": "yesterday"},
            {"job": "fw", "thing": "r2"},
            {"job": "cfg", "thing": "r7", "statusDetails": {"a b": "c"}},
            {"job": "fw", "thing": "r2", "executionNumber": 2, "status": "IN_PROGRESS",
             "queuedAt": "1h ago", "startedAt": "2h ago"},
            {"job": "fw", "thing": "r2", "executionNumber": 3, "startedAt": "2h ago"},
        ],
    }));
    assert!(fleet.is_none());
    let expected = [
        (Code::MeaningName, "/spec/account"),
        (Code::MeaningName, "/spec/things/0/name"),
        (Code::MeaningDuplicate, "/spec/things/2/name"),
        (Code::MeaningDuration, "/spec/jobs/0/timeoutMinutes"),
        (Code::MeaningReference, "/spec/jobs/0/targets/things/0"),
        (Code::MeaningTime, "/spec/executions/0/queuedAt"),
        (Code::MeaningDuplicate, "/spec/executions/1"),
        (Code::MeaningReference, "/spec/executions/2/job"),
        (Code::MeaningName, "/spec/executions/2/statusDetails/a b"),
        (Code::MeaningReference, "/spec/executions/2/thing"),
        (Code::MeaningTime, "/spec/executions/3/startedAt"),
        (Code::MeaningTime, "/spec/executions/4/startedAt"),
    ];
    assert_eq!(findings, expected.map(|(code, pointer)| (code, pointer.to_owned())));
}

#[test]
fn the_schema_describes_each_field_and_has_no_alternatives() {
    let schema = schemars::schema_for!(shapes::FleetDocument);
    let schema = schema.as_value();
    assert!(!schema.to_string().contains("oneOf"), "messages about enums would name oneOf");
    let definitions = schema["$defs"].as_object().expect("definitions").values().chain([schema]);
    let fields = definitions.filter_map(|definition| definition["properties"].as_object());
    for (name, field) in fields.flatten() {
        assert!(field["description"].is_string(), "{name}: the reference is made of these");
    }
}

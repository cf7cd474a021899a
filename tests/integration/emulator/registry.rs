//! Tags, thing types, things and nested thing groups.

use serde_json::{Value, json};

use super::support::{call, emulator, fleet, ok, one, refused, serve};

const ARN: &str = "arn:aws:iot:eu-west-1:123456789012:";

#[tokio::test]
async fn jobs_types_and_groups_carry_tags_and_things_do_not() {
    let address = serve(&emulator(&one(&json!({})))).await;
    let tags = json!([{"Key": "team", "Value": "a"}, {"Key": "env", "Value": ""}]);
    let job = json!({"targets": [format!("{ARN}thing/r1")], "document": "{}", "tags": tags});
    ok(address, "PUT", "/jobs/tagged", &job).await;
    ok(address, "POST", "/thing-types/robot", &json!({ "tags": tags })).await;
    ok(address, "POST", "/thing-groups/berlin", &json!({ "tags": tags })).await;
    for resource in ["job/tagged", "thingtype/robot", "thinggroup/berlin"] {
        let arn = format!("{ARN}{resource}");
        let add = json!({"resourceArn": arn, "tags": [{"Key": "team", "Value": "b"}]});
        ok(address, "POST", "/tags", &add).await;
        let remove = json!({"resourceArn": arn, "tagKeys": ["env", "none"]});
        ok(address, "POST", "/untag", &remove).await;
        let listed = ok(address, "GET", &format!("/tags?resourceArn={arn}"), &Value::Null).await;
        assert_eq!(listed, json!({"tags": [{"Key": "team", "Value": "b"}]}), "{resource}");
    }
    let (invalid, missing) = ("InvalidRequestException", "ResourceNotFoundException");
    for (resource, code) in
        [("thing/r1", invalid), ("job/none", missing), ("thinggroup/none", missing), ("x", invalid)]
    {
        let target = format!("/tags?resourceArn={ARN}{resource}");
        refused(address, "GET", &target, &Value::Null, code).await;
    }
    refused(address, "GET", "/tags", &Value::Null, invalid).await;
    let many: Vec<Value> = (0..50).map(|n| json!({"Key": n.to_string(), "Value": ""})).collect();
    let add = json!({"resourceArn": format!("{ARN}job/tagged"), "tags": many});
    let reply = call(address, "POST", "/tags", &add).await;
    assert_eq!((reply.status, reply.error()), (410, Some("LimitExceededException")));
}

#[tokio::test]
async fn a_thing_type_is_deprecated_before_it_is_deleted() {
    let emulator = emulator(&fleet(&json!({"things": [{"name": "r1", "type": "robot"}]})));
    let address = serve(&emulator).await;
    let invalid = "InvalidRequestException";
    refused(address, "DELETE", "/thing-types/robot", &Value::Null, invalid).await;
    ok(address, "POST", "/thing-types/robot/deprecate", &json!({})).await;
    let created = json!({"thingTypeName": "robot"});
    refused(address, "POST", "/things/r2", &created, invalid).await;
    refused(address, "DELETE", "/thing-types/robot", &Value::Null, invalid).await;
    super::support::advance(address, "5m").await;
    refused(address, "DELETE", "/thing-types/robot", &Value::Null, invalid).await;
    ok(address, "PATCH", "/things/r1", &json!({"removeThingType": true})).await;
    ok(address, "DELETE", "/thing-types/robot", &Value::Null).await;
    refused(address, "GET", "/thing-types/robot", &Value::Null, "ResourceNotFoundException").await;
}

#[tokio::test]
async fn an_update_of_a_thing_counts_its_version() {
    let address = serve(&emulator(&one(&json!({})))).await;
    let update = |body: Value| async move { call(address, "PATCH", "/things/r1", &body).await };
    let attributes =
        |map: Value, merge| json!({"attributePayload": {"attributes": map, "merge": merge}});
    assert_eq!(update(attributes(json!({"a": "1", "b": "2"}), false)).await.status, 200);
    assert_eq!(update(attributes(json!({"b": "", "c": "3"}), true)).await.status, 200);
    let thing = ok(address, "GET", "/things/r1", &Value::Null).await;
    assert_eq!(
        (&thing["attributes"], &thing["version"]),
        (&json!({"a": "1", "c": "3"}), &json!(3))
    );
    assert_eq!(
        update(json!({"expectedVersion": 2})).await.error(),
        Some("VersionConflictException")
    );
    let listed = ok(address, "GET", "/things?attributeName=a&attributeValue=1", &Value::Null).await;
    assert_eq!(listed["things"][0]["thingName"], "r1");
    ok(address, "DELETE", "/things/r1?expectedVersion=3", &Value::Null).await;
    refused(address, "GET", "/things/r1", &Value::Null, "ResourceNotFoundException").await;
    let kept = ok(address, "GET", "/jobs/fw/things", &Value::Null).await;
    assert_eq!(kept["executionSummaries"].as_array().map(Vec::len), Some(1), "executions stay");
}

#[tokio::test]
async fn groups_nest_and_their_members_are_listed_by_page() {
    let things: Vec<Value> = (0..5)
        .map(|n| json!({"name": format!("r{n}"), "groups": [if n < 3 { "berlin" } else { "germany" }]}))
        .collect();
    let groups =
        json!([{"name": "berlin", "parent": "germany"}, {"name": "germany", "parent": "eu"}]);
    let address = serve(&emulator(&fleet(&json!({"things": things, "thingGroups": groups})))).await;
    for (target, expected) in [
        ("/thing-groups/germany/things", vec!["r3", "r4"]),
        ("/thing-groups/eu/things", vec![]),
        ("/thing-groups/eu/things?recursive=true", vec!["r0", "r1", "r2", "r3", "r4"]),
        ("/thing-groups/germany/things?recursive=true", vec!["r0", "r1", "r2", "r3", "r4"]),
    ] {
        let join = if target.contains('?') { '&' } else { '?' };
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = format!("{target}{join}maxResults=2{token}");
            let body = ok(address, "GET", &page, &Value::Null).await;
            seen.extend(body["things"].as_array().expect("names").clone());
            match body["nextToken"].as_str() {
                Some(next) => token = format!("&nextToken={next}"),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{target}");
    }
    let direct = ok(address, "GET", "/things/r0/thing-groups", &Value::Null).await;
    assert_eq!(direct["thingGroups"].as_array().map(Vec::len), Some(1), "direct groups only");
    let described = ok(address, "GET", "/thing-groups/berlin", &Value::Null).await;
    let path = &described["thingGroupMetadata"]["rootToParentThingGroups"];
    assert_eq!((&path[0]["groupName"], &path[1]["groupName"]), (&json!("eu"), &json!("germany")));
    refused(address, "DELETE", "/thing-groups/eu", &Value::Null, "InvalidRequestException").await;
    ok(address, "DELETE", "/thing-groups/berlin", &Value::Null).await;
    let listed = ok(address, "GET", "/thing-groups?parentGroup=eu", &Value::Null).await;
    assert_eq!(listed["thingGroups"].as_array().map(Vec::len), Some(1));
    let job = json!({"targets": [format!("{ARN}thinggroup/eu")], "document": "{}"});
    ok(address, "PUT", "/jobs/all", &job).await;
    let executions = ok(address, "GET", "/jobs/all/things", &Value::Null).await;
    assert_eq!(executions["executionSummaries"].as_array().map(Vec::len), Some(2));
}

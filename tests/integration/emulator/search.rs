//! SearchIndex: its query forms, its pages, and the four cases of connectivity.

use rescind::emulator::Emulator;
use serde_json::{Value, json};

use super::support::{call, emulator, fleet, ok, refused, serve};

fn fixture(indexing: &str) -> Emulator {
    emulator(&fleet(&json!({
        "indexing": indexing,
        "things": [
            {"name": "r1", "type": "robot", "groups": ["berlin"], "attributes": {"board": "rev-b", "n": "9"},
             "connectivity": {"connected": true, "since": "1h ago"}},
            {"name": "r2", "type": "robot", "attributes": {"board": "rev-c", "n": "10"},
             "connectivity": {"connected": false, "since": "2d ago"}},
            {"name": "s1", "type": "sensor", "connectivity": {"connected": false}},
            {"name": "s2"},
        ],
    })))
}

#[tokio::test]
async fn a_query_finds_what_it_says() {
    let address = serve(&fixture("CONNECTIVITY")).await;
    for (query, expected) in [
        ("*", "r1 r2 s1 s2"),
        ("thingName:r1", "r1"),
        ("thingName:r*", "r1 r2"),
        ("thingName:?1", "r1 s1"),
        ("thingName:\"r*\"", ""),
        ("thingTypeName:robot AND NOT thingName:r1", "r2"),
        ("thingTypeName:robot thingName:r1", "r1"),
        ("thingName:s2 OR thingTypeName:sensor", "s1 s2"),
        ("(thingName:s2 OR thingName:r1) AND thingTypeName:robot", "r1"),
        ("thingName:(r1 OR s2)", "r1 s2"),
        ("thingGroupNames:berlin", "r1"),
        ("attributes.board:rev-*", "r1 r2"),
        ("attributes.n > 9", "r2"),
        ("attributes.n:[9 TO 10]", "r1 r2"),
        ("attributes.n:{9 TO 10}", ""),
        ("attributes.none:x", ""),
        ("NOT attributes.board:rev-b", "r2 s1 s2"),
        ("connectivity.connected:true", "r1"),
        ("connectivity.connected:false", "r2 s1"),
        ("NOT connectivity.connected:true", "r2 s1 s2"),
        ("connectivity.timestamp < 1795400000000", "r2"),
        ("connectivity.connected:false AND connectivity.timestamp >= 0", "r2"),
    ] {
        let body = json!({"queryString": query});
        let found = ok(address, "POST", "/indices/search", &body).await;
        let found = found["things"].as_array().expect("things");
        let found: Vec<&str> = found.iter().filter_map(|it| it["thingName"].as_str()).collect();
        assert_eq!(found.join(" "), expected, "{query}");
    }
    let deep = "(".repeat(100_000);
    for query in ["thingName:", "(thingName:r1", "nonsense", "a:b", "thingName:[1 TO", "NOT", &deep]
    {
        let body = json!({"queryString": query});
        refused(address, "POST", "/indices/search", &body, "InvalidQueryException").await;
    }
}

#[tokio::test]
async fn connectivity_has_four_cases() {
    let all = json!({"queryString": "*", "maxResults": 3});
    let address = serve(&fixture("CONNECTIVITY")).await;
    let first = ok(address, "POST", "/indices/search", &all).await;
    let seen: Vec<&Value> = (0..3).map(|n| &first["things"][n]["connectivity"]).collect();
    assert_eq!(seen[0], &json!({"connected": true, "timestamp": 1_795_431_600_000_i64}));
    assert_eq!(seen[1], &json!({"connected": false, "timestamp": 1_795_262_400_000_i64}));
    assert_eq!(seen[2], &json!({"connected": false}));
    let rest = json!({"queryString": "*", "maxResults": 3, "nextToken": first["nextToken"]});
    let rest = ok(address, "POST", "/indices/search", &rest).await;
    assert_eq!((rest["things"][0].get("connectivity"), rest.get("nextToken")), (None, None));

    let address = serve(&fixture("REGISTRY")).await;
    let found = ok(address, "POST", "/indices/search", &all).await;
    assert_eq!(found["things"][0].get("connectivity"), None);
    let query = json!({"queryString": "connectivity.connected:true"});
    refused(address, "POST", "/indices/search", &query, "InvalidQueryException").await;
    let address = serve(&fixture("OFF")).await;
    let reply = call(address, "POST", "/indices/search", &all).await;
    assert_eq!((reply.status, reply.error()), (400, Some("IndexNotReadyException")));
}

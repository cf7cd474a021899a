//! Pages: their size, their tokens, and what happens when rows move in between.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rescind::emulator::{Cancel, Emulator};
use serde_json::{Value, json};

use super::support::{emulator, fleet, get, serve};

fn many(count: usize) -> Emulator {
    let name = |n| format!("r{n:04}");
    let things: Vec<Value> = (0..count).map(|n| json!({"name": name(n)})).collect();
    // Five share each time, so that the thing's name decides within them.
    let executions: Vec<Value> = (0..count)
        .map(|n| json!({"job": "fw", "thing": name(n), "queuedAt": format!("{}m ago", n / 5)}))
        .collect();
    emulator(&fleet(&json!({
        "things": things, "jobs": [{"id": "fw"}], "executions": executions,
    })))
}

fn things(page: &Value) -> Vec<String> {
    let rows = page["executionSummaries"].as_array().expect("a list");
    let arns = rows.iter().map(|row| row["thingArn"].as_str().expect("an ARN"));
    arns.map(|arn| arn.rsplit('/').next().expect("a name").to_owned()).collect()
}

async fn all(
    address: SocketAddr,
    query: &str,
    mut between: impl FnMut(&[String]),
) -> Vec<Vec<String>> {
    let mut pages: Vec<Vec<String>> = Vec::new();
    let mut token = String::new();
    loop {
        let reply = get(address, &format!("/jobs/fw/things?{query}{token}")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        pages.push(things(&reply.body));
        between(pages.last().expect("it was just pushed"));
        match reply.body["nextToken"].as_str() {
            Some(next) => token = format!("&nextToken={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn pages_are_full_until_the_last() {
    for (count, sizes) in
        [(0, vec![0]), (1, vec![1]), (250, vec![250]), (251, vec![250, 1]), (500, vec![250, 250])]
    {
        let address = serve(&many(count)).await;
        let pages = all(address, "", |_| ()).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{count}");
        let listed: Vec<String> = pages.concat();
        let sorted: Vec<String> = (0..count).map(|n| format!("r{n:04}")).collect();
        assert_eq!(listed, sorted, "most recently updated first, then by thing");
    }
}

#[tokio::test]
async fn cancels_between_pages_lose_and_repeat_nothing() {
    let emulator = many(103);
    let address = serve(&emulator).await;
    let now = emulator.now();
    let pages = all(address, "status=QUEUED&maxResults=10", |page| {
        for thing in page {
            let canceled =
                emulator.store(|store| store.cancel(thing, "fw", Cancel::default(), now));
            assert!(canceled.is_ok(), "{thing}: {canceled:?}");
        }
    });
    let listed: Vec<String> = pages.await.concat();
    assert_eq!(listed.len(), 103);
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>().len(), 103);
}

#[tokio::test]
async fn a_token_is_good_for_its_own_list_only() {
    let address = serve(&many(3)).await;
    let first = get(address, "/jobs/fw/things?maxResults=1").await;
    let token = first.body["nextToken"].as_str().expect("there is more").to_owned();
    for target in [
        format!("/jobs/fw/things?status=QUEUED&nextToken={token}"),
        format!("/things/r0001/jobs?nextToken={token}"),
        format!("/jobs?nextToken={token}"),
        "/jobs/fw/things?nextToken=abc".to_owned(),
        format!("/jobs/fw/things?nextToken={token}A"),
        format!("/jobs/fw/things?nextToken=B{}", &token[1..]),
        "/jobs/fw/things?nextToken=".to_owned(),
        "/jobs/fw/things?nextToken=%00%ff".replace("%ff", "%7f"),
    ] {
        let reply = get(address, &target).await;
        assert_eq!((reply.status, reply.message()), (400, "Next token is invalid."), "{target}");
    }
}

#[tokio::test]
async fn a_token_is_short_tells_nothing_and_needs_no_escapes() {
    let address = serve(&many(3)).await;
    let first = get(address, "/jobs/fw/things?status=QUEUED&maxResults=1").await;
    let token = first.body["nextToken"].as_str().expect("there is more");
    assert!(token.len() <= 48, "{token}");
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)), "{token}");
    let changed: String = token
        .char_indices()
        .map(|(at, c)| if at == token.len() - 3 { if c == 'A' { 'B' } else { 'A' } } else { c })
        .collect();
    let reply = get(address, &format!("/jobs/fw/things?status=QUEUED&nextToken={changed}")).await;
    assert_eq!((reply.status, reply.message()), (400, "Next token is invalid."), "{changed}");
}

#[tokio::test]
async fn jobs_and_the_executions_of_a_thing_are_paged_too() {
    let jobs: Vec<Value> = (0..7).map(|n| json!({"id": format!("j{n}")})).collect();
    let executions: Vec<Value> =
        (0..7).map(|n| json!({"job": format!("j{n}"), "thing": "r1"})).collect();
    let emulator = emulator(&fleet(&json!({
        "things": [{"name": "r1", "groups": ["g1", "g2", "g3"]}], "jobs": jobs, "executions": executions,
    })));
    let address = serve(&emulator).await;
    for (target, list, key, expected) in [
        ("/jobs", "jobs", "jobId", 7),
        ("/things/r1/jobs", "executionSummaries", "jobId", 7),
        ("/things/r1/thing-groups", "thingGroups", "groupName", 3),
    ] {
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let reply = get(address, &format!("{target}?maxResults=2{token}")).await;
            let rows = reply.body[list].as_array().expect("a list");
            seen.extend(rows.iter().map(|row| row[key].as_str().expect("a name").to_owned()));
            match reply.body["nextToken"].as_str() {
                Some(next) => token = format!("&nextToken={next}"),
                None => break,
            }
        }
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((&seen, seen.len()), (&sorted, expected), "{target}");
    }
}

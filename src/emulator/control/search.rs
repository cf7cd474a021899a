//! SearchIndex, GetThingConnectivityData and DescribeEndpoint.

use serde_json::{Value, json};

use super::{paged, rows};
use crate::emulator::call::Call;
use crate::emulator::input::Input;
use crate::emulator::refusal::Refusal;
use crate::emulator::registry::{Thing, stable_id};
use crate::emulator::search::{Indexing, Query};
use crate::emulator::store::Store;

/// By name (assumed: AWS gives no order). Only the index of things is there.
pub fn search(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let index = input.text("indexName").unwrap_or("AWS_Things");
    let text = input.required("queryString");
    let max = page_size(input);
    let token = input.next_token();
    if index != "AWS_Things" {
        return Err(Refusal::NotFound(format!("Index {index} cannot be found.")));
    }
    if store.indexing == Indexing::Off {
        let text = "The index AWS_Things is not active: fleet indexing is off.";
        return Err(Refusal::IndexNotReady(text.to_owned()));
    }
    let query = Query::parse(text)?;
    let with_connectivity = store.indexing == Indexing::Connectivity;
    if query.asks_for_connectivity() && !with_connectivity {
        let text = "connectivity is not indexed.";
        return Err(Refusal::InvalidQuery(text.to_owned()));
    }
    let found = store.registry.things().iter();
    let found = found.filter(|(name, thing)| query.matches(&store.registry, name, thing));
    let found = found.map(|(name, thing)| (name, (name, thing)));
    let page = store.list_names(&format!("search|{text}"), max, token, found)?;
    let page = rows(page, |(name, thing)| row(store, name, thing, with_connectivity));
    Ok(paged("things", page))
}

/// 100 is what a page has without `maxResults`, and at most (API reference, SearchIndex).
fn page_size(input: Input<'_>) -> usize {
    const MOST: usize = 100;
    let asked = input.number("maxResults").and_then(|max| usize::try_from(max).ok());
    asked.unwrap_or(MOST).min(MOST)
}

fn row(store: &Store, name: &str, thing: &Thing, with_connectivity: bool) -> Value {
    let groups = store.registry.groups_of(name).into_iter().flatten();
    let mut row = json!({
        "thingName": name,
        "thingId": stable_id(&format!("thing/{name}")),
        "attributes": thing.attributes,
        "thingGroupNames": groups.map(|group| &**group).collect::<Vec<_>>(),
    });
    if let Some(kind) = &thing.thing_type {
        row["thingTypeName"] = (**kind).into();
    }
    if let Some(connectivity) = thing.connectivity.filter(|_| with_connectivity) {
        row["connectivity"] = json!({"connected": connectivity.connected});
        if let Some(since) = connectivity.since {
            row["connectivity"]["timestamp"] = since.saturating_mul(1000).into();
        }
    }
    row
}

/// What the index knows of one thing's connection. Without connectivity in the index there is none to
/// ask; of a thing that never connected only the name is said (assumed: AWS's pages are silent).
pub fn connectivity(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let name = Input::new(call).thing();
    if store.indexing != Indexing::Connectivity {
        let text = "The index AWS_Things is not active: connectivity is not indexed.";
        return Err(Refusal::IndexNotReady(text.to_owned()));
    }
    let thing = store.registry.thing(name)?;
    let mut data = json!({ "thingName": name });
    if let Some(connectivity) = thing.connectivity {
        data["connected"] = connectivity.connected.into();
        if let Some(since) = connectivity.since {
            data["timestamp"] = since.into();
        }
    }
    Ok(data)
}

/// The address that the caller reached it at, so that whoever asks comes back. It has no scheme, as
/// AWS's has none.
pub fn endpoint(call: &Call) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let kind = input.text("endpointType").unwrap_or("iot:Data");
    let known = ["iot:Data", "iot:Data-ATS", "iot:Jobs", "iot:CredentialProvider"];
    if !known.contains(&kind) {
        return Err(Refusal::InvalidRequest(format!("Endpoint type {kind} is not valid.")));
    }
    Ok(json!({ "endpointAddress": call.host }))
}

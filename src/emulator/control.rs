//! The control plane (`iot`): from a call to the JSON of its answer.
//!
//! One file an area. Times are numbers of whole epoch seconds. Which members are there when they are
//! not set follows `DescribeJob` as observed.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::introspection::Effect;
use super::operation::Operation as O;
use super::paging::Page;
use super::refusal::Refusal;
use super::store::Store;

mod executions;
mod groups;
mod jobs;
mod search;
mod tags;
mod things;
mod types;

/// What a call answers as JSON text, and the cancel that it was.
pub type Answer = Result<(String, Option<Effect>), Refusal>;

/// Does what a call of the control plane asks.
pub fn answer(call: &Call, store: &mut Store) -> Answer {
    let body = match call.operation() {
        O::CancelJobExecution => return executions::cancel(call, store),
        // Large and often asked for: written without a tree in between.
        O::ListJobExecutionsForJob => {
            return executions::list_for_job(call, store).map(|text| (text, None));
        }
        O::ListJobs => jobs::list(call, store),
        O::DescribeJob => jobs::describe(call, store),
        O::CreateJob => jobs::create(call, store),
        O::UpdateJob => jobs::update(call, store),
        O::CancelJob => jobs::cancel(call, store),
        O::DeleteJob => jobs::delete(call, store),
        O::GetJobDocument => jobs::document(call, store),
        O::AssociateTargetsWithJob => jobs::associate(call, store),
        O::ListJobExecutionsForThing => executions::list_for_thing(call, store),
        O::DescribeJobExecution => executions::describe(call, store),
        O::DeleteJobExecution => executions::delete(call, store),
        O::ListTagsForResource => tags::list(call, store),
        O::TagResource => tags::add(call, store),
        O::UntagResource => tags::remove(call, store),
        O::CreateThing => things::create(call, store),
        O::DescribeThing => things::describe(call, store),
        O::UpdateThing => things::update(call, store),
        O::DeleteThing => things::delete(call, store),
        O::ListThings => things::list(call, store),
        O::CreateThingType => types::create(call, store),
        O::DescribeThingType => types::describe(call, store),
        O::ListThingTypes => types::list(call, store),
        O::DeprecateThingType => types::deprecate(call, store),
        O::DeleteThingType => types::delete(call, store),
        O::AddThingToThingGroup => groups::change_membership(call, store, true),
        O::RemoveThingFromThingGroup => groups::change_membership(call, store, false),
        O::UpdateThingGroupsForThing => groups::change_memberships(call, store),
        O::CreateThingGroup => groups::create(call, store),
        O::DescribeThingGroup => groups::describe(call, store),
        O::UpdateThingGroup => groups::update(call, store),
        O::DeleteThingGroup => groups::delete(call, store),
        O::ListThingGroups => groups::list(call, store),
        O::ListThingsInThingGroup => groups::members(call, store),
        O::ListThingGroupsForThing => groups::of_thing(call, store),
        O::GetThingConnectivityData => search::connectivity(call, store),
        O::SearchIndex => search::search(call, store),
        O::DescribeEndpoint => search::endpoint(call),
        operation => Err(Refusal::InvalidRequest(format!("{operation} is not emulated."))),
    };
    body.map(|body| (body.to_string(), None))
}

fn paged(name: &str, page: Page<Value>) -> Value {
    let mut body = Map::new();
    body.insert(name.to_owned(), Value::Array(page.rows));
    if let Some(token) = page.next {
        body.insert("nextToken".to_owned(), token.into());
    }
    Value::Object(body)
}

fn rows<T>(page: Page<T>, row: impl FnMut(T) -> Value) -> Page<Value> {
    Page { rows: page.rows.into_iter().map(row).collect(), next: page.next }
}

fn nothing() -> Value {
    json!({})
}

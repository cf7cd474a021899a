//! Thing groups and membership.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{paged, rows};
use crate::emulator::call::Call;
use crate::emulator::constraint::{ARN, DESCRIPTION, NAME};
use crate::emulator::input::Input;
use crate::emulator::refusal::Refusal;
use crate::emulator::registry::{Group, stable_id};
use crate::emulator::store::{Store, Target};

/// A group's description and attributes, none where they are not given.
type Properties = (Option<String>, Option<(BTreeMap<String, String>, bool)>);

fn properties(input: &mut Input<'_>) -> Properties {
    const AT: &str = "thingGroupProperties";
    let Some(given) = input.body_object(AT) else { return (None, None) };
    let description = input.text_in(given, AT, "thingGroupDescription", &DESCRIPTION);
    let payload = input.object_in(given, AT, "attributePayload");
    let at = format!("{AT}.attributePayload");
    let attributes = payload.map(|payload| input.attributes_in(&at, payload));
    (description.map(str::to_owned), attributes)
}

fn id(name: &str) -> String {
    stable_id(&format!("thinggroup/{name}"))
}

fn row(call: &Call, name: &str) -> Value {
    json!({"groupName": name, "groupArn": call.arns.group(name)})
}

pub fn create(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.group();
    let parent = input.body("parentGroupName", &NAME);
    let (description, attributes) = properties(&mut input);
    let tags = input.tags();
    input.check()?;
    let attributes = attributes.unwrap_or_default().0;
    let group = Group::new(description, attributes, call.at.as_second());
    store.registry.create_group_as(name, parent, group)?;
    store.tags.add(&format!("thinggroup/{name}"), tags)?;
    Ok(json!({
        "thingGroupName": name,
        "thingGroupArn": call.arns.group(name),
        "thingGroupId": id(name),
    }))
}

pub fn describe(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.group();
    input.check()?;
    let group = store.registry.group(name)?;
    let mut properties = json!({"attributePayload": {"attributes": group.attributes}});
    if let Some(text) = &group.description {
        properties["thingGroupDescription"] = text.as_str().into();
    }
    let mut metadata = json!({"creationDate": group.created_at});
    if let Some(parent) = &group.parent {
        metadata["parentGroupName"] = (**parent).into();
        let mut path = store.registry.path(parent);
        path.reverse();
        metadata["rootToParentThingGroups"] = path.iter().map(|name| row(call, name)).collect();
    }
    Ok(json!({
        "thingGroupName": name,
        "thingGroupId": id(name),
        "thingGroupArn": call.arns.group(name),
        "version": group.version,
        "thingGroupProperties": properties,
        "thingGroupMetadata": metadata,
    }))
}

pub fn update(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.group();
    let (description, attributes) = properties(&mut input);
    if !call.body.contains_key("thingGroupProperties") {
        input.missing("thingGroupProperties");
    }
    let expected = input.body_number("expectedVersion");
    input.check()?;
    let version = store.registry.update_group(name, description, attributes, expected)?;
    Ok(json!({ "version": version }))
}

pub fn delete(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let (name, expected) = (input.group(), input.query_number("expectedVersion"));
    input.check()?;
    store.delete_group(name, expected, call.at)?;
    Ok(super::nothing())
}

pub fn list(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let parent = input.query("parentGroup", &NAME);
    let prefix = input.query("namePrefixFilter", &NAME);
    let recursive = input.query_flag("recursive").unwrap_or(true);
    let (max, token) = (input.max_results(), input.next_token());
    input.check()?;
    if let Some(parent) = parent {
        store.registry.group(parent)?;
    }
    let list = format!("groups|{parent:?}|{prefix:?}|{recursive}");
    let groups = store.registry.child_groups(parent, recursive);
    let groups = groups.iter().filter(|name| prefix.is_none_or(|it| name.starts_with(it)));
    let page = store.list_names(&list, max, token, groups.map(|name| (name, name)))?;
    Ok(paged("thingGroups", rows(page, |name| row(call, name))))
}

pub fn members(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.group();
    let recursive = input.query_flag("recursive").unwrap_or(false);
    let (max, token) = (input.max_results(), input.next_token());
    input.check()?;
    store.registry.group(name)?;
    let list = format!("members|{name}|{recursive}");
    let shown = |name: &Arc<str>| Value::from(&**name);
    let page = if recursive {
        let members = store.registry.all_members(name);
        rows(store.list_names(&list, max, token, members.iter().map(|it| (it, it)))?, shown)
    } else {
        let members = store.registry.members(name);
        rows(store.list_names(&list, max, token, members.map(|it| (it, it)))?, shown)
    };
    Ok(paged("things", page))
}

/// Direct groups only (API reference, ListThingGroupsForThing).
pub fn of_thing(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.thing();
    let (max, token) = (input.max_results(), input.next_token());
    input.check()?;
    store.registry.thing(name)?;
    let groups = store.registry.groups_of(name).into_iter().flatten().map(|name| (name, name));
    let page = store.list_names(&format!("of|{name}"), max, token, groups)?;
    Ok(paged("thingGroups", rows(page, |name| row(call, name))))
}

pub fn change_memberships(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let thing = input.body("thingName", &NAME);
    let add = input.body_texts("thingGroupsToAdd", &NAME).unwrap_or_default();
    let remove = input.body_texts("thingGroupsToRemove", &NAME).unwrap_or_default();
    input.body_flag("overrideDynamicGroups");
    input.check()?;
    let Some(thing) = thing else {
        return Err(Refusal::InvalidRequest("A thing must be given.".to_owned()));
    };
    // All names are looked up first, so that a refusal changes nothing.
    store.registry.thing(thing)?;
    for name in add.iter().chain(&remove) {
        store.registry.group(name)?;
    }
    for name in add {
        store.add_to_group(thing, name, call.at)?;
    }
    for name in remove {
        store.remove_from_group(thing, name, call.at)?;
    }
    Ok(super::nothing())
}

pub fn change_membership(call: &Call, store: &mut Store, joins: bool) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let (thing, group) = (input.body("thingName", &NAME), input.body("thingGroupName", &NAME));
    let (thing_arn, group_arn) = (input.body("thingArn", &ARN), input.body("thingGroupArn", &ARN));
    input.check()?;
    let target = |arn: Option<&str>| arn.map(|arn| call.arns.target(arn)).transpose();
    let thing = match (thing, target(thing_arn)?) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(Target::Thing(name))) => Some(name),
        _ => None,
    };
    let group = match (group, target(group_arn)?) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Some(Target::Group(name))) => Some(name),
        _ => None,
    };
    let (Some(thing), Some(group)) = (thing, group) else {
        let text = "Both a thing and a thing group must be given.";
        return Err(Refusal::InvalidRequest(text.to_owned()));
    };
    if joins {
        store.add_to_group(&thing, &group, call.at)?;
    } else {
        store.remove_from_group(&thing, &group, call.at)?;
    }
    Ok(super::nothing())
}

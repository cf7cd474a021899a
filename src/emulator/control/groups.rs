//! Thing groups and membership.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{paged, rows};
use crate::emulator::call::Call;
use crate::emulator::input::{Attributes, Input};
use crate::emulator::refusal::Refusal;
use crate::emulator::registry::{Group, stable_id};
use crate::emulator::store::{Store, Target};
use crate::emulator::tags;

/// A group's description and attributes, none where they are not given.
type Properties = (Option<String>, Option<Attributes>);

fn properties(input: Input<'_>) -> Properties {
    let Some(given) = input.structure("thingGroupProperties") else { return (None, None) };
    let description = given.get("thingGroupDescription").and_then(Value::as_str);
    let payload = given.get("attributePayload").and_then(Value::as_object);
    (description.map(str::to_owned), payload.map(Attributes::of))
}

fn id(name: &str) -> String {
    stable_id(&format!("thinggroup/{name}"))
}

fn row(call: &Call, name: &str) -> Value {
    json!({"groupName": name, "groupArn": call.arns.group(name)})
}

pub fn create(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let name = input.group();
    let parent = input.text("parentGroupName");
    let (description, attributes) = properties(input);
    let tags = input.tags()?;
    tags::limit(tags.len())?;
    let attributes = attributes.unwrap_or_default().attributes;
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
    let input = Input::new(call);
    let name = input.group();
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
    let input = Input::new(call);
    let name = input.group();
    let (description, attributes) = properties(input);
    let expected = input.number("expectedVersion");
    let version = store.registry.update_group(
        name,
        description,
        attributes.map(|it| (it.attributes, it.merge)),
        expected,
    )?;
    Ok(json!({ "version": version }))
}

pub fn delete(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (name, expected) = (input.group(), input.number("expectedVersion"));
    store.delete_group(name, expected, call.at)?;
    Ok(super::nothing())
}

pub fn list(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let parent = input.text("parentGroup");
    let prefix = input.text("namePrefixFilter");
    let recursive = input.flag_or("recursive", true);
    let (max, token) = (input.max_results(), input.next_token());
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
    let input = Input::new(call);
    let name = input.group();
    let recursive = input.flag("recursive");
    let (max, token) = (input.max_results(), input.next_token());
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
    let input = Input::new(call);
    let name = input.thing();
    let (max, token) = (input.max_results(), input.next_token());
    store.registry.thing(name)?;
    let groups = store.registry.groups_of(name).into_iter().flatten().map(|name| (name, name));
    let page = store.list_names(&format!("of|{name}"), max, token, groups)?;
    Ok(paged("thingGroups", rows(page, |name| row(call, name))))
}

pub fn change_memberships(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let thing = input.text("thingName");
    let add = input.texts("thingGroupsToAdd").unwrap_or_default();
    let remove = input.texts("thingGroupsToRemove").unwrap_or_default();
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
    let input = Input::new(call);
    let (thing, group) = (input.text("thingName"), input.text("thingGroupName"));
    let (thing_arn, group_arn) = (input.text("thingArn"), input.text("thingGroupArn"));
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

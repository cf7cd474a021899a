//! Things.

use serde_json::{Value, json};

use super::{paged, rows};
use crate::emulator::call::Call;
use crate::emulator::constraint::{ATTRIBUTE, ATTRIBUTE_VALUE, NAME};
use crate::emulator::input::Input;
use crate::emulator::refusal::Refusal;
use crate::emulator::registry::{Thing, ThingUpdate, stable_id};
use crate::emulator::store::Store;

pub fn create(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    input.refuse_unimplemented(&["billingGroupName"]);
    let name = input.thing();
    let kind = input.body("thingTypeName", &NAME).map(str::to_owned);
    let (attributes, _) = input.attributes().unwrap_or_default();
    input.check()?;
    store.registry.create_thing(name, kind, attributes)?;
    Ok(json!({
        "thingName": name,
        "thingArn": call.arns.thing(name),
        "thingId": stable_id(&format!("thing/{name}")),
    }))
}

pub fn describe(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.thing();
    input.check()?;
    let thing = store.registry.thing(name)?;
    let mut described = json!({
        "defaultClientId": name,
        "thingName": name,
        "thingId": stable_id(&format!("thing/{name}")),
        "thingArn": call.arns.thing(name),
        "attributes": thing.attributes,
        "version": thing.version,
    });
    if let Some(kind) = &thing.thing_type {
        described["thingTypeName"] = (**kind).into();
    }
    Ok(described)
}

pub fn update(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.thing();
    let attributes = input.attributes();
    let update = ThingUpdate {
        thing_type: input.body("thingTypeName", &NAME).map(str::to_owned),
        remove_type: input.body_flag("removeThingType").unwrap_or(false),
        merge: attributes.as_ref().is_some_and(|(_, merge)| *merge),
        attributes: attributes.map(|(given, _)| given),
        expected_version: input.body_number("expectedVersion"),
    };
    input.check()?;
    if update.remove_type && update.thing_type.is_some() {
        let text = "removeThingType and thingTypeName exclude each other.";
        return Err(Refusal::InvalidRequest(text.to_owned()));
    }
    store.registry.update_thing(name, update)?;
    Ok(super::nothing())
}

pub fn delete(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let (name, version) = (input.thing(), input.query_number("expectedVersion"));
    input.check()?;
    store.delete_thing(name, version, call.at)?;
    Ok(super::nothing())
}

pub fn list(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let attribute = input.query("attributeName", &ATTRIBUTE);
    let value = input.query("attributeValue", &ATTRIBUTE_VALUE);
    let kind = input.query("thingTypeName", &NAME);
    let by_prefix = input.query_flag("usePrefixAttributeValue").unwrap_or(false);
    let (max, token) = (input.max_results(), input.next_token());
    input.check()?;
    if attribute.is_some() != value.is_some() {
        let text = "attributeName and attributeValue are given together.";
        return Err(Refusal::InvalidRequest(text.to_owned()));
    }
    let listed = |thing: &Thing| {
        let of_kind = kind.is_none_or(|kind| thing.thing_type.as_deref() == Some(kind));
        let matches = attribute.zip(value).is_none_or(|(attribute, value)| {
            thing
                .attributes
                .get(attribute)
                .is_some_and(|has| if by_prefix { has.starts_with(value) } else { has == value })
        });
        of_kind && matches
    };
    let list = format!("things|{attribute:?}|{value:?}|{kind:?}|{by_prefix}");
    let things = store.registry.things().iter().filter(|(_, thing)| listed(thing));
    let things = things.map(|(name, thing)| (name, (name, thing)));
    let page = rows(store.list_names(&list, max, token, things)?, |(name, thing)| {
        let mut row = json!({
            "thingName": &**name,
            "thingArn": call.arns.thing(name),
            "attributes": thing.attributes,
            "version": thing.version,
        });
        if let Some(kind) = &thing.thing_type {
            row["thingTypeName"] = (**kind).into();
        }
        row
    });
    Ok(paged("things", page))
}

//! Things.

use serde_json::{Value, json};

use super::{paged, rows};
use crate::emulator::call::Call;
use crate::emulator::input::Input;
use crate::emulator::refusal::Refusal;
use crate::emulator::registry::{Thing, ThingUpdate, stable_id};
use crate::emulator::store::Store;

pub fn create(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let name = input.thing();
    let kind = input.owned("thingTypeName");
    let attributes = input.attributes().unwrap_or_default().attributes;
    store.registry.create_thing(name, kind, attributes)?;
    Ok(json!({
        "thingName": name,
        "thingArn": call.arns.thing(name),
        "thingId": stable_id(&format!("thing/{name}")),
    }))
}

pub fn describe(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let name = input.thing();
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
    let input = Input::new(call);
    let name = input.thing();
    let attributes = input.attributes();
    let update = ThingUpdate {
        thing_type: input.owned("thingTypeName"),
        remove_type: input.flag("removeThingType"),
        merge: attributes.as_ref().is_some_and(|it| it.merge),
        attributes: attributes.map(|it| it.attributes),
        expected_version: input.number("expectedVersion"),
    };
    if update.remove_type && update.thing_type.is_some() {
        let text = "removeThingType and thingTypeName exclude each other.";
        return Err(Refusal::InvalidRequest(text.to_owned()));
    }
    store.registry.update_thing(name, update)?;
    Ok(super::nothing())
}

pub fn delete(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (name, version) = (input.thing(), input.number("expectedVersion"));
    store.delete_thing(name, version, call.at)?;
    Ok(super::nothing())
}

pub fn list(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let attribute = input.text("attributeName");
    let value = input.text("attributeValue");
    let kind = input.text("thingTypeName");
    let by_prefix = input.flag("usePrefixAttributeValue");
    let (max, token) = (input.max_results(), input.next_token());
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

//! Thing types.

use serde_json::{Map, Value, json};

use super::{paged, rows};
use crate::emulator::call::Call;
use crate::emulator::constraint::{ATTRIBUTE, DESCRIPTION, NAME};
use crate::emulator::input::Input;
use crate::emulator::refusal::Refusal;
use crate::emulator::registry::{ThingType, stable_id};
use crate::emulator::store::Store;

pub fn create(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    const AT: &str = "thingTypeProperties";
    let mut input = Input::new(call);
    let name = input.thing_type();
    let mut new = ThingType { created_at: call.at.as_second(), ..ThingType::default() };
    if let Some(given) = input.body_object(AT) {
        let description = input.text_in(given, AT, "thingTypeDescription", &DESCRIPTION);
        new.description = description.map(str::to_owned);
        let searchable = input.texts_in(given, AT, "searchableAttributes", &ATTRIBUTE);
        new.searchable_attributes =
            searchable.unwrap_or_default().into_iter().map(str::to_owned).collect();
    }
    let tags = input.tags();
    input.check()?;
    // AWS searches by three attributes of a type at most (developer guide, "Thing types").
    if new.searchable_attributes.len() > 3 {
        let text = "A thing type has at most 3 searchable attributes.";
        return Err(Refusal::InvalidRequest(text.to_owned()));
    }
    store.registry.create_type(name, new)?;
    store.tags.add(&format!("thingtype/{name}"), tags)?;
    Ok(json!({
        "thingTypeName": name,
        "thingTypeArn": call.arns.thing_type(name),
        "thingTypeId": stable_id(&format!("thingtype/{name}")),
    }))
}

fn shown(call: &Call, name: &str, kind: &ThingType) -> Map<String, Value> {
    let mut properties = json!({"searchableAttributes": kind.searchable_attributes});
    if let Some(text) = &kind.description {
        properties["thingTypeDescription"] = text.as_str().into();
    }
    let mut metadata =
        json!({"deprecated": kind.deprecated_at.is_some(), "creationDate": kind.created_at});
    if let Some(at) = kind.deprecated_at {
        metadata["deprecationDate"] = at.into();
    }
    let mut shown = Map::new();
    shown.insert("thingTypeName".to_owned(), name.into());
    shown.insert("thingTypeArn".to_owned(), call.arns.thing_type(name).into());
    shown.insert("thingTypeProperties".to_owned(), properties);
    shown.insert("thingTypeMetadata".to_owned(), metadata);
    shown
}

pub fn describe(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.thing_type();
    input.check()?;
    let mut described = shown(call, name, store.registry.thing_type(name)?);
    let id = stable_id(&format!("thingtype/{name}"));
    described.insert("thingTypeId".to_owned(), id.into());
    Ok(described.into())
}

pub fn list(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let named = input.query("thingTypeName", &NAME);
    let (max, token) = (input.max_results(), input.next_token());
    input.check()?;
    let list = format!("types|{named:?}");
    let types = store.registry.types().iter();
    let types = types.filter(|(name, _)| named.is_none_or(|named| named == &***name));
    let types = types.map(|(name, kind)| (name, (name, kind)));
    let page = store.list_names(&list, max, token, types)?;
    Ok(paged("thingTypes", rows(page, |(name, kind)| shown(call, name, kind).into())))
}

pub fn deprecate(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let (name, undo) = (input.thing_type(), input.body_flag("undoDeprecate").unwrap_or(false));
    input.check()?;
    store.registry.deprecate_type(name, undo, call.at.as_second())?;
    Ok(super::nothing())
}

pub fn delete(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let mut input = Input::new(call);
    let name = input.thing_type();
    input.check()?;
    store.delete_type(name, call.at)?;
    Ok(super::nothing())
}

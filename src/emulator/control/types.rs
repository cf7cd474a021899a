//! Thing types.

use serde_json::{Map, Value, json};

use super::{paged, rows};
use crate::emulator::call::Call;
use crate::emulator::input::Input;
use crate::emulator::refusal::Refusal;
use crate::emulator::registry::{ThingType, stable_id};
use crate::emulator::store::Store;
use crate::emulator::tags;

pub fn create(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let name = input.required("thingTypeName");
    let mut new = ThingType { created_at: call.at.as_second(), ..ThingType::default() };
    if let Some(given) = input.structure("thingTypeProperties") {
        let description = given.get("thingTypeDescription").and_then(Value::as_str);
        new.description = description.map(str::to_owned);
        let searchable = given.get("searchableAttributes").and_then(Value::as_array);
        new.searchable_attributes =
            searchable.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    let tags = input.tags()?;
    // AWS searches by three attributes of a type at most (developer guide, "Thing types").
    if new.searchable_attributes.len() > 3 {
        let text = "A thing type has at most 3 searchable attributes.";
        return Err(Refusal::InvalidRequest(text.to_owned()));
    }
    tags::limit(tags.len())?;
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
    let input = Input::new(call);
    let name = input.required("thingTypeName");
    let mut described = shown(call, name, store.registry.thing_type(name)?);
    let id = stable_id(&format!("thingtype/{name}"));
    described.insert("thingTypeId".to_owned(), id.into());
    Ok(described.into())
}

pub fn list(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let named = input.text("thingTypeName");
    let (max, token) = (input.max_results(), input.next_token());
    let list = format!("types|{named:?}");
    let types = store.registry.types().iter();
    let types = types.filter(|(name, _)| named.is_none_or(|named| named == &***name));
    let types = types.map(|(name, kind)| (name, (name, kind)));
    let page = store.list_names(&list, max, token, types)?;
    Ok(paged("thingTypes", rows(page, |(name, kind)| shown(call, name, kind).into())))
}

pub fn deprecate(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (name, undo) = (input.required("thingTypeName"), input.flag("undoDeprecate"));
    store.registry.deprecate_type(name, undo, call.at.as_second())?;
    Ok(super::nothing())
}

pub fn delete(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let name = input.required("thingTypeName");
    store.delete_type(name, call.at)?;
    Ok(super::nothing())
}

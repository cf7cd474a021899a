//! Tags.

use serde_json::{Value, json};

use crate::emulator::call::Call;
use crate::emulator::input::Input;
use crate::emulator::refusal::Refusal;
use crate::emulator::store::Store;

/// The resource of an ARN, if it is one that carries tags and is there.
fn resource<'a>(call: &Call, store: &Store, arn: &'a str) -> Result<&'a str, Refusal> {
    let refuse =
        || Refusal::InvalidRequest(format!("{arn} is not the ARN of a taggable resource."));
    let resource = call.arns.resource(arn).ok_or_else(refuse)?;
    match resource.split_once('/') {
        Some(("job", id)) => drop(store.job(id)?),
        Some(("thinggroup", name)) => drop(store.registry.group(name)?),
        Some(("thingtype", name)) => drop(store.registry.thing_type(name)?),
        _ => return Err(refuse()),
    }
    Ok(resource)
}

pub fn list(call: &Call, store: &Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let arn = input.required("resourceArn");
    let token = input.next_token();
    if token.is_some() {
        // All tags of a resource fit on one page, so no token was ever given.
        return Err(Refusal::InvalidRequest("Next token is invalid.".to_owned()));
    }
    let resource = resource(call, store, arn)?;
    let tags = store.tags.of(resource).map(|(key, value)| json!({"Key": key, "Value": value}));
    Ok(json!({ "tags": tags.collect::<Vec<_>>() }))
}

pub fn add(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (arn, tags) = (input.required("resourceArn"), input.tags()?);
    let resource = resource(call, store, arn)?;
    store.tags.add(resource, tags)?;
    Ok(super::nothing())
}

pub fn remove(call: &Call, store: &mut Store) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (arn, keys) = (input.required("resourceArn"), input.texts("tagKeys"));
    let resource = resource(call, store, arn)?;
    store.tags.remove(resource, &keys.unwrap_or_default());
    Ok(super::nothing())
}

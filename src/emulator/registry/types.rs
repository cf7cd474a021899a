//! Thing types.
//!
//! A type can be deleted only after it was deprecated for five minutes, and only while no thing has it
//! (developer guide, "Thing types").

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Registry;
use crate::emulator::refusal::Refusal;

/// How long a type must have been deprecated before it can be deleted, in seconds.
const DEPRECATED_FOR: i64 = 300;

/// A thing type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingType {
    /// Its description.
    pub description: Option<String>,
    /// The attributes that `ListThings` can search by without a type.
    pub searchable_attributes: Vec<String>,
    /// Epoch seconds.
    pub created_at: i64,
    /// When it was deprecated, in epoch seconds.
    pub deprecated_at: Option<i64>,
}

impl Registry {
    /// All types by name.
    pub fn types(&self) -> &BTreeMap<Arc<str>, ThingType> {
        &self.types
    }

    /// A type, or AWS's 404.
    pub fn thing_type(&self, name: &str) -> Result<&ThingType, Refusal> {
        self.types.get(name).ok_or_else(|| no_type(name))
    }

    /// `CreateThingType`. The same type again is fine (assumed to be as with things).
    pub fn create_type(&mut self, name: &str, new: ThingType) -> Result<(), Refusal> {
        match self.types.get(name) {
            None => {
                self.types.insert(name.into(), new);
                Ok(())
            }
            Some(old)
                if old.description == new.description
                    && old.searchable_attributes == new.searchable_attributes =>
            {
                Ok(())
            }
            Some(_) => Err(Refusal::AlreadyExists {
                message: format!("Thing type {name} already exists with different properties"),
                id: name.to_owned(),
                resource: format!("thingtype/{name}"),
            }),
        }
    }

    /// `DeprecateThingType`, and its undoing.
    pub fn deprecate_type(&mut self, name: &str, undo: bool, now: i64) -> Result<(), Refusal> {
        let found = self.types.get_mut(name).ok_or_else(|| no_type(name))?;
        found.deprecated_at = if undo { None } else { Some(found.deprecated_at.unwrap_or(now)) };
        Ok(())
    }

    /// `DeleteThingType`.
    pub(in crate::emulator) fn delete_type(&mut self, name: &str, now: i64) -> Result<(), Refusal> {
        let found = self.thing_type(name)?;
        let refuse = |why| Err(Refusal::InvalidRequest(format!("Thing type {name} {why}")));
        match found.deprecated_at {
            None => return refuse("must be deprecated before it can be deleted."),
            Some(at) if now.saturating_sub(at) < DEPRECATED_FOR => {
                return refuse("must have been deprecated for five minutes.");
            }
            Some(_) => {}
        }
        if self.things.values().any(|thing| thing.thing_type.as_deref() == Some(name)) {
            return refuse("is still associated with things.");
        }
        self.types.remove(name);
        Ok(())
    }

    /// The shared text of a type's name that a thing may be given.
    pub(super) fn usable_type(&self, name: &str) -> Result<Arc<str>, Refusal> {
        let (shared, found) = self.types.get_key_value(name).ok_or_else(|| no_type(name))?;
        if found.deprecated_at.is_some() {
            return Err(Refusal::InvalidRequest(format!("Thing type {name} is deprecated.")));
        }
        Ok(shared.clone())
    }

    /// Gives a thing a type that may be deprecated: only what is seeded has no choice.
    pub(in crate::emulator) fn seed_type(&mut self, thing: &str, name: &str) {
        self.types.entry(name.into()).or_default();
        let shared = self.types.get_key_value(name).map(|(name, _)| name.clone());
        if let Some(thing) = self.things.get_mut(thing) {
            thing.thing_type = shared;
        }
    }
}

fn no_type(name: &str) -> Refusal {
    Refusal::NotFound(format!("Thing type {name} cannot be found."))
}

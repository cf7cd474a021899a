//! Things, thing types, thing groups and membership.
//!
//! Apart from the store because it knows no jobs. Names are shared `Arc<str>`: executions refer to a
//! thing by the same text that its entry here has.
//!
//! Invariants: a thing's groups and a group's members name each other, so do a group's parent and its
//! children; a thing's type is one of the types.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;

mod groups;
mod types;

pub use groups::Group;
pub use types::ThingType;

/// A thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thing {
    /// Its thing type.
    pub thing_type: Option<Arc<str>>,
    /// Its attributes, possibly shared with others.
    pub attributes: Arc<BTreeMap<String, String>>,
    /// 1, and one more for each update.
    pub version: i64,
    /// What fleet indexing knows of its connection; none if it never saw one.
    pub connectivity: Option<Connectivity>,
    /// The groups that it is directly in.
    groups: BTreeSet<Arc<str>>,
}

/// What fleet indexing says about a thing's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connectivity {
    /// Whether it is connected.
    pub connected: bool,
    /// When that began, in epoch seconds; may be missing about an hour after it was lost (ThingConnectivity
    /// in the API reference).
    pub since: Option<i64>,
}

/// All things, types and groups.
#[derive(Debug, Default)]
pub struct Registry {
    things: BTreeMap<Arc<str>, Thing>,
    types: BTreeMap<Arc<str>, ThingType>,
    groups: BTreeMap<Arc<str>, Group>,
}

impl Registry {
    /// A thing, or AWS's 404.
    pub fn thing(&self, name: &str) -> Result<&Thing, Refusal> {
        self.things.get(name).ok_or_else(|| no_thing(name))
    }

    /// All things by name.
    pub fn things(&self) -> &BTreeMap<Arc<str>, Thing> {
        &self.things
    }

    /// The shared text of a thing's name, or AWS's 404.
    pub fn thing_name(&self, name: &str) -> Result<Arc<str>, Refusal> {
        let found = self.things.get_key_value(name);
        found.map(|(name, _)| name.clone()).ok_or_else(|| no_thing(name))
    }

    /// `CreateThing`. The same thing again is fine; another of that name is not. Its type must be there
    /// and not deprecated.
    pub fn create_thing(
        &mut self,
        name: &str,
        thing_type: Option<String>,
        attributes: BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        if let Some(old) = self.things.get(name) {
            if old.thing_type.as_deref() == thing_type.as_deref() && *old.attributes == attributes {
                return Ok(());
            }
            return Err(Refusal::AlreadyExists {
                message: format!(
                    "Thing {name} already exists in account with different properties"
                ),
                id: name.to_owned(),
                resource: format!("thing/{name}"),
            });
        }
        let thing_type = thing_type.map(|name| self.usable_type(&name)).transpose()?;
        let attributes = Arc::new(attributes);
        let thing = Thing { thing_type, attributes, version: 1, ..Thing::default() };
        self.things.insert(name.into(), thing);
        Ok(())
    }

    /// `UpdateThing`.
    pub fn update_thing(&mut self, name: &str, update: ThingUpdate) -> Result<(), Refusal> {
        let thing_type = update.thing_type.map(|name| self.usable_type(&name)).transpose()?;
        let thing = self.things.get_mut(name).ok_or_else(|| no_thing(name))?;
        expect_version("thing", name, thing.version, update.expected_version)?;
        if let Some(given) = update.attributes {
            let attributes = Arc::make_mut(&mut thing.attributes);
            if !update.merge {
                attributes.clear();
            }
            for (key, value) in given {
                // An empty value takes the attribute away (API reference, AttributePayload).
                if value.is_empty() {
                    attributes.remove(&key);
                } else {
                    attributes.insert(key, value);
                }
            }
        }
        if update.remove_type {
            thing.thing_type = None;
        } else if thing_type.is_some() {
            thing.thing_type = thing_type;
        }
        thing.version += 1;
        Ok(())
    }

    /// `DeleteThing`: ends its memberships. What becomes of its executions is the store's affair.
    pub(super) fn delete_thing(
        &mut self,
        name: &str,
        expected_version: Option<i64>,
    ) -> Result<(), Refusal> {
        let thing = self.thing(name)?;
        expect_version("thing", name, thing.version, expected_version)?;
        for group in thing.groups.clone() {
            self.leave(name, &group);
        }
        self.things.remove(name);
        Ok(())
    }

    /// Sets what fleet indexing says about a thing's connection.
    pub fn set_connectivity(
        &mut self,
        name: &str,
        connectivity: Option<Connectivity>,
    ) -> Result<(), Refusal> {
        let thing = self.things.get_mut(name).ok_or_else(|| no_thing(name))?;
        thing.connectivity = connectivity;
        Ok(())
    }

    pub(super) fn seed_thing(
        &mut self,
        name: &Arc<str>,
        attributes: Arc<BTreeMap<String, String>>,
    ) {
        let thing = Thing { attributes, version: 1, ..Thing::default() };
        self.things.insert(name.clone(), thing);
    }

    pub(super) fn set_version(&mut self, name: &str, version: i64) {
        if let Some(thing) = self.things.get_mut(name) {
            thing.version = version;
        }
    }
}

/// What `UpdateThing` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingUpdate {
    /// Its new type.
    pub thing_type: Option<String>,
    /// Take its type away.
    pub remove_type: bool,
    /// New attributes.
    pub attributes: Option<BTreeMap<String, String>>,
    /// Keep the attributes that are not named.
    pub merge: bool,
    /// Refuse unless the thing has this version.
    pub expected_version: Option<i64>,
}

fn expect_version(
    kind: &str,
    name: &str,
    found: i64,
    expected: Option<i64>,
) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != found => Err(Refusal::VersionConflict(format!(
            "The expected version {expected} of {kind} {name} does not match its version {found}"
        ))),
        _ => Ok(()),
    }
}

/// An id in the form of a UUID, made from the resource's name so that it is the same in each run.
pub fn stable_id(resource: &str) -> String {
    let digest = Sha256::digest(resource.as_bytes());
    let hex: String = digest.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]).fold(
        String::with_capacity(36),
        |mut text, nibble| {
            if matches!(text.len(), 8 | 13 | 18 | 23) {
                text.push('-');
            }
            text.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
            text
        },
    );
    hex
}

fn no_thing(name: &str) -> Refusal {
    Refusal::NotFound(format!("Thing {name} cannot be found."))
}

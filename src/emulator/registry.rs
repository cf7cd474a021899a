//! Things, thing groups and membership.
//!
//! Apart from the store because it knows no jobs. Names are shared `Arc<str>`: executions refer to a
//! thing by the same text that its entry here has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;

/// A thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thing {
    /// Its thing type.
    pub thing_type: Option<String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// The groups that it is directly in.
    groups: BTreeSet<Arc<str>>,
}

/// All things and groups.
#[derive(Debug, Default)]
pub struct Registry {
    things: BTreeMap<Arc<str>, Thing>,
    groups: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Registry {
    /// A thing, or AWS's 404.
    pub fn thing(&self, name: &str) -> Result<&Thing, Refusal> {
        self.things.get(name).ok_or_else(|| no_thing(name))
    }

    /// The shared text of a thing's name, or AWS's 404.
    pub fn thing_name(&self, name: &str) -> Result<Arc<str>, Refusal> {
        let found = self.things.get_key_value(name);
        found.map(|(name, _)| name.clone()).ok_or_else(|| no_thing(name))
    }

    /// The shared text of a group's name, or AWS's 404.
    pub fn group_name(&self, name: &str) -> Result<Arc<str>, Refusal> {
        let found = self.groups.get_key_value(name);
        found
            .map(|(name, _)| name.clone())
            .ok_or_else(|| Refusal::NotFound(format!("Thing group {name} cannot be found.")))
    }

    /// `CreateThing`. The same thing again is fine; another of that name is not.
    pub fn create_thing(
        &mut self,
        name: &str,
        thing_type: Option<String>,
        attributes: BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        match self.things.get(name) {
            None => {
                let thing = Thing { thing_type, attributes, groups: BTreeSet::new() };
                self.things.insert(name.into(), thing);
                Ok(())
            }
            Some(old) if old.thing_type == thing_type && old.attributes == attributes => Ok(()),
            Some(_) => Err(Refusal::AlreadyExists {
                message: format!(
                    "Thing {name} already exists in account with different properties"
                ),
                id: name.to_owned(),
                resource: format!("thing/{name}"),
            }),
        }
    }

    /// `CreateThingGroup`. The same group again is fine.
    pub fn create_group(&mut self, name: &str) {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.into(), BTreeSet::new());
        }
    }

    /// The groups that a thing is directly in, sorted; none if there is no such thing.
    pub fn groups_of(&self, thing: &str) -> Option<&BTreeSet<Arc<str>>> {
        self.things.get(thing).map(|thing| &thing.groups)
    }

    /// The things that are directly in a group.
    pub fn members(&self, group: &str) -> impl Iterator<Item = Arc<str>> {
        self.groups.get(group).into_iter().flatten().cloned()
    }

    /// Makes a thing a member. What jobs do about it is the store's affair.
    pub(super) fn join(&mut self, thing: &Arc<str>, group: &Arc<str>) {
        if let Some(entry) = self.things.get_mut(thing) {
            entry.groups.insert(group.clone());
            self.groups.entry(group.clone()).or_default().insert(thing.clone());
        }
    }

    /// Ends a membership; false if there was none.
    pub(super) fn leave(&mut self, thing: &str, group: &str) -> bool {
        if let Some(members) = self.groups.get_mut(group) {
            members.remove(thing);
        }
        self.things.get_mut(thing).is_some_and(|thing| thing.groups.remove(group))
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

//! Static thing groups: a forest, and who is in which.
//!
//! A job sent to a group is for the things of its child groups too (developer guide, "Static thing
//! groups").

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Registry, expect_version};
use crate::emulator::refusal::Refusal;

/// How many groups may be above each other (developer guide, "Static thing groups").
const DEPTH: usize = 7;

/// A thing group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The group that it is in.
    pub parent: Option<Arc<str>>,
    /// Its description.
    pub description: Option<String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// 1, and one more for each update.
    pub version: i64,
    /// Epoch seconds.
    pub created_at: i64,
    members: BTreeSet<Arc<str>>,
    children: BTreeSet<Arc<str>>,
}

impl Group {
    /// A group that nobody is in.
    pub fn new(
        description: Option<String>,
        attributes: BTreeMap<String, String>,
        created_at: i64,
    ) -> Self {
        Self { description, attributes, created_at, version: 1, ..Self::default() }
    }
}

impl Registry {
    /// All groups by name.
    pub fn groups(&self) -> &BTreeMap<Arc<str>, Group> {
        &self.groups
    }

    /// A group, or AWS's 404.
    pub fn group(&self, name: &str) -> Result<&Group, Refusal> {
        self.groups.get(name).ok_or_else(|| no_group(name))
    }

    /// The shared text of a group's name, or AWS's 404.
    pub fn group_name(&self, name: &str) -> Result<Arc<str>, Refusal> {
        let found = self.groups.get_key_value(name);
        found.map(|(name, _)| name.clone()).ok_or_else(|| no_group(name))
    }

    /// A group without a parent and properties, unless there is one of that name.
    pub fn create_group(&mut self, name: &str) {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.into(), Group { version: 1, ..Group::default() });
        }
    }

    /// `CreateThingGroup`. The same group again is fine; another of that name is not. Members and version
    /// of what is given do not count.
    pub fn create_group_as(
        &mut self,
        name: &str,
        parent: Option<&str>,
        group: Group,
    ) -> Result<(), Refusal> {
        if let Some(old) = self.groups.get(name) {
            let same = old.parent.as_deref() == parent
                && old.description == group.description
                && old.attributes == group.attributes;
            return if same {
                Ok(())
            } else {
                Err(Refusal::AlreadyExists {
                    message: format!("Thing group {name} already exists with different properties"),
                    id: name.to_owned(),
                    resource: format!("thinggroup/{name}"),
                })
            };
        }
        let parent = parent.map(|parent| self.group_name(parent)).transpose()?;
        if let Some(parent) = &parent
            && self.path(parent).len() >= DEPTH
        {
            let text = format!("Thing groups are nested at most {DEPTH} deep.");
            return Err(Refusal::InvalidRequest(text));
        }
        let group = Group { parent: parent.clone(), version: 1, ..group };
        let name: Arc<str> = name.into();
        self.groups.insert(name.clone(), group);
        if let Some(parent) = parent.and_then(|parent| self.groups.get_mut(&parent)) {
            parent.children.insert(name);
        }
        Ok(())
    }

    /// Puts a group below another, if that makes no circle. For what is seeded.
    pub(in crate::emulator) fn seed_parent(&mut self, name: &str, parent: &str) {
        let (Ok(name), Ok(parent)) = (self.group_name(name), self.group_name(parent)) else {
            return;
        };
        if self.path(&parent).contains(&name) {
            return;
        }
        if let Some(above) = self.groups.get_mut(&parent) {
            above.children.insert(name.clone());
        }
        if let Some(group) = self.groups.get_mut(&name) {
            group.parent = Some(parent);
        }
    }

    pub(in crate::emulator) fn seed_group(&mut self, name: &str, fill: impl FnOnce(&mut Group)) {
        self.create_group(name);
        if let Some(group) = self.groups.get_mut(name) {
            fill(group);
        }
    }

    /// `UpdateThingGroup`: its new version.
    pub fn update_group(
        &mut self,
        name: &str,
        description: Option<String>,
        attributes: Option<(BTreeMap<String, String>, bool)>,
        expected_version: Option<i64>,
    ) -> Result<i64, Refusal> {
        let group = self.groups.get_mut(name).ok_or_else(|| no_group(name))?;
        expect_version("thing group", name, group.version, expected_version)?;
        if description.is_some() {
            group.description = description;
        }
        if let Some((given, merge)) = attributes {
            if !merge {
                group.attributes.clear();
            }
            group.attributes.extend(given);
            group.attributes.retain(|_, value| !value.is_empty());
        }
        group.version += 1;
        Ok(group.version)
    }

    /// `DeleteThingGroup`. A group that is not there is deleted as well as can be: the operation has no
    /// 404. One with child groups is refused (developer guide, "Static thing groups").
    pub(in crate::emulator) fn delete_group(
        &mut self,
        name: &str,
        expected_version: Option<i64>,
    ) -> Result<(), Refusal> {
        let Some(group) = self.groups.get(name) else { return Ok(()) };
        expect_version("thing group", name, group.version, expected_version)?;
        if !group.children.is_empty() {
            let text = format!("Thing group {name} has child groups and cannot be deleted.");
            return Err(Refusal::InvalidRequest(text));
        }
        let (members, parent) = (group.members.clone(), group.parent.clone());
        for thing in members {
            self.leave(&thing, name);
        }
        if let Some(parent) = parent.and_then(|parent| self.groups.get_mut(&parent)) {
            parent.children.remove(name);
        }
        self.groups.remove(name);
        Ok(())
    }

    /// A group and those above it, itself first.
    pub fn path(&self, name: &str) -> Vec<Arc<str>> {
        let mut path: Vec<Arc<str>> = Vec::new();
        let mut next = self.groups.get_key_value(name);
        while let Some((name, group)) = next {
            path.push(name.clone());
            next = group.parent.as_ref().and_then(|parent| self.groups.get_key_value(parent));
        }
        path
    }

    /// The groups directly in a group, or with their own ones; without a name the roots.
    pub fn child_groups(&self, of: Option<&str>, recursive: bool) -> BTreeSet<Arc<str>> {
        let mut found = BTreeSet::new();
        let mut open: Vec<Arc<str>> = if let Some(name) = of {
            let group = self.groups.get(name);
            group.into_iter().flat_map(|group| group.children.iter().cloned()).collect()
        } else {
            let roots = self.groups.iter().filter(|(_, group)| group.parent.is_none());
            roots.map(|(name, _)| name.clone()).collect()
        };
        while let Some(name) = open.pop() {
            if recursive && let Some(group) = self.groups.get(&name) {
                open.extend(group.children.iter().cloned());
            }
            found.insert(name);
        }
        found
    }

    /// The groups that a thing is directly in, sorted; none if there is no such thing.
    pub fn groups_of(&self, thing: &str) -> Option<&BTreeSet<Arc<str>>> {
        self.things.get(thing).map(|thing| &thing.groups)
    }

    /// The groups that a thing is in, directly or through one below.
    pub fn all_groups_of(&self, thing: &str) -> BTreeSet<Arc<str>> {
        let direct = self.groups_of(thing).into_iter().flatten();
        direct.flat_map(|group| self.path(group)).collect()
    }

    /// The things that are directly in a group, sorted.
    pub fn members(&self, group: &str) -> impl Iterator<Item = &Arc<str>> {
        self.groups.get(group).into_iter().flat_map(|group| &group.members)
    }

    /// The things that are in a group or in one below it.
    pub fn all_members(&self, group: &str) -> BTreeSet<Arc<str>> {
        let below = self.child_groups(Some(group), true);
        let mut members: BTreeSet<Arc<str>> = self.members(group).cloned().collect();
        members.extend(below.iter().flat_map(|group| self.members(group).cloned()));
        members
    }

    /// Makes a thing a member. What jobs do about it is the store's affair.
    pub(in crate::emulator) fn join(&mut self, thing: &Arc<str>, group: &Arc<str>) {
        if let Some(entry) = self.things.get_mut(thing) {
            entry.groups.insert(group.clone());
            self.groups.entry(group.clone()).or_default().members.insert(thing.clone());
        }
    }

    /// Ends a membership; false if there was none.
    pub(in crate::emulator) fn leave(&mut self, thing: &str, group: &str) -> bool {
        if let Some(group) = self.groups.get_mut(group) {
            group.members.remove(thing);
        }
        let Some(thing) = self.things.get_mut(thing) else { return false };
        let left = thing.groups.remove(group);
        if thing.groups.is_empty() {
            // A set keeps room for eleven once it had one, which adds up over a fleet.
            thing.groups = BTreeSet::new();
        }
        left
    }
}

fn no_group(name: &str) -> Refusal {
    Refusal::NotFound(format!("Thing group {name} cannot be found."))
}

//! Tags of jobs, thing types and thing groups.
//!
//! Apart from what carries them, because AWS addresses them by ARN alone. Things carry none.

use std::collections::BTreeMap;

use super::refusal::Refusal;

/// The tags of one resource.
pub type TagMap = BTreeMap<String, String>;

/// How many tags a resource has at most (General Reference, "Tagging AWS resources").
const MOST: usize = 50;

/// The tags of all resources, by `job/ID`, `thinggroup/NAME`, `thingtype/NAME`.
#[derive(Debug, Default)]
pub struct Tags(BTreeMap<String, TagMap>);

impl Tags {
    /// The tags of a resource, possibly none.
    pub fn of(&self, resource: &str) -> impl Iterator<Item = (&String, &String)> {
        self.0.get(resource).into_iter().flatten()
    }

    /// Gives a resource the tags that it is said to have.
    pub(super) fn seed(&mut self, resource: &str, tags: &TagMap) {
        if !tags.is_empty() {
            self.0.insert(resource.to_owned(), tags.clone());
        }
    }

    /// Adds tags; a key that is there has its value replaced.
    pub fn add(&mut self, resource: &str, tags: TagMap) -> Result<(), Refusal> {
        if tags.is_empty() {
            return Ok(());
        }
        let kept = self.0.get(resource);
        let new = tags.keys().filter(|key| kept.is_none_or(|kept| !kept.contains_key(*key)));
        limit(kept.map_or(0, BTreeMap::len) + new.count())?;
        self.0.entry(resource.to_owned()).or_default().extend(tags);
        Ok(())
    }

    /// Takes tags away; keys that are not there are passed over.
    pub fn remove(&mut self, resource: &str, keys: &[&str]) {
        if let Some(tags) = self.0.get_mut(resource) {
            tags.retain(|key, _| !keys.contains(&key.as_str()));
        }
    }

    /// Forgets a resource that is deleted.
    pub fn forget(&mut self, resource: &str) {
        self.0.remove(resource);
    }
}

/// Refuses more tags than a resource has; asked before a new one is made, so that a refusal makes none.
pub fn limit(count: usize) -> Result<(), Refusal> {
    if count > MOST {
        return Err(Refusal::LimitExceeded(format!("A resource has at most {MOST} tags.")));
    }
    Ok(())
}

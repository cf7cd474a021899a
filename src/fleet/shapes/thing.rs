//! What a fleet says of its things, of what they are grouped in, and of what is indexed of them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::FleetBehavior;

/// A thing group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetThingGroup {
    /// Its name.
    pub name: String,
    /// The group that it is in.
    #[serde(default)]
    pub parent: Option<String>,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// How often it was updated, plus one. Default: 1.
    #[serde(default)]
    pub version: Option<NonZeroU32>,
    /// When it was created. Default: now.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// A thing type.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetThingType {
    /// Its name.
    pub name: String,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// The attributes that are searched by it, at most 3.
    #[serde(default)]
    pub searchable_attributes: Vec<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// When it was created. Default: now.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it was deprecated. Default: it is not.
    #[serde(default)]
    pub deprecated_at: Option<String>,
}

/// What fleet indexing says about a thing's connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetConnectivity {
    /// Whether it is connected.
    pub connected: bool,
    /// Since when. Default: not said, as AWS does about an hour after a connection was lost.
    #[serde(default)]
    pub since: Option<String>,
}

/// What fleet indexing indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum FleetIndexing {
    Off,
    Registry,
    #[default]
    Connectivity,
}

/// A thing of the registry, or with `count` many that differ in their names.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetThing {
    /// Its name: 1 to 128 letters, digits, ':', '_' and '-'. With `count` it holds the number's place:
    /// `robot-{n}`, or `robot-{n:06}` for six digits.
    pub name: String,
    /// How many there are, numbered from `first` on. The whole fleet has at most 1000000 things.
    #[serde(default)]
    pub count: Option<NonZeroU32>,
    /// The first number. Default: 1.
    #[serde(default)]
    pub first: Option<u32>,
    /// What fleet indexing knows of its connection. Default: nothing.
    #[serde(default)]
    pub connectivity: Option<FleetConnectivity>,
    /// How often it was updated, plus one. Default: 1.
    #[serde(default)]
    pub version: Option<NonZeroU32>,
    /// Its thing type.
    #[serde(default, rename = "type")]
    pub thing_type: Option<String>,
    /// The thing groups that it is directly in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Its attributes, at most 50.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// How it behaves by itself under the emulator. Default: it does nothing.
    #[serde(default)]
    pub behavior: Option<FleetBehavior>,
}

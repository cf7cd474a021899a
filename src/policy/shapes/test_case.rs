//! `kind: CancelTest` as people write it. The rules of the module above hold here too.
//!
//! Its reasons come from the closed list of reasons, so that a new one can be expected at once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::plan::Reason;

/// Says what the policies of a root are to decide about a recorded fleet at a fixed time. Only
/// `rescind test` runs it; it changes nothing of what the root does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "CancelTest")]
pub struct TestDocument {
    /// The version of the policy language.
    pub api_version: TestApiVersion,
    /// What the document is.
    pub kind: TestKind,
    /// What the test is called.
    pub metadata: TestMetadata,
    /// What is expected.
    pub spec: TestSpec,
}

/// The version of the policy language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum TestApiVersion {
    #[serde(rename = "rescind/v1alpha1")]
    V1Alpha1,
}

/// What the document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum TestKind {
    CancelTest,
}

/// What the test is called.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestMetadata {
    /// The test's name, unique among the tests of the policy root: 1 to 63 lower-case letters, digits
    /// and hyphens, neither first nor last a hyphen.
    #[schemars(length(min = 1), example = &"silent-robots-are-freed")]
    pub name: String,
    /// Free labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Free annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What is expected.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestSpec {
    /// Why there is this test, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// The time for which it is decided: like `2026-11-24T12:00:00Z`. Ages of the fleet are counted
    /// back from it.
    #[schemars(example = &"2026-11-24T12:00:00Z")]
    pub now: String,
    /// The policy root that decides, as a path from the directory of this file. Unless written: that
    /// directory.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"..")]
    pub root: Option<String>,
    /// The file with the `Fleet` that it decides about, as a path from the directory of this file. A
    /// snapshot is one. A file of more than 1 MiB belongs outside of the policy root.
    #[schemars(length(min = 1), example = &"fleet.yaml")]
    pub fleet: String,
    /// For how long what matches has matched, for policies with `stableFor`: a duration like `5m`. A
    /// recorded fleet is one look and cannot tell. Unless written: for as long as each policy asks.
    #[serde(default)]
    #[schemars(example = &"5m")]
    pub matched_for: Option<String>,
    /// What is to be decided about which executions.
    #[schemars(length(min = 1))]
    pub expect: Vec<ExpectShape>,
    /// What becomes of the test when an execution would be canceled that `expect` does not name.
    /// Forbid: it fails. Allow: that is no matter.
    #[serde(default)]
    pub unlisted: UnlistedShape,
}

/// What is to be decided about one execution: the latest one of a job on a thing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectShape {
    /// The job's id, one of the fleet's.
    #[schemars(length(min = 1), example = &"fw-4-2-0")]
    pub job: String,
    /// The thing's name, one of the fleet's.
    #[schemars(length(min = 1), example = &"robot-001")]
    pub thing: String,
    /// Cancel: it is canceled. Defer: it would be canceled, but not now. Keep: it stays; so does what
    /// no policy has in scope.
    pub decision: DecisionShape,
    /// Why, if that is to be tested too.
    #[serde(default)]
    pub reason: Option<ReasonShape>,
    /// Whose decision it is, if that is to be tested too: a policy's name.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"stuck-in-progress")]
    pub policy: Option<String>,
    /// Whether force is sent, if that is to be tested too; only for Cancel.
    #[serde(default)]
    pub force: Option<bool>,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum DecisionShape {
    Cancel,
    Defer,
    Keep,
}

/// What unexpected cancels mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // see the module's words on doc comments
pub enum UnlistedShape {
    #[default]
    Forbid,
    Allow,
}

/// A reason by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonShape(pub Reason);

impl ReasonShape {
    /// The reasons that a test can meet. It decides with all facts at hand, so that nothing is left to
    /// be judged later.
    pub fn all() -> impl Iterator<Item = Reason> {
        Reason::ALL.into_iter().filter(|reason| *reason != Reason::Due)
    }

    /// How a reason is written.
    pub fn name(reason: Reason) -> String {
        format!("{reason:?}")
    }
}

impl<'de> Deserialize<'de> for ReasonShape {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let reason = Self::all().find(|reason| Self::name(*reason) == name);
        reason.map(Self).ok_or_else(|| serde::de::Error::custom("there is no such reason"))
    }
}

impl JsonSchema for ReasonShape {
    fn schema_name() -> Cow<'static, str> {
        "ReasonShape".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Self::all().map(Self::name).collect();
        json_schema!({"description": "Why something is decided.", "type": "string", "enum": names})
    }
}

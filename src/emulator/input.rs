//! The members of a call, read after `validate` has found nothing wrong with them.
//!
//! What is not there is none; what is there is what the table of `model` says, so that nothing is
//! checked here. A name that the table does not have for the operation reads as nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::call::Call;
use super::model::{Member, Shape, members};
use super::refusal::Refusal;
use super::tags::TagMap;
use super::validate::{Given, given};
use crate::execution::StatusDetails;

mod job_config;

/// Reads the members of a call.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    call: &'a Call,
    members: &'static [Member],
}

impl<'a> Input<'a> {
    /// Of a call that is valid.
    pub fn new(call: &'a Call) -> Self {
        Self { call, members: members(call.operation()) }
    }

    fn given(self, name: &str) -> Option<Given<'a>> {
        let member = self.members.iter().find(|member| member.name == name)?;
        given(member, &self.call.route, &self.call.query, &self.call.body)
    }

    fn json(self, name: &str) -> Option<&'a Value> {
        match self.given(name)? {
            Given::Json(value) => Some(value),
            Given::Text(_) => None,
        }
    }

    /// A text.
    pub fn text(self, name: &str) -> Option<&'a str> {
        match self.given(name)? {
            Given::Text(text) => Some(text),
            Given::Json(value) => value.as_str(),
        }
    }

    /// A text, as one of ours.
    pub fn owned(self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A text that the table requires.
    pub fn required(self, name: &str) -> &'a str {
        self.text(name).unwrap_or_default()
    }

    /// The thing's name.
    pub fn thing(self) -> &'a str {
        self.required("thingName")
    }

    /// The job's id.
    pub fn job(self) -> &'a str {
        self.required("jobId")
    }

    /// The thing group's name.
    pub fn group(self) -> &'a str {
        self.required("thingGroupName")
    }

    /// One of a few texts.
    pub fn one_of<E: for<'t> From<&'t str>>(self, name: &str) -> Option<E> {
        self.text(name).map(E::from)
    }

    /// A whole number.
    pub fn number(self, name: &str) -> Option<i64> {
        match self.given(name)? {
            Given::Text(text) => text.parse().ok(),
            Given::Json(value) => value.as_i64(),
        }
    }

    /// A boolean; false if it is not there.
    pub fn flag(self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    /// A boolean, or else what it is when it is not there.
    pub fn flag_or(self, name: &str, otherwise: bool) -> bool {
        let flag = match self.given(name) {
            None => None,
            Some(Given::Text(text)) => text.parse().ok(),
            Some(Given::Json(value)) => value.as_bool(),
        };
        flag.unwrap_or(otherwise)
    }

    /// A structure.
    pub fn structure(self, name: &str) -> Option<&'a Map<String, Value>> {
        self.json(name)?.as_object()
    }

    /// A structure with those of its members that the table has.
    pub fn as_modelled(self, name: &str) -> Option<Value> {
        let member = self.members.iter().find(|member| member.name == name)?;
        Some(modelled(member.shape, self.json(name)?))
    }

    /// A list of texts; none if it is not there.
    pub fn texts(self, name: &str) -> Option<Vec<&'a str>> {
        Some(self.json(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
    }

    /// `maxResults`: 250 without it (observed).
    pub fn max_results(self) -> usize {
        self.number("maxResults").and_then(|max| usize::try_from(max).ok()).unwrap_or(250)
    }

    /// `nextToken`, of which only the list knows whether it is one.
    pub fn next_token(self) -> Option<&'a str> {
        self.text("nextToken")
    }

    /// `statusDetails`: a flat map in every request.
    pub fn status_details(self) -> Option<StatusDetails> {
        self.structure("statusDetails").map(texts_by_text)
    }

    /// `attributePayload`, none if there is none.
    pub fn attributes(self) -> Option<Attributes> {
        self.structure("attributePayload").map(Attributes::of)
    }

    /// `tags`: a list of keys and values. Keys that begin with `aws:` are AWS's own (General Reference,
    /// "Tagging AWS resources").
    pub fn tags(self) -> Result<TagMap, Refusal> {
        let list = self.json("tags").and_then(Value::as_array);
        let tag = |tag: &Value| {
            let value = tag["Value"].as_str().unwrap_or_default();
            Some((tag["Key"].as_str()?.to_owned(), value.to_owned()))
        };
        let tags: TagMap = list.into_iter().flatten().filter_map(tag).collect();
        match tags.keys().find(|key| key.starts_with("aws:")) {
            Some(key) => {
                let text = format!("Tag key {key} must not begin with aws:");
                Err(Refusal::InvalidRequest(text))
            }
            None => Ok(tags),
        }
    }
}

/// Attributes of a thing or a group, as they are to be set.
#[derive(Default)]
pub struct Attributes {
    /// By name.
    pub attributes: BTreeMap<String, String>,
    /// Whether they are added to what is there.
    pub merge: bool,
}

impl Attributes {
    /// An `attributePayload`.
    pub fn of(payload: &Map<String, Value>) -> Self {
        let attributes = payload.get("attributes").and_then(Value::as_object);
        let merge = payload.get("merge").and_then(Value::as_bool).unwrap_or(false);
        Self { attributes: attributes.map(texts_by_text).unwrap_or_default(), merge }
    }
}

fn texts_by_text(map: &Map<String, Value>) -> BTreeMap<String, String> {
    let texts =
        map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    texts.collect()
}

fn modelled(shape: Shape, value: &Value) -> Value {
    match (shape, value) {
        (Shape::Structure(members), Value::Object(of)) => {
            let known = members.iter().filter_map(|member| {
                let value = of.get(member.name).filter(|value| !value.is_null())?;
                Some((member.name.to_owned(), modelled(member.shape, value)))
            });
            Value::Object(known.collect())
        }
        _ => value.clone(),
    }
}

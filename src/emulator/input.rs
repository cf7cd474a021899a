//! The members of a call, held against the model's constraints.
//!
//! The constraints are the emulator's own: the controller that is tested against it must not share a
//! mistake with it. All that is violated is answered at once, in AWS's style; what cannot be read at
//! all (a number that is none, say) goes before and is a SerializationException.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::call::Call;
use super::constraint::{
    ARN, ATTRIBUTE, ATTRIBUTE_VALUE, DETAIL, JOB_ID, JOB_ID_OR_NEXT, NAME, TAG_KEY, TAG_VALUE, Text,
};
use super::refusal::Refusal;
use super::tags::TagMap;
use crate::execution::StatusDetails;

mod job_config;
mod nested;

/// Reads the members of a call and gathers what is wrong with them.
pub struct Input<'a> {
    call: &'a Call,
    violations: Vec<String>,
    unreadable: Option<Refusal>,
}

impl<'a> Input<'a> {
    /// Nothing read yet.
    pub fn new(call: &'a Call) -> Self {
        Self { call, violations: Vec::new(), unreadable: None }
    }

    /// The refusal of all that was found, if anything was. To be asked before anything is done.
    pub fn check(self) -> Result<(), Refusal> {
        if let Some(refusal) = self.unreadable {
            return Err(refusal);
        }
        let count = self.violations.len();
        if count == 0 {
            return Ok(());
        }
        let noun = if count == 1 { "error" } else { "errors" };
        let all = self.violations.join("; ");
        Err(Refusal::InvalidRequest(format!("{count} validation {noun} detected: {all}")))
    }

    fn violate(&mut self, value: &str, at: &str, constraint: &str) {
        self.violations
            .push(format!("Value {value} at '{at}' failed to satisfy constraint: {constraint}"));
    }

    fn unreadable(&mut self, at: &str, expected: &str) {
        let refusal = Refusal::Serialization(format!("'{at}' is not {expected}"));
        self.unreadable.get_or_insert(refusal);
    }

    /// Refuses for a reason that no constraint of the model has.
    fn refuse(&mut self, why: &str) {
        self.unreadable.get_or_insert(Refusal::InvalidRequest(why.to_owned()));
    }

    fn hold(&mut self, at: &str, text: &str, rule: &Text) {
        for constraint in rule.violations(text) {
            self.violate(&format!("'{text}'"), at, &constraint);
        }
    }

    fn label(&mut self, at: &str, label: Option<&'a String>, rule: &Text) -> &'a str {
        let text = label.map_or("", String::as_str);
        self.hold(at, text, rule);
        text
    }

    /// The path's thing name.
    pub fn thing(&mut self) -> &'a str {
        self.label("thingName", self.call.route.label("thingName"), &NAME)
    }

    /// The path's job id.
    pub fn job(&mut self) -> &'a str {
        self.label("jobId", self.call.route.label("jobId"), &JOB_ID)
    }

    /// The path's job id, or `$next`.
    pub fn job_or_next(&mut self) -> &'a str {
        match self.call.route.label("jobId").map(String::as_str) {
            Some(next @ "$next") => next,
            _ => self.label("jobId", self.call.route.label("jobId"), &JOB_ID_OR_NEXT),
        }
    }

    /// The path's group name.
    pub fn group(&mut self) -> &'a str {
        self.label("thingGroupName", self.call.route.label("thingGroupName"), &NAME)
    }

    /// The path's thing type name.
    pub fn thing_type(&mut self) -> &'a str {
        self.label("thingTypeName", self.call.route.label("thingTypeName"), &NAME)
    }

    /// The path's execution number.
    pub fn execution_number(&mut self) -> i64 {
        let number = self.call.route.label("executionNumber").and_then(|it| it.parse().ok());
        if number.is_none() {
            self.unreadable("executionNumber", "a number");
        }
        number.unwrap_or_default()
    }

    /// A text in the query.
    pub fn query(&mut self, at: &str, rule: &Text) -> Option<&'a str> {
        let text = self.call.query.get(at)?;
        self.hold(at, text, rule);
        Some(text)
    }

    /// `nextToken`, which has no constraint but to be one of ours.
    pub fn next_token(&self) -> Option<&'a str> {
        self.call.query.get("nextToken").map(String::as_str)
    }

    /// A number in the query.
    pub fn query_number(&mut self, at: &str) -> Option<i64> {
        let number = self.call.query.get(at)?.parse().ok();
        if number.is_none() {
            self.unreadable(at, "a number");
        }
        number
    }

    /// `maxResults` in the body: from 1 on; no page has more than 500 rows.
    pub fn body_max_results(&mut self) -> usize {
        let number = self.body_number("maxResults").unwrap_or(100);
        self.range("maxResults", number, 1, i64::from(i32::MAX));
        usize::try_from(number).unwrap_or(100).min(500)
    }

    /// `maxResults`: 1 to 250, which is also what is given without it (observed).
    pub fn max_results(&mut self) -> usize {
        let number = self.query_number("maxResults").unwrap_or(250);
        self.range("maxResults", number, 1, 250);
        usize::try_from(number).unwrap_or(250)
    }

    /// A boolean in the query.
    pub fn query_flag(&mut self, at: &str) -> Option<bool> {
        let flag = self.call.query.get(at)?.parse().ok();
        if flag.is_none() {
            self.unreadable(at, "true or false");
        }
        flag
    }

    /// A value of an enumeration in the query.
    pub fn query_enum<E>(&mut self, at: &str, known: &[E]) -> Option<E>
    where
        E: for<'t> From<&'t str> + ToString + PartialEq,
    {
        self.enumerated(at, self.call.query.get(at)?, known)
    }

    fn enumerated<E>(&mut self, at: &str, text: &str, known: &[E]) -> Option<E>
    where
        E: for<'t> From<&'t str> + ToString + PartialEq,
    {
        let value = E::from(text);
        if known.contains(&value) {
            return Some(value);
        }
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        let constraint = format!("Member must satisfy enum value set: [{}]", known.join(", "));
        self.violate(&format!("'{text}'"), at, &constraint);
        None
    }

    fn range(&mut self, at: &str, number: i64, min: i64, max: i64) {
        let value = format!("'{number}'");
        if number < min {
            let text = format!("Member must have value greater than or equal to {min}");
            self.violate(&value, at, &text);
        }
        if number > max {
            let text = format!("Member must have value less than or equal to {max}");
            self.violate(&value, at, &text);
        }
    }

    fn text_of(&mut self, at: &str, value: &'a Value) -> Option<&'a str> {
        let text = value.as_str();
        if text.is_none() {
            self.unreadable(at, "a string");
        }
        text
    }

    /// A text in the body.
    pub fn body(&mut self, at: &str, rule: &Text) -> Option<&'a str> {
        let text = self.text_of(at, self.call.body.get(at)?)?;
        self.hold(at, text, rule);
        Some(text)
    }

    /// A number in the body.
    pub fn body_number(&mut self, at: &str) -> Option<i64> {
        self.number_of(at, self.call.body.get(at)?)
    }

    fn number_of(&mut self, at: &str, value: &Value) -> Option<i64> {
        let number = value.as_i64();
        if number.is_none() {
            self.unreadable(at, "a whole number");
        }
        number
    }

    /// A boolean in the body.
    pub fn body_flag(&mut self, at: &str) -> Option<bool> {
        let flag = self.call.body.get(at)?.as_bool();
        if flag.is_none() {
            self.unreadable(at, "true or false");
        }
        flag
    }

    /// A value of an enumeration in the body.
    pub fn body_enum<E>(&mut self, at: &str, known: &[E]) -> Option<E>
    where
        E: for<'t> From<&'t str> + ToString + PartialEq,
    {
        let text = self.text_of(at, self.call.body.get(at)?)?;
        self.enumerated(at, text, known)
    }

    /// A structure in the body.
    pub fn body_object(&mut self, at: &str) -> Option<&'a Map<String, Value>> {
        let object = self.call.body.get(at)?.as_object();
        if object.is_none() {
            self.unreadable(at, "a structure");
        }
        object
    }

    /// `stepTimeoutInMinutes`: 1 to 10080, or -1 to stop the timer.
    pub fn step_timeout_minutes(&mut self) -> Option<i64> {
        let at = "stepTimeoutInMinutes";
        let minutes = self.body_number(at)?;
        if minutes != -1 {
            self.range(at, minutes, 1, 10_080);
        }
        Some(minutes)
    }

    /// `statusDetails`: a flat map in every request.
    pub fn status_details(&mut self) -> Option<StatusDetails> {
        let object = self.body_object("statusDetails")?;
        let details = self.map("statusDetails", object, &NAME, &DETAIL);
        if details.len() > 10 {
            let text = "Member must have length less than or equal to 10";
            self.violate(&format!("'{}'", shown(&details)), "statusDetails", text);
        }
        Some(details)
    }

    /// `attributePayload.attributes`, and whether they are to be merged; none if there is no payload.
    pub fn attributes(&mut self) -> Option<(BTreeMap<String, String>, bool)> {
        let payload = self.body_object("attributePayload")?;
        Some(self.attributes_in("attributePayload", payload))
    }

    /// The same of any payload.
    pub fn attributes_in(
        &mut self,
        at: &str,
        payload: &'a Map<String, Value>,
    ) -> (BTreeMap<String, String>, bool) {
        let given = self.object_in(payload, at, "attributes");
        let at = format!("{at}.attributes");
        let given = given.map(|given| self.map(&at, given, &ATTRIBUTE, &ATTRIBUTE_VALUE));
        let merge = payload.get("merge").and_then(Value::as_bool).unwrap_or(false);
        (given.unwrap_or_default(), merge)
    }

    /// `tags`: a list of keys and values.
    pub fn tags(&mut self) -> TagMap {
        let mut tags = TagMap::new();
        let Some(list) = self.call.body.get("tags") else { return tags };
        let Some(list) = list.as_array() else {
            self.unreadable("tags", "a list");
            return tags;
        };
        for (index, tag) in list.iter().enumerate() {
            let at = format!("tags.{}.member", index + 1);
            let Some(tag) = tag.as_object() else {
                self.unreadable(&at, "a structure");
                continue;
            };
            let key = self.text_in(tag, &at, "Key", &TAG_KEY);
            let value = self.text_in(tag, &at, "Value", &TAG_VALUE).unwrap_or_default();
            match key {
                None => self.missing(&format!("{at}.Key")),
                Some(key) if key.starts_with("aws:") => {
                    let text = "Member must not begin with aws:";
                    self.violate(&format!("'{key}'"), &format!("{at}.Key"), text);
                }
                Some(key) => drop(tags.insert(key.to_owned(), value.to_owned())),
            }
        }
        tags
    }

    /// A list of texts in the body; none if it is not there.
    pub fn body_texts(&mut self, at: &str, rule: &Text) -> Option<Vec<&'a str>> {
        self.texts(at, self.call.body.get(at)?, rule)
    }

    fn texts(&mut self, at: &str, value: &'a Value, rule: &Text) -> Option<Vec<&'a str>> {
        let Some(list) = value.as_array() else {
            self.unreadable(at, "a list");
            return None;
        };
        let mut texts = Vec::new();
        for value in list {
            if let Some(text) = self.text_of(at, value) {
                self.hold(at, text, rule);
                texts.push(text);
            }
        }
        Some(texts)
    }

    /// A map from texts to texts.
    fn map(
        &mut self,
        at: &str,
        object: &'a Map<String, Value>,
        keys: &Text,
        values: &Text,
    ) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        for (key, value) in object {
            if let Some(text) = self.text_of(at, value) {
                map.insert(key.clone(), text.to_owned());
            }
        }
        let of_keys: Vec<String> = map.keys().flat_map(|key| keys.violations(key)).collect();
        let of_values: Vec<String> =
            map.values().flat_map(|text| values.violations(text)).collect();
        for (part, found) in [("keys", of_keys), ("value", of_values)] {
            if !found.is_empty() {
                let text = format!("Map {part} must satisfy constraint: [{}]", found.join(", "));
                self.violate(&format!("'{}'", shown(&map)), at, &text);
            }
        }
        map
    }

    /// `targets`: at least one ARN.
    pub fn targets(&mut self) -> Vec<&'a str> {
        let Some(value) = self.call.body.get("targets") else {
            self.violate("null", "targets", "Member must not be null");
            return Vec::new();
        };
        let Some(list) = value.as_array() else {
            self.unreadable("targets", "a list");
            return Vec::new();
        };
        if list.is_empty() {
            let text = "Member must have length greater than or equal to 1";
            self.violate("'[]'", "targets", text);
        }
        self.texts("targets", value, &ARN).unwrap_or_default()
    }

    /// A required member that is not there.
    pub fn missing(&mut self, at: &str) {
        self.violate("null", at, "Member must not be null");
    }

    /// Members that AWS knows and the emulator does not: refused, not ignored.
    pub fn refuse_unimplemented(&mut self, members: &[&str]) {
        let given = members.iter().find(|name| {
            self.call.body.contains_key(**name) || self.call.query.contains_key(**name)
        });
        if let Some(name) = given {
            self.refuse(&format!("{name} is not implemented by this emulator"));
        }
    }
}

/// A map as AWS writes it into its answers: `{a=b, c=d}`.
fn shown(map: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

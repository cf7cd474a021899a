//! Members of structures in a body. Null is the same as not there.

use serde_json::{Map, Value};

use super::Input;
use crate::emulator::constraint::Text;

impl<'a> Input<'a> {
    /// A structure in another; null is the same as not there, as everywhere below.
    pub fn object_in(
        &mut self,
        of: &'a Map<String, Value>,
        at: &str,
        key: &str,
    ) -> Option<&'a Map<String, Value>> {
        let value = of.get(key).filter(|value| !value.is_null())?;
        let object = value.as_object();
        if object.is_none() {
            self.unreadable(&format!("{at}.{key}"), "a structure");
        }
        object
    }

    /// A text in a structure.
    pub fn text_in(
        &mut self,
        of: &'a Map<String, Value>,
        at: &str,
        key: &str,
        rule: &Text,
    ) -> Option<&'a str> {
        let at = format!("{at}.{key}");
        let text = self.text_of(&at, of.get(key).filter(|value| !value.is_null())?)?;
        self.hold(&at, text, rule);
        Some(text)
    }

    /// A list of texts in a structure.
    pub fn texts_in(
        &mut self,
        of: &'a Map<String, Value>,
        at: &str,
        key: &str,
        rule: &Text,
    ) -> Option<Vec<&'a str>> {
        let value = of.get(key).filter(|value| !value.is_null())?;
        self.texts(&format!("{at}.{key}"), value, rule)
    }

    /// A whole number in a structure, between two bounds.
    pub fn number_in(
        &mut self,
        of: &'a Map<String, Value>,
        at: &str,
        key: &str,
        (min, max): (i64, i64),
    ) -> Option<i64> {
        let at = format!("{at}.{key}");
        let number = self.number_of(&at, of.get(key).filter(|value| !value.is_null())?)?;
        self.range(&at, number, min, max);
        Some(number)
    }

    /// One of a few texts in a structure.
    pub fn choice_in<T>(
        &mut self,
        of: &'a Map<String, Value>,
        at: &str,
        key: &str,
        known: &[T],
        name: impl Fn(&T) -> &'static str,
    ) -> Option<T>
    where
        T: Copy,
    {
        let at = format!("{at}.{key}");
        let text = self.text_of(&at, of.get(key).filter(|value| !value.is_null())?)?;
        let found = known.iter().find(|it| name(it) == text).copied();
        if found.is_none() {
            let known: Vec<&str> = known.iter().map(name).collect();
            let text_of = format!("Member must satisfy enum value set: [{}]", known.join(", "));
            self.violate(&format!("'{text}'"), &at, &text_of);
        }
        found
    }
}

//! The JSON documents that rescind writes: their names, and their schemas out of the types that are written.
//!
//! The schemas are what `rescind schema FORMAT` prints and what `docs/reference/json.md` is made from. They
//! leave room: keys may be added to a version, and none is taken away or comes to mean something else.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{apply, audit, diff, explain, plan, test, validate, verify};
use crate::plan::saved::{self, SavedPlan};
use crate::status::{self, Status};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// What its key `format` says: `rescind/plan/v1`.
    pub name: &'static str,
    generate: fn(SchemaGenerator) -> schemars::Schema,
}

/// All of them.
pub const ALL: [Form; 10] = [
    form::<plan::json::Json<'_>>(plan::json::FORMAT),
    form::<SavedPlan>(saved::FORMAT),
    form::<apply::json::Json<'_>>(apply::json::FORMAT),
    form::<explain::json::Json<'_>>(explain::json::FORMAT),
    form::<diff::Json<'_>>(diff::FORMAT),
    form::<validate::Json<'_>>(validate::FORMAT),
    form::<test::json::Json<'_>>(test::json::FORMAT),
    form::<audit::Json<'_>>(audit::FORMAT),
    form::<verify::Json<'_>>(verify::FORMAT),
    form::<Status>(status::FORMAT),
];

const fn form<T: JsonSchema>(name: &'static str) -> Form {
    Form { name, generate: SchemaGenerator::into_root_schema_for::<T> }
}

impl Form {
    /// The one with a name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|form| form.name == name)
    }

    /// All names, for a sentence.
    pub fn names() -> String {
        ALL.map(|form| form.name).join(", ")
    }

    /// Its JSON Schema.
    pub fn schema(self) -> Value {
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let mut schema = (self.generate)(generator).to_value();
        tidy(&mut schema);
        schema["title"] = self.name.into();
        schema["properties"]["format"]["const"] = self.name.into();
        schema
    }
}

/// Takes back what schemars says beyond what is meant: an optional key is left out, and never null; how wide
/// the program's numbers are is nobody's matter; lines of descriptions end where the source's do.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(map) => {
            optional_without_null(map);
            map.shift_remove("default");
            let width = ["uint", "int", "double", "float"];
            let is_width = |it: &str| width.iter().any(|width| it.starts_with(width));
            if map.get("format").and_then(Value::as_str).is_some_and(is_width) {
                map.shift_remove("format");
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            map.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn optional_without_null(map: &mut Map<String, Value>) {
    let required = map.get("required").cloned().unwrap_or_else(|| json!([]));
    let Some(Value::Object(properties)) = map.get_mut("properties") else { return };
    let is_required = |name: &String| {
        required.as_array().is_some_and(|names| names.contains(&Value::from(name.as_str())))
    };
    for (_, property) in properties.iter_mut().filter(|(name, _)| !is_required(name)) {
        let Value::Object(property) = property else { continue };
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                property["type"] = only.clone();
            }
        }
        if let Some(Value::Array(options)) = property.get_mut("anyOf") {
            options.retain(|option| *option != json!({"type": "null"}));
            if let [Value::Object(only)] = options.as_slice() {
                let only = only.clone();
                property.shift_remove("anyOf");
                property.extend(only);
            }
        }
    }
}

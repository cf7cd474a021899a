//! The JSON Schema of the kinds, made from the shapes. It is what documents are checked against, what
//! editors complete from, and the reference.
//!
//! What schemars allows beyond what is meant is taken back here: an optional key may be left out, but
//! not be written without a value.

use std::collections::BTreeSet;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::kind::{API_VERSION, Kind};
use crate::fleet::shapes::FleetDocument;
use crate::policy::shapes::guard::GuardDocument;
use crate::policy::shapes::{PolicyDocument, TestDocument};

/// The schema of one kind, or of all: that one asks for the kind and then for what the kind has.
pub fn schema(kind: Option<Kind>) -> Value {
    let mut schema = match kind {
        Some(Kind::CancelPolicy) => root::<PolicyDocument>(),
        Some(Kind::CancelGuard) => root::<GuardDocument>(),
        Some(Kind::CancelTest) => root::<TestDocument>(),
        Some(Kind::Fleet) => root::<FleetDocument>(),
        None => whole(),
    };
    tidy(&mut schema);
    schema
}

/// The files in `schema/`, each with its name and its text.
pub fn files() -> Vec<(String, String)> {
    let one = |kind: Kind| (format!("{}.json", kind.as_str().to_lowercase()), schema(Some(kind)));
    let all = ("rescind.v1alpha1.json".to_owned(), schema(None));
    std::iter::once(all)
        .chain(Kind::ALL.map(one))
        .map(|(name, schema)| (name, format!("{schema:#}\n")))
        .collect()
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

fn root<T: JsonSchema>() -> Value {
    generator().into_root_schema_for::<T>().to_value()
}

fn part<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn whole() -> Value {
    let mut generator = generator();
    let cases: Vec<Value> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let then = match kind {
                Kind::CancelPolicy => part::<PolicyDocument>(&mut generator),
                Kind::CancelGuard => part::<GuardDocument>(&mut generator),
                Kind::CancelTest => part::<TestDocument>(&mut generator),
                Kind::Fleet => part::<FleetDocument>(&mut generator),
            };
            json!({
                "if": {"properties": {"kind": {"const": kind.as_str()}}, "required": ["kind"]},
                "then": then,
            })
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rescind",
        "description": "A document of rescind's policy language. Its kind decides what it has.",
        "type": "object",
        "properties": {
            "apiVersion": {
                "description": "The version of the policy language.",
                "type": "string",
                "enum": [API_VERSION],
            },
            "kind": {
                "description": "What the document is.",
                "type": "string",
                "enum": Kind::ALL.map(Kind::as_str),
            },
        },
        "required": ["apiVersion", "kind"],
        "allOf": cases,
        "$defs": generator.take_definitions(true),
    })
}

/// Removes "or null" and defaults that are nothing, gives integers the bounds of their types, and joins
/// the lines of descriptions.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(map) => {
            without_null(map);
            bounded(map);
            unwrapped(map);
            map.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn without_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(options)) = map.get_mut("anyOf") {
        options.retain(|option| *option != json!({"type": "null"}));
        if let [Value::Object(only)] = options.as_slice() {
            let only = only.clone();
            map.shift_remove("anyOf");
            map.extend(only);
        }
    }
    if map.get("default").is_some_and(Value::is_null) {
        map.shift_remove("default");
    }
}

/// Lines of a doc comment end where the source's do; in a description only paragraphs end.
fn unwrapped(map: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = map.get_mut("description") {
        let paragraphs: Vec<_> = text.split("\n\n").map(|part| part.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
}

fn bounded(map: &mut Map<String, Value>) {
    let bounds = match map.get("format").and_then(Value::as_str) {
        Some("uint8") => (0, i64::from(u8::MAX)),
        Some("uint32") => (0, i64::from(u32::MAX)),
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        // Beyond this, readers of JSON disagree on whole numbers.
        Some("uint64" | "uint") => (0, (1 << 53) - 1),
        Some("int64" | "int") => (-((1 << 53) - 1), (1 << 53) - 1),
        _ => return,
    };
    map.shift_remove("format");
    map.entry("minimum").or_insert_with(|| bounds.0.into());
    map.entry("maximum").or_insert_with(|| bounds.1.into());
}

/// A place in a schema: the schema with its reference followed.
pub(super) fn follow<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    // References of generated schemas do not go in circles; the bound makes that no matter of trust.
    for _ in 0..8 {
        let Some(target) = schema.get("$ref").and_then(Value::as_str) else { break };
        let Some(found) = target.strip_prefix('#').and_then(|p| root.pointer(p)) else { break };
        schema = found;
    }
    schema
}

/// The schema that holds for the value at a JSON pointer.
pub(super) fn at<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut schema = follow(root, root);
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let property = schema.get("properties").and_then(|properties| properties.get(&step));
        let next = property
            .or_else(|| schema.get("items"))
            .or_else(|| schema.get("additionalProperties"))?;
        schema = follow(root, next);
    }
    Some(schema)
}

/// The keys of the maps in which a key of this name exists, as people write them: `spec.cancel`,
/// `spec.match.age[]`.
pub(super) fn homes(root: &Value, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![(String::new(), follow(root, root), 0)];
    while let Some((path, schema, depth)) = open.pop() {
        // Deeper than any document's shape.
        if depth > 12 {
            continue;
        }
        if let Some(items) = schema.get("items") {
            open.push((format!("{path}[]"), follow(root, items), depth + 1));
        }
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            continue;
        };
        if properties.contains_key(name) {
            found.insert(path.clone());
        }
        for (key, property) in properties {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            open.push((path, follow(root, property), depth + 1));
        }
    }
    found
}

//! The JSON documents that are written, held against their schemas: what stands in a document stands in the
//! schema, and so in the page.

use std::collections::BTreeSet;

use rescind::cli::output::forms::Form;
use serde_json::{Map, Value};

/// The name of what a reference leads to: `JsonLine` of `#/$defs/JsonLine`.
pub fn referred(part: &Value) -> Option<&str> {
    part.get("$ref")?.as_str()?.rsplit('/').next()
}

/// What a place of a schema says once `null` is left aside: one alternative, with its reference followed, and
/// the name of what that led to.
pub fn follow<'a>(root: &'a Value, part: &'a Value) -> (&'a Value, Option<&'a str>) {
    let options = part.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let mut options = options.filter(|it| it.get("type").is_none_or(|kind| kind != "null"));
    let part = options.next().unwrap_or(part);
    assert_eq!(options.next(), None, "one alternative beside null");
    let Some(name) = referred(part) else { return (part, None) };
    (&root["$defs"][name], Some(name))
}

/// The name of a shape: a plan is one document wherever it stands.
pub fn named(shape: &str) -> String {
    let of_its_own = [("Plan", "rescind/plan/v1"), ("Explanation", "rescind/explain/v1")];
    let found = of_its_own.into_iter().find(|(name, _)| *name == shape);
    found.map_or(shape, |(_, form)| form).to_owned()
}

/// The keys of an object of a schema; none if it is another value.
pub fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

/// A walk through a document and its schema together: which keys of which shape the document has, and those
/// that the schema does not have.
struct Walk<'a> {
    root: &'a Value,
    seen: BTreeSet<(String, String)>,
    unknown: Vec<String>,
}

impl<'a> Walk<'a> {
    /// Into what stands at a place of the schema, which belongs to a shape.
    fn enter(&mut self, part: &'a Value, shape: &'a str, value: &Value, path: &str) {
        let (schema, name) = follow(self.root, part);
        self.through(schema, name.unwrap_or(shape), value, path);
    }

    fn through(&mut self, schema: &'a Value, shape: &'a str, value: &Value, path: &str) {
        let items = value.as_array().into_iter().flatten();
        for item in items {
            self.enter(&schema["items"], shape, item, &format!("{path}[]"));
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if let Some(part) = properties(schema).and_then(|keys| keys.get(key)) {
                self.seen.insert((named(shape), key.clone()));
                self.enter(part, shape, value, &path);
            } else if let Some(part) = schema.get("additionalProperties") {
                self.enter(part, shape, value, &path);
            } else if !is_tagged(schema, key) {
                self.unknown.push(path);
            }
        }
    }
}

/// Whether an alternative of an enum has a key: `{"policy": NAME}`.
fn is_tagged(schema: &Value, key: &str) -> bool {
    let options = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    options.filter_map(properties).any(|keys| keys.contains_key(key))
}

/// Which keys of which shape a document has. It must be what its schema says, and have no key beyond.
pub fn keys(document: &Value) -> BTreeSet<(String, String)> {
    let name = document["format"].as_str().expect("a document says what it is");
    let schema = Form::named(name).unwrap_or_else(|| panic!("{name} is a form")).schema();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<_> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{name} is not what its schema says:\n{}", wrong.join("\n"));
    let mut walk = Walk { root: &schema, seen: BTreeSet::new(), unknown: Vec::new() };
    walk.through(&schema, name, document, "");
    let Walk { seen, unknown, .. } = walk;
    assert!(unknown.is_empty(), "{name} has keys that its schema does not have: {unknown:?}");
    seen
}

/// All keys of all shapes of a form.
pub fn all_keys(form: Form) -> BTreeSet<(String, String)> {
    let schema = form.schema();
    let parts = schema["$defs"].as_object().into_iter().flatten();
    let shapes = parts.map(|(name, part)| (&**name, part)).chain([(form.name, &schema)]);
    let keys_of = |(name, part): (&str, &Value)| -> Vec<_> {
        let keys = properties(part).into_iter().flatten();
        keys.map(|(key, _)| (named(name), key.clone())).collect()
    };
    shapes.flat_map(keys_of).collect()
}

/// Holds what a command wrote against its schema, if it is one of the documents.
pub fn conform(stdout: &str) {
    if stdout.starts_with("{\n  \"format\": \"rescind/")
        && let Ok(document) = serde_json::from_str(stdout)
    {
        keys(&document);
    }
}

//! The keys of a kind as a table, out of its schema.

use std::fmt::Write as _;

use rescind::document::{Kind, schema};
use serde_json::Value;

use super::cell;

/// The schema with its reference followed; what stands beside a reference comes first.
fn follow<'a>(root: &'a Value, part: &'a Value) -> &'a Value {
    let target = part.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(part)
}

/// What a value is, in a few words.
fn kind_of(root: &Value, part: &Value) -> String {
    let schema = follow(root, part);
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
        return values.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => match schema.get("items") {
            Some(items) => format!("list of {}", kind_of(root, items)),
            None => "list".to_owned(),
        },
        Some("object") => "map".to_owned(),
        Some("string") => "text".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("number") => "number".to_owned(),
        _ => "any of several".to_owned(),
    }
}

fn rows(root: &Value, schema: &Value, path: &str, table: &mut String) {
    let required: Vec<_> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, part) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let of_type = follow(root, part);
        let says = part.get("description").or_else(|| of_type.get("description"));
        let mut says = says.and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(default) = part.get("default").filter(|it| !it.is_object() && !it.is_array()) {
            write!(
                says,
                " Default: `{}`.",
                default.as_str().map_or_else(|| default.to_string(), str::to_owned)
            )
            .unwrap();
        }
        if let Some(example) = part.get("examples").and_then(|examples| examples.get(0)) {
            let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
            write!(says, " Example: `{example}`.").unwrap();
        }
        let must = if required.contains(&name.as_str()) { ", *required*" } else { "" };
        let what = cell(&kind_of(root, part));
        writeln!(table, "| `{path}` | {what}{must} | {} |", cell(&says)).unwrap();
        below(root, of_type, &path, table);
    }
}

fn below(root: &Value, schema: &Value, path: &str, table: &mut String) {
    if schema.get("properties").is_some() {
        rows(root, schema, path, table);
    } else if let Some(items) = schema.get("items") {
        below(root, follow(root, items), &format!("{path}[]"), table);
    } else if let Some(values) = schema.get("additionalProperties").filter(|it| it.is_object()) {
        below(root, follow(root, values), &format!("{path}.KEY"), table);
    } else {
        for part in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
            below(root, follow(root, part), path, table);
        }
    }
}

/// The keys of a kind.
pub fn table(kind: Kind) -> String {
    let schema = schema(Some(kind));
    let mut table = String::from("| key | value | what it says |\n|---|---|---|\n");
    rows(&schema, &schema, "", &mut table);
    table
}

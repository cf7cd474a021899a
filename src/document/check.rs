//! A value against the schema of its kind: all that is wrong, each mistake once, in the words of
//! someone who wrote YAML and has never seen the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind as E};
use serde_json::Value;

use super::diagnostic::Code;
use super::finding::{Finding, Findings, Part, join};
use super::kind::Kind;
use super::schema;
use super::tree::Tree;
use super::words::{all_of, any_of, is_close, nearest, quoted};

/// How many unknown keys of one map are told: a map with more of them is another thing altogether.
const MOST_UNKNOWN: usize = 20;

struct Checker {
    schema: Value,
    validator: Validator,
}

static CHECKERS: LazyLock<BTreeMap<Kind, Checker>> = LazyLock::new(|| {
    let checker = |kind| {
        let schema = schema::schema(Some(kind));
        let validator = jsonschema::validator_for(&schema)
            .expect("the schema is made from types of this crate, and a test makes all of them");
        (kind, Checker { schema, validator })
    };
    Kind::ALL.into_iter().map(checker).collect()
});

/// A value in a few words: "text", "a list", "nothing".
pub(super) fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// The last key of a pointer, with the indexes behind it: `statuses[0]`; empty for a whole document.
fn label(pointer: &str) -> String {
    let mut indexes = String::new();
    for step in pointer.split('/').skip(1).collect::<Vec<_>>().into_iter().rev() {
        if step.bytes().all(|b| b.is_ascii_digit()) {
            indexes.insert_str(0, &format!("[{step}]"));
        } else {
            return format!("{}{indexes}", step.replace("~1", "/").replace("~0", "~"));
        }
    }
    indexes
}

fn named(pointer: &str) -> String {
    let label = label(pointer);
    if label.is_empty() { "the document".to_owned() } else { quoted(&label) }
}

/// What is found, of which the first in this order stays for one place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Type,
    Value,
    Other,
}

#[derive(Default)]
struct Found {
    /// By pointer and part, so that one mistake is one finding.
    findings: BTreeMap<(String, Part, String), (Rank, Finding)>,
    /// Missing keys, by container.
    missing: Vec<(String, String)>,
    /// Suggestions for unknown keys: container, and the path below it that was probably meant.
    suggested: BTreeMap<String, Vec<String>>,
}

impl Found {
    fn add(
        &mut self,
        rank: Rank,
        code: Code,
        pointer: &str,
        message: String,
        help: Option<String>,
    ) {
        self.add_part(rank, code, pointer, Part::Value, message, help);
    }

    fn suggest(&mut self, container: &str, path: String) {
        self.suggested.entry(container.to_owned()).or_default().push(path);
    }

    fn add_part(
        &mut self,
        rank: Rank,
        code: Code,
        pointer: &str,
        part: Part,
        message: String,
        help: Option<String>,
    ) {
        let pointer = pointer.to_owned();
        // A container may lack several keys; each is a mistake of its own.
        let which = if code == Code::SchemaMissingKey { message.clone() } else { String::new() };
        let key = (pointer.clone(), part, which);
        let finding = Finding { code, pointer, part, within: None, item: None, message, help };
        if self.findings.get(&key).is_none_or(|(before, _)| rank < *before) {
            self.findings.insert(key, (rank, finding));
        }
    }
}

/// Checks a document against its kind. Gives all that is wrong, by place. The tree says how numbers were
/// written: a value forgets the last zero of `1.20`.
pub(super) fn check(kind: Kind, value: &Value, tree: &Tree, findings: &mut Findings) {
    let Some(checker) = CHECKERS.get(&kind) else { return };
    let mut found = Found::default();
    for error in checker.validator.iter_errors(value) {
        one(&checker.schema, value, tree, &error, &mut found);
    }
    for (container, key) in std::mem::take(&mut found.missing) {
        let meant = found.suggested.get(&container).map(Vec::as_slice).unwrap_or_default();
        let misspelt = meant.iter().any(|path| path.split('.').next() == Some(key.as_str()));
        if !misspelt {
            missing(&checker.schema, &container, &key, &mut found);
        }
    }
    for (_, finding) in found.findings.into_values() {
        findings.push(finding);
    }
}

fn one(
    root: &Value,
    document: &Value,
    tree: &Tree,
    error: &ValidationError<'_>,
    found: &mut Found,
) {
    let pointer = error.instance_path().as_str();
    let here = schema::at(root, pointer);
    let name = named(pointer);
    let value = document.pointer(pointer).unwrap_or(&Value::Null);
    match error.kind() {
        E::AdditionalProperties { unexpected } => {
            for key in unexpected.iter().take(MOST_UNKNOWN) {
                unknown(root, here, pointer, key, found);
            }
        }
        E::Required { property } => {
            let key = property.as_str().unwrap_or_default().to_owned();
            found.missing.push((pointer.to_owned(), key));
        }
        E::Type { .. } => wrong_type(root, pointer, value, tree.text(pointer), found),
        E::Enum { options } => {
            let allowed: Vec<&str> =
                options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let written = value.as_str().unwrap_or_default();
            let message = format!("{name} cannot be {}", quoted(written));
            let help = match nearest(written, allowed.iter().copied()) {
                Some(near) if allowed.len() > 1 => {
                    format!("did you mean `{near}`? It can be {}", any_of(&allowed))
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it can be {}", any_of(&allowed)),
            };
            found.add(Rank::Value, Code::SchemaValue, pointer, message, Some(help));
        }
        E::MinItems { .. } | E::MinLength { .. } | E::MinProperties { .. } => {
            let message = format!("{name} is empty");
            let or_remove = if is_required(root, pointer) { "" } else { ", or remove the key" };
            let help = match value {
                Value::Object(_) => keys_of(here)
                    .map(|keys| format!("write at least one of {}{or_remove}", all_of(&keys))),
                Value::Array(_) => Some(format!("write at least one entry{or_remove}")),
                _ => Some("write something between the quotes".to_owned()),
            };
            found.add(Rank::Other, Code::SchemaEmpty, pointer, message, help);
        }
        E::MaxItems { limit } | E::MaxLength { limit } | E::MaxProperties { limit } => {
            let (has, what) = match value {
                Value::Object(map) => (map.len(), "keys"),
                Value::Array(items) => (items.len(), "entries"),
                other => (other.as_str().map_or(0, |text| text.chars().count()), "characters"),
            };
            let message = format!("{name} has {has} {what}; at most {limit} are allowed");
            found.add(Rank::Other, Code::SchemaTooMany, pointer, message, None);
        }
        E::Minimum { .. } | E::Maximum { .. } => {
            let bound = |key| here.and_then(|schema| schema.get(key)).map(ToString::to_string);
            let range = match (bound("minimum"), bound("maximum")) {
                (Some(low), Some(high)) => format!("from {low} to {high}"),
                (Some(low), None) => format!("{low} or more"),
                (None, Some(high)) => format!("{high} or less"),
                (None, None) => "out of range".to_owned(),
            };
            let message = format!("{name} cannot be {value}");
            found.add(
                Rank::Other,
                Code::SchemaRange,
                pointer,
                message,
                Some(format!("write a number {range}")),
            );
        }
        E::UniqueItems => repeated(pointer, value, found),
        _ => {
            let message = format!("{name}: {}", error.masked_with("the value"));
            found.add(Rank::Other, Code::SchemaValue, pointer, message, None);
        }
    }
}

/// Whether the key at the end of a pointer cannot be left out.
fn is_required(root: &Value, pointer: &str) -> bool {
    let Some((container, key)) = pointer.rsplit_once('/') else { return true };
    let required =
        schema::at(root, container).and_then(|schema| schema.get("required")?.as_array());
    required.is_some_and(|required| required.iter().any(|name| name == key))
}

fn keys_of(schema: Option<&Value>) -> Option<Vec<&str>> {
    let properties = schema?.get("properties")?.as_object()?;
    Some(properties.keys().map(String::as_str).collect())
}

fn unknown(root: &Value, here: Option<&Value>, pointer: &str, key: &str, found: &mut Found) {
    let keys = keys_of(here).unwrap_or_default();
    let at = join(pointer, key);
    let shown = quoted(key);
    let near = nearest(key, keys.iter().copied());
    let homes: Vec<String> = schema::homes(root, key).into_iter().collect();
    let elsewhere = !homes.is_empty() && !near.is_some_and(|near| is_close(key, near));
    if elsewhere {
        // Where the key is right, as seen from the document and from the map in which it stands.
        let shown_homes: Vec<&str> =
            homes.iter().map(|home| if home.is_empty() { "the top level" } else { home }).collect();
        let message = if homes.len() > 3 {
            format!("{shown} does not belong here")
        } else {
            format!("{shown} belongs under {}", any_of(&shown_homes))
        };
        let help = format!("the keys here are {}", all_of(&keys));
        let prefix: String = dotted(pointer).map(|path| format!("{path}.")).unwrap_or_default();
        for home in &homes {
            if let Some(rest) = home.strip_prefix(&prefix) {
                found.suggest(pointer, rest.replace("[]", ""));
            }
        }
        found.add_part(Rank::Other, Code::SchemaMisplacedKey, &at, Part::Key, message, Some(help));
        return;
    }
    let help = match near {
        Some(near) => {
            found.suggest(pointer, near.to_owned());
            format!("did you mean `{near}`?")
        }
        None => format!("the keys here are {}", all_of(&keys)),
    };
    let message = format!("unknown key {shown}");
    found.add_part(Rank::Other, Code::SchemaUnknownKey, &at, Part::Key, message, Some(help));
}

/// A pointer as people write paths, with `[]` for indexes. None for a whole document.
fn dotted(pointer: &str) -> Option<String> {
    let mut path = String::new();
    for step in pointer.split('/').skip(1) {
        if step.bytes().all(|b| b.is_ascii_digit()) {
            path.push_str("[]");
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(step);
        }
    }
    (!path.is_empty()).then_some(path)
}

fn missing(root: &Value, container: &str, key: &str, found: &mut Found) {
    let message = match container {
        "" => format!("{} is missing", quoted(key)),
        _ => format!("{} has no {}", named(container), quoted(key)),
    };
    let description = schema::at(root, container)
        .and_then(|schema| schema.get("properties")?.get(key)?.get("description")?.as_str())
        // The first sentence says what the key is.
        .and_then(|text| text.split_inclusive(['.', ':']).next())
        .map(|text| text.trim_end_matches([':', '.']).replace('\n', " "));
    let help = description.map(|text| format!("add `{key}:` {}", lowered(&text)));
    found.add_part(Rank::Other, Code::SchemaMissingKey, container, Part::Key, message, help);
}

fn lowered(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| format!("({}{})", first.to_lowercase(), chars.as_str()))
}

fn wrong_type(
    root: &Value,
    pointer: &str,
    value: &Value,
    written: Option<&str>,
    found: &mut Found,
) {
    let here = schema::at(root, pointer);
    let expected = here.and_then(|schema| schema.get("type")).and_then(Value::as_str).unwrap_or("");
    let words = match expected {
        "object" => "a map",
        "array" => "a list",
        "string" => "text",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "number" => "a number",
        _ => "something else",
    };
    let name = named(pointer);
    let message = match value {
        Value::Null => format!("{name} has no value, but {words} was expected"),
        Value::Number(_) if expected == "integer" => {
            format!("{name} is {value}, but {words} was expected")
        }
        _ => format!("{name} is {}, but {words} was expected", described(value)),
    };
    let help = match (value, expected) {
        (Value::Null, _) if is_required(root, pointer) => None,
        (Value::Null, _) => Some("write a value, or remove the key".to_owned()),
        (Value::Number(_), "string") if is_duration(here) => {
            Some(format!("give it a unit: {value}s, {value}m, {value}h or {value}d"))
        }
        (Value::Number(_) | Value::Bool(_), "string") => {
            let written = written.map_or_else(|| value.to_string(), str::to_owned);
            Some(format!("quote it: \"{written}\""))
        }
        (Value::String(text), "boolean") if matches!(text.as_str(), "true" | "false") => {
            Some(format!("remove the quotes: {text}"))
        }
        (Value::String(text), "integer") if text.parse::<i64>().is_ok() => {
            Some(format!("remove the quotes: {text}"))
        }
        (Value::String(text), "array") if text.len() < 60 => {
            Some(format!("write it as a list: [\"{text}\"]"))
        }
        (Value::Object(_), "array") => Some("begin each entry with `- `".to_owned()),
        (_, "object") => keys_of(here).map(|keys| format!("it has the keys {}", all_of(&keys))),
        _ => None,
    };
    found.add(Rank::Type, Code::SchemaType, pointer, message, help);
}

/// Whether what is wanted is a number with a unit, as its example shows: `6h`.
fn is_duration(schema: Option<&Value>) -> bool {
    let example = schema.and_then(|schema| schema.pointer("/examples/0")?.as_str());
    example.is_some_and(|it| {
        it.starts_with(|first: char| first.is_ascii_digit())
            && it.ends_with(|last: char| last.is_ascii_alphabetic())
    })
}

fn repeated(pointer: &str, value: &Value, found: &mut Found) {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        if seen.insert(item.to_string()) {
            continue;
        }
        let shown = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
        let message = format!("{} is in {} twice", quoted(&shown), named(pointer));
        let help = Some("remove one of them".to_owned());
        found.add(Rank::Other, Code::SchemaRepeated, &join(pointer, index), message, help);
    }
}

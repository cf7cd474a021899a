//! The page of the JSON output: what is written about each document (`about`), and its keys out of its schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rescind::cli::output::audit::CSV;
use rescind::cli::output::forms::{self, Form};
use rescind::plan::{Outcome, Reason};
use serde_json::Value;

use super::about::{ABOUT, About};
use super::forms::{follow, named, properties, referred};
use super::{cell, page};

/// What stands in another section or page.
const ELSEWHERE: [(&str, &str); 5] = [
    ("Decision", "[a decision](decisions.md)"),
    ("Reason", "[a reason](decisions.md#reasons)"),
    ("Code", "[a code](diagnostics.md)"),
    ("Plan", "as of [plan](#plan)"),
    ("Explanation", "as of [explain](#explain)"),
];

fn is_elsewhere(name: &str) -> bool {
    ELSEWHERE.iter().any(|(known, _)| *known == name)
}

/// Where shapes are referred to, over all forms, and what each is.
struct Shapes {
    places: BTreeMap<String, BTreeSet<(String, String)>>,
    schemas: BTreeMap<String, (Value, Value)>,
}

impl Shapes {
    fn of_all_forms() -> Self {
        let mut shapes = Self { places: BTreeMap::new(), schemas: BTreeMap::new() };
        for form in forms::ALL {
            let root = form.schema();
            shapes.count(&root, form.name, "");
            for (name, part) in root["$defs"].as_object().into_iter().flatten() {
                let before = shapes.schemas.insert(name.clone(), (part.clone(), root.clone()));
                let same = before.is_none_or(|(before, _)| before == *part);
                assert!(same, "two shapes have the name {name}: give one of them another");
            }
        }
        shapes
    }

    /// Notes where in a shape others are referred to; below `$defs` another shape begins.
    fn count(&mut self, part: &Value, owner: &str, path: &str) {
        if let Some(name) = referred(part) {
            let place = (named(owner), path.to_owned());
            self.places.entry(name.to_owned()).or_default().insert(place);
        }
        for (key, part) in part.as_object().into_iter().flatten() {
            if path == "/$defs" {
                self.count(part, key, "");
            } else {
                self.count(part, owner, &format!("{path}/{key}"));
            }
        }
        for part in part.as_array().into_iter().flatten() {
            self.count(part, owner, path);
        }
    }

    /// Whether a shape has a section of its own: an object that stands in more than one place, or an enum of
    /// which more is to be said than its values.
    fn is_part(&self, name: &str) -> bool {
        let (schema, _) = &self.schemas[name];
        let is_many = properties(schema).is_some() && self.places[name].len() > 1;
        let has_meanings = alternatives(schema).iter().any(|(_, says)| !says.is_empty());
        (is_many || has_meanings) && !is_elsewhere(name)
    }
}

/// What an alternative of an enum is called: `canceled`, or `{"policy": …}`.
fn alternatives(schema: &Value) -> Vec<(String, String)> {
    let says = |it: &Value| it["description"].as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for option in schema["oneOf"].as_array().into_iter().flatten() {
        let words = option.get("enum").and_then(Value::as_array).into_iter().flatten();
        let words = words.chain(option.get("const")).filter_map(Value::as_str);
        found.extend(words.map(|word| (format!("`{word}`"), says(option))));
        for key in properties(option).into_iter().flatten().map(|(key, _)| key) {
            found.push((format!("`{{\"{key}\": …}}`"), says(option)));
        }
    }
    for word in schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        found.push((format!("`{word}`"), String::new()));
    }
    found
}

/// What a value is, in a few words.
fn kind_of(root: &Value, part: &Value, shapes: &Shapes) -> String {
    let (schema, name) = follow(root, part);
    if let Some(only) = part.get("const").and_then(Value::as_str) {
        return format!("`{only}`");
    }
    if let Some((_, link)) = ELSEWHERE.iter().find(|(known, _)| Some(*known) == name) {
        return (*link).to_owned();
    }
    let alternatives = alternatives(schema);
    if let Some(name) = name
        && shapes.is_part(name)
    {
        return format!("[{}](#{})", title_of(name), link_to(&title_of(name)));
    }
    if !alternatives.is_empty() {
        let words: Vec<_> = alternatives.into_iter().map(|(word, _)| word).collect();
        return words.join(", ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str),
        kind => kind.as_str(),
    };
    let is_time = schema.get("format").is_some_and(|format| format == "date-time");
    match kind {
        Some("array") => format!("list of {}", plural_of(root, &schema["items"], shapes)),
        Some("object") if properties(schema).is_some() => "object".to_owned(),
        Some("object") => {
            format!("map to {}", kind_of(root, &schema["additionalProperties"], shapes))
        }
        Some("string") if is_time => "time".to_owned(),
        Some("string") => "text".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("number") => "number".to_owned(),
        other => panic!("{other:?} is no kind of value that the page has words for: {schema}"),
    }
}

fn plural_of(root: &Value, part: &Value, shapes: &Shapes) -> String {
    match &*kind_of(root, part, shapes) {
        "object" => "objects".to_owned(),
        "text" => "texts".to_owned(),
        other => other.to_owned(),
    }
}

/// A shape as people call it: `Budget` of `JsonBudget`.
fn title_of(name: &str) -> String {
    name.trim_start_matches("Json").to_owned()
}

fn rows(root: &Value, schema: &Value, path: &str, shapes: &Shapes, table: &mut String) {
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, part) in properties(schema).into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let (of_type, _) = follow(root, part);
        let says = part.get("description").or_else(|| of_type.get("description"));
        let says = says.and_then(Value::as_str).unwrap_or_default();
        assert!(!says.is_empty(), "{path} is not described");
        let may_be_null = part["anyOf"].is_array()
            || part["type"].as_array().is_some_and(|kinds| kinds.iter().any(|it| it == "null"));
        let may = match (required.contains(&key.as_str()), may_be_null) {
            (false, _) => ", *may be absent*",
            (true, true) => ", *may be null*",
            (true, false) => "",
        };
        let what = cell(&kind_of(root, part, shapes));
        writeln!(table, "| `{path}` | {what}{may} | {} |", cell(says)).unwrap();
        below(root, part, &path, shapes, table);
    }
}

fn below(root: &Value, part: &Value, path: &str, shapes: &Shapes, table: &mut String) {
    let (schema, name) = follow(root, part);
    if name.is_some_and(|name| is_elsewhere(name) || shapes.is_part(name)) {
        return;
    }
    if properties(schema).is_some() {
        rows(root, schema, path, shapes, table);
    } else if let Some(items) = schema.get("items") {
        below(root, items, &format!("{path}[]"), shapes, table);
    } else if let Some(values) = schema.get("additionalProperties") {
        below(root, values, &format!("{path}.KEY"), shapes, table);
    }
}

/// What a link to a heading says.
fn link_to(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

const HEAD: &str = "| key | value | what it says |\n|---|---|---|\n";

const INTRO: &str = "What the verbs write for programs, key by key. `[]` stands for each entry of a list, `.KEY` for any \
    key of a map.";

const COMMON: &str = "## What holds for all of them\n\n\
    - **stdout has the result and nothing else.** Notes, warnings and errors go to stderr, logs too (`--log-format json`: \
    an object a line, whose keys are not promised). What ends with an error before there is a result writes nothing to \
    stdout: look at the [exit code](cli.md#exit-codes) first.\n\
    - **One document a run**, over several lines, with a line end behind it; `jq -c .` makes a line of it. Only `status \
    --watch` writes more than one.\n\
    - **`format` says what it is and its version**: `rescind/plan/v1`. Within a version keys may be added, also to what \
    is inside, and values to what is enumerated; none is taken away or comes to mean something else. Ignore what you do \
    not know. The order of keys means nothing, that of lists is the same for the same input. Texts for people (`explanation`, \
    `note`, `why`, `message`, `help`, `toChange`) may be worded otherwise at any time: compare `reason`, `outcome`, `code`.\n\
    - **A JSON Schema of each**: `rescind schema rescind/plan/v1`. Tests hold what the verbs write against it.\n\
    - **Times** are RFC 3339 in UTC, with up to nine digits behind the point: `2026-11-24T00:00:00Z`, \
    `2026-11-24T06:30:00.25Z`. For jq: `.now | sub(\"\\\\.[0-9]+\"; \"\") | fromdate`. They are by AWS's clock, as far as it is known. \
    **Durations** are numbers of seconds, and their keys end with `seconds`.\n\
    - **What has no value** is null where the table says so, and left out where it says so; to jq both are null.\n\
    - An execution is named by `job`, `thing` and `executionNumber`; `versionNumber` (`expectedVersion` where it is a \
    condition of the cancel) is AWS's, and begins anew with each number. `digest` is SHA-256 over what a policy or guard \
    means, in 64 hex digits.\n\n";

fn others() -> String {
    let outcomes: Vec<_> = Outcome::ALL.iter().map(|it| it.label()).collect();
    format!(
        "## What is not JSON\n\n\
         - `audit -o csv`: RFC 4180, with this header; times, labels and numbers as in [audit](#audit), `origin` as \
         `PATH:LINE`, an absent value as an empty field, and `open` for an outcome that there is not yet. A field that a \
         spreadsheet would take for a formula begins with `'`.\n\n  ```text\n  {CSV}\n  ```\n\
         - `audit -o targets`: the ARN of each thing on which something was canceled (`canceled`, \
         `canceledUnattributed`), one a line, each once; nothing if there is none. For `aws iot create-job --targets`.\n\
         - `audit --outcome` takes `open`, and {}.\n\
         - `test -o junit`: JUnit XML, a suite a file. `-o github` of `validate`, `test` and `plan`: workflow commands, one \
         a line, and a sentence behind them. `-o markdown` of `plan` and `diff`: for people; its first line, a comment, finds it again.\n\
         - `snapshot --out FILE`: YAML, a [Fleet](fleet.md). `schema`: a JSON Schema.\n\
         - Where GitHub Actions sets `GITHUB_OUTPUT`, `plan` adds `cancel`, `defer` and `keep`, which are those of \
         `summary`.\n\
         - `/livez` and `/readyz`: 200 with `ok`, or 503; on loopback `/readyz` then has a line `REASON: WORDS` for each of \
         `unready`. [`/metrics`](../metrics.md): OpenMetrics. `/_emulator/…` of the [emulator](../fidelity.md) is for tests, \
         and not promised.\n\n",
        outcomes.join(", ")
    )
}

#[test]
fn the_page_of_json_has_every_key_of_every_form() {
    let shapes = Shapes::of_all_forms();
    let mut body = String::from(COMMON);
    body.push_str("| written by | what it is |\n|---|---|\n");
    for About { title, form, .. } in ABOUT {
        let link = link_to(title);
        writeln!(body, "| [{title}](#{link}) | `{form}` |").unwrap();
    }
    body.push_str("\nShapes that stand in more than one place are [further down](#shapes).\n\n");
    body.push_str(&others());
    assert_eq!(ABOUT.map(|it| it.form), forms::ALL.map(|form| form.name));
    for about in ABOUT {
        let root = Form::named(about.form).unwrap().schema();
        writeln!(body, "## {}\n", about.title).unwrap();
        let says = [&format!("{}: `{}`.", about.commands, about.form), about.says].join(" ");
        writeln!(body, "{}\n", says.trim()).unwrap();
        body.push_str("```sh\n");
        for (question, command, program) in about.examples {
            writeln!(body, "# {question}\n{command} | jq -r '{program}'").unwrap();
        }
        body.push_str("```\n\n");
        body.push_str(HEAD);
        rows(&root, &root, "", &shapes, &mut body);
        body.push('\n');
    }
    body.push_str("## Shapes\n\n");
    let parts = shapes.schemas.iter().filter(|(name, _)| shapes.is_part(name));
    let parts: BTreeMap<_, _> = parts.map(|(name, shape)| (title_of(name), shape)).collect();
    for (name, (schema, root)) in &parts {
        let alternatives = alternatives(schema);
        let says = schema["description"].as_str().unwrap_or_default();
        assert!(!says.is_empty(), "{name} is not described");
        writeln!(body, "### {name}\n\n{says}\n").unwrap();
        if properties(schema).is_some() {
            body.push_str(HEAD);
            rows(root, schema, "", &shapes, &mut body);
        } else {
            body.push_str("| value | what it says |\n|---|---|\n");
            for (word, says) in alternatives {
                writeln!(body, "| {} | {} |", cell(&word), cell(&says)).unwrap();
            }
        }
        body.push('\n');
    }
    let headings: Vec<_> = body.lines().filter(|it| it.starts_with('#')).map(link_to).collect();
    for link in body.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(headings.iter().any(|heading| heading == link), "no heading is #{link}");
    }
    page("json", "Output for programs", INTRO, &body);
}

#[test]
fn what_the_examples_name_are_keys() {
    let reasons: Vec<_> = Reason::ALL.iter().map(|reason| reason.label()).collect();
    assert!(reasons.contains(&"factUnknown"), "an example asks for it");
    for about in ABOUT {
        let schema = Form::named(about.form).unwrap().schema().to_string();
        for (_, _, program) in about.examples {
            // `.now`, but neither a bare `.` nor a number.
            let keys = program.split('.').skip(1).map(|rest| {
                rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default()
            });
            for key in keys.filter(|key| !key.is_empty() && !["key", "value"].contains(key)) {
                let is_key = schema.contains(&format!("\"{key}\":"));
                assert!(is_key, "{}: no key is called {key}: {program}", about.form);
            }
        }
    }
}

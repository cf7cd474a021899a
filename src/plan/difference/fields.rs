//! Which keys of a document differ, before and after, in few words: for who reviews a change.
//!
//! Apart from what is told of a document by its own words (its mode, its budget), since this knows of no key
//! what it means.

use std::collections::BTreeSet;

use serde_json::Value;

/// How many keys are told; the rest is counted.
const TOLD: usize = 8;

/// How long a value may be, in characters.
const LONG: usize = 60;

/// `match.age[0].olderThan 30d → 20d`, for each key below `spec` that differs, but for those of `told`.
pub(super) fn changed(before: &Value, after: &Value, told: &BTreeSet<&str>) -> Vec<String> {
    let mut all = Vec::new();
    let nothing = Value::Null;
    for key in keys(before, after).into_iter().filter(|key| !told.contains(key)) {
        let [one, other] = [before, after].map(|it| it.get(key).unwrap_or(&nothing));
        walk(key, one, other, &mut all);
    }
    if all.len() > TOLD {
        let more = all.len() - TOLD;
        all.truncate(TOLD);
        all.push(format!("and {more} more"));
    }
    all
}

fn keys<'a>(one: &'a Value, other: &'a Value) -> BTreeSet<&'a str> {
    let maps = [one, other].into_iter().filter_map(Value::as_object);
    maps.flat_map(|map| map.keys().map(String::as_str)).collect()
}

fn walk(path: &str, one: &Value, other: &Value, all: &mut Vec<String>) {
    if one == other {
        return;
    }
    match (one, other) {
        (Value::Object(_), Value::Object(_)) => {
            let nothing = Value::Null;
            for key in keys(one, other) {
                let [one, other] = [one, other].map(|it| it.get(key).unwrap_or(&nothing));
                walk(&format!("{path}.{key}"), one, other, all);
            }
        }
        (Value::Array(ones), Value::Array(others)) if are_named(ones) && are_named(others) => {
            let named = |list: &[Value], name: &Value| {
                list.iter().find(|it| it["name"] == *name).cloned().unwrap_or_default()
            };
            let new = others.iter().filter(|it| named(ones, &it["name"]).is_null());
            let names: Vec<_> = ones.iter().chain(new).map(|it| &it["name"]).collect();
            for name in &names {
                let path = format!("{path}[{}]", shown(name));
                walk(&path, &named(ones, name), &named(others, name), all);
            }
            if ones.len() == others.len() && names.len() == ones.len() {
                let order = |list: &[Value]| list.iter().map(|it| it["name"].clone()).collect();
                let [one, other]: [Vec<Value>; 2] = [order(ones), order(others)];
                walk(path, &one.into(), &other.into(), all);
            }
        }
        // Of lists of one length it is told where they differ, if there is anything to go into.
        (Value::Array(ones), Value::Array(others))
            if ones.len() == others.len() && ones.iter().any(Value::is_object) =>
        {
            for (index, (one, other)) in ones.iter().zip(others).enumerate() {
                walk(&format!("{path}[{index}]"), one, other, all);
            }
        }
        (Value::Array(ones), Value::Array(others)) if shown(one) == shown(other) => {
            let lack = |list: &[Value], of: &[Value]| {
                let lacking = list.iter().filter(|it| !of.contains(it));
                shown(&Value::Array(lacking.cloned().collect()))
            };
            all.push(format!("{path} without {}, with {}", lack(ones, others), lack(others, ones)));
        }
        _ if shown(one) == shown(other) => {
            let (one, other) = beyond(&text(one), &text(other));
            all.push(format!("{path} …{one} → …{other}"));
        }
        _ => all.push(format!("{path} {} → {}", shown(one), shown(other))),
    }
}

fn are_named(list: &[Value]) -> bool {
    list.iter().all(|it| it["name"].is_string())
}

/// Two texts from where they differ on, cut when that is long.
fn beyond(one: &str, other: &str) -> (String, String) {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let from = |text: &str| cut(&text.chars().skip(same).collect::<String>());
    (from(one), from(other))
}

fn shown(value: &Value) -> String {
    cut(&text(value))
}

fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_key_that_differs_is_told_before_and_after() {
        let before = json!({"match": {"age": [{"since": "queuedAt", "olderThan": "30d"}]},
            "target": {"statuses": ["QUEUED"]}, "mode": "Observe", "stableFor": null, "priority": 1});
        let after = json!({"match": {"age": [{"since": "queuedAt", "olderThan": "20d"}]},
            "target": {"statuses": ["QUEUED", "IN_PROGRESS"]}, "mode": "Enforce", "stableFor": "1h",
            "exclude": [{"name": "hold"}], "priority": 1});
        assert_eq!(
            changed(&before, &after, &["mode"].into()),
            [
                r#"exclude none → [{"name":"hold"}]"#,
                "match.age[0].olderThan 30d → 20d",
                "stableFor none → 1h",
                "target.statuses [QUEUED] → [QUEUED, IN_PROGRESS]",
            ]
        );
        let many = |value: i32| (0..10).map(|key| (key.to_string(), value.into())).collect();
        let (one, other) = (Value::Object(many(1)), Value::Object(many(2)));
        let told = changed(&one, &other, &BTreeSet::new());
        assert_eq!((told.len(), &*told[8]), (9, "and 2 more"));
        let long = changed(&json!({"a": "x".repeat(99)}), &json!({"a": "y"}), &BTreeSet::new());
        assert_eq!(long, [format!("a {}… → y", "x".repeat(60))]);
    }

    #[test]
    fn no_change_is_told_as_two_equal_sides() {
        let told = |one: Value, other: Value| changed(&one, &other, &BTreeSet::new());
        // Rules and the like are told by name.
        let rule = |name: &str, things: &str| json!({"name": name, "things": {"names": [things]}});
        let before = json!({"protect": [rule("medical", "medical*"), rule("old", "o*")]});
        let after = json!({"protect": [rule("medical", "medical-west-*"), rule("lab", "l*")]});
        assert_eq!(
            told(before.clone(), after),
            [
                "protect[medical].things.names [medical*] → [medical-west-*]",
                r#"protect[old] {"name":"old","things":{"names":["o*"]}} → none"#,
                r#"protect[lab] none → {"name":"lab","things":{"names":["l*"]}}"#,
            ]
        );
        let turned = json!({"protect": [rule("old", "o*"), rule("medical", "medical*")]});
        assert_eq!(told(before, turned), ["protect [medical, old] → [old, medical]"]);
        // What differs behind the cut is told from there on.
        let accounts =
            |last: u64| (0..5).chain([last]).map(|it| (123_456_789_010 + it).to_string());
        let accounts = |last: u64| json!({"accounts": accounts(last).collect::<Vec<_>>()});
        assert_eq!(
            told(accounts(7), accounts(8)),
            ["accounts without [123456789017], with [123456789018]"]
        );
        let long = |end: &str| json!({"why": format!("{}{end}", "x".repeat(99))});
        assert_eq!(told(long("one"), long("two")), ["why …one → …two"]);
    }
}

//! Templates and the map that a cancel sends.

use proptest::prelude::*;

use super::*;
use crate::fact::{Fact, Unreadable};
use crate::policy::expression::Field;

/// Facts that are all texts with their own names, but for one.
struct Named(Option<(Field, Fact<Value<'static>>)>);

impl Facts for Named {
    fn fact(&self, field: Field) -> Fact<Value<'_>> {
        match &self.0 {
            Some((lost, fact)) if *lost == field => fact.clone(),
            _ if field == Field::ExecutionNumber => Fact::Known(Value::Int(7)),
            _ => Fact::Known(Value::text(field.path())),
        }
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

fn template(text: &str) -> Template {
    let mut findings = TemplateFindings::default();
    let template = Template::parse(text, &Scope::default(), &mut findings);
    template.unwrap_or_else(|| panic!("{text}: {findings:?}"))
}

fn filled(text: &str) -> String {
    template(text).fill(&Named(None)).expect("all is known")
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[test]
fn expressions_are_filled_in() {
    assert_eq!(filled("a ${job.id} b"), "a job.id b");
    assert_eq!(filled("${ string( execution . number ) }${thing.name}"), "7thing.name");
    assert_eq!(filled("${'}' + job.id + '{'}"), "}job.id{");
    assert_eq!(filled("plain"), "plain");
}

#[test]
fn a_dollar_before_it_makes_it_text() {
    assert_eq!(filled("$${job.id}"), "${job.id}");
    assert_eq!(filled("$$${job.id}"), "$${job.id}");
    assert_eq!(filled("$5 {job.id}"), "$5 {job.id}");
}

#[test]
fn what_looks_like_a_template_and_is_none_is_found() {
    let found = |text: &str| -> Vec<String> {
        let mut findings = TemplateFindings::default();
        Template::parse(text, &Scope::default(), &mut findings).expect(text);
        let told = |it: Problem| format!("{} {}", &text[it.at], it.help);
        findings.lookalikes.into_iter().map(told).collect()
    };
    for (text, part, name) in [
        ("by {{ thing.name }}!", "{{ thing.name }}", "${thing.name}"),
        ("by $thing.name.", "$thing.name", "${thing.name}"),
        ("{job.id}", "{job.id}", "${job.id}"),
        ("on $(job.id)", "$(job.id)", "${job.id}"),
        ("ü {{thing.attributes.site}}", "{{thing.attributes.site}}", "${thing.attributes.site}"),
        ("${job.id} {{ policy.labels.team", "{{ policy.labels.team", "${policy.labels.team}"),
    ] {
        let told = format!("{part} write `{name}`, which is filled in");
        assert_eq!(found(text), [told], "{text}");
    }
    for text in [
        "$${thing.name}",
        "${thing.name}",
        "thing.name (job.id)",
        "{a}",
        "$5 for job.id",
        "$thing.nickname",
        "{{ }}",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    for (text, part, help) in [
        ("a ${job.id", "${job.id", "close it"),
        ("a ${ jobid } b", "jobid", "write"),
        ("a ${'b} c", "'b", "close it with the same quote"),
        ("${execution.number}", "execution.number", "`string(…)`"),
        ("ä ${thing.nam}", "thing.nam", "`thing.name`"),
        // The braces of a map are its own, however many there are.
        ("a ${ {'a': 'b'} } c", "{'a': 'b'}", "write out what it is for"),
        ("a ${ {'a': {'b': 'c'}} } d}", "{'a': {'b': 'c'}}", "write out what it is for"),
        ("x ${} y", "${}", "job.id"),
        ("a\nb", "\n", "one line"),
        ("", "", "remove the key"),
    ] {
        let mut findings = TemplateFindings::default();
        assert!(Template::parse(text, &Scope::default(), &mut findings).is_none(), "{text}");
        let mut all = findings.text;
        all.extend(findings.expressions.errors);
        let [error] = &all[..] else { panic!("{text}: {all:?}") };
        assert_eq!(&text[error.at.clone()], part, "{text}");
        assert!(text.contains("jobid") || error.help.contains(help), "{text}: {}", error.help);
    }
}

#[test]
fn what_is_filled_in_is_never_read_as_a_template() {
    let wild = Fact::Known(Value::text("${policy.name}"));
    let facts = Named(Some((Field::ThingName, wild)));
    assert_eq!(template("by ${thing.name}").fill(&facts).as_deref(), Ok("by ${policy.name}"));
}

#[test]
fn a_part_that_is_not_known_makes_the_text_so() {
    let template = template("${job.id} ${thing.type}");
    for unknown in [Fact::NotRead, Fact::Absent, Fact::Unreadable(Unreadable::Denied)] {
        let facts = Named(Some((Field::ThingType, unknown)));
        assert_eq!(template.fill(&facts), Err(2));
    }
}

#[test]
fn texts_beside_each_other_are_one_part_and_nothing_is_none() {
    for (text, index) in
        [("a $${b} ${thing.type}", 1), ("${thing.type}", 0), ("${job.id}${thing.type}", 1)]
    {
        let template = template(text);
        let parts = template.expressions().map(|(index, _)| index);
        assert_eq!(parts.last(), Some(index), "{text}");
        let facts = Named(Some((Field::ThingType, Fact::Absent)));
        assert_eq!(template.fill(&facts), Err(index), "{text}");
    }
}

#[test]
fn merge_keeps_the_device_and_replace_does_not() {
    let existing = StatusDetails::from([("phase".to_owned(), "boot".to_owned())]);
    let set = pairs([("reason", "silent")]);
    let merged = details(&existing, OnExisting::Merge, "m", &set);
    assert_eq!(
        merged.send.into_iter().collect::<Vec<_>>(),
        pairs([("phase", "boot"), ("reason", "silent"), ("rescind", "m")])
    );
    let replaced = details(&existing, OnExisting::Replace, "m", &set);
    assert_eq!(
        replaced.send.into_iter().collect::<Vec<_>>(),
        pairs([("reason", "silent"), ("rescind", "m")])
    );
}

#[test]
fn a_key_that_is_there_takes_no_room() {
    let mut existing: StatusDetails = (0..9).map(|i| (format!("k{i}"), "v".to_owned())).collect();
    existing.insert(MARKER.to_owned(), "a device wrote this".to_owned());
    let sent = details(&existing, OnExisting::Merge, "m", &pairs([("new", "x"), ("k3", "ours")]));
    assert_eq!(sent.send.len(), MAX_PAIRS);
    assert_eq!(sent.send[MARKER], "m");
    assert_eq!(sent.send["k3"], "ours");
    assert_eq!(sent.dropped, ["new"]);
}

#[test]
fn a_full_map_leaves_no_room_for_the_marker() {
    let existing: StatusDetails = (0..10).map(|i| (format!("k{i}"), "v".to_owned())).collect();
    let sent = details(&existing, OnExisting::Merge, "m", &pairs([("a", "x")]));
    assert_eq!(sent.send, existing);
    assert_eq!(sent.dropped, [MARKER, "a"]);
}

#[test]
fn values_are_cut_at_characters_and_cleaned() {
    let long = clean(&"ä".repeat(2000));
    assert_eq!(long.chars().count(), MAX_VALUE);
    assert!(long.ends_with('…'));
    assert_eq!(clean(&"ä".repeat(MAX_VALUE)), "ä".repeat(MAX_VALUE));
    assert_eq!(clean("a\u{202e}b\nc\u{feff}d\u{e000}"), "a b c d ");
    let spaces = "a\u{a0}b\u{3000}c\u{2009}d\u{202f}e";
    assert_eq!(clean(spaces), spaces);
    assert_eq!(clean("a\u{2028}b\u{2029}c\u{85}d\te"), "a b c d e");
    assert_eq!(clean("e\u{301} 漢 '\"\\"), "e\u{301} 漢 '\"\\");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_is_what_aws_accepts(
        existing in proptest::collection::btree_map("[a-f]|rescind", "[a-z]{1,8}", 0..=10),
        set in proptest::collection::vec(("[a-l]", "\\PC{0,40}|x{1020,1030}"), 0..=9),
        merge in any::<bool>(),
    ) {
        let on_existing = if merge { OnExisting::Merge } else { OnExisting::Replace };
        let sent = details(&existing, on_existing, "marker", &set);
        prop_assert!(sent.send.len() <= MAX_PAIRS);
        for value in sent.send.values() {
            prop_assert!((1..=MAX_VALUE).contains(&value.chars().count()));
            prop_assert!(value.chars().all(is_allowed));
        }
        if merge {
            for (key, value) in existing.iter().filter(|(key, _)| *key != MARKER) {
                prop_assert!(sent.send.contains_key(key));
                prop_assert!(sent.send[key] == *value || set.iter().any(|(k, _)| k == key));
            }
        }
        for key in set.iter().map(|(key, _)| key) {
            prop_assert!(sent.send.contains_key(key) || sent.dropped.contains(key));
        }
    }

    #[test]
    fn reading_never_fails_otherwise_than_with_a_place(text in "(\\$|\\{|\\}|\\.|job|id| |é|\n){0,12}") {
        let mut findings = TemplateFindings::default();
        let template = Template::parse(&text, &Scope::default(), &mut findings);
        let all: Vec<_> = findings.text.into_iter().chain(findings.expressions.errors).collect();
        prop_assert_eq!(template.is_none(), !all.is_empty());
        for error in all {
            prop_assert!(text.get(error.at).is_some());
        }
    }
}

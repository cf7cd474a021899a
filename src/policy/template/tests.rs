//! Templates and the map that a cancel sends.

use proptest::prelude::*;

use super::*;
use crate::fact::Unreadable;

fn known(name: Name) -> Fact<String> {
    Fact::Known(format!("<{name:?}>"))
}

fn filled(text: &str) -> Fact<String> {
    Template::parse(text).expect("a template").fill(known)
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[test]
fn every_name_can_be_filled_in() {
    for name in Name::ALL {
        let text = format!("a ${{{}}} b", name.as_str());
        assert_eq!(filled(&text), Fact::Known(format!("a <{name:?}> b")));
    }
}

#[test]
fn white_space_between_tokens_does_not_matter_and_within_words_it_does() {
    assert_eq!(
        filled("${ humanize( now-execution . queuedAt ) }"),
        filled("${humanize(now - execution.queuedAt)}")
    );
    assert!(Template::parse("${jo b.id}").is_err());
}

#[test]
fn a_dollar_before_it_makes_it_text() {
    assert_eq!(filled("$${job.id}"), Fact::Known("${job.id}".to_owned()));
    assert_eq!(filled("$$${job.id}"), Fact::Known("$${job.id}".to_owned()));
    assert_eq!(filled("$5 {job.id}"), Fact::Known("$5 {job.id}".to_owned()));
}

#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    for (text, part, help) in [
        ("a ${job.id", "${job.id", "close it"),
        ("a ${ jobid } b", "jobid", "`${job.id}`"),
        ("${execution.number}", "execution.number", "`${string(execution.number)}`"),
        ("x ${} y", "${}", "job.id"),
        ("a\nb", "\n", "one line"),
        ("", "", "remove the key"),
    ] {
        let error = Template::parse(text).expect_err(text);
        assert_eq!(&text[error.offset..error.offset + error.length], part, "{text}");
        assert!(error.help.contains(help), "{text}: {}", error.help);
    }
}

#[test]
fn what_is_filled_in_is_never_read_as_a_template() {
    let template = Template::parse("by ${thing.name}").expect("a template");
    let filled = template.fill(|_| Fact::Known("${policy.name}".to_owned()));
    assert_eq!(filled, Fact::Known("by ${policy.name}".to_owned()));
}

#[test]
fn a_name_that_is_not_known_makes_the_text_so() {
    let template = Template::parse("${job.id} ${string(execution.startedAt)}").expect("a template");
    for unknown in [Fact::NotRead, Fact::Absent, Fact::Unreadable(Unreadable::Denied)] {
        let lookup = |name| if name == Name::StartedAt { unknown.clone() } else { known(name) };
        assert_eq!(template.fill(lookup), unknown);
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
        if let Err(error) = Template::parse(&text) {
            prop_assert!(text.get(error.offset..error.offset + error.length).is_some());
        }
    }
}

//! What a set of policies and guards says of itself, and what of it is kept when it becomes another.

use rescind::document::SourceFile;
use rescind::policy::{Demands, Guard, Policy, PolicySet, Standing};

use super::support::{guard, name, policy, set_of};

fn of(name: &str, mode: &str) -> Policy {
    let spec = "target: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 1d}]}\n\
                budget: {max: [{count: 1, per: 1h}]}";
    policy(name, &format!("mode: {mode}\n{spec}"))
}

fn protecting(name: &str, type_: &str) -> Guard {
    guard(name, &format!("protect: [{{name: r, thing: {{types: [{type_}]}}}}]"))
}

fn guards(set: &PolicySet) -> Vec<(&str, &str)> {
    set.guards().map(|guard| (guard.name.as_str(), guard.digest.as_str())).collect()
}

#[test]
fn a_set_enforces_if_one_of_its_policies_does() {
    let (acts, observes) = (of("acts", "Enforce"), of("observes", "Observe"));
    assert!(PolicySet::new([acts.clone()]).enforces());
    assert!(PolicySet::new([observes.clone(), acts]).enforces());
    assert!(!PolicySet::new([observes]).enforces());
    assert!(!PolicySet::new([]).enforces());
}

#[test]
fn of_the_guards_that_were_adopted_those_are_kept_of_which_a_set_says_nothing() {
    let text = "apiVersion: rescind/v1alpha1\nkind: CancelGuard\nmetadata: {name: over}\n\
                spec: {retired: {reason: sold}, protect: [{name: r, thing: {types: [arm]}}]}\n";
    let file = SourceFile { path: "over.yaml".to_owned(), text: text.into() };
    let set = PolicySet::clone(&set_of(&[file]));
    assert_eq!(guards(&set), []);
    let (gone, other) = (protecting("gone", "arm"), protecting("other", "arm"));
    let set = set.keeping([protecting("over", "arm"), gone.clone()]);
    assert_eq!(guards(&set), [("gone", gone.digest.as_str())], "what is retired stays so");
    let set = set.keeping([protecting("gone", "robot"), other.clone()]);
    let both = [("gone", gone.digest.as_str()), ("other", other.digest.as_str())];
    assert_eq!(guards(&set), both, "what is there stays as it is");
    assert_eq!(guards(&set.forgetting(&[name("gone")].into())), both[1..]);
    assert_eq!(guards(&set.forgetting(&[name("over")].into())), both);
}

#[test]
fn what_was_not_asked_for_is_part_of_the_whole_and_nothing_is_left_beside_that() {
    let set = PolicySet::new([of("a", "Enforce"), of("b", "Enforce"), of("c", "Observe")]);
    let part = set.only(&[name("b")].into());
    let names = |set: &PolicySet| set.iter().map(|it| it.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&part), ["b"]);
    let whole = part.whole().expect("there are others");
    assert_eq!((names(&whole), whole.digest()), (names(&set), set.digest()));
    assert!(whole.whole().is_none() && set.whole().is_none());
}

#[test]
fn a_set_that_becomes_another_keeps_what_it_was_told() {
    let demands = Demands { guard: true, scope: true };
    let set = PolicySet::new([of("a", "Enforce"), of("b", "Enforce")]).demanding(demands);
    assert_eq!(set.demands(), demands);
    let text = "apiVersion: rescind/v1alpha1\nkind: CancelGuard\nmetadata: {name: over}\n\
                spec: {retired: {reason: sold}}\n";
    let file = SourceFile { path: "over.yaml".to_owned(), text: text.into() };
    let retiring = PolicySet::clone(&set_of(&[file])).demanding(demands);
    let over = name("over");
    assert_eq!(retiring.retired(), &[over.clone()].into());
    let kept = retiring.keeping([protecting("other", "arm")]);
    assert_eq!((kept.retired(), kept.demands()), (&[over].into(), demands));
    let part = set.only(&[name("b")].into()).in_the_end();
    let whole = part.whole().expect("what was not asked for is kept beside it");
    assert_eq!((part.len(), whole.len(), whole.demands()), (1, 2, demands));
    assert!(PolicySet::new([]).is_empty() && !set.is_empty());
    let blind = PolicySet::clone(&set).blind();
    assert_ne!(blind.digest(), set.digest(), "it decides otherwise");
    assert!(blind.is_blind() && blind.in_the_end().is_blind() && !set.is_blind());
}

#[test]
fn a_policy_that_names_the_revision_in_what_it_sends_hangs_on_it() {
    let with = |more: &str| {
        let spec = "target: {statuses: [QUEUED]}\nmatch: {age: [{since: queuedAt, olderThan: 1d}]}";
        policy("p", &format!("{spec}\n{more}")).uses_revision
    };
    let sends =
        |text: &str| with(&format!("cancel: {{statusDetails: {{set: {{by: \"{text}\"}}}}}}"));
    assert!(sends("${source.?revision.orValue('none')}"));
    assert!(!sends("${policy.name}"));
    assert!(with("conditions: [{name: c, expression: \"has(source.revision)\"}]"));
    assert!(!with(""));
}

#[test]
fn in_the_end_nothing_waits_for_a_better_time() {
    let with = |more: &str| {
        policy(
            "p",
            &format!(
                "mode: Enforce\ntarget: {{statuses: [QUEUED]}}\nmatch: {{age: [{{since: queuedAt, olderThan: 1d}}]}}\n{more}"
            ),
        )
    };
    let window = r#"windows: [{kind: Deny, from: "01:00", to: "02:00", timeZone: UTC}]"#;
    let freeze = "{name: f, from: \"2026-01-01T00:00:00Z\", until: \"2027-12-31T00:00:00Z\"}";
    let frozen = || {
        guard("g", &format!("freezes: [{freeze}]\nprotect: [{{name: r, thing: {{types: [arm]}}}}]"))
    };
    for more in ["stableFor: 30d\n", window, &format!("stableFor: 10m\n{window}"), ""] {
        let set = PolicySet::guarded([with(more)], [frozen()], Demands::default()).in_the_end();
        let [policy] = &set.iter().collect::<Vec<_>>()[..] else { panic!("one policy") };
        assert!(policy.stable_for.is_none() && policy.windows.is_empty(), "{more}");
        let [guard] = &set.guards().collect::<Vec<_>>()[..] else { panic!("one guard") };
        assert!(guard.freezes.is_empty(), "{more}");
        assert_eq!(guard.protects.len(), 1, "{more}");
    }
}

#[test]
fn a_guard_without_a_rule_is_not_made_of_the_built_in_ones() {
    let without = guard("without", "disableBuiltin: [freertos-self-test]");
    let names = |guards: &[Guard]| -> Vec<String> {
        let set = PolicySet::guarded([], guards.to_vec(), Demands::default());
        set.vetoes().iter().map(|guard| guard.name.to_string()).collect()
    };
    assert_eq!(names(&[]), ["built-in"]);
    assert_eq!(names(&[without]), ["without"]);
}

#[test]
fn a_guard_says_in_one_word_where_its_document_is() {
    let set = PolicySet::guarded([], [protecting("g", "arm")], Demands::default());
    let words = |set: &PolicySet| -> Vec<&str> {
        let label = |standing: Standing| {
            assert_eq!(serde_json::to_value(standing).unwrap(), standing.label(), "in JSON too");
            standing.label()
        };
        set.vetoes().iter().map(|guard| label(guard.standing)).collect()
    };
    assert_eq!(words(&set), ["builtIn", "written"]);
    let adopted = Guard { standing: Standing::Missing, ..protecting("gone", "arm") };
    assert_eq!(words(&set.keeping([adopted])), ["builtIn", "written", "missing"]);
}

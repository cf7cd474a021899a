//! The bounds, each with one more; and whatever bytes there are, nothing panics or aborts.

use proptest::prelude::*;
use proptest::sample::select;

use super::support::{World, compile, condition, says};
use crate::fact::{Fact, Unreadable};
use crate::policy::expression::{
    Field, MAX_BRACKETS, MAX_BYTES, MAX_DEPTH, MAX_TEXT, Outcome, Value, Wanted,
};

fn refused(text: &str) -> String {
    compile(text, Wanted::Condition).expect_err("over the bound")[0].message.clone()
}

#[test]
fn the_size_is_bounded() {
    let long = |bytes: usize| format!("job.id == '{}'", "x".repeat(bytes - 12));
    assert_eq!(long(MAX_BYTES).len(), MAX_BYTES);
    condition(&long(MAX_BYTES));
    assert_eq!(refused(&long(MAX_BYTES + 1)), "the expression has 1025 bytes; at most 1024");
}

#[test]
fn brackets_are_bounded() {
    let nested = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    condition(&nested(MAX_BRACKETS));
    assert_eq!(refused(&nested(MAX_BRACKETS + 1)), "more than 16 brackets inside each other");
    let problem = &compile(&nested(MAX_BRACKETS + 1), Wanted::Condition).unwrap_err()[0];
    assert_eq!(problem.at, MAX_BRACKETS..MAX_BRACKETS + 1, "the one bracket that is too many");
    // Those in texts and beside each other do not count.
    condition(&format!("job.id != '{}'", "(".repeat(500)));
    condition(&format!("{}true", "(true) && ".repeat(30)));
}

#[test]
fn the_depth_of_the_tree_is_bounded() {
    let chain = |n: usize| format!("{}1 > 0", "1 + ".repeat(n));
    // The comparison, the signs, and the last number.
    condition(&chain(MAX_DEPTH - 2));
    let message = "more than 32 operations inside each other";
    assert_eq!(refused(&chain(MAX_DEPTH - 1)), message);
    assert_eq!(refused(&chain(100)), message);
    assert_eq!(refused(&format!("thing{} == 1", ".a".repeat(400))), message);
    assert_eq!(refused(&format!("thing{} == 1", "['a']".repeat(150))), message);
    assert_eq!(refused(&format!("'a'{} == 1", ".size()".repeat(100))), message);
    assert_eq!(refused(&format!("{}true", "true ? true : ".repeat(40))), message);
    // Nor does it hide in what cannot be written.
    let sum = "1 + ".repeat(MAX_DEPTH);
    for within in
        [format!("{{'a': {sum}1}}"), format!("{{{sum}1: 'a'}}"), format!("A{{a: {sum}1}}")]
    {
        assert_eq!(refused(&format!("{within} == 1")), message);
    }
    // Signs before a value cancel out, and `&&` and `||` make no deep tree.
    condition(&format!("{}true", "!".repeat(1000)));
    condition(&format!("{}1 == 1", "-".repeat(1000)));
    condition(&format!("{}true", "true && ".repeat(100)));
    condition(&format!("{}true", "false || ".repeat(100)));
}

#[test]
fn the_length_of_texts_is_bounded() {
    let message = format!("a text of up to {} bytes; at most {MAX_TEXT}", 17 * 4096);
    let text = |n: usize| format!("{}thing.name == ''", "thing.name + ".repeat(n - 1));
    condition(&text(16));
    assert_eq!(refused(&text(17)), message);
    let made = |n: usize| format!("{}'' == ''", "string(thing.name) + ".repeat(n));
    condition(&made(16));
    assert_eq!(refused(&made(17)), message);
    // A variable counts with what it stands for.
    assert!(refused(&format!("{}'' == ''", "variables.phase + ".repeat(17))).contains("a text of"));
}

/// Where a thread's stack is as small as a test's, in an unoptimised build.
#[test]
fn the_worst_that_is_accepted_fits_a_small_stack() {
    let worst = [
        format!("{}1 > 0", "1 + ".repeat(MAX_DEPTH - 2)),
        format!("{}true{}", "(".repeat(16), ")".repeat(16)),
        format!("{}true{}", "!(".repeat(16), ")".repeat(16)),
        format!("{}true", "true ? true : ".repeat(25)),
        format!("['a'].exists(x, {}x == 'a')", "x == 'b' || ".repeat(60)),
        "size(".repeat(15) + "'a'" + &")".repeat(15) + " == 1",
    ];
    let run = move || {
        for text in worst {
            if let Ok(expression) = compile(&text, Wanted::Condition) {
                let world = World::default();
                assert!(matches!(expression.run(&world), Outcome::Is(_)), "{text}");
                assert!(expression.second_opinion(&world).is_some(), "{text}");
                drop(expression.clone());
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(run);
    thread.expect("a thread").join().expect("no panic");
}

/// Pieces that fit together now and then.
const PIECES: &[&str] = &[
    "true",
    "false",
    "1",
    "1.5",
    "'a'",
    "'QUEUED'",
    "now",
    "execution.status",
    "execution.number",
    "execution.queuedAt",
    "execution.startedAt",
    "execution.statusDetails",
    "thing.groups",
    "thing.attributes",
    "thing.type",
    "job.id",
    "variables.silent",
    "variables.missing",
    "policy.labels",
    "x",
    "null",
    "1u",
];

fn expression() -> impl Strategy<Value = String> {
    let leaf = select(PIECES).prop_map(str::to_owned);
    leaf.prop_recursive(5, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let signs = &["&&", "||", "==", "!=", "<", ">=", "+", "-", "*", "/", "%", "in"][..];
        let calls = &["size", "string", "int", "double", "duration", "timestamp", "days", "has"][..];
        let methods = &["startsWith", "contains", "matches", "orValue", "getHours"][..];
        let loops = &["exists", "all", "filter", "map", "exists_one"][..];
        prop_oneof![
            4 => (two.clone(), select(signs)).prop_map(|((a, b), sign)| format!("({a} {sign} {b})")),
            1 => inner.clone().prop_map(|a| format!("!{a}")),
            1 => (two.clone(), inner.clone()).prop_map(|((a, b), c)| format!("({a} ? {b} : {c})")),
            1 => (inner.clone(), select(calls)).prop_map(|(a, call)| format!("{call}({a})")),
            1 => (two.clone(), select(methods)).prop_map(|((a, b), f)| format!("{a}.{f}({b})")),
            1 => (two.clone(), select(loops)).prop_map(|((a, b), f)| format!("{a}.{f}(x, {b})")),
            1 => two.clone().prop_map(|(a, b)| format!("[{a}, {b}]")),
            1 => two.prop_map(|(a, b)| format!("{a}[{b}]")),
            1 => inner.prop_map(|a| format!("{a}[?'a'].orValue('b')")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(text in "\\PC{0,80}") {
        let _ = compile(&text, Wanted::Anything);
    }

    #[test]
    fn no_signs_make_it_panic(text in "[-a-c0-9!?:.,'\"()\\[\\]{}+*/%<>=&|\\\\ \n]{0,60}") {
        if let Err(errors) = compile(&text, Wanted::Anything) {
            for error in errors {
                prop_assert!(text.get(error.at.clone()).is_some(), "{text:?}: {error:?}");
            }
        }
    }

    #[test]
    fn what_is_checked_has_its_type_and_never_says_yes_over_what_cannot_be_read(
        text in expression(), lost in select(Field::ALL), absent in select(Field::ALL),
    ) {
        let Ok(expression) = compile(&text, Wanted::Condition) else { return Ok(()) };
        let world = World::with(absent, Fact::Absent);
        let before = expression.run(&world);
        prop_assert_ne!(&before, &Outcome::Failed(super::super::values::MISFIT), "{}", text);
        if let Outcome::Is(value) = &before {
            let Value::Bool(value) = value else { panic!("{text}: {value:?}") };
            // What has a value here has the same one for the crate.
            if expression.has_second_opinion() {
                prop_assert_eq!(expression.second_opinion(&world), Some(*value), "{}", text);
            }
        }
        let mut without = world.clone();
        without.0.insert(lost, Fact::Unreadable(Unreadable::Failed));
        let after = expression.run(&without);
        if expression.fields().contains(&lost) {
            prop_assert_eq!(after, Outcome::Unreadable(lost, Unreadable::Failed));
        } else if lost != absent {
            prop_assert_eq!(after, before);
        }
    }
}

/// The checker bounds what AWS can hold; what a fact says all the same is held to the bound as it is.
#[test]
fn a_text_that_is_made_is_bounded_by_its_own_length() {
    let says = |text: &str, length: usize| {
        let name = Fact::Known(Value::owned("x".repeat(length)));
        says(text, &World::with(Field::ThingName, name))
    };
    assert_eq!(says("(thing.name + thing.name).endsWith('x')", MAX_TEXT / 2), Some(true));
    assert_eq!(says("(thing.name + 'a').endsWith('a')", MAX_TEXT - 1), Some(true));
    assert_eq!(says("(thing.name + 'a').endsWith('a')", MAX_TEXT), None);
}

#[test]
fn the_length_of_a_duration_is_bounded() {
    let says = |count: usize| {
        let name = Fact::Known(Value::owned("1s".repeat(count)));
        let world = World::with(Field::ThingName, name);
        says(&format!("duration(thing.name) == duration('{count}s')"), &world)
    };
    assert_eq!((says(1), says(32), says(33)), (Some(true), Some(true), None));
}

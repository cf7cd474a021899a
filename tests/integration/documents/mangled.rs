//! Files that are almost right, or not at all: nothing panics, and nothing reaches a terminal raw.

use proptest::prelude::*;

use super::one;
use rescind::document::{Diagnostic, render};

/// Text that is likely to be almost right.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let whole = include_str!("../good/everything.yaml").as_bytes().to_vec();
    let length = whole.len();
    let pieces = [
        "\n", " ", "\t", ":", ": ", "- ", "\"", "'", "[", "]", "{", "}", "#", "&a ", "*a", "!t ",
        "---\n", "...\n", "%", "|", ">", "?", "<<", "\u{2028}", "\u{feff}", "é", "\\", "${", "~",
        "1e9",
    ];
    let edit = (0..length, 0..4_usize, proptest::sample::select(pieces.to_vec()));
    proptest::collection::vec(edit, 1..8).prop_map(move |edits| {
        let mut bytes = whole.clone();
        for (at, cut, piece) in edits {
            let at = at.min(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, piece.bytes());
        }
        bytes
    })
}

fn holds(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let lines = bytes.split(|b| *b == b'\n').count();
    let documents = one(bytes);
    let errors = documents.diagnostics.iter().any(Diagnostic::is_error);
    prop_assert_eq!(errors, documents.policies.is_empty() || !documents.broken.is_empty());
    for diagnostic in &documents.diagnostics {
        prop_assert!(diagnostic.place.line >= 1 && diagnostic.place.line <= lines);
    }
    let text = render::text(&documents.diagnostics, false);
    prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_never_panic_and_never_act_on_a_terminal(bytes in almost()) {
        holds(bytes)?;
    }

    #[test]
    fn arbitrary_bytes_do_not_either(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        holds(bytes)?;
    }
}

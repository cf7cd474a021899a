//! What the fuzz targets ask of any bytes, asked of their seeds, of every file of the corpora and of
//! texts that are almost expressions.

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rescind::policy::expression::functions::FUNCTIONS;

/// The files below a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

#[test]
fn the_target_for_policies_holds_over_every_file() {
    let folders =
        ["fuzz/seeds/policy", "policies", "tests/integration/bad", "tests/integration/good"];
    for path in folders.into_iter().flat_map(files) {
        targets::policy(&std::fs::read(path).unwrap());
    }
}

#[test]
fn the_target_for_expressions_holds_over_every_seed() {
    for path in files("fuzz/seeds/expression") {
        targets::expression(&std::fs::read(path).unwrap());
    }
    for function in FUNCTIONS {
        targets::expression(function.example.as_bytes());
    }
}

#[test]
fn the_target_for_state_files_holds_over_every_seed_and_what_is_almost_one() {
    for path in files("fuzz/seeds/journal") {
        let seed = std::fs::read(path).unwrap();
        targets::journal(&seed);
        for place in 0..40 {
            let mut damaged = seed.clone();
            // Spread over all pages, and over the header more densely.
            let at = if place < 10 { place * 10 } else { seed.len() / 40 * place };
            damaged[at] ^= 0x55;
            targets::journal(&damaged);
            targets::journal(&seed[..at]);
        }
    }
}

#[test]
fn the_target_for_the_emulator_holds_over_every_seed() {
    for path in files("fuzz/seeds/http") {
        let seed = std::fs::read(path).unwrap();
        targets::http(&seed);
        targets::http(&seed[..seed.len() / 2]);
    }
}

/// Text that is likely to be almost an expression.
fn almost() -> impl Strategy<Value = String> {
    let pieces = [
        "execution.queuedAt",
        "execution.statusDetails",
        "thing.attributes",
        "thing.groups",
        "job.id",
        "now",
        "variables.x",
        "it",
        "true",
        "1",
        "0",
        "-9223372036854775808",
        "0.5",
        "'a'",
        "\"a\"",
        "r'\\d'",
        "'\\u00e9'",
        "é",
        "&&",
        "||",
        "!",
        "==",
        "!=",
        "<",
        ">=",
        " in ",
        "+",
        "-",
        "*",
        "/",
        "%",
        "?",
        ":",
        "(",
        ")",
        "[",
        "]",
        "[?",
        ".?",
        ".",
        ",",
        "{",
        "}",
        "${",
        "'",
        "days(",
        "duration(",
        "size(",
        "has(",
        ".all(it, ",
        ".matches(",
        ".orValue(",
        ".getHours()",
        "days(1)",
        " ",
        "\n",
        "//",
    ];
    let examples = FUNCTIONS.iter().map(|function| function.example.to_owned()).collect::<Vec<_>>();
    let edit = (0..64_usize, 0..4_usize, proptest::sample::select(pieces.to_vec()));
    let edits = proptest::collection::vec(edit, 0..8);
    (proptest::sample::select(examples), edits).prop_map(|(mut text, edits)| {
        for (at, cut, piece) in edits {
            let boundary = |mut at: usize| {
                at = at.min(text.len());
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let range = boundary(at)..boundary(at + cut);
            text.replace_range(range, piece);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_target_for_expressions_holds_over_what_is_almost_one(text in almost()) {
        targets::expression(text.as_bytes());
    }
}

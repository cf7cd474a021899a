//! What must hold of any bytes where a state file should be.

use std::path::Path;

use rescind::state::directory::{Directory, Place};
use rescind::state::journal::Filter;
use rescind::state::sqlite::{SqliteState, Writing, read_guards, read_journal, read_memory};

/// A state file: whoever reads beside its writer reads it or says what is wrong with it, and changes
/// nothing; whoever would write to it opens it or refuses it. An error names the file and reaches no
/// terminal raw.
pub fn journal(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder for a file");
    let (account, region) = ("123456789012".to_owned(), "eu-central-1".to_owned());
    let (directory, place) = (Directory::at(folder.path()), Place { account, region });
    let file = directory.file(&place);
    std::fs::write(&file, bytes).expect("a file in a folder of its own");
    let now = jiff::Timestamp::from_second(1_800_000_000).expect("a time");
    let mut entries = 0;
    let journal = read_journal(&file, &Filter::default(), |_| entries += 1);
    said(journal, &file);
    said(read_guards(&directory, &place), &file);
    said(read_memory(&directory, &place, now), &file);
    assert!(std::fs::read(&file).is_ok_and(|left| left == bytes), "reading changed the file");
    let writing = Writing { who: "a fuzzer".to_owned(), clock: None, fresh_ledger: false };
    said(SqliteState::open(&directory, &place, writing), &file);
}

fn said<T, E: std::fmt::Display>(result: Result<T, E>, file: &Path) {
    if let Err(error) = result {
        let text = error.to_string();
        assert!(text.contains(&*file.to_string_lossy()), "{text}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}

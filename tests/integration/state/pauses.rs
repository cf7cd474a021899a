//! Who used the stop switch is kept beside the states.

use std::fs;

use rescind::state::directory::Directory;
use rescind::state::pauses::{Change, changes, keep};
use tempfile::TempDir;

fn change(paused: bool, why: &str) -> Change {
    Change { at: "2026-03-01T12:00:00Z".parse().unwrap(), paused, why: why.to_owned() }
}

#[test]
fn changes_of_the_switch_are_kept_in_their_order() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    assert_eq!(changes(&directory).unwrap(), []);
    let all = [change(true, "the plant\nis on fire (ada)"), change(false, "by grace")];
    for one in &all {
        keep(&directory, one.clone()).unwrap();
    }
    assert_eq!(changes(&directory).unwrap(), all);
    // What is no change hides none.
    let path = folder.path().join("PAUSES");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen('\n', "\n{\"at\": \"2026\n\u{0}\n", 1)).unwrap();
    assert_eq!(changes(&directory).unwrap(), all);
    keep(&directory, change(true, "again")).unwrap();
    assert_eq!(changes(&directory).unwrap().len(), 3);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
}

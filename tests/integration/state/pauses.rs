//! Who used the stop switch is kept beside the states.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::thread;

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

#[test]
fn of_those_that_pause_at_the_same_time_none_is_lost() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path());
    thread::scope(|scope| {
        for who in 0..8 {
            let directory = &directory;
            scope.spawn(move || {
                for time in 0..8 {
                    keep(directory, change(true, &format!("{who} {time}"))).unwrap();
                }
            });
        }
    });
    let mut kept: Vec<_> = changes(&directory).unwrap().into_iter().map(|it| it.why).collect();
    kept.sort();
    kept.dedup();
    assert_eq!(kept.len(), 64);
}

#[test]
fn nothing_is_written_through_a_link_that_somebody_laid() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::at(folder.path().join("state"));
    directory.pause("first").unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    for name in [".PAUSED.part", ".PAUSES.part", "PAUSES"] {
        symlink(&victim, directory.path().join(name)).unwrap();
    }
    directory.pause("second").unwrap();
    keep(&directory, change(true, "second")).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    // Whoever runs the controller reads what root wrote, whatever root's umask.
    for name in ["PAUSED", "PAUSES"] {
        let mode = fs::symlink_metadata(directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644, "{name}");
    }
    assert_eq!(changes(&directory).unwrap(), [change(true, "second")]);
}

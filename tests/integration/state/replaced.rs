//! Files that are written over, moved or deleted under the process that has them open.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use rescind::plan::Outcome;
use rescind::state::State;
use rescind::state::journal::Filter;
use rescind::state::sqlite::SqliteState;

use super::file::{Disk, id};
use super::support::{begun, charge, ends, intent, later, memory};
use crate::plan::support::now;

/// Copies onto a file until that is told apart by its time, which a quick file system may give twice.
fn write_over(from: &Path, onto: &Path) {
    let time = || fs::metadata(onto).map(|it| (it.mtime(), it.mtime_nsec())).unwrap();
    let before = time();
    let content = fs::read(from).unwrap();
    while time() == before {
        fs::write(onto, &content).unwrap();
    }
}

fn wal(disk: &Disk) -> PathBuf {
    disk.file().with_extension("sqlite-wal")
}

fn ids(disk: &Disk) -> Vec<String> {
    disk.journal(&Filter::default()).into_iter().map(|it| it.id).collect()
}

/// Writes so much that the -wal file is written into the main file, and reads beside it after each change.
async fn written_into_the_main_file(disk: &Disk, state: &SqliteState, prefix: &str) {
    let length = || fs::metadata(disk.file()).unwrap().len();
    let before = length();
    let large = vec![charge(1_000_000); 5_000];
    for number in 0.. {
        let next = intent(&format!("{prefix}-{number}"), &format!("{prefix}-{number}"));
        state.begin(&next, &large, now()).await.unwrap();
        assert!(state.is_held());
        disk.journal(&Filter::default());
        if length() > before {
            return;
        }
        assert!(number < 1_000, "it was never written into the main file");
    }
}

#[tokio::test]
async fn what_this_process_and_those_who_read_do_is_no_alarm() {
    let disk = Disk::new();
    let state = disk.open();
    for prefix in ["a", "b", "c"] {
        written_into_the_main_file(&disk, &state, prefix).await;
    }
    assert!(
        fs::metadata(wal(&disk)).unwrap().len() < 16_000_000,
        "it is written from its start again"
    );
    // A backup, and other ways in which nothing is written.
    fs::copy(disk.file(), disk.folder.path().join("copy")).unwrap();
    fs::hard_link(disk.file(), disk.folder.path().join("link")).unwrap();
    let permissions = fs::metadata(disk.file()).unwrap().permissions();
    fs::set_permissions(disk.file(), permissions).unwrap();
    assert!(state.is_held());
    begun(&state, "d", "r-d", now()).await;
}

#[tokio::test]
async fn a_copy_that_is_written_over_the_file_is_noticed_and_not_damaged() {
    let disk = Disk::new();
    let state = disk.open();
    begun(&state, "a", "r-1", now()).await;
    let copy = disk.folder.path().join("copy");
    fs::copy(disk.file(), &copy).unwrap();
    written_into_the_main_file(&disk, &state, "b").await;
    write_over(&copy, &disk.file());
    assert!(!state.is_held());
    let error = state.begin(&intent("c", "r-c"), &[], now()).await.unwrap_err().to_string();
    let why = "it, its -wal file or its lock was moved, deleted or written over";
    assert!(error.ends_with(why), "{error}");
    assert!(state.settle(&id("a"), &ends(Outcome::Canceled), later(1)).await.is_err());
    memory(&state, later(2)).await;
    drop(state);
    assert!(
        fs::read(&copy).unwrap() == fs::read(disk.file()).unwrap(),
        "it is as it was put there"
    );
}

#[tokio::test]
async fn a_wal_file_that_is_cut_is_noticed() {
    let disk = Disk::new();
    let state = disk.open();
    begun(&state, "a", "r-1", now()).await;
    fs::write(wal(&disk), "").unwrap();
    assert!(!state.is_held());
    assert!(state.begin(&intent("b", "r-2"), &[], now()).await.is_err());
}

#[tokio::test]
async fn a_wal_file_that_is_deleted_or_moved_stops_it_and_what_was_in_it_is_kept() {
    let disk = Disk::new();
    let state = disk.open();
    begun(&state, "a", "r-1", now()).await;
    let kept = disk.folder.path().join("kept");
    fs::rename(wal(&disk), &kept).unwrap();
    assert!(!state.is_held());
    assert!(state.begin(&intent("b", "r-2"), &[], now()).await.is_err());
    // As it is found after a kill, by who does not have the -wal file.
    let after = Disk::new();
    after.directory.make().unwrap();
    fs::copy(disk.file(), after.file()).unwrap();
    assert_eq!(ids(&after), ["a"]);
    fs::rename(&kept, wal(&disk)).unwrap();
    assert!(state.is_held(), "it is put back");
    begun(&state, "b", "r-2", now()).await;
    fs::remove_file(wal(&disk)).unwrap();
    assert!(!state.is_held());
    drop(state);
    assert_eq!(ids(&disk), ["a", "b"]);
}

#[tokio::test]
async fn a_link_that_leads_to_another_file_is_noticed() {
    let disk = Disk::new();
    disk.filled().await;
    let [real, other] = ["real", "other"].map(|name| disk.folder.path().join(name));
    fs::copy(disk.file(), &other).unwrap();
    fs::rename(disk.file(), &real).unwrap();
    symlink(&real, disk.file()).unwrap();
    let state = disk.open();
    begun(&state, "a", "r-a", later(8_000)).await;
    assert!(state.is_held());
    fs::rename(&other, &real).unwrap();
    assert!(!state.is_held());
    assert!(state.begin(&intent("b", "r-2"), &[], now()).await.is_err());
}

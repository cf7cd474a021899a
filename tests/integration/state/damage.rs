//! A file that is not what it should be: newer, cut short, damaged, another program's.

use std::fs;
use std::path::PathBuf;

use rescind::state::Begun;
use rescind::state::sqlite::read_memory;

use super::file::Disk;
use super::support::{begun, later, place};
use crate::plan::support::now;

fn sql(path: &PathBuf, text: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(text).unwrap();
}

/// Where the header of a SQLite file has its `user_version`, big-endian.
const USER_VERSION: usize = 60;

fn patched(path: &PathBuf, at: usize, bytes: &[u8]) {
    let mut content = fs::read(path).unwrap();
    content[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(path, content).unwrap();
}

#[tokio::test]
async fn a_newer_file_is_refused_and_left_as_it_is() {
    let disk = Disk::new();
    disk.filled().await;
    patched(&disk.file(), USER_VERSION, &99_u32.to_be_bytes());
    let before = fs::read(disk.file()).unwrap();
    assert_eq!(
        disk.refusal(),
        "DIR/a/state/123456789012.eu-central-1.sqlite was written by a newer rescind: its form is 99, \
         and this version knows 9 at most. Use that version"
    );
    assert!(read_memory(&disk.directory, &place(), now()).is_err());
    assert_eq!(fs::read(disk.file()).unwrap(), before);
}

#[tokio::test]
async fn a_file_whose_form_was_set_back_is_refused_in_one_line() {
    let disk = Disk::new();
    disk.filled().await;
    patched(&disk.file(), USER_VERSION, &0_u32.to_be_bytes());
    let refusal = disk.refusal();
    assert!(refusal.len() < 300 && !refusal.contains("CREATE TABLE"), "{refusal}");
    assert!(refusal.contains("already exists"), "{refusal}");
}

#[tokio::test]
async fn what_is_no_state_file_is_refused_and_left_as_it_is() {
    for content in [&b"dear diary, ".repeat(900)[..], b"x"] {
        let disk = Disk::new();
        disk.directory.make().unwrap();
        fs::write(disk.file(), content).unwrap();
        assert_eq!(
            disk.refusal(),
            "DIR/a/state/123456789012.eu-central-1.sqlite is not a state file of rescind: move it \
             away, or name another --state-dir"
        );
        assert_eq!(fs::read(disk.file()).unwrap(), content);
    }
}

#[tokio::test]
async fn an_emptied_file_is_a_lost_ledger_and_not_a_new_one() {
    let disk = Disk::new();
    disk.filled().await;
    let wal = disk.file().with_extension("sqlite-wal");
    for beside in [None, Some("what was written last")] {
        fs::write(disk.file(), "").unwrap();
        if let Some(content) = beside {
            fs::write(&wal, content).unwrap();
        }
        assert_eq!(
            disk.refusal(),
            "DIR/a/state/123456789012.eu-central-1.sqlite is damaged: it is empty. Put back a copy of \
             it, its -wal file included; or move both away: a new ledger then begins, in which what was \
             spent before is not known and counts as spent"
        );
        let read = read_memory(&disk.directory, &place(), now()).unwrap_err().to_string();
        assert!(read.contains("is damaged: it is empty"), "{read}");
        assert_eq!(fs::read(disk.file()).unwrap(), b"");
        assert_eq!(fs::read_to_string(&wal).ok().as_deref(), beside);
    }
}

#[tokio::test]
async fn what_a_kill_left_of_a_new_file_is_in_nobody_s_way() {
    let disk = Disk::new();
    disk.directory.make().unwrap();
    let part = disk.directory.path().join(".123456789012.eu-central-1.sqlite.part");
    let journal = part.with_extension("part-journal");
    for content in ["", "half a page"] {
        fs::write(&part, content).unwrap();
        fs::write(&journal, content).unwrap();
        assert!(disk.directory.files().unwrap().is_empty());
        assert_eq!(begun(&disk.open(), "a", "r-1", now()).await, Begun::Yes);
        assert!(!part.exists() && !journal.exists());
        fs::remove_file(disk.file()).unwrap();
    }
}

/// Each byte of the file, one after the other, is turned over: what is opened all the same says
/// nothing else than before about what was spent and is open, or the change was within a text.
#[tokio::test]
async fn a_damaged_file_is_refused_or_says_what_it_said() {
    let disk = Disk::new();
    let before = disk.filled().await;
    let whole = fs::read(disk.file()).unwrap();
    let mut refused = 0;
    let mut steps = 0;
    for at in (0..whole.len()).step_by(37) {
        let mut content = whole.clone();
        content[at] ^= 0xff;
        fs::write(disk.file(), &content).unwrap();
        steps += 1;
        match read_memory(&disk.directory, &place(), later(10)) {
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains("123456789012.eu-central-1.sqlite"), "{said}");
                refused += 1;
            }
            Ok(read) => {
                let read = read.unwrap();
                assert_eq!(read.spent.len(), before.spent.len(), "byte {at}");
                assert_eq!(read.open.len(), before.open.len(), "byte {at}");
            }
        }
    }
    // Most of a page is room that nobody has used yet.
    assert!(refused > 30 && refused < steps, "{refused} of {steps}");
}

#[tokio::test]
async fn a_file_cut_short_is_refused() {
    let disk = Disk::new();
    disk.filled().await;
    let whole = fs::read(disk.file()).unwrap();
    for pages in [1, 3] {
        fs::write(disk.file(), &whole[..4096 * pages]).unwrap();
        let said = disk.refusal();
        assert!(said.contains("is damaged: "), "{said}");
        assert!(said.contains("Put back a copy of it"), "{said}");
    }
    fs::remove_file(disk.file()).unwrap();
    fs::write(disk.file().with_extension("sqlite-wal"), "x").unwrap();
    assert!(disk.refusal().contains("it is gone, and its -wal file is there"));
}

#[tokio::test]
async fn a_value_that_nobody_wrote_is_damage() {
    for text in [
        "UPDATE intents SET policy = 'Not A Name'",
        "UPDATE intents SET outcome = 'lost' WHERE outcome IS NOT NULL",
        "UPDATE intents SET job = ''",
        "UPDATE intents SET begun_at = begun_at, version = 0",
        "UPDATE intents SET status = 'CANCELED'",
        "UPDATE intents SET digest = 'abc'",
        "UPDATE failures SET until = 9223372036854775807",
        "DELETE FROM about",
        "DROP TABLE denials",
    ] {
        let disk = Disk::new();
        disk.filled().await;
        sql(&disk.file(), text);
        let said = disk.refusal();
        assert!(
            said.contains("is damaged: ") || said.contains("cannot be opened: "),
            "{text}: {said}"
        );
    }
}

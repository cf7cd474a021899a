//! Opening a state file: everything that must be so before it is trusted.
//!
//! A file that is not known to be right is not written, not even to bring it to the newest form: it is
//! refused, with what to do.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{rows, schema};
use crate::state::directory::{self, Place};

/// For how long a reader that is being closed may hold up the writer.
const BUSY: Duration = Duration::from_secs(5);

/// Why a state file is not used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory, the lock.
    #[error(transparent)]
    Directory(#[from] directory::Error),
    /// Written by a newer version.
    #[error(
        "{path} was written by a newer rescind: its form is {found}, and this version knows {known} at \
         most. Use that version"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its form.
        found: usize,
        /// The newest form that is known.
        known: usize,
    },
    /// No state file.
    #[error("{0} is not a state file of rescind: move it away, or name another --state-dir")]
    NotOurs(String),
    /// That of another account or region.
    #[error(
        "{path} is the state of {found}, and this is {wanted}: put it back under its own name, or name \
         another --state-dir"
    )]
    Elsewhere {
        /// The file.
        path: String,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// Damaged.
    #[error(
        "{path} is damaged: {why}. Put back a copy of it, its -wal file included; or move both away: a \
         new ledger then begins, in which what was spent before is not known and counts as spent"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What was found.
        why: String,
    },
    /// It cannot be read or made.
    #[error("{path} cannot be {what}: {why}")]
    Unusable {
        /// The file.
        path: String,
        /// `opened`, `made`.
        what: &'static str,
        /// What the database or the system says.
        why: String,
    },
}

/// What a file says of itself.
pub(super) struct About {
    pub place: Place,
    pub latest: Option<Timestamp>,
    pub past_known: bool,
    pub ledger_began: Option<Timestamp>,
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What a file or the database says, on one line: a damaged file may say anything.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What the database keeps beside a file.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What an error of the database means for a file that is being opened.
pub(super) fn failed(path: &Path, error: &rusqlite::Error) -> Error {
    let path = shown(path);
    // What the database was told to do says nothing to whoever reads this.
    let why = match error {
        rusqlite::Error::SqlInputError { msg, .. } => one_line(msg),
        error => one_line(&error.to_string()),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::NotOurs(path),
        // None is no error of the system: a row or a column is not as it was written.
        Some(ErrorCode::DatabaseCorrupt) | None => Error::Damaged { path, why },
        Some(_) => Error::Unusable { path, what: "opened", why },
    }
}

/// Opens the file of a place for its one writer, who holds the lock. One that is not there is made.
pub(super) fn writer(
    path: &Path,
    place: &Place,
    past_known: bool,
) -> Result<(Connection, About), Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make(path, place, past_known)?,
        Err(error) => return Err(unusable(path, "opened", &error)),
        Ok(_) => {}
    }
    long_enough(path)?;
    let mut connection = open(path).map_err(|error| failed(path, &error))?;
    trusted(&connection, path)?;
    let prepare = |connection: &mut Connection| -> rusqlite::Result<()> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let from = schema::version(&transaction)?;
        if from < schema::VERSION {
            schema::migrate(&transaction, from)?;
        }
        transaction.commit()
    };
    prepare(&mut connection).map_err(|error| failed(path, &error))?;
    let about = about(&connection, path)?;
    is_of(&about, path, place)?;
    Ok((connection, about))
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Only `files` makes a checkpoint, which has to know each.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// Makes the file of a place whole under another name first. The database would make an empty one and
/// write into it later: after a kill in between, nobody could tell that from a ledger that was lost. So an
/// empty file is never one of ours, and what a kill leaves here is in nobody's way.
fn make(path: &Path, place: &Place, past_known: bool) -> Result<(), Error> {
    let failed = |error: std::io::Error| unusable(path, "made", &error);
    if fs::symlink_metadata(beside(path, "-wal")).is_ok() {
        let why = "it is gone, and its -wal file is there".to_owned();
        return Err(Error::Damaged { path: shown(path), why });
    }
    let mut part = OsString::from(".");
    part.push(path.file_name().unwrap_or_default());
    part.push(".part");
    let part = path.with_file_name(part);
    // A journal of what was left would be played into what is made.
    for left in [beside(&part, "-journal"), part.clone()] {
        match fs::remove_file(left) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    // Made by us, so that nobody else can read it: its other files get the same mode.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(&part).map_err(failed)?;
    let fill = || -> rusqlite::Result<()> {
        let mut connection = open(&part)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        schema::migrate(&transaction, 0)?;
        transaction.execute(
            "INSERT INTO about (one, account, region, past_known) VALUES (1, ?1, ?2, ?3)",
            (&place.account, &place.region, past_known),
        )?;
        transaction.commit()?;
        connection.close().map_err(|(_, error)| error)
    };
    fill().map_err(|error| self::failed(path, &error))?;
    fs::rename(&part, path).map_err(failed)?;
    // The file's name must be as durable as what is written into it.
    let parent = path.parent().unwrap_or(Path::new("."));
    File::open(parent).and_then(|it| it.sync_all()).map_err(failed)
}

/// Removes a file and what the database keeps beside it.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(unusable(&file, "removed", &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is too short to be a database, SQLite takes for an empty one: it would drop a -wal file that belongs
/// to it, and write over it.
fn long_enough(path: &Path) -> Result<(), Error> {
    let length = fs::metadata(path).map_err(|error| unusable(path, "opened", &error))?.len();
    match length {
        0 => Err(Error::Damaged { path: shown(path), why: "it is empty".to_owned() }),
        1..512 => Err(Error::NotOurs(shown(path))),
        _ => Ok(()),
    }
}

fn unusable(path: &Path, what: &'static str, error: &std::io::Error) -> Error {
    Error::Unusable { path: shown(path), what, why: error.to_string() }
}

/// It cannot be said whether a file is there.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    unusable(path, "read", error)
}

/// Opens a file for reading beside its writer, if there is one.
pub(super) fn reader(path: &Path) -> Result<(Connection, About), Error> {
    long_enough(path)?;
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    };
    let connection = open().map_err(|error| failed(path, &error))?;
    trusted(&connection, path)?;
    if schema::version(&connection).map_err(|error| failed(path, &error))? < schema::VERSION {
        let why = "it has an older form, which the next `rescind run` or `apply` brings up to date";
        return Err(Error::Unusable { path: shown(path), what: "read", why: why.to_owned() });
    }
    let about = about(&connection, path)?;
    Ok((connection, about))
}

/// Whether a file is that of a place.
pub(super) fn is_of(about: &About, path: &Path, place: &Place) -> Result<(), Error> {
    if about.place == *place {
        return Ok(());
    }
    let words = |place: &Place| format!("account {} in {}", place.account, place.region);
    Err(Error::Elsewhere {
        path: shown(path),
        found: one_line(&words(&about.place)),
        wanted: words(place),
    })
}

/// Checks a file that was there: ours, not too new, whole.
fn trusted(connection: &Connection, path: &Path) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| failed(path, &error);
    if !schema::is_ours(connection).map_err(failed)? {
        return Err(Error::NotOurs(shown(path)));
    }
    let found = schema::version(connection).map_err(failed)?;
    if found > schema::VERSION {
        return Err(Error::Newer { path: shown(path), found, known: schema::VERSION });
    }
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    let answer: String = check.map_err(failed)?;
    if answer == "ok" {
        Ok(())
    } else {
        Err(Error::Damaged { path: shown(path), why: one_line(&answer) })
    }
}

fn about(connection: &Connection, path: &Path) -> Result<About, Error> {
    let read = connection.query_row("SELECT * FROM about", [], |row| {
        Ok(About {
            place: Place { account: row.get("account")?, region: row.get("region")? },
            latest: rows::maybe_time(row, "latest")?,
            past_known: row.get("past_known")?,
            ledger_began: rows::maybe_time(row, "ledger_began")?,
        })
    });
    read.map_err(|error| failed(path, &error))
}

//! Opening a state file: everything that must be so before it is trusted.
//!
//! A file that is not known to be right is not written, not even to bring it to the newest form: it is
//! refused, with what to do.

use std::fs::{self, File, OpenOptions};
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

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What an error of the database means for a file that is being opened.
pub(super) fn failed(path: &Path, error: &rusqlite::Error) -> Error {
    let path = shown(path);
    let why = one_line(&error.to_string());
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
    let unusable = |what, error: std::io::Error| Error::Unusable {
        path: shown(path),
        what,
        why: error.to_string(),
    };
    if fs::symlink_metadata(path).is_err() && fs::symlink_metadata(beside(path, "-wal")).is_ok() {
        let why = "it is gone, and its -wal file is there".to_owned();
        return Err(Error::Damaged { path: shown(path), why });
    }
    // Made by us, so that nobody else can read it: its other files get the same mode.
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).map_err(|error| unusable("opened", error))?;
    // What is too short to be a database, SQLite takes for an empty one, and would write over it.
    let length = file.metadata().map_err(|error| unusable("opened", error))?.len();
    if (1..512).contains(&length) {
        return Err(Error::NotOurs(shown(path)));
    }
    drop(file);
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        Ok(connection)
    };
    let mut connection = open().map_err(|error| failed(path, &error))?;
    let is_new = schema::is_blank(&connection).map_err(|error| failed(path, &error))?;
    if !is_new {
        trusted(&connection, path)?;
    }
    let prepare = |connection: &mut Connection| -> rusqlite::Result<()> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let from = schema::version(&transaction)?;
        if from < schema::VERSION {
            schema::migrate(&transaction, from)?;
        }
        if is_new {
            transaction.execute(
                "INSERT INTO about (one, account, region, past_known) VALUES (1, ?1, ?2, ?3)",
                (&place.account, &place.region, past_known),
            )?;
        }
        transaction.commit()
    };
    prepare(&mut connection).map_err(|error| failed(path, &error))?;
    if is_new {
        // The file's name must be as durable as what is written into it.
        let parent = path.parent().unwrap_or(Path::new("."));
        File::open(parent).and_then(|it| it.sync_all()).map_err(|error| unusable("made", error))?;
    }
    let about = about(&connection, path)?;
    is_of(&about, path, place)?;
    Ok((connection, about))
}

/// It cannot be said whether a file is there.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Unusable { path: shown(path), what: "read", why: error.to_string() }
}

/// Opens a file for reading beside its writer, if there is one; none if nothing is in it yet.
pub(super) fn reader(path: &Path) -> Result<Option<(Connection, About)>, Error> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    };
    let connection = open().map_err(|error| failed(path, &error))?;
    if schema::is_blank(&connection).map_err(|error| failed(path, &error))? {
        return Ok(None);
    }
    trusted(&connection, path)?;
    if schema::version(&connection).map_err(|error| failed(path, &error))? < schema::VERSION {
        let why = "it has an older form, which the next `rescind run` or `apply` brings up to date";
        return Err(Error::Unusable { path: shown(path), what: "read", why: why.to_owned() });
    }
    let about = about(&connection, path)?;
    Ok(Some((connection, about)))
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

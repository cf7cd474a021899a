//! The guards that were adopted, as rows.
//!
//! Of one that is no longer in force a row says since when and why, also where one of its name was adopted
//! since: it is the record of who took a protection away.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::rows::{bad, digest, micros, text};
use crate::policy::{Origin, PolicyName};
use crate::state::AdoptedGuard;

type Result<T> = rusqlite::Result<T>;

fn guard(row: &Row<'_>) -> Result<AdoptedGuard> {
    let line = row.get::<_, i64>("origin_line")?;
    Ok(AdoptedGuard {
        name: text(row, "name", PolicyName::new)?,
        origin: Origin {
            path: text(row, "origin_path", |it| Some(it.into()))?,
            line: usize::try_from(line).map_err(|_| bad("origin_line", &line))?,
        },
        digest: text(row, "digest", digest)?,
        document: text(row, "document", |it| Some(it.into()))?,
    })
}

/// Those in force.
pub(super) fn load(connection: &Connection) -> Result<BTreeMap<PolicyName, AdoptedGuard>> {
    let mut statement = connection.prepare("SELECT * FROM guards")?;
    let guards = statement.query_map([], guard)?;
    guards.map(|guard| guard.map(|guard| (guard.name.clone(), guard))).collect()
}

/// Keeps guards, and ends those that are retired.
pub(super) fn adopt(
    connection: &Connection,
    guards: &[AdoptedGuard],
    retired: &BTreeSet<PolicyName>,
    now: Timestamp,
) -> Result<()> {
    for name in retired {
        end(connection, name, "retired in its document", now)?;
    }
    for guard in guards {
        connection.execute(
            "INSERT OR REPLACE INTO guards (name, digest, origin_path, origin_line, document, adopted)
             VALUES (:name, :digest, :path, :line, :document, :now)",
            named_params! {
                ":name": guard.name.as_str(),
                ":digest": guard.digest.as_str(),
                ":path": &*guard.origin.path,
                ":line": i64::try_from(guard.origin.line).unwrap_or(i64::MAX),
                ":document": &*guard.document,
                ":now": micros(now),
            },
        )?;
    }
    Ok(())
}

/// Ends a guard, with the reason.
pub(super) fn end(
    connection: &Connection,
    name: &PolicyName,
    why: &str,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO guards_ended (name, digest, ended, why)
        SELECT name, digest, ?2, ?3 FROM guards WHERE name = ?1";
    connection.execute(sql, (name.as_str(), micros(now), why))?;
    connection.execute("DELETE FROM guards WHERE name = ?1", [name.as_str()]).map(drop)
}

//! What was seen to match, as rows.
//!
//! Only what matched in the latest look of its policy has one, so that the table is never larger than
//! what the policies match.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::rows::{bad, digest, key, micros, text, time};
use crate::execution::{ExecutionNumber, ExecutionVersion};
use crate::plan::stable::{Sighting, Sightings, Stamp};

type Result<T> = rusqlite::Result<T>;

/// All of them.
pub(super) fn load(connection: &Connection) -> Result<Sightings> {
    let mut statement = connection.prepare("SELECT * FROM sightings")?;
    let sightings = statement.query_map([], |row| {
        let version: Option<i64> = row.get("version")?;
        let checked =
            |version| ExecutionVersion::new(version).ok_or_else(|| bad("version", &version));
        let stamp = Stamp {
            number: ExecutionNumber(row.get("execution")?),
            last_updated_at: nanos(&row.get::<_, String>("moved")?)?,
            version: version.map(checked).transpose()?,
        };
        let sighting = Sighting { stamp, since: time(row, "since")?, until: time(row, "until")? };
        Ok(((text(row, "digest", digest)?, key(row)?), sighting))
    })?;
    sightings.collect()
}

/// As precise as AWS gives it, since it is compared.
fn nanos(value: &str) -> Result<Timestamp> {
    value.parse().map_err(|_| bad("moved", value))
}

/// Makes the table say what is seen after a look.
pub(super) fn replace(
    connection: &Connection,
    before: &Sightings,
    after: &Sightings,
    now: Timestamp,
) -> Result<()> {
    let mut delete = connection
        .prepare("DELETE FROM sightings WHERE digest = ?1 AND job = ?2 AND thing = ?3")?;
    for (digest, key) in before.keys().filter(|of| !after.contains_key(of)) {
        delete.execute((digest.as_str(), key.job.as_str(), key.thing.as_str()))?;
    }
    let mut insert = connection.prepare(
        "INSERT OR REPLACE INTO sightings (digest, job, thing, execution, moved, version, since, until)
         VALUES (:digest, :job, :thing, :execution, :moved, :version, :since, :until)",
    )?;
    let changed = after.iter().filter(|(of, sighting)| before.get(of) != Some(sighting));
    for ((digest, key), Sighting { stamp, since, until }) in changed {
        insert.execute(named_params! {
            ":digest": digest.as_str(),
            ":job": key.job.as_str(),
            ":thing": key.thing.as_str(),
            ":execution": stamp.number.0,
            ":moved": stamp.last_updated_at.to_string(),
            ":version": stamp.version.map(ExecutionVersion::get),
            ":since": micros(*since),
            ":until": micros(*until),
        })?;
    }
    // Rows of which this process does not know can only be too old.
    connection.execute("DELETE FROM sightings WHERE until <= ?1", [micros(now)]).map(drop)
}

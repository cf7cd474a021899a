//! The breakers as rows.
//!
//! A breaker that was closed stays as a row that says since when and why: by whom, or by itself.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, named_params};

use super::Shared;
use super::rows::{bad, micros, text, time};
use super::writer::Writer;
use crate::plan::breaker::{Breaker, Cases, Change, Health, Open, Record, first_minute};
use crate::policy::Thresholds;
use crate::state::Error;
use crate::state::breakers::Unwritten;
use crate::state::directory;
use crate::state::request::{self, Opening, Resume};

type Result<T> = rusqlite::Result<T>;

/// What is kept.
pub(super) fn load(connection: &Connection) -> Result<Record> {
    let mut record = Record::default();
    let mut statement = connection.prepare("SELECT * FROM breaker_cases")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let count = |column: &'static str| -> Result<u64> {
            let value: i64 = row.get(column)?;
            u64::try_from(value).map_err(|_| bad(column, &value))
        };
        let cases = Cases { all: count("cases")?, bad: count("bad")? };
        record.cases.insert((text(row, "breaker", Breaker::labeled)?, row.get("minute")?), cases);
    }
    let mut statement = connection.prepare("SELECT * FROM breakers WHERE closed IS NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let open = Open {
            since: time(row, "opened")?,
            why: row.get("why")?,
            calm: SignedDuration::from_micros(row.get("calm")?),
            looked: time(row, "looked")?,
        };
        record.open.insert(text(row, "breaker", Breaker::labeled)?, open);
    }
    Ok(record)
}

/// Writes what is not durable yet.
pub(super) fn write(
    connection: &Connection,
    record: &Record,
    unwritten: &Unwritten,
    now: Timestamp,
) -> Result<()> {
    for (breaker, minute) in &unwritten.minutes {
        let Some(cases) = record.cases.get(&(*breaker, *minute)) else { continue };
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        connection
            .prepare("INSERT OR REPLACE INTO breaker_cases VALUES (?1, ?2, ?3, ?4)")?
            .execute((breaker.label(), minute, number(cases.all), number(cases.bad)))?;
    }
    for (change, at) in &unwritten.changes {
        if change.opened {
            connection.execute(
                "INSERT INTO breakers (breaker, opened, why, calm, looked) VALUES (?1, ?2, ?3, 0, ?2)",
                (change.breaker.label(), micros(*at), &change.why),
            )?;
        } else {
            close(connection, change.breaker, &change.why, *at)?;
        }
    }
    if unwritten.looked {
        for (breaker, open) in &record.open {
            connection.execute(
                "UPDATE breakers SET calm = :calm, looked = :looked
                 WHERE breaker = :breaker AND closed IS NULL",
                named_params! {
                    ":calm": i64::try_from(open.calm.as_micros()).unwrap_or(i64::MAX),
                    ":looked": micros(open.looked),
                    ":breaker": breaker.label(),
                },
            )?;
        }
    }
    let sql = "DELETE FROM breaker_cases WHERE minute < ?1";
    connection.execute(sql, [first_minute(now)]).map(drop)
}

fn close(connection: &Connection, breaker: Breaker, why: &str, at: Timestamp) -> Result<()> {
    let sql =
        "UPDATE breakers SET closed = ?2, closed_why = ?3 WHERE breaker = ?1 AND closed IS NULL";
    connection.execute(sql, (breaker.label(), micros(at), why)).map(drop)
}

impl Writer {
    /// Takes in what a look saw.
    pub(super) fn weigh(
        &mut self,
        health: &Health,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> std::result::Result<Vec<Change>, Error> {
        let now = self.inner.time(now);
        let changes = self.breakers.weigh(health, thresholds, now);
        if self.breakers.is_unwritten() {
            self.change(now, |_, _| Ok(()))?;
        }
        Ok(changes)
    }

    /// Closes what somebody asked to be closed. What was meant may have closed since, and opened again for
    /// another reason.
    pub(super) fn resume_asked(
        &mut self,
        shared: &Shared,
        now: Timestamp,
    ) -> std::result::Result<Vec<(Breaker, String)>, Error> {
        let failed = |error: directory::Error| shared.unreadable(&error);
        let pending = Resume::pending(&shared.directory, &shared.place).map_err(failed)?;
        let granted = request::granted(pending, |request| {
            let Opening { breaker, since } = request.what;
            let open = self.breakers.record().open.get(&breaker).map(|open| micros(open.since));
            if open != Some(micros(since)) {
                tracing::warn!(
                    %breaker, %since, who = request.who,
                    "a breaker was to be closed that is no longer open since then: it is left as it is"
                );
                return Ok(false);
            }
            let (at, why) = (self.inner.time(now), format!("resumed by {}", request.who));
            self.change_aside(|transaction| resume(transaction, breaker, &why, at))?;
            self.breakers.resume(breaker);
            Ok(true)
        })?;
        Ok(granted.into_iter().map(|request| (request.what.breaker, request.who)).collect())
    }
}

/// Closes a breaker for a reason, and forgets its cases.
fn resume(connection: &Connection, breaker: Breaker, why: &str, at: Timestamp) -> Result<()> {
    close(connection, breaker, why, at)?;
    let sql = "DELETE FROM breaker_cases WHERE breaker = ?1";
    connection.execute(sql, [breaker.label()]).map(drop)
}

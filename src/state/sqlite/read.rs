//! What others read of a state file beside its writer: memory, guards, journal.
//!
//! Apart from the state itself, since whoever reads here takes no lock and can change nothing.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;

use super::open::{self, About, Error};
use super::{guards, rows};
use crate::execution::{JobId, ThingName};
use crate::plan::{Memory, Outcome};
use crate::policy::PolicyName;
use crate::state::AdoptedGuard;
use crate::state::directory::{Directory, Place};
use crate::state::journal::{Entry, Event, Filter};
use crate::state::memory::{Inner, NOT_YET};

/// All that a file remembers, as of the lesser of `now` and the latest time that it knows.
pub(super) fn load(
    connection: &Connection,
    path: &Path,
    about: &About,
    past_known: bool,
    now: Option<Timestamp>,
) -> Result<Inner, Error> {
    let loaded = rows::load(connection, about.latest, now);
    let mut inner = loaded.map_err(|error| open::failed(path, &error))?;
    if !(past_known || about.past_known) {
        inner.memory.ledger_began = Some(about.ledger_began.unwrap_or(NOT_YET));
    }
    Ok(inner)
}

/// The file of a place, open for reading; none if there is no state of that place yet.
fn reader(
    directory: &Directory,
    place: &Place,
) -> Result<Option<(Connection, About, PathBuf)>, Error> {
    let path = directory.file(place);
    let there = path.try_exists();
    if !there.map_err(|error| open::unreadable(&path, &error))? {
        return Ok(None);
    }
    let (connection, about) = open::reader(&path)?;
    open::is_of(&about, &path, place)?;
    Ok(Some((connection, about, path)))
}

/// The guards that were adopted and not retired, read beside the writer.
pub fn read_guards(directory: &Directory, place: &Place) -> Result<Vec<AdoptedGuard>, Error> {
    let Some((connection, _, path)) = reader(directory, place)? else { return Ok(Vec::new()) };
    let guards = guards::load(&connection).map_err(|error| open::failed(&path, &error))?;
    Ok(guards.into_values().collect())
}

/// What the planner has to know, read beside the writer; none if there is no state of that place yet.
pub fn read_memory(
    directory: &Directory,
    place: &Place,
    now: Timestamp,
) -> Result<Option<Memory>, Error> {
    let Some((connection, about, path)) = reader(directory, place)? else { return Ok(None) };
    let inner = load(&connection, &path, &about, false, Some(now))?;
    let paused = directory.paused().map(Into::into);
    Ok(Some(Memory { paused, ..inner.memory(now) }))
}

/// Reads the entries of a state file that a filter wants, in the order in which they were begun, beside
/// the writer; gives each to `each`.
pub fn read_journal(
    path: &Path,
    filter: &Filter,
    mut each: impl FnMut(Entry),
) -> Result<(), Error> {
    let (connection, About { place, .. }) = open::reader(path)?;
    let outcomes: Vec<_> =
        filter.outcomes.iter().map(|outcome| outcome.map_or("open", Outcome::label)).collect();
    let outcomes = outcomes.join(" ");
    let mut read = || -> rusqlite::Result<()> {
        let mut statement = connection.prepare(
            "SELECT * FROM intents WHERE begun_at >= coalesce(?1, begun_at)
             AND (?2 IS NULL OR begun_at < ?2) AND policy = coalesce(?3, policy)
             AND thing = coalesce(?4, thing) AND job = coalesce(?5, job)
             AND (?6 = '' OR instr(' ' || ?6 || ' ', ' ' || coalesce(outcome, 'open') || ' ') > 0)
             ORDER BY seq",
        )?;
        let mut rows = statement.query((
            filter.since.map(rows::micros),
            filter.until.map(rows::micros),
            filter.policy.as_ref().map(PolicyName::as_str),
            filter.thing.as_ref().map(ThingName::as_str),
            filter.job.as_ref().map(JobId::as_str),
            &outcomes,
        ))?;
        while let Some(row) = rows.next()? {
            each(rows::entry(row, &place)?);
        }
        Ok(())
    };
    read().map_err(|error| open::failed(path, &error))
}

/// What else a state file has of what changed what is sent, from `since` on and before `until`, in the order in
/// which it happened.
pub fn read_events(
    path: &Path,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Vec<Event>, Error> {
    let (connection, About { place, .. }) = open::reader(path)?;
    let read = || -> rusqlite::Result<Vec<Event>> {
        // Where a clock was put right in between, a breaker closes at the time at which it opened.
        let mut statement = connection.prepare(
            "SELECT * FROM (
               SELECT opened AS at, 'breakerOpened' AS what, breaker AS name, why FROM breakers
               UNION ALL
               SELECT closed, 'breakerClosed', breaker, closed_why FROM breakers WHERE closed IS NOT NULL
               UNION ALL
               SELECT ended, 'guardEnded', name, why FROM guards_ended
             ) WHERE at >= coalesce(?1, at) AND (?2 IS NULL OR at < ?2) ORDER BY at, what DESC",
        )?;
        let events =
            statement.query_map((since.map(rows::micros), until.map(rows::micros)), |row| {
                Ok(Event {
                    at: rows::time(row, "at")?,
                    account: place.account.clone(),
                    region: place.region.clone(),
                    what: row.get("what")?,
                    name: row.get("name")?,
                    why: row.get("why")?,
                })
            })?;
        events.collect()
    };
    read().map_err(|error| open::failed(path, &error))
}

//! Values to rows and back.
//!
//! What a row says is read as strictly as what AWS says: a name that is none, a time out of range or a
//! word that this version does not know is an error, since a file in which one is found is damaged.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, named_params};

use super::{breakers, guards, sightings};
use crate::execution::{ExecutionKey, ExecutionNumber, ExecutionVersion, OpenStatus};
use crate::plan::{Charge, Details, Intent, IntentId, Outcome, Spent};
use crate::policy::{Digest, Origin, PolicyName};
use crate::state::directory::Place;
use crate::state::journal::Entry;
use crate::state::memory::{Inner, UNITS_KEPT, hides, waits};
use crate::state::{Open, Settlement};

type Result<T> = rusqlite::Result<T>;

/// A time as it is kept: rounded up.
pub(super) fn micros(time: Timestamp) -> i64 {
    let up = time.as_nanosecond().div_euclid(1000)
        + i128::from(time.as_nanosecond().rem_euclid(1000) > 0);
    i64::try_from(up).expect("a Timestamp is within the years -9999 and 9999")
}

/// What is wrong with a value.
#[derive(Debug, thiserror::Error)]
#[error("{column} {value:?} is not one")]
struct Bad {
    column: &'static str,
    value: String,
}

pub(super) fn bad(column: &'static str, value: &(impl ToString + ?Sized)) -> rusqlite::Error {
    let value = value.to_string();
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(Bad { column, value }))
}

pub(super) fn text<T>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T> {
    let value = row.get_ref(column)?.as_str().map_err(|_| bad(column, "(no text)"))?;
    parse(value).ok_or_else(|| bad(column, value))
}

fn maybe<T>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>> {
    let value: Option<String> = row.get(column)?;
    value.map(|value| parse(&value).ok_or_else(|| bad(column, &value))).transpose()
}

fn time_of(column: &'static str, micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|_| bad(column, &micros))
}

pub(super) fn time(row: &Row<'_>, column: &'static str) -> Result<Timestamp> {
    time_of(column, row.get(column)?)
}

pub(super) fn maybe_time(row: &Row<'_>, column: &'static str) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(|micros| time_of(column, micros)).transpose()
}

fn truth(row: &Row<'_>, column: &'static str) -> Result<bool> {
    match row.get::<_, i64>(column)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(bad(column, &other)),
    }
}

pub(super) fn key(row: &Row<'_>) -> Result<ExecutionKey> {
    Ok(ExecutionKey {
        job: text(row, "job", |it| it.parse().ok())?,
        thing: text(row, "thing", |it| it.parse().ok())?,
    })
}

pub(super) fn digest(text: &str) -> Option<Digest> {
    let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| serde_json::from_value(text.into()).ok())?
}

fn intent(row: &Row<'_>) -> Result<Intent> {
    let version = row.get("version")?;
    let line = row.get::<_, i64>("origin_line")?;
    Ok(Intent {
        id: text(row, "id", |it| Some(IntentId(it.into())))?,
        key: key(row)?,
        number: ExecutionNumber(row.get("execution")?),
        queued_at: maybe_time(row, "queued_at")?,
        version: ExecutionVersion::new(version).ok_or_else(|| bad("version", &version))?,
        status: text(row, "status", |it| OpenStatus::ALL.into_iter().find(|s| s.as_str() == it))?,
        force: truth(row, "force")?,
        details: text(row, "details", |it| serde_json::from_str::<Details>(it).ok())?,
        policy: text(row, "policy", PolicyName::new)?,
        digest: text(row, "digest", digest)?,
        origin: Origin {
            path: text(row, "origin_path", |it| Some(it.into()))?,
            line: usize::try_from(line).map_err(|_| bad("origin_line", &line))?,
        },
        revision: maybe(row, "revision", |it| Some(it.into()))?,
    })
}

/// An entry of the journal.
pub(super) fn entry(row: &Row<'_>, place: &Place) -> Result<Entry> {
    let intent = intent(row)?;
    let outcome = maybe(row, "outcome", Outcome::labeled)?;
    Ok(Entry {
        id: intent.id.to_string(),
        account: place.account.clone(),
        region: place.region.clone(),
        job: intent.key.job,
        thing: intent.key.thing,
        execution_number: intent.number,
        queued_at: intent.queued_at,
        version_number: intent.version,
        status: intent.status,
        force: intent.force,
        status_details: intent.details.send,
        policy: intent.policy,
        digest: intent.digest,
        origin: intent.origin,
        revision: intent.revision.as_deref().map(str::to_owned),
        charges: maybe(row, "charges", |it| serde_json::from_str(it).ok())?,
        who: row.get("who")?,
        begun_at: time(row, "begun_at")?,
        attempts: row.get("attempts")?,
        sent_at: time(row, "sent_at")?,
        outcome,
        no_effect: outcome.map(|_| truth(row, "no_effect")).transpose()?,
        settled_at: maybe_time(row, "settled_at")?,
        request_id: row.get("request_id")?,
        note: row.get("note")?,
    })
}

/// Writes a new intent.
pub(super) fn insert(
    connection: &Connection,
    intent: &Intent,
    charges: &[Charge],
    who: &str,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO intents (id, job, thing, execution, version, status, force, details, policy,
        digest, origin_path, origin_line, revision, who, begun_at, attempts, sent_at, queued_at,
        charges)
        VALUES (:id, :job, :thing, :execution, :version, :status, :force, :details, :policy, :digest,
        :path, :line, :revision, :who, :now, 1, :now, :queued_at, :charges)";
    connection.prepare(sql)?.execute(named_params! {
        ":id": &*intent.id.0,
        ":job": intent.key.job.as_str(),
        ":thing": intent.key.thing.as_str(),
        ":execution": intent.number.0,
        ":version": intent.version.get(),
        ":status": intent.status.as_str(),
        ":force": intent.force,
        ":details": json(&intent.details),
        ":policy": intent.policy.as_str(),
        ":digest": intent.digest.as_str(),
        ":path": &*intent.origin.path,
        ":line": i64::try_from(intent.origin.line).unwrap_or(i64::MAX),
        ":revision": intent.revision.as_deref(),
        ":who": who,
        ":now": micros(now),
        ":queued_at": intent.queued_at.map(micros),
        ":charges": json(charges),
    })?;
    Ok(())
}

/// Writes the next attempt of an open intent.
pub(super) fn attempt(connection: &Connection, intent: &Intent, now: Timestamp) -> Result<()> {
    let sql = "UPDATE intents SET version = :version, status = :status, force = :force,
        details = :details, digest = :digest, revision = :revision, attempts = attempts + 1, sent_at = :now
        WHERE id = :id AND outcome IS NULL";
    connection.prepare(sql)?.execute(named_params! {
        ":id": &*intent.id.0,
        ":version": intent.version.get(),
        ":status": intent.status.as_str(),
        ":force": intent.force,
        ":details": json(&intent.details),
        ":digest": intent.digest.as_str(),
        ":revision": intent.revision.as_deref(),
        ":now": micros(now),
    })?;
    Ok(())
}

/// Writes the outcome of an open intent. One that has its outcome keeps it.
pub(super) fn settle(
    connection: &Connection,
    id: &IntentId,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE intents SET outcome = :outcome, no_effect = :no_effect,
        settled_at = :now, request_id = :request_id, note = :note WHERE id = :id AND outcome IS NULL";
    connection.prepare(sql)?.execute(named_params! {
        ":id": &*id.0,
        ":outcome": settlement.outcome.label(),
        ":no_effect": settlement.no_effect,
        ":now": micros(now),
        ":request_id": settlement.request_id,
        ":note": settlement.note,
    })?;
    Ok(())
}

/// Makes the file say of what is open and of what was seen what this process knows: a change that was
/// told to have failed may be there all the same. Nothing was sent under an intent that it does not know.
pub(super) fn restore(connection: &Connection, inner: &Inner, now: Timestamp) -> Result<()> {
    let mut open = connection.prepare("SELECT id FROM intents WHERE outcome IS NULL")?;
    let ids = open.query_map([], |row| row.get::<_, String>("id"))?.collect::<Result<Vec<_>>>()?;
    for id in ids.into_iter().map(|id| IntentId(id.into())) {
        let Some(Open { intent, sent_at }) = inner.open.get(&id) else {
            connection.execute("DELETE FROM intents WHERE id = ?1", [&*id.0])?;
            continue;
        };
        // The attempt that this process knows, and none after it.
        let before = "UPDATE intents SET attempts = attempts - 1 - (sent_at <> ?2) WHERE id = ?1";
        connection.execute(before, (&*id.0, micros(*sent_at)))?;
        attempt(connection, intent, *sent_at)?;
    }
    sightings::replace(connection, &sightings::load(connection)?, &inner.memory.sightings, now)
}

/// Writes as much as a large intent takes, and takes it away again.
pub(super) fn probe(connection: &Connection) -> Result<()> {
    connection.execute_batch(
        "INSERT INTO intents (id, job, thing, execution, version, status, force, details, policy, digest,
           origin_path, origin_line, who, begun_at, attempts, sent_at)
         VALUES ('', '', '', 0, 0, '', 0, hex(zeroblob(4096)), '', '', '', 0, '', 0, 0, 0);
         DELETE FROM intents WHERE id = ''",
    )
}

/// Puts what is later than now back to now, as [`Inner::put_back`] does.
pub(super) fn put_back(connection: &Connection, now: Timestamp) -> Result<()> {
    for (table, column) in [
        ("intents", "begun_at"),
        ("intents", "sent_at"),
        ("intents", "settled_at"),
        ("about", "ledger_began"),
    ] {
        let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {column} > ?1");
        connection.execute(&sql, [micros(now)])?;
    }
    let (backed_off, denied) = waits(now);
    connection.execute("UPDATE failures SET until = min(until, ?1)", [micros(backed_off)])?;
    connection.execute("UPDATE denials SET until = min(until, ?1)", [micros(denied)])?;
    connection.execute("DELETE FROM sightings", []).map(drop)
}

/// Writes or forgets that an execution is left alone.
pub(super) fn failure(
    connection: &Connection,
    key: &ExecutionKey,
    failed: Option<(u32, Timestamp)>,
) -> Result<()> {
    let (job, thing) = (key.job.as_str(), key.thing.as_str());
    match failed {
        Some((failures, until)) => connection
            .prepare("INSERT OR REPLACE INTO failures VALUES (?1, ?2, ?3, ?4)")?
            .execute((job, thing, failures, micros(until)))?,
        None => connection
            .prepare("DELETE FROM failures WHERE job = ?1 AND thing = ?2")?
            .execute((job, thing))?,
    };
    Ok(())
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("its maps have text for keys")
}

/// All that the rules need, as of the latest time that the file knows, or of `now` if that is earlier: a
/// unit that was spent by then is not dropped by a time that may be wrong.
pub(super) fn load(
    connection: &Connection,
    latest: Option<Timestamp>,
    now: Option<Timestamp>,
) -> Result<Inner> {
    let guards = guards::load(connection)?;
    let mut inner = Inner { latest, guards, ..Inner::default() };
    inner.memory.breakers = breakers::load(connection)?;
    let mut open =
        connection.prepare("SELECT * FROM intents WHERE outcome IS NULL ORDER BY seq")?;
    let mut rows = open.query([])?;
    while let Some(row) = rows.next()? {
        inner.reopen(Open { intent: intent(row)?, sent_at: time(row, "sent_at")? });
    }
    inner.memory.sightings = sightings::load(connection)?.into();
    let Some(latest) = latest else { return Ok(inner) };
    let now = now.map_or(latest, |now| latest.min(now));
    let kept = now.saturating_sub(UNITS_KEPT).unwrap_or(Timestamp::MIN);
    let mut settled = connection.prepare(
        "SELECT job, thing, execution, policy, force, outcome, no_effect, settled_at FROM intents
         WHERE settled_at > ?1 ORDER BY settled_at, seq",
    )?;
    let mut rows = settled.query([micros(kept)])?;
    let mut names: Vec<PolicyName> = Vec::new();
    while let Some(row) = rows.next()? {
        let settled = time(row, "settled_at")?;
        let outcome = text(row, "outcome", Outcome::labeled)?;
        if !truth(row, "no_effect")? {
            let policy = text(row, "policy", |it| match names.iter().find(|n| n.as_str() == it) {
                Some(name) => Some(name.clone()),
                None => PolicyName::new(it),
            })?;
            if names.len() < 100 && !names.contains(&policy) {
                names.push(policy.clone());
            }
            let forced = truth(row, "force")?;
            inner.memory.spent.push(Spent { policy, forced, settled: Some(settled) });
        }
        if outcome.is_cancel() && hides(settled, now) {
            let of_key = inner.memory.canceled.entry(key(row)?).or_default();
            of_key.insert(ExecutionNumber(row.get("execution")?), settled);
        }
    }
    let mut failures = connection.prepare("SELECT * FROM failures")?;
    let mut rows = failures.query([])?;
    while let Some(row) = rows.next()? {
        let key = key(row)?;
        inner.memory.backing_off.insert(key.clone(), time(row, "until")?);
        inner.failures.insert(key, row.get("failures")?);
    }
    let mut denials = connection.prepare("SELECT * FROM denials")?;
    let mut rows = denials.query([])?;
    while let Some(row) = rows.next()? {
        let policy = text(row, "policy", PolicyName::new)?;
        let job = text(row, "job", |it| it.parse().ok())?;
        inner.memory.denied.insert((policy, job), time(row, "until")?);
    }
    Ok(inner)
}

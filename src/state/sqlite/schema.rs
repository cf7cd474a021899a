//! The form of a state file, and how an older one becomes a newer one.
//!
//! `user_version` says which form a file has; [`MIGRATIONS`] has one step from each to the next, the first
//! of them from an empty file. A step that was released is never changed. All steps that a file needs are
//! one transaction.
//!
//! Times are whole microseconds since 1970, rounded up, so that a unit never leaves its window early. The
//! view `journal` has them as text, for people with a sqlite3 shell.

use rusqlite::{Connection, Transaction};

/// Marks a file as ours: `rscd`.
pub(super) const APPLICATION_ID: i32 = 0x7273_6364;

/// From the form with the number of its place to the next.
pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE about (
  one          INTEGER PRIMARY KEY CHECK (one = 1),
  account      TEXT NOT NULL,
  region       TEXT NOT NULL,
  latest       INTEGER,           -- time never goes back behind this
  past_known   INTEGER NOT NULL,  -- whether what was before ledger_began may count as not spent
  ledger_began INTEGER
) STRICT;

CREATE TABLE intents (
  seq         INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  job         TEXT NOT NULL,
  thing       TEXT NOT NULL,
  execution   INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  status      TEXT NOT NULL,
  force       INTEGER NOT NULL,
  details     TEXT NOT NULL,
  policy      TEXT NOT NULL,
  digest      TEXT NOT NULL,
  origin_path TEXT NOT NULL,
  origin_line INTEGER NOT NULL,
  who         TEXT NOT NULL,
  begun_at    INTEGER NOT NULL,
  attempts    INTEGER NOT NULL,
  sent_at     INTEGER NOT NULL,
  outcome     TEXT,
  no_effect   INTEGER,
  hit         INTEGER,
  settled_at  INTEGER,
  request_id  TEXT,
  note        TEXT,
  CHECK ((outcome IS NULL) = (settled_at IS NULL)),
  CHECK ((outcome IS NULL) = (no_effect IS NULL))
) STRICT;
CREATE UNIQUE INDEX one_open_intent ON intents (job, thing) WHERE outcome IS NULL;
CREATE INDEX intents_by_settling ON intents (settled_at);

CREATE TABLE failures (
  job      TEXT NOT NULL,
  thing    TEXT NOT NULL,
  failures INTEGER NOT NULL,
  until    INTEGER NOT NULL,
  PRIMARY KEY (job, thing)
) STRICT, WITHOUT ROWID;

CREATE TABLE denials (
  policy TEXT NOT NULL,
  job    TEXT NOT NULL,
  until  INTEGER NOT NULL,
  PRIMARY KEY (policy, job)
) STRICT, WITHOUT ROWID;

CREATE VIEW journal AS SELECT
  strftime('%Y-%m-%dT%H:%M:%fZ', begun_at / 1e6, 'unixepoch') AS begun,
  strftime('%Y-%m-%dT%H:%M:%fZ', settled_at / 1e6, 'unixepoch') AS settled,
  coalesce(outcome, 'open') AS outcome, job, thing, coalesce(hit, execution) AS execution, version,
  status, force, policy, substr(digest, 1, 8) AS digest, origin_path || ':' || origin_line AS origin,
  who, attempts, request_id, note, id
FROM intents;
", "
CREATE TABLE guards (
  name        TEXT PRIMARY KEY,
  digest      TEXT NOT NULL,
  origin_path TEXT NOT NULL,
  origin_line INTEGER NOT NULL,
  document    TEXT NOT NULL,   -- as JSON
  adopted     INTEGER NOT NULL,
  ended       INTEGER,         -- no longer in force since then
  why         TEXT,
  CHECK ((ended IS NULL) = (why IS NULL))
) STRICT, WITHOUT ROWID;
", "
CREATE TABLE breakers (
  seq        INTEGER PRIMARY KEY,
  breaker    TEXT NOT NULL,
  opened     INTEGER NOT NULL,
  why        TEXT NOT NULL,
  calm       INTEGER NOT NULL,  -- for how long its share was under half of its limit, in microseconds
  looked     INTEGER NOT NULL,
  closed     INTEGER,
  closed_why TEXT,
  CHECK ((closed IS NULL) = (closed_why IS NULL))
) STRICT;
CREATE UNIQUE INDEX one_open_breaker ON breakers (breaker) WHERE closed IS NULL;

CREATE TABLE breaker_cases (
  breaker TEXT NOT NULL,
  minute  INTEGER NOT NULL,     -- since 1970
  cases   INTEGER NOT NULL,
  bad     INTEGER NOT NULL,
  PRIMARY KEY (breaker, minute)
) STRICT, WITHOUT ROWID;
", "
CREATE TABLE sightings (
  digest    TEXT NOT NULL,      -- of the policy
  job       TEXT NOT NULL,
  thing     TEXT NOT NULL,
  execution INTEGER NOT NULL,
  moved     TEXT NOT NULL,      -- its lastUpdatedAt, as precise as AWS gives it
  version   INTEGER,
  since     INTEGER NOT NULL,   -- the first look in which it matched
  until     INTEGER NOT NULL,   -- from then on the last look is too long ago
  PRIMARY KEY (digest, job, thing)
) STRICT, WITHOUT ROWID;
", "
ALTER TABLE intents ADD COLUMN revision TEXT;  -- the git commit of the policy's file

DROP VIEW journal;
CREATE VIEW journal AS SELECT
  strftime('%Y-%m-%dT%H:%M:%fZ', begun_at / 1e6, 'unixepoch') AS begun,
  strftime('%Y-%m-%dT%H:%M:%fZ', settled_at / 1e6, 'unixepoch') AS settled,
  coalesce(outcome, 'open') AS outcome, job, thing, coalesce(hit, execution) AS execution, version,
  status, force, policy, substr(digest, 1, 8) AS digest, origin_path || ':' || origin_line AS origin,
  revision, who, attempts, request_id, note, id
FROM intents;
", "
ALTER TABLE intents ADD COLUMN queued_at INTEGER;
", "
ALTER TABLE intents ADD COLUMN charges TEXT;  -- the limits that it was charged to, as JSON
", "
-- Nothing that AWS answers tells of another execution than the judged one.
DROP VIEW journal;
ALTER TABLE intents DROP COLUMN hit;
CREATE VIEW journal AS SELECT
  strftime('%Y-%m-%dT%H:%M:%fZ', begun_at / 1e6, 'unixepoch') AS begun,
  strftime('%Y-%m-%dT%H:%M:%fZ', settled_at / 1e6, 'unixepoch') AS settled,
  coalesce(outcome, 'open') AS outcome, job, thing, execution, version, status, force, policy,
  substr(digest, 1, 8) AS digest, origin_path || ':' || origin_line AS origin, revision, who, attempts,
  request_id, note, id
FROM intents;
", "
-- A guard that is adopted again must not take the record of how it ended with it.
CREATE TABLE guards_ended (
  name   TEXT NOT NULL,
  digest TEXT NOT NULL,
  ended  INTEGER NOT NULL,   -- no longer in force since then
  why    TEXT NOT NULL
) STRICT;
INSERT INTO guards_ended SELECT name, digest, ended, why FROM guards WHERE ended IS NOT NULL;

ALTER TABLE guards RENAME TO guards_before;
CREATE TABLE guards (
  name        TEXT PRIMARY KEY,
  digest      TEXT NOT NULL,
  origin_path TEXT NOT NULL,
  origin_line INTEGER NOT NULL,
  document    TEXT NOT NULL,   -- as JSON
  adopted     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO guards SELECT name, digest, origin_path, origin_line, document, adopted
FROM guards_before WHERE ended IS NULL;
DROP TABLE guards_before;
"];

/// The newest form, which this version writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// The form of a file; 0 for one that has none yet.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let sql = "SELECT user_version FROM pragma_user_version";
    let version: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Whether a file has our mark.
pub(super) fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i32 =
        connection
            .query_row("SELECT application_id FROM pragma_application_id", [], |row| row.get(0))?;
    Ok(id == APPLICATION_ID)
}

/// Takes the steps from form `from` on.
pub(super) fn migrate(transaction: &Transaction<'_>, from: usize) -> rusqlite::Result<()> {
    steps(transaction, from, MIGRATIONS)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)
}

fn steps(transaction: &Transaction<'_>, from: usize, migrations: &[&str]) -> rusqlite::Result<()> {
    for step in migrations.iter().skip(from) {
        transaction.execute_batch(step)?;
    }
    let version = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    transaction.pragma_update(None, "user_version", version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(connection: &Connection) -> Vec<String> {
        let sql = "SELECT name FROM pragma_table_info('intents') ORDER BY cid";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn an_older_file_takes_the_steps_that_it_lacks_and_only_those() {
        let later = [MIGRATIONS[0], "ALTER TABLE intents ADD COLUMN added TEXT;", "SELECT 1;"];
        let mut connection = Connection::open_in_memory().unwrap();
        let upto = |connection: &mut Connection, from, steps_known: &[&str]| {
            let transaction = connection.transaction().unwrap();
            steps(&transaction, from, steps_known).unwrap();
            transaction.commit().unwrap();
        };
        upto(&mut connection, 0, &later[..1]);
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(!columns(&connection).contains(&"added".to_owned()));
        upto(&mut connection, 1, &later);
        assert_eq!(version(&connection).unwrap(), 3);
        assert_eq!(columns(&connection).last().unwrap(), "added");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        let transaction = connection.transaction().unwrap();
        assert!(steps(&transaction, 0, &[MIGRATIONS[0], "ALTER TABLE nothing ADD x;"]).is_err());
        drop(transaction);
        assert_eq!((version(&connection).unwrap(), columns(&connection).len()), (0, 0));
    }
}

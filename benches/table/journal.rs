//! The journal on disk: how many intents it makes durable a second, one after the other, and how long a
//! process takes to begin with a million of them.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use rescind::clock::Clock;
use rescind::execution::{ExecutionKey, ExecutionNumber, ExecutionVersion, OpenStatus};
use rescind::plan::{Details, Intent, IntentId, Outcome};
use rescind::policy::{Digest, Origin, PolicyName};
use rescind::state::directory::{Directory, Place};
use rescind::state::sqlite::{SqliteState, Writing};
use rescind::state::{Begun, Settlement, State as _};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::figures::{Bound, Figures};
use crate::world::{ACCOUNT, REGION, folder};

/// How many intents are begun and settled for the first figure.
const BEGUN: usize = 500;
const RECORDS: i64 = 1_000_000;
/// Over how many days the records are spread: all that is kept but the last of it, which might be deleted.
const DAYS: i64 = 89;
const DAY: i64 = 86_400_000_000;

fn place() -> Place {
    Place { account: ACCOUNT.to_owned(), region: REGION.to_owned() }
}

fn open(folder: &TempDir) -> SqliteState {
    let writing = Writing { who: "bench".to_owned(), clock: None, fresh_ledger: true };
    SqliteState::open(&Directory::at(folder.path()), &place(), writing).expect("a state")
}

fn intent(number: usize) -> Intent {
    let key = ExecutionKey {
        job: "fw-4-2-0".parse().expect("a job id"),
        thing: format!("robot-{number:06}").parse().expect("a thing name"),
    };
    let pairs = [("rescind", "a-policy a-record-1 2026-11-24T00:00:00Z"), ("reason", "too old")];
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Intent {
        id: IntentId(format!("begun-{number}").into()),
        key,
        number: ExecutionNumber(1),
        queued_at: None,
        version: ExecutionVersion::new(1).expect("1 or more"),
        status: OpenStatus::Queued,
        force: false,
        details: Details { send: pairs.into(), dropped: Vec::new() },
        policy: PolicyName::new("old").expect("a name"),
        digest: Digest::of(b"old"),
        origin: Origin { path: "old.yaml".into(), line: 1 },
        revision: None,
    }
}

fn canceled() -> Settlement {
    Settlement {
        outcome: Outcome::Canceled,
        no_effect: false,
        request_id: Some("00000000-0000-4000-8000-000000000001".to_owned()),
        note: "canceled at version 1".to_owned(),
        backs_off: false,
    }
}

/// The second figure's records are copies of one that the first one wrote, at other times.
pub fn measure(figures: &mut Figures) {
    let folder = folder();
    let state = open(&folder);
    let runtime = Runtime::new().expect("a runtime");
    let clock = Clock::system();
    let (mut beginning, mut settling) = (0.0, 0.0);
    runtime.block_on(async {
        for number in 0..BEGUN {
            let (intent, now) = (intent(number), clock.now());
            let started = Instant::now();
            let begun = state.begin(&intent, &[], now).await.expect("it is written");
            assert_eq!(begun, Begun::Yes);
            beginning += started.elapsed().as_secs_f64();
            let started = Instant::now();
            state.settle(&intent.id, &canceled(), now).await.expect("it is written");
            settling += started.elapsed().as_secs_f64();
        }
    });
    let count = f64::from(u32::try_from(BEGUN).expect("few"));
    let what = "journal: intents made durable, a second, one after the other";
    figures.held(what, count / beginning, Bound::AtLeast(100.0));
    figures.told("  outcomes, likewise", count / settling);

    drop(state);
    fill(&folder, clock.now() - SignedDuration::from_hours(1));
    let started = Instant::now();
    let state = open(&folder);
    let memory = runtime.block_on(state.memory(clock.now())).expect("it is read");
    let left = runtime.block_on(state.open()).expect("it is read");
    let seconds = started.elapsed().as_secs_f64();
    assert!(left.is_empty() && memory.open.is_empty(), "all of them are settled");
    assert!(memory.spent.len() > BEGUN, "those of the longest window count");
    let what = "journal: to begin with 1,000,000 records, seconds";
    figures.held(what, seconds, Bound::AtMost(3.0));
    figures.told("  of them in the window of some budget", as_float(memory.spent.len()));
}

fn as_float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

/// Copies one record, so that there are a million, the latest settled at a time.
fn fill(folder: &TempDir, latest: Timestamp) {
    let path = Directory::at(folder.path()).file(&place());
    let connection = Connection::open(path).expect("a file");
    let mut columns =
        connection.prepare("SELECT name FROM pragma_table_info('intents')").expect("a table");
    let columns = columns.query_map([], |row| row.get::<_, String>(0)).expect("columns");
    let columns: Vec<_> = columns.collect::<Result<_, _>>().expect("columns");
    let value = |column: &String| match column.as_str() {
        "seq" => "NULL".to_owned(),
        "id" => "'copy-' || n".to_owned(),
        "thing" => "'robot-' || n".to_owned(),
        "begun_at" | "sent_at" | "settled_at" => {
            format!("{} - n * {}", latest.as_microsecond(), DAYS * DAY / RECORDS)
        }
        other => other.to_owned(),
    };
    let values: Vec<_> = columns.iter().map(value).collect();
    let copied = RECORDS - i64::try_from(BEGUN).expect("few");
    let sql = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {copied})
         INSERT INTO intents SELECT {} FROM (SELECT * FROM intents LIMIT 1), numbers ORDER BY n DESC",
        values.join(", ")
    );
    let made = connection.execute(&sql, []).expect("it is copied");
    assert_eq!(i64::try_from(made), Ok(copied));
}

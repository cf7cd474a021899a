//! The file: who may open it, what it is refused for, and what it gives back after a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use jiff::SignedDuration;
use rescind::execution::{ExecutionNumber, ExecutionVersion};
use rescind::plan::stable::{Look, Stamp};
use rescind::plan::{Intent, IntentId, Memory, Outcome};
use rescind::policy::Digest;
use rescind::state::directory::{Directory, Place};
use rescind::state::journal::{Entry, Filter};
use rescind::state::sqlite::{Fault, SqliteState, Writing, read_events, read_journal, read_memory};
use rescind::state::{Begun, Settlement, State};
use rusqlite::Connection;
use tempfile::TempDir;

use super::support::{begun, charge, ends, intent, later, memory, open, place, writing};
use crate::plan::support::{key, name, now};

pub struct Disk {
    pub folder: TempDir,
    pub directory: Directory,
}

impl Disk {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let directory = Directory::at(folder.path().join("a/state"));
        Self { folder, directory }
    }

    pub fn open(&self) -> SqliteState {
        open(&self.directory).unwrap()
    }

    pub fn refusal(&self) -> String {
        open(&self.directory).unwrap_err().to_string().replace(self.root(), "DIR")
    }

    pub fn root(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    pub fn file(&self) -> PathBuf {
        self.directory.file(&place())
    }

    pub fn journal(&self, filter: &Filter) -> Vec<Entry> {
        let mut entries = Vec::new();
        read_journal(&self.file(), filter, |entry| entries.push(entry)).unwrap();
        entries
    }

    /// A file with an open intent, one that is canceled, a failure and a denial.
    pub async fn filled(&self) -> Memory {
        let state = self.open();
        begun(&state, "open", "r-1", now()).await;
        begun(&state, "done", "r-2", now()).await;
        state.settle(&id("done"), &ends(Outcome::Canceled), later(7)).await.unwrap();
        state.back_off(&key("fw", "r-3"), later(8)).await.unwrap();
        state.deny(&name("old"), &"fw".parse().unwrap(), later(9)).await.unwrap();
        memory(&state, later(10)).await
    }
}

pub fn id(id: &str) -> IntentId {
    IntentId(id.into())
}

#[tokio::test]
async fn what_was_made_durable_is_there_after_a_restart() {
    let disk = Disk::new();
    let before = disk.filled().await;
    assert_eq!((before.spent.len(), before.open.len(), before.canceled.len()), (2, 1, 1));
    assert_eq!((before.backing_off.len(), before.denied.len()), (1, 1));
    let state = disk.open();
    let mut after = memory(&state, later(10)).await;
    after.spent.sort();
    let mut spent = before.spent.clone();
    spent.sort();
    assert_eq!(after, Memory { spent, ..before });
    let open = state.open().await.unwrap();
    assert_eq!((open.len(), open[0].sent_at), (1, now()));
    assert_eq!(open[0].intent, intent("open", "r-1"));
}

#[tokio::test]
async fn the_ledger_refuses_after_a_restart_what_it_would_have_refused_before() {
    let disk = Disk::new();
    disk.filled().await;
    let state = disk.open();
    assert_eq!(begun(&state, "c", "r-3", later(10)).await, Begun::OverBudget(charge(2)));
    assert_eq!(begun(&state, "c", "r-3", later(3_606)).await, Begun::OverBudget(charge(2)));
    assert_eq!(begun(&state, "c", "r-3", later(3_607)).await, Begun::Yes);
}

#[tokio::test]
async fn time_does_not_go_back_over_a_restart() {
    let disk = Disk::new();
    disk.filled().await;
    let state = disk.open();
    state.settle(&id("open"), &ends(Outcome::Canceled), now()).await.unwrap();
    let entries = disk.journal(&Filter::default());
    assert_eq!(entries[0].settled_at, Some(later(9)));
}

#[tokio::test]
async fn an_unfinished_microsecond_does_not_let_a_unit_leave_early() {
    let disk = Disk::new();
    let at = now() + SignedDuration::from_nanos(1_500);
    let state = disk.open();
    begun(&state, "a", "r-1", at).await;
    state.settle(&id("a"), &ends(Outcome::Canceled), at).await.unwrap();
    drop(state);
    let spent = memory(&disk.open(), at).await.spent;
    assert_eq!(spent[0].settled, Some(now() + SignedDuration::from_micros(2)));
}

#[tokio::test]
async fn the_next_attempt_is_what_is_remembered() {
    let disk = Disk::new();
    let state = disk.open();
    begun(&state, "a", "r-1", now()).await;
    let version = ExecutionVersion::new(4).unwrap();
    let mut second = Intent { version, ..intent("a", "r-1") };
    second.details.send.insert("rescind".to_owned(), "old 1234 a.2".to_owned());
    state.attempt(&second, later(30)).await.unwrap();
    drop(state);
    let open = disk.open().open().await.unwrap();
    assert_eq!((&open[0].intent, open[0].sent_at), (&second, later(30)));
    let entries = disk.journal(&Filter::default());
    assert_eq!(
        (entries[0].attempts, entries[0].begun_at, entries[0].sent_at),
        (2, now(), later(30))
    );
}

#[tokio::test]
async fn a_new_ledger_knows_no_past_until_aws_has_told_the_time() {
    let disk = Disk::new();
    let open = |fresh_ledger| {
        let writing = Writing { fresh_ledger, ..writing() };
        SqliteState::open(&disk.directory, &place(), writing).unwrap()
    };
    let state = open(false);
    assert_eq!(memory(&state, later(50)).await.ledger_began, Some(later(50)), "not begun");
    state.confirmed(now()).await.unwrap();
    state.confirmed(later(900)).await.unwrap();
    assert_eq!(memory(&state, later(950)).await.ledger_began, Some(now()));
    assert_eq!(begun(&state, "a", "r-1", later(1_799)).await, Begun::OverBudget(charge(2)));
    assert_eq!(begun(&state, "a", "r-1", later(1_800)).await, Begun::Yes);
    drop(state);
    assert_eq!(memory(&open(false), later(950)).await.ledger_began, Some(now()));
    // What is known stays known, and stays spent.
    let fresh = memory(&open(true), later(1_801)).await;
    assert_eq!((fresh.ledger_began, fresh.spent.len()), (None, 1));
    assert_eq!(memory(&open(false), later(1_801)).await.ledger_began, None);
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let disk = Disk::new();
    disk.filled().await;
    let state = disk.open();
    begun(&state, "x", "r-9", later(8_000)).await;
    disk.directory.pause("why").unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(disk.directory.path().to_owned()), 0o700);
    let names: Vec<_> =
        fs::read_dir(disk.directory.path()).unwrap().map(|it| it.unwrap()).collect();
    assert!(names.len() >= 4, "{names:?}");
    for entry in names {
        // What root pauses, the service has to read.
        let expected = if entry.file_name() == "PAUSED" { 0o644 } else { 0o600 };
        assert_eq!(mode(entry.path()), expected, "{entry:?}");
    }
}

#[tokio::test]
async fn one_process_at_a_time_writes() {
    let disk = Disk::new();
    let state = disk.open();
    let said = disk.refusal();
    let process = std::process::id();
    assert_eq!(
        said,
        format!(
            "DIR/a/state/123456789012.eu-central-1.lock is held by ada@bench, process {process}: one \
             rescind an account and region. Stop that one first, or wait until it has ended"
        )
    );
    let elsewhere = Place { region: "eu-west-1".to_owned(), ..place() };
    SqliteState::open(&disk.directory, &elsewhere, writing())
        .expect("another region is another file");
    drop(state);
    disk.open();
}

#[tokio::test]
async fn who_lost_the_lock_or_the_file_notices() {
    for name in ["123456789012.eu-central-1.lock", "123456789012.eu-central-1.sqlite"] {
        let disk = Disk::new();
        let state = disk.open();
        assert!(state.is_held());
        let path = disk.directory.path().join(name);
        let kept = path.with_extension("kept");
        fs::rename(&path, &kept).unwrap();
        assert!(!state.is_held(), "{name} is gone");
        fs::copy(&kept, &path).unwrap();
        assert!(!state.is_held(), "{name} is another one");
        fs::rename(&kept, &path).unwrap();
        assert!(state.is_held());
        fs::rename(disk.directory.path(), disk.folder.path().join("b")).unwrap();
        assert!(!state.is_held());
    }
}

#[tokio::test]
async fn who_lost_the_lock_writes_nothing_beside_who_has_it_now() {
    let disk = Disk::new();
    let first = disk.open();
    begun(&first, "of-the-first", "r-1", now()).await;
    let lock = disk.directory.path().join("123456789012.eu-central-1.lock");
    // What may be on disk although it was told not to be is put right with the next change.
    first.inject(Some(Fault::Sync));
    assert!(first.back_off(&key("fw", "r-2"), now()).await.is_err());
    first.inject(None);
    fs::remove_file(lock).unwrap();
    let second = disk.open();
    begun(&second, "of-the-second", "r-3", now()).await;
    let error = first.back_off(&key("fw", "r-2"), now()).await.unwrap_err().to_string();
    assert!(error.contains("or its lock was moved, deleted"), "{error}");
    assert!(!first.is_held() && second.is_held());
    drop(first);
    assert!(second.is_held());
    second.back_off(&key("fw", "r-4"), now()).await.unwrap();
    drop(second);
    let open: Vec<_> = disk.open().open().await.unwrap();
    let open: Vec<_> = open.iter().map(|it| it.intent.id.to_string()).collect();
    assert_eq!(open, ["of-the-first", "of-the-second"]);
}

#[tokio::test]
async fn another_place_is_refused() {
    let disk = Disk::new();
    disk.filled().await;
    let elsewhere = Place { account: "210987654321".to_owned(), ..place() };
    fs::copy(disk.file(), disk.directory.file(&elsewhere)).unwrap();
    let error = SqliteState::open(&disk.directory, &elsewhere, writing()).unwrap_err().to_string();
    let expected = "210987654321.eu-central-1.sqlite is the state of account 123456789012 in \
                    eu-central-1, and this is account 210987654321 in eu-central-1: put it back under \
                    its own name, or name another --state-dir";
    assert!(error.ends_with(expected), "{error}");
    assert!(read_memory(&disk.directory, &elsewhere, now()).is_err());
}

#[tokio::test]
async fn readers_read_beside_the_writer() {
    let disk = Disk::new();
    assert_eq!(read_memory(&disk.directory, &place(), now()).unwrap(), None);
    let state = disk.open();
    for (intent, thing) in [("a", "r-1"), ("b", "r-2"), ("c", "r-3")] {
        let policy = name(if intent == "a" { "new" } else { "old" });
        let next = Intent { policy, ..super::support::intent(intent, thing) };
        state.begin(&next, &[], now()).await.unwrap();
    }
    let settlement = Settlement {
        request_id: Some("request-1".to_owned()),
        note: "canceled at version 1".to_owned(),
        ..ends(Outcome::Canceled)
    };
    state.settle(&id("a"), &settlement, later(3)).await.unwrap();
    state.settle(&id("b"), &ends(Outcome::Gone), later(4)).await.unwrap();
    let seen = read_memory(&disk.directory, &place(), later(5)).unwrap().unwrap();
    assert_eq!(seen, memory(&state, later(5)).await);

    let all = disk.journal(&Filter::default());
    assert_eq!(all.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["a", "b", "c"]);
    let first = &all[0];
    assert_eq!(first.outcome, Some(Outcome::Canceled));
    assert_eq!(first.no_effect, Some(false));
    assert_eq!((&*first.who, first.request_id.as_deref()), ("ada@bench", Some("request-1")));
    assert_eq!((all[2].outcome, all[2].settled_at), (None, None));

    let wants = |filter: Filter| -> Vec<String> {
        disk.journal(&filter).into_iter().map(|it| it.id).collect()
    };
    let none = Filter::default;
    assert_eq!(wants(Filter { policy: Some(name("new")), ..none() }), ["a"]);
    assert_eq!(wants(Filter { thing: Some("r-2".parse().unwrap()), ..none() }), ["b"]);
    assert_eq!(wants(Filter { job: Some("other".parse().unwrap()), ..none() }), [""; 0]);
    assert_eq!(wants(Filter { outcomes: vec![None, Some(Outcome::Gone)], ..none() }), ["b", "c"]);
    assert_eq!(wants(Filter { since: Some(later(1)), ..none() }), [""; 0]);
    assert_eq!(wants(Filter { until: Some(now()), ..none() }), [""; 0]);
    assert_eq!(wants(Filter { since: Some(now()), until: Some(later(1)), ..none() }).len(), 3);
}

#[tokio::test]
async fn the_journal_is_kept_for_a_quarter_of_a_year_and_what_is_open_for_ever() {
    let disk = Disk::new();
    let day = 86_400;
    let state = disk.open();
    begun(&state, "open", "r-1", now()).await;
    begun(&state, "done", "r-2", now()).await;
    state.settle(&id("done"), &ends(Outcome::Canceled), now()).await.unwrap();
    let entries = || disk.journal(&Filter::default()).len();
    state.begin(&intent("x", "r-3"), &[], later(90 * day)).await.unwrap();
    memory(&state, later(90 * day)).await;
    assert_eq!(entries(), 3);
    state.settle(&id("x"), &ends(Outcome::Gone), later(90 * day + 3_600)).await.unwrap();
    memory(&state, later(90 * day + 3_600)).await;
    assert_eq!(
        disk.journal(&Filter::default()).iter().map(|it| &*it.id).collect::<Vec<_>>(),
        ["open", "x"]
    );
    assert_eq!(memory(&state, later(91 * day)).await.open, [key("fw", "r-1")].into());
}

#[tokio::test]
async fn a_caller_that_is_dropped_leaves_a_whole_transaction_or_none() {
    for polls in 0..4 {
        let disk = Disk::new();
        let state = disk.open();
        let next = intent("a", "r-1");
        {
            let beginning = state.begin(&next, &[], now());
            tokio::pin!(beginning);
            for _ in 0..polls {
                tokio::select! {
                    biased;
                    _ = &mut beginning => break,
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        // The lock is let go of once what is still on its way has ended.
        drop(state);
        let state = loop {
            match open(&disk.directory) {
                Ok(state) => break state,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let open = state.open().await.unwrap().len();
        let entries = disk.journal(&Filter::default());
        assert_eq!(entries.len(), open);
        assert!(entries.iter().all(|it| it.outcome.is_none() && it.id == "a"));
    }
}

#[tokio::test]
async fn the_stop_switch_is_a_file() {
    let disk = Disk::new();
    let state = disk.open();
    assert_eq!(state.paused(), None);
    assert_eq!(disk.directory.pause("the 4.2 rollout looks wrong").unwrap(), [""; 0]);
    assert_eq!(state.paused().as_deref(), Some("the 4.2 rollout looks wrong"));
    assert_eq!(memory(&state, now()).await.paused.as_deref(), Some("the 4.2 rollout looks wrong"));
    // A second one is the newest, and the first is not forgotten.
    let earlier = disk.directory.pause("and the\nplant is on fire").unwrap();
    assert_eq!(earlier, ["the 4.2 rollout looks wrong"]);
    let both = "and the plant is on fire; paused before already: the 4.2 rollout looks wrong";
    assert_eq!(state.paused().as_deref(), Some(both));
    let both = ["and the plant is on fire", "the 4.2 rollout looks wrong"];
    assert_eq!(disk.directory.resume().unwrap().unwrap(), both);
    assert_eq!(disk.directory.resume().unwrap(), None);
    assert_eq!(state.paused(), None);
    // However many there are, the first is told.
    for number in 0..30 {
        disk.directory.pause(&format!("number {number}")).unwrap();
    }
    let told = "number 29; paused before already: number 0, and at least 19 times between";
    assert_eq!(state.paused().as_deref(), Some(told));
    assert_eq!(disk.directory.resume().unwrap().unwrap().len(), 21);
    // As somebody made it by hand, or a full disk left it.
    fs::write(disk.directory.path().join("PAUSED"), "").unwrap();
    assert!(state.paused().unwrap().starts_with("there is "));
    assert_eq!(disk.directory.resume().unwrap().unwrap(), [""; 0]);
    // Whatever has that name.
    fs::create_dir(disk.directory.path().join("PAUSED")).unwrap();
    assert!(state.paused().unwrap().starts_with("there is "));
}

#[tokio::test]
async fn what_matched_is_there_after_a_restart_and_a_file_of_an_older_form_learns_to_keep_it() {
    let disk = Disk::new();
    let state = disk.open();
    state.confirmed(now()).await.unwrap();
    drop(state);
    let raw = Connection::open(disk.file()).unwrap();
    raw.execute_batch(
        "DROP TABLE sightings; DROP VIEW journal; ALTER TABLE intents DROP COLUMN revision;
         ALTER TABLE intents DROP COLUMN queued_at; ALTER TABLE intents DROP COLUMN charges;
         ALTER TABLE intents ADD COLUMN hit INTEGER;
         DROP TABLE guards_ended;
         ALTER TABLE guards ADD COLUMN ended INTEGER; ALTER TABLE guards ADD COLUMN why TEXT;
         INSERT INTO guards VALUES
           ('gone', 'd', 'g.yaml', 1, '{}', 0, 5, 'forgotten by ada'),
           ('kept', 'e9d71f5ee7c92d6dc9e92ffdad17b8bd49418f98e9d71f5ee7c92d6dc9e92ffd', 'g.yaml', 2,
            '{}', 0, NULL, NULL);
         CREATE VIEW journal AS SELECT id FROM intents;
         PRAGMA user_version = 3;",
    )
    .unwrap();
    drop(raw);
    let error = read_memory(&disk.directory, &place(), now()).unwrap_err().to_string();
    assert!(error.contains("it has an older form"), "{error}");
    let state = disk.open();
    let guards = state.adopted().await.unwrap();
    assert_eq!(guards.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["kept"]);
    let events = read_events(&disk.file(), None, None).unwrap();
    assert_eq!(events.iter().map(|it| &*it.why).collect::<Vec<_>>(), ["forgotten by ada"]);
    let stamp = Stamp { number: ExecutionNumber(1), last_updated_at: now(), version: None };
    let of = (Digest::of(b"p"), key("fw", "r-1"));
    let look = Look { matched: [(of.clone(), stamp)].into(), ..Look::default() };
    let lasts = SignedDuration::from_secs(900);
    state.sight(&look, lasts, later(5)).await.unwrap();
    let kept = memory(&state, later(5)).await.sightings;
    drop(state);
    let read = read_memory(&disk.directory, &place(), later(5)).unwrap().expect("a state");
    assert_eq!(read.sightings, kept);
    let state = disk.open();
    assert_eq!(memory(&state, later(5)).await.sightings, kept);
    // A look that cannot be written is none: it begins no time.
    state.inject(Some(Fault::ReadOnly));
    let moved = Stamp { last_updated_at: later(1), ..stamp };
    let next = Look { matched: [(of, moved)].into(), ..look };
    assert!(state.sight(&next, lasts, later(6)).await.is_err());
    assert_eq!(memory(&state, later(6)).await.sightings, kept);
}

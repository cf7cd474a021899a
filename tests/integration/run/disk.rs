//! A state that cannot be written, is taken away or is replaced under the controller: nothing is sent then,
//! it says so, and the journal and what took effect agree line by line afterwards.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Command;

use crate::process::account::Account;
use crate::process::fleet::{ACCOUNT, REGION, fleet_file, policy};
use crate::process::{Beside, get, ran, through_shell, until};

const ROBOTS: usize = 24;

fn account() -> Account {
    let account = Account::new(&fleet_file(ROBOTS));
    fs::write(account.path("root/a.yaml"), policy("a", "*")).unwrap();
    account
}

fn file(account: &Account) -> PathBuf {
    account.path("state/123456789012.eu-central-1.sqlite")
}

/// A command none of whose files can grow beyond so many blocks of 512 bytes.
fn limited(command: &Command, blocks: usize) -> Command {
    through_shell(command, &format!("trap '' XFSZ; ulimit -f {blocks}"))
}

/// Why it says that it is not ready, once it is not for this reason.
fn unready(controller: &Beside, reason: &str) -> String {
    let address = controller.address();
    until(reason, || {
        let (code, body) = get(&address, "/readyz");
        (code == 503 && body.contains(reason)).then_some(body)
    })
}

fn cancels(account: &Account) -> u64 {
    account.get("calls")["calls"]["CancelJobExecution"].as_u64().unwrap_or_default()
}

/// Lets two passes go by: no cancel is sent in them.
fn sends_nothing(account: &Account, controller: &Beside) {
    let before = cancels(account);
    let mut seen = controller.log.all().len();
    for _ in 0..2 {
        seen = controller.log.after(seen, " applied ");
    }
    assert_eq!(cancels(account), before);
    assert!((1..ROBOTS).contains(&account.effects().len()), "{}", account.effects().len());
}

/// A new process cancels what is left, each execution once, and the journal agrees with what took effect.
fn goes_on(account: &Account) {
    let mut controller = account.controller(&["--no-guards"]);
    until("all are canceled", || account.open().is_empty().then_some(()));
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    agrees(account);
}

/// A new process knows all that was canceled. What the first one withheld, and could not write down, may be on
/// its way for minutes yet.
fn remembers(account: &Account) {
    let mut controller = account.controller(&["--no-guards"]);
    controller.log.wait(" applied ");
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    let verified = account.verified_by_effects();
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

fn agrees(account: &Account) {
    assert_eq!(account.effects().len(), ROBOTS);
    for verified in [account.verified_by_effects(), account.verified_by_descriptions()] {
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    }
}

#[test]
fn on_a_full_disk_nothing_is_sent_and_the_next_process_settles_what_was() {
    for (end, code) in [("TERM", 0), ("KILL", -1)] {
        let account = account();
        let controller = account.running(&["--no-guards", "--fresh-ledger"]);
        let mut controller = Beside::start(limited(&controller, 600));
        let why = unready(&controller, "stateNotWritten");
        assert!(why.contains("the state cannot be written"), "{why}");
        controller.log.wait("nothing is sent until the state can be written");
        controller.log.wait("the intent could not be written");
        sends_nothing(&account, &controller);
        controller.signal(end);
        assert_eq!(controller.end(), code);
        goes_on(&account);
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let account = account();
    let mut controller = account.running(&["--no-guards", "--fresh-ledger"]).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(controller.stderr.take().unwrap()).read_line(&mut first).unwrap();
    assert!(!first.is_empty());
    until("all are canceled", || account.open().is_empty().then_some(()));
    assert_eq!(controller.try_wait().unwrap(), None, "it runs on");
    controller.kill().unwrap();
    controller.wait().unwrap();
    agrees(&account);
}

#[test]
fn an_apply_on_a_full_disk_says_once_why_the_others_are_not_tried() {
    let account = account();
    let apply = ["apply", "root", "--account", ACCOUNT, "--region", REGION, "--yes"];
    let apply = account.command(&[&apply[..], &["--no-guards", "--fresh-ledger"]].concat());
    let done = ran(limited(&apply, 600));
    assert_eq!(done.code, 3, "{}{}", done.stdout, done.stderr);
    assert_eq!(
        done.stdout.matches("the intent could not be written").count(),
        1,
        "{}",
        done.stdout
    );
    let effects = account.effects().len();
    assert!((1..ROBOTS).contains(&effects), "{effects}");
    let left = ROBOTS - effects;
    assert!(done.stdout.contains(&format!("{left} not tried")), "{}", done.stdout);
    goes_on(&account);
}

#[test]
fn a_state_that_is_replaced_stops_it_until_it_is_put_back() {
    let account = account();
    let mut controller = account.controller(&["--no-guards"]);
    until("some are canceled", || (account.effects().len() > 5).then_some(()));
    let (file, kept) = (file(&account), account.path("kept"));
    fs::copy(&file, account.path("copy")).unwrap();
    fs::rename(&file, &kept).unwrap();
    fs::rename(account.path("copy"), &file).unwrap();
    let why = unready(&controller, "stateNotHeld");
    assert!(why.contains("moved, deleted or replaced"), "{why}");
    controller.log.wait("Put it back, or restart");
    sends_nothing(&account, &controller);
    fs::rename(&kept, &file).unwrap();
    controller.log.wait("the state is in its place again");
    until("all are canceled", || account.open().is_empty().then_some(()));
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    agrees(&account);
}

#[test]
fn a_copy_that_is_written_over_the_state_stops_it_until_it_is_restarted() {
    for (end, code) in [("TERM", 0), ("KILL", -1)] {
        let account = account();
        let mut controller = account.controller(&["--no-guards"]);
        until("some are canceled", || (account.effects().len() > 5).then_some(()));
        fs::copy(file(&account), account.path("copy")).unwrap();
        fs::copy(account.path("copy"), file(&account)).unwrap();
        unready(&controller, "stateNotHeld");
        sends_nothing(&account, &controller);
        controller.signal(end);
        assert_eq!(controller.end(), code);
        remembers(&account);
    }
}

#[test]
fn a_state_whose_wal_file_is_deleted_stops_it_and_a_kill_forgets_nothing_of_what_was_spent() {
    let account = account();
    let mut controller = account.controller(&["--no-guards"]);
    until("some are canceled", || (account.effects().len() > 5).then_some(()));
    fs::remove_file(file(&account).with_extension("sqlite-wal")).unwrap();
    unready(&controller, "stateNotHeld");
    sends_nothing(&account, &controller);
    controller.signal("KILL");
    assert_eq!(controller.end(), -1);
    remembers(&account);
}

/// An older copy that is put back knows nothing of what was canceled since: the proof has to say so.
#[test]
fn a_journal_that_was_set_back_does_not_agree_with_what_took_effect() {
    let account = account();
    let mut first = account.controller(&["--no-guards"]);
    until("some are canceled", || (account.effects().len() > 5).then_some(()));
    first.signal("TERM");
    assert_eq!(first.end(), 0);
    fs::copy(file(&account), account.path("copy")).unwrap();
    goes_on(&account);
    fs::rename(account.path("copy"), file(&account)).unwrap();
    let verified = account.verified_by_effects();
    assert_eq!(verified.code, 1, "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("and no intent"), "{}", verified.stdout);
}

#[test]
fn a_state_that_is_deleted_stops_it_and_the_next_ledger_begins_as_spent() {
    let account = account();
    let mut controller = account.controller(&["--no-guards"]);
    until("some are canceled", || (account.effects().len() > 5).then_some(()));
    fs::remove_dir_all(account.path("state")).unwrap();
    unready(&controller, "stateNotHeld");
    sends_nothing(&account, &controller);
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
    let before = cancels(&account);
    let next = Beside::start(account.running(&["--no-guards"]));
    next.log.wait("nothing is left of a budget yet");
    assert_eq!(cancels(&account), before);
}

//! A plan on file: what it keeps, and when it is too old or not the same any more.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rescind::execution::Account;
use rescind::plan::saved::{Error, SavedPlan, Stale, VALID_FOR};
use rescind::plan::{Depth, Memory, plan};
use rescind::policy::Digest;

use super::support::{fleet_of, now, set_of};

fn saved() -> SavedPlan {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let tree = rescind::source::read(&root, 1 << 20).expect("the example root");
    let policies = set_of(&tree.files);
    let fleet = fleet_of(std::fs::read(root.join("fleet.yaml")).expect("the example fleet"));
    let inventory = rescind::fleet::inventory(&fleet, now());
    let plan = plan(&policies, &inventory, &Memory::default(), now(), Depth::Exact);
    SavedPlan::new(&plan, &inventory, policies.digest())
}

fn account(account: &str, region: &str) -> Account {
    Account { partition: "aws".into(), account: account.into(), region: region.into() }
}

fn here() -> Account {
    account("123456789012", "eu-central-1")
}

fn stale(saved: &SavedPlan, at: Timestamp) -> Option<Stale> {
    saved.stale(at, [&saved.policies; 2], Some(&here()))
}

#[test]
fn a_saved_plan_is_read_back_as_it_was_written() {
    let saved = saved();
    let text = saved.to_json();
    let read = SavedPlan::from_json(text.as_bytes()).expect("it was written by us");
    assert_eq!(read, saved);
    assert_eq!(read.to_json(), text, "the same bytes");
    assert_eq!(stale(&read, now()), None);
    assert_eq!((read.lines.len(), read.keys().len()), (6, 6));
    let forced: Vec<_> = read.lines.iter().filter(|line| line.force).collect();
    assert_eq!(forced.len(), 1);
    assert_eq!(forced[0].version_number.get(), 7);
    assert_eq!(forced[0].status_details.send["phase"], "downloading", "merged");
    assert_eq!(forced[0].status_details.send["reason"], "no report for 1d 5h");
}

#[test]
fn a_change_of_any_value_is_noticed() {
    let text = saved().to_json();
    for (from, to) in [
        ("\"versionNumber\": 7", "\"versionNumber\": 8"),
        ("\"force\": true", "\"force\": false"),
        ("robot-001", "robot-007"),
        ("\"createdAt\": \"2026", "\"createdAt\": \"2027"),
        ("\"expiresAt\": \"2026", "\"expiresAt\": \"2027"),
        ("123456789012", "123456789013"),
        ("stuck-in-progress", "stuck-in-congress"),
        ("no report for", "no word for"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        let read = SavedPlan::from_json(changed.as_bytes()).expect("its form is right");
        assert_eq!(stale(&read, now()), Some(Stale::Changed), "{from}");
    }
}

#[test]
fn it_expires_after_a_day() {
    let saved = saved();
    assert_eq!(VALID_FOR, SignedDuration::from_hours(24));
    let end = now() + VALID_FOR;
    assert_eq!(stale(&saved, end - SignedDuration::from_nanos(1)), None);
    assert_eq!(stale(&saved, end), Some(Stale::Expired(end)));
}

#[test]
fn it_is_for_one_account_in_one_region() {
    let saved = saved();
    for there in [account("123456789013", "eu-central-1"), account("123456789012", "eu-west-1")] {
        let found = saved.stale(now(), [&saved.policies; 2], Some(&there));
        let Some(Stale::Elsewhere { made, here: found }) = found else { panic!("{found:?}") };
        assert_eq!((made, found), (here().to_string(), there.to_string()));
    }
    // Nothing has answered yet: it is asked again once something has.
    assert_eq!(saved.stale(now(), [&saved.policies; 2], None), None);
}

#[test]
fn it_is_for_policies_that_mean_the_same() {
    let saved = saved();
    let other = Digest::of(b"other");
    let found = saved.stale(now(), [&other; 2], Some(&here()));
    let expected =
        Stale::Policies { made: saved.policies.short().to_owned(), now: other.short().to_owned() };
    assert_eq!(found, Some(expected));
}

#[test]
fn what_is_no_plan_or_of_another_form_is_refused() {
    assert!(matches!(SavedPlan::from_json(b"{}"), Err(Error::NotAPlan(_))));
    let text = saved().to_json();
    let other = text.replacen("saved-plan/v1", "saved-plan/v2", 1);
    assert!(matches!(SavedPlan::from_json(other.as_bytes()), Err(Error::Format(_))));
    let unknown = text.replacen("{\n", "{\n  \"more\": 1,\n", 1);
    assert!(matches!(SavedPlan::from_json(unknown.as_bytes()), Err(Error::NotAPlan(_))));
}

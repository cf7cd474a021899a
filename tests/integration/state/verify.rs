//! A journal that is not true is found out, rule by rule.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rescind::execution::{
    ExecutionDescription, ExecutionNumber, ExecutionStatus, ExecutionVersion, OpenStatus,
    StatusDetails, Times,
};
use rescind::fact::Fact;
use rescind::plan::{Charge, Counted, Outcome};
use rescind::policy::{Digest, Origin, PolicyName};
use rescind::state::journal::Entry;
use rescind::state::verify::{Effect, Finding, Report, Rule, Word, alone, described, witnessed};

fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

fn meant() -> Digest {
    Digest::of(b"what it meant")
}

fn mark(id: &str) -> StatusDetails {
    [("rescind".to_owned(), format!("give-up {} {id}.1", meant().short()))].into_iter().collect()
}

/// A cancel as it should be.
fn entry(id: &str, thing: &str, begun: i64) -> Entry {
    Entry {
        id: id.to_owned(),
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        job: "fw".parse().unwrap(),
        thing: thing.parse().unwrap(),
        execution_number: ExecutionNumber(1),
        queued_at: Some(at(-3_600)),
        version_number: ExecutionVersion::new(3).unwrap(),
        status: OpenStatus::Queued,
        force: false,
        status_details: mark(id),
        policy: PolicyName::new("give-up").unwrap(),
        digest: meant(),
        origin: Origin { path: "a.yaml".into(), line: 1 },
        revision: None,
        charges: None,
        who: "test".to_owned(),
        begun_at: at(begun),
        attempts: 1,
        sent_at: at(begun + 1),
        outcome: Some(Outcome::Canceled),
        no_effect: Some(false),
        settled_at: Some(at(begun + 2)),
        request_id: None,
        note: None,
    }
}

/// What that one did.
fn effect(entry: &Entry) -> Effect {
    Effect {
        at: entry.sent_at,
        job_id: entry.job.to_string(),
        thing_name: entry.thing.to_string(),
        execution_number: entry.execution_number.0,
        queued_at: at(-3_600).as_second(),
        status_before: entry.status.as_str().to_owned(),
        version_before: entry.version_number.get(),
        expected_version: Some(entry.version_number.get()),
        force: entry.force,
        status_details_after: entry.status_details.clone(),
    }
}

/// What AWS says of it afterwards.
fn description(entry: &Entry) -> ExecutionDescription {
    ExecutionDescription {
        account: None,
        number: Fact::Known(entry.execution_number),
        status: ExecutionStatus::Canceled,
        times: Times { queued_at: Fact::Known(at(-3_600)), ..Times::default() },
        version: Fact::Known(ExecutionVersion::new(entry.version_number.get() + 1).unwrap()),
        status_details: Fact::Known(entry.status_details.clone()),
        force_canceled: entry.force,
        seconds_before_timed_out: Fact::Absent,
    }
}

/// Asserts that a change of a true journal breaks this rule and no other; gives the rule.
fn broken(rule: Rule, breach: bool, findings: &[Finding]) -> Rule {
    let found: BTreeSet<_> = findings.iter().map(|it| (it.rule, it.breach)).collect();
    assert_eq!(found, BTreeSet::from([(rule, breach)]), "{findings:?}");
    rule
}

fn against(entries: &[Entry], effects: &[Effect]) -> Report {
    let mut report = Report::default();
    witnessed(entries, effects, &mut report);
    report
}

#[test]
fn a_true_journal_holds() {
    let entries = [entry("a", "r1", 0), entry("b", "r2", 0)];
    assert_eq!(alone(&entries), []);
    let report = against(&entries, &[effect(&entries[0]), effect(&entries[1])]);
    assert!(report.holds() && report.findings.is_empty() && report.confirmed == 2, "{report:?}");
    assert_eq!(described(&entries[0], Some(&description(&entries[0]))), Word::Confirmed);
    assert_eq!(described(&entries[0], None), Word::Forgotten);
}

#[test]
fn each_rule_is_broken_by_something() {
    let one = entry("a", "r1", 0);
    let changed = |change: &dyn Fn(&mut Entry)| {
        let mut entry = one.clone();
        change(&mut entry);
        entry
    };
    let hit = |change: &dyn Fn(&mut Effect)| {
        let mut effect = effect(&one);
        change(&mut effect);
        against(std::slice::from_ref(&one), &[effect]).findings
    };
    let open = changed(&|it| (it.outcome, it.no_effect, it.settled_at) = (None, None, None));
    let superseded = |id: &str, begun| {
        let mut entry = entry(id, "r1", begun);
        (entry.outcome, entry.no_effect) = (Some(Outcome::Superseded), Some(true));
        entry
    };
    let mut again = effect(&one);
    again.status_details_after = mark("b");
    let second = entry("b", "r1", 10);
    let renamed = changed(&|it| it.policy = PolicyName::new("innocent").unwrap());
    let seen = [
        broken(Rule::OneIntent, true, &alone(&[open, superseded("b", 10)])),
        broken(Rule::OneIntent, true, &alone(&[one.clone(), superseded("b", 1)])),
        broken(Rule::OneCancel, false, &alone(&[one.clone(), second.clone()])),
        broken(
            Rule::OneCancel,
            true,
            &against(&[one.clone(), second], &[effect(&one), again]).findings,
        ),
        broken(Rule::InOrder, true, &alone(&[changed(&|it| it.sent_at = at(-1))])),
        broken(Rule::InOrder, true, &alone(&[changed(&|it| it.sent_at = at(9))])),
        broken(Rule::InOrder, true, &alone(&[changed(&|it| it.settled_at = None)])),
        broken(Rule::ForceAsJudged, true, &alone(&[changed(&|it| it.force = true)])),
        broken(Rule::TrueOutcome, true, &alone(&[changed(&|it| it.no_effect = Some(true))])),
        broken(Rule::TrueOutcome, true, &against(std::slice::from_ref(&one), &[]).findings),
        broken(Rule::TrueOutcome, true, &against(&[superseded("a", 0)], &[effect(&one)]).findings),
        broken(Rule::IntentFirst, true, &against(&[], &[effect(&one)]).findings),
        broken(Rule::AsJudged, true, &hit(&|it| it.expected_version = None)),
        broken(Rule::AsJudged, true, &hit(&|it| it.version_before = 4)),
        broken(Rule::AsJudged, true, &hit(&|it| it.status_before = "IN_PROGRESS".to_owned())),
        broken(Rule::AsJudged, true, &hit(&|it| it.execution_number = 2)),
        broken(Rule::AsJudged, true, &hit(&|it| it.force = true)),
        broken(Rule::AsJudged, true, &hit(&|it| it.queued_at += 1)),
        broken(Rule::IntentFirst, true, &hit(&|it| it.at = at(-12))),
        broken(Rule::SameCause, true, &against(&[renamed], &[effect(&one)]).findings),
        broken(Rule::InBudget, true, &alone(&[one.clone(), charged("b", 10, 1, 3_600)])),
    ];
    assert_eq!(BTreeSet::from(seen), BTreeSet::from(Rule::ALL));
}

#[test]
fn a_description_speaks_against_a_false_outcome() {
    let entry = entry("a", "r1", 0);
    let with = |outcome| Entry { outcome, ..entry.clone() };
    let ours = description(&entry);
    let theirs =
        ExecutionDescription { status_details: Fact::Known(mark("other")), ..description(&entry) };
    let moved = ExecutionDescription { status: ExecutionStatus::Succeeded, ..description(&entry) };
    let breach =
        |outcome, found: &ExecutionDescription| match described(&with(outcome), Some(found)) {
            Word::Against(finding) => Some(finding.breach),
            _ => None,
        };
    assert_eq!(breach(Some(Outcome::Canceled), &theirs), Some(true));
    assert_eq!(breach(Some(Outcome::Canceled), &moved), Some(true));
    assert_eq!(breach(Some(Outcome::CanceledUnattributed), &moved), Some(true));
    for outcome in Outcome::ALL {
        let claims_an_effect = outcome.is_cancel();
        let says_no = !claims_an_effect && outcome != Outcome::Unresolved;
        assert_eq!(breach(Some(outcome), &ours) == Some(true), says_no, "{outcome:?}");
        if !claims_an_effect {
            assert_eq!(breach(Some(outcome), &moved), None, "{outcome:?}");
        }
    }
    // It did take effect, and nobody has said that it did not.
    assert_eq!(breach(Some(Outcome::Unresolved), &ours), Some(false));
    assert_eq!(breach(None, &ours), Some(false));
    assert_eq!(described(&with(None), Some(&moved)), Word::Open);
}

#[test]
fn the_mark_in_aws_names_the_policy_and_what_it_meant() {
    let entry = entry("a", "r1", 0);
    let found = description(&entry);
    let breach = |change: &dyn Fn(&mut Entry)| {
        let mut entry = entry.clone();
        change(&mut entry);
        match described(&entry, Some(&found)) {
            Word::Against(finding) => {
                assert_eq!(finding.rule, Rule::SameCause);
                Some((finding.breach, finding.text))
            }
            _ => None,
        }
    };
    let text = "the mark names policy give-up, the intent innocent".to_owned();
    let innocent = PolicyName::new("innocent").unwrap();
    assert_eq!(breach(&|it| it.policy = innocent.clone()), Some((true, text)));
    let other = Digest::of(b"something else");
    let digest = |entry: &mut Entry| entry.digest = other.clone();
    assert!(breach(&digest).unwrap().0);
    // A lost attempt that landed after the policy was changed and tried again carries what it meant then.
    let later = |entry: &mut Entry| (entry.digest, entry.attempts) = (other.clone(), 2);
    assert!(!breach(&later).unwrap().0);
    assert_eq!(breach(&|_| {}), None);
}

/// A cancel for whose mark the device's own pairs left no room.
fn unmarked() -> Entry {
    let pairs = (0..10).map(|pair| (format!("device-{pair}"), "x".to_owned()));
    Entry { status_details: pairs.collect(), ..entry("a", "r1", 0) }
}

#[test]
fn what_had_no_room_for_the_mark_is_known_by_its_version_and_its_details() {
    for outcome in [Outcome::Canceled, Outcome::CanceledUnattributed] {
        let entry = Entry { outcome: Some(outcome), ..unmarked() };
        let breach = |change: &dyn Fn(&mut ExecutionDescription)| {
            let mut found = description(&entry);
            change(&mut found);
            match described(&entry, Some(&found)) {
                Word::Against(finding) => finding.breach,
                word => {
                    assert_eq!(word, Word::Confirmed);
                    false
                }
            }
        };
        assert!(!breach(&|_| {}), "{outcome:?}");
        assert!(breach(&|it| it.version = Fact::Known(ExecutionVersion::new(5).unwrap())));
        assert!(breach(&|it| it.version = Fact::Absent));
        assert!(breach(&|it| it.status_details = Fact::Known(StatusDetails::new())));
        assert!(breach(&|it| it.status = ExecutionStatus::Succeeded));

        let holds = |change: &dyn Fn(&mut Effect)| {
            let mut effect = effect(&entry);
            change(&mut effect);
            against(std::slice::from_ref(&entry), &[effect]).holds()
        };
        assert!(holds(&|_| {}), "{outcome:?}");
        assert!(!holds(&|it| it.version_before = 4));
        assert!(!holds(&|it| it.status_details_after.clear()));
        assert!(!holds(&|it| it.queued_at -= 1));
        assert!(!holds(&|it| it.at = at(-12)));
    }
}

#[test]
fn another_execution_of_the_same_number_is_not_the_one_that_was_judged() {
    let entry = entry("a", "r1", 0);
    let later = Times { queued_at: Fact::Known(at(-3_599)), ..Times::default() };
    let ours = ExecutionDescription { times: later, ..description(&entry) };
    let Word::Against(hit) = described(&entry, Some(&ours)) else { panic!("it was hit") };
    assert_eq!((hit.rule, hit.breach), (Rule::AsJudged, true));
    let theirs =
        ExecutionDescription { status_details: Fact::Known(mark("other")), ..ours.clone() };
    assert_eq!(described(&entry, Some(&theirs)), Word::Forgotten);
    // What was written before that was kept is held against no time.
    let older = Entry { queued_at: None, ..entry };
    assert_eq!(described(&older, Some(&ours)), Word::Confirmed);
}

fn limit(counts: Counted, size: u64, per_seconds: i64) -> Charge {
    Charge { counts, size, per_seconds }
}

/// A cancel of another thing, charged to its policy.
fn charged(id: &str, begun: i64, size: u64, per_seconds: i64) -> Entry {
    let entry = entry(id, id, begun);
    let charge = limit(Counted::Policy(entry.policy.clone()), size, per_seconds);
    Entry { charges: Some(vec![charge]), ..entry }
}

#[test]
fn no_window_of_any_budget_may_have_more_than_it_allows() {
    let held = |entries: &[Entry]| {
        let findings = alone(entries);
        assert!(findings.iter().all(|it| it.rule == Rule::InBudget && it.breach), "{findings:?}");
        findings
            .into_iter()
            .map(|it| format!("{}: {}", it.id.unwrap(), it.text))
            .collect::<Vec<_>>()
    };
    let three =
        |at: i64| [charged("a", 0, 2, 600), charged("b", 300, 2, 600), charged("c", at, 2, 600)];
    // What ended at second 2 leaves the window at second 602, and a microsecond is rounded away.
    assert_eq!(held(&three(601)), ["c: 3 canceled of policy give-up within 10m, which allows 2"]);
    assert_eq!(held(&three(602)), [""; 0]);
    let [a, b, c] = three(400);
    let given_back =
        Entry { outcome: Some(Outcome::Superseded), no_effect: Some(true), ..a.clone() };
    assert_eq!(held(&[given_back, b.clone(), c.clone()]), [""; 0]);
    let doubtful = Entry { outcome: Some(Outcome::Unresolved), ..a.clone() };
    assert_eq!(held(&[doubtful, b.clone(), c.clone()]).len(), 1);
    let open = Entry { outcome: None, no_effect: None, settled_at: None, ..a.clone() };
    let late = charged("c", 100_000, 1, 600);
    assert_eq!(held(&[open, late]).len(), 1);
    // One of another policy counts for a guard alone, one without force for none that counts force.
    let other = Entry { policy: PolicyName::new("other").unwrap(), ..a.clone() };
    assert_eq!(held(&[other.clone(), b.clone(), c]), [""; 0]);
    let by_guard = |counts| Entry { charges: Some(vec![limit(counts, 1, 600)]), ..b.clone() };
    assert_eq!(
        held(&[other.clone(), by_guard(Counted::All)]),
        ["b: 2 canceled of all policies within 10m, which allows 1"]
    );
    assert_eq!(held(&[other.clone(), by_guard(Counted::Forced)]), [""; 0]);
    let forced = |entry: Entry| Entry { force: true, status: OpenStatus::InProgress, ..entry };
    assert_eq!(
        held(&[forced(other), forced(by_guard(Counted::Forced))]),
        ["b: 2 canceled with force within 10m, which allows 1"]
    );
}

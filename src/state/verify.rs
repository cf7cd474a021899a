//! Whether the journal is true: it is held against itself, and against a witness of what happened.
//!
//! The witness is AWS, which is asked what became of each execution, or an emulator, which has written
//! down each cancel that took effect. Nothing here is shared with what writes the journal but the form
//! of an entry: a mistake there must not hide itself.
//!
//! A breach is what cannot be in a true journal; a doubt is what may be, but only by a coincidence that
//! somebody should look at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::journal::Entry;
use crate::execution::{
    ExecutionDescription, ExecutionStatus, JobId, OpenStatus, StatusDetails, ThingName,
};
use crate::fact::Fact;
use crate::plan::Outcome;
use crate::policy::template::MARKER;

mod budgets;

/// By how much the journal's time may be ahead of AWS's: a `Date` header has whole seconds, and may be as
/// old as the answer was on its way.
const AHEAD: SignedDuration = SignedDuration::from_secs(11);

/// What a true journal holds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JournalRule")]
pub enum Rule {
    /// An execution has one open intent at most, and the next one begins when the last has ended.
    OneIntent,
    /// An execution is canceled once.
    OneCancel,
    /// An intent is begun, then sent, then settled.
    InOrder,
    /// `force` is sent for what was judged IN_PROGRESS, and for nothing else.
    ForceAsJudged,
    /// The cancel hit the execution, at the version and in the status that were judged.
    AsJudged,
    /// The mark that AWS has names the policy of the intent, and what that meant.
    SameCause,
    /// What an outcome claims is so.
    TrueOutcome,
    /// Each cancel that carries our mark has an intent that was there before it took effect.
    IntentFirst,
    /// No window of a budget has more than the budget allows.
    InBudget,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 9] = [
        Self::OneIntent,
        Self::OneCancel,
        Self::InOrder,
        Self::ForceAsJudged,
        Self::AsJudged,
        Self::SameCause,
        Self::TrueOutcome,
        Self::IntentFirst,
        Self::InBudget,
    ];

    /// The label in text; that of JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::OneIntent => "oneIntent",
            Self::OneCancel => "oneCancel",
            Self::InOrder => "inOrder",
            Self::ForceAsJudged => "forceAsJudged",
            Self::AsJudged => "asJudged",
            Self::SameCause => "sameCause",
            Self::TrueOutcome => "trueOutcome",
            Self::IntentFirst => "intentFirst",
            Self::InBudget => "inBudget",
        }
    }
}

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What does not hold.
    pub rule: Rule,
    /// Whether it cannot be in a true journal; else it may, by a coincidence.
    pub breach: bool,
    /// The intent's id; null if there is none.
    pub id: Option<String>,
    /// The job.
    pub job: String,
    /// The thing.
    pub thing: String,
    /// Which execution.
    pub execution_number: i64,
    /// What is wrong, for people.
    pub text: String,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The intents of the journal.
    pub intents: usize,
    /// Those of them whose outcome the witness confirms.
    pub confirmed: usize,
    /// Those of them that the witness knows nothing of any more: AWS keeps what has ended for a while.
    pub forgotten: usize,
    /// Those of them that have no outcome yet.
    pub open: usize,
    /// Those of them that the witness could not be asked about: nothing is known of these.
    pub unasked: usize,
    /// What should not be, in the journal's order.
    pub findings: Vec<Finding>,
}

/// What a witness says of one intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is as the journal says.
    Confirmed,
    /// It is not there any more.
    Forgotten,
    /// It has no outcome that could be true or not.
    Open,
    /// It is not as the journal says.
    Against(Finding),
}

impl Report {
    /// Whether the witness was asked about each intent, and nothing was found that cannot be in a true
    /// journal.
    pub fn holds(&self) -> bool {
        self.unasked == 0 && !self.findings.iter().any(|finding| finding.breach)
    }

    /// The intents of which the witness could not say whether they are true: nothing speaks against them.
    pub fn unverified(&self) -> usize {
        self.forgotten + self.open + self.unasked
    }

    /// Takes in what the witness says of one intent.
    pub fn take(&mut self, word: Word) {
        match word {
            Word::Confirmed => self.confirmed += 1,
            Word::Forgotten => self.forgotten += 1,
            Word::Open => self.open += 1,
            Word::Against(finding) => self.findings.push(finding),
        }
    }
}

fn finding(entry: &Entry, rule: Rule, breach: bool, text: String) -> Finding {
    Finding {
        rule,
        breach,
        id: Some(entry.id.clone()),
        job: entry.job.to_string(),
        thing: entry.thing.to_string(),
        execution_number: entry.execution_number.0,
        text,
    }
}

/// Holds the entries of one journal, in the order of their beginning, against each other.
pub fn alone(entries: &[Entry]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut before = BTreeMap::<(&JobId, &ThingName), &Entry>::new();
    let mut canceled = BTreeSet::new();
    for entry in entries {
        let mut found =
            |rule, breach, text: String| findings.push(finding(entry, rule, breach, text));
        if let Some(earlier) = before.insert((&entry.job, &entry.thing), entry) {
            let id = &earlier.id;
            match earlier.settled_at {
                None => found(Rule::OneIntent, true, format!("intent {id} is still open")),
                Some(settled) if settled > entry.begun_at => {
                    found(Rule::OneIntent, true, format!("begun before intent {id} was settled"));
                }
                Some(_) => {}
            }
        }
        let ends = entry.settled_at.unwrap_or(Timestamp::MAX);
        if !(entry.begun_at <= entry.sent_at && entry.sent_at <= ends) {
            found(Rule::InOrder, true, "sent before it was begun, or after it was settled".into());
        }
        if entry.outcome.is_some() != entry.settled_at.is_some() {
            found(
                Rule::InOrder,
                true,
                "it has an outcome without a time, or a time without".into(),
            );
        }
        if entry.force != (entry.status == OpenStatus::InProgress) {
            let status = entry.status;
            let text = format!("force is {}, and it was judged {status}", entry.force);
            found(Rule::ForceAsJudged, true, text);
        }
        let is_canceled = entry.outcome.is_some_and(Outcome::is_cancel);
        if is_canceled && entry.no_effect == Some(true) {
            found(Rule::TrueOutcome, true, "canceled, and its units were given back".into());
        }
        if is_canceled && !canceled.insert((&entry.job, &entry.thing, entry.execution_number)) {
            let text =
                "canceled before: somebody deleted the execution, and its number was used again";
            found(Rule::OneCancel, false, text.into());
        }
    }
    findings.extend(budgets::held(entries));
    findings
}

/// The id of the intent whose mark is among statusDetails.
pub fn marked(details: &StatusDetails) -> Option<&str> {
    let attempt = details.get(MARKER)?.split_whitespace().next_back()?;
    Some(attempt.rsplit_once('.')?.0)
}

/// How the mark of an intent in AWS differs from what the intent says of its cause.
fn other_cause(entry: &Entry, details: &StatusDetails) -> Option<Finding> {
    let mark = details.get(MARKER)?;
    let mut words = mark.split_whitespace();
    let (policy, digest, attempt) = (words.next()?, words.next()?, words.next_back()?);
    if policy != entry.policy.as_str() {
        let text = format!("the mark names policy {policy}, the intent {}", entry.policy);
        return Some(finding(entry, Rule::SameCause, true, text));
    }
    if digest == entry.digest.short() {
        return None;
    }
    // The intent has the digest of its last attempt: an earlier one that was lost may have landed since.
    let last = attempt.rsplit_once('.').is_some_and(|(_, it)| it == entry.attempts.to_string());
    let text = format!("the mark names digest {digest}, the intent {}", entry.digest.short());
    Some(finding(entry, Rule::SameCause, last, text))
}

/// Whether the cancel of an intent carried its mark: the device's own pairs may leave no room.
fn carries_mark(entry: &Entry) -> bool {
    marked(&entry.status_details).is_some()
}

/// The second in which an execution was queued: not every answer has more.
fn second(queued_at: Option<Timestamp>) -> Option<i64> {
    queued_at.map(Timestamp::as_second)
}

/// What AWS's description of the execution that was judged says of an intent; none if there is
/// no such execution any more.
pub fn described(entry: &Entry, found: Option<&ExecutionDescription>) -> Word {
    let Some(found) = found else { return Word::Forgotten };
    let details = found.status_details.known();
    let is_canceled = found.status == ExecutionStatus::Canceled;
    let is_ours = is_canceled && details.and_then(marked) == Some(entry.id.as_str());
    let queued_at = found.times.queued_at.known();
    if queued_at.is_some_and(|at| !entry.is_of(*at)) {
        // The one that was judged is gone, and another one has its number.
        let text = "another execution was hit, which has the number of the judged one since";
        let hit = || Word::Against(finding(entry, Rule::AsJudged, true, text.to_owned()));
        return if is_ours { hit() } else { Word::Forgotten };
    }
    let at_next = found.version.known().map(|it| it.get()) == Some(entry.version_number.get() + 1);
    // Without a mark it is known by what was sent, at the version behind the judged one.
    let as_sent = is_canceled && at_next && details == Some(&entry.status_details);
    let now = match (found.status.is_terminal(), &found.version) {
        (false, Fact::Known(version)) => format!("it is {} at version {version}", found.status),
        _ => format!("it is {}", found.status),
    };
    let against = |text: String| Word::Against(finding(entry, Rule::TrueOutcome, true, text));
    let other_cause = details.filter(|_| is_ours).and_then(|it| other_cause(entry, it));
    let word = match entry.outcome {
        None | Some(Outcome::Unresolved) if is_ours => {
            let text = "it took effect: it is CANCELED with the mark of this intent".to_owned();
            // The journal does not say no.
            Word::Against(finding(entry, Rule::TrueOutcome, false, text))
        }
        None => Word::Open,
        Some(Outcome::Unresolved) => Word::Confirmed,
        Some(Outcome::Canceled) if is_ours && !at_next => {
            let text = format!("canceled at version {}, and {now}", entry.version_number);
            Word::Against(finding(entry, Rule::AsJudged, true, text))
        }
        Some(Outcome::Canceled) if is_ours || (as_sent && !carries_mark(entry)) => Word::Confirmed,
        Some(Outcome::Canceled) if carries_mark(entry) => {
            against(format!("{now}, without the mark of this intent"))
        }
        Some(Outcome::Canceled) => against(format!("{now}, not as this intent would leave it")),
        Some(Outcome::CanceledUnattributed) if as_sent => Word::Confirmed,
        Some(Outcome::CanceledUnattributed) => against(now),
        Some(_) if is_ours => against("it took effect: it has the mark of this intent".to_owned()),
        Some(_) => Word::Confirmed,
    };
    match (word, other_cause) {
        (Word::Confirmed, Some(other)) => Word::Against(other),
        (word, _) => word,
    }
}

/// A cancel that took effect, as an emulator tells it at `/_emulator/effects`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// When.
    pub at: Timestamp,
    /// The job.
    pub job_id: String,
    /// The thing.
    pub thing_name: String,
    /// Which execution.
    pub execution_number: i64,
    /// When that one was queued, in seconds since 1970: a number may be used again.
    pub queued_at: i64,
    /// The status before.
    pub status_before: String,
    /// The version before.
    pub version_before: i64,
    /// The `expectedVersion` of the call.
    pub expected_version: Option<i64>,
    /// The `force` flag of the call.
    pub force: bool,
    /// The details after.
    pub status_details_after: StatusDetails,
}

/// Holds a whole journal against all that took effect.
pub fn witnessed(entries: &[Entry], effects: &[Effect], report: &mut Report) {
    let ids: BTreeMap<&str, &Entry> = entries.iter().map(|it| (it.id.as_str(), it)).collect();
    let mut of_intent = BTreeMap::<&str, Vec<&Effect>>::new();
    let mut hit = BTreeSet::new();
    for effect in effects {
        let Some(id) = marked(&effect.status_details_after) else { continue };
        let of = (&effect.job_id, &effect.thing_name, effect.execution_number, effect.queued_at);
        let mut found = |rule, text: String| {
            report.findings.push(Finding {
                rule,
                breach: true,
                id: Some(id.to_owned()),
                job: effect.job_id.clone(),
                thing: effect.thing_name.clone(),
                execution_number: effect.execution_number,
                text,
            });
        };
        if !hit.insert(of) {
            found(Rule::OneCancel, "this execution was canceled twice".to_owned());
        }
        match ids.get(id) {
            None => found(Rule::IntentFirst, "canceled with our mark, and no intent".to_owned()),
            Some(entry) => {
                if let Some(text) = differs(entry, effect) {
                    found(Rule::AsJudged, text);
                }
                if is_too_early(entry, effect) {
                    let (at, begun) = (effect.at, entry.begun_at);
                    found(Rule::IntentFirst, format!("canceled at {at}, the intent is of {begun}"));
                }
                report.findings.extend(other_cause(entry, &effect.status_details_after));
                of_intent.entry(id).or_default().push(effect);
            }
        }
    }
    // What had no room for the mark is known by what it hit.
    let unmarked = |entry: &Entry| {
        effects.iter().any(|effect| {
            effect.status_details_after == entry.status_details
                && differs(entry, effect).is_none()
                && !is_too_early(entry, effect)
        })
    };
    for entry in entries {
        let took_effect = of_intent.contains_key(entry.id.as_str());
        let against =
            |text: &str| Word::Against(finding(entry, Rule::TrueOutcome, true, text.to_owned()));
        report.take(match entry.outcome {
            None => Word::Open,
            Some(Outcome::Unresolved) => Word::Confirmed,
            Some(Outcome::Canceled) if took_effect => Word::Confirmed,
            Some(outcome) if outcome.is_cancel() && !carries_mark(entry) && unmarked(entry) => {
                Word::Confirmed
            }
            Some(outcome) if outcome.is_cancel() => against("nothing took effect"),
            Some(_) if took_effect => against("it took effect"),
            Some(_) => Word::Confirmed,
        });
    }
}

/// Whether something took effect before its intent was there.
fn is_too_early(entry: &Entry, effect: &Effect) -> bool {
    entry.begun_at.duration_since(effect.at) > AHEAD
}

/// How what took effect differs from what was judged.
fn differs(entry: &Entry, effect: &Effect) -> Option<String> {
    let version = entry.version_number.to_string();
    let expected = effect.expected_version.map_or_else(|| "none".to_owned(), |it| it.to_string());
    let queued = |second: i64| {
        Timestamp::from_second(second).map_or_else(|_| second.to_string(), |it| it.to_string())
    };
    let pairs = [
        ("job", entry.job.to_string(), effect.job_id.clone()),
        ("thing", entry.thing.to_string(), effect.thing_name.clone()),
        (
            "executionNumber",
            entry.execution_number.to_string(),
            effect.execution_number.to_string(),
        ),
        (
            "queuedAt",
            queued(second(entry.queued_at).unwrap_or(effect.queued_at)),
            queued(effect.queued_at),
        ),
        ("status", entry.status.as_str().to_owned(), effect.status_before.clone()),
        ("versionNumber", version.clone(), effect.version_before.to_string()),
        ("expectedVersion", version, expected),
        ("force", entry.force.to_string(), effect.force.to_string()),
    ];
    let other = pairs.into_iter().filter(|(_, judged, hit)| judged != hit);
    let other: Vec<_> =
        other.map(|(what, judged, hit)| format!("{what} {judged} was judged, {hit} hit")).collect();
    (!other.is_empty()).then(|| other.join("; "))
}

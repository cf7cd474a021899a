//! An [`Inventory`] becomes the text of a [`Fleet`](super::Fleet): a snapshot.
//!
//! The inverse of `observed`. A Fleet has no word for "not known", and what it does not say is not there,
//! which is another answer to a policy: so what could not be read is told, and no snapshot is made of it.
//! Text is written as JSON strings, which are YAML; one entry stands on one line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::execution::{ExecutionStatus, JobId, ThingName};
use crate::fact::Fact;
use crate::fleet::OBSERVED_AT;
use crate::inventory::{
    AbortCriterion, Connectivity, FailureType, Inventory, Job, JobDescription, ObservedExecution,
    Thing,
};

/// The snapshot's text, or what of the inventory it cannot say.
pub fn record(inventory: &Inventory, name: &str, now: Timestamp) -> Result<String, Vec<String>> {
    let mut recorder = Recorder::default();
    let mut jobs: BTreeSet<&JobId> = inventory.executions.keys().map(|key| &key.job).collect();
    // A job of which nothing hangs open is told too, once it was described: it is in scope of something.
    jobs.extend(
        inventory.jobs.iter().filter(|(_, job)| !job.description.is_not_read()).map(|(id, _)| id),
    );
    let things: BTreeSet<&ThingName> = inventory.executions.keys().map(|key| &key.thing).collect();
    let jobs: Vec<_> =
        jobs.into_iter().filter_map(|id| Some(recorder.job(id, inventory.jobs.get(id)?))).collect();
    let none = Thing::default();
    let things: Vec<_> = things
        .into_iter()
        .map(|name| recorder.thing(name, inventory.things.get(name).unwrap_or(&none)))
        .collect();
    let executions: Vec<_> = inventory
        .executions
        .iter()
        .map(|(key, row)| recorder.execution(&key.job, &key.thing, row))
        .collect();
    if !recorder.unknown.is_empty() {
        return Err(recorder.unknown);
    }
    let mut text = String::from("apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata:\n");
    let text_of = |value: &str| Value::from(value).to_string();
    let mut line = |line: String| writeln!(text, "{line}").expect("writing to a String");
    line(format!("  name: {}", text_of(name)));
    line(format!("  annotations: {{{OBSERVED_AT}: {}}}", text_of(&now.to_string())));
    line("spec:".to_owned());
    if let Some(account) = &inventory.account {
        line(format!("  account: {}", text_of(&account.account)));
        line(format!("  region: {}", text_of(&account.region)));
    }
    if recorder.unindexed && !recorder.indexed {
        line("  indexing: REGISTRY".to_owned());
    }
    for (title, entries) in [("things", things), ("jobs", jobs), ("executions", executions)] {
        if entries.is_empty() {
            continue;
        }
        line(format!("  {title}:"));
        for entry in entries {
            line(format!("    - {}", Value::Object(entry)));
        }
    }
    Ok(text)
}

#[derive(Default)]
struct Recorder {
    unknown: Vec<String>,
    /// Whether connectivity was told of any thing, and whether it could not be of any.
    indexed: bool,
    unindexed: bool,
}

/// A map without what is not there.
fn entry<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let pairs = pairs.into_iter().filter(|(_, value)| !empty(value));
    pairs.map(|(key, value)| (key.to_owned(), value)).collect()
}

impl Recorder {
    /// The value of a fact that was asked for, if it has one. What nobody asked for says nothing.
    fn told<'a, T>(&mut self, what: impl FnOnce() -> String, fact: &'a Fact<T>) -> Option<&'a T> {
        if let Fact::Unreadable(why) = fact {
            self.unknown.push(format!("{}: {}", what(), why.words()));
        }
        fact.known()
    }

    fn time(&mut self, what: impl FnOnce() -> String, fact: &Fact<Timestamp>) -> Value {
        self.told(what, fact).map_or(Value::Null, |time| Value::from(time.to_string()))
    }

    fn job(&mut self, id: &JobId, job: &Job) -> Map<String, Value> {
        let none = JobDescription::default();
        let described = self.told(|| format!("job {id}"), &job.description).unwrap_or(&none);
        let tags = self.told(|| format!("tags of job {id}"), &job.tags);
        entry([
            ("id", id.as_str().into()),
            ("status", job.status.as_str().into()),
            ("targetSelection", job.target_selection.as_str().into()),
            ("createdAt", self.time(|| format!("createdAt of job {id}"), &job.created_at)),
            ("namespaceId", json!(described.namespace_id)),
            ("description", json!(described.description)),
            ("timeoutMinutes", json!(described.timeout_minutes)),
            ("abort", described.abort.iter().map(abort).collect()),
            ("tags", json!(tags)),
        ])
    }

    fn thing(&mut self, name: &ThingName, thing: &Thing) -> Map<String, Value> {
        let description = self.told(|| format!("thing {name}"), &thing.description);
        let groups = self.told(|| format!("groups of thing {name}"), &thing.groups);
        self.unindexed |= matches!(thing.connectivity, Fact::Unreadable(_));
        self.indexed |= thing.connectivity.known().is_some();
        if self.indexed && self.unindexed {
            self.unknown.push(format!("connectivity of thing {name}, while others have it"));
        }
        entry([
            ("name", name.as_str().into()),
            ("type", json!(description.and_then(|it| it.thing_type.as_ref()))),
            ("groups", json!(groups)),
            ("attributes", json!(description.map(|it| &it.attributes))),
            ("connectivity", thing.connectivity.known().map_or(Value::Null, connectivity)),
        ])
    }

    fn execution(
        &mut self,
        job: &JobId,
        thing: &ThingName,
        row: &ObservedExecution,
    ) -> Map<String, Value> {
        let what = |fact: &str| format!("{fact} of {job} on {thing}");
        if let ExecutionStatus::Unknown(status) = &row.status {
            self.unknown.push(format!("{}: {status}", what("status")));
        }
        let number = self.told(|| what("executionNumber"), &row.number).map(|number| number.0);
        let described = self.told(|| what("execution"), &row.described);
        let version = described.and_then(|it| self.told(|| what("version"), &it.version));
        let details =
            described.and_then(|it| self.told(|| what("statusDetails"), &it.status_details));
        let started = match self.time(|| what("startedAt"), &row.times.started_at()) {
            Value::Null => Value::from("never"),
            time => time,
        };
        let times_out = described.and_then(|it| {
            let left = *it.seconds_before_timed_out.known()?;
            it.at.checked_add(jiff::SignedDuration::from_secs(left)).ok()
        });
        // After a describe of a newer execution number, what only the list says is not known.
        let retries = row.retry_attempt.known().copied();
        entry([
            ("job", job.as_str().into()),
            ("thing", thing.as_str().into()),
            ("status", row.status.as_str().into()),
            ("executionNumber", json!(number)),
            ("versionNumber", json!(version.map(|version| version.get()))),
            ("queuedAt", self.time(|| what("queuedAt"), &row.times.queued_at())),
            ("startedAt", started),
            ("lastUpdatedAt", self.time(|| what("lastUpdatedAt"), &row.times.last_updated_at())),
            ("timesOutAt", json!(times_out.map(|time| time.to_string()))),
            ("retryAttempt", json!(retries.filter(|retries| *retries > 0))),
            ("statusDetails", json!(details)),
        ])
    }
}

fn connectivity(it: &Connectivity) -> Value {
    let pairs: BTreeMap<_, _> = [
        ("connected", it.connected.known().map(|connected| json!(connected))),
        ("since", it.timestamp.known().map(|time| json!(time.to_string()))),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect();
    // Without a word on the connection, nothing is said of it.
    if pairs.contains_key("connected") { json!(pairs) } else { Value::Null }
}

fn abort(criterion: &AbortCriterion) -> Value {
    let kind = match criterion.failure_type {
        FailureType::Failed => "FAILED",
        FailureType::Rejected => "REJECTED",
        FailureType::TimedOut => "TIMED_OUT",
        FailureType::All => "ALL",
    };
    json!({
        "failureType": kind,
        "thresholdPercentage": criterion.threshold_percentage,
        "minNumberOfExecutedThings": criterion.min_number_of_executed_things,
    })
}

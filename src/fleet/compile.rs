//! A fleet as written ([`super::shapes`]) becomes a [`Fleet`], or a list of all that is wrong with it.
//!
//! The one place that knows the defaults of a fleet document and AWS's limits on its texts. Ranges
//! that the shapes' types or the schema hold are not checked again, except where a `Fleet` without
//! them could not be built.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::str::FromStr;

use jiff::SignedDuration;

use super::shapes::{FleetDocument, FleetExecution, FleetJob, FleetThing};
use super::{DEFAULT_ACCOUNT, DEFAULT_REGION, Execution, Fleet, Job, Thing};
use crate::document::diagnostic::Code;
use crate::document::finding::{Findings, join};
use crate::execution::{
    ExecutionNumber, ExecutionStatus, ExecutionVersion, JobId, StatusDetails, ThingName,
};
use crate::inventory::Account;
use crate::span::Moment;

/// Checks a fleet. All that is wrong goes to `findings`; None if anything is.
pub fn compile(document: FleetDocument, findings: &mut Findings) -> Option<Fleet> {
    let mut compiler = Compiler { findings, failed: false };
    let spec = document.spec;
    let mut fleet = Fleet {
        name: document.metadata.name,
        account: compiler.account(spec.account, spec.region),
        groups: BTreeSet::new(),
        things: BTreeMap::new(),
        jobs: BTreeMap::new(),
        executions: BTreeMap::new(),
    };
    for (at, group) in indexed("/spec/groups", spec.groups) {
        compiler.group(&at, &group);
        if !fleet.groups.insert(group) {
            compiler.refuse(Code::MeaningDuplicate, &at, "this group is listed already");
        }
    }
    for (at, thing) in indexed("/spec/things", spec.things) {
        compiler.thing(&at, thing, &mut fleet);
    }
    let mut implied_targets = BTreeSet::new();
    for (at, job) in indexed("/spec/jobs", spec.jobs) {
        compiler.job(&at, job, &mut fleet, &mut implied_targets);
    }
    for (at, execution) in indexed("/spec/executions", spec.executions) {
        compiler.execution(&at, execution, &mut fleet);
    }
    for (job, thing, _) in fleet.executions.keys() {
        if let Some(job) = fleet.jobs.get_mut(job).filter(|_| implied_targets.contains(job)) {
            job.target_things.insert(thing.clone());
        }
    }
    (!compiler.failed).then_some(fleet)
}

fn indexed<T>(pointer: &str, list: Vec<T>) -> impl Iterator<Item = (String, T)> {
    list.into_iter().enumerate().map(move |(index, item)| (join(pointer, index), item))
}

struct Compiler<'a> {
    findings: &'a mut Findings,
    failed: bool,
}

impl Compiler<'_> {
    fn refuse(&mut self, code: Code, pointer: &str, message: impl Into<String>) {
        self.failed = true;
        self.findings.value(code, pointer, message, None);
    }

    /// Refuses what does not hold, as a name or a text that AWS would not accept.
    fn require(&mut self, holds: bool, pointer: &str, message: &str) {
        if !holds {
            self.refuse(Code::MeaningName, pointer, message);
        }
    }

    fn parse<T: FromStr<Err: ToString>>(
        &mut self,
        code: Code,
        pointer: &str,
        text: &str,
    ) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.refuse(code, pointer, error.to_string())).ok()
    }

    fn moment(&mut self, at: &str, field: &str, text: Option<&str>) -> Option<Moment> {
        self.parse(Code::MeaningTime, &join(at, field), text?)
    }

    fn account(&mut self, account: Option<String>, region: Option<String>) -> Account {
        let account = account.unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned());
        let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        self.require(digits, "/spec/account", "an AWS account id has twelve digits");
        let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let fits = region.len() <= 32
            && region.split('-').count() >= 3
            && region.split('-').all(|part| {
                !part.is_empty()
                    && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
        self.require(fits, "/spec/region", "this is not an AWS region such as eu-central-1");
        let partition = match region.as_str() {
            text if text.starts_with("cn-") => "aws-cn",
            text if text.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Account { partition: partition.to_owned(), account, region }
    }

    fn group(&mut self, at: &str, name: &str) {
        self.require(
            spelled(name, 128, b":_-"),
            at,
            "a thing group's name has 1 to 128 letters, digits, ':', '_' and '-'",
        );
    }

    fn groups(
        &mut self,
        at: &str,
        names: Vec<String>,
        all: &mut BTreeSet<String>,
    ) -> BTreeSet<String> {
        let mut groups = BTreeSet::new();
        for (at, name) in indexed(at, names) {
            self.group(&at, &name);
            all.insert(name.clone());
            if !groups.insert(name) {
                self.refuse(Code::MeaningDuplicate, &at, "this group is listed already");
            }
        }
        groups
    }

    fn thing(&mut self, at: &str, thing: FleetThing, fleet: &mut Fleet) {
        if let Some(text) = &thing.thing_type {
            self.require(
                spelled(text, 128, b":_-"),
                &join(at, "type"),
                "a thing type's name has 1 to 128 letters, digits, ':', '_' and '-'",
            );
        }
        let groups = self.groups(&join(at, "groups"), thing.groups, &mut fleet.groups);
        let attributes = join(at, "attributes");
        self.require(
            thing.attributes.len() <= 50,
            &attributes,
            "a thing has at most 50 attributes",
        );
        for (key, value) in &thing.attributes {
            let at = join(&attributes, key);
            self.require(
                spelled(key, 128, b"_.,@/:#-"),
                &at,
                "an attribute's name has 1 to 128 letters, digits and '_.,@/:#-'",
            );
            self.require(
                value.is_empty() || spelled(value, 800, b"_.,@/:#=[]-"),
                &at,
                "an attribute's value has at most 800 letters, digits and '_.,@/:#=[]-'",
            );
        }
        let at = join(at, "name");
        if let Some(name) = self.parse::<ThingName>(Code::MeaningName, &at, &thing.name) {
            let fact = Thing { thing_type: thing.thing_type, groups, attributes: thing.attributes };
            if fleet.things.insert(name, fact).is_some() {
                self.refuse(Code::MeaningDuplicate, &at, "this thing is listed already");
            }
        }
    }

    fn job(&mut self, at: &str, job: FleetJob, fleet: &mut Fleet, implied: &mut BTreeSet<JobId>) {
        let created_at = self.moment(at, "createdAt", job.created_at.as_deref());
        if let Some(text) = &job.description {
            self.require(
                printable(text, 2028),
                &join(at, "description"),
                "a job's description has 1 to 2028 characters, none of them a control character",
            );
        }
        if let Some(text) = &job.namespace_id {
            self.require(
                spelled(text, 64, b"_-"),
                &join(at, "namespaceId"),
                "a namespace id has letters, digits, '_' and '-'",
            );
        }
        if job.timeout_minutes.is_some_and(|minutes| !(1..=10_080).contains(&minutes)) {
            let at = join(at, "timeoutMinutes");
            self.refuse(Code::MeaningDuration, &at, "AWS takes 1 to 10080 minutes");
        }
        let implies = job.targets.is_none();
        let targets = job.targets.unwrap_or_default();
        let place = join(at, "targets");
        let mut things = BTreeSet::new();
        for (at, name) in indexed(&join(&place, "things"), targets.things) {
            things.extend(self.known_thing(&at, &name, fleet));
        }
        let groups = self.groups(&join(&place, "groups"), targets.groups, &mut fleet.groups);
        let at = join(at, "id");
        if let Some(id) = self.parse::<JobId>(Code::MeaningName, &at, &job.id) {
            let fact = Job {
                status: job.status.into(),
                target_selection: job.target_selection.into(),
                description: job.description,
                namespace_id: job.namespace_id,
                created_at,
                timeout_minutes: job.timeout_minutes,
                target_things: things,
                target_groups: groups,
            };
            if implies {
                implied.insert(id.clone());
            }
            if fleet.jobs.insert(id, fact).is_some() {
                self.refuse(Code::MeaningDuplicate, &at, "this job is listed already");
            }
        }
    }

    fn known_thing(&mut self, at: &str, name: &str, fleet: &Fleet) -> Option<ThingName> {
        let name: ThingName = self.parse(Code::MeaningName, at, name)?;
        if fleet.things.contains_key(&name) {
            return Some(name);
        }
        self.refuse(Code::MeaningReference, at, format!("there is no thing {name} in this fleet"));
        None
    }

    fn known_job(&mut self, at: &str, id: &str, fleet: &Fleet) -> Option<JobId> {
        let id: JobId = self.parse(Code::MeaningName, at, id)?;
        if fleet.jobs.contains_key(&id) {
            return Some(id);
        }
        self.refuse(Code::MeaningReference, at, format!("there is no job {id} in this fleet"));
        None
    }

    fn execution(&mut self, at: &str, execution: FleetExecution, fleet: &mut Fleet) {
        let job = self.known_job(&join(at, "job"), &execution.job, fleet);
        let thing = self.known_thing(&join(at, "thing"), &execution.thing, fleet);
        let status = ExecutionStatus::from(execution.status);
        let created_at = job.as_ref().and_then(|id| fleet.jobs.get(id)?.created_at);
        let (queued_at, started_at, last_updated_at) =
            self.times(at, &execution, &status, created_at);
        self.status_details(&join(at, "statusDetails"), &execution.status_details);
        if execution.force_canceled && status != ExecutionStatus::Canceled {
            let at = join(at, "forceCanceled");
            self.refuse(Code::MeaningReference, &at, "only a CANCELED execution was canceled");
        }
        let version = execution
            .version_number
            .map_or_else(|| implied_version(&status, started_at.is_some()), |n| n.get().into());
        let number = ExecutionNumber(execution.execution_number.map_or(1, NonZeroU32::get).into());
        let fact = Execution {
            status,
            version: ExecutionVersion::new(version).expect("a NonZeroU32 and a default are >= 1"),
            queued_at,
            started_at,
            last_updated_at,
            retry_attempt: execution.retry_attempt,
            status_details: execution.status_details,
            force_canceled: execution.force_canceled,
        };
        let (Some(job), Some(thing)) = (job, thing) else { return };
        if fleet.executions.insert((job, thing, number), fact).is_some() {
            let message = format!("execution {number} of this job on this thing is listed already");
            self.refuse(Code::MeaningDuplicate, at, message);
        }
    }

    fn times(
        &mut self,
        at: &str,
        execution: &FleetExecution,
        status: &ExecutionStatus,
        job_created_at: Option<Moment>,
    ) -> (Moment, Option<Moment>, Moment) {
        let queued = self.moment(at, "queuedAt", execution.queued_at.as_deref());
        let started = self.moment(at, "startedAt", execution.started_at.as_deref());
        let updated = self.moment(at, "lastUpdatedAt", execution.last_updated_at.as_deref());
        let now = Moment::Ago(SignedDuration::ZERO);
        let queued_at = queued.or(job_created_at).or(started).or(updated).unwrap_or(now);
        let started_at = match status {
            ExecutionStatus::Queued => {
                if started.is_some() {
                    let at = join(at, "startedAt");
                    self.refuse(Code::MeaningTime, &at, "a QUEUED execution has not started");
                }
                None
            }
            ExecutionStatus::InProgress
            | ExecutionStatus::Succeeded
            | ExecutionStatus::Failed
            | ExecutionStatus::TimedOut => Some(started.or(updated).unwrap_or(queued_at)),
            _ => started,
        };
        let last_updated_at = updated.or(started_at).unwrap_or(queued_at);
        if started_at.is_some_and(|started| is_before(started, queued_at)) {
            self.refuse(Code::MeaningTime, &join(at, "startedAt"), "this is before it was queued");
        }
        if is_before(last_updated_at, started_at.unwrap_or(queued_at)) {
            let at = join(at, "lastUpdatedAt");
            self.refuse(Code::MeaningTime, &at, "this is before it was queued or started");
        }
        (queued_at, started_at, last_updated_at)
    }

    fn status_details(&mut self, at: &str, details: &StatusDetails) {
        self.require(details.len() <= 10, at, "statusDetails have at most 10 pairs");
        for (key, value) in details {
            let at = join(at, key);
            self.require(
                spelled(key, 128, b":_-"),
                &at,
                "a key of statusDetails has 1 to 128 letters, digits, ':', '_' and '-'",
            );
            self.require(
                printable(value, 1024),
                &at,
                "a value of statusDetails has 1 to 1024 characters, none of them a control character",
            );
        }
    }
}

fn spelled(text: &str, max: usize, extra: &[u8]) -> bool {
    (1..=max).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
}

fn printable(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Whether `a` is surely before `b`; an age and a time cannot be compared without a `now`.
fn is_before(a: Moment, b: Moment) -> bool {
    match (a, b) {
        (Moment::At(a), Moment::At(b)) => a < b,
        (Moment::Ago(a), Moment::Ago(b)) => a > b,
        _ => false,
    }
}

/// The version that an execution has if nothing more happened to it than its status says.
fn implied_version(status: &ExecutionStatus, started: bool) -> i64 {
    match status {
        // AWS does not count the step to REMOVED.
        ExecutionStatus::Queued | ExecutionStatus::Removed => 1,
        ExecutionStatus::InProgress => 2,
        _ if started => 3,
        _ => 2,
    }
}

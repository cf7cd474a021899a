//! A fleet as written ([`super::shapes`]) becomes a [`Fleet`], or a list of all that is wrong with it.
//!
//! The one place that knows the defaults of a fleet document and AWS's limits on its texts. Ranges
//! that the shapes' types or the schema hold are not checked again, except where a `Fleet` without
//! them could not be built.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use super::numbered::{MOST_JOBS, MOST_THINGS, Numbered};
use super::shapes::{FleetDocument, FleetJob, FleetThing, FleetThingGroup, FleetThingType};
use super::{
    Connectivity, DEFAULT_ACCOUNT, DEFAULT_REGION, Fleet, Job, Thing, ThingGroup, ThingType,
};
use crate::document::diagnostic::Code;
use crate::document::finding::{Findings, join};
use crate::execution::{Account, JobId, ThingName};
use crate::span::Moment;

/// Checks a fleet. All that is wrong goes to `findings`; None if anything is.
pub fn compile(document: FleetDocument, findings: &mut Findings) -> Option<Fleet> {
    let mut compiler = Compiler { findings, failed: false };
    let written = Arc::new(document.clone());
    let spec = document.spec;
    let mut fleet = Fleet {
        document: written,
        name: document.metadata.name,
        account: compiler.account(spec.account, spec.region),
        groups: BTreeSet::new(),
        thing_groups: BTreeMap::new(),
        thing_types: BTreeMap::new(),
        indexing: spec.indexing,
        quotas: spec.quotas,
        seed: spec.seed,
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
    for (at, group) in indexed("/spec/thingGroups", spec.thing_groups) {
        compiler.thing_group(&at, group, &mut fleet);
    }
    compiler.forest(&fleet);
    for (at, kind) in indexed("/spec/thingTypes", spec.thing_types) {
        compiler.thing_type(&at, kind, &mut fleet);
    }
    for (at, thing) in indexed("/spec/things", spec.things) {
        compiler.thing(&at, thing, &mut fleet);
    }
    let mut implied_targets = BTreeSet::new();
    for (at, job) in indexed("/spec/jobs", spec.jobs) {
        compiler.job(&at, job, &mut fleet, &mut implied_targets);
    }
    for (at, execution) in indexed("/spec/executions", spec.executions) {
        compiler.execution(&at, &execution, &mut fleet);
    }
    for (job, thing, _) in fleet.executions.keys() {
        if let Some(job) = fleet.jobs.get_mut(job).filter(|_| implied_targets.contains(job)) {
            job.target_things.insert(thing.clone());
        }
    }
    (!compiler.failed).then_some(fleet)
}

impl Fleet {
    /// The same fleet once more, from the document of one.
    pub fn again(document: &FleetDocument) -> Self {
        let fleet = compile(document.clone(), &mut Findings::default());
        fleet.expect("a fleet's document was compiled before, and nothing else decides")
    }
}

fn indexed<T>(pointer: &str, list: Vec<T>) -> impl Iterator<Item = (String, T)> {
    list.into_iter().enumerate().map(move |(index, item)| (join(pointer, index), item))
}

mod behavior;
mod executions;

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

    /// The names that an entry stands for, unless the fleet gets too large by it. `key` is the name's.
    fn numbered(
        &mut self,
        (at, key): (&str, &str),
        text: &str,
        (count, first): (Option<NonZeroU32>, Option<u32>),
    ) -> Option<Numbered> {
        let numbered = Numbered::new(text, count.map(NonZeroU32::get), first);
        numbered.map_err(|why| self.refuse(Code::MeaningName, &join(at, key), why)).ok()
    }

    /// Whether so many more fit.
    fn fits(&mut self, at: &str, what: &str, (there, more, most): (usize, usize, usize)) -> bool {
        let fits = there.saturating_add(more) <= most;
        if !fits {
            let message = format!("a fleet has at most {most} {what}");
            self.refuse(Code::MeaningTooMany, &join(at, "count"), message);
        }
        fits
    }

    fn thing_group(&mut self, at: &str, group: FleetThingGroup, fleet: &mut Fleet) {
        self.group(&join(at, "name"), &group.name);
        if let Some(parent) = &group.parent {
            self.group(&join(at, "parent"), parent);
            fleet.groups.insert(parent.clone());
        }
        fleet.groups.insert(group.name.clone());
        let fact = ThingGroup {
            created_at: self.moment(at, "createdAt", group.created_at.as_deref()),
            parent: group.parent,
            description: group.description,
            attributes: group.attributes,
            tags: group.tags,
            version: group.version.map(NonZeroU32::get),
        };
        if fleet.thing_groups.insert(group.name, fact).is_some() {
            let at = join(at, "name");
            self.refuse(Code::MeaningDuplicate, &at, "this group is listed already");
        }
    }

    /// No group is in itself.
    fn forest(&mut self, fleet: &Fleet) {
        for name in fleet.thing_groups.keys() {
            let above = |name: &String| fleet.thing_groups.get(name)?.parent.clone();
            let path = std::iter::successors(above(name), above).take(fleet.thing_groups.len());
            if path.into_iter().any(|group| group == *name) {
                let message = format!("the thing group {name} is in itself");
                self.refuse(Code::MeaningReference, "/spec/thingGroups", message);
            }
        }
    }

    fn thing_type(&mut self, at: &str, kind: FleetThingType, fleet: &mut Fleet) {
        self.require(
            spelled(&kind.name, 128, b":_-"),
            &join(at, "name"),
            "a thing type's name has 1 to 128 letters, digits, ':', '_' and '-'",
        );
        let fact = ThingType {
            created_at: self.moment(at, "createdAt", kind.created_at.as_deref()),
            deprecated_at: self.moment(at, "deprecatedAt", kind.deprecated_at.as_deref()),
            description: kind.description,
            searchable_attributes: kind.searchable_attributes,
            tags: kind.tags,
        };
        if fleet.thing_types.insert(kind.name, fact).is_some() {
            let at = join(at, "name");
            self.refuse(Code::MeaningDuplicate, &at, "this thing type is listed already");
        }
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
        let connectivity = thing.connectivity.map(|it| {
            let at = join(at, "connectivity");
            let since = self.moment(&at, "since", it.since.as_deref());
            Connectivity { connected: it.connected, since }
        });
        let behavior = thing.behavior.map(|behavior| {
            let starts_online = connectivity.is_none_or(|it| it.connected);
            Arc::new(self.behavior(&join(at, "behavior"), behavior, starts_online))
        });
        let place = (at, "name");
        let Some(numbered) = self.numbered(place, &thing.name, (thing.count, thing.first)) else {
            return;
        };
        if !self.fits(at, "things", (fleet.things.len(), numbered.count(), MOST_THINGS)) {
            return;
        }
        let version = thing.version.map(NonZeroU32::get);
        let (thing_type, attributes) = (thing.thing_type, thing.attributes);
        let fact =
            Arc::new(Thing { thing_type, groups, attributes, version, connectivity, behavior });
        let at = join(at, "name");
        for name in numbered.names() {
            let Some(name) = self.parse::<ThingName>(Code::MeaningName, &at, &name) else { return };
            if fleet.things.insert(name, fact.clone()).is_some() {
                self.refuse(Code::MeaningDuplicate, &at, "this thing is listed already");
                return;
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
        let schedule = job.schedule.unwrap_or_default();
        let place = join(at, "schedule");
        let mut time =
            |key: &str, text: Option<String>| match self.moment(&place, key, text.as_deref())? {
                Moment::At(time) => Some(time),
                Moment::Ago(_) => {
                    let message = "a schedule has times such as 2027-01-01T00:00:00Z";
                    self.refuse(Code::MeaningTime, &join(&place, key), message);
                    None
                }
            };
        let starts_at = time("startTime", schedule.start_time);
        let ends_at = time("endTime", schedule.end_time).map(|at| (at, schedule.end_behavior));
        let Some(numbered) = self.numbered((at, "id"), &job.id, (job.count, job.first)) else {
            return;
        };
        if !self.fits(at, "jobs", (fleet.jobs.len(), numbered.count(), MOST_JOBS)) {
            return;
        }
        let fact = Job {
            status: job.status.into(),
            target_selection: job.target_selection.into(),
            description: job.description,
            namespace_id: job.namespace_id,
            created_at,
            timeout_minutes: job.timeout_minutes,
            target_things: things,
            target_groups: groups,
            tags: job.tags,
            document: job.document,
            abort: job.abort,
            retry: job.retry,
            starts_at,
            ends_at,
            reason_code: job.reason_code,
            comment: job.comment,
            force_canceled: job.force_canceled,
            canceling: job.canceling,
        };
        let at = join(at, "id");
        for id in numbered.names() {
            let Some(id) = self.parse::<JobId>(Code::MeaningName, &at, &id) else { return };
            if implies {
                implied.insert(id.clone());
            }
            if fleet.jobs.insert(id, fact.clone()).is_some() {
                self.refuse(Code::MeaningDuplicate, &at, "this job is listed already");
                return;
            }
        }
    }

    fn known_thing(&mut self, at: &str, name: &str, fleet: &Fleet) -> Option<ThingName> {
        let name: ThingName = self.parse(Code::MeaningName, at, name)?;
        // The name as the thing has it: a million executions share their texts.
        if let Some((name, _)) = fleet.things.get_key_value(&name) {
            return Some(name.clone());
        }
        self.refuse(Code::MeaningReference, at, format!("there is no thing {name} in this fleet"));
        None
    }

    fn known_job(&mut self, at: &str, id: &str, fleet: &Fleet) -> Option<JobId> {
        let id: JobId = self.parse(Code::MeaningName, at, id)?;
        if let Some((id, _)) = fleet.jobs.get_key_value(&id) {
            return Some(id.clone());
        }
        self.refuse(Code::MeaningReference, at, format!("there is no job {id} in this fleet"));
        None
    }
}

fn spelled(text: &str, max: usize, extra: &[u8]) -> bool {
    (1..=max).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
}

fn printable(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

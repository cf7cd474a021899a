//! A test of policies with the places of what it refers to, and whether that is there.
//!
//! Apart from the reading of its file, since the fleet and the policies that it names are in other
//! files, which whoever runs or validates the test has to find. They are asked once they were read.

use std::collections::BTreeMap;

use serde_json::Value;

use super::diagnostic::{Code, Diagnostic, Place};
use super::finding::join;
use super::words::{nearest, quoted};
use crate::execution::{JobId, ThingName};
use crate::fleet::Fleet;
use crate::policy::PolicySet;
use crate::policy::test_case::TestCase;

/// A test, and where its parts stand.
#[derive(Clone, Debug)]
pub struct WrittenTest {
    /// What it says.
    pub case: TestCase,
    /// Its places, by JSON pointer: of `spec`, of what refers to something, of each expectation.
    pub(super) places: BTreeMap<String, Place>,
}

/// The pointers of a test's document whose places are kept.
pub(super) fn pointers(value: &Value) -> Vec<String> {
    let mut pointers = vec!["/spec".to_owned()];
    pointers.extend(["/spec/root", "/spec/fleet"].map(str::to_owned));
    let expect = value.pointer("/spec/expect").and_then(Value::as_array);
    for index in 0..expect.map_or(0, Vec::len) {
        let at = join("/spec/expect", index);
        pointers.extend(["job", "thing", "policy"].map(|key| join(&at, key)));
        pointers.push(at);
    }
    pointers
}

impl WrittenTest {
    /// Where one of its expectations stands.
    pub fn expectation(&self, index: usize) -> &Place {
        self.place(&join("/spec/expect", index))
    }

    /// Where the test stands as a whole.
    pub fn whole(&self) -> &Place {
        self.place("/spec")
    }

    /// Makes its places such that they can be opened from here: its file is at `path`.
    pub fn relocate(&mut self, path: &str) {
        for place in self.places.values_mut() {
            place.path = path.into();
        }
    }

    fn place(&self, pointer: &str) -> &Place {
        let place = self.places.get(pointer).or_else(|| self.places.get("/spec"));
        place.expect("the places of a test hold that of its spec")
    }

    fn missing(&self, pointer: &str, message: &str, help: Option<&str>) -> Diagnostic {
        let place = self.place(pointer).clone();
        Diagnostic::new(Code::MeaningReference, place, message, help)
    }

    /// That its fleet cannot be had.
    pub fn without_fleet(&self, why: &str) -> Diagnostic {
        let help = "write the path of a `kind: Fleet` from the directory of this file";
        self.missing("/spec/fleet", why, Some(help))
    }

    /// That its policies cannot be had.
    pub fn without_root(&self, why: &str) -> Diagnostic {
        let help = "write the path of a policy root from the directory of this file";
        self.missing("/spec/root", why, Some(help))
    }

    /// What it names and is not there, among `policies` and in `fleet`, which is called `name`.
    pub fn references(&self, fleet: &Fleet, name: &str, policies: &PolicySet) -> Vec<Diagnostic> {
        let mut missing = Vec::new();
        for (index, expected) in self.case.expect.iter().enumerate() {
            let at = join("/spec/expect", index);
            let mut add = |pointer: &str, message: String, help: Option<String>| {
                missing.push(self.missing(pointer, &message, help.as_deref()));
            };
            let did_you_mean = |near: Option<&str>| near.map(|it| format!("did you mean `{it}`?"));
            let (job, thing) = (&expected.key.job, &expected.key.thing);
            let (has_job, has_thing) =
                (fleet.jobs.contains_key(job), fleet.things.contains_key(thing));
            if !has_job {
                let near = nearest(job.as_str(), fleet.jobs.keys().map(JobId::as_str));
                let message = format!("{} is no job of {name}", quoted(job.as_str()));
                add(&join(&at, "job"), message, did_you_mean(near));
            }
            if !has_thing {
                let near = nearest(thing.as_str(), fleet.things.keys().map(ThingName::as_str));
                let message = format!("{} is no thing of {name}", quoted(thing.as_str()));
                add(&join(&at, "thing"), message, did_you_mean(near));
            }
            let of_both = fleet.executions.keys().any(|(of, on, _)| of == job && on == thing);
            if has_job && has_thing && !of_both {
                let message = format!("{name} has no execution of {job} on {thing}");
                let of_job: Vec<_> = fleet
                    .executions
                    .keys()
                    .filter(|(of, _, _)| of == job)
                    .map(|(_, on, _)| on.as_str())
                    .take(4)
                    .collect();
                let help = match of_job.as_slice() {
                    [] => format!("it has none of {job} at all"),
                    things => format!("it has some of {job} on {}", things.join(", ")),
                };
                add(&join(&at, "thing"), message, Some(help));
            }
            if let Some(policy) = &expected.policy
                && policies.get(policy).is_none()
            {
                let near = nearest(policy.as_str(), policies.iter().map(|it| it.name.as_str()));
                let message = format!("{} is no policy of the root", quoted(policy.as_str()));
                add(&join(&at, "policy"), message, did_you_mean(near));
            }
        }
        missing
    }
}

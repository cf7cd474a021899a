//! A test of policies: what is to be decided about a fleet at a fixed time.
//!
//! The shape as written becomes a [`TestCase`], or a list of what is wrong with it. Whether the files,
//! things and policies that it names are there is asked when they are at hand (`document::written`).

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::shapes::{DecisionShape, ExpectShape, ReasonShape, TestDocument, UnlistedShape};
use super::{Origin, PolicyName};
use crate::document::diagnostic::Code;
use crate::document::finding::{Findings, join};
use crate::document::words::quoted;
use crate::execution::{ExecutionKey, JobId, ThingName};
use crate::plan::{Decision, Reason};
use crate::span::Period;

/// One CancelTest.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// Its name, unique among the tests of the root.
    pub name: PolicyName,
    /// Where it was written.
    pub origin: Origin,
    /// The time for which it is decided.
    pub now: Timestamp,
    /// The policy root, from the directory of the test's file.
    pub root: String,
    /// The fleet's file, from the directory of the test's file.
    pub fleet: String,
    /// For how long what matches has matched; none for as long as each policy asks.
    pub matched_for: Option<SignedDuration>,
    /// What is expected, as written. Its keys differ.
    pub expect: Vec<Expectation>,
    /// Whether cancels that nobody expects fail the test.
    pub forbid_unlisted: bool,
}

/// What is to be decided about one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Which one.
    pub key: ExecutionKey,
    /// What. Never Examine: a test has all facts at hand.
    pub decision: Decision,
    /// Why, if that is expected. It goes with the decision.
    pub reason: Option<Reason>,
    /// Whose decision, if that is expected.
    pub policy: Option<PolicyName>,
    /// Whether force is sent, if that is expected; only for Cancel.
    pub force: Option<bool>,
}

/// Checks a test. All that is wrong goes to `findings`; None if anything is.
pub fn compile(
    document: &TestDocument,
    origin: Origin,
    findings: &mut Findings,
) -> Option<TestCase> {
    let before = findings.len();
    let spec = &document.spec;
    let name = PolicyName::new(&document.metadata.name);
    if name.is_none() {
        let message = format!("{} is not a test's name", quoted(&document.metadata.name));
        let help =
            "write 1 to 63 lower-case letters, digits and hyphens, neither first nor last a hyphen";
        findings.value(Code::MeaningName, "/metadata/name", message, Some(help));
    }
    let now = spec.now.parse().ok();
    if now.is_none() {
        let message = format!("{} is not a time", quoted(&spec.now));
        let help = "write it with its zone, like 2026-11-24T12:00:00Z";
        findings.value(Code::MeaningTime, "/spec/now", message, Some(help));
    }
    let root = spec.root.as_deref().unwrap_or(".");
    for (pointer, path) in [("/spec/root", root), ("/spec/fleet", &*spec.fleet)] {
        if path.starts_with('/') {
            let message = format!("{} is a path of one machine", quoted(path));
            let help = "write the path from the directory of this file";
            findings.value(Code::MeaningReference, pointer, message, Some(help));
        }
    }
    let matched_for = spec.matched_for.as_deref().map(str::parse::<Period>);
    if let Some(Err(error)) = &matched_for {
        findings.value(Code::MeaningDuration, "/spec/matchedFor", error.to_string(), None);
    }
    let mut seen = BTreeMap::new();
    let mut expect = Vec::new();
    for (index, shape) in spec.expect.iter().enumerate() {
        let pointer = join("/spec/expect", index);
        let Some(expected) = expectation(shape, &pointer, findings) else { continue };
        if let Some(first) = seen.insert(expected.key.clone(), index) {
            let message = format!("{} is expected already, as entry {}", expected.key, first + 1);
            let help = "keep one of the two";
            findings.value(Code::MeaningDuplicate, &pointer, message, Some(help));
        }
        expect.push(expected);
    }
    if findings.has_errors_since(before) {
        return None;
    }
    Some(TestCase {
        name: name?,
        origin,
        now: now?,
        root: root.to_owned(),
        fleet: spec.fleet.clone(),
        matched_for: matched_for.and_then(Result::ok).map(Period::get),
        expect,
        forbid_unlisted: spec.unlisted == UnlistedShape::Forbid,
    })
}

fn expectation(shape: &ExpectShape, at: &str, findings: &mut Findings) -> Option<Expectation> {
    let decision = match shape.decision {
        DecisionShape::Cancel => Decision::Cancel,
        DecisionShape::Defer => Decision::Defer,
        DecisionShape::Keep => Decision::Keep,
    };
    if let Some(ReasonShape(reason)) = shape.reason
        && reason.decision() != decision
    {
        let message = format!(
            "the reason {} goes with {:?}, not with {decision:?}",
            ReasonShape::name(reason),
            reason.decision()
        );
        let fitting: Vec<_> = ReasonShape::all()
            .filter(|reason| reason.decision() == decision)
            .map(ReasonShape::name)
            .collect();
        let help = format!("{decision:?} has the reasons {}", fitting.join(", "));
        findings.value(Code::MeaningExpectation, join(at, "reason"), message, Some(&help));
    }
    if shape.force.is_some() && decision != Decision::Cancel {
        let message = format!("force is sent only with a cancel, and {decision:?} is expected");
        let help = "remove `force`";
        findings.key(Code::MeaningExpectation, join(at, "force"), message, Some(help));
    }
    let policy = shape.policy.as_ref().map(|name| {
        let policy = PolicyName::new(name);
        if policy.is_none() {
            let message = format!("{} is not a policy's name", quoted(name));
            findings.value(Code::MeaningName, join(at, "policy"), message, None);
        }
        policy
    });
    let job: Option<JobId> = parse(&shape.job, &join(at, "job"), findings);
    let thing: Option<ThingName> = parse(&shape.thing, &join(at, "thing"), findings);
    Some(Expectation {
        key: ExecutionKey { job: job?, thing: thing? },
        decision,
        reason: shape.reason.map(|ReasonShape(reason)| reason),
        policy: policy.flatten(),
        force: shape.force,
    })
}

fn parse<T: FromStr<Err: ToString>>(
    text: &str,
    pointer: &str,
    findings: &mut Findings,
) -> Option<T> {
    let parsed = text.parse();
    parsed
        .map_err(|error: T::Err| {
            findings.value(Code::MeaningName, pointer, error.to_string(), None);
        })
        .ok()
}

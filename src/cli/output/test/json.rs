//! Results of tests as JSON: `rescind/test/v1`. Keys are added, and none is taken away.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Outcome, Tested, Unexpected};
use crate::cli::output::explain::json as explain;
use crate::document::Diagnostic;
use crate::document::report::{Entry, Range};
use crate::plan::tested::Decided;
use crate::plan::{Decision, Reason};
use crate::policy::{Expectation, PolicyName};

/// What the document is, and its version.
pub const FORMAT: &str = "rescind/test/v1";

/// The results of tests.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tests")]
pub struct Json<'a> {
    /// What the document is, and its version.
    format: &'static str,
    /// The tests, in the order of the paths that were given.
    tests: Vec<JsonTest<'a>>,
    /// How they ended.
    summary: Summary,
    /// What is wrong with the files that were read. Tests in one with an error did not run.
    diagnostics: Vec<Entry>,
}

/// How tests ended. The exit code is 0 if all passed and no file is broken, and else 1.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TestSummary")]
pub(super) struct Summary {
    /// All that were found.
    tests: usize,
    /// Those that decided as expected.
    pub passed: usize,
    /// Those that did not.
    pub failed: usize,
    /// Those that could not run.
    pub errors: usize,
    /// Files with an error: what tests they have is not known.
    broken_files: usize,
}

/// One test and how it ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonTest<'a> {
    /// Its name.
    name: &'a str,
    #[serde(flatten)]
    place: &'a Range,
    /// How it ended.
    #[schemars(extend("enum" = ["passed", "failed", "error"]))]
    outcome: &'static str,
    /// What was decided and not expected. Absent unless it failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<JsonFailure<'a>>,
    /// What it refers to in vain. Absent unless it could not run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Entry>,
    /// A safety rule that the plan breaks: a bug in rescind. Absent but for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Something that was decided and not expected.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonFailure<'a> {
    #[serde(flatten)]
    place: &'a Range,
    /// The job's id.
    job: &'a str,
    /// The thing's name.
    thing: &'a str,
    /// What was expected; null if nothing was, so that it must not be canceled.
    expected: Option<JsonDecision<'a>>,
    /// What was decided; null if no policy has it in scope.
    decided: Option<JsonDecision<'a>>,
    /// All that bears on it, as `explain -o json` has it; null if it has ended.
    explanation: Option<explain::Json<'a>>,
}

/// A decision, as far as it is expected or was made.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TestDecision")]
pub(super) struct JsonDecision<'a> {
    /// What becomes of it.
    pub decision: Decision,
    /// Why. Absent if any will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The policy whose decision it is. Absent if any will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    /// Whether force is sent. Absent if that does not matter, or if it is not canceled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
}

impl<'a> JsonDecision<'a> {
    pub fn expected(expected: &'a Expectation) -> Self {
        Self {
            decision: expected.decision,
            reason: expected.reason,
            policy: expected.policy.as_ref().map(PolicyName::as_str),
            force: expected.force,
        }
    }

    pub fn decided(decided: &'a Decided) -> Self {
        let force = (decided.decision == Decision::Cancel).then_some(decided.force);
        let (decision, reason) = (decided.decision, Some(decided.reason));
        Self { decision, reason, policy: Some(decided.policy.as_str()), force }
    }
}

/// How tests ended, of which so many files are broken.
pub(super) fn summary(tests: &[Tested], broken_files: usize) -> Summary {
    let count = |word: &str| tests.iter().filter(|test| test.outcome.word() == word).count();
    Summary {
        tests: tests.len(),
        passed: count("passed"),
        failed: count("failed"),
        errors: count("error"),
        broken_files,
    }
}

/// The results as JSON, with what is wrong with the files that were read.
pub fn json<'a>(tests: &'a [Tested], broken_files: usize, diagnostics: &[Diagnostic]) -> Json<'a> {
    Json {
        format: FORMAT,
        tests: tests.iter().map(json_test).collect(),
        summary: summary(tests, broken_files),
        diagnostics: diagnostics.iter().map(Entry::from).collect(),
    }
}

fn json_test(test: &Tested) -> JsonTest<'_> {
    let mut json = JsonTest {
        name: &test.name,
        place: &test.place,
        outcome: test.outcome.word(),
        failures: Vec::new(),
        diagnostics: Vec::new(),
        error: None,
    };
    match &test.outcome {
        Outcome::Passed => {}
        Outcome::Failed(failures) => json.failures = failures.iter().map(json_failure).collect(),
        Outcome::Broken(missing) => json.diagnostics = missing.iter().map(Entry::from).collect(),
        Outcome::Unsafe(error) => json.error = Some(error),
    }
    json
}

fn json_failure(failure: &Unexpected) -> JsonFailure<'_> {
    JsonFailure {
        place: &failure.place,
        job: failure.key.job.as_str(),
        thing: failure.key.thing.as_str(),
        expected: failure.expected.as_ref().map(JsonDecision::expected),
        decided: failure.decided.as_ref().map(JsonDecision::decided),
        explanation: failure.explanation.as_ref().map(|it| explain::json(it, &[], &[])),
    }
}

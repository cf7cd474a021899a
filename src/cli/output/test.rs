//! Results of tests as people read them, as JUnit, and as annotations.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::cli::args::Color;
use crate::cli::output::github::{Annotation, Level};
use crate::cli::output::{Output, Tone, columns, explain, plural};
use crate::document::report::Range;
use crate::document::{Diagnostic, render};
use crate::execution::ExecutionKey;
use crate::plan::explain::Explanation;
use crate::plan::tested::Decided;
use crate::plan::words;
use crate::policy::Expectation;
use crate::policy::shapes::ReasonShape;

pub mod json;

use json::{JsonDecision, summary};

/// One test and how it ended.
#[derive(Debug)]
pub struct Tested {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Range,
    /// How many executions it names.
    pub expectations: usize,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a test ended.
#[derive(Debug)]
pub enum Outcome {
    /// As expected.
    Passed,
    /// Something was decided that was not expected.
    Failed(Vec<Unexpected>),
    /// What it refers to is not there.
    Broken(Vec<Diagnostic>),
    /// The plan breaks a safety rule: a bug in rescind.
    Unsafe(String),
}

/// Something that was decided and not expected.
#[derive(Debug)]
pub struct Unexpected {
    /// About which execution.
    pub key: ExecutionKey,
    /// What was expected; none if nothing was.
    pub expected: Option<Expectation>,
    /// What was decided; none if no policy has it in scope.
    pub decided: Option<Decided>,
    /// Where that was expected, else where the test stands.
    pub place: Range,
    /// All that bears on it; none if it has ended.
    pub explanation: Option<Explanation>,
}

impl Outcome {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        matches!(self, Self::Passed)
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Broken(_) | Self::Unsafe(_) => "error",
        }
    }
}

impl JsonDecision<'_> {
    /// `cancel (Matched) by retired-devices, without force`.
    fn in_words(&self) -> String {
        let mut text = words::decision(self.decision).to_owned();
        if let Some(reason) = self.reason {
            text.push_str(&format!(" ({})", ReasonShape::name(reason)));
        }
        if let Some(policy) = self.policy {
            text.push_str(&format!(" by {policy}"));
        }
        match self.force {
            Some(true) => text.push_str(", with force"),
            Some(false) => text.push_str(", without force"),
            None => {}
        }
        text
    }
}

/// What was expected and what was decided, in words.
fn sides(failure: &Unexpected) -> (String, String) {
    let expected = match &failure.expected {
        Some(expected) => JsonDecision::expected(expected).in_words(),
        None => "nothing: no expectation names it".to_owned(),
    };
    let decided = match &failure.decided {
        Some(decided) => JsonDecision::decided(decided).in_words(),
        None => "keep: no policy has it in scope".to_owned(),
    };
    (expected, decided)
}

fn failure_text(failure: &Unexpected) -> String {
    let Range { path, line, column, .. } = &failure.place;
    let (expected, decided) = sides(failure);
    let mut text = format!("  {path}:{line}:{column}: {}\n", failure.key);
    text.push_str(&format!("    expected  {expected}\n    decided   {decided}\n"));
    if let Some(explanation) = &failure.explanation {
        for line in explain::text(explanation, &[], Output::new(Color::Never)).lines() {
            text.push_str(format!("      {line}").trim_end());
            text.push('\n');
        }
    }
    text
}

fn details(test: &Tested) -> String {
    match &test.outcome {
        Outcome::Passed => String::new(),
        Outcome::Failed(failures) => failures.iter().map(failure_text).collect(),
        Outcome::Broken(missing) => render::text(missing, false),
        Outcome::Unsafe(error) => {
            format!("  the plan breaks a safety rule, which is a bug in rescind: {error}\n")
        }
    }
}

/// The results as text: one line a test, and behind it what was not expected.
pub fn text(tests: &[Tested], output: Output) -> String {
    let row = |test: &Tested| {
        let tone = if test.outcome.passed() { Tone::Good } else { Tone::Strong };
        let word = match test.outcome.word() {
            "passed" => "ok",
            "failed" => "FAILED",
            _ => "ERROR",
        };
        vec![
            (tone, word.to_owned()),
            (Tone::Plain, test.name.clone()),
            (Tone::Plain, plural(test.expectations, "expectation")),
            (Tone::Faint, format!("{}:{}", test.place.path, test.place.line)),
        ]
    };
    let rows = columns(output, &tests.iter().map(row).collect::<Vec<_>>());
    let mut text = String::new();
    for (line, test) in rows.lines().zip(tests) {
        text.push_str(line);
        text.push('\n');
        text.push_str(&details(test));
    }
    if !tests.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
    text.push_str(&last(tests));
    text
}

/// How many tests ended how: the last line of the text.
pub fn last(tests: &[Tested]) -> String {
    let summary = summary(tests, 0);
    let mut parts = Vec::new();
    for (count, word) in
        [(summary.passed, "passed"), (summary.failed, "failed"), (summary.errors, "could not run")]
    {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let parts = if parts.is_empty() { "none".to_owned() } else { parts.join(", ") };
    format!("{}: {parts}.\n", plural(tests.len(), "test"))
}

/// The results as JUnit XML: a suite for each file, without times, so that the same tests give the
/// same bytes.
pub fn junit(tests: &[Tested]) -> anyhow::Result<String> {
    let mut report = Report::new("rescind");
    let mut suites: Vec<(&str, TestSuite)> = Vec::new();
    for test in tests {
        let path = test.place.path.as_str();
        if suites.last().is_none_or(|(last, _)| *last != path) {
            suites.push((path, TestSuite::new(path)));
        }
        let kind = match &test.outcome {
            Outcome::Passed => None,
            Outcome::Failed(_) => Some(NonSuccessKind::Failure),
            Outcome::Broken(_) | Outcome::Unsafe(_) => Some(NonSuccessKind::Error),
        };
        let status = kind.map_or_else(TestCaseStatus::success, |kind| {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(message(test));
            status.set_description(details(test));
            status
        });
        let mut case = TestCase::new(&*test.name, status);
        case.set_classname(path).set_assertions(test.expectations);
        case.extra.insert("file".into(), path.into());
        case.extra.insert("line".into(), test.place.line.to_string().into());
        if let Some((_, suite)) = suites.last_mut() {
            suite.add_test_case(case);
        }
    }
    for (_, suite) in suites {
        report.add_test_suite(suite);
    }
    Ok(report.to_string()?)
}

fn failure_message(failure: &Unexpected) -> String {
    let (expected, decided) = sides(failure);
    format!("{}: expected {expected}; decided {decided}", failure.key)
}

fn message(test: &Tested) -> String {
    match &test.outcome {
        Outcome::Failed(failures) => match failures.as_slice() {
            [only] => failure_message(only),
            several => format!("{} decisions are not as expected", several.len()),
        },
        Outcome::Broken(missing) => {
            missing.first().map(|it| it.message.clone()).unwrap_or_default()
        }
        Outcome::Unsafe(error) => error.clone(),
        Outcome::Passed => String::new(),
    }
}

/// What is to be shown beside the test, where it was expected.
pub fn annotations(test: &Tested) -> Vec<Annotation> {
    let title = || format!("test {}", test.name);
    match &test.outcome {
        Outcome::Passed => Vec::new(),
        Outcome::Failed(failures) => {
            let told = |it: &Unexpected| {
                Annotation::at(Level::Error, &it.place, title(), failure_message(it))
            };
            failures.iter().map(told).collect()
        }
        Outcome::Broken(missing) => missing.iter().map(Annotation::from).collect(),
        Outcome::Unsafe(_) => {
            vec![Annotation::at(Level::Error, &test.place, title(), message(test))]
        }
    }
}

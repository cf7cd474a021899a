//! The forms that results take, one enum for each set of them.

use clap::ValueEnum;

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: versioned, additive only.
    Json,
}

/// The form of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: versioned, additive only.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

/// The form of the results of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: versioned, additive only.
    Json,
    /// JUnit XML.
    Junit,
    /// Annotations, as GitHub Actions reads them off the log of a step.
    Github,
}

/// The form of what is wrong with files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ValidateFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: versioned, additive only.
    Json,
    /// Annotations, as GitHub Actions reads them off the log of a step.
    Github,
}

/// The form of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: versioned, additive only.
    Json,
    /// For a comment on a pull request.
    Markdown,
    /// Annotations, as GitHub Actions reads them off the log of a step.
    Github,
}

//! `--output`: the forms that results take, one enum for each set of them.
//!
//! What the flag is called, and how its help is put together from the forms, stands here alone.

use clap::builder::StyledStr;
use clap::{Args as ClapArgs, ValueEnum};

/// The form of a result, one of `F`.
#[derive(Debug, ClapArgs)]
pub struct As<F: Default + Clone + Send + Sync + ValueEnum + 'static> {
    /// The form that was asked for.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORM",
        hide_possible_values = true,
        help = help::<F>()
    )]
    pub output: F,
}

/// `text for people; json for programs, versioned`, from what each form is for.
fn help<F: ValueEnum>() -> StyledStr {
    let form = |form: &F| {
        let value = form.to_possible_value()?;
        Some(format!("{} {}", value.get_name(), value.get_help()?))
    };
    let forms: Vec<_> = F::value_variants().iter().filter_map(form).collect();
    format!("The form of the result: {}", forms.join("; ")).into()
}

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// for people
    #[default]
    Text,
    /// for programs, versioned
    Json,
}

/// The form of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// for people
    #[default]
    Text,
    /// for programs, versioned
    Json,
    /// for a comment on a pull request
    Markdown,
}

/// The form of the results of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// for people
    #[default]
    Text,
    /// for programs, versioned
    Json,
    /// for CI
    Junit,
    /// for annotations by GitHub Actions
    Github,
}

/// The form of what is wrong with files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ValidateFormat {
    /// for people
    #[default]
    Text,
    /// for programs, versioned
    Json,
    /// for annotations by GitHub Actions
    Github,
}

/// The form of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// for people
    #[default]
    Text,
    /// for programs, versioned
    Json,
    /// for a comment on a pull request
    Markdown,
    /// for annotations by GitHub Actions
    Github,
}

/// The form of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AuditForm {
    /// for people
    #[default]
    Text,
    /// for programs, versioned
    Json,
    /// for spreadsheets
    Csv,
    /// for another job: the ARNs of the things on which something was canceled, one a line
    Targets,
}

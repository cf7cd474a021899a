//! The command line of the verbs that are about files alone and reach nothing else.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap_complete::Shell;

use super::form::{As, TestFormat, ValidateFormat};
use crate::cli::output::forms::Form;
use crate::document::Kind;

/// `rescind validate`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Of a policy root, here and wherever else one is named, each file counts whose name ends \
    with .yaml or .yml, in capitals too, in any directory below it. What begins with a dot does not, \
    neither a file nor what is in a directory. A file that is named counts whatever it is called.\n\n\
    Exit codes: 0 no errors (warnings are none), 1 errors."
)]
pub struct Validate {
    /// Files, or directories that are policy roots.
    #[arg(default_value = "policies")]
    pub paths: Vec<PathBuf>,

    /// Also say which job patterns match nothing in this fleet, and which rules of exclude and protect
    /// can keep nothing of it.
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub form: As<ValidateFormat>,
}

/// `rescind test`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind test\n  \
    rescind test policies -o junit > results.xml\n\n\
    Exit codes: 0 all tests passed, 1 one failed or could not run.")]
pub struct Test {
    /// Files with a CancelTest, or directories: all of their tests run.
    #[arg(default_value = "policies")]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub form: As<TestFormat>,
}

/// `rescind schema`.
#[derive(Debug, ClapArgs)]
pub struct Schema {
    #[arg(help = format!(
        "One kind: {}; or a format of JSON output: {}. Without it, the schema of all kinds",
        Kind::names(),
        Form::names()
    ))]
    #[allow(missing_docs)]
    pub kind: Option<String>,
}

/// `rescind completions`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:\n  \
    rescind completions bash > ~/.local/share/bash-completion/completions/rescind")]
pub struct Completions {
    /// Which shell.
    pub shell: Shell,
}

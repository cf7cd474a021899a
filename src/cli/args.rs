//! The command line, as typed.

use clap::{Parser, Subcommand, ValueEnum};

mod act;
pub mod emulator;
mod files;
mod form;
pub mod generated;
mod look;
mod parsed;
pub mod state;
mod target;

pub use act::{Apply, Run, Status};
pub use files::{Completions, Schema, Test, Validate};
pub use form::{AuditForm, DiffFormat, Format, PlanFormat, TestFormat, ValidateFormat};
pub use look::{Diff, Explain, Plan, Snapshot};
use state::{Audit, Guard, Pause, Resume};
pub use target::{Root, Target};

/// Cancels AWS IoT job executions by policy.
#[derive(Debug, Parser)]
#[command(
    name = "rescind",
    version,
    about,
    long_about = "Cancels AWS IoT job executions by policy: declared in YAML, explained line by line, \
                  within budgets, and only at the version that was judged.\n\n\
                  A cancel is final: AWS has no way to undo one.",
    after_help = "Exit codes: 0 done, 1 error, 2 changes pending (plan --detailed-exitcode), 3 (apply) \
                  some cancels failed or moved, or something could not be read, 4 stopped by safety, \
                  5 stale plan, 64 usage, 130/143 interrupted."
)]
pub struct Args {
    /// When to colour: auto (on a terminal, unless `NO_COLOR` is set), always, never.
    #[arg(
        long,
        value_enum,
        default_value_t = Color::Auto,
        global = true,
        value_name = "WHEN",
        hide_possible_values = true,
        help_heading = "Everywhere"
    )]
    pub color: Color,

    /// What to log to stderr: error, warn, info, debug, or a filter like `rescind=debug`; by default what
    /// `RUST_LOG` says.
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Everywhere")]
    pub log: Option<String>,

    /// How logs are written: text for people, json for programs (one object a line).
    #[arg(
        long,
        value_enum,
        default_value_t,
        global = true,
        value_name = "FORM",
        hide_possible_values = true,
        help_heading = "Everywhere"
    )]
    pub log_format: Format,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

impl Args {
    /// What to log, if that was said, and where: by the flag or by the variable.
    pub fn filter(&self) -> (&'static str, Option<String>) {
        match &self.log {
            Some(filter) => ("--log", Some(filter.clone())),
            None => (LOG, state::variable(LOG)),
        }
    }
}

/// The variable that says what to log.
const LOG: &str = "RUST_LOG";

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check policy files, offline: syntax, schema, meaning.
    Validate(Validate),
    /// Run the tests of the policies: what they decide about recorded fleets.
    Test(Test),
    /// Say what would be canceled, and why. Cannot write to AWS.
    Plan(Plan),
    /// Say what each policy makes of one execution, and why; of a canceled one, who did it.
    Explain(Explain),
    /// Record what is observed as a fleet file, for test, plan, diff and explain.
    Snapshot(Snapshot),
    /// Say what a change of the policies would change. Cannot write to AWS.
    Diff(Diff),
    /// Cancel what the policies say, once, and say what is left.
    Apply(Apply),
    /// Reconcile again and again, and follow the files, until SIGTERM.
    Run(Run),
    /// Say how a running controller stands.
    Status(Status),
    /// Say what was done: intents, outcomes and AWS's request ids, from the journal.
    Audit(Audit),
    /// Switch sending off, for all that use this state directory.
    Pause(Pause),
    /// Switch sending on again.
    Resume(Resume),
    /// Take a guard out of force whose document is gone for good.
    Guard(Guard),
    /// Print the JSON Schema of the documents, or of a format of JSON output.
    Schema(Schema),
    /// Serve the AWS IoT Jobs API on loopback from a fleet file.
    Emulator(emulator::Emulator),
    /// Print the completions of a shell.
    Completions(Completions),
    /// Print the manual pages, as roff.
    Man,
}

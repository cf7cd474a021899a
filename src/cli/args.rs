//! The command line, as typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
pub use clap_complete::Shell;

use self::parsed::{account, interval, rate, region};

pub mod emulator;
mod form;
pub mod generated;
mod parsed;
pub mod state;

pub use form::{DiffFormat, Format, PlanFormat, TestFormat, ValidateFormat};
use state::{Audit, Guard, Pause, Resume, StateDir, Writes};

/// Cancels AWS IoT job executions by policy.
#[derive(Debug, Parser)]
#[command(
    name = "rescind",
    version,
    about,
    long_about = "Cancels AWS IoT job executions by policy: declared in YAML, explained line by line, \
                  within budgets, and only at the version that was judged.\n\n\
                  A cancel is final: AWS has no way to undo one.",
    after_help = "Exit codes: 0 done, 1 error, 2 changes pending (plan --detailed-exitcode), 3 some \
                  cancels failed or moved, 4 stopped by safety, 5 stale plan, 64 usage, \
                  130/143 interrupted.",
    disable_help_subcommand = true
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

    /// What to log to stderr: error, warn, info, debug, or a filter like `rescind=debug`.
    #[arg(
        long,
        env = "RUST_LOG",
        hide_env_values = true,
        global = true,
        value_name = "FILTER",
        help_heading = "Everywhere"
    )]
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
    /// Print the JSON Schema of the documents.
    Schema(Schema),
    /// Serve the AWS IoT Jobs API on loopback from a fleet file.
    Emulator(emulator::Emulator),
    /// Print the completions of a shell.
    Completions(Completions),
    /// Print the manual pages, as roff.
    Man,
}

/// `rescind snapshot`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind snapshot --out fleet.yaml --region eu-central-1\n  \
    rescind plan policies --fleet fleet.yaml\n\n\
    It records the executions that the policies list, with all facts of each: one describe an \
    execution. Nothing is redacted.")]
pub struct Snapshot {
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// The policy root, whose targets say what is recorded.
    #[arg(long, value_name = "DIRECTORY", default_value = "policies")]
    pub root: PathBuf,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
}

/// `rescind diff`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    git worktree add ../before main\n  \
    rescind diff ../before/policies policies --fleet fleet.yaml -o markdown\n\n\
    Exit codes: 0 done, 1 error, 2 something changes (with --detailed-exitcode).")]
pub struct Diff {
    /// The policy root as it was.
    pub old: PathBuf,

    /// The policy root as it is to be.
    pub new: PathBuf,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,

    /// Exit with 2 when something changes.
    #[arg(long)]
    pub detailed_exitcode: bool,

    /// The form of the result: text for people, json (versioned) for programs, markdown for a pull
    /// request.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub output: DiffFormat,
}

/// `rescind completions`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:\n  \
    rescind completions bash > ~/.local/share/bash-completion/completions/rescind")]
pub struct Completions {
    /// Which shell.
    pub shell: Shell,
}

/// `rescind explain`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind explain robot-007 fw-4-2-0 --fleet policies/fleet.yaml\n  \
    rescind explain robot-007 fw-4-2-0 --region eu-central-1")]
pub struct Explain {
    /// The thing's name.
    pub thing: String,

    /// The job's id.
    pub job: String,

    /// The policy root: a directory. All of it is read.
    #[arg(long, value_name = "DIRECTORY", default_value = "policies")]
    pub root: PathBuf,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,

    /// The form of the result: text for people, json (versioned) for programs.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub output: Format,
}

/// `rescind validate`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Exit codes: 0 no errors (warnings are none), 1 errors.")]
pub struct Validate {
    /// Files, or directories that are policy roots.
    #[arg(default_value = "policies")]
    pub paths: Vec<PathBuf>,

    /// Also say which job patterns match nothing in this fleet.
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,

    /// The form of the result: text for people, json (versioned) for programs, github for
    /// annotations.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub output: ValidateFormat,
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

    /// The form of the result: text for people, json (versioned) for programs, junit for CI,
    /// github for annotations.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub output: TestFormat,
}

/// Where the policies are, and which of them count.
#[derive(Debug, ClapArgs)]
pub struct Root {
    /// The policy root: a directory. All of it is read.
    pub root: PathBuf,

    /// Only this policy; may be given more than once.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
}

/// Where the executions are.
#[derive(Clone, Debug, ClapArgs)]
pub struct Target {
    /// Work against an emulated fleet instead of AWS: starts the emulator inside, on loopback.
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,

    /// The AWS account that must answer. Against AWS, `apply` and `run` need it.
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<String>,

    /// The AWS region to use. Against AWS, `apply` and `run` need it.
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub region: Option<String>,

    /// The profile of the AWS configuration to use.
    #[arg(long, value_name = "NAME", conflicts_with = "fleet")]
    pub profile: Option<String>,

    /// Calls a second of each operation; AWS allows 10 by default, to all who use the account.
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
}

/// `rescind plan`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind plan policies --fleet policies/fleet.yaml    without AWS: an emulated fleet\n  \
    rescind plan policies --region eu-central-1          against AWS, with your credentials\n  \
    rescind plan policies --out plan.json                for `rescind apply policies --plan plan.json`")]
pub struct Plan {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub root: Root,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub state: StateDir,

    /// Write the plan to a file, for `apply --plan`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Exit with 2 when something would be canceled.
    #[arg(long)]
    pub detailed_exitcode: bool,

    /// The form of the result: text for people, json (versioned) for programs, markdown for a pull
    /// request, github for annotations.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub output: PlanFormat,
}

/// `rescind apply`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind apply policies --fleet policies/fleet.yaml --yes\n  \
    rescind apply policies --account 123456789012 --region eu-central-1 --max 10\n  \
    rescind apply policies --account 123456789012 --region eu-central-1 --plan plan.json\n\n\
    Exit codes: 0 done, 1 error, 3 some cancels failed or moved (run it again), 4 another account \
    or region answered, a guard stopped it or a budget halted, 5 the saved plan is stale, 130/143 \
    interrupted.")]
pub struct Apply {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub root: Root,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub state: Writes,

    /// Cancel only what this saved plan names, and of that only what the policies still say.
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    pub plan: Option<PathBuf>,

    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,

    /// Cancel although no `CancelGuard` protects anything.
    #[arg(long)]
    pub no_guards: bool,

    /// Cancel at most so many executions.
    #[arg(long, value_name = "N")]
    pub max: Option<u64>,

    /// The form of the result: text for people, json (versioned) for programs.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub output: Format,
}

/// `rescind run`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind run policies --fleet policies/fleet.yaml --interval 10s\n  \
    rescind run /policies --account 123456789012 --region eu-central-1\n\n\
    It ends with 0 after SIGTERM or SIGINT: calls in flight are finished and recorded.")]
pub struct Run {
    /// The policy root: a directory. All of it is read, and followed.
    pub root: PathBuf,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub state: Writes,

    /// Cancel although no `CancelGuard` protects anything.
    #[arg(long)]
    pub no_guards: bool,

    /// How often to look at what may change by itself; what comes due by its age is not waited for.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = interval)]
    pub interval: std::time::Duration,

    /// Where to show status, health and metrics; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub listen: SocketAddr,

    /// The file with the token for status and metrics; needed where others can reach the address.
    #[arg(long, value_name = "FILE")]
    pub listen_token_file: Option<PathBuf>,
}

/// `rescind status`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind status\n  \
    rescind status --watch 5s\n  \
    rescind status --at 10.0.0.7:9464 --token-file token -o json\n\n\
    Exit codes: 0 it answered and is ready, 1 it did not answer, or is not ready.")]
pub struct Status {
    /// Where `rescind run` listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub at: SocketAddr,

    /// The file with the token that `run --listen-token-file` asks for.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Ask again and again, this far apart, until interrupted.
    #[arg(long, value_name = "DURATION", value_parser = interval, num_args = 0..=1, default_missing_value = "5s")]
    pub watch: Option<std::time::Duration>,

    /// The form of the result: text for people, json (versioned) for programs.
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub output: Format,
}

/// `rescind schema`.
#[derive(Debug, ClapArgs)]
pub struct Schema {
    /// A kind: `CancelPolicy`, `Fleet`. Without it, the schema of all of them.
    pub kind: Option<String>,
}

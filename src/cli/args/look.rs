//! The command line of the verbs that look at executions and can write nothing to AWS.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::form::{As, DiffFormat, Format, PlanFormat};
use super::state::StateDir;
use super::target::{Root, Target};

/// `rescind plan`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind plan policies --fleet policies/fleet.yaml    without AWS: an emulated fleet\n  \
    rescind plan policies --region eu-central-1          against AWS, with your credentials\n  \
    rescind plan policies --out plan.json                for `rescind apply policies --plan plan.json`\n\n\
    Exit codes: 0 done, 1 error, 2 something would be canceled (with --detailed-exitcode), 4 another \
    account or region answered, or a guard's scope leaves this one out. With --detailed-exitcode, 0 says that nothing would be canceled: if nothing \
    would by what could be read, and not all that decides could be, it is 1.")]
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

    /// Write the plan to a file, for `apply --plan`; `-` is stdout, where then nothing else is shown.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Exit with 2 when something would be canceled, with 0 only when it is known that nothing would.
    #[arg(long)]
    pub detailed_exitcode: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub form: As<PlanFormat>,
}

/// `rescind explain`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind explain robot-007 fw-4-2-0 --fleet policies/fleet.yaml\n  \
    rescind explain robot-007 fw-4-2-0 --region eu-central-1\n\n\
    A file of the root with an error is named, and the rest is explained, with exit code 1.")]
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

    #[command(flatten)]
    #[allow(missing_docs)]
    pub state: StateDir,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub form: As<Format>,
}

/// `rescind snapshot`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind snapshot --out fleet.yaml --region eu-central-1\n  \
    rescind plan policies --fleet fleet.yaml\n\n\
    It records the executions that the policies list, with all facts of each: one describe an \
    execution. Nothing is redacted. What no policy of --root lists is not in the file: a plan, a comparison \
    or a test over it says nothing of jobs and statuses that only another root targets.")]
pub struct Snapshot {
    /// The file to write; `-` is stdout.
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
    rescind diff main --fleet fleet.yaml                what is here against a branch\n  \
    rescind diff main..HEAD --fleet fleet.yaml          two revisions\n  \
    rescind diff main...HEAD --fleet fleet.yaml         from where the two parted, as a pull request shows it\n  \
    rescind diff main:policies HEAD~3:old/policies --region eu-central-1\n  \
    rescind diff ../before/policies policies --fleet fleet.yaml -o markdown\n\n\
    A name that is a directory here is that directory; any other is a revision, which is read by git \
    without a checkout. Budgets count as if nothing had been spent; windows as if they were open, \
    freezes as if they had ended.\n\n\
    Exit codes: 0 done, 1 error (with --detailed-exitcode also: not known whether anything changes), 2 \
    something changes (with --detailed-exitcode).")]
pub struct Diff {
    /// The policy root as it was: a directory, a git revision of --root, or REV:PATH; alone also A..B
    /// or A...B.
    pub old: String,

    /// The policy root as it is to be, likewise; without it, --root as it is here.
    pub new: Option<String>,

    /// The policy root in revisions that are named without a path.
    #[arg(long, value_name = "DIRECTORY", default_value = "policies")]
    pub root: PathBuf,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub state: StateDir,

    /// Exit with 2 when something changes, with 0 only when it is known that nothing does.
    #[arg(long)]
    pub detailed_exitcode: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub form: As<DiffFormat>,
}

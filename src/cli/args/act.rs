//! The command line of the verbs that cancel, and of what asks a running one how it stands.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::form::{As, Format};
use super::parsed::{address, interval};
use super::state::Writes;
use super::target::{Root, Target};

/// `rescind apply`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind apply policies --fleet policies/fleet.yaml --yes\n  \
    rescind apply policies --account 123456789012 --region eu-central-1 --max 10\n  \
    rescind apply policies --account 123456789012 --region eu-central-1 --plan plan.json\n\n\
    Exit codes: 0 done (or it was not answered with yes), 1 error, 3 some cancels failed or moved, or are left alone since \
    they did, or nothing of a saved plan could go now (run it again), 4 another account or region answered, or a \
    guard, a freeze, a budget that halts, a breaker or `rescind pause` stopped it, 5 the saved plan is stale, or the \
    policies changed before the first cancel, 130/143 interrupted.\n\n\
    While it asks it holds the state of the account and region: no other apply and no run begins \
    there until it was answered.")]
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

    #[command(flatten)]
    #[allow(missing_docs)]
    pub form: As<Format>,
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
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464", value_parser = address)]
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
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464", value_parser = address)]
    pub at: SocketAddr,

    /// The file with the token that `run --listen-token-file` asks for.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Ask again and again, this far apart, until interrupted.
    #[arg(long, value_name = "DURATION", value_parser = interval, num_args = 0..=1, default_missing_value = "5s")]
    pub watch: Option<std::time::Duration>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub form: As<Format>,
}

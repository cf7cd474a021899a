//! The command line of `rescind emulator`, whose flags are about a world and not about policies.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::parsed::{account, key_and_secret, loopback, rate};

/// `rescind emulator`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "The first line on stdout is its URL. GET /_emulator there lists what it tells about \
    itself. docs/fidelity.md says, operation by operation, what AWS documents and what is assumed."
)]
pub struct Emulator {
    /// The fleet to begin with.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,

    /// Where to listen: a loopback address; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4510", value_parser = loopback)]
    pub listen: SocketAddr,

    /// Throttle each operation to so many calls a second, as AWS does with 10.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub throttle: Option<f64>,

    /// What becomes of a list's page tokens when the list changes: clients must bear all three.
    #[arg(long, value_enum, default_value_t)]
    pub page_tokens: PageTokens,

    /// Where AWS does not say, do the other thing; may be given more than once.
    #[arg(long, value_enum, value_name = "NAME")]
    pub assume: Vec<Assumption>,

    /// The account to be, instead of the fleet's.
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<String>,

    /// Answer only what is signed with this access key and its secret.
    #[arg(long, value_name = "KEY:SECRET", value_parser = key_and_secret)]
    pub verify_signatures: Option<(String, String)>,
}

/// What an emulator does where AWS does not say, if not the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Assumption {
    /// A cancel checks the status before `expectedVersion`.
    StatusFirst,
    /// `CancelJob` and `DeleteJob` are done when they return.
    AtOnce,
    /// abortConfig does not count CANCELED and REMOVED executions as executed.
    AbortIgnoresCanceled,
    /// New statusDetails are merged into the old ones.
    MergeDetails,
    /// A device cannot reject what is in progress.
    RejectOnlyQueued,
    /// When a thing is deleted its QUEUED executions become REMOVED.
    DeletedThingsAreRemoved,
    /// `ListJobExecutionsForThing` of an unknown thing is a 404.
    UnknownThingsHaveNoList,
}

/// What becomes of page tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PageTokens {
    /// They stay valid.
    #[default]
    Stable,
    /// A token dies with the row that it points at.
    Dying,
    /// They count rows, so that rows are passed over when earlier ones leave the list.
    Offset,
}

//! What several verbs are told alike: where the policies are, and where the executions.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::parsed::{account, rate, region};

/// Where the policies are, and which of them count.
#[derive(Debug, ClapArgs)]
pub struct Root {
    /// The policy root: a directory. All of it is read.
    pub root: PathBuf,

    /// Only this policy; may be given more than once. Guards stay in force over the whole root: a budget that
    /// halts also counts what the other policies have due, and the breaker unknown also counts their
    /// decisions. What these need is read as well.
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

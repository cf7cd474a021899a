//! The state on disk, as the command line and the environment name it, and the verbs about it.
//!
//! Apart from `args`, since what is not typed comes from the environment: systemd's `STATE_DIRECTORY`, the
//! XDG base directories, and who runs this.

use std::env::home_dir;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::form::{As, AuditForm};
use super::parsed::{account, address, moment};
use crate::execution::{JobId, ThingName};
use crate::plan::Outcome;
use crate::plan::breaker::Breaker;
use crate::policy::PolicyName;
use crate::span::Moment;

/// Where the state is.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct StateDir {
    /// The directory of journal and ledger. By default systemd's `STATE_DIRECTORY`, else `rescind` in
    /// `XDG_STATE_HOME` or `~/.local/state`.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// The state of what cancels.
#[derive(Clone, Debug, ClapArgs)]
pub struct Writes {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub directory: StateDir,

    /// Let a budget begin with nothing spent although what was canceled before this ledger began is
    /// not known. Otherwise an unknown past counts as spent, and a budget fills within its period.
    #[arg(long)]
    pub fresh_ledger: bool,
}

/// `rescind audit`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    rescind audit --since 2026-11-24 --outcome failed --outcome unresolved\n  \
    rescind audit --since '9h ago'\n  \
    rescind audit --job fw-4-2-0 -o targets    the things to give another job\n  \
    rescind audit --verify aws                 is it true? with a describe for each intent\n\n\
    It reads beside a running controller and changes nothing.")]
pub struct Audit {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub directory: StateDir,

    /// Only the state of this account. `--verify` takes one state at a time.
    #[arg(long, value_name = "ID", requires = "region", value_parser = account)]
    pub account: Option<String>,

    /// The region of that state.
    #[arg(long, value_name = "REGION", requires = "account")]
    pub region: Option<String>,

    /// Only what was begun at this time or later: 2026-11-24T06:30:00Z; 2026-11-24, the start of that day
    /// in UTC; or '9h ago'.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Moment>,

    /// Only what was begun before this time, which is written likewise.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Moment>,

    /// Only what this policy caused.
    #[arg(long, value_name = "NAME", value_parser = policy)]
    pub policy: Option<PolicyName>,

    /// Only this thing.
    #[arg(long, value_name = "NAME")]
    pub thing: Option<ThingName>,

    /// Only this job.
    #[arg(long, value_name = "ID")]
    pub job: Option<JobId>,

    /// Only what ended so: canceled, canceledUnattributed, alreadyTerminal, superseded, gone,
    /// withdrawn, failed, unresolved, or open. May be given more than once. What was never begun (kept, not
    /// tried, failed before anything could be sent) is not in the journal.
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    pub outcome: Vec<Wanted>,

    /// Hold the journal against a witness instead of showing it: `aws`, which is asked what became of
    /// each execution, or the address of an emulator, which wrote down each cancel. Exit 1 if something
    /// speaks against it, or AWS could not be asked. AWS cannot tell of an intent that is not in the
    /// journal any more.
    #[arg(long, value_name = "WITNESS", value_parser = witness)]
    pub verify: Option<Witness>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub form: As<AuditForm>,
}

/// An outcome that is asked for; none stands for "open".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted(pub Option<Outcome>);

/// Who tells what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// AWS, by descriptions of the executions.
    Aws,
    /// An emulator, by the effects that it wrote down.
    Emulator(SocketAddr),
}

/// `rescind pause`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    sudo rescind pause --state-dir /var/lib/rescind --reason 'the 4.2 rollout looks wrong'\n  \
    kubectl exec -n rescind rescind-0 -c rescind -- /usr/local/bin/rescind pause --state-dir /var/lib/rescind\n\n\
    It writes a file PAUSED into the state directory, which must be the one that the controller uses, and \
    says who stops by it; removing that file is as good as `rescind resume`. A further pause adds its reason, \
    and one resume ends all of them. A running controller goes on observing.")]
pub struct Pause {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub directory: StateDir,

    /// Why, for those who find it paused.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `rescind resume`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Without --breaker it removes what `rescind pause` wrote. A breaker that is closed opens \
    again if what opened it goes on; its cases are counted anew. Who closed it is in `rescind audit`."
)]
pub struct Resume {
    /// Close this breaker instead: unknown, versionConflict, error or clock.
    #[arg(long, value_name = "NAME", value_parser = breaker)]
    pub breaker: Option<Breaker>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub directory: StateDir,

    /// The account whose breaker it is; not needed where there is one state alone.
    #[arg(long, value_name = "ID", requires = "region", requires = "breaker")]
    pub account: Option<String>,

    /// The region whose breaker it is.
    #[arg(long, value_name = "REGION", requires = "account")]
    pub region: Option<String>,
}

/// `rescind guard`.
#[derive(Debug, ClapArgs)]
pub struct Guard {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub verb: GuardVerb,
}

/// What is done about a guard.
#[derive(Debug, Subcommand)]
pub enum GuardVerb {
    /// Take a guard out of force whose document is gone for good.
    Forget(Forget),
}

/// `rescind guard forget`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "A guard that was adopted stays in force when its file is deleted. It ends by \
    `retired` in its document, or by this. A running controller takes it in within seconds; a guard \
    that a file still has stays in force."
)]
pub struct Forget {
    /// The guard's name.
    #[arg(value_name = "NAME", value_parser = policy)]
    pub name: PolicyName,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub directory: StateDir,

    /// The account whose state it is in; not needed where there is one state alone.
    #[arg(long, value_name = "ID", requires = "region")]
    pub account: Option<String>,

    /// The region whose state it is in.
    #[arg(long, value_name = "REGION", requires = "account")]
    pub region: Option<String>,
}

fn policy(text: &str) -> Result<PolicyName, String> {
    PolicyName::new(text).ok_or_else(|| "a name has a-z, 0-9 and hyphens".to_owned())
}

fn breaker(text: &str) -> Result<Breaker, String> {
    let all = || Breaker::ALL.map(Breaker::label).join(", ");
    Breaker::labeled(text).ok_or_else(|| format!("there are {}", all()))
}

fn witness(text: &str) -> Result<Witness, String> {
    if text == "aws" {
        return Ok(Witness::Aws);
    }
    let named = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    address(named)
        .map(Witness::Emulator)
        .map_err(|_| "it is aws, or an emulator's address: http://127.0.0.1:4510".to_owned())
}

fn outcome(text: &str) -> Result<Wanted, String> {
    if text == "open" {
        return Ok(Wanted(None));
    }
    let all = || Outcome::ALL.map(Outcome::label).join(", ");
    let found = Outcome::labeled(text);
    found.map(|it| Wanted(Some(it))).ok_or_else(|| format!("there are {}, and open", all()))
}

impl StateDir {
    /// The directory that was named, or the user's; none if there is no home either.
    pub fn resolve(&self) -> Option<PathBuf> {
        if let Some(named) = &self.state_dir {
            return Some(named.clone());
        }
        let absolute = |path: &PathBuf| path.is_absolute();
        if let Some(systemd) = variable("STATE_DIRECTORY") {
            // More than one of them are separated by colons.
            let first = systemd.split(':').next().unwrap_or_default();
            return Some(PathBuf::from(first)).filter(absolute);
        }
        let state_home = variable("XDG_STATE_HOME").map(PathBuf::from).filter(absolute);
        let state_home = state_home.or_else(|| Some(home_dir()?.join(".local/state")));
        Some(state_home?.join("rescind")).filter(absolute)
    }
}

/// Whether the environment names an address of this machine for AWS: an emulator, most likely.
pub fn is_at_loopback() -> bool {
    let address = variable("AWS_ENDPOINT_URL_IOT").or_else(|| variable("AWS_ENDPOINT_URL"));
    let host = address.as_deref().and_then(|it| it.split_once("://")).map(|(_, host)| host);
    let here = ["127.", "localhost", "[::1]"];
    host.is_some_and(|host| here.iter().any(|it| host.starts_with(it)))
}

/// Who runs this: the actor and run of a GitHub workflow, else user and host, as the environment says; the
/// user's number where it does not.
pub fn who() -> String {
    if variable("GITHUB_ACTIONS").is_some() {
        let part = |name| variable(name).unwrap_or_else(|| "?".to_owned());
        return format!(
            "{} by {} run {}",
            part("GITHUB_ACTOR"),
            part("GITHUB_REPOSITORY"),
            part("GITHUB_RUN_ID")
        );
    }
    let user = variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| {
        // A process is its user's.
        let uid = std::fs::metadata("/proc/self").map(|it| it.uid());
        uid.map_or("?".to_owned(), |uid| format!("uid {uid}"))
    });
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| variable("HOSTNAME")).unwrap_or_else(|| "?".to_owned());
    format!("{user}@{}", host.trim())
}

/// A variable of the environment, unless it is empty.
pub(super) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
    let value = std::env::var(name);
    value.ok().filter(|value| !value.is_empty())
}

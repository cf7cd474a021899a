//! What a verb works against: AWS by the SDK's rules, or an emulated fleet inside the process.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::apply::earlier::Settler;
use crate::apply::{Executor, FLIGHT_TIME, Ids};
use crate::backend::aws::{self, Connection};
use crate::backend::pace::{Paced, Pacer};
use crate::backend::{self, JobsReader};
use crate::cli::Failure;
use crate::cli::args::Target;
use crate::cli::args::state::{StateDir, Writes, who};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::clock::Clock;
use crate::controller::guards;
use crate::document::{self, Limits};
use crate::emulator::{Emulator, Options};
use crate::execution::{Account, ExecutionKey};
use crate::fleet::Fleet;
use crate::observe::Collector;
use crate::plan::{InForce, Memory, veto};
use crate::policy::guard::Scope;
use crate::policy::{Demands, PolicySet};
use crate::source;
use crate::span::humanize;
use crate::state::State;
use crate::state::directory::{Directory, Place};
use crate::state::journal::{Entry, Filter};
use crate::state::memory::MemoryState;
use crate::state::sqlite::{self, SqliteState, Writing};

/// A connection, and what is asked of it.
pub struct Session {
    pub clock: Clock,
    pub pacer: Pacer,
    connection: Connection,
    account: Option<String>,
    region: Option<String>,
    /// Where it works, as far as that is told before anything is asked.
    place: Option<Place>,
    /// Serves the fleet until the session ends.
    server: Option<JoinHandle<()>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// The state directory that was named, or the user's.
pub fn state_directory(args: &StateDir) -> anyhow::Result<Directory> {
    let none = "there is no directory for the state: pass --state-dir, or set HOME";
    let path = args.resolve().ok_or_else(|| Failure::new(Exit::Usage, none))?;
    Ok(Directory::at(path))
}

/// Reads the one fleet of a file.
pub fn read_fleet(path: &Path, output: Output) -> anyhow::Result<Fleet> {
    let limits = Limits::fleet();
    let file = source::read_one(path, limits.bytes as u64)?;
    let documents = document::read(&[file], &limits);
    if !documents.diagnostics.is_empty() {
        output.say(&document::render::text(&documents.diagnostics, output.stderr_color()));
    }
    if !documents.broken.is_empty() {
        let message = format!("{} is broken: nothing was done", path.display());
        return Err(Failure::new(Exit::Error, message).into());
    }
    let mut fleets = documents.fleets.into_iter();
    match (fleets.next(), fleets.next()) {
        (Some((_, fleet)), None) => Ok(fleet),
        (None, _) => {
            Err(Failure::new(Exit::Error, format!("{} has no kind: Fleet", path.display())).into())
        }
        (Some(_), Some(_)) => {
            let message = format!("{} has more than one kind: Fleet", path.display());
            Err(Failure::new(Exit::Error, message).into())
        }
    }
}

/// From when on a recorded fleet has ages that may hide a change.
const SNAPSHOT_IS_OLD: SignedDuration = SignedDuration::from_hours(24);

/// Serves a fleet on a free loopback port.
async fn embed(fleet: &Fleet) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
    let emulator = Emulator::new(fleet, Clock::system(), Options::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no loopback port is free")?;
    let address = listener.local_addr().context("the loopback port has no address")?;
    let server = tokio::spawn(async move {
        if let Err(error) = emulator.serve(listener, std::future::pending()).await {
            tracing::error!(%error, "the embedded emulator stopped");
        }
    });
    Ok((address, server))
}

impl Session {
    /// Connects as `target` says. With a fleet, nothing of the environment or of AWS is touched.
    pub async fn open(target: &Target, output: Output) -> anyhow::Result<Self> {
        let clock = match target.fleet {
            // An emulated fleet has the time of this process, whatever the machine's clock does.
            Some(_) => Clock::starting_at(Clock::system().now()),
            None => Clock::system(),
        };
        let mut place = match (&target.account, &target.region) {
            (Some(account), Some(region)) => {
                Some(Place { account: account.clone(), region: region.clone() })
            }
            _ => None,
        };
        let (connection, server) = if let Some(path) = &target.fleet {
            let fleet = read_fleet(path, output)?;
            if let Some(age) = fleet.observed_at().map(|at| clock.now().duration_since(at))
                && age > SNAPSHOT_IS_OLD
            {
                output.say(&format!(
                    "Note: {} was recorded {} ago, and all in it counts as that much older now: take a new \
                     `rescind snapshot`.",
                    path.display(),
                    humanize(age)
                ));
            }
            let of_fleet = &fleet.account;
            place =
                Some(Place { account: of_fleet.account.clone(), region: of_fleet.region.clone() });
            let here = &fleet.account.region;
            if let Some(region) = target.region.as_ref().filter(|region| *region != here) {
                let message = format!("--region {region}: the fleet is in {here}");
                return Err(Failure::new(Exit::Stopped, message).into());
            }
            let (address, server) = embed(&fleet).await?;
            (Connection::embedded(address, here, clock.clone()), Some(server))
        } else {
            let settings = aws::Settings {
                region: target.region.clone(),
                profile: target.profile.clone(),
                endpoint_url: None,
                clock: clock.clone(),
            };
            (aws::connect(settings).await?, None)
        };
        let pacer = match target.rate {
            Some(rate) => Pacer::new(|_| Some(rate)),
            None if server.is_some() => Pacer::unlimited(),
            None => Pacer::default(),
        };
        if target.rate.is_none() && server.is_none() {
            // Nobody waits for it: until it answers, and if it does not, the defaults hold.
            let (pacer, connection) = (pacer.clone(), connection.clone());
            tokio::spawn(async move {
                for (operation, per_second) in connection.quotas().await {
                    pacer.granted(operation, per_second);
                }
            });
        }
        Ok(Self {
            clock,
            pacer,
            connection,
            account: target.account.clone(),
            region: target.region.clone(),
            place,
            server,
        })
    }

    /// The state of what cancels: on disk, but for an emulated fleet without a `--state-dir`, which
    /// begins anew with each process.
    pub async fn state(&self, args: &Writes) -> anyhow::Result<Arc<dyn State>> {
        if self.server.is_some() && args.directory.state_dir.is_none() {
            return Ok(Arc::new(MemoryState::default()));
        }
        let directory = state_directory(&args.directory)?;
        let place = self.place.clone().context("the account and the region are not told")?;
        let clock = Some(self.clock.clone());
        let writing = Writing { who: who(), clock, fresh_ledger: args.fresh_ledger };
        let open = move || SqliteState::open(&directory, &place, writing);
        let opened = tokio::task::spawn_blocking(open).await.context("the state was not opened")?;
        match opened {
            Ok(state) => Ok(Arc::new(state)),
            Err(error) => {
                Err(Failure::new(Exit::Error, format!("{error}; nothing was sent")).into())
            }
        }
    }

    /// What the state on disk remembers, for a verb that cannot write; none if there is none.
    pub async fn remembered(&self, args: &StateDir) -> anyhow::Result<Option<Memory>> {
        let Some((directory, place)) = self.kept(args) else { return Ok(None) };
        let now = self.clock.now();
        let read = move || sqlite::read_memory(&directory, &place, now);
        let read = tokio::task::spawn_blocking(read).await.context("the state was not read")?;
        read.map_err(|error| Failure::new(Exit::Error, error.to_string()).into())
    }

    /// What a verb knows that cannot write, where there is no state of the place yet: the stop switch is of
    /// the whole directory.
    pub fn new_memory(&self, args: &StateDir) -> Memory {
        let paused = self.directory(args).and_then(|it| it.paused()).map(Into::into);
        Memory { paused, ..Memory::default() }
    }

    /// Asks AWS who answers, where no argument and no guard says it and there is a state that may be of it:
    /// what is paused, protected or spent there counts.
    pub async fn learn_place(&mut self, args: &StateDir) -> anyhow::Result<()> {
        if self.place.is_some() {
            return Ok(());
        }
        let Some(directory) = args.resolve().map(Directory::at) else { return Ok(()) };
        let places = directory.places();
        if places.map_err(|error| Failure::new(Exit::Error, error.to_string()))?.is_empty() {
            return Ok(());
        }
        // What cannot be asked is told by whoever observes.
        let account = backend::account(&*self.reader()).await.ok().flatten();
        self.place = account.map(|it| Place { account: it.account, region: it.region });
        Ok(())
    }

    /// A set with the guards that were adopted into the state on disk, for a verb that cannot write.
    pub async fn keeping(
        &self,
        set: Arc<PolicySet>,
        args: &StateDir,
    ) -> anyhow::Result<Arc<PolicySet>> {
        let Some((directory, place)) = self.kept(args) else { return Ok(set) };
        let read = move || sqlite::read_guards(&directory, &place);
        let read = tokio::task::spawn_blocking(read).await.context("the state was not read")?;
        let kept = read.map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
        Ok(Arc::new(PolicySet::clone(&set).keeping(guards::restored(kept)?)))
    }

    /// What the journal on disk has of an execution, oldest first; nothing if there is none.
    pub async fn journal(&self, args: &StateDir, key: &ExecutionKey) -> anyhow::Result<Vec<Entry>> {
        let (thing, job) = (Some(key.thing.clone()), Some(key.job.clone()));
        self.entries(args, Filter { thing, job, ..Filter::default() }).await
    }

    /// The entries of the journal on disk that a filter wants.
    pub async fn entries(&self, args: &StateDir, filter: Filter) -> anyhow::Result<Vec<Entry>> {
        let Some((directory, place)) = self.kept(args) else { return Ok(Vec::new()) };
        let read = move || {
            let mut entries = Vec::new();
            let file = directory.file(&place);
            if file.exists() {
                sqlite::read_journal(&file, &filter, |entry| entries.push(entry))?;
            }
            Ok(entries)
        };
        let read = tokio::task::spawn_blocking(read).await.context("the journal was not read")?;
        read.map_err(|error: sqlite::OpenError| Failure::new(Exit::Error, error.to_string()).into())
    }

    /// Where the state on disk is, if there is any.
    fn kept(&self, args: &StateDir) -> Option<(Directory, Place)> {
        Some((self.directory(args)?, self.place.clone()?))
    }

    /// The directory of states, if one counts: an emulated fleet has none that was not named.
    fn directory(&self, args: &StateDir) -> Option<Directory> {
        let counts = self.server.is_none() || args.state_dir.is_some();
        args.resolve().filter(|_| counts).map(Directory::at)
    }

    /// Whether it works against an emulated fleet inside the process.
    pub fn is_embedded(&self) -> bool {
        self.server.is_some()
    }

    /// Waits until the embedded emulator has ended; for ever if there is none.
    pub async fn lost(&mut self) {
        match &mut self.server {
            Some(server) => drop(server.await),
            None => std::future::pending().await,
        }
    }

    /// What must be in force before anything is canceled there. An emulated fleet demands nothing.
    pub fn demands(target: &Target, no_guards: bool) -> Demands {
        let pinned = target.account.is_some() && target.region.is_some();
        match target.fleet {
            Some(_) => Demands::default(),
            None => Demands { guard: !no_guards, scope: !pinned },
        }
    }

    /// Against AWS, what can cancel must be told where: a forgotten profile must not choose the fleet.
    /// What the arguments leave open, the scope of the guards says, if it leaves one account or region.
    pub fn target(target: &Target, set: &PolicySet, verb: &str) -> anyhow::Result<Target> {
        let target = Self::scoped(target, set);
        if !set.demands().scope || (target.account.is_some() && target.region.is_some()) {
            return Ok(target);
        }
        let message = if set.guards().any(|guard| guard.scope.is_some()) {
            format!(
                "{verb} against AWS needs --account and --region: the scope of the guards leaves more \
                 than one account or region, or none"
            )
        } else {
            format!(
                "{verb} against AWS needs --account and --region, or a CancelGuard with a scope, so \
                 that it cannot reach the wrong fleet (or --fleet FILE for an emulated one)"
            )
        };
        Err(Failure::new(Exit::Usage, message).into())
    }

    /// The target with the only account and region that all guards have in their scope. What was told
    /// stays as it is.
    pub fn scoped(target: &Target, set: &PolicySet) -> Target {
        let mut target = target.clone();
        let scopes: Vec<_> = set.guards().filter_map(|guard| guard.scope.as_ref()).collect();
        if target.fleet.is_none() && !scopes.is_empty() {
            let only = |told: Option<String>, of: fn(&Scope) -> &BTreeSet<String>| {
                let in_all = |it: &&String| scopes.iter().all(|scope| of(scope).contains(*it));
                let mut left = of(scopes[0]).iter().filter(in_all);
                told.or(left.next().filter(|_| left.next().is_none()).cloned())
            };
            target.account = only(target.account, |scope| &scope.accounts);
            target.region = only(target.region, |scope| &scope.regions);
        }
        target
    }

    /// Against AWS, something must say what is never canceled.
    pub fn require(set: &PolicySet, verb: &str) -> anyhow::Result<()> {
        if !set.demands().guard || !set.enforces() || set.guards().next().is_some() {
            return Ok(());
        }
        let message = format!(
            "{verb} against AWS needs a CancelGuard in the root, which says what is never canceled; or \
             --no-guards, to cancel without"
        );
        Err(Failure::new(Exit::Usage, message).into())
    }

    /// Stops if the account or region that answered is not in the scope of a guard.
    pub fn check_scope(set: &PolicySet, answered: Option<&Account>) -> anyhow::Result<()> {
        let outside = answered.and_then(|it| Some((it, veto::out_of_scope(set, it)?)));
        let Some((answered, guard)) = outside else { return Ok(()) };
        let guard = &guard.name;
        let message = format!(
            "{answered} answered, which is not in the scope of guard {guard}: nothing was sent"
        );
        Err(Failure::new(Exit::Stopped, message).into())
    }

    /// What was asked for, if `answered` is something else.
    pub fn elsewhere(&self) -> impl Fn(&Account) -> Option<String> + Send + Sync + use<> {
        let (account, region) = (self.account.clone(), self.region.clone());
        move |answered: &Account| {
            let other_account = account.as_ref().is_some_and(|it| *it != answered.account);
            let other_region = region.as_ref().is_some_and(|it| *it != answered.region);
            (other_account || other_region).then(|| {
                let account = account.as_deref().unwrap_or("any account");
                let region = region.as_deref().unwrap_or("any region");
                format!("account {account} in {region}")
            })
        }
    }

    /// Stops if another account or region answered than was asked for.
    pub fn check_place(&self, answered: Option<&Account>) -> anyhow::Result<()> {
        let Some(answered) = answered else { return Ok(()) };
        match (self.elsewhere())(answered) {
            None => Ok(()),
            Some(wanted) => {
                let message =
                    format!("{answered} answered, and {wanted} was asked for: nothing was sent");
                Err(Failure::new(Exit::Stopped, message).into())
            }
        }
    }

    /// What reads at the pace of the session.
    pub fn reader(&self) -> Arc<dyn JobsReader> {
        self.paced()
    }

    fn paced(&self) -> Arc<dyn JobsReader> {
        Arc::new(Paced::new(self.connection.reader(), self.pacer.clone()))
    }

    /// What observes.
    pub fn collector(&self) -> Collector {
        Collector::new(self.paced(), self.clock.clone())
    }

    /// What settles the intents that an earlier process left. It can only read.
    pub fn settler(&self, state: Arc<dyn State>) -> Settler {
        Settler {
            reader: Arc::new(self.connection.reader()),
            pacer: self.pacer.clone(),
            state,
            clock: self.clock.clone(),
            flight_time: FLIGHT_TIME,
        }
    }

    /// What makes what can write. Nothing that can write is built before it is called.
    pub fn executor(
        &self,
        state: Arc<dyn State>,
        ids: Ids,
    ) -> impl Fn(Arc<dyn InForce>) -> Executor + Send + Sync + use<> {
        let (connection, pacer, clock) =
            (self.connection.clone(), self.pacer.clone(), self.clock.clone());
        let paced = self.paced();
        let ids = Arc::new(ids);
        move |in_force| Executor {
            paced: Arc::clone(&paced),
            reader: Arc::new(connection.reader()),
            writer: Arc::new(connection.writer()),
            pacer: pacer.clone(),
            state: Arc::clone(&state),
            in_force,
            clock: clock.clone(),
            flight_time: FLIGHT_TIME,
            ids: Arc::clone(&ids),
        }
    }
}

//! A plan becomes outcomes: the executor.
//!
//! Each line is walked through the protocol's steps by `apply/line`; this file decides which line is
//! walked when. It keeps the order of the plan, lets describes and cancels of different lines overlap,
//! holds back what a budget has no room for, and puts aside what has to wait, so that one poisoned
//! job or thing never blocks the rest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, sleep_until};

use crate::backend::aws::CLIENT_TIMEOUT;
use crate::backend::pace::Pacer;
use crate::backend::{ErrorKind, JobsReader, JobsWriter, Operation};
use crate::clock::Clock;
use crate::execution::{ExecutionKey, ExecutionNumber, JobId};
use crate::inventory::{Clocks, Inventory};
use crate::plan::{InForce, IntentId, Line, Memory, Outcome, Reason, Sightings};
use crate::policy::PolicyName;
use crate::state::State;

mod breakers;
pub mod earlier;
mod gate;
mod judge;
mod line;
mod refresh;
mod room;
mod settle;
mod spare;
mod stop;
mod work;

pub use stop::{Stop, Switch};

use room::Room;
use work::{Step, Work};

/// For how long a describe may be old when the cancel goes out.
pub const DESCRIBE_FRESH: Duration = Duration::from_secs(5);

/// For how long after its send a request can still take effect: the client gives up after its
/// time-out, AWS accepts a signature for five minutes, and half a minute more for clocks that differ.
pub const FLIGHT_TIME: Duration = Duration::from_secs(CLIENT_TIMEOUT.as_secs() + 5 * 60 + 30);

/// Lines that are walked at the same time. At eight calls a second of each kind this keeps both
/// buckets busy up to a second of latency, and a line never waits for its turn for long enough to make
/// its describe stale.
const IN_FLIGHT: usize = 16;

/// After 403 for so many different jobs, nothing more is tried: it is not about the jobs.
const DENIED_JOBS: usize = 3;

/// While so many lines in a row found no connection, no further one is begun; and once one of them has tried as
/// often as it may, nothing more is tried: it is not about the lines.
const UNCONNECTED: usize = 5;

/// When all that is left waits for longer than this, it is told and not waited for in silence. Reads
/// that failed in passing wait for less, so that what waits so long has an intent.
const PATIENCE: Duration = Duration::from_secs(10);

/// What walks the lines of a plan.
#[derive(Clone)]
pub struct Executor {
    /// Reads with the pacer's waiting and repeating: for facts that take their time.
    pub paced: Arc<dyn JobsReader>,
    /// Reads at once. The executor takes the permit itself, since it must know when the call went out.
    pub reader: Arc<dyn JobsReader>,
    /// Cancels, sent once.
    pub writer: Arc<dyn JobsWriter>,
    /// The allowance that all of them share.
    pub pacer: Pacer,
    /// Intents, outcomes, the ledger.
    pub state: Arc<dyn State>,
    /// The policies loaded now.
    pub in_force: Arc<dyn InForce>,
    /// AWS's time.
    pub clock: Clock,
    /// [`FLIGHT_TIME`], but for tests over real time.
    pub flight_time: Duration,
    /// Names intents.
    pub ids: Arc<Ids>,
}

/// Names intents so that no two have the same, in this process or another.
#[derive(Debug)]
pub struct Ids {
    nonce: u64,
    next: AtomicU64,
}

impl Ids {
    /// Names that begin with 16 random hex digits.
    pub fn new() -> Result<Self, getrandom::Error> {
        Ok(Self::seeded(getrandom::u64()?))
    }

    /// Names that begin with given digits.
    pub fn seeded(nonce: u64) -> Self {
        Self { nonce, next: AtomicU64::new(1) }
    }

    fn next(&self) -> IntentId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        IntentId(format!("{:016x}-{number}", self.nonce).into())
    }
}

/// How the note of a line begins that was not tried because of what others met: that stops all that come
/// after it as well.
pub const NOT_TRIED: &str = "not tried: ";

/// How a line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an outcome.
    Outcome(Outcome),
    /// The policies in force, asked in the moment of acting, keep it.
    Kept(Reason),
    /// A budget had no unit left for it.
    BudgetExhausted,
    /// As many as were asked for were canceled before its turn came.
    BeyondMax,
    /// It was not tried, because AWS denied the calls for another execution of its job.
    JobDenied,
    /// It was not tried, because of what others met.
    NotTried,
    /// It was not tried, because another account answered than was observed.
    Elsewhere,
}

impl Ending {
    /// The label in logs and JSON.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Outcome(outcome) => outcome.label(),
            Self::Kept(_) => "kept",
            Self::BudgetExhausted => Reason::BudgetExhausted.label(),
            Self::BeyondMax => "beyondMax",
            Self::JobDenied | Self::NotTried | Self::Elsewhere => "notTried",
        }
    }
}

/// What became of a line.
#[derive(Clone, Debug)]
pub struct Record {
    /// Which execution.
    pub key: ExecutionKey,
    /// Its number, as judged.
    pub number: ExecutionNumber,
    /// The cause.
    pub policy: PolicyName,
    /// How it ended.
    pub ending: Ending,
    /// Whether force was sent.
    pub force: bool,
    /// How often a cancel was sent, or would have been but for the gate.
    pub attempts: u32,
    /// AWS's request id of the last answer.
    pub request_id: Option<String>,
    /// What happened, for people.
    pub note: String,
    /// Whether it was seen in another status than planned, or another execution in its place.
    pub moved: bool,
    /// Whether it is due again at once: nothing but throttling was in its way.
    pub again: bool,
    /// Whether its intent has no outcome yet: somebody has to look at it later.
    pub left_open: bool,
    /// Whether another account answered for it.
    pub elsewhere: bool,
    /// The last call that AWS refused or did not answer, and how.
    pub refused: Option<(Operation, ErrorKind)>,
    /// Its times, if it was described.
    pub times: Option<Clocks>,
}

impl Record {
    /// What became of an execution for which nothing was sent, and of which nothing more is known.
    pub fn new(
        key: ExecutionKey,
        number: ExecutionNumber,
        policy: PolicyName,
        ending: Ending,
        note: impl Into<String>,
    ) -> Self {
        Self {
            key,
            number,
            policy,
            ending,
            force: false,
            attempts: 0,
            request_id: None,
            note: note.into(),
            moved: false,
            again: false,
            left_open: false,
            elsewhere: false,
            refused: None,
            times: None,
        }
    }
}

/// Told of each line that ended.
pub trait Watch: Send + Sync {
    /// A line ended; `left` more have not.
    fn ended(&self, record: &Record, left: usize);

    /// Nothing is left to do before a while, but for what was lost or throttled: those that wait have
    /// an open intent.
    fn waiting(&self, lines: usize, until: Instant) -> Afterwards;
}

/// What becomes of lines that wait, once they have waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// They are tried again.
    TryAgain,
    /// What was lost is settled and nothing is sent any more: whoever waits goes on with other passes,
    /// whose lists must not be disturbed by a cancel from an earlier one.
    Settle,
}

/// One apply: the executor, and what its lines share.
struct Run<'a> {
    with: &'a Executor,
    stop: &'a Stop,
    met: Mutex<Met>,
    jobs: refresh::Jobs,
    spared: spare::Spared,
    /// What policies have seen to match before.
    sightings: Arc<Sightings>,
    /// Whether nothing more is sent.
    settles_only: AtomicBool,
}

/// What lines met that concerns the others.
#[derive(Debug, Default)]
struct Met {
    /// Where AWS refused a policy's calls.
    denied: BTreeMap<PolicyName, BTreeSet<JobId>>,
    /// Why nothing more is tried at all.
    dead: Option<String>,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("in_force", &self.in_force).finish_non_exhaustive()
    }
}

impl Executor {
    /// Walks `lines`, which all act, in their order; at most `max` of them may send a cancel. The
    /// lines of `inventory` are what they were judged by. Ends early, and says so line by line, when
    /// `stop` is switched: calls in flight are finished first.
    pub async fn apply(
        &self,
        lines: Vec<Line>,
        inventory: &Inventory,
        memory: &Memory,
        max: Option<u64>,
        stop: &Stop,
        watch: &dyn Watch,
    ) -> Vec<Record> {
        let report = |record: Record, left: usize, records: &mut Vec<Record>| {
            watch.ended(&record, left);
            records.push(record);
        };
        let run = Run {
            with: self,
            stop,
            met: Mutex::default(),
            jobs: refresh::Jobs::default(),
            spared: spare::Spared::new(memory),
            sightings: Arc::clone(&memory.sightings),
            settles_only: AtomicBool::new(false),
        };
        let mut room = Room::new(&lines, memory, max, self.clock.now());
        let mut records = Vec::with_capacity(lines.len());
        let mut queue: VecDeque<Box<Work>> = VecDeque::with_capacity(lines.len());
        for line in lines {
            match Work::new(line, inventory, self.ids.next()) {
                Ok(work) => queue.push_back(work),
                Err(record) => report(*record, queue.len(), &mut records),
            }
        }
        let mut parked: Vec<(Instant, Box<Work>)> = Vec::new();
        let mut unconnected = BTreeSet::new();
        let mut flying = FuturesUnordered::new();
        loop {
            let now = Instant::now();
            let (due, later): (Vec<_>, Vec<_>) = parked.into_iter().partition(|(at, _)| *at <= now);
            parked = later;
            // Behind the others: what failed once has no right to go first.
            queue.extend(due.into_iter().map(|(_, work)| work));
            while flying.len() < IN_FLIGHT && !stop.is_on() {
                // Those that have begun to try find out whether there is a connection again.
                let is_cut_off = unconnected.len() >= UNCONNECTED && lock(&run.met).dead.is_none();
                let may_go = |work: &Work| work.has_place || (!is_cut_off && room.has(work));
                let Some(index) = queue.iter().position(|work| may_go(work)) else { break };
                let Some(mut work) = queue.remove(index) else { break };
                let refusal = lock(&run.met).refuses(&work);
                if let Some((ending, why)) = refusal {
                    let record = work.record(ending, why);
                    if work.has_place {
                        room.ended(&work);
                    }
                    report(record, queue.len(), &mut records);
                    continue;
                }
                if !work.has_place {
                    room.take(&work);
                    work.has_place = true;
                }
                flying.push(run.walk(work));
            }
            let wake = parked.iter().map(|(at, _)| *at).min();
            if flying.is_empty() {
                let Some(wake) = wake.filter(|_| !stop.is_on()) else { break };
                if wake.saturating_duration_since(now) > PATIENCE {
                    // Whoever waits for room would wait as long, and is better planned anew.
                    for work in queue.drain(..) {
                        report(room.no_turn(&work), parked.len(), &mut records);
                    }
                    if watch.waiting(parked.len(), wake) == Afterwards::Settle {
                        run.settles_only.store(true, Ordering::Relaxed);
                        // What has nothing to settle ends now.
                        let ends = |(_, work): &mut (Instant, Box<Work>)| work.doubt.is_none();
                        queue.extend(parked.extract_if(.., ends).map(|(_, work)| work));
                        if !queue.is_empty() {
                            continue;
                        }
                    }
                }
            }
            tokio::select! {
                biased;
                Some(step) = flying.next(), if !flying.is_empty() => match step {
                    Step::Parked(work, until) => {
                        work.note_connection(true, &mut unconnected);
                        parked.push((until, work));
                    }
                    Step::Ended(work, record) => {
                        let failed = record.ending == Ending::Outcome(Outcome::Failed);
                        work.note_connection(failed, &mut unconnected);
                        if unconnected.len() >= UNCONNECTED {
                            let why = "for several executions in a row no connection could be made";
                            lock(&run.met).dead.get_or_insert_with(|| format!("{NOT_TRIED}{why}"));
                        }
                        room.ended(&work);
                        let left = queue.len() + flying.len() + parked.len();
                        report(record, left, &mut records);
                    }
                },
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {}
                () = stop.on(), if !stop.is_on() => {}
            }
        }
        drop(flying);
        for mut work in queue.into_iter().chain(parked.into_iter().map(|(_, work)| work)) {
            let record = if stop.is_on() || work.is_begun() {
                run.stopped(&mut work).await
            } else {
                room.no_turn(&work)
            };
            report(record, 0, &mut records);
        }
        records
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Met {
    /// Why a line is not tried, after what others met.
    fn refuses(&self, work: &Work) -> Option<(Ending, String)> {
        if work.is_begun() {
            return None;
        }
        if let Some(why) = &self.dead {
            return Some((Ending::NotTried, why.clone()));
        }
        let jobs: BTreeSet<_> = self.denied.values().flatten().collect();
        let of_policy = self.denied.get(work.policy_name());
        if jobs.len() >= DENIED_JOBS {
            let why = format!("{NOT_TRIED}AWS denied the calls for {} jobs", jobs.len());
            Some((Ending::NotTried, why))
        } else if of_policy.is_some_and(|jobs| jobs.contains(&work.key().job)) {
            let why = "AWS denied the calls for another execution of this job";
            Some((Ending::JobDenied, format!("{NOT_TRIED}{why}")))
        } else {
            None
        }
    }
}

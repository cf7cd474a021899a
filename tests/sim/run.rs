//! One run: processes that live and die in a busy world, and then a quiet one in which all must come
//! right.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::SignedDuration;
use rescind::apply::earlier::Settler;
use rescind::apply::{Executor, FLIGHT_TIME, Ids, Stop, Switch};
use rescind::backend::JobsReader;
use rescind::backend::pace::{Paced, Pacer};
use rescind::clock::Clock;
use rescind::controller::follow::{Adopted, Unfinished, adopt, look, unfinished};
use rescind::controller::{Controller, Error, guards};
use rescind::execution::ExecutionKey;
use rescind::observe::Collector;
use rescind::policy::{Demands, PolicySet};
use rescind::state::State;
use rescind::state::memory::MemoryState;
use rescind::status::report::Reporter;
use tokio::time::{Instant, sleep, sleep_until};

use crate::disk::Disk;
use crate::files::Root;
use crate::judge::Judge;
use crate::kept::{Kept, Opened};
use crate::mutants::{self, Mutant};
use crate::nature;
use crate::scenario::Scenario;
use crate::server::Server;
use crate::world::World;

/// How often it is looked whether something is wrong already, or all is well.
const LOOK: Duration = Duration::from_secs(15);

/// How long the quiet time lasts at least: until everything has come due, and is adopted. A policy asks for
/// five minutes of age and for five more of `stableFor`, at the most.
const QUIET: Duration = Duration::from_secs(660);

/// When all must be right if nothing was ever left alone for long: throttled calls wait for a minute.
const SOON: Duration = Duration::from_secs(20 * 60);

/// And otherwise: an execution is left alone for an hour at most; what was canceled a quarter of an hour
/// ago hides what has its number; a job whose lists were empty is listed hourly; and a breaker that
/// opened closes after an hour of calm, of which the hour before may not be any.
const LATE: Duration = Duration::from_secs(300 * 60);

/// And where no call about it failed, and no breaker is open: of a job whose lists were empty.
const HOURLY: Duration = Duration::from_secs(90 * 60);

/// What came of a run.
pub struct Outcome {
    /// The invariant that was violated, and how.
    pub violation: Option<String>,
    pub hash: u64,
    pub trace: Vec<String>,
    pub counts: BTreeMap<String, u64>,
    /// How often the processes were polled, one after the other.
    pub polls: Vec<u64>,
}

/// A process that dies once it was polled so often, at whatever await it is in.
struct Mortal<F> {
    process: Pin<Box<F>>,
    left: Option<u64>,
    polls: u64,
}

impl<F: Future> Future for Mortal<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == Some(0) {
            return Poll::Ready(None);
        }
        self.left = self.left.map(|left| left - 1);
        self.polls += 1;
        self.process.as_mut().poll(context).map(Some)
    }
}

pub fn run(scenario: &Scenario, keep_trace: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let world = World::new(scenario.clone(), keep_trace);
        let mut polls = Vec::new();
        let went = lives(&world, &mut polls).await;
        let inner = &mut *world.inner();
        if let Some(violation) = went.err() {
            inner.note(&violation);
            inner.judge.violation.get_or_insert(violation);
        }
        let outcomes: Vec<_> = inner.judge.outcomes().collect();
        for outcome in outcomes {
            inner.count(format!("outcome {outcome}"));
        }
        *inner.counts.entry("re-created at an equal version".to_owned()).or_default() +=
            inner.judge.blind;
        Outcome {
            violation: inner.judge.violation.clone(),
            hash: inner.trace.hash(),
            trace: inner.trace.lines.take().unwrap_or_default(),
            counts: std::mem::take(&mut inner.counts),
            polls,
        }
    })
}

/// What systemd and Kubernetes wait for is more.
const GRACE: Duration = Duration::from_secs(25);

/// In how many of a hundred ends a process is told to stop, and not killed.
const STOPPED: u64 = 30;

/// The whole of a run. The error is a violation.
async fn lives(world: &Arc<World>, polls: &mut Vec<u64>) -> Result<(), String> {
    let mut kept = Kept::new(world.scenario.in_file, &world.account);
    let nature = tokio::spawn(nature::live(Arc::clone(world)));
    let editor = tokio::spawn(nature::edit(Arc::clone(world)));
    let ends = Instant::now() + world.scenario.busy;
    let mut forgets = world.scenario.forgets;
    let mut lives = world.scenario.polls.iter().copied();
    while Instant::now() < ends {
        let dies = {
            let inner = &mut *world.inner();
            let mut after = |most| inner.random.millis(500, most * 1_000);
            world.scenario.crashes.map_or(ends, |most| (Instant::now() + after(most)).min(ends))
        };
        let (switch, stop) = Stop::new();
        let process = Box::pin(process(Arc::clone(world), kept.open(), stop));
        let mut running = Mortal { process, left: lives.next(), polls: 0 };
        loop {
            tokio::select! {
                biased;
                ended = &mut running => match ended {
                    None => break,
                    // A state that fails ends the process; whoever runs it starts it again.
                    Some(Err(Error::State(_))) => {
                        world.inner().count("ended for its state");
                        break;
                    }
                    Some(Err(Error::OutOfScope { .. })) => {
                        world.inner().count("ended for a guard's scope");
                        break;
                    }
                    Some(ended) => return Err(format!("L1: it ended by itself: {ended:?}")),
                },
                () = sleep_until(dies.min(Instant::now() + LOOK)) => {}
            }
            stops_at_a_violation(world)?;
            stands_still(world).await;
            if Instant::now() >= dies {
                if world.inner().random.chance(STOPPED) {
                    stops(world, &switch, &mut running).await?;
                }
                break;
            }
        }
        polls.push(running.polls);
        drop(running);
        let down = {
            let inner = &mut *world.inner();
            inner.note("GONE");
            inner.count("ends of a process");
            inner.judge.ends();
            let long = inner.random.chance(5);
            if long { inner.random.millis(1_000, 900_000) } else { inner.random.millis(0, 20_000) }
        };
        // At least once all is idle: what the dead process has left to be dropped lets go of its lock.
        sleep(down.max(Duration::from_millis(1))).await;
        if mutants::is(Mutant::BudgetInMemory) {
            let without = without_ledger(&*kept.open().state, world.emulator.now()).await;
            kept = Kept::Memory(without);
        }
        if forgets && world.inner().judge.flying == 0 {
            forgets = false;
            let inner = &mut *world.inner();
            inner.note("the state is lost");
            inner.count("lost states");
            inner.judge.forgets(world.emulator.now());
            kept.is_lost(world.emulator.now());
        }
    }
    nature.abort();
    editor.abort();
    quiet(world, &kept).await?;
    kept.breach().map_or(Ok(()), |breach| Err(format!("S3 or S4: by its journal, {breach}")))
}

/// Now and then nothing of a process runs for a while, as if its machine slept.
async fn stands_still(world: &World) {
    let long = {
        let inner = &mut *world.inner();
        if !inner.strikes("standstill", world.scenario.standstill) {
            return;
        }
        inner.random.millis(500, 80_000)
    };
    sleep(long).await;
}

/// Told to stop, a process ends by itself, whatever it is at.
async fn stops(
    world: &World,
    switch: &Switch,
    running: &mut (impl Future<Output = Option<Result<(), Error>>> + Unpin),
) -> Result<(), String> {
    world.inner().note("STOP");
    world.inner().count("stops");
    switch.stop();
    tokio::select! {
        biased;
        ended = running => match ended {
            None | Some(Ok(()) | Err(Error::State(_) | Error::OutOfScope { .. })) => Ok(()),
            Some(Err(error)) => Err(format!("L1: it was stopped, and ended with {error:?}")),
        },
        () = sleep(GRACE) => Err("L1: it was told to stop, and does not".to_owned()),
    }
}

/// Nothing moves and nothing fails any more: all comes right, then nothing is done, then it stops.
async fn quiet(world: &Arc<World>, kept: &Kept) -> Result<(), String> {
    let plenty = world.scenario.plenty;
    {
        let inner = &mut *world.inner();
        inner.faulty = false;
        inner.paused = false;
        inner.files.free(plenty, &mut inner.judge);
        inner.note("QUIET");
    }
    let (switch, stop) = Stop::new();
    let mut running = Box::pin(process(Arc::clone(world), kept.open(), stop));
    let begun = Instant::now();
    let mut was_open = false;
    let late = world.scenario.backs_off() || world.scenario.moves.is_some();
    let bound = |judge: &Judge, key: &ExecutionKey, was_open: bool| {
        // What opened a breaker counts for hours.
        let bound = if was_open {
            LATE
        } else if !late {
            SOON
        } else if judge.troubled.contains(key) {
            LATE
        } else {
            HOURLY
        };
        bound + 2 * world.scenario.interval
    };
    let mut rests = None;
    loop {
        tokio::select! {
            biased;
            ended = &mut running => return Err(format!("L1: it ended by itself: {ended:?}")),
            () = sleep(LOOK) => {}
        }
        stops_at_a_violation(world)?;
        let inner = &mut *world.inner();
        let (now, files, judge) = (world.emulator.now(), &inner.files, &inner.judge);
        let due = world.emulator.store(|store| judge.eligible(files, store, now));
        let due = if plenty { due } else { Vec::new() };
        was_open |= !judge.breakers.is_empty();
        if let Some(key) = due.iter().find(|key| begun.elapsed() > bound(judge, key, was_open)) {
            return Err(format!("L1: {key} is due and not canceled"));
        }
        let left = !due.is_empty() || judge.open() > 0;
        if judge.open() > 0 && begun.elapsed() > LATE {
            return Err("S4: an intent has no outcome".to_owned());
        }
        match left.then_some(()) {
            Some(()) => {}
            None if begun.elapsed() < QUIET => {}
            None if !plenty => break,
            None => {
                inner.judge.rests = true;
                let until = *rests.get_or_insert(Instant::now() + 3 * world.scenario.interval);
                if Instant::now() > until {
                    break;
                }
            }
        }
    }
    switch.stop();
    tokio::select! {
        biased;
        ended = running => if let Err(error) = ended {
            return Err(format!("L1: it was stopped, and ended with {error:?}"));
        },
        () = sleep(GRACE) => return Err("L1: it was told to stop, and does not".to_owned()),
    }
    world.inner().judge.check_outcomes();
    stops_at_a_violation(world)
}

/// The open intents of a state, and its guards: what was spent is not among them.
async fn without_ledger(kept: &dyn State, now: jiff::Timestamp) -> Arc<dyn State> {
    let state = MemoryState::default();
    for open in kept.open().await.unwrap() {
        state.begin(&open.intent, &[], open.sent_at).await.unwrap();
    }
    state.adopt(&kept.adopted().await.unwrap(), &BTreeSet::new(), now).await.unwrap();
    Arc::new(state)
}

/// Looks at what the process tells, and whether something is wrong.
fn stops_at_a_violation(world: &World) -> Result<(), String> {
    let inner = &mut *world.inner();
    let pass = inner.told.as_ref().and_then(|told| told.borrow().pass.clone());
    for reason in pass.iter().flat_map(|pass| pass.reasons.keys()) {
        inner.count(format!("reason {reason}"));
    }
    inner.judge.violation.clone().map_or(Ok(()), Err)
}

/// One process, from its start to its end.
async fn process(world: Arc<World>, opened: Opened, stop: Stop) -> Result<(), Error> {
    let (skew, nonce) = {
        let (most, inner) = (world.scenario.skew, &mut *world.inner());
        inner.judge.begins();
        let skew = inner.random.seconds(0, 2 * most) - i64::try_from(most).expect("days");
        (SignedDuration::from_secs(skew), inner.random.next())
    };
    let clock = Clock::starting_at(world.emulator.now() + skew);
    let server = Server { world: Arc::clone(&world), clock: clock.clone() };
    let state: Arc<dyn State> = Arc::new(Disk::new(opened, Arc::clone(&world)));
    let pacer = Pacer::default();
    let paced: Arc<dyn JobsReader> = Arc::new(Paced::new(server.clone(), pacer.clone()));
    let mut source = Root(Arc::clone(&world));
    let none = Unfinished::new();
    let tree = loop {
        tokio::select! {
            biased;
            () = stop.on() => return Ok(()),
            looked = look(&mut source, &none) => if let Ok(tree) = looked {
                break tree;
            },
        }
        sleep(Duration::from_secs(1)).await;
    };
    let (digest, unfinished) = (tree.digest.clone(), unfinished(&tree));
    let said = world.said(tree);
    let kept = guards::adopted(&*state, clock.now()).await.expect("the disk can be read");
    let before = PolicySet::guarded([], kept, Demands::default());
    let set = Arc::new(adopt(&before, said));
    let first = Adopted { set, tree: Some(digest), unfinished };
    let (reporter, snapshot) = Reporter::new(clock.now(), "root".to_owned());
    let settler = Settler {
        reader: Arc::new(server.clone()),
        pacer: pacer.clone(),
        state: Arc::clone(&state),
        clock: clock.clone(),
        flight_time: FLIGHT_TIME,
    };
    let ids = Arc::new(Ids::seeded(nonce));
    let made = (Arc::clone(&state), clock.clone(), Arc::clone(&paced), Arc::clone(&world));
    let controller = Controller {
        interval: world.scenario.interval,
        collector: Collector::new(Arc::clone(&paced), clock.clone()),
        executor: Box::new(move |in_force| {
            let (state, clock, paced, world) = made.clone();
            world.inner().judge.in_force = Some(Arc::clone(&in_force));
            Executor {
                paced,
                reader: Arc::new(server.clone()),
                writer: Arc::new(server.clone()),
                pacer: pacer.clone(),
                state,
                in_force,
                clock,
                flight_time: FLIGHT_TIME,
                ids: Arc::clone(&ids),
            }
        }),
        settler,
        state,
        clock,
        elsewhere: Box::new(|_| None),
        reporter,
    };
    world.inner().told = Some(snapshot);
    controller.run(Box::new(source), first, stop).await
}

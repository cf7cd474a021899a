//! Breakers on the command line: what `apply` says of an open one, and `rescind resume --breaker`.
//!
//! Where nobody writes, `resume` takes the lock and closes it; a running writer is asked by a file.

use crate::cli::Failure;
use crate::cli::args::state::{Resume as Args, is_at_loopback, who};
use crate::cli::exit::Exit;
use crate::cli::guard::{place, taken_back};
use crate::cli::output::{Output, plural};
use crate::cli::session::state_directory;
use crate::clock::Clock;
use crate::plan::breaker::{Breaker, Change};
use crate::plan::{Plan, Reason};
use crate::policy::PolicySet;
use crate::state::State;
use crate::state::directory::Error;
use crate::state::request::{Opening, Resume};
use crate::state::sqlite::{OpenError, SqliteState, Writing, read_memory};

/// What `apply` ends with if a breaker keeps it from doing anything.
pub fn refusal(plan: &Plan, changes: &[Change]) -> Option<String> {
    let withheld = withheld(plan, Reason::BreakerOpen);
    let open = plan.breakers.iter().find(|state| state.why.is_some())?;
    let (breaker, why) = (open.breaker, open.why.as_deref().unwrap_or_default());
    if withheld == 0 {
        return None;
    }
    let closed = |change: &Change| change.breaker == breaker && !change.opened;
    let then = if changes.iter().any(closed) {
        "it has closed now: run it again".to_owned()
    } else {
        format!("once that is put right, `rescind resume --breaker {breaker}` closes it")
    };
    let then = if breaker == Breaker::Clock && is_at_loopback() {
        format!(
            "{then}. An emulator's clock that was moved is allowed by `breakers: {{clockSkewSeconds: \
             31536000}}` in a guard"
        )
    } else {
        then
    };
    let count = plural(withheld, "execution");
    Some(format!("breaker {breaker} is open: {why}; {count} held back; {then}"))
}

/// How many executions wait for what holds everything back, those among them that wait for a while of their
/// own since a call for them failed.
pub fn withheld(plan: &Plan, reason: Reason) -> usize {
    let waits = |it: Reason| it == reason || it == Reason::BackingOff;
    plan.lines.iter().filter(|line| waits(line.verdict.reason)).count()
}

/// Whether a breaker is open now.
pub fn stopped(state: &dyn State, policies: &PolicySet, clock: &Clock) -> bool {
    let thresholds = policies.thresholds();
    state.breakers().first_open(clock.skew(), &thresholds, clock.now()).is_some()
}

pub async fn resume(args: &Args, breaker: Breaker, output: Output) -> anyhow::Result<Exit> {
    let failed = |error: &dyn std::error::Error| Failure::new(Exit::Error, error.to_string());
    let directory = state_directory(&args.directory)?;
    let place = place(args.account.as_deref(), args.region.as_deref(), &directory)?;
    let memory = read_memory(&directory, &place, Clock::system().now());
    let open = memory.map_err(|error| failed(&error))?.unwrap_or_default().breakers.open;
    let of = format!("account {} in {}", place.account, place.region);
    let Some(since) = open.get(&breaker).map(|it| it.since) else {
        let names: Vec<_> = open.keys().map(|it| it.label()).collect();
        let others = if names.is_empty() { "none is".to_owned() } else { names.join(", ") };
        let message = format!("breaker {breaker} of {of} is not open; open: {others}");
        return Err(Failure::new(Exit::Error, message).into());
    };
    let request = Resume::ask(&directory, &place, Opening { breaker, since }, &who());
    let request = request.map_err(|error| failed(&error))?;
    let clock = Some(Clock::system());
    let writing = Writing { who: who(), clock, fresh_ledger: false };
    match SqliteState::open(&directory, &place, writing) {
        Ok(state) => {
            let resumed = state.resume_asked(Clock::system().now()).await;
            resumed.map_err(|error| taken_back(&request, &error))?;
            output.result(&format!(
                "Closed: breaker {breaker} of {of}. It opens again if what opened it goes on."
            ))?;
        }
        Err(OpenError::Directory(Error::Held { holder, .. })) => output.result(&format!(
            "Asked {holder} to close breaker {breaker}. `run` does so within 10 seconds; if that is an \
             `apply`, ask again once it has ended. It opens again if what opened it goes on."
        ))?,
        Err(error) => return Err(taken_back(&request, &error).into()),
    }
    Ok(Exit::Done)
}

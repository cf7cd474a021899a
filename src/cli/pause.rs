//! `rescind pause` and `rescind resume`: the stop switch in the state directory.

use crate::cli::Failure;
use crate::cli::args::state::{Pause, Resume, who};
use crate::cli::exit::Exit;
use crate::cli::output::{Output, plural};
use crate::cli::session::state_directory;
use crate::clock::Clock;
use crate::state::directory::{Directory, Error, Place};
use crate::state::pauses;

pub fn pause(args: &Pause, output: Output) -> anyhow::Result<Exit> {
    let directory = state_directory(&args.directory)?;
    let now = Clock::system().now();
    let by = format!("{} at {now:.0}", who());
    let reason = match &args.reason {
        Some(reason) => format!("{reason} ({by})"),
        None => format!("by {by}"),
    };
    let path = directory.path().display();
    if directory.is_missing() {
        let message = format!(
            "{path} is not there: nothing was paused. Name the --state-dir that the controller uses"
        );
        return Err(Failure::new(Exit::Error, message).into());
    }
    let is_new = !directory.is_used().map_err(|error| failed(&error))?;
    let earlier = directory.pause(&reason).map_err(|error| failed(&error))?;
    let told = output.result(&format!(
        "Paused: nothing is sent with the state in {path} until `rescind resume`. What is on its way \
         may still land."
    ));
    keep(&directory, pauses::Change { at: now, paused: true, why: reason }, output);
    told?;
    // It is paused by now, whatever there is to say of who hears it.
    let not_known = |error: &Error| {
        output.say(&format!("Warning: who stops by it is not known: {error}"));
    };
    let holders = directory.holders().inspect_err(not_known).ok();
    for (Place { account, region }, holder) in holders.iter().flatten() {
        output.say(&format!(
            "{holder}, which works on account {account} in {region}, stops before its next cancel."
        ));
    }
    if holders.is_some_and(|holders| holders.is_empty()) {
        let state = if is_new { "had no state and begins one" } else { "is of no running process" };
        output
            .say(&format!("Warning: {path} {state}. What runs with another --state-dir goes on."));
    }
    if let Some(newest) = earlier.first() {
        let more = match earlier.len() - 1 {
            0 => String::new(),
            more => format!(" (and {} before that)", plural(more, "time")),
        };
        output.say(&format!("It was paused already: {newest}{more}. One resume ends all of it."));
    }
    Ok(Exit::Done)
}

pub fn resume(args: &Resume, output: Output) -> anyhow::Result<Exit> {
    let directory = state_directory(&args.directory)?;
    used(&directory)?;
    let reasons = directory.resume().map_err(|error| failed(&error))?;
    let path = directory.path().display();
    if reasons.is_some() {
        let change = pauses::Change {
            at: Clock::system().now(),
            paused: false,
            why: format!("by {}", who()),
        };
        keep(&directory, change, output);
    }
    output.result(&match reasons {
        Some(reasons) => {
            let mut text = format!("Resumed: what is sent with the state in {path} is sent again.");
            for reason in reasons {
                text.push_str(&format!("\nIt was paused: {reason}"));
            }
            text
        }
        None => format!("It was not paused: there is no PAUSED in {path}."),
    })?;
    Ok(Exit::Done)
}

/// Keeps what was done to the switch for `audit`. It is done by now, also where a full disk keeps no word of it.
fn keep(directory: &Directory, change: pauses::Change, output: Output) {
    if let Err(error) = pauses::keep(directory, change) {
        output.say(&format!("Warning: `rescind audit` will not say so: {error}"));
    }
}

/// Stops if nothing was ever kept in a state directory: it is hardly the one that was meant.
pub fn used(directory: &Directory) -> anyhow::Result<()> {
    if directory.is_used().map_err(|error| failed(&error))? {
        return Ok(());
    }
    let path = directory.path();
    let there = if path.exists() { "" } else { ", which is not there" };
    let message = format!(
        "there is no state in {}{there}: name the --state-dir that `run` or `apply` uses",
        path.display()
    );
    Err(Failure::new(Exit::Error, message).into())
}

fn failed(error: &Error) -> Failure {
    Failure::new(Exit::Error, error.to_string())
}

//! `rescind pause` and `rescind resume`: the stop switch in the state directory.

use crate::cli::Failure;
use crate::cli::args::state::{Pause, Resume, who};
use crate::cli::exit::Exit;
use crate::cli::output::{Output, plural};
use crate::cli::session::state_directory;
use crate::clock::Clock;
use crate::state::directory::{Directory, Error};

pub fn pause(args: &Pause, output: Output) -> anyhow::Result<Exit> {
    let directory = state_directory(&args.directory)?;
    let by = format!("{} at {:.0}", who(), Clock::system().now());
    let reason = match &args.reason {
        Some(reason) => format!("{reason} ({by})"),
        None => format!("by {by}"),
    };
    let is_new = !directory.is_used().map_err(|error| failed(&error))?;
    let earlier = directory.pause(&reason).map_err(|error| failed(&error))?;
    let path = directory.path().display();
    output.result(&format!(
        "Paused: nothing is sent with the state in {path} until `rescind resume`. What is on its way \
         may still land."
    ))?;
    if is_new {
        output.say(&format!(
            "Note: {path} had no state; this begins one. What uses another --state-dir is not paused."
        ));
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

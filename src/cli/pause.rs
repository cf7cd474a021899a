//! `rescind pause` and `rescind resume`: the stop switch in the state directory.

use crate::cli::Failure;
use crate::cli::args::state::{Pause, Resume, who};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::state_directory;

pub fn pause(args: &Pause, output: Output) -> anyhow::Result<Exit> {
    let directory = state_directory(&args.directory)?;
    let reason = match &args.reason {
        Some(reason) => format!("{reason} ({})", who()),
        None => format!("by {}", who()),
    };
    directory.pause(&reason).map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    let path = directory.path().display();
    output.result(&format!(
        "Paused: nothing is sent with the state in {path} until `rescind resume`. What is on its way \
         may still land."
    ))?;
    Ok(Exit::Done)
}

pub fn resume(args: &Resume, output: Output) -> anyhow::Result<Exit> {
    let directory = state_directory(&args.directory)?;
    let resumed = directory.resume();
    let was_paused = resumed.map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    let path = directory.path().display();
    output.result(&if was_paused {
        format!("Resumed: what is sent with the state in {path} is sent again.")
    } else {
        format!("It was not paused: there is no PAUSED in {path}.")
    })?;
    Ok(Exit::Done)
}

//! The command line, as a stranger meets it: what it prints where, and with which code it ends.

mod annotated;
mod apply;
mod breakers;
mod emulated;
mod exits;
mod explained;
mod guards;
mod json;
mod mistakes;
mod output;
mod paused;
mod placed;
mod plan;
mod recorded;
mod revisions;
mod saved;
mod stable;
mod tested;
mod verified;

use std::process::Command;

use crate::process::command;

/// The example root and its fleet, from where the repository is.
fn example(args: &[&str]) -> Command {
    let mut command = command(args);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// What differs from run to run, taken out.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]");
    settings.add_filter(r"00000000-0000-4000-8000-[0-9a-f]{12}", "[request]");
    settings.add_filter(r#",\n +"revision": "[^"]+""#, "");
    settings.add_filter(r"\b[0-9a-f]{64}\b", "[digest]");
    settings.add_filter(r"\b[0-9a-f]{8}\b", "[short]");
    settings.add_filter(r"(\d+[dhm])( \d+s)? ago", "$1 ago");
    settings
}

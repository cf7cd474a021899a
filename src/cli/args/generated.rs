//! What is generated from the command line: completions for shells, and the manual page.

use std::io;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Args;

/// The completions of a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "rescind", &mut text);
    text
}

/// The manual page of `rescind` and of each verb, one behind the other, as roff.
pub fn man() -> io::Result<Vec<u8>> {
    let mut command = Args::command();
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for verb in command.get_subcommands() {
        clap_mangen::Man::new(verb.clone()).render(&mut text)?;
    }
    Ok(text)
}

//! The program: arguments in, an exit code out.

use std::process::ExitCode;

use clap::Parser as _;
use rescind::cli::args::Args;
use rescind::cli::exit::Exit;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are asked for; everything else is a mistake in the command line.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    rescind::cli::main(args).into()
}

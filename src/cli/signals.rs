//! SIGINT, SIGTERM and SIGHUP.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::Exit;

/// Listens from when it is made.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None where it is ignored, as `nohup` has it, or where that cannot be told.
    hangup: Option<Signal>,
}

impl Signals {
    /// Takes the signals over from the system's default, which ends the process at once.
    pub fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened to");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: if takes_hangup() { Some(listen(SignalKind::hangup())?) } else { None },
        })
    }

    /// Waits for the next one; what it means for a verb that runs once.
    pub async fn next(&mut self) -> Exit {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let exit = tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
            // The terminal is closed, or somebody reloads what needs no reload: what is in flight is finished.
            _ = hangup => Exit::Terminated,
        };
        // They come in pairs, from the terminal and from the shell: only the first thing told counts.
        self.hangup = None;
        exit
    }
}

/// Whether SIGHUP is known to end the process: its bit in the mask of what is ignored is not set.
fn takes_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 0)
}

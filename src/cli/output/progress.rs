//! Progress on stderr, when that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::apply::{Afterwards, Record, Watch};
use crate::observe;

/// A line that says how far things are.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Default for Progress {
    /// Shown once something is told, and only on a terminal.
    fn default() -> Self {
        // Hidden by itself where stderr is no terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }
}

impl Progress {
    /// Leaves the terminal as it was.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl observe::Progress for Progress {
    fn update(&self, what: &str, done: usize, total: Option<usize>) {
        self.0.set_message(match total {
            Some(total) => format!("{what}: {done} of {total}"),
            None => format!("{what}: {done}"),
        });
    }
}

impl Watch for Progress {
    fn ended(&self, record: &Record, left: usize) {
        self.0.set_message(format!("{}: {}; {left} left", record.key, record.ending.label()));
    }

    fn waiting(&self, lines: usize, until: Instant) -> Afterwards {
        let seconds = until.saturating_duration_since(Instant::now()).as_secs();
        self.0.set_message(format!("{lines} lost or throttled calls go on in {seconds} s"));
        if self.0.is_hidden() {
            // Minutes without a word look like a hang, in a pipeline's log too.
            tracing::warn!(lines, seconds, "waiting for lost or throttled calls");
        }
        Afterwards::TryAgain
    }
}

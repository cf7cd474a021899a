//! Logs on stderr.
//!
//! Each event is one line, in which nothing acts on a terminal or turns the text around it: what is
//! logged may come from AWS, from a device or from the name of a file. A line that cannot be written (a full
//! disk, a reader that has gone) is lost and stops nothing.

use std::io::{self, Write};

use super::{Output, safe};
use crate::cli::args::Format;
use crate::document::words::safe_json;

/// What an event is written through, once it is a line.
struct Line {
    format: Format,
    color: bool,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let safe = match self.format {
            Format::Text => safe(&text, self.color),
            Format::Json => safe_json(&text),
        };
        let _ = io::stderr().lock().write_all(safe.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

/// Sends logs to stderr: as `filter` says, else warnings only (`quiet`) or what happens too.
pub fn start(
    filter: Option<&str>,
    format: Format,
    quiet: bool,
    output: Output,
) -> Result<(), String> {
    use tracing_subscriber::filter::EnvFilter;
    let default = if quiet { "error,rescind=warn" } else { "error,rescind=info" };
    let filter =
        EnvFilter::try_new(filter.unwrap_or(default)).map_err(|error| error.to_string())?;
    let color = output.stderr_color();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Line { format, color })
        .with_target(false);
    // A second subscriber in one process can only be a test's; the first one goes on.
    let _ = match format {
        Format::Text => {
            tracing::subscriber::set_global_default(subscriber.with_ansi(color).finish())
        }
        Format::Json => {
            tracing::subscriber::set_global_default(subscriber.json().flatten_event(true).finish())
        }
    };
    Ok(())
}

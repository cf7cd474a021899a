//! The surfaces that people and programs read. The only place that prints.

use std::io::{self, IsTerminal as _, Write as _};

use crate::cli::args::Color;

pub mod apply;
pub mod plan;
pub mod progress;

/// Where results go, and whether in colour.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    color: bool,
    stderr_color: bool,
}

/// What a word means, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// Something is canceled, or fails.
    Strong,
    /// Something waits.
    Waits,
    /// Something is done.
    Good,
    /// Of less weight.
    Faint,
}

impl Output {
    /// Decides about colour: on a terminal, unless `NO_COLOR` says no or `--color` says otherwise.
    pub fn new(color: Color) -> Self {
        let choose = |terminal: bool, auto: anstream::ColorChoice| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && auto != anstream::ColorChoice::Never,
        };
        Self {
            color: choose(io::stdout().is_terminal(), anstream::AutoStream::choice(&io::stdout())),
            stderr_color: choose(
                io::stderr().is_terminal(),
                anstream::AutoStream::choice(&io::stderr()),
            ),
        }
    }

    /// Whether results are in colour.
    pub fn color(self) -> bool {
        self.color
    }

    /// Whether messages on stderr are in colour.
    pub fn stderr_color(self) -> bool {
        self.stderr_color
    }

    /// A word in its tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Strong => "1;31",
            Tone::Waits => "33",
            Tone::Good => "32",
            Tone::Faint => "2",
            Tone::Plain => return text.to_owned(),
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Prints a result. A reader that has gone away ends the program quietly, as it ends `cat`.
    pub fn result(self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
        stdout.flush()
    }

    /// Prints JSON as a result.
    pub fn json(self, value: &impl serde::Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
        self.result(&text)
    }

    /// Says something beside the result. That it cannot be said stops nothing.
    pub fn say(self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{}", text.trim_end_matches('\n'));
    }
}

/// Rows in aligned columns, the last one as long as it is. Each cell has a tone.
pub fn columns(output: Output, rows: &[Vec<(Tone, String)>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|(_, text)| text.chars().count()).max()
    };
    let widths: Vec<_> = (0..count).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (tone, cell)) in row.iter().enumerate() {
            line.push_str(&output.paint(*tone, cell));
            if column + 1 < row.len() {
                let gap = widths[column] - cell.chars().count() + 2;
                line.extend(std::iter::repeat_n(' ', gap));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `1 execution`, `2 executions`.
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

impl Output {
    /// Says what went wrong.
    pub fn error(self, text: &str) {
        let mark = if self.stderr_color { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
        self.say(&format!("{mark}: {text}"));
    }
}

/// Sends logs to stderr: as `filter` says, else warnings only (`quiet`) or what happens too.
pub fn logs(filter: Option<&str>, quiet: bool, output: Output) -> Result<(), String> {
    use tracing_subscriber::filter::EnvFilter;
    let default = if quiet { "warn" } else { "warn,rescind=info" };
    let filter =
        EnvFilter::try_new(filter.unwrap_or(default)).map_err(|error| error.to_string())?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(output.stderr_color())
        .with_target(false)
        .finish();
    // A second subscriber in one process can only be a test's; the first one goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

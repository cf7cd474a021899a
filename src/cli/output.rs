//! The surfaces that people and programs read. The only place that prints.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use crate::cli::args::Color;
use crate::document::words::{is_unsafe, json_text, push_visible, safe_json, visible};

pub mod apply;
pub mod audit;
pub mod cost;
pub mod diff;
pub mod explain;
pub mod forms;
pub mod github;
pub mod log;
pub mod markdown;
pub mod plan;
pub mod plan_github;
pub mod plan_markdown;
pub mod progress;
pub mod status;
pub mod test;
pub mod validate;
pub mod verify;

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

    /// Prints a result. A reader that has gone away (`| head`) changes nothing, least of all the exit
    /// code.
    pub fn result(self, text: &str) -> io::Result<()> {
        match self.shown(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// Prints one of many results; false once nobody reads them any more.
    pub fn next(self, text: &str) -> io::Result<bool> {
        match self.shown(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Prints what must have been printed before anything else is done.
    pub fn shown(self, text: &str) -> io::Result<()> {
        let text = safe(text, self.color);
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
        stdout.flush()
    }

    /// Prints JSON as a result. What a terminal would act on is escaped in it.
    pub fn json(self, value: &impl serde::Serialize) -> io::Result<()> {
        self.result(&json_text(value)?)
    }

    /// Prints a file in which all strings are JSON's. One that nobody read whole was not written.
    pub fn file(self, text: &str) -> io::Result<()> {
        self.shown(&safe_json(text))
    }

    /// Says something beside the result. That it cannot be said stops nothing.
    pub fn say(self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{}", safe(text.trim_end_matches('\n'), self.stderr_color));
    }
}

/// The text with all that a terminal would act on escaped, but for line ends and, where `color` is on,
/// colours: what comes from AWS, from a device or from a file must not move a cursor.
fn safe(text: &str, color: bool) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unsafe(c) && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match color_code(rest).filter(|_| color) {
            Some(length) => {
                safe.push_str(&rest[..length]);
                length
            }
            None if c == '\n' => {
                safe.push(c);
                1
            }
            None => {
                push_visible(&mut safe, c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    Cow::Owned(safe)
}

/// The length of the colour code that `text` begins with, such as `ESC[1;31m`.
fn color_code(text: &str) -> Option<usize> {
    let code = text.strip_prefix("\u{1b}[")?;
    let end = code.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    code[end..].starts_with('m').then_some(end + 3)
}

/// Rows in aligned columns, the last one as long as it is. Each cell has a tone, and none of its own.
pub fn columns(output: Output, rows: &[Vec<(Tone, String)>]) -> String {
    let safe = |row: &Vec<(Tone, String)>| -> Vec<_> {
        row.iter().map(|(tone, cell)| (*tone, visible(cell))).collect()
    };
    let rows: Vec<_> = rows.iter().map(safe).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|(_, text)| text.chars().count()).max()
    };
    let widths: Vec<_> = (0..count).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in &rows {
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
    /// Puts a question on stderr, with the answer to come behind it.
    pub fn ask(self, question: &str) -> io::Result<()> {
        let mut stderr = io::stderr().lock();
        if self.stderr_color {
            write!(stderr, "\u{1b}[1m{question}\u{1b}[0m")?;
        } else {
            write!(stderr, "{question}")?;
        }
        stderr.flush()
    }

    /// Says what went wrong.
    pub fn error(self, text: &str) {
        let mark = if self.stderr_color { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
        self.say(&format!("{mark}: {text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_colours_reach_a_terminal() {
        let text = "\u{1b}[1;31merror\u{1b}[0m: \u{1b}[2J\u{7}\u{9b}1m\u{202e}x\n";
        assert_eq!(
            safe(text, true),
            "\u{1b}[1;31merror\u{1b}[0m: \\u{1b}[2J\\u{7}\\u{9b}1m\\u{202e}x\n"
        );
        assert_eq!(safe("\u{1b}[0m\u{1b}[", false), "\\u{1b}[0m\\u{1b}[");
        assert_eq!(safe("\u{1b}[", true), "\\u{1b}[");
        assert_eq!(safe("grün\n", false), "grün\n");
    }
}

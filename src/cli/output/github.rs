//! Annotations: lines that GitHub Actions reads off the log of a step and shows beside the code.
//!
//! Names and messages come from files, devices and AWS. They are data of a command here and never one of
//! their own: each annotation is one line that begins with its command, and what GitHub would take for
//! the end of a line, of a property or of the command is escaped as GitHub says.

use std::path::{Component, Path, PathBuf};

use crate::cli::output::markdown::{MOST, folded};
use crate::document::Diagnostic;
use crate::document::report::Range;

/// GitHub shows so many of a kind for a step, and drops the rest without a word.
const SHOWN: usize = 10;

/// How much an annotation weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The step fails for it.
    Error,
    /// Somebody should look.
    Warning,
    /// Good to know.
    Notice,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// One annotation.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// How much it weighs.
    pub level: Level,
    /// The file with line and column, both from 1, if it is about one.
    pub place: Option<(String, usize, usize)>,
    /// What it is about, in a few words.
    pub title: String,
    /// What is to be said.
    pub message: String,
}

impl Annotation {
    /// An annotation where a range begins.
    pub fn at(level: Level, range: &Range, title: String, message: String) -> Self {
        Self { level, place: Some((range.path.clone(), range.line, range.column)), title, message }
    }

    /// One that is about no line.
    pub fn general(level: Level, title: &str, message: String) -> Self {
        Self { level, place: None, title: title.to_owned(), message }
    }
}

impl From<&Diagnostic> for Annotation {
    fn from(diagnostic: &Diagnostic) -> Self {
        let level = if diagnostic.is_error() { Level::Error } else { Level::Warning };
        let message = match &diagnostic.help {
            Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
            None => diagnostic.message.clone(),
        };
        let title = diagnostic.code.to_string();
        Self::at(level, &(&diagnostic.place).into(), title, message)
    }
}

/// What follows the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A path from `here`, if it is below; without steps that lead nowhere.
fn relative(path: &str, here: &Path) -> String {
    let path = Path::new(path);
    let path = path.strip_prefix(here).unwrap_or(path);
    let steps = path.components().filter(|step| !matches!(step, Component::CurDir));
    steps.collect::<PathBuf>().to_string_lossy().into_owned()
}

fn line(annotation: &Annotation, here: &Path) -> String {
    let place = annotation.place.as_ref().map_or(String::new(), |(path, line, column)| {
        format!("file={},line={line},col={column},", property(&relative(path, here)))
    });
    let (title, message) = (property(&annotation.title), data(&annotation.message));
    format!("::{} {place}title={title}::{message}\n", annotation.level.word())
}

/// The annotations, what weighs most first, with `last` behind them; it must be of our own words alone.
/// `here` is the working directory.
pub fn text(annotations: &[Annotation], last: &str, here: &Path) -> String {
    let mut sorted: Vec<_> = annotations.iter().collect();
    sorted.sort_by_key(|annotation| annotation.level);
    let mut text: String = sorted.iter().take(SHOWN).map(|it| line(it, here)).collect();
    text.push_str(last.trim_end());
    if let more @ 1.. = sorted.len().saturating_sub(SHOWN) {
        text.push_str(&format!(" {more} more not shown above."));
    }
    text.push('\n');
    text
}

/// All of them as Markdown, for the summary of the step.
pub fn summary(verb: &str, annotations: &[Annotation], last: &str) -> String {
    let row = |it: &Annotation| {
        let place = it.place.as_ref().map(|(path, line, column)| format!("{path}:{line}:{column}"));
        let level = it.level.word().to_owned();
        vec![level, place.unwrap_or_default(), it.title.clone(), it.message.clone()]
    };
    let rows: Vec<_> = annotations.iter().map(row).collect();
    let table = folded(
        &format!("Annotations: {}", rows.len()),
        &["Level", "Where", "What", "Message"],
        &rows,
        MOST,
    );
    format!("### rescind {verb}\n\n{}\n{table}", last.trim_end())
}

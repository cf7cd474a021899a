//! What GitHub Actions gives a step to write into: its summary and its outputs.
//!
//! Both are files that the environment names, and are added to only when it does.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;

#[expect(clippy::disallowed_methods, reason = "the one place that asks for what CI gives a step")]
fn named_by(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn add(variable: &str, text: &str) -> anyhow::Result<()> {
    let Some(path) = named_by(variable) else { return Ok(()) };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{variable}={}", path.display()))
}

/// Adds to the summary of the step, if it has one.
pub fn summary(markdown: impl FnOnce() -> String) -> anyhow::Result<()> {
    if named_by("GITHUB_STEP_SUMMARY").is_none() {
        return Ok(());
    }
    add("GITHUB_STEP_SUMMARY", &format!("{}\n", markdown()))
}

/// Sets outputs of the step, if it has any. Values are numbers, so that none can set another one.
pub fn outputs(values: &[(&str, usize)]) -> anyhow::Result<()> {
    let lines: Vec<_> = values.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    add("GITHUB_OUTPUT", &lines.concat())
}

/// The working directory, from which the paths of annotations are told.
pub fn here() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

//! `--out`: a file that is written whole or not at all, or stdout.
//!
//! One home for all verbs that write a file, so that `-` means the same to each of them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::cli::Failure;
use crate::cli::exit::Exit;
use crate::cli::output::Output;

/// Where a verb writes its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Out<'a> {
    /// `-`; a file of that name is `./-`.
    Stdout,
    /// A file, which is replaced if it is there.
    File(&'a Path),
}

impl<'a> Out<'a> {
    /// What the flag's value means. Refuses to replace what is no file.
    pub fn of(path: &'a Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        if fs::symlink_metadata(path).is_ok_and(|it| !it.is_file()) {
            let path = path.display();
            let message = format!("--out {path}: something is there that is not a regular file");
            return Err(Failure::new(Exit::Usage, message).into());
        }
        Ok(Self::File(path))
    }

    /// Writes text in which all strings are JSON's.
    pub fn write(self, text: &str, output: Output) -> anyhow::Result<()> {
        let path = match self {
            Self::Stdout => return output.file(text).context("--out -"),
            Self::File(path) => path,
        };
        let in_words = || format!("--out {}", path.display());
        let name = path.file_name().with_context(|| format!("{} is no file name", in_words()))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(".part");
        let part = path.with_file_name(hidden);
        let mut file = File::create(&part).with_context(in_words)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(in_words)?;
        fs::rename(&part, path).with_context(in_words)
    }
}

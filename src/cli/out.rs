//! `--out`: a file that is written whole or not at all, or stdout.
//!
//! One home for all verbs that write a file, so that `-` means the same to each of them.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
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
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        // Made anew under a name that nobody could lay a link at; it goes unless it comes to its place.
        let mut part = tempfile::Builder::new();
        part.prefix(&hidden).suffix(".part").permissions(Permissions::from_mode(0o666));
        let part = part.tempfile_in(folder.unwrap_or(Path::new(".")));
        let mut part = part.with_context(in_words)?;
        let written = part.write_all(text.as_bytes()).and_then(|()| part.as_file().sync_all());
        written.with_context(in_words)?;
        part.persist(path).map(drop).map_err(|error| error.error).with_context(in_words)
    }
}

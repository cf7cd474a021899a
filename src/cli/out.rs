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
use crate::source::is_yaml;

/// The directory of a file.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

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
        let folder = folder_of(path);
        if !folder.is_dir() {
            let (path, folder) = (path.display(), folder.display());
            let message = format!("--out {path}: there is no directory {folder}");
            return Err(Failure::new(Exit::Usage, message).into());
        }
        Ok(Self::File(path))
    }

    /// The same beside a policy root. Refuses what would be read there as one of its files.
    pub fn beside(path: &'a Path, root: &Path) -> anyhow::Result<Self> {
        let out = Self::of(path)?;
        if let (Self::File(path), Ok(root)) = (out, root.canonicalize())
            && is_yaml(path)
            && folder_of(path).canonicalize().is_ok_and(|folder| folder.starts_with(&root))
        {
            let path = path.display();
            let message = format!(
                "--out {path}: the policy root, where every YAML file is read as policies, is no place for \
                 it: name another"
            );
            return Err(Failure::new(Exit::Usage, message).into());
        }
        Ok(out)
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
        // Made anew under a name that nobody could lay a link at; it goes unless it comes to its place.
        let mut part = tempfile::Builder::new();
        part.prefix(&hidden).suffix(".part").permissions(Permissions::from_mode(0o666));
        let part = part.tempfile_in(folder_of(path));
        let mut part = part.with_context(in_words)?;
        let written = part.write_all(text.as_bytes()).and_then(|()| part.as_file().sync_all());
        written.with_context(in_words)?;
        part.persist(path).map(drop).map_err(|error| error.error).with_context(in_words)
    }
}

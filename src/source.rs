//! Policy files on disk: found, read, watched.
//!
//! The only place that touches the policy root. It follows symbolic links as ConfigMaps and git-sync
//! use them, but never out of the root; what is no regular file is named and not opened. What the
//! files say is `document`'s business.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::document::SourceFile;
use crate::policy::Digest;

pub mod watch;

/// Files in one root: more is a mistake (a checkout of something else), not a policy repository.
pub const MAX_FILES: usize = 10_000;

/// How deep directories may be nested below the root.
const MAX_DEPTH: usize = 16;

/// A root or a file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path is not there, or cannot be opened.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing to read.
    #[error("{path} has no .yaml or .yml file: is it the policy root?", path = .0.display())]
    NoFiles(PathBuf),
    /// Too many files.
    #[error("{path} has more than {MAX_FILES} YAML files: is it the policy root?", path = .0.display())]
    TooManyFiles(PathBuf),
    /// Something that is called like a policy file but is none.
    #[error("{path} is not a regular file: remove it from the policy root", path = .0.display())]
    NotAFile(PathBuf),
    /// A link that leads out of the root.
    #[error("{path} is a link that leads out of the policy root: copy the file", path = .0.display())]
    OutOfRoot(PathBuf),
    /// A file that is too large to be read.
    #[error("{path} is larger than {limit} bytes", path = path.display())]
    TooLarge {
        /// Which path.
        path: PathBuf,
        /// What would be read.
        limit: u64,
    },
}

/// The files of a root, as they were at one moment.
#[derive(Debug)]
pub struct Tree {
    /// The files that could be read, by path.
    pub files: Vec<SourceFile>,
    /// Those that could not, by path: their policies wait.
    pub unreadable: BTreeMap<String, Error>,
    /// Over paths, contents and what could not be read.
    pub digest: Digest,
}

/// Reads the YAML files below `root`, or the one file that `root` is. Hidden files and directories are
/// passed over: a ConfigMap keeps its versions in them and links to them by visible names.
pub fn read(root: &Path, max_bytes: u64) -> Result<Tree, Error> {
    let canonical = fs::canonicalize(root).map_err(|source| io_error(root, source))?;
    let mut tree = BTreeMap::new();
    if canonical.is_dir() {
        find(&canonical, &canonical, 0, &mut tree, root)?;
    } else {
        let name = root.file_name().map_or_else(|| root.into(), PathBuf::from);
        tree.insert(name.to_string_lossy().into_owned(), canonical.clone());
    }
    if tree.is_empty() {
        return Err(Error::NoFiles(root.to_owned()));
    }
    let mut files = Vec::new();
    let mut unreadable = BTreeMap::new();
    let mut seen = String::new();
    for (path, full) in tree {
        match read_file(&canonical, &full, max_bytes) {
            Ok(text) => {
                seen.push_str(&format!("{path} {}\n", Digest::of(&text)));
                files.push(SourceFile { path, text });
            }
            Err(error) => {
                seen.push_str(&format!("{path} {error}\n"));
                unreadable.insert(path, error);
            }
        }
    }
    Ok(Tree { files, unreadable, digest: Digest::of(seen.as_bytes()) })
}

/// Reads one file, wherever it is.
pub fn read_one(path: &Path, max_bytes: u64) -> Result<SourceFile, Error> {
    let full = fs::canonicalize(path).map_err(|source| io_error(path, source))?;
    let text = read_file(&full, &full, max_bytes)?;
    Ok(SourceFile { path: path.to_string_lossy().into_owned(), text })
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "yaml" || it == "yml")
}

fn find(
    root: &Path,
    directory: &Path,
    depth: usize,
    found: &mut BTreeMap<String, PathBuf>,
    shown: &Path,
) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    let entries = fs::read_dir(directory).map_err(|source| io_error(directory, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| io_error(directory, source))?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| io_error(&path, source))?;
        if kind.is_dir() {
            find(root, &path, depth + 1, found, shown)?;
        } else if is_yaml(&path) {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            found.insert(name, path);
            if found.len() > MAX_FILES {
                return Err(Error::TooManyFiles(shown.to_owned()));
            }
        }
    }
    Ok(())
}

fn read_file(root: &Path, path: &Path, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let error = |source| io_error(path, source);
    let target = fs::canonicalize(path).map_err(error)?;
    if !target.starts_with(root) {
        return Err(Error::OutOfRoot(path.to_owned()));
    }
    // Asked before opening: opening a FIFO would wait for a writer for ever.
    if !fs::metadata(&target).map_err(error)?.is_file() {
        return Err(Error::NotAFile(path.to_owned()));
    }
    let mut text = Vec::new();
    fs::File::open(&target)
        .and_then(|file| file.take(max_bytes + 1).read_to_end(&mut text))
        .map_err(error)?;
    if text.len() as u64 > max_bytes {
        return Err(Error::TooLarge { path: path.to_owned(), limit: max_bytes });
    }
    Ok(text)
}

//! Policy files on disk: found, read, watched.
//!
//! The only place that touches the policy root. It follows symbolic links as ConfigMaps and git-sync
//! use them, but never out of the root; what is no regular file is named and not opened. What the
//! files say is `document`'s business.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::document::SourceFile;
use crate::policy::Digest;

pub mod git;
mod revision;
pub mod root;
pub mod watch;

/// Files in one root: more is a mistake (a checkout of something else), not a policy repository.
pub const MAX_FILES: usize = 10_000;

/// Entries in one root, links followed. It bounds a tree of links that lead to each other.
const MAX_ENTRIES: usize = 100_000;

/// How deep directories may be nested below the root.
const MAX_DEPTH: usize = 16;

/// A root or a file that cannot be read. Paths are as the root was given, for the eyes of whoever gave it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path is not there, or cannot be opened.
    #[error("{path} cannot be read", path = path.display())]
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
    /// Too many entries of any kind.
    #[error("{path} has more than {MAX_ENTRIES} entries: is it the policy root?", path = .0.display())]
    TooManyEntries(PathBuf),
    /// A directory too far below the root.
    #[error("{path} is more than {MAX_DEPTH} directories below the policy root", path = .0.display())]
    TooDeep(PathBuf),
    /// A link to a directory that it is in.
    #[error("{path} is a link that leads back to where it is: remove it", path = .0.display())]
    Loop(PathBuf),
    /// A name that is no text: two of them may look alike.
    #[error("{0:?} has a name that is not UTF-8: rename it")]
    NameNotUtf8(PathBuf),
    /// Something that is called like a policy file but is none.
    #[error("{path} is not a regular file: remove it from the policy root", path = .0.display())]
    NotAFile(PathBuf),
    /// A root that is a file.
    #[error(
        "{path} is a file: the policy root is a directory, and a file alone would leave the guards beside it \
         unread; name its directory (`plan` and `apply` narrow its policies by --only NAME)",
        path = .0.display()
    )]
    NotARoot(PathBuf),
    /// Something that was named as one file but is none.
    #[error("{path} is not a regular file: name one YAML file", path = .0.display())]
    NotOneFile(PathBuf),
    /// A git that is at work in the root for longer than a checkout takes.
    #[error(
        "{path} is there: a git is at work in the policy root, or was when it crashed; if none runs, check \
         the files and remove it",
        path = .0.display()
    )]
    Locked(PathBuf),
    /// A root whose file system does not answer.
    #[error(
        "its file system has not answered for {} s: is a network disk (NFS, EFS) away? It is waited for",
        .0.as_secs()
    )]
    Hangs(Duration),
    /// A root of which each look sees another state.
    #[error("it keeps changing: what else writes there? It is adopted once it comes to rest")]
    Restless,
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

impl Error {
    /// What is wrong, with its cause, on one line.
    pub fn in_words(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}

/// The files of a root, as they were at one moment.
#[derive(Debug)]
pub struct Tree {
    /// The files that could be read, by path.
    pub files: Vec<SourceFile>,
    /// Those that could not, by path: their policies wait.
    pub unreadable: BTreeMap<String, Error>,
    /// The git revision that the files are of: `COMMIT`, or `COMMIT-dirty`; none if that is not known.
    pub revision: Option<Arc<str>>,
    /// The lock by which a git says that it is changing the files, if it was there before or after them.
    pub lock: Option<PathBuf>,
    /// Over paths, contents, what could not be read, and the revision.
    pub digest: Digest,
}

/// Where the files of a policy root come from, again and again.
#[async_trait]
pub trait Source: Send {
    /// Waits for a hint that something may have changed; for ever where nothing gives hints. Nothing
    /// is lost when it is dropped.
    async fn hint(&mut self);

    /// The files as they are now. If it is dropped before its end, the next call goes on with it.
    async fn read(&mut self) -> Result<Tree, Error>;
}

/// Reads the YAML files below `root`. Hidden files and directories are passed over: a ConfigMap keeps
/// its versions in them and links to them by visible names. A file is refused: what stands beside it
/// would not be in force.
pub fn read(root: &Path, max_bytes: u64) -> Result<Tree, Error> {
    let named = fs::metadata(root).map_err(|source| io_error(root, source))?;
    if !named.is_dir() {
        return Err(Error::NotARoot(root.to_owned()));
    }
    read_part(root, max_bytes)
}

/// Reads the same, or the one file that `root` is: for whoever looks at what files say, and puts nothing
/// of it in force.
pub fn read_part(root: &Path, max_bytes: u64) -> Result<Tree, Error> {
    let canonical = fs::canonicalize(root).map_err(|source| io_error(root, source))?;
    let mut search = Search {
        root: &canonical,
        shown: root,
        entries: 0,
        found: BTreeMap::new(),
        failed: BTreeMap::new(),
    };
    let lock = revision::lock(&canonical);
    if canonical.is_dir() {
        let entries = fs::read_dir(&canonical).map_err(|source| io_error(root, source))?;
        search.directory(entries, Path::new(""), &mut vec![canonical.clone()])?;
    } else {
        let name = root.file_name().map_or_else(|| root.into(), PathBuf::from);
        search.found.insert(name.to_string_lossy().into_owned(), (canonical.clone(), root.into()));
    }
    if search.found.is_empty() && search.failed.is_empty() {
        // In the middle of a checkout there may be none.
        return Err(lock.map_or_else(|| Error::NoFiles(root.to_owned()), Error::Locked));
    }
    let mut files = Vec::new();
    let mut places = Vec::new();
    let mut unreadable = search.failed;
    let mut seen = String::new();
    for (path, error) in &unreadable {
        seen.push_str(&format!("{path} {}\n", error.in_words()));
    }
    for (path, (full, shown)) in search.found {
        match read_file(&canonical, &full, &shown, max_bytes) {
            Ok(text) => {
                seen.push_str(&format!("{path} {}\n", Digest::of(&text)));
                places.push(fs::canonicalize(&full).unwrap_or(full));
                files.push(SourceFile { path, text });
            }
            Err(error) => {
                seen.push_str(&format!("{path} {}\n", error.in_words()));
                unreadable.insert(path, error);
            }
        }
    }
    let texts = places.into_iter().zip(files.iter().map(|file| &*file.text)).collect::<Vec<_>>();
    let revision: Option<Arc<str>> = revision::of(&canonical, &texts).map(Into::into);
    if let Some(revision) = &revision {
        seen.push_str(&format!("revision {revision}\n"));
    }
    // What was begun and what was ended in between are seen as well.
    let lock = lock.or_else(|| revision::lock(&canonical));
    Ok(Tree { files, unreadable, revision, lock, digest: Digest::of(seen.as_bytes()) })
}

/// Reads one file, wherever it is.
pub fn read_one(path: &Path, max_bytes: u64) -> Result<SourceFile, Error> {
    let full = fs::canonicalize(path).map_err(|source| io_error(path, source))?;
    let text = read_file(&full, &full, path, max_bytes).map_err(|error| match error {
        Error::NotAFile(path) => Error::NotOneFile(path),
        other => other,
    })?;
    Ok(SourceFile { path: path.to_string_lossy().into_owned(), text })
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}

/// Whether a file is called like a policy file.
pub fn is_yaml(path: &Path) -> bool {
    let fits =
        |it: &std::ffi::OsStr| it.eq_ignore_ascii_case("yaml") || it.eq_ignore_ascii_case("yml");
    path.extension().is_some_and(fits)
}

/// A search for YAML files below a root.
struct Search<'a> {
    /// The root, with all links followed.
    root: &'a Path,
    /// The root as it was given.
    shown: &'a Path,
    entries: usize,
    /// By path below the root: where it is, and how it is shown.
    found: BTreeMap<String, (PathBuf, PathBuf)>,
    /// The directories that could not be searched, and what is not called so that it could be told apart,
    /// by path below the root.
    failed: BTreeMap<String, Error>,
}

impl Search<'_> {
    /// Searches a directory, which is at `below` the root. `within` are the directories that it is in
    /// and itself, with all links followed.
    fn directory(
        &mut self,
        entries: fs::ReadDir,
        below: &Path,
        within: &mut Vec<PathBuf>,
    ) -> Result<(), Error> {
        for entry in entries {
            let Ok(entry) = entry.map_err(|source| self.fail(below, |it| io_error(&it, source)))
            else {
                return Ok(());
            };
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(Error::TooManyEntries(self.shown.to_owned()));
            }
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            let (path, below) = (entry.path(), below.join(&name));
            if name.to_str().is_none() && (is_yaml(&path) || path.is_dir()) {
                self.fail(&below, Error::NameNotUtf8);
                continue;
            }
            // A ConfigMap's nested paths are links to directories, so that links are followed.
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => self.enter(&path, &below, within)?,
                _ if is_yaml(&path) => {
                    let shown = self.shown.join(&below);
                    self.found.insert(below.to_string_lossy().into_owned(), (path, shown));
                    if self.found.len() > MAX_FILES {
                        return Err(Error::TooManyFiles(self.shown.to_owned()));
                    }
                }
                // It may be a directory, with guards in it.
                Err(source) if !entry.file_type().is_ok_and(|it| it.is_file()) => {
                    self.fail(&below, |it| io_error(&it, source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Searches a directory or a link to one, if it may be.
    fn enter(&mut self, path: &Path, below: &Path, within: &mut Vec<PathBuf>) -> Result<(), Error> {
        let target = match fs::canonicalize(path) {
            Ok(target) if !target.starts_with(self.root) => {
                self.fail(below, Error::OutOfRoot);
                return Ok(());
            }
            Ok(target) if within.contains(&target) => {
                self.fail(below, Error::Loop);
                return Ok(());
            }
            Ok(_) if within.len() > MAX_DEPTH => {
                self.fail(below, Error::TooDeep);
                return Ok(());
            }
            Ok(target) => target,
            Err(source) => {
                self.fail(below, |it| io_error(&it, source));
                return Ok(());
            }
        };
        match fs::read_dir(&target) {
            Ok(entries) => {
                within.push(target);
                self.directory(entries, below, within)?;
                within.pop();
            }
            Err(source) => self.fail(below, |it| io_error(&it, source)),
        }
        Ok(())
    }

    fn fail(&mut self, below: &Path, error: impl FnOnce(PathBuf) -> Error) {
        let text = below.to_str().map(str::to_owned);
        let key =
            text.unwrap_or_else(|| below.as_os_str().as_encoded_bytes().escape_ascii().to_string());
        self.failed.insert(key, error(self.shown.join(below)));
    }
}

fn read_file(root: &Path, path: &Path, shown: &Path, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let error = |source| io_error(shown, source);
    let target = fs::canonicalize(path).map_err(error)?;
    if !target.starts_with(root) {
        return Err(Error::OutOfRoot(shown.to_owned()));
    }
    // Asked before opening: opening a FIFO would wait for a writer for ever.
    if !fs::metadata(&target).map_err(error)?.is_file() {
        return Err(Error::NotAFile(shown.to_owned()));
    }
    let mut text = Vec::new();
    fs::File::open(&target)
        .and_then(|file| file.take(max_bytes + 1).read_to_end(&mut text))
        .map_err(error)?;
    if text.len() as u64 > max_bytes {
        return Err(Error::TooLarge { path: shown.to_owned(), limit: max_bytes });
    }
    Ok(text)
}

//! Policy files of a git revision, read through the `git` binary into memory.
//!
//! Apart from the files on disk, since a revision cannot change, has no watcher, and is named otherwise.
//! Nothing of the repository or the working tree is touched: only commands that read are run. What is
//! in the root is what would be in it after a checkout, but for links, which are not followed here.
//!
//! Invariant: the tree and its files are read by the object ids of one resolved commit, so that a
//! branch that moves meanwhile changes nothing.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Error as FileError, MAX_FILES, Tree, is_yaml};
use crate::document::SourceFile;
use crate::policy::Digest;

/// Why a revision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no git.
    #[error("git cannot be started ({0}); without it only directories can be named")]
    NoGit(io::Error),
    /// There is no such revision, or no repository.
    #[error("it is no revision that git knows here: {0}")]
    NoRevision(String),
    /// The revision has no such directory.
    #[error("{revision} has no directory {path}")]
    NoPath {
        /// The revision.
        revision: String,
        /// The directory, as it was named.
        path: String,
    },
    /// What git said cannot be understood, or it failed.
    #[error("git {what} failed: {why}")]
    Failed {
        /// The command.
        what: &'static str,
        /// What it said.
        why: String,
    },
    /// A tree that is no policy root.
    #[error(transparent)]
    Root(#[from] FileError),
}

/// Which entry of a tree.
struct Blob {
    id: String,
    size: u64,
    path: String,
}

/// A git that only reads, in the current directory.
fn command(what: &'static str) -> Command {
    let mut command = Command::new("git");
    command.arg(what).env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Runs a git to its end. An error is the first line of what it says.
fn finished(what: &'static str, mut command: Command) -> Result<Vec<u8>, Error> {
    let output = command.output().map_err(Error::NoGit)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().next().unwrap_or("it did not say why").to_owned();
    Err(Error::Failed { what, why })
}

/// Runs git in the current directory.
fn git(what: &'static str, args: &[&str]) -> Result<Vec<u8>, Error> {
    let mut command = command(what);
    command.args(args);
    finished(what, command)
}

fn line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// The commit that a revision means now.
pub fn commit(revision: &str) -> Result<String, Error> {
    let wanted = format!("{revision}^{{commit}}");
    match git("rev-parse", &["--verify", "--end-of-options", &wanted]) {
        Ok(id) => Ok(line(&id)),
        Err(Error::Failed { why, .. }) => Err(Error::NoRevision(why)),
        Err(error) => Err(error),
    }
}

/// The tree of a commit in a git directory, whoever owns that. Nothing is fetched.
pub(super) fn tree_in(directory: &Path, commit: &str) -> Result<String, Error> {
    let what = "rev-parse";
    let mut command = command(what);
    command.args(["--verify", "--end-of-options", &format!("{commit}^{{tree}}")]);
    command.env("GIT_DIR", directory).env("GIT_NO_LAZY_FETCH", "1");
    finished(what, command).map(|id| line(&id))
}

/// The commit where two revisions parted.
pub fn merge_base(one: &str, other: &str) -> Result<String, Error> {
    let (one, other) = (commit(one)?, commit(other)?);
    match git("merge-base", &[&one, &other]) {
        Ok(id) => Ok(line(&id)),
        Err(Error::Failed { .. }) => Err(Error::NoRevision(
            "the two have no commit in common (is the clone shallow?)".into(),
        )),
        Err(error) => Err(error),
    }
}

/// Reads the YAML files below `path` of a revision. A path is of the repository's root, but below the
/// current directory if it begins with `./`, as git has it. `shown` is how the root is called in
/// diagnostics. Hidden files and directories are passed over, as on disk.
pub fn read(revision: &str, path: &str, shown: &Path, max_bytes: u64) -> Result<Tree, Error> {
    let id = commit(revision)?;
    // A tree by its id: what `./` means is asked once.
    let tree = format!("{id}:{}", path.trim_end_matches('/'));
    let tree = match git("rev-parse", &["--verify", "--end-of-options", &tree]) {
        Ok(tree) => line(&tree),
        Err(Error::Failed { .. }) => return Err(no_path(revision, path)),
        Err(error) => return Err(error),
    };
    if line(&git("cat-file", &["-t", &tree])?) != "tree" {
        return Err(no_path(revision, path));
    }
    let listed = git("ls-tree", &["-r", "-l", "-z", "--full-tree", &tree])?;
    let mut blobs = Vec::new();
    let mut unreadable = BTreeMap::new();
    for entry in listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        let Some((mode, blob)) = entry_of(&String::from_utf8_lossy(entry)) else {
            let why = "a line of its answer is not understood".to_owned();
            return Err(Error::Failed { what: "ls-tree", why });
        };
        let hidden = blob.path.split('/').any(|part| part.starts_with('.'));
        if hidden || !is_yaml(Path::new(&blob.path)) {
            continue;
        }
        let full = shown.join(&blob.path);
        if !mode.starts_with("100") {
            unreadable.insert(blob.path, FileError::NotAFile(full));
        } else if blob.size > max_bytes {
            unreadable.insert(blob.path, FileError::TooLarge { path: full, limit: max_bytes });
        } else {
            blobs.push(blob);
        }
    }
    if blobs.len() + unreadable.len() > MAX_FILES {
        return Err(FileError::TooManyFiles(shown.to_owned()).into());
    }
    if blobs.is_empty() && unreadable.is_empty() {
        return Err(FileError::NoFiles(shown.to_owned()).into());
    }
    blobs.sort_by(|a, b| a.path.cmp(&b.path));
    let files = contents(blobs)?;
    let mut seen = String::new();
    for file in &files {
        seen.push_str(&format!("{} {}\n", file.path, Digest::of(&file.text)));
    }
    for (path, error) in &unreadable {
        seen.push_str(&format!("{path} {}\n", error.in_words()));
    }
    let revision = Some(id.as_str().into());
    Ok(Tree { files, unreadable, revision, lock: None, digest: Digest::of(seen.as_bytes()) })
}

fn no_path(revision: &str, path: &str) -> Error {
    Error::NoPath { revision: revision.to_owned(), path: path.to_owned() }
}

/// `MODE TYPE ID SIZE<tab>PATH`, as `ls-tree -l` has it; the size of what is no file is a hyphen.
fn entry_of(entry: &str) -> Option<(String, Blob)> {
    let (head, path) = entry.split_once('\t')?;
    let mut words = head.split_ascii_whitespace();
    let (mode, _, id, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let size = size.parse().unwrap_or_default();
    Some((mode.to_owned(), Blob { id: id.to_owned(), size, path: path.to_owned() }))
}

/// What is in some files, by one process for all of them.
fn contents(blobs: Vec<Blob>) -> Result<Vec<SourceFile>, Error> {
    let what = "cat-file";
    let failed = |error: &io::Error| Error::Failed { what, why: error.to_string() };
    let mut child = command(what)
        .arg("--batch")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::NoGit)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let wanted: String = blobs.iter().flat_map(|blob| [blob.id.as_str(), "\n"]).collect();
    let answered = std::thread::scope(|scope| {
        // Both pipes are narrow: what is asked is written while what is answered is read.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(wanted.as_bytes())));
        let mut answered = Vec::new();
        stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut answered)).map(|_| answered)
    });
    let answered = answered.map_err(|error| failed(&error))?;
    child.wait().map_err(|error| failed(&error))?;
    let mut left = &answered[..];
    let mut files = Vec::with_capacity(blobs.len());
    for blob in blobs {
        let text = next(&mut left, &blob.id).ok_or_else(|| {
            let why = format!("it did not give all of {}", blob.path);
            Error::Failed { what, why }
        })?;
        files.push(SourceFile { path: blob.path, text });
    }
    Ok(files)
}

/// The next answer of `cat-file --batch`: `ID blob SIZE`, the bytes, a line feed.
fn next(left: &mut &[u8], id: &str) -> Option<Vec<u8>> {
    let end = left.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&left[..end]).ok()?;
    let size: usize = head.strip_prefix(id)?.strip_prefix(" blob ")?.parse().ok()?;
    let text = left.get(end + 1..end + 1 + size)?.to_vec();
    *left = left.get(end + 2 + size..)?;
    Some(text)
}

/// Where a root is shown to be.
pub fn shown(revision: &str, path: &str) -> PathBuf {
    format!("{revision}:{}", path.trim_end_matches('/')).into()
}

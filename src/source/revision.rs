//! Which git revision a policy root is: read from git's own files, but for the tree of the commit, for
//! which the `git` binary is asked once a commit.
//!
//! For records, and for the expressions that name it: what cannot be read is not known. A root is a
//! directory of a work tree, or a checkout of git-sync, whose directory is named by the commit; there
//! git's own directory may be out of reach.
//!
//! Invariant: a revision without `-dirty` means that each policy file is, byte for byte, the one in git's
//! index, that none is missing, and that the index is the commit's tree: nothing is staged. What cannot be
//! told counts as dirty, but for this: where there is no git binary (a container beside git-sync, where
//! nobody commits), the tree that the index names is taken for the commit's, and so is an index that names none.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha1::{Digest as _, Sha1};

/// The largest index that is read: that of a repository with half a million files.
const LARGEST_INDEX: u64 = 64 << 20;

/// The revision of the files of a root, all links followed: `COMMIT` or `COMMIT-dirty`. None where it is
/// no git checkout, or one that does not have the files.
pub(super) fn of(root: &Path, files: &[(PathBuf, &[u8])]) -> Option<String> {
    let directory = if root.is_dir() { root } else { root.parent()? };
    let Some((top, git)) = directory.ancestors().find_map(work_tree) else {
        return by_name(directory);
    };
    let Some(commit) = head(&git) else { return by_name(directory) };
    let Some(index) = Index::read(&git.join("index")) else {
        return Some(format!("{commit}-dirty"));
    };
    let within = |path: &Path| Some(path.strip_prefix(&top).ok()?.to_str()?.to_owned());
    let paths: Vec<_> = files.iter().map(|(path, _)| within(path)).collect();
    let tracked = |path: &Option<String>| path.as_ref().and_then(|it| index.blobs.get(it));
    if !paths.iter().any(|path| tracked(path).is_some()) {
        return None;
    }
    let same = |(path, (_, text)): (&Option<String>, &(PathBuf, &[u8]))| {
        tracked(path).is_some_and(|blob| *blob == blob_of(text))
    };
    let clean = index.tree != Cached::Stale && paths.iter().zip(files).all(same) && {
        let below = |path: &str| root.is_dir() && top.join(path).starts_with(directory);
        let policy_file = |path: &str| {
            let visible = |part: &str| !part.starts_with('.');
            super::is_yaml(Path::new(path)) && path.split('/').all(visible)
        };
        let expected = index.blobs.keys().filter(|path| below(path) && policy_file(path));
        expected.into_iter().all(|path| paths.iter().flatten().any(|found| found == path))
    };
    let clean = clean && index.tree.is_of(&commit, &git);
    Some(if clean { commit } else { format!("{commit}-dirty") })
}

/// The lock that a git holds while it changes the work tree that a directory is in; none if none is there.
pub(super) fn lock(directory: &Path) -> Option<PathBuf> {
    let (_, git) = directory.ancestors().find_map(work_tree)?;
    Some(git.join("index.lock")).filter(|lock| lock.symlink_metadata().is_ok())
}

/// Whether a text is an object's name.
fn is_commit(text: &str) -> bool {
    [40, 64].contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The commit by which git-sync names the directory of a checkout.
fn by_name(directory: &Path) -> Option<String> {
    directory.ancestors().find_map(|it| {
        let name = it.file_name()?.to_str()?;
        let name = name.strip_prefix("rev-").unwrap_or(name);
        is_commit(name).then(|| name.to_owned())
    })
}

/// A work tree's directory and git's directory for it, if a directory is one.
fn work_tree(directory: &Path) -> Option<(PathBuf, PathBuf)> {
    let git = directory.join(".git");
    let found = fs::metadata(&git).ok()?;
    if found.is_dir() {
        return Some((directory.to_owned(), git));
    }
    let text = fs::read_to_string(&git).ok()?;
    let git = directory.join(text.strip_prefix("gitdir:")?.trim());
    git.is_dir().then(|| (directory.to_owned(), git))
}

/// The commit that is checked out.
fn head(git: &Path) -> Option<String> {
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let head = head.trim();
    let Some(name) = head.strip_prefix("ref:").map(str::trim) else {
        return is_commit(head).then(|| head.to_owned());
    };
    if !name.starts_with("refs/") || name.split('/').any(|part| part.is_empty() || part == "..") {
        return None;
    }
    let common = match fs::read_to_string(git.join("commondir")) {
        Ok(text) => git.join(text.trim()),
        Err(_) => git.to_owned(),
    };
    if let Ok(text) = fs::read_to_string(common.join(name)) {
        return Some(text.trim().to_owned()).filter(|it| is_commit(it));
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| {
        let (commit, of) = line.split_once(' ')?;
        (of == name && is_commit(commit)).then(|| commit.to_owned())
    })
}

fn blob_of(text: &[u8]) -> [u8; 20] {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", text.len()));
    hash.update(text);
    hash.finalize().into()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What git's index says.
struct Index {
    /// The blob of each file, by its path from the top.
    blobs: BTreeMap<String, [u8; 20]>,
    /// The tree that it is.
    tree: Cached,
}

/// Which tree an index is, as it says itself.
#[derive(PartialEq, Eq)]
enum Cached {
    /// It does not say: it was not written by git itself.
    Untold,
    /// Something was staged since it was last known.
    Stale,
    /// This one, in hexadecimal digits. A commit that was refused or taken back leaves it as well.
    Tree(String),
}

impl Cached {
    /// Whether it is the tree of a commit, as far as that can be told.
    fn is_of(&self, commit: &str, git: &Path) -> bool {
        match self {
            Self::Untold => true,
            Self::Stale => false,
            Self::Tree(tree) => match tree_of(commit, git) {
                Ok(of_commit) => of_commit == *tree,
                Err(error) => matches!(error, super::git::Error::NoGit(_)),
            },
        }
    }
}

/// The tree of a commit. That of the latest one is remembered: whoever watches a root asks every few seconds.
fn tree_of(commit: &str, git: &Path) -> Result<String, super::git::Error> {
    static LATEST: Mutex<Option<(String, String)>> = Mutex::new(None);
    let latest = || LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, tree)) = latest().as_ref().filter(|(of, _)| of == commit) {
        return Ok(tree.clone());
    }
    let tree = super::git::tree_in(git, commit)?;
    *latest() = Some((commit.to_owned(), tree.clone()));
    Ok(tree)
}

impl Index {
    /// None if it cannot be read: not there, too large, or of a form that is not known here.
    fn read(path: &Path) -> Option<Self> {
        let mut bytes = Vec::new();
        fs::File::open(path).ok()?.take(LARGEST_INDEX + 1).read_to_end(&mut bytes).ok()?;
        if bytes.len() as u64 > LARGEST_INDEX {
            return None;
        }
        Self::parse(&bytes)
    }

    /// Versions 2 and 3, with SHA-1.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = bytes.get(at..at.checked_add(4)?)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        if bytes.get(..4)? != b"DIRC" || ![2, 3].contains(&number(4)?) {
            return None;
        }
        let mut blobs = BTreeMap::new();
        let mut at: usize = 12;
        for _ in 0..number(8)? {
            let blob = bytes.get(at + 40..at + 60)?.try_into().ok()?;
            let flags = u16::from_be_bytes(bytes.get(at + 60..at + 62)?.try_into().ok()?);
            let name = at + 62 + if flags & 0x4000 == 0 { 0 } else { 2 };
            let length = bytes.get(name..)?.iter().position(|byte| *byte == 0)?;
            let path = std::str::from_utf8(&bytes[name..name + length]).ok()?;
            let merged = flags & 0x3000 == 0;
            if merged {
                blobs.insert(path.to_owned(), blob);
            }
            // An entry ends with one to eight NULs, at a multiple of eight.
            at += (name + length - at + 8) / 8 * 8;
        }
        let mut tree = Cached::Untold;
        let end = bytes.len().checked_sub(20)?;
        while at + 8 <= end {
            let length = usize::try_from(number(at + 4)?).ok()?;
            let body = bytes.get(at + 8..(at + 8).checked_add(length)?)?;
            if &bytes[at..at + 4] == b"TREE" {
                // The root's own entry comes first: no path, how many entries and subtrees it covers, its id.
                let line = body.iter().position(|byte| *byte == b'\n')?;
                tree = match body.get(line + 1..line + 21) {
                    _ if body.starts_with(b"\0-1 ") => Cached::Stale,
                    id => Cached::Tree(hexadecimal(id?)),
                };
            }
            at += 8 + length;
        }
        Some(Self { blobs, tree })
    }
}

//! Which git revision a policy root is: read from git's own files, without a git.
//!
//! For records, and for the expressions that name it: what cannot be read is not known. A root is a
//! directory of a work tree, or a checkout of git-sync, whose directory is named by the commit; there
//! git's own directory may be out of reach.
//!
//! Invariant: a revision without `-dirty` means that each policy file is, byte for byte, the one in git's
//! index, and that none is missing or staged. What cannot be told counts as dirty.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

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
    let clean = !index.staged && paths.iter().zip(files).all(same) && {
        let below = |path: &str| root.is_dir() && top.join(path).starts_with(directory);
        let policy_file = |path: &str| {
            let visible = |part: &str| !part.starts_with('.');
            super::is_yaml(Path::new(path)) && path.split('/').all(visible)
        };
        let expected = index.blobs.keys().filter(|path| below(path) && policy_file(path));
        expected.into_iter().all(|path| paths.iter().flatten().any(|found| found == path))
    };
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

/// What git's index says.
struct Index {
    /// The blob of each file, by its path from the top.
    blobs: BTreeMap<String, [u8; 20]>,
    /// Whether something was staged since it was last the tree of a commit.
    staged: bool,
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
        let mut staged = false;
        let end = bytes.len().checked_sub(20)?;
        while at + 8 <= end {
            let length = usize::try_from(number(at + 4)?).ok()?;
            let body = bytes.get(at + 8..(at + 8).checked_add(length)?)?;
            if &bytes[at..at + 4] == b"TREE" {
                // The root's own entry comes first: no path, then how many entries it covers.
                staged = body.starts_with(b"\0-1 ");
            }
            at += 8 + length;
        }
        Some(Self { blobs, staged })
    }
}

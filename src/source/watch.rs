//! Hints that something below the root may have changed.
//!
//! Directories are watched, never files: ConfigMaps and git-sync swap a link, editors rename a new
//! file over the old one. An event says only "read everything again", and a timer says so too, since
//! events are known to be missed. Nothing is ever decided from an event.
//!
//! Invariant: to read the root gives no hint, or each look would lead to the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;

/// How long nothing must happen before a burst of events counts as over.
const QUIET: Duration = Duration::from_millis(200);

/// How many links are followed on the way to a root: as many as Linux follows.
const MAX_LINKS: usize = 40;

/// A watch that cannot be set up. Reading on a timer still works.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be watched: {source}", path = path.display())]
pub struct Error {
    path: PathBuf,
    source: notify::Error,
}

/// A watch on a root. It ends when it is dropped.
pub struct Watch {
    _debouncer: Debouncer<notify::RecommendedWatcher, RecommendedCache>,
    hints: mpsc::Receiver<()>,
}

impl Watch {
    /// Watches the root's directory tree, and the directories that hold it and each link on the way to
    /// it: any of these may be swapped.
    pub fn new(root: &Path) -> Result<Self, Error> {
        let (sender, hints) = mpsc::channel(1);
        let failed = |source| Error { path: root.to_owned(), source };
        let real = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let directory = if real.is_dir() { &*real } else { real.parent().unwrap_or(&real) };
        let holders = holders(root);
        let (within, ways) = (directory.to_owned(), holders.clone());
        let concerns =
            move |path: &PathBuf| path.starts_with(&within) || is_on_the_way(&ways, path);
        let hint = move |seen: DebounceEventResult| {
            // Errors of the watch are hints as well, and so is what names no path.
            let hints = seen.map_or(true, |events| {
                let concern = |paths: &[PathBuf]| paths.is_empty() || paths.iter().any(&concerns);
                events.iter().any(|it| is_change(it.kind) && concern(&it.paths))
            });
            if hints {
                // A full channel already says what this would.
                let _ = sender.try_send(());
            }
        };
        let mut debouncer = new_debouncer(QUIET, None, hint).map_err(failed)?;
        debouncer.watch(directory, RecursiveMode::Recursive).map_err(failed)?;
        for holder in holders.keys() {
            // Without it, a swap is noticed by the timer. What is in the tree is watched already.
            if !holder.starts_with(directory) {
                let _ = debouncer.watch(holder, RecursiveMode::NonRecursive);
            }
        }
        Ok(Self { _debouncer: debouncer, hints })
    }

    /// Waits for the next hint.
    pub async fn hint(&mut self) {
        if self.hints.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// Whether something may be another than before: not if somebody only looks.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

/// Whether a path is that of the root or of a link on the way to it, or of a directory that holds one. What
/// else lies there (a log, a state directory) may change all the time.
fn is_on_the_way(holders: &Holders, path: &Path) -> bool {
    let named = path.parent().and_then(|it| holders.get(it)).zip(path.file_name());
    named.is_some_and(|(names, name)| names.contains(name)) || holders.contains_key(path)
}

/// Directories, all links followed, with the names in them that matter.
type Holders = BTreeMap<PathBuf, BTreeSet<OsString>>;

/// The directories that hold the root and each link on the way to it: `/git` and `/git/current` of
/// `/git/current/policies`, if `current` is a link.
fn holders(root: &Path) -> Holders {
    let mut holders = Holders::new();
    let mut ways = vec![root.to_owned()];
    let mut links = 0;
    while let Some(way) = ways.pop() {
        for (depth, part) in way.ancestors().enumerate() {
            let target = std::fs::read_link(part).ok().filter(|_| links < MAX_LINKS);
            let holder = match part.parent() {
                Some(holder) if !holder.as_os_str().is_empty() => holder,
                // The file system's root, or the end of a relative path.
                _ if part.has_root() || part.as_os_str().is_empty() => break,
                _ => Path::new("."),
            };
            if (depth == 0 || target.is_some())
                && let Ok(holder) = std::fs::canonicalize(holder)
            {
                holders.entry(holder).or_default().extend(part.file_name().map(Into::into));
            }
            if let Some(target) = target {
                links += 1;
                ways.push(holder.join(target));
            }
        }
    }
    holders
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use notify::event::{CreateKind, ModifyKind, RemoveKind};

    use super::*;

    #[test]
    fn to_look_is_no_change_and_everything_else_is() {
        let read = [AccessKind::Open(AccessMode::Any), AccessKind::Close(AccessMode::Read)];
        for kind in [AccessKind::Any, AccessKind::Read].into_iter().chain(read) {
            assert!(!is_change(EventKind::Access(kind)), "{kind:?}");
        }
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let (made, gone) = (EventKind::Create(CreateKind::Any), EventKind::Remove(RemoveKind::Any));
        let changed = EventKind::Modify(ModifyKind::Any);
        // Some systems say only that something happened, or that events were lost.
        for kind in [written, made, gone, changed, EventKind::Any, EventKind::Other] {
            assert!(is_change(kind), "{kind:?}");
        }
    }

    #[test]
    fn each_link_on_the_way_to_a_root_is_watched_for_where_it_lies() {
        let folder = tempfile::TempDir::new().unwrap();
        let top = std::fs::canonicalize(folder.path()).unwrap();
        for directory in ["git/trees/1/policies", "srv"] {
            std::fs::create_dir_all(top.join(directory)).unwrap();
        }
        symlink("trees/1", top.join("git/current")).unwrap();
        symlink("../git/current", top.join("srv/fleet")).unwrap();
        let of = |path: &str| -> Vec<_> {
            let holders = holders(&top.join(path)).into_keys();
            holders.map(|it| it.strip_prefix(&top).unwrap().display().to_string()).collect()
        };
        assert_eq!(of("git/trees/1/policies"), ["git/trees/1"]);
        assert_eq!(of("git/current"), ["git", "git/trees"]);
        assert_eq!(of("git/current/policies"), ["git", "git/trees", "git/trees/1"]);
        assert_eq!(of("srv/fleet/policies"), ["git", "git/trees", "git/trees/1", "srv"]);
        let ways = holders(&top.join("srv/fleet/policies"));
        for (path, matters) in [
            ("srv/fleet", true),
            ("srv/rescind.log", false),
            ("git/current", true),
            ("git/trees/1", true),
            ("git/trees/2", false),
        ] {
            assert_eq!(is_on_the_way(&ways, &top.join(path)), matters, "{path}");
        }
        // A link to itself leads nowhere, and no farther than that.
        symlink("loop", top.join("loop")).unwrap();
        assert_eq!(of("loop"), [""]);
    }
}

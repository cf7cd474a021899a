//! Hints that something below the root may have changed.
//!
//! Directories are watched, never files: ConfigMaps and git-sync swap a link, editors rename a new
//! file over the old one. An event says only "read everything again", and a timer says so too, since
//! events are known to be missed. Nothing is ever decided from an event.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::RecursiveMode;
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::mpsc;

/// How long nothing must happen before a burst of events counts as over.
const QUIET: Duration = Duration::from_millis(200);

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
    /// Watches the root's directory tree, and the directory that holds the root: the root itself may
    /// be a link that is swapped.
    pub fn new(root: &Path) -> Result<Self, Error> {
        let (sender, hints) = mpsc::channel(1);
        let failed = |source| Error { path: root.to_owned(), source };
        let hint = move |_: DebounceEventResult| {
            // A full channel already says what this would: errors of the watch are hints as well.
            let _ = sender.try_send(());
        };
        let mut debouncer = new_debouncer(QUIET, None, hint).map_err(failed)?;
        let real = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let directory = if real.is_dir() { &*real } else { real.parent().unwrap_or(&real) };
        debouncer.watch(directory, RecursiveMode::Recursive).map_err(failed)?;
        let holder = root.parent().filter(|it| !it.as_os_str().is_empty());
        // Without it, a swap of the root's link is noticed by the timer.
        let _ = debouncer.watch(holder.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive);
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

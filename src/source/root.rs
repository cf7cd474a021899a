//! The policy root on disk as a [`Source`]: read beside other work, and watched for hints.
//!
//! Apart from `source` itself, which reads once and without waiting, for whoever only looks.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::watch::Watch;
use super::{Error, Source, Tree, io_error, read};

/// A root that is followed.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    /// The longest file that is read, in bytes.
    max_bytes: u64,
    watched: Watched,
    /// A read that nobody waited for to its end: a file system may hang, and each new read with it.
    reading: Option<JoinHandle<(Watched, Result<Tree, Error>)>>,
}

/// What is watched of a root.
#[derive(Debug, Default)]
struct Watched {
    watch: Option<(Watch, Option<Place>)>,
    /// Whether it was said that it cannot be watched.
    told: bool,
}

/// Where a root is: its path with all links followed, and which directory that is. The same path may
/// be another directory by now, and another directory may have the same inode: it is told by when
/// it was made, where the file system keeps that.
type Place = (PathBuf, u64, u64, Option<SystemTime>);

impl Root {
    /// A root. Nothing is watched before it is read for the first time.
    pub fn new(path: PathBuf, max_bytes: u64) -> Self {
        Self { path, max_bytes, watched: Watched::default(), reading: None }
    }
}

impl Watched {
    /// Watches what the root is now. One that is a link may lead elsewhere by now, where nothing is
    /// watched yet; one that is gone is still watched for in the directory that held it.
    fn watch(&mut self, root: &Path) {
        let here = place(root);
        match &mut self.watch {
            Some((_, watched)) if here.is_none() => *watched = None,
            Some((_, watched)) if *watched == here => {}
            watched => {
                *watched = match here.map(|here| (Watch::new(root), here)) {
                    Some((Ok(watch), here)) => Some((watch, Some(here))),
                    Some((Err(error), _)) => {
                        if !std::mem::replace(&mut self.told, true) {
                            tracing::warn!(%error, "changes are noticed only by looking now and then");
                        }
                        None
                    }
                    None => None,
                }
            }
        }
    }
}

#[async_trait]
impl Source for Root {
    async fn hint(&mut self) {
        match &mut self.watched.watch {
            Some((watch, _)) => watch.hint().await,
            None => std::future::pending().await,
        }
    }

    async fn read(&mut self) -> Result<Tree, Error> {
        let reading = self.reading.get_or_insert_with(|| {
            let (path, max_bytes) = (self.path.clone(), self.max_bytes);
            let mut watched = std::mem::take(&mut self.watched);
            tokio::task::spawn_blocking(move || {
                // Before the files, so that no change falls between the two.
                watched.watch(&path);
                (watched, read(&path, max_bytes))
            })
        });
        let read = reading.await;
        self.reading = None;
        match read {
            Ok((watched, tree)) => {
                self.watched = watched;
                tree
            }
            Err(error) => Err(io_error(&self.path, io::Error::other(error))),
        }
    }
}

fn place(root: &Path) -> Option<Place> {
    let path = std::fs::canonicalize(root).ok()?;
    let found = std::fs::metadata(&path).ok()?;
    Some((path, found.dev(), found.ino(), found.created().ok()))
}

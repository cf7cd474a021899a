//! The policy roots and fleets that tests name: read once, however many tests name them.
//!
//! What is wrong with them is said on stderr when they are read; that a test cannot be run for it is a
//! diagnostic of the test.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::cli::output::Output;
use crate::cli::session::read_fleet;
use crate::cli::{read_root, set_of};
use crate::controller::follow::Reading;
use crate::document::{Diagnostic, Limits, WrittenTest};
use crate::fleet::Fleet;
use crate::policy::PolicySet;
use crate::source;

/// What was read, by where it is; or why it cannot be.
#[derive(Default)]
pub struct Library {
    roots: BTreeMap<PathBuf, Result<Arc<PolicySet>, String>>,
    fleets: BTreeMap<PathBuf, Result<Arc<Fleet>, String>>,
}

/// A path as people read it: without steps that lead back, where the shorter one is the same place.
fn plain(path: &Path) -> PathBuf {
    let mut shorter = PathBuf::new();
    for part in path.components() {
        let into = matches!(shorter.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if into => drop(shorter.pop()),
            part => shorter.push(part),
        }
    }
    // Behind a link, a step back leads elsewhere.
    if place(&shorter) == place(path) { shorter } else { path.to_owned() }
}

/// The same for all paths to one place.
fn place(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn policies(reading: Reading, root: &Path) -> Result<Arc<PolicySet>, String> {
    set_of(reading, root).map(Arc::new).map_err(|error| format!("{error:#}"))
}

impl Library {
    /// Takes in a root that was read already: what is wrong with it is not said again.
    pub fn add_root(&mut self, root: &Path, reading: Reading) {
        self.roots.insert(place(root), policies(reading, root));
    }

    fn root(&mut self, path: &Path, output: Output) -> Result<Arc<PolicySet>, String> {
        let read = || {
            let shown = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            let tree = source::read(shown, Limits::policies().bytes as u64);
            let tree = tree.map_err(|error| error.in_words())?;
            policies(read_root(shown, tree, output), shown)
        };
        self.roots.entry(place(path)).or_insert_with(read).clone()
    }

    fn fleet(&mut self, path: &Path, output: Output) -> Result<Arc<Fleet>, String> {
        let read = || read_fleet(path, output).map(Arc::new).map_err(|error| format!("{error:#}"));
        self.fleets.entry(place(path)).or_insert_with(read).clone()
    }

    /// The policies and the fleet that a test, which stands in `file`, refers to; or what is not there.
    pub fn references(
        &mut self,
        file: &Path,
        test: &WrittenTest,
        output: Output,
    ) -> Result<(Arc<PolicySet>, Arc<Fleet>), Vec<Diagnostic>> {
        let here = file.parent().unwrap_or(Path::new(""));
        let root = self.root(&plain(&here.join(&test.case.root)), output);
        let path = plain(&here.join(&test.case.fleet));
        let fleet = self.fleet(&path, output);
        match (root, fleet) {
            (Ok(root), Ok(fleet)) => {
                let missing = test.references(&fleet, &path.to_string_lossy(), &root);
                if missing.is_empty() { Ok((root, fleet)) } else { Err(missing) }
            }
            (root, fleet) => {
                let of_root = root.err().map(|why| test.without_root(&why));
                let of_fleet = fleet.err().map(|why| test.without_fleet(&why));
                Err(of_root.into_iter().chain(of_fleet).collect())
            }
        }
    }
}

//! A root that is followed: what gives a hint, and what counts as at rest.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use rescind::controller::follow::{Unfinished, look, unfinished};
use rescind::source::root::Root;
use rescind::source::{Error, Source, Tree};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{LIMIT, folder};

/// Only a failing test waits for so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// A burst of events is over when nothing has come for so long.
const OVER: Duration = Duration::from_secs(1);

async fn hinted(root: &mut Root, what: &str) {
    timeout(DEADLINE, root.hint()).await.unwrap_or_else(|_| panic!("no hint: {what}"));
}

/// Reads the root until it gives no hints any more, as the loop does.
async fn settled(root: &mut Root) -> Result<Tree, Error> {
    loop {
        let seen = root.read().await;
        if timeout(OVER, root.hint()).await.is_err() {
            return seen;
        }
    }
}

fn followed(path: PathBuf) -> Root {
    Root::new(path, LIMIT)
}

/// Says that a change in a directory gives a hint, and that a look afterwards gives none.
async fn is_watched(root: &mut Root, directory: &Path, what: &str) {
    settled(root).await.unwrap();
    fs::write(directory.join("new.yaml"), what).unwrap();
    hinted(root, what).await;
    settled(root).await.unwrap();
}

#[tokio::test]
async fn a_root_that_was_made_anew_is_watched_again() {
    let folder = folder(&["root/a.yaml", "other/a.yaml"]);
    let path = folder.path().join("root");
    let mut root = followed(path.clone());
    is_watched(&mut root, &path, "as it was").await;
    fs::remove_dir_all(&path).unwrap();
    hinted(&mut root, "the root is gone").await;
    assert!(settled(&mut root).await.is_err());
    fs::create_dir(&path).unwrap();
    hinted(&mut root, "the root is back").await;
    assert!(matches!(settled(&mut root).await, Err(Error::NoFiles(_))));
    super::write(&path, "team/a.yaml");
    is_watched(&mut root, &path.join("team"), "made anew").await;
    // Another directory in its place, and nobody saw the moment in between.
    fs::rename(&path, folder.path().join("old")).unwrap();
    fs::rename(folder.path().join("other"), &path).unwrap();
    hinted(&mut root, "another took its place").await;
    is_watched(&mut root, &path, "in its place").await;
}

#[tokio::test]
async fn a_root_that_is_made_anew_before_anybody_looks_is_watched_again() {
    let folder = folder(&["root/a.yaml"]);
    let path = folder.path().join("root");
    let mut root = followed(path.clone());
    settled(&mut root).await.unwrap();
    fs::remove_dir_all(&path).unwrap();
    super::write(&path, "b.yaml");
    hinted(&mut root, "it is another directory").await;
    is_watched(&mut root, &path, "at once").await;
}

#[tokio::test]
async fn a_link_above_the_root_that_leads_elsewhere_gives_a_hint_and_what_it_leads_to_is_watched() {
    let folder = folder(&["trees/1/fleet/a.yaml", "trees/2/fleet/b.yaml"]);
    let link = folder.path().join("current");
    symlink("trees/1", &link).unwrap();
    let mut root = followed(link.join("fleet"));
    settled(&mut root).await.unwrap();
    crate::process::flip(&link, "trees/2");
    hinted(&mut root, "the link").await;
    is_watched(&mut root, &folder.path().join("trees/2/fleet"), "where it leads").await;
}

#[tokio::test]
async fn a_directory_that_was_made_a_moment_ago_is_watched() {
    let folder = folder(&["a.yaml"]);
    let mut root = followed(folder.path().to_owned());
    settled(&mut root).await.unwrap();
    super::write(folder.path(), "new/deep/b.yaml");
    hinted(&mut root, "new directories").await;
    is_watched(&mut root, &folder.path().join("new/deep"), "in the deepest").await;
}

/// A file that somebody is writing in place.
const UNFINISHED: &str = "unfinished.yaml";

/// What a source gives, one look after the other; at the end the last one for ever.
struct Scripted(VecDeque<(&'static str, bool)>, usize);

#[async_trait]
impl Source for Scripted {
    async fn hint(&mut self) {
        std::future::pending::<()>().await;
    }

    async fn read(&mut self) -> Result<Tree, Error> {
        self.1 += 1;
        let (text, locked) = self.0[0];
        if self.0.len() > 1 {
            self.0.pop_front();
        }
        let lock = locked.then(|| PathBuf::from("root/.git/index.lock"));
        if text.is_empty() {
            return Err(lock.map_or_else(|| Error::NoFiles("root".into()), Error::Locked));
        }
        let files = folder(&[text]);
        if text == UNFINISHED {
            fs::write(files.path().join(text), "spec: {jobs: [fw-").unwrap();
        }
        Ok(Tree { lock, ..rescind::source::read(files.path(), LIMIT)? })
    }
}

async fn looked(script: &[(&'static str, bool)]) -> (Result<String, Error>, usize) {
    looked_knowing(script, &Unfinished::new()).await
}

async fn looked_knowing(
    script: &[(&'static str, bool)],
    known: &Unfinished,
) -> (Result<String, Error>, usize) {
    let mut source = Scripted(script.iter().copied().collect(), 0);
    let seen = look(&mut source, known).await;
    (seen.map(|tree| tree.files[0].path.clone()), source.1)
}

#[tokio::test(start_paused = true)]
async fn two_equal_looks_in_a_row_are_a_root_at_rest() {
    let (seen, looks) = looked(&[("a.yaml", false), ("b.yaml", false), ("a.yaml", false)]).await;
    assert_eq!((seen.unwrap().as_str(), looks), ("a.yaml", 4));
    let (seen, looks) = looked(&[("a.yaml", false), ("", false)]).await;
    assert!(matches!(seen, Err(Error::NoFiles(_))));
    assert_eq!(looks, 3);
    let changes = ["a.yaml", "b.yaml"].map(|it| (it, false)).repeat(100);
    assert!(matches!(looked(&changes).await.0, Err(Error::Restless)));
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_last_line_has_no_end_has_to_be_quiet_for_longer() {
    let held_up = [(UNFINISHED, false)].repeat(8);
    let (seen, looks) = looked(&[&held_up[..], &[("a.yaml", false)]].concat()).await;
    assert_eq!((seen.unwrap().as_str(), looks), ("a.yaml", 10));
    let (seen, looks) = looked(&held_up).await;
    assert_eq!((seen.unwrap().as_str(), looks), (UNFINISHED, 9));
}

#[tokio::test(start_paused = true)]
async fn a_file_without_an_end_holds_up_its_own_changes_and_no_others() {
    let script = [(UNFINISHED, false)];
    let mut source = Scripted(script.into(), 0);
    let tree = look(&mut source, &Unfinished::new()).await.unwrap();
    let known = unfinished(&tree);
    assert_eq!(known.len(), 1);
    let (seen, looks) = looked_knowing(&script, &known).await;
    assert_eq!((seen.unwrap().as_str(), looks), (UNFINISHED, 2), "as it was adopted");
    // More of it is a change, and so is the same under another name.
    let mut tree = tree;
    tree.files[0].text.push(b'x');
    assert!(unfinished(&tree).is_disjoint(&known));
    tree.files[0].text.pop();
    tree.files[0].path.push('x');
    assert!(unfinished(&tree).is_disjoint(&known));
    tree.files[0].text.push(b'\n');
    assert_eq!(unfinished(&tree), Unfinished::new());
}

#[tokio::test(start_paused = true)]
async fn nothing_counts_that_is_seen_while_a_git_is_at_work() {
    let half = [("half.yaml", true), ("half.yaml", true), ("", true), ("", true)];
    let script = [&half[..], &[("half.yaml", true), ("a.yaml", false)]].concat();
    let (seen, looks) = looked(&script).await;
    assert_eq!((seen.unwrap().as_str(), looks), ("a.yaml", 7));
    // One that crashed leaves its lock behind: somebody has to look.
    let (seen, _) = looked(&half[..1]).await;
    assert!(matches!(seen, Err(Error::Locked(lock)) if lock.ends_with(".git/index.lock")));
}

/// A source that answers after so long, however often it is asked meanwhile.
struct Slow(std::pin::Pin<Box<tokio::time::Sleep>>);

#[async_trait]
impl Source for Slow {
    async fn hint(&mut self) {
        std::future::pending::<()>().await;
    }

    async fn read(&mut self) -> Result<Tree, Error> {
        self.0.as_mut().await;
        rescind::source::read(folder(&["a.yaml"]).path(), LIMIT)
    }
}

#[tokio::test(start_paused = true)]
async fn a_root_whose_file_system_hangs_is_an_error_until_it_answers() {
    let mut source = Slow(Box::pin(tokio::time::sleep(Duration::from_secs(100))));
    let error = look(&mut source, &Unfinished::new()).await.unwrap_err();
    assert!(matches!(error, Error::Hangs(_)), "{error}");
    assert!(error.in_words().contains("has not answered for 60 s"), "{error}");
    let seen = look(&mut source, &Unfinished::new()).await.unwrap();
    assert_eq!(seen.files[0].path, "a.yaml");
}

#[tokio::test]
async fn a_read_that_nobody_waited_for_goes_on_and_is_not_begun_twice() {
    let folder = folder(&["a.yaml"]);
    let mut root = followed(folder.path().to_owned());
    // It is asked once, and dropped before it has an answer.
    assert!(timeout(Duration::ZERO, root.read()).await.is_err());
    fs::rename(folder.path().join("a.yaml"), folder.path().join("b.yaml")).unwrap();
    assert!(root.read().await.is_ok());
    let seen = settled(&mut root).await.unwrap();
    assert_eq!(seen.files[0].path, "b.yaml");
    is_watched(&mut root, folder.path(), "after it").await;
}

#[test]
fn the_lock_of_a_git_is_seen_from_a_directory_below_it() {
    let folder: TempDir = folder(&["team/a.yaml"]);
    let root = folder.path().join("team");
    let lock = || rescind::source::read(&root, LIMIT).unwrap().lock;
    assert_eq!(lock(), None);
    super::write(folder.path(), ".git/index.lock");
    let canonical = fs::canonicalize(folder.path()).unwrap();
    assert_eq!(lock(), Some(canonical.join(".git/index.lock")));
    fs::remove_file(root.join("a.yaml")).unwrap();
    assert!(matches!(rescind::source::read(&root, LIMIT), Err(Error::Locked(_))));
    fs::remove_file(folder.path().join(".git/index.lock")).unwrap();
    assert!(matches!(rescind::source::read(&root, LIMIT), Err(Error::NoFiles(_))));
}

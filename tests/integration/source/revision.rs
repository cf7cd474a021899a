//! The git revision of a policy root, read without git, against what git itself says.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use rescind::source::read;
use tempfile::TempDir;

use crate::process::fleet::{fleet_file, policy};
use crate::process::{command, ran};

fn git_ended(folder: &Path, args: &[&str]) -> Output {
    Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"])
        .args(args)
        .output()
        .expect("git is installed")
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = git_ended(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with `fleet/a.yaml`, `fleet/b/c.yaml` and a file that is none of the policies; its commit.
fn repository() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    git(path, &["init", "-q"]);
    fs::create_dir_all(path.join("fleet/b")).unwrap();
    for file in ["fleet/a.yaml", "fleet/b/c.yaml", "README"] {
        fs::write(path.join(file), file).unwrap();
    }
    git(path, &["add", "."]);
    git(path, &["commit", "-q", "-m", "first"]);
    let commit = git(path, &["rev-parse", "HEAD"]);
    (folder, commit)
}

fn revision(root: &Path) -> Option<String> {
    read(root, 1000).unwrap().revision.map(|it| it.to_string())
}

#[test]
fn a_root_in_a_work_tree_has_its_commit() {
    let (folder, commit) = repository();
    let root = folder.path().join("fleet");
    assert_eq!(revision(&root), Some(commit.clone()));
    assert_eq!(revision(folder.path()), Some(commit.clone()), "the top as well");
    git(folder.path(), &["pack-refs", "--all"]);
    assert_eq!(revision(&root), Some(commit.clone()), "a packed branch");
    git(folder.path(), &["checkout", "-q", "--detach"]);
    assert_eq!(revision(&root), Some(commit.clone()), "no branch");
    fs::write(folder.path().join("README"), "other").unwrap();
    assert_eq!(revision(&root), Some(commit), "what is no policy file does not count");
}

#[test]
fn what_differs_from_the_commit_is_dirty() {
    let changes: [fn(&Path); 6] = [
        |root| fs::write(root.join("a.yaml"), "other").unwrap(),
        |root| fs::write(root.join("new.yaml"), "new").unwrap(),
        |root| fs::remove_file(root.join("b/c.yaml")).unwrap(),
        |root| {
            fs::write(root.join("a.yaml"), "staged").unwrap();
            git(root, &["add", "a.yaml"]);
        },
        |root| {
            // A commit that a hook refuses leaves the index as if there were one.
            let hook = root.join("../.git/hooks/pre-commit");
            fs::create_dir_all(hook.parent().unwrap()).unwrap();
            fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
            fs::set_permissions(&hook, fs::Permissions::from_mode(0o700)).unwrap();
            fs::write(root.join("a.yaml"), "refused").unwrap();
            assert!(!git_ended(root, &["commit", "-q", "-a", "-m", "refused"]).status.success());
            git(root, &["add", "a.yaml"]);
            assert!(!git_ended(root, &["commit", "-q", "-m", "refused"]).status.success());
            fs::remove_file(hook).unwrap();
        },
        |root| {
            fs::write(root.join("a.yaml"), "taken back").unwrap();
            git(root, &["commit", "-q", "-a", "-m", "taken back"]);
            git(root, &["reset", "-q", "--soft", "HEAD~1"]);
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let (folder, commit) = repository();
        let root = folder.path().join("fleet");
        change(&root);
        assert_eq!(revision(&root), Some(format!("{commit}-dirty")), "change {index}");
        git(folder.path(), &["add", "-A"]);
        git(folder.path(), &["commit", "-q", "-m", "second"]);
        let second = git(folder.path(), &["rev-parse", "HEAD"]);
        assert_eq!(revision(&root), Some(second), "change {index}, committed");
    }
}

#[test]
fn a_file_that_was_only_touched_is_not_dirty() {
    let (folder, commit) = repository();
    let file = folder.path().join("fleet/a.yaml");
    let text = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, text).unwrap();
    assert_eq!(revision(&folder.path().join("fleet")), Some(commit));
}

#[test]
fn a_checkout_of_git_sync_has_the_commit_of_its_work_tree_or_of_its_name() {
    let (folder, commit) = repository();
    let path = folder.path();
    git(path, &["worktree", "add", "-q", "--detach", &format!("../{commit}"), &commit]);
    let tree = path.parent().unwrap().join(&commit);
    let link = path.join("current");
    symlink(&tree, &link).unwrap();
    let found = revision(&link.join("fleet"));
    // In another container, the directory of git is out of reach.
    fs::write(tree.join(".git"), "gitdir: /nowhere/.git/worktrees/x\n").unwrap();
    let by_name = revision(&link.join("fleet"));
    fs::remove_dir_all(&tree).unwrap();
    assert_eq!((found, by_name), (Some(commit.clone()), Some(commit)));
}

#[test]
fn what_git_does_not_know_has_no_revision() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yaml"), "a").unwrap();
    assert_eq!(revision(folder.path()), None);
    let (repository, _) = repository();
    let root = repository.path().join("untracked");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a.yaml"), "a").unwrap();
    assert_eq!(revision(&root), None, "a repository that is only around it");
}

#[test]
fn what_cannot_be_read_of_git_is_no_reason_not_to_read_the_files() {
    let (folder, commit) = repository();
    let root = folder.path().join("fleet");
    for index in [&b""[..], b"DIRC\0\0\0\x04\0\0\0\x01", b"DIRC\0\0\0\x02\xff\xff\xff\xff"] {
        fs::write(folder.path().join(".git/index"), index).unwrap();
        assert_eq!(revision(&root), Some(format!("{commit}-dirty")));
    }
    for head in ["", "ref: ../../etc/passwd", "ref: refs/heads/none", "not a commit"] {
        fs::write(folder.path().join(".git/HEAD"), head).unwrap();
        assert_eq!(revision(&root), None, "{head}");
    }
}

#[test]
fn without_a_git_binary_the_tree_that_the_index_was_written_for_is_trusted() {
    let (folder, _) = repository();
    let path = folder.path();
    fs::write(path.join("fleet/a.yaml"), policy("a", "*")).unwrap();
    fs::write(path.join("fleet/b/c.yaml"), policy("c", "*")).unwrap();
    fs::write(path.join("fleet.yaml"), fleet_file(1)).unwrap();
    git(path, &["add", "fleet"]);
    git(path, &["commit", "-q", "-m", "policies"]);
    git(path, &["commit", "-q", "--allow-empty", "-m", "the same tree"]);
    let told = |search: Option<&str>| {
        let args = ["plan", "fleet", "--fleet", "fleet.yaml", "-o", "json"];
        let mut plan = command(args);
        plan.current_dir(path).envs(search.map(|it| ("PATH", it)));
        let plan = ran(plan);
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect(&plan.stderr);
        plan["policies"][0]["revision"].as_str().map(str::to_owned)
    };
    let (with, without) = (None, Some("/nonexistent"));
    let commit = git(path, &["rev-parse", "HEAD"]);
    assert_eq!((told(with), told(without)), (Some(commit.clone()), Some(commit)));
    git(path, &["reset", "-q", "--soft", "HEAD~2"]);
    let first = git(path, &["rev-parse", "HEAD"]);
    assert_eq!((told(with), told(without)), (Some(format!("{first}-dirty")), Some(first)));
}

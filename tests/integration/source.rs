//! The policy root on disk: what is read, what is passed over, what is named and not opened.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rescind::controller::follow::{adopt, interpret};
use rescind::policy::PolicySet;
use rescind::source::{Error, MAX_FILES, Tree, read, read_part};
use tempfile::TempDir;

mod revision;
mod watched;

const LIMIT: u64 = 1000;

fn folder(files: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for file in files {
        write(folder.path(), file);
    }
    folder
}

fn write(folder: &Path, file: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{file}\n")).unwrap();
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.files.iter().map(|file| file.path.as_str()).collect()
}

/// What is wrong with each path, with the root's path left out.
fn wrong(tree: &Tree, root: &Path) -> Vec<String> {
    let root = format!("{}/", root.display());
    tree.unreadable.values().map(|error| error.in_words().replace(&root, "")).collect()
}

#[test]
fn yaml_files_of_all_directories_are_read_and_nothing_hidden_or_of_another_name() {
    let folder = folder(&[
        "a.yaml",
        "b.yml",
        "C.YAML",
        "team/deep/d.yaml",
        "README.md",
        "yaml",
        ".hidden.yaml",
        ".git/e.yaml",
        "team/.data/f.yaml",
    ]);
    let tree = read(folder.path(), LIMIT).unwrap();
    assert_eq!(paths(&tree), ["C.YAML", "a.yaml", "b.yml", "team/deep/d.yaml"]);
    assert!(tree.unreadable.is_empty());
    assert_eq!(tree.files[3].text, b"team/deep/d.yaml\n");
}

#[test]
fn a_fifo_is_named_and_not_opened() {
    let folder = folder(&["a.yaml"]);
    let made = Command::new("mkfifo").arg(folder.path().join("b.yaml")).status();
    assert!(made.expect("there is a mkfifo").success());
    // It returns at all: opening the FIFO would wait for a writer for ever.
    let tree = read(folder.path(), LIMIT).unwrap();
    assert_eq!(paths(&tree), ["a.yaml"]);
    let said = ["b.yaml is not a regular file: remove it from the policy root"];
    assert_eq!(wrong(&tree, folder.path()), said);
}

#[test]
fn links_are_followed_within_the_root_and_named_where_they_lead_out_of_it() {
    let outside = folder(&["secret.yaml", "directory/x.yaml"]);
    let folder = folder(&["a.yaml", ".versions/1/b.yaml", ".versions/1/nested/c.yaml"]);
    let root = folder.path();
    symlink(".versions/1/b.yaml", root.join("b.yaml")).unwrap();
    symlink(".versions/1/nested", root.join("nested")).unwrap();
    symlink("nowhere.yaml", root.join("dangling.yaml")).unwrap();
    symlink(outside.path().join("secret.yaml"), root.join("out.yaml")).unwrap();
    symlink(outside.path().join("directory"), root.join("out")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink(".", root.join("myself")).unwrap();
    let tree = read(root, LIMIT).unwrap();
    assert_eq!(paths(&tree), ["a.yaml", "b.yaml", "nested/c.yaml"]);
    let said = [
        "dangling.yaml cannot be read: No such file or directory (os error 2)",
        "myself is a link that leads back to where it is: remove it",
        "out is a link that leads out of the policy root: copy the file",
        "out.yaml is a link that leads out of the policy root: copy the file",
        "up is a link that leads out of the policy root: copy the file",
    ];
    assert_eq!(wrong(&tree, root), said);
}

#[test]
fn a_link_that_leads_to_a_root_is_one() {
    let folder = folder(&["v1/a.yaml", "v2/a.yaml"]);
    symlink("v1", folder.path().join("current")).unwrap();
    let tree = read(&folder.path().join("current"), LIMIT).unwrap();
    assert_eq!(paths(&tree), ["a.yaml"]);
    assert_eq!(tree.files[0].text, b"v1/a.yaml\n");
}

#[test]
fn a_file_that_is_too_large_is_named_and_the_others_are_read() {
    let folder = folder(&["a.yaml"]);
    fs::write(folder.path().join("fits.yaml"), "#".repeat(1000)).unwrap();
    fs::write(folder.path().join("large.yaml"), "#".repeat(1001)).unwrap();
    let tree = read(folder.path(), LIMIT).unwrap();
    assert_eq!(paths(&tree), ["a.yaml", "fits.yaml"]);
    assert_eq!(wrong(&tree, folder.path()), ["large.yaml is larger than 1000 bytes"]);
}

#[test]
fn too_many_files_too_deep_a_tree_and_none_at_all_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    assert!(matches!(read(root, LIMIT), Err(Error::NoFiles(_))));
    assert!(matches!(read(&root.join("nowhere"), LIMIT), Err(Error::Io { .. })));
    let deep: std::path::PathBuf = std::iter::repeat_n("d", 17).collect();
    fs::create_dir_all(root.join(&deep)).unwrap();
    let tree = read(root, LIMIT).unwrap();
    assert!(matches!(tree.unreadable.values().next(), Some(Error::TooDeep(_))));
    for number in 0..=MAX_FILES {
        fs::write(root.join(format!("{number}.yaml")), "").unwrap();
    }
    assert!(matches!(read(root, LIMIT), Err(Error::TooManyFiles(_))));
    fs::remove_file(root.join("0.yaml")).unwrap();
    assert_eq!(read(root, LIMIT).unwrap().files.len(), MAX_FILES);
}

#[test]
fn a_file_is_no_root_and_is_read_alone_by_those_who_put_nothing_in_force() {
    let folder = folder(&["a.yaml", "guard.yaml"]);
    let file = folder.path().join("a.yaml");
    symlink(&file, folder.path().join("link")).unwrap();
    for named in [file.clone(), folder.path().join("link")] {
        assert!(matches!(read(&named, LIMIT), Err(Error::NotARoot(_))));
    }
    assert_eq!(paths(&read_part(&file, LIMIT).unwrap()), ["a.yaml"]);
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = folder(&["a.yaml", "locked.yaml", "directory/b.yaml"]);
    for name in ["locked.yaml", "directory"] {
        let closed = fs::Permissions::from_mode(0o000);
        fs::set_permissions(folder.path().join(name), closed).unwrap();
    }
    if fs::File::open(folder.path().join("locked.yaml")).is_ok() {
        return; // permissions do not bind this user
    }
    let tree = read(folder.path(), LIMIT).unwrap();
    assert_eq!(paths(&tree), ["a.yaml"]);
    let said = wrong(&tree, folder.path()).join("\n");
    assert_eq!(said.matches("Permission denied").count(), 2, "{said}");
    fs::set_permissions(folder.path().join("directory"), fs::Permissions::from_mode(0o700))
        .unwrap();
}

#[test]
fn the_digest_changes_with_contents_names_and_errors_and_with_nothing_else() {
    let folder = folder(&["a.yaml", "b.yaml"]);
    let digest = || read(folder.path(), LIMIT).unwrap().digest;
    let first = digest();
    write(folder.path(), "a.yaml");
    write(folder.path(), "README.md");
    assert_eq!(digest(), first);
    let mut seen = vec![first];
    let mut differs = |change: &dyn Fn(&Path)| {
        change(folder.path());
        let digest = digest();
        assert!(!seen.contains(&digest));
        seen.push(digest);
    };
    differs(&|root| fs::write(root.join("a.yaml"), "else").unwrap());
    differs(&|root| fs::rename(root.join("a.yaml"), root.join("c.yaml")).unwrap());
    differs(&|root| fs::remove_file(root.join("b.yaml")).unwrap());
    differs(&|root| symlink("nowhere", root.join("d.yaml")).unwrap());
}

#[test]
fn a_directory_that_comes_and_goes_while_it_is_read_is_an_error_and_no_crash() {
    let folder = folder(&["a.yaml"]);
    let root = folder.path();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for name in ["team/b.yaml", "team/deep/c.yaml"] {
                    write(root, name);
                }
                fs::remove_dir_all(root.join("team")).unwrap();
            }
        });
        for _ in 0..300 {
            let tree = read(root, LIMIT).unwrap();
            assert_eq!(paths(&tree)[0], "a.yaml");
            let gone = |error: &Error| matches!(error, Error::Io { .. });
            assert!(tree.unreadable.values().all(gone), "{:?}", tree.unreadable);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_may_be_a_directory_and_cannot_be_looked_at_is_named() {
    let folder = folder(&["a.yaml"]);
    symlink("nowhere", folder.path().join("guards")).unwrap();
    symlink("nowhere", folder.path().join("b.yaml")).unwrap();
    let tree = read(folder.path(), LIMIT).unwrap();
    assert_eq!(paths(&tree), ["a.yaml"]);
    let wrong = wrong(&tree, folder.path());
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[1].starts_with("guards cannot be read: No such file"), "{wrong:?}");
}

#[test]
fn names_that_are_not_utf_8_are_named_since_two_of_them_may_look_alike() {
    let folder = folder(&["a.yaml"]);
    let at = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    let made = fs::write(at(b"ger\xe4t.yaml"), "guard").and_then(|()| {
        fs::write(at(b"ger\xfct.yaml"), "another guard")?;
        fs::write(at(b"R\xc9ADME"), "no policy file")?;
        fs::create_dir(at(b"r\xe4ume"))?;
        fs::write(at(b"r\xe4ume/c.yaml"), "guard")
    });
    if made.is_err() {
        return; // a file system that has no such names
    }
    let tree = read(folder.path(), LIMIT).unwrap();
    assert_eq!(paths(&tree), ["a.yaml"]);
    let said = ["ger\\xE4t.yaml", "ger\\xFCt.yaml", "r\\xE4ume"];
    let said = said.map(|name| format!("\"{name}\" has a name that is not UTF-8: rename it"));
    assert_eq!(wrong(&tree, folder.path()), said);
    // Each of them may have a guard.
    assert!(adopt(&PolicySet::new([]), interpret(tree).said()).is_blind());
    // One that is renamed is read, and the other one is still named.
    fs::rename(at(b"ger\xe4t.yaml"), at(b"geraet.yaml")).unwrap();
    let tree = read(folder.path(), LIMIT).unwrap();
    assert_eq!(paths(&tree), ["a.yaml", "geraet.yaml"]);
    assert_eq!(wrong(&tree, folder.path()), said[1..]);
}

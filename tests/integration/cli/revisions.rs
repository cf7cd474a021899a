//! Diff of git revisions: named as git names things, read without a checkout.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::fleet::{fleet_file, policy};
use crate::process::{Ran, command, ran};

pub fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.invalid"])
        .args(["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A repository: what `main` cancels began with r001 and r002; on `change` it is r002 and r003; main then
/// went on to r004; and in the working tree, on `change`, it is r003 alone.
fn repository() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    git(at, &["init", "-q", "-b", "main"]);
    fs::create_dir(at.join("policies")).unwrap();
    fs::write(at.join("fleet.yaml"), fleet_file(5)).unwrap();
    let write = |things: &str| {
        fs::write(at.join("policies/a.yaml"), policy("a", things)).unwrap();
    };
    let commit = || {
        git(at, &["add", "-A"]);
        git(at, &["commit", "-q", "-m", "policies"]);
    };
    write("r00[12]");
    commit();
    git(at, &["checkout", "-q", "-b", "change"]);
    write("r00[23]");
    commit();
    git(at, &["checkout", "-q", "main"]);
    write("r004");
    commit();
    git(at, &["checkout", "-q", "change"]);
    write("r003");
    folder
}

fn diff(folder: &Path, args: &[&str]) -> Ran {
    let fleet = if folder.join("fleet.yaml").exists() { "fleet.yaml" } else { "../fleet.yaml" };
    let mut command = command([&["diff"], args, &["--fleet", fleet]].concat());
    command.current_dir(folder);
    ran(command)
}

/// The things newly canceled, and those no longer.
fn changed(folder: &Path, args: &[&str]) -> (String, String) {
    let diff = diff(folder, &[args, &["-o", "json"]].concat());
    assert_eq!((diff.code, &*diff.stderr), (0, ""), "{args:?}");
    let json: Value = serde_json::from_str(&diff.stdout).unwrap();
    let of = |kind: &str| {
        let all = json["changes"].as_array().unwrap().iter();
        let things = all.filter(|it| it["kind"] == kind).map(|it| it["thing"].as_str().unwrap());
        things.collect::<Vec<_>>().join(" ")
    };
    (of("newlyCanceled"), of("noLongerCanceled"))
}

#[test]
fn revisions_are_named_as_git_names_them() {
    let folder = repository();
    let at = folder.path();
    let (status, head) = (git(at, &["status", "--porcelain"]), git(at, &["rev-parse", "HEAD"]));
    for (args, newly, no_longer) in [
        (&["main..change"][..], "r002 r003", "r004"),
        (&["main", "change"], "r002 r003", "r004"),
        (&["main.."], "r002 r003", "r004"),
        (&["main...change"], "r003", "r001"),
        (&["main~1", "main"], "r004", "r001 r002"),
        (&["main"], "r003", "r004"),
        (&["HEAD"], "", "r002"),
        (&["main:policies", "policies"], "r003", "r004"),
        (&["main:policies/", "change:./policies"], "r002 r003", "r004"),
        (&["main", "policies", "--root", "./policies/"], "r003", "r004"),
    ] {
        assert_eq!(changed(at, args), (newly.to_owned(), no_longer.to_owned()), "{args:?}");
    }
    let below = at.join("policies");
    let expected = ("r002 r003".to_owned(), "r004".to_owned());
    assert_eq!(changed(&below, &["main..change", "--root", "."]), expected);
    assert_eq!(changed(&below, &["main:policies", "change:policies"]), expected);
    assert_eq!(git(at, &["status", "--porcelain"]), status, "the working tree is as it was");
    assert_eq!(git(at, &["rev-parse", "HEAD"]), head);
    let text = diff(at, &["main..change"]);
    assert!(text.stdout.starts_with("Policies main:./policies ("), "{}", text.stdout);
}

#[test]
fn a_revision_compared_with_itself_is_said_to_be_one() {
    let folder = repository();
    let at = folder.path();
    git(at, &["tag", "v1", "main"]);
    let commit = git(at, &["rev-parse", "--short=12", "main"]);
    for args in [&["main..main"][..], &["main", "v1"]] {
        let same = diff(at, args);
        assert_eq!(same.code, 0, "{}", same.stderr);
        let said = format!("are both commit {}, so that nothing can differ", commit.trim());
        assert!(same.stderr.starts_with("Note: main:./policies and "), "{}", same.stderr);
        assert!(same.stderr.contains(&said), "{}", same.stderr);
        assert!(same.stdout.contains("0 newly, 0 no longer, 0 otherwise"), "{}", same.stdout);
    }
}

#[test]
fn what_is_no_revision_is_said_with_what_git_says() {
    let folder = repository();
    let at = folder.path();
    for (args, code, said) in [
        (
            &["mein"][..],
            1,
            "error: mein: there is no such directory here, and it is no revision that git knows here: fatal: ",
        ),
        (
            &["main", "chance"],
            1,
            "error: chance: there is no such directory here, and it is no revision",
        ),
        (
            &["main..chance"],
            1,
            "error: chance: there is no such directory here, and it is no revision",
        ),
        (&["main...chance"], 1, "error: main...chance: it is no revision that git knows here"),
        (
            &["main:nowhere", "policies"],
            1,
            "error: main: there is no such directory here, and main has no directory nowhere",
        ),
        (&["main:fleet.yaml", "policies"], 1, "main has no directory fleet.yaml"),
        (&["main", "--root", "nowhere"], 1, "main has no directory ./nowhere"),
        (
            &["main", "--root", "/nowhere"],
            64,
            "error: --root /nowhere: in a revision the root is a path from here",
        ),
        (
            &["policies"],
            64,
            "error: policies is a directory: name the one to compare it with as well",
        ),
    ] {
        let diff = diff(at, args);
        assert_eq!((diff.code, &*diff.stdout), (code, ""), "{args:?}: {}", diff.stderr);
        assert!(diff.stderr.contains(said), "{args:?}: {}", diff.stderr);
    }
    let elsewhere = TempDir::new().unwrap();
    fs::write(elsewhere.path().join("fleet.yaml"), fleet_file(1)).unwrap();
    let none = diff(elsewhere.path(), &["main..change"]);
    assert!(none.stderr.contains("not a git repository"), "{}", none.stderr);
    let mut without = command(["diff", "main..change", "--fleet", "fleet.yaml"]);
    without.current_dir(at).env("PATH", "");
    let without = ran(without);
    assert!(without.stderr.contains("git cannot be started"), "{}", without.stderr);
    assert!(without.stderr.contains("only directories can be named"), "{}", without.stderr);
}

#[test]
fn a_root_in_a_revision_is_what_a_checkout_would_have_but_for_links() {
    let folder = repository();
    let at = folder.path();
    git(at, &["checkout", "-q", "-f", "-b", "odd", "main"]);
    fs::create_dir_all(at.join("policies/below/.hidden")).unwrap();
    fs::write(at.join("policies/below/b.yml"), policy("b", "r005")).unwrap();
    fs::write(at.join("policies/below/.hidden/c.yaml"), "no: policy").unwrap();
    fs::write(at.join("policies/notes.md"), "no policy").unwrap();
    git(at, &["add", "-A"]);
    git(at, &["commit", "-q", "-m", "more"]);
    assert_eq!(changed(at, &["main..odd"]), ("r005".to_owned(), String::new()));
    fs::write(at.join("policies/d.yaml"), "force: true\n").unwrap();
    symlink("a.yaml", at.join("policies/e.yaml")).unwrap();
    git(at, &["add", "-A"]);
    git(at, &["commit", "-q", "-m", "broken"]);
    let diff = diff(at, &["main..odd"]);
    assert_eq!((diff.code, &*diff.stdout), (1, ""), "{}", diff.stderr);
    assert!(diff.stderr.contains("--> odd:./policies/d.yaml:1:1"), "{}", diff.stderr);
    assert!(diff.stderr.contains("odd:./policies/e.yaml is not a regular file"), "{}", diff.stderr);
    assert!(diff.stderr.contains("2 broken files in odd:./policies"), "{}", diff.stderr);
}

//! Whatever way the files of a root are changed, the controller adopts what was there before and what is
//! there afterwards, and nothing in between.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rescind::controller::follow::interpret;
use rescind::policy::Demands;
use rescind::policy::PolicySet;
use rescind::source::read;

use crate::process::fleet::{World, policy, policy_with};
use crate::process::{Beside, flip, overwrite, replace, until};

/// More than one look reads in a moment.
const FILES: usize = 60;

/// One version of a root of many files: what it cancels is in one of them.
fn fill(root: &Path, version: &str, things: &str) {
    for number in 0..FILES {
        let folder = root.join(format!("team-{}", number % 4));
        fs::create_dir_all(&folder).unwrap();
        let name = format!("p{number}");
        let text = policy_with(&name, &format!("{version}-*"), "mode: Observe");
        fs::write(folder.join(format!("{name}.yaml")), text).unwrap();
    }
    fs::write(root.join("acts.yaml"), policy("acts", things)).unwrap();
}

/// What the files of a root mean, all together.
fn meaning(root: &Path) -> String {
    let said = interpret(read(root, 1 << 20).unwrap());
    assert!(said.diagnostics.is_empty(), "{:?}", said.diagnostics);
    PolicySet::guarded(said.policies, said.guards, Demands::default()).digest().short().to_owned()
}

/// What the controller has put in force so far, in that order.
fn adopted(controller: &Beside) -> Vec<String> {
    let puts = |line: &String| line.contains(" running ") || line.contains(" adopted ");
    let digest = |line: String| {
        let behind = line.split_once("digest=\"").expect("a digest").1.to_owned();
        behind.split('"').next().expect("its end").to_owned()
    };
    controller.log.all().into_iter().filter(puts).map(digest).collect()
}

/// Writes two versions of a root, which cancel what the first robot waits for, and what both wait for.
fn two_versions(world: &World) {
    for (version, things) in [("one", "r001"), ("two", "r00[12]")] {
        fill(&world.path(version), version, things);
    }
}

/// The controller follows `root`, which `place` makes of the version `one`; `change` makes it `two`.
fn changed(
    write: impl FnOnce(&World),
    root: &str,
    place: impl FnOnce(&World),
    change: impl FnOnce(&World),
) {
    let world = World::new(2);
    write(&world);
    let meanings = ["one", "two"].map(|version| meaning(&world.path(version)));
    place(&world);
    let controller = world.controller(root, &["--interval", "1h"]);
    world.until_canceled(&["r001"]);
    change(&world);
    world.until_canceled(&["r001", "r002"]);
    assert_eq!(adopted(&controller), meanings);
}

/// Makes the files of a directory those of another, one after the other.
fn copy(from: &Path, to: &Path, write: &dyn Fn(&Path, &str)) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let to = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&entry, &to, write);
        } else {
            write(&to, &fs::read_to_string(&entry).unwrap());
        }
    }
}

fn copied(from: &'static str, write: impl Fn(&Path, &str)) -> impl Fn(&World) {
    move |world| copy(&world.path(from), &world.path("root"), &write)
}

#[test]
fn files_that_are_overwritten_in_place() {
    changed(two_versions, "root", copied("one", overwrite), copied("two", overwrite));
}

#[test]
fn files_that_an_editor_saves_by_renaming_a_new_one_over_the_old_one() {
    changed(two_versions, "root", copied("one", overwrite), copied("two", replace));
}

#[test]
fn files_that_an_editor_moves_aside_before_it_writes_them_anew() {
    let aside = |path: &Path, text: &str| {
        let old = path.with_extension("yaml~");
        fs::rename(path, &old).unwrap();
        overwrite(path, text);
        fs::remove_file(old).unwrap();
    };
    changed(two_versions, "root", copied("one", overwrite), copied("two", aside));
}

#[test]
fn a_config_map_of_which_the_data_link_is_swapped() {
    changed(
        two_versions,
        "root",
        |world| {
            let root = world.path("root");
            fs::rename(world.path("one"), root.join("..one")).unwrap();
            symlink("..one", root.join("..data")).unwrap();
            for entry in fs::read_dir(root.join("..one")).unwrap() {
                let name = entry.unwrap().file_name();
                symlink(Path::new("..data").join(&name), root.join(&name)).unwrap();
            }
        },
        |world| {
            let root = world.path("root");
            fs::rename(world.path("two"), root.join("..two")).unwrap();
            flip(&root.join("..data"), "..two");
            fs::remove_dir_all(root.join("..one")).unwrap();
        },
    );
}

#[test]
fn a_link_of_git_sync_that_is_flipped_above_the_root() {
    let under = |version: &'static str| {
        move |world: &World| {
            let tree = world.path("trees").join(version);
            fs::create_dir_all(&tree).unwrap();
            fs::rename(world.path(version), tree.join("policies")).unwrap();
            flip(&world.path("current"), &format!("trees/{version}"));
        }
    };
    changed(two_versions, "current/policies", under("one"), |world| {
        under("two")(world);
        fs::remove_dir_all(world.path("trees/one")).unwrap();
    });
}

#[test]
fn a_directory_that_takes_the_place_of_the_root() {
    let first = |world: &World| {
        fs::remove_dir(world.path("root")).unwrap();
        fs::rename(world.path("one"), world.path("root")).unwrap();
    };
    changed(two_versions, "root", first, |world| {
        fs::rename(world.path("root"), world.path("old")).unwrap();
        fs::rename(world.path("two"), world.path("root")).unwrap();
    });
}

#[test]
fn directories_that_are_made_and_written_to_at_once() {
    let write = |world: &World| {
        fill(&world.path("two/new/deep/deeper"), "two", "r002");
        for version in ["one", "two"] {
            fs::create_dir_all(world.path(version)).unwrap();
            fs::write(world.path(version).join("a.yaml"), policy("a", "r001")).unwrap();
        }
    };
    changed(write, "root", copied("one", overwrite), copied("two", overwrite));
}

fn git(folder: &Path, args: &[&str]) {
    let git = Command::new("git")
        .current_dir(folder)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")])
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(args)
        .output()
        .expect("git is installed");
    assert!(git.status.success(), "{args:?}: {}", String::from_utf8_lossy(&git.stderr));
}

#[test]
fn another_commit_that_is_checked_out() {
    let commits = |world: &World| {
        let root = world.path("root");
        git(&root, &["init", "-q", "-b", "two"]);
        for version in ["two", "one"] {
            git(&root, &["checkout", "-q", "-B", version]);
            copied(version, overwrite)(world);
            git(&root, &["add", "."]);
            git(&root, &["commit", "-q", "-m", version]);
        }
    };
    changed(two_versions, "root", commits, |world| {
        git(&world.path("root"), &["checkout", "-q", "two"]);
    });
}

#[test]
fn a_root_that_is_gone_for_a_while_is_no_root_without_policies() {
    let world = World::new(3);
    two_versions(&world);
    let meanings = ["one", "two"].map(|version| meaning(&world.path(version)));
    copied("one", overwrite)(&world);
    let controller = world.controller("root", &["--interval", "1s"]);
    world.until_canceled(&["r001"]);
    fs::remove_dir_all(world.path("root")).unwrap();
    controller.log.wait("its policies wait");
    let waiting = format!(" adopted policies={}", FILES + 1);
    let seen = controller.log.wait(&waiting);
    controller.log.after(seen, " pass ");
    // The next directory may well have the inode of the last one: it is watched all the same.
    fs::create_dir(world.path("root")).unwrap();
    copied("two", overwrite)(&world);
    world.until_canceled(&["r001", "r002"]);
    let adopted = adopted(&controller);
    assert_eq!([&adopted[0], &adopted[2]], [&meanings[0], &meanings[1]], "{adopted:?}");
    assert_eq!(adopted.len(), 3, "{adopted:?}");
}

#[test]
fn what_is_no_file_of_the_root_makes_everything_wait_and_is_never_opened() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let controller = world.controller("root", &["--interval", "1s"]);
    let log = &controller.log;
    world.until_canceled(&["r001"]);
    let outside = world.path("outside.yaml");
    fs::write(&outside, policy("outside", "*")).unwrap();
    let strange = world.path("root/b.yaml");
    let make_fifo = || assert!(Command::new("mkfifo").arg(&strange).status().unwrap().success());
    let link_out = || symlink(&outside, &strange).unwrap();
    let cases: [(&dyn Fn(), &str); 2] = [
        (&make_fifo, "b.yaml is not a regular file: remove it from the policy root"),
        (&link_out, "b.yaml is a link that leads out of the policy root: copy the file"),
    ];
    for (job, (make, said)) in ["first", "second"].into_iter().zip(cases) {
        let seen = log.all().len();
        make();
        let seen = log.after(seen, said);
        // It might have a guard.
        let seen = log.after(seen, "adopted policies=1");
        world.queue(job, "r001");
        let seen = log.after(seen, " pass ");
        log.after(seen, " pass ");
        assert_eq!(world.canceled(job), Vec::<String>::new());
        fs::remove_file(&strange).unwrap();
        until("what waited is canceled", || (world.canceled(job) == ["r001"]).then_some(()));
    }
    let adopted = adopted(&controller);
    assert_eq!((adopted.len(), &adopted[2], &adopted[4]), (5, &adopted[0], &adopted[0]));
}

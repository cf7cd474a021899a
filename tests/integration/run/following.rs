//! The controller follows the policy root: whatever way a file comes, changes, breaks and goes.

use std::fs;
use std::os::unix::fs::symlink;

use crate::process::fleet::{World, policy, policy_with};
use crate::process::{flip, overwrite, replace};

#[test]
fn a_policy_that_is_added_edited_broken_mended_and_removed_acts_as_it_says() {
    let world = World::new(9);
    world.write("a.yaml", &policy("a", "r001"));
    world.write("other.yaml", &policy_with("other", "none", "mode: Observe"));
    let controller = world.controller("root", &["--interval", "1s"]);
    let log = &controller.log;
    world.until_canceled(&["r001"]);

    // Added, by a rename.
    replace(&world.path("root/b.yaml"), &policy("b", "r002"));
    world.until_canceled(&["r001", "r002"]);

    // Edited, in place.
    overwrite(&world.path("root/a.yaml"), &policy("a", "r00[13]"));
    world.until_canceled(&["r001", "r002", "r003"]);

    // Broken: it waits as it was, also with what comes later; the others go on.
    let broken = format!("{}  surprise: 1\n", policy("a", "r004"));
    let seen = log.all().len();
    replace(&world.path("root/a.yaml"), &broken);
    let seen = log.after(seen, "waits: its file has an error");
    assert!(log.count("place=\"a.yaml:") > 0, "{:?}", log.all());
    world.queue("later", "r003");
    replace(&world.path("root/b.yaml"), &policy("b", "r005"));
    world.until_canceled(&["r001", "r002", "r003", "r005"]);
    let seen = log.after(seen, " pass ");
    log.after(seen, " pass ");
    assert_eq!(world.canceled("later"), Vec::<String>::new());

    // Mended.
    overwrite(&world.path("root/a.yaml"), &policy("a", "r00[34]"));
    world.until_canceled(&["r001", "r002", "r003", "r004", "r005"]);
    crate::process::until("what waited is canceled", || {
        (world.canceled("later") == ["r003"]).then_some(())
    });

    // Removed: what comes later is in no policy's scope.
    let seen = log.all().len();
    fs::remove_file(world.path("root/b.yaml")).unwrap();
    let seen = log.after(seen, "adopted policies=2");
    world.queue("after", "r005");
    let seen = log.after(seen, " pass ");
    log.after(seen, " pass ");
    assert_eq!(world.canceled("after"), Vec::<String>::new());
}

#[test]
fn a_root_link_that_is_flipped_is_followed() {
    let world = World::new(3);
    for (version, things) in [("v1", "r001"), ("v2", "r002"), ("v3", "r003")] {
        fs::create_dir(world.path(version)).unwrap();
        fs::write(world.path(version).join("a.yaml"), policy("a", things)).unwrap();
    }
    symlink("v1", world.path("current")).unwrap();
    let _controller = world.controller("current", &["--interval", "1h"]);
    world.until_canceled(&["r001"]);
    flip(&world.path("current"), "v2");
    world.until_canceled(&["r001", "r002"]);
    fs::remove_dir_all(world.path("v1")).unwrap();
    flip(&world.path("current"), "v3");
    world.until_canceled(&["r001", "r002", "r003"]);
}

#[test]
fn a_config_map_whose_data_link_is_swapped_is_followed() {
    let world = World::new(3);
    let root = world.path("root");
    for (version, things) in [("..v1", "r001"), ("..v2", "r002")] {
        fs::create_dir_all(root.join(version).join("nested")).unwrap();
        fs::write(root.join(version).join("a.yaml"), policy("a", things)).unwrap();
        let nested = policy_with("b", things, "mode: Observe");
        fs::write(root.join(version).join("nested/b.yaml"), nested).unwrap();
    }
    symlink("..v1", root.join("..data")).unwrap();
    symlink("..data/a.yaml", root.join("a.yaml")).unwrap();
    symlink("..data/nested", root.join("nested")).unwrap();
    let controller = world.controller("root", &["--interval", "1h"]);
    world.until_canceled(&["r001"]);
    let seen = controller.log.wait(" running ");
    assert!(controller.log.all()[seen - 1].contains("policies=2"), "{:?}", controller.log.all());
    flip(&root.join("..data"), "..v2");
    fs::remove_dir_all(root.join("..v1")).unwrap();
    world.until_canceled(&["r001", "r002"]);
}

#[test]
fn an_emptied_root_makes_its_policies_wait_and_is_taken_up_when_it_is_back() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    let controller = world.controller("root", &["--interval", "1s"]);
    let at = controller.address();
    let log = &controller.log;
    world.until_canceled(&["r001", "r002"]);
    fs::remove_file(world.path("root/a.yaml")).unwrap();
    let seen = log.wait("its policies wait");
    let seen = log.after(seen, "adopted policies=1");
    world.queue("later", "r001");
    let seen = log.after(seen, " pass ");
    let seen = log.after(seen, " pass ");
    assert_eq!(world.canceled("later"), Vec::<String>::new());
    let held =
        "waits: the policy root cannot be read policy=a origin=a.yaml:1 why=\"root has no .yaml";
    assert_eq!(log.count(held), 1, "{:?}", log.all());
    fs::remove_dir(world.path("root")).unwrap();
    log.after(seen, " pass ");
    crate::process::until("the status says which root is not there", || {
        let status = crate::process::rescind(&["status", "--at", &at]).stdout;
        let said =
            "\n  root cannot be read: No such file or directory (os error 2): its policies wait\n";
        status.contains(said).then_some(())
    });
    assert_eq!(log.count("waits: its file has an error"), 0, "{:?}", log.all());
    fs::create_dir(world.path("root")).unwrap();
    world.write("a.yaml", &policy("a", "*"));
    crate::process::until("the root is back", || {
        (world.canceled("later") == ["r001"]).then_some(())
    });
    // The error of one state of the root is said once, not at each look.
    assert!(log.count("its policies wait") <= 2, "{:?}", log.all());
}

#[test]
fn a_root_that_is_broken_at_the_start_waits_to_be_mended() {
    let world = World::new(1);
    world.write("a.yaml", "kind: CancelPolicy\n");
    let controller = world.controller("root", &["--interval", "1h"]);
    controller.log.wait("no policies are in force");
    replace(&world.path("root/a.yaml"), &policy("a", "*"));
    world.until_canceled(&["r001"]);
}

#[test]
fn a_policy_that_moved_to_another_file_waits_when_that_one_breaks() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let controller = world.controller("root", &["--interval", "1s"]);
    let log = &controller.log;
    world.until_canceled(&["r001"]);
    fs::rename(world.path("root/a.yaml"), world.path("root/b.yaml")).unwrap();
    world.write("c.yaml", &policy_with("c", "nobody", "mode: Observe"));
    let seen = log.wait("adopted policies=2");
    replace(&world.path("root/b.yaml"), "spec: [\n");
    let seen = log.after(seen, "waits: its file has an error policy=a origin=b.yaml:1");
    log.after(seen, "adopted policies=2");
}

#[test]
fn a_comment_is_not_a_change() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "nobody"));
    let controller = world.controller("root", &["--interval", "1s"]);
    controller.log.wait(" pass ");
    replace(&world.path("root/a.yaml"), &format!("# why\n{}", policy("a", "nobody")));
    replace(&world.path("root/b.yaml"), &policy("b", "nobody"));
    controller.log.wait("adopted policies=2");
    assert_eq!(controller.log.count("adopted"), 1, "{:?}", controller.log.all());
}

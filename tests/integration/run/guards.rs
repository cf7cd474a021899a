//! A guard that was adopted stays in force, whatever becomes of its file, until it is retired.

use std::fs;

use rescind::emulator::Operation;

use crate::process::fleet::{World, guard, policy};
use crate::process::{gate, ran, replace, rescind};

const PROTECTS: &str = "protect: [{name: pump, things: {names: [r001]}}]";

#[test]
fn a_guard_whose_file_is_deleted_or_broken_protects_until_it_is_retired() {
    let world = World::new(2);
    world.write("guard.yaml", &guard("g", PROTECTS));
    world.write("a.yaml", &policy("a", "*"));
    let controller = world.controller("root", &["--interval", "1s"]);
    let log = &controller.log;
    world.until_canceled(&["r002"]);

    let seen = log.all().len();
    fs::remove_file(world.path("root/guard.yaml")).unwrap();
    let seen = log.after(seen, "stays in force, although no file has it");
    let seen = log.after(seen, " pass ");
    let seen = log.after(seen, " pass ");
    assert_eq!(world.canceled("fw"), ["r002"]);

    replace(&world.path("root/guard.yaml"), "kind: CancelGuard\n");
    let seen = log.after(seen, "has an error");
    let seen = log.after(seen, " pass ");
    assert_eq!(world.canceled("fw"), ["r002"]);

    let retired = format!("{PROTECTS}, retired: {{reason: the pump is gone}}");
    replace(&world.path("root/guard.yaml"), &guard("g", &retired));
    log.after(seen, "adopted policies=1");
    world.until_canceled(&["r001", "r002"]);
}

#[test]
fn a_broken_guard_that_was_never_read_lets_nothing_go() {
    let world = World::new(1);
    world.write("guard.yaml", &guard("g", "protects: []"));
    world.write("a.yaml", &policy("a", "*"));
    let controller = world.controller("root", &["--interval", "1s"]);
    let seen = controller.log.wait(" pass ");
    let seen = controller.log.after(seen, " pass ");
    assert_eq!(world.canceled("fw"), Vec::<String>::new());
    let status = rescind(&["status", "--at", &controller.address()]);
    assert!(status.stdout.contains("All policies wait: a file"), "{}", status.stdout);
    replace(
        &world.path("root/guard.yaml"),
        &guard("g", "protect: [{name: x, jobs: {names: [x]}}]"),
    );
    controller.log.after(seen, "adopted policies=1");
    world.until_canceled(&["r001"]);
}

#[test]
fn a_guard_outlives_the_process_that_adopted_it_until_it_is_forgotten() {
    let world = World::new(2);
    world.write("guard.yaml", &guard("g", PROTECTS));
    world.write("a.yaml", &policy("a", "*"));
    let mut first = world.controller("root", &["--interval", "1s"]);
    world.until_canceled(&["r002"]);
    first.signal("TERM");
    assert_eq!(first.end(), 0);
    fs::remove_file(world.path("root/guard.yaml")).unwrap();

    let controller = world.controller("root", &["--interval", "1s"]);
    let log = &controller.log;
    let seen = log.wait("stays in force, although no file has it");
    let seen = log.after(seen, " pass ");
    let seen = log.after(seen, " pass ");
    assert_eq!(world.canceled("fw"), ["r002"]);

    let asked = ran(world.command(&["guard", "forget", "g"]));
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    assert!(asked.stdout.starts_with("Asked "), "{}", asked.stdout);
    // Something new in the root is looked at at once.
    world.write("b.yaml", &policy("b", "nobody"));
    log.after(seen, "forgotten, as somebody asked");
    world.until_canceled(&["r001", "r002"]);
    let again = ran(world.command(&["guard", "forget", "g"]));
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("has no guard g; it has no guard"), "{}", again.stderr);
}

#[test]
fn a_guard_that_is_forgotten_while_a_pass_observes_does_not_come_back() {
    let world = World::new(2);
    world.write("guard.yaml", &guard("g", PROTECTS));
    world.write("a.yaml", &policy("a", "*"));
    let controller = world.controller("root", &["--interval", "1s"]);
    world.until_canceled(&["r002"]);
    let log = &controller.log;
    let (mut wait, arrived, release) = gate();
    let hook = Box::new(move |_: &_, _: &mut _| wait());
    world.emulator.on_call(Operation::ListJobs, hook);
    arrived.recv().unwrap();
    // The pass that is held has the guard in force, from its file.
    let seen = log.all().len();
    fs::remove_file(world.path("root/guard.yaml")).unwrap();
    assert_eq!(ran(world.command(&["guard", "forget", "g"])).code, 0);
    log.after(seen, "forgotten, as somebody asked");
    drop(release);
    world.until_canceled(&["r001", "r002"]);
    let again = ran(world.command(&["guard", "forget", "g"]));
    assert!(again.stderr.contains("has no guard g; it has no guard"), "{}", again.stderr);
}

#[test]
fn what_could_not_be_forgotten_is_not_forgotten_later() {
    let world = World::new(1);
    world.write("guard.yaml", &guard("g", &PROTECTS.replace("[r001]", "['*']")));
    world.write("a.yaml", &policy("a", "*"));
    assert_eq!(ran(world.apply(&["--yes"])).code, 0);
    fs::remove_file(world.path("root/guard.yaml")).unwrap();
    let file = world.path("state/123456789012.eu-central-1.sqlite");
    let raw = rusqlite::Connection::open(file).unwrap();
    let refuse =
        "CREATE TRIGGER refused BEFORE INSERT ON guards_ended BEGIN SELECT RAISE(ABORT, 'no'); END";
    raw.execute_batch(refuse).unwrap();
    let failed = ran(world.command(&["guard", "forget", "g"]));
    assert_eq!((failed.code, &*failed.stdout), (1, ""), "{}", failed.stderr);
    raw.execute_batch("DROP TRIGGER refused").unwrap();
    drop(raw);
    assert_eq!(ran(world.apply(&["--yes"])).code, 0);
    assert_eq!(world.canceled("fw"), Vec::<String>::new());
}

#[test]
fn a_guard_that_came_while_no_policy_was_in_force_outlives_its_file_and_the_process() {
    let world = World::new(2);
    world.write("guard.yaml", &guard("g", PROTECTS));
    let mut first = world.controller("root", &["--interval", "1s"]);
    let seen = first.log.wait("no policies are in force: nothing is observed");
    first.log.after(seen, "no policies are in force: nothing is observed");
    let asked = world.calls(Operation::ListJobs);
    assert_eq!(asked, 1, "once, to know whose it is");
    first.signal("TERM");
    assert_eq!(first.end(), 0);
    fs::remove_file(world.path("root/guard.yaml")).unwrap();
    world.write("a.yaml", &policy("a", "*"));

    let second = world.controller("root", &["--interval", "1s"]);
    let seen = second.log.wait("stays in force, although no file has it");
    let seen = second.log.after(seen, " pass ");
    second.log.after(seen, " pass ");
    assert_eq!(world.canceled("fw"), ["r002"]);
}

#[test]
fn a_guard_that_a_file_has_is_not_forgotten() {
    let world = World::new(1);
    world.write("guard.yaml", &guard("g", &PROTECTS.replace("names: [r001]", "names: [\"*\"]")));
    world.write("a.yaml", &policy("a", "*"));
    let controller = world.controller("root", &["--interval", "1s"]);
    let log = &controller.log;
    let seen = log.wait(" pass ");
    let seen = log.after(seen, " pass ");
    assert_eq!(ran(world.command(&["guard", "forget", "g"])).code, 0);
    world.write("b.yaml", &policy("b", "nobody"));
    let seen = log.after(seen, "forgotten, as somebody asked");
    let seen = log.after(seen, " pass ");
    let seen = log.after(seen, " pass ");
    fs::remove_file(world.path("root/guard.yaml")).unwrap();
    let seen = log.after(seen, "stays in force, although no file has it");
    log.after(seen, " pass ");
    assert_eq!(world.canceled("fw"), Vec::<String>::new());
}

#[test]
fn a_file_that_could_never_be_read_may_have_a_guard() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "r001"));
    let link = world.path("root/b.yaml");
    std::os::unix::fs::symlink("nowhere.yaml", &link).unwrap();
    let controller = world.controller("root", &["--interval", "1s"]);
    let log = &controller.log;
    let seen = log.wait(" pass ");
    let seen = log.after(seen, " pass ");
    assert_eq!(world.canceled("fw"), Vec::<String>::new());

    fs::remove_file(&link).unwrap();
    world.write("b.yaml", &policy("b", "r002"));
    let seen = log.after(seen, "adopted policies=2");
    world.until_canceled(&["r001", "r002"]);

    // Of a file that was read before, its policies wait and the others go on.
    world.write("a.yaml", &policy("a", "*"));
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("nowhere.yaml", &link).unwrap();
    let seen = log.after(seen, "waits: its file has an error");
    world.queue("again", "r001");
    log.after(seen, " pass ");
    crate::process::until("the other policy goes on", || {
        (!world.canceled("again").is_empty()).then_some(())
    });
}

#[test]
fn a_broken_file_that_does_not_say_what_it_has_may_have_a_guard() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let guard = guard("g", PROTECTS);
    let cut = &guard[..guard.find("Guard").expect("its kind") + 3];
    let utf16 = guard.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let broken = [
        Vec::new(),
        cut.as_bytes().to_vec(),
        guard.replace("CancelGuard", "CancelGaurd").into_bytes(),
        guard.replace("CancelGuard", "Guard").into_bytes(),
        utf16,
    ];
    let path = world.path("root/guard.yaml");
    fs::write(&path, &broken[0]).unwrap();
    let controller = world.controller("root", &["--interval", "1s"]);
    let mut seen = controller.log.wait(" pass ");
    for text in &broken[1..] {
        fs::write(&path, text).unwrap();
        seen = controller.log.after(seen, "guard.yaml:");
        seen = controller.log.after(seen, " pass ");
        assert_eq!(world.canceled("fw"), Vec::<String>::new(), "{}", String::from_utf8_lossy(text));
    }
    fs::write(&path, policy("b", "r009").replace("mode:", "\tmode:")).unwrap();
    controller.log.after(seen, "guard.yaml:");
    world.until_canceled(&["r001"]);
}

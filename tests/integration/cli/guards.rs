//! Guards at the command line: what must be there before anything is canceled, and what stops it.

use crate::process::fleet::{ACCOUNT, REGION, World, guard, policy};
use crate::process::ran;

const SCOPE: &str = "scope: {accounts: ['123456789012'], regions: [eu-central-1]}";

fn apply(world: &World, more: &[&str]) -> crate::process::Ran {
    ran(world.guarded(&[&["apply", "root", "--yes"], more].concat()))
}

#[test]
fn against_aws_a_root_without_a_guard_cancels_only_when_that_is_said() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let pins = ["--account", ACCOUNT, "--region", REGION];
    for verb in ["apply", "run"] {
        let yes = if verb == "apply" { &["--yes"][..] } else { &[] };
        let refused = ran(world.guarded(&[&[verb, "root"], &pins[..], yes].concat()));
        assert_eq!((refused.code, &*refused.stdout), (64, ""), "{}", refused.stderr);
        let said = format!("error: {verb} against AWS needs a CancelGuard in the root");
        assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    }
    assert!(world.emulator.calls().is_empty());
    assert_eq!(apply(&world, &[&pins[..], &["--no-guards"]].concat()).code, 0);
    assert_eq!(world.canceled("fw"), ["r001"]);
}

#[test]
fn the_scope_of_a_guard_stands_for_account_and_region() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", SCOPE));
    let done = apply(&world, &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(world.canceled("fw"), ["r001"]);
}

#[test]
fn outside_of_a_scope_nothing_is_sent_and_the_code_is_4() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", &SCOPE.replace("eu-central-1", "eu-west-1")));
    for args in [&["apply", "root", "--yes"][..], &["run", "root", "--listen", "127.0.0.1:0"]] {
        let pins = ["--account", ACCOUNT, "--region", REGION];
        let stopped = ran(world.guarded(&[args, &pins].concat()));
        assert_eq!(stopped.code, 4, "{}", stopped.stderr);
        assert!(stopped.stderr.contains("is not in the scope of guard g"), "{}", stopped.stderr);
    }
    let plan = ran(world.guarded(&["plan", "root", "--region", REGION]));
    assert_eq!(plan.code, 4);
    assert!(plan.stdout.contains("out of scope: account 123456789012 in"), "{}", plan.stdout);
    assert!(world.emulator.effects().is_empty());
}

#[test]
fn a_guard_on_a_line_of_a_saved_plan_stops_it_with_4() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", "protect: [{name: lab, thing: {groups: [lab]}}]"));
    let saved = ran(world.guarded(&["plan", "root", "--region", REGION, "--out", "p.json"]));
    assert_eq!(saved.code, 0, "{}", saved.stderr);
    let now = world.emulator.now();
    world.emulator.store(|store| {
        store.registry.create_group("lab");
        store.add_to_group("r001", "lab", now).unwrap();
    });
    let args = ["--account", ACCOUNT, "--region", REGION, "--plan", "p.json"];
    let applied = ran(world.guarded(&[&["apply", "root"], &args[..]].concat()));
    assert_eq!(applied.code, 4, "{}{}", applied.stdout, applied.stderr);
    assert!(applied.stdout.contains("protected by g/lab"), "{}", applied.stdout);
    assert_eq!(world.canceled("fw"), ["r002"]);
}

#[test]
fn what_was_adopted_protects_from_the_next_apply_until_it_is_forgotten() {
    let world = World::new(2);
    let pins = ["--account", ACCOUNT, "--region", REGION];
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", "protect: [{name: pump, things: {names: [r001]}}]"));
    assert_eq!(apply(&world, &pins).code, 0);
    std::fs::remove_file(world.path("root/g.yaml")).unwrap();

    for more in [&[][..], &["--no-guards"]] {
        let again = apply(&world, &[&pins[..], more].concat());
        assert_eq!(again.code, 0, "{}", again.stderr);
        assert!(again.stdout.contains("no file has it (g.yaml)"), "{}", again.stdout);
    }
    let plan = ran(world.guarded(&[&["plan", "root"], &pins[..]].concat()));
    assert!(plan.stdout.contains("protected by g/pump"), "{}", plan.stdout);
    assert_eq!(world.canceled("fw"), ["r002"]);

    let forgotten = ran(world.command(&["guard", "forget", "g"]));
    assert_eq!(forgotten.code, 0, "{}", forgotten.stderr);
    let said =
        "Forgotten: guard g is no longer in the state of account 123456789012 in eu-central-1.";
    assert_eq!(forgotten.stdout.trim_end(), said);
    assert_eq!(apply(&world, &pins).code, 64);
    assert_eq!(apply(&world, &[&pins[..], &["--no-guards"]].concat()).code, 0);
    assert_eq!(world.canceled("fw"), ["r001", "r002"]);
}

#[test]
fn a_plan_that_was_made_without_the_state_is_applied_under_the_guards_that_it_keeps() {
    let world = World::new(2);
    let pins = ["--account", ACCOUNT, "--region", REGION];
    world.write("a.yaml", &policy("a", "nobody"));
    world.write("g.yaml", &guard("g", "protect: [{name: pump, things: {names: [r001]}}]"));
    assert_eq!(apply(&world, &pins).code, 0);
    std::fs::remove_file(world.path("root/g.yaml")).unwrap();
    world.write("a.yaml", &policy("a", "*"));

    let elsewhere = ["--state-dir", "none", "--out", "p.json"];
    let plan = ran(world.guarded(&[&["plan", "root"], &pins[..], &elsewhere].concat()));
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
    assert!(plan.stdout.contains("2 to cancel"), "{}", plan.stdout);
    let applied = apply(&world, &[&pins[..], &["--plan", "p.json"]].concat());
    assert_eq!(applied.code, 4, "{}{}", applied.stdout, applied.stderr);
    assert!(applied.stdout.contains("protected by g/pump"), "{}", applied.stdout);
    assert_eq!(world.canceled("fw"), ["r002"]);

    world.write("a.yaml", &policy("a", "r00*"));
    let stale = apply(&world, &[&pins[..], &["--plan", "p.json"]].concat());
    assert_eq!(stale.code, 5, "{}{}", stale.stdout, stale.stderr);
}

#[test]
fn a_guard_of_another_account_is_not_adopted() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", &SCOPE.replace("eu-central-1", "eu-west-1")));
    let pins = ["--account", ACCOUNT, "--region", REGION];
    assert_eq!(apply(&world, &pins).code, 4);
    world.write("g.yaml", &guard("h", SCOPE));
    assert_eq!(apply(&world, &pins).code, 0);
    assert_eq!(world.canceled("fw"), ["r001"]);
}

#[test]
fn a_scope_of_several_places_does_not_stand_for_one() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", &SCOPE.replace("eu-central-1", "eu-central-1, eu-west-1")));
    let refused = apply(&world, &[]);
    assert_eq!(refused.code, 64);
    assert!(
        refused.stderr.contains("leaves more than one account or region"),
        "{}",
        refused.stderr
    );
    assert_eq!(apply(&world, &["--region", REGION]).code, 0);
    assert_eq!(world.canceled("fw"), ["r001"]);
}

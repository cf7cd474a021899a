//! A plan that is saved, reviewed and applied: it narrows, and never authorises.

use std::fs;

use rescind::emulator::{Cancel, Denial, Faults};
use rescind::plan::saved::SavedPlan;
use rescind::policy::Digest;
use serde_json::{Value, json};

use crate::process::fleet::{ACCOUNT, REGION, World, guard, policy};
use crate::process::{Ran, ran};

fn planned(robots: usize) -> World {
    let world = World::new(robots);
    world.write("a.yaml", &policy("a", "*"));
    let args = ["plan", "root", "--region", REGION, "--out", "plan.json"];
    let plan = ran(world.command(&args));
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert!(plan.stderr.contains("Saved to plan.json"), "{}", plan.stderr);
    world
}

fn applied(world: &World) -> Ran {
    applied_in(world, ACCOUNT, REGION)
}

fn applied_in(world: &World, account: &str, region: &str) -> Ran {
    let args = ["apply", "root", "--account", account, "--region", region, "--plan", "plan.json"];
    ran(world.command(&args))
}

/// Changes the file by hand; with a new checksum, as only somebody with intent would.
fn edited(world: &World, sign: bool, edit: impl FnOnce(&mut Value)) {
    let path = world.path("plan.json");
    let mut plan: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut plan);
    if sign {
        plan["checksum"] = json!("");
        plan["checksum"] = json!(Digest::of(&serde_json::to_vec(&plan).unwrap()).to_string());
    }
    let text = serde_json::to_string_pretty(&plan).unwrap();
    SavedPlan::from_json(text.as_bytes()).expect("its form");
    fs::write(path, text).unwrap();
}

#[test]
fn a_hyphen_is_stdout_and_no_file() {
    let world = World::new(2);
    world.write("a.yaml", &policy("a", "*"));
    let plan = ran(world.command(&["plan", "root", "--region", REGION, "--out", "-"]));
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert!(plan.stderr.starts_with("2 executions in scope: 2 to cancel"), "{}", plan.stderr);
    let pins = ["--root", "root", "--account", ACCOUNT, "--region", REGION];
    let snapshot = ran(world.command(&[&["snapshot", "--out", "-"], &pins[..]].concat()));
    assert_eq!(snapshot.code, 0, "{}", snapshot.stderr);
    assert!(snapshot.stderr.contains("on stdout. Nothing is redacted"), "{}", snapshot.stderr);
    let mut names: Vec<_> = fs::read_dir(world.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["root"], "no file is made");
    // What was printed is what would have been written.
    fs::write(world.path("fleet.yaml"), &snapshot.stdout).unwrap();
    let again = ran(world.bare(&["plan", "root", "--fleet", "fleet.yaml"]));
    assert!(again.stdout.contains("2 to cancel"), "{}{}", again.stdout, again.stderr);
    fs::write(world.path("plan.json"), &plan.stdout).unwrap();
    assert_eq!(applied(&world).code, 0);
    let both =
        ran(world.command(&["plan", "root", "--region", REGION, "--out", "-", "-o", "json"]));
    assert_eq!((both.code, &*both.stdout), (64, ""));
    assert!(both.stderr.contains("--out -: the saved plan goes to stdout"), "{}", both.stderr);
}

#[test]
fn a_saved_plan_is_applied_without_a_question() {
    let world = planned(3);
    let apply = applied(&world);
    assert_eq!(apply.code, 0, "{}{}", apply.stdout, apply.stderr);
    assert_eq!(world.canceled("fw"), ["r001", "r002", "r003"]);
    assert!(apply.stdout.contains("Done: 3 canceled."), "{}", apply.stdout);
    // Once more: all is done, by ourselves, and nothing is sent.
    let again = applied(&world);
    assert_eq!((again.code, world.emulator.effects().len()), (0, 3), "{}", again.stdout);
    assert_eq!(again.stdout.matches("we canceled it at 2").count(), 3, "{}", again.stdout);
    // Somewhere else the executions themselves say who canceled them.
    let elsewhere = || {
        let mut command = world.apply(&["--plan", "plan.json", "--state-dir", "other"]);
        command.env_remove("STATE_DIRECTORY");
        ran(command)
    };
    let told = elsewhere();
    assert_eq!((told.code, world.emulator.effects().len()), (0, 3), "{}", told.stdout);
    let ours = "rescind canceled it already, as its statusDetails say (attempt ";
    assert_eq!(told.stdout.matches(ours).count(), 3, "{}", told.stdout);
    assert!(told.stdout.contains("Done: 3 kept."), "{}", told.stdout);
}

#[test]
fn what_somebody_else_canceled_since_a_plan_is_superseded() {
    let world = planned(3);
    let now = world.emulator.now();
    for (thing, pair) in
        [("r001", None), ("r002", Some("somebody 12345678 else-1.1")), ("r003", None)]
    {
        let details = pair.map(|pair| [("rescind".to_owned(), pair.to_owned())].into());
        let cancel = Cancel { status_details: details, ..Cancel::default() };
        world.emulator.store(|store| store.cancel(thing, "fw", cancel, now)).unwrap();
    }
    let apply = applied(&world);
    assert_eq!(apply.code, 3, "{}", apply.stdout);
    assert_eq!(apply.stdout.matches("superseded").count(), 4, "{}", apply.stdout);
}

#[test]
fn a_plan_of_some_policies_is_applied_with_all_of_them_in_force() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "r00[12]"));
    world.write("b.yaml", &policy("b", "r003"));
    let plan = ran(world.command(&[
        "plan",
        "root",
        "--region",
        REGION,
        "--only",
        "b",
        "--out",
        "plan.json",
    ]));
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    let apply = applied(&world);
    assert_eq!(apply.code, 0, "{}{}", apply.stdout, apply.stderr);
    assert_eq!(world.canceled("fw"), ["r003"]);
}

#[test]
fn a_saved_plan_of_which_nothing_goes_does_not_end_well() {
    let world = planned(2);
    // Without word of the past.
    let pins = ["--account", ACCOUNT, "--region", REGION];
    let apply = ["apply", "root", "--plan", "plan.json", "--no-guards"];
    let apply = world.bare(&[&apply[..], &pins].concat());
    let apply = ran(apply);
    assert_eq!(apply.code, 3, "{}{}", apply.stdout, apply.stderr);
    assert_eq!(world.canceled("fw"), Vec::<String>::new());
    assert!(apply.stderr.contains("If that was nothing: --fresh-ledger."), "{}", apply.stderr);
}

#[test]
fn a_budget_that_halts_for_want_of_a_past_says_so() {
    let world = World::new(1);
    let budget = "max: [{count: 10000, per: 1h}]\n    onExceed: Halt";
    world.write("a.yaml", &policy("a", "*").replace("max: [{count: 10000, per: 1h}]", budget));
    let pins = ["--account", ACCOUNT, "--region", REGION, "--no-guards", "--yes"];
    let apply = ran(world.bare(&[&["apply", "root"], &pins[..]].concat()));
    assert_eq!(apply.code, 4, "{}{}", apply.stdout, apply.stderr);
    assert_eq!(world.canceled("fw"), Vec::<String>::new());
    let why =
        "because what was canceled before the ledger began is not known, and 1 due; wait until";
    assert!(apply.stdout.contains(why), "{}", apply.stdout);
    assert!(apply.stderr.contains("If that was nothing: --fresh-ledger."), "{}", apply.stderr);
}

#[test]
fn a_budget_that_halts_counts_what_the_plan_does_not_name() {
    let halt = "max: [{count: 2, per: 1h}], onExceed: Halt";
    let written = policy("a", "*");
    let own = written.replace("max: [{count: 10000, per: 1h}]", &halt.replace("], ", "]\n    "));
    let all = guard("all", &format!("budget: {{{halt}}}"));
    for (documents, whose) in [(own.clone(), "a"), (format!("{written}---\n{all}"), "guard all")] {
        let world = World::new(2);
        world.write("a.yaml", &documents);
        let args = ["plan", "root", "--region", REGION, "--out", "plan.json"];
        let plan = ran(world.command(&args));
        assert!(plan.stdout.contains("2 to cancel"), "{}{}", plan.stdout, plan.stderr);
        world.queue("later", "r001");
        let apply = applied(&world);
        assert_eq!(apply.code, 4, "{whose}: {}{}", apply.stdout, apply.stderr);
        assert_eq!(world.emulator.effects().len(), 0, "{whose}: {}", apply.stdout);
        let why = format!("2 per 1h of {whose} allows 2, 0 spent and 3 due");
        assert_eq!(apply.stdout.matches(&why).count(), 4, "{}", apply.stdout);
    }
}

#[test]
fn what_came_after_the_plan_is_not_canceled_by_it() {
    let world = planned(2);
    world.queue("later", "r001");
    assert_eq!(applied(&world).code, 0);
    assert_eq!(world.canceled("later"), Vec::<String>::new());
    assert_eq!(world.canceled("fw").len(), 2);
}

#[test]
fn a_stale_plan_is_refused_before_anything_is_sent() {
    type Make = fn(&World);
    let cases: [(&str, Make); 5] = [
        ("its checksum does not hold: the file was changed after it was made", |world| {
            edited(world, false, |plan| plan["expiresAt"] = json!("2099-01-01T00:00:00Z"));
        }),
        ("it expired at 2020-01-02T00:00:00Z", |world| {
            edited(world, true, |plan| plan["expiresAt"] = json!("2020-01-02T00:00:00Z"));
        }),
        (
            "it was made for account 210987654321 in eu-central-1, and this is account 123456789012",
            |world| {
                edited(world, true, |plan| plan["account"]["account"] = json!("210987654321"));
            },
        ),
        ("it was made for account 123456789012 in eu-west-1, and this is", |world| {
            edited(world, true, |plan| plan["account"]["region"] = json!("eu-west-1"));
        }),
        ("the policies have changed since", |world| {
            world.write("a.yaml", &policy("a", "r00*"));
        }),
    ];
    for (why, make) in cases {
        let world = planned(2);
        make(&world);
        let apply = applied(&world);
        assert_eq!((apply.code, &*apply.stdout), (5, ""), "{why}: {}", apply.stderr);
        assert!(
            apply.stderr.contains(&format!("the saved plan is stale: {why}")),
            "{}",
            apply.stderr
        );
        assert!(apply.stderr.contains("nothing was sent"), "{}", apply.stderr);
        assert!(world.emulator.effects().is_empty());
    }
}

#[test]
fn a_policy_that_was_added_or_removed_makes_a_plan_stale() {
    let world = planned(1);
    world.write("b.yaml", &policy("b", "nobody"));
    assert_eq!(applied(&world).code, 5);
    fs::remove_file(world.path("root/b.yaml")).unwrap();
    assert_eq!(applied(&world).code, 0);
}

#[test]
fn comments_and_the_order_of_keys_do_not_make_a_plan_stale() {
    let world = planned(1);
    let text = policy("a", "*").replace("spec:", "# reviewed\nspec:");
    world.write("renamed.yaml", &text);
    fs::remove_file(world.path("root/a.yaml")).unwrap();
    let apply = applied(&world);
    assert_eq!((apply.code, world.emulator.effects().len()), (0, 1), "{}", apply.stderr);
}

#[test]
fn a_line_that_moved_is_left_and_the_others_are_done() {
    let world = planned(3);
    let now = world.emulator.now();
    world.emulator.store(|store| store.start_next("r002", None, None, now)).unwrap();
    let apply = applied(&world);
    assert_eq!(apply.code, 3, "{}{}", apply.stdout, apply.stderr);
    assert_eq!(world.canceled("fw"), ["r001", "r003"]);
    assert!(apply.stdout.contains("superseded"), "{}", apply.stdout);
}

#[test]
fn an_execution_that_was_created_anew_since_is_not_the_one_that_was_reviewed() {
    let world = planned(2);
    assert!(world.emulator.store(|store| store.delete_job("fw")));
    // At the number and the version of the one that is gone.
    world.queue("fw", "r001");
    let apply = applied(&world);
    assert_eq!(apply.code, 3, "{}{}", apply.stdout, apply.stderr);
    assert!(world.emulator.effects().is_empty(), "{}", apply.stdout);
    let note = "it is not as it was when the plan was made";
    let line = apply.stdout.lines().find(|line| line.ends_with(note)).expect(&apply.stdout);
    assert!(line.starts_with("superseded  fw   r001"), "{line}");
}

#[test]
fn a_saved_plan_of_which_nothing_goes_now_does_not_end_well_whatever_it_waits_for() {
    let world = planned(2);
    let deny = Denial { action: "iot:CancelJobExecution".to_owned(), resource: "*".to_owned() };
    world.emulator.set_faults(Faults { deny: vec![deny], ..Faults::default() });
    assert_eq!(applied(&world).code, 3);
    // Once more, while what failed is left alone.
    let again = applied(&world);
    assert_eq!(again.code, 3, "{}{}", again.stdout, again.stderr);
    assert!(again.stdout.contains("Done: 2 kept."), "{}", again.stdout);
    let planless = ran(world.apply(&["--yes"]));
    assert_eq!(planless.code, 3, "{}{}", planless.stdout, planless.stderr);
    assert!(planless.stdout.contains("2 executions wait"), "{}", planless.stdout);
}

#[test]
fn a_plan_that_was_edited_by_hand_authorises_nothing() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "r001"));
    let args = ["plan", "root", "--region", REGION, "--out", "plan.json"];
    assert_eq!(ran(world.command(&args)).code, 0);
    edited(&world, true, |plan| {
        let line = plan["lines"][0].clone();
        let mut other = |thing: &str, force: bool| {
            let mut new = line.clone();
            new["thing"] = json!(thing);
            new["force"] = json!(force);
            plan["lines"].as_array_mut().unwrap().push(new);
        };
        other("r002", false);
        other("r003", true);
        other("nobody", false);
        plan["lines"][0]["force"] = json!(true);
    });
    let apply = applied(&world);
    assert_eq!(apply.code, 3, "{}{}", apply.stdout, apply.stderr);
    assert!(world.emulator.effects().is_empty(), "{}", apply.stdout);
    // Each line is accounted for.
    for thing in ["r001", "r002", "r003", "nobody"] {
        assert!(apply.stdout.contains(&format!("superseded  fw   {thing}")), "{}", apply.stdout);
    }
}

#[test]
fn a_plan_of_an_older_form_is_named_as_such() {
    let world = planned(1);
    let path = world.path("plan.json");
    let text = fs::read_to_string(&path).unwrap().replace("saved-plan/v1", "saved-plan/v0");
    fs::write(&path, text).unwrap();
    let apply = applied(&world);
    assert_eq!(apply.code, 1);
    assert!(apply.stderr.contains("make the plan again"), "{}", apply.stderr);
    assert!(world.emulator.effects().is_empty());
}

//! Where it is: the account that answers, whose state counts, and the profile that was asked for.

use std::fs;

use crate::process::account::Account;
use crate::process::fleet::{ACCOUNT, REGION, World, fleet_file, guard, policy};
use crate::process::ran;

const PINS: [&str; 4] = ["--account", ACCOUNT, "--region", REGION];

#[test]
fn the_state_of_the_account_that_answers_counts_whoever_names_it() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", "protect: [{name: mine, things: {names: [r003]}}]"));
    let mut apply = world.guarded(&[&["apply", "root", "--yes", "--max", "1"][..], &PINS].concat());
    apply.env_remove("RUST_LOG");
    let apply = ran(apply);
    assert_eq!(apply.code, 0, "{}{}", apply.stdout, apply.stderr);
    fs::remove_file(world.path("root/g.yaml")).unwrap();
    assert_eq!(ran(world.command(&["pause", "--reason", "look first"])).code, 0);
    let plan = |pins: &[&str]| ran(world.command(&[&["plan", "root"][..], pins].concat()));
    let (named, learnt) = (plan(&PINS), plan(&["--region", REGION]));
    assert_eq!((named.code, learnt.code), (0, 0), "{}{}", named.stderr, learnt.stderr);
    for words in ["paused: look first", "protected by g/mine", "9999 of 10000 left"] {
        assert!(named.stdout.contains(words), "{words}: {}", named.stdout);
        assert!(learnt.stdout.contains(words), "{words}: {}", learnt.stdout);
    }
    assert!(!learnt.stderr.contains("nothing had been spent"), "{}", learnt.stderr);
    let explain =
        ran(world.command(&["explain", "r003", "fw", "--root", "root", "--region", REGION]));
    assert!(explain.stdout.contains("protected by g/mine"), "{}", explain.stdout);
}

#[test]
fn a_place_that_never_answered_leaves_no_state_beside_the_others() {
    let account = Account::new(&fleet_file(2));
    fs::write(account.path("root/a.yaml"), policy("a", "*")).unwrap();
    let states = || {
        let files = fs::read_dir(account.path("state")).unwrap().map(|it| it.unwrap().file_name());
        let mut files: Vec<_> = files.map(|it| it.into_string().unwrap()).collect();
        files.retain(|name| name.contains(".sqlite"));
        files
    };
    let apply = |account_id: &str, region: &str| {
        let args = ["apply", "root", "--yes", "--no-guards", "--account", account_id];
        ran(account.command(&[&args[..], &["--region", region]].concat()))
    };
    assert_eq!(apply("210987654321", REGION).code, 4);
    assert_eq!(states(), [""; 0]);
    assert_eq!(apply(ACCOUNT, REGION).code, 0);
    let kept = states();
    assert!(kept.contains(&format!("{ACCOUNT}.{REGION}.sqlite")), "{kept:?}");
    // One that answered stays, also where another one does not answer any more.
    assert_eq!(apply("210987654321", REGION).code, 4);
    assert_eq!(states(), kept);
}

#[test]
fn a_state_directory_that_cannot_be_read_is_not_one_that_is_empty() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    // What cannot be looked into, whoever runs the test.
    fs::write(world.path("state"), "no directory").unwrap();
    for pins in [&PINS[..], &PINS[2..]] {
        let plan = ran(world.command(&[&["plan", "root"][..], pins].concat()));
        assert_eq!(plan.code, 1, "{}", plan.stdout);
        assert!(plan.stderr.contains("state"), "{}", plan.stderr);
    }
}

#[test]
fn the_profile_that_is_asked_for_wins_over_keys_in_the_environment() {
    let account = Account::with(&fleet_file(2), &["--verify-signatures", "PRODKEY:prodsecret"]);
    fs::write(account.path("root/a.yaml"), policy("a", "*")).unwrap();
    fs::write(
        account.path("credentials"),
        "[prod]\naws_access_key_id = PRODKEY\naws_secret_access_key = prodsecret\n",
    )
    .unwrap();
    let plan = |profile: &[&str]| {
        let mut plan =
            account.command(&[&["plan", "root", "--region", REGION][..], profile].concat());
        plan.env("AWS_SHARED_CREDENTIALS_FILE", account.path("credentials"));
        ran(plan)
    };
    let prod = plan(&["--profile", "prod"]);
    assert_eq!(prod.code, 0, "{}", prod.stderr);
    assert!(prod.stdout.contains("2 to cancel"), "{}", prod.stdout);
    // Those in the environment are others, and what is not there is said.
    assert_eq!(plan(&[]).code, 1);
    let nobody = plan(&["--profile", "nobody"]);
    assert_eq!(nobody.code, 1);
    let said =
        "error: --profile nobody: there is no such profile in ~/.aws/config and ~/.aws/credentials";
    assert!(nobody.stderr.starts_with(said), "{}", nobody.stderr);
}

#[test]
fn an_address_in_the_environment_that_is_none_is_named() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    for name in ["AWS_ENDPOINT_URL_IOT", "AWS_ENDPOINT_URL"] {
        let mut plan = world.command(&["plan", "root", "--region", REGION]);
        plan.env(name, "notaurl");
        let plan = ran(plan);
        let said = format!(
            "error: {name}=notaurl: an address begins with http:// or https://; nothing was sent\n"
        );
        assert_eq!((plan.code, plan.stderr), (1, said));
    }
}

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

/// Variables and a line of the profile, of which one is wrong, and how what is said about it begins.
type Setting = (&'static [(&'static str, &'static str)], &'static str, &'static str);

const SETTINGS: &[Setting] = &[
    (&[("AWS_ENDPOINT_URL_IOT", "notaurl")], "", "\"notaurl\" is not an address of AWS IoT"),
    (&[("AWS_ENDPOINT_URL", "notaurl")], "", "\"notaurl\" is not an address of AWS IoT"),
    (&[("AWS_ENDPOINT_URL_IOT", "")], "", "\"\" is not an address of AWS IoT"),
    (&[("AWS_ENDPOINT_URL", "")], "", "\"\" is not an address of AWS IoT"),
    (&[("AWS_ENDPOINT_URL", "http://")], "", "\"http://\" is not an address of AWS IoT"),
    (&[("AWS_ENDPOINT_URL", "http:///x")], "", "\"http:///x\" is not an address of AWS IoT"),
    (&[("AWS_ENDPOINT_URL", "http://a:b:c")], "", "\"http://a:b:c\" is not an address of AWS IoT"),
    (&[("AWS_ENDPOINT_URL", "http://a\n")], "", "\"http://a\\n\" is not an address of AWS IoT"),
    (&[], "endpoint_url=", "\"\" is not an address of AWS IoT"),
    (&[], "endpoint_url=localhost:4510", "\"localhost:4510\" is not an address of AWS IoT"),
    (&[("AWS_REGION", "")], "", "no AWS region is set"),
    (&[("AWS_ACCESS_KEY_ID", "AK\n")], "", "the AWS access key id ends in a line end"),
    (&[("AWS_ACCESS_KEY_ID", " AK")], "", "the AWS access key id has a space"),
    (&[("AWS_SECRET_ACCESS_KEY", "any\n")], "", "the AWS secret access key ends in a line end"),
    (&[], "credential_process=sh ./process", "the AWS session token ends in a line end"),
    (&[("AWS_SESSION_TOKEN", "t\u{7}o")], "", "the AWS session token has a space or another"),
];

#[test]
fn settings_with_which_nothing_can_be_sent_are_one_error_that_says_where_to_look() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    let session =
        r#"{"Version": 1, "AccessKeyId": "AK", "SecretAccessKey": "s", "SessionToken": "t\r\n"}"#;
    fs::write(world.path("process"), format!("cat <<'END'\n{session}\nEND\n")).unwrap();
    for (variables, profile, said) in SETTINGS {
        fs::write(world.path("config"), format!("[default]\n{profile}\n")).unwrap();
        let mut plan = world.command(&["plan", "root"]);
        plan.env("AWS_REGION", REGION).env("AWS_CONFIG_FILE", world.path("config"));
        let is_endpoint = said.contains("an address");
        if is_endpoint {
            plan.env_remove("AWS_ENDPOINT_URL_IOT");
        }
        if profile.starts_with("credential_process") {
            plan.env_remove("AWS_ACCESS_KEY_ID");
        }
        plan.envs(variables.iter().copied());
        let plan = ran(plan);
        let what = format!("{variables:?} {profile:?}: {}", plan.stderr);
        assert_eq!((plan.code, &*plan.stdout), (1, ""), "{what}");
        assert!(plan.stderr.starts_with(&format!("error: {said}")), "{what}");
        assert_eq!(plan.stderr.lines().count(), 1, "{what}");
        let places = match said {
            _ if is_endpoint => &["AWS_ENDPOINT_URL_IOT, AWS_ENDPOINT_URL, ", "endpoint_url"][..],
            _ if said.contains("region") => &["--region", "AWS_REGION"],
            _ if said.contains("key id") => &["AWS_ACCESS_KEY_ID", "credential_process"],
            _ if said.contains("token") => &["AWS_SESSION_TOKEN", "credential_process"],
            _ => &["AWS_SECRET_ACCESS_KEY", "credential_process"],
        };
        assert!(places.iter().all(|place| plan.stderr.contains(place)), "{what}");
        // No part of a key is shown.
        assert!(is_endpoint || !plan.stderr.contains("AK\n"), "{what}");
    }
}

#[test]
fn an_address_of_service_quotas_that_is_none_leaves_the_default_rates() {
    let world = World::new(1);
    world.write("a.yaml", &policy("a", "*"));
    for address in ["", "notaurl"] {
        let mut plan = world.command(&["plan", "root", "--region", REGION]);
        plan.env("AWS_ENDPOINT_URL_SERVICE_QUOTAS", address);
        let plan = ran(plan);
        assert_eq!(plan.code, 0, "{address:?}: {}", plan.stderr);
        assert!(plan.stdout.contains("1 to cancel"), "{address:?}: {}", plan.stdout);
        assert!(!plan.stderr.contains("panicked"), "{address:?}: {}", plan.stderr);
    }
}

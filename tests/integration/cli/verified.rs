//! `rescind audit --verify`: the journal against a witness.

use serde_json::json;

use crate::process::account::Account;
use crate::process::fleet::{ACCOUNT, REGION, fleet_file, policy};
use crate::process::ran;

#[test]
fn a_journal_is_held_against_what_happened_and_does_not_hold_against_another_past() {
    let account = Account::new(&fleet_file(2));
    let audit = |args: &[&str]| ran(account.command(&[&["audit"], args].concat()));
    let none = audit(&["--verify", "aws"]);
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("there is no state in"), "{}", none.stderr);
    std::fs::write(account.path("root/a.yaml"), policy("a", "*")).unwrap();
    let pins = ["--account", ACCOUNT, "--region", REGION, "--no-guards", "--fresh-ledger"];
    let applied = ran(account.command(&[&["apply", "root", "--yes"], &pins[..]].concat()));
    assert_eq!(applied.code, 0, "{}", applied.stderr);

    let effects = format!("http://{}", account.address);
    let verified = audit(&["--verify", &effects]);
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""));
    assert_eq!(
        verified.stdout,
        "2 intents held against the emulator's effects: 2 confirmed, 0 open, 0 no longer known \
         there.\nThe journal holds.\n"
    );
    let one = audit(&["--verify", "aws", "--thing", "r001", "-o", "json"]);
    let one: serde_json::Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(one["format"], "rescind/verify/v1");
    assert_eq!(
        (&one["holds"], &one["intents"], &one["confirmed"]),
        (&true.into(), &1.into(), &1.into())
    );

    let typo = audit(&["--verify", "aws", "--job", "typo"]);
    let said = "Nothing was verified: the journal has no intent that was asked for.\n";
    assert!(typo.stdout.ends_with(said), "{}", typo.stdout);
    let backwards = audit(&["--since", "2026-11-25", "--until", "2026-11-24"]);
    assert_eq!(backwards.code, 64);
    assert!(backwards.stderr.contains("nothing is between them"), "{}", backwards.stderr);

    let other = Account::new(&fleet_file(2));
    let refuted = audit(&["--verify", &other.address.to_string()]);
    assert_eq!(refuted.code, 1);
    assert_eq!(refuted.stdout.matches("nothing took effect").count(), 2, "{}", refuted.stdout);
    assert!(refuted.stdout.ends_with("The journal does not hold: 2 breaches, 0 doubts.\n"));
}

#[test]
fn what_was_found_before_aws_could_not_be_asked_is_told() {
    let account = Account::new(&fleet_file(3));
    std::fs::write(account.path("root/a.yaml"), policy("a", "*")).unwrap();
    let pins = ["--account", ACCOUNT, "--region", REGION, "--no-guards", "--fresh-ledger"];
    ran(account.command(&[&["apply", "root", "--yes"], &pins[..]].concat()));
    let resource = "arn:aws:iot:*:*:thing/r002";
    let deny = json!([{"action": "iot:DescribeJobExecution", "resource": resource}]);
    account.post("faults", &json!({ "deny": deny }));
    let verified = ran(account.command(&["audit", "--verify", "aws"]));
    assert_eq!(verified.code, 1);
    assert!(verified.stderr.contains("needs iot:DescribeJobExecution"), "{}", verified.stderr);
    assert!(verified.stdout.contains("could not be asked about: run it again"), "{verified:?}");
    assert!(verified.stdout.ends_with("Whether the journal holds is not known.\n"), "{verified:?}");
    // How many were asked about before depends on the order in which they were canceled.
    let told = ran(account.command(&["audit", "--verify", "aws", "-o", "json"]));
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let count = |name: &str| told[name].as_u64().unwrap();
    assert_eq!((count("intents"), count("confirmed") + count("unasked")), (3, 3), "{told}");
    assert!(count("unasked") > 0 && told["holds"] == false, "{told}");
}

#[test]
fn what_cannot_be_verified_so_is_said_before_anything_is_asked() {
    let account = Account::new(&fleet_file(1));
    std::fs::write(account.path("root/a.yaml"), policy("a", "*")).unwrap();
    let pins = ["--account", ACCOUNT, "--region", REGION, "--no-guards"];
    ran(account.command(&[&["apply", "root", "--yes"], &pins[..]].concat()));
    let at = account.address.to_string();
    for (args, told) in [
        (vec!["--verify", "ews"], "it is aws, or an emulator's address"),
        (vec!["--verify", &at, "--thing", "r001"], "leave the filters away"),
        (vec!["--verify", &at, "-o", "csv"], "--verify has the forms text and json"),
    ] {
        let refused = ran(account.command(&[&["audit"], &args[..]].concat()));
        assert_eq!(refused.code, 64, "{args:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(told), "{args:?}: {}", refused.stderr);
    }
    let gone = ran(account.command(&["audit", "--verify", "127.0.0.1:9"]));
    assert_eq!(gone.code, 1);
    assert!(gone.stderr.contains("does `rescind emulator` listen there?"), "{}", gone.stderr);
}

#[test]
fn what_a_witness_cannot_tell_is_not_said_to_hold() {
    let account = Account::new(&fleet_file(3));
    std::fs::write(account.path("root/a.yaml"), policy("a", "*")).unwrap();
    let pins = ["--account", ACCOUNT, "--region", REGION, "--no-guards", "--fresh-ledger"];
    ran(account.command(&[&["apply", "root", "--yes"], &pins[..]].concat()));
    let verify = || ran(account.command(&["audit", "--verify", "aws"]));
    account.delete_execution("fw", "r001");
    let some = verify();
    assert_eq!(some.code, 0, "{}", some.stderr);
    let told = "As far as it could be verified, the journal holds: 2 intents. Not verified: 1 of \
                executions that are gone there.\n";
    assert!(some.stdout.ends_with(told), "{}", some.stdout);
    account.delete_execution("fw", "r002");
    account.delete_execution("fw", "r003");
    let none = verify();
    let told = "Nothing could be verified, and nothing speaks against it: 3 of executions that are \
                gone there.\n";
    assert!(none.stdout.ends_with(told), "{}", none.stdout);
}

#[test]
fn of_several_states_one_is_verified_and_each_row_says_whose_it_is() {
    const OTHER: &str = "210987654321";
    let (one, other) =
        (Account::new(&fleet_file(1)), Account::new(&fleet_file(1).replace(ACCOUNT, OTHER)));
    let state = one.path("state");
    let state = state.to_str().unwrap();
    for (account, id) in [(&one, ACCOUNT), (&other, OTHER)] {
        std::fs::write(account.path("root/a.yaml"), policy("a", "*")).unwrap();
        let args =
            ["apply", "root", "--yes", "--no-guards", "--fresh-ledger", "--state-dir", state];
        let applied =
            ran(account.command(&[&args, &["--account", id, "--region", REGION][..]].concat()));
        assert_eq!(applied.code, 0, "{}", applied.stderr);
    }
    let audit = |args: &[&str]| ran(one.command(&[&["audit"], args].concat()));
    let all = audit(&[]);
    assert!(all.stdout.contains(ACCOUNT) && all.stdout.contains(OTHER), "{}", all.stdout);
    let mine = audit(&["--account", ACCOUNT, "--region", REGION]);
    assert!(mine.stdout.contains("1 intent.") && !mine.stdout.contains(REGION), "{}", mine.stdout);

    let any = audit(&["--verify", "aws"]);
    assert_eq!(any.code, 64, "{}", any.stderr);
    let told = "pass --account and --region of 123456789012 in eu-central-1, 210987654321 in";
    assert!(any.stderr.contains(told), "{}", any.stderr);
    let verified = audit(&["--verify", "aws", "--account", ACCOUNT, "--region", REGION]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert!(verified.stdout.ends_with("The journal holds.\n"), "{}", verified.stdout);
    let elsewhere = audit(&["--verify", "aws", "--account", OTHER, "--region", REGION]);
    assert_eq!(elsewhere.code, 4);
    assert!(elsewhere.stderr.contains("the journal is of account 210987654321"), "{elsewhere:?}");
    let missing = audit(&["--account", "111111111111", "--region", REGION]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("has no state of account 111111111111"), "{missing:?}");
}

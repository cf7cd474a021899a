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

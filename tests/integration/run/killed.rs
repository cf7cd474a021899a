//! The controller, killed with `kill -9` at any moment, again and again, while devices move and calls
//! fail: the journal and what took effect agree line by line, each window of the budget holds, and in
//! the end nothing is left that should be canceled.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::process::Beside;
use crate::process::account::Account;
use crate::process::fleet::{ACCOUNT, REGION, guard};

const ROBOTS: usize = 150;

/// What the budget allows in [`PER`].
const BUDGET: usize = 40;
const PER: SignedDuration = SignedDuration::from_mins(10);

/// How often it is killed; `RESCIND_KILLS` asks for more.
fn kills() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test is configured by its environment")]
    let asked = std::env::var("RESCIND_KILLS").ok();
    asked.map_or(20, |asked| asked.parse().expect("RESCIND_KILLS is a number"))
}

/// Robots of which each third does by and by what it is told, and the others wait for ever, some of them
/// in the middle of their work.
fn fleet() -> String {
    let mut text = format!(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: robots}}\nspec:\n  \
         account: \"{ACCOUNT}\"\n  region: {REGION}\n  seed: 7\n  jobs:\n    - {{id: fw}}\n  things:\n"
    );
    let lives = ", behavior: {picksUpAfter: 5s, takes: 20s, reportsEvery: 1s, varyPercent: 90, \
                 ends: {succeeds: 2, fails: 1, hangs: 7}}";
    for robot in 1..=ROBOTS {
        let lives = if robot % 3 == 0 { lives } else { "" };
        text.push_str(&format!(
            "    - {{name: r{robot:03}, attributes: {{fleet: robots}}{lives}}}\n"
        ));
    }
    text.push_str("  executions:\n");
    for robot in 1..=ROBOTS {
        let status = if robot % 3 == 1 { ", status: IN_PROGRESS, startedAt: 20h ago" } else { "" };
        text.push_str(&format!(
            "    - {{job: fw, thing: r{robot:03}, queuedAt: 1d ago{status}}}\n"
        ));
    }
    text
}

/// All of them should be canceled; the devices that live may end by themselves before it is their turn.
fn policy() -> String {
    format!(
        "apiVersion: rescind/v1alpha1
kind: CancelPolicy
metadata: {{name: give-up}}
spec:
  mode: Enforce
  target:
    statuses: [QUEUED, IN_PROGRESS]
    jobs: {{names: [fw]}}
  match:
    thing: {{attributes: {{matchLabels: {{fleet: robots}}}}}}
  cancel: {{force: true}}
  budget: {{max: [{{count: {BUDGET}, per: {}m}}]}}
",
        PER.as_mins()
    )
}

/// Faults of one life of the controller, another mixture each time.
fn faults(life: usize) -> Value {
    let count =
        |every: usize, most: usize| if life.is_multiple_of(every) { life % most + 1 } else { 0 };
    json!({
        "lostReply": {"CancelJobExecution": count(2, 4), "ListJobExecutionsForJob": count(5, 2)},
        "unavailable": {"CancelJobExecution": count(3, 3), "DescribeJobExecution": count(4, 6)},
        "internalFailure": {"ListJobs": count(7, 2)},
        "throttle": if life % 3 == 1 {
            json!({"CancelJobExecution": {"perSecond": 20, "burst": 5}})
        } else {
            json!({})
        },
    })
}

/// No more cancels took effect in any window of the budget than it has room for.
fn the_budget_held(effects: &[Value]) {
    let times = effects.iter().map(|it| it["at"].as_str().unwrap().parse::<Timestamp>().unwrap());
    let mut times: Vec<_> = times.collect();
    times.sort();
    for (first, at) in times.iter().enumerate() {
        let within = times[first..].iter().filter(|it| it.duration_since(*at) < PER).count();
        assert!(within <= BUDGET, "{within} cancels from {at} on");
    }
}

fn journal_and_effects_agree(account: &Account) {
    the_budget_held(&account.effects());
    let verified = account.verified_by_effects();
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("journal holds"), "{}", verified.stdout);
}

fn controller(account: &Account) -> Beside {
    account.controller(&["--rate", "200"])
}

#[test]
fn killed_again_and_again_it_cancels_once_within_its_budget_and_the_journal_has_it() {
    let account = Account::new(&fleet());
    std::fs::write(account.path("root/a.yaml"), policy()).unwrap();
    // Its AWS is hours ahead in the end, and fails on purpose.
    let breakers = "breakers: {clockSkewSeconds: 86400, unknownPercent: 100, errorPercent: 100, \
                    versionConflictPercent: 100}";
    std::fs::write(account.path("root/guard.yaml"), guard("patient", breakers)).unwrap();
    for life in 1..=kills() {
        account.post("faults", &faults(life));
        let controller = controller(&account);
        // Every life begins where the one before was cut off; it is cut off itself anywhere from its start
        // to some passes later.
        if !life.is_multiple_of(5) {
            controller.log.wait(" pass ");
        }
        std::thread::sleep(std::time::Duration::from_millis((life as u64 * 137) % 700));
        controller.signal("KILL");
        drop(controller);
        if life.is_multiple_of(2) {
            journal_and_effects_agree(&account);
            // The budget refills while nobody runs.
            account.advance("4m");
        }
    }
    let canceled = account.effects().len();
    assert!(canceled > BUDGET, "{canceled} were canceled in {} lives", kills());
    // Faults have stopped: what should be canceled is, as fast as the budget refills.
    account.post("faults", &json!({}));
    while !account.open().is_empty() {
        // Time leaps: a controller that lives would not believe it at once.
        account.advance("11m");
        let mut last = controller(&account);
        last.log.wait("due=0");
        last.signal("TERM");
        assert_eq!(last.end(), 0);
    }
    journal_and_effects_agree(&account);
    let described = account.verified_by_descriptions();
    assert_eq!(described.code, 0, "{}{}", described.stdout, described.stderr);
}

//! The controller, killed with `kill -9` in the middle of its calls, again and again: no execution is
//! canceled twice, the journal has each effect, and the budget holds over all of its lives.

use std::collections::BTreeMap;

use rescind::plan::Outcome;

use crate::process::fleet::{World, policy};
use crate::process::{ran, until};

const ROBOTS: usize = 150;

/// What the budget allows in all.
const BUDGET: usize = 100;

/// How often it is killed; `RESCIND_KILLS` asks for more.
fn kills() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test is configured by its environment")]
    let asked = std::env::var("RESCIND_KILLS").ok();
    asked.map_or(8, |asked| asked.parse().expect("RESCIND_KILLS is a number"))
}

/// The journal: for each thing, how its intents ended; none for an open one.
fn journal(world: &World) -> BTreeMap<String, Vec<Option<String>>> {
    let audit = ran(world.command(&["audit", "-o", "json"]));
    assert_eq!(audit.code, 0, "{}", audit.stderr);
    let audit: serde_json::Value = serde_json::from_str(&audit.stdout).unwrap();
    let mut journal = BTreeMap::<_, Vec<_>>::new();
    for entry in audit["entries"].as_array().unwrap() {
        let thing = entry["thing"].as_str().unwrap().to_owned();
        journal.entry(thing).or_default().push(entry["outcome"].as_str().map(str::to_owned));
    }
    journal
}

fn account_and_journal_agree(world: &World) {
    let canceled = world.canceled("fw");
    let mut once = canceled.clone();
    once.dedup();
    assert_eq!(canceled, once, "an execution was canceled twice");
    assert!(canceled.len() <= BUDGET, "{} were canceled", canceled.len());
    let journal = journal(world);
    let is = |outcome: &Option<String>, label: &str| outcome.as_deref() == Some(label);
    for thing in &canceled {
        let intents = journal.get(thing).unwrap_or_else(|| panic!("{thing}: no intent"));
        let told = intents.iter().any(|it| it.is_none() || is(it, Outcome::Canceled.label()));
        assert!(told, "{thing} was canceled, and the journal says {intents:?}");
    }
    for (thing, intents) in &journal {
        let claimed = intents.iter().filter(|it| is(it, Outcome::Canceled.label())).count();
        let true_claims = usize::from(canceled.contains(thing));
        assert!(claimed <= true_claims, "{thing}: the journal says {intents:?}");
        let open = intents.iter().filter(|it| it.is_none()).count();
        assert!(open <= 1, "{thing} has {open} open intents");
    }
    let taken: usize = journal.values().map(Vec::len).sum();
    assert!(taken <= BUDGET, "{taken} units were taken");
}

#[test]
fn killed_again_and_again_it_cancels_once_within_its_budget_and_the_journal_has_it() {
    let world = World::new(ROBOTS);
    let budget = format!("count: {BUDGET}");
    world.write("a.yaml", &policy("a", "*").replace("count: 10000", &budget));
    for kill in 1..=kills() {
        let before = world.canceled("fw").len();
        let controller = world.controller("root", &["--interval", "1s", "--rate", "200"]);
        // Killed at another place each time; once the budget is spent, while it only observes.
        let more = 3 + kill * 7 % 11;
        if before + more < BUDGET - 20 {
            until("some more are canceled", || {
                (world.canceled("fw").len() >= before + more).then_some(())
            });
        } else {
            controller.log.wait(" pass ");
        }
        controller.signal("KILL");
        drop(controller);
        account_and_journal_agree(&world);
    }
    let mut last = world.controller("root", &["--interval", "1s", "--rate", "200"]);
    last.log.wait("due=0");
    last.signal("TERM");
    assert_eq!(last.end(), 0);
    account_and_journal_agree(&world);
    let canceled = world.canceled("fw").len();
    // Each kill may leave a line a place open, whose units wait for the flight time to end.
    assert!(canceled > kills() * 3, "{canceled} were canceled");
}
